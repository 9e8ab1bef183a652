"""A failed run is recorded again, so that `rig debug --replay` can step it backwards.

The guest is deterministic (qemu.DETERMINISTIC), so the run that is recorded is the run that was
judged. That is not taken on trust: what both printed and which exceptions they took is compared,
and the recording is played to where the first rule broke. A recording that differs is not kept.
Nothing here changes a verdict: what cannot be recorded is told in one line.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import elf as elf_file
from . import pack as pack_file
from . import registers, replay_manifest, replay_qemu
from .errors import CannotJudge
from .freerun import died
from .image import Image
from .paths import REGISTERS, RULES, compiled, pack_path
from .process import Children, pick_cpu, tool_version
from .qemu import GDB_SOCKET, LOG, QMP_ENGINE, SERIAL, guest_words
from .qmp import Qmp, QmpError
from .replay_disk import create
from .replay_manifest import SUFFIX, Manifest, Place, sha256
from .replay_place import ARRIVAL, END, End, broken_place, checkpoints, end_of
from .report_text import TextReport
from .results import RunResult, VariantResult
from .rsp import Gone, Rsp
from .stepping import make_job

OFF = "RIG_REPLAY"  # 0 in the environment: record nothing
_BOUND_S = 20.0
_QUIT_S, _POLL_S, _ASLEEP_S, _ANSWER_S = 5.0, 0.005, 1.0, 3.0
_POISON = 0xA5
_CHUNK = 1024
_BEYOND = 64  # instructions recorded behind the last place of interest
_COMPARED = 1 << 26  # bytes of a console or log


def record_again(
    args: argparse.Namespace, run: RunResult, run_dir: Path, report: TextReport
) -> None:
    """Record each variant that is red, into the run directory."""
    if getattr(args, "no_replay", False) or os.environ.get(OFF) == "0":
        return
    for result in run.variants:
        if not result.code() or not _ran(run_dir, result):
            continue
        name = result.machine.variant
        try:
            report.progress(f"recording {name} again")
            _Recorder(args, run, run_dir, result).record()
            words = [sys.argv[0], "debug", "--replay", str(run_dir)]
            if len(run.variants) > 1:
                words += ["--variant", name]
            report.line(f"recorded: {shlex.join(words)}")
        except Exception as error:  # pylint: disable=broad-exception-caught # no verdict's matter
            if getattr(error, "code", 0) > 128:
                raise  # Ctrl-C ends the rig, not only this
            shutil.rmtree(run_dir / f"{name}{SUFFIX}", ignore_errors=True)
            report.line(f"not recorded for replay ({name}): {' '.join(str(error).split())}")


def _ran(run_dir: Path, result: VariantResult) -> bool:
    """Was a guest run for this variant? Given logs, traces and snapshots have none."""
    return any(run_dir.glob(f"{result.machine.variant}-*/**/{SERIAL}"))


@dataclass
class _Recorder:
    """One variant's recording."""

    args: argparse.Namespace
    run: RunResult
    run_dir: Path
    result: VariantResult

    def record(self) -> Path:
        """Record, compare and play; returns the recording's directory."""
        machine = self.result.machine
        if machine.cpus != 1:
            raise CannotJudge(f"{machine.cpus} CPUs: QEMU's replay is exact for one only")
        elf = str(self.run.elf["path"])
        if not elf:
            raise CannotJudge("the guest has no ELF, so gdb could show nothing of it")
        job = self._job(elf)
        at = broken_place(self.result, self._entries())
        end = end_of(self.result, at)
        folder = self.run_dir / f"{machine.variant}{SUFFIX}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        words = replay_qemu.portable(guest_words("qemu", machine, elf), elf)
        manifest = Manifest(
            variant=machine.variant,
            machine=machine.describe(),
            elf={**self.run.elf, "sha256": sha256(Path(elf))},
            pack=self.run.pack,
            qemu=tool_version(replay_qemu.program()),
            words=words,
            end=0,
            ended=end.why,
            broken=at.broken,
            at=at.place,
            checkpoints=checkpoints(self.result),
        )
        (folder / replay_manifest.JOB).write_text(json.dumps(job), encoding="utf-8")
        self._run_guest(manifest, folder, job, end)
        manifest.compared = self._same(folder)
        self._play(manifest, folder, at.known)
        trace = self.run_dir / f"{machine.variant}-ordering" / "events.trace"
        manifest.trace = str(trace.relative_to(self.run_dir)) if trace.is_file() else ""
        manifest.save(folder)
        return folder

    def _job(self, elf: str) -> dict[str, Any]:
        """The stepping engine's job for this guest: the judged one's where there is one."""
        judged = self.run_dir / f"{self.result.machine.variant}-step" / "job.json"
        if judged.is_file():
            job: dict[str, Any] = json.loads(judged.read_text(encoding="utf-8"))
        else:
            pack = pack_file.load(pack_path(self.args.pack), RULES)
            image = Image(elf_file.load(Path(elf)), pack.aliases())
            walker = str(compiled("librigwalk.so", Path(elf)) or "")
            variant = self.result.machine.variant
            table = registers.load(REGISTERS)
            job = make_job(pack, image, table, variant, walker, {"every_instruction": False})
            job["poison"] = []  # only stepping fills memory with rubbish
            job["made"]["machine"] = self.result.machine.describe()
        if job["elf"]["build_id"] != self.run.elf["build_id"]:
            raise CannotJudge(f"{elf}: another image than the one that was judged (build-id)")
        return job

    def _entries(self) -> dict[str, str]:
        """The pack's address spaces: id to checkpoint."""
        if not self.args.pack:
            return {}
        pack = pack_file.load(pack_path(self.args.pack), RULES)
        return {entry["id"]: entry["at"] for entry in pack.items("address_space")}

    # --- recording --------------------------------------------------------------------------------

    def _run_guest(self, manifest: Manifest, folder: Path, job: dict[str, Any], end: End) -> None:
        """Record; a guest whose run QEMU cannot be asked about meanwhile (one that takes exceptions
        without executing an instruction) is recorded once more, and stopped where a rule broke."""
        try:
            self._attempt(manifest, folder, job, end, lambda _stub, qmp: self._run_on(qmp, end))
        except QmpError:
            if end.pc is None:
                raise
            self._attempt(
                manifest, folder, job, end, lambda stub, qmp: self._run_to(stub, qmp, end)
            )
        for name in (*folder.glob("*.sock"), folder / "qemu.out"):
            name.unlink(missing_ok=True)

    def _attempt(  # pylint: disable=too-many-arguments,too-many-positional-arguments
        self,
        manifest: Manifest,
        folder: Path,
        job: dict[str, Any],
        end: End,
        run: Callable[[Rsp, Qmp], int],
    ) -> None:
        command = replay_qemu.recording(manifest.words, manifest.elf["path"], folder)
        for name in (*folder.glob("*.sock"), folder / SERIAL, folder / LOG):
            name.unlink(missing_ok=True)
        create(folder / replay_manifest.DISK)
        manifest.ended = end.why
        with Children(pick_cpu()) as children:
            qemu, qmp = replay_qemu.start(children, command, folder)
            stub = _stub(folder / GDB_SOCKET)
            try:
                self._prepare(stub, qmp, job)
                watching = Qmp(folder / QMP_ENGINE, _ANSWER_S)
                manifest.end = run(stub, watching)
                if watching.command("query-status")["status"] == "shutdown":
                    manifest.ended = "the next instruction powers off"
                watching.command("quit")
                if qemu.wait(_QUIT_S) != 0:
                    raise CannotJudge(died(qemu, qemu.poll()))
            except Gone:
                raise CannotJudge(died(qemu, qemu.wait(1))) from None
            except TimeoutError:
                raise CannotJudge(f"the guest took more than {_BOUND_S:g} s") from None
            finally:
                stub.close()

    def _prepare(self, stub: Rsp, qmp: Qmp, job: dict[str, Any]) -> None:
        """Memory as the judged run began with it, and the snapshot of that moment."""
        if job["poison"] and stub.ask("Qqemu.PhyMemMode:1") != "OK":
            raise CannotJudge("QEMU's gdb stub refused physical writes (Qqemu.PhyMemMode)")
        for address, size in job["poison"]:
            for at in range(address, address + size, _CHUNK):
                count = min(_CHUNK, address + size - at)
                if stub.ask(f"M{at:x},{count:x}:{f'{_POISON:02x}' * count}") != "OK":
                    raise CannotJudge(f"QEMU refused to write physical memory at {at:#x}")
        if job["poison"]:
            stub.ask("Qqemu.PhyMemMode:0")
        said = qmp.monitor(f"savevm {replay_qemu.SNAPSHOT}").strip()
        if said:
            raise CannotJudge(f"QEMU made no snapshot: {said}")

    @staticmethod
    def _run_on(qmp: Qmp, end: End) -> int:
        """Let the guest run as far as is wanted; the last place a replay comes to. A guest that
        powers off stays there (-no-shutdown). It is not stopped, on the way or at the end: a replay
        would wait there for a stop that nobody makes."""
        qmp.command("cont")
        started = moved = time.monotonic()
        seconds, last = end.seconds or _BOUND_S, -1
        while time.monotonic() - started < seconds:
            status = qmp.command("query-status")
            if not status["running"] and status["status"] != "shutdown":
                raise CannotJudge(f"QEMU stopped while recording: {status['status']}")
            count = qmp.instructions()
            moved, last = (moved, last) if count == last else (time.monotonic(), count)
            asleep = time.monotonic() - moved > _ASLEEP_S
            if not status["running"] or asleep or 0 < end.count < count - _BEYOND:
                break
            time.sleep(_POLL_S)
        return qmp.instructions() - 1

    @staticmethod
    def _run_to(stub: Rsp, qmp: Qmp, end: End) -> int:
        """Stop the guest exactly there: the last place, for a replay comes to no later one."""
        assert end.pc is not None
        stub.breakpoint(end.pc, True)
        while qmp.instructions() < end.count:
            stub.go()
        return qmp.instructions()

    # --- the same run? ----------------------------------------------------------------------------

    def _same(self, folder: Path) -> str:
        """Compare with what the judged runs printed and which exceptions they took; in words."""
        variant = self.result.machine.variant
        compared = []
        for phase in ("step", "free-run"):
            judged = self.run_dir / f"{variant}-{phase}"
            if not judged.is_dir():
                continue
            for name, what in ((SERIAL, "console"), (LOG, "exception log")):
                if not _agree(judged / name, folder / name):
                    raise CannotJudge(
                        f"the recorded run is not the judged one: its {what} differs from that of "
                        f"the {phase} ({judged / name}, {folder / name})"
                    )
                compared.append(f"{what} of the {phase}")
            break  # memory filled with rubbish is the stepping's; the free run may differ from it
        return ", ".join(compared)

    def _play(self, manifest: Manifest, folder: Path, known: str) -> None:
        """Play to where the first rule broke, and see that the guest stands there."""
        room = folder / "play"
        room.mkdir()
        command = replay_qemu.playing(manifest.words, manifest.elf["path"], folder)
        try:
            with Children(pick_cpu()) as children:
                qemu, qmp = replay_qemu.start(children, command, room)
                if known == ARRIVAL:
                    manifest.at = _arrival(manifest.at, room, qmp)
                elif known == END:
                    manifest.at = replace(manifest.at, count=manifest.end)
                replay_qemu.seek(qemu, qmp, manifest.at.count, _BOUND_S)
                at = replay_qemu.pc_of(qmp)
                if known == END:
                    manifest.at = replace(manifest.at, pc=at)
                elif at != manifest.at.pc:
                    raise CannotJudge(
                        f"the recorded run is not the judged one: after {manifest.at.count:,} "
                        f"instructions it is at {at:#x}, not at {manifest.at.pc:#x}"
                    )
        finally:
            shutil.rmtree(room, ignore_errors=True)


def _stub(path: Path) -> Rsp:
    """A connection to the stub; raises CannotJudge when QEMU is gone already."""
    try:
        return Rsp(path, time.monotonic() + _BOUND_S)
    except (Gone, TimeoutError) as error:
        raise CannotJudge(f"QEMU's stub does not answer: {error}") from None


def _arrival(place: Place, room: Path, qmp: Qmp) -> Place:
    """The same place with the count of the first arrival at its PC."""
    stub = _stub(room / GDB_SOCKET)
    try:
        stub.breakpoint(place.pc, True)
        if stub.pc() != place.pc:
            stub.go()
        return replace(place, count=qmp.instructions())
    except (Gone, TimeoutError):
        raise CannotJudge(f"the replay does not come to {place.pc:#x}") from None
    finally:
        stub.close()


def _agree(judged: Path, recorded: Path) -> bool:
    """Is one the beginning of the other? A run that was ended from outside tore its last line."""
    try:
        ours, theirs = (_beginning(path) for path in (judged, recorded))
    except OSError:
        return False
    length = min(len(ours), len(theirs))
    return ours[:length] == theirs[:length]


def _beginning(path: Path) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.read(_COMPARED)
