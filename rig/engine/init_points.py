"""Where a starter pack puts its checkpoints: the first instruction, each write of a translation
control, each change of the exception level by ERET, and where the code goes on at another place of
the image."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .elf import Elf
from .image import HIGH_HALF, Alias, Image
from .init_alias import exact, function_of, place_of
from .init_watch import Event, written_control
from .operands import stopped_guest
from .registers import Table
from .rsp import Gone

MOST = 24
_STEPS = 4_000
_RETURNS = 4


@dataclass
class Point:
    """One checkpoint to be."""

    id: str
    trigger: str  # as YAML
    why: str
    register: str = ""  # that was written
    event: int = -1  # of the trace
    landing: str = ""  # "high" or "moved"
    returns: bool = False  # by an ERET, perhaps to another level
    seen: list[str] = field(default_factory=list)  # for comments


@dataclass
class Plan:
    """The checkpoints in the order of the trace, and what was left out."""

    points: list[Point]
    left_out: list[str] = field(default_factory=list)


@dataclass
class Planner:
    """Makes the points of one guest."""

    elf: Elf
    aliases: list[Alias]
    table: Table
    events: Sequence[Event]

    def __post_init__(self) -> None:
        self._image = Image(self.elf, self.aliases)
        self._ids: Counter[str] = Counter()
        self._seen: Counter[tuple[str, str]] = Counter()

    def plan(self, landing: int | None, landing_after: int) -> Plan:
        """All points; `landing` is the first address behind the jump that comes after an event."""
        plan = Plan([self._entry()])
        for index, event in enumerate(self.events):
            if landing is not None and event.number == landing_after:
                self._add(plan, self._point(index, event))
                self._add(plan, self._landing(landing, event))
                continue
            self._add(plan, self._point(index, event))
        return plan

    @staticmethod
    def _add(plan: Plan, point: Point | None) -> None:
        if point is None:
            return
        if len(plan.points) < MOST:
            plan.points.append(point)
        else:
            plan.left_out.append(f"{point.id} ({point.trigger})")

    def _name(self, name: str) -> str:
        self._ids[name] += 1
        return name if self._ids[name] == 1 else f"{name}-{self._ids[name]}"

    def _entry(self) -> Point:
        return Point(
            self._name("entry"),
            f"at: {self._at(self._image.link(self.elf.entry))}",
            "the first instruction",
        )

    def _at(self, link: int) -> str:
        name = self.elf.locate(link) if self.elf.symbols else ""
        return json.dumps(name if name else f"{link:#x}")

    def _point(self, index: int, event: Event) -> Point | None:
        if event.kind != "insn" or event.el == 0:
            return None
        if event.name == "msr":
            return self._written(event)
        if event.name == "eret":
            return self._return(index, event)
        return None

    def _return(self, index: int, event: Event) -> Point | None:
        """A return that may lead to another level: which, the stepped run tells."""
        trigger = self._after("eret", event)  # counted in any case
        after = self.events[index + 1].el if index + 1 < len(self.events) else None
        if event.el is not None and after == event.el or self._ids["returned"] >= _RETURNS:
            return None
        point = Point(self._name("returned"), trigger, "", event=event.number)
        point.returns = True
        return point

    def _written(self, event: Event) -> Point | None:
        name = written_control(event)
        if name not in self.table:
            return None
        trigger = self._after(f"msr {name.lower()}, *", event)
        what, why = f"{name.lower().replace('_', '-')}-written", f"{name} was written"
        return Point(self._name(what), trigger, why, name, event.number)

    def _after(self, pattern: str, event: Event) -> str:
        """The trigger; it counts in one function where there is one, else over the whole boot."""
        inside = function_of(self.elf, self._image.link(event.pc)) if self.elf.symbols else ""
        self._seen[pattern, inside] += 1
        self._seen[pattern, "*"] += inside != ""
        nth = self._seen[pattern, inside]
        if inside:
            return f'after: {{insn: "{pattern}", in: {json.dumps(inside)}, nth: {nth}}}'
        return f'after: {{insn: "{pattern}", nth: {nth}}}'

    def _landing(self, pc: int, event: Event) -> Point:
        high = pc >= HIGH_HALF > event.pc
        name = "landed-high" if high else "landed-moved"
        why = (
            "the code goes on in the high half"
            if high
            else "the code goes on where it moved itself"
        )
        link = self._image.link(pc)
        point = Point(self._name(name), f"at: {self._at(link)}", why, event=event.number)
        point.landing = "high" if high else "moved"
        return point


def find_landing(  # pylint: disable=too-many-arguments # a run of its own
    command: Sequence[str],
    room: Path,
    elf: Elf,
    aliases: list[Alias],
    events: Sequence[Event],
    bound: float,
) -> tuple[int | None, int]:
    """The first address at the image's other place (high half, or moved), found by stepping
    from the last event before it: (address, number of that event); (None, -1) without a jump."""
    arrivals: Counter[int] = Counter()
    before: Event | None = None
    for event in events:
        if event.el == 0 or event.kind != "insn":
            continue
        place = place_of(elf, aliases, event.pc)
        if before is not None and place is not None:
            if place != place_of(elf, aliases, before.pc):
                return _step_to(command, room, elf, aliases, before, arrivals[before.pc], bound)
        if place is not None:
            before = event
            arrivals[event.pc] += 1
    return None, -1


def _step_to(  # pylint: disable=too-many-arguments # a run of its own
    command: Sequence[str],
    room: Path,
    elf: Elf,
    aliases: list[Alias],
    last: Event,
    arrivals: int,
    bound: float,
) -> tuple[int | None, int]:
    here = place_of(elf, aliases, last.pc)
    try:
        with stopped_guest(command, room, bound) as stub:
            stub.breakpoint(last.pc, True)
            for arrival in range(arrivals):
                if arrival:
                    stub.step_from()
                stub.go()
            stub.breakpoint(last.pc, False)
            for _step in range(_STEPS):
                stub.step_from()
                pc = stub.pc()
                place = place_of(elf, aliases, pc)
                if place is not None and place != here:
                    return pc, last.number
    except (Gone, TimeoutError):
        pass
    return None, -1


def symbol_value(elf: Elf, aliases: list[Alias], value: int) -> str:
    """An expression for a register's value that is the address of a symbol, "" when none is."""
    name = exact(elf, value)
    if name:
        return name
    for alias in aliases:
        link = alias.fold(value)
        name = exact(elf, link) if link is not None else ""
        if name and alias.unfold(elf.symbols[name].value) == value:
            return f"pa({name})"
    return ""
