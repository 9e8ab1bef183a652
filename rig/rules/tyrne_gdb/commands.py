"""The prefix `tyrne` in gdb: the kernel's own objects at this stop."""

from __future__ import annotations

from collections.abc import Callable

from . import tasks
from .memory import gdb


def _show(lines: Callable[[], list[str]]) -> None:
    """Print what a command says; a Ctrl-C, and gdb's own errors, end it in words."""
    try:
        gdb.write("\n".join(lines()) + "\n")
    except KeyboardInterrupt:
        raise gdb.GdbError("tyrne: interrupted") from None
    except gdb.MemoryError as error:
        raise gdb.GdbError(f"tyrne: {error}") from None


class TyrnePrefix(gdb.Command):
    """Tyrne's own objects at this stop."""

    def __init__(self) -> None:
        super().__init__("tyrne", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class TyrneTasks(gdb.Command):
    """Show the kernel's tasks.
    Usage: tyrne tasks"""

    def __init__(self) -> None:
        super().__init__("tyrne tasks", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        _show(tasks.lines)


def register() -> None:
    """Make the commands known to gdb."""
    for kind in (TyrnePrefix, TyrneTasks):
        kind()
