#!/usr/bin/python3
"""A run's exceptions against those of an earlier one: what counts as the same, what is worse, and
files that are no baseline."""

from __future__ import annotations

import argparse
import json
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import support  # noqa: F401 # pylint: disable=unused-import # sets the path

# pylint: disable=wrong-import-order # support sets the path
from engine import faults_baseline, report_json
from engine.checks import FAIL, NOT_JUDGED, PASS, Check
from engine.errors import CannotJudge, RigError, UsageError
from engine.exception_log import BEYOND, MESSAGE, UNNAMED, Key, Row, rows_of
from engine.faults_baseline import Gate, compare, load
from engine.qemu import Machine
from engine.results import Phase, RunResult, VariantResult


def site(kind: str = "DATA_ABORT", **changes: Any) -> dict[str, Any]:
    """A site as rig-trace gate reports it."""
    return {
        "class": kind, "from": "EL1", "to": "EL1", "psci": False, "count": 1, "ambiguous": 0,
        "esr_text": "Data Abort, same EL (EC 0x25), level 2 (DFSC 0x06), read",
        "elr": "0xffff000000080100", "elr_symbol": "copy+0x10", "elr_source": "copy.c:12",
        **changes,
    }  # fmt: skip


def report(*sites: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A report of rig-trace gate."""
    return {
        "log": "qemu.log", "sites": list(sites), "messages": [], "damaged": {"total": 0},
        "overflow": {"buckets": [], "messages": 0}, **changes,
    }  # fmt: skip


def row(kind: str = "DATA_ABORT", count: int = 1, place: str = "copy") -> Row:
    """A row of the table."""
    return Row(Key(kind, "EL1 -> EL1", "read", place), count)


class SameException(unittest.TestCase):
    """Keys outlive a rebuild."""

    def key(self, **changes: Any) -> Key:
        """The key of one site."""
        return rows_of(report(site(**changes)))[0].key

    def test_moved_code_is_the_same(self) -> None:
        """Another address and another offset in the same function."""
        moved = self.key(elr="0xffff000000099000", elr_symbol="copy+0x24", elr_source="copy.c:14")
        self.assertEqual(moved, self.key())

    def test_another_function_or_syndrome_is_another(self) -> None:
        """Function, fault status, levels and class tell apart."""
        changes: tuple[dict[str, Any], ...] = (
            {"elr_symbol": "fill+0x10"}, {"esr_text": "Data Abort, level 3, write"},
            {"from": "EL0"}, {"kind": "UNDEFINED"}, {"psci": True},
        )  # fmt: skip
        for change in changes:
            with self.subTest(change):
                self.assertNotEqual(self.key(**change), self.key())

    def test_the_compilers_choice_of_registers_is_left_out(self) -> None:
        """A trapped MRS into x3 or x7 is one exception; another register of the system is not."""
        trapped = self.key(esr_text="Trapped (EC 0x18), mrs x3, S3_0_C1_C0_0")
        self.assertEqual(self.key(esr_text="Trapped (EC 0x18), mrs x7, S3_0_C1_C0_0"), trapped)
        self.assertNotEqual(self.key(esr_text="Trapped (EC 0x18), mrs x3, S3_0_C1_C0_1"), trapped)

    def test_interrupts_have_no_place(self) -> None:
        """The log's ESR and ELR of an interrupt say nothing."""
        rows = rows_of(report(site("IRQ", count=2), site("IRQ", elr_symbol="idle", count=3)))
        self.assertEqual([(r.key, r.count) for r in rows], [(Key("IRQ", "EL1 -> EL1"), 5)])

    def test_code_without_symbols_is_known_by_its_address(self) -> None:
        """And, between two images, as one place."""
        key = self.key(elr="0x80002c", elr_symbol=None)
        self.assertEqual(key.place, "0x80002c")
        self.assertEqual(key.anywhere().place, UNNAMED)
        self.assertEqual(self.key().anywhere(), self.key())

    def test_nothing_of_the_log_is_lost(self) -> None:
        """Messages, and what is beyond the sites that are told apart."""
        buckets = [{"class": "SVC", "from": "EL0", "to": "EL1", "psci": False, "count": 7}]
        rows = rows_of(
            report(
                messages=[{"text": "bad write", "count": 2}],
                overflow={"buckets": buckets, "messages": 3},
            )
        )
        self.assertIn(Row(Key(MESSAGE, what="bad write"), 2), rows)
        self.assertIn(Row(Key(MESSAGE, place=BEYOND), 3), rows)
        self.assertIn(Row(Key("SVC", "EL0 -> EL1", place=BEYOND), 7), rows)

    def test_a_damaged_log_is_no_measure(self) -> None:
        """Neither to write nor to compare."""
        with self.assertRaisesRegex(CannotJudge, "4 damaged lines"):
            rows_of(report(damaged={"total": 4}))


class Worse(unittest.TestCase):
    """What breaks the rule, and what is only told."""

    def changes(
        self, before: Sequence[Row], now: Sequence[Row], same: bool = True, slack: float = 0
    ) -> tuple[list[str], list[str]]:
        """(what is worse, what is better), each as "WHAT BEFORE NOW"."""
        found = compare(before, now, same, slack)
        return tuple(  # type: ignore[return-value]
            [f"{c.what} {c.before} {c.row.count}" for c in part]
            for part in (found.worse, found.better)
        )

    def test_each_change_has_its_word(self) -> None:
        """New and more are worse; fewer and gone are better; the same is neither."""
        self.assertEqual(self.changes([], [row()]), (["new 0 1"], []))
        self.assertEqual(self.changes([row(count=2)], [row(count=3)]), (["more 2 3"], []))
        self.assertEqual(self.changes([row(count=3)], [row(count=2)]), ([], ["fewer 3 2"]))
        self.assertEqual(self.changes([row(count=3)], []), ([], ["gone 3 3"]))
        self.assertEqual(self.changes([row()], [row()]), ([], []))

    def test_slack_lets_counts_grow_and_nothing_else(self) -> None:
        """Ten percent of 10 are one more; a new place stays new."""
        ten = [row(count=10)]
        self.assertEqual(self.changes(ten, [row(count=11)], slack=10), ([], []))
        self.assertEqual(self.changes(ten, [row(count=12)], slack=10), (["more 10 12"], []))
        self.assertEqual(self.changes([], [row()], slack=10), (["new 0 1"], []))

    def test_interrupts_are_not_counted(self) -> None:
        """More or fewer are the clock's; the first one ever is new."""
        few, many = Row(Key("IRQ", "EL1 -> EL1"), 3), Row(Key("IRQ", "EL1 -> EL1"), 300)
        self.assertEqual(self.changes([few], [many]), ([], []))
        self.assertEqual(self.changes([], [few]), (["new 0 3"], []))

    def test_addresses_mean_something_in_one_image_only(self) -> None:
        """Two calls at other addresses: other places of one image, no change between two."""
        before, now = [row(place="0x10"), row(place="0x20")], [row(place="0x30", count=2)]
        worse, better = self.changes(before, now)
        self.assertEqual((worse, len(better)), (["new 0 2"], 2))
        self.assertEqual(self.changes(before, now, same=False), ([], []))
        self.assertEqual(self.changes(before[:1], now, same=False), (["more 1 2"], []))


class BaselineFiles(unittest.TestCase):
    """Written, read again, and refused."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.folder / "baseline.json"

    def result(self, rows: list[Row] | None, phase: Phase | None = None) -> VariantResult:
        """A variant with these exceptions."""
        machine = Machine("el1", "virt", "cortex-a72", "128M", 1, ())
        phases = [phase or Phase("free-run", "guest ended")]
        return VariantResult(machine, phases=phases, exceptions=rows)

    def run_of(self, result: VariantResult, checks: Sequence[Check | None]) -> RunResult:
        """A run with one variant and these checks."""
        result.checks = [check for check in checks if check is not None]
        return RunResult(
            "faults", {"guest": "g"}, {"path": "g.elf", "build_id": "ab"}, {}, [result]
        )

    def gate(self, **options: Any) -> Gate:
        """The options as the command line gives them."""
        made = {"baseline": None, "write_baseline": None, "slack": 0.0, **options}
        return Gate(argparse.Namespace(**made), "g", ["el1"])

    def written(self, rows: list[Row]) -> Path:
        """A baseline of these exceptions."""
        result = self.result(rows)
        gate = self.gate(write_baseline=str(self.path))
        self.assertIn("written", gate.write(self.run_of(result, [gate.judge(result, "ab")])))
        return self.path

    def judged(self, rows: list[Row] | None, phase: Phase | None = None, **options: Any) -> Check:
        """The check of a run against the file."""
        check = self.gate(baseline=str(self.path), **options).judge(self.result(rows, phase), "ab")
        assert check is not None
        return check

    def test_round_trip(self) -> None:
        """What is written is held by the same run."""
        self.written([row(), row("SVC", 4)])
        read = load(str(self.path))
        self.assertEqual((read.guest, read.build_id), ("g", "ab"))
        self.assertEqual(self.judged([row(), row("SVC", 4)]).status, PASS)

    def test_what_is_new_is_in_the_table(self) -> None:
        """Worse first, then what is better."""
        self.written([row("SVC", 4)])
        check = self.judged([row("DATA_ABORT", 2, "fill")])
        self.assertEqual((check.status, check.actual), (FAIL, "1 new, 1 gone"))
        self.assertRegex(check.details[0], r"new +2 x +DATA_ABORT +EL1 -> EL1 +read +at fill")
        self.assertRegex(check.details[1], r"gone +4 x +SVC")

    def test_what_is_gone_breaks_nothing(self) -> None:
        """But is told, so that the baseline gets written anew."""
        self.written([row("SVC", 4)])
        check = self.judged([])
        self.assertEqual(check.status, PASS)
        self.assertIn("1 gone: the baseline can be written anew", check.text)
        self.assertEqual(len(check.details), 1)

    def test_a_run_cut_off_is_no_pass(self) -> None:
        """What is new before the time bound is new; else nothing is known, least of all what is
        gone."""
        self.written([row("SVC", 4)])
        late = Phase("free-run", "time bound", error="did not end", code=124)
        self.assertEqual(self.judged([], late).status, NOT_JUDGED)
        self.assertEqual(self.judged([], late).details, [])
        self.assertEqual(self.judged([row()], late).status, FAIL)
        dead = Phase("free-run", "QEMU died", error="QEMU died", code=3)
        self.assertEqual(self.judged(None, dead).status, NOT_JUDGED)

    def test_no_baseline_is_written_of_it(self) -> None:
        """Nor when the run is worse than the one it was held against."""
        late = Phase("free-run", "time bound", error="did not end", code=124)
        out = self.folder / "new.json"
        gate = self.gate(write_baseline=str(out))
        result = self.result([row()], late)
        self.assertIn("not written", gate.write(self.run_of(result, [gate.judge(result, "ab")])))
        self.written([])
        gate = self.gate(baseline=str(self.path), write_baseline=str(out))
        result = self.result([row()])
        self.assertIn("not written", gate.write(self.run_of(result, [gate.judge(result, "ab")])))
        self.assertFalse(out.exists())

    def test_a_report_is_a_baseline(self) -> None:
        """Of a run that ended; one of a run that did not is refused."""
        result = self.result([row("SVC", 4)])
        run = self.run_of(result, [self.gate(write_baseline="x.json").judge(result, "ab")])
        report_json.write(run, self.path)
        self.assertEqual(self.judged([row("SVC", 4)]).status, PASS)
        self.assertEqual(self.judged([row("SVC", 5)]).status, FAIL)
        result.phases = [Phase("free-run", error="did not end", code=124)]
        report_json.write(run, self.path)
        self.refused(UsageError, "did not end")
        result.phases, result.exceptions = [Phase("step")], None
        report_json.write(run, self.path)
        self.refused(UsageError, "holds no exceptions of variant el1")

    def refused(self, kind: type[RigError], words: str, text: str | None = None) -> None:
        """Reading the file ends with this error."""
        if text is not None:
            self.path.write_text(text, encoding="utf-8")
        with self.assertRaisesRegex(kind, words):
            self.gate(baseline=str(self.path))

    def test_what_is_no_baseline_is_refused_in_words(self) -> None:
        """Usage for foreign files, no judgement for damaged ones."""
        self.refused(UsageError, "cannot read it: No such file")
        self.refused(UsageError, "no baseline: its schema is None", "[]")
        self.refused(UsageError, "schema is 'rig-faults-baseline/9'",
                     '{"schema": "rig-faults-baseline/9"}')  # fmt: skip
        self.refused(CannotJudge, "damaged baseline: no JSON", '{"schema": ')
        self.refused(CannotJudge, "damaged baseline: KeyError", f'{{"schema": "{SCHEMA}"}}')

    def test_a_damaged_row_is_found(self) -> None:
        """Counts from one on, and a class."""
        whole = json.loads(self.written([row()]).read_text(encoding="utf-8"))
        for key, value in (
            ("count", 0),
            ("count", "1"),
            ("count", True),
            ("kind", 3),
            ("kind", ""),
        ):
            broken = json.loads(json.dumps(whole))
            broken["variants"][0]["exceptions"][0][key] = value
            with self.subTest(key=key, value=value):
                self.refused(CannotJudge, "damaged baseline: ", json.dumps(broken))
        whole["variants"][0]["exceptions"] = 5
        self.refused(CannotJudge, "damaged baseline: ", json.dumps(whole))

    def test_it_has_to_be_of_this_guest_and_variant(self) -> None:
        """Both are named."""
        self.written([row()])
        made = argparse.Namespace(baseline=str(self.path), write_baseline=None, slack=0.0)
        with self.assertRaisesRegex(UsageError, "is of guest g, this is other"):
            Gate(made, "other", ["el1"])
        with self.assertRaisesRegex(UsageError, "holds no variant el2, it has: el1"):
            Gate(made, "g", ["el1", "el2"])

    def test_options_are_checked_before_a_run(self) -> None:
        """A place to write to, and a percentage."""
        with self.assertRaisesRegex(UsageError, "no such directory"):
            self.gate(write_baseline=str(self.folder / "no" / "b.json"))
        with self.assertRaisesRegex(UsageError, "give a file name"):
            self.gate(write_baseline=str(self.folder))
        pack = self.folder / "pack.yaml"
        pack.write_text("guest: g\n", encoding="utf-8")
        with self.assertRaisesRegex(RigError, "pack.yaml"):
            self.gate(write_baseline=str(pack))
        self.assertEqual(pack.read_text(encoding="utf-8"), "guest: g\n")
        parser = argparse.ArgumentParser(exit_on_error=False)
        faults_baseline.add_options(parser)
        for wrong in ("-1", "x", "nan"):
            with self.subTest(wrong), self.assertRaises(argparse.ArgumentError):
                parser.parse_args([f"--slack={wrong}"])


SCHEMA = faults_baseline.SCHEMA

if __name__ == "__main__":
    unittest.main()
