"""Colour for the commands' output: only on a terminal, and not when NO_COLOR asks for none."""

from __future__ import annotations

import os
import sys

_BOLD, _DIM, _RED, _GREEN = "1", "2", "31", "32"


def enabled() -> bool:
    """May output be coloured?"""
    return not os.environ.get("NO_COLOR") and sys.__stdout__ is not None and os.isatty(1)


def _styled(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[m" if text and enabled() else text


def head(text: str) -> str:
    """A heading."""
    return _styled(text, _BOLD)


def dim(text: str) -> str:
    """What matters less."""
    return _styled(text, _DIM)


def bad(text: str) -> str:
    """What cannot be right."""
    return _styled(text, _RED)


def broken(problems: list[str], in_kernel: bool) -> list[str]:
    """What contradicts itself, one line each."""
    lines = [bad(f"broken: {text}") for text in dict.fromkeys(problems)]
    if lines and in_kernel:
        lines.append(dim("(the CPU is in the kernel: an operation that is half done may look so)"))
    return lines


def mark(text: str) -> str:
    """What is the current one."""
    return _styled(text, _GREEN)


def table(rows: list[list[str]], marked: int | None = None) -> list[str]:
    """Aligned columns, the first row is the heading; row `marked` is the current one."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for index, row in enumerate(rows):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
        lines.append(head(line) if index == 0 else mark(line) if index == marked else line)
    return lines
