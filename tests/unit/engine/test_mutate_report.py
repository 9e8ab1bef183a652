#!/usr/bin/python3
"""Reports of a campaign: the counts, both rates, survivors as warnings, JSON, JUnit, the table."""

from __future__ import annotations

import io
import json
import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from mutate_case import MUTANTS, OUTCOMES, listed, load_pack, mutant, result

# pylint: disable=wrong-import-order # mutate_case sets the path
from engine import mutate_report_files, mutate_report_text, mutate_review
from engine.errors import Exit
from engine.mutant import KILLED, NOT_JUDGED, SURVIVED, Mutant, Outcome
from engine.mutate_report import Counts, Result, joined
from engine.report_text import TextReport


class ReportTest(unittest.TestCase):
    """A directory for the pack and the reports."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.room = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def text(self, what: Result, quiet: bool = False) -> str:
        """The report for people."""
        out = io.StringIO()
        mutate_report_text.write(what, TextReport(out, quiet, plain=True))
        return out.getvalue()

    def one(self, *outcomes: Outcome, mutants: list[Mutant] | None = None) -> Result:
        """A result of the first mutants, in both variants: the review has looked at all."""
        review = mutate_review.load(load_pack(self.room))
        part = mutants or list(MUTANTS[: len(outcomes)])
        both = [joined(listed(name, part), outcomes, review) for name in ("el1", "el2")]
        return Result("small", review, both, {})


class Numbers(ReportTest):
    """Four counts, and two rates of the same mutants."""

    def test_counts(self) -> None:
        """Kills by error and by note apart; the smoke test counts where the rig decided."""
        counts = Counts.of(result(self.room).judged())
        self.assertEqual(
            counts,
            Counts(6, by_error=1, by_note=1, survived=1, equivalent=2, not_judged=1, smoke=1),
        )
        self.assertEqual((counts.killed, counts.decided), (2, 3))
        parts = counts.killed + counts.survived + counts.equivalent + counts.not_judged
        self.assertEqual(parts, counts.mutants)

    def test_rates_are_rounded_down(self) -> None:
        """100.0 % means every one of them; without any there is no rate."""
        self.assertEqual(Counts(by_error=2999, survived=1).rate(2999), "99.9 %")
        self.assertEqual(Counts(by_error=3).rate(3), "100.0 %")
        self.assertEqual(Counts(equivalent=3).rate(0), "-")
        self.assertIsNone(Counts(equivalent=3).to_json()["rate"])

    def test_killers(self) -> None:
        """A mutant counts for the first rule that broke; for its note where none did."""
        self.assertEqual(result(self.room).killers(), {"isb-after": 1, "odd-barrier": 1})

    def test_a_mutant_without_result_is_not_judged(self) -> None:
        """Its shard has not run: never a kill, never left out."""
        last = result(self.room, OUTCOMES[1:]).judged()[0].outcome
        self.assertEqual(
            (last.verdict, last.why), (NOT_JUDGED, "no result of it: its shard has not ended")
        )

    def test_results_of_other_mutants_do_not_count(self) -> None:
        """A run directory may hold those of an earlier selection."""
        more = [*OUTCOMES, Outcome("gone:dropped", SURVIVED)]
        self.assertEqual(len(result(self.room, more).judged()), len(MUTANTS))


class Ends(ReportTest):
    """Exit codes."""

    def test_codes(self) -> None:
        """0 none survived; 1 survivors; 3 before it what could not be judged."""
        killed = Outcome(MUTANTS[0].id, KILLED, ["r"])
        survived = Outcome(MUTANTS[1].id, SURVIVED)
        swap = mutant(3, "swapped")
        excused = Outcome(swap.id, SURVIVED)
        self.assertEqual(self.one(killed, excused, mutants=[MUTANTS[0], swap]).code(), Exit.HELD)
        self.assertEqual(self.one(killed, survived).code(), Exit.BROKEN)
        open_end = Outcome(MUTANTS[2].id, NOT_JUDGED, why="so")
        self.assertEqual(self.one(killed, survived, open_end).code(), Exit.NO_JUDGEMENT)

    def test_a_stale_entry_is_red(self) -> None:
        """Nothing is swapped here, and every mutant of both variants was looked at."""
        stale = self.one(Outcome(MUTANTS[0].id, KILLED, ["r"]))
        self.assertEqual(stale.code(), Exit.BROKEN)
        self.assertIn("reviewed.yaml:3:5: equivalent[0]: matches nothing", self.text(stale))
        self.assertIn("\nthe review is stale: 2 mutants", self.text(stale))

    def test_nothing_run_is_no_pass(self) -> None:
        """Not of no mutants, nor of those that are proven equivalent only."""
        proven = [MUTANTS[4]]
        review = mutate_review.load(load_pack(self.room))
        parts = [joined(listed(name, proven), [], review) for name in ("el1", "el2")]
        self.assertEqual(Result("small", review, parts, {}).code(), Exit.NO_JUDGEMENT)
        self.assertEqual(Result("small", review, [], {}).code(), Exit.NO_JUDGEMENT)


class Words(ReportTest):
    """The text."""

    def test_survivors_are_warnings(self) -> None:
        """file:line: survived: what [id], once for the variants that agree."""
        text = self.text(result(self.room))
        self.assertIn("boot.S:12: survived: ISB dropped [boot+0x8:dropped]\n", text)
        text = self.text(result(self.room, variants=2))
        self.assertEqual(text.count(": survived: "), 1)
        self.assertIn("boot.S:12: survived: ISB dropped [boot+0x8:dropped] (el1, el2)\n", text)

    def test_a_whole_name_is_shown_from_here(self) -> None:
        """So that an editor finds it, and the line is short; others stay whole."""
        inside = replace(MUTANTS[2], file=str(Path.cwd() / "arch" / "boot.S"))
        self.assertEqual(mutate_report_text.place(inside), f"arch{os.sep}boot.S:12: ")
        outside = replace(MUTANTS[2], file="/nowhere/boot.S")
        self.assertEqual(mutate_report_text.place(outside), "/nowhere/boot.S:12: ")

    def test_without_a_line_the_function(self) -> None:
        """And the reason of what could not be judged."""
        line = "boot: not judged: ISB dropped [boot+0x14:eret-to-ret]: QEMU died\n"
        self.assertIn(line, self.text(result(self.room)))

    def test_table(self) -> None:
        """A line a class, all, and a line for each of several variants."""
        rows = mutate_report_text.rows(result(self.room, variants=2))
        self.assertEqual(
            [row[0] for row in rows], ["dropped", "swapped", "eret-to-ret", "all", "el1", "el2"]
        )
        self.assertEqual(rows[0][1:], ["6", "2", "2", "2", "0", "0", "2", "66.6 %", "33.3 %"])
        self.assertEqual(rows[1][1:], ["4", "0", "0", "0", "4", "0", "0", "-", "-"])
        table = mutate_report_text.markdown(result(self.room)).splitlines()
        self.assertEqual(len(table), 2 + 4)
        self.assertEqual({line.count("|") for line in table}, {table[0].count("|")})

    def test_flips(self) -> None:
        """A line of every descriptor's bits, where they were looked at."""
        what = result(self.room)
        self.assertNotIn("every descriptor", self.text(what))
        what.variants[0].listed.flips = {"flips": 64, "reported": 60, "harmless": 3, "unseen": 1}
        line = "descriptor, in snapshots: 64 flips, 60 reported, 3 harmless, 1 unseen\n"
        self.assertIn(line, self.text(what))

    def test_quiet(self) -> None:
        """Survivors, what is not judged, and the verdict."""
        text = self.text(result(self.room), quiet=True)
        self.assertEqual(len(text.splitlines()), 3)
        self.assertTrue(text.endswith("1 survived, 2 equivalent, 1 not judged\n"), text)

    def test_reasons_of_equivalence(self) -> None:
        """Each with how many it is of."""
        text = self.text(result(self.room))
        self.assertIn("equivalent: 1: nobody looks between\n", text)
        self.assertIn("equivalent: 1: shares no register\n", text)


class Files(ReportTest):
    """What machines read."""

    def test_json(self) -> None:
        """Everything, with the schema's name."""
        path = self.room / "mutants.json"
        mutate_report_files.write_json(result(self.room, variants=2), path)
        data = json.loads(path.read_text("utf-8"))
        self.assertEqual((data["schema"], data["exit_code"]), ("rig-mutants-1", 3))
        self.assertEqual(data["counts"]["killed"], {"error": 2, "note": 2})
        self.assertEqual(data["review"]["entries"][0]["covers"], 2)
        first = data["variants"][0]
        self.assertEqual(first["not_made"], ["b: no room"])
        self.assertEqual([item["verdict"] for item in first["mutants"]].count("equivalent"), 2)
        self.assertEqual(first["mutants"][0]["rules"], ["isb-after", "vbar"])
        self.assertEqual(first["mutants"][0]["was"], "isb")

    def test_junit(self) -> None:
        """A case a mutant; survivors fail, what is equivalent or not judged is skipped."""
        path = self.room / "mutants.xml"
        mutate_report_files.write_junit(result(self.room), path)
        suite = ET.parse(path).getroot()[0]
        counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
        self.assertEqual(counts, ["6", "1", "0", "3"])
        self.assertEqual(len(suite.findall("testcase/failure")), 1)
        skipped = [node.get("message") for node in suite.findall("testcase/skipped")]
        self.assertIn("not judged: QEMU died", skipped)
        self.assertIn("equivalent: nobody looks between", skipped)

    def test_junit_of_a_stale_entry(self) -> None:
        """A failed case, so that the view is as red as the exit code."""
        path = self.room / "mutants.xml"
        mutate_report_files.write_junit(self.one(Outcome(MUTANTS[0].id, KILLED, ["r"])), path)
        suite = ET.parse(path).getroot()[-1]
        self.assertEqual((suite.get("name"), suite.get("failures")), ("rig.mutate.review", "1"))
        failure = suite.find("testcase/failure")
        assert failure is not None
        self.assertTrue(str(failure.get("message")).startswith("matches nothing"))


if __name__ == "__main__":
    unittest.main()
