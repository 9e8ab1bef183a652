"""What every command has: words for its errors, its arguments, and completion."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from prompt.physical import gdb
from prompt.session import Session, in_words

_MASK64 = (1 << 64) - 1
# Of these types an expression names the place, not a number.
_PLACES = (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


class RigCommand(gdb.Command):
    """One command `rig WORD`; its docstring is its help."""

    word = ""
    completer: int | None = gdb.COMPLETE_NONE  # None: by the method `complete`
    whole = False  # the argument is one expression, which may have spaces

    def __init__(self, session: Session) -> None:
        self.session = session
        how = () if self.completer is None else (self.completer,)
        super().__init__(f"rig {self.word}", gdb.COMMAND_DATA, *how)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """gdb's way in."""
        with in_words():
            if self.whole:
                self.run([argument.strip()] if argument.strip() else [])
            else:
                self.run(gdb.string_to_argv(argument))

    def run(self, words: list[str]) -> None:
        """The command; raises gdb.GdbError in words."""
        raise NotImplementedError

    def wrong(self, text: str) -> Exception:
        """The error for a wrong use of the command."""
        error: Exception = gdb.GdbError(f"rig {self.word}: {text} (help rig {self.word})")
        return error

    def no_more(self, words: list[str], most: int) -> None:
        """Refuse what is too much."""
        if len(words) > most:
            taken = (
                f"at most {most} arguments"
                if most > 1
                else ("one argument", "no argument")[not most]
            )
            raise self.wrong(f"takes {taken}, not `{' '.join(words)}`")


class WordCommand(RigCommand):
    """A command whose arguments are completed from words of the rig's."""

    completer: int | None = None

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        raise NotImplementedError

    def candidates(self, _before: list[str]) -> Iterable[str]:
        """The words that may come behind those that stand there already."""
        return ()

    def complete(self, text: str, word: str) -> list[str]:
        """gdb's way in. gdb takes a part of what stands there for its word when there is a `-` or
        a `.` in it, so the answer is the rest of the whole one."""
        words = text.split()
        begun = "" if not words or text[-1:].isspace() else words.pop()
        try:
            known = list(self.candidates(words))
        except gdb.GdbError:
            return []  # a job that cannot be made tells so when the command is run
        skipped = len(begun) - len(word)
        return [item[skipped:] for item in known if item.lower().startswith(begun.lower())]


def address_of(expression: str, command: str) -> int:
    """The address that an expression of gdb names; raises gdb.GdbError in words."""
    try:
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code in _PLACES and value.address is not None:
            value = value.address
        return int(value) & _MASK64
    except gdb.error as error:
        raise gdb.GdbError(f"rig {command}: {expression}: {error}") from None


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    close = difflib.get_close_matches(wanted, list(known), n=3)
    return f"; did you mean {', '.join(close)}?" if close else ""
