"""lcov's tracefiles (`.info`): read, merge, write.

Read is what lcov 1.16 and 2.x write (`FN:line,name` and `FN:line,end,name`; a checksum behind DA);
written is what both read. Records of one source file are merged by key: a line by its number, a
function by its name, a branch by line, block and branch. Counts are added; "never looked at" (`-`)
stays so only while every part says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CannotJudge

BranchKey = tuple[int, str, str]


@dataclass
class FileRecord:
    """What one source file shows."""

    lines: dict[int, int] = field(default_factory=dict)
    functions: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> line, calls
    branches: dict[BranchKey, int | None] = field(default_factory=dict)  # None: never looked at

    def add_branch(self, key: BranchKey, taken: int | None) -> None:
        """Add a branch's count."""
        known = self.branches.get(key)
        counts = [count for count in (known, taken) if count is not None]
        self.branches[key] = sum(counts) if counts else None

    def add_function(self, name: str, line: int, calls: int) -> None:
        """Add a function's calls; its line is the first one given."""
        known = self.functions.get(name, (line, 0))
        self.functions[name] = (known[0] or line, known[1] + calls)

    def add(self, other: "FileRecord", branches: bool = True) -> None:
        """Add another record of the same file."""
        for line, hits in other.lines.items():
            self.lines[line] = self.lines.get(line, 0) + hits
        for name, (line, calls) in other.functions.items():
            self.add_function(name, line, calls)
        for key, taken in other.branches.items() if branches else ():
            self.add_branch(key, taken)

    def lines_hit(self) -> int:
        """Lines that ran."""
        return sum(hits > 0 for hits in self.lines.values())

    def functions_hit(self) -> int:
        """Functions that were entered."""
        return sum(calls > 0 for _line, calls in self.functions.values())

    def branches_hit(self) -> int:
        """Branch directions that were taken."""
        return sum(bool(taken) for taken in self.branches.values())


Records = dict[str, FileRecord]


def merge(parts: Iterable[Records]) -> Records:
    """All parts added up."""
    merged: Records = {}
    for part in parts:
        for name, record in part.items():
            merged.setdefault(name, FileRecord()).add(record)
    return merged


def read(path: Path) -> Records:
    """Read a tracefile; raises CannotJudge with file and line for one that is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotJudge(f"{path}: cannot read the tracefile: {error}") from None
    records: Records = {}
    current: FileRecord | None = None
    number = 0
    for number, line in enumerate(text.splitlines(), 1):
        kind, _, rest = line.partition(":")
        if kind == "SF":
            current = records.setdefault(rest, FileRecord())
        elif kind == "end_of_record":
            current = None
        elif kind in ("DA", "FN", "FNDA", "BRDA"):
            try:
                _record(current, kind, rest.split(","))
            except (ValueError, IndexError):
                raise CannotJudge(f"{path}:{number}: damaged tracefile: {line!r}") from None
    if current is not None:
        raise CannotJudge(f"{path}:{number}: damaged tracefile: it ends inside a record")
    return records


def _record(current: FileRecord | None, kind: str, words: list[str]) -> None:
    """One line of a record; ValueError when it is none."""
    if current is None:
        raise ValueError("outside of a record")
    if kind == "DA":
        line, hits = int(words[0]), int(words[1])
        current.lines[line] = current.lines.get(line, 0) + hits
    elif kind == "FN":
        current.add_function(words[-1], int(words[0]), 0)
    elif kind == "FNDA":
        current.add_function(words[1], 0, int(words[0]))
    else:
        number, block, branch, taken = words
        current.add_branch((int(number), block, branch), None if taken == "-" else int(taken))


def text_of(records: Records, test: str = "") -> str:
    """The tracefile's text, sorted."""
    out = []
    for name, record in sorted(records.items()):
        out += [f"TN:{test}", f"SF:{name}"]
        functions = sorted((line, what, calls) for what, (line, calls) in record.functions.items())
        out += [f"FN:{line},{what}" for line, what, _calls in functions]
        out += [f"FNDA:{calls},{what}" for _line, what, calls in functions]
        out += [f"FNF:{len(functions)}", f"FNH:{record.functions_hit()}"]
        for (line, block, branch), taken in sorted(record.branches.items()):
            out.append(f"BRDA:{line},{block},{branch},{'-' if taken is None else taken}")
        out += [f"BRF:{len(record.branches)}", f"BRH:{record.branches_hit()}"]
        out += [f"DA:{line},{hits}" for line, hits in sorted(record.lines.items())]
        out += [f"LF:{len(record.lines)}", f"LH:{record.lines_hit()}", "end_of_record"]
    return "\n".join(out) + "\n"


def write(path: Path, records: Records, test: str = "") -> None:
    """Write a tracefile."""
    path.write_text(text_of(records, test), encoding="utf-8")


def relative_to(records: Records, root: Path, keep: Iterable[str]) -> Records:
    """The records of files below root that start with one of `keep` (all when it is empty), named
    relative to root."""
    wanted = tuple(keep)
    kept: Records = {}
    for name, record in records.items():
        path = Path(name)
        if path.is_absolute():
            path = path.resolve()
            if not path.is_relative_to(root):
                continue
            path = path.relative_to(root)
        if not wanted or str(path).startswith(wanted):
            kept.setdefault(str(path), FileRecord()).add(record)
    return kept
