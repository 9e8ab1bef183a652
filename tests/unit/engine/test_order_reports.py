#!/usr/bin/python3
"""The ordering phase without QEMU: reports of rig-trace order as checks, and its calls."""

from __future__ import annotations

import argparse
import json
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from ordering_case import MACHINE, Folder
from support import make_image
from engine import order, order_check
from engine.checks import FAIL, NOT_JUDGED, PASS, WAIVED
from engine.errors import CannotJudge, UsageError
from engine.order_check import judged
from engine.order_phase import Ordering
from engine.results import VariantResult


def a_rule(name: str, subjects: int = 2, **more: Any) -> dict[str, Any]:
    """A rule of a report."""
    return {
        "id": name, "title": f"title of {name}", "section": "D1", "level": "error",
        "subjects": subjects, "consumers": 3, "judged": True, "why_not": None, "errors": 0,
        "notes": 0, "waived": 0, **more,
    }  # fmt: skip


def a_finding(rule: str, level: str = "error", waived: str | None = None) -> dict[str, Any]:
    """A finding of a report."""
    end = {
        "event": 7, "pc": "0xffff000040081234", "pa": None, "symbol": "f+0x4", "source": "k/a.c:12",
        "opcode": "0xd5033fdf", "text": "isb", "cpu": 0, "el": 1, "address": None,
    }  # fmt: skip
    return {
        "rule": rule, "level": level, "waived": waived, "count": 2, "write": end,
        "consumer": {**end, "symbol": None, "source": None, "text": None, "address": "0x1000"},
        "missing": "no DSB between", "detail": "VA 0x1000", "fix": "put a DSB there",
        "section": "D2", "disassembly": {"write": ["=> isb"], "consumer": []},
    }  # fmt: skip


def a_report(rules: list[dict[str, Any]], findings: Any = (), **more: Any) -> dict[str, Any]:
    """What rig-trace order writes."""
    trace = {"events": 9, "cpus": 1, "torn_bytes": 0, "flags": ["closed"], "windows_cut": 0}
    return {
        "schema": "rig-order-1", "trace": {**trace, **more.pop("trace", {})}, "rules": rules,
        "findings": list(findings), "waivers_unused": [], "not_judged": None, "exit_code": 0,
        **more,
    }  # fmt: skip


class Reports(unittest.TestCase):
    """rig-trace's report as checks."""

    def test_held(self) -> None:
        """A check a rule, with what it looked at; no subject is no failure unless required."""
        report = a_report([a_rule("a"), a_rule("b", subjects=0)])
        found = judged(report, {"a": {"why": "because"}}, (), "one")
        self.assertEqual([(c.id, c.status) for c in found.checks],
                         [("ordering.a", PASS), ("ordering.b", PASS)])  # fmt: skip
        self.assertEqual(found.checks[0].text, "title of a: 2 subjects, 3 consumers")
        self.assertEqual((found.checks[0].why, found.checks[0].spec), ("because", "D1"))
        self.assertEqual((found.error, found.notes, found.checks[0].variant), ("", [], "one"))
        found = judged(report, {}, ["a", "b"])
        self.assertEqual([c.status for c in found.checks], [PASS, FAIL])
        self.assertEqual(found.checks[1].actual, "the rule matched nothing")

    def test_findings(self) -> None:
        """An error is a failed check with both ends and the fix, a note is told only."""
        findings = [a_finding("a"), a_finding("a"), a_finding("b", "note")]
        found = judged(a_report([a_rule("a"), a_rule("b")], findings, exit_code=1), {})
        self.assertEqual(
            [(c.id, c.status) for c in found.checks],
            [("ordering.a.1", FAIL), ("ordering.a.2", FAIL), ("ordering.b", PASS)],
        )
        check = found.checks[0]
        self.assertEqual((check.actual, check.expected, check.spec),
                         ("no DSB between", "put a DSB there", "D2"))  # fmt: skip
        self.assertEqual(check.text, "title of a, 2 times")
        details = "\n".join(check.details)
        for words in ("write    0xffff000040081234 <f+0x4> k/a.c:12  isb", "(address 0x1000)",
                      "VA 0x1000", "  => isb"):  # fmt: skip
            self.assertIn(words, details)
        assert check.where is not None
        self.assertEqual((check.where.pc, check.where.line), (0xFFFF000040081234, 0))
        self.assertEqual(len(found.notes), 1)
        self.assertIn("b: no DSB between", found.notes[0])

    def test_waivers(self) -> None:
        """A waived finding is told and fails nothing; a waiver that waives nothing fails."""
        report = a_report([a_rule("a")], [a_finding("a", waived="known")])
        found = judged(report, {})
        self.assertEqual([c.status for c in found.checks], [WAIVED, PASS])
        self.assertEqual(found.checks[0].why, "known")
        unused = {"rule": "a", "symbol": "f", "why": "w"}
        found = judged(a_report([a_rule("a")], waivers_unused=[unused], exit_code=1), {})
        self.assertEqual(found.checks[-1].status, FAIL)
        self.assertEqual(found.checks[-1].id, "ordering.waiver.a@f")

    def test_no_judgement(self) -> None:
        """Damage, operands that were lost and zero subjects are no pass, with findings or not."""
        rules = [a_rule("a")]
        finding = [a_finding("a")]
        cases = [
            (a_report(rules, trace={"torn_bytes": 3}), "torn trace: 3 bytes"),
            (a_report(rules, finding, trace={"flags": ["full"]}), "size limit"),
            (a_report(rules, finding, trace={"flags": ["operands-lost"]}), "went another way"),
            (a_report([a_rule("a", subjects=0)], exit_code=3), "zero checks"),
            (a_report(rules, not_judged="too many findings", exit_code=3), "too many findings"),
        ]
        for report, words in cases:
            with self.subTest(words):
                self.assertIn(words, judged(report, {}).error)
        lacking = a_rule("a", judged=False, why_not="no stores")
        found = judged(a_report([lacking, a_rule("b")], exit_code=3), {})
        self.assertEqual((found.checks[0].status, found.error), (NOT_JUDGED, ""))
        self.assertEqual(found.checks[0].actual, "no stores")


class Tool(Folder):
    """Calls of rig-trace order, and the phase around them."""

    def fake(self, report: dict[str, Any] | str, status: int, said: str = "") -> Any:
        """rig-trace that leaves this report; its words are in `words`."""
        text = report if isinstance(report, str) else json.dumps(report)
        tool = self.tool(
            "import sys\n"
            f"open({str(self.path / 'words')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"text = {text!r}\n"
            "if text: open(sys.argv[sys.argv.index('--json') + 1], 'w').write(text)\n"
            f"sys.stderr.write({said!r})\nsys.exit({status})\n"
        )
        return mock.patch("engine.rig_trace.need_compiled", return_value=tool)

    def test_ends(self) -> None:
        """Its report counts for 0, 1 and 3; 2 is wrong usage, anything else no judgement."""
        trace = self.path / "t"
        for status in (0, 1, 3):
            with self.fake(a_report([], exit_code=status), status):
                self.assertEqual(order_check.order(trace, make_image())["exit_code"], status)
        words = (self.path / "words").read_text(encoding="utf-8")
        self.assertIn(f"order {trace} ", words)
        self.assertIn("--elf guest.elf --alias 0x40000000:0x8000000:0xffffffff00000000", words)
        cases: list[tuple[dict[str, Any] | str, int, type[Exception], str]] = [
            ("", 2, UsageError, "said so"),
            ("", 3, CannotJudge, "exit status 3.*said so"),
            ("{", 0, CannotJudge, "damaged report"),
            ("{}", 0, CannotJudge, "no report of rig-trace order"),
            (a_report([]), 139, CannotJudge, "exit status 139"),
        ]
        for report, status, error, pattern in cases:
            with self.subTest(pattern), self.fake(report, status, "said so"):
                with self.assertRaisesRegex(error, pattern):
                    order_check.order(trace, None)

    registers: dict[str, int] = {}

    def phase(self, ordering: str, report: dict[str, Any]) -> tuple[VariantResult, str]:
        """The phase of a given trace, and the words that rig-trace got."""
        result = VariantResult(MACHINE)
        with (
            self.fake(report, report["exit_code"]),
            mock.patch("engine.order_phase.identify", return_value=self.registers),
        ):
            Ordering(self.load(ordering), make_image(), MACHINE, self.path, 5).judge_trace(
                self.path / "t", result
            )
        return result, (self.path / "words").read_text(encoding="utf-8")

    def test_phase(self) -> None:
        """Rules, waivers of this variant and features go to the checker; the code comes back."""
        result, words = self.phase(
            "{use: [arm64/all], features: [bbm1], waive: [{rule: at-before-par, at: start, why: w, "
            "variants: [one]}, {rule: at-before-par, at: table, why: w, variants: [two]}]}",
            a_report([a_rule("tlbi-completes")]),
        )
        self.assertIn("--rule tlbi-completes --rule at-before-par", words)
        self.assertIn("--waive at-before-par@start=w --feature bbm1", words)
        self.assertNotIn("table", words)
        self.assertEqual((result.code(), result.phases[0].name), (0, "ordering"))
        self.assertIn("CPU features by the pack: bbm1", result.phases[0].notes)
        result, _ = self.phase(
            "{use: [arm64/all]}", a_report([a_rule("a")], [a_finding("a")], exit_code=1)
        )
        self.assertEqual(result.code(), 1)
        self.assertIn("not known: none", result.phases[0].notes[0])

    def test_features_of_the_cpu(self) -> None:
        """The pack's word counts, else the CPU's."""
        self.registers = {"ID_AA64MMFR1_EL1": 2 << 36}
        report = a_report([a_rule("tlbi-completes")])
        result, words = self.phase("{use: [arm64/all]}", report)
        self.assertIn("--feature ets2 --feature no-vhe --id ID_AA64MMFR1_EL1=0x0", words)
        self.assertEqual(result.phases[0].notes, ["CPU features by its registers: ets2, no-vhe"])
        result, words = self.phase("{use: [arm64/all], features: []}", report)
        self.assertNotIn("ets2", words)
        self.assertEqual(result.phases[0].notes, ["CPU features by the pack: none"])

    def test_phase_that_judges_nothing(self) -> None:
        """Zero subjects and lost operands are 3, whatever else there is."""
        for report in (
            a_report([a_rule("a", subjects=0)], exit_code=3),
            a_report(
                [a_rule("a")], [a_finding("a")], trace={"flags": ["operands-lost"]}, exit_code=1
            ),
        ):
            result, _ = self.phase("{use: [arm64/all]}", report)
            self.assertEqual(result.code(), 3)

    def test_pack_without_ordering(self) -> None:
        """There is nothing to judge by."""
        path = self.path / "plain.yaml"
        path.write_text("guest: x\n", encoding="utf-8")
        with self.assertRaisesRegex(UsageError, "has no `ordering`"):
            order.command(argparse.Namespace(pack=str(path), group=None), mock.Mock())


if __name__ == "__main__":
    unittest.main()
