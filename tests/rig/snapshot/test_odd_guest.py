#!/usr/bin/python3
"""`rig snapshot` on a small guest with odd tables: every place, every end, every way to fail.

    test_odd_guest.py [TEST...]

Needs the cross compiler, QEMU and gdb; $RIG_TOOLS is the directory of librigwalk.so.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from snapshot_case import BARE, BOUND_S, PACK, RIG, SnapshotTest, differing, frames_of

# pylint: disable=wrong-import-order # snapshot_case sets the path
from engine import elf as elf_file

FLASH = (0x1000, 0x1000)
UNREADABLE = [0x0900_0000, 0x5000_0000]


class Places(SnapshotTest):
    """Where a snapshot is taken, and what is in it."""

    def base(self, *defines: str, variant: str = "el1") -> list[str | Path]:
        """The options that name the guest."""
        return ["--pack", PACK, "--elf", self.guest(*defines), "--variant", variant]

    def table(self) -> int:
        """The root's address."""
        return elf_file.load(self.guest()).symbols["table"].value

    def test_odd_tables(self) -> None:
        """A table that refers to itself, one in a device, one where nothing is, one in flash."""
        snapshot = self.taken("odd", *self.base(), "--at", "mmu-on", "--witnesses", "2000")
        self.assertEqual(frames_of(snapshot), [FLASH, (self.table(), 0x1000)])
        self.assertEqual(snapshot.unreadable, UNREADABLE)
        self.assertEqual((snapshot.regime, snapshot.made["el"]), ("EL1&0", 1))
        self.assertEqual(snapshot.made["checkpoint"], "mmu-on")
        self.assertEqual(len(snapshot.witnesses), 2000)
        # The walker has no memory where the tables in the device and in nothing would be; QEMU
        # reads what answers there, and that is no descriptor.
        self.assertEqual(differing(snapshot), [])

    def test_el2(self) -> None:
        """The regime of EL2, at a checkpoint and where the machine is turned off."""
        for at in ("mmu-on", "end"):
            snapshot = self.taken("el2", *self.base(variant="el2"), "--at", at,
                                  "--witnesses", "500")  # fmt: skip
            self.assertEqual((snapshot.regime, snapshot.made["el"]), ("EL2", 2))
            self.assertEqual(frames_of(snapshot), [FLASH, (self.table(), 0x1000)])
            self.assertEqual(differing(snapshot), [])

    def test_mmu_off(self) -> None:
        """At the first instruction: no tables, and addresses are physical."""
        snapshot = self.taken("off", *self.base(), "--at", "entry")
        self.assertEqual((snapshot.frames, snapshot.registers["SCTLR_EL1"] & 1), ([], 0))
        self.assertIn((0x4000_0000, 0x4000_0000), snapshot.witnesses)
        self.assertEqual(differing(snapshot), [])

    def test_ends(self) -> None:
        """A reset is an end as turning off is; the tables of both are there."""
        for defines in ((), ("RESET",)):
            snapshot = self.taken("end", *self.base(*defines), "--at", "end")
            self.assertEqual(frames_of(snapshot)[0], FLASH)
            self.assertEqual(snapshot.registers["SCTLR_EL1"] & 1, 1)
            self.assertEqual(snapshot.made["checkpoint"], "end")
            self.assertEqual(differing(snapshot), [])

    def test_symbols_and_addresses(self) -> None:
        """A breakpoint in a free run; the second and the third arrival; an offset."""
        symbols = elf_file.load(self.guest()).symbols
        arrival = symbols["arrival"].value
        counts = []
        for nth in ("1", "2", "3"):
            snapshot = self.taken("nth", *self.base(), "--at", "arrival", "--nth", nth)
            self.assertEqual(snapshot.registers["PC"], arrival)
            counts.append(snapshot.registers["X3"])
        self.assertEqual(counts, [3, 2, 1])
        self.assertEqual(snapshot.made["checkpoint"], "arrival-3")
        by_address = self.taken("address", *self.base(), "--at", f"{arrival:#x}", "--nth", "3")
        self.assertEqual(by_address.registers, snapshot.registers)
        self.assertEqual(by_address.frames, snapshot.frames)
        behind = self.taken("offset", *self.base(), "--at", "arrival+8")
        self.assertEqual(behind.registers["PC"], arrival + 8)
        self.refused(3, r"ended before it came to arrival \(arrival 4 of 4\)", *self.base(),
                     "--at", "arrival", "--nth", "4")  # fmt: skip

    def test_stepped_and_free_agree(self) -> None:
        """The same place by stepping and by a breakpoint: the same tables, registers, answers."""
        stepped = self.taken("stepped", *self.base(), "--at", "mmu-on")
        free = self.taken("free", *self.base(), "--at", "mmu_is_on")
        self.assertEqual((stepped.frames, stepped.witnesses), (free.frames, free.witnesses))
        self.assertEqual((stepped.memory, stepped.registers), (free.memory, free.registers))

    def test_same_bytes(self) -> None:
        """Taken twice, by each way, it is the same file; without -o it is named after its place."""
        for at in ("mmu-on", "end", "arrival"):
            first = self.work / "first.snapshot"
            self.taken(first.name, *self.base(), "--at", at)
            done = self.rig("snapshot", *self.base(), "--at", at)
            self.assertEqual(done.returncode, 0, done.stderr)
            second = self.work / f"odd-{at}.snapshot"
            self.assertEqual(first.read_bytes(), second.read_bytes())
            self.assertRegex(done.stdout, rf"odd-{at}.snapshot: odd at {at}, PC 0x402\w+, regime")

    def test_without_elf(self) -> None:
        """A guest of which only the image is there: an address, and its end."""
        image = self.guest()
        arrival = elf_file.load(image).symbols["arrival"].value
        base: list[str | Path] = ["--pack", BARE, "--image", image]
        known = self.taken("known", *self.base(), "--at", "arrival")
        for at in (f"{arrival:#x}", "end"):
            snapshot = self.taken("bare", *base, "--at", at)
            self.assertEqual(snapshot.frames, known.frames)
            self.assertEqual((snapshot.made["elf"], snapshot.made["build_id"]), ("", ""))
            self.assertEqual(snapshot.made["guest"], "bare")
        self.refused(2, "give --image FILE", "--pack", BARE, "--at", "end")
        self.refused(2, "no checkpoint, no symbol and no address", *base, "--at", "arrival")

    def test_counts_of_witnesses(self) -> None:
        """As many as asked for, none too."""
        for count in (0, 1, 300):
            snapshot = self.taken("n", *self.base(), "--at", "arrival", "--witnesses", str(count))
            self.assertEqual(len(snapshot.witnesses), count)


class Failures(SnapshotTest):
    """Each in words, with its exit code; no file and no process is left."""

    def base(self, *defines: str) -> list[str | Path]:
        """The options that name the guest."""
        return ["--pack", PACK, "--elf", self.guest(*defines), "--variant", "el1"]

    def test_usage(self) -> None:
        """Wrong places: 2, before anything is started."""
        self.refused(2, "did you mean mmu-on", *self.base(), "--at", "mmu-onn")
        self.refused(2, "the pack's checkpoints: entry, mmu-on", *self.base(), "--at", "zzzzz")
        elf = self.guest()
        self.refused(2, "no variant 'el9'", "--pack", PACK, "--elf", elf, "--at", "end",
                     "--variant", "el9")  # fmt: skip
        self.refused(2, "takes one --variant", *self.base(), "--at", "end", "--variant", "el2")
        done = self.rig("snapshot", *self.base(), "--at", "end", "-o", self.work / "none" / "x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no directory", done.stderr)

    def test_never_reached(self) -> None:
        """The guest ends before: 3, for a checkpoint, a symbol and an address."""
        words = "no snapshot at never-reached: stepping ended before: guest-ended"
        self.refused(3, words, *self.base(), "--at", "never-reached")
        self.refused(3, "ended before it came to never$", *self.base(), "--at", "never")

    def test_time_bound(self) -> None:
        """124 for each way to get there."""
        for at, words in (
            ("never-reached", "stepping did not end within 2 s: .*before never-reached"),
            ("never", "the guest did not come to never within 2 s"),
            ("end", "the guest did not end within 2 s"),
        ):
            self.refused(124, words, *self.base("SPIN"), "--at", at, "--timeout", "2")

    def test_semihosting_exit(self) -> None:
        """It ends QEMU itself, and nothing is left to read: 3 and what to do."""
        pack = self.work / "semihosting.yaml"
        text = PACK.read_text(encoding="utf-8")
        pack.write_text(text.replace("memory: 128M", "memory: 128M, qemu: [-semihosting]"))
        base = ["--pack", str(pack), "--elf", str(self.guest("EXIT")), "--variant", "el1"]
        self.refused(3, "exits by semihosting takes QEMU with it", *base, "--at", "end")
        self.assertEqual(self.taken("before", *base, "--at", "arrival").made["el"], 1)

    def test_missing_walker(self) -> None:
        """Without librigwalk.so nothing is taken."""
        for at in ("mmu-on", "end"):
            self.refused(3, "librigwalk.so is not built", *self.base(), "--at", at,
                         RIG_TOOLS=str(self.work))  # fmt: skip

    def test_walker_of_another_build(self) -> None:
        """A library that the binding does not know: 3 in words, also from inside gdb."""
        tools = self.work / "tools"
        tools.mkdir()
        shutil.copy(shutil.which("true") or "/bin/true", tools / "librigwalk.so")
        for at in ("mmu-on", "end"):
            self.refused(3, "no snapshot at .*not a usable librigwalk.so", *self.base(),
                         "--at", at, RIG_TOOLS=str(tools))  # fmt: skip

    def interrupted(self, at: str, signum: int) -> None:
        """Signal the rig while the guest spins."""
        with subprocess.Popen(
            [str(RIG), "snapshot", *map(str, self.base("SPIN")), "--at", at, "-o", "x.snapshot"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.work,
            env=self.environment(),
        ) as rig:  # fmt: skip
            self.wait_for_console()
            os.kill(rig.pid, signum)
            _, errors = rig.communicate(timeout=BOUND_S)
        self.assertEqual(rig.returncode, 128 + signum, errors)
        self.assertNotIn("Traceback", errors)
        self.assertEqual(self.left(), [])
        self.assertFalse((self.work / "x.snapshot").exists())

    def test_signals(self) -> None:
        """Ctrl-C and TERM: no process, no file, whichever way it goes to its place."""
        for at in ("never-reached", "end", "never"):
            for signum in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(at=at, signum=signum):
                    self.interrupted(at, signum)


if __name__ == "__main__":
    unittest.main()
