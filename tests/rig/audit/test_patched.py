#!/usr/bin/python3
"""Snapshots of Tyrne with one thing broken: the right rules turn red, no others, and say what it
is.

    test_patched.py ELF PACK RUN [TEST...]

RUN is the run directory of `rig audit` on that ELF (the test rig/audit-taken). Nothing is booted.
"""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

from audit_case import PAGE, Guest, Patched, guest_of, report_of

# pylint: disable=wrong-import-order # audit_case sets the path
from engine import snapshot_file

GUEST: Guest = guest_of(sys.argv)

# Bits of descriptors, as DDI 0487 D8.3.1 numbers them.
VALID, ATTR_INDEX, AP_EL0, AP_READ_ONLY, SH = 1 << 0, 7 << 2, 1 << 6, 1 << 7, 3 << 8
AF, BIT_48, CONTIGUOUS, PXN, UXN = 1 << 10, 1 << 48, 1 << 52, 1 << 53, 1 << 54
ADDRESS = 0xFFFF_FFFF_F000
INDEX_NORMAL = 1 << 2
WXN, EPD0 = 1 << 19, 1 << 7
OFFSET = 0xFFFF_FFFF_0000_0000
DEVICES, RAM_END = OFFSET + 0x0800_0000, OFFSET + 0x4800_0000
PROGRAM, PROGRAM_STACK = 0x80_0000, 0x80_2000
NOWHERE = 0x0F_0000_0000  # no memory of the machine


class PatchedTest(unittest.TestCase):
    """Judges changed snapshots by the pack."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def judge(self, patched: Patched, witnesses: bool = False) -> tuple[int, set[str], str]:
        """(exit code, ids of the broken rules, what was said)."""
        path, report = self.work / "patched.snapshot", self.work / "report.json"
        patched.write(path, witnesses)
        done = GUEST.rig(
            "audit", path, "--pack", GUEST.pack, "--elf", GUEST.elf, "--json", report,
            "--run-dir", self.work / "run",
        )  # fmt: skip
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        broken = {rule["id"] for rule in report_of(report)["broken"]}
        return done.returncode, broken, done.stdout + done.stderr

    def red(self, patched: Patched, rules: str, *words: str) -> None:
        """Exactly these rules are broken, and the report has these words."""
        code, broken, said = self.judge(patched)
        self.assertEqual(broken, set(rules.split()), said)
        self.assertEqual(code, 1, said)
        for text in words:
            self.assertIn(text, said)


class Control(PatchedTest):
    """What the other tests rest on."""

    def test_each_snapshot_is_sound_as_it_was_taken(self) -> None:
        """Nothing is red without a change."""
        for taken in GUEST.taken():
            with self.subTest(taken.id):
                code, broken, said = self.judge(Patched(GUEST, taken.checkpoint))
                self.assertEqual((code, broken), (0, set()), said)

    def test_tables_that_qemu_did_not_walk_are_not_judged(self) -> None:
        """QEMU's own answers are of other tables: exit 3, with both answers."""
        patched = Patched(GUEST, "mmu-on")
        va = next(va for va, pa in patched.snapshot.witnesses if pa is not None)
        patched.put(patched.slots(va)[-1], 0)
        code, _broken, said = self.judge(patched, witnesses=True)
        self.assertEqual(code, 3, said)
        self.assertIn(f"{va:#x}", said)
        self.assertIn("the emulator said", said)

    def test_a_damaged_snapshot_is_not_judged(self) -> None:
        """Every command says which file it is, and exits with 3."""
        data = GUEST.of("mmu-on").snapshot.read_bytes()
        path = self.work / "damaged.snapshot"
        for name, damaged in {
            "cut": data[: len(data) // 2],
            "changed": data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
            "followed": data + b"x",
        }.items():
            with self.subTest(name):
                path.write_bytes(damaged)
                for command in ("audit", "map", "walk"):
                    more = ["0x40080000"] if command == "walk" else []
                    done = GUEST.rig(command, path, *more)
                    self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                    self.assertIn("damaged.snapshot", done.stderr)


class Rights(PatchedTest):
    """Who may do what."""

    def test_writable_and_executable(self) -> None:
        """Without WXN a writable page of text is both."""
        patched = Patched(GUEST, "low-closed")
        patched.snapshot.registers["SCTLR_EL1"] &= ~WXN
        patched.change(patched.at("__text_start"), clear=AP_READ_ONLY)
        self.red(patched, "wx-mapping expected-map", "EL1 rwx", "kernel text")

    def test_text_written_through_an_alias(self) -> None:
        """A page behind the image leads to the first page of text."""
        patched = Patched(GUEST, "low-closed")
        text = patched.descriptor(patched.at("__text_start")) & ADDRESS
        patched.change(patched.at("__image_end"), clear=ADDRESS, to=text)
        self.red(
            patched, "wx-alias linear-offset expected-map",
            f"elsewhere: {patched.at('__image_end'):#x}", "physical address 0x400",
        )  # fmt: skip

    def test_kernel_data_open_to_el0(self) -> None:
        """AP[1] of a page of .bss."""
        patched = Patched(GUEST, "low-closed")
        patched.change(patched.at("__bss_start"), to=AP_EL0)
        self.red(patched, "kernel-no-el0 expected-map", "EL0 --- expected, rw- is there")

    def test_read_only_data_executed_by_el0(self) -> None:
        """UXN is clear on a page of .rodata."""
        patched = Patched(GUEST, "low-closed")
        patched.change(patched.at("__rodata_start"), clear=UXN)
        self.red(patched, "kernel-uxn expected-map", "EL0 --- expected, --x is there", ".rodata")

    def test_program_executed_by_the_kernel(self) -> None:
        """PXN is clear on the program's code."""
        patched = Patched(GUEST, "switch-to-program")
        patched.change(PROGRAM, clear=PXN)
        # The kernel writes that page where it has all of RAM, so it is an alias, too.
        self.red(patched, "user-pxn wx-alias expected-map", "the program's code", f"{PROGRAM:#x}")

    def test_program_that_reaches_its_own_root(self) -> None:
        """The program's stack is the root of its own tables."""
        patched = Patched(GUEST, "switch-to-program")
        root = patched.snapshot.registers["TTBR0_EL1"] & ADDRESS
        patched.change(PROGRAM_STACK, clear=ADDRESS, to=root)
        self.red(patched, "table-writable kernel-no-el0 expected-map", f"{root:#x}")

    def test_guard_of_the_boot_stack_mapped(self) -> None:
        """The page below the boot stack."""
        patched = Patched(GUEST, "low-closed")
        guard = patched.at("__boot_stack_slot")
        above = patched.descriptor(guard + PAGE)
        patched.put(patched.slots(guard)[-1], above - PAGE)
        self.red(patched, "guard-page expected-map", "below the boot stack", f"{guard:#x}")


class Places(PatchedTest):
    """What is where."""

    def test_devices_executable(self) -> None:
        """A block of devices that EL1 may execute and not write."""
        patched = Patched(GUEST, "low-closed")
        patched.change(DEVICES, clear=PXN, to=AP_READ_ONLY)
        self.red(patched, "device-executable expected-map", "EL1 r-x", "fetch")

    def test_devices_cacheable(self) -> None:
        """A block of devices is Normal memory."""
        patched = Patched(GUEST, "low-closed")
        patched.change(DEVICES, to=INDEX_NORMAL)
        self.red(
            patched, "device-type expected-map",
            "memory Device-nGnRnE expected, Normal WB is there",
        )  # fmt: skip

    def test_more_than_the_ram_there_is(self) -> None:
        """One block of RAM too many."""
        patched = Patched(GUEST, "low-closed")
        last = patched.descriptor(RAM_END - 1)
        patched.put(patched.slots(RAM_END)[-1], last + (2 << 20))
        self.red(patched, "outside-memory expected-map", f"{RAM_END:#x}", "nothing is there")

    def test_halves_that_disagree_on_a_frame(self) -> None:
        """A page of .bss is inner shareable high, and non-shareable low."""
        patched = Patched(GUEST, "high-walks-on")
        patched.change(patched.at("__bss_start") - OFFSET, clear=SH)
        self.red(
            patched, "alias-attributes expected-map",
            f"{patched.at('__bss_start'):#x}", "shareability inner expected, non is there",
        )  # fmt: skip

    def test_two_frames_exchanged(self) -> None:
        """Two pages of the linear map lead to each other's frames."""
        patched = Patched(GUEST, "low-closed")
        first = patched.at("__image_end")
        one, other = patched.descriptor(first), patched.descriptor(first + PAGE)
        patched.put(patched.slots(first)[-1], other)
        patched.put(patched.slots(first + PAGE)[-1], one)
        self.red(patched, "linear-offset expected-map", "belongs at")

    def test_page_that_is_gone(self) -> None:
        """A page that only the expected map knows of is not mapped."""
        patched = Patched(GUEST, "low-closed")
        va = patched.at("__image_start") - PAGE
        patched.change(va, clear=VALID)
        self.red(patched, "expected-map", f"{va:#x}", "RAM below the image")


class Tables(PatchedTest):
    """The descriptors and tables themselves."""

    def test_access_flag_clear(self) -> None:
        """AF of a page of .bss."""
        patched = Patched(GUEST, "low-closed")
        patched.change(patched.at("__bss_start"), clear=AF)
        self.red(patched, "access-flag expected-map", f"{patched.at('__bss_start'):#x}")

    def test_contiguous_bit_of_one_page(self) -> None:
        """A group of which one entry says that it is one."""
        patched = Patched(GUEST, "low-closed")
        patched.change(patched.at("__bss_start"), to=CONTIGUOUS)
        self.red(patched, "contiguous", "a group is 16 entries")

    def test_reserved_bit_of_a_leaf(self) -> None:
        """Bit 48 of a page."""
        patched = Patched(GUEST, "low-closed")
        patched.change(patched.at("__bss_start"), to=BIT_48)
        self.red(patched, "reserved-bits", "bit 48")

    def test_table_where_there_is_no_memory(self) -> None:
        """The devices' table lies where the machine has nothing."""
        patched = Patched(GUEST, "low-closed")
        slot = patched.slots(DEVICES)[-2]
        word = patched.word(slot)
        assert word is not None
        patched.put(slot, word & ~ADDRESS | NOWHERE)
        patched.snapshot.unreadable.append(NOWHERE)
        # No device is mapped any more, so that a rule that is required has nothing to judge.
        rules = "table-memory device-executable expected-map"
        self.red(patched, rules, f"{NOWHERE:#x}", "the rule matched nothing")

    def test_walks_from_no_root(self) -> None:
        """EPD0 is clear while TTBR0_EL1 is 0."""
        patched = Patched(GUEST, "switch-to-idle")
        patched.snapshot.registers["TCR_EL1"] &= ~EPD0
        flash = snapshot_file.Snapshot({}, "", {}, frames=[(0, bytes(PAGE))])
        patched.snapshot.frames = flash.frames + patched.snapshot.frames
        code, broken, said = self.judge(patched)
        self.assertEqual(code, 1, said)
        self.assertIn("walks-off", broken, said)
        self.assertIn("table-memory", broken, said)


if __name__ == "__main__":
    unittest.main()
