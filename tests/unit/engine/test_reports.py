#!/usr/bin/python3
"""Verdicts and reports: exit codes, JSON, JUnit, text, recorded verdicts."""

from __future__ import annotations

import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from support import TEXT

# pylint: disable=wrong-import-order # support sets the path
from engine import report_json, report_junit
from engine.checks import Check, Where, exit_code, tally
from engine.errors import CannotJudge, UsageError
from engine.freerun import gate_checks
from engine.qemu import Machine
from engine.report_text import TextReport
from engine.results import Phase, RunResult, VariantResult
from engine.session import prepare_outputs
from engine.verdict import verdict


def check(status: str, rule: str = "rule", group: str = "g") -> Check:
    """A check with everything a report shows."""
    return Check(
        id=f"{rule}.1", rule=rule, kind="expect", group=group, status=status, text="EL == 1",
        why="because", spec="DDI 0487", expected="1", actual="2\x01", details=["EL = 2"],
        where=Where(TEXT, "start", "a/start.S", 7, "nop"), history=["1 nop"], count=9,
        variant="el1",
    )  # fmt: skip


def make_run(checks: list[Check], phases: list[Phase] | None = None) -> RunResult:
    """A run with one variant."""
    machine = Machine("el1", "virt", "cortex-a72", "128M", 1, ())
    variant = VariantResult(
        machine, phases=phases or [Phase("step", "steady-state")], checks=checks
    )
    return RunResult("run", {"guest": "t"}, {"path": "t.elf", "build_id": "ab"}, {}, [variant])


class ExitCodes(unittest.TestCase):
    """RIG.md, "Manners": never 0 for "did not check"."""

    def test_of_checks(self) -> None:
        """No check at all is no pass; an error is no pass; a broken rule wins over it."""
        cases: list[tuple[list[str], int]] = [
                 ([], 3), (["pass"], 0), (["pass", "fail"], 1), (["pass", "error"], 3),
                 (["fail", "error"], 1), (["pass", "not-judged"], 3), (["waived"], 3)]  # fmt: skip
        for statuses, code in cases:
            with self.subTest(statuses):
                self.assertEqual(exit_code([check(status) for status in statuses]), code)

    def test_of_runs(self) -> None:
        """A dead tool is 3 whatever else; a broken rule is 1 even out of time; else 124."""
        dead, late = Phase("step", error="x", code=3), Phase("step", error="x", code=124)
        cases = [(["fail"], [dead], 3), (["pass"], [dead], 3), (["fail"], [late], 1),
                 (["pass"], [late], 124), (["not-judged"], [late], 124)]  # fmt: skip
        for statuses, phases, code in cases:
            with self.subTest((statuses, code)):
                self.assertEqual(make_run([check(s) for s in statuses], phases).code(), code)

    def test_counts(self) -> None:
        """Open checks are not counted as checked."""
        counts = tally([check("pass"), check("fail"), check("error"), check("not-judged")])
        self.assertEqual((counts["checked"], counts["pass"], counts["fail"]), (2, 1, 1))


class Files(unittest.TestCase):
    """JSON and JUnit files."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "out"

    def test_nothing_that_is_read_is_taken_away(self) -> None:
        """By any of its names; and no report takes the place of another one."""
        self.path.write_text("read", encoding="utf-8")
        link = self.path.with_name("link")
        link.symlink_to(self.path)
        new = str(self.path.with_name("new"))
        for names, read in ((str(link), None), str(self.path)), ((new, new), None):
            with self.assertRaisesRegex(UsageError, "would overwrite what this command reads"):
                prepare_outputs(*names, reads=[read])
        self.assertEqual(self.path.read_text(encoding="utf-8"), "read")
        prepare_outputs(new, None, reads=[str(self.path)])

    def test_json_round_trip(self) -> None:
        """The checks come back as they were; the broken rule is named first."""
        checks = [check("pass", "a"), check("fail", "b")]
        report_json.write(make_run(checks), self.path)
        data = json.loads(self.path.read_text(encoding="utf-8"))
        self.assertEqual(data["schema"], report_json.SCHEMA)
        self.assertEqual((data["exit_code"], data["broken"][0]["id"]), (1, "b"))
        self.assertEqual(data["first_failed"]["check"], "b.1")
        self.assertEqual([Check.from_json(c) for c in data["variants"][0]["checks"]], checks)
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_junit(self) -> None:
        """Valid XML with failures and errors apart, control characters of the guest replaced."""
        phases = [Phase("step", error="QEMU died", code=3)]
        run = make_run([check("pass"), check("fail"), check("error"), check("waived")], phases)
        report_junit.write(run, self.path)
        suite = ET.parse(self.path).getroot()[0]
        self.assertEqual(
            [suite.get(k) for k in ("tests", "failures", "errors", "skipped")], ["5", "1", "2", "1"]
        )
        self.assertIn("expected 1, got 2?", str(suite[1][0].get("message")))

    def test_nothing_is_left_when_writing_fails(self) -> None:
        """A report that cannot be written is a usage error and leaves no part."""
        with self.assertRaises(UsageError):
            report_json.write(make_run([check("pass")]), self.path / "no" / "such")

    def test_recorded_verdict_of_a_cut_run(self) -> None:
        """A dead tool is 3 and the time bound 124 for each group; broken rules count before 124."""
        for code in (3, 124):
            phases = [Phase("step", error="cut", code=code)]
            run = make_run([check("pass", "a", "good"), check("fail", "b", "bad")], phases)
            report_json.write(run, self.path)
            self.assertEqual(self.verdict_of("good")[0], code)
            self.assertEqual(self.verdict_of("bad")[0], 3 if code == 3 else 1)

    def test_recorded_verdict_of_other_rules(self) -> None:
        """A file of the rules that has changed or is gone makes the record worthless."""
        rules = self.path.with_name("pack.yaml")
        run = make_run([check("pass", "a", "good")])
        for digest, words in (("0" * 64, "has changed"), ("0" * 64, "cannot be read")):
            run.rules = {str(rules): digest}
            report_json.write(run, self.path)
            if words == "has changed":
                rules.write_text("other", encoding="utf-8")
            else:
                rules.unlink()
            with self.assertRaisesRegex(CannotJudge, words):
                self.verdict_of("good")

    def verdict_of(self, group: str) -> tuple[int, str]:
        """Exit code and text for a group of the recorded run."""
        out = io.StringIO()
        return verdict(self.path, group, None, TextReport(out)), out.getvalue()

    def test_recorded_verdict(self) -> None:
        """Each group has its own verdict."""
        run = make_run([check("pass", "a", "good"), check("fail", "b", "bad")])
        report_json.write(run, self.path)
        self.assertEqual(self.verdict_of("good")[0], 0)
        code, text = self.verdict_of("bad")
        self.assertEqual(code, 1)
        self.assertIn("FAIL b.1", text)

    def test_recorded_verdict_that_is_none(self) -> None:
        """Missing, damaged or foreign records and unknown groups are 3."""
        with self.assertRaises(CannotJudge):
            self.verdict_of("good")
        bad_check = '{"schema": "rig-run/1", "rules": {}, "variants": [{"checks": [{"x": 1}]}]}'
        for text in (
            "",
            "[]",
            '{"schema": "other"}',
            '{"schema"',
            '{"schema": "rig-run/1"}',
            bad_check,
        ):
            self.path.write_text(text, encoding="utf-8")
            with self.subTest(text), self.assertRaises(CannotJudge):
                self.verdict_of("good")
        report_json.write(make_run([check("pass")]), self.path)
        with self.assertRaisesRegex(CannotJudge, "no check of group"):
            self.verdict_of("nothing")


class Text(unittest.TestCase):
    """The report for people."""

    def test_failure_says_everything(self) -> None:
        """Expected, actual, place, reason, history, and how to reopen; no colour in a file."""
        out = io.StringIO()
        TextReport(out, reopen="rig debug --pack p").check(check("fail"))
        text = out.getvalue()
        for words in ("expected 1", "actual   2", "start> a/start.S:7", "why: because (DDI 0487)",
                      "1 nop", "rig debug --pack p --variant el1 --at-count 9"):  # fmt: skip
            self.assertIn(words, text)
        self.assertNotIn("\x1b", text)

    def test_quiet_keeps_what_is_red(self) -> None:
        """Only failures and the verdict."""
        out = io.StringIO()
        report = TextReport(out, quiet=True)
        report.detail("chatter")
        report.summary(make_run([check("pass")]), "")
        self.assertEqual(out.getvalue(), "all rules held: 1 checks, 1 held, 0 broken\n")


def the_one(report: dict[str, Any]) -> Check:
    """The only check of a gate's report."""
    checks = gate_checks(report, "el1")
    if len(checks) != 1:
        raise AssertionError(checks)
    return checks[0]


class Gate(unittest.TestCase):
    """The fault gate's report as checks."""

    RULE = {"id": "off", "kind": "allow", "verdict": "held", "counted": 1, "min": 1, "max": 1,
            "why": "w"}  # fmt: skip

    def report(self, **changes: object) -> dict[str, Any]:
        """A report with one rule."""
        rule = {**self.RULE, **changes}
        return {"rules_judged": [rule], "sites": [], "messages": [], "damaged": {"total": 2},
                "exit_code": 0}  # fmt: skip

    def test_verdicts(self) -> None:
        """Each of the gate's verdicts has its status; rules of another variant are left out."""
        for word, status in (("held", "pass"), ("broken", "fail"), ("undecided", "error")):
            found = the_one(self.report(verdict=word))
            self.assertEqual((found.status, found.group), (status, "faults"))
        self.assertEqual(gate_checks(self.report(verdict="other-variant"), "el1"), [])
        found = the_one(self.report(verdict="broken", counted=0))
        self.assertTrue(found.too_few)

    def test_gate_that_could_not_judge_is_no_pass(self) -> None:
        """All rules held, but the log was damaged."""
        checks = gate_checks({**self.report(), "exit_code": 3}, "el1")
        self.assertEqual([c.status for c in checks], ["pass", "error"])


if __name__ == "__main__":
    unittest.main()
