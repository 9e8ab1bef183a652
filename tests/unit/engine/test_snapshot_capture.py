#!/usr/bin/python3
"""Taking snapshots of made-up guests: which tables are in one, and what cannot be taken.

test_snapshot_capture.py --library librigwalk.so [unittest arguments]
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable

import support
from engine import snapshot_capture
from engine.snapshot_capture import CaptureError, architectural, capture, regime_of
from engine.snapshot_file import Snapshot
from engine.walk import Walker

LIBRARY = ""
RAM, RAM_SIZE = 0x4000_0000, 0x800_0000
FLASH = 0x0000_0000
UART = 0x0900_0000
NOTHING = 0x5000_0000
MTREE = """\
FlatView #0
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 AS "cpu-memory-2", root: system
 Root memory region: system
  0000000000000000-0000000003ffffff (prio 0, romd): virt.flash0
  0000000009000000-0000000009000fff (prio 0, i/o): pl011
  0000000040000000-0000000047ffffff (prio 0, ram): mach-virt.ram
"""
ROOT, HIGH_ROOT = RAM + 0x1000, RAM + 0x8000
HIGH = 0xFFFF << 48
TABLE, PAGE, BLOCK = 0x3, 0x403, 0x401
MMU = 1
EPD0, EPD1 = 1 << 7, 1 << 23
# 48-bit halves of 4 KiB pages, 44-bit physical addresses.
TCR = 16 | 16 << 16 | 2 << 30 | 4 << 32
EL1 = {
    "PSTATE": 0x3C5, "PC": 0x4008_0000, "SCTLR_EL1": 0x30D0_0800 | MMU, "TCR_EL1": TCR,
    "TTBR0_EL1": ROOT, "TTBR1_EL1": HIGH_ROOT, "MAIR_EL1": 0xFF00, "ID_AA64MMFR0_EL1": 0x1124,
    "ID_AA64MMFR1_EL1": 0, "ID_AA64MMFR2_EL1": 0,
}  # fmt: skip
EL2 = {
    "PSTATE": 0x3C9, "PC": 0x4008_0000, "SCTLR_EL2": 0x30C5_0830 | MMU, "TCR_EL2": 16 | 4 << 16,
    "TTBR0_EL2": ROOT, "MAIR_EL2": 0xFF00, "HCR_EL2": 1 << 31, "ID_AA64MMFR0_EL1": 0x1124,
}  # fmt: skip


class FakeGuest:
    """A stopped guest: memory is 0 but for `words`; what is read and asked is noted."""

    def __init__(self, registers: dict[str, int], words: dict[int, int] | None = None) -> None:
        self.cpu = 0
        self.values = dict(registers)
        self.words = dict(words or {})
        self.fill: Callable[[int], bytes] = lambda address: bytes(4096)
        self.broken: set[int] = set()  # pages that QEMU does not let be read
        self.reads: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.answer: Callable[[int], str] = lambda va: f"gpa: {va & 0xFFFF_FFFF:#x}"

    def registers(self) -> dict[str, int]:
        """As given."""
        return dict(self.values)

    def read_physical(self, address: int, size: int) -> bytes | None:
        """Memory of the map above, nothing else."""
        self.reads.append((address, size))
        data = b""
        for page in range(address & ~0xFFF, address + size, 0x1000):
            if page in self.broken:
                return None
            content = bytearray(self.fill(page))
            for at, word in self.words.items():
                if at & ~0xFFF == page:
                    content[at - page : at - page + 8] = word.to_bytes(8, "little")
            data += bytes(content)
        return data[address & 0xFFF :][:size]

    def monitor(self, line: str) -> str:
        """QEMU's monitor, whose lines end with CR LF."""
        self.said.append(line)
        if line == "info mtree -f":
            return MTREE.replace("\n", "\r\n")
        if line == "info version":
            return "7.2.22Debian 1:7.2+dfsg-7+deb12u18\r\n"
        if line.startswith("gva2gpa "):
            return self.answer(int(line.split()[1], 16)) + "\r\n"
        return ""

    def asked(self) -> list[int]:
        """The addresses that were asked for their translation."""
        return [int(line.split()[1], 16) for line in self.said if line.startswith("gva2gpa ")]


def low_and_high() -> dict[int, int]:
    """Low: one page through four levels. High: a block of 2 MiB at the half's end."""
    return {
        ROOT: ROOT + 0x1000 | TABLE,
        ROOT + 0x1000: ROOT + 0x2000 | TABLE,
        ROOT + 0x2000: ROOT + 0x5000 | TABLE,
        ROOT + 0x5008: RAM + 0x9000 | PAGE,
        HIGH_ROOT + 8 * 511: HIGH_ROOT + 0x1000 | TABLE,
        HIGH_ROOT + 0x1000 + 8 * 511: HIGH_ROOT + 0x2000 | TABLE,
        HIGH_ROOT + 0x2000 + 8 * 511: RAM + 0x20_0000 | BLOCK,
    }


def take(guest: FakeGuest, witnesses: int = 0) -> Snapshot:
    """A snapshot of it."""
    return capture(guest, {"guest": "fake", "checkpoint": "here"}, LIBRARY, witnesses)


def spans(snapshot: Snapshot) -> list[tuple[int, int]]:
    """(address, size) of the frames."""
    return [(pa, len(data)) for pa, data in snapshot.frames]


LOW = [(ROOT, 0x3000), (ROOT + 0x5000, 0x1000)]
UP = [(HIGH_ROOT, 0x3000)]


class Tables(unittest.TestCase):
    """Which frames are in it."""

    def test_both_halves(self) -> None:
        """Each reachable table once, neighbours as one, with their bytes; pages are no tables."""
        guest = FakeGuest(EL1, low_and_high())
        snapshot = take(guest)
        self.assertEqual(spans(snapshot), LOW + UP)
        for pa, data in snapshot.frames:
            for at in range(0, len(data), 8):
                word = int.from_bytes(data[at : at + 8], "little")
                self.assertEqual(word, guest.words.get(pa + at, 0))
        self.assertEqual(snapshot.unreadable, [])
        self.assertEqual(snapshot.regime, "EL1&0")
        self.assertEqual(
            snapshot.made,
            {"guest": "fake", "checkpoint": "here", "qemu": "7.2.22", "pc": "0x40080000", "el": 1},
        )
        self.assertEqual(snapshot.registers, EL1)
        self.assertEqual([part.kind for part in snapshot.memory], ["rom", "io", "ram"])

    def test_half_switched_off(self) -> None:
        """A half whose walks are off is in it when its register leads to RAM; 0, or flash, is no
        table then."""
        none: list[tuple[int, int]] = []
        roots = {HIGH_ROOT: UP, 0: none, FLASH + 0x1000: none, NOTHING: none}
        for root, found in roots.items():
            guest = FakeGuest(EL1 | {"TCR_EL1": TCR | EPD1, "TTBR1_EL1": root}, low_and_high())
            self.assertEqual(spans(take(guest)), LOW + found, hex(root))
        guest = FakeGuest(EL1 | {"TCR_EL1": TCR | EPD0}, low_and_high())
        self.assertEqual(spans(take(guest)), LOW + UP)

    def test_mmu_off(self) -> None:
        """Tables that are ready are in it before the MMU is on."""
        off = {"SCTLR_EL1": EL1["SCTLR_EL1"] & ~MMU}
        self.assertEqual(spans(take(FakeGuest(EL1 | off, low_and_high()))), LOW + UP)
        reset = off | {"TTBR0_EL1": 0, "TTBR1_EL1": 0}
        self.assertEqual(spans(take(FakeGuest(EL1 | reset))), [])

    def test_null_root(self) -> None:
        """A half in use whose root is 0 is walked by the CPU: flash is what it reads there."""
        snapshot = take(FakeGuest(EL1 | {"TTBR1_EL1": 0}, low_and_high()))
        self.assertEqual(spans(snapshot), [(0, 0x1000), *LOW])

    def test_small_root(self) -> None:
        """A root of few entries is as large as it is."""
        tcr = TCR & ~0x3F | 30  # 34 bits: 16 entries of level 1
        guest = FakeGuest(EL1 | {"TCR_EL1": tcr | EPD1, "TTBR1_EL1": 0, "TTBR0_EL1": ROOT + 0x80})
        self.assertEqual(spans(take(guest)), [(ROOT + 0x80, 0x80)])

    def test_loop(self) -> None:
        """A table that points to itself, and one to its parent: an end, and each byte once."""
        words = low_and_high() | {
            ROOT + 8 * 511: ROOT | TABLE,
            ROOT + 0x2000 + 8: ROOT | TABLE,
            HIGH_ROOT + 0x1000: HIGH_ROOT | TABLE,
        }
        snapshot = take(FakeGuest(EL1, words), witnesses=64)
        self.assertEqual(spans(snapshot), LOW + UP)
        self.assertEqual(len(snapshot.witnesses), 64)

    def test_everything_is_a_table(self) -> None:
        """A root in rubbish has an end: in use it is an error, out of use it is left alone."""

        def rubbish(address: int) -> bytes:
            first = (address - RAM >> 12) * 512 + 1
            frames = (RAM + ((first + n) % (RAM_SIZE >> 12) << 12) for n in range(512))
            return b"".join((frame | TABLE).to_bytes(8, "little") for frame in frames)

        guest = FakeGuest(EL1)
        guest.fill = rubbish
        with self.assertRaisesRegex(CaptureError, "more translation tables .* 0x40001000"):
            take(guest)
        guest.values["SCTLR_EL1"] &= ~MMU
        self.assertEqual(spans(take(guest)), [(ROOT, 0x1000), (HIGH_ROOT, 0x1000)])

    def test_outside_memory(self) -> None:
        """Tables where nothing is, and in devices, are told and never read; flash is read."""
        words = low_and_high() | {
            ROOT + 8: NOTHING | TABLE,
            ROOT + 16: UART | TABLE,
            ROOT + 24: FLASH + 0x7000 | TABLE,
            ROOT + 32: RAM + RAM_SIZE | TABLE,
        }
        guest = FakeGuest(EL1, words)
        snapshot = take(guest, witnesses=64)
        self.assertEqual(snapshot.unreadable, [UART, RAM + RAM_SIZE, NOTHING])
        self.assertEqual(spans(snapshot), [(FLASH + 0x7000, 0x1000), *LOW, *UP])
        for address, size in guest.reads:
            self.assertTrue(address >= RAM or address + size <= 0x400_0000, hex(address))

    def test_el2(self) -> None:
        """EL2's own registers and its one range."""
        snapshot = take(FakeGuest(EL2, low_and_high()), witnesses=64)
        self.assertEqual((snapshot.regime, spans(snapshot)), ("EL2", LOW))
        self.assertEqual(len(snapshot.witnesses), 64)

    def test_other_regimes(self) -> None:
        """EL3 and VHE are said, and not walked."""
        vhe = EL2 | {"HCR_EL2": 1 << 34}
        for values, regime in ((EL2 | {"PSTATE": 0x3CD}, "EL3"), (vhe, "EL2&0")):
            guest = FakeGuest(values, low_and_high())
            snapshot = take(guest, witnesses=64)
            self.assertEqual((snapshot.regime, snapshot.frames), (regime, []))
            self.assertEqual((guest.reads, snapshot.witnesses), ([], []))


class Refusals(unittest.TestCase):
    """What cannot be taken is told in words."""

    def test_missing_registers(self) -> None:
        """By name."""
        for name in ("TTBR1_EL1", "ID_AA64MMFR0_EL1", "SCTLR_EL1"):
            values = {key: value for key, value in EL1.items() if key != name}
            with self.assertRaisesRegex(CaptureError, f"register values missing: {name}$"):
                take(FakeGuest(values))
        values = {key: value for key, value in EL2.items() if key != "TCR_EL2"}
        with self.assertRaisesRegex(CaptureError, "missing: TCR_EL2$"):
            take(FakeGuest(values))

    def test_states(self) -> None:
        """Stage 2, stage 1 turned off by EL2, and AArch32."""
        for hcr, words in ((1, "HCR_EL2.VM"), (1 << 12, "HCR_EL2.DC")):
            with self.assertRaisesRegex(CaptureError, words):
                take(FakeGuest(EL1 | {"HCR_EL2": hcr}))
        with self.assertRaisesRegex(CaptureError, "HCR_EL2.TGE"):
            regime_of({"PSTATE": 0x3C0, "HCR_EL2": 1 << 27})
        with self.assertRaisesRegex(CaptureError, "AArch32"):
            regime_of({"PSTATE": 0x1D0})
        self.assertEqual(regime_of({"PSTATE": 0x3C0, "HCR_EL2": 1 << 27 | 1 << 34}), "EL2&0")
        # Secure state without an EL2 of its own: HCR_EL2 has no effect.
        self.assertEqual(regime_of({"PSTATE": 0x3C5, "HCR_EL2": 1, "SCR_EL3": 0}), "EL1&0")

    def test_memory_that_cannot_be_read(self) -> None:
        """QEMU's refusal, with the address."""
        guest = FakeGuest(EL1, low_and_high())
        guest.broken = {ROOT + 0x5000}
        with self.assertRaisesRegex(CaptureError, "physical memory at 0x40006000"):
            take(guest)

    def test_library(self) -> None:
        """No library, no snapshot."""
        with self.assertRaisesRegex(CaptureError, "not a usable librigwalk.so"):
            capture(FakeGuest(EL1), {}, "/nonexistent/librigwalk.so")

    def test_monitor(self) -> None:
        """Answers that are none."""
        guest = FakeGuest(EL1, low_and_high())
        guest.answer = lambda va: "unknown command: 'gva2gpa'"
        with self.assertRaisesRegex(CaptureError, 'gva2gpa .* not understood: "unknown command'):
            take(guest, witnesses=2)


class Witnesses(unittest.TestCase):
    """Which addresses QEMU is asked about."""

    def test_edges_and_inside(self) -> None:
        """Both ends of what is mapped and of the gaps beside it, and some inside; in order."""
        guest = FakeGuest(EL1, low_and_high())
        witnesses = dict(take(guest, witnesses=64).witnesses)
        page, block = 0x1000, (1 << 64) - (2 << 20)
        for address in (0, page - 1, page, 2 * page - 1, 2 * page, (1 << 48) - 1, HIGH, block - 1,
                        block, (1 << 64) - 1, 1 << 48, HIGH - 1):  # fmt: skip
            self.assertIn(address, witnesses)
        self.assertEqual(len(witnesses), 64)
        self.assertEqual(sorted(witnesses), guest.asked())
        inside = [a for a in witnesses if page < a < 2 * page - 1 or block < a < (1 << 64) - 1]
        self.assertGreater(len(inside), 20)
        self.assertEqual(witnesses[block], block & 0xFFFF_FFFF)

    def test_unmapped(self) -> None:
        """No translation is an answer, too; physical address 0 is one."""
        guest = FakeGuest(EL1, low_and_high())
        guest.answer = lambda va: "Unmapped" if va & 0x1000 else "gpa: 0"
        for address, answer in take(guest, witnesses=64).witnesses:
            self.assertEqual(answer, None if address & 0x1000 else 0)

    def test_same_choice(self) -> None:
        """The same tables, the same addresses, however many."""
        for count in (0, 1, 7, 64, 3000):
            first, second = (FakeGuest(EL1, low_and_high()) for _ in range(2))
            self.assertEqual(take(first, count), take(second, count))
            self.assertEqual(first.asked(), second.asked())
            self.assertEqual(len(first.asked()), count)

    def test_thousands_of_a_loop(self) -> None:
        """Endless runs are passed over, the others are there."""
        guest = FakeGuest(EL1, low_and_high() | {ROOT + 8 * 511: ROOT | TABLE})
        take(guest, witnesses=2000)
        self.assertEqual(len(guest.asked()), 2000)
        self.assertIn(0x1000, guest.asked())

    def test_mmu_off(self) -> None:
        """Addresses of memory, as they are physical."""
        guest = FakeGuest(EL1 | {"SCTLR_EL1": 0})
        take(guest, witnesses=64)
        asked = guest.asked()
        self.assertEqual(len(asked), 64)
        for address in (FLASH, UART, UART + 0xFFF, RAM, RAM + RAM_SIZE - 1):
            self.assertIn(address, asked)

    def test_other_cpu(self) -> None:
        """The monitor is told whose translation is meant."""
        guest = FakeGuest(EL1, low_and_high())
        guest.cpu = 2
        take(guest, witnesses=4)
        first = next(n for n, line in enumerate(guest.said) if line.startswith("gva2gpa"))
        self.assertEqual(guest.said[first - 1], "cpu 2")
        guest = FakeGuest(EL1, low_and_high())
        take(guest, witnesses=4)
        self.assertFalse([line for line in guest.said if line.startswith("cpu")])

    def test_walker_agrees_with_itself(self) -> None:
        """A snapshot's frames alone give the walk of the live tables at each address."""
        guest = FakeGuest(EL1, low_and_high())
        live = Walker(LIBRARY, EL1, lambda pa: guest.words.get(pa, 0))
        guest.answer = lambda va: (
            f"gpa: {pa:#x}" if (pa := live.walk(va).pa) is not None else "Unmapped"
        )
        snapshot = take(guest, witnesses=500)

        def word(pa: int) -> int | None:
            for start, data in snapshot.frames:
                if start <= pa < start + len(data):
                    return int.from_bytes(data[pa - start : pa - start + 8], "little")
            return None

        kept = Walker(LIBRARY, snapshot.registers, word)
        for address, answer in snapshot.witnesses:
            self.assertEqual(kept.walk(address).pa, answer, hex(address))


class Names(unittest.TestCase):
    """Registers by their architectural names."""

    CORE = tuple(range(100, 131)) + (0x8000, 0x4008_0000, 0x3C5)

    def test_names(self) -> None:
        """The stub's own names are replaced, unknown ones stay."""
        offered = {"SCTLR": 1, "TTBR0_EL1": 2, "ID_AA64MMFR3_EL1_RESERVED": 3, "L2ACTLR": 4}
        values = architectural(self.CORE, offered, support.TABLE)
        self.assertEqual(values["X0"], 100)
        self.assertEqual(values["X30"], 130)
        self.assertEqual((values["SP"], values["PC"], values["PSTATE"]), self.CORE[31:])
        self.assertEqual((values["SCTLR_EL1"], values["TTBR0_EL1"]), (1, 2))
        self.assertEqual((values["ID_AA64MMFR3_EL1"], values["L2ACTLR"]), (3, 4))
        self.assertEqual(len(values), 38)

    def test_selected_stack(self) -> None:
        """The stack pointer in use has the value of SP: the stub's own is stale."""
        offered = {"SP_EL0": 0, "SP_EL1": 0}
        values = architectural(self.CORE, offered, support.TABLE)
        self.assertEqual((values["SP_EL0"], values["SP_EL1"]), (0, 0x8000))
        values = architectural((*self.CORE[:33], 0x3C4), offered, support.TABLE)
        self.assertEqual((values["SP_EL0"], values["SP_EL1"]), (0x8000, 0))

    def test_default(self) -> None:
        """As the command's help says."""
        self.assertEqual(snapshot_capture.WITNESSES, 64)


if __name__ == "__main__":
    LIBRARY = sys.argv.pop(sys.argv.index("--library") + 1)
    sys.argv.remove("--library")
    unittest.main()
