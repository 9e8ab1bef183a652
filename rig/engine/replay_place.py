"""Where a failed run broke, and how far it has to be recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .checks import FAIL, PASS, Check, Where
from .errors import CannotJudge
from .replay_manifest import Place
from .results import VariantResult

# Checks of a free run, of an event trace and of a snapshot know no instruction count.
_UNCOUNTED = ("marker", "fault", "end", "ordering", "address-space")
_SECONDS = 5.0  # of a guest that does not end, when no count says where it broke
_DETAILS = 4  # lines of a check's that are shown where it broke
EXACT, ARRIVAL, END = "exact", "arrival", "end"


@dataclass(frozen=True)
class Broken:
    """The first broken check, where it was, and how exactly that is known: to the instruction, as
    the first arrival at a PC, or not at all (the recording's end then)."""

    broken: dict[str, Any]
    place: Place
    known: str


@dataclass(frozen=True)
class End:
    """How far to record: for so many instructions and a few more (0: to the guest's own end), and
    for so many seconds at most (0: the recorder's own bound). `pc` is where the guest is after the
    instructions, when that is known."""

    why: str
    count: int = 0
    seconds: float = 0.0
    pc: int | None = None


def broken_place(result: VariantResult, entries: Mapping[str, str]) -> Broken:
    """Where the variant broke first; `entries` are the pack's address spaces: id to checkpoint."""
    failed = [check for check in result.checks if check.failed]
    stepped = [check for check in failed if check.kind not in _UNCOUNTED and check.where]
    if stepped:
        first = min(stepped, key=lambda check: check.count)
        return Broken(_told(first), _place(first.rule, first.count, first.where), EXACT)
    for check in failed:
        at = entries.get(check.id.partition(".")[0], "")
        place = next((p for p in checkpoints(result) if p.name == at), None)
        if check.kind == "address-space" and place is not None:
            return Broken(_told(check), place, EXACT)
    for check in failed:
        if check.where is not None:
            return Broken(_told(check), _place(check.rule, 0, check.where), ARRIVAL)
    told = _told(failed[0]) if failed else _told_phase(result)
    return Broken(told, Place(str(told["rule"]), 0, 0), END)


def checkpoints(result: VariantResult) -> list[Place]:
    """The checkpoints that fired, in their order."""
    return [
        _place(check.rule, check.count, check.where)
        for check in result.checks
        if check.kind == "reached" and check.status == PASS and check.where is not None
    ]


def end_of(result: VariantResult, broken: Broken) -> End:
    """How far to record. A guest that ran to its own end in one phase does so again; one that hangs
    is recorded to the last place where a rule broke, or where stepping left it."""
    runs = [phase for phase in result.phases if phase.name in ("free-run", "ordering", "step")]
    if any("guest ended" in phase.reason.replace("-", " ") for phase in runs):
        return End("the guest ends")
    if broken.known == EXACT:
        last = broken.place
        for check in result.checks:
            if check.status == FAIL and check.where and check.count > last.count:
                last = _place(check.rule, check.count, check.where)
        return End(f"recorded to the last broken rule, {last.name}", last.count, pc=last.pc)
    if broken.known == ARRIVAL:
        return End(f"the guest was recorded for {_SECONDS:g} s", seconds=_SECONDS)
    step = next((phase for phase in runs if phase.name == "step"), None)
    if step is None:
        raise CannotJudge("the guest did not end, and nothing says how far it is to be recorded")
    return End("recorded to where stepping ran out of time", step.stepped + step.run_over)


def _place(name: str, count: int, where: Where | None) -> Place:
    assert where is not None
    symbol = f"<{where.symbol}>" if where.symbol else ""
    line = f" {where.file}:{where.line}" if where.file else ""
    return Place(name, count, where.pc, f"{symbol}{line}".strip())


def _told(check: Check) -> dict[str, Any]:
    return {
        "rule": check.rule,
        "check": check.id,
        "kind": check.kind,
        "text": check.text,
        "expected": check.expected,
        "actual": check.actual,
        "details": [line for line in check.details[:_DETAILS] if not line.endswith(":")],
        "why": check.why,
    }


def _told_phase(result: VariantResult) -> dict[str, Any]:
    """Nothing is broken: what could not be judged."""
    error = next((phase.error for phase in result.phases if phase.error), "not everything judged")
    return {
        "rule": "not judged", "check": "", "kind": "", "text": error,
        "expected": "", "actual": "", "details": [], "why": "",
    }  # fmt: skip
