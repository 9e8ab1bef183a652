#!/usr/bin/python3
"""The coverage engine without QEMU: tracefiles, suites, thresholds, the list of reasons."""

from __future__ import annotations

import struct
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
import support
from engine import cover_audit, cover_report, cover_suite, lcov_info, trace_file
from engine.cover_result import Coverage, Image
from engine.elf import Elf
from engine.errors import CannotJudge, PackError, UsageError
from engine.lcov_info import FileRecord, Records


def record(lines: dict[int, int], **more: Any) -> FileRecord:
    """A file's record."""
    return FileRecord(lines=lines, **more)


def image(records: Records, partial: list[int], branches: dict[str, Any] | None = None) -> Image:
    """An image that ran alone, with what rig-trace would have said of it."""
    return Image(
        "a.elf",
        "/b/a.elf",
        ["run"],
        records,
        {
            "instructions": {
                "found": 4,
                "hit": 2,
                "hit_mmu_off": 1,
                "hit_mmu_on": 2,
                "hit_both": 1,
            },
            "branches": {"unknown": 0, "line0": 0, "excluded": [], **(branches or {})},
            "outside": [],
            "differs": [],
            "files": [
                {"file": name, "missed_lines": [], "partial_lines": partial} for name in records
            ],
        },
    )


class Folder(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with # below
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)

    def write(self, name: str, text: str) -> Path:
        """A file in it."""
        path = self.path / name
        path.write_text(text, encoding="utf-8")
        return path


class Tracefiles(Folder):
    """Reading, merging and writing .info."""

    def test_both_versions_of_lcov(self) -> None:
        """The end line of lcov 2.x and a checksum are read over."""
        text = (
            "TN:t\nSF:k/a.c\nFN:3,f\nFN:9,12,g\nFNDA:2,f\nFNDA:0,g\nFNF:2\nFNH:1\n"
            "BRDA:4,7,0,-\nBRDA:4,7,1,3\nDA:3,2,abcd==\nDA:9,0\nLF:2\nLH:1\nend_of_record\n"
        )
        found = lcov_info.read(self.write("a.info", text))["k/a.c"]
        self.assertEqual(found.lines, {3: 2, 9: 0})
        self.assertEqual(found.functions, {"f": (3, 2), "g": (9, 0)})
        self.assertEqual(found.branches, {(4, "7", "0"): None, (4, "7", "1"): 3})

    def test_merge_adds_by_key(self) -> None:
        """Never looked at stays so only when every part says it."""
        one = {"a.c": record({1: 1, 2: 0}, branches={(1, "0", "0"): None, (1, "0", "1"): None})}
        two = {"a.c": record({2: 5}, branches={(1, "0", "0"): 0}), "b.c": record({1: 0})}
        merged = lcov_info.merge([one, two])
        self.assertEqual(merged["a.c"].lines, {1: 1, 2: 5})
        self.assertEqual(merged["a.c"].branches, {(1, "0", "0"): 0, (1, "0", "1"): None})
        self.assertEqual(merged["b.c"].lines, {1: 0})
        self.assertEqual(one["a.c"].lines, {1: 1, 2: 0}, "the parts stay as they are")

    def test_written_is_read_again(self) -> None:
        """Text and records are the same thing; totals count what was reached."""
        records = {
            "a.c": record(
                {4: 0, 3: 2},
                functions={"f": (3, 2)},
                branches={(3, "1", "0"): None, (3, "1", "1"): 1},
            )
        }
        text = lcov_info.text_of(records, "guest")
        self.assertEqual(lcov_info.read(self.write("a.info", text)), records)
        for line in (
            "TN:guest",
            "BRF:2",
            "BRH:1",
            "LF:2",
            "LH:1",
            "FNF:1",
            "FNH:1",
            "BRDA:3,1,0,-",
        ):
            self.assertIn(line, text.splitlines())

    def test_damaged(self) -> None:
        """What is no tracefile is named by file and line."""
        for text, place in (
            ("SF:a.c\nDA:x,1\nend_of_record\n", ":2:"),
            ("DA:1,1\n", ":1:"),
            ("SF:a.c\nBRDA:1,2,3\nend_of_record\n", ":2:"),
            ("SF:a.c\nDA:1,1\n", "ends inside"),
        ):
            with self.subTest(text), self.assertRaises(CannotJudge) as caught:
                lcov_info.read(self.write("bad.info", text))
            self.assertIn(place, str(caught.exception))

    def test_names_below_the_root(self) -> None:
        """Whole names become relative, others and what is not asked for go."""
        records = {"/r/k/a.c": record({1: 1}), "k/b.c": record({1: 1}), "/x/c.c": record({1: 1})}
        kept = lcov_info.relative_to(records, Path("/r"), ["k/"])
        self.assertEqual(sorted(kept), ["k/a.c", "k/b.c"])
        self.assertEqual(lcov_info.relative_to(records, Path("/r"), ["j/"]), {})


class TraceFiles(Folder):
    """The driver's look into a trace."""

    def trace(self, *chunks: bytes, used: int | None = None) -> Path:
        """A trace with these chunks."""
        body = b"".join(chunks)
        size = trace_file.HEADER.size + len(body) if used is None else used
        head = trace_file.HEADER.pack(trace_file.MAGIC, 1, 1, size, 0, 1, 1, 0, b"")
        path = self.path / "run.cov"
        path.write_bytes(head + body)
        return path

    @staticmethod
    def epoch(vaddr: int, after: int) -> bytes:
        """An epoch without blocks."""
        return trace_file.EPOCH.pack(trace_file.TAG_EPOCH, 32, vaddr, 0xD5181009, after, 1, 0)

    def test_epochs_between_blocks(self) -> None:
        """Other chunks are stepped over by their size."""
        block = struct.pack("<II", 0x4B4C4230, 64) + bytes(56)
        path = self.trace(block, self.epoch(0x40, 2), block, self.epoch(0x80, 1))
        found = trace_file.epochs(path)
        self.assertEqual([(e.vaddr, e.after, e.el) for e in found], [(0x40, 2, 1), (0x80, 1, 1)])
        trace_file.set_after(path, found[0], trace_file.ON)
        self.assertEqual([e.after for e in trace_file.epochs(path)], [1, 1])

    def test_torn(self) -> None:
        """What `used` does not cover is not there; a file without header is no trace."""
        path = self.trace(self.epoch(0x40, 2), self.epoch(0x80, 2), used=120 + 40)
        self.assertEqual(len(trace_file.epochs(path)), 1)
        path.write_bytes(b"")
        with self.assertRaises(CannotJudge):
            trace_file.epochs(path)


def support_elf(path: Path) -> Elf:
    """The made-up image under the file's name."""
    elf: Elf = support.make_elf()
    return replace(elf, path=str(path), build_id=path.name)


SUITE = """\
suite: t
why: a test
machine: {board: virt}
variants: {a: {}, b: {cpu: max}}
runs:
"""


class Suites(Folder):
    """The schema and the expansion of suites."""

    def findings(self, runs: str, head: str = SUITE) -> list[str]:
        """What is said about a suite with these runs."""
        path = self.write("suite.yaml", head + runs)
        with self.assertRaises(PackError) as caught:
            cover_suite.load(path, self.path, self.path)
        return [finding.removeprefix(f"{path}:") for finding in caught.exception.findings]

    def test_complaints_have_places(self) -> None:
        """File, line, column and key of each mistake."""
        run = "  - {name: r, why: w, elf: x.elf"
        for runs, place, words in (
            (run + ", end: guest}\n", "6:40: runs[0].end", "unknown key"),
            (run + ", ends: never}\n", "6:41: runs[0].ends", "expected one of guest, bound"),
            (run + ", bound: 0}\n", "6:42: runs[0].bound", "at least 1"),
            ("  - {name: r, why: w}\n", "6:5: runs[0]", "has no 'elf'"),
            (run + ", variants: [c]}\n", "6:45: runs[0].variants", "no variant 'c'"),
            (run + "}\n", "6:28: runs[0].elf", "names no image"),
        ):
            with self.subTest(words):
                found = self.findings(runs)
                self.assertTrue(any(f.startswith(place) and words in f for f in found), found)

    def test_each_image_and_variant(self) -> None:
        """A glob stands for its files, a run without variants for all of them."""
        for name in ("x.elf", "y.elf", "y.user.elf"):
            self.write(name, "")
        runs = "  - {name: r, why: w, elf: '*.elf', skip: '*.user.elf'}\n"
        runs += (
            "  - {name: s, why: w, elf: x.elf, variants: b, memory: 1G, bound: 2, ends: bound}\n"
        )
        path = self.write("suite.yaml", SUITE + runs)
        with mock.patch("engine.elf.load", support_elf):
            found = cover_suite.load(path, self.path, self.path)
        names = [run.name for run in found.runs]
        self.assertEqual(names, ["r-x-a", "r-x-b", "r-y-a", "r-y-b", "s-b"])
        self.assertEqual([run.machine.cpu for run in found.runs][:2], ["cortex-a72", "max"])
        last = found.runs[-1]
        self.assertEqual((last.machine.memory, last.bound, last.ends), ("1G", 2.0, "bound"))
        self.assertEqual((found.runs[0].bound, found.runs[0].ends), (60.0, "guest"))
        self.assertEqual([len(runs) for runs in found.images().values()], [3, 2])

    def test_missing_file(self) -> None:
        """A suite that is not there is wrong usage."""
        with self.assertRaises(UsageError):
            cover_suite.load(self.path / "no.yaml", self.path, self.path)


AUDIT = """\
why: a test
unreached:
  - file: a.c
    function: f
    line: "return 1;"
    what: [line, branch]
    reason: nothing
      comes here
"""


class Judging(Folder):
    """Thresholds and reasons."""

    def setUp(self) -> None:
        super().setUp()
        self.write("a.c", "int f(int x)\n{\n    if (x)\n        return 1;\n    return 0;\n}\n")
        guest = {
            "a.c": record(
                {1: 1, 3: 1, 4: 0, 5: 1},
                functions={"f": (1, 1)},
                branches={(3, "9", "0"): 0, (3, "9", "1"): 4},
            )
        }
        self.coverage = Coverage([image(guest, [3])], guest, None)

    def test_thresholds_held_and_missed(self) -> None:
        """Three of four lines are 75 %, exactly."""
        wanted = cover_report.thresholds("functions=100,lines=75,branches=50")
        self.assertEqual(cover_report.below(self.coverage, wanted), {})
        low = cover_report.below(self.coverage, cover_report.thresholds("lines=75.1,branches=51"))
        self.assertEqual(sorted(low), ["branches", "lines"])
        self.assertIn("3 of 4 are 75.00 %, the threshold is 75.1 %", low["lines"])

    def test_nothing_measured_is_below(self) -> None:
        """A threshold on nothing is no success."""
        empty = Coverage([], {}, None)
        self.assertIn("nothing was found", cover_report.below(empty, {"lines": 0.0})["lines"])
        low = cover_report.below(self.coverage, {"host-branches": 1.0})
        self.assertIn("--host-info", low["host-branches"])

    def test_image_without_symbols(self) -> None:
        """Nothing found of an image is told, not taken for all of it."""
        counts = {"found": 0, "hit": 0, "hit_mmu_off": 0, "hit_mmu_on": 0, "hit_both": 0}
        stripped = Image("stripped.elf", "", [], {}, {"instructions": counts})
        said: list[str] = []
        cover_report.instructions([stripped], said.append)
        self.assertEqual(len(said), 1)
        self.assertIn("stripped.elf: no instruction is known", said[0])
        self.assertNotIn("%", said[0])

    def test_wrong_thresholds(self) -> None:
        """Every other word is wrong usage."""
        for text in ("lines", "lines=x", "lines=101", "line=9", "lines=1,lines=2", "lines=-1"):
            with self.subTest(text), self.assertRaises(UsageError):
                cover_report.thresholds(text)

    def test_host_reaches_lines_not_branches(self) -> None:
        """Lines are one table, branches two."""
        host = {"a.c": record({4: 7}, branches={(3, "0", "0"): 0, (3, "0", "1"): 1})}
        both = Coverage(self.coverage.images, self.coverage.guest, host)
        self.assertEqual(both.counts("lines"), (4, 4))
        self.assertEqual(both.counts("branches"), (1, 2))
        self.assertEqual(both.counts("host-branches"), (1, 2))
        kinds = [item.kind for item in both.missing()]
        self.assertEqual(sorted(kinds), ["branches", "host-branches"])

    def test_partial_until_one_image_runs_all(self) -> None:
        """A line is partial while no image ran all of its code."""
        self.assertEqual(self.coverage.partial("a.c"), [3])
        whole = image({"a.c": record({3: 2})}, [])
        images = [*self.coverage.images, whole]
        self.assertEqual(Coverage(images, self.coverage.guest, None).partial("a.c"), [])

    def audit(self, text: str) -> cover_audit.Audit:
        """The list, held against the measurement."""
        audit = cover_audit.load(self.write("audit.yaml", text))
        audit.compare(self.coverage.missing(), self.path)
        return audit

    def test_reason_by_the_lines_text(self) -> None:
        """The branch on line 3 has no reason yet: one finding, with its place."""
        found = self.audit(AUDIT).findings()
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith("a.c:3: f: branch always taken"), found)
        whole = self.audit(AUDIT.replace('    line: "return 1;"\n', ""))
        self.assertEqual(whole.findings(), [])
        self.assertEqual(whole.entries[0].reason, "nothing comes here")

    def test_stale_reasons(self) -> None:
        """A reason for what is reached, or for code that is gone, is an error with its place."""
        stale = AUDIT + "  - {file: a.c, function: f, line: return 0, what: line, reason: r}\n"
        stale += "  - {file: a.c, function: f, what: branch, reason: r}\n"
        found = self.audit(stale).findings()
        self.assertEqual(len(found), 1, found)
        self.assertIn("audit.yaml:9:5: unreached[1]: covers nothing", found[0])

    def test_wrong_list(self) -> None:
        """The list has a schema, too."""
        with self.assertRaises(PackError) as caught:
            cover_audit.load(self.write("audit.yaml", AUDIT.replace("reason:", "because:")))
        self.assertIn("audit.yaml:7:14: unreached[0].because: unknown key", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
