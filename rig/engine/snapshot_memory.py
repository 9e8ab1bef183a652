"""The machine's physical memory as its CPU reaches it, from QEMU's `info mtree -f`.

QEMU prints a flat view for each group of address spaces that are alike: lines with the names of the
spaces, then ranges. The kinds are its memory API's: ram, rom, romd (memory that reads as ROM and
whose writes are the device's), i/o; "nv-" in front of one is memory that keeps its contents.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from .snapshot_file import IO, RAM, ROM, MemoryRange

COMMAND = "info mtree -f"
_SPACE = re.compile(r'^ AS "(?P<name>[^"]*)"')
_RANGE = re.compile(
    r"^  (?P<first>[0-9a-f]{16})-(?P<last>[0-9a-f]{16}) "
    r"\(prio -?\d+, (?P<kind>[^)]+)\): (?P<name>.*)$"
)
# An offset into the region, and what newer QEMUs tell of an accelerator or an owner.
_REST = re.compile(r"(?: @[0-9a-f]{16})?(?: (?:KVM|HVF|WHPX|TCG))?(?: owner:.*| parent:.*)?$")
_KINDS = {"ram": RAM, "rom": ROM, "romd": ROM, "i/o": IO, "ramd": IO}


class MemoryUnknown(ValueError):
    """QEMU's words about memory are not understood."""


def views(text: str) -> dict[str, list[MemoryRange]]:
    """The flat view of each address space by name; raises MemoryUnknown for words that are none of
    QEMU's, so that a new kind of memory is never taken for another."""
    found: dict[str, list[MemoryRange]] = {}
    spaces: list[str] = []
    ranges: list[MemoryRange] = []
    for line in text.replace("\r", "").split("\n"):
        if line.startswith("FlatView #"):
            spaces, ranges = [], []
        elif match := _SPACE.match(line):
            spaces.append(match["name"])
            found[match["name"]] = ranges
        elif match := _RANGE.match(line):
            ranges.append(_range(match, line))
        elif line.startswith("  ") and line.strip() != "No rendered FlatView":
            raise MemoryUnknown(
                f"`{COMMAND}` has a line that the rig does not know: {line.strip()}"
            )
    return found


def _range(match: re.Match[str], line: str) -> MemoryRange:
    kind = _KINDS.get(match["kind"].removeprefix("nv-"))
    first, last = int(match["first"], 16), int(match["last"], 16)
    if kind is None or last < first:
        raise MemoryUnknown(f"`{COMMAND}` has a line that the rig does not know: {line.strip()}")
    return MemoryRange(first, last, kind, _REST.sub("", match["name"]))


def of_cpu(text: str, cpu: int, secure: bool = False) -> list[MemoryRange]:
    """What a CPU reaches: ascending, neighbours of one kind and name as one."""
    found = views(text)
    wanted = [f"cpu-secure-memory-{cpu}"] if secure else []
    wanted += [f"cpu-memory-{cpu}", "memory"]
    ranges = next((found[name] for name in wanted if name in found), None)
    if not ranges:
        raise MemoryUnknown(f"`{COMMAND}` shows no memory of CPU {cpu}")
    return merged(ranges)


def merged(ranges: list[MemoryRange]) -> list[MemoryRange]:
    """Ascending, neighbours of one kind and name as one."""
    result: list[MemoryRange] = []
    for part in sorted(ranges, key=lambda r: r.first):
        last = result[-1] if result else None
        if last and last.last >= part.first:
            raise MemoryUnknown(f"`{COMMAND}` shows two memories at {part.first:#x}")
        if last and (last.last + 1, last.kind, last.name) == (part.first, part.kind, part.name):
            result[-1] = MemoryRange(last.first, part.last, part.kind, part.name)
        else:
            result.append(part)
    return result


class MemoryMap:
    """Answers what lies where."""

    def __init__(self, ranges: list[MemoryRange]) -> None:
        self.ranges = ranges
        self._firsts = [part.first for part in ranges]

    def covers(self, start: int, size: int, kinds: tuple[str, ...] = (RAM, ROM)) -> bool:
        """Is every byte of [start, start + size) memory of these kinds?"""
        at, end = start, start + size
        while at < end:
            index = bisect_right(self._firsts, at) - 1
            part = self.ranges[index] if index >= 0 else None
            if part is None or part.last < at or part.kind not in kinds:
                return False
            at = part.last + 1
        return True
