#!/usr/bin/python3
"""Packs: shape, places of complaints, merging, and lint against an ELF."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import Any

from support import TABLE, make_elf

# pylint: disable=wrong-import-order # support sets the path
from engine import pack as pack_file
from engine.errors import PackError, UsageError
from engine.explain import explain
from engine.lint import lint
from engine.pack import Pack, budget_of
from engine.stepping import for_variant

GOOD = """\
guest: test
use: [base]
image: {elf: guest.elf, alias: [{from: 0x40000000, size: 128MiB, by: 0xffffffff00000000}]}
variants: {one: {}, two: {machine: virtualization=on}}
steady-state: last
checkpoints:
  - {id: first, at: start, expect: EL == 1, why: w}
  - {id: last, after: {insn: "msr vbar_el1, *", nth: 2, in: start}, expect: [SP in high], why: w}
transitions:
  - {id: t, from: first, to: last, changes: [VBAR_EL1], may: [DAIF, SCTLR_EL1.M], why: w}
invariants:
  - {id: aligned, from: first, why: since first}
faults: {deny: all-others}
"""
BASE = "invariants:\n  - {id: aligned, always: SP % 16 == 0, why: base}\n"


class PackTest(unittest.TestCase):
    """Packs in a temporary directory."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.rules = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.rules / "base.yaml").write_text(BASE, encoding="utf-8")

    def load(self, text: str) -> Pack:
        """Load a pack from text."""
        path = self.rules / "test.yaml"
        path.write_text(text, encoding="utf-8")
        return pack_file.load(path, self.rules)

    def findings(self, text: str) -> str:
        """What is wrong with a pack's shape."""
        with self.assertRaises(PackError) as caught:
            self.load(text)
        self.assertEqual(caught.exception.code, 2)
        return str(caught.exception)

    def changed(self, old: str, new: str) -> str:
        """GOOD with one replacement."""
        self.assertIn(old, GOOD)
        return GOOD.replace(old, new, 1)


class Shape(PackTest):
    """Schema."""

    def test_good_pack(self) -> None:
        """It loads, sizes are numbers, a single value is a list, the used invariant is refined."""
        pack = self.load(GOOD)
        self.assertEqual(pack.aliases()[0].size, 128 << 20)
        self.assertEqual(pack.items("checkpoints")[0]["expect"], ["EL == 1"])
        (invariant,) = pack.items("invariants")
        self.assertEqual((invariant["always"], invariant["from"]), ("SP % 16 == 0", "first"))
        self.assertEqual(lint(pack, make_elf(), TABLE), [])
        writes = self.changed("may: [DAIF, SCTLR_EL1.M]", "writes: [DAIF, SCTLR_EL1]")
        self.assertEqual(lint(self.load(writes), make_elf(), TABLE), [])
        self.assertEqual(pack.groups(), ["first", "last"])

    def test_complaints_name_line_column_and_key(self) -> None:
        """Every kind of shape error."""
        cases = {
            ("guest: test", "guest: test\ncolour: red"): r"test.yaml:2:9: colour: unknown key",
            ("guest: test", "guest: [a]"): r"test.yaml:1:8: guest: is a list, expected text",
            ("size: 128MiB", "size: many"): r":3:58: image.alias\[0\].size: .* expected a size",
            (
                ", why: w}\n  - {id: last",
                "}\n  - {id: last",
            ): r":7:5: checkpoints\[0\]: has no 'why'",
            ("at: start, ", ""): r"checkpoints\[0\]: has no trigger",
            ("at: start", "at: start, marker: x"): r"has at and marker, expected one of",
            ("nth: 2", "nth: 0"): r"checkpoints\[1\].after.nth: is 0, expected at least 1",
            (
                "deny: all-others",
                "deny: some",
            ): r"faults.deny: is 'some', expected one of all-others",
            ("id: last,", "id: first,"): r"id 'first' is given twice",
            ("to: last", "to: nowhere"): r"transitions\[0\].to: 'nowhere' is no checkpoint",
            ("state: last", "state: nowhere"): r"5:15: steady-state: 'nowhere'",
            ("steady-state: last\n", ""): r"no 'steady-state'",
            ("guest: test", "guest: test\nguest: test"): r":2:1: guest: is given twice",
            ("guest: test", "guest: test\nordering: {}"): r"ordering: has no 'use'",
            (
                "guest: test",
                "guest: test\naddress_space: [{id: a, at: nowhere, why: w}]",
            ): r"address_space\[0\].at: 'nowhere' is no checkpoint",
            ("use: [base]", "use: [nothing]"): r":2:7: use\[0\]: no pack 'nothing'",
            ("id: aligned, from", "id: other, from"): r"'other' has no 'always'",
            ("id: t,", "id: t, variants: [three],"): r"variants\[0\]: 'three', expected one of",
            (
                "guest: test",
                "guest: test\nwaive: [{rule: x, why: y}]",
            ): r"waive\[0\].rule: no rule 'x'",
        }
        for (old, new), words in cases.items():
            with self.subTest(new):
                self.assertRegex(self.findings(self.changed(old, new)), words)

    def test_exceptions(self) -> None:
        """Classes, levels, window and budget of an announced exception."""
        rule = "exceptions: [{id: e, class: IRQ, %s, why: w}]\nfaults"
        text = self.changed("faults", rule % "from: EL0, since: first, until: last, max: 2")
        pack = self.load(text)
        (item,) = pack.items("exceptions")
        self.assertEqual((item["class"], budget_of(item)), (["IRQ"], (1, 2)))
        self.assertEqual(lint(pack, make_elf(), TABLE), [])
        self.assertIn("(exception of pack test)", explain(pack, "e"))
        self.assertEqual(budget_of({}), (1, None))
        self.assertEqual(budget_of({"min": 0}), (0, None))
        self.assertEqual(budget_of({"count": 4}), (4, 4))
        cases = {
            "from: first": r"exceptions\[0\].from: is 'first', expected one of EL0",
            "since: nowhere": r"exceptions\[0\].since: 'nowhere' is no checkpoint",
            "until: reset": r"exceptions\[0\].until: 'reset' is no checkpoint",
            "count: 0": r"count: is 0, expected at least 1",
            "count: 1, max: 2": r"has count and min or max",
            "min: 3, max: 2": r"min 3 is above max 2",
            "variants: [three]": r"variants\[0\]: 'three', expected one of",
        }
        for keys, words in cases.items():
            with self.subTest(keys):
                found = self.findings(self.changed("faults", rule % keys))
                self.assertRegex(found, words)
        text = self.changed("faults", "exceptions: [{id: e, class: VIRQ, why: w}]\nfaults")
        self.assertRegex(self.findings(text), r"class\[0\]: is 'VIRQ', expected one of IRQ, FIQ")

    def test_broken_yaml(self) -> None:
        """Broken, empty and scalar files are findings with a place."""
        for text in ("a: [", "", "- 1", "a: b: c", "\tx: 1"):
            with self.subTest(text):
                self.assertRegex(self.findings(text), r"test.yaml:\d+:\d+: ")

    def test_unreadable(self) -> None:
        """A missing pack and one that is no text are usage errors."""
        with self.assertRaises(UsageError):
            pack_file.load(self.rules / "none.yaml", self.rules)
        (self.rules / "bin.yaml").write_bytes(b"\xff\xfe\x00")
        with self.assertRaises(UsageError):
            pack_file.load(self.rules / "bin.yaml", self.rules)

    def test_pack_that_uses_itself(self) -> None:
        """A circle is refused."""
        with self.assertRaisesRegex(UsageError, "uses itself"):
            self.load("guest: x\nuse: [test]\n")


class Lint(PackTest):
    """A pack against an ELF."""

    def test_register_of_no_table(self) -> None:
        """By its encoding it may be written between two checkpoints; nobody can ask for more."""
        name = "S3_0_C15_C2_1"
        allowed = self.changed("may: [DAIF, SCTLR_EL1.M]", f"may: [{name}]")
        self.assertEqual(lint(self.load(allowed), make_elf(), TABLE), [])
        asked = self.changed("changes: [VBAR_EL1]", f"changes: [{name}]")
        (finding,) = lint(self.load(asked), make_elf(), TABLE)
        self.assertIn(f"unknown register '{name}'", finding)

    def test_findings(self) -> None:
        """Unknown names are found at their place, before anything runs."""
        cases = {
            ("EL == 1", "EL == one"): r":7:\d+: checkpoints\[0\].expect\[0\]: unknown register or",
            ("SP in high", "map(label) == rx"): "size 0",
            ("SP in high", "SP in"): "cannot read the expression",
            ("at: start", "at: strat"): r"no symbol 'strat' .* did you mean start\?",
            ("at: start", "at: start+x"): r"expected symbol, symbol\+0x10 or 0x40080000",
            ("in: start", "in: nowhere"): r"checkpoints\[1\].after.in: no symbol",
            ("[VBAR_EL1]", "[VBAR_EL9]"): r"transitions\[0\].changes\[0\]: unknown register",
            ("SCTLR_EL1.M", "SCTLR_EL1.MM"): "no field 'MM'",
            ("may: [DAIF, SCTLR_EL1.M]", "writes: [TTBR9_EL1]"): r"writes\[0\]: unknown register",
            ("may: [DAIF, SCTLR_EL1.M]", "writes: [SCTLR_EL1.M]"): "expected a whole register",
            ("may: [DAIF, SCTLR_EL1.M]", "writes: [EL]"): "cannot be written by an MSR",
            ("from: 0x40000000", "from: 0x50000000"): "covers no segment",
            ("{elf: guest.elf,", "{elf: guest.elf, poison: [.data],"): "'.data' has contents in",
            ("{elf: guest.elf,", "{elf: guest.elf, poison: [.bs],"): "'.bs' is no section of",
            (
                "{elf: guest.elf,",
                "{elf: guest.elf, poison: [{from: nowhere, size: 4KiB}],",
            ): r"poison\[0\].from: no symbol 'nowhere'",
            (
                "{elf: guest.elf,",
                "{elf: guest.elf, poison: [{from: table, size: 4KiB}],",
            ): "from table hold .data, which has contents",
            ("guest: test", "guest: test\ndefine: {a: b}"): "define.a: unknown register or symbol",
        }
        for (old, new), words in cases.items():
            with self.subTest(new):
                findings = lint(self.load(self.changed(old, new)), make_elf(), TABLE)
                self.assertEqual(len(findings), 1, findings)
                self.assertRegex(findings[0], words)

    def test_guest_commands(self) -> None:
        """`gdb` is relative to the pack that names it, also when another pack uses that."""
        (self.rules / "deep").mkdir()
        (self.rules / "deep" / "used.yaml").write_text("gdb: own/load.py\n", encoding="utf-8")
        user = GOOD.replace("use: [base]", "use: [base, deep/used.yaml]")
        self.assertIn("deep/used.yaml:1:6: gdb: no file ", self.findings(user))
        load = self.rules / "deep" / "own" / "load.py"
        load.parent.mkdir()
        load.write_text("", encoding="utf-8")
        self.assertEqual(self.load(user).data["gdb"], str(load.resolve()))
        self.assertNotIn("gdb", self.load(GOOD).data)

    def test_variants_select_rules(self) -> None:
        """A rule without variants applies to all."""
        rules: list[dict[str, Any]] = [{"id": "a"}, {"id": "b", "variants": ["one"]}]
        self.assertEqual([r["id"] for r in for_variant(rules, "one")], ["a", "b"])
        self.assertEqual([r["id"] for r in for_variant(rules, "two")], ["a"])


class Explain(PackTest):
    """`rig explain`."""

    def test_rule_and_expectation(self) -> None:
        """A rule by id, an expectation by number, a near miss with a hint."""
        pack = self.load(GOOD)
        self.assertIn("test.yaml:8", explain(pack, "last"))
        self.assertIn("expect 1: SP in high", explain(pack, "last.1"))
        with self.assertRaisesRegex(UsageError, "did you mean last"):
            explain(pack, "lats")


if __name__ == "__main__":
    unittest.main()
