#!/usr/bin/python3
"""`rig order` and the ordering phase on Tyrne's boot, with the real plugin and checker.

    test_rig_order.py BUILD [TEST...]

BUILD holds tyrne.elf; $RIG_TOOLS is the directory of rig-trace and the plugins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
RIG = ROOT / "rig" / "rig"
BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build" / "debug"
ELF = BUILD / "tyrne.elf"
TOOL = Path(os.environ.get("RIG_TOOLS", BUILD / "rig")) / "rig-trace"
BOUND_S = 300


class OrderTest(unittest.TestCase):
    """A work directory, and one recorded run of one variant that every test may judge again."""

    work: Path
    trace: Path
    record: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-order-")))
        cls.record = cls.work / "record.json"
        done = cls.rig("order", "--elf", ELF, "--variant", "el2", "--run-dir", cls.work / "run",
                       "--json", cls.record, "--junit", cls.work / "record.xml")  # fmt: skip
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        cls.trace = cls.work / "run" / "el2-ordering" / "events.trace"

    @staticmethod
    def rig(*words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the rig to its end."""
        return subprocess.run(
            [str(RIG), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND_S,
        )

    def judge(self, *words: str | Path) -> tuple[int, dict[str, Any], str]:
        """`rig order` with a report: exit code, the only variant, what was said."""
        path = self.work / "again.json"
        path.unlink(missing_ok=True)
        done = self.rig("order", "--elf", ELF, "--variant", "el2", "--json", path, *words)
        self.assertNotIn("defect of the rig", done.stderr)
        report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        return done.returncode, report and report["variants"][0], done.stdout + done.stderr

    def pack(self, ordering: str) -> Path:
        """Tyrne's pack with other ordering."""
        path = self.work / "other.yaml"
        path.write_text(
            f"guest: tyrne\nwhy: a test\nuse: [tyrne]\nsteady-state: all-complete\n"
            f"ordering: {ordering}\n",
            encoding="utf-8",
        )
        return path


class Rules(OrderTest):
    """The pack's rules and the checker's."""

    def test_same_rules(self) -> None:
        """The same ids, with the sections that the checker cites, and explained by the rig."""
        pack = yaml.safe_load((ROOT / "rig" / "rules" / "arm64.yaml").read_text(encoding="utf-8"))
        told = {rule["id"]: rule["spec"] for rule in pack["ordering-rules"]}
        report = self.work / "run" / "el2-ordering" / "order.json"
        judged = json.loads(report.read_text(encoding="utf-8"))["rules"]
        cited = {rule["id"]: rule["section"].replace('"', "") for rule in judged}
        self.assertEqual(told, cited)
        said = subprocess.run([str(TOOL), "order", "--help"], capture_output=True, text=True,
                              check=True).stdout  # fmt: skip
        offered = said.partition("\nrules:\n")[2].partition("\nexit status")[0]
        self.assertEqual({line.split()[0] for line in offered.split("\n") if line}, set(told))
        for name in told:
            self.assertIn("(ordering-rule of", self.rig("explain", name).stdout)

    def test_each_rule_has_a_check(self) -> None:
        """In the record, in JUnit's, and for `rig verdict`."""
        run = json.loads(self.record.read_text(encoding="utf-8"))
        checks = run["variants"][0]["checks"]
        self.assertEqual({check["group"] for check in checks}, {"ordering"})
        self.assertEqual([check["status"] for check in checks], ["pass"] * len(checks))
        walks = next(check for check in checks if check["rule"] == "table-before-walk")
        self.assertRegex(walks["text"], r": [1-9]\d* subjects, [1-9]\d* consumers$")
        self.assertIn('failures="0" errors="0"', (self.work / "record.xml").read_text("utf-8"))
        done = self.rig("verdict", self.record, "--group", "ordering", "--elf", ELF)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"group ordering: {len(checks)} checks", done.stdout)

    def test_operands_fit(self) -> None:
        """The last run came to each arrival that was asked about, and to no other."""
        stats = subprocess.run([str(TOOL), "stats", str(self.trace)], capture_output=True,
                               text=True, check=True).stdout  # fmt: skip
        self.assertRegex(stats, r"[1-9]\d*  with an operand, 0 of them unknown|values of registers")
        self.assertNotIn("operands-lost", stats)


class Given(OrderTest):
    """A trace that is there."""

    def test_same_verdict(self) -> None:
        """It is judged as the run that made it."""
        code, variant, text = self.judge(self.trace)
        self.assertEqual(code, 0, text)
        run = json.loads(self.record.read_text(encoding="utf-8"))
        self.assertEqual(variant["checks"], run["variants"][0]["checks"])

    def test_damaged(self) -> None:
        """A torn tail, half a header, another file and none are no judgement."""
        whole = self.trace.read_bytes()
        torn = self.work / "torn.trace"
        for content in (whole[: len(whole) // 2], whole[:50], b"hello"):
            torn.write_bytes(content)
            code, _variant, text = self.judge(torn)
            self.assertEqual(code, 3, text)
        self.assertEqual(self.judge(self.work / "none.trace")[0], 3)

    def test_one_variant(self) -> None:
        """A trace is of one of them."""
        done = self.rig("order", self.trace, "--elf", ELF)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--variant one of el1, el2", done.stderr)


class Packs(OrderTest):
    """What the pack asks for decides."""

    def judge_by(self, ordering: str) -> tuple[int, dict[str, Any], str]:
        """The recorded trace by another pack."""
        return self.judge(self.trace, "--pack", self.pack(ordering))

    def test_required_rule_without_subject(self) -> None:
        """Nothing to judge is a broken rule when the pack says so, and no judgement when it is all
        that there is."""
        code, variant, text = self.judge_by("{use: [arm64/all], require: [at-before-par]}")
        self.assertEqual(code, 1, text)
        failed = [check["rule"] for check in variant["checks"] if check["status"] == "fail"]
        self.assertEqual(failed, ["at-before-par"])
        self.assertIn("the rule matched nothing", text)
        code, _variant, text = self.judge_by("{use: [at-before-par]}")
        self.assertEqual(code, 3, text)
        self.assertIn("zero checks", text)

    def test_unused_waiver(self) -> None:
        """It would hide the next finding."""
        code, variant, text = self.judge_by(
            "{use: [arm64/all], waive: [{rule: tlbi-completes, at: kernel_main, why: w}]}"
        )
        self.assertEqual(code, 1, text)
        failed = [check["id"] for check in variant["checks"] if check["status"] == "fail"]
        self.assertEqual(failed, ["ordering.waiver.tlbi-completes@kernel_main"])
        code, _variant, text = self.judge_by(
            "{use: [arm64/all], waive: [{rule: tlbi-completes, at: kernel_main, why: w, "
            "variants: [el1]}]}"
        )
        self.assertEqual(code, 0, text)

    def test_wrong_pack(self) -> None:
        """Unknown rules and symbols are refused with their place."""
        for ordering, words in (
            ("{use: [no-such-rule]}", r"other\.yaml:5:18: ordering\.use\[0\]: no ordering rule"),
            (
                "{use: [arm64/all], waive: [{rule: tlbi-completes, at: kernel_mian, why: w}]}",
                r"other\.yaml:5:\d+: ordering\.waive\[0\]\.at: no symbol .* mean kernel_main\?",
            ),
        ):
            code, _variant, text = self.judge_by(ordering)
            self.assertEqual(code, 2, text)
            self.assertRegex(text, words)

    def test_ends_of_runs(self) -> None:
        """A text of the console that does not come, a time that is too short: no pass, and said."""
        code, _variant, text = self.judge(
            "--pack", self.pack('{use: [arm64/all], until: "no such words"}')
        )
        self.assertEqual(code, 3, text)
        self.assertIn("before its console showed 'no such words'", text)
        code, _variant, text = self.judge("--timeout", "0.01")
        self.assertEqual(code, 124, text)
        self.assertIn("the guest did not end within 0.01 s", text)

    def test_guest_that_does_not_end(self) -> None:
        """Ended at a text of its console, or at its bound, it is judged up to there."""
        halts = BUILD / "kernel-images" / "calls-hypervisor.elf"
        for end in ('until: "tyrne: mmu activated"', "ends: bound, bound: 2"):
            with self.subTest(end):
                pack = self.pack(f"{{use: [sysreg-before-use, tlbi-completes], {end}}}")
                code, variant, text = self.judge("--pack", pack, "--elf", halts)
                self.assertEqual(code, 0, text)
                self.assertEqual(variant["phases"][0]["reason"], "guest was ended, 3 runs")
                self.assertEqual(len(variant["checks"]), 2)


if __name__ == "__main__":
    unittest.main()
