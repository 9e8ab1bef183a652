#!/usr/bin/python3
"""What a changed instruction makes of the values that it had, and what that proves."""

from __future__ import annotations

import unittest
from pathlib import Path
from unittest.mock import patch

from mutate_program import MSR_TCR_X0, NOP, path
from support import OFFSET, TEXT, make_image

# pylint: disable=wrong-import-order # support sets the path
from engine import mutate_values
from engine.mutate_values import SAME, ZERO, computed, held, proof, register_of
from engine.operands import Hit, Site

ALL = (1 << 64) - 1
ORR_80, AND_NOT_80, EOR_80 = 0xB2790020, 0x9278F820, 0xD2790020  # x0, x1
TST_80, AND_W = 0xF279003F, 0x121F7820  # tst x1, #0x80; and w0, w1, #0xfffffffe
UBFIZ_8_8, UBFIZ_8_7 = 0xD3781C20, 0xD3781820
UBFX_16_4, SBFX_0_8, LSR_W_4 = 0xD3504C20, 0x93401C20, 0x53047C20


class Computed(unittest.TestCase):
    """By hand, as the manual has them."""

    def test_masks(self) -> None:
        """All four operations; 32 bits write zeros above."""
        cases = [
            (ORR_80, 0x101, 0x181), (AND_NOT_80, 0x1FF, 0x17F), (EOR_80, 0x80, 0),
            (TST_80, 0xFF, 0x80), (AND_W, ALL, 0xFFFF_FFFE),
        ]  # fmt: skip
        for word, source, result in cases:
            self.assertEqual(computed(word, source), result, f"{word:#x}")

    def test_fields(self) -> None:
        """To the bottom, up, signed, and of 32 bits."""
        cases = [
            (UBFIZ_8_8, 0x1FF, 0xFF00), (UBFIZ_8_7, 0x1FF, 0x7F00), (UBFX_16_4, 0x1F_0000, 0xF),
            (SBFX_0_8, 0x180, ALL - 0x7F), (SBFX_0_8, 0x17F, 0x7F), (LSR_W_4, ALL, 0xFFF_FFFF),
        ]  # fmt: skip
        for word, source, result in cases:
            self.assertEqual(computed(word, source), result, f"{word:#x}")

    def test_others(self) -> None:
        """A sum, a move, BFM, a reserved mask and a reserved field."""
        for word in (0x91000420, 0xD2800020, 0xB3781C20, 0x927FFC20, 0x53208420, MSR_TCR_X0, NOP):
            self.assertIsNone(computed(word, 0), f"{word:#x}")


class Proofs(unittest.TestCase):
    """Which register tells, and what its values prove."""

    def test_registers(self) -> None:
        """The source of MSR, the source of a mask; none where the constant is all there is."""
        self.assertEqual(register_of("zero-source", MSR_TCR_X0 | 5), 5)
        self.assertEqual(register_of("constant", ORR_80), 1)
        self.assertIsNone(register_of("constant", 0xD2800020))
        self.assertIsNone(register_of("dropped", MSR_TCR_X0))

    def test_every_value_has_to_agree(self) -> None:
        """A wider field of small values; one large value undoes it, and so do none."""
        self.assertEqual(proof("constant", UBFIZ_8_8, UBFIZ_8_7, [0, 3, 0x7F]), SAME)
        self.assertEqual(proof("constant", UBFIZ_8_8, UBFIZ_8_7, [0, 0x80]), "")
        self.assertEqual(proof("constant", UBFIZ_8_8, UBFIZ_8_7, []), "")
        self.assertEqual(proof("constant", UBFIZ_8_8, 0xD3C01C20, [0]), "")
        self.assertEqual(proof("zero-source", MSR_TCR_X0, MSR_TCR_X0 | 31, [0, 0]), ZERO)
        self.assertEqual(proof("zero-source", MSR_TCR_X0, MSR_TCR_X0 | 31, [0, 1]), "")


class Held(unittest.TestCase):
    """What is asked of the run, and what is taken of its answer."""

    def ask(self, hits: list[Hit], **changes: int) -> tuple[dict[int, list[int]], list[Site]]:
        """The values of x0 and x1 at the path's first two instructions, and the sites."""
        way = path([0, 1, 0, 2])
        registers = {TEXT: 0, TEXT + 4: 1, TEXT + 64: 2}
        bounds = {"_EACH": 100, "_ALL": 100, **changes}
        module = "engine.mutate_values"
        with (
            patch(f"{module}.operands", return_value=hits) as asked,
            patch.dict(mutate_values.__dict__, bounds),
        ):
            values = held(["qemu"], Path("."), 9.0, make_image(), way, registers)
        return values, [] if asked.call_args is None else asked.call_args.args[2]

    def test_both_aliases_count(self) -> None:
        """Twice on the path, once at each alias; what never executed is not asked for."""
        hits = [Hit(TEXT - OFFSET, 7, 1), Hit(TEXT + 4, 8, 1), Hit(TEXT, 9, 1)]
        values, sites = self.ask(hits)
        self.assertEqual(values, {TEXT: [7, 9], TEXT + 4: [8]})
        self.assertEqual({site.address for site in sites},
                         {TEXT, TEXT - OFFSET, TEXT + 4, TEXT + 4 - OFFSET})  # fmt: skip

    def test_an_instruction_that_came_more_or_less_often_tells_nothing(self) -> None:
        """Another program's code at the same address, or a run that was cut."""
        values, _ = self.ask([Hit(TEXT, 7, 1), Hit(TEXT + 4, 8, 1), Hit(TEXT + 4, 8, 0)])
        self.assertEqual(values, {})

    def test_bounds(self) -> None:
        """What executes too often is left out, the rarest first to be asked."""
        _, sites = self.ask([], _EACH=1)
        self.assertEqual({site.address for site in sites}, {TEXT + 4, TEXT + 4 - OFFSET})
        _, sites = self.ask([], _ALL=2)
        self.assertEqual({site.address for site in sites}, {TEXT + 4, TEXT + 4 - OFFSET})
        _, sites = self.ask([], _ALL=0)
        self.assertEqual(sites, [])


if __name__ == "__main__":
    unittest.main()
