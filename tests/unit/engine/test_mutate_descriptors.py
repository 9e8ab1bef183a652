#!/usr/bin/python3
"""Descriptor mutants: names of bits, which descriptors are taken, what is told of the others.

    test_mutate_descriptors.py --library librigwalk.so [unittest arguments]
"""

from __future__ import annotations

import argparse
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from support import TABLE, make_image
from engine import descriptor_list, mutate_descriptors
from engine import pack as pack_file
from engine.descriptor_bits import BITS, BLOCK, PAGE, bit_name
from engine.descriptor_bits import TABLE as NEXT
from engine.mutant import Generated, Poke
from engine.qemu import Machine
from engine.session import Inputs
from engine.snapshot_file import MemoryRange, Snapshot, write

LIBRARY = Path()
MACHINE = Machine("el1", "virt", "cortex-a72", "128M", 1, ())
RULES = """\
address-space-rules: [{id: wx-mapping, why: who writes runs, spec: "DDI 0487, D8.4.1"}]
"""
PACK = """\
guest: test
use: [base]
checkpoints:
  - {id: up, at: start, expect: [EL == 1], why: w}
  - {id: later, at: start, expect: [EL == 1], why: w}
steady-state: later
layout:
  regions:
    - {name: "the kernel's stack", from: pa(table), to: pa(table) + 0x800}
    - {name: all of RAM, from: "0x40000000", to: "0x48000000"}
  devices: [{name: devices, from: "0x8000000", to: "0xa000000"}]
address_space:
  - {id: first, at: up, map: [], why: w}
  - {id: second, at: later, map: [], why: w}
"""
# 39 bits of addresses in each half, 4 KiB granule, 40 bits of physical address; walks from TTBR0
# are off in HIGH_ONLY.
BOTH, HIGH_ONLY = 0x2_8019_0019, 0x2_8019_0099
TEXT_PA, DATA_PA = 0x40080000, 0x40082000
ROOT, LEVEL2, LEVEL3, LOW_ROOT = 0x40100000, 0x40101000, 0x40102000, 0x40103000
CODE, DATA, DEVICE = 0x40_0000_0000_0783, 0x60_0000_0000_0703, 0x60_0000_0000_0401
HIGH = 0xFFFF_FF80_0000_0000


def frame(entries: dict[int, int]) -> bytes:
    """A table with these entries."""
    return b"".join(struct.pack("<Q", entries.get(index, 0)) for index in range(512))


def snapshot(pages: dict[int, int], low: dict[int, int], **registers: int) -> Snapshot:
    """High half: one table of pages; low half: blocks of 1 GiB."""
    values = {
        "SCTLR_EL1": 1, "TCR_EL1": BOTH, "MAIR_EL1": 0xFF00, "TTBR0_EL1": LOW_ROOT,
        "TTBR1_EL1": ROOT, "ID_AA64MMFR0_EL1": 2,
    }  # fmt: skip
    return Snapshot(
        {}, "EL1&0", {**values, **registers},
        memory=[
            MemoryRange(0x9000000, 0x9000FFF, "io", "uart"),
            MemoryRange(0x40000000, 0x47FFFFFF, "ram", "mach-virt.ram"),
        ],
        frames=[
            (ROOT, frame({0: LEVEL2 | 3})), (LEVEL2, frame({0: LEVEL3 | 3})),
            (LEVEL3, frame(pages)), (LOW_ROOT, frame(low)),
        ],
    )  # fmt: skip


PAGES = {0: TEXT_PA | CODE | 4, 1: TEXT_PA + 0x1000 | CODE | 4, 2: DATA_PA | DATA | 4}


class Bits(unittest.TestCase):
    """The name of a bit."""

    def names(self, kind: str, shift: int, regime: str = "EL1&0") -> list[str]:
        """All of them, from bit 0 on."""
        return [bit_name(kind, bit, shift, regime) for bit in range(BITS)]

    def test_page(self) -> None:
        """DDI 0487, D8.3.1: a page of 4 KiB."""
        lower = "valid type AttrIndx[0] AttrIndx[1] AttrIndx[2] NS AP[1] AP[2] SH[0] SH[1] AF nG"
        upper = "reserved reserved GP DBM Contiguous PXN UXN software's software's software's "
        upper += "software's PBHA PBHA PBHA PBHA ignored"
        expected = lower.split() + ["output address"] * 36 + upper.split()
        self.assertEqual(self.names(PAGE, 12), expected)
        self.assertEqual(bit_name(PAGE, 54, 12, "EL2"), "XN")

    def test_block(self) -> None:
        """A block's address begins higher; what is below is reserved."""
        names = self.names(BLOCK, 21)
        self.assertEqual(names[12:22], ["reserved"] * 9 + ["output address"])
        self.assertEqual(names[47:49], ["output address", "reserved"])
        page = self.names(PAGE, 12)
        self.assertEqual(names[:12] + names[48:], page[:12] + page[48:])

    def test_table(self) -> None:
        """Of 4 KiB and of 64 KiB."""
        names = self.names(NEXT, 12)
        self.assertEqual(names[:2] + names[2:12], ["valid", "type"] + ["ignored"] * 10)
        self.assertEqual(names[12:48], ["next table's address"] * 36)
        self.assertEqual(names[48:51] + names[51:59], ["reserved"] * 3 + ["ignored"] * 8)
        last = ["PXNTable", "UXNTable", "APTable[0]", "APTable[1]", "NSTable"]
        self.assertEqual(names[59:], last)
        self.assertEqual(self.names(NEXT, 16)[12:17], ["reserved"] * 4 + names[16:17])
        self.assertEqual(bit_name(NEXT, 60, 12, "EL2"), "XNTable")


class Taken(unittest.TestCase):
    """Which descriptors mutants are made of."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for module in (descriptor_list, mutate_descriptors):
            self.enterContext(mock.patch.object(module, "need_compiled", lambda *_: LIBRARY))
        pack = self.path / "test.yaml"
        pack.write_text(PACK, encoding="utf-8")
        (self.path / "base.yaml").write_text(RULES, encoding="utf-8")
        self.inputs = Inputs(pack_file.load(pack, self.path), make_image(), TABLE, {})

    def made(self, **snapshots: Snapshot) -> Generated:
        """The mutants of snapshots by checkpoint."""
        paths = {name: self.path / f"{name}.snapshot" for name in snapshots}
        for name, each in snapshots.items():
            write(each, paths[name])
        return mutate_descriptors.descriptors(self.inputs, MACHINE, paths, self.path)

    def names(self, made: Generated) -> list[str]:
        """The descriptors, each with all its bits."""
        names = [mutant.id.rpartition(":descriptor:")[0] for mutant in made.mutants]
        bits = [int(mutant.id.rpartition(":")[2]) for mutant in made.mutants]
        self.assertEqual(bits, list(range(BITS)) * (len(names) // BITS))
        self.assertEqual(made.sites, len(names) // BITS)
        self.assertEqual(len({mutant.id for mutant in made.mutants}), len(names))
        return names[::BITS]

    def test_alike_is_taken_once(self) -> None:
        """Two pages of text are one; what differs in a right, or in what it is, is not alike."""
        made = self.made(up=snapshot(PAGES, {0: DEVICE}))
        names = ["low-L1-block-devices", "high-L1-table-.text", "high-L2-table-.text"]
        names += ["high-L3-page-.text", "high-L3-page-the-kernel-s-stack"]
        self.assertEqual(self.names(made), names)
        self.assertEqual(len([line for line in made.not_made if "1 more" in line]), 1)
        self.assertIn("later:descriptor: no snapshot was taken there", made.not_made)
        other = {**PAGES, 1: PAGES[1] ^ 1 << 54, 3: PAGES[2] + 0x800000}
        names[-1:] = ["high-L3-page-.text-at-up", names[-1], "high-L3-page-all-of-RAM"]
        self.assertEqual(self.names(self.made(up=snapshot(other, {0: DEVICE}))), names)

    def test_later_snapshot(self) -> None:
        """A descriptor that is still there is not taken again; one that changed is."""
        pages = {**PAGES, 2: PAGES[2] ^ 1 << 7}
        first, second = snapshot(PAGES, {}), snapshot(pages, {}, TCR_EL1=HIGH_ONLY)
        made = self.made(up=first, later=second)
        changed = "high-L3-page-the-kernel-s-stack-at-later"
        self.assertEqual(self.names(made)[-1], changed)
        self.assertEqual(made.sites, 5)
        self.assertEqual(["1 more" in line for line in made.not_made], [True])
        self.assertEqual({mutant.function for mutant in made.mutants[:-BITS]}, {"up"})
        self.assertEqual({mutant.function for mutant in made.mutants[-BITS:]}, {"later"})

    def test_half_that_is_off(self) -> None:
        """Where walks are off nothing is stored that counts."""
        made = self.made(up=snapshot({}, {0: DEVICE}, TCR_EL1=HIGH_ONLY))
        self.assertEqual(self.names(made), ["high-L1-table-nothing", "high-L2-table-nothing"])

    def test_mutant(self) -> None:
        """What one says of itself, and what it changes."""
        made = self.made(up=snapshot(PAGES, {}))
        ids = {mutant.id: mutant for mutant in made.mutants}
        mutant = ids["high-L3-page-.text:descriptor:54"]
        self.assertEqual(mutant.poke, Poke(LEVEL3, PAGES[0], 54))
        self.assertEqual((mutant.kind, mutant.function, mutant.patches), ("descriptor", "up", ()))
        self.assertEqual(
            mutant.was,
            f"page of .text, level 3, {HIGH:#x} (high half): r-x, EL0 ---, Normal, Write-Back, "
            f"read/write-allocate, global ({PAGES[0]:#018x})",
        )
        self.assertEqual(
            mutant.now,
            f"bit 54 (UXN) of a descriptor stored as 0: page .text, high half, {HIGH:#x}",
        )
        table = ids["high-L2-table-.text:descriptor:0"]
        self.assertEqual(table.poke, Poke(LEVEL2, LEVEL3 | 3, 0))
        self.assertEqual(table.was.split()[0], "table")

    def test_left_out(self) -> None:
        """Entries that are no descriptors, and tables of the other byte order, are told."""
        made = self.made(up=snapshot({0: TEXT_PA | 1}, {}))
        self.assertEqual(len(self.names(made)), 2)
        self.assertIn("is no descriptor at this level", made.not_made[0])
        made = self.made(up=snapshot(PAGES, {}, SCTLR_EL1=1 | 1 << 25))
        self.assertEqual(made.mutants, [])
        self.assertIn("up:descriptor: big-endian tables (SCTLR_EL1.EE)", made.not_made)

    def test_flips(self) -> None:
        """Each entry's report, and the sums."""
        report = {
            "descriptors": {"table": 1, "block": 0, "page": 2, "invalid": 3}, "flips": 195,
            "reported": 190, "by_error": 180, "harmless": 4, "unreported": 1,
            "survivors": [{"kind": "page", "bit": 7}],
        }  # fmt: skip
        paths = {name: self.path / f"{name}.snapshot" for name in ("up", "later")}
        for path in paths.values():
            write(snapshot(PAGES, {}), path)
        with mock.patch.object(mutate_descriptors, "flip", return_value=report) as flip:
            flips = mutate_descriptors.flips(self.inputs, MACHINE, paths, self.path)
        self.assertEqual([call.args[0] for call in flip.call_args_list], list(paths.values()))
        data = flips.to_json()
        self.assertEqual([each["id"] for each in data.pop("snapshots")], ["first", "second"])
        sums = {"flips": 390, "reported": 380, "by_error": 360, "harmless": 8, "unseen": 2}
        self.assertEqual(data, sums)
        self.assertEqual(
            str(flips),
            "390 bits of every descriptor of 2 snapshots changed: 380 reported, 8 harmless, "
            "2 unseen",
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path, required=True)
    known, rest = parser.parse_known_args()
    LIBRARY = known.library
    unittest.main(argv=[sys.argv[0], *rest])
