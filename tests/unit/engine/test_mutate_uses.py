#!/usr/bin/python3
"""Which registers an instruction uses: a list by hand, and Capstone where it is right."""

from __future__ import annotations

import random
import unittest

import capstone
import support  # noqa: F401 # pylint: disable=unused-import # the search path
from capstone import arm64_const

# pylint: disable=wrong-import-order # support sets the path
from engine.a64_uses import FLAGS, OTHER, SP, uses

CAPSTONE = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
CAPSTONE.detail = True
SOME = 20_000

# Word, Capstone's text of it, what it reads and what it writes.
BY_HAND: list[tuple[int, str, set[int], set[int]]] = [
    (0xD2824685, "movz x5, #0x1234", set(), {5}),
    (0xF2A24685, "movk x5, #0x1234, lsl #16", {5}, {5}),
    (0xB0000009, "adrp x9, #0x1000", set(), {9}),
    (0x910003FD, "mov x29, sp", {SP}, {29}),
    (0x9100013F, "mov sp, x9", {9}, {SP}),
    (0xD10043FF, "sub sp, sp, #0x10", {SP}, {SP}),
    (0x8B2963FF, "add sp, sp, x9", {SP, 9}, {SP}),
    (0x927CED3F, "and sp, x9, #0xfffffffffffffff0", {9}, {SP}),
    (0xF100141F, "cmp x0, #5", {0}, {FLAGS}),
    (0xEB01001F, "cmp x0, x1", {0, 1}, {FLAGS}),
    (0xB100047F, "cmn x3, #1", {3}, {FLAGS}),
    (0xF240001F, "tst x0, #1", {0}, {FLAGS}),
    (0xEA04001F, "tst x0, x4", {0, 4}, {FLAGS}),
    (0xD377D918, "lsl x24, x8, #9", {8}, {24}),
    (0xD3420C0A, "ubfx x10, x0, #2, #2", {0}, {10}),
    (0x93407C03, "sxtw x3, w0", {0}, {3}),
    (0xB37E0464, "bfi x4, x3, #2, #2", {3, 4}, {4}),
    (0xAA0103E0, "mov x0, x1", {1}, {0}),
    (0xAA1F03E0, "mov x0, xzr", set(), {0}),
    (0x9A820020, "csel x0, x1, x2, eq", {1, 2, FLAGS}, {0}),
    (0x9A9F17E0, "cset x0, eq", {FLAGS}, {0}),
    (0xFA411004, "ccmp x0, x1, #4, ne", {0, 1, FLAGS}, {FLAGS}),
    (0xFA411804, "ccmp x0, #1, #4, ne", {0, FLAGS}, {FLAGS}),
    (0x9A020020, "adc x0, x1, x2", {1, 2, FLAGS}, {0}),
    (0x9B020C20, "madd x0, x1, x2, x3", {1, 2, 3}, {0}),
    (0x9BC27C20, "umulh x0, x1, x2", {1, 2}, {0}),
    (0x9AC20820, "udiv x0, x1, x2", {1, 2}, {0}),
    (0x9AC24C20, "crc32x w0, w1, x2", {1, 2}, {0}),
    (0xDAC01020, "clz x0, x1", {1}, {0}),
    (0x94000001, "bl #4", set(), {30}),
    (0xB4000020, "cbz x0, #4", {0}, set()),
    (0x54000020, "b.eq #4", {FLAGS}, set()),
    (0xD63F0060, "blr x3", {3}, {30}),
    (0xD61F0060, "br x3", {3}, set()),
    (0xD65F03C0, "ret", {30}, set()),
    (0xD5380009, "mrs x9, midr_el1", {OTHER}, {9}),
    (0xD5181000, "msr sctlr_el1, x0", {0}, {OTHER}),
    (0xD508873F, "tlbi vae1, xzr", set(), {OTHER}),
    (0xD5087620, "dc ivac, x0", {0}, {OTHER}),
    (0xD4000001, "svc #0", {OTHER}, {OTHER}),
    (0xD4000003, "smc #0", {OTHER}, {0, OTHER}),
    (0x58000040, "ldr x0, #8", set(), {0}),
    (0xD8000040, "prfm pldl1keep, #8", set(), set()),
    (0xF9400420, "ldr x0, [x1, #8]", {1}, {0}),
    (0xF8408420, "ldr x0, [x1], #8", {1}, {0, 1}),
    (0xF8008C20, "str x0, [x1, #8]!", {0, 1}, {1}),
    (0xF8226820, "str x0, [x1, x2]", {0, 1, 2}, set()),
    (0xF9800020, "prfm pldl1keep, [x1]", {1}, set()),
    (0xA9BF7BFD, "stp x29, x30, [sp, #-0x10]!", {29, 30, SP}, {SP}),
    (0xA8C17BFD, "ldp x29, x30, [sp], #0x10", {SP}, {29, 30, SP}),
    (0x3D800020, "str q0, [x1]", {1}, set()),
    (0xACC107E0, "ldp q0, q1, [sp], #0x20", {SP}, {SP}),
    (0xC85F7C20, "ldxr x0, [x1]", {1}, {0}),
    (0xC8037C20, "stxr w3, x0, [x1]", {0, 1}, {3}),
    (0xC89FFC20, "stlr x0, [x1]", {0, 1}, set()),
]  # fmt: skip

# Of these Capstone 4 leaves registers out, or has them on the wrong side; they are in the list.
WRONG = set(
    "cmp cmn tst adds lsl lsr asr ubfx ubfiz sbfx sbfiz sxtw sxth sxtb uxtb uxth bfi bfxil bfc "
    "movz movk movn mrs msr sys sysl svc hvc smc prfm ret".split()
)


def of_capstone(insn: capstone.CsInsn) -> tuple[set[int], set[int]]:
    """General registers, SP and flags that Capstone has read and written."""

    def numbers(found: list[int]) -> set[int]:
        result = set()
        for register in found:
            name = insn.reg_name(register)
            if register in (arm64_const.ARM64_REG_SP, arm64_const.ARM64_REG_WSP):
                result.add(SP)
            elif register == arm64_const.ARM64_REG_NZCV:
                result.add(FLAGS)
            elif name[0] in "xw" and name[1:].isdigit():
                result.add(int(name[1:]))
            elif name in ("fp", "lr"):
                result.add({"fp": 29, "lr": 30}[name])
        return result

    read, written = insn.regs_access()
    writes = numbers(written) | ({FLAGS} if insn.update_flags else set())
    return numbers(read), writes


class UsesTest(unittest.TestCase):
    """Reads and writes."""

    def test_by_hand(self) -> None:
        """Each instruction of the list is the one it is taken for, and uses what it uses."""
        for word, shown, reads, writes in BY_HAND:
            insn = next(CAPSTONE.disasm(word.to_bytes(4, "little"), 0), None)
            self.assertEqual(f"{insn.mnemonic} {insn.op_str}".strip() if insn else "", shown)
            found = uses(word)
            self.assertEqual((found.reads, found.writes), (reads, writes), shown)

    def test_as_capstone_has_it(self) -> None:
        """Over random words of each group that is decoded, but for what Capstone 4 has wrong."""
        source = random.Random(1)
        compared = 0
        for _ in range(SOME):
            word = source.getrandbits(32)
            insn = next(CAPSTONE.disasm(word.to_bytes(4, "little"), 0), None)
            found = uses(word)
            anything = found.memory and OTHER in found.reads and OTHER in found.writes
            if insn is None or insn.mnemonic in WRONG or anything:
                continue
            compared += 1
            nothing_else = {OTHER}
            self.assertEqual(
                (set(found.reads) - nothing_else, set(found.writes) - nothing_else),
                of_capstone(insn),
                f"{word:#010x} {insn.mnemonic} {insn.op_str}",
            )
        self.assertGreater(compared, SOME // 10)

    def test_what_is_plain(self) -> None:
        """General registers alone: no memory, flags, SP or system register."""
        plain = {0xD2824685, 0xB0000009, 0xAA0103E0, 0xD377D918}
        for word, shown, _reads, _writes in BY_HAND:
            if word in plain:
                self.assertTrue(uses(word).plain, shown)
        for word in (0xF100141F, 0x910003FD, 0xF9400420, 0xD5380009, 0xD5181000, 0x9A820020):
            self.assertFalse(uses(word).plain)

    def test_what_is_not_decoded_is_not_plain(self) -> None:
        """Hints, barriers, exceptions, vectors: they may use anything."""
        for word in (0xD503201F, 0xD5033FDF, 0xD503379F, 0xD503233F, 0xD69F03E0, 0x4E080C00):
            self.assertFalse(uses(word).plain, f"{word:#x}")


if __name__ == "__main__":
    unittest.main()
