#!/usr/bin/python3
"""`rig why-fault` at real faults, and sessions on ELFs without symbols.

    test_faults.py [TEST...]
"""

from __future__ import annotations

import re
import subprocess
import unittest

from prompt_case import BUILD, ELF, PromptTest

# What a program tries, and the end of the sentence.
FAULTS = {
    "write-code": r"data abort, write, level 3 permission fault at VA 0x80\w+: the 4 KiB page is "
    r"r-x at EL0: it may not write because AP\[2\] = 1 \(read-only\)",
    "execute-stack": "instruction abort, execute, level 3 permission fault .* is rw- at EL0: it "
    "may not execute because UXN = 1; SCTLR.WXN = 1 and it is writable",
    "read-kernel-text": "data abort, read, level 3 permission fault .* is --- at EL0: it may not "
    r"read because AP\[1\] = 0 \(nothing for EL0\)",
    "read-null": "data abort, read, level 2 translation fault at VA 0x0: level 2 translation "
    "fault, descriptor 0x0+ at PA 0x4[0-9a-f]+ is invalid",
}


class Faults(PromptTest):
    """Exceptions of programs and of the kernel."""

    def test_faults_of_programs(self) -> None:
        """The instruction, the address and the bit, at the vector's entry."""
        for name, sentence in FAULTS.items():
            with self.subTest(program=name):
                prompt = self.open("--elf", BUILD / "user-images" / f"{name}.elf")
                prompt.ask("break *(vectors+0x400)")
                self.shows(prompt.ask("continue"), "Breakpoint 1")
                self.shows(
                    prompt.ask("rig why-fault"),
                    "abort from a lower EL, taken from EL0 to EL1",
                    sentence,
                )
                self.shows(prompt.ask("rig status"), "^EL1", r"vectors\+0x400")
                prompt.end()

    def test_fault_of_the_kernel(self) -> None:
        """A store to the kernel's own text, made by hand, at the vector and in the handler; then a
        store where nothing is mapped."""
        prompt = self.open("--elf", ELF, "--at", "low-closed")
        ask = prompt.ask
        found = re.search(
            r"(0x\w+) <boot_map_init\S*:\s+str\s+x1, \[x0\]", ask("x/16i &boot_map_init")
        )
        assert found is not None
        store = found[1]
        ask(f"set $pc = {store}")
        ask("set $x0 = (unsigned long)&vectors")
        ask("stepi")
        self.shows(
            ask("rig why-fault"),
            "data abort from the same EL, taken from EL1 to EL1$",
            r"by +`str x1, \[x0\]` at 0xffffffff4008\w+ <boot_map_init",
            r"address +0xffffffff40081000 \(FAR_EL1\)  vectors",
            "walk .*EL1 may read and execute",
            "data abort, write, level 3 permission fault at VA 0xffffffff40081000: the 4 KiB "
            r"page is r-x at EL1: it may not write because AP\[2\] = 1",
        )
        ask("rig step-state")
        self.shows(
            ask("rig why-fault"),
            "the last one: this is no vector entry|taken from EL1 to EL1",
            "AP",
        )
        ask(f"set $pc = {store}")
        ask("set $x0 = 0x1000")
        ask("stepi")
        self.shows(
            ask("rig why-fault"),
            r"translation fault at VA 0x1000: TCR_EL1\.EPD0 = 1 disables walks",
        )

    def test_without_symbols(self) -> None:
        """A stripped ELF: no rule is judged, which is said; everything else is there."""
        stripped = self.work / "stripped.elf"
        subprocess.run(["aarch64-linux-gnu-strip", "-o", stripped, ELF], check=True, timeout=60)
        prompt = self.open("--elf", stripped)
        self.shows(prompt.opening, "has no symbols .*so no rule of tyrne is judged")
        ask = prompt.ask
        self.shows(
            ask("rig status"), r"^PC +0x0*40080000 low +no symbol  in \.text", "the pack has none"
        )
        self.shows(
            ask("rig watch SCTLR_EL1.M"), r"SCTLR_EL1\.M changed by `msr sctlr_el1, ", "M: 0 -> 1"
        )
        self.shows(ask("rig walk $pc"), "EL1 may read and execute")
        self.shows(ask("rig map"), r"r-x --- .*\.text")
        self.shows(ask("rig step-state"), "`isb` at 0x4008")
        self.shows(ask("rig id $pc"), r"image +\.text")
        self.shows(ask("rig until mmu-on"), "no rule pack with checkpoints")
        self.shows(ask("rig check"), "nothing to judge here")
        self.shows(ask("rig checkpoints"), "the pack has no checkpoints")


if __name__ == "__main__":
    unittest.main()
