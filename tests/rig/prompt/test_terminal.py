#!/usr/bin/python3
"""The commands `rig ...` as a terminal shows them: help, TAB, colours, errors, Ctrl-C.

    test_terminal.py [TEST...]
"""

from __future__ import annotations

import re
import unittest

from prompt_case import ELF, MODE, RIG, VIRTUAL, Prompt, PromptTest

COMMANDS = (
    "audit",
    "check",
    "checkpoints",
    "esr",
    "id",
    "map",
    "status",
    "step-state",
    "sysreg",
    "until",
    "walk",
    "watch",
    "why-fault",
)
COLOUR = re.compile(r"\x1b\[[0-9;]+m")


class Terminal(PromptTest):
    """Sessions of which the way matters, not the place."""

    def test_help_completion_and_errors(self) -> None:
        """Every command has a usage and an example; TAB knows ids, registers and fields; what is
        wrong is told with what is near."""
        prompt = self.open("--elf", ELF)
        ask = prompt.ask
        overview = ask("help rig")
        for word in COMMANDS:
            self.assertIn(f"rig {word} -- ", overview)
            self.shows(
                ask(f"help rig {word}"), rf"Usage: rig {word}", rf"Example: \(gdb\) rig {word}"
            )
        self.assertIn("rig until mmu-on", " ".join(prompt.completions("rig until mmu-o")))
        self.assertLessEqual({"on", "announced"}, set(prompt.completions("rig check mmu-")))
        self.assertIn("TTBR0_EL", " ".join(prompt.completions("rig sysreg ttbr0")))
        self.assertIn("EPD1", " ".join(prompt.completions("rig watch TCR_EL1.EPD")))
        self.assertIn("--filter", " ".join(prompt.completions("rig map --fil")))
        self.assertIn("wx-mapping", " ".join(prompt.completions("rig audit --rule wx-map")))
        self.assertIn("boot_close_low_half", " ".join(prompt.completions("rig walk boot_close_l")))
        for line, words in (
            ("rig sysreg SCTLR_EL", "no register SCTLR_EL; did you mean .*SCTLR_EL1"),
            ("rig sysreg TCR_EL1 nonsense", "nonsense: no 64-bit value"),
            ("rig sysreg 1 2 3", "takes at most 2 arguments"),
            ("rig watch", r"give a register or a field: rig watch REGISTER\[\.FIELD\]"),
            ("rig watch TCR_EL1.EPD2", "TCR_EL1 has no field EPD2; did you mean .*EPD1"),
            ("rig watch R7", "no register R7"),
            ("rig until mmu-onn", r"no checkpoint mmu-onn; did you mean mmu-on"),
            ("rig until", "give a checkpoint"),
            ("rig check nothing", "no checkpoint nothing"),
            ("rig walk", r"give an address: rig walk ADDRESS \(help rig walk\)"),
            ("rig walk nothing", "rig walk: nothing: No symbol"),
            ("rig id 1 +", "rig id: 1 \\+: A syntax error"),
            ("rig map --diff", "give what to compare with"),
            ("rig map --diff mmu-on", "mmu-on was not reached in this session"),
            ("rig map --diff nothing", "nothing is no checkpoint and no file"),
            ("rig map --filter q", "--filter q: --filter is one of w, x, wx, device, user"),
            ("rig audit --rule nothing", "nothing"),
            ("rig esr word", "word: no value such as 0x9600004f"),
            ("rig status now", "takes no argument, not `now`"),
        ):
            with self.subTest(line=line):
                self.shows(ask(line), words)
        self.shows(
            ask("rig esr 0x9600004f"),
            "data abort from the same EL",
            "permission fault, level 3",
            "a write",
        )
        self.shows(ask("rig sysreg TCR_EL1 0x4b5903510"), r"\bEPD1\b", r"\bepd0\b", "T0SZ=0x10")
        self.shows(ask("rig sysreg"), r"^ SCTLR_EL1 +0x", "more without fields in the table")
        ask("rig sysreg mair_el1")
        ask("rig until memory-types-set")
        self.shows(
            ask("rig sysreg mair_el1"),
            r"\*ATTR1=0xff \(NORMAL_WBWA\)",
            "since the last look",
            r"ATTR1: 0 .*-> 0xff",
        )
        self.shows(ask("rig sysreg mair_el1"), r" ATTR1=0xff")
        self.assertEqual(COLOUR.findall(prompt.raw), [])

    def test_what_is_broken_is_shown(self) -> None:
        """A bit that is set by hand turns the checkpoint red, with the field; `rig check` too."""
        prompt = self.open("--elf", ELF, "--at", "ttbr1-published")
        ask = prompt.ask
        found = re.search(r"(0x\w+) <[^>]+>:\s+msr\s+tcr_el1, (x\d+)", ask("x/16i $pc"))
        assert found is not None
        ask(f"tbreak *{found[1]}")
        self.shows(ask("continue"), "Temporary breakpoint")
        ask(f"set ${found[2]} = ${found[2]} | 1 << 22")
        self.shows(
            ask("rig until high-walks-on"),
            "FAIL 26/68 high-walks-on",
            "FAIL high-walks-on.1 .*TCR_EL1 == tcr_both",
            r"\*A1=1",
            "fields that differ: A1",
            r"^rig: stopped at checkpoint high-walks-on: \d+ checks held, 1 broken",
        )
        self.shows(ask("rig check"), "FAIL high-walks-on.1", "[0-9]+ held, 1 broken")

    def test_colours(self) -> None:
        """On a terminal, and not with `set style enabled off`; with NO_COLOR there are none at all,
        as every other session of these tests shows."""
        prompt = self.open("--elf", ELF, colour=True)
        prompt.ask("rig until masked")
        self.assertIn("\x1b[32mok", prompt.raw)
        prompt.ask("rig checkpoints")
        self.assertRegex(prompt.raw, COLOUR)
        prompt.ask("set style enabled off")
        prompt.ask("rig checkpoints")
        self.assertEqual(COLOUR.findall(prompt.raw), [])

    def test_interrupted(self) -> None:
        """Ctrl-C ends what is long; the memory mode is virtual behind it, and all goes on."""
        opened = ["/usr/bin/python3", "-B", str(RIG), "debug", "--elf", str(ELF)]
        prompt = Prompt(
            [*opened, "--at", "all-complete"], self.work, seen="checkpoint (22|23) of 68"
        )
        self.addCleanup(self.ended, prompt)
        self.shows(prompt.interrupt(), r"^rig: interrupted: \d+ checks held, 0 broken")
        prompt.begin("rig until all-complete", "ok   2[4-7]/68")
        self.shows(prompt.interrupt(), r"^rig: interrupted: \d+ checks held, 0 broken", "^#0")
        self.shows(prompt.ask(MODE), VIRTUAL)
        self.shows(prompt.ask("stepi"), r"^(0x|\d+\t)")
        prompt.begin("rig watch MAIR_EL1.ATTR7", "checkpoint|ok ")
        self.shows(prompt.interrupt(), r"rig: interrupted; MAIR_EL1\.ATTR7 has not changed")
        self.shows(prompt.ask(MODE), VIRTUAL)
        self.shows(prompt.ask("rig status"), "^EL[01]", "MMU  on")
        self.shows(prompt.ask("rig step-state"), "^`|taken from", "^#0")
        prompt.child.sendline("rig map")
        self.shows(prompt.interrupt(), "Quit|interrupted|r-x --- ")
        self.shows(prompt.ask(MODE), VIRTUAL)
        self.shows(prompt.ask("bt"), "^#0")


if __name__ == "__main__":
    unittest.main()
