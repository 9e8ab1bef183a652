"""Judges snapshots: calls `rig-trace audit` with a spec, and turns its report into checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .checks import FAIL, NOT_JUDGED, PASS, WAIVED, Check
from .errors import Exit
from .rig_trace import Judged, report_of

SCHEMA, FLIPS_SCHEMA = "rig-audit-1", "rig-flips-1"
GROUP = "address-space"  # and the kind of its checks
SPEC = "spec.json"  # what a snapshot was judged by, in the room of its audit


def audit(
    snapshot: Path, spec: Mapping[str, Any], room: Path, elf: Path | None = None
) -> dict[str, Any]:
    """The report of `rig-trace audit`, whatever it found; its files are in `room`."""
    words = ["audit", str(snapshot), "--spec", str(write_spec(spec, room))]
    return report_of(words, elf, room / "audit.json", room / "audit.out", SCHEMA)


def flip(
    snapshot: Path, spec: Mapping[str, Any], room: Path, elf: Path | None = None
) -> dict[str, Any]:
    """The report of `rig-trace audit --flips`: what the rules make of each bit of each descriptor
    changed, one at a time."""
    words = ["audit", "--flips", str(snapshot), "--spec", str(write_spec(spec, room))]
    return report_of(words, elf, room / "flips.json", room / "flips.out", FLIPS_SCHEMA)


def write_spec(spec: Mapping[str, Any], room: Path) -> Path:
    """What a snapshot is judged by, as a file in `room`."""
    path = room / SPEC
    path.write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
    return path


def judged(
    report: Mapping[str, Any],
    entry: Mapping[str, Any],
    rules: Mapping[str, Mapping[str, Any]],
    variant: str = "",
) -> Judged:
    """Checks of a report. `entry` is the pack's, `rules` are its rules: id to why and spec."""
    maker = _Maker(entry, rules, {rule["id"]: rule for rule in report["rules"]}, variant)
    # What does not apply (EL0's rules in the EL2 regime) leaves the others' answer whole.
    whole = report["exit_code"] != Exit.NO_JUDGEMENT and not report["not_judged"]
    checks = [maker.finding(item) for item in report["findings"] if item["level"] == "error"]
    broken = {check.rule for check in checks if check.failed}
    require = set(entry.get("require") or [])
    for rule in report["rules"]:
        if rule["id"] not in broken:
            checks += maker.rule(rule, rule["id"] in require, whole)
    for waiver in report["waivers_unused"]:
        checks.append(maker.unused(waiver))
    notes = [_note(entry, item) for item in report["findings"] if item["level"] != "error"]
    if report.get("findings_cut"):
        notes.append(f"{entry['id']}: {report['findings_cut']} more findings are not shown")
    return Judged(checks, notes, report["not_judged"])


class _Maker:
    """Checks of one entry and one snapshot."""

    def __init__(
        self,
        entry: Mapping[str, Any],
        rules: Mapping[str, Mapping[str, Any]],
        told: Mapping[str, Mapping[str, Any]],
        variant: str,
    ) -> None:
        self._entry = entry
        self._rules = rules
        self._told = told
        self._variant = variant
        self._numbers: dict[str, int] = {}

    def _check(self, name: str, rule: str, status: str, text: str) -> Check:
        known = self._rules.get(rule, {})
        return Check(
            id=f"{self._entry['id']}.{name}",
            rule=rule,
            kind=GROUP,
            group=GROUP,
            status=status,
            text=text,
            why=str(known.get("why", self._entry.get("why", ""))),
            spec=str(self._told.get(rule, {}).get("section") or known.get("spec", "")),
            variant=self._variant,
        )

    def finding(self, finding: Mapping[str, Any]) -> Check:
        """A finding of level error."""
        rule = finding["rule"]
        number = self._numbers[rule] = self._numbers.get(rule, 0) + 1
        title = self._told.get(rule, {}).get("title") or rule
        check = self._check(f"{rule}.{number}", rule, FAIL, title)
        if finding.get("waived"):
            check.status, check.why = WAIVED, finding["waived"]
            return check
        check.expected = finding.get("fix") or ""
        check.actual = finding["missing"]
        check.details = [f"at {_place(finding)}", f"there: {finding['what']}"]
        if finding.get("detail"):
            check.details.append(finding["detail"])
        return check

    def rule(self, rule: Mapping[str, Any], required: bool, whole: bool) -> list[Check]:
        """A rule that nothing broke; none for one that had nothing to judge and need not."""
        title = rule["title"] or rule["id"]
        if not rule["judged"] and whole and not required:
            return []
        if not rule["judged"]:
            check = self._check(rule["id"], rule["id"], NOT_JUDGED, title)
            check.actual = rule["why_not"] or "not judged"
            return [check]
        if rule["subjects"]:
            text = f"{title}: {rule['subjects']} looked at"
            return [self._check(rule["id"], rule["id"], PASS, text)]
        if not required:
            return []
        check = self._check(rule["id"], rule["id"], FAIL, title)
        check.expected = f"at least one subject ({self._entry['id']}.require)"
        check.actual = "the rule matched nothing"
        return [check]

    def unused(self, waiver: Mapping[str, Any]) -> Check:
        """A waiver that waived nothing."""
        text = f"the waiver of {waiver['text']} is needed"
        check = self._check(f"waiver.{waiver['rule']}", waiver["rule"], FAIL, text)
        check.why = "a waiver that is not needed any more would hide the next finding"
        check.expected, check.actual = "a finding that it waives", "waiver matched nothing"
        return check


def _place(finding: Mapping[str, Any]) -> str:
    leads = f" -> {finding['pa']}" if finding.get("pa") else ""
    times = f" ({finding['count']} descriptors)" if finding.get("count", 1) > 1 else ""
    return f"{finding['first']} .. {finding['last']}{leads}{times}"


def _note(entry: Mapping[str, Any], finding: Mapping[str, Any]) -> str:
    """A finding of level note, in one line."""
    waived = f" (waived: {finding['waived']})" if finding.get("waived") else ""
    place = f"{finding['missing']}, {_place(finding)}: {finding['what']}"
    return f"{entry['id']}: {finding['rule']}: {place}{waived}"


def expression_check(
    entry: Mapping[str, Any], number: int, text: str, verdict: tuple[bool, str, str, list[str]],
    variant: str,
) -> Check:  # fmt: skip
    """The check of an expression under `require`."""
    holds, expected, actual, details = verdict
    return Check(
        id=f"{entry['id']}.require.{number}",
        rule=entry["id"],
        kind=GROUP,
        group=GROUP,
        status=PASS if holds else FAIL,
        text=text,
        why=str(entry.get("why", "")),
        spec=str(entry.get("spec", "")),
        expected="" if holds else expected,
        actual="" if holds else actual,
        details=[] if holds else details,
        variant=variant,
    )
