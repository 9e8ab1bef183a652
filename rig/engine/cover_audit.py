"""The list of what no run reaches, each with the reason, and whether list and measurement agree.

An entry names its code by function and by the text of the source line, never by number, so edits
elsewhere in the file do not break it:

    - file: kernel/mm/pmm.c       # or a pattern such as kernel/*
      function: pmm_init          # missing: code outside of functions
      line: "return STATUS_FULL;"   # the line's text, a part of it; missing: the whole function
      what: [line, branch]        # line, branch, function, host-branch
      reason: why no run can reach it

An entry that covers nothing that is missing is stale, and an error: the reason no longer holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .cover_result import Missing
from .errors import PackError, UsageError
from .schema import ListOf, Reader, Record, Text, read_yaml

WORDS = {
    "line": "lines",
    "branch": "branches",
    "function": "functions",
    "host-branch": "host-branches",
}
TEXT = Text()
ENTRY = Record(
    {
        "file": TEXT,
        "function": TEXT,
        "line": TEXT,
        "what": ListOf(Text(choices=tuple(WORDS)), one=True),
        "reason": TEXT,
    },
    required=("file", "what", "reason"),
)
AUDIT = Record({"why": TEXT, "unreached": ListOf(ENTRY)}, required=("why", "unreached"))


@dataclass
class Entry:
    """One reason, with what it covers."""

    file: str
    function: str
    line: str
    kinds: tuple[str, ...]
    reason: str
    place: tuple[Reader, int]
    covers: list[Missing] = field(default_factory=list)

    def matches(self, missing: Missing, source: str) -> bool:
        """Does the entry speak of this?"""
        return (
            fnmatchcase(missing.file, self.file)
            and missing.kind in self.kinds
            and (not self.function or missing.function == self.function)
            and self.line in source
        )


@dataclass
class Audit:
    """The whole list, held against a measurement."""

    entries: list[Entry]
    unexplained: list[Missing] = field(default_factory=list)

    def compare(self, missing: list[Missing], root: Path) -> None:
        """Give each missing thing to the first entry that covers it."""
        sources: dict[str, list[str]] = {}
        for item in missing:
            if item.file not in sources:
                sources[item.file] = _source(root / item.file)
            lines = sources[item.file]
            text = lines[item.line - 1].strip() if 0 < item.line <= len(lines) else ""
            fitting = [entry for entry in self.entries if entry.matches(item, text)]
            if fitting:
                fitting[0].covers.append(item)
            else:
                self.unexplained.append(item)

    def findings(self) -> list[str]:
        """What list and measurement disagree about."""
        found = [
            f"{item.file}:{item.line}: {item.function or '?'}: {item.text}: not in the list of "
            "what no run reaches; reach it, or give the reason there"
            for item in self.unexplained
        ]
        for entry in self.entries:
            if not entry.covers:
                reader, index = entry.place
                line, column = reader.places.get(("unreached", index), (1, 1))
                found.append(
                    f"{reader.file}:{line}:{column}: unreached[{index}]: covers nothing that is "
                    "missing (reached now, or the code has changed); take it away"
                )
        return found


def _source(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def load(path: Path) -> Audit:
    """Read and check the list; raises PackError with every finding."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the list of what no run reaches: {error}") from None
    data, reader = read_yaml(str(path), text, AUDIT)
    if reader.findings:
        raise PackError(reader.findings)
    return Audit([_entry(item, (reader, i)) for i, item in enumerate(data["unreached"])])


def _entry(item: dict[str, Any], place: tuple[Reader, int]) -> Entry:
    return Entry(
        file=item["file"],
        function=item.get("function", ""),
        line=item.get("line", ""),
        kinds=tuple(WORDS[word] for word in item["what"]),
        reason=" ".join(item["reason"].split()),
        place=place,
    )
