"""Judges an event trace by the ordering rules: calls `rig-trace order`, and turns its report into
checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .checks import FAIL, NOT_JUDGED, PASS, WAIVED, Check, Where
from .errors import Exit
from .image import Image
from .rig_trace import Judged, report_of

SCHEMA = "rig-order-1"
REPORT = "order.json"
GROUP = "ordering"
# ETS, BBM: with them rig-trace would add features that a pack denies.
_DECIDED = {"ID_AA64MMFR1_EL1": 15 << 36, "ID_AA64MMFR2_EL1": 15 << 52}
# Flags of a trace that make it no evidence, with what a person can do.
_DAMAGE = {
    "full": "the trace reached its size limit: give a larger one (ordering.limit)",
    "operands-lost": "the last run went another way than the one that its operands are from",
}


@dataclass
class Settings:
    """What decides besides the trace."""

    rules: Sequence[str] = ()  # none: all
    waive: Sequence[Mapping[str, Any]] = ()  # rule, at, why
    features: Sequence[str] = ()
    # Identification registers; the features that they tell of are given apart.
    registers: Mapping[str, int] = field(default_factory=dict)

    def words(self) -> list[str]:
        """The options of `rig-trace order`."""
        words: list[str] = []
        for rule in self.rules:
            words += ["--rule", rule]
        for waiver in self.waive:
            words += ["--waive", f"{waiver['rule']}@{waiver['at']}={waiver['why']}"]
        for name in self.features:
            words += ["--feature", name]
        for name, value in self.registers.items():
            words += [
                "--id",
                f"{name}={value & ~_DECIDED.get(name, 0):#x}",
            ]
        return words


def order(
    trace: Path, image: Image | None, settings: Settings = Settings(), report: Path | None = None
) -> dict[str, Any]:
    """The report of `rig-trace order`, whatever it found; written to `report` (by default beside
    the trace)."""
    elf = None if image is None else Path(image.elf.path)
    out = report or trace.parent / REPORT
    words = ["order", str(trace)]
    if image is not None:
        words += ["--elf", image.elf.path]
        for alias in image.aliases:
            words += ["--alias", f"{alias.start:#x}:{alias.size:#x}:{alias.by:#x}"]
    words += settings.words()
    return report_of(words, elf, out, out.with_suffix(".out"), SCHEMA)


def judged(
    report: dict[str, Any],
    rules: Mapping[str, Mapping[str, Any]],
    require: Sequence[str] = (),
    variant: str = "",
) -> Judged:
    """Checks of a report. `rules` are the pack's: id to why and spec."""
    titles = {rule["id"]: rule["title"] or rule["id"] for rule in report["rules"]}
    findings = _Findings(rules, titles, variant)
    checks = [findings.check(item) for item in report["findings"] if item["level"] == "error"]
    broken = {check.rule for check in checks if check.failed}
    for rule in report["rules"]:
        if rule["id"] not in broken:
            checks.append(_rule_check(rule, rules, rule["id"] in require, variant))
    for waiver in report["waivers_unused"]:
        checks.append(_unused(waiver, variant))
    notes = [_note(item) for item in report["findings"] if item["level"] != "error"]
    if report["trace"].get("windows_cut"):
        notes.append(f"{report['trace']['windows_cut']} windows are longer than what is recorded")
    return Judged(checks, notes, _no_judgement(report, broken))


def _no_judgement(report: dict[str, Any], broken: set[str]) -> str:
    """Why the report is no evidence that the rules held."""
    trace = report["trace"]
    words = [_DAMAGE[flag] for flag in trace.get("flags", []) if flag in _DAMAGE]
    if trace.get("torn_bytes"):
        words.append(f"torn trace: {trace['torn_bytes']} bytes at its end were dropped")
    if not any(rule["subjects"] for rule in report["rules"]) and not broken:
        words.append("zero checks: no rule found anything to judge in this run")
    silent = not words and all(rule["judged"] for rule in report["rules"])
    if silent and report["exit_code"] == Exit.NO_JUDGEMENT:
        words.append(report.get("not_judged") or "rig-trace order could not judge the trace")
    return "; ".join(words)


def _rule_check(
    rule: dict[str, Any], rules: Mapping[str, Mapping[str, Any]], required: bool, variant: str
) -> Check:
    """A rule that nothing broke."""
    known = rules.get(rule["id"], {})
    looked_at = f"{rule['subjects']} subjects, {rule['consumers']} consumers"
    check = Check(
        id=f"ordering.{rule['id']}",
        rule=rule["id"],
        kind="ordering",
        group=GROUP,
        status=PASS,
        text=f"{rule['title'] or rule['id']}: {looked_at}",
        why=known.get("why", ""),
        spec=str(rule.get("section") or known.get("spec", "")),
        variant=variant,
    )
    if not rule["judged"]:
        check.status, check.actual = NOT_JUDGED, rule["why_not"] or "not judged"
    elif required and not rule["subjects"]:
        check.status = FAIL
        check.expected = "at least one subject (ordering.require)"
        check.actual = "the rule matched nothing"
    return check


def _unused(waiver: dict[str, Any], variant: str) -> Check:
    """A waiver that waived nothing."""
    name = f"{waiver['rule']}@{waiver['symbol']}"
    return Check(
        id=f"ordering.waiver.{name}",
        rule=waiver["rule"],
        kind="ordering",
        group=GROUP,
        status=FAIL,
        text=f"the waiver of {name} is needed",
        why="a waiver that is not needed any more would hide the next finding",
        expected="a finding that it waives",
        actual="waiver matched nothing",
        variant=variant,
    )


class _Findings:
    """Numbers the findings of each rule."""

    def __init__(
        self, rules: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], variant: str
    ) -> None:
        self._rules = rules
        self._titles = titles
        self._variant = variant
        self._numbers: dict[str, int] = {}

    def check(self, finding: dict[str, Any]) -> Check:
        """A finding of level error."""
        rule = finding["rule"]
        self._numbers[rule] = self._numbers.get(rule, 0) + 1
        times = f", {finding['count']} times" if finding["count"] > 1 else ""
        known = self._rules.get(rule, {})
        check = Check(
            id=f"ordering.{rule}.{self._numbers[rule]}",
            rule=rule,
            kind="ordering",
            group=GROUP,
            status=FAIL,
            text=f"{self._titles.get(rule, rule)}{times}",
            why=known.get("why", ""),
            spec=str(finding.get("section") or known.get("spec", "")),
            expected=finding.get("fix") or "",
            actual=finding["missing"],
            details=_details(finding),
            where=where_of(finding["consumer"]),
            variant=self._variant,
        )
        if finding.get("waived"):
            check.status, check.why = WAIVED, finding["waived"]
            check.expected = check.actual = ""
        return check


def _number(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value or 0)


def where_of(end: dict[str, Any]) -> Where:
    """One end of a finding, as a place."""
    file, _, line = (end.get("source") or "").rpartition(":")
    return Where(
        pc=_number(end["pc"]),
        symbol=end.get("symbol") or "",
        file=file,
        line=int(line) if line.isdigit() else 0,
        instruction=end.get("text") or "",
    )


def _end(name: str, end: dict[str, Any]) -> str:
    where = where_of(end)
    text = f"{name:<8} {where.text()}  {where.instruction}".rstrip()
    if end.get("address"):
        text += f"  (address {end['address']})"
    return f"{text}  CPU {end.get('cpu', 0)}, event {end.get('event', '?')}"


def _details(finding: dict[str, Any]) -> list[str]:
    lines = [_end("write", finding["write"]), _end("consumer", finding["consumer"])]
    if finding.get("detail"):
        lines.append(finding["detail"])
    shown = finding.get("disassembly") or {}
    for name in ("write", "consumer"):
        if shown.get(name):
            lines += [f"around the {name}:", *(f"  {line}" for line in shown[name])]
    return lines


def _note(finding: dict[str, Any]) -> str:
    """A finding of level note, in one line."""
    ends = f"{where_of(finding['write']).text()} to {where_of(finding['consumer']).text()}"
    detail = f"; {finding['detail']}" if finding.get("detail") else ""
    waived = f" (waived: {finding['waived']})" if finding.get("waived") else ""
    return f"{finding['rule']}: {finding['missing']}{detail}, {ends}{waived}"
