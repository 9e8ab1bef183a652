#!/usr/bin/python3
"""rig-trace events, stats, timeline and operands, on traces made for the test and on a real run.

    test_trace_commands.py [CLASS...]

$RIG_TOOLS is the directory of rig-trace and the plugins.
"""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
import make_event_trace as et  # noqa: E402
from command_case import BASE, BOUND_S, NOT_JUDGED, WRONG_USAGE, CommandCase  # noqa: E402
from engine import plugin  # noqa: E402
from engine.process import find_tool  # noqa: E402
from engine.qemu import DETERMINISTIC, QUIET  # noqa: E402

HIGH = 0xFFFFFFFF00000000


class Events(CommandCase):
    """`rig-trace events`: what a line says, and which lines there are."""

    def every_kind(self) -> Path:
        """One event of each kind, numbered as the kinds are, from 0."""
        trace = et.Trace(image=self.build_id)
        trace.insn(BASE + 4, et.MSR_VBAR_X0, 0x40080800)
        trace.add(et.STORE, 0x1000, va=0x5000, pa=0x6000, value=3, opcode=8,
                  flags=et.VALUE | et.TABLE)  # fmt: skip
        trace.add(et.ACCESS, 0x1004, va=0x7000, pa=et.UNKNOWN_ADDRESS, opcode=4, cpu=1, el=0)
        trace.block(et.BLOCK, 0x2000, [et.ISB])
        trace.block(et.TRANSLATE, 0x3000, [et.ISB, et.ERET], et.Writer(2, 0x1004, 0x3000, 0x3000))
        trace.frame(BASE + 4, 0x9000, 1, [3, 0, 1, 0])
        trace.add(et.FRAME_GONE, BASE + 4, pa=0x9000)
        trace.add(et.ENTRY, 0x40080C00, va=0x40080C00, value=0x40080800, opcode=0x400)
        trace.add(et.CUT, 0x1008, el=et.EL_UNKNOWN)
        trace.off_read(0x100C, 0xA000, et.Writer(5, 0x1010, 0xA000, 0xA000,
                                                 et.VALUE | et.CACHES_OFF))  # fmt: skip
        return self.write(trace)

    def test_each_kind_says_what_it_is(self) -> None:
        """Golden lines, with place and source where the image has them."""
        lines = self.run_tool("events", self.every_kind(), "--elf", self.elf).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines], [str(i) for i in range(10)])
        self.assertEqual(
            lines[0],
            "         0  cpu0 EL1  insn        0x0000000040080004 <_start+0x4> guest.S:7  "
            "msr vbar_el1, x0  operand 0x40080800",
        )
        said = [line.split("  ", 6)[-1] for line in lines]
        self.assertTrue(lines[2].startswith("         2  cpu1 EL0  access      0x0000000000001004"))
        self.assertIn("cpu0 EL?  cut", lines[8])
        for line, words in (
            (1, "stores 8 bytes in the word at VA 0x5000 -> PA 0x6000, now 0x0000000000000003, "
                "live translation table"),
            (2, "loads 4 bytes at VA 0x7000 -> PA unknown"),
            (3, "block of 1 instruction at VA 0x2000 -> PA 0x2000"),
            (4, "block of 2 instructions at VA 0x3000 -> PA 0x3000, last written by cpu0 at PC "
                "0x1004 before event 2"),
            (5, "level 1 table of the low half at PA 0x9000: 2 of 4 descriptors valid, written by "
                "nobody since it was loaded"),
            (6, "table at PA 0x9000 is reachable no more"),
            (7, "exception taken: synchronous, from a lower EL, vector 0x40080800 + 0x400"),
            (8, "the window grew too long: what follows in it is not recorded"),
            (9, "first read with caches on: VA 0xa000 -> PA 0xa000, last written by cpu0 at PC "
                "0x1010 before event 5 with caches off"),
        ):  # fmt: skip
            with self.subTest(line=line):
                self.assertTrue(said[line].endswith(words), said[line])

    def test_filters(self) -> None:
        """Each filter alone, and two together."""
        trace = self.every_kind()
        for words, numbers in (
            (["--kind", "store,frame-gone"], [1, 6]),
            (["--from", "3", "--to", "5"], [3, 4, 5]),
            (["--from", "8"], [8, 9]),
            (["--to", "0"], [0]),
            (["--cpu", "1"], [2]),
            (["--pc", "0x1000:0x1008"], [1, 2]),
            (["--kind", "insn", "--cpu", "1"], []),
            (["--from", "10"], []),
        ):
            with self.subTest(words=words):
                lines = self.run_tool("events", trace, *words).stdout.splitlines()
                self.assertEqual([int(line.split()[0]) for line in lines], numbers)

    def test_json_lines(self) -> None:
        """An object a line, with every field; what an event does not have is null."""
        out = self.run_tool("events", self.every_kind(), "--elf", self.elf, "--json").stdout
        found = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([each["kind"] for each in found],
                         ["insn", "store", "access", "block", "translate", "frame", "frame-gone",
                          "entry", "cut", "off-read"])  # fmt: skip
        self.assertEqual(
            found[0],
            {"event": 0, "cpu": 0, "el": 1, "kind": "insn", "flags": ["value"],
             "pc": "0x40080004", "pc_pa": "0x40080004", "symbol": "_start+0x4",
             "source": "guest.S:7", "opcode": "0xd518c000", "class": "msr", "bytes": None,
             "va": None, "pa": None, "value": "0x40080800",
             "text": "msr vbar_el1, x0  operand 0x40080800"},
        )  # fmt: skip
        self.assertEqual((found[1]["bytes"], found[1]["va"], found[1]["pa"], found[1]["value"]),
                         (8, "0x5000", "0x6000", "0x3"))  # fmt: skip
        self.assertEqual(found[1]["flags"], ["value", "table"])
        self.assertIsNone(found[2]["pa"])
        self.assertEqual(found[5]["pa"], "0x9000")
        self.assertIsNone(found[5]["value"])
        self.assertIsNone(found[8]["el"])

    def test_alias(self) -> None:
        """An address of an alias has the link address's place; without the option it has none."""
        trace = et.Trace()
        trace.insn(BASE + 4 - 0x40000000, et.MSR_VBAR_X0, 0)
        path = self.write(trace)
        words: list[str | Path] = ["events", path, "--elf", self.elf]
        self.assertNotIn("_start", self.run_tool(*words).stdout)
        folded = self.run_tool(*words, "--alias", "0x0:0x100000:0x40000000").stdout
        self.assertIn("0x0000000000080004 <_start+0x4>", folded)


class Refused(CommandCase):
    """What each command does not take, with its exit code and words."""

    def test_usage(self) -> None:
        """Wrong words on the command line."""
        trace = self.write(et.Trace())
        cases: list[tuple[list[str | Path], str]] = [
            (["events"], "no trace given"),
            (["events", trace, trace], "one trace at a time"),
            (["events", trace, "--kind", "insn,nothing"], "--kind must be"),
            (["events", trace, "--kind", ""], "--kind must be"),
            (["events", trace, "--from", "x"], "--from must be"),
            (["events", trace, "--to", "-1"], "--to must be"),
            (["events", trace, "--cpu", "256"], "--cpu must be"),
            (["events", trace, "--pc", "0x20:0x10"], "--pc must be"),
            (["events", trace, "--alias", "1:2"], "--alias must be"),
            (["stats", trace, "--top", "1001"], "--top must be"),
            (["stats", trace, "--kind", "insn"], "wrong option"),
            (["timeline", trace, "--cpu", ""], "--cpu must be"),
            (["operands", trace, "--elf", "x"], "wrong option"),
            (["operands"], "no trace given"),
        ]
        for words, said in cases:
            with self.subTest(words=words):
                self.refused(*words, code=WRONG_USAGE, said=said)

    def test_help(self) -> None:
        """Each command tells its usage and its exit status."""
        for command in ("events", "stats", "timeline", "operands"):
            with self.subTest(command=command):
                out = self.run_tool(command, "--help").stdout
                self.assertTrue(out.startswith(f"usage: rig-trace {command} TRACE"))
                self.assertIn("exit status: 0 done; 2 wrong usage", out)

    def test_images(self) -> None:
        """No image, none of AArch64, another one than ran."""
        trace = self.write(et.Trace(image="0123456789abcdef"))
        for elf, said in (
            (self.work / "missing.elf", "missing.elf: cannot use this image: No such file"),
            (HERE / "guest.S", "guest.S: cannot use this image: not an ELF file"),
            (Path("/bin/true"), "cannot use this image: not for"),
            (self.elf, "the trace is of image 0123456789abcdef, the ELF file is"),
        ):
            with self.subTest(elf=elf):
                self.refused("events", trace, "--elf", elf, code=WRONG_USAGE, said=said)

    def test_damaged(self) -> None:
        """No trace, a coverage trace, and traces that contradict themselves."""
        whole = et.Trace()
        whole.insn(0x1000, et.ISB)
        wrong_kind = et.Trace()
        wrong_kind.add(99)
        lost_chunk = et.Trace()
        lost_chunk.add(et.BLOCK, 0x1000, value=8)
        files = {
            "empty": (b"", "the file is empty"),
            "text": (b"hello, this is no trace at all" * 8, "does not begin with RIGTRACE"),
            "short": (whole.data()[:50], "shorter than a trace's header"),
            "coverage": (et.Trace(kind=et.COVERAGE).data(), "rig-trace cover reads it"),
            "version": (whole.data()[:8] + b"\x09" + whole.data()[9:], "trace of version 9"),
            "event": (wrong_kind.data(), "event 0 contradicts the file"),
            "reference": (lost_chunk.data(), "event 0 contradicts the file"),
        }
        for name, (data, said) in files.items():
            path = self.work / name
            path.write_bytes(data)
            for command in ("events", "stats", "timeline", "operands", "order"):
                with self.subTest(name=name, command=command):
                    self.refused(command, path, code=NOT_JUDGED, said=said)
        self.refused("events", self.work / "nothing", code=NOT_JUDGED, said="No such file")

    def test_event_trace_given_to_cover(self) -> None:
        """The reverse: coverage says which command reads it."""
        trace = self.write(et.Trace())
        self.refused("cover", "--elf", self.elf, trace, code=NOT_JUDGED,
                     said="rig-trace events and rig-trace order read it")  # fmt: skip

    def test_standard_output_that_takes_nothing(self) -> None:
        """A full disk is told."""
        trace = et.Trace()
        trace.insn(BASE, et.MSR_VBAR_X0, 0)
        path = self.write(trace)
        with open("/dev/full", "w", encoding="utf-8") as full:
            for command in ("events", "stats", "timeline", "operands", "order"):
                with self.subTest(command=command):
                    done = self.run_tool(command, path, code=NOT_JUDGED, stdout=full.fileno())
                    self.assertIn("to standard output", done.stderr)

    def test_report_that_cannot_be_written(self) -> None:
        """A JSON file in no directory."""
        trace = et.Trace()
        trace.insn(BASE, et.MSR_VBAR_X0, 0)
        path = self.write(trace)
        for command in ("stats", "timeline"):
            with self.subTest(command=command):
                done = self.run_tool(command, path, "--json", self.work / "no" / "file",
                                     code=WRONG_USAGE)  # fmt: skip
                self.assertIn("cannot write: No such file", done.stderr)


class Numbers(CommandCase):
    """`rig-trace stats` and `rig-trace operands`."""

    def test_stats(self) -> None:
        """Kinds, classes, windows, sites; in text and in JSON."""
        trace = et.Trace(flags=et.CLOSED | et.STORES, api=1)
        for _ in range(3):
            trace.insn(0x1000, et.TLBI_VMALLE1)
            trace.add(et.ACCESS, 0x1004, va=0x7000, pa=0x7000, opcode=8)
            trace.insn(0x1008, et.DSB_ISH)
            trace.insn(0x100C, et.ISB)
        trace.insn(0x1010, et.MSR_TTBR0_X0)
        path = self.write(trace)
        found = self.json_of("stats", path, "--top", "2")
        self.assertEqual(found["schema"], "rig-event-stats-1")
        self.assertEqual((found["events"], found["cpus"], found["api"]), (13, 2, 1))
        self.assertEqual(found["flags"], ["closed", "stores"])
        self.assertEqual((found["kinds"]["insn"], found["kinds"]["access"]), (10, 3))
        self.assertEqual((found["classes"]["tlbi"], found["classes"]["msr"]), (3, 1))
        self.assertEqual((found["operands"], found["operands_unknown"]), (1, 1))
        self.assertEqual(
            found["windows"],
            {"count": 4, "open_at_end": 1, "recorded": 3, "longest": 1, "longest_opened_by": 0,
             "cut": 0},
        )  # fmt: skip
        self.assertEqual([(site["pc"], site["count"], site["text"]) for site in found["sites"]],
                         [("0x1000", 3, "tlbi vmalle1"), ("0x1008", 3, "dsb ish")])  # fmt: skip
        out = self.run_tool("stats", path).stdout
        self.assertIn("13 events of 2 CPUs, plugin API 1", out)
        self.assertIn("not operands    values of registers are not known", out)
        self.assertIn("4  opened, 1 still open at the end", out)

    def test_what_a_trace_lacks_is_told(self) -> None:
        """Each flag in words, and the torn tail."""
        trace = et.Trace(flags=et.FULL | et.OPERANDS_LOST | et.RAM_UNKNOWN | et.TABLES_CUT)
        trace.insn(0x1000, et.ISB)
        trace.insn(0x1004, et.ISB)
        done = self.run_tool("stats", self.write(trace, cut=4))
        for words in ("not closed", "not stores", "full  ", "operands-lost", "ram-unknown",
                      "tables-cut", "torn            64 bytes"):  # fmt: skip
            with self.subTest(words=words):
                self.assertIn(words, done.stdout)
        self.assertIn("1 event of", done.stdout)
        self.assertIn("torn tail: 64 bytes dropped", done.stderr)
        self.assertIn("its size limit was met", done.stderr)

    def test_operands(self) -> None:
        """PC, register, how often, class; by PC; nothing else."""
        trace = et.Trace(flags=et.CLOSED, api=1)
        trace.insn(0x2000, et.DC_CVAU_X0)
        trace.insn(0x2000, et.DC_CVAU_X0)
        trace.insn(0x1000, et.MSR_TTBR0_X0 | 9)
        trace.insn(0x1004, et.ISB)
        trace.insn(0x1008, et.TLBI_VMALLE1)
        trace.insn(0x100C, et.AT_S1E1R_X0 | 2)
        out = self.run_tool("operands", self.write(trace)).stdout
        self.assertEqual(out, "0x1000 9 1 msr\n0x100c 2 1 at\n0x2000 0 2 dc\n")

    def test_operands_of_daif(self) -> None:
        """MSR DAIF only where it came once between a write of VBAR and an ISB; then each time."""
        trace = et.Trace(flags=et.CLOSED, api=1)
        trace.insn(0x1000, et.MSR_DAIF_X0)
        trace.insn(0x2000, et.MSR_DAIF_X0)
        trace.insn(0x3000, et.MSR_VBAR_X0)
        trace.insn(0x2000, et.MSR_DAIF_X0)
        trace.insn(0x3004, et.ISB)
        trace.insn(0x1000, et.MSR_DAIF_X0)
        out = self.run_tool("operands", self.write(trace)).stdout
        self.assertEqual(out, "0x2000 0 2 msr\n0x3000 0 1 msr\n")


class Timeline(CommandCase):
    """`rig-trace timeline`: the boot for people and programs."""

    def boot(self) -> Path:
        """The MMU goes on, then two calls from EL0."""
        trace = et.Trace()
        trace.insn(BASE + 4, et.MSR_VBAR_X0, BASE + 0x800)
        trace.insn(0x1000, et.MSR_TTBR0_X0, 0x0005000040091000)
        trace.frame(0x1000, 0x40091000, 1, [3, 0])
        trace.insn(0x1004, et.ISB)
        trace.insn(0x1008, et.MSR_SCTLR_X0, 0x1005)
        trace.insn(0x100C, et.ISB)
        for _ in range(2):
            trace.insn(0x8000, et.SVC, el=0)
            trace.add(et.ENTRY, BASE + 0xC00, value=BASE + 0x800, opcode=0x400)
            trace.insn(0x2000, et.ERET)
        return self.write(trace)

    def test_text(self) -> None:
        """Golden lines."""
        out = self.run_tool("timeline", self.boot(), "--elf", self.elf).stdout
        self.assertEqual(
            out,
            "         0  cpu0 EL1  VBAR_EL1 = 0x40080800 <vectors+0x0>  "
            "@ 0x40080004 <_start+0x4> guest.S:7\n"
            "         1  cpu0 EL1  TTBR0_EL1 = 0x5000040091000: table at 0x40091000, ASID 5  "
            "@ 0x1000\n"
            "         2  cpu0 EL1  1 translation table becomes reachable, level 1: 1  @ 0x1000; "
            "then isb\n"
            "         4  cpu0 EL1  the MMU is turned on: SCTLR_EL1 = 0x1005: MMU on, data caches "
            "on, instruction caches on  @ 0x1008; then isb\n"
            "         6  cpu0 EL0  svc #0  @ 0x8000\n"
            "         7  cpu0 EL1  exception taken: synchronous, from a lower EL, vector + 0x400  "
            "@ 0x40080c00 <vectors+0x400> guest.S:34\n"
            "         8  cpu0 EL1  eret  @ 0x2000\n"
            "         9  cpu0 EL0  again: 1 call, 1 exception, 1 return\n",
        )

    def test_json(self) -> None:
        """The same lines with their fields."""
        found = self.json_of("timeline", self.boot(), "--elf", self.elf)
        self.assertEqual(found["schema"], "rig-timeline-1")
        lines = found["lines"]
        self.assertEqual([line["act"] for line in lines],
                         ["register", "register", "tables", "register", "call", "entry", "return",
                          "again"])  # fmt: skip
        self.assertEqual((lines[3]["register"], lines[3]["value"], lines[3]["mmu"]),
                         ("SCTLR_EL1", "0x1005", "on"))  # fmt: skip
        self.assertEqual(lines[3]["barriers"], {"dmb": 0, "dsb": 0, "isb": 1})
        self.assertEqual(lines[0]["symbol"], "_start+0x4")
        self.assertEqual(lines[7]["again"], {"call": 1, "entry": 1, "return": 1})
        self.assertEqual((lines[7]["first"], lines[7]["last"], lines[7]["count"]), (9, 11, 3))
        self.assertIsNone(lines[7]["pc"])


class Recorded(CommandCase):
    """The commands on what the plugin records of a guest."""

    def record(self) -> Path:
        """Run the guest to its end."""
        trace = self.work / "run.trace"
        qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        chosen = plugin.choose(qemu)
        events = chosen.with_name(chosen.name.replace("cover", "events"))
        command = [qemu, "-M", "virt,gic-version=2,dtb-randomness=off", "-cpu", "cortex-a72"]
        command += ["-m", "128M", *DETERMINISTIC, *QUIET, "-serial", "null", "-kernel",
                    str(self.elf), "-plugin",
                    f"{events},out={trace},stores=off,image={self.build_id}"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return trace

    def test_whole_guest(self) -> None:
        """What executed is there, in order, at its places."""
        trace = self.record()
        out = self.run_tool("events", trace, "--elf", self.elf, "--kind", "insn", "--json").stdout
        found = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([each["class"] for each in found],
                         ["msr", "isb", "at", "mrs", "at", "isb", "mrs", "tlbi", "dsb", "isb",
                          "hvc"])  # fmt: skip
        self.assertEqual([each["symbol"] for each in found[2:5]],
                         ["probe+0x4", "probe+0x8", "probe_in_time+0x4"])  # fmt: skip
        sites = self.run_tool("operands", trace).stdout.split("\n")
        probe, in_time = self.symbols["probe"] + 4, self.symbols["probe_in_time"] + 4
        self.assertEqual(
            sites, [f"{BASE + 4:#x} 0 1 msr", f"{probe:#x} 0 1 at", f"{in_time:#x} 0 1 at", ""]
        )
        self.assertIn("closed", self.json_of("stats", trace)["flags"])
        lines = self.json_of("timeline", trace, "--elf", self.elf)["lines"]
        self.assertEqual([line["act"] for line in lines],
                         ["register", "at", "at", "tlbi", "call"])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
