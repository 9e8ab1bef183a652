#!/usr/bin/python3
"""A failed run is recorded, its replay is in the same state, and goes backwards from there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from replay_case import MSR_TTBR0_XZR, MSR_VBAR_X9, ReplayCase, judged, main, replayed, rig, without

# pylint: disable=missing-function-docstring  # a test's name says what it shows

REGISTERS = f"source {Path(__file__).resolve().parent / 'registers.py'}"


def states(said: str) -> list[dict[str, str]]:
    """The registers each time that registers.py printed them."""
    found: list[dict[str, str]] = []
    for name, value in re.findall(r"^@(\w+)=(.*)$", said, re.MULTILINE):
        if not found or name in found[-1]:
            found.append({})
        found[-1][name] = value
    return found


class _Broken(ReplayCase):
    """A kernel with one instruction taken out."""

    VARIANT, SYMBOL, INSTRUCTION = "", "", b""
    elf: Path
    run_dir: Path
    manifest: dict[str, Any]
    said: str
    code: int

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.elf = without(cls.ELF, cls.folder / "broken.elf", cls.SYMBOL, cls.INSTRUCTION)
        cls.run_dir = cls.folder / "run"
        done = judged(cls.elf, cls.run_dir, cls.VARIANT, "--json", str(cls.folder / "report.json"))
        cls.said, cls.code = done.stdout + done.stderr, done.returncode
        path = cls.run_dir / f"{cls.VARIANT}-replay" / "manifest.json"
        cls.manifest = json.loads(path.read_text("utf-8")) if path.is_file() else {}

    def setUp(self) -> None:
        self.assertTrue(self.manifest, f"nothing was recorded:\n{self.said}")

    def reopened_state(self) -> dict[str, str]:
        """The state of the failed run, stepped to the count again by the engine."""
        count = str(self.manifest["at"]["count"])
        done = rig(
            "debug", "--elf", str(self.elf), "--variant", self.VARIANT, "--at-count", count,
            "--batch", "--eval", REGISTERS,
        )  # fmt: skip
        return states(done.stdout)[0]

    def same_state(self, said: str) -> None:
        """Every register and the image's memory are those of the failed run."""
        expected, found = self.reopened_state(), states(said)[0]
        differing = {n: (v, found.get(n)) for n, v in expected.items() if found.get(n) != v}
        self.assertEqual(differing, {})
        self.assertGreater(len(found), 150)
        self.assertIn("TTBR0_EL1", found)


class EntryAtEl1(_Broken):
    """Entered at EL1, and TTBR0_EL1 is left at the identity map's root."""

    VARIANT, SYMBOL, INSTRUCTION = "el1", "boot_close_low_half", MSR_TTBR0_XZR

    def test_the_verdict_stays_and_the_report_says_how_to_replay(self) -> None:
        self.assertEqual(self.code, 1)
        self.says(self.said, "recorded: ", f"debug --replay {self.run_dir}", "low-map-invalidated")
        self.assertEqual(self.manifest["broken"]["rule"], "low-map-invalidated")
        self.assertEqual(self.manifest["compared"].count("step"), 2)

    def test_the_replay_is_in_the_state_of_the_failed_run(self) -> None:
        there_and_back = ["reverse-stepi"] * 5 + ["stepi"] * 5
        far = ["rig go mmu-on", "rig status", "rig go broken"]
        said = replayed(self.run_dir, REGISTERS, *there_and_back, REGISTERS, *far, REGISTERS)
        self.same_state(said)
        seen = states(said)
        self.assertEqual(seen, [seen[0]] * 3)
        self.says(said, "here broke low-map-invalidated")
        # rig status knows the way from the recording: this gdb has seen no checkpoint fire.
        status = said.partition("\nMMU  on")[2]
        self.assertRegex(status, r"\ninstruction [\d,]+ of .*\n  behind checkpoint mmu-on")

    def test_registers_are_followed_to_their_writers(self) -> None:
        said = replayed(
            self.folder / "report.json",
            "rig who-wrote TTBR0_EL1",
            *("p $pc", "stepi", "p/x $TTBR0_EL1", "rig when", "rig go broken"),
            *("rig who-wrote TCR_EL1.EPD0", "rig go broken", "rig who-wrote tcr_el1.a1"),
            *("rig go broken", "rig who-wrote sp", "rig go broken", "rig who-wrote x23"),
            *("rig go broken", "rig who-wrote ESR_EL1", "rig when"),
            # Right behind a write, where QEMU's own way back does not look.
            *("rig go identity-root-set", "rig who-wrote TTBR0_EL1"),
            *("rig go identity-root-set", "rig who-wrote x23"),
            *("rig who-wrote x31", "rig who-wrote $lr + 4"),
        )
        self.assertEqual(said.count("behind checkpoint identity-root-set"), 3)
        near, last = said.split("behind checkpoint identity-root-set")[2:]
        count = next(
            place["count"]
            for place in self.manifest["checkpoints"]
            if place["name"] == "identity-root-set"
        )
        self.says(near, f"TTBR0_EL1 was written by instruction {count:,}:")
        self.says(last, "x23 was written by instruction", "`mov x23, x0`")  # MSR reads it
        self.says(said, "TTBR0_EL1 was written by instruction", "`msr ttbr0_el1, x23`")
        self.says(said, "<boot_enable_identity_map+", "migrate.S:50", "BADDR: 0 -> 0x4")
        self.assertRegex(said, r"\$2 = 0x4[0-9a-f]+\n")
        self.says(said, "EPD0: 0 -> 1", "tcr_el1.a1 was not changed before instruction")
        self.assertRegex(said, r"sp was written by instruction [\d,]+: `add sp, sp, x9`")
        self.says(said, "x23 was written by instruction", "`ldp x23, x24, [sp, #0x30]`")
        self.says(said, "ESR_EL1 was not written before instruction")
        self.says(said, "no register x31", "$lr + 4 is no place in memory; an address is written *")
        # What was not found leaves the guest where it was, as the last `rig when` but one says.
        self.assertEqual(said.count("here broke low-map-invalidated"), 7)

    def test_memory_is_followed_through_its_aliases_and_time_has_two_ends(self) -> None:
        said = replayed(
            self.run_dir,
            "rig who-wrote *&boot_pt_identity,8",
            *("stepi", "rig who-wrote *&boot_pt_identity,8"),  # the same store again
            *("rig go broken", "rig who-wrote boot_status", "rig go broken"),
            *("rig who-wrote *&__text_start", "rig go 20", "rig who-wrote *&boot_pt_identity,8"),
            *("rig go start", "reverse-stepi", "rig when", "rig go +1", "rig go mmu-on"),
            *("continue", "reverse-stepi", "rig go 99,999,999", "rig go mmu-of", "rig go"),
            *("rig go broken", "rig who-wrote boot_status.step", "rig go end"),
            *("rig when", "rig who-wrote", "rig who-wrote nothing_of_that_name"),
            *("rig who-wrote SCTLR_EL1.MM", "rig who-wrote *0,0"),
        )
        # The table lies high for the linker; it was written low, before the MMU was on.
        self.says(said, "&boot_pt_identity,8 (8 bytes at 0xffffffff4", "an alias of it")
        self.assertRegex(said, r"through address 0x4[0-9a-f]{7}, an alias")
        self.assertEqual(
            said.count("<table_descriptor_encode+0xc> arch/aarch64/mmu/descriptor.c:95"), 2
        )
        self.assertRegex(said, r"boot_status \(\d+ bytes")
        # Its place, not the number that it holds.
        self.assertRegex(said, r"boot_status\.step \(4 bytes at 0xffffffff4")
        self.says(said, "wrote &__text_start (1 bytes", "what the loader")
        self.says(said, "no instruction before 20 wrote &boot_pt_identity,8")
        self.says(said, "instruction 0 of ", "instruction 1 of ", "next mmu-announced")
        self.says(said, "rig: the recording ends here (the next instruction powers off)")
        self.says(said, "the recording has instructions 0 to", "did you mean mmu-on")
        self.says(said, "say where to: a count", "say whose: a register", "no register nothing_of")
        self.says(said, "SCTLR_EL1 has no field MM", "SIZE is 1 to 4096")
        self.assertRegex(said, r"instruction [\d,]+ of [\d,]+ \(100\.0 %\)")

    def test_another_place_can_be_asked_for(self) -> None:
        said = replayed(self.run_dir, "p $pc", options=("--at", "mmu-on"))
        self.says(said, "behind checkpoint mmu-on", "boot_enable_identity_map")


class EntryAtEl2(_Broken):
    """Entered at EL2, and VBAR_EL1 is not written before C runs."""

    VARIANT, SYMBOL, INSTRUCTION = "el2", "boot_c_environment", MSR_VBAR_X9

    def test_the_replay_is_in_the_state_of_the_failed_run(self) -> None:
        said = replayed(self.run_dir, REGISTERS, "rig who-wrote HCR_EL2")
        self.same_state(said)
        self.says(said, "HCR_EL2 was written by instruction", "start.S")


del _Broken  # not to be run by itself

if __name__ == "__main__":
    main()
