#!/usr/bin/python3
"""The commands `rig ...` at every place of a boot: low, both halves, high, a vector, EL0.

    test_boot_walk.py [TEST...]
"""

from __future__ import annotations

import unittest

from prompt_case import ELF, MODE, VIRTUAL, PromptTest


class Places(PromptTest):
    """One walk through the boot, from one prompt."""

    def test_a_boot_from_the_prompt(self) -> None:
        """Each command says what is true there, and gdb's own go on working in between."""
        prompt = self.open("--elf", ELF)
        ask = prompt.ask

        # --- low, nothing translated ------------------------------------------------------------
        self.shows(
            ask("rig status"),
            r"^EL1, SPSel 1 \(SP_EL1\), DAIF = 0xf \(all masked\)",
            r"^PC +0x0*40080000 low +_start  in \.text  .*start\.S:\d+",
            r"^MMU  off",
            "0 of 68 reached: none reached yet, next entry-el1",
        )
        self.shows(
            ask("rig walk $pc"),
            r"MMU is off \(SCTLR_EL1\.M = 0\)",
            "flat|off|not translated|untranslated",
        )
        self.shows(
            ask("rig id $pc"),
            r"image +\.text  _start  start\.S",
            r"the same  at 0xffffffff40080000 \(its link address\)",
            "nothing is translated",
            "PA 0x40080000: RAM",
        )
        self.shows(ask("rig why-fault"), "nothing was taken to EL1 yet")
        self.shows(ask("rig check"), r"held entry-el1\.1 ", r"\d+ held, 0 broken")
        self.shows(
            ask("rig step-state"),
            r"`msr daifset, #0xf` at 0x40080000 <_start>",
            "no register changed",
            r"^#0 .*_start",
        )
        self.shows(ask("stepi"), r"^\d+\t")

        # --- up to the MMU, moved by hand before ------------------------------------------------
        self.shows(
            ask("rig checkpoints"),
            r"^  \?    1 entry-el1|^  ok    1 entry-el1",
            r"\? +22 mmu-on +after `msr sctlr_el1",
        )
        self.shows(
            ask("rig until mmu-on"),
            r"ok   22/68 mmu-on .*27/27 checks",
            r"^rig: stopped at checkpoint mmu-on: \d+ checks held, 0 broken",
            r"^#0  boot_enable_identity_map",
        )
        self.shows(
            ask("rig sysreg sctlr_el1"),
            r"^SCTLR_EL1 = 0x0*30d8199d  \(DDI 0487",
            r"\bee\b",
            r"\bWXN\b",
            r"\bM$",
        )
        self.shows(ask("rig map"), r"36 KiB .*r-x --- .*\.text", "boot stack", "high half .*EPD1")
        self.shows(ask("rig audit"), "judged as `.*` of the pack|PASS  wx-mapping", r"0 errors")
        self.shows(
            ask("rig check before-jump"),
            r"held before-jump\.1",
            "FAIL before-jump",
            r"expected 0xffffffff40081000",
            r"\d+ held, \d+ broken",
        )
        self.shows(ask("rig until mmu-on"), "mmu-on was reached already")
        self.shows(ask(MODE), VIRTUAL)

        # --- both halves ------------------------------------------------------------------------
        self.shows(
            ask("rig watch TCR_EL1.EPD1"),
            r"^TCR_EL1\.EPD1 changed by `msr tcr_el1, x\d+` at .*boot_publish",
            r"^  EPD1: 1 -> 0",
        )
        self.shows(
            ask("rig map --diff mmu-on"), r"TCR_EL1 .* -> ", r"^\+ ffffffff40080000.* r-x .*\.text"
        )
        self.shows(
            ask("rig walk vectors"),
            "from TTBR1_EL1",
            r"level 3 .*page",
            "EL1 may read and execute, EL0 may do nothing",
        )
        self.shows(ask("break boot_close_low_half"), "Breakpoint 1")
        self.shows(
            ask("rig until low-closed"),
            "landed-high",
            "stopped at breakpoint 1",
            "boot_close_low_half",
        )
        self.shows(
            ask("rig status"),
            r"^PC +0xffffffff\w+ high",
            r"^TTBR0 .*EPD0 = 0: walks",
            r"^TTBR1 .*EPD1 = 0: walks",
            "last landed-high, next low-walks-off",
        )
        ask("delete")

        # --- high -------------------------------------------------------------------------------
        self.shows(
            ask("rig until low-closed"),
            r"ok   38/68 low-closed",
            "stopped at checkpoint low-closed",
        )
        self.shows(ask("bt"), r"#0  kernel_high_half")
        self.shows(ask("rig id $sp"), "stack +SP at the empty end of boot stack")
        self.shows(
            ask("rig id 0x40095008"),
            "EPD0 = 1 disables",
            "taken as a physical address",
            "entry 1 of a level 0 translation table, reached from TTBR1_EL1",
            "mapped at 0xffffffff40095008",
        )
        self.shows(ask("rig id 0xffffffff09000018"), r"a device, pl011 \+ 0x18")
        self.shows(ask("hbreak *(vectors+0x400)"), "Hardware assisted breakpoint 2")
        self.shows(ask("continue"), "Breakpoint 2")

        # --- a vector, moved there by gdb -------------------------------------------------------
        self.shows(ask("rig esr"), r"ESR_EL1 = 0x0*56000000: SVC \(AArch64\) \(EC 0x15\)")
        self.shows(
            ask("rig why-fault"),
            r"^SVC \(AArch64\), taken from EL0 to EL1",
            "by +`svc #0` at 0x8000",
        )
        self.shows(
            ask("rig id $pc"),
            r"vector +VBAR_EL1 \+ 0x400: synchronous exceptions from a lower EL in AArch64",
        )
        self.shows(ask("rig checkpoints"), r"ok   38 low-closed", r"\? +39 ")

        # --- EL0 --------------------------------------------------------------------------------
        # What the guest printed and counted while gdb ran it is not judged, here or later.
        said = ask("rig watch PSTATE.EL")
        self.shows(said, r"PSTATE\.EL changed by `eret`", r"EL: 1 -> 0")
        self.assertNotIn("FAIL", said)
        self.shows(ask("rig until switch-to-idle"), "not known since you moved the guest yourself")
        self.shows(ask("rig status"), "^EL0, SPSel 0", r"^PC +0x0*8000")
        self.shows(
            ask("rig walk $pc"),
            "from TTBR0_EL1",
            "EL1 may read, EL0 may read and execute",
            "the program's code",
        )
        self.shows(ask("rig id $sp"), "the program's stack|empty end")
        self.shows(ask("rig esr"), "SVC")
        self.shows(ask("stepi"), "in \\?\\? ()|0x0*8000")
        self.shows(
            ask("rig step-state"),
            "SVC taken from EL0 to EL1: vector entry .*vectors",
            "at `svc #0`",
        )
        self.shows(ask(MODE), VIRTUAL)

        # --- the end ----------------------------------------------------------------------------
        ask("delete")
        self.shows(ask("continue"), "exited normally|Remote connection closed|Target disconnected")
        self.shows(ask("rig status"), "there is no guest any more; start another with rig debug")


class EntryAtEl2(PromptTest):
    """A machine with EL2."""

    def test_from_el2_to_el1(self) -> None:
        """Level and controls of EL2, and the drop."""
        prompt = self.open("--elf", ELF, "--variant", "el2", "--at", "entry-el2")
        self.shows(
            prompt.opening, r"rig: stopped at checkpoint entry-el2: \d+ checks held, 0 broken"
        )
        self.shows(
            prompt.ask("rig status"),
            r"^EL2, SPSel 1 \(SP_EL2\)",
            r"^MMU  off.*SCTLR_EL2",
            "^TTBR0_EL2",
        )
        self.shows(prompt.ask("rig map"), r"SCTLR_EL2\.M = 0")
        self.shows(prompt.ask("rig id $pc"), "_start")
        self.shows(
            prompt.ask("rig watch SPSR_EL2"),
            "SPSR_EL2 changed by `msr spsr_el2, ",
            r"DAIF: 0 -> 0xf",
            "EL: 0 -> 1",
        )
        self.shows(prompt.ask("rig until el2-before-drop"), "stopped at checkpoint el2-before-drop")
        self.shows(prompt.ask("rig step-state"), "`eret` at", "EL: 2 -> 1")
        self.shows(prompt.ask("rig status"), "^EL1")


if __name__ == "__main__":
    unittest.main()
