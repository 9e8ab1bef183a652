#!/usr/bin/python3
"""The ctypes binding of the walker (rig/engine/walk.py), in plain Python and inside gdb.

test_binding.py --library librigwalk.so --rig DIR [unittest arguments]
"""

from __future__ import annotations

import argparse
import importlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

ROOT = 0x4000_0000
LIBRARY = ""
RIG = ""
walk: Any = None  # the module under test, imported once the command line named it

REGISTERS = {
    "SCTLR_EL1": 0x5,
    "TCR_EL1": 25 | 25 << 16 | 2 << 30 | 5 << 32,
    "TTBR0_EL1": ROOT,
    "TTBR1_EL1": ROOT,
    "MAIR_EL1": 0xFF00,
    "ID_AA64MMFR0_EL1": 0x5,
}
BLOCK_RX = 0x8000_0000 | 0x401 | 1 << 2 | 3 << 8 | 2 << 6 | 1 << 54
UPPER = 0xFFFF_FF80_0000_0000


def memory(words: dict[int, int]) -> Any:
    """A reader of one table of zeroes with some words set; nothing beyond it."""
    return lambda pa: words.get(pa, 0) if ROOT <= pa < ROOT + 0x1000 else None


def make(words: dict[int, int], **changes: int) -> Any:
    """A walker on that memory, with some registers changed."""
    return walk.Walker(LIBRARY, REGISTERS | changes, memory(words))


class Results(unittest.TestCase):
    """What comes back from single walks, ranges and tables."""

    def test_mapping(self) -> None:
        """Every member of a mapped result."""
        result = make({ROOT: BLOCK_RX}).walk(0x1234)
        self.assertTrue(result.ok)
        self.assertEqual(result.pa, 0x8000_1234)
        self.assertEqual((result.level, result.size, result.upper), (1, 1 << 30, False))
        self.assertEqual(result.steps, (walk.Step(1, ROOT, BLOCK_RX),))
        attributes = result.attributes
        self.assertEqual((attributes.el1, attributes.el0), ("r-x", "---"))
        self.assertIs(attributes.memory, walk.Memory.NORMAL)
        self.assertEqual(attributes.memory_text, "Normal, Write-Back, read/write-allocate")
        self.assertEqual(attributes.shareability_text, "inner shareable")
        self.assertEqual((attributes.attr_index, attributes.mair_attr), (1, 0xFF))
        self.assertTrue(attributes.access_flag)
        self.assertFalse(attributes.not_global or attributes.contiguous or attributes.flat)

    def test_each_attribute_arrives_under_its_own_name(self) -> None:
        """One descriptor bit each, so that swapped members of the structure would show."""
        bits = {"not_global": 11, "guarded": 50, "dbm": 51, "contiguous": 52}
        for name, bit in bits.items():
            attributes = make({ROOT: BLOCK_RX | 1 << bit}).walk(0).attributes
            for other in bits:
                self.assertEqual(getattr(attributes, other), other == name, f"{name}, {other}")
        self.assertTrue(make({ROOT: BLOCK_RX}, SCTLR_EL1=1).walk(0).attributes.data_cache_off)
        self.assertTrue(make({}, SCTLR_EL1=0).walk(0).attributes.flat)
        shared = make({ROOT: BLOCK_RX | 1 << 6}, PSTATE=1 << 22).walk(0).attributes
        self.assertTrue(shared.pan_blocks_el1)
        self.assertEqual(shared.el0, "r--")

    def test_faults(self) -> None:
        """A fault is a result with its reason, without a PA."""
        walker = make({})
        result = walker.walk(0)
        self.assertIs(result.status, walk.Status.FAULT_TRANSLATION)
        self.assertIs(result.reason, walk.Reason.INVALID)
        self.assertIsNone(result.pa)
        self.assertIsNone(result.attributes)
        self.assertIs(walker.walk(1 << 40).status, walk.Status.FAULT_HOLE)
        off = make({}, TCR_EL1=REGISTERS["TCR_EL1"] | 1 << 23)
        self.assertIs(off.walk(UPPER).status, walk.Status.FAULT_WALK_DISABLED)
        lost = make({ROOT: 0x1003}).walk(0)
        self.assertIs(lost.status, walk.Status.READ_FAILED)
        self.assertEqual([step.descriptor for step in lost.steps], [0x1003, None])

    def test_describe(self) -> None:
        """The sentence of the library comes through."""
        text = make({}).describe(0)
        self.assertRegex(text, "^0x0 does not translate: level 1 translation fault, .*invalid\\.$")

    def test_range(self) -> None:
        """Exclusive ends, gaps, merged blocks, up to the end of the space."""
        words = {ROOT + 8: BLOCK_RX, ROOT + 16: BLOCK_RX + (1 << 30)}
        runs = make(words).range(0, 1 << 64)
        spans = [(run.start, run.end, run.status.name) for run in runs]
        gib = 1 << 30
        fault, hole = "FAULT_TRANSLATION", "FAULT_HOLE"
        self.assertEqual(
            spans,
            [
                (0, gib, fault),
                (gib, 3 * gib, "OK"),
                (3 * gib, 1 << 39, fault),
                (1 << 39, UPPER, hole),
                (UPPER, UPPER + gib, fault),
                (UPPER + gib, UPPER + 3 * gib, "OK"),
                (UPPER + 3 * gib, 1 << 64, fault),
            ],
        )
        self.assertEqual(runs[1].pa, 0x8000_0000)
        self.assertEqual(runs[1].leaf_sizes, (gib, gib))
        self.assertEqual(runs[1].levels, (1, 1))
        self.assertEqual(runs[1].attributes.el1, "r-x")
        self.assertTrue(runs[1].ok)
        self.assertIsNone(runs[0].attributes)
        self.assertEqual(make(words).range(5, 5), [])

    def test_tables(self) -> None:
        """Tables, also behind disabled walks when asked."""
        off = {"TCR_EL1": REGISTERS["TCR_EL1"] | 1 << 23}
        self.assertEqual(make({}, **off).tables(), [walk.Table(ROOT, 0x1000, 1, False)])
        self.assertEqual(len(make({}, **off).tables(include_disabled=True)), 2)
        with self.assertRaisesRegex(walk.WalkError, "READ_FAILED after 4 tables"):
            make({ROOT: 0x1003}).tables()

    def test_el2(self) -> None:
        """Registers of EL2 by their names, beside those of EL1; one range; EL2's rights."""
        registers = REGISTERS | {
            "SCTLR_EL2": 0x5, "TCR_EL2": 25 | 5 << 16, "TTBR0_EL2": ROOT, "MAIR_EL2": 0xFF00,
            "SCTLR_EL1": 0,
        }  # fmt: skip
        reader = memory({ROOT: BLOCK_RX})
        walker = walk.Walker(LIBRARY, registers, reader, regime="EL2")
        attributes = walker.walk(0).attributes
        self.assertEqual((attributes.el1, attributes.el0), ("r--", "---"))  # bit 54 is XN
        self.assertIs(walker.walk(UPPER).status, walk.Status.FAULT_HOLE)
        self.assertIn("EL2 may read;", walker.describe(0))
        self.assertEqual(walker.half(True).start, walker.half(True).end)
        with self.assertRaisesRegex(walk.WalkError, "missing: SCTLR_EL2, .*, MAIR_EL2$"):
            walk.Walker(LIBRARY, REGISTERS, reader, regime="EL2")
        with self.assertRaisesRegex(walk.WalkError, "no such regime: EL3"):
            walk.Walker(LIBRARY, REGISTERS, reader, regime="EL3")

    def test_entries(self) -> None:
        """Kinds, paths and spans; a table whose frame is not readable; the limit."""
        words = {ROOT: ROOT + 0x1003, ROOT + 8: ROOT | 3, ROOT + 16: BLOCK_RX}
        gib, two_mib = 1 << 30, 1 << 21
        entries = make(words).entries(0, 2 * gib)
        self.assertEqual(
            [(e.start, e.end, e.kind.name, e.status.name, e.pa, e.level) for e in entries[:3]],
            [
                (0, gib, "TABLE", "READ_FAILED", ROOT + 0x1000, 1),
                (gib, 2 * gib, "TABLE", "OK", ROOT, 1),
                (gib, gib + two_mib, "TABLE", "READ_FAILED", ROOT + 0x1000, 2),
            ],
        )
        self.assertEqual(
            entries[2].steps, (walk.Step(1, ROOT + 8, ROOT | 3), walk.Step(2, ROOT, ROOT + 0x1003))
        )
        leaf = make(words).entries(2 * gib, 1 << 64)[0]
        self.assertEqual((leaf.kind, leaf.end), (walk.EntryKind.LEAF, 3 * gib))
        self.assertEqual((leaf.pa, leaf.attributes.el1), (0x8000_0000, "r-x"))
        self.assertEqual(make(words).entries(5, 5), [])
        with self.assertRaisesRegex(walk.WalkError, "too many descriptors, after 2 entries"):
            make(words).entries(gib, 1 << 64, max_reads=3)

    def test_half(self) -> None:
        """Geometry of both halves."""
        self.assertEqual(
            make({}).half(True),
            walk.Half(
                start=UPPER, end=1 << 64, root_pa=ROOT, root_size=0x1000, walk_disabled=False,
                start_level=1, granule=0x1000, input_bits=39, output_bits=48,
                status=walk.Status.OK, reason=walk.Reason.NONE, tbi=False,
            ),
        )  # fmt: skip
        bad = make({}, TCR_EL1=REGISTERS["TCR_EL1"] & ~0x3F | 60 | 1 << 7 | 1 << 37).half(False)
        self.assertEqual(
            (bad.status, bad.reason), (walk.Status.FAULT_TRANSLATION, walk.Reason.TXSZ)
        )
        self.assertEqual((bad.walk_disabled, bad.tbi, bad.input_bits), (True, True, 0))
        self.assertEqual((bad.start, bad.end), (0, 1 << 55))

    def test_numbers_match_the_header(self) -> None:
        """Statuses, reasons and memory types have the numbers that rigwalk.h gives them."""
        header = Path(RIG, "trace/walk/rigwalk.h").read_text(encoding="utf-8")
        found = dict(re.findall(r"^\s*RIG_WALK_(\w+) = (\d+)", header, re.MULTILINE))
        expected = {s.name: s.value for s in walk.Status}
        expected |= {f"REASON_{r.name}": r.value for r in walk.Reason}
        expected |= {m.name: m.value for m in walk.Memory if m is not walk.Memory.RESERVED}
        expected |= {"MEMORY_RESERVED": walk.Memory.RESERVED.value}
        expected |= {f"ENTRY_{kind.name}": kind.value for kind in walk.EntryKind}
        self.assertEqual({name: int(number) for name, number in found.items()}, expected)


class Errors(unittest.TestCase):
    """Wrong input is refused by name, and no exception gets lost in C."""

    def test_exceptions_come_out_unchanged(self) -> None:
        """Also those that are no Exception, from each call; the reader is not called again."""
        for error in (RuntimeError("no target"), KeyboardInterrupt()):
            for call in ("walk", "describe", "range", "entries", "tables"):
                reader = unittest.mock.Mock(side_effect=error)
                walker = walk.Walker(LIBRARY, REGISTERS, reader)
                arguments = {
                    "walk": (0,), "describe": (0,), "range": (0, 1 << 64), "tables": (),
                    "entries": (0, 1 << 64),
                }  # fmt: skip
                with self.assertRaises(type(error)) as caught:
                    getattr(walker, call)(*arguments[call])
                self.assertIs(caught.exception, error)
                self.assertEqual(reader.call_count, 1, call)

    def test_a_walker_survives_an_exception(self) -> None:
        """The next call starts fresh."""
        words = iter([RuntimeError("once")])

        def reader(_pa: int) -> int:
            for error in words:
                raise error
            return BLOCK_RX

        walker = walk.Walker(LIBRARY, REGISTERS, reader)
        self.assertRaises(RuntimeError, walker.walk, 0)
        self.assertTrue(walker.walk(0).ok)

    def test_bad_values(self) -> None:
        """What does not fit 64 bits; negative numbers are debuggers' way of writing high ones."""
        walker = make({ROOT: BLOCK_RX})
        self.assertEqual(walker.walk(-1).va, (1 << 64) - 1)
        for va in (1 << 64, -(1 << 63) - 1):
            self.assertRaises(ValueError, walker.walk, va)
        for span in ((-1, 0), (1, 0), (0, (1 << 64) + 1)):
            self.assertRaises(ValueError, walker.range, *span)
            self.assertRaises(ValueError, walker.entries, *span)
        self.assertRaises(ValueError, make, {}, TTBR0_EL1=1 << 64)
        self.assertRaises(ValueError, make({ROOT: 1 << 64}).walk, 0)

    def test_registers(self) -> None:
        """A missing one is named; debuggers' short names and cpsr are understood."""
        short = {name.removesuffix("_EL1").lower(): value for name, value in REGISTERS.items()}
        short |= {"cpsr": 1 << 22, "x0": 1 << 70}
        walker = walk.Walker(LIBRARY, short, memory({ROOT: BLOCK_RX | 1 << 6}))
        self.assertTrue(walker.walk(0).attributes.pan_blocks_el1)
        del short["tcr"], short["mair"]
        with self.assertRaisesRegex(walk.WalkError, "missing: TCR_EL1, MAIR_EL1$"):
            walk.Walker(LIBRARY, short, memory({}))

    def test_limit(self) -> None:
        """Too many descriptors is an error that says how far it came."""
        with self.assertRaisesRegex(walk.WalkError, "too many descriptors, done: 0xc0000000"):
            make({ROOT + 8: BLOCK_RX}).range(0, 1 << 39, max_reads=3)

    def test_wrong_library(self) -> None:
        """No file, no library, another library."""
        with tempfile.NamedTemporaryFile(suffix=".so") as junk:
            for path in ("/nonexistent/librigwalk.so", junk.name, "libc.so.6"):
                with self.assertRaisesRegex(walk.WalkError, "librigwalk.so"):
                    walk.Walker(path, REGISTERS, memory({}))


class InsideGdb(unittest.TestCase):
    """The same module in gdb's Python."""

    def test_in_gdb(self) -> None:
        """A walk, and an exception of gdb's own that crosses C."""
        gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
        if gdb is None:
            self.skipTest("no gdb here (package gdb-multiarch)")
        script = (
            f"import sys; sys.path.insert(0, {RIG!r})\n"
            "import gdb\n"
            "from engine import walk\n"
            f"regs = {REGISTERS!r}\n"
            f"print(walk.Walker({LIBRARY!r}, regs, lambda pa: {BLOCK_RX}).describe(0x10))\n"
            "def read(pa):\n"
            "    return int(gdb.parse_and_eval(f'*(unsigned long *){pa}'))\n"
            "try:\n"
            f"    walk.Walker({LIBRARY!r}, regs, read).range(0, 1 << 64)\n"
            "except gdb.error as error:\n"
            "    print('gdb said:', error)\n"
        )
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(script)
            file.flush()
            done = subprocess.run(
                [gdb, "-nx", "-batch", "-x", file.name],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
        self.assertIn("0x10 is PA 0x80000010 through a 1 GiB block", done.stdout, done.stderr)
        self.assertIn("gdb said: Cannot access memory", done.stdout, done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True)
    parser.add_argument("--rig", required=True)
    options, rest = parser.parse_known_args()
    LIBRARY, RIG = options.library, options.rig
    sys.path.insert(0, RIG)
    walk = importlib.import_module("engine.walk")
    unittest.main(argv=[sys.argv[0], *rest])
