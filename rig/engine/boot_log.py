"""What a stepped boot did to the system registers, and the exceptions that it took.

The engine inside gdb tells of each as it comes (rig/gdb/changes.py); here they are kept for the
reports, with their fields in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .checks import Where
from .paths import REGISTERS
from .registers import Register, Table, load_formats
from .syndrome import decode


@dataclass(frozen=True)
class FieldChange:
    """One field of a register whose value is another one afterwards."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """One instruction that changed a register. `old` is None where nothing could tell it."""

    register: str
    kind: str  # the architecture table's: control, exception, thread, …; "" when it has none
    old: int | None
    new: int
    fields: tuple[FieldChange, ...]
    count: int  # instructions executed, this one included
    where: Where

    def to_json(self) -> dict[str, Any]:
        """Plain data; 64-bit values are texts."""
        return {
            "register": self.register,
            "kind": self.kind,
            "old": None if self.old is None else f"{self.old:#x}",
            "new": f"{self.new:#x}",
            "fields": {item.name: [item.old, item.new] for item in self.fields},
            "count": self.count,
            "where": vars(self.where),
        }


@dataclass(frozen=True)
class ExceptionTaken:
    """One exception entry while stepping."""

    kind: str  # SVC, IRQ, DATA_ABORT, … as packs have it
    source: int
    target: int
    entry: int  # the vector's address
    syndrome: int | None
    decoded: str  # the syndrome in words
    far: int | None
    announced: bool  # by a rule of the pack
    count: int
    where: Where  # where it returns to

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "class": self.kind,
            "from": f"EL{self.source}",
            "to": f"EL{self.target}",
            "entry": f"{self.entry:#x}",
            "esr": None if self.syndrome is None else f"{self.syndrome:#x}",
            "esr_text": self.decoded,
            "far": None if self.far is None else f"{self.far:#x}",
            "announced": self.announced,
            "count": self.count,
            "where": vars(self.where),
        }


@dataclass
class BootLog:
    """Everything of one stepping run, in order."""

    changes: list[Change] = field(default_factory=list)
    exceptions: list[ExceptionTaken] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)  # not kept: register (or `exceptions`), count

    def take(self, event: dict[str, Any], table: Table) -> None:
        """An event `sysreg` or `exception` of the engine."""
        where = Where.from_json(event["where"])
        assert where is not None
        if event["event"] == "sysreg":
            self.changes.append(_change(event, where, table))
        else:
            self.exceptions.append(_exception(event, where, table))

    def to_json(self) -> dict[str, Any]:
        """The keys that a variant of the JSON report gets; none for a run without stepping."""
        data: dict[str, Any] = {}
        if self.changes or self.exceptions:
            data["changes"] = [change.to_json() for change in self.changes]
            data["exceptions_stepped"] = [taken.to_json() for taken in self.exceptions]
        if self.cut:
            data["changes_cut"] = self.cut
        return data


def syndrome_words(syndrome: int, table: Table) -> str:
    """ESR_ELx in one line."""
    words = decode(syndrome, table, _formats())
    return "; ".join([words.name, *(" ".join(line.split()) for line in words.lines)])


@lru_cache(maxsize=1)
def _formats() -> dict[str, Register]:
    return load_formats(REGISTERS)


def _change(event: dict[str, Any], where: Where, table: Table) -> Change:
    name, old, new = event["register"], event["old"], event["new"]
    register = table.registers.get(name)
    fields: list[FieldChange] = []
    if register is not None and register.fields and old is not None:
        for part in register.differing(old, new):
            known = register.fields.get(part)
            if known is not None:
                fields.append(FieldChange(part, known.text(old), known.text(new)))
            else:  # [n]: a bit that no field names
                bit = int(part[1:-1])
                fields.append(FieldChange(part, str(old >> bit & 1), str(new >> bit & 1)))
    kind = register.kind if register is not None else ""
    return Change(name, kind, old, new, tuple(fields), event["count"], where)


def _exception(event: dict[str, Any], where: Where, table: Table) -> ExceptionTaken:
    syndrome = event["syndrome"]
    return ExceptionTaken(
        kind=event["exception_class"],
        source=event["source"],
        target=event["target"],
        entry=event["entry"],
        syndrome=syndrome,
        decoded="" if syndrome is None else syndrome_words(syndrome, table),
        far=event["far"],
        announced=event["announced"],
        count=event["count"],
        where=where,
    )
