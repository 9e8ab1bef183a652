"""Invariants: what must hold after every instruction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.checks import ERROR, FAIL, NOT_JUDGED, PASS, Check
from engine.evaluate import Evaluator, NotKnown
from engine.expr import EXCEPTION, Checker, Expression, parse
from engine.pack import RESET
from recorder import Recorder
from state import PSTATE_WATCHED, LiveState, SteadyState


@dataclass
class Invariant:
    """One invariant of the pack and what came of it."""

    rule: dict[str, Any]
    expression: Expression
    active: bool
    evaluated: int = 0
    done: bool = False  # reported (broken or not to be judged)
    known: set[tuple[int | str, ...]] = field(default_factory=set)  # inputs for which it holds

    @property
    def id(self) -> str:
        """The pack's id."""
        return str(self.rule["id"])


class Invariants:
    """Evaluates the active invariants; each is reported once, when it breaks or at the end."""

    def __init__(
        self,
        rules: list[dict[str, Any]],
        checker: Checker,
        evaluator: Evaluator,
        recorder: Recorder,
        control: frozenset[str],
    ) -> None:
        self._evaluator = evaluator
        self._recorder = recorder
        self._control = control
        self._items = []
        for rule in rules:
            expression = parse(rule["always"])
            checker.check(expression)
            active = rule.get("from", RESET) == RESET
            self._items.append(Invariant(rule, expression, active))
        self._live = [item for item in self._items if item.active]

    def begin(self, checkpoint: str) -> None:
        """A checkpoint fired: some invariants start here."""
        self._switch("from", checkpoint, True)

    def end(self, checkpoint: str) -> None:
        """A checkpoint is about to fire: some invariants need not hold from this stop on."""
        self._switch("until", checkpoint, False)

    def lost(self) -> None:
        """Somebody else has moved the guest: what holds up to a checkpoint may have ended."""
        for item in self._items:
            if "until" in item.rule:
                item.active = False
        self._live = [item for item in self._items if item.active and not item.done]

    def _switch(self, key: str, checkpoint: str, active: bool) -> None:
        for item in self._items:
            if item.rule.get(key) == checkpoint:
                item.active = active
        self._live = [item for item in self._items if item.active and not item.done]

    def evaluate(self, state: LiveState, instruction: str) -> str:
        """Evaluate after a step; returns the id of a broken rule that ends the run, or ""."""
        stop = ""
        for item in self._live:
            item.evaluated += 1
            key = self._key(item.expression, state)
            if key is not None and key in item.known:
                continue
            broken = self._judge(item, state, instruction)
            if not broken and key is not None:
                item.known.add(key)
            if broken and item.rule.get("stop"):
                stop = item.id
        if any(item.done for item in self._live):
            self._live = [item for item in self._live if not item.done]
        return stop

    def _key(self, expression: Expression, state: LiveState) -> tuple[int | str, ...] | None:
        """Everything the expression reads, None when that is not known cheaply."""
        needs = expression.needs
        if needs.walk or needs.general or not needs.registers <= self._control:
            return None
        regs = state.regs
        values: list[int | str] = []
        if EXCEPTION in needs.core:
            values.append(state.exception())
        if "PC" in needs.core:
            values.append(regs[32])
        if "SP" in needs.core:
            values.append(regs[31])
        if "PSTATE" in needs.core:
            values.append(regs[33] & PSTATE_WATCHED)
        try:
            values += [state.steady(name) for name in needs.registers]
        except NotKnown:
            return None
        return tuple(values)

    def _judge(self, item: Invariant, state: LiveState, instruction: str) -> bool:
        check = self._check(item)
        try:
            verdict = self._evaluator.judge(item.expression, SteadyState(state, self._control))
        except NotKnown as error:
            check.status, check.actual = ERROR, str(error)
        else:
            if verdict.holds:
                return False
            check.status = FAIL
            check.expected, check.actual = verdict.expected, verdict.actual
            check.details = [f"broken by `{instruction}`"] + verdict.details
        check.where = self._recorder.where(state.pc, instruction)
        item.done = True
        self._recorder.check(check)
        return check.status == FAIL

    def now(self, state: LiveState) -> list[Check]:
        """The active invariants at this stop, each as a check; nothing is booked."""
        checks = []
        for item in self._items:
            if not item.active:
                continue
            check = self._check(item)
            check.where = self._recorder.where(state.pc)
            try:
                verdict = self._evaluator.judge(item.expression, state)
            except NotKnown as error:
                check.status, check.actual = ERROR, str(error)
            else:
                if not verdict.holds:
                    check.status = FAIL
                    check.expected, check.actual = verdict.expected, verdict.actual
                    check.details = verdict.details
            checks.append(check)
        return checks

    def _check(self, item: Invariant) -> Check:
        return Check(
            id=item.id,
            rule=item.id,
            kind="invariant",
            group=item.rule.get("group", "invariants"),
            status=PASS,
            text=f"always: {item.rule['always']}",
            why=item.rule["why"],
            spec=item.rule.get("spec", ""),
        )

    def finish(self) -> None:
        """Report the invariants that held, and those that never had a chance to break."""
        for item in self._items:
            if item.done:
                continue
            check = self._check(item)
            if item.evaluated == 0:
                check.status = NOT_JUDGED
                check.actual = f"its start, {item.rule.get('from')}, was never reached"
            else:
                check.details = [f"held after {item.evaluated} instructions"]
            self._recorder.check(check)
