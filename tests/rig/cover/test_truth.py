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
        elf, trace = self.trace("high")
        alias = str(guests.KINDS["high"].alias)
        done = self.tool(
            *(guests.tools() / "rig-trace", "annotate", "--elf", elf, "--alias", alias),
            *("--mmu", "on,off", "--function", "both_sides", trace),
        )
        self.assertEqual(done.returncode, COVERED, done.stderr)
        print(done.stdout)
        print(self.cover_guest("high").data)

    def test_line_0_is_counted(self) -> None:
        """A branch that belongs to no line is counted and listed, not dropped in silence."""
        self.assertEqual(self.cover_guest("low").data["branches"]["line0"], 1)


class CrossCheck(CoverCase):
    """Others who count tell the same."""

    def check_log(self, name: str, elf: Path) -> trace_counts.Executed:
        """The plugin's counts and QEMU's log of the same guest, instruction by instruction."""
        trace = guests.run(elf, self.work / f"{name}.trace")
        log = guests.run(elf, self.work / f"{name}.log", guests.Run(log=True))
        recorded = trace_counts.from_trace(trace)
        logged = trace_counts.from_log(log, recorded.opcodes)
        self.assertGreater(logged.counts.total(), 200)
        self.assertGreater(logged.branches.total(), 20)
        self.assertEqual(recorded.differences(logged), [])
        for address in logged.restarted:
            self.assertTrue(trace_counts.is_memory_access(recorded.opcodes[address]), hex(address))
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

    def gcov(self) -> dict[int, tuple[int, list[int]]]:
        """Line -> its count, and those of the blocks that end in it, as gcov counts on the host."""
        sources = [guests.HERE / "guest" / name for name in ("algorithm.c", "host_main.c")]
        done = self.tool(
            self.need("gcc"), "-std=gnu11", "-O0", "--coverage", "-o", "host", *sources
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.tool(self.work / "host").returncode, 0)
        done = self.tool(self.need("gcov"), "-a", "host-algorithm.gcno")
        self.assertEqual(done.returncode, 0, done.stderr)
        found: dict[int, tuple[int, list[int]]] = {}
        text = (self.work / "algorithm.c.gcov").read_text("utf-8")
        for match in re.finditer(r"^ *([\d#%$=]+)\*?: *(\d+)(-block|:)", text, re.MULTILINE):
            count = int(match[1]) if match[1].isdigit() else 0
            if match[3] == ":":
                found[int(match[2])] = (count, [])
            else:
                found[int(match[2])][1].append(count)
        return found

    def test_gcov(self) -> None:
        """gcov, on the host's build of the same file, has the same lines with the same counts.

        One kind of line is in gcov's list only: a label of a switch, which has no code of its own.
        A line that ends several basic blocks counts as often as the block that ran most.
        """
        text = (guests.HERE / "guest" / "algorithm.c").read_text("utf-8").splitlines()
        reported = self.cover_guest("low").info
        own = next(record for file, record in reported.items() if file.endswith("algorithm.c"))
        counted = self.gcov()
        self.assertGreater(len(counted), 40)
        labels = {n for n, line in enumerate(text, 1) if re.match(r" +(case .*|default):$", line)}
        self.assertEqual(set(own.lines) ^ set(counted), labels & set(counted))
        for line in sorted(own.lines.keys() & counted.keys()):
            count, blocks = counted[line]
            with self.subTest(line=line, text=text[line - 1].strip()):
                self.assertEqual(own.lines[line], max([count, *blocks]))


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
        print(result.data, result.said)
        self.assertEqual(result.data["instructions"], whole["instructions"])


class SeenToFail(CoverCase):
    """The comparison finds what is wrong; a trace that cannot be judged is not."""

    def test_wrong_expectations(self) -> None:
        """Each kind of wrong expectation is reported with its line, and nothing else is."""
        source = guests.HERE / "guest" / "cases.c"
        result = self.cover_guest("low")
        name, reported = next(pair for pair in result.info.items() if "cases.c" in pair[0])
        lines = source.read_text("utf-8").splitlines()
        changes = {
            "result = 1; // cover: miss": "// cover: hit",
            "if (x == 0)    // cover: hit 3; branch: both": "// cover: hit 3; branch: taken",
            "for (int i = 0; i < 5; i++) // cover: hit 6; branch: both": "// branch: both",
            "sum += i;               // cover: hit 5": "// cover: hit 4",
            "return x ? left(x) : right(x); // cover: partial 2; branch: one": (
                "// cover: hit 2; branch: one"
            ),
            "int result;     // cover: none": "// cover: hit",
        }
        for old, new in changes.items():
            number = next(n for n, line in enumerate(lines) if line.strip() == old)
            changed = self.work / "changed.c"
            changed.write_text("\n".join([*lines[:number], new, *lines[number + 1 :]]), "utf-8")
            found = expectation.compare(
                expectation.read_source(changed), reported, result.partial(name)
            )
            self.assertEqual([line.split(":")[0] for line in found], [str(number + 1)], found)
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
