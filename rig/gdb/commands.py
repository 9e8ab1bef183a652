"""The prefix `rig` of an interactive session: what the guest's address space is, at this stop.

Each command takes a snapshot, has rig-trace read it, and shows what that says. Packets go over
gdb's own connection while gdb does not read it (link.py), so a Ctrl-C must not fall between a
packet and its answer, nor leave the stub in its physical memory mode: it is held back meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import snapshot_file
from engine.errors import Exit
from engine.registers import Table
from engine.snapshot_capture import CaptureError
from engine.snapshot_file import Snapshot
from snapshots import LiveSource, capture_live
from target import GuestEnded, Target, TargetError, gdb

_PART = 1 << 16  # bytes read while Ctrl-C waits
_WITNESSES = 16  # few: a person waits, and the driver's runs ask for more
_TOOL_S = 120
_MASK64 = (1 << 64) - 1
_MMU = 1  # SCTLR_ELx.M
# Of these types an expression names the place, not a number.
_PLACES = (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C; what came meanwhile comes right behind."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class PatientSource(LiveSource):
    """The stopped guest for a person's commands: each exchange with QEMU is whole."""

    def registers(self) -> dict[str, int]:
        """See Source."""
        with uninterrupted():
            return super().registers()

    def read_physical(self, address: int, size: int) -> bytes | None:
        """See Source; in parts, so that a Ctrl-C waits for one of them only."""
        data = b""
        for at in range(address, address + size, _PART):
            with uninterrupted():
                part = super().read_physical(at, min(_PART, address + size - at))
            if part is None:
                return None
            data += part
        return data

    def monitor(self, line: str) -> str:
        """See Source."""
        with uninterrupted():
            return super().monitor(line)


class Session:
    """What the commands share."""

    def __init__(self, job: dict[str, Any], target: Target) -> None:
        self._job = job
        self._source = PatientSource(target, Table.from_json(job["table"]))

    def show(self, command: str, *words: str) -> None:
        """Take a snapshot and print what `rig-trace COMMAND SNAPSHOT WORDS` says of it; raises
        gdb.GdbError in words."""
        if not self._job.get("tool"):
            raise gdb.GdbError("rig: rig-trace is not built: ./tyrne build")
        try:
            snapshot = self._capture()
            with tempfile.TemporaryDirectory(prefix="rig-") as folder:
                path = Path(folder) / f"stop{snapshot_file.SUFFIX}"
                snapshot_file.write(snapshot, path)
                self._run(path, [self._job["tool"], command, str(path), *words])
        except KeyboardInterrupt:
            raise gdb.GdbError("rig: interrupted") from None
        except OSError as error:
            raise gdb.GdbError(f"rig: cannot write the snapshot: {error.strerror}") from None

    def _capture(self) -> Snapshot:
        thread = gdb.selected_thread()
        if thread is None or not thread.is_valid():
            raise gdb.GdbError("rig: there is no guest any more")
        if thread.is_running():
            raise gdb.GdbError("rig: the guest runs; stop it first (Ctrl-C)")
        try:
            snapshot = capture_live(self._source, self._job, "stop", _WITNESSES)
        except (CaptureError, TargetError, GuestEnded) as error:
            raise gdb.GdbError(f"rig: {error}") from None
        name = "SCTLR_EL2" if snapshot.regime == "EL2" else "SCTLR_EL1"
        if not snapshot.registers.get(name, 0) & _MMU:
            gdb.write(f"the MMU is off ({name}.M = 0): each address is the physical one\n")
        return snapshot

    @staticmethod
    def _run(path: Path, words: list[str]) -> None:
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TOOL_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "NO_COLOR": "1"},
            )
        except subprocess.TimeoutExpired:
            raise gdb.GdbError(f"rig: rig-trace did not end within {_TOOL_S} s") from None
        said, complaint = (
            text.replace(str(path), "this stop") for text in (done.stdout, done.stderr)
        )
        gdb.write(said)
        if done.returncode not in (0, 1):  # 1: a rule is broken, which it has told
            how = "could not judge" if done.returncode == Exit.NO_JUDGEMENT else "failed"
            raise gdb.GdbError(complaint.strip() or f"rig: rig-trace {how} ({done.returncode})")
        gdb.write(complaint)


class RigPrefix(gdb.Command):
    """What the rig knows of the guest at this stop."""

    def __init__(self) -> None:
        super().__init__("rig", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class RigMap(gdb.Command):
    """Show what is mapped, with which rights and memory types.
    Usage: rig map [--half low|high] [--el 0|1|2] [--filter w|x|wx|device|user]"""

    def __init__(self, session: Session) -> None:
        super().__init__("rig map", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)
        self._session = session

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        self._session.show("map", *gdb.string_to_argv(argument))


class RigAudit(gdb.Command):
    """Judge the address space by the architecture's rules (rig explain RULE says why).
    Usage: rig audit [--rule RULE]"""

    def __init__(self, session: Session) -> None:
        super().__init__("rig audit", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)
        self._session = session

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        self._session.show("audit", *gdb.string_to_argv(argument))


class RigWalk(gdb.Command):
    """Walk the translation tables for an address: each level, and what the address means.
    Usage: rig walk ADDRESS
    ADDRESS is any expression of gdb: a number, a symbol, $pc."""

    def __init__(self, session: Session) -> None:
        super().__init__("rig walk", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)
        self._session = session

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        if not argument.strip():
            raise gdb.GdbError("rig walk: give an address: rig walk ADDRESS")
        self._session.show("walk", f"{address_of(argument):#x}")


def address_of(expression: str) -> int:
    """The address that an expression of gdb names; raises gdb.GdbError in words."""
    try:
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code in _PLACES and value.address is not None:
            value = value.address
        return int(value) & _MASK64
    except gdb.error as error:
        raise gdb.GdbError(f"rig walk: {expression}: {error}") from None


def register(job: dict[str, Any], target: Target) -> None:
    """Make the commands known to gdb."""
    session = Session(job, target)
    RigPrefix()
    for kind in (RigMap, RigAudit, RigWalk):
        kind(session)
