"""The values of a watched boot as rules: expectations at checkpoints, transitions between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .elf import Elf
from .evaluate import NotKnown
from .image import Alias
from .init_points import Point, symbol_value
from .init_trial import Reached, Trial
from .registers import Table
from .snapshot_file import Snapshot
from .snapshot_state import SnapshotState

_PSTATE = {"EL": 0xC, "DAIF": 0x3C0, "SPSEL": 0x1}
_PSTATE_WATCHED = 0xFFFFFFFF & ~(0xF << 28 | 0x3 << 10)
_ADDRESSES = ("VBAR", "TTBR0", "TTBR1")
_MMU = 1


@dataclass
class Transition:
    """What changed between two checkpoints."""

    id: str
    start: str
    end: str
    changes: list[str]
    may: list[str]


@dataclass
class Rules:
    """All rules that come out of the stepped run."""

    expect: dict[str, list[str]] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    exceptions: list[tuple[str, str]] = field(default_factory=list)
    ordering: list[str] = field(default_factory=list)  # every ordering rule that there is


@dataclass(frozen=True)
class Place:
    """Where the image is, and what walks tables."""

    elf: Elf
    aliases: list[Alias]
    library: str


def level_of(snapshot: Snapshot) -> int:
    """The exception level of a stop."""
    return snapshot.registers["PSTATE"] >> 2 & 3


def mmu_on(snapshot: Snapshot) -> bool:
    """Is the MMU on for the level of the stop?"""
    return bool(snapshot.registers.get(f"SCTLR_EL{max(level_of(snapshot), 1)}", 0) & _MMU)


def make_rules(points: Mapping[str, Point], trial: Trial, table: Table, place: Place) -> Rules:
    """The rules, and in each point what was seen there."""
    rules = Rules(exceptions=trial.exceptions)
    name_switches(points, trial)
    before: Reached | None = None
    for reached in trial.reached:
        point = points[reached.id]
        point.seen.append(f"Seen at {reached.where}.")
        rules.expect[point.id] = _expect(point, reached.snapshot, table, place)
        if before is not None:
            raw = trial.raw.get(reached.id, [])
            item = _transition(before, reached, table, raw)
            if item is not None:
                item.start, item.end = points[before.id].id, point.id
                item.id = f"to-{point.id}"
                rules.transitions.append(item)
        before = reached
    return rules


def _expect(point: Point, snapshot: Snapshot, table: Table, place: Place) -> list[str]:
    registers = snapshot.registers
    level = level_of(snapshot)
    found = []
    if point.register and point.register in registers:
        value = registers[point.register]
        point.seen.append(f"{point.register} = {table[point.register].decode(value)}")
        name = point.register.partition("_EL")[0]
        symbol = symbol_value(place.elf, place.aliases, value) if name in _ADDRESSES else ""
        found.append(f"{point.register} == {symbol or f'{value:#x}'}")
    if point.landing == "high":
        found.append("PC in high")
    if point.id.startswith("mmu-on") and level == 1:
        found += _translated(snapshot, place.library)
    if not point.register:
        found += (
            [f"EL == {level}", f"MMU == {int(mmu_on(snapshot))}"]
            if level < 2
            else [f"EL == {level}"]
        )
        found.append(f"DAIF == {registers['PSTATE'] >> 6 & 0xF:#x}")
    return found or [f"EL == {level}"]


def name_switches(points: Mapping[str, Point], trial: Trial) -> None:
    """Call the writes that turn the MMU on or off so, by what SCTLR_ELx held before and after, and
    returns by the level that they lead to; those that lead to none are no checkpoints."""
    names: Counter[str] = Counter()
    kept: list[Reached] = []
    raw: list[str] = []  # written before the next checkpoint that is kept
    for reached in trial.reached:
        point, level = points[reached.id], level_of(reached.snapshot)
        if point.returns and (not kept or level == level_of(kept[-1].snapshot)):
            raw += trial.raw.get(reached.id, [])
            continue
        trial.raw.setdefault(reached.id, []).extend(raw)
        raw = []
        kept.append(reached)
        if point.returns:
            names[f"el{level}"] += 1
            count = names[f"el{level}"]
            point.id = f"el{level}-entered" + (f"-{count}" if count > 1 else "")
            point.why = f"from here on the code runs at EL{level}"
    trial.reached = kept
    for before, after in zip(trial.reached, trial.reached[1:]):
        point = points[after.id]
        register = point.register
        values = [s.snapshot.registers.get(register, 0) & _MMU for s in (before, after)]
        if not register.startswith("SCTLR") or values[0] == values[1]:
            continue
        state = "on" if values[1] else "off"
        names[state] += 1
        point.id = f"mmu-{state}" + (f"-{names[state]}" if names[state] > 1 else "")
        point.why = f"translation is {state} from here on"


def _translated(snapshot: Snapshot, library: str) -> list[str]:
    """How the next instruction's address is translated from now on."""
    pc = snapshot.registers["PC"]
    try:
        pa = SnapshotState(snapshot, library).walks().translate(pc)
    except NotKnown:
        return []
    if not isinstance(pa, int):
        return []
    return [f"translate(PC) == {'PC' if pa == pc else f'{pa:#x}'}"]


def _transition(
    before: Reached, after: Reached, table: Table, raw: Sequence[str]
) -> Transition | None:
    old, new = before.snapshot.registers, after.snapshot.registers
    changes = [
        name
        for name in table.control()
        if name in new
        and name not in ("PSTATE", "CURRENTEL")
        and old.get(name) not in (None, new[name])
    ]
    changed = (old["PSTATE"] ^ new["PSTATE"]) & _PSTATE_WATCHED
    changes += [name for name, mask in _PSTATE.items() if changed & mask]
    may = list(dict.fromkeys(raw))
    if changed & ~(0xC | 0x3C0 | 0x1):
        may.append("PSTATE")
    if not changes and not may:
        return None
    return Transition(f"to-{after.id}", before.id, after.id, changes, may)
