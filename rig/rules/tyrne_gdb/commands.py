"""The prefix `tyrne` in gdb: the kernel's own objects at this stop."""

from __future__ import annotations

from collections.abc import Callable

from . import backtrace, caps, endpoints, frames, tasks
from .kernel import Kernel
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
    """Show Tyrne's own objects at this stop.
    They are read from physical memory: with the MMU off, in the kernel, at EL0 and in a fault.
    What contradicts itself is told as `broken: ...`.
    Usage: tyrne tasks | caps [TASK] | endpoints | frames | bt-user [TASK]"""

    def __init__(self) -> None:
        super().__init__("tyrne", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class _Whole(gdb.Command):
    """A command without arguments."""

    name = ""

    def __init__(self) -> None:
        super().__init__(self.name, gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        if argument.strip():
            raise gdb.GdbError(f"tyrne: '{argument.strip()}' is too much: {self.name}")
        _show(self.lines)

    def lines(self) -> list[str]:
        """What it prints."""
        raise NotImplementedError


class _OfTask(gdb.Command):
    """A command that takes a task."""

    name = ""

    def __init__(self) -> None:
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        _show(lambda: self.lines(argument))

    def lines(self, argument: str) -> list[str]:
        """What it prints."""
        raise NotImplementedError

    def complete(self, text: str, word: str | None) -> list[str]:
        """The tasks' numbers and names; nothing where there are none yet."""
        try:
            found = tasks.Tasks(Kernel())
            words = ["current", *map(str, found.live()), *map(found.name, found.live())]
        except gdb.error:  # a GdbError, too: completion is no place for complaints
            return []
        # gdb breaks words at a hyphen, which names have: what it asks for is the rest behind that.
        known = text[: len(text) - len(word or "")]
        fits = (name for name in dict.fromkeys(words) if name and name.startswith(text))
        return [name[len(known) :] for name in fits]


class TyrneTasks(_Whole):
    """Show the tasks: state and what it waits for, address space, entry, where it goes on.
    The current task is marked with a star. A user task that is in the kernel goes on in EL0 at the
    place that its trap frame says.
    Usage: tyrne tasks"""

    name = "tyrne tasks"

    def lines(self) -> list[str]:
        """See _Whole."""
        return tasks.lines()


class TyrneCaps(_OfTask):
    """Show what tasks hold capabilities for, with which rights, and from which they derive.
    Without a task: every table, and what is parked at endpoints.
    Usage: tyrne caps [TASK]
    TASK is a number or a name of `tyrne tasks`, or current."""

    name = "tyrne caps"

    def lines(self, argument: str) -> list[str]:
        """See _OfTask."""
        return caps.lines(argument)


class TyrneEndpoints(_Whole):
    """Show the endpoints and notifications: messages, who waits, and who may use them.
    Usage: tyrne endpoints"""

    name = "tyrne endpoints"

    def lines(self) -> list[str]:
        """See _Whole."""
        return endpoints.lines()


class TyrneFrames(_Whole):
    """Show physical memory: free, taken and reserved frames, and the tables of each address space.
    Usage: tyrne frames"""

    name = "tyrne frames"

    def lines(self) -> list[str]:
        """See _Whole."""
        return frames.lines()


class TyrneBtUser(_OfTask):
    """Show the backtrace of a task's EL0 code, by its frame records (x29).
    Symbols come from the NAME.user.elf beside the image whose code the task executes.
    Usage: tyrne bt-user [TASK]
    TASK is a number or a name of `tyrne tasks`; without it, the current task."""

    name = "tyrne bt-user"

    def lines(self, argument: str) -> list[str]:
        """See _OfTask."""
        return backtrace.lines(argument)


def register() -> None:
    """Make the commands known to gdb."""
    for kind in (TyrnePrefix, TyrneTasks, TyrneCaps, TyrneEndpoints, TyrneFrames, TyrneBtUser):
        kind()
