#!/usr/bin/python3
"""Coverage of guests whose executed lines and branch outcomes are written in their sources.

Needs the cross compiler, gcov, lcov and QEMU; $RIG_TOOLS is the directory of rig-trace and the
plugins. The first argument may be a class; --image ELF is a kernel to compare with QEMU's log, too.
"""

from __future__ import annotations

import re
import shutil
import struct
import sys
import unittest
from pathlib import Path

import expectation
import guests
import trace_counts
from cover_case import COVERED, NOT_JUDGED, WRONG_USAGE, CoverCase

IMAGES: list[Path] = []
RAM_MASK = (1 << 31) - 1  # all aliases of the guests' RAM, which is below 2 GiB, as one


class Truth(CoverCase):
    """Each line, branch and function is told as the sources say."""

    def check(self, name: str, how: guests.Run = guests.Run()) -> None:
        """Compare one guest."""
        result = self.cover_guest(name, how)
        self.assertEqual(self.differences(name, result), [])
        self.assertEqual(result.data["outside"], [])
        self.assertEqual(result.data["differs"], [])

    def test_mmu_off(self) -> None:
        """Every shape of code, run at its link address."""
        self.check("low")

    def test_linked_at_zero(self) -> None:
        """The same in an image linked at 0, where the linker left the rows of what it dropped."""
        self.check("zero")

    def test_second_processor_off(self) -> None:
        """A processor that nobody starts changes nothing."""
        self.check("low", guests.Run(cpus=2))

    def test_two_processors(self) -> None:
        """Two processors run one function: their counts add up."""
        self.check("second", guests.Run(cpus=2))

    def test_both_aliases(self) -> None:
        """Code that runs low and high, with the MMU off and on: the counts add up."""
        self.check("high")

    def test_mmu_states_apart(self) -> None:
        """What ran with the MMU off and on is told apart, instruction by instruction."""
        result = self.cover_guest("high")
        self.assertEqual([epoch["mmu"] for epoch in result.data["epochs"]], ["on", "off"])
        elf, trace = self.trace("high")
        options = ["--alias", str(guests.KINDS["high"].alias), "--mmu", "on,off"]
        done = self.tool(guests.tools() / "rig-trace", "annotate", "--elf", elf, *options, trace)
        self.assertEqual(done.returncode, COVERED, done.stderr)
        states: dict[str, set[str]] = {}
        for state, function in re.findall(r"(off|on|both) +[0-9a-f]{16} +(\w+)\+0x", done.stdout):
            states.setdefault(function, set()).add(state)
        expected = {
            "_start": {"off", "on"},
            "set_up": {"both"},
            "low_calls": {"off"},
            "make_tables": {"off"},
            "high_part": {"on"},
            "both_sides": {"both", "on"},
            "call_guarded": {"on"},
            "vector_sync": {"on"},
            "handle_sync": {"on"},
            "leaves_map": {"on"},
        }
        self.assertEqual(states, expected)
        low_on = r" on +[0-9a-f]{16} +both_sides\+\S+ .*; guest/both\.c:(\d+)"
        both = (guests.HERE / "guest" / "both.c").read_text("utf-8").splitlines()
        ran_on = [both[int(line) - 1].split()[:2] for line in re.findall(low_on, done.stdout)]
        self.assertEqual(ran_on, [["result", "="]])
        data = result.data["instructions"]
        apart = data["hit_mmu_off"] + data["hit_mmu_on"] - data["hit_both"]
        self.assertEqual((apart, data["hit_mmu_unknown"]), (data["hit"], 0))

    def test_unknown_outcomes(self) -> None:
        """A branch whose outcome nobody can see is counted, and covers nothing; one that never
        began, behind a fault in its block, is not among them."""
        self.assertEqual(self.cover_guest("high").data["branches"]["unknown"], 1)
        self.assertEqual(self.cover_guest("low").data["branches"]["unknown"], 2)

    def test_line_0_is_counted(self) -> None:
        """A branch that belongs to no line is counted and listed, not dropped in silence."""
        self.assertEqual(self.cover_guest("low").data["branches"]["line0"], 1)

    def test_instructions(self) -> None:
        """Padding behind functions and data in them are no instructions."""
        for name, kind in guests.KINDS.items():
            elf, trace = self.trace(name, guests.Run(cpus=2))
            options = ["--alias", kind.alias] if kind.alias else []
            with self.subTest(name):
                data = self.cover(elf, *options, trace).data["instructions"]
                self.assertEqual(data["found"], guests.instructions(elf))
                self.assertEqual(data["outside_functions"], 0)

    def test_two_traces(self) -> None:
        """Two traces of one image add up."""
        elf, first = self.trace("low")
        _elf, second = self.trace("low", guests.Run(cpus=2))
        once = self.cover(elf, first).info
        both = self.cover(elf, first, second).info
        self.assertEqual(once.keys(), both.keys())
        for file, record in once.items():
            doubled = {line: 2 * count for line, count in record.lines.items()}
            self.assertEqual(both[file].lines, doubled)
            calls = {name: 2 * count for name, count in record.functions.items()}
            self.assertEqual(both[file].functions, calls)
            for line in record.branches:
                self.assertEqual(both[file].outcomes(line), record.outcomes(line))


class CrossCheck(CoverCase):
    """Others who count tell the same."""

    def check_log(self, name: str, elf: Path) -> trace_counts.Executed:
        """The plugin's counts and QEMU's log of the same guest, instruction by instruction."""
        trace = guests.run(elf, self.work / f"{name}.trace")
        log = guests.run(elf, self.work / f"{name}.log", guests.Run(log=True))
        recorded = trace_counts.from_trace(trace)
        mask = RAM_MASK if guests.shares_translations() else ~0
        logged = trace_counts.from_log(log, recorded.opcodes, mask)
        self.assertGreater(logged.counts.total(), 200)
        self.assertGreater(logged.branches.total(), 20)
        self.assertEqual(recorded.folded(mask).differences(logged), [])
        code = {at & mask: opcode for at, opcode in recorded.opcodes.items()}
        for address in logged.restarted:
            self.assertTrue(trace_counts.is_memory_access(code[address & mask]), hex(address))
        return recorded

    def test_log_of_guests(self) -> None:
        """Every executed instruction and every way of every branch is in both."""
        for name in ("low", "high"):
            with self.subTest(name):
                recorded = self.check_log(name, guests.build(name, self.work))
                other = trace_counts.from_trace(self.work / f"{name}.trace")
                address = min(other.counts)
                other.counts[address] += 1
                self.assertEqual(len(recorded.differences(other)), 1)

    def test_log_of_images(self) -> None:
        """The same for whole kernels."""
        for image in IMAGES:
            with self.subTest(image.name):
                self.check_log(image.stem, image)

    def gcov(self) -> dict[int, list[int]]:
        """Line -> counts that gcov gives it on the host: its own and those of the basic blocks
        that end in it; of a line that declares a function, how often it was called."""
        sources = [guests.HERE / "guest" / name for name in ("algorithm.c", "host_main.c")]
        done = self.tool(
            self.need("gcc"), "-std=gnu11", "-O0", "--coverage", "-o", "host", *sources
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.tool(self.work / "host").returncode, 0)
        done = self.tool(self.need("gcov"), "-a", "-b", "host-algorithm.gcno")
        self.assertEqual(done.returncode, 0, done.stderr)
        found: dict[int, list[int]] = {}
        called: int | None = None
        for line in (self.work / "algorithm.c.gcov").read_text("utf-8").splitlines():
            if match := re.match(r"function \w+ called (\d+) ", line):
                called = int(match[1])
            elif match := re.match(r" *([\d#%$=]+)\*?: *(\d+)(-block|:)", line):
                count = int(match[1]) if match[1].isdigit() else 0
                if match[3] == ":":
                    found[int(match[2])] = [count if called is None else called]
                    called = None
                else:
                    found[int(match[2])].append(count)
        return found

    def test_gcov(self) -> None:
        """gcov, on the host's build of the same file, has the same lines with the same counts.

        Lines of one list only are explained: a label of a switch has no code of its own, gcov
        counts it; a brace in the first column is the function's entry or exit, which have rows in
        the line table, while gcov has the entry at the line above (there it may count the first
        block, a loop's, instead of calls: so its count of calls is taken). A line that ends
        several basic blocks counts as often as the one that ran most.
        """
        text = (guests.HERE / "guest" / "algorithm.c").read_text("utf-8").splitlines()
        result = self.cover_guest("low")
        own = next(record for file, record in result.info.items() if file.endswith("algorithm.c"))
        counted = self.gcov()
        self.assertGreater(len(counted), 40)
        labels = {n for n, line in enumerate(text, 1) if re.match(r" +(case .*|default):$", line)}
        braces = {n for n, line in enumerate(text, 1) if line in ("{", "}")}
        self.assertEqual(counted.keys() - own.lines.keys(), labels)
        self.assertLessEqual(own.lines.keys() - counted.keys(), braces)
        for line in sorted(own.lines):
            at = line - 1 if text[line - 1] == "{" else line
            if at in counted:
                with self.subTest(line=line, text=text[line - 1].strip()):
                    self.assertEqual(own.lines[line], max(counted[at]))


class Tools(CoverCase):
    """What other tools make of the output, and what is told without DWARF."""

    def test_lcov(self) -> None:
        """lcov reads it, and adds up the same."""
        result = self.cover_guest("low")
        for option in ("lcov_branch_coverage=1", "branch_coverage=1"):
            done = self.tool(self.need("lcov"), "--summary", result.info_file, "--rc", option)
            if done.returncode == 0 and "branches...: no data" not in done.stdout:
                break
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        data = result.data
        for kind, one in (("lines", "lines"), ("functions", "functions"), ("branches", "branches")):
            found = f"({data[one]['hit']} of {data[one]['found']} {kind}"
            self.assertIn(found, said)

    def test_genhtml(self) -> None:
        """genhtml finds the sources, by prefix and by map."""
        elf, trace = self.trace("low")
        options = (
            ("--source-prefix", str(guests.HERE)),
            ("--map", f"guest={guests.HERE / 'guest'}"),
        )
        for number, option in enumerate(options):
            with self.subTest(option[0]):
                result = self.cover(elf, *option, trace)
                self.assertEqual(result.code, COVERED, result.said)
                self.assertIn(str(guests.HERE / "guest" / "cases.c"), result.info)
                page = self.work / f"page-{number}"
                genhtml = self.need("genhtml")
                done = self.tool(genhtml, "--branch-coverage", "-q", "-o", page, result.info_file)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                shown = list(page.rglob("cases.c.gcov.html"))
                self.assertEqual(len(shown), 1)
                self.assertIn("selected", shown[0].read_text("utf-8"))

    def test_without_dwarf(self) -> None:
        """Symbols alone tell the same functions and instructions."""
        elf, trace = self.trace("low")
        whole = self.cover(elf, trace).data
        result = self.cover(guests.without_dwarf(elf), trace, info=False)
        self.assertEqual(result.code, COVERED, result.said)
        self.assertIn("no DWARF", result.said)
        self.assertEqual(result.data["instructions"], whole["instructions"])
        inlined = 2  # at_most and doubled: no code of their own, no symbol
        self.assertEqual(result.data["functions"]["found"], whole["functions"]["found"] - inlined)
        self.assertEqual(result.data["functions"]["hit"], whole["functions"]["hit"] - inlined)
        missed = [
            [one["name"] for one in data["functions"]["missed"]] for data in (whole, result.data)
        ]
        self.assertEqual(sorted(missed[0]), sorted(missed[1]))


class SeenToFail(CoverCase):
    """The comparison finds what is wrong; a trace that cannot be judged is not."""

    def test_wrong_expectations(self) -> None:
        """Each kind of wrong expectation is reported with its line, and nothing else is."""
        source = guests.HERE / "guest" / "cases.c"
        result = self.cover_guest("low")
        reported = result.info["guest/cases.c"]
        lines = source.read_text("utf-8").splitlines()
        changes = {
            "result = 1; // cover: miss": "// cover: hit",
            "if (x == 0) // cover: hit 3; branch: both": "// cover: hit 3; branch: taken",
            "for (int i = 0; i < 5; i++) // cover: hit 6; branch: both": "// branch: both",
            "sum += i; // cover: hit 5": "// cover: hit 4",
            "return x ? left(x) : right(x); // cover: partial 2; branch: one": (
                "// cover: hit 2; branch: one"
            ),
            "int result; // cover: none": "// cover: hit",
            "} while (sum < 7); // cover: hit 3; branch: both": "// cover: hit 3",
        }
        changed = self.work / "changed.c"
        for old, new in changes.items():
            number = next(n for n, line in enumerate(lines) if " ".join(line.split()) == old)
            changed.write_text("\n".join([*lines[:number], new, *lines[number + 1 :]]), "utf-8")
            found = expectation.compare(
                expectation.read_source(changed), reported, result.partial("cases.c")
            )
            self.assertEqual([line.split(":")[0] for line in found], [str(number + 1)], found)
        text = source.read_text("utf-8").replace("function: loops 1", "function: loops 2")
        changed.write_text(text, "utf-8")
        found = expectation.compare(
            expectation.read_source(changed), reported, result.partial("cases.c")
        )
        self.assertEqual(found, ["loops(): expected count 2, reported 1"])
        changed.write_text("int x; // cover: maybe\n", "utf-8")
        self.assertRaises(ValueError, expectation.read_source, changed)

    def test_other_build(self) -> None:
        """A trace of another build of the same sources is refused by its build-id."""
        _elf, trace = self.trace("low")
        other = guests.build("low", self.work, "-DOTHER_BUILD")
        result = self.cover(other, trace)
        self.assertEqual(result.code, WRONG_USAGE, result.said)
        for elf in (_elf, other):
            self.assertIn(guests.build_id(elf), result.said)

    def test_torn_trace(self) -> None:
        """A trace that lost its end is told as torn; what it still has is used."""
        elf, trace = self.trace("low")
        torn = self.work / "torn.trace"
        used = struct.unpack_from("<Q", trace.read_bytes(), 16)[0]
        torn.write_bytes(trace.read_bytes()[: used - 20])
        result = self.cover(elf, torn)
        self.assertIn("torn", result.said)
        self.assertEqual(result.code, COVERED)
        self.assertNotEqual(result.data["traces"][0]["torn_bytes"], 0)

    def test_empty_trace(self) -> None:
        """No trace, an empty one, or one of no blocks cannot be judged."""
        elf, trace = self.trace("low")
        empty = self.work / "empty.trace"
        head = trace.read_bytes()[:120]
        for content in (b"", head[:60], head[:16] + struct.pack("<Q", 120) + head[24:]):
            empty.write_bytes(content)
            with self.subTest(size=len(content)):
                result = self.cover(elf, empty)
                self.assertEqual(result.code, NOT_JUDGED, result.said)


def main() -> None:
    """Command line."""
    while "--image" in sys.argv:
        at = sys.argv.index("--image")
        IMAGES.append(Path(sys.argv[at + 1]))
        del sys.argv[at : at + 2]
    if shutil.which(guests.QEMU) is None:
        sys.exit("qemu-system-aarch64 is missing: apt-get install qemu-system-arm")
    unittest.main()


if __name__ == "__main__":
    main()
