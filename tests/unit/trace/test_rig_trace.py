#!/usr/bin/python3
"""rig-trace cover and annotate end to end, on a small guest and traces made for the test.

    test_rig_trace.py RIG_TRACE [-v]
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import make_trace
from make_trace import Block, Epoch

RIG_TRACE = Path()
HERE = Path(__file__).resolve().parent
CROSS = shutil.which("aarch64-linux-gnu-gcc")
FLAGS = ["-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-mgeneral-regs-only"]
FLAGS += ["-ffunction-sections", "-fno-asynchronous-unwind-tables", "-fno-reorder-functions"]
FLAGS += ["-Wl,--gc-sections", "-Wl,--build-id", "-Wl,-z,max-page-size=4096"]
BASE = 0x40080000


# pylint: disable=missing-function-docstring  # a test's name says what it shows


class Guest:
    """A linked guest: its symbols and code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.symbols: dict[str, tuple[int, int]] = {}
        for line in _tool("nm", "-S", str(path)).splitlines():
            words = line.split()
            if len(words) == 4 and words[2] in "tT":
                self.symbols[words[3]] = (int(words[0], 16), int(words[1], 16))
        notes = _tool("readelf", "-n", str(path))
        self.build_id = notes.partition("Build ID: ")[2].split()[0]
        self.code: dict[int, int] = {}
        for line in _tool("objdump", "-d", str(path)).splitlines():
            address, _, rest = line.partition(":\t")
            if rest:
                self.code[int(address, 16)] = int(rest.split()[0], 16)

    def block(self, start: int, end: int, count: int = 1, shift: int = 0) -> Block:
        """A block over [start, end) that ran `shift` away from its link address."""
        opcodes = [self.code[address] for address in range(start, end, 4)]
        return Block(start + shift, opcodes, [count])

    def whole(self, name: str, count: int = 1, shift: int = 0) -> Block:
        """A block over a whole function."""
        start, size = self.symbols[name]
        return self.block(start, start + size, count, shift)

    def branches(self, name: str) -> list[int]:
        """The conditional branches of a function."""
        start, size = self.symbols[name]
        words = range(start, start + size, 4)
        return [at for at in words if _is_branch(self.code[at])]

    def run_branch(self, at: int, not_taken: int, taken: int, unknown: int = 0) -> Block:
        """A block of only this branch."""
        block = self.block(at, at + 4, not_taken + taken + unknown)
        block.edges = (not_taken, taken, unknown)
        return block


def _is_branch(opcode: int) -> bool:
    return opcode >> 24 == 0x54 or opcode >> 25 & 0x3F in (0x1A, 0x1B)


def _tool(name: str, *args: str) -> str:
    command = [f"aarch64-linux-gnu-{name}", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def line_of(words: str) -> int:
    """The line of guest.c that is marked so."""
    for number, line in enumerate((HERE / "guest.c").read_text("utf-8").splitlines(), 1):
        if f"line: {words} " in line:
            return number
    raise AssertionError(words)


@unittest.skipUnless(CROSS, "no cross compiler")
class Cover(unittest.TestCase):
    """Each test has a directory of its own."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with  # cleaned up by addCleanup
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = Path(temporary.name)

    def guest(self, *flags: str, source: Path | None = None, base: int = BASE) -> Guest:
        path = self.dir / "guest.elf"
        words = [str(CROSS), "-g", "-O1", *FLAGS, f"-Wl,-Ttext={base:#x}", *flags]
        words += [f"-ffile-prefix-map={HERE}=src", str(source or HERE / "guest.c"), "-o", str(path)]
        subprocess.run(words, check=True)
        return Guest(path)

    def trace(self, *chunks: Block | Epoch, name: str = "t", **more: Any) -> Path:
        return make_trace.write(self.dir / name, list(chunks), **more)

    def run_tool(self, *args: str | Path, code: int) -> subprocess.CompletedProcess[str]:
        words = [str(RIG_TRACE), *map(str, args)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def cover(
        self, guest: Guest, *args: str | Path, code: int = 0
    ) -> tuple[dict[str, Any], list[str], str]:
        """The JSON report, the tracefile's lines, standard error."""
        info, report = self.dir / "out.info", self.dir / "out.json"
        words: list[str | Path] = [
            "cover",
            "--elf",
            guest.path,
            "--info",
            info,
            "--json",
            report,
            *args,
        ]
        done = self.run_tool(*words, code=code)
        text = info.read_text("utf-8") if info.exists() else ""
        return json.loads(report.read_text("utf-8")), text.splitlines(), done.stderr


class Mapping(Cover):
    """What ran and what did not."""

    def test_lines_functions_and_inlined_bodies(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check", 3), image=guest.build_id)
        report, info, _ = self.cover(guest, trace)
        self.assertIn("SF:src/guest.c", info)
        self.assertIn(f"DA:{line_of('call')},3", info)
        self.assertIn(f"DA:{line_of('inlined')},3", info)
        self.assertIn("FNDA:3,twice", info)
        self.assertIn("FNDA:3,check", info)
        self.assertIn("FNDA:0,_start", info)
        self.assertIn(f"DA:{line_of('first')},0", info)
        self.assertIn(
            {"name": "_start"}.items(),
            [f.items() & {"name": "_start"}.items() for f in report["functions"]["missed"]],
        )
        self.assertEqual(report["instructions"]["hit"], guest.symbols["check"][1] // 4)

    def test_totals_fit_the_records_and_every_name_has_its_line(self) -> None:
        guest = self.guest()
        _, info, _ = self.cover(guest, self.trace(guest.whole("_start")))
        lines = {line.split(":")[1].split(",")[0] for line in info if line.startswith("DA:")}
        names = {line.split(",")[1] for line in info if line.startswith("FN:")}
        called = {line.split(",")[1] for line in info if line.startswith("FNDA:")}
        self.assertEqual(names, called)
        for line in info:
            if line.startswith(("FN:", "BRDA:")):
                self.assertIn(line.split(":")[1].split(",")[0], lines)
        self.assertIn(f"LF:{len(lines)}", info)
        self.assertIn(f"FNF:{len(names)}", info)
        branches = [line for line in info if line.startswith("BRDA:")]
        self.assertIn(f"BRF:{len(branches)}", info)
        self.assertTrue(branches)

    def test_discarded_functions_are_no_part(self) -> None:
        for base in (BASE, 0):
            guest = self.guest(base=base)
            self.assertNotIn("discarded", guest.symbols)
            report, info, _ = self.cover(guest, self.trace(guest.whole("check")))
            self.assertNotIn("FNDA:0,discarded", info)
            self.assertNotIn(f"DA:{line_of('discarded')},0", info)
            self.assertNotIn(f"DA:{line_of('discarded')},1", info)
            self.assertIn("FNDA:1,check", info)
            self.assertEqual(report["functions"]["found"], 4)

    def test_the_code_at_0_is_told_from_other_units_discards(self) -> None:
        other = self.dir / "other.c"
        other.write_text(
            "volatile int t;\nvoid lost(void);\nvoid lost(void)\n{\n    t = 1;\n    t = 2;\n}\n"
        )
        guest = self.guest(str(other), base=0)
        _, info, _ = self.cover(guest, self.trace(guest.whole("panic")))
        self.assertNotIn("lost", "".join(info))
        self.assertFalse([x for x in info if x.startswith("SF:") and "other.c" in x])
        self.assertIn("FNDA:1,panic", info)

    def test_literal_pools_are_no_code(self) -> None:
        source = self.dir / "pool.S"
        source.write_text(
            ".text\n.global _start\n.type _start, %function\n_start:\n"
            "nop\nb 1f\n.word 0x54000040\n1: b 1b\n.size _start, . - _start\n"
        )
        guest = self.guest(source=source)
        start = guest.symbols["_start"][0]
        report, info, _ = self.cover(guest, self.trace(guest.block(start, start + 8)))
        self.assertEqual(report["instructions"]["found"], 3)
        self.assertEqual(report["branches"]["found"], 0)
        self.assertNotIn("DA:7,0", info)
        words: list[str | Path] = ["annotate", "--elf", guest.path, self.dir / "t"]
        self.assertIn(".word 0x54000040", self.run_tool(*words, code=0).stdout)

    def test_bodies_of_one_function_add_up(self) -> None:
        source = self.dir / "twice.c"
        source.write_text(
            "volatile int s; void a(void); void b(void); void _start(void);\n"
            "static inline __attribute__((always_inline)) void body(void) { s = 1; }\n"
            "__attribute__((noinline)) void a(void) { body(); }\n"
            "__attribute__((noinline)) void b(void) { body(); s = 2; }\n"
            "void _start(void) { a(); b(); for (;;) { } }\n"
        )
        guest = self.guest(source=source)
        trace = self.trace(guest.whole("a", 3), guest.whole("b", 40))
        _, info, _ = self.cover(guest, trace)
        self.assertIn("FNDA:43,body", info)
        self.assertEqual(sum(x.startswith("FN:") and x.endswith(",body") for x in info), 1)

    def test_both_directions_and_unknown(self) -> None:
        guest = self.guest()
        at = guest.branches("check")[0]
        for edges, expected in (
            ((1, 2), ("1", "2")),
            ((0, 2), ("0", "2")),
            ((0, 0, 5), ("0", "0")),
        ):
            trace = self.trace(guest.run_branch(at, *edges))
            report, info, _ = self.cover(guest, trace)
            found = [x for x in info if x.startswith(f"BRDA:{line_of('guard')},")]
            self.assertEqual(tuple(x.split(",")[3] for x in found), expected)
            self.assertEqual(report["branches"]["unknown"], edges[2] if len(edges) > 2 else 0)
        _, info, _ = self.cover(guest, self.trace(guest.whole("panic")))
        found = [x for x in info if x.startswith(f"BRDA:{line_of('guard')},")]
        self.assertEqual([x.split(",")[3] for x in found], ["-", "-"])

    def test_block_numbers_are_the_same_wherever_the_code_lies(self) -> None:
        keys = []
        for base in (BASE, BASE + 0x10000):
            guest = self.guest(base=base)
            _, info, _ = self.cover(guest, self.trace(guest.whole("check")))
            keys.append([x.rsplit(",", 1)[0] for x in info if x.startswith("BRDA:")])
        self.assertEqual(keys[0], keys[1])
        self.assertTrue(all(int(x.split(",")[1]) < 1 << 31 for x in keys[0]))

    def test_never_calls_excludes_the_direction_with_its_count(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.run_branch(guest.branches("check")[0], 3, 0))
        before, _, _ = self.cover(guest, trace)
        after, info, _ = self.cover(guest, "--never-calls", "panic", trace)
        self.assertEqual(after["branches"]["found"], before["branches"]["found"] - 1)
        [excluded] = after["branches"]["excluded"]
        self.assertEqual(excluded["line"], line_of("guard"))
        self.assertEqual(excluded["function"], "check")
        self.assertIn("panic", excluded["reason"])
        self.assertEqual(sum(x.startswith(f"BRDA:{line_of('guard')},") for x in info), 1)
        _, _, words = self.cover(guest, "--never-calls", "no_such", trace)
        self.assertIn("no_such: the image has no such function", words)

    def test_a_line_that_ran_in_part(self) -> None:
        source = self.dir / "part.c"
        source.write_text(
            "volatile int s; void _start(int a);\n"
            "void _start(int a) { if (a) { s = 1; } else { s = 2; } for (;;) { s = 3; } }\n"
        )
        guest = self.guest(source=source)
        start, size = guest.symbols["_start"]
        report, _, _ = self.cover(guest, self.trace(guest.block(start, start + 8)))
        self.assertEqual(report["files"][0]["partial_lines"], [2])
        report, _, _ = self.cover(guest, self.trace(guest.block(start, start + size)))
        self.assertEqual(report["files"][0]["partial_lines"], [])

    def test_two_traces_and_aliases_add_up(self) -> None:
        guest = self.guest()
        one = self.trace(guest.whole("check", 2), name="one")
        two = self.trace(guest.whole("check", 40, shift=0x1000000 - BASE), name="two")
        _, info, _ = self.cover(
            guest, "--alias", f"0x1000000:0x100000:{BASE - 0x1000000:#x}", one, two
        )
        self.assertIn("FNDA:42,check", info)

    def test_mmu_states(self) -> None:
        guest = self.guest()
        block = guest.whole("check", 10)
        report, _, _ = self.cover(
            guest, self.trace(block, Epoch(make_trace.UNKNOWN, [[0, 0, 0, 4]])), "--mmu", "on"
        )
        size = guest.symbols["check"][1] // 4
        for key in ("hit", "hit_mmu_off", "hit_mmu_on", "hit_both"):
            self.assertEqual(report["instructions"][key], size)
        self.assertEqual(report["epochs"][0]["mmu"], "on")
        self.assertEqual(report["epochs"][0]["after"], "unknown")

    def test_names_by_map_keep_and_prefix(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"))
        _, info, _ = self.cover(guest, "--map", "src=lib", "--source-prefix", "/p", trace)
        self.assertIn("SF:/p/lib/guest.c", info)
        report, info, _ = self.cover(guest, "--keep", "other/", trace)
        self.assertEqual(info, [])
        self.assertEqual(report["lines"]["found"], 0)

    def test_assembly_and_padding(self) -> None:
        source = self.dir / "a.S"
        source.write_text(
            '.section .text.a, "ax"\n.global _start\n.type _start, %function\n_start:\n'
            "nop\ncbz x0, 1f\nldr x1, =0x123456789\n1: b 1b\n.size _start, . - _start\n"
            "nop\n.ltorg\n.global bare\nbare: nop\n"
        )
        guest = self.guest(source=source)
        start = guest.symbols["_start"][0]
        report, info, _ = self.cover(guest, self.trace(guest.block(start, start + 8)))
        self.assertEqual(report["instructions"]["found"], 4)
        self.assertEqual(report["instructions"]["hit"], 2)
        self.assertIn("FN:5,_start", info)
        self.assertIn("DA:5,1", info)
        self.assertIn("DA:7,0", info)
        self.assertIn("DA:13,0", info)  # code without a function's size counts as a line
        self.assertIn("FNF:1", info)

    def test_without_dwarf(self) -> None:
        guest = self.guest("-g0", "-s")
        self.assertEqual(guest.symbols, {})
        guest = self.guest("-g0")
        report, info, words = self.cover(guest, self.trace(guest.whole("check", 2)))
        self.assertEqual(info, [])
        self.assertIn("is not written", words)
        self.assertEqual(report["functions"]["found"], 3)
        self.assertEqual(report["functions"]["hit"], 1)
        self.assertGreater(report["instructions"]["hit"], 0)
        self.assertFalse(report["dwarf"])

    def test_other_code_is_listed(self) -> None:
        guest = self.guest()
        start = guest.symbols["_start"][0]
        trace = self.trace(
            guest.whole("check"), Block(0x800000, [1, 2], [9]), Block(start, [1], [4])
        )
        report, info, _ = self.cover(guest, trace)
        self.assertEqual(
            report["outside"], [{"page": "0x800000", "instructions": 2, "executions": 18}]
        )
        self.assertEqual(report["differs"][0]["address"], hex(start))
        self.assertIn("FNDA:0,_start", info)


class Exclusions(Cover):
    """Markers in the sources."""

    def marked(self, old: str, new: str) -> Guest:
        source = self.dir / "guest.c"
        text = (HERE / "guest.c").read_text("utf-8")
        self.assertIn(old, text)
        source.write_text(text.replace(old, new), "utf-8")
        return self.guest(source=source)

    def test_a_marker_with_a_reason_takes_the_line_out(self) -> None:
        guest = self.marked("line: never", "LCOV_EXCL_LINE: it would be a bug")
        report, info, _ = self.cover(guest, self.trace(guest.whole("_start")))
        self.assertFalse([x for x in info if x.startswith(f"DA:{line_of('never')},")])
        [excluded] = report["excluded"]["lines"]
        self.assertEqual(excluded["reason"], "it would be a bug")
        self.assertEqual(excluded["line"], line_of("never"))

    def test_branches_only(self) -> None:
        guest = self.marked("line: guard", "LCOV_EXCL_BR_LINE: one way only")
        report, info, _ = self.cover(guest, self.trace(guest.whole("_start")))
        self.assertTrue([x for x in info if x.startswith(f"DA:{line_of('guard')},")])
        self.assertFalse([x for x in info if x.startswith(f"BRDA:{line_of('guard')},")])
        self.assertEqual(len(report["branches"]["excluded"]), 2)

    def test_a_marker_without_a_reason_is_1(self) -> None:
        guest = self.marked("line: never", "LCOV_EXCL_LINE")
        report, info, words = self.cover(guest, self.trace(guest.whole("_start")), code=1)
        self.assertIn(f"DA:{line_of('never')},0", info)
        self.assertIn(f"guest.c:{line_of('never')}: an exclusion without a reason", words)
        self.assertEqual(report["findings"][0]["line"], line_of("never"))


class Refusals(Cover):
    """What cannot be judged."""

    def test_wrong_build_id_is_2(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"), image="ab" * 20)
        words = self.run_tool("cover", "--elf", guest.path, trace, code=2).stderr
        self.assertIn("ab" * 20, words)
        self.assertIn(guest.build_id, words)

    def test_nothing_executed_is_3_and_writes_nothing(self) -> None:
        guest = self.guest()
        cases: list[list[Block]] = [[], [Block(0x1000, [1], [5])], [guest.whole("check", 0)]]
        for chunks in cases:
            out = self.dir / "n.info"
            trace = self.trace(*chunks)
            done = self.run_tool("cover", "--elf", guest.path, "--info", out, trace, code=3)
            self.assertIn("nothing was executed of this image", done.stderr)
            self.assertFalse(out.exists())

    def test_damage_is_3(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"), version=7)
        self.assertIn(
            "version 7", self.run_tool("cover", "--elf", guest.path, trace, code=3).stderr
        )
        trace.write_bytes(b"ELF" * 100)
        self.assertIn("RIGTRACE", self.run_tool("cover", "--elf", guest.path, trace, code=3).stderr)
        missing = self.dir / "missing"
        self.assertIn(
            "No such file", self.run_tool("cover", "--elf", guest.path, missing, code=3).stderr
        )

    def test_a_torn_tail_is_told_and_the_rest_counts(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"), guest.whole("_start"))
        trace.write_bytes(trace.read_bytes()[:-9])
        report, info, words = self.cover(guest, trace)
        self.assertIn("torn tail", words)
        self.assertGreater(report["traces"][0]["torn_bytes"], 9)
        self.assertIn("FNDA:1,check", info)
        self.assertIn("FNDA:0,_start", info)

    def test_wrong_images_are_2(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"))
        self.assertIn("not an ELF", self.run_tool("cover", "--elf", trace, trace, code=2).stderr)
        self.assertIn("AArch64", self.run_tool("cover", "--elf", "/bin/true", trace, code=2).stderr)

    def test_wrong_usage_is_2(self) -> None:
        cases: tuple[tuple[list[str], str], ...] = (
            (["cover"], "no image"),
            (["cover", "--elf", "x"], "no trace"),
            (["cover", "--elf", "x", "--alias", "1:2", "t"], "START:SIZE:BY"),
            (["cover", "--elf", "x", "--alias", "1:0:2", "t"], "START:SIZE:BY"),
            (["cover", "--elf", "x", "--mmu", "on,", "t"], "--mmu"),
            (["cover", "--elf", "x", "--map", "a", "t"], "FROM=TO"),
            (["cover", "--asm", "t"], "wrong option"),
            (["annotate", "--elf", "x"], "no trace"),
        )
        for words, text in cases:
            self.assertIn(text, self.run_tool(*words, code=2).stderr)
        for command in ("cover", "annotate"):
            self.assertIn("--alias", self.run_tool(command, "--help", code=0).stdout)

    def test_an_output_that_cannot_be_written_leaves_nothing(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"))
        where = self.dir / "no" / "such.info"
        self.run_tool("cover", "--elf", guest.path, "--info", where, trace, code=2)
        where = self.dir / "o"
        where.mkdir()
        self.run_tool("cover", "--elf", guest.path, "--info", "/dev/full", trace, code=2)
        self.run_tool("cover", "--elf", guest.path, "--info", where / "x.info", trace, code=0)
        self.assertEqual([path.name for path in where.iterdir()], ["x.info"])
        (where / "x.info").unlink()

        def no_room() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        command: list[str | Path] = [
            RIG_TRACE,
            "cover",
            "--elf",
            guest.path,
            "--info",
            where / "x.info",
            trace,
        ]
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            preexec_fn=no_room,  # pylint: disable=subprocess-popen-preexec-fn
        )
        self.assertEqual(done.returncode, 2)
        self.assertEqual(list(where.iterdir()), [])


class Annotate(Cover):
    """Instructions with what became of them."""

    def test_marks(self) -> None:
        guest = self.guest()
        at = guest.branches("check")[0]
        chunks = [guest.block(guest.symbols["check"][0], at, 7), guest.run_branch(at, 5, 2)]
        words: list[str | Path] = [
            "annotate",
            "--asm",
            "--elf",
            guest.path,
            "--function",
            "check",
            self.trace(*chunks),
        ]
        lines = self.run_tool(*words, code=0).stdout.splitlines()
        size = guest.symbols["check"][1] // 4
        hit = (at - guest.symbols["check"][0]) // 4 + 1
        self.assertRegex(
            lines[0], rf"^check  src/guest\.c:\d+  executed {hit} of {size} instructions$"
        )
        [branch] = [line for line in lines if f"{at:x} " in line and "check+" in line]
        self.assertRegex(branch, r"^ +7  both +off ")
        self.assertEqual(sum("####" in line for line in lines), size - hit)
        self.assertFalse(any("_start" in line.split(";")[0] for line in lines))

    def test_a_function_that_is_not_there_is_2(self) -> None:
        guest = self.guest()
        trace = self.trace(guest.whole("check"))
        words: list[str | Path] = ["annotate", "--elf", guest.path, "--function", "nope", trace]
        self.assertIn("nope", self.run_tool(*words, code=2).stderr)


if __name__ == "__main__":
    RIG_TRACE = Path(sys.argv.pop(1))
    unittest.main()
