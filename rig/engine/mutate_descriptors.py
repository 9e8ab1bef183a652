"""Descriptor mutants: a guest whose tables are stored with one bit wrong.

The descriptors are those of the snapshots that the pack's `address_space` names. Many are alike: of
those that differ in nothing but their addresses one is taken for all, and `flips` says what the
audit makes of every other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .audit_check import flip
from .descriptor_bits import BITS, bit_name
from .descriptor_list import Descriptor, read_all
from .mutant import Generated, Mutant, Poke
from .paths import need_compiled
from .qemu import Machine
from .session import Inputs
from .snapshot_file import read
from .space_spec import Resolver, build

_UNSEEN_KEPT = 20


def descriptors(
    inputs: Inputs, machine: Machine, snapshots: Mapping[str, Path], room: Path
) -> Generated:
    """The mutants of a variant's descriptors; `snapshots` by checkpoint, as stepping takes them."""
    del room  # nothing is written
    made = Generated([])
    known: dict[tuple[int, int], None] = {}
    groups: dict[tuple[Any, ...], list[Descriptor]] = {}
    for checkpoint in _places(inputs, machine, snapshots, made.not_made):
        for found in read_all(inputs, checkpoint, snapshots[checkpoint], made.not_made):
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
