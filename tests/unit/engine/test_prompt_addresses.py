#!/usr/bin/python3
"""Why an access is refused, and what an address is."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from support import OFFSET, ROOT, TEXT, make_image
from engine.fault_reason import (
    EXECUTE,
    READ,
    WRITE,
    Access,
    explain,
)
from engine.registers import load_formats
from engine.snapshot_file import IO, RAM, MemoryRange
from engine.walk import (
    EL1_0,
    EL2,
    Attributes,
    Memory,
    Reason,
    Status,
    Step,
    Table,
    WalkResult,
)
from engine.whereis import Known, describe

FORMATS = load_formats(ROOT / "arch" / "aarch64" / "sysregs.yaml")
WXN = {"SCTLR_EL1": 1 << 19}
AF, PXN, UXN = 1 << 10, 1 << 53, 1 << 54


def leaf(descriptor: int, el1: str, el0: str, table: int = 0, pan: bool = False) -> WalkResult:
    """A page whose descriptor has these bits and whose effective rights are given."""
    attributes = Attributes(
        el1, el0, pan, 1, 0xFF, Memory.NORMAL, "Normal", 3, 3, "inner", False, False,
        bool(descriptor & AF), False, False, False, False,
    )  # fmt: skip
    steps = (Step(2, 0x1000, table | 3), Step(3, 0x2000, descriptor | 3))
    return WalkResult(
        0x5000, Status.OK, Reason.NONE, 0x9000, 4096, 3, False, steps, attributes, "a page"
    )


def why(access: Access, walk: WalkResult, registers: dict[str, int] | None = None) -> str:
    """The sentence in the EL1&0 regime."""
    return explain(access, walk, registers or {}, FORMATS, EL1_0)


class Reasons(unittest.TestCase):
    """Each bit that can take a right away is named."""

    def test_writes(self) -> None:
        """AP[2], and the table's."""
        read_only = leaf(AF | 2 << 6, "r--", "---")
        self.assertIn(
            "is r-- at EL1: it may not write because AP[2] = 1", why(Access(WRITE, 1), read_only)
        )
        by_table = leaf(AF, "r--", "---", table=2 << 61)
        self.assertIn(
            "APTable[1] = 1 (read-only) in the level 2 table", why(Access(WRITE, 1), by_table)
        )

    def test_el0(self) -> None:
        """AP[1], and the table's."""
        self.assertIn("AP[1] = 0", why(Access(READ, 0), leaf(AF, "rw-", "---")))
        hidden = leaf(AF | 1 << 6, "rw-", "---", table=1 << 61)
        self.assertIn("APTable[0] = 1", why(Access(READ, 0), hidden))

    def test_fetches(self) -> None:
        """PXN, UXN, their tables', WXN, and what EL0 may write."""
        self.assertIn("PXN = 1", why(Access(EXECUTE, 1), leaf(AF | PXN, "rw-", "---")))
        self.assertIn("UXN = 1", why(Access(EXECUTE, 0), leaf(AF | UXN, "rw-", "---")))
        self.assertIn(
            "PXNTable = 1", why(Access(EXECUTE, 1), leaf(AF, "rw-", "---", table=1 << 59))
        )
        self.assertIn(
            "UXNTable = 1", why(Access(EXECUTE, 0), leaf(AF, "rw-", "---", table=1 << 60))
        )
        self.assertIn("WXN = 1", why(Access(EXECUTE, 1), leaf(AF, "rw-", "---"), WXN))
        self.assertNotIn("WXN", why(Access(EXECUTE, 1), leaf(AF | 2 << 6 | PXN, "r--", "---"), WXN))
        self.assertIn("EL0 may write it", why(Access(EXECUTE, 1), leaf(AF | 1 << 6, "rw-", "rwx")))
        text = explain(Access(EXECUTE, 2), leaf(AF | UXN, "rw-", "---"), {}, FORMATS, EL2)
        self.assertIn("because XN = 1", text)

    def test_pan(self) -> None:
        """What EL0 may use, EL1 may not, and does read again without PAN."""
        self.assertIn(
            "PSTATE.PAN = 1", why(Access(READ, 1), leaf(AF | 1 << 6, "rw-", "rw-", pan=True))
        )

    def test_access_flag_and_stale_entries(self) -> None:
        """Rights are there, and the fault came all the same."""
        self.assertIn("AF = 0", why(Access(READ, 1), leaf(0, "rw-", "---")))
        self.assertIn("stale entry of the TLB", why(Access(READ, 1), leaf(AF, "rw-", "---")))

    def test_no_leaf(self) -> None:
        """The walk says why."""
        walk = WalkResult(0, Status.FAULT_TRANSLATION, Reason.INVALID, None, 0, 1, False, (), None,
                          "0x0 does not translate: level 1 translation fault")  # fmt: skip
        self.assertEqual(why(Access(READ, 1), walk), "level 1 translation fault")


class Places(unittest.TestCase):
    """An address as everybody has it."""

    def setUp(self) -> None:
        memory = [
            MemoryRange(0x9000000, 0x9000FFF, IO, "uart"),
            MemoryRange(0x40000000, 0x47FFFFFF, RAM, "ram"),
        ]
        tables = [Table(0x40090000, 4096, 3, True)]
        spec = {
            "regions": [
                {"first": "0x40082000", "last": "0x40082fff", "space": "pa", "name": "a stack"},
                {"first": "0x400000", "last": "0x400fff", "space": "va", "name": "a program"},
            ]
        }
        registers = {"VBAR_EL1": TEXT, "SP": TEXT + 0x3000, "PC": TEXT + 0x100}
        self.known = Known(
            make_image(), memory, tables, registers, spec, [(0x5000, 0x5FFF, "below it")]
        )

    def said(self, address: int) -> str:
        """All lines, with nothing translated."""
        return "\n".join(describe(address, None, self.known, "file.c:7"))

    def test_image(self) -> None:
        """Section, symbol, line; and the other address of the same byte."""
        self.assertRegex(self.said(TEXT + 0x104), r"\.text  label\+0x4  file\.c:7")
        self.assertIn(f"{TEXT - OFFSET + 0x104:#x} (where it is loaded)", self.said(TEXT + 0x104))
        self.assertIn(f"{TEXT + 0x104:#x} (its link address)", self.said(TEXT - OFFSET + 0x104))

    def test_registers_and_vectors(self) -> None:
        """Who points there."""
        self.assertIn("PC holds it", self.said(TEXT + 0x100))
        self.assertIn("SP at the empty end of a stack", self.said(TEXT + 0x3000))
        self.assertIn("VBAR_EL1 + 0x480: IRQ from a lower EL in AArch64", self.said(TEXT + 0x480))
        self.assertIn("VBAR_EL1 + 0x200 + 0x4: synchronous", self.said(TEXT + 0x204))

    def test_machine_tables_guards_pack(self) -> None:
        """What lies there."""
        self.assertIn("a device, uart + 0x18", self.said(0x9000018))
        self.assertIn("nothing of this machine", self.said(0x1000))
        self.assertIn(
            "entry 2 of a level 3 translation table, reached from TTBR1_EL1", self.said(0x40090010)
        )
        self.assertIn("guard     below it", self.said(0x5800))
        self.assertIn("a program, 0x10 from its start", self.said(0x400010))

    def test_halves(self) -> None:
        """Also neither."""
        self.assertIn("low half", self.said(0x1000))
        self.assertIn("high half", self.said(TEXT))
        self.assertIn("neither half", self.said(1 << 60))

    def test_physical_when_it_does_not_translate(self) -> None:
        """Where that memory is mapped, or that it is nowhere."""
        walk = WalkResult(
            0, Status.FAULT_TRANSLATION, Reason.INVALID, None, 0, 1, False, (), None, "no"
        )
        self.known.mapped = [(TEXT, TEXT + 0x1000, TEXT - OFFSET)]
        said = "\n".join(describe(TEXT - OFFSET + 8, walk, self.known))
        self.assertIn(f"mapped at {TEXT + 8:#x}", said)
        self.assertIn("mapped nowhere", "\n".join(describe(0x41000000, walk, self.known)))
        self.known.mapped = None
        self.assertIn("too many mappings", "\n".join(describe(0x41000000, walk, self.known)))


if __name__ == "__main__":
    unittest.main()
