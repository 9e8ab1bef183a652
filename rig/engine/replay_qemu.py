"""QEMU as recorder and as player of one run."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from .errors import CannotJudge
from .freerun import START_S, died
from .process import Child, Children, find_tool
from .qemu import GDB_SOCKET, LOG, QMP_DRIVER, QMP_ENGINE, QMP_EVENTS
from .qmp import Qmp, QmpError
from .replay_manifest import DISK, ELF_WORD
from .replay_manifest import LOG as EVENTS

SNAPSHOT = "start"
_POLL_S = 0.005
_ANSWER_S = 60.0  # a snapshot reads all of the guest's memory


def program() -> str:
    """QEMU's path."""
    return find_tool("qemu-system-aarch64", "RIG_QEMU")


def portable(words: Sequence[str], elf: str) -> list[str]:
    """QEMU's words without the program, the ELF's path left open."""
    return [ELF_WORD if word == elf else word for word in words[1:]]


def recording(words: Sequence[str], elf: str, folder: Path) -> list[str]:
    """The command that records. The snapshot is made once memory is as the run began."""
    return [*_command(words, elf, folder, "rr=record"), "-no-shutdown"]


def playing(words: Sequence[str], elf: str, folder: Path) -> list[str]:
    """The command that replays, from the snapshot on."""
    return _command(words, elf, folder, "rr=replay", f",rrsnapshot={SNAPSHOT}")


def _command(
    words: Sequence[str], elf: str, folder: Path, mode: str, snapshot: str = ""
) -> list[str]:
    command = [elf if word == ELF_WORD else word for word in words]
    if "-icount" not in command:
        raise CannotJudge("QEMU's words have no -icount, without which nothing can be recorded")
    at = command.index("-icount") + 1
    command[at] += f",{mode},rrfile={_escaped(folder / EVENTS)}{snapshot}"
    return [
        program(), *command,
        "-drive", f"file={_escaped(folder / DISK)},if=none,id=replay,cache=unsafe",
        "-d", "int,unimp,guest_errors", "-D", LOG,
        "-gdb", f"unix:{GDB_SOCKET},server=on,wait=off",
        *(word for name in (QMP_DRIVER, QMP_ENGINE, QMP_EVENTS)
          for word in ("-qmp", f"unix:{name},server=on,wait=off")),
        "-S",
    ]  # fmt: skip


def _escaped(path: Path) -> str:
    """A file name as part of an option of QEMU."""
    return str(path.resolve()).replace(",", ",,")


def start(children: Children, command: Sequence[str], room: Path) -> tuple[Child, Qmp]:
    """Start QEMU stopped; the child, and a connection for the driver."""
    qemu = children.start("qemu", list(command), room)
    deadline = time.monotonic() + START_S
    sockets = [room / name for name in (GDB_SOCKET, QMP_DRIVER, QMP_ENGINE, QMP_EVENTS)]
    while not all(socket.exists() for socket in sockets):
        if qemu.wait(_POLL_S) is not None:
            raise CannotJudge(died(qemu, qemu.poll()))
        if time.monotonic() > deadline:
            raise CannotJudge(f"QEMU opened no socket within {START_S:g} s")
    try:
        return qemu, Qmp(room / QMP_DRIVER, _ANSWER_S)
    except QmpError as error:
        raise CannotJudge(_why(qemu, error)) from None


def seek(qemu: Child, qmp: Qmp, count: int, bound: float) -> None:
    """Go to where `count` instructions are executed; raises CannotJudge when the log does not lead
    there. Nobody may be connected to the stub: QEMU would tell it of the stop."""
    deadline = time.monotonic() + bound
    try:
        if qmp.instructions() != count:
            qmp.command("replay-seek", {"icount": count})
        while not arrived(qmp, count):
            if time.monotonic() > deadline:
                at = qmp.instructions()
                raise CannotJudge(
                    f"the replay did not come to instruction {count:,} within {bound:g} s: it is "
                    f"at {at:,}; the recording is damaged, or is of another QEMU"
                )
            time.sleep(_POLL_S)
    except QmpError as error:
        raise CannotJudge(f"the replay broke off: {_why(qemu, error)}") from None


def arrived(qmp: Qmp, count: int) -> bool:
    """Does the guest stand there?"""
    return not qmp.command("query-status")["running"] and qmp.instructions() == count


def pc_of(qmp: Qmp) -> int:
    """The PC, as QEMU's monitor tells it: the stub may be somebody else's."""
    said = qmp.monitor("info registers")
    found = re.search(r"\bPC=([0-9a-f]+)", said)
    if found is None:
        raise CannotJudge(f"QEMU tells no PC: {said[:80]!r}")
    return int(found[1], 16)


def _why(qemu: Child, error: QmpError) -> str:
    """What became of QEMU when it does not answer."""
    status = qemu.wait(1.0)
    return str(error) if status is None else died(qemu, status)
