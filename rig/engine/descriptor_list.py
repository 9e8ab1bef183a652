"""The valid descriptors of a snapshot's tables, with what each of them maps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .descriptor_bits import BLOCK, LEAF_LEVEL, PAGE, TABLE, address_mask
from .errors import CannotJudge
from .paths import need_compiled
from .session import Inputs
from .snapshot_file import RAM, Snapshot, read
from .snapshot_state import SnapshotState
from .space_spec import Resolver, build
from .walk import Entry, EntryKind, Walker, WalkError

_BIG_ENDIAN = 1 << 25  # SCTLR_ELx.EE
_READS = 1 << 20  # descriptors of one half
_NOTHING = "nothing"


@dataclass(frozen=True)
class Descriptor:  # pylint: disable=too-many-instance-attributes # what is known of one
    """A valid descriptor, where it was first seen."""

    checkpoint: str
    regime: str
    kind: str
    level: int
    upper: bool
    va: int
    shift: int  # where its address begins
    pa: int
    value: int
    what: str  # that it maps; of a table: that the leaves below it map
    words: str  # rights and memory of a leaf

    @property
    def half(self) -> str:
        """The half of the address space."""
        return "high" if self.upper else "low"

    def alike(self) -> tuple[Any, ...]:
        """The same for descriptors that differ in nothing but their addresses."""
        rest = self.value & ~address_mask(self.shift)
        return self.regime, self.kind, self.level, self.upper, rest, self.what

    def name(self) -> str:
        """Short, without blanks and addresses; tables are told by what they begin with."""
        what = re.sub(r"[^A-Za-z0-9._]+", "-", self.what).strip("-")
        return f"{self.half}-L{self.level}-{self.kind}-{what}"

    def text(self) -> str:
        """In words; the kind comes first."""
        of = "for" if self.kind == TABLE else "of"
        words = f": {self.words}" if self.words else ""
        return (
            f"{self.kind} {of} {self.what}, level {self.level}, {self.va:#x} ({self.half} half)"
            f"{words} ({self.value:#018x})"
        )


def read_all(
    inputs: Inputs, checkpoint: str, path: Path, not_made: list[str]
) -> Iterator[Descriptor]:
    """Those of the snapshot that was taken at a checkpoint; what is left out is told in
    `not_made`."""
    snapshot = read(path)
    suffix = "EL2" if snapshot.regime == "EL2" else "EL1"
    if snapshot.registers.get(f"SCTLR_{suffix}", 0) & _BIG_ENDIAN:
        not_made.append(f"{checkpoint}:descriptor: big-endian tables (SCTLR_{suffix}.EE)")
        return
    library = str(need_compiled("librigwalk.so", inputs.elf))
    resolver = Resolver(inputs.pack, inputs.image, inputs.table, snapshot, library)
    names = Names(snapshot, build(inputs.pack, None, resolver))
    try:
        walker = Walker(library, snapshot.registers, SnapshotState(snapshot).word, snapshot.regime)
        for upper in (False, True):
            half = walker.half(upper)
            entries = walker.entries(half.start, half.end, _READS)
            granule_shift = half.granule.bit_length() - 1
            yield from _of_half(entries, granule_shift, names, checkpoint, not_made)
    except WalkError as error:
        raise CannotJudge(f"{path}: its tables cannot be read: {error}") from None


def _of_half(
    entries: list[Entry], granule_shift: int, names: Names, checkpoint: str, not_made: list[str]
) -> Iterator[Descriptor]:
    leaves = [entry for entry in entries if entry.kind is EntryKind.LEAF]
    for entry in entries:
        value = entry.steps[-1].descriptor
        if value is None or entry.kind is EntryKind.RESERVED:
            not_made.append(
                f"{checkpoint}:descriptor: the one for {entry.start:#x}, level {entry.level}, is "
                "no descriptor at this level"
            )
            continue
        kind = PAGE if entry.level == LEAF_LEVEL else BLOCK
        subject, shift = entry, (entry.end - entry.start).bit_length() - 1
        if entry.kind is EntryKind.TABLE:
            kind, shift = TABLE, granule_shift
            below = (leaf for leaf in leaves if entry.start <= leaf.start < entry.end)
            subject = next(below, entry)
        yield Descriptor(
            checkpoint=checkpoint,
            regime=names.regime,
            kind=kind,
            level=entry.level,
            upper=entry.upper,
            va=entry.start,
            shift=shift,
            pa=entry.steps[-1].descriptor_pa,
            value=value,
            what=names.of(subject),
            words=_words(entry),
        )


def _words(entry: Entry) -> str:
    """Rights and memory of a leaf."""
    attributes = entry.attributes
    if attributes is None:
        return ""
    rights = f"{attributes.el1}, EL0 {attributes.el0}, {attributes.memory_text}"
    return f"{rights}, {'not global' if attributes.not_global else 'global'}"


@dataclass(frozen=True)
class _Region:
    """A stretch of physical or virtual addresses with a name."""

    first: int
    last: int
    name: str
    physical: bool = True

    @property
    def size(self) -> int:
        """In bytes, but for one."""
        return self.last - self.first


class Names:
    """What lies where: by the pack's layout and the ELF, and by the machine."""

    def __init__(self, snapshot: Snapshot, spec: Mapping[str, Any]) -> None:
        self.regime = snapshot.regime
        self._regions = _regions(spec["regions"])
        self._devices = _regions(spec["devices"])
        self._memory = [
            _Region(part.first, part.last, "RAM" if part.kind == RAM else part.name)
            for part in snapshot.memory
        ]

    def of(self, entry: Entry) -> str:
        """The smallest region that its first byte lies in; else the first one behind that it maps.
        A table without leaves maps nothing."""
        if entry.kind is EntryKind.TABLE or entry.pa is None:
            return _NOTHING
        size = entry.end - entry.start
        parts = self._regions, self._memory, self._devices
        for regions in parts:
            found = list(_overlapping(regions, entry.pa, entry.start, 1))
            if found:
                return min(found, key=lambda region: region.size).name
        found = [each for part in parts for each in _overlapping(part, entry.pa, entry.start, size)]
        return min(found, key=lambda region: region.first).name if found else _NOTHING


def _overlapping(regions: Iterable[_Region], pa: int, va: int, size: int) -> Iterator[_Region]:
    """The regions that have a byte of these."""
    for region in regions:
        place = pa if region.physical else va
        if region.first < place + size and place <= region.last:
            yield region


def _regions(items: Iterable[Mapping[str, Any]]) -> list[_Region]:
    """Those of a spec."""
    return [
        _Region(
            int(item["first"], 16), int(item["last"], 16), item["name"],
            item.get("space", "pa") == "pa",
        )
        for item in items
    ]  # fmt: skip
