#!/usr/bin/python3
"""rig-trace order: its reports, waivers and exit codes, by a rule without tables: at-before-par.

    test_order_command.py [CLASS...]

$RIG_TOOLS is the directory of rig-trace.
"""

from __future__ import annotations

import unittest
from pathlib import Path

import make_event_trace as et
from command_case import BASE, BROKEN, HELD, NOT_JUDGED, WRONG_USAGE, CommandCase

RULE = "at-before-par"
WAIVER = f"{RULE}@probe=the result is only a hint"
END = {"event", "pc", "pa", "symbol", "source", "opcode", "text", "cpu", "el", "address"}


class Order(CommandCase):
    """Traces that break the rule and traces that keep it."""

    def broken(self, flags: int = et.WHOLE, cut: int = 0) -> Path:
        """The rule is broken in `probe`, twice."""
        trace = et.Trace(flags=flags, image=self.build_id)
        self.probe(self.probe(trace))
        if cut:
            trace.insn(BASE, et.ISB)
        return self.write(trace, cut=cut)

    def kept(self, flags: int = et.WHOLE, cut: int = 0) -> Path:
        """The rule is kept."""
        trace = self.probe(et.Trace(flags=flags, image=self.build_id), "probe_in_time")
        if cut:
            trace.insn(BASE, et.ISB)
        return self.write(trace, cut=cut)


class Findings(Order):
    """What is told of a finding."""

    def test_text(self) -> None:
        """Both ends with their code, what was missing, the section, the fix."""
        trace = self.broken()
        out = self.run_tool("order", trace, "--elf", self.elf, "--rule", RULE, code=BROKEN).stdout
        at = self.symbols["probe"] + 4
        head, *lines = out.splitlines()
        self.assertTrue(head.startswith(f"error: {RULE}: no context synchronization event"), head)
        self.assertRegex(head, r"   \[DDI 0487, .+\]$")
        self.assertEqual(
            lines[0],
            f"  write     {at:#018x} <probe+0x4> guest.S:23  at s1e1r, x0  [0x40080000]  "
            "(cpu0 EL1, event 0)",
        )
        self.assertEqual(
            lines[1],
            f"  consumer  {at + 4:#018x} <probe+0x8> guest.S:24  mrs x1, par_el1  "
            "(cpu0 EL1, event 1)",
        )
        self.assertIn("  fix       put an ISB between the AT and the MRS", lines)
        self.assertIn("  count     2 times; this is the first", lines)
        marked = [line for line in lines if line.startswith("    => ")]
        self.assertEqual(marked, [f"    => {at:#018x}  at s1e1r, x0",
                                  f"    => {at + 4:#018x}  mrs x1, par_el1"])  # fmt: skip
        begin = lines.index("  around the write") + 1
        self.assertEqual(lines[begin + 3 : begin + 8], [
            f"       {at - 4:#018x}  adr x0, #0x40080000", f"    => {at:#018x}  at s1e1r, x0",
            f"       {at + 4:#018x}  mrs x1, par_el1", f"       {at + 8:#018x}  ret",
            f"       {at + 12:#018x}  adr x0, #0x40080000"])  # fmt: skip
        self.assertIn(f"FAIL  {RULE}", out)
        self.assertIn("1 error, 0 notes, 0 waived", lines[-1])

    def test_without_an_image(self) -> None:
        """The instruction is known from the trace; what is around it is not."""
        out = self.run_tool("order", self.broken(), "--rule", RULE, code=BROKEN).stdout
        self.assertIn("  at s1e1r, x0  [0x40080000]", out)
        self.assertNotIn("probe", out)
        after = out[out.index("around the write") :].splitlines()
        self.assertTrue(after[1].startswith("    => "))
        self.assertEqual(after[2], "  around the consumer")

    def test_code_that_the_image_does_not_have(self) -> None:
        """What is around an end outside of the image comes from the trace's blocks."""
        trace = et.Trace(image=self.build_id)
        code = [et.DSB_ISH, et.AT_S1E1R_X0, et.MRS_PAR_X1, et.ERET]
        trace.block(et.BLOCK, 0x1000, code)
        trace.insn(0x1004, et.AT_S1E1R_X0, BASE)
        trace.insn(0x1008, et.MRS_PAR_X1)
        found = self.json_of("order", self.write(trace), "--elf", self.elf, "--rule", RULE,
                             code=BROKEN)["findings"][0]  # fmt: skip
        self.assertEqual(
            found["disassembly"]["write"],
            ["   0x0000000000001000  dsb ish", "=> 0x0000000000001004  at s1e1r, x0",
             "   0x0000000000001008  mrs x1, par_el1", "   0x000000000000100c  eret"],
        )  # fmt: skip

    def test_json(self) -> None:
        """Schema rig-order-1, each field."""
        found = self.json_of("order", self.broken(), "--elf", self.elf, "--rule", RULE, "--quiet",
                             code=BROKEN)  # fmt: skip
        self.assertEqual(found["schema"], "rig-order-1")
        self.assertEqual((found["verdict"], found["exit_code"]), ("broken", BROKEN))
        self.assertIsNone(found["not_judged"])
        trace = found["trace"]
        self.assertEqual((trace["events"], trace["cpus"], trace["torn_bytes"]), (4, 2, 0))
        self.assertEqual(trace["flags"], ["closed", "stores", "operands"])
        self.assertEqual(trace["windows_cut"], 0)
        (rule,) = found["rules"]
        self.assertEqual({key: rule[key] for key in ("id", "level", "judged", "why_not", "errors",
                                                     "notes", "waived", "subjects")},
                         {"id": RULE, "level": "error", "judged": True, "why_not": None,
                          "errors": 1, "notes": 0, "waived": 0, "subjects": 2})  # fmt: skip
        self.assertTrue(rule["title"])
        self.assertRegex(rule["section"], "^DDI 0487")
        (finding,) = found["findings"]
        self.assertEqual((finding["rule"], finding["level"], finding["waived"], finding["count"]),
                         (RULE, "error", None, 2))  # fmt: skip
        self.assertEqual(finding["section"], rule["section"])
        self.assertEqual(set(finding["write"]), END)
        self.assertEqual(
            finding["write"],
            {"event": 0, "pc": f"{self.symbols['probe'] + 4:#x}",
             "pa": f"{self.symbols['probe'] + 4:#x}", "symbol": "probe+0x4",
             "source": "guest.S:23", "opcode": "0xd5087800", "text": "at s1e1r, x0", "cpu": 0,
             "el": 1, "address": f"{BASE:#x}"},
        )  # fmt: skip
        self.assertEqual((finding["consumer"]["event"], finding["consumer"]["address"]), (1, None))
        self.assertTrue(finding["missing"] and finding["detail"] and finding["fix"])
        self.assertEqual(len(finding["disassembly"]["write"]), 9)
        self.assertEqual(found["waivers_unused"], [])

    def test_quiet(self) -> None:
        """No report, the same verdict."""
        done = self.run_tool("order", self.broken(), "--quiet", "--rule", RULE, code=BROKEN)
        self.assertEqual(done.stdout + done.stderr, "")


class Waivers(Order):
    """Findings that are accepted."""

    def order(self, trace: Path, *words: str, code: int) -> str:
        """The text of a run with the image and the rule."""
        return self.run_tool("order", trace, "--elf", self.elf, "--rule", RULE, *words,
                             code=code).stdout  # fmt: skip

    def test_used(self) -> None:
        """The finding is told with the reason and does not count."""
        out = self.order(self.broken(), "--waive", WAIVER, code=HELD)
        self.assertIn(f"waived: {RULE}: ", out)
        self.assertIn("  waived    the result is only a hint", out)
        self.assertIn("0 errors, 0 notes, 1 waived", out)
        found = self.json_of("order", self.broken(), "--elf", self.elf, "--rule", RULE, "--waive",
                             WAIVER)  # fmt: skip
        self.assertEqual(found["findings"][0]["waived"], "the result is only a hint")
        self.assertEqual((found["rules"][0]["errors"], found["rules"][0]["waived"]), (0, 1))

    def test_unused(self) -> None:
        """A waiver that covers nothing is an error of its own."""
        words = ["--waive", f"{RULE}@probe_in_time=not needed"]
        out = self.order(self.kept(), *words, code=BROKEN)
        self.assertIn(f"error: the waiver {RULE}@probe_in_time matched nothing: take it away "
                      "(not needed)", out)  # fmt: skip
        found = self.json_of("order", self.kept(), "--elf", self.elf, "--rule", RULE, *words,
                             code=BROKEN)  # fmt: skip
        self.assertEqual(found["waivers_unused"],
                         [{"rule": RULE, "symbol": "probe_in_time", "why": "not needed"}],
        )  # fmt: skip
        self.assertEqual(found["findings"], [])

    def test_of_another_function_or_rule(self) -> None:
        """A waiver covers its own function and rule only."""
        trace = self.broken()
        self.order(trace, "--waive", f"{RULE}@prob=x", code=BROKEN)
        self.order(trace, "--waive", f"{RULE}@probe_in_time=x", code=BROKEN)
        out = self.order(trace, "--waive", WAIVER, "--waive", "null-regime@probe=x", code=HELD)
        self.assertNotIn("matched nothing", out)  # that rule was not asked for

    def test_wrong(self) -> None:
        """Parts that are missing, a rule that there is not, no image to find functions in."""
        trace = self.broken()
        cases: list[tuple[list[str | Path], str]] = [
            (["--elf", self.elf, "--waive", f"{RULE}@probe"], "--waive must be RULE@SYMBOL=WHY"),
            (["--elf", self.elf, "--waive", "no-rule@probe=x"], "with an ordering rule"),
            (["--waive", WAIVER], "give the image with --elf"),
        ]
        for words, said in cases:
            with self.subTest(words=words):
                self.refused("order", trace, *words, code=WRONG_USAGE, said=said)


class ExitCodes(Order):
    """When it is 0, and why it is not."""

    def order(self, trace: Path, *words: str, code: int) -> str:
        """The last line of the text."""
        out = self.run_tool("order", trace, *words, code=code).stdout
        return out.splitlines()[-1]

    def test_kept(self) -> None:
        """No finding, and something was looked at."""
        self.assertIn("1 subject, 0 errors", self.order(self.kept(), "--rule", RULE, code=HELD))
        self.order(self.kept(), code=HELD)

    def test_nothing_to_judge(self) -> None:
        """Zero subjects are no pass."""
        trace = et.Trace()
        trace.insn(BASE, et.ISB)
        last = self.order(self.write(trace), code=NOT_JUDGED)
        self.assertIn("could not judge: nothing in the trace is a subject of any rule", last)
        self.order(self.write(et.Trace()), code=NOT_JUDGED)

    def test_incomplete(self) -> None:
        """Torn, full, operands lost: not judged, unless an error was found in what is there."""
        for flags, cut, why in (
            (et.WHOLE, 8, "the trace is torn"),
            (et.WHOLE | et.FULL, 0, "the trace met its size limit"),
            (et.WHOLE | et.OPERANDS_LOST, 0, "operands were lost"),
        ):
            with self.subTest(why=why):
                last = self.order(self.kept(flags, cut), "--rule", RULE, code=NOT_JUDGED)
                self.assertIn(f"could not judge: {why}", last)
                self.order(self.broken(flags, cut), "--rule", RULE, code=BROKEN)

    def test_killed_guest(self) -> None:
        """A trace that QEMU did not close is judged up to its end."""
        self.order(self.kept(et.STORES | et.OPERANDS), "--rule", RULE, code=HELD)

    def test_rule_that_cannot_be_judged(self) -> None:
        """Rules need stores; the one that does not is judged alone."""
        trace = self.kept(et.CLOSED)
        out = self.run_tool("order", trace, code=NOT_JUDGED).stdout
        self.assertRegex(out, r"OPEN  \S+ +not judged: the trace has no accesses to memory")
        self.order(trace, "--rule", RULE, code=HELD)

    def test_usage(self) -> None:
        """Wrong words on the command line."""
        trace = self.kept()
        cases: list[tuple[list[str | Path], str]] = [
            ([], "no trace given"),
            ([trace, trace], "one trace at a time"),
            ([trace, "--rule", "no-rule"], "--rule must be an ordering rule, not no-rule"),
            ([trace, "--feature", "ets"], "--feature must be"),
            ([trace, "--id", "ID_AA64MMFR0_EL1"], "--id must be"),
            ([trace, "--id", "MIDR_EL1=0x1"], "--id must be"),
            ([trace, "--id", "ID_AA64MMFR0_EL1=0x"], "--id must be"),
            ([trace, "--nothing"], "wrong option"),
            ([trace, "--rule", RULE, "--quiet", "--json", self.work / "no" / "file"],
             "cannot write: No such file"),
        ]  # fmt: skip
        for words, said in cases:
            with self.subTest(words=words):
                self.refused("order", *words, code=WRONG_USAGE, said=said)

    def test_features_and_registers(self) -> None:
        """Every name is taken."""
        words = []
        for name in ("ets2", "bbm1", "bbm2", "exs", "idc", "dic", "no-vhe"):
            words += ["--feature", name]
        for name in ("ID_AA64MMFR0_EL1", "ID_AA64MMFR1_EL1", "id_aa64mmfr2_el1"):
            words += ["--id", f"{name}=0x1122"]
        self.order(self.kept(), "--rule", RULE, *words, code=HELD)

    def test_help(self) -> None:
        """Usage, each rule in a line, exit status."""
        out = self.run_tool("order", "--help").stdout
        self.assertTrue(out.startswith("usage: rig-trace order TRACE"))
        self.assertRegex(out, rf"\n  {RULE} +\S.*\n")
        self.assertIn("exit status: 0 no error was found", out)


if __name__ == "__main__":
    unittest.main()
