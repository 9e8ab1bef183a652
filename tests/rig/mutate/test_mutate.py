#!/usr/bin/python3
"""`rig mutate` on a small guest: each verdict, each way out, resumed, in shards and collected.

Needs the cross compiler, QEMU and gdb; $RIG_TOOLS is the directory of the rig's compiled parts.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from mutate_guest import BOUND_S, FEW, HERE, MutateTest


class Verdicts(MutateTest):
    """What becomes of each mutant of a class or two."""

    report: dict[str, Any] = {}
    text = ""

    def setUp(self) -> None:
        super().setUp()
        if not Verdicts.report:
            files: list[str | Path] = [
                "--junit",
                self.work / "m.xml",
                "--table",
                self.work / "m.md",
            ]
            words: list[str | Path] = [*FEW, "--thorough", *files]
            Verdicts.report, Verdicts.text = self.mutate(*words, code=1)

    def one(self, function: str, was: str, kind: str = "dropped") -> dict[str, Any]:
        """The only mutant of an instruction."""
        (found,) = [
            item
            for item in self.report["variants"][0]["mutants"]
            if item["function"] == function and item["was"].startswith(was) and item["kind"] == kind
        ]
        return dict(found)

    def test_killed_by_error(self) -> None:
        """The checkpoint that asks for the stack; nothing else misses it, nor the smoke test."""
        found = self.one("_start", "mov sp")
        self.assertEqual((found["verdict"], found["rules"]), ("killed", ["stack"]))
        self.assertEqual((found["phase"], found["smoke"]), ("step", ""))

    def test_killed_by_note(self) -> None:
        """The SVC makes up for the ISB: no rule breaks, but a note comes that was not there."""
        found = self.one("_start", "isb")
        self.assertEqual((found["verdict"], found["rules"]), ("killed", []))
        self.assertEqual(found["notes"], ["vbar-before-exception"])
        self.assertGreaterEqual(self.report["counts"]["killed"]["note"], 1)

    def test_survived(self) -> None:
        """Printed like a compiler's warning, with the line; the smoke test is blind, too."""
        found = self.one("quiet", "msr tpidr_el0")
        self.assertEqual((found["verdict"], found["smoke"]), ("survived", ""))
        line = self.line_of("// SURVIVES")
        words = rf"(?m)^\S*small\.S:{line}: survived: .*\[{re.escape(found['id'])}\]$"
        self.assertRegex(self.text, words)

    def test_equivalent(self) -> None:
        """By the review, and by construction; each with its reason."""
        found = self.one("quiet", "msr ttbr0_el1")
        self.assertEqual(found["verdict"], "equivalent")
        self.assertEqual(found["why"], "it is 0 from reset (QEMU, cortex-a72)")
        found = self.one("quiet", "msr ttbr0_el1", "zero-source")
        self.assertEqual((found["verdict"], found["seconds"]), ("equivalent", 0))
        self.assertTrue(found["equivalent"])

    def test_a_hang_is_bounded(self) -> None:
        """By instructions, long before any time bound."""
        found = self.one("watched", "msr tpidr_el1")
        self.assertEqual((found["verdict"], found["rules"]), ("killed", ["guest-ends"]))
        self.assertLess(found["seconds"], 60)
        self.assertTrue(found["smoke"])

    def test_reports_agree(self) -> None:
        """The text, JUnit and the table have the JSON's counts."""
        counts = self.report["counts"]
        suite = ET.parse(self.work / "m.xml").getroot()[0]
        self.assertEqual(suite.get("tests"), str(counts["mutants"]))
        self.assertEqual(suite.get("failures"), str(counts["survived"]))
        table = (self.work / "m.md").read_text("utf-8").splitlines()
        self.assertEqual(
            [line.split("|")[1].strip() for line in table[2:]], ["dropped", "zero-source", "all"]
        )
        self.assertEqual(table[-1].split("|")[2].strip(), str(counts["mutants"]))
        self.assertRegex(self.text, rf"(?m)^mutants survived: {counts['mutants']} mutants, ")
        killed = counts["killed"]["error"] + counts["killed"]["note"]
        self.assertEqual(sum(self.report["killed_by"].values()), killed)


class Ends(MutateTest):
    """Exit codes, and what is refused."""

    def test_zero_mutants(self) -> None:
        """Prove nothing."""
        _, text = self.mutate("--kind", "tlbi-narrowed", code=3)
        self.assertIn("zero mutants", text)
        _, text = self.mutate("--kind", "dropped", "--in", "nowhere", code=3)
        self.assertRegex(text, r"zero mutants: none of \d+ is what --kind, --in and --id ask for")

    def test_red_baseline(self) -> None:
        """Names the rule, and runs no mutant."""
        self.change("small.yaml", "SP == stack_top", "SP != stack_top")
        _, text = self.mutate(*FEW, code=3)
        self.assertIn("the unmutated guest does not pass", text)
        self.assertIn("stack", text)

    def test_nothing_survives(self) -> None:
        """0; and only killed mutants can be."""
        report, text = self.mutate("--kind", "dropped", "--in", "watched", code=0)
        self.assertEqual(report["counts"]["survived"], 0)
        self.assertIn("no mutant survived: ", text)

    def test_stale_review(self) -> None:
        """An entry that matches nothing is red in a whole campaign; a broken file always is."""
        old = "- {kind: dropped, in: quiet,"
        self.change("reviewed.yaml", old, old.replace("quiet", "_stark"))
        _, text = self.mutate("--kind", "dropped", "--in", "watched", code=0)
        self.assertNotIn("matches nothing", text)
        self.change("reviewed.yaml", old, old.replace("kind", "sort"))
        _, text = self.mutate("--kind", "dropped", "--in", "watched", code=2)
        self.assertIn("reviewed.yaml:3:", text)
        self.assertIn("unknown key", text)

    def test_list(self) -> None:
        """Runs none, and says what was not made."""
        done = self.run_words(self.command(*FEW, "--in", "quiet", "--list"), 0)
        lines = done.stdout.splitlines()
        self.assertEqual(sum("[quiet+" in line for line in lines), 4)
        self.assertIn("(equivalent: ", done.stdout)

    def test_refusals(self) -> None:
        """Words that have no meaning together."""
        for words, say in (
            (["--shard", "3/2"], "must be K/N"),
            (["--shard", "1/2"], "--shard needs --run-dir"),
            (["--sample", "0"], "a whole number from 1"),
            (["--kind", "gone"], "invalid choice"),
            (["--keep"], "--keep needs --run-dir"),
            (["--survivors"], "--survivors needs --run-dir"),
            (["--survivors", "--fresh"], "--fresh and --renew forget"),
            (["--collect", str(self.work), "--kind", "dropped"], "--kind has no meaning"),
            (["--list", "--json", str(self.work / "l.json")], "no report for --json"),
        ):
            with self.subTest(words):
                done = self.run_words(self.command(*words), 2)
                self.assertIn(say, done.stderr)


class Campaigns(MutateTest):
    """Interrupted and resumed; in shards and collected."""

    words = ("--kind", "dropped")

    def results(self, folder: Path) -> list[str]:
        """Lines of the results kept so far, without the header."""
        path = folder / "plain-results.jsonl"
        return path.read_text("utf-8").splitlines()[1:] if path.exists() else []

    def test_resumed_after_an_interrupt(self) -> None:
        """What was judged is not judged again, and the whole is as if nothing had happened."""
        folder = self.work / "resumed"
        command = self.command(*self.words, "--jobs", "1", "--run-dir", folder)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HERE,
            env=self.environment(),
        ) as child:  # fmt: skip
            end = time.monotonic() + BOUND_S
            while len(self.results(folder)) < 2 and time.monotonic() < end:
                self.assertIsNone(child.poll(), "ended too early")
                time.sleep(0.05)
            child.send_signal(signal.SIGINT)
            text = child.communicate(timeout=BOUND_S)[0]
        self.assertEqual(child.returncode, 128 + signal.SIGINT, text)
        self.assertIn("to go on: ", text)
        self.assertEqual(self.processes(), [])
        before = self.results(folder)
        report, _ = self.mutate(*self.words, "--run-dir", folder, code=1)
        after = self.results(folder)
        self.assertEqual(after[: len(before)], before)
        self.assertEqual(len(after), report["counts"]["mutants"])
        # Another guest's results are not mixed with these.
        self.change("small.yaml", "why: shows each verdict", "why: shows every verdict")
        _, text = self.mutate(*self.words, "--run-dir", folder, code=2)
        self.assertIn("--fresh", text)
        # But that the pack grew: kills are kept, and what was not killed is run again.
        grown, text = self.mutate(*self.words, "--run-dir", folder, "--survivors", code=1)
        self.assertEqual(self.verdicts(grown), self.verdicts(report))
        killed = sum(report["counts"]["killed"].values())
        self.assertIn(f"{killed} of the kills are kept of earlier rules", text)
        self.assertEqual(len(self.results(folder)), len(after))

    def test_shards_are_the_whole(self) -> None:
        """Two halves, each mutant in one of them, collected as one."""
        whole, _ = self.mutate(*self.words, code=1)
        folder = self.work / "halves"
        parts = []
        for number in ("1/2", "2/2"):
            done = subprocess.run(
                self.command(*self.words, "--run-dir", folder, "--shard", number),
                capture_output=True, text=True, check=False, timeout=BOUND_S, cwd=HERE,
                env=self.environment(),
            )  # fmt: skip
            self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
            parts.append(self.results(folder / f"shard-{number.replace('/', '-of-')}"))
        self.assertTrue(all(parts), "a half is empty")
        collected, _ = self.collect("--collect", folder, code=1)
        self.assertEqual(self.verdicts(collected), self.verdicts(whole))
        # A shard that has no results is missed.
        missing, text = self.collect("--collect", folder / "shard-1-of-2", code=3)
        self.assertEqual(missing["counts"]["not_judged"], len(parts[1]))
        self.assertIn("not judged: ", text)
        self.change("small.yaml", "why: shows each verdict", "why: shows every verdict")
        _, text = self.collect("--collect", folder, code=2)
        self.assertIn("was judged by other rules (small.yaml differ)", text)

    def test_sample(self) -> None:
        """Has some of every class, and is the same each time."""
        words = [*FEW, "--sample", "4", "--list"]
        lists = [self.run_words(self.command(*words), 0).stdout for _ in range(2)]
        self.assertEqual(lists[0], lists[1])
        self.assertEqual(sum("[" in line for line in lists[0].splitlines()), 4)
        for kind in ("dropped", "zero-source"):
            self.assertIn(f": {kind}: ", lists[0])


if __name__ == "__main__":
    unittest.main()
