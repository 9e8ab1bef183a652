"""The truth written into the guests' sources, and its comparison with what rig-trace reports.

A line of a source may end in a comment of parts, separated by `; `:

    cover: none | miss | hit [N] | partial [N]      the line's DA record, and whether it is partial
    branch: OUTCOME[, OUTCOME...]                   its conditional branches, in any order
    function: NAME N                                a function of this file and its count

Outcomes: both, taken, not-taken; one (one of the two, whichever way the compiler laid it out);
never (the branch never ran); unknown (it ran, and its outcome is not known); some (any but never).
Without a number any count but 0 is right. In a strict file a DA, BRDA or FN record without a
comment is wrong, too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

PART = re.compile(r"//.*?\b((?:cover|branch|function): .*)$")
OUTCOMES = {
    (None, None): "never",
    (False, False): "unknown",
    (False, True): "taken",
    (True, False): "not-taken",
    (True, True): "both",
}
MATCHING = {"one": ("taken", "not-taken"), "some": ("taken", "not-taken", "both", "unknown")}


@dataclass
class Expected:
    """What is expected of one file."""

    lines: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    branches: dict[int, list[str]] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)


def read_source(path: Path) -> Expected:
    """The expectations of a source file; ValueError for a comment that is none of the grammar."""
    expected = Expected()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        match = PART.search(line)
        for part in match[1].split("; ") if match else ():
            kind, _, rest = part.partition(": ")
            words = rest.replace(",", "").split()
            if kind == "cover" and words[0] in ("none", "miss", "hit", "partial"):
                expected.lines[number] = (words[0], int(words[1]) if words[1:] else None)
            elif kind == "branch" and set(words) <= {*OUTCOMES.values(), *MATCHING}:
                expected.branches[number] = words
            elif kind == "function" and len(words) == 2:
                expected.functions[words[0]] = int(words[1])
            else:
                raise ValueError(f"{path}:{number}: not an expectation: {part!r}")
    return expected


@dataclass
class Reported:
    """What a tracefile (.info) has of one file."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[int, dict[tuple[str, str], int | None]] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    function_lines: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def outcomes(self, line: int) -> list[str]:
        """What became of each conditional branch of a line."""
        records = self.branches.get(line, {})
        blocks = dict.fromkeys(block for block, _direction in records)
        found = []
        for block in blocks:
            ran = [records.get((block, direction)) for direction in "01"]
            not_taken, taken = (None if count is None else count > 0 for count in ran)
            found.append(OUTCOMES.get((not_taken, taken), f"half told: {ran}"))
        return found


def read_info(path: Path) -> dict[str, Reported]:
    """The records of a tracefile by file; ValueError for a line that does not belong."""
    files: dict[str, Reported] = {}
    current = Reported()
    for line in path.read_text("utf-8").splitlines():
        kind, _, rest = line.partition(":")
        words = rest.split(",")
        if kind == "SF":
            current = files[rest] = Reported()
        elif kind == "DA":
            if int(words[0]) in current.lines:
                raise ValueError(f"{path}: line {words[0]} twice: {line}")
            current.lines[int(words[0])] = int(words[1])
        elif kind == "BRDA":
            count = None if words[3] == "-" else int(words[3])
            current.branches.setdefault(int(words[0]), {})[(words[1], words[2])] = count
        elif kind == "FN":
            current.function_lines[words[-1]] = int(words[0])
        elif kind == "FNDA":
            current.functions[words[1]] = int(words[0])
        elif kind in ("LF", "LH", "BRF", "BRH", "FNF", "FNH"):
            current.totals[kind] = int(rest)
        elif kind not in ("TN", "end_of_record"):
            raise ValueError(f"{path}: what is {line!r}?")
    return files


def _line_findings(expected: Expected, reported: Reported, partial: set[int]) -> dict[int, str]:
    """Wrong lines among those with an expectation."""
    found = {}
    for line, (word, count) in expected.lines.items():
        got = reported.lines.get(line)
        said = "none" if got is None else "miss" if got == 0 else "hit"
        if said == "hit" and line in partial:
            said = "partial"
        if said != word or (count is not None and got != count):
            wanted = word if count is None else f"{word} {count}"
            found[line] = f"expected {wanted}, reported {said} {'' if got is None else got}"
    return found


def _same_outcomes(wanted: list[str], got: list[str]) -> bool:
    """Whether each outcome has its partner; the exact ones choose first."""
    rest = Counter(got)
    for word in sorted(wanted, key=lambda word: (word in MATCHING, word == "some")):
        partner = next((one for one in MATCHING.get(word, (word,)) if rest[one]), None)
        if partner is None:
            return False
        rest[partner] -= 1
    return not sum(rest.values())


def compare(
    expected: Expected, reported: Reported, partial: set[int], strict: bool = True
) -> list[str]:
    """Every difference as `LINE: what`, in the order of lines; functions last."""
    found = _line_findings(expected, reported, partial)
    lines = set(expected.branches) | (set(reported.branches) if strict else set())
    for line in lines:
        wanted, got = expected.branches.get(line, []), reported.outcomes(line)
        if not _same_outcomes(wanted, got):
            text = f"expected branches {wanted}, reported {got}"
            found[line] = f"{found[line]}; {text}" if line in found else text
    if strict:
        for line in set(reported.lines) - set(expected.lines):
            found[line] = f"no expectation, reported {reported.lines[line]}"
    differences = [f"{line}: {found[line]}" for line in sorted(found)]
    names = set(expected.functions) | (set(reported.functions) if strict else set())
    for name in sorted(names):
        pair = (expected.functions.get(name), reported.functions.get(name))
        if pair[0] != pair[1]:
            differences.append(f"{name}(): expected count {pair[0]}, reported {pair[1]}")
    return differences


def check_totals(reported: Reported) -> list[str]:
    """Totals of a file that do not agree with its records."""
    directions = [count for line in reported.branches.values() for count in line.values()]
    own = {
        "LF": len(reported.lines),
        "LH": sum(count > 0 for count in reported.lines.values()),
        "FNF": len(reported.functions),
        "FNH": sum(count > 0 for count in reported.functions.values()),
        "BRF": len(directions),
        "BRH": sum(bool(count) for count in directions),
    }
    return [
        f"{kind} is {reported.totals.get(kind, 0)}, its records make {count}"
        for kind, count in own.items()
        if reported.totals.get(kind, 0) != count
    ]
