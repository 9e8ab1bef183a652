#!/usr/bin/python3
"""Snapshots of Tyrne's boot: taken while stepping, which they leave as it was; QEMU as a witness.

    test_tyrne_snapshots.py BUILD [TEST...]

BUILD holds tyrne.elf; $RIG_TOOLS is the directory of librigwalk.so.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

from snapshot_case import ROOT, SnapshotTest, differing, frames_of, walker_of

# pylint: disable=wrong-import-order # snapshot_case sets the path
from engine import pack as pack_file
from engine import qemu, snapshot_file
from engine.paths import RULES, need_compiled
from engine.results import VariantResult
from engine.session import Inputs, load_inputs
from engine.snapshot import Setup, file_name, take
from engine.snapshot_file import Snapshot
from engine.stepping import Stepping, make_job

BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build" / "debug"
ELF = BUILD / "tyrne.elf"
WITNESSES = 2500
CHECKPOINTS = ["mmu-on", "high-walks-on", "low-closed", "switch-to-program", "el0-entered"]
PAGE = 4096


def step(inputs: Inputs, folder: Path, names: dict[str, str]) -> tuple[VariantResult, Stepping]:
    """Step the whole boot, with snapshots of these checkpoints on the way."""
    folder.mkdir()
    walker = str(need_compiled("librigwalk.so", ELF))
    options = {"every_instruction": False}
    job = make_job(inputs.pack, inputs.image, inputs.table, "el1", walker, options, names)
    job["witnesses"] = WITNESSES
    machine = qemu.machine_for(inputs.pack, "el1", cpu=None, memory=None)
    stepping = Stepping(job, inputs.image, machine, folder, 150, lambda _event: None)
    result = VariantResult(machine)
    stepping.run(result)
    return result, stepping


def plain(result: VariantResult) -> dict[str, Any]:
    """What must not depend on snapshots: everything but time."""
    data = result.to_json()
    for phase in data["phases"]:
        del phase["seconds"]
    return data


class OnTheWay(SnapshotTest):
    """The whole boot stepped once with snapshots, and once without."""

    inputs: Inputs
    result: VariantResult
    snapshots: dict[str, Snapshot]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.inputs = load_inputs(str(RULES / "tyrne.yaml"), str(ELF))
        names = {checkpoint: file_name(checkpoint) for checkpoint in CHECKPOINTS}
        cls.result, stepping = step(cls.inputs, cls.work / "with", names)
        cls.snapshots = {
            checkpoint: snapshot_file.read(path) for checkpoint, path in stepping.snapshots.items()
        }

    def pa(self, symbol: str) -> int:
        """The physical address of a symbol."""
        found = self.inputs.image.physical(self.inputs.image.elf.symbols[symbol].value)
        assert found is not None
        return found

    def test_stepping_is_the_same(self) -> None:
        """Checks, counts and end are those of a run without snapshots."""
        without, stepping = step(self.inputs, self.work / "without", {})
        self.assertEqual(stepping.snapshots, {})
        self.assertEqual(plain(self.result), plain(without))
        self.assertEqual(self.result.code(), 0)
        self.assertEqual(self.result.phases[0].reason, "steady-state")

    def test_taken_where_they_belong(self) -> None:
        """Each with its place and its registers."""
        self.assertEqual(list(self.snapshots), CHECKPOINTS)
        elf = self.inputs.image.elf
        for checkpoint, snapshot in self.snapshots.items():
            made = snapshot.made
            self.assertEqual((made["checkpoint"], made["guest"]), (checkpoint, "tyrne"))
            self.assertEqual((made["variant"], made["build_id"]), ("el1", elf.build_id))
            self.assertRegex(made["machine"], "^-M virt,.* -cpu cortex-a72 -m 128M$")
            self.assertRegex(made["qemu"], r"^\d+\.\d+")
            self.assertEqual(snapshot.regime, "EL1&0")
            self.assertEqual(snapshot.registers["PC"], int(made["pc"], 16))
            self.assertEqual(snapshot.registers["SCTLR_EL1"], 0x30D8199D)
            self.assertEqual(snapshot.unreadable, [])
            names = {part.name: part.kind for part in snapshot.memory}
            self.assertEqual((names["mach-virt.ram"], names["pl011"]), ("ram", "io"))

    def test_tables(self) -> None:
        """Each table of the boot once; the program's are there when its space is installed, and
        the low root is not once it was given up."""
        roots = {self.pa("boot_pt_identity"), self.pa("boot_pt_high")}

        def has(checkpoint: str) -> set[int]:
            frames = frames_of(self.snapshots[checkpoint])
            return {pa + at for pa, size in frames for at in range(0, size, PAGE)}

        self.assertEqual(roots & has("mmu-on"), {self.pa("boot_pt_identity")})
        self.assertEqual(roots & has("high-walks-on"), roots)
        self.assertEqual(roots & has("low-closed"), {self.pa("boot_pt_high")})
        snapshot = self.snapshots["switch-to-program"]
        program = snapshot.registers["TTBR0_EL1"] & ((1 << 48) - 2)
        self.assertEqual({program, *roots} & has("switch-to-program"),
                         {program, self.pa("boot_pt_high")})  # fmt: skip
        for checkpoint, snapshot in self.snapshots.items():
            tables = {table.pa for table in walker_of(snapshot).tables()}
            self.assertEqual(tables, has(checkpoint), checkpoint)

    def test_qemu_agrees_with_the_walker(self) -> None:
        """Thousands of addresses at each checkpoint: QEMU's translation is the walker's."""
        for checkpoint, snapshot in self.snapshots.items():
            with self.subTest(checkpoint):
                self.assertEqual(len(snapshot.witnesses), WITNESSES)
                self.assertEqual(differing(snapshot), [])
                mapped = [va for va, answer in snapshot.witnesses if answer is not None]
                if checkpoint == "el0-entered":  # the kernel's memory has no answers there
                    self.assertEqual({va >> 48 for va in mapped}, {0})
                else:
                    self.assertGreater(len(mapped), WITNESSES // 2)
                self.assertLess(len(mapped), WITNESSES)
        both = [va for va, pa in self.snapshots["high-walks-on"].witnesses if pa is not None]
        self.assertTrue(min(both) < 1 << 48 and max(both) >= 0xFFFF << 48)

    def test_a_wrong_walker_is_seen(self) -> None:
        """Were one descriptor read wrongly, witnesses would differ: the comparison can fail."""
        snapshot = self.snapshots["high-walks-on"]
        walker = walker_of(snapshot)
        mapped = next(va for va, pa in snapshot.witnesses if pa is not None)
        leaf = walker.walk(mapped).steps[-1]
        frames = []
        for pa, data in snapshot.frames:
            if pa <= leaf.descriptor_pa < pa + len(data):
                at = leaf.descriptor_pa - pa
                word = int.from_bytes(data[at : at + 8], "little") ^ 1 << 12
                data = data[:at] + word.to_bytes(8, "little") + data[at + 8 :]
            frames.append((pa, data))
        changed = Snapshot(snapshot.made, snapshot.regime, snapshot.registers, snapshot.memory,
                           frames, witnesses=snapshot.witnesses)  # fmt: skip
        self.assertNotEqual(differing(changed), [])


class Alone(SnapshotTest):
    """Runs that go no further than they have to."""

    def test_take(self) -> None:
        """The driver's function: two checkpoints in one run, which ends at the second."""
        inputs = load_inputs(str(RULES / "tyrne.yaml"), str(ELF))
        machine = qemu.machine_for(inputs.pack, "el2", cpu=None, memory=None)
        folder = self.work / "two"
        folder.mkdir()
        fired: list[str] = []

        def show(event: dict[str, Any]) -> None:
            if event["event"] == "checkpoint":
                fired.append(event["id"])

        setup = Setup(inputs.pack, inputs.image, inputs.table, machine, folder, 100, show=show)
        taken = take(setup, ["high-walks-on", "mmu-on"])
        self.assertEqual(set(taken), {"mmu-on", "high-walks-on"})
        self.assertEqual(fired[-1], "high-walks-on")
        for checkpoint, path in taken.items():
            self.assertEqual(path, folder / file_name(checkpoint))
            snapshot = snapshot_file.read(path)
            self.assertEqual((snapshot.made["variant"], snapshot.made["el"]), ("el2", 1))
            self.assertEqual(differing(snapshot), [])

    def test_end(self) -> None:
        """Where the machine is turned off, the kernel's tables are still there."""
        words: list[str | Path] = ["--elf", ELF, "--at", "end", "--witnesses", "2000"]
        for variant in ("el1", "el2"):
            snapshot = self.taken("end", *words, "--variant", variant)
            self.assertEqual(snapshot.registers["PC"] >> 32, 0xFFFF_FFFF)
            self.assertEqual(snapshot.registers["SCTLR_EL1"], 0x30D8199D)
            self.assertEqual(differing(snapshot), [])

    def test_variants(self) -> None:
        """A checkpoint of the other entry level is refused by name."""
        self.refused(2, "entry-el2 is not of variant el1", "--elf", ELF, "--at", "entry-el2")
        pack = pack_file.load(RULES / "tyrne.yaml", RULES)
        self.assertIn("entry-el2", [rule["id"] for rule in pack.items("checkpoints")])


if __name__ == "__main__":
    unittest.main()
