#!/usr/bin/python3
"""Expressions: what they mean, what they refuse and where, and what they say when they fail."""

from __future__ import annotations

import unittest

from support import OFFSET, TABLE, TEXT, MadeUpState, make_elf, make_image

# pylint: disable=wrong-import-order # support sets the path
from engine.evaluate import Evaluator, NotKnown, Verdict, Word
from engine.expr import Checker, ExprError, Expression, parse

DEFINES = {"half": parse("4 // 2"), "known": parse("TCR_EL1 & 0xFF")}


def judge(text: str, state: MadeUpState | None = None) -> Verdict:
    """Check and evaluate a rule."""
    expression = parse(text)
    Checker(TABLE, make_elf(), DEFINES).check(expression)
    return Evaluator(TABLE, make_image(), DEFINES).judge(expression, state or MadeUpState())


def error_of(text: str) -> ExprError:
    """The complaint about a wrong expression."""
    try:
        Checker(TABLE, make_elf(), DEFINES).check(parse(text))
    except ExprError as error:
        return error
    raise AssertionError(f"accepted: {text}")


class Meaning(unittest.TestCase):
    """Values and comparisons."""

    def test_true_and_false_pairs(self) -> None:
        """Each expression holds and its counterpart does not."""
        pairs = [
            ("EL == 1", "EL == 2"),
            ("DAIF == 0xF and SPSel == 1", "DAIF == 0xF and SPSel == 0"),
            ("PC in high", "PC in low"),
            ("pa(PC) in low", "pa(PC) in high"),
            ("PC in text and PC in .text", "SP in text"),
            ("pa(start) == 0x40080000", "pa(start) == start"),
            ("va(pa(start)) == start", "va(start) == pa(start)"),
            ("size(table) == 0x1000", "size(.text) == 0x1000"),
            ("~0 == 0xFFFFFFFFFFFFFFFF", "~0 == -1"),
            ("(1 if EL == 1 else 0) == 1", "(1 if EL == 2 else 0) == 1"),
            ("min(3, half) == 2", "max(3, half) == 2"),
            ("translate(0x6000) == 0x6000", "translate(0x5000) == 0x5000"),
            ("translate(0x5000) == fault", "translate(0x6000) == fault"),
            ("map(table) == rwx", "map(table) == rx"),
            ("guard-below(0x6000)", "guard-below(0x7000)"),
            ("el0(.text) == none", "el0(.text) == rx"),
            ("memory(start) == normal", "memory(start) == device"),
            ("shareable(high) == inner", "shareable(.text) == non"),
            ("not_global(low) == no", "not_global(table) == yes"),
            ("never_executable(.text) == no", "never_executable(.text) == yes"),
            ("only_mapped(low, 0, 0x5000, 0x6000, 1 << 48) == yes", "only_mapped(low) == yes"),
            ("only_mapped(low, .text) == no", "only_mapped(low, .text, 1, 2) == yes"),
            ("writable_alias(0, 8) != none", "writable_alias(pa(.text)) == none"),
            ("zero(pa(.text)) == yes", "zero(pa(.data)) == yes"),
            ("zero(pa(.data)) == no", "zero(pa(.text)) == no"),
            ("u32(0x40082ffc) == 0x04030201", "u32(0x40082ff8) == 0x04030201"),
            ("not SP % 16", "SP % 16"),
            ("1 << 4 == 16 and 0x10 >> 4 == 1", "1 << 4 == 8"),
            ("SP not in high", "SP in high"),
        ]
        for holds, fails in pairs:
            with self.subTest(holds):
                self.assertTrue(judge(holds).holds)
            with self.subTest(fails):
                self.assertFalse(judge(fails).holds)

    def test_alias_is_seen_from_both_sides(self) -> None:
        """A PC at the low alias lies in the text too."""
        self.assertTrue(judge("PC in text and PC in low", MadeUpState(pc=TEXT - OFFSET)).holds)
        self.assertFalse(judge("PC in text", MadeUpState(pc=TEXT - OFFSET + 0x2000)).holds)

    def test_fields_and_value_names(self) -> None:
        """Fields extract, address fields stay in place, value names compare."""
        state = MadeUpState(
            registers={"TCR_EL1": 1 << 23 | 16, "TTBR1_EL1": 0x7 << 48 | 0x40083000, "CPACR_EL1": 0}
        )
        self.assertTrue(judge("TCR_EL1.EPD1 == 1 and TCR_EL1.T0SZ == 16", state).holds)
        self.assertTrue(judge("TTBR1_EL1.BADDR == 0x40083000", state).holds)
        self.assertTrue(judge("TTBR1_EL1.ASID == 7", state).holds)
        self.assertTrue(judge("CPACR_EL1.FPEN == TRAP_ALL", state).holds)
        self.assertTrue(judge("CPACR_EL1.fpen != NO_TRAP", state).holds)
        self.assertTrue(judge("known == 16", state).holds)

    def test_what_cannot_be_known_is_an_error_not_a_pass(self) -> None:
        """Absent registers, addresses without alias, bad shifts and zero divisors raise."""
        for text in ("HCR_EL2 == 0", "pa(0x1000) == 0", "1 << 65 == 0", "1 % (EL - 1) == 0",
                     "map(5, 5) == rx", "EL in 3", "writable_alias(.text) == none",
                     "only_mapped(low, 1) == yes", "only_mapped(low, 2, 1) == yes",
                     "only_mapped(low, 1, .text) == yes", "only_mapped(1) == yes"):  # fmt: skip
            with self.subTest(text), self.assertRaises(NotKnown):
                judge(text)


class Refusals(unittest.TestCase):
    """Wrong expressions, with the column of what is wrong."""

    def test_columns(self) -> None:
        """Each complaint points at its place."""
        cases = {
            "EL == 1 and TCR_EL1.EPD9 == 1": (13, "no field|unknown field"),
            "TCR_EL7 == 1": (1, "unknown register or symbol 'TCR_EL7'"),
            ".text == .datas": (10, "unknown section '.datas'"),
            "1 == nothing_here": (6, "unknown register or symbol"),
            "map(label) == rx": (5, "size 0"),
            "translate() == 1": (1, "takes 1..1"),
            "open('x')": (6, "only whole numbers"),
            "frobnicate(1)": (1, "unknown function"),
            "(lambda: 1)()": (1, "a call is NAME|not allowed"),
            "PC.x.y == 1": (1, "REGISTER.FIELD"),
            "[1] == 1": (1, "not allowed"),
            "1 == )": (6, "cannot read"),
            "'a' == 1": (1, "only whole numbers"),
        }
        for text, (column, words) in cases.items():
            with self.subTest(text):
                error = error_of(text)
                self.assertRegex(str(error), words)
                self.assertEqual(error.column, column)

    def test_hint(self) -> None:
        """A near miss gets a suggestion."""
        self.assertIn("did you mean table?", str(error_of("tabel == 1")))

    def test_definition_that_uses_itself(self) -> None:
        """Circles are found, not followed."""
        defines = {"a": parse("b"), "b": parse("a")}
        with self.assertRaisesRegex(ExprError, "uses itself"):
            Checker(TABLE, make_elf(), defines).check(parse("a == 1"))


class Needs(unittest.TestCase):
    """What an expression reads is found before it runs."""

    def needs(self, text: str) -> Expression:
        """A checked expression."""
        expression = parse(text)
        Checker(TABLE, make_elf(), DEFINES).check(expression)
        return expression

    def test_needs(self) -> None:
        """Core, system registers (also through definitions), general registers and walks."""
        needs = self.needs("SP % 16 == 0 and known == 1 and x3 == 0").needs
        self.assertEqual(needs.core, {"SP"})
        self.assertEqual(needs.registers, {"TCR_EL1"})
        self.assertTrue(needs.general)
        self.assertFalse(needs.walk)
        self.assertTrue(self.needs("executable(start)").needs.walk)


class Words(unittest.TestCase):
    """What a failure says."""

    def test_whole_register_is_decoded_and_compared_by_field(self) -> None:
        """Expected and actual are decoded, the differing fields named."""
        state = MadeUpState(registers={"TCR_EL1": 1 << 22 | 16})
        verdict = judge("TCR_EL1 == 1 << 23 | 16", state)
        self.assertIn("*EPD1=1", verdict.expected)
        self.assertIn("*A1=1", verdict.actual)
        self.assertIn("fields that differ: A1, EPD1", verdict.details)

    def test_failing_part_of_a_conjunction_is_named(self) -> None:
        """Only the part that fails is explained."""
        verdict = judge("EL == 1 and DAIF == 0 and SPSel == 0")
        self.assertEqual(verdict.part, "DAIF == 0")
        self.assertEqual((verdict.expected, verdict.actual), ("0", "0xf (DAIF)"))

    def test_first_byte_that_is_not_zero_is_named(self) -> None:
        """zero() says where it stopped being true."""
        verdict = judge("zero(0x40082f00, 0x40083000) == yes")
        self.assertFalse(verdict.holds)
        self.assertIn("0x01 at 0x40082ffc <table+0xffc>", " ".join(verdict.details))
        with self.assertRaises(NotKnown):
            judge("zero(0x1000, 0x2000) == yes")

    def test_fault_and_mixed_map_are_explained(self) -> None:
        """The walk and the differing sub-range are in the details."""
        self.assertIn("level 3: invalid", judge("translate(0x5010) == 1").details)
        self.assertIn("[0x5000, 0x6000) is none", judge("map(0x4000, 0x6000) == rwx").details)

    def test_unannounced_exception_is_explained(self) -> None:
        """EXCEPTION is a word with its story; only capitals name it."""
        text = "EXCEPTION != unannounced"
        for word in ("none", "announced"):
            self.assertTrue(judge(text, MadeUpState(taken=Word(word))).holds)
        taken = Word("unannounced").explained("IRQ taken from EL1 to EL1")
        verdict = judge(text, MadeUpState(taken=taken))
        self.assertFalse(verdict.holds)
        self.assertEqual(verdict.details, ["IRQ taken from EL1 to EL1"])
        with self.assertRaises(ExprError):
            judge("exception == none", MadeUpState())

    def test_explaining_never_needs_more_than_judging(self) -> None:
        """A register only the other branch names may be absent: the failure stays a failure."""
        state = MadeUpState(registers={"VBAR_EL1": TEXT})
        verdict = judge("not (VBAR_EL2 == PC if EL == 2 else VBAR_EL1 == PC)", state)
        self.assertFalse(verdict.holds)
        self.assertTrue(any(line.startswith("VBAR_EL1") for line in verdict.details))


if __name__ == "__main__":
    unittest.main()
