#!/usr/bin/python3
"""Reports of rig-trace audit as checks, calls of the tool, and the picture of a map."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
import support  # noqa: F401 # pylint: disable=unused-import # the search path
from engine import rig_trace
from engine.audit_check import audit, expression_check, judged
from engine.checks import FAIL, NOT_JUDGED, PASS, WAIVED
from engine.errors import CannotJudge, UsageError
from engine.map_svg import size_words, svg

ENTRY = {"id": "space", "at": "up", "why": "because", "require": ["guard-page"]}
RULES = {"wx-alias": {"why": "aliases count", "spec": "D8"}}


def rule(name: str, judged_it: bool = True, subjects: int = 3) -> dict[str, Any]:
    """A rule as the report tells it."""
    return {
        "id": name, "title": f"about {name}", "section": "D8.4", "level_max": "error",
        "judged": judged_it, "why_not": "" if judged_it else "no EL0 here", "subjects": subjects,
    }  # fmt: skip


def finding(name: str, level: str = "error", waived: str = "") -> dict[str, Any]:
    """A finding as the report tells it."""
    return {
        "rule": name, "level": level, "first": "0x1000", "last": "0x1fff", "pa": "0x40000000",
        "what": "4 KiB page, EL1 rwx", "missing": "it is wrong", "detail": "since it is",
        "fix": "mend it", "section": "D8.4", "count": 2, "waived": waived,
    }  # fmt: skip


def report(**parts: Any) -> dict[str, Any]:
    """A report of a sound address space, with changes."""
    base = {
        "schema": "rig-audit-1", "exit_code": 0, "not_judged": "", "findings": [],
        "rules": [rule("wx-alias"), rule("guard-page")], "waivers_unused": [],
    }  # fmt: skip
    return {**base, **parts}


class Checks(unittest.TestCase):
    """What becomes of a report."""

    def test_all_held(self) -> None:
        """A check for each rule that had something to judge."""
        found = judged(report(), ENTRY, RULES, "el1")
        self.assertEqual([check.status for check in found.checks], [PASS, PASS])
        self.assertEqual(found.checks[0].id, "space.wx-alias")
        self.assertEqual(found.checks[0].why, "aliases count")
        self.assertEqual((found.notes, found.error), ([], ""))

    def test_findings(self) -> None:
        """Errors fail with place, reason and fix; notes are told; waived ones are waived."""
        findings = [
            finding("wx-alias"), finding("wx-alias"), finding("guard-page", "note"),
            finding("wx-alias", waived="known"),
        ]  # fmt: skip
        found = judged(report(findings=findings, exit_code=1), ENTRY, RULES)
        failed = [check for check in found.checks if check.status == FAIL]
        self.assertEqual([check.id for check in failed], ["space.wx-alias.1", "space.wx-alias.2"])
        self.assertEqual((failed[0].expected, failed[0].actual), ("mend it", "it is wrong"))
        self.assertIn("at 0x1000 .. 0x1fff -> 0x40000000 (2 descriptors)", failed[0].details)
        self.assertEqual(sum(check.status == WAIVED for check in found.checks), 1)
        self.assertEqual(sum(check.rule == "guard-page" for check in found.checks), 1)
        self.assertRegex(found.notes[0], "space: guard-page: it is wrong")

    def test_matched_nothing(self) -> None:
        """A required rule without a subject fails; another is left out."""
        rules = [rule("wx-alias", subjects=0), rule("guard-page", subjects=0)]
        found = judged(report(rules=rules), ENTRY, RULES)
        self.assertEqual([(c.rule, c.status) for c in found.checks], [("guard-page", FAIL)])
        self.assertEqual(found.checks[0].actual, "the rule matched nothing")

    def test_not_judged(self) -> None:
        """A rule that does not apply is left out, one that could not be judged is not."""
        rules = [rule("wx-alias", judged_it=False), rule("guard-page")]
        self.assertEqual(len(judged(report(rules=rules), ENTRY, RULES).checks), 1)
        broken = report(rules=rules, exit_code=3, not_judged="QEMU says otherwise")
        found = judged(broken, ENTRY, RULES)
        self.assertEqual(found.checks[0].status, NOT_JUDGED)
        self.assertEqual(found.error, "QEMU says otherwise")
        required = judged(report(rules=[rule("guard-page", judged_it=False)]), ENTRY, RULES)
        self.assertEqual(required.checks[0].status, NOT_JUDGED)

    def test_unused_waiver(self) -> None:
        """A waiver that waives nothing is red."""
        unused = [{"rule": "wx-alias", "text": "wx-alias, 0 .. 1"}]
        found = judged(report(waivers_unused=unused), ENTRY, RULES)
        self.assertEqual(found.checks[-1].status, FAIL)
        self.assertIn("wx-alias, 0 .. 1", found.checks[-1].text)

    def test_expressions(self) -> None:
        """Expressions under `require` are checks, too."""
        held = expression_check(ENTRY, 1, "EL == 1", (True, "a", "b", []), "el1")
        self.assertEqual((held.status, held.actual), (PASS, ""))
        broken = expression_check(ENTRY, 2, "EL == 2", (False, "2", "1", ["EL = 1"]), "el1")
        self.assertEqual((broken.status, broken.id), (FAIL, "space.require.2"))


class Tool(unittest.TestCase):
    """The call of rig-trace."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.room = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def call(self, script: str) -> dict[str, Any]:
        """audit() with a stand-in for rig-trace."""
        tool = self.room / "rig-trace"
        tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        tool.chmod(0o755)
        with mock.patch.object(rig_trace, "need_compiled", return_value=tool):
            return audit(self.room / "x.snapshot", {"schema": "s"}, self.room)

    def test_report_is_read(self) -> None:
        """What it wrote, whatever its verdict."""
        script = """while [ "$1" != --json ]; do shift; done
echo '{"schema": "rig-audit-1", "exit_code": 1}' > "$2"; exit 1"""
        self.assertEqual(self.call(script)["exit_code"], 1)

    def test_ways_to_fail(self) -> None:
        """No report, another's report, a refusal, a crash: none of them passes."""
        with self.assertRaisesRegex(CannotJudge, "damaged snapshot"):
            self.call("echo 'rig-trace: x: damaged snapshot' >&2; exit 3")
        with self.assertRaisesRegex(UsageError, "unknown key"):
            self.call("echo 'rig-trace: spec.json: unknown key' >&2; exit 2")
        with self.assertRaises(CannotJudge):
            self.call("kill -SEGV $$")
        write = 'while [ "$1" != --json ]; do shift; done; echo "%s" > "$2"'
        with self.assertRaisesRegex(CannotJudge, "damaged report"):
            self.call(write % "{")
        with self.assertRaisesRegex(CannotJudge, "no report of rig-trace audit"):
            self.call(write % "{}")
        with self.assertRaisesRegex(CannotJudge, "no report"):
            self.call("exit 0")


def entry(first: int, last: int, **parts: Any) -> dict[str, Any]:
    """A line of a map."""
    base = {
        "first": f"{first:#x}", "last": f"{last:#x}", "size": last - first + 1, "pa": "0x40000000",
        "el1": "rw-", "el0": "---", "memory": "Normal WB", "half": "low", "name": "RAM",
        "status": "ok",
    }  # fmt: skip
    return {**base, **parts}


class Picture(unittest.TestCase):
    """The SVG."""

    def draw(self, entries: list[dict[str, Any]], halves: int = 2) -> ElementTree.Element:
        """The parsed picture of a map."""
        half = {"first": "0x0", "last": "0xffff", "root": "0x40000000", "used": True, "problem": ""}
        names = ("low", "high")[:halves]
        return ElementTree.fromstring(
            svg(
                {
                    "made": {"guest": "<t&t>", "checkpoint": "up", "variant": "el1"},
                    "regime": "EL1&0" if halves == 2 else "EL2",
                    "halves": [{**half, "name": name} for name in names],
                    "entries": entries,
                }
            )
        )

    @staticmethod
    def classes(picture: ElementTree.Element) -> list[str]:
        """The colours of the boxes, from the top down, without those of the legend."""
        space = "{http://www.w3.org/2000/svg}"
        return [
            (box.find(f"{space}rect") or box[1]).attrib["class"].split()[0]
            for box in picture.iter(f"{space}g")
        ]

    def test_colours_tell_the_rights(self) -> None:
        """Each kind of range has its own, the highest address first."""
        kinds = [
            entry(0, 0xFFF),
            entry(0x1000, 0x1FFF, el1="r-x"),
            entry(0x2000, 0x2FFF, el1="rwx"),
            entry(0x3000, 0x3FFF, el1="r--"),
            entry(0x4000, 0x4FFF, memory="Device-nGnRE"),
            entry(0x5000, 0x5FFF, el0="r-x", el1="r--"),
            entry(0x6000, 0x6FFF, pa=None, memory=None, status="table not readable"),
        ]
        self.assertEqual(
            self.classes(self.draw(kinds)), ["none", "user", "device", "r", "wx", "x", "w"]
        )

    def test_nothing_leaves_the_page(self) -> None:
        """Boxes and texts lie inside of the picture, however many and however long."""
        many = [entry(n << 13, (n << 13) + 0xFFF, name="n" * 200) for n in range(90)]
        picture = self.draw(many)
        width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
        for part in picture.iter():
            if "y" in part.attrib:
                self.assertLess(float(part.attrib["y"]), height)
            if "x" in part.attrib:
                text = (
                    len(part.text or "") * 7.3 if part.attrib.get("text-anchor") == "start" else 0
                )
                right = float(part.attrib["x"]) + float(part.attrib.get("width", 0)) + text
                self.assertLessEqual(right, width, part.text)
        self.assertIn("and 30 more", "".join(picture.itertext()))

    def test_one_half(self) -> None:
        """EL2 has one, and rights of EL2."""
        words = "".join(self.draw([entry(0, 0xFFF)], 1).itertext())
        self.assertIn("EL2 rw-", words)
        self.assertNotIn("high half", words)

    def test_sizes(self) -> None:
        """Sizes in words."""
        sizes = {1: "1 B", 4096: "4 KiB", 3 << 19: "1.5 MiB", 1 << 40: "1 TiB"}
        self.assertEqual({size: size_words(size) for size in sizes}, sizes)


if __name__ == "__main__":
    unittest.main()
