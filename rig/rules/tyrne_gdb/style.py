"""Colour and columns of the commands' output; the rig's screen knows where colour is wanted."""

from __future__ import annotations

from prompt.screen import screen


def _styled(name: str, text: str) -> str:
    return screen().style(name, text) if text else text


def head(text: str) -> str:
    """A heading."""
    return _styled("bold", text)


def dim(text: str) -> str:
    """What matters less."""
    return _styled("dim", text)


def bad(text: str) -> str:
    """What cannot be right."""
    return _styled("red", text)


def broken(problems: list[str], in_kernel: bool) -> list[str]:
    """What contradicts itself, one line each."""
    lines = [bad(f"broken: {text}") for text in dict.fromkeys(problems)]
    if lines and in_kernel:
        lines.append(dim("(the CPU is in the kernel: an operation that is half done may look so)"))
    return lines


def mark(text: str) -> str:
    """What is the current one."""
    return _styled("green", text)


def table(rows: list[list[str]], marked: int | None = None) -> list[str]:
    """Aligned columns, the first row is the heading; row `marked` is the current one."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for index, row in enumerate(rows):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
        lines.append(head(line) if index == 0 else mark(line) if index == marked else line)
    return lines
