"""Answers of the table walker to what rules ask: rights and memory of ranges, aliases, offsets.

The same on the live guest (gdb/memory.py) and on a snapshot (snapshot_state.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .evaluate import NotKnown, Word
from .walk import Attributes, Memory, Run, Status, WalkError, Walker

_SHOWN = 6
_READS = 1 << 18  # descriptors of one whole half: more is no boot map, and takes seconds
_HALVES = ((0, 1 << 48), (0xFFFF << 48, 1 << 64))
_WXN = 1 << 19  # SCTLR_EL1.WXN
_SHAREABILITY = {0: "non", 2: "outer", 3: "inner"}
ReadU64 = Callable[[int], "int | None"]


def rights_of(attributes: Attributes | None, level: str = "el1") -> str:
    """ "rx" for "r-x", "none" for nothing."""
    text = (getattr(attributes, level) if attributes else "").replace("-", "")
    return text or "none"


class TableWalks:
    """The walker on one moment's registers and memory."""

    def __init__(self, library: str | Path, values: Mapping[str, int], read: ReadU64) -> None:
        if not library:
            raise NotKnown("librigwalk.so is not built, so tables cannot be walked: ./tyrne build")
        self._library = library
        self._runs: dict[tuple[int, int, bool], list[Run]] = {}
        self._values = dict(values)
        self._read = read
        try:
            self._walker = Walker(library, values, read)
        except WalkError as error:
            raise NotKnown(str(error)) from None

    def describe(self, address: int) -> str:
        """The walk in a sentence."""
        return self._walker.describe(address)

    def translate(self, address: int) -> int | Word:
        """The physical address, or `fault` with the walk that faulted."""
        result = self._walker.walk(address)
        if result.pa is not None:
            return result.pa
        return Word("fault").explained(result.description)

    def rights(self, start: int, end: int) -> Word:
        """EL1 rights of the range when uniform; EL0 rights spoil them (`rx+el0:rx`)."""

        def of(run: Run) -> str:
            if not run.ok:
                return "none"
            el0 = rights_of(run.attributes, "el0")
            return rights_of(run.attributes) + (f"+el0:{el0}" if el0 != "none" else "")

        return self._uniform(start, end, of)

    def el0(self, start: int, end: int) -> Word:
        """EL0 rights of the range when uniform."""
        return self._uniform(
            start, end, lambda run: rights_of(run.attributes, "el0") if run.ok else "none"
        )

    def memory(self, start: int, end: int) -> Word:
        """device, normal or none when uniform."""

        def of(run: Run) -> str:
            if not run.ok or run.attributes is None:
                return "none"
            return run.attributes.memory.name.partition("_")[0].lower()

        return self._uniform(start, end, of)

    def shareable(self, start: int, end: int) -> Word:
        """inner, outer or non of the normal memory mapped in the range, none without any."""

        def of(run: Run) -> str:
            if run.attributes is None or run.attributes.memory is not Memory.NORMAL:
                return ""
            return _SHAREABILITY.get(run.attributes.shareability, "reserved")

        return self._every(start, end, of)

    def not_global(self, start: int, end: int) -> Word:
        """yes or no of all that is mapped in the range, none where nothing is."""

        def of(run: Run) -> str:
            return _yes_no(run.attributes is not None and run.attributes.not_global)

        return self._every(start, end, of)

    def never_executable(self, start: int, end: int) -> Word:
        """Do the leaves and tables alone, without WXN, keep EL1 and EL0 from executing?"""

        def of(run: Run) -> str:
            if run.attributes is None:
                return ""
            return _yes_no("x" not in run.attributes.el1 + run.attributes.el0)

        return self._every(start, end, of, without_wxn=True)

    def only_mapped(self, start: int, end: int, allowed: list[tuple[int, int]]) -> Word:
        """yes when nothing in [start, end) is mapped but what lies in the allowed ranges."""
        lines = []
        for run in self._mapped(start, end):
            for first, last in _outside(max(run.start, start), min(run.end, end), allowed):
                lines.append(_alias_text(run, first, last))
        if not lines:
            return Word("yes")
        return Word("no").explained(*_shortened([f"mapped too: {line}" for line in lines]))

    def writable_alias(self, start: int, end: int) -> Word:
        """none when nothing, in either half, lets EL1 or EL0 write a byte of these frames."""
        lines = []
        for half in _HALVES:
            for run in self._mapped(*half):
                if run.attributes is None or run.pa is None:
                    continue
                first, last = max(start, run.pa), min(end, run.pa + run.end - run.start)
                if first < last and "w" in run.attributes.el1 + run.attributes.el0:
                    to_va = run.start - run.pa
                    lines.append(_alias_text(run, first + to_va, last + to_va))
        if not lines:
            return Word("none")
        return Word("found").explained(*_shortened([f"writable: {line}" for line in lines]))

    # --- ranges -----------------------------------------------------------------------------------

    def _mapped(self, start: int, end: int, without_wxn: bool = False) -> list[Run]:
        """The runs with a leaf; kept for this stop, since rules ask for whole halves."""
        key = (start, end, without_wxn)
        if key not in self._runs:
            walker = self._walker
            if without_wxn:
                values = {**self._values, "SCTLR_EL1": self._values["SCTLR_EL1"] & ~_WXN}
                walker = Walker(self._library, values, self._read)
            try:
                runs = walker.range(start, end, _READS)
            except WalkError as error:
                raise NotKnown(str(error)) from None
            for run in runs:
                if run.status in (Status.READ_FAILED, Status.UNSUPPORTED):
                    raise NotKnown(f"the walk of {run.start:#x} is not possible: {run.status.name}")
            self._runs[key] = [run for run in runs if run.attributes is not None]
        return self._runs[key]

    def _every(
        self, start: int, end: int, of: Callable[[Run], str], without_wxn: bool = False
    ) -> Word:
        """The word of each mapped run in the range when it is one; "" leaves a run out."""
        found: dict[str, list[str]] = {}
        size: dict[str, int] = {}
        for run in self._mapped(start, end, without_wxn):
            word = of(run)
            if word:
                first, last = max(run.start, start), min(run.end, end)
                found.setdefault(word, []).append(f"[{first:#x}, {last:#x}) is {word}")
                size[word] = size.get(word, 0) + last - first
        if not found:
            return Word("none").explained(f"nothing that it asks for in [{start:#x}, {end:#x})")
        # The smaller part first: it is likely to be the stray one.
        lines = [line for word in sorted(found, key=lambda w: size[w]) for line in found[word]]
        return Word("mixed" if len(found) > 1 else next(iter(found))).explained(*_shortened(lines))

    def _uniform(self, start: int, end: int, of: Callable[[Run], str]) -> Word:
        try:
            runs = self._walker.range(start, end)
        except WalkError as error:
            raise NotKnown(str(error)) from None
        parts: list[tuple[int, int, str]] = []
        for run in runs:
            word = of(run)
            first, last = max(run.start, start), min(run.end, end)
            if parts and parts[-1][2] == word:
                parts[-1] = (parts[-1][0], last, word)
            else:
                parts.append((first, last, word))
        if len(parts) == 1:
            return Word(parts[0][2]).explained(self.describe(start))
        lines = [f"[{a:#x}, {b:#x}) is {word}" for a, b, word in parts]
        return Word("mixed").explained(*_shortened(lines))


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _shortened(lines: list[str]) -> list[str]:
    more = [f"… and {len(lines) - _SHOWN} more ranges"] if len(lines) > _SHOWN else []
    return lines[:_SHOWN] + more


def _outside(start: int, end: int, allowed: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of [start, end) that no allowed range covers."""
    parts = []
    for first, last in sorted(allowed):
        if start < min(first, end):
            parts.append((start, min(first, end)))
        start = max(start, last)
    return parts + ([(start, end)] if start < end else [])


def _alias_text(run: Run, first: int, last: int) -> str:
    el0 = rights_of(run.attributes, "el0")
    physical = (run.pa or 0) + first - run.start
    text = f"[{first:#x}, {last:#x}) -> {physical:#x} is {rights_of(run.attributes)}"
    return text + (f", for EL0 {el0}" if el0 != "none" else "")
