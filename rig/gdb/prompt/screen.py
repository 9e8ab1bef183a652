"""What commands print at: gdb's own output, with colour only where a person sees it."""

from __future__ import annotations

import os

from engine.report_text import TextReport
from prompt.physical import gdb


class _GdbOutput:
    """gdb's standard output as a text stream."""

    def write(self, text: str) -> int:
        """See TextIO."""
        gdb.write(text)
        return len(text)

    def flush(self) -> None:
        """See TextIO."""
        gdb.flush()

    def isatty(self) -> bool:
        """Does a person see it?"""
        try:
            return os.isatty(1)
        except OSError:
            return False


def screen() -> TextReport:
    """A report on gdb's output, as the rig's commands have one on standard output."""
    plain = not gdb.parameter("style enabled")
    # Three methods of a stream are all that it asks for.
    return TextReport(_GdbOutput(), plain=plain)  # type: ignore[arg-type]


def marked(text: str) -> str:
    """What is to be seen first."""
    return screen().style("yellow", text)


def lines(text: list[str]) -> None:
    """Print lines."""
    gdb.write("".join(f"{line}\n" for line in text))
