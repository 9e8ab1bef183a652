"""Exceptions taken while stepping: recognised from the state, held against the pack's rules.

QEMU takes an interrupt at the start of a step: the PC is then a vector entry, and the instruction
that the step was for has not executed (its address is in ELR_ELx). A synchronous exception leaves
the PC there, too, with the instruction done (SVC) or not (an abort). Vector entries and syndromes:
DDI 0487, D1.3.1 "Exception entry" and D17.2.37 "ESR_EL1".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from decode import Insn
from engine.checks import FAIL, NOT_JUDGED, PASS, Check
from engine.evaluate import NotKnown, Word
from engine.pack import budget_of
from recorder import Recorder
from state import LiveState
from target import PC, PSTATE

VECTORS = range(0, 0x800, 0x80)
_KINDS = ("", "IRQ", "FIQ", "SERROR")  # by the entry's place in its group of four
# ESR_ELx.EC to the classes of QEMU's log, which `faults` speaks of, too.
_SYNCHRONOUS = {
    0x15: "SVC", 0x16: "HVC", 0x17: "SMC", 0x20: "INSTRUCTION_ABORT", 0x21: "INSTRUCTION_ABORT",
    0x22: "INSTRUCTION_ABORT", 0x24: "DATA_ABORT", 0x25: "DATA_ABORT", 0x3C: "BREAKPOINT",
}  # fmt: skip
_TOP_EL = 3


@dataclass(frozen=True)
class Taken:
    """One exception entry."""

    kind: str
    source: int  # the level it was taken from
    target: int
    entry: int  # the vector entry
    back: int  # ELR_ELx
    executed: bool  # has the instruction of the step executed?

    def text(self) -> str:
        """IRQ taken from EL1 to EL1."""
        return f"{self.kind} taken from EL{self.source} to EL{self.target}"


def level_of(regs: tuple[int, ...]) -> int:
    """The exception level of a set of core registers."""
    return regs[PSTATE] >> 2 & 3


def vector_base(state: LiveState, level: int) -> int | None:
    """VBAR_ELx; None when the stub does not offer it."""
    try:
        return state.steady(f"VBAR_EL{level}")
    except NotKnown:
        return None


def vector_entries(state: LiveState) -> set[int]:
    """Where an exception can lead from this level: the entries of every level from here up."""
    entries: set[int] = set()
    for level in range(max(level_of(state.regs), 1), _TOP_EL + 1):
        base = vector_base(state, level)
        if base is not None:
            entries |= {base + offset for offset in VECTORS}
    return entries


def leads_to(insn: Insn, regs: tuple[int, ...], pc: int) -> bool:
    """Does executing the instruction, with these registers before it, lead to pc by itself?"""
    if insn.branch in ("return", "indirect", "indirect-call"):
        register = (insn.opcode or 0) >> 5 & 31
        return not insn.changes_state and register < 31 and regs[register] == pc
    return pc in insn.static_successors()


def recognise(state: LiveState, insn: Insn | None, before: tuple[int, ...]) -> Taken | None:
    """The exception that this stop is the entry of; insn is None after a loop was run over."""
    pc, target = state.regs[PC], level_of(state.regs)
    if pc % 0x80 or target == 0:
        return None
    base = vector_base(state, target)
    if base is None or pc - base not in VECTORS:
        return None
    if insn is not None and leads_to(insn, before, pc):
        return None
    kind = _KINDS[(pc - base) // 0x80 % 4]
    if not kind:
        syndrome = state.stub(f"ESR_EL{target}")
        kind = "UNKNOWN" if syndrome is None else _SYNCHRONOUS.get(syndrome >> 26, "UNDEFINED")
    back = state.stub(f"ELR_EL{target}") or 0
    return Taken(kind, level_of(before), target, pc, back, insn is None or back != insn.pc)


@dataclass
class _Rule:
    """One rule of `exceptions` and what came of it."""

    rule: dict[str, Any]
    active: bool
    least: int
    most: int | None
    taken: int = 0

    def matches(self, exception: Taken) -> bool:
        """Does the rule speak of this one, now?"""
        rule = self.rule
        return (
            self.active
            and exception.kind in rule["class"]
            and rule.get("from", f"EL{exception.source}") == f"EL{exception.source}"
            and rule.get("to", f"EL{exception.target}") == f"EL{exception.target}"
        )

    def full(self) -> bool:
        """Has all that it announces come?"""
        return self.most is not None and self.taken >= self.most

    def budget(self) -> str:
        """The budget in words."""
        if self.most is None:
            return f"at least {self.least}"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


class Exceptions:
    """The rules under `exceptions`; each is reported once, at the end."""

    def __init__(self, rules: list[dict[str, Any]], recorder: Recorder) -> None:
        self._recorder = recorder
        self._items = [_Rule(rule, "since" not in rule, *budget_of(rule)) for rule in rules]

    def begin_or_end(self, checkpoint: str) -> None:
        """A checkpoint fired: some rules start, some end."""
        for item in self._items:
            if item.rule.get("since") == checkpoint:
                item.active = True
            if item.rule.get("until") == checkpoint:
                item.active = False

    def lost(self) -> None:
        """Somebody else has moved the guest: any rule may have begun, and how many came is not
        known."""
        for item in self._items:
            item.active, item.most = True, None

    def judge(self, exception: Taken, interrupted: str) -> Word:
        """announced or unannounced, with words; it counts for the first rule with room."""
        fitting = [item for item in self._items if item.matches(exception)]
        chosen = next((item for item in fitting if not item.full()), None)
        if chosen is not None:
            chosen.taken += 1
            return Word("announced")
        reason = "no rule under `exceptions` announces it"
        if fitting:
            reason = f"{fitting[0].rule['id']} announces {fitting[0].budget()}, which came before"
        return Word("unannounced").explained(
            f"{exception.text()} at {exception.entry:#x}, {interrupted}", reason
        )

    def finish(self, stopped_by: str) -> None:
        """Report each rule; what was announced and did not come is a failure."""
        for item in self._items:
            rule = item.rule
            check = Check(
                id=rule["id"],
                rule=rule["id"],
                kind="exception",
                group=rule.get("group", "exceptions"),
                status=PASS,
                text=f"{' or '.join(rule['class'])} taken, {item.budget()} times",
                why=rule["why"],
                spec=rule.get("spec", ""),
            )
            if item.taken < item.least:
                check.status, check.too_few = FAIL, True
                check.expected, check.actual = item.budget(), f"{item.taken} taken"
            if check.status == FAIL and stopped_by:
                check.status = NOT_JUDGED
                check.actual += f" when stepping ended at the broken rule {stopped_by}"
            self._recorder.check(check)
