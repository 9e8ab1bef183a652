#!/usr/bin/python3
"""rig-trace end to end: exit codes, words of its messages, the JSON file, symbols.

    test_cli.py RIG_TRACE DATA_DIR [-v]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

RIG_TRACE = Path()
DATA = Path()
CROSS = shutil.which("aarch64-linux-gnu-gcc")

SVC = """Taking exception 2 [SVC] on CPU 0
...from EL0 to EL1
...with ESR 0x15/0x56000001
...with ELR {elr}
...to EL1 PC 0xffff000000080400 PSTATE 0x3c5
Exception return from AArch64 EL1 to AArch64 EL0 PC {elr}
"""
ABORT = """Taking exception 4 [Data Abort] on CPU 0
...from EL1 to EL1
...with ESR 0x25/0x96000046
...with FAR {far}
...with ELR {elr}
...to EL1 PC 0x40080a00 PSTATE 0x3c5
"""
PSCI = """Taking exception 11 [Hypervisor Call] on CPU 0
...from EL1 to EL2
...with ESR 0x16/0x5a000000
...handled as PSCI call
"""
TWO_CALLS_AND_OFF = SVC.format(elr="0x400420") * 2 + PSCI

PACK = """
guest: demo
faults:
  allow:
    - {id: svc-budget, class: SVC, from: EL0, count: 2, why: "two tasks say hello"}
    - {id: power-off, class: [HVC, SMC], psci: SYSTEM_OFF, count: 1, why: "the guest ends"}
  deny: all-others
"""
DENY_ONLY = "faults:\n  deny: all-others\n"


# pylint: disable=missing-function-docstring  # a test's name says what it shows


class Cli(unittest.TestCase):
    """Each test has a directory of its own."""

    def setUp(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="rig-trace-test-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def file(self, name: str, text: str | bytes) -> Path:
        """Write a file into the test's directory."""
        path = self.dir / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def run_tool(
        self, *args: str | Path, code: int, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run rig-trace and check its exit code."""
        result = subprocess.run(
            [str(RIG_TRACE), *map(str, args)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **(env or {})},
        )
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def gate(self, log: str | bytes, pack: str, *args: str | Path, code: int) -> str:
        """Run the gate over a log and a pack given as text; returns what it printed."""
        result = self.run_tool(
            "gate", self.file("log", log), "--rules", self.file("pack.yaml", pack), *args, code=code
        )
        return result.stdout + result.stderr


class Usage(Cli):
    """The command line."""

    def test_help_and_version(self) -> None:
        out = self.run_tool("gate", "--help", code=0).stdout
        for word in ("--rules", "--baseline", "--max-sites", "exit status", "NO_COLOR"):
            self.assertIn(word, out)
        out = self.run_tool("--help", code=0).stdout
        for word in ("gate", "cover", "annotate", "exit status"):
            self.assertIn(word, out)
        self.assertRegex(self.run_tool("--version", code=0).stdout, r"^rig-trace \d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_2_and_says_what(self) -> None:
        log = self.file("log", "")
        pack = self.file("pack.yaml", DENY_ONLY)
        cases: list[tuple[list[str | Path], str]] = [
            ([], "no command"),
            (["stroll"], "unknown command stroll"),
            (["gate"], "no log given"),
            (["gate", log], "no rule pack given"),
            (["gate", log, "--rules"], "requires an argument"),
            (["gate", log, "--rules", pack, "--no-such"], "unrecognized option"),
            (["gate", log, log, "--rules", pack], "one log at a time"),
            (["gate", log, "--rules", pack, "--max-sites", "0"], "1 to 1048576"),
            (["gate", log, "--rules", pack, "--max-sites", "1e3"], "1 to 1048576"),
            (["gate", log, "--rules", pack, "--max-sites", "-1"], "1 to 1048576"),
        ]
        for args, words in cases:
            with self.subTest(words):
                self.assertIn(words, self.run_tool(*args, code=2).stderr)

    def test_a_wrong_pack_is_2_with_file_line_and_key(self) -> None:
        out = self.gate("", PACK.replace("class: SVC", "clas: SVC"), code=2)
        self.assertRegex(out, r"pack\.yaml:5: faults\.allow\[0\]: unknown key 'clas'")
        out = self.gate("", "guest: x\n", code=2)
        self.assertIn("no faults section", out)
        log = self.file("log", "")
        out = self.run_tool("gate", log, "--rules", self.dir / "none", code=2).stderr
        self.assertIn("cannot read the rule pack", out)

    def test_a_missing_log_is_3(self) -> None:
        pack = self.file("pack.yaml", DENY_ONLY)
        out = self.run_tool("gate", self.dir / "none", "--rules", pack, code=3).stderr
        self.assertIn("cannot read the log: No such file", out)
        out = self.run_tool("gate", self.dir, "--rules", pack, code=3).stderr
        self.assertIn("cannot read the log", out)


class Verdicts(Cli):
    """What is judged, and how it reads."""

    def test_a_good_log_holds(self) -> None:
        out = self.gate(TWO_CALLS_AND_OFF, PACK, code=0)
        self.assertRegex(out, r"PASS +svc-budget +2 counted, expected exactly 2")
        self.assertRegex(out, r"PASS +power-off +1 counted")
        self.assertRegex(out, r"PASS +deny-all-others +0 exceptions and 0 message lines")
        self.assertIn("addresses only; --elf FILE", out)
        self.assertTrue(out.endswith("fault gate: held\n"))
        self.assertNotIn("\033", out)
        self.assertNotIn("unexpected", out)

    def test_too_few_and_too_many_are_broken(self) -> None:
        out = self.gate(SVC.format(elr="0x400420") + PSCI, PACK, code=1)
        self.assertRegex(out, r"FAIL +svc-budget +1 counted.*an allowed fault did not come")
        self.assertIn("pack.yaml:5, because: two tasks say hello", out)
        out = self.gate(SVC.format(elr="0x400420") * 3 + PSCI, PACK, code=1)
        self.assertRegex(out, r"FAIL +svc-budget +3 counted.*more came than allowed")
        self.assertRegex(out, r"over budget: svc-budget counted\n +3 x SVC from EL0, first line 1")

    def test_power_off_must_be_the_last_event(self) -> None:
        out = self.gate(PSCI + SVC.format(elr="0x400420") * 2, PACK, code=1)
        self.assertRegex(out, r"FAIL +power-off .*the log does not end with a PSCI call")
        self.assertIn("the log holds no x0", out)

    def test_an_unexpected_abort_is_explained(self) -> None:
        log = TWO_CALLS_AND_OFF[: -len(PSCI)] + ABORT.format(far="0x10", elr="0x40080050") + PSCI
        out = self.gate(log, PACK, code=1)
        for words in (
            "unexpected: DATA_ABORT from EL1 to EL1, 1 time\n",
            "translation fault, level 2 (DFSC 0x06), write",
            "ELR     0x40080050\n",
            "FAR     0x10\n",
            "log:13\n",
            "advice  nothing is mapped at FAR",
        ):
            self.assertIn(words, out)
        self.assertRegex(out, r"FAIL +deny-all-others +1 exception and 0 message lines")

    def test_foreign_lines_are_denied_and_shown(self) -> None:
        out = self.gate("gic: \x1b[2J bad\n\n", DENY_ONLY, code=1)
        self.assertIn(r"gic: \x1b[2J bad", out)
        self.assertIn("(empty line)", out)
        rule = '  messages: [{id: m, match: "gic*", max: 1, why: w}]\n'
        self.assertIn("2 lines", self.gate("gic 1\ngic 2\n", DENY_ONLY + rule, code=1))
        self.gate("gic 1\n", DENY_ONLY + rule, code=0)

    def test_a_damaged_log_is_3_after_printing_what_was_read(self) -> None:
        out = self.gate(TWO_CALLS_AND_OFF[:-10], PACK, code=3)
        self.assertIn("damaged log", out)
        self.assertIn("log ends in the middle of a line", out)
        self.assertIn("log:16: ", out)
        self.assertRegex(out, r"PASS +svc-budget")
        self.assertTrue(out.endswith("fault gate: COULD NOT JUDGE\n"))

    def test_an_empty_log(self) -> None:
        self.assertIn("the log is empty", self.gate("", DENY_ONLY, code=0))
        self.gate("", PACK, code=1)

    def test_variants(self) -> None:
        rule = "{id: smc, class: SMC, variants: [el2], count: 1, why: w}"
        pack = f"faults:\n  deny: all-others\n  allow: [{rule}]\n"
        smc = PSCI.replace("11 [Hypervisor", "13 [Secure Monitor").replace("0x16/0x5a", "0x17/0x5e")
        self.gate(smc, pack, "--variant", "el2", code=0)
        out = self.gate(smc, pack, "--variant", "el1", code=1)
        self.assertRegex(out, r"SKIP +smc .*for another variant")
        self.assertIn("none for el1", out)
        self.gate("", pack, "--variant", "el2", code=1)
        out = self.gate("", pack, code=3)
        self.assertIn("COULD NOT JUDGE: the log is empty and every rule is for another", out)

    def test_a_pack_that_lists_variants_wants_one_of_them(self) -> None:
        rule = "{id: smc, class: SMC, variants: [el2], min: 0, why: w}"
        pack = (
            f"variants: {{el1: {{}}, el2: {{}}}}\nfaults: {{deny: all-others, allow: [{rule}]}}\n"
        )
        out = self.gate("", pack, "--variant", "nope", code=2)
        self.assertIn("pack.yaml:1: variants: no variant 'nope'; the pack has: el1, el2", out)
        self.assertIn("--variant one of: el1, el2", self.gate("", pack, code=2))
        self.gate("", pack, "--variant", "el2", code=0)
        self.gate("", pack.replace("variants: [el2], ", ""), code=0)

    def test_baseline(self) -> None:
        old = self.file("old", ABORT.format(far="0x10", elr="0x40080050") + "old message\n")
        new = ABORT.format(far="0x18", elr="0x40080050") * 3 + "old message\n"
        out = self.gate(new, PACK, "--baseline", old, code=0)
        self.assertIn("budgets are not judged", out)
        self.assertRegex(out, r"---- +svc-budget .*budget not judged")
        out = self.gate(
            new + ABORT.format(far="0x10", elr="0x40080060"), PACK, "--baseline", old, code=1
        )
        self.assertIn("unexpected: DATA_ABORT from EL1 to EL1, 1 time", out)
        self.assertNotIn("old message", out)
        self.assertIn("none", self.gate(new + "new message\n", PACK, "--baseline", old, code=1))
        self.gate(new, PACK, "--baseline", self.file("torn", "Taking"), code=3)
        self.gate(new, PACK, "--baseline", self.dir / "none", code=3)

    def test_more_sites_than_told_apart(self) -> None:
        log = "".join(ABORT.format(far="0x10", elr=f"0x{0x40080000 + 4 * i:x}") for i in range(9))
        out = self.gate(log, DENY_ONLY, "--max-sites", "4", code=1)
        self.assertIn("5 exceptions are counted by class only: the table of 4 sites is full", out)
        self.assertIn("5 x DATA_ABORT from EL1 to EL1, first line 25", out)
        rule = DENY_ONLY + "  allow: [{id: a, class: DATA_ABORT, fsc: 6, count: 9, why: w}]\n"
        out = self.gate(log, rule, "--max-sites", "4", code=3)
        self.assertRegex(out, r"OPEN +a .*5 more may be of this rule: raise --max-sites")
        self.gate(log, rule, code=0)

    def test_many_unexpected_sites_are_summed_up(self) -> None:
        log = "".join(ABORT.format(far="0x10", elr=f"0x{0x40080000 + 4 * i:x}") for i in range(40))
        out = self.gate(log, DENY_ONLY, code=1)
        self.assertEqual(out.count("unexpected: DATA_ABORT"), 32)
        self.assertIn("and 8 more unexpected sites", out)

    def test_real_logs_of_qemu(self) -> None:
        pack = self.file("pack.yaml", DENY_ONLY)
        out = self.run_tool("gate", DATA / "qemu-7.2-faults.log", "--rules", pack, code=1).stdout
        self.assertIn("87 lines: 13 exceptions in 13 sites, 11 returns, 10 message lines", out)
        self.assertIn("gic_dist_readb: Bad offset 3fc", out)
        out = self.run_tool("gate", DATA / "qemu-7.2-el2-start.log", "--rules", pack, code=1).stdout
        self.assertIn("0 damaged lines", out)


class Json(Cli):
    """The JSON file."""

    def result(self, log: str, *args: str | Path, code: int) -> dict[str, Any]:
        """Run the gate and load its JSON."""
        self.gate(log, PACK, "--json", self.dir / "out.json", *args, code=code)
        loaded = json.loads((self.dir / "out.json").read_text(encoding="utf-8"))
        assert isinstance(loaded, dict)
        return loaded

    def test_content(self) -> None:
        log = SVC.format(elr="0x400420") + ABORT.format(far="0x10", elr="0x40080050") + "m\n" + PSCI
        out = self.result(log, code=1)
        self.assertEqual(
            (out["tool"], out["schema"], out["verdict"]), ("rig-trace gate", 1, "broken")
        )
        self.assertEqual((out["exit_code"], out["guest"], out["elf"]), (1, "demo", None))
        lines = out["lines"]
        self.assertEqual(lines["total"], 17)
        self.assertEqual(lines["total"], sum(lines.values()) - lines["total"])
        self.assertEqual(out["records"]["by_class"], {"SVC": 1, "DATA_ABORT": 1, "HVC": 1})
        rules = {rule["id"]: rule for rule in out["rules_judged"]}
        self.assertEqual(list(rules), ["svc-budget", "power-off", "deny-all-others"])
        self.assertEqual(rules["svc-budget"]["verdict"], "broken")
        self.assertEqual(rules["power-off"]["verdict"], "held")
        self.assertEqual(rules["deny-all-others"]["counted"], 2)
        site = out["sites"][1]
        self.assertEqual((site["esr"], site["elr"]), ("0x96000046", "0x40080050"))
        self.assertEqual((site["far_min"], site["count"], site["denied"]), ("0x10", 1, 1))
        self.assertEqual((site["rule"], out["sites"][0]["rule"]), (None, "svc-budget"))
        self.assertEqual(out["messages"][0]["text"], "m")
        self.assertTrue(out["messages"][0]["denied"])
        self.assertEqual(out["damaged"]["total"], 0)
        self.assertIsNone(out["baseline"])

    def test_damage(self) -> None:
        out = self.result(TWO_CALLS_AND_OFF + "Tak", code=3)
        self.assertEqual((out["verdict"], out["exit_code"]), ("not-judged", 3))
        self.assertEqual(out["damaged"]["samples"][0]["text"], "Tak")

    def test_a_file_that_cannot_be_written_is_2_and_leaves_nothing(self) -> None:
        out = self.gate(TWO_CALLS_AND_OFF, PACK, "--json", self.dir / "no" / "out.json", code=2)
        self.assertIn("cannot write", out)
        (self.dir / "taken").mkdir()
        self.gate(TWO_CALLS_AND_OFF, PACK, "--json", self.dir / "taken", code=2)
        self.assertEqual([path.name for path in self.dir.glob("taken*")], ["taken"])


@unittest.skipUnless(CROSS, "aarch64-linux-gnu-gcc (package gcc-aarch64-linux-gnu) is missing")
class Symbols(Cli):
    """Symbols and lines of an image linked high and run low."""

    def setUp(self) -> None:
        super().setUp()
        self.elf = self.dir / "guest.elf"
        source = Path(__file__).with_name("guest.S")
        subprocess.run(
            [str(CROSS), "-g", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=sha1"]
            + ["-Wl,-Ttext=0xffffffff40080000", "-o", str(self.elf), str(source)],
            check=True,
        )
        self.pack = (
            "image: {alias: [{from: 0x40000000, size: 128MiB, by: 0xffffffff00000000}]}\n" + PACK
        )

    def test_a_low_address_is_named_and_placed(self) -> None:
        log = ABORT.format(far="0xffffffff40080008", elr="0x40080004")
        out = self.gate(log, self.pack, "--elf", self.elf, code=1)
        self.assertRegex(out, r"ELR     0x40080004 = 0xffffffff40080004 touch\+0x0 \(guest\.S:9\)")
        self.assertIn("FAR     0xffffffff40080008 touch+0x4", out)

    def test_labels_without_size_and_no_symbol_at_all(self) -> None:
        log = ABORT.format(far="0xdead0000", elr="0x40080000")
        out = self.gate(log, self.pack, "--elf", self.elf, code=1)
        self.assertIn("_start+0x0", out)
        self.assertIn("FAR     0xdead0000 (in no symbol of the image)", out)
        log = ABORT.format(far="0xffffffffdead0000", elr="0x40080014")
        out = self.gate(log, self.pack, "--elf", self.elf, code=1)
        self.assertIn("tail+0x4", out)
        self.assertIn("FAR     0xffffffffdead0000 (in no symbol of the image)", out)

    def test_the_innermost_symbol_is_named(self) -> None:
        names = subprocess.run(
            ["aarch64-linux-gnu-nm", str(self.elf)], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        block = next(int(line.split()[0], 16) for line in names if line.endswith(" block"))
        for offset, words in ((0, "block+0x0"), (8, "table+0x0"), (0x18, "block+0x18")):
            log = ABORT.format(far=f"0x{block + offset:x}", elr="0x40080004")
            self.assertIn(words, self.gate(log, self.pack, "--elf", self.elf, code=1))

    def test_a_rule_at_a_symbol(self) -> None:
        pack = self.pack.replace("class: SVC,", "class: SVC, at: call,")
        good = SVC.format(elr="0x40080010") * 2 + PSCI  # svc is the last instruction of `call`
        self.gate(good, pack, "--elf", self.elf, code=0)
        self.gate(good.replace("0x40080010", "0x4008000c"), pack, "--elf", self.elf, code=1)

    def test_what_is_wrong_with_a_symbol_is_2(self) -> None:
        for name, words in (
            ("nowhere", "has no symbol 'nowhere'"),
            ("_start", "symbol '_start' has no size"),
        ):
            pack = PACK.replace("class: SVC,", f"class: SVC, at: {name},")
            out = self.gate("", pack, "--elf", self.elf, code=2)
            self.assertIn(words, out)
            self.assertIn("pack.yaml:5: faults.allow(svc-budget).at", out)
        self.assertIn("--elf FILE", self.gate("", pack, code=2))
        pack = pack.replace("count: 2", "variants: [other], count: 2")
        self.gate(PSCI, pack, code=0)  # a rule that is not applied needs no symbol

    def test_an_unfit_image_is_2(self) -> None:
        for path, words in (
            (self.dir / "none.elf", "No such file"),
            (self.file("text.elf", "hello\n"), "not an ELF file"),
            (Path(RIG_TRACE), "not for AArch64"),
        ):
            self.assertIn(words, self.gate("", PACK, "--elf", path, code=2))

    def test_json_names_the_build(self) -> None:
        log = ABORT.format(far="0x0", elr="0x40080004")
        self.gate(log, self.pack, "--elf", self.elf, "--json", self.dir / "o.json", code=1)
        out = json.loads((self.dir / "o.json").read_text(encoding="utf-8"))
        self.assertRegex(out["elf"]["build_id"], r"^[0-9a-f]{40}$")
        self.assertEqual(out["sites"][0]["elr_symbol"], "touch+0x0")
        self.assertEqual(out["sites"][0]["elr_source"], "guest.S:9")


if __name__ == "__main__":
    RIG_TRACE, DATA = Path(sys.argv[1]), Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
