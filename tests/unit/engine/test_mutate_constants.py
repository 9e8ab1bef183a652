#!/usr/bin/python3
"""Slices: which constants a value was made of, on small paths; and what instructions do at SP."""

from __future__ import annotations

import random
import unittest

import capstone
from mutate_program import MSR_TCR_X0, NOP, RET, Program, path
from support import TEXT

# pylint: disable=wrong-import-order # support sets the path
from engine.a64_stack import OnStack, Span, on_stack
from engine.mutate_constants import Slice, backwards

CAPSTONE = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
CAPSTONE.detail = True
MOVZ_X0, MOVK_X0, MOVZ_X1, MOVZ_X9 = 0xD2846A00, 0xF2B6B200, 0xD2800041, 0xD2800049
MOV_X0_X1 = 0xAA0103E0
STP_X0_X30, LDP_X0_X30 = 0xA9BF7BE0, 0xA8C17BE0  # [sp, #-16]! and [sp], #16


def sliced(*words: int, way: list[int | None] | None = None, register: int = 0) -> Slice:
    """The slice of a register at the end of a program, or of a way through it."""
    steps: list[int | None] = [*range(len(words))] if way is None else way
    return backwards(path(steps).pcs, len(steps), register, Program(*words))


class SliceCase(unittest.TestCase):
    """What slices are compared with."""

    def assert_made_of(self, found: Slice, constants: set[int], whole: bool = True) -> None:
        """The constants are the words of these numbers, and all that the value is made of."""
        self.assertEqual({(address - TEXT) // 4 for address in found.constants}, constants)
        self.assertEqual(found.whole, whole, found)


class Slices(SliceCase):
    """Values by registers and literals."""

    def test_wide_moves(self) -> None:
        """MOVK keeps what MOVZ made, MOVZ forgets what was there before."""
        self.assert_made_of(sliced(MOVZ_X0, MOVZ_X0, NOP, MOVK_X0), {1, 3})

    def test_from_register_to_register(self) -> None:
        """By MOV, ORR of two, a bit field; not by what others hold."""
        orr, lsl = 0xAA090020, 0xD37CEC00  # orr x0, x1, x9; lsl x0, x0, #4
        self.assert_made_of(sliced(MOVZ_X1, MOVZ_X9, MOVZ_X0, orr, lsl), {0, 1, 4})
        self.assert_made_of(sliced(MOVZ_X1, MOVZ_X9, MOV_X0_X1), {0})

    def test_what_is_compared_is_not_what_it_is_made_of(self) -> None:
        """CMP and TST neither end a slice nor add to it."""
        cmp, tst, cmp_registers = 0xF100141F, 0xF240001F, 0xEB01001F
        self.assert_made_of(sliced(MOVZ_X1, MOVZ_X0, cmp, tst, cmp_registers), {1})

    def test_a_system_register_ends_it(self) -> None:
        """MRS makes a value of nothing that the image has; ORR's mask is a constant of it."""
        mrs, orr = 0xD5381000, 0xB2790000
        self.assert_made_of(sliced(MOVZ_X0, mrs, orr), {2})

    def test_the_zero_register_is_known(self) -> None:
        """MOV X0, XZR."""
        self.assert_made_of(sliced(MOVZ_X0, 0xAA1F03E0), set())

    def test_through_calls_in_the_order_of_the_path(self) -> None:
        """A function that is executed twice: what counts is the way, not the place."""
        words = (MOVZ_X1, 0x94000003, MOVZ_X1, 0x94000001, MOV_X0_X1, RET)
        self.assert_made_of(sliced(*words, way=[0, 1, 4, 5]), {0})
        self.assert_made_of(sliced(*words, way=[0, 1, 4, 5, 2, 3, 4, 5]), {2})

    def test_literals(self) -> None:
        """LDR (literal) is told apart: its data has the bits."""
        found = sliced(0x58000040, NOP, 0x1234, 0, way=[0, 1])
        self.assertEqual((found.literals, found.constants, found.whole), ({TEXT}, set(), True))

    def test_memory_is_told(self) -> None:
        """A load by another register, with the reason."""
        found = sliced(MOVZ_X1, 0xF9400020)
        self.assert_made_of(found, set(), whole=False)
        self.assertIn("memory", found.why)

    def test_the_beginning_of_the_path_is_told(self) -> None:
        """Nothing made it."""
        found = sliced(MOVZ_X1, MOVK_X0)
        self.assert_made_of(found, {1}, whole=False)
        self.assertIn("before the path", found.why)

    def test_not_through_code_outside_of_the_image(self) -> None:
        """User code has changed the registers by the next vector, but not what the stack holds."""
        found = sliced(MOVZ_X0, NOP, way=[0, None, 1])
        self.assert_made_of(found, set(), whole=False)
        words = (MOVZ_X0, STP_X0_X30, NOP, LDP_X0_X30)
        self.assert_made_of(sliced(*words, way=[0, 1, None, 2, 3]), {0})


class StackSlices(SliceCase):
    """Values that functions keep on the stack."""

    def test_saved_and_restored(self) -> None:
        """The nearest store to the same place, whatever functions nest in between."""
        inner = (0xA9BF7BE0, MOVZ_X0, 0xA8C17BE0)  # the same again, one frame below
        self.assert_made_of(sliced(MOVZ_X0, STP_X0_X30, *inner, MOVZ_X0, LDP_X0_X30), {0})

    def test_by_offset_and_size(self) -> None:
        """STR X0, [SP, #8] and LDR X0, [SP, #8]; not #0; not the half of it."""
        store, load, other = 0xF90007E0, 0xF94007E0, 0xF90003E1
        self.assert_made_of(sliced(MOVZ_X0, store, MOVZ_X0, other, load), {0})
        half = 0xB9000FE1  # str w1, [sp, #12]
        found = sliced(MOVZ_X0, store, half, load)
        self.assertFalse(found.whole)
        self.assertIn("memory", found.why)

    def test_words_of_32_bits(self) -> None:
        """STR W0 and LDR W0, as code without optimisation does."""
        self.assert_made_of(sliced(MOVZ_X0, 0xB9000FE0, MOVZ_X0, 0xB9400FE0), {0})

    def test_a_stored_zero(self) -> None:
        """STR XZR: made of no constant, and known."""
        self.assert_made_of(sliced(MOVZ_X0, 0xF90007FF, 0xF94007E0), set())

    def test_vector_registers_are_not_followed(self) -> None:
        """STR Q0 over it."""
        self.assertFalse(sliced(MOVZ_X0, 0xF90007E0, 0x3D8003E0, 0xF94007E0).whole)

    def test_writeback_of_any_register_moves_sp(self) -> None:
        """STR W1, [SP, #-16]! and STP Q0, Q1, [SP, #-32]! between store and load."""
        for push, pop in ((0xB81F0FE1, 0x910043FF), (0xADBF07E0, 0xACC107E0)):
            words = (MOVZ_X0, 0xF90007E0, push, MOVZ_X0, 0xF90007E0, pop, 0xF94007E0)
            self.assert_made_of(sliced(*words), {0})

    def test_another_stack_is_not_this_one(self) -> None:
        """MOV SP, Xn or AND SP, Xn between store and load."""
        for word in (0x9100013F, 0x927CED3F):
            found = sliced(MOVZ_X0, 0xF90007E0, word, 0xF94007E0)
            self.assert_made_of(found, set(), whole=False)


class StackWords(unittest.TestCase):
    """Single instructions."""

    def test_by_hand(self) -> None:
        """What each does at SP."""
        span = Span
        for word, expected in [
            (0xD10043FF, OnStack(-16)),
            (0x914007FF, OnStack(0x1000)),
            (STP_X0_X30, OnStack(-16, stores={span(-16, 8): 0, span(-8, 8): 30})),
            (LDP_X0_X30, OnStack(16, loads={0: span(0, 8), 30: span(8, 8)})),
            (0xF9000020, OnStack()),  # str x0, [x1]
            (0x910003FD, OnStack()),  # mov x29, sp
            (0xF98003E0, OnStack()),  # prfm pldl1keep, [sp]
            (MSR_TCR_X0, OnStack()),
            (0x9100013F, None),  # mov sp, x9
            (0x8B2963FF, None),  # add sp, sp, x9
            (0xF82163E0, None),  # str x0, [sp, x1], and the like: somewhere
            (0x4C9F7BE0, None),  # st1 {v0.4s}, [sp], #16
        ]:
            self.assertEqual(on_stack(word), expected, f"{word:#x}")

    def test_accesses_are_those_of_capstone(self) -> None:
        """Random loads and stores by SP: offset, writeback and size."""
        source = random.Random(3)
        compared = 0
        for _ in range(20_000):
            top = source.choice((0x28000000, 0x38000000, 0x39000000))
            word = source.getrandbits(32) & ~(0x3A000000 if top == 0x28000000 else 0x3B000000)
            word = (word | top) & ~0x3E0 | 0x3E0
            insn = next(CAPSTONE.disasm(word.to_bytes(4, "little"), 0), None)
            found = on_stack(word)
            if insn is None or found is None or insn.mnemonic.startswith("prf"):
                continue
            memory = next(op.mem for op in insn.operands if op.type == 3)
            if memory.index:
                continue
            after = insn.op_str.rpartition("]")[2].lstrip(", ")
            moves = memory.disp * (after == "!")
            if after.startswith("#"):
                moves = (int(after[1:], 0) ^ 1 << 63) % (1 << 64) - (1 << 63)
            self.assertEqual(found.moves, moves, f"{insn.mnemonic} {insn.op_str}")
            spans = [*found.loads.values(), *found.stores, *found.other]
            place = 0 if after.startswith("#") else memory.disp
            if spans:
                self.assertEqual(min(span.offset for span in spans), place, insn.op_str)
            compared += 1
        self.assertGreater(compared, 3_000)


if __name__ == "__main__":
    unittest.main()
