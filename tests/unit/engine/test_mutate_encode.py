#!/usr/bin/python3
"""The encoder of mutants against Capstone: what is encoded reads as meant, and what is taken apart
is what Capstone says."""

from __future__ import annotations

import random
import re
import unittest

from support import ROOT

# pylint: disable=wrong-import-order # support sets the path
import capstone
from engine import a64_encode as a64
from engine import registers
from engine.mutate_words import text

TABLE = registers.load(ROOT / "arch" / "aarch64" / "sysregs.yaml")
CAPSTONE = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
SOME = 5_000  # random words of each test
ISB = 0xD5033FDF
# DSB and DMB by CRm: DDI 0487, C6.2.
BARRIERS = {
    1: "oshld", 2: "oshst", 3: "osh", 5: "nshld", 6: "nshst", 7: "nsh",
    9: "ishld", 10: "ishst", 11: "ish", 13: "ld", 14: "st", 15: "sy",
}  # fmt: skip


def read(word: int, address: int = 0) -> str:
    """The instruction as Capstone writes it; "" for what it does not know."""
    raw = word.to_bytes(4, "little")
    return next((f"{i[2]} {i[3]}".strip() for i in CAPSTONE.disasm_lite(raw, address)), "")


def number(operand: str) -> int:
    """An immediate of Capstone's."""
    return int(operand.rpartition("#")[2], 16)


def words(seed: int, mask: int, value: int) -> list[tuple[int, str]]:
    """Random words with `value` under `mask` that Capstone knows, with its words."""
    source = random.Random(seed)
    found = [source.getrandbits(32) & ~mask | value for _ in range(SOME)]
    return [(word, read(word)) for word in found if read(word)]


class Instructions(unittest.TestCase):
    """Whole instructions."""

    def test_fixed_words_read_as_named(self) -> None:
        """NOP, ISB, ERET and RET."""
        for word, name in [
            (a64.NOP, "nop"),
            (ISB, "isb"),
            (a64.ERET, "eret"),
            (a64.RET, "ret"),
        ]:
            self.assertEqual(read(word), name)

    def test_msr_of_each_register_of_the_table(self) -> None:
        """Encoded, taken apart and named the same; Capstone agrees where it has a name at all."""
        agreed = 0
        for encoding, register in TABLE.by_encoding.items():
            word = a64.msr(encoding, 7)
            self.assertEqual(a64.system_register(word), encoding, register.name)
            self.assertEqual(text(word, 0, TABLE), f"msr {register.name.lower()}, x7")
            shown = read(word)
            if shown and not shown.startswith("msr s") and "_c" not in shown:
                self.assertEqual(shown.lower(), f"msr {register.name.lower()}, x7")
                agreed += 1
        self.assertGreater(agreed, 30)

    def test_only_msr_has_a_system_register(self) -> None:
        """MRS, SYS, MSR (immediate) and barriers have none."""
        for word in (0xD5381000, 0xD508871F, 0xD50342DF, ISB, a64.NOP, a64.ERET):
            self.assertIsNone(a64.system_register(word), read(word))

    def test_branches_reach_their_target(self) -> None:
        """B forwards and backwards, to 128 MiB, and not beyond."""
        for source, target in [
            (0x1000, 0x1010),
            (0x9000, 0x1000),
            (0x1000, 0x1000 + (1 << 27) - 4),
        ]:
            word = a64.branch(source, target)
            assert word is not None
            self.assertEqual(read(word, source), f"b #{target:#x}")
        self.assertIsNone(a64.branch(0x1000, 0x1000 + (1 << 27)))
        self.assertIsNone(a64.branch(0x1000, 0x1002))
        self.assertEqual(read(a64.branch_to_register(17)), "br x17")

    def test_exclusive_or_of_an_alias_offset(self) -> None:
        """EOR takes what a logical immediate can say, and nothing else."""
        for value in (0xFFFFFFFF00000000, 0xFFFF000000000000, 0x8000000000000000):
            word = a64.exclusive_or(3, value)
            assert word is not None
            self.assertEqual(read(word), f"eor x3, x3, #{value:#x}")
        self.assertIsNone(a64.exclusive_or(3, 0))
        self.assertIsNone(a64.exclusive_or(3, 0xFFFFFFFF00001000))


class Logical(unittest.TestCase):
    """N:immr:imms."""

    def test_each_pattern_is_decoded_as_capstone_does(self) -> None:
        """All 8192 of 64 bits and all 4096 of 32 bits: the value, or that it is reserved."""
        for size, base in ((64, 0xD2000000), (32, 0x52000000)):
            for pattern in range(1 << 13 if size == 64 else 1 << 12):
                value = a64.logical_value(pattern, size)
                shown = read(base | pattern << 10 | 2 << 5 | 1)
                if value is None:
                    self.assertEqual(shown, "", f"{size} {pattern:#x}")
                else:
                    self.assertEqual(number(shown), value, f"{size} {pattern:#x}")

    def test_each_value_is_encoded_again(self) -> None:
        """The pattern that is found for a value has that value."""
        values = {a64.logical_value(pattern) for pattern in range(1 << 13)} - {None}
        self.assertEqual(len(values), 5334)
        for value in values:
            assert value is not None
            pattern = a64.logical_pattern(value)
            assert pattern is not None
            self.assertEqual(a64.logical_value(pattern), value)


class Classes(unittest.TestCase):
    """What an instruction is, by its word."""

    def test_barriers_and_hints(self) -> None:
        """Of the whole space of hints and barriers."""
        for low in range(1 << 12):
            word = 0xD5030000 | 0x2000 | (low & 0x800) << 1 | (low & 0x7FF) << 5 | 0x1F
            name = read(word).partition(" ")[0]
            if word & 0xFFFFF0FF == 0xD50330DF:
                self.assertTrue(a64.is_isb(word))
                continue
            self.assertFalse(a64.is_isb(word), read(word))
            if a64.is_barrier(word):
                self.assertEqual(name, "dsb" if a64.is_dsb(word) else "dmb")
                self.assertIn(word >> 8 & 15, BARRIERS)
            self.assertEqual(a64.is_wait(word), name in ("wfe", "wfi"), f"{word:#x}")
        for option, name in BARRIERS.items():
            for barrier, base in (("dsb", 0xD503309F), ("dmb", 0xD50330BF)):
                word = base | option << 8
                self.assertTrue(a64.is_barrier(word))
                self.assertEqual(read(word), f"{barrier} {name}")

    def test_system_instructions(self) -> None:
        """MSR (immediate), SYS and TLBI."""
        self.assertEqual(read(0xD50342DF), "msr daifset, #2")
        self.assertTrue(a64.is_msr_immediate(0xD50342DF))
        self.assertTrue(a64.is_msr_immediate(0xD50041BF))  # SPSel
        self.assertFalse(a64.is_msr_immediate(ISB))
        for word, name, tlbi in [
            (0xD508751F, "ic iallu", False),
            (0xD5087620, "dc ivac, x0", False),
            (0xD508871F, "tlbi vmalle1", True),
        ]:
            self.assertEqual(read(word), name)
            self.assertTrue(a64.is_system_operation(word))
            self.assertEqual(a64.is_tlbi(word), tlbi)
        self.assertFalse(a64.is_system_operation(0xD5381000))  # mrs x0, sctlr_el1

    def test_calls_and_branches(self) -> None:
        """Over random words of the group of branches, exceptions and system instructions."""
        for word, shown in words(1, 0x1C000000, 0x14000000):
            name = shown.partition(" ")[0]
            self.assertEqual(a64.is_exception_call(word), name in ("svc", "hvc", "smc"), shown)
            self.assertEqual(a64.is_branch_register(word), name in ("br", "blr"), shown)

    def test_moves_of_the_stack_pointer(self) -> None:
        """MOV SP, Xn and ADD SP, Xn, Xm."""
        self.assertEqual(read(0x9100013F), "mov sp, x9")
        self.assertEqual(read(0x8B2963FF), "add sp, sp, x9")
        self.assertTrue(a64.is_stack_move(0x9100013F))
        self.assertTrue(a64.is_stack_move(0x8B2963FF))
        for word in (0x910043FF, 0xD10043FF, 0x910003FD, 0x8B090000):  # by 16 bytes; to x29; x0
            self.assertFalse(a64.is_stack_move(word), read(word))


class Weaker(unittest.TestCase):
    """Barriers and TLBIs that do less."""

    def assert_weaker(self, word: int, first: str, *expected: str) -> None:
        """The weaker ones of a barrier."""
        self.assertEqual(read(word), first)
        self.assertEqual([read(weaker) for weaker in a64.weaker_barriers(word)], list(expected))

    def test_barriers(self) -> None:
        """Domain by domain, kind by kind, and DMB for DSB."""
        self.assert_weaker(0xD5033F9F, "dsb sy", "dsb ish", "dsb st", "dsb ld", "dmb sy")
        self.assert_weaker(0xD5033B9F, "dsb ish", "dsb nsh", "dsb osh", "dsb ishst", "dsb ishld",
                           "dmb ish")  # fmt: skip
        self.assert_weaker(0xD5033A9F, "dsb ishst", "dsb nshst", "dsb oshst", "dmb ishst")
        self.assert_weaker(0xD503379F, "dsb nsh", "dsb nshst", "dsb nshld", "dmb nsh")
        self.assert_weaker(0xD5033ABF, "dmb ishst", "dmb nshst", "dmb oshst")
        self.assert_weaker(0xD50339BF, "dmb ishld", "dmb nshld", "dmb oshld")

    def test_each_tlbi_of_the_list_reads_as_named(self) -> None:
        """With and without an operand."""
        for encoding, tlbi in a64.TLBIS.items():
            shown = f"tlbi {tlbi.name}{', x4' if tlbi.operand else ''}"
            self.assertEqual(read(encoding & ~31 | 4 if tlbi.operand else encoding), shown)
            for narrower in a64.narrower_tlbis(encoding):
                self.assertIn(narrower | 31, a64.TLBIS)
                self.assertNotEqual(narrower, encoding)

    def narrower(self, word: int) -> list[str]:
        """What a TLBI is narrowed to."""
        return [read(less).removeprefix("tlbi ") for less in a64.narrower_tlbis(word)]

    def test_narrower_tlbis(self) -> None:
        """On this CPU, by ASID, by address; the operand stays, or is XZR where there was none."""
        self.assertEqual(self.narrower(0xD508871F), ["aside1, xzr", "vale1, xzr"])
        self.assertEqual(
            self.narrower(0xD508831F), ["vmalle1", "aside1is, xzr", "vale1is, xzr"]
        )  # fmt: skip
        self.assertEqual(self.narrower(0xD5088363), ["vaae1, x3", "vae1is, x3"])
        self.assertEqual(self.narrower(0xD50C83DF), ["vmalls12e1", "vmalle1is"])
        self.assertEqual(self.narrower(0xD50887A3), [])  # VALE1: nothing removes less
        self.assertEqual(a64.narrower_tlbis(ISB), [])


class Constants(unittest.TestCase):
    """Immediates with one bit changed."""

    def values(self, word: int, pattern: str) -> dict[str, int]:
        """Each changed word's number as Capstone shows it, by the bit's name."""
        found = a64.immediate(word)
        assert found is not None
        values = {}
        for name, changed in found.items():
            shown = re.fullmatch(pattern, read(changed))
            assert shown is not None, read(changed)
            values[name] = int(shown[1], 0) << int(shown[2] or "0")
        return values

    def assert_bits(self, word: int, was: str, pattern: str, value: int, bits: range) -> None:
        """Each bit once, and nothing else changed."""
        self.assertEqual(read(word), was)
        expected = {f"bit {bit}": value ^ 1 << bit for bit in bits}
        self.assertEqual(self.values(word, pattern), expected)

    def test_wide_moves(self) -> None:
        """MOVZ, MOVK and MOVN, in each half word."""
        for base, name in ((0xD2800000, "movz"), (0xF2800000, "movk"), (0x92800000, "movn")):
            for half in range(4):
                shift = 16 * half
                was = f"{name} x5, #0x1234" + f", lsl #{shift}" * bool(shift)
                pattern = rf"{name} x5, #(\w+)(?:, lsl #(\d+))?"
                self.assert_bits(base | half << 21 | 0x1234 << 5 | 5, was, pattern,
                                 0x1234 << shift, range(shift, shift + 16))  # fmt: skip

    def test_sums(self) -> None:
        """ADD and SUB, plain and shifted by 12."""
        pattern = r"(?:add|sub) x5, x6, #(\w+)(?:, lsl #(\d+))?"
        self.assert_bits(
            0x9148D0C5, "add x5, x6, #0x234, lsl #12", pattern, 0x234000, range(12, 24)
        )
        self.assert_bits(0xD108D0C5, "sub x5, x6, #0x234", pattern, 0x234, range(12))

    def test_masks(self) -> None:
        """ORR of one bit: each bit of its pattern, and another value each time."""
        self.assertEqual(read(0xB2790000), "orr x0, x0, #0x80")
        found = a64.immediate(0xB2790000)
        assert found is not None
        shown = [read(changed) for changed in found.values()]
        self.assertEqual(len(set(shown) - {"orr x0, x0, #0x80"}), 13)
        for line in shown:
            self.assertRegex(line, r"^orr x0, x0, #")

    def test_no_mask_is_a_reserved_one_or_the_same(self) -> None:
        """Of random masks of 32 and 64 bits; a turn of a short pattern can come to the same."""
        for word, shown in words(3, 0x1F800000, 0x12000000):
            found = a64.immediate(word)
            assert found is not None
            for changed in found.values():
                self.assertNotIn(read(changed), ("", shown), f"{changed:#x}")

    def test_bitfields_and_addresses(self) -> None:
        """UBFM and its kin stay bit fields of the same registers; ADR and ADRP go to near ones."""
        for word, shown in words(4, 0x1F800000, 0x13000000):
            found = a64.immediate(word)
            assert found is not None
            self.assertEqual(len(found), 12 if word >> 31 else 10, shown)
            for changed in found.values():
                self.assertTrue(read(changed), f"{shown}: {changed:#x}")
        found = a64.immediate(0xB0000009)
        assert found is not None
        self.assertEqual(read(0xB0000009), "adrp x9, #0x1000")
        pages = [number(read(word)) >> 12 for word in found.values()]
        self.assertEqual(pages, [1 ^ 1, 1 ^ 2, 1 ^ 4, 1 ^ 8])

    def test_others_have_none(self) -> None:
        """MSR, loads, branches."""
        for word in (0xD5181000, 0xF9400000, 0x14000000, a64.NOP, 0x8B090000):
            self.assertIsNone(a64.immediate(word), read(word))

    def test_literals(self) -> None:
        """LDR (literal) of X and W registers, forwards and backwards; none of vectors, or LDRSW."""
        for word, shown in words(5, 0x3B000000, 0x18000000):
            place = a64.literal_address(word, 0x4000_0000)
            if re.match(r"ldr [xw]", shown):
                assert place is not None
                self.assertEqual(place[0], number(read(word, 0x4000_0000)), shown)
                self.assertEqual(place[1], 8 if shown[4] == "x" else 4)
            else:
                self.assertIsNone(place, shown)


class Stores(unittest.TestCase):
    """Stores, and the stack."""

    def test_the_register_that_is_stored(self) -> None:
        """Of random loads and stores: 64-bit STR, STUR, STTR, STP and STNP, and no other."""
        wanted = re.compile(r"(str|stur|sttr|stp|stnp) (x\d+|xzr),")
        for word, shown in words(6, 0x0A000000, 0x08000000):
            match = wanted.match(shown)
            expected = None
            if match:
                expected = a64.XZR if match[2] == "xzr" else int(match[2][1:])
            self.assertEqual(a64.store_source(word), expected, shown)

    def test_a_zero_source_is_the_same_store_of_xzr(self) -> None:
        """For each store that has a source."""
        for word, shown in words(7, 0x0A000000, 0x08000000):
            source = a64.store_source(word)
            if source is None:
                continue
            register = "xzr" if source == a64.XZR else f"x{source}"
            name, _, rest = shown.partition(" ")
            expected = f"{name} xzr{rest.removeprefix(register)}"
            self.assertEqual(read(word | a64.XZR), expected)


if __name__ == "__main__":
    unittest.main()
