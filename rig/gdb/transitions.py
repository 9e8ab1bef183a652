"""Transitions: what must change between two checkpoints, and that nothing else did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from checkpoints import Checkpoint
from engine.checks import ERROR, FAIL, PASS, Check
from engine.lint import change_name
from engine.pack import RESET
from engine.registers import Table
from recorder import Recorder
from state import LiveState, Write


@dataclass
class _Change:
    """One register that differs between two snapshots."""

    register: str
    fields: list[str]
    old: int
    new: int


class Transitions:
    """Compares the snapshots of consecutive checkpoints."""

    def __init__(
        self,
        rules: list[dict[str, Any]],
        settings: dict[str, list[str]],
        table: Table,
        recorder: Recorder,
    ) -> None:
        self._rules = {(rule["from"], rule["to"]): rule for rule in rules}
        self._used: set[str] = set()
        self._table = table
        self._recorder = recorder
        self._volatile = [change_name(name) for name in settings["volatile"]]
        extra = [change_name(name)[0] for name in settings["watch"]]
        extra += [change_name(name)[0] for rule in rules for name in rule.get("of") or []]
        names = dict.fromkeys([*table.control(), *extra])
        self.watched = [name for name in names if name not in ("PSTATE", "CURRENTEL")]
        self._last: tuple[str, int, dict[str, int]] = ("", -1, {})

    def begin(self, state: LiveState) -> None:
        """The snapshot at the first instruction."""
        self._last = (RESET, -1, state.snapshot(self.watched))
        state.writes.clear()

    def lost(self, state: LiveState) -> None:
        """Somebody else has moved the guest: no way leads from the last checkpoint to the next."""
        self._last = ("", -2, state.snapshot(self.watched))
        state.writes.clear()

    def arrive(self, item: Checkpoint, state: LiveState) -> None:
        """Judge the way from the checkpoint before to this one."""
        name, index, old = self._last
        new = state.snapshot(self.watched)
        writes = dict(state.writes)
        state.writes.clear()
        self._last = (item.id, item.index, new)
        rule = self._rules.get((name, item.id))
        if rule is None and item.index != index + 1:
            return  # out of order, which the checkpoint itself reports
        if rule is not None:
            self._used.add(rule["id"])
        check = self._check(item, name, rule)
        check.where = self._recorder.where(state.pc)
        changes = self._changes(old, new, writes)
        unwritten, unknown = self._unwritten(rule, state, writes)
        problems = self._missing(rule, changes, new) + unwritten
        problems += self._surplus(rule, changes, writes)
        if problems:
            check.status = FAIL
            check.expected = self._wanted(rule)
            check.actual = problems[0]
            check.details = problems[1:] + [self._shown(change) for change in changes]
        absent = [
            change_name(text)[0]
            for text in (rule or {}).get("changes") or []
            if change_name(text)[0] not in new
        ]
        absent += unknown
        if absent and not problems:
            check.status = ERROR
            check.actual = f"{', '.join(absent)}: not offered by QEMU's gdb stub on this CPU"
        self._recorder.check(check)

    def finish(self) -> None:
        """Rules whose pair of checkpoints did not come one after the other."""
        for rule in self._rules.values():
            if rule["id"] in self._used:
                continue
            self._recorder.check(
                Check(
                    id=rule["id"],
                    rule=rule["id"],
                    kind="transition",
                    group=rule["group"],
                    status="not-judged",
                    text=f"{rule['from']} -> {rule['to']}: never taken",
                    why=rule["why"],
                    spec=rule.get("spec", ""),
                    actual="these two checkpoints did not come one after the other",
                )
            )

    # --- comparing --------------------------------------------------------------------------------

    def _changes(
        self, old: dict[str, int], new: dict[str, int], writes: dict[str, list[Write]]
    ) -> list[_Change]:
        changes = []
        for name, value in new.items():
            before = old.get(name)
            if before is None and name in writes:
                before = 0  # not offered by the stub: the first write is a change from "unknown"
            if before is None or before == value:
                continue
            fields = self._table[name].differing(before, value)
            if name == "PSTATE":
                fields = _pstate_fields(before ^ value)
            fields = [f for f in fields if not self._covered(self._volatile, name, f)]
            if fields:
                changes.append(_Change(name, fields, before, value))
        return changes

    def _covered(self, names: list[tuple[str, str]], register: str, field: str) -> bool:
        """Does one of the names allow this field's change (its register, it, or a group of it)?"""
        mask = self._mask(register, field)
        for name, wanted in names:
            if name == register and (not wanted or mask & ~self._mask(register, wanted) == 0):
                return True
        return False

    def _mask(self, register: str, field: str) -> int:
        if field.startswith("["):
            return 1 << int(field[1:-1])
        mask: int = self._table[register].fields[field].mask
        return mask

    def _missing(
        self, rule: dict[str, Any] | None, changes: list[_Change], new: dict[str, int]
    ) -> list[str]:
        problems = []
        for text in (rule or {}).get("changes") or []:
            name, field = change_name(text)
            if name not in new:
                continue
            change = next((c for c in changes if c.register == name), None)
            wanted = self._mask(name, field) if field else (1 << 64) - 1
            if change is None or not (change.old ^ change.new) & wanted:
                shown = self._table[name].decode(new[name])
                problems.append(f"{text} did not change: {name} is still {shown}")
        return problems

    @staticmethod
    def _unwritten(
        rule: dict[str, Any] | None, state: LiveState, writes: dict[str, list[Write]]
    ) -> tuple[list[str], list[str]]:
        """Registers that no instruction wrote; and those of them that cannot be read either, so
        that this CPU may not have them."""
        problems, unknown = [], []
        for text in (rule or {}).get("writes") or []:
            name, field = change_name(text)
            if (f"{name}.{field}" if field else name) in writes:
                continue
            if name != "PSTATE" and not state.offers(name):
                unknown.append(name)
                continue
            held = "" if field else f": {state.register(name):#x}"
            problems.append(
                f"{text}: no instruction wrote it; it holds its reset value, or the loader's{held}"
            )
        return problems, unknown

    def _surplus(
        self, rule: dict[str, Any] | None, changes: list[_Change], writes: dict[str, list[Write]]
    ) -> list[str]:
        allowed = [
            change_name(name)
            for key in ("changes", "may", "writes")
            for name in (rule or {}).get(key) or []
        ]
        problems = []
        for change in changes:
            extra = [f for f in change.fields if not self._covered(allowed, change.register, f)]
            if extra:
                names = ", ".join(f"{change.register}.{f}" for f in extra).replace(".[", "[")
                problems.append(f"{names} changed too{self._writers(change.register, writes)}")
        unknown = [n for n in writes if n.partition(".")[0] not in self._table]
        for name in unknown:
            if not self._allowed_raw(name, allowed):
                by = self._writers(name, writes)
                problems.append(f"{name} (not in the architecture table) was written{by}")
        return problems

    @staticmethod
    def _allowed_raw(name: str, allowed: list[tuple[str, str]]) -> bool:
        return any(name == register for register, _field in allowed)

    def _writers(self, name: str, writes: dict[str, list[Write]]) -> str:
        found = writes.get(name)
        if not found:
            return ", but no stepped instruction wrote it"
        last = found[-1]
        place = self._recorder.where(last.pc, last.instruction)
        times = "" if len(found) == 1 else f" (last of {len(found)} writes)"
        return f", written by `{last.instruction}` at {place.text()}{times}"

    def _shown(self, change: _Change) -> str:
        register = self._table[change.register]
        return (
            f"{change.register}: was {register.decode(change.old, change.new)}, "
            f"is {register.decode(change.new, change.old)}"
        )

    # --- words ------------------------------------------------------------------------------------

    @staticmethod
    def _wanted(rule: dict[str, Any] | None) -> str:
        changes = (rule or {}).get("changes") or []
        may = (rule or {}).get("may") or []
        written = (rule or {}).get("writes") or []
        text = ", ".join(changes) + " to change" if changes else "no control register to change"
        if may:
            text += f" ({', '.join(may)} may)"
        if written:
            text += f", an instruction to write each of {', '.join(written)},"
        return text + (" and nothing else" if changes or written else "")

    def _check(self, item: Checkpoint, before: str, rule: dict[str, Any] | None) -> Check:
        changed = ", ".join((rule or {}).get("changes") or [])
        written = ", ".join((rule or {}).get("writes") or [])
        what = f"{changed} changed, nothing else did" if changed else "nothing changed"
        if written:
            what = f"{written} written{f', {changed} changed' if changed else ''}, nothing else"
        return Check(
            id=rule["id"] if rule else f"{before}->{item.id}",
            rule=rule["id"] if rule else f"{before}->{item.id}",
            kind="transition",
            group=rule["group"] if rule else item.group,
            status=PASS,
            text=f"{before} -> {item.id}: {what}",
            why=rule["why"] if rule else "no transition of the pack allows a change here",
            spec=(rule or {}).get("spec", ""),
        )


def _pstate_fields(changed: int) -> list[str]:
    """EL, DAIF and SPSel are what a transition speaks of; other bits by number."""
    masks = {"EL": 0xC, "DAIF": 0x3C0, "SPSEL": 0x1}
    names = [name for name, mask in masks.items() if changed & mask]
    rest = changed & ~(0xC | 0x3C0 | 0x1)
    return names + [f"[{bit}]" for bit in range(32) if rest >> bit & 1]
