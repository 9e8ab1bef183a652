#!/usr/bin/python3
"""A failed run is recorded, its replay is in the same state, and goes backwards from there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from replay_case import MSR_TTBR0_XZR, MSR_VBAR_X9, ReplayCase, judged, main, replayed, rig, without

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
        self.says(said, "TTBR0_EL1 was written by instruction", "`msr ttbr0_el1, x23`")
        self.says(said, "<boot_enable_identity_map+", "migrate.S:50", "BADDR: 0 -> 0x4")
        self.assertRegex(said, r"\$2 = 0x4[0-9a-f]+\n")
        self.says(said, "EPD0: 0 -> 1", "tcr_el1.a1 was not changed before instruction")
        self.assertRegex(said, r"sp was written by instruction [\d,]+: `add sp, sp, x9`")
        self.says(said, "x23 was written by instruction", "`ldp x23, x24, [sp, #0x30]`")
        self.says(said, "ESR_EL1 was not written before instruction")
        # What was not found leaves the guest where it was.
        self.assertIn("here broke low-closed", said.rsplit("ESR_EL1", 1)[1])

    def test_memory_is_followed_through_its_aliases_and_time_has_two_ends(self) -> None:
        said = replayed(
            self.run_dir,
            "rig who-wrote *&boot_pt_identity,8",
            *("rig go broken", "rig who-wrote boot_status", "rig go broken"),
            *("rig who-wrote *&__text_start", "rig go 20", "rig who-wrote *&boot_pt_identity,8"),
            *("rig go start", "reverse-stepi", "rig when", "rig go +1", "rig go mmu-on"),
            *("continue", "reverse-stepi", "rig go 99,999,999", "rig go mmu-of", "rig go"),
            *("rig when", "rig who-wrote", "rig who-wrote nothing_of_that_name"),
            *("rig who-wrote SCTLR_EL1.MM", "rig who-wrote *0,0"),
        )
        # The table lies high for the linker; it was written low, before the MMU was on.
        self.says(said, "&boot_pt_identity,8 (8 bytes at 0xffffffff4", "an alias of it")
        self.assertRegex(said, r"through address 0x4[0-9a-f]{7}, an alias")
        self.says(said, "table_descriptor_encode", "descriptor.c:95")
        self.assertRegex(said, r"boot_status \(\d+ bytes")
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
