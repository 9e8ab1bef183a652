"""The result of a coverage measurement: what the images' runs and the host tests executed.

Lines and functions of guest and host are one table: the same sources, two compilations. Branches
stay two tables: the guest's are conditional branches of its machine code, the host's are gcov's.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import lcov_info
from .lcov_info import BranchKey, FileRecord, Records

KINDS = ("functions", "lines", "branches", "host-branches")


@dataclass(frozen=True)
class Image:
    """One image with what rig-trace said of its traces (the JSON report)."""

    name: str
    path: str
    runs: list[str]
    records: Records
    report: dict[str, Any]

    def instructions(self) -> dict[str, int]:
        """found, hit, hit_mmu_off, hit_mmu_on, hit_both."""
        counts: dict[str, int] = self.report["instructions"]
        return counts

    def partial(self, name: str) -> set[int]:
        """The partial lines of a file in this image."""
        lines: set[int] = set()
        for entry in self.report["files"]:
            if entry["file"] == name or entry["file"].endswith("/" + name):
                lines |= set(entry["partial_lines"])
        return lines


@dataclass(frozen=True, order=True)
class Missing:
    """Something that never ran: `kind` is of KINDS, in the singular for people in `text`."""

    file: str
    line: int
    kind: str
    function: str
    text: str


@dataclass
class Coverage:
    """Everything of one measurement; file names are relative to the source root."""

    images: list[Image]
    guest: Records
    host: Records | None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.merged: Records = {}
        for name in sorted({*self.guest, *(self.host or {})}):
            record = self.merged.setdefault(name, FileRecord())
            record.add(self.guest.get(name, FileRecord()))
            if self.host is not None:
                record.add(self.host.get(name, FileRecord()), branches=False)

    def partial(self, name: str) -> list[int]:
        """Lines of a file of whose code some ran and some did not, in every image that ran them;
        code that ran whole in one image is no part of this."""
        partly: set[int] = set()
        whole: set[int] = set()
        for image in self.images:
            if name not in image.records:
                continue
            hit = {line for line, hits in image.records[name].lines.items() if hits}
            here = image.partial(name) & hit
            partly |= here
            whole |= hit - here
        return sorted(partly - whole)

    def counts(self, kind: str) -> tuple[int, int]:
        """Hit and found of a kind of KINDS, in total."""
        records = (self.host or {}) if kind == "host-branches" else self.merged
        pairs = [counts_of(record, kind) for record in records.values()]
        return sum(hit for hit, _found in pairs), sum(found for _hit, found in pairs)

    def missing(self) -> list[Missing]:
        """Everything that never ran, sorted by place."""
        found: list[Missing] = []
        for name, record in self.merged.items():
            places = Places(record)
            for what, (line, calls) in record.functions.items():
                if not calls:
                    found.append(Missing(name, line, "functions", what, f"function {what}"))
            for line, hits in record.lines.items():
                if not hits:
                    found.append(Missing(name, line, "lines", places.function(line), "line"))
            found += _branches(name, record, places, "branches")
        for name, record in (self.host or {}).items():
            found += _branches(name, record, Places(self.merged[name]), "host-branches")
        return sorted(found)


def counts_of(record: FileRecord, kind: str) -> tuple[int, int]:
    """Hit and found of a kind in one file."""
    if kind == "functions":
        return record.functions_hit(), len(record.functions)
    if kind == "lines":
        return record.lines_hit(), len(record.lines)
    return record.branches_hit(), len(record.branches)


class Places:
    """Which function a source line belongs to: the last one that begins at or before it."""

    def __init__(self, record: FileRecord) -> None:
        self._starts = sorted((line, name) for name, (line, _calls) in record.functions.items())

    def function(self, line: int) -> str:
        """The function's name, "" before the first."""
        index = bisect_right(self._starts, (line, "\U0010ffff")) - 1
        return self._starts[index][1] if index >= 0 else ""


def _branches(name: str, record: FileRecord, places: Places, kind: str) -> list[Missing]:
    """The branch directions of one table that were never taken."""
    missed = [key for key, taken in record.branches.items() if not taken]
    return [_branch(name, key, record, places, kind) for key in missed]


def _branch(name: str, key: BranchKey, record: FileRecord, places: Places, kind: str) -> Missing:
    line, block, branch = key
    if kind == "host-branches":
        words = f"host branch {block}.{branch} never taken"
    elif record.branches[key] is None:
        words = "branch never executed"
    else:
        words = "branch never taken" if branch == "1" else "branch always taken"
    return Missing(name, line, kind, places.function(line), words)


def write_infos(coverage: Coverage, out: Path, root: Path) -> None:
    """guest.info and merged.info (and host.info) with names relative to the source root; and the
    same with whole names for genhtml in `out`/html.info."""
    lcov_info.write(out / "guest.info", coverage.guest, "guest")
    lcov_info.write(out / "merged.info", coverage.merged, "merged")
    lcov_info.write(out / "html.info", absolute(coverage.merged, root), "merged")
    if coverage.host is not None:
        lcov_info.write(out / "host.info", coverage.host, "host")
        lcov_info.write(out / "html-host.info", absolute(coverage.host, root), "host")


def absolute(records: Records, root: Path) -> Records:
    """The records under whole names."""
    return {str(root / name): record for name, record in records.items()}
