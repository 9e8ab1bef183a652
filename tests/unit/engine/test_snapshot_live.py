#!/usr/bin/python3
"""Snapshots of the live guest: taken once where a checkpoint fires, and the stub left as it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import types
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import support

STAND_IN: Any = types.ModuleType("gdb")  # the engine runs inside gdb otherwise
sys.modules["gdb"] = STAND_IN
# pylint: disable=wrong-import-position # the stand-in above comes first
import snapshots  # noqa: E402
from engine.errors import CannotJudge  # noqa: E402
from engine.rsp import Gone, Rsp  # noqa: E402
from engine.snapshot_capture import CaptureError  # noqa: E402
from engine.snapshot_file import Snapshot, read  # noqa: E402
from link import framed  # noqa: E402
from prompt.patient import PatientSource  # noqa: E402
from prompt.physical import uninterrupted  # noqa: E402
from recorder import Recorder  # noqa: E402
from target import GuestEnded, Target, TargetError  # noqa: E402

MODE_ON, MODE_OFF = "Qqemu.PhyMemMode:1", "Qqemu.PhyMemMode:0"
SNAPSHOT = Snapshot(made={"guest": "tyrne"}, regime="EL1&0", registers={"SCTLR_EL1": 1})
Answer = Callable[[str], str]


class FakeLink:
    """QEMU's side of the packets: an answer for each, and more behind it where one has more."""

    def __init__(self, answer: Answer) -> None:
        self.sent: list[str] = []
        self.more: list[str] = []
        self._answer = answer

    def ask(self, text: str) -> str:
        """One packet."""
        self.sent.append(text)
        return self._answer(text)

    def receive(self) -> str | None:
        """What follows the last answer."""
        return self.more.pop(0) if self.more else None


def target_of(answer: Answer) -> tuple[Target, FakeLink]:
    """A target without gdb."""
    target = Target.__new__(Target)
    link = FakeLink(answer)
    target._link = link  # type: ignore[assignment] # pylint: disable=protected-access
    target.offered = {"SCTLR": 70}
    return target, link


class Packets(unittest.TestCase):
    """What goes over gdb's connection."""

    def test_memory_mode_is_restored(self) -> None:
        """After a read, after a refusal, and when a person interrupts it."""

        def answer(text: str) -> str:
            if text.startswith("m40001000"):
                raise KeyboardInterrupt
            if text.startswith("m"):
                return "00" * int(text.partition(",")[2], 16) if text < "m5" else "E14"
            return "OK"

        target, link = target_of(answer)
        self.assertEqual(target.read_physical(0x4000_0000, 8), bytes(8))
        self.assertIsNone(target.read_physical(0x5000_0000, 8))
        with self.assertRaises(KeyboardInterrupt):
            target.read_physical(0x4000_1000, 8)
        modes = [text for text in link.sent if text.startswith("Qqemu.PhyMemMode")]
        self.assertEqual(modes, [MODE_ON, MODE_OFF] * 3)

    def test_large_reads(self) -> None:
        """A table frame takes two packets, not four."""
        target, link = target_of(lambda text: "00" * 0x800 if text[0] == "m" else "OK")
        self.assertEqual(target.read_physical(0x4000_0000, 0x1000), bytes(0x1000))
        self.assertEqual(link.sent[1:-1], ["m40000000,800", "m40000800,800"])

    def test_monitor(self) -> None:
        """What it says comes in parts; a refusal and an end are told apart."""
        target, link = target_of(lambda text: "O" + b"gpa: ".hex())
        link.more = ["O" + b"0x1000\r\n".hex(), "OK"]
        self.assertEqual(target.monitor("gva2gpa 0"), "gpa: 0x1000\r\n")
        self.assertEqual(link.sent, ["qRcmd," + b"gva2gpa 0".hex()])
        target, _ = target_of(lambda text: "E01")
        with self.assertRaisesRegex(TargetError, "refused the monitor's 'x': 'E01'"):
            target.monitor("x")
        target, _ = target_of(lambda text: "W00")
        with self.assertRaises(GuestEnded):
            target.monitor("x")


class AtCheckpoints(unittest.TestCase):
    """The job's snapshots."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        read_fd, write_fd = os.pipe()
        self.addCleanup(os.close, read_fd)
        self._read_fd = read_fd
        self.recorder = Recorder(write_fd, support.make_image(), "el1")
        # pylint: disable-next=protected-access # nobody else closes it
        out = self.recorder._out
        assert out is not None
        self.addCleanup(out.close)
        self.job = {
            "walker": "librigwalk.so",
            "made": {"by": "rig", "guest": "tyrne", "machine": "-M virt"},
            "witnesses": 5,
        }

    def events(self) -> list[dict[str, Any]]:
        """What the driver hears."""
        self.recorder.event("last")
        lines = os.read(self._read_fd, 1 << 16).decode().splitlines()
        return [json.loads(line) for line in lines][:-1]

    def take(self, names: dict[str, str], capture: Any) -> list[dict[str, Any]]:
        """Checkpoints a, b, a fire; the events."""
        self.job["snapshots"] = names
        target, _ = target_of(lambda text: "OK")
        taking = snapshots.Snapshots(self.job, target, support.TABLE, self.recorder)
        with mock.patch.object(snapshots, "capture", capture):
            for checkpoint in ("a", "b", "a"):
                taking.fired(checkpoint)
        return self.events()

    def test_taken_once(self) -> None:
        """Where its checkpoint fires, with what the job says of itself."""
        capture = mock.Mock(return_value=SNAPSHOT)
        path = self.folder / "a.snapshot"
        events = self.take({"a": str(path)}, capture)
        self.assertEqual(len(events), 1)
        self.assertEqual((events[0]["event"], events[0]["checkpoint"]), ("snapshot", "a"))
        self.assertEqual((events[0]["path"], events[0]["error"]), (str(path), ""))
        self.assertEqual(read(path), SNAPSHOT)
        _source, made, library, count = capture.call_args.args
        self.assertEqual((library, count), ("librigwalk.so", 5))
        self.assertEqual(made["checkpoint"], "a")
        self.assertEqual((made["guest"], made["machine"]), ("tyrne", "-M virt"))

    def test_errors_in_words(self) -> None:
        """Each way to fail is an event, and stepping goes on."""
        path = str(self.folder / "a.snapshot")
        for error in (CaptureError("no tables"), TargetError("no tables")):
            events = self.take({"a": path}, mock.Mock(side_effect=error))
            self.assertEqual(events[0]["error"], "no tables")
        self.assertFalse(Path(path).exists())
        missing = str(self.folder / "none" / "a.snapshot")
        events = self.take({"a": missing}, mock.Mock(return_value=SNAPSHOT))
        self.assertRegex(events[0]["error"], "cannot write the snapshot: No such file")
        self.job["walker"] = ""
        events = self.take({"a": path}, mock.Mock(return_value=SNAPSHOT))
        self.assertRegex(events[0]["error"], "librigwalk.so is not built")

    def test_guest_ended(self) -> None:
        """A guest that is gone ends stepping, as at any other packet."""
        with self.assertRaises(GuestEnded):
            self.take({"a": "a.snapshot"}, mock.Mock(side_effect=GuestEnded("gone")))

    def test_none_wanted(self) -> None:
        """No snapshot, no packet and no event."""
        capture = mock.Mock()
        self.assertEqual(self.take({}, capture), [])
        capture.assert_not_called()


def patiently(target: Target) -> Any:
    """The target as a person's command has it."""

    @contextmanager
    def stopped() -> Iterator[Target]:
        with uninterrupted():
            yield target

    return stopped


class Interrupts(unittest.TestCase):
    """Ctrl-C while a person's command talks to QEMU."""

    def test_comes_behind_the_exchange(self) -> None:
        """The packets of a read are whole, then the interrupt is there."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        def answer(text: str) -> str:
            if text[0] == "m":
                os.kill(os.getpid(), signal.SIGINT)
                return "00" * int(text.partition(",")[2], 16)
            return "OK"

        target, link = target_of(answer)
        source = PatientSource(patiently(target), support.TABLE)
        with self.assertRaises(KeyboardInterrupt):
            source.read_physical(0x4000_0000, 0x2000)
        self.assertEqual(link.sent[0], MODE_ON)
        self.assertEqual(link.sent[-1], MODE_OFF)
        self.assertEqual(len(link.sent), 6)

    def test_parts(self) -> None:
        """A large read is done in parts: the interrupt waits for one of them only."""
        target, link = target_of(
            lambda text: "00" * int(text.partition(",")[2], 16) if text[0] == "m" else "OK"
        )
        source = PatientSource(patiently(target), support.TABLE)
        self.assertEqual(source.read_physical(0x4000_0000, 0x2_8000), bytes(0x2_8000))
        self.assertEqual(link.sent.count(MODE_ON), 3)
        target, _ = target_of(lambda text: "E14" if text[0] == "m" else "OK")
        source = PatientSource(patiently(target), support.TABLE)
        self.assertIsNone(source.read_physical(0x4000_0000, 0x2_0000))


class Stub(unittest.TestCase):
    """The driver's own connection, against a made-up stub."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.sent: list[str] = []

    def connect(self, answers: dict[str, list[str] | None]) -> Rsp:
        """A connection to a stub with these answers; None hangs up."""
        path = self.folder / "gdb.sock"
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=self._serve, args=(server, answers))
        thread.start()
        stub = Rsp(path, time.monotonic() + 30)
        self.addCleanup(thread.join)
        self.addCleanup(stub.close)
        return stub

    def _serve(self, server: socket.socket, answers: dict[str, list[str] | None]) -> None:
        with server, server.accept()[0] as connection:
            buffer = b""
            while data := connection.recv(4096):
                buffer += data
                while b"#" in buffer and len(buffer) >= buffer.index(b"#") + 3:
                    end = buffer.index(b"#")
                    text = buffer[buffer.index(b"$") + 1 : end].decode()
                    buffer = buffer[end + 3 :]
                    self.sent.append(text)
                    found = next((v for k, v in answers.items() if text.startswith(k)), ["OK"])
                    if found is None:
                        return
                    connection.sendall(b"+" + b"".join(map(framed, found)))

    def test_monitor(self) -> None:
        """Parts of an answer, and a refusal."""
        stub = self.connect({"qRcmd,61": ["O" + b"a".hex(), "O" + b"b\r\n".hex(), "OK"],
                             "qRcmd,62": ["E22"], "qXfer": ["l"]})  # fmt: skip
        self.assertEqual(stub.monitor("a"), "ab\r\n")
        with self.assertRaisesRegex(CannotJudge, "refused the monitor's 'b'"):
            stub.monitor("b")

    def test_memory_mode(self) -> None:
        """On for the read, off behind it, also when there is no memory."""
        stub = self.connect({"m40000000": ["00" * 0x800], "m40000800": ["11" * 0x10],
                             "m5": ["E14"], "qXfer": ["l"]})  # fmt: skip
        data = stub.read_physical(0x4000_0000, 0x810)
        self.assertEqual(data, bytes(0x800) + b"\x11" * 0x10)
        self.assertIsNone(stub.read_physical(0x5000_0000, 8))
        modes = [text for text in self.sent if text.startswith("Qqemu.PhyMemMode")]
        self.assertEqual(modes, [MODE_ON, MODE_OFF] * 2)

    def test_refused_mode(self) -> None:
        """A stub that has no physical reads gives none of virtual memory instead."""
        stub = self.connect({"Qqemu.PhyMemMode": [""], "qXfer": ["l"]})
        with self.assertRaisesRegex(CannotJudge, "refused physical reads"):
            stub.read_physical(0x4000_0000, 8)
        self.assertFalse([text for text in self.sent if text.startswith("m4")])

    def test_hang_up(self) -> None:
        """QEMU is gone in the middle."""
        stub = self.connect({"qRcmd": None, "qXfer": ["l"]})
        with self.assertRaises(Gone):
            stub.monitor("info mtree -f")


if __name__ == "__main__":
    unittest.main()
