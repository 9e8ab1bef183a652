"""Records the event trace that the ordering rules are judged by.

A QEMU whose plugins read registers (interface 2) does it in one run. With interface 1 the values of
operands come from a second run of the same guest (order_operands.py), so there are three: which
instructions have operands, their values, and the trace with both. All have the same command line,
apart from the plugin; none of it changes what the guest executes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CannotJudge, TimeBound
from .image import Image
from .order_operands import ask, choose_sites, sites_of, with_zva, write_file
from .paths import need_compiled
from .plugin import choose, variant
from .process import Child, Children, find_tool, pick_cpu
from .qemu import SERIAL
from .qmp import Qmp, QmpError
from .run_end import NOTE, End, Watch
from .shared_ram import last_value, with_shared_ram

TRACE, SITES, OPERANDS = "events.trace", "sites.trace", "operands.txt"
PLUGIN = "rigevents"
_QMP = "order.sock"
_POLL_S = 0.02
_QUIT_S = 5.0


@dataclass
class Recording:
    """A trace, and what the report has to say about how it came to be."""

    trace: Path
    notes: list[str] = field(default_factory=list)
    runs: int = 0
    seconds: float = 0.0


def trace(
    words: Sequence[str],
    folder: Path,
    bound: float,
    image: Image | None = None,
    end: End = End(),
) -> Path:
    """The event trace of a guest; see Recorder."""
    return Recorder(words, folder, bound, image, end).record().trace


@dataclass
class Recorder:
    """Makes the trace of one guest.

    `words` is QEMU's deterministic command line (qemu.machine_words, and what to load) without
    plugin, gdb stub or QMP; each run is bounded by `bound` seconds. The image is noted in the trace
    and tells where DC ZVA is.
    """

    words: Sequence[str]
    folder: Path
    bound: float
    image: Image | None = None
    end: End = End()
    limit: int = 0  # bytes of a trace; 0: the plugin's own
    say: Callable[[str], None] = lambda _text: None

    def record(self) -> Recording:
        """Run the guest as often as it takes; raises CannotJudge or TimeBound."""
        started = time.monotonic()
        if not tells_cpus(self.words):
            raise CannotJudge(
                "several CPUs: under -icount the plugins of QEMU 9 and later are told which CPU "
                "translated a block, not which one runs it; use QEMU 7.2 to 8.2 (RIG_QEMU)"
            )
        words, ram = with_shared_ram(self.words)
        recording = Recording(self.folder / TRACE)
        (self.folder / TRACE).unlink(missing_ok=True)
        options = f",stores=on{ram}"
        if variant(self.words[0]) == 1:
            options += self._operands(words, ram, recording)
        self.say("ordering: recording the trace")
        self._run(words, self.folder, TRACE, options)
        recording.runs += 1
        recording.seconds = time.monotonic() - started
        return recording

    def instructions(self) -> Path:
        """One run whose trace holds instructions and exceptions alone: no stores, and on interface
        1 no values. Half a second where a whole recording takes three runs."""
        words, ram = with_shared_ram(self.words)
        self._run(words, self.folder, TRACE, f",stores=off{ram}")
        return self.folder / TRACE

    def _operands(self, words: list[str], ram: str, recording: Recording) -> str:
        """Two more runs before; the plugin's option that names the file of operands."""
        elf = None if self.image is None else Path(self.image.elf.path)
        tool = need_compiled("rig-trace", elf)
        self.say("ordering: finding instructions with operands")
        first = self.room("sites")
        self._run(words, first, SITES, f",stores=off{ram}")
        chosen = choose_sites(with_zva(sites_of(tool, first / SITES), self.image))
        (first / SITES).unlink()  # as large as the trace, and of no use any more
        recording.runs += 1
        if chosen.sites:
            self.say(f"ordering: asking for {chosen.total()} operands")
            second = self.room("operands")
            hits = ask(words, second, chosen, self.bound, not self.end.by_guest)
            recording.runs += 1
        else:
            hits = []
        write_file(self.folder / OPERANDS, chosen, hits)
        recording.notes += [f"operands left out: {text}" for text in chosen.left_out]
        return f",operands={OPERANDS}"

    def room(self, name: str) -> Path:
        """A directory of its own for a run that is not the last: its console is not the run's."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def _run(self, words: Sequence[str], folder: Path, name: str, options: str) -> None:
        plugin = choose(words[0], PLUGIN, None if self.image is None else self._elf())
        if self.image is not None and not self.image.elf.build_id.startswith("sha256-"):
            options += f",image={self.image.elf.build_id}"
        if self.limit:
            options += f",limit={self.limit}"
        command = [*words, "-plugin", f"{plugin},out={name}{options}"]
        command += self.end.words(words[0], SERIAL, None if self.image is None else self._elf())
        run_guest(command, folder, self.bound, self.end)
        if not (folder / name).is_file():
            said = (folder / "qemu.err").read_text("utf-8", errors="replace").strip()
            raise CannotJudge(f"the plugin left no trace{f': {said}' if said else ''}")

    def _elf(self) -> Path:
        assert self.image is not None
        return Path(self.image.elf.path)


def tells_cpus(words: Sequence[str]) -> bool:
    """Whether events name the CPU that they are of. QEMU 10 compiles the CPU's number into a block
    when its CPUs take turns (-icount), and other CPUs run the same block."""
    cpus = last_value(list(words), ("-smp",))
    one = cpus is None or re.fullmatch(r"(?:cpus=)?1(?:,.*)?", words[cpus]) is not None
    return one or "-icount" not in words or variant(words[0]) == 1


def run_guest(command: Sequence[str], folder: Path, bound: float, end: End) -> None:
    """One run to its end; raises TimeBound or CannotJudge when it ends otherwise than told."""
    words = list(command)
    if not end.by_guest:
        words += ["-qmp", f"unix:{_QMP},server=on,wait=off"]
    for name in (_QMP, SERIAL, NOTE):
        (folder / name).unlink(missing_ok=True)
    find_tool("qemu-system-aarch64", "RIG_QEMU")
    started = time.monotonic()
    with Children(pick_cpu()) as children:
        qemu = children.start("qemu", words, folder)
        console, watch = Console(folder / SERIAL, end.until), Watch(end, folder, qemu)
        exact = "-plugin" in words and end.exact
        while True:
            status = qemu.wait(_POLL_S)
            if status is not None:
                _judge_end(qemu, status, end, time.monotonic() - started)
                return
            if exact and watch.come():
                qemu.kill()  # its plugins see no more of the guest, and it would not hear a `quit`
                return
            if end.until and not exact and console.shows():
                stop(qemu, folder / _QMP)
                return
            if time.monotonic() - started >= bound:
                break
        if end.bound:
            stop(qemu, folder / _QMP)
            return
    raise TimeBound(f"{end.missed()} within {bound:g} s")


def _judge_end(qemu: Child, status: int, end: End, seconds: float) -> None:
    """The guest ended, or QEMU died."""
    said = qemu.stderr()
    if status != 0 or "terminating on signal" in said:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        raise CannotJudge(f"QEMU died ({how}){f': {said}' if said else ''}")
    if end.until:
        raise CannotJudge(
            f"the guest ended after {seconds:.1f} s, before its console showed {end.until!r}"
        )
    if not end.by_guest:
        what = "run on until its bound" if end.bound else f"be stopped: {end.missed()}"
        raise CannotJudge(f"the guest ended after {seconds:.1f} s, but has to {what}")


def stop(qemu: Child, qmp: Path) -> None:
    """End QEMU so that the plugin closes its trace: quit, then SIGTERM. A guest that sleeps for
    ever hears neither and is killed; the trace is there up to its last event."""
    try:
        monitor = Qmp(qmp, _QUIT_S)
        monitor.command("quit")
        monitor.close()
    except QmpError:
        pass  # QEMU may go before it answers
    if qemu.wait(_QUIT_S) is None:
        qemu.end()


class Console:
    """Looks for a text in the console's file while it grows."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text.encode()
        self._read = 0
        self._tail = b""

    def shows(self) -> bool:
        """Has the text been printed by now?"""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return False
        self._read += len(new)
        seen = self._tail + new
        self._tail = seen[-max(len(self._text) - 1, 0) :] if len(self._text) > 1 else b""
        return self._text in seen
