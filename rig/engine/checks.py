"""The one record that every rule ends in: a check, with its verdict and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

PASS, FAIL, ERROR, NOT_JUDGED, WAIVED = "pass", "fail", "error", "not-judged", "waived"


@dataclass
class Where:
    """A place in the guest: PC as executed, and what it is."""

    pc: int
    symbol: str = ""
    file: str = ""
    line: int = 0
    instruction: str = ""

    def text(self) -> str:
        """`0x… <symbol> file:line`."""
        symbol = f" <{self.symbol}>" if self.symbol else ""
        place = f" {self.file}:{self.line}" if self.file else ""
        return f"{self.pc:#x}{symbol}{place}"

    @staticmethod
    def from_json(data: dict[str, Any] | None) -> "Where | None":
        """The inverse of asdict."""
        return Where(**data) if data else None


@dataclass
class Check:  # pylint: disable=too-many-instance-attributes # it is the whole record
    """One thing that was checked. `rule` is the pack's id; `id` is unique in a variant."""

    id: str
    rule: str
    kind: str  # reached, expect, transition, invariant, marker, fault, end, ordering
    group: str
    status: str
    text: str
    why: str = ""
    spec: str = ""
    expected: str = ""
    actual: str = ""
    details: list[str] = field(default_factory=list)
    where: Where | None = None
    history: list[str] = field(default_factory=list)
    count: int = 0  # instructions executed when it was judged
    variant: str = ""
    too_few: bool = False  # a budget whose minimum was not reached

    def to_json(self) -> dict[str, Any]:
        """Plain data; empty parts are left out."""
        return {k: v for k, v in asdict(self).items() if v not in ("", [], None, 0)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Check":
        """The inverse of to_json."""
        fields = dict(data)
        fields["where"] = Where.from_json(fields.get("where"))
        return Check(**fields)

    @property
    def failed(self) -> bool:
        """A broken rule."""
        return self.status == FAIL


def tally(checks: list[Check]) -> dict[str, int]:
    """Counts by status, and the number of checks that were judged."""
    counts = {status: 0 for status in (PASS, FAIL, ERROR, NOT_JUDGED, WAIVED)}
    for check in checks:
        counts[check.status] += 1
    return {"checked": counts[PASS] + counts[FAIL], **counts}


def exit_code(checks: list[Check]) -> int:
    """0, 1 or 3 (RIG.md, "Manners"): zero checks, or one that could not be judged, is no pass."""
    counts = tally(checks)
    if counts[FAIL]:
        return 1
    if counts[ERROR] or counts[NOT_JUDGED] or not counts[PASS]:
        return 3
    return 0
