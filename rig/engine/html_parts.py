"""What several sections of the HTML report show alike: places, verdicts, source lines."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .checks import ERROR, FAIL, NOT_JUDGED, PASS, WAIVED, Check, Where
from .html_text import Html, Part, anchor, code, join, tag, text
from .source_files import SourceFiles

# Status: class, sign, words. The sign says the same without colour.
STATUS = {
    PASS: ("good", "✓", "held"),
    FAIL: ("bad", "✗", "broken"),
    ERROR: ("open", "!", "not judged"),
    NOT_JUDGED: ("open", "?", "not judged"),
    WAIVED: ("open", "–", "waived"),
}


def sign(status: str) -> Html:
    """One character for a verdict."""
    cls, character, words = STATUS[status]
    return tag("span", character, cls=cls, title=words, role="img", aria_label=words)


def badge(status: str) -> Html:
    """The verdict in words."""
    cls, _character, words = STATUS[status]
    return tag("span", words, cls=f"badge {cls}")


def worst(checks: Sequence[Check]) -> str:
    """The gravest status among checks."""
    statuses = {check.status for check in checks}
    return next((s for s in (FAIL, ERROR, NOT_JUDGED, WAIVED) if s in statuses), PASS)


def source(where: Where) -> Part:
    """`file.c:12`, the whole name on hover."""
    if not where.file:
        return None
    short = f"{os.path.basename(where.file)}:{where.line}"
    return tag("span", code(short), title=f"{where.file}:{where.line}")


def place(where: Where | None) -> Html:
    """PC, symbol, file and line."""
    if where is None:
        return Html("")
    parts: list[Part] = [code(f"{where.pc:#x}")]
    if where.symbol:
        parts.append(code(where.symbol))
    if where.file:
        parts.append(source(where))
    return join(parts, " ")


def finding_id(check: Check) -> str:
    """The anchor of a finding, the same in each run: VARIANT.CHECK."""
    return anchor(check.variant, check.id)


def checkpoint_id(variant: str, checkpoint: str) -> str:
    """The anchor of a checkpoint's row."""
    return anchor("at", variant, checkpoint)


def source_lines(sources: SourceFiles, where: Where | None) -> Part:
    """The lines around a place; nothing when the file is not found."""
    lines = sources.excerpt(where.file, where.line) if where is not None else []
    if where is None or not lines:
        return None
    width = len(str(lines[-1][0]))
    rows = []
    for number, line in lines:
        shown = join([tag("span", f"{number:>{width}}  ", cls="number"), line.expandtabs(4)])
        rows.append(tag("span", shown, cls="here") if number == where.line else shown)
    name = f"{where.file}:{where.line}"
    younger = sources.changed(where.file)
    note = " (changed since the image was built)" if younger else None
    return join([tag("h4", name, note), tag("pre", join(rows, "\n"), tabindex="0")])


def lines_of(title: Part, lines: Sequence[str], mark: int | None = None) -> Part:
    """Lines of text in a box; `mark` is the index of the one that matters."""
    if not lines:
        return None
    rows = [
        tag("span", line, cls="here") if index == mark else text(line)
        for index, line in enumerate(lines)
    ]
    return join([tag("h4", title), tag("pre", join(rows, "\n"), tabindex="0")])


def grouped(number: int) -> str:
    """1,234,567."""
    return f"{number:,}"


def plural(number: int, word: str) -> str:
    """1 check, 2 checks."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
