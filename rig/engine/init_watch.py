"""The watched boot of `rig init`: how the guest's run ends, what it printed, which exceptions it
took, and its event trace."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import CannotJudge
from .freerun import console_lines, died, ended_by_guest, let_go
from .image import Image
from .order_run import Recorder
from .paths import need_compiled
from .process import Children, find_tool, pick_cpu
from .qemu import LOG, SERIAL, Machine, command_line, guest_words
from .run_end import NOTE, End, Watch, left_of

_POLL_S = 0.02
_LOG_MOST = 64 << 20  # bytes of exceptions: a guest that faults for ever writes them in seconds
# One of the runs for the event trace executes one instruction at a time.
MOST = 60_000_000
_ROUND = 1_000_000
# What decides how addresses are translated and where exceptions go.
_CONTROLS = ("TTBR0", "TTBR1", "TCR", "MAIR", "SCTLR", "VBAR", "HCR", "CPACR", "CPTR")
_WRITE = re.compile(r"msr (\w+), ")
_GATE_S = 120.0


@dataclass(frozen=True)
class Sample:
    """One look at the running guest."""

    instructions: int
    console: int  # bytes


@dataclass
class Ending:
    """How the run came to its end."""

    end: End
    how: str  # for people
    instructions: int
    reset: bool = False  # it ended by a reset
    watched: int = 0  # instructions that were seen, and can be traced


@dataclass
class Event:
    """What `rig-trace events` says of an instruction or an exception entry."""

    number: int
    el: int | None  # not known before the trace has seen a change of it: the level of the entry
    kind: str
    pc: int
    opcode: int
    name: str  # class of the instruction
    text: str


def written_control(event: Event) -> str:
    """The translation or exception control that an instruction writes; "" for any other event."""
    match = _WRITE.match(event.text)
    name = match[1].upper() if match else ""
    return name if name.partition("_EL")[0] in _CONTROLS else ""


@dataclass
class Seen:
    """Everything that the watched boot showed."""

    ending: Ending
    console: list[str]
    faults: dict[str, Any]  # the gate's report, with everything denied
    events: list[Event] = field(default_factory=list)


@dataclass
class Boot:
    """One guest to be watched."""

    image: Image
    machine: Machine
    room: Path
    seconds: float  # of wall clock, for the run that finds the end
    timeout: float  # for each of the others
    say: Callable[[str], None] = lambda _text: None

    @property
    def elf(self) -> Path:
        """The ELF's path."""
        return Path(self.image.elf.path)

    def watch(self) -> Seen:
        """All of it; raises CannotJudge when there is nothing to watch."""
        self.say("watching a free run")
        ending = self._ending()
        if ending.end.until:
            ending = self._nothing_behind(ending)
        if ending.end.until or ending.end.instructions:
            room = self._free("seen", ending.end)
            ending.instructions = left_of(room)  # exact, and the same each time
        else:
            room = self.room / "first"  # it saw the whole of it
        seen = Seen(ending, self._console(room), self._gate(room / LOG))
        self.say("recording what it executes")
        seen.events = list(self._events(self._trace(ending.end)))
        return seen

    def _nothing_behind(self, ending: Ending) -> Ending:
        """A guest whose console rests may be waiting, or may be about to switch its MMU on: the end
        behind its last text, or the instructions in which all controls that it wrote are written.
        """
        self.say("looking for a boot that goes on behind the console's last text")
        written = self._controls(ending.end)
        if self._controls(End(instructions=ending.watched)) <= written:
            return ending
        wanted = ending.instructions
        while wanted < ending.watched:
            wanted = min(max(wanted * 4, _ROUND), ending.watched)
            if self._controls(End(instructions=wanted)) > written:
                break
        how = "the guest runs on; it writes system registers behind the console's last text"
        return Ending(End(instructions=wanted), how, wanted)

    def _controls(self, end: End) -> int:
        """How many writes of controls a run to this end executes."""
        return sum(bool(written_control(event)) for event in self._events(self._trace(end)))

    def _room(self, name: str) -> Path:
        path = self.room / name
        path.mkdir(exist_ok=True)
        return path

    # --- free runs --------------------------------------------------------------------------------

    def _command(self, end: End) -> list[str]:
        qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        words = command_line(qemu, self.machine, self.elf, False)
        # Without an end of its own the plugin only counts.
        counting = End(instructions=(1 << 63) - 1)
        return words + (end if end.exact else counting).words(qemu, SERIAL, self.elf)

    def _ending(self) -> Ending:
        """Run freely until the guest ends, sleeps for good, or the time is over."""
        room, samples = self._room("first"), [Sample(0, 0)]
        with Children(pick_cpu()) as children:
            qemu = children.start("qemu", self._command(End()), room)
            events = let_go(qemu, room)
            watch = Watch(End(sleeps=True), room, qemu)
            started = time.monotonic()
            while True:
                status = qemu.wait(_POLL_S)
                if status is not None:
                    shutdown = events.shutdown() if events else None
                    if not ended_by_guest(qemu, status, shutdown) or not (room / NOTE).is_file():
                        raise CannotJudge(f"{died(qemu, status)}; see the words for QEMU (--qemu)")
                    count = left_of(room)
                    reset = bool(shutdown) and "reset" in str((shutdown or {}).get("reason"))
                    how = "the guest reset the machine" if reset else "the guest ended the run"
                    return Ending(End(), how, self._executed(count), reset)
                samples.append(Sample(watch.instructions(), _size(room / SERIAL)))
                asleep = watch.come()
                if asleep or time.monotonic() - started >= self.seconds:
                    break
                if _size(room / LOG) > _LOG_MOST:
                    raise CannotJudge(self._faults_for_ever(room / LOG))
            qemu.kill()
        self._executed(samples[-1].instructions)
        self._refuse_fault_loop(room / LOG, samples[-1].instructions)
        if asleep and samples[-1].instructions <= MOST:
            return Ending(
                End(sleeps=True), "the guest sleeps and nothing is armed that would wake it",
                samples[-1].instructions,
            )  # fmt: skip
        return choose_stop((room / SERIAL).read_bytes(), samples)

    def _executed(self, count: int) -> int:
        if count == 0:
            raise CannotJudge(
                "the guest executed nothing: QEMU loaded no code at the entry point (is the ELF "
                "linked for this machine's RAM? -M virt has it from 0x40000000 on)"
            )
        return count

    @staticmethod
    def _console(room: Path) -> list[str]:
        return console_lines((room / SERIAL).read_text(encoding="utf-8", errors="replace"))

    def _free(self, name: str, end: End) -> Path:
        """A run to the end that was chosen: its console and its log are the same in every run."""
        room = self._room(name)
        with Children(pick_cpu()) as children:
            qemu = children.start("qemu", self._command(end), room)
            events = let_go(qemu, room)
            watch, deadline = Watch(end, room, qemu), time.monotonic() + self.timeout
            while (status := qemu.wait(_POLL_S)) is None and not watch.come():
                if time.monotonic() > deadline:
                    raise CannotJudge(f"{end.missed()} within {self.timeout:g} s, as it did before")
            if status is not None:
                raise CannotJudge(f"{died(qemu, status)}: it did not end there the first time")
            if events:
                events.close()
        return room

    # --- exceptions -------------------------------------------------------------------------------

    def _gate(self, log: Path) -> dict[str, Any]:
        """What `rig-trace gate` counts in a log when nothing is allowed."""
        pack, out = log.parent / "none.yaml", log.parent / "gate.json"
        pack.write_text("guest: watched\nfaults: {deny: all-others}\n", encoding="ascii")
        tool = need_compiled("rig-trace", self.elf)
        command = [str(tool), "gate", str(log), "--rules", str(pack), "--elf", str(self.elf)]
        try:
            done = subprocess.run(
                [*command, "--json", str(out)],
                capture_output=True, text=True, timeout=_GATE_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotJudge(f"rig-trace gate failed: {error}") from None
        if not out.is_file():
            raise CannotJudge(f"rig-trace gate failed: {done.stderr.strip()}")
        report: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return report

    def _refuse_fault_loop(self, log: Path, executed: int) -> None:
        """A guest that does little but fault has died; what it did is no boot."""
        if _size(log) < 1 << 20:
            return
        report = self._gate(log)
        worst = max(report["sites"], key=lambda site: int(site["count"]), default=None)
        if worst and worst["count"] > 1000 and worst["count"] * 20 > executed:
            raise CannotJudge(self._faults_for_ever(log))

    def _faults_for_ever(self, log: Path) -> str:
        """What a guest that faults for ever does, from the log's first exceptions."""
        lines = log.open("rb").read(1 << 20).decode("utf-8", "replace").splitlines()
        first = next((line for line in lines if line.startswith("Taking exception")), "")
        told = [line.strip() for line in lines[lines.index(first) + 1 :][:4]] if first else []
        kinds = Counter(line for line in lines if line.startswith("Taking exception"))
        most = ", ".join(f"{count} x {text}" for text, count in kinds.most_common(2))
        return (
            "the guest dies: it takes exceptions again and again (in the first MiB of its log: "
            f"{most}); the first is {first!r} {' '.join(told)}; run it by hand with -d int to see "
            "them: there is no boot here to write a pack from"
        )

    # --- events -----------------------------------------------------------------------------------

    def _trace(self, end: End) -> Path:
        qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        words = guest_words(qemu, self.machine, str(self.elf))
        room = self._room("trace")
        return Recorder(words, room, self.timeout, self.image, end).instructions()

    def _events(self, trace: Path) -> Iterator[Event]:
        """Instructions and exception entries of the trace, in order."""
        tool = need_compiled("rig-trace", self.elf)
        command = [str(tool), "events", str(trace), "--json", "--kind", "insn,entry"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if '"class":"dc"' in line or '"class":"ic"' in line:
                    continue  # by the thousand, and no checkpoint
                item = json.loads(line)
                yield Event(
                    item["event"],
                    item["el"],
                    item["kind"],
                    int(item["pc"], 16),
                    int(item["opcode"] or "0", 16),
                    item["class"] or "",
                    item["text"],
                )
        if process.returncode not in (0, None):
            raise CannotJudge(f"rig-trace events failed (exit status {process.returncode})")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def choose_stop(console: bytes, samples: list[Sample]) -> Ending:
    """Where to stop a guest that does not end: behind the last text of its console that stands
    there once only, if it comes early enough and nothing follows it any more; else after so many
    instructions."""
    count = samples[-1].instructions
    growing = samples[len(samples) // 2].console != len(console)
    for text in [] if growing else _texts(console):
        at = console.find(text.encode())
        reached = next((s.instructions for s in samples if s.console >= at + len(text)), count)
        if reached <= MOST:
            last = console.rstrip().endswith(text.encode())
            how = (
                "it waits there"
                if last
                else "what follows takes too many instructions to be traced"
            )
            words = f"the guest runs on; {how}"
            return Ending(End(until=text), words, reached, watched=min(count, MOST))
    wanted = min(MOST, max(count // 4, 1))
    wanted = max(wanted // _ROUND * _ROUND, min(wanted, _ROUND))
    why = (
        "its console never rests"
        if growing
        else "no text of its console comes once and early enough"
    )
    return Ending(End(instructions=wanted), f"the guest runs on for ever, and {why}", wanted)


def _texts(console: bytes) -> Iterator[str]:
    """Lines of the console, the last one first, that stand there once and fit into a pack."""
    for line in reversed(console.decode("utf-8", "replace").split("\n")):
        text = line.strip("\r")
        plain = text.isascii() and text.isprintable() and len(text) <= 120
        if text.strip() and plain and console.count(text.encode()) == 1:
            yield text
