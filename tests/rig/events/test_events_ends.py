#!/usr/bin/python3
"""The event plugin inside QEMU: operands out of a list, how it ends, what it refuses.

    test_events_ends.py [CLASS...]

$RIG_TOOLS is the directory of the plugins.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import event_file as trace
import events_case as case
from events_case import OTHER_ROOT, symbols


class Operands(case.EventsTest):
    """Values out of another run."""

    def setUp(self) -> None:
        if self.variant == 2:
            self.skipTest("this QEMU's plugins read registers")

    def test_left_the_path(self) -> None:
        """From the first arrival on that is another one nothing is known, and the trace says so."""
        values = self.values()
        values[5:6] = []
        got = self.record("lost", f",ram=0x40000000{self.operands(values)}")
        self.assertTrue(got.flags & trace.LOST)
        self.assertEqual(self.one(got, "insn", "set_sctlr").known(), 0xC5183D)
        for label in ("unlink_tlbi", "code_dc", "set_ttbr1", "at"):
            self.assertIsNone(self.one(got, "insn", label).known(), label)

    def test_ends_early(self) -> None:
        """A list that ends is the same."""
        got = self.record("short", f",ram=0x40000000{self.operands(self.values()[:-1])}")
        self.assertTrue(got.flags & trace.LOST)
        self.assertIsNone(self.one(got, "insn", "at").known())
        self.assertEqual(self.one(got, "insn", "set_ttbr1").known(), OTHER_ROOT)

    def test_wrong_files(self) -> None:
        """What is no list is refused before the guest starts."""
        path = self.work / "wrong.txt"
        cases = {
            "": "the line '-' behind the sites is missing",
            "site 40080000\n": "the line '-' behind the sites is missing",
            "site xyz\n-\n": "a line is not 'site PC'",
            "sites 4\n-\n": "a line is not 'site PC'",
            "site 11112222333344445\n-\n": "a line is not 'site PC'",
        }
        for text, message in cases.items():
            with self.subTest(text):
                path.write_text(text, "ascii")
                done = case.run(self.command(f",out={self.work / 'x'},operands={path}"))
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"rigevents: operands={path}: {message}", done.stderr)


class Ends(case.EventsTest):
    """However QEMU ends, the file can be read."""

    def test_killed(self) -> None:
        """SIGKILL in a loop of barriers: each that executed is there, in whole events."""
        elf = self.guest("SPIN")
        spin = symbols(elf)["spin"]
        path = self.work / "killed"
        command = self.command(f",out={path},stores=off,limit=4000000000", elf)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                self.wait_for(path, 1_000_000)
                self.assertIsNone(process.poll())
            finally:
                process.send_signal(signal.SIGKILL)
        got = trace.read(path)
        self.assertEqual(got.flags & trace.CLOSED, 0)
        start = next(i for i, event in enumerate(got.events) if event.pc == spin)
        self.assertGreater(len(got.events) - start, 1000)
        self.assertEqual({event.pc for event in got.events[start:]}, {spin})

    def wait_for(self, path: Path, size: int) -> None:
        """Until the file is that long; bounded."""
        end = time.monotonic() + case.BOUND_S
        while time.monotonic() < end:
            if path.exists() and path.stat().st_size >= 2 * size:
                return
            time.sleep(0.01)
        self.fail("the guest did not get that far")

    def test_full(self) -> None:
        """A full file says so, and what is in it is the start of the whole one."""
        whole = self.whole("all")
        got = self.record("full", f",ram=0x40000000,limit=20000{self.operands()}")
        self.assertLessEqual((self.work / "full").stat().st_size, 20000)
        self.assertEqual(
            got.flags, trace.CLOSED | trace.FULL | trace.STORES | trace.OPERANDS
        )  # fmt: skip
        count = len(got.events)
        self.assertGreater(count, 10)
        self.assertEqual(got.events, whole.events[:count])

    def test_limit_is_used_up(self) -> None:
        """Nothing but events: no room of the file is left over."""
        got = self.record("narrow", ",stores=off,limit=4096")
        room = (4096 - trace.HEADER.size) // trace.EVENT.size
        whole = self.record("wide", ",stores=off")
        self.assertEqual(got.flags & trace.FULL, 0)
        self.assertLess(len(whole.events), room)
        elf = self.guest("SPIN")
        path = self.work / "spun"
        command = self.command(f",out={path},stores=off,limit=4096", elf)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                self.wait_full(path)
            finally:
                process.send_signal(signal.SIGKILL)
        got = trace.read(path)
        self.assertGreaterEqual(len(got.events), room - 4)

    def wait_full(self, path: Path) -> None:
        """Until the trace says that it is full; bounded."""
        end = time.monotonic() + case.BOUND_S
        while time.monotonic() < end:
            try:
                if trace.read(path).flags & trace.FULL:
                    return
            except (OSError, ValueError):
                pass  # not there yet
            time.sleep(0.01)
        self.fail("the trace did not become full")


class Refuses(case.EventsTest):
    """Wrong arguments, in clear words."""

    def test_arguments(self) -> None:
        """Each wrong argument is named, and QEMU does not start."""
        out = f",out={self.work / 'x'}"
        cases = {
            "": "out=FILE is missing",
            f"{out},stores=maybe": "stores=maybe: on or off",
            f"{out},every=1": "every=1: on or off",
            f"{out},foo=1": "unknown argument 'foo=1'; known: out=FILE, image=BUILD-ID, "
            "limit=BYTES, stores=on|off, every=on|off, ram=ADDRESS, operands=FILE",
            f"{out},operands=/nonexistent": "operands=/nonexistent: No such file",
        }
        for arguments, message in cases.items():
            with self.subTest(arguments):
                done = case.run(self.command(arguments))
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"rigevents: {message}", done.stderr)

    def test_addresses(self) -> None:
        """ram= is a number, and a page's."""
        for text in ("", "x", "0x40000001", "-4096", "0x40000000x", "1" * 30):
            with self.subTest(text):
                done = case.run(self.command(f",out={self.work / 'x'},ram={text}"))
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"rigevents: ram={text}: the physical address", done.stderr)


if __name__ == "__main__":
    case.main()
