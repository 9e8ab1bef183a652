#!/usr/bin/python3
"""rig init writes packs that rig run works with, for guests that end and guests that do not.

Needs the cross compiler, QEMU and gdb; $RIG_TOOLS is the directory of rig-trace and librigwalk.so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path

from starter_case import InitTest


class Endless(InitTest):
    """Guests that nobody turns off."""

    def test_a_guest_that_loops_for_ever_is_stopped_behind_its_line(self) -> None:
        """The same instruction in each run, so the same pack holds again."""
        elf = self.tiny("loops")
        done, pack = self.init(elf)
        self.assertIn("the guest runs on; it waits there", done.stdout)
        text = pack.read_text(encoding="utf-8")
        self.assertIn('end: {until: "tiny: hello"}', text)
        self.assertIn("# No ordering rules", text)
        self.rig("run", "--pack", pack, "--elf", elf, "--run-dir", "one", status=0)
        self.rig("faults", "--pack", pack, "--elf", elf, "--run-dir", "two", status=0)
        notes = [self.work / run / "el1-free-run" / "end.note" for run in ("one", "two")]
        self.assertEqual(notes[0].read_bytes(), notes[1].read_bytes())

        counted = self.work / "counted.yaml"
        line = 'end: {until: "tiny: hello"}'
        counted.write_text(text.replace(line, "end: {instructions: 100000}"), encoding="utf-8")
        self.rig("faults", "--pack", counted, "--elf", elf, "--run-dir", "three", status=0)
        count = (self.work / "three" / "el1-free-run" / "end.note").read_bytes()[:8]
        self.assertLessEqual(100_000 - 10, int.from_bytes(count, sys.byteorder))
        self.assertLessEqual(int.from_bytes(count, sys.byteorder), 100_000)

        # The same code, but it ends: not the guest that the pack is of.
        said = self.rig("run", "--pack", counted, "--elf", self.tiny("off"), status=1).stdout
        self.assertIn("the guest ended by itself before", said)

        never = self.work / "never.yaml"
        never.write_text(text.replace(line, 'end: {until: "login:", bound: 2}'), encoding="utf-8")
        said = self.rig("faults", "--pack", never, "--elf", elf, status=124).stdout
        self.assertIn("the console did not show 'login:' within 2 s", said)

    def test_a_console_that_rests_is_not_the_end_of_a_boot(self) -> None:
        """What is written long behind the last text has its checkpoint."""
        elf = self.tiny("late")
        done, pack = self.init(elf)
        self.assertIn("it writes system registers behind the console's last text", done.stdout)
        text = pack.read_text(encoding="utf-8")
        self.assertRegex(text, r"end: \{instructions: \d+\}")
        self.assertIn('after: {insn: "msr vbar_el1, *"', text)

    def test_a_guest_that_sleeps_for_good_ends_there(self) -> None:
        """QEMU runs on; the guest does not."""
        elf = self.tiny("sleeps")
        done, pack = self.init(elf)
        self.assertIn("the guest sleeps and nothing is armed that would wake it", done.stdout)
        self.assertIn("end: {by: sleep}", pack.read_text(encoding="utf-8"))
        self.rig("faults", "--pack", pack, "--elf", elf, status=0)


class Ending(InitTest):
    """Guests that end by themselves."""

    def test_a_guest_without_an_mmu_gets_a_pack_too(self) -> None:
        """Two checkpoints, the power-off as its budget, and why the rest is not there."""
        elf = self.tiny("off")
        _done, pack = self.init(elf, "--name", "smallest")
        text = pack.read_text(encoding="utf-8")
        for part in (
            "guest: smallest",
            "  el1: {why: entered at EL1}",
            "end: {by: guest}",
            'marker: "tiny: hello"',
            "class: HVC, from: EL1, psci: SYSTEM_OFF, count: 1",
            "# No address space is audited: the MMU was on at no checkpoint",
            "# First run with this pack: all rules held.",
        ):
            self.assertIn(part, text)

    def test_findings_are_listed_and_what_is_suggested_accepts_them(self) -> None:
        """An identity map of whole GiB breaks three rules of address spaces, and no other rule."""
        elf = self.foreign()
        words = "qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a53 -m 64M -nographic"
        done, pack = self.init(elf, "--qemu", words, status=1)
        self.assertIn("--qemu -nographic: left out: the console goes into a file", done.stdout)
        text = pack.read_text(encoding="utf-8")
        for rule in ("wx-mapping", "table-writable", "outside-memory"):
            self.assertIn(f"\n  {rule}: ", done.stdout)
            self.assertIn(f"\n# {rule}: ", text)
        self.assertIn('options: "gic-version=3", cpu: "cortex-a53", memory: "64M"', text)
        self.assertIn("VBAR_EL1 == vectors", text)
        self.assertIn("TTBR0_EL1 == table", text)
        self.assertIn("translate(PC) == PC", text)
        self.assertEqual(self.accept_spaces(pack), 3)
        self.rig("run", "--pack", pack, "--elf", elf, status=0)

    def test_a_missing_barrier_is_named(self) -> None:
        """The table's DSB is gone: the pack lists it, with both ends and a waiver to accept it."""
        done, pack = self.init(self.foreign("    dsb sy\n"), status=1)
        self.assertIn("  table-before-walk: ", done.stdout)
        text = pack.read_text(encoding="utf-8")
        self.assertRegex(
            text, r"\n#   ordering:\n#     waive: \[\{rule: table-before-walk, at: _start"
        )
        self.assertNotIn("First run with this pack: all", text)


class Stranger(InitTest):
    """A kernel that nobody told the rig about, without symbols."""

    def test_a_stripped_kernel_is_followed_into_its_high_half(self) -> None:
        """Its alias, its jump and its end are found from what it executes."""
        elf = self.work / "stripped.elf"
        command = ["aarch64-linux-gnu-strip", "-o", str(elf), os.environ["RIG_KERNEL"]]
        subprocess.run(command, check=True)
        _done, pack = self.init(elf)
        text = pack.read_text(encoding="utf-8")
        self.assertIn("alias: [{from: 0x40080000, ", text)
        self.assertIn("by: 0xffffffff00000000}]", text)
        self.assertRegex(
            text, r'id: landed-high\n    group: boot\n    at: "0xffffffff400[0-9a-f]+"'
        )
        self.assertIn('after: {insn: "msr sctlr_el1, *", nth: 2}', text)
        self.assertIn("class: SVC, from: EL0, count: 2", text)
        self.assertIn("tlbi-completes", text.partition("require:")[2].partition("\n")[0])


class Refusals(InitTest):
    """No boot, no pack."""

    def refused(self, status: int, words: str, *arguments: str | Path, **environment: str) -> None:
        """The command ends so, says so, and leaves no file."""
        done = self.rig("init", *arguments, status=status, **environment)
        self.assertIn(words, done.stderr)
        left = [path.name for path in self.work.iterdir() if path.suffix in (".yaml", ".tmp")]
        self.assertEqual(left, [])

    def test_what_is_no_kernel(self) -> None:
        """Another machine's ELF, and one that QEMU cannot run here."""
        self.refused(2, "not for AArch64", "--elf", "/bin/true")
        self.refused(2, "cannot read the ELF", "--elf", self.work / "none.elf")
        self.refused(
            3, "qemu died (exit status 1)", "--elf", self.tiny("off"), "--qemu", "-M virt -m 8T"
        )

    def test_what_runs_and_is_no_boot(self) -> None:
        """A guest that faults for ever, and one with nothing to see."""
        self.refused(3, "the guest dies", "--elf", self.tiny("faults"), "--bound", "2")
        self.refused(
            3, "nothing to put a checkpoint at", "--elf", self.tiny("silent"), "--bound", "1"
        )

    def test_a_qemu_without_plugins(self) -> None:
        """Named, with the package that has them."""
        self.refused(3, "no TCG plugins", "--elf", self.tiny("off"), RIG_QEMU="/bin/cat")

    def test_a_pack_is_not_overwritten(self) -> None:
        """What somebody grew is worth more than a new start."""
        pack = self.work / "grown.yaml.keep"
        pack.write_text("mine", encoding="utf-8")
        target = Path(pack.rename(self.work / "grown.yaml"))
        done = self.rig("init", "--elf", self.tiny("off"), "-o", target, status=2)
        self.assertIn("--force overwrites it", done.stderr)
        self.assertEqual(target.read_text(encoding="utf-8"), "mine")
        target.unlink()


if __name__ == "__main__":
    unittest.main()
