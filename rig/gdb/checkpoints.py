"""Checkpoints: when they fire, in which order, and whether their expectations hold."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from decode import Insn
from engine.checks import ERROR, FAIL, NOT_JUDGED, PASS, Check, Where
from engine.console import line_shows
from engine.evaluate import Evaluator, NotKnown
from engine.expr import Expression, parse
from engine.image import Image
from engine.lint import split_at
from recorder import Recorder
from state import LiveState


@dataclass
class Checkpoint:
    """One checkpoint of the pack for this variant."""

    index: int
    rule: dict[str, Any]
    expect: list[Expression]
    seen: int = 0  # instructions that matched its pattern
    fired: bool = False
    unseen: bool = False  # it may have been passed while nobody looked
    lost: bool = False  # nobody can tell any more when it is reached: it never fires
    addresses: frozenset[int] = frozenset()

    @property
    def id(self) -> str:
        """The pack's id."""
        return str(self.rule["id"])

    @property
    def group(self) -> str:
        """The group that ctest names."""
        return str(self.rule.get("group", self.id))


@dataclass
class Checkpoints:
    """All checkpoints of a run."""

    items: list[Checkpoint]
    image: Image
    evaluator: Evaluator
    recorder: Recorder
    serial: str
    at: dict[int, list[Checkpoint]] = field(default_factory=dict)
    _serial_size: int = -1

    @staticmethod
    def build(
        rules: list[dict[str, Any]],
        image: Image,
        evaluator: Evaluator,
        recorder: Recorder,
        serial: str,
    ) -> "Checkpoints":
        """Prepare the pack's rules; the pack was linted by the driver."""
        items = []
        at: dict[int, list[Checkpoint]] = {}
        for index, rule in enumerate(rules):
            item = Checkpoint(index, rule, [parse(text) for text in rule["expect"]])
            if "at" in rule:
                symbol, offset = split_at(rule["at"])
                link = offset + (image.elf.symbols[symbol].value if symbol else 0)
                item.addresses = frozenset(image.variants(link))
                for address in item.addresses:
                    at.setdefault(address, []).append(item)
            item.lost = "marker" in rule and not serial
            items.append(item)
        return Checkpoints(items, image, evaluator, recorder, serial, at)

    def passed_by(self) -> None:
        """The guest ran while nobody looked. What it printed meanwhile was printed somewhere, and
        an instruction whose executions are counted was executed any number of times."""
        for item in self.printed():
            item.lost = True
        counted = {pattern for pattern, nth in map(_pattern, self.items) if nth > 1}
        for item in self.items:
            item.lost = item.lost or (not item.fired and _pattern(item)[0] in counted)
            item.unseen = not item.fired

    # --- firing -----------------------------------------------------------------------------------

    def triggers(self, insn: Insn) -> list[Checkpoint]:
        """Pending checkpoints whose instruction pattern this instruction matches."""
        found = []
        for item in self.items:
            pattern = item.rule.get("after") or item.rule.get("before")
            if item.fired or item.lost or not pattern:
                continue
            if not fnmatchcase(insn.text, pattern["insn"].lower()):
                continue
            inside = pattern.get("in")
            if inside is None or self._inside(insn.pc, inside):
                found.append(item)
        return found

    def _inside(self, pc: int, symbol: str) -> bool:
        return self.image.locate(pc).partition("+")[0] == symbol

    def pending_markers(self) -> bool:
        """Is a marker still waited for?"""
        return any("marker" in item.rule and not (item.fired or item.lost) for item in self.items)

    def count(self, insn: Insn, key: str) -> list[Checkpoint]:
        """Checkpoints that fire now, `before` or `after` this execution of the instruction."""
        due = []
        for item in insn.triggers:
            pattern = item.rule.get(key)
            if pattern is None or item.fired or item.lost:
                continue
            item.seen += 1
            if item.seen == pattern.get("nth", 1):
                due.append(item)
        return due

    @staticmethod
    def take_back(insn: Insn) -> None:
        """The instruction was about to execute, but an exception came first: it will come again."""
        for item in insn.triggers:
            if "before" in item.rule and not item.fired:
                item.seen -= 1

    def reached(self, pc: int) -> list[Checkpoint]:
        """Checkpoints placed at this address."""
        return [item for item in self.at.get(pc, ()) if not item.fired]

    def printed(self) -> list[Checkpoint]:
        """Marker checkpoints whose text is on the console now."""
        try:
            size = os.stat(self.serial).st_size
        except OSError:
            return []
        if size == self._serial_size:
            return []
        self._serial_size = size
        with open(self.serial, encoding="utf-8", errors="replace", newline="") as file:
            lines = [line.rstrip("\r") for line in file.read().split("\n")[:-1]]  # whole ones
        return [
            item
            for item in self.items
            if "marker" in item.rule
            and not (item.fired or item.lost)
            and any(line_shows(line, item.rule["marker"]) for line in lines)
        ]

    # --- judging ----------------------------------------------------------------------------------

    def fire(self, item: Checkpoint, state: LiveState, instruction: str) -> None:
        """Judge a checkpoint at this stop and report it."""
        item.fired = True
        where = self.recorder.where(state.pc, instruction)
        checks = [self._order(item, where)]
        for number, expression in enumerate(item.expect, 1):
            checks.append(self._expect(item, number, expression, state, where))
        self.recorder.event(
            "checkpoint",
            id=item.id,
            group=item.group,
            index=item.index + 1,
            total=len(self.items),
            where=vars(where),
            checks=[self.recorder.finish(check).to_json() for check in checks],
        )

    def _check(self, item: Checkpoint, suffix: str, kind: str, text: str, where: Where) -> Check:
        rule = item.rule
        return Check(
            id=f"{item.id}{suffix}",
            rule=item.id,
            kind=kind,
            group=item.group,
            status=PASS,
            text=text,
            why=rule["why"],
            spec=rule.get("spec", ""),
            where=where,
        )

    def _order(self, item: Checkpoint, where: Where) -> Check:
        check = self._check(item, "", "reached", "reached in order", where)
        before = self.items[: item.index]
        missing = [other.id for other in before if not (other.fired or other.unseen or other.lost)]
        if missing:
            check.status = FAIL
            check.text = "reached out of order"
            check.expected = f"after {', '.join(missing)}"
            check.actual = (
                "reached while " + ("it is" if len(missing) == 1 else "they are") + " not"
            )
        return check

    def _expect(
        self, item: Checkpoint, number: int, expression: Expression, state: LiveState, where: Where
    ) -> Check:
        check = self._check(item, f".{number}", "expect", expression.text, where)
        try:
            verdict = self.evaluator.judge(expression, state)
        except NotKnown as error:
            check.status, check.actual = ERROR, str(error)
            return check
        if not verdict.holds:
            check.status = FAIL
            check.expected, check.actual = verdict.expected, verdict.actual
            part = (
                [] if verdict.part == expression.text else [f"the part that fails: {verdict.part}"]
            )
            check.details = part + verdict.details
        return check

    def now(self, item: Checkpoint, state: LiveState) -> list[Check]:
        """The checkpoint's expectations at this stop, which need not be its own; nothing fires."""
        where = self.recorder.where(state.pc)
        return [
            self._expect(item, number, expression, state, where)
            for number, expression in enumerate(item.expect, 1)
        ]

    def finish(self, last: Where, stopped_by: str) -> None:
        """Report each checkpoint that did not fire."""
        for item in self.items:
            if item.fired:
                continue
            check = self._check(item, "", "reached", "checkpoint never reached", last)
            if stopped_by:
                check.status = NOT_JUDGED
                check.actual = f"stepping ended at the broken rule {stopped_by}"
            else:
                check.status = FAIL
                check.expected = f"to be reached ({trigger_text(item.rule)})"
                check.actual = f"stepping ended at {last.text()}"
            self.recorder.check(check)


def _pattern(item: Checkpoint) -> tuple[tuple[object, object], int]:
    """The instruction that a checkpoint waits for and where, and which execution of it."""
    pattern = item.rule.get("after") or item.rule.get("before") or {}
    return (pattern.get("insn"), pattern.get("in")), pattern.get("nth", 1)


def trigger_text(rule: dict[str, Any]) -> str:
    """When a checkpoint fires, in words."""
    for key in ("after", "before"):
        if key in rule:
            pattern = rule[key]
            inside = f" in {pattern['in']}" if "in" in pattern else ""
            return f"{key} `{pattern['insn']}`, time {pattern.get('nth', 1)}{inside}"
    return f"at {rule['at']}" if "at" in rule else f"console shows {rule['marker']!r}"
