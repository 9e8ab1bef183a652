#!/usr/bin/python3
"""Two neighbours change places: what the second one becomes, and what may be called equivalent."""

from __future__ import annotations

import random
import unittest
from itertools import chain

import capstone
from mutate_program import (
    DSB_ISH,
    DSB_NSH,
    ERET,
    ISB,
    MSR_TCR_X0,
    MSR_TCR_X9,
    MSR_TTBR0_XZR,
    NOP,
    RET,
    TLBI,
    Program,
    path,
)
from support import TEXT

# pylint: disable=wrong-import-order # support sets the path
from engine.mutate_path import Executed
from engine.mutate_sites import Known, Site, sites
from engine.mutate_swap import moved, proof

CAPSTONE = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
MOVZ_X9, MOVZ_X0, ADRP_X9 = 0xD2800049, 0xD2800040, 0xB0000009
ONCE = path([0, 1, 2])


def read(word: int, address: int) -> str:
    """The instruction as Capstone writes it; "" for what it does not know."""
    raw = word.to_bytes(4, "little")
    return next((f"{i[2]} {i[3]}" for i in CAPSTONE.disasm_lite(raw, address)), "")


class Moved(unittest.TestCase):
    """An instruction at another address."""

    def test_it_means_the_same_there(self) -> None:
        """Random instructions, four bytes before: branches, literals, ADR and ADRP read the same,
        and others are the same."""
        source = random.Random(1)
        branches = (0x14000000, 0x94000000, 0x54000000, 0xB4000000, 0x36000000, 0xB7000000)
        relative = (*branches, 0x10000000, 0x90000000, 0x18000000, 0x58000000, 0x98000000)
        for top in relative:
            for _ in range(200):
                low = source.getrandbits(24) & (~0x10 if top == 0x54000000 else ~0)
                address = source.choice((0x4008_1000, 0x4008_1234))
                word = moved(top | low, address, address - 4)
                assert word is not None
                self.assertEqual(read(word, address - 4), read(top | low, address))
        for word in (NOP, ISB, RET, MSR_TCR_X0, MOVZ_X9, 0xF9400020):
            self.assertEqual(moved(word, 0x4008_1000, 0x4008_0FFC), word)

    def test_not_beyond_its_reach(self) -> None:
        """The farthest forward branch cannot go four bytes farther; neither can ADR."""
        for word in (0x15FFFFFF, 0x547FFFE0, 0x3603FFE0, 0x707FFFE0, 0x587FFFE0):
            self.assertTrue(read(word, 0x4008_1000))
            self.assertIsNone(moved(word, 0x4008_1000, 0x4008_0FFC), read(word, 0))
        self.assertIsNone(moved(0xF07FFFE0, 0x4008_1000, 0x4008_0FFC))  # ADRP over a page's edge


class Proof(unittest.TestCase):
    """What proves that a swap changes nothing."""

    def proof(self, first: int, second: int, way: Executed = ONCE) -> str:
        """The proof of the program's first two words."""
        found = sites([TEXT], Program(first, second), Known())
        return proof(found[0], second, way)

    def test_general_registers_alone_commute(self) -> None:
        """A constant behind a barrier, an ISB or an MSR of another register."""
        for first in (ISB, DSB_NSH, TLBI, MSR_TCR_X0, MSR_TTBR0_XZR, 0xD50342DF):
            for second in (MOVZ_X9, ADRP_X9, 0xAA0103E9, 0x91000129, 0xD37CED29, 0x92400D29):
                self.assertTrue(self.proof(first, second), f"{read(first, 0)}; {read(second, 0)}")

    def test_nothing_of_the_system_commutes(self) -> None:
        """Barriers, TLBI, MSR, hints, waits and exceptions have no general register, and yet."""
        system = (ISB, DSB_NSH, DSB_ISH, TLBI, MSR_TTBR0_XZR, NOP, 0xD503207F, 0xD503209F)
        for second in chain(system, (ERET, RET, 0xD4000001, 0x14000002, 0xD503245F, 0xD503233F)):
            for first in (ISB, DSB_NSH, TLBI, MSR_TCR_X0, 0xD50342FF):
                self.assertEqual(self.proof(first, second), "", f"{first:#x} {second:#x}")

    def test_memory_flags_and_sp_do_not(self) -> None:
        """Loads, stores, comparisons, conditions, and what moves or reads SP; keys of PAC."""
        for second in (0xF9400120, 0xF9000120, 0xF100141F, 0x9A820020, 0x9100013F, 0x910003E9,
                       0xD53BD049, 0xDAC10041):  # fmt: skip
            self.assertEqual(self.proof(MSR_TCR_X0, second), "", read(second, 0))
            self.assertEqual(self.proof(ISB, second), "", read(second, 0))

    def test_sp_commutes_with_other_registers(self) -> None:
        """MOV SP, X9 with X0, and not with X9 or with what reads SP."""
        mov_sp_x9 = 0x9100013F
        self.assertTrue(self.proof(mov_sp_x9, MOVZ_X0))
        for second in (MOVZ_X9, 0x910003E0, mov_sp_x9, 0xF94003E0):
            self.assertEqual(self.proof(mov_sp_x9, second), "", read(second, 0))

    def test_registers_that_the_cpu_does_nothing_by(self) -> None:
        """MSR TPIDR_EL0, X10 with a change of SP; no load, and not X10."""
        tpidr = 0xD51BD04A
        self.assertTrue(self.proof(tpidr, 0x9100013F))
        for second in (0xD280004A, 0xF94003E0, 0xD53BD040):
            self.assertEqual(self.proof(tpidr, second), "", read(second, 0))

    def test_an_id_register_does_not_change(self) -> None:
        """MRS X9, ID_AA64DFR0_EL1 behind MSR CNTKCTL_EL1; not MRS of what may."""
        cntkctl = 0xD518E11F
        self.assertTrue(self.proof(cntkctl, 0xD5380509))
        for second in (0xD538E109, 0xD5381009, 0xD5384249):
            self.assertEqual(self.proof(cntkctl, second), "", read(second, 0))
        self.assertEqual(self.proof(MSR_TCR_X9, 0xD5380509), "")

    def test_two_writes_that_take_effect_later(self) -> None:
        """MDSCR_EL1 and TPIDR_EL0; not one register twice, and none of translation."""
        mdscr, tpidr = 0xD5100249, 0xD51BD05F
        self.assertTrue(self.proof(mdscr, tpidr))
        self.assertEqual(self.proof(tpidr, 0xD51BD04A), "")
        for word in (MSR_TCR_X0, MSR_TTBR0_XZR, 0xD5181000):
            self.assertEqual(self.proof(word, tpidr), "", read(word, 0))
            self.assertEqual(self.proof(tpidr, word), "", read(word, 0))

    def test_what_the_first_one_reads_is_not_written(self) -> None:
        """MSR TCR_EL1, X9 before X9 changes."""
        self.assertEqual(self.proof(MSR_TCR_X9, MOVZ_X9), "")
        self.assertTrue(self.proof(MSR_TCR_X9, MOVZ_X0))

    def test_other_sites_are_not_proven(self) -> None:
        """A store into a table, a branch, ERET, a call and a wait."""
        for word in (0xD61F0000, ERET, 0xD4000002, 0xD503207F):
            self.assertEqual(self.proof(word, MOVZ_X9), "", read(word, 0))
        self.assertEqual(proof(Site(TEXT, 0xF9000020, "store"), MOVZ_X9, ONCE), "")

    def test_the_two_are_always_executed_together(self) -> None:
        """Not when the second one is jumped to, when an interrupt came between them, or when the
        path begins or ends between them."""
        self.assertTrue(self.proof(ISB, MOVZ_X9, path([0, 1, 2, 0, 1])))
        apart: list[list[int | None]] = [
            [0, 1, 2, 1, 2], [0, 1, 0, 2], [0, 1, 0, None, 1], [0, 1, 0], [1, 0, 1],
        ]  # fmt: skip
        for steps in apart:
            self.assertEqual(self.proof(ISB, MOVZ_X9, path(steps)), "", str(steps))


if __name__ == "__main__":
    unittest.main()
