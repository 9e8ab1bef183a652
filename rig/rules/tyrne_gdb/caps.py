"""The capabilities: what each task holds, and how the capabilities derive from each other."""

from __future__ import annotations

from dataclasses import dataclass
from . import style
from .kernel import Kernel, Ref, array_length, ref_of
from .memory import enumerators, gdb, member, number
from .names import NO_SLOT, RETIRED, kind_words, rights_words
from .tasks import Tasks

_INDEX_BITS = 16  # CAP_HANDLE_INDEX_BITS


@dataclass
class Slot:
    """One slot of the capability space."""

    at: int
    kind: str  # "" when the slot is empty
    rights: int
    object: Ref
    generation: int
    parent: int
    first_child: int
    next_sibling: int
    depth: int


class Caps:
    """The capability space of one stop. Slots are read when they are asked for: most are empty."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._kernel: Kernel = tasks.kernel
        space = member(self._kernel.core, "caps")
        self._slots = member(space, "slots")
        self._first_free = member(space, "first_free")
        self._kinds = enumerators("cap_kind")
        self.tables = array_length(self._first_free)
        self.count = array_length(self._slots)
        self.parked = array_length(member(self._kernel.ipc, "endpoints"))
        self.per_table = (self.count - self.parked) // self.tables
        self._read: dict[int, Slot] = {}

    def slot(self, at: int) -> Slot:
        """A slot by its place in the whole space."""
        if at not in self._read:
            self._read[at] = self._take(at)
        return self._read[at]

    def _take(self, at: int) -> Slot:
        value = self._slots[at]
        cap = member(value, "cap")
        kind = number(cap, "kind")
        name = self._kinds.get(kind, f"unknown kind {kind}")
        return Slot(
            at,
            "" if kind == 0 else kind_words(name),
            number(cap, "rights"),
            ref_of(member(cap, "object")),
            number(value, "generation"),
            number(value, "parent.value"),
            number(value, "first_child.value"),
            number(value, "next_sibling.value"),
            number(value, "depth"),
        )

    def used(self, table: int) -> list[Slot]:
        """What a table holds."""
        start = table * self.per_table
        found = (self.slot(at) for at in range(start, start + self.per_table))
        return [slot for slot in found if slot.kind]

    def parked_at(self, endpoint: int) -> Slot | None:
        """The capability that waits at an endpoint with its message."""
        slot = self.slot(self.tables * self.per_table + endpoint)
        return slot if slot.kind else None

    def all_used(self) -> list[Slot]:
        """Every capability there is."""
        return [slot for slot in map(self.slot, range(self.count)) if slot.kind]

    def children(self, slot: Slot) -> tuple[list[int], str]:
        """The slots derived from one, and what is wrong with the list, which may have a loop."""
        found: list[int] = []
        at = slot.first_child
        while at != NO_SLOT:
            if at >= self.count:
                return found, f"a child of {self.place(slot.at)} is slot {at} of {self.count}"
            if at in found:
                return found, (
                    f"the children of {self.place(slot.at)} come round to {self.place(at)} again: "
                    f"not followed further after {len(found)}"
                )
            found.append(at)
            at = self.slot(at).next_sibling
        return found, ""

    # --- words ------------------------------------------------------------------------------------

    def place(self, at: int) -> str:
        """`task 2 slot 1`, or where it is parked."""
        if at >= self.tables * self.per_table:
            return f"parked at endpoint {at - self.tables * self.per_table}"
        return f"task {at // self.per_table} slot {at % self.per_table}"

    def handle(self, slot: Slot) -> str:
        """The handle by which the task names it."""
        index = slot.at % self.per_table
        return f"{slot.generation << _INDEX_BITS | index:#x}"

    def object_words(self, slot: Slot) -> str:
        """`endpoint 1`, and whether it is still there."""
        arena = self._kernel.arenas.get(slot.kind)
        if arena is None:
            return slot.kind
        ref = slot.object
        stale = "" if arena.names(ref) else f", generation {ref.generation}: gone"
        if slot.kind == "task" and not stale:
            return self._tasks.label(ref.index)
        return f"{slot.kind} {ref.index}{stale}"

    def tree_words(self, slot: Slot) -> str:
        """The parent and the children of a capability."""
        parent = self.place(slot.parent) if slot.parent != NO_SLOT else ""
        children, _ = self.children(slot)
        words = [f"from {parent}"] if parent else ["root"]
        if children:
            words.append("children: " + ", ".join(map(self.place, children)))
        return "; ".join(words)

    def rows(self, slots: list[Slot]) -> list[list[str]]:
        """A table of capabilities."""
        rows = [["slot", "handle", "capability for", "rights", "derivation"]]
        for slot in slots:
            index = str(slot.at % self.per_table)
            rows.append(
                [index, self.handle(slot), self.object_words(slot), rights_words(slot.rights)]
                + [self.tree_words(slot)]
            )
        return rows

    def problems(self, slots: list[Slot]) -> list[str]:
        """What of these capabilities contradicts the tree they are in."""
        found = []
        for slot in slots:
            place = self.place(slot.at)
            children, wrong = self.children(slot)
            if wrong:
                found.append(wrong)
            for at in children:
                if not self.slot(at).kind:
                    found.append(f"{place} has a child that is an empty slot: {self.place(at)}")
                elif self.slot(at).parent != slot.at:
                    found.append(f"{place} has a child that names another parent: {self.place(at)}")
            if slot.parent != NO_SLOT:
                found += self._wrong_parent(slot)
            if slot.kind.startswith("unknown"):
                found.append(f"{place} holds an {slot.kind}")
            if slot.generation == RETIRED:
                found.append(f"{place} is in use with a generation that is used up")
        return found

    def _wrong_parent(self, slot: Slot) -> list[str]:
        place = self.place(slot.at)
        if slot.parent >= self.count:
            return [f"the parent of {place} is slot {slot.parent} of {self.count}"]
        parent = self.slot(slot.parent)
        if not parent.kind:
            return [f"the parent of {place} is an empty slot: {self.place(parent.at)}"]
        if slot.at not in self.children(parent)[0]:
            return [f"{place} is not among the children of its parent, {self.place(parent.at)}"]
        if slot.rights & ~parent.rights:
            more = rights_words(slot.rights & ~parent.rights)
            return [f"{place} has rights that its parent has not: {more}"]
        return []

    def free_problems(self, table: int) -> list[str]:
        """What is wrong with a table's list of free slots, which may have a loop."""
        at = number(self._first_free[table], "value")
        seen: set[int] = set()
        start = table * self.per_table
        while at != NO_SLOT:
            if not start <= at < start + self.per_table:
                return [f"the free slots of task {table} lead to {self.place(at)}"]
            if at in seen:
                return [
                    f"the free slots of task {table} come round to slot {at - start} again: "
                    f"not followed further after {len(seen)}"
                ]
            if self.slot(at).kind:
                return [f"slot {at - start} of task {table} is in use, but among the free ones"]
            seen.add(at)
            at = self.slot(at).next_sibling
        return []


def lines(argument: str) -> list[str]:
    """What `tyrne caps [TASK]` prints."""
    words = gdb.string_to_argv(argument)
    if len(words) > 1:
        raise gdb.GdbError("tyrne: one task at most: tyrne caps [TASK]")
    tasks = Tasks(Kernel())
    caps = Caps(tasks)
    chosen = [tasks.find(words[0])] if words else tasks.live()
    shown: list[str] = []
    problems: list[str] = []
    for index in chosen:
        held = caps.used(index)
        shown.append(style.head(f"{tasks.label(index)}: {len(held)} of {caps.per_table} slots"))
        shown += [f"  {line}" for line in style.table(caps.rows(held))] if held else []
        problems += caps.problems(held) + caps.free_problems(index)
    if not words:
        shown += _rest(caps, chosen, problems)
    return shown + style.broken(problems, tasks.kernel.in_kernel)


def _rest(caps: Caps, chosen: list[int], problems: list[str]) -> list[str]:
    """What no task holds: parked capabilities, and what is left in the table of a task that is
    gone."""
    shown = []
    for endpoint in range(caps.parked):
        slot = caps.parked_at(endpoint)
        if slot is not None:
            what = f"{caps.object_words(slot)}, {rights_words(slot.rights)}"
            shown.append(f"parked at endpoint {endpoint}: {what}; {caps.tree_words(slot)}")
            problems += caps.problems([slot])
    for table in range(caps.tables):
        left = [] if table in chosen else caps.used(table)
        if left:
            shown.append(f"table {table}, of no task: {len(left)} capabilities")
    return shown
