#!/usr/bin/python3
"""Decoding and loop detection, on instruction streams made by hand."""

from __future__ import annotations

import unittest
from collections.abc import Iterable

from support import TABLE

# pylint: disable=wrong-import-order # support sets the path
from decode import Decoder, Insn
from loops import REPEATS, Loops

DECODER = Decoder(TABLE)
NOP, RET, ISB, WFI = 0xD503201F, 0xD65F03C0, 0xD5033FDF, 0xD503207F


def b_cond(offset: int) -> int:
    """b.ne pc + offset"""
    return 0x54000001 | (offset // 4 & 0x7FFFF) << 5


def b_link(offset: int) -> int:
    """bl pc + offset"""
    return 0x94000000 | offset // 4 & 0x3FFFFFF


def decode(opcode: int, pc: int = 0x1000) -> Insn:
    """Decode a word."""
    return DECODER.decode(pc, opcode.to_bytes(4, "little"))


class Decoding(unittest.TestCase):
    """Classes and words of single instructions."""

    def test_words_do_not_depend_on_capstone_for_system_registers(self) -> None:
        """MSR and MRS carry the table's names; unknown ones the generic name."""
        self.assertEqual(decode(0xD5182020).text, "msr ttbr1_el1, x0")
        self.assertEqual(decode(0xD518201F).text, "msr ttbr0_el1, xzr")
        self.assertEqual(decode(0xD5382049).text, "mrs x9, tcr_el1")
        self.assertEqual(decode(0xD5380789).text, "mrs x9, s3_0_c0_c7_4")
        self.assertEqual(decode(0xD5034FDF).text, "msr daifset, #0xf")

    def test_what_is_written(self) -> None:
        """The register and the source of a write."""
        insn = decode(0xD5182020)
        self.assertEqual((insn.writes, insn.writes_from), ("TTBR1_EL1", 0))
        self.assertEqual(decode(0xD5382049).writes, "")
        self.assertFalse(decode(0xD5382049).changes_state)

    def test_state_changing(self) -> None:
        """Everything that a run over must not hide, and nothing of plain code."""
        changing = {"msr": 0xD5182020, "daifset": 0xD5034FDF, "isb": ISB, "dsb": 0xD5033F9F,
                    "tlbi": 0xD508871F, "ic": 0xD508751F, "eret": 0xD69F03E0, "svc": 0xD4000001,
                    "hvc": 0xD4000002, "brk": 0xD4200000, "wfi": WFI, "wfe": 0xD503205F,
                    "at": 0xD5087800}  # fmt: skip
        plain = {"nop": NOP, "ret": RET, "add": 0x91000400, "str": 0xF9000020,
                 "dc ivac": 0xD5087620, "dc zva": 0xD50B7420, "mrs": 0xD5382049,
                 "b.ne": b_cond(8)}  # fmt: skip
        for name, opcode in changing.items():
            self.assertTrue(decode(opcode).changes_state, name)
        for name, opcode in plain.items():
            self.assertFalse(decode(opcode).changes_state, name)

    def test_branches(self) -> None:
        """Kinds and targets, backwards too."""
        self.assertEqual(decode(b_cond(-16)).static_successors(), [0x1004, 0x0FF0])
        self.assertEqual(decode(b_link(0x100)).static_successors(), [0x1100])
        self.assertEqual(decode(0x17FFFFFF).static_successors(), [0x0FFC])
        self.assertEqual(decode(0xB4000040).static_successors(), [0x1004, 0x1008])  # cbz
        self.assertEqual(decode(0x37000040).static_successors(), [0x1004, 0x1008])  # tbnz
        self.assertEqual(decode(RET).branch, "return")
        self.assertEqual(decode(0xD61F0000).branch, "indirect")
        self.assertEqual(decode(0xD63F0000).branch, "indirect-call")

    def test_stores(self) -> None:
        """Stores are told from loads."""
        self.assertTrue(decode(0xF9000020).stores)  # str
        self.assertTrue(decode(0xA9BF7BFD).stores)  # stp
        self.assertTrue(decode(0x39000020).stores)  # strb
        self.assertFalse(decode(0xF9400020).stores)  # ldr
        self.assertFalse(decode(0x91000400).stores)  # add

    def test_what_may_sleep_and_what_is_skipped(self) -> None:
        """WFI and PSCI calls are waited for with patience; WFE and YIELD are not stepped."""
        for opcode in (WFI, 0xD4000002, 0xD4000003):  # hvc #0, smc #0
            self.assertGreater(decode(opcode).sleeps, 0)
        for opcode in (NOP, ISB, 0xD4000001, 0xD503205F):  # svc #0, wfe
            self.assertEqual(decode(opcode).sleeps, 0)
        skipped = [
            opcode for opcode in (0xD503205F, 0xD503203F, WFI, NOP) if decode(opcode).skipped
        ]
        self.assertEqual(skipped, [0xD503205F, 0xD503203F])

    def test_what_drops_decoded_code(self) -> None:
        """Translation controls and unknown registers do, a handler's own registers do not."""
        self.assertTrue(decode(0xD5182020).drops_code)  # ttbr1_el1
        self.assertTrue(decode(0xD51BFF20).drops_code)  # no register of the table
        self.assertFalse(decode(0xD5184020).drops_code)  # elr_el1

    def test_unreadable(self) -> None:
        """Memory that cannot be read stops every assumption."""
        self.assertTrue(DECODER.decode(0x1000, None).changes_state)


class Detection(unittest.TestCase):
    """Loops over a made-up program."""

    program: dict[int, Insn]

    def make(self, program: dict[int, int], blocked: Iterable[int] = ()) -> Loops:
        """A detector over a program; `blocked` PCs are waited for."""
        self.program = {pc: decode(opcode, pc) for pc, opcode in program.items()}
        wanted = set(blocked)
        return Loops(lambda pc: self.program[pc], lambda insn: insn.pc in wanted)

    def feed(self, loops: Loops, path: list[int]) -> list[frozenset[int] | None]:
        """Execute a path; what each step answers."""
        return [loops.step(self.program[a], b) for a, b in zip(path, path[1:])]

    LOOP = {0x0: NOP, 0x4: NOP, 0x8: b_cond(-4), 0xC: NOP}

    def test_simple_loop_is_offered_after_enough_bodies(self) -> None:
        """Not before its body was stepped several times."""
        loops = self.make(self.LOOP)
        answers = self.feed(loops, [0x0] + [0x4, 0x8] * (REPEATS + 2) + [0x4])
        offered = [i for i, answer in enumerate(answers) if answer]
        self.assertEqual(answers[offered[0]], frozenset({0x4, 0x8}))
        # The first visit opens the head, the next gives its first body, then come the repeats.
        self.assertEqual(offered[0], 2 * (REPEATS + 2))
        self.assertEqual(loops.exits(frozenset({0x4, 0x8})), {0xC})

    def test_state_changing_or_awaited_bodies_are_not(self) -> None:
        """An ISB in the body, or a checkpoint that waits there."""
        path = [0x0] + [0x4, 0x8] * 30
        self.assertFalse(any(self.feed(self.make({**self.LOOP, 0x4: ISB}), path)))
        self.assertFalse(any(self.feed(self.make(self.LOOP, blocked=[0x4]), path)))

    def test_callee_belongs_to_the_body(self) -> None:
        """A call in the loop: the callee's code is in the region, its return site no exit."""
        program = {0x4: b_link(0x3C), 0x8: b_cond(-4), 0xC: NOP, 0x40: NOP, 0x44: RET}
        loops = self.make(program)
        answers = self.feed(loops, [0x4, 0x40, 0x44, 0x8] * (REPEATS + 3))
        region = next(answer for answer in answers if answer)
        self.assertEqual(region, frozenset({0x4, 0x8, 0x40, 0x44}))
        self.assertEqual(loops.exits(region), {0xC})

    def test_callee_that_also_returned_elsewhere_has_that_exit(self) -> None:
        """Return sites seen before are ways out."""
        program = {0x0: b_link(0x40), 0x4: b_link(0x3C), 0x8: b_cond(-4), 0xC: NOP,
                   0x40: NOP, 0x44: RET, 0x80: NOP}  # fmt: skip
        loops = self.make(program)
        self.feed(loops, [0x44, 0x80])
        answers = self.feed(loops, [0x4, 0x40, 0x44, 0x8] * (REPEATS + 3))
        region = next(answer for answer in answers if answer)
        self.assertEqual(loops.exits(region), {0xC, 0x80})

    def test_new_path_starts_the_count_again(self) -> None:
        """A body with an instruction not seen before is not closed yet."""
        program = {0x4: b_cond(8), 0x8: NOP, 0xC: b_cond(-8), 0x10: NOP}
        loops = self.make(program)
        self.feed(loops, [0x4, 0xC] * (REPEATS + 1) + [0x4])
        answers = self.feed(loops, [0x4, 0x8, 0xC, 0x4] + [0xC, 0x4] * (REPEATS - 1))
        self.assertFalse(any(answers))
        (answer,) = self.feed(loops, [0xC, 0x4])
        _, answer = self.feed(loops, [0x4, 0xC, 0x4])
        self.assertEqual(answer, frozenset({0x4, 0x8, 0xC}))

    def test_run_over_loop_counts_for_the_loop_around(self) -> None:
        """The outer loop's region holds the inner one, although that was run over."""
        program = {0x4: NOP, 0x8: NOP, 0xC: b_cond(-4), 0x10: b_cond(-12), 0x14: NOP}
        loops = self.make(program)
        region = None
        for _ in range(REPEATS + 3):
            self.feed(loops, [0x4, 0x8])
            loops.ran_over(frozenset({0x8, 0xC}), 0x10)
            (region,) = self.feed(loops, [0x10, 0x4])
        self.assertEqual(region, frozenset({0x4, 0x8, 0xC, 0x10}))

    def test_forget(self) -> None:
        """After code may have changed nothing learnt is used."""
        loops = self.make(self.LOOP)
        self.feed(loops, [0x0] + [0x4, 0x8] * (REPEATS + 2))
        loops.forget()
        self.assertFalse(any(self.feed(loops, [0x8, 0x4, 0x8, 0x4])))

    def test_interrupted_body_does_not_count(self) -> None:
        """A handler in the middle of a body is no part of it, and what was known before holds."""
        program = {**self.LOOP, 0x100: NOP, 0x104: 0xD69F03E0}
        loops = self.make(program)
        self.feed(loops, [0x0] + [0x4, 0x8] * (REPEATS + 2) + [0x4])
        self.feed(loops, [0x4, 0x8])
        loops.interrupted()  # before 0x8
        self.assertFalse(any(self.feed(loops, [0x100, 0x104, 0x8, 0x4])))
        self.assertEqual(self.feed(loops, [0x4, 0x8, 0x4])[-1], frozenset({0x4, 0x8}))

    def test_endless_loop_has_no_exit(self) -> None:
        """`b .` cannot be run over: nothing would end the run."""
        loops = self.make({0x4: 0x14000000})
        self.assertIsNone(loops.exits(frozenset({0x4})))


if __name__ == "__main__":
    unittest.main()
