"""Descriptor mutants: a guest whose tables are stored with one bit wrong.

The descriptors are those of the snapshots that the pack's `address_space` names. Many are alike: of
those that differ in nothing but their addresses one is taken for all, and `flips` says what the
audit makes of every other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .audit_check import flip
from .descriptor_bits import BITS, BLOCK, LEAF_LEVEL, PAGE, TABLE, address_mask, bit_name
from .errors import CannotJudge
from .mutant import Generated, Mutant, Poke
from .paths import need_compiled
from .qemu import Machine
from .session import Inputs
from .snapshot_file import RAM, Snapshot, read
from .snapshot_state import SnapshotState
from .space_spec import Resolver, build
from .walk import Entry, EntryKind, Walker, WalkError

_BIG_ENDIAN = 1 << 25  # SCTLR_ELx.EE
_READS = 1 << 20  # descriptors of one half
_UNSEEN_KEPT = 20


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


def descriptors(
    inputs: Inputs, machine: Machine, snapshots: Mapping[str, Path], room: Path
) -> Generated:
    """The mutants of a variant's descriptors; `snapshots` by checkpoint, as stepping takes them."""
    del room  # nothing is written
    made = Generated([])
    known: dict[tuple[int, int], None] = {}
    groups: dict[tuple[Any, ...], list[Descriptor]] = {}
    for checkpoint in _places(inputs, machine, snapshots, made.not_made):
        for found in _read_all(inputs, checkpoint, snapshots[checkpoint], made.not_made):
            if (found.pa, found.value) not in known:
                known[found.pa, found.value] = None
                groups.setdefault(found.alike(), []).append(found)
    names: set[str] = set()
    for alike in groups.values():
        name = _unique(alike[0], names)
        made.mutants += mutants_of(alike[0], name)
        if len(alike) > 1:
            made.not_made.append(
                f"{name}:descriptor: taken for {len(alike) - 1} more that differ in their "
                "addresses only (rig-trace audit --flips changes those in the snapshots)"
            )
    made.sites = len(groups)
    return made


def _places(
    inputs: Inputs, machine: Machine, snapshots: Mapping[str, Path], not_made: list[str]
) -> Iterator[str]:
    """The checkpoints of the pack's entries that have a snapshot, each once."""
    entries = inputs.pack.address_spaces(machine.variant)
    for checkpoint in dict.fromkeys(entry["at"] for entry in entries):
        if checkpoint in snapshots:
            yield checkpoint
        else:
            not_made.append(f"{checkpoint}:descriptor: no snapshot was taken there")


def _unique(descriptor: Descriptor, names: set[str]) -> str:
    """Its name, with as much behind it as makes it the only one."""
    name = descriptor.name()
    tries = [
        name,
        f"{name}-at-{descriptor.checkpoint}",
        f"{name}@{descriptor.va:#x}",
        f"{name}@{descriptor.va:#x}-at-{descriptor.checkpoint}",
        f"{name}@{descriptor.va:#x}-at-{descriptor.pa:#x}-{descriptor.value:#x}",
    ]
    chosen = next(each for each in tries if each not in names)
    names.add(chosen)
    return chosen


def mutants_of(descriptor: Descriptor, name: str) -> list[Mutant]:
    """Each of its bits wrong."""
    place = f"{descriptor.kind} {descriptor.what}, {descriptor.half} half, {descriptor.va:#x}"
    return [
        Mutant(
            id=f"{name}:descriptor:{bit}",
            kind="descriptor",
            function=descriptor.checkpoint,
            was=descriptor.text(),
            now=f"bit {bit} ({_bit_name(descriptor, bit)}) of a descriptor stored as "
            f"{1 - (descriptor.value >> bit & 1)}: {place}",
            poke=Poke(descriptor.pa, descriptor.value, bit),
        )
        for bit in range(BITS)
    ]


def _bit_name(descriptor: Descriptor, bit: int) -> str:
    return bit_name(descriptor.kind, bit, descriptor.shift, descriptor.regime)


# --- a snapshot's descriptors ---------------------------------------------------------------------


def _read_all(
    inputs: Inputs, checkpoint: str, path: Path, not_made: list[str]
) -> Iterator[Descriptor]:
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
            if half.start == half.end or half.walk_disabled:
                continue
            entries = walker.entries(half.start, half.end, _READS)
            granule_shift = half.granule.bit_length() - 1
            yield from _of_half(entries, granule_shift, names, checkpoint, not_made)
    except WalkError as error:
        raise CannotJudge(f"{path}: its tables cannot be read: {error}") from None


def _of_half(
    entries: list[Entry], granule_shift: int, names: "Names", checkpoint: str, not_made: list[str]
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


class Names:
    """What lies where: by the pack's layout and the ELF, and by the machine."""

    def __init__(self, snapshot: Snapshot, spec: Mapping[str, Any]) -> None:
        self.regime = snapshot.regime
        self._regions = list(_regions(spec["regions"]))
        self._devices = list(_regions(spec["devices"]))
        self._memory = [
            ("pa", part.first, part.last, "RAM" if part.kind == RAM else part.name)
            for part in snapshot.memory
        ]

    def of(self, entry: Entry) -> str:
        """The smallest region that its first byte lies in; a table without leaves has none."""
        places = {"pa": entry.pa, "va": entry.start}
        if entry.kind is EntryKind.TABLE:
            return "nothing"
        for regions in (self._regions, self._memory, self._devices):
            fitting = [
                (last - first, name)
                for space, first, last, name in regions
                if (place := places[space]) is not None and first <= place <= last
            ]
            if fitting:
                return min(fitting)[1]
        return "nothing"


def _regions(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int, int, str]]:
    for item in items:
        yield item.get("space", "pa"), int(item["first"], 16), int(item["last"], 16), item["name"]


# --- every descriptor of the snapshots ------------------------------------------------------------


@dataclass(frozen=True)
class FlipsAt:  # pylint: disable=too-many-instance-attributes # a record, written to files
    """Each bit of each descriptor of one snapshot changed, and judged by the audit's rules."""

    id: str  # of the pack's entry
    at: str
    descriptors: dict[str, int]  # by kind
    flips: int
    reported: int
    by_error: int
    harmless: int
    unseen: int
    first_unseen: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Flips:
    """The same of all snapshots of a variant."""

    snapshots: list[FlipsAt]

    def total(self, name: str) -> int:
        """The sum of `flips`, `reported`, `by_error`, `harmless` or `unseen`."""
        return sum(int(getattr(each, name)) for each in self.snapshots)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        names = ("flips", "reported", "by_error", "harmless", "unseen")
        totals = {name: self.total(name) for name in names}
        return {**totals, "snapshots": [asdict(each) for each in self.snapshots]}

    def __str__(self) -> str:
        return (
            f"{self.total('flips')} bits of every descriptor of {len(self.snapshots)} snapshots "
            f"changed: {self.total('reported')} reported, {self.total('harmless')} harmless, "
            f"{self.total('unseen')} unseen"
        )


def flips(inputs: Inputs, machine: Machine, snapshots: Mapping[str, Path], room: Path) -> Flips:
    """What the audit says of every bit of every descriptor, entry by entry of the pack."""
    found = []
    library = str(need_compiled("librigwalk.so", inputs.elf))
    for entry in inputs.pack.address_spaces(machine.variant):
        if entry["at"] not in snapshots:
            continue
        path = snapshots[entry["at"]]
        resolver = Resolver(inputs.pack, inputs.image, inputs.table, read(path), library)
        place = room / f"flips-{entry['id']}"
        place.mkdir(parents=True, exist_ok=True)
        spec = build(inputs.pack, entry, resolver, machine.variant)
        found.append(_flips_at(entry, flip(path, spec, place, inputs.elf)))
    return Flips(found)


def _flips_at(entry: Mapping[str, Any], report: Mapping[str, Any]) -> FlipsAt:
    return FlipsAt(
        id=entry["id"],
        at=entry["at"],
        descriptors=dict(report["descriptors"]),
        flips=report["flips"],
        reported=report["reported"],
        by_error=report["by_error"],
        harmless=report["harmless"],
        unseen=report["unreported"],
        first_unseen=report["survivors"][:_UNSEEN_KEPT],
    )
