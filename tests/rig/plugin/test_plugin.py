#!/usr/bin/python3
"""The coverage plugin inside QEMU: what it records, how it ends, what it refuses.

    test_plugin.py --elf TYRNE_ELF [CLASS...]

$RIG_TOOLS is the directory of the plugins.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
import coverage_trace as trace  # noqa: E402
from engine import plugin  # noqa: E402
from engine.errors import CannotJudge  # noqa: E402
from engine.process import find_tool  # noqa: E402
from engine.qemu import DETERMINISTIC, QUIET  # noqa: E402

BOUND_S = 60
RAM_MASK = (1 << 31) - 1  # all aliases of the guest's RAM, which is below 2 GiB, as one
QEMU = ""
ELF = Path()
PARALLEL = ["-accel", "tcg,thread=multi"]


class PluginTest(unittest.TestCase):
    """A work directory and guests in it."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-plugin-")))

    def guest(self, *defines: str) -> Path:
        """The small guest of guest.S."""
        elf = self.work / ("-".join(["guest", *defines]) + ".elf")
        command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x40080000"]
        command += [f"-D{name}" for name in defines] + ["-o", str(elf), str(HERE / "guest.S")]
        subprocess.run(command, check=True, timeout=BOUND_S)
        return elf

    def command(self, elf: Path, arguments: str, *more: str, parallel: bool = False) -> list[str]:
        """QEMU's command line with the plugin and its arguments."""
        timing = PARALLEL if parallel else DETERMINISTIC
        command = [QEMU, "-M", "virt,gic-version=2,dtb-randomness=off", "-cpu", "cortex-a72"]
        command += ["-m", "128M", *timing, *QUIET, "-serial", f"file:{self.work / 'serial.txt'}"]
        command += ["-plugin", f"{plugin.choose(QEMU)}{arguments}", "-kernel", str(elf), *more]
        return command

    def run_guest(
        self, elf: Path, arguments: str, *more: str, parallel: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a guest that ends by itself."""
        return subprocess.run(
            self.command(elf, arguments, *more, parallel=parallel),
            capture_output=True, text=True, timeout=BOUND_S, check=False,
        )  # fmt: skip

    def record(self, name: str, *more: str, parallel: bool = False) -> trace.Trace:
        """The trace of a run of Tyrne, which has to end well."""
        path = self.work / name
        done = self.run_guest(ELF, f",out={path}", *more, parallel=parallel)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("all tasks complete", (self.work / "serial.txt").read_text("utf-8"))
        return trace.read(path)

    def killed(self, elf: Path, name: str, pc: int, count: int = 1) -> trace.Trace:
        """The trace of a guest that never ends, killed once it has executed `pc` so often."""
        path = self.work / name
        with subprocess.Popen(
            self.command(elf, f",out={path}"), stderr=subprocess.DEVNULL
        ) as process:
            try:
                self.wait_for(path, pc, count)
                self.assertIsNone(process.poll())
            finally:
                process.send_signal(signal.SIGKILL)
        return trace.read(path)

    def wait_for(self, path: Path, pc: int, count: int) -> None:
        """Until the guest got there; bounded."""
        end = time.monotonic() + BOUND_S
        while time.monotonic() < end:
            if path.exists() and path.stat().st_size > trace.HEADER.size:
                try:
                    if trace.read(path).executed().get(pc, 0) >= count:
                        return
                except ValueError:
                    pass  # the header is not there yet
            time.sleep(0.01)
        self.fail("the guest did not get to its end")


class Records(PluginTest):
    """What the file says is what ran."""

    def test_boot(self) -> None:
        """The whole boot, closed, with both MMU states and every physical address."""
        got = self.record("boot")
        self.assertEqual(got.flags, trace.CLOSED)
        self.assertEqual(got.cpus, 1)
        executed = got.executed()
        self.assertEqual(executed[0x40080000], 1)
        self.assertEqual([epoch.el for epoch in got.epochs], [1, 1])
        self.assertNotIn(trace.UNKNOWN_ADDRESS, {block.paddr for block in got.blocks})
        high = [block for block in got.blocks if block.vaddr >> 48 == 0xFFFF]
        self.assertGreater(len(high), 500)
        for block in high:
            self.assertEqual(block.vaddr - block.paddr, 0xFFFFFFFF00000000)
        outcomes = got.outcomes()
        self.assertGreater(sum(1 for each in outcomes.values() if each[0] and each[1]), 50)

    def test_known_loop(self) -> None:
        """Counts and outcomes of a guest known by construction, after a kill in WFI."""
        got = self.killed(self.guest(), "wfi", 0x4008001C)
        self.assertEqual(got.flags, 0)
        self.assertEqual(got.outcomes(), {0x40080008: (1, 99, 0)})
        expected = {0x40080000: 1, 0x40080004: 100, 0x40080008: 100}
        expected |= {0x4008000C + 4 * index: 1 for index in range(5)}
        self.assertEqual(got.executed(), expected)

    def test_cut_by_exception(self) -> None:
        """What lies behind a load that faults is not credited, the branch at the end is unknown."""
        got = self.killed(self.guest("FAULT"), "fault", 0x40080040)
        executed = got.executed()
        self.assertEqual([executed.get(0x4008002C + 4 * index, 0) for index in range(5)],
                         [1, 1, 0, 0, 0])  # fmt: skip
        self.assertEqual(executed[0x40080A00], 1)
        self.assertEqual(got.outcomes()[0x40080038], (0, 0, 1))

    def test_repeats_exactly(self) -> None:
        """The same run twice gives the same bytes."""
        self.record("first")
        self.record("second")
        self.assertEqual(
            (self.work / "first").read_bytes(), (self.work / "second").read_bytes()
        )  # fmt: skip

    def test_segments_are_true(self) -> None:
        """Counts by segment equal those of blocks of one instruction, and those say nothing twice:
        under -icount an access to a device restarts its block."""
        whole, single = self.record("whole"), self.record("single", *one_instruction())
        self.assertEqual({len(block.opcodes) for block in single.blocks}, {1})
        # Variant 2 is for QEMUs that run one translation at all aliases: which of them the record
        # names depends on where its block began first.
        mask = RAM_MASK if plugin.variant(QEMU) == 2 else ~0
        self.assertEqual(whole.executed(mask), single.executed(mask))
        self.assertEqual(whole.outcomes(mask), single.outcomes(mask))

    def test_two_cpus(self) -> None:
        """A second CPU that stays off changes nothing, neither in turn nor in threads."""
        one = self.record("one").executed()
        self.assertEqual(self.record("turns", "-smp", "2").executed(), one)
        threads = self.record("threads", "-smp", "2", parallel=True)
        self.assertEqual(threads.cpus, 2)
        # Real time decides how often the kernel polls; what runs at all stays the same.
        self.assertEqual(set(threads.executed()), set(one))

    def test_image(self) -> None:
        """The build-id is in the header."""
        path = self.work / "id"
        done = self.run_guest(ELF, f",out={path},image=00ff10")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(trace.read(path).image_id, bytes([0, 255, 16]))


class Ends(PluginTest):
    """However QEMU ends, the file can be read."""

    def test_killed(self) -> None:
        """SIGKILL in the middle of a busy loop: what ran is there, the loop counted on."""
        got = self.killed(self.guest("SPIN"), "spin", 0x4008001C, 1000)
        self.assertEqual(got.flags, 0)
        executed = got.executed()
        self.assertGreaterEqual(executed[0x4008001C], 1000)
        self.assertEqual(executed[0x40080018], 1)
        self.assertNotIn(0x40080020, executed)

    def test_full(self) -> None:
        """A full file says so; the guest does not notice, and what was recorded is right."""
        path = self.work / "full"
        done = self.run_guest(ELF, f",out={path},limit=20000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual(path.stat().st_size, 20000)
        got, whole = trace.read(path), self.record("all")
        self.assertEqual(got.flags, trace.CLOSED | trace.FULL)
        records = {(block.vaddr, block.opcodes): block for block in whole.blocks}
        self.assertGreater(len(got.blocks), 50)
        variant = plugin.variant(QEMU)
        for block in got.blocks:
            record = records[(block.vaddr, block.opcodes)]
            self.assertEqual(block.counts, record.counts)
            self.assertEqual(sum(block.outcomes), sum(record.outcomes))
            if variant == 1:  # variant 2 cannot tell a way into a block it has not
                self.assertEqual(block.outcomes, record.outcomes)

    def test_full_disk(self) -> None:
        """No room at all to create the file is an error before the guest starts."""
        done = self.run_guest(ELF, ",out=/dev/full")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot create /dev/full", done.stderr)


class Refuses(PluginTest):
    """Wrong arguments and wrong QEMUs, in clear words."""

    def test_arguments(self) -> None:
        """Each wrong argument is named, and QEMU does not start."""
        out = f",out={self.work / 'x'}"
        cases = {
            "": "out=FILE is missing",
            ",out=": "out=FILE is missing",
            ",out=/nonexistent/x": "cannot create /nonexistent/x: No such file",
            f"{out},foo=1": "unknown argument 'foo=1'",
            f"{out},limit=12": "limit=12: a number of bytes from 4096",
            f"{out},limit=-1": "limit=-1: a number",
            f"{out},limit=5000x": "limit=5000x: a number",
            f"{out},limit=99999999999999999999": "a number of bytes",
            f"{out},image=abc": "image=abc: a build-id",
            f"{out},image=xy": "image=xy: a build-id",
            f"{out},image={'00' * 41}": "at most 80",
        }
        for arguments, message in cases.items():
            with self.subTest(arguments):
                done = self.run_guest(ELF, arguments)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"rigcover: {message}" if message[0] != "a" else message, done.stderr)

    def test_other_target(self) -> None:
        """A QEMU of another architecture."""
        other = shutil.which("qemu-system-arm")
        if other is None:
            self.skipTest("no qemu-system-arm")
        library = plugin.choose(QEMU)
        command = [other, "-M", "virt", *QUIET, "-plugin", f"{library},out={self.work / 'x'}"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BOUND_S, check=False
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn("reads AArch64 guests; this QEMU emulates arm", done.stderr)


class Chooses(PluginTest):
    """The variant comes from the symbols that the QEMU exports."""

    def library(self, name: str, *functions: str) -> Path:
        """A stand-in for a QEMU that exports these functions."""
        path = self.work / name
        source = "".join(f"void {function}(void) {{}}\n" for function in functions)
        subprocess.run(
            ["gcc", "-shared", "-x", "c", "-o", str(path), "-"],
            input=source, text=True, check=True, timeout=BOUND_S,
        )  # fmt: skip
        return path

    def test_by_symbol(self) -> None:
        """Old, new, and both at once."""
        old = "qemu_plugin_register_vcpu_insn_exec_inline"
        new = f"{old}_per_vcpu"
        self.assertEqual(plugin.variant(str(self.library("old", old))), 1)
        self.assertEqual(plugin.variant(str(self.library("new", new))), 2)
        self.assertEqual(plugin.variant(str(self.library("both", old, new))), 2)

    def test_no_plugins(self) -> None:
        """No QEMU with plugins: the way to one is named."""
        for path in (self.library("none", "main_loop"), self.work / "missing", HERE / "guest.S"):
            with self.assertRaises(CannotJudge) as caught:
                plugin.choose(str(path))
            self.assertIn(str(path), str(caught.exception))
        with self.assertRaises(CannotJudge) as caught:
            plugin.variant(str(self.work / "none"))
        self.assertIn("no TCG plugins", str(caught.exception))
        self.assertIn("apt-get install qemu-system-arm", str(caught.exception))

    def test_this_qemu(self) -> None:
        """The one found here gets a library that exists; a name that does not is named."""
        self.assertTrue(plugin.choose(QEMU).is_file())
        with self.assertRaises(CannotJudge) as caught:
            plugin.choose(QEMU, "rignothing")
        self.assertIn("librignothing-", str(caught.exception))


def one_instruction() -> list[str]:
    """The option that makes each block one instruction; its name changed with QEMU 8.1."""
    text = subprocess.run([QEMU, "-help"], capture_output=True, text=True, check=True).stdout
    return ["-singlestep"] if "-singlestep" in text else ["-accel", "tcg,one-insn-per-tb=on"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--elf", type=Path, required=True)
    known, rest = parser.parse_known_args()
    ELF = known.elf
    try:
        QEMU = find_tool("qemu-system-aarch64", "RIG_QEMU")
    except CannotJudge as missing:
        print(missing)
        sys.exit(3)
    os.environ.setdefault("RIG_TOOLS", str(ROOT / "build" / "debug" / "rig"))
    unittest.main(argv=[sys.argv[0], *rest])
