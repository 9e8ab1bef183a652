#!/usr/bin/python3
"""The machine's memory from QEMU's `info mtree -f`, as recorded from QEMU 7.2 and 10."""

from __future__ import annotations

import unittest

import support  # noqa: F401 # pylint: disable=unused-import # the search path
from engine.snapshot_file import IO, RAM, ROM, MemoryRange
from engine.snapshot_memory import MemoryMap, MemoryUnknown, of_cpu, views

# QEMU 7.2, -M virt; the monitor ends its lines with CR LF.
VIRT = """\
FlatView #0
 AS "gpex-root", root: bus master container
 Root memory region: (none)
  No rendered FlatView

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-0000000003ffffff (prio 0, romd): virt.flash0
  0000000004000000-0000000007ffffff (prio 0, romd): virt.flash1
  0000000008000000-0000000008000fff (prio 0, i/o): gic_dist
  0000000009020000-0000000009020007 (prio 0, i/o): fwcfg.data
  0000000009020008-0000000009020009 (prio 0, i/o): fwcfg.ctl
  000000000a000000-000000000a0001ff (prio 0, i/o): virtio-mmio
  000000000a000200-000000000a0003ff (prio 0, i/o): virtio-mmio
  000000000a000600-000000000a0007ff (prio 0, i/o): virtio-mmio
  0000000010000000-000000003efeffff (prio 0, i/o): gpex_mmio_window @0000000010000000
  0000000040000000-0000000047ffffff (prio 0, ram): mach-virt.ram

FlatView #2
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-000000000000ffff (prio 0, i/o): io

""".replace(
    "\n", "\r\n"
)

# QEMU 10, -M virt,secure=on -smp 2, shortened.
SECURE = """\
FlatView #0
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 AS "cpu-memory-1", root: system
 Root memory region: system
  0000000004000000-0000000007ffffff (prio 0, romd): virt.flash1
  0000000040000000-0000000047ffffff (prio 0, ram): mach-virt.ram

FlatView #1
 AS "cpu-secure-memory-0", root: secure-memory
 AS "cpu-secure-memory-1", root: secure-memory
 Root memory region: secure-memory
  0000000000000000-0000000003ffffff (prio 0, romd): virt.flash0
  000000000e000000-000000000effffff (prio 0, ram): virt.secure-ram
  0000000040000000-0000000047ffffff (prio 0, ram): mach-virt.ram

"""

# QEMU 7.2, -M raspi3b, shortened: devices in the middle of RAM.
RASPI = """\
FlatView #0
 AS "memory", root: system
 AS "cpu-secure-memory-0", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000003f002fff (prio 0, ram): ram
  000000003f003000-000000003f00301f (prio 0, i/o): bcm2835-sys-timer
  000000003f003020-000000003f003fff (prio 0, ram): ram @000000003f003020
  000000003f004000-000000003f004fff (prio -1000, i/o): bcm2835-txp

"""


class Views(unittest.TestCase):
    """Which lines are whose."""

    def test_virt(self) -> None:
        """Kinds, names without offsets, and neighbours that are alike as one."""
        self.assertEqual(
            of_cpu(VIRT, 0),
            [
                MemoryRange(0x0000_0000, 0x03FF_FFFF, ROM, "virt.flash0"),
                MemoryRange(0x0400_0000, 0x07FF_FFFF, ROM, "virt.flash1"),
                MemoryRange(0x0800_0000, 0x0800_0FFF, IO, "gic_dist"),
                MemoryRange(0x0902_0000, 0x0902_0007, IO, "fwcfg.data"),
                MemoryRange(0x0902_0008, 0x0902_0009, IO, "fwcfg.ctl"),
                MemoryRange(0x0A00_0000, 0x0A00_03FF, IO, "virtio-mmio"),
                MemoryRange(0x0A00_0600, 0x0A00_07FF, IO, "virtio-mmio"),
                MemoryRange(0x1000_0000, 0x3EFE_FFFF, IO, "gpex_mmio_window"),
                MemoryRange(0x4000_0000, 0x47FF_FFFF, RAM, "mach-virt.ram"),
            ],
        )
        self.assertEqual(list(views(VIRT)), ["gpex-root", "memory", "cpu-memory-0", "I/O"])

    def test_secure(self) -> None:
        """A CPU in Secure state reaches more; each CPU has its view."""
        for cpu in (0, 1):
            self.assertEqual(of_cpu(SECURE, cpu)[0].first, 0x0400_0000)
            names = [part.name for part in of_cpu(SECURE, cpu, secure=True)]
            self.assertEqual(names, ["virt.flash0", "virt.secure-ram", "mach-virt.ram"])
        # A machine without Secure memory has one view.
        self.assertEqual(of_cpu(VIRT, 0, secure=True), of_cpu(VIRT, 0))

    def test_pieces(self) -> None:
        """RAM around devices, and a negative priority."""
        kinds = [(part.first, part.kind) for part in of_cpu(RASPI, 0)]
        self.assertEqual(
            kinds, [(0, RAM), (0x3F00_3000, IO), (0x3F00_3020, RAM), (0x3F00_4000, IO)]
        )

    def test_kinds(self) -> None:
        """ROM, memory that keeps its contents, device RAM, an accelerator's and an owner's name."""
        text = VIRT.replace("(prio 0, ram): mach-virt.ram", "(prio 0, nv-ram): pmem KVM")
        text = text.replace("romd): virt.flash0", "rom): boot rom @0000000000000000 owner:{obj x}")
        text = text.replace("i/o): gic_dist", "ramd): vfio region")
        kinds = {part.name: part.kind for part in of_cpu(text, 0)}
        self.assertEqual((kinds["pmem"], kinds["boot rom"], kinds["vfio region"]), (RAM, ROM, IO))

    def test_not_understood(self) -> None:
        """Words of no known kind are never taken for memory, nor left out."""
        for text in (
            VIRT.replace("(prio 0, ram)", "(prio 0, rom device)"),
            VIRT.replace("(prio 0, ram)", "(prio 0)"),
            VIRT.replace("40000000-0000000047ffffff", "40000000-000000003fffffff"),
        ):
            with self.assertRaisesRegex(MemoryUnknown, "rig does not know: 0000000040"):
                of_cpu(text, 0)
        with self.assertRaisesRegex(MemoryUnknown, "two memories at 0x7000000"):
            of_cpu(VIRT.replace("0000000008000000-", "0000000007000000-"), 0)
        for text in (
            "",
            "unknown command: 'info mtree'\r\n",
            'FlatView #0\n AS "memory", root: x\n',
        ):
            with self.assertRaisesRegex(MemoryUnknown, "shows no memory of CPU 0"):
                of_cpu(text, 0)
        # Another machine's CPU: the view that all have.
        self.assertEqual(of_cpu(VIRT, 3), of_cpu(VIRT, 0))


class Maps(unittest.TestCase):
    """What lies where."""

    def test_covers(self) -> None:
        """Every byte counts, over neighbours too."""
        memory = MemoryMap(of_cpu(VIRT, 0))
        self.assertTrue(memory.covers(0x4000_0000, 0x800_0000))
        self.assertFalse(memory.covers(0x4000_0000, 0x800_0001))
        self.assertFalse(memory.covers(0x3FFF_FFFF, 2))
        self.assertTrue(memory.covers(0x03FF_FFF0, 0x20))  # both flashes
        self.assertFalse(memory.covers(0x07FF_FFF0, 0x20))  # a device behind
        self.assertFalse(memory.covers(0, 8, (RAM,)))
        self.assertTrue(memory.covers(0x0902_0000, 10, (IO,)))
        self.assertFalse(memory.covers(1 << 50, 8))
        self.assertFalse(MemoryMap([]).covers(0, 1))


if __name__ == "__main__":
    unittest.main()
