#!/usr/bin/python3
"""The mutants of a made-up program: which sites, which mutants of each, and what each is called."""

from __future__ import annotations

import json
import unittest
from collections import Counter

import capstone
from mutate_program import (
    DSB_ISH,
    DSB_NSH,
    ERET,
    ISB,
    MSR_TCR_X0,
    MSR_TTBR0_XZR,
    NOP,
    RET,
    TLBI,
    Program,
    path,
)
from support import OFFSET, TABLE, TEXT, make_image

# pylint: disable=wrong-import-order # support sets the path
from engine.image import Alias, Image
from engine.mutant import Mutant
from engine.mutate_make import Maker
from engine.mutate_path import MOST, OUTSIDE, Executed, _take
from engine.mutate_sites import Known, known_of, sites
from engine.mutate_values import SAME, ZERO

CAPSTONE = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
MOVZ_X0, BR_X0, BLR_X0, STR_X0_X1, DAIFSET = (
    0xD2846A00,
    0xD61F0000,
    0xD63F0000,
    0xF9000020,
    0xD50342DF,
)
UDF = 0
ORR_X0_X1_0X80 = 0xB2790020


def make(
    *words: int,
    way: list[int | None] | None = None,
    known: Known | None = None,
    image: Image | None = None,
) -> Maker:
    """The mutants of a program and of a way through it."""
    steps = path(list(range(len(words))) if way is None else way)
    maker = Maker(image or make_image(), TABLE, Program(*words), steps, known or Known())
    maker.make()
    return maker


def mutants(maker: Maker, kind: str = "") -> dict[str, Mutant]:
    """Those of a kind, by what became of them."""
    found = maker.generated({}).mutants
    return {mutant.now: mutant for mutant in found if kind in ("", mutant.kind)}


def after(mutant: Mutant) -> list[str]:
    """The changed words as Capstone reads them."""
    texts = []
    for patch in mutant.patches:
        insn = next(CAPSTONE.disasm_lite(patch.new, patch.address), None)
        texts.append("" if insn is None else f"{insn[2]} {insn[3]}".strip())
    return texts


class Sites(unittest.TestCase):
    """What changes the machine's state."""

    def kinds(self, *words: int, known: Known | None = None) -> list[str]:
        """The kinds of the sites of a program."""
        addresses = [TEXT + 4 * i for i in range(len(words))]
        return [site.kind for site in sites(addresses, Program(*words), known or Known())]

    def test_each_kind(self) -> None:
        """One of each, and what is none."""
        words = {
            MSR_TCR_X0: "msr", DAIFSET: "msr-immediate", DSB_ISH: "barrier", ISB: "isb",
            TLBI: "operation", 0xD5087620: "operation", 0xD4000002: "call", 0xD503207F: "wait",
            ERET: "eret", 0x9100013F: "stack", 0x8B2963FF: "stack", BR_X0: "branch",
            BLR_X0: "branch",
        }  # fmt: skip
        self.assertEqual(self.kinds(*words), list(words.values()))
        none = (NOP, RET, MOVZ_X0, STR_X0_X1, 0xD5381000, 0xD10043FF, 0x14000002, UDF)
        self.assertEqual(self.kinds(*none), [])

    def test_a_store_into_a_table(self) -> None:
        """By the trace, which says where it stored."""
        self.assertEqual(self.kinds(STR_X0_X1, known=Known({TEXT})), ["store"])

    def test_the_trace(self) -> None:
        """Stores into tables of its lines; PCs at either alias."""
        lines = [
            "heading",
            json.dumps({"kind": "access", "pc": f"{TEXT - OFFSET + 4:#x}",
                        "flags": ["table", "write"]}),
            json.dumps({"kind": "access", "pc": f"{TEXT + 8:#x}", "flags": ["table"]}),
            json.dumps({"kind": "frame", "pc": f"{TEXT:#x}", "flags": [],
                        "text": f"written by cpu0 at PC {TEXT + 12:#x}"}),
        ]  # fmt: skip
        known = known_of(lines, make_image())
        self.assertEqual(known.table_stores, {TEXT + 4, TEXT + 12})


class Paths(unittest.TestCase):
    """The log of a run."""

    def take(self, *pcs: int) -> Executed:
        """The path of a log with these PCs."""
        found = Executed()
        lines = [f"Trace 0: 0x7f00 [00000000/{pc:016x}/00000000/ff020200] f\n" for pc in pcs]
        self.assertEqual(
            _take("".join(lines).encode() + b"Trace", found, make_image(), False), b"Trace"
        )
        return found

    def test_aliases_are_folded_and_the_rest_is_marked_once(self) -> None:
        """Both halves are the link address; user code between two kernel instructions."""
        found = self.take(0x1000, TEXT - OFFSET, TEXT + 4, 0x400000, 0x400004, TEXT + 8)
        self.assertEqual(list(found.pcs), [TEXT, TEXT + 4, OUTSIDE, TEXT + 8])
        self.assertEqual(set(found.executed), {TEXT, TEXT + 4, TEXT + 8})
        self.assertFalse(found.cut)
        self.assertGreater(MOST, len(found.pcs))

    def test_how_often(self) -> None:
        """Counts, neighbours and those that are always together."""
        found = path([0, 1, 2, 0, 1, 3])
        self.assertEqual(found.executed[TEXT], 2)
        self.assertEqual(found.executed[TEXT + 16], 0)
        self.assertEqual(found.followed, {TEXT, TEXT + 4})
        self.assertEqual(found.together, {TEXT})


class Making(unittest.TestCase):
    """Mutants by kind."""

    def test_each_mutant_fits_its_program(self) -> None:
        """Old bytes are the program's, new ones are other instructions; ids are not given twice."""
        words = (
            MOVZ_X0,
            MSR_TCR_X0,
            ISB,
            DAIFSET,
            TLBI,
            DSB_ISH,
            ISB,
            BR_X0,
            NOP,
            NOP,
            STR_X0_X1,
            ERET,
        )
        way = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11]
        maker = make(*words, UDF, UDF, NOP, NOP, NOP, way=[*way], known=Known({TEXT + 40}))
        found = maker.generated({TEXT + 4: ("boot.S", 7)})
        ids = Counter(mutant.id for mutant in found.mutants)
        self.assertEqual([name for name, count in ids.items() if count > 1], [])
        kinds = {mutant.kind for mutant in found.mutants}
        self.assertEqual(len(kinds), 11 - 1, kinds)  # all of KINDS but descriptor
        for mutant in found.mutants:
            self.assertTrue(mutant.patches)
            for patch, text in zip(mutant.patches, after(mutant)):
                old = Program(*words, UDF, UDF, NOP, NOP, NOP).bytes_at(patch.address, 4)
                self.assertEqual(patch.old, old)
                self.assertNotEqual(patch.new, patch.old)
                self.assertTrue(text, mutant.id)
            if mutant.id.startswith("start+0x4:"):
                self.assertEqual((mutant.file, mutant.line), ("boot.S", 7))
        self.assertEqual(found.sites, 9)

    def test_dropped(self) -> None:
        """NOP, for all but branches."""
        found = mutants(make(ISB, MSR_TCR_X0, BR_X0), "dropped")
        self.assertEqual(list(found), ["ISB dropped", "`msr tcr_el1, x0` dropped"])
        self.assertEqual(found["ISB dropped"].id, "start:dropped")
        self.assertEqual([after(mutant) for mutant in found.values()], [["nop"], ["nop"]])

    def test_zero_source(self) -> None:
        """XZR for an MSR's source and a store's; not where it is XZR already."""
        maker = make(MSR_TCR_X0, MSR_TTBR0_XZR, STR_X0_X1, ISB, known=Known({TEXT + 8}))
        found = [after(mutant) for mutant in mutants(maker, "zero-source").values()]
        self.assertEqual(found, [["msr tcr_el1, xzr"], ["str xzr, [x1]"]])

    def test_what_registers_held_proves(self) -> None:
        """Asked of what may be proven, and proven by the values of all executions or not at all."""
        maker = make(MSR_TCR_X0, ORR_X0_X1_0X80, MSR_TCR_X0, NOP)
        self.assertEqual(maker.questions(), {TEXT: 0, TEXT + 4: 1, TEXT + 8: 0})
        maker.prove({TEXT: [0], TEXT + 4: [0x180], TEXT + 8: [1]})
        proven = {mutant.id: mutant.equivalent for mutant in maker.generated({}).mutants}
        self.assertEqual(proven["start:zero-source"], ZERO)
        self.assertEqual(proven["start+0x8:zero-source"], "")
        masks = {name: why for name, why in proven.items() if name.startswith("start+0x4:constant")}
        # The mask becomes 0x180, or 0x100: both bits are set already.
        same = {"start+0x4:constant:mask-bit-0": SAME, "start+0x4:constant:mask-bit-6": SAME}
        self.assertEqual({name: why for name, why in masks.items() if why}, same)
        self.assertGreater(len(masks), 2)
        self.assertEqual(maker.questions(), {TEXT + 4: 1, TEXT + 8: 0})

    def test_without_values_nothing_is_proven(self) -> None:
        """An instruction whose log was not whole."""
        maker = make(MSR_TCR_X0, NOP)
        maker.prove({})
        self.assertEqual([m.equivalent for m in mutants(maker, "zero-source").values()], [""])

    def test_swapped(self) -> None:
        """With the one behind it, where that was executed next; branches are encoded anew."""
        maker = make(MSR_TCR_X0, ISB, DSB_NSH, 0x14000002, NOP, NOP, way=[0, 1, 2, 3, 5])
        found = list(mutants(maker, "swapped").values())
        self.assertEqual([after(mutant) for mutant in found], [
            ["isb", "msr tcr_el1, x0"],
            ["dsb nsh", "isb"],
            [f"b #{TEXT + 20:#x}", "dsb nsh"],
        ])  # fmt: skip
        self.assertEqual([mutant.equivalent for mutant in found], ["", "", ""])
        self.assertEqual(mutants(make(ISB, NOP, way=[0, 5]), "swapped"), {})

    def test_barriers_tlbi_and_immediates(self) -> None:
        """Each weaker barrier, each narrower TLBI, each bit of a mask."""
        maker = make(DSB_ISH, TLBI, DAIFSET, NOP)
        found = [after(mutant)[0] for mutant in mutants(maker, "barrier-weakened").values()]
        self.assertEqual(found, ["dsb nsh", "dsb osh", "dsb ishst", "dsb ishld", "dmb ish"])
        for mutant in mutants(maker, "barrier-weakened").values():
            self.assertEqual(bool(mutant.equivalent), "osh" in mutant.now.lower(), mutant.now)
        found = [after(mutant)[0] for mutant in mutants(maker, "tlbi-narrowed").values()]
        self.assertEqual(found, ["tlbi aside1, xzr", "tlbi vale1, xzr"])
        found = [after(mutant)[0] for mutant in mutants(maker, "immediate").values()]
        self.assertEqual(found, [f"msr daifset, #{bits}" for bits in ("3", "0", "6", "0xa")])

    def test_one_bit_of_spsel(self) -> None:
        """Its upper bits are ignored."""
        found = [after(mutant)[0] for mutant in mutants(make(0xD50041BF), "immediate").values()]
        self.assertEqual(found, ["msr spsel, #0"])

    def test_other_registers_can_be_written(self) -> None:
        """The nearest ones of the same level, and never an identification register."""
        for encoding, register in TABLE.by_encoding.items():
            if encoding[0] != 3 or register.name.startswith("ID_"):
                continue
            word = 0xD5100000 | (encoding[0] - 2) << 19 | encoding[1] << 16 | encoding[2] << 12
            word |= encoding[3] << 8 | encoding[4] << 5
            for mutant in mutants(make(word), "other-register").values():
                self.assertNotRegex(mutant.now, r"^(ID_|MIDR|MPIDR|CTR|CURRENTEL|CNTVCT|DCZID)")
                self.assertEqual(int.from_bytes(mutant.patches[0].new, "little") >> 16 & 0xF,
                                 word >> 16 & 0xF)  # fmt: skip
        found = [
            after(mutant)[0] for mutant in mutants(make(MSR_TTBR0_XZR), "other-register").values()
        ]
        self.assertIn("msr ttbr1_el1, xzr", found)

    def test_other_half(self) -> None:
        """BR by way of two words that never executed: EOR of the alias' offset, and BR."""
        maker = make(MOVZ_X0, BR_X0, NOP, NOP, NOP, way=[0, 1, 2])
        (mutant,) = mutants(maker, "other-half").values()
        cave = TEXT + 12
        self.assertEqual(after(mutant), [f"b #{cave:#x}", f"eor x0, x0, #{OFFSET:#x}", "br x0"])

    def test_no_other_half(self) -> None:
        """Without an alias, without room, and for BLR, with the reason."""
        image = make_image()
        plain = Image(image.elf, [])
        for maker, why in [
            (make(MOVZ_X0, BR_X0, NOP, NOP, NOP, way=[0, 1, 2], image=plain), "no other half"),
            (make(MOVZ_X0, BR_X0, NOP), "never execute"),
            (make(MOVZ_X0, BLR_X0, NOP), "return address"),
        ]:
            self.assertEqual(mutants(maker, "other-half"), {})
            self.assertTrue([line for line in maker.not_made if why in line], maker.not_made)

    def test_the_other_half_is_one_eor_away(self) -> None:
        """Where the alias' offset carries, as of an image that moves itself, no EOR is made."""
        moved = Image(make_image().elf, [Alias(0x5FEF_7000, 1 << 20, 0xFFFF_FFFF_A010_9000)])
        carries = Image(make_image().elf, [Alias(0x4000_0000, 128 << 20, 0x4000_0000)])
        for image in (moved, carries):
            maker = make(MOVZ_X0, BR_X0, NOP, NOP, NOP, way=[0, 1, 2], image=image)
            self.assertEqual(mutants(maker, "other-half"), {})
            self.assertIn("no EOR leads to the other half", maker.not_made[0])

    def test_a_path_that_was_cut_proves_nothing(self) -> None:
        """What is behind the cut may execute any word, and come between any two."""
        steps = path([0, 1, 2])
        steps.cut = True
        maker = Maker(
            make_image(), TABLE, Program(ISB, MOVZ_X0, BR_X0, NOP, NOP, NOP), steps, Known()
        )
        maker.make()
        self.assertEqual([m.now for m in maker.generated({}).mutants if m.equivalent], [])
        self.assertEqual(mutants(maker, "other-half"), {})
        whole = make(ISB, MOVZ_X0, BR_X0, NOP, NOP, NOP, way=[0, 1, 2])
        self.assertEqual(len([m for m in whole.generated({}).mutants if m.equivalent]), 1)
        self.assertEqual(len(mutants(whole, "other-half")), 1)

    def test_eret(self) -> None:
        """RET."""
        (mutant,) = mutants(make(ERET), "eret-to-ret").values()
        self.assertEqual(after(mutant), ["ret"])

    def test_constants(self) -> None:
        """Each bit of a constant once, though it feeds two registers, which are told."""
        maker = make(MOVZ_X0, MSR_TCR_X0, 0xD518A200)  # and MSR MAIR_EL1, X0
        found = mutants(maker, "constant")
        self.assertEqual(len(found), 16)
        first = next(iter(found))
        self.assertEqual(first, "bit 0 of `movz x0, #0x2350` flipped, for MAIR_EL1 and TCR_EL1")
        self.assertEqual(after(found[first]), ["movz x0, #0x2351"])

    def test_literals(self) -> None:
        """Each bit of the data."""
        maker = make(0x58000060, MSR_TCR_X0, NOP, 0x11223344, 0x55667788, way=[0, 1])
        found = list(mutants(maker, "constant").values())
        self.assertEqual(len(found), 64)
        (patch,) = found[63].patches
        self.assertEqual(patch.address, TEXT + 12)
        self.assertEqual(int.from_bytes(patch.new, "little"), 0xD566778811223344)

    def test_what_is_not_followed_is_told(self) -> None:
        """With the site and the reason."""
        maker = make(0xF9400020, MSR_TCR_X0)
        self.assertEqual([line for line in maker.not_made if "constant" in line], [
            "start+0x4 msr tcr_el1, x0: constant: of TCR_EL1: made from memory too, which is not "
            "followed"
        ])  # fmt: skip

    def test_bounds_are_told(self) -> None:
        """A site that executed often, and a path that was cut."""
        often = make(MOVZ_X0, MSR_TCR_X0, way=[0, 1, 0, 1, 0, 1])
        self.assertIn("only the first and the last execution", often.not_made[-1])
        self.assertEqual(make(MOVZ_X0, MSR_TCR_X0, way=[0, 1, 0, 1]).not_made, [])
        cut = path([0, 1])
        cut.cut = True
        maker = Maker(make_image(), TABLE, Program(MOVZ_X0, MSR_TCR_X0), cut, Known())
        maker.make()
        self.assertEqual(maker.not_made, ["the boot's path: all: cut after 2 instructions"])


if __name__ == "__main__":
    unittest.main()
