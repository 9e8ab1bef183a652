#!/usr/bin/python3
"""`rig cover` on Tyrne's images: the ways a run may end, thresholds, reasons, and second runs.

    test_cover_command.py BUILD [unittest options]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "rig"))
# pylint: disable=wrong-import-position # the path above comes first
from engine import elf, trace_file
from engine.operands import Site, operands
from engine.qemu import Machine, machine_words

BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build" / "debug"
QEMU = "qemu-system-aarch64"
OFFSET = 0xFFFF_FFFF_0000_0000
BOARD = "virt,gic-version=2,dtb-randomness=off"
SUITE = """\
suite: small
why: a test
keep: [kernel/, arch/, bsp/]
never-calls: [kernel_assert_failed]
image: {alias: [{from: 0x40000000, size: 128MiB, by: 0xffffffff00000000}]}
machine: {board: virt, options: gic-version=2}
variants: {el1: {}, el2: {machine: virtualization=on}, el3: {machine: secure=on}}
"""
BOOT = "  - {name: boot, elf: tyrne.elf, variants: [el1, el2], why: w}\n"


class Command(unittest.TestCase):
    """Each test has a directory of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with # below
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)
        self.out = self.path / "out"

    def rig(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the rig."""
        return subprocess.run(
            [str(ROOT / "rig" / "rig"), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def suite(self, runs: str, *words: str, more: str = "") -> subprocess.CompletedProcess[str]:
        """Run a suite with these runs."""
        path = self.path / "small.yaml"
        path.write_text(f"{SUITE}{more}runs:\n{runs}", encoding="utf-8")
        out = ["--build", str(BUILD), "--out", str(self.out), "--no-html"]
        return self.rig("cover", "--suite", str(path), *out, *words)

    # --- how runs end ----------------------------------------------------------------------------

    def test_guest_that_does_not_end(self) -> None:
        """A halted guest that was to end is out of its bound: 124, and its name is said."""
        done = self.suite("  - {name: h, elf: tyrne.elf, variants: el3, bound: 1, why: w}\n")
        self.assertEqual(done.returncode, 124, done.stderr)
        self.assertIn("run h-el3", done.stderr)
        self.assertIn("did not end within 1 s", done.stderr)

    def test_guest_that_should_not_end(self) -> None:
        """A guest that ends before its bound was not where it had to be: no judgement."""
        run = "  - {name: b, elf: tyrne.elf, variants: el1, bound: 9, ends: bound, why: w}\n"
        done = self.suite(run)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("run b-el1", done.stderr)

    def test_qemu_that_dies(self) -> None:
        """QEMU's own words come through."""
        run = "  - {name: b, elf: tyrne.elf, variants: el1, qemu: [-no-such], why: w}\n"
        done = self.suite(run)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("no-such", done.stderr)

    # --- what is judged --------------------------------------------------------------------------

    def test_thresholds(self) -> None:
        """Two boots reach a good part and not all; what lacks is listed with its place."""
        done = self.suite(BOOT, "--fail-under", "lines=20,branches=10")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("2 runs of 1 images", done.stdout)
        done = self.suite(BOOT, "--fail-under", "functions=100", "--json", str(self.path / "j"))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("the threshold is 100 %", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  kernel/panic\.c:\d+: kernel_panic: function")
        report = json.loads((self.path / "j").read_text(encoding="utf-8"))
        self.assertEqual(report["exit_code"], 1)
        missed = {item["function"] for item in report["missing"] if item["kind"] == "functions"}
        self.assertIn("kernel_panic", missed)
        self.assertNotIn("kernel_main", missed)

    def test_stale_and_lacking_reasons(self) -> None:
        """A reason for what was reached is an error, and so is what has no reason."""
        reasons = self.path / "reasons.yaml"
        reasons.write_text(
            "why: a test\nunreached:\n"
            "  - {file: kernel/main.c, function: kernel_main, what: line, reason: r}\n",
            encoding="utf-8",
        )
        done = self.suite(BOOT, "--audit", str(reasons))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("reasons.yaml:3:5: unreached[0]: covers nothing", done.stdout)
        self.assertRegex(
            done.stdout, r"broken: kernel/panic\.c:\d+: kernel_panic: .* not in the list"
        )

    def test_host_lines_are_added(self) -> None:
        """A line that only a host test runs counts; its branches are another table."""
        info = self.path / "host.info"
        panic = ROOT / "kernel" / "panic.c"
        text = panic.read_text(encoding="utf-8").splitlines()
        line = next(n for n, words in enumerate(text, 1) if words.startswith("_Noreturn void k"))
        info.write_text(
            f"TN:\nSF:{panic}\nFN:{line},kernel_panic\nFNDA:3,kernel_panic\n"
            f"BRDA:{line},0,0,1\nBRDA:{line},0,1,0\nDA:{line},3\nend_of_record\n",
            encoding="utf-8",
        )
        done = self.suite(BOOT, "--host-info", str(info), "--json", str(self.path / "j"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads((self.path / "j").read_text(encoding="utf-8"))
        self.assertEqual(report["totals"]["host-branches"], {"hit": 1, "found": 2})
        missed = {item["function"] for item in report["missing"] if item["kind"] == "functions"}
        self.assertNotIn("kernel_panic", missed)

    def test_mmu_states(self) -> None:
        """Boot code runs with the MMU off, the kernel with it on, some of it with both."""
        done = self.suite(BOOT, "--json", str(self.path / "j"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (image,) = json.loads((self.path / "j").read_text(encoding="utf-8"))["images"]
        counts = image["report"]["instructions"]
        self.assertLess(0, counts["hit_mmu_off"])
        self.assertLess(counts["hit_mmu_off"], counts["hit_mmu_on"])
        both = counts["hit_mmu_off"] + counts["hit_mmu_on"] - counts["hit"]
        self.assertEqual(counts["hit_both"], both)

    # --- one guest -------------------------------------------------------------------------------

    def test_foreign_guest_without_lines(self) -> None:
        """An image without DWARF: functions and instructions, and why there is no page."""
        bare = self.path / "bare.elf"
        strip = ["aarch64-linux-gnu-objcopy", "--strip-debug", str(BUILD / "tyrne.elf"), str(bare)]
        subprocess.run(strip, check=True)
        done = self.rig(
            "cover", "--elf", str(bare), "--machine", "virt,gic-version=2", "--bound", "30",
            "--alias", "0x40000000:0x8000000:0xffffffff00000000", "--out", str(self.out),
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"bare\.elf: \d+ of \d+ functions entered")
        self.assertIn("no lines and no pages", done.stdout)
        self.assertFalse((self.out / "html").exists())

    def test_annotate(self) -> None:
        """Instructions of one function, from a run made for it."""
        done = self.rig(
            "annotate", "--asm", "--elf", str(BUILD / "tyrne.elf"), "--pack", "tyrne",
            "--variant", "el1", "--function", "_start",
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("_start", done.stdout)

    def test_wrong_usage(self) -> None:
        """Exit 2, and a word about what is wrong."""
        image = str(BUILD / "tyrne.elf")
        cases: list[tuple[list[str], str]] = [
            ([], "--suite"),
            (["--suite", "tyrne", "--elf", image], "not both"),
            (["--suite", "no-such"], "no-such"),
            (["--elf", image, "--alias", "1:2"], "START:SIZE:BY"),
            (["--elf", image, "--fail-under", "lines"], "KIND=PERCENT"),
            (["--elf", image, "--host-info", "/no/such.info"], "/no/such.info"),
            (["--elf", image, "--cpu", "no-such-cpu"], "no-such-cpu"),
        ]
        for words, said in cases:
            with self.subTest(words):
                done = self.rig("cover", *words)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(said, done.stderr)


class Operands(unittest.TestCase):
    """Second runs with gdb's protocol."""

    def ask(self, image: str, machine: str, most: int) -> list[tuple[int, int, int]]:
        """(site, M, level) of the writes to SCTLR_EL1 in a run."""
        path = BUILD / image
        sites = []
        for vaddr, paddr, content in elf.loaded(path):
            for at in range(0, len(content) - 3, 4):
                word = int.from_bytes(content[at : at + 4], "little")
                if word & ~31 == 0xD5181000:  # MSR SCTLR_EL1, Xt
                    sites.append(Site(paddr + at if vaddr > OFFSET else vaddr + at, word & 31))
        with tempfile.TemporaryDirectory() as folder:
            guest = Machine("t", machine, "cortex-a72", "128M", 1, ())
            words = machine_words(str(shutil.which(QEMU)), guest) + ["-kernel", str(path)]
            hits = operands(words, Path(folder), sites, most, 60)
        return [(hit.pc, hit.value & 1, hit.el) for hit in hits]

    def test_both_entries(self) -> None:
        """Entered at EL1 and at EL2 the MMU goes on with the second write, at EL1."""
        for machine, first in ((BOARD, 1), (f"{BOARD},virtualization=on", 2)):
            with self.subTest(machine):
                hits = self.ask("tyrne.elf", machine, 2)
                self.assertEqual([hit[1:] for hit in hits], [(0, first), (1, 1)])

    def test_guest_that_ends_first(self) -> None:
        """Asking for more than there is ends with the guest."""
        self.assertEqual(len(self.ask("tyrne.elf", BOARD, 64)), 2)

    def test_trace_is_completed(self) -> None:
        """A write that a program tries at EL0 changes nothing; it is noted as it was before."""
        with tempfile.TemporaryDirectory() as folder:
            command = [
                str(ROOT / "rig" / "rig"), "cover", "--elf",
                str(BUILD / "user-images" / "write-sctlr.elf"), "--machine", "virt,gic-version=2",
                "--alias", "0x40000000:0x8000000:0xffffffff00000000", "--out", folder, "--no-html",
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = trace_file.epochs(Path(folder) / "runs" / "guest" / "run.cov")
        self.assertEqual([epoch.after for epoch in found], [0, 1, 1])


if __name__ == "__main__":
    unittest.main()
