#!/usr/bin/python3
"""What goes over the wire to QEMU: packets of its gdb stub, lines of its monitor."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any

import support  # pylint: disable=unused-import # sets the path

# pylint: disable=wrong-import-order # support sets the path
from engine.qmp import Qmp, QmpError
from link import Link, LinkClosed, framed

EVENT = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "%s"%s}'


class Packets(unittest.TestCase):
    """The connection that gdb opened."""

    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)
        self.link = Link(ours.fileno())

    def test_many_at_once(self) -> None:
        """All are sent before the first answer comes; the answers are those of their order, however
        they are cut; what follows them is not lost."""
        answers = b"+" + framed("OK") + b"+" + framed("E22") + framed("") + framed("T05")
        self.theirs.sendall(answers[:9])
        timer = threading.Timer(0.05, self.theirs.sendall, [answers[9:]])
        timer.start()
        self.addCleanup(timer.join)
        self.assertEqual(self.link.ask_all(["Z1,10,4", "Z1,14,4", "x"]), ["OK", "E22", ""])
        sent = framed("Z1,10,4") + framed("Z1,14,4") + framed("x")
        self.assertEqual(self.theirs.recv(1 << 16), sent)
        self.assertEqual(self.link.receive(), "T05")

    def test_none(self) -> None:
        """Asks nothing, and waits for nothing."""
        self.assertEqual(self.link.ask_all([]), [])

    def test_qemu_goes(self) -> None:
        """In the middle of its answers."""
        self.theirs.sendall(framed("OK"))
        self.theirs.shutdown(socket.SHUT_WR)
        with self.assertRaises(LinkClosed):
            self.link.ask_all(["Z1,10,4", "Z1,14,4"])


class Monitor(unittest.TestCase):
    """QMP, with a QEMU that says what it is told to."""

    def talk(self, *lines: str) -> Qmp:
        """A connection to it; it ends behind the lines."""
        # pylint: disable-next=consider-using-with # entered here
        room = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        server = self.enterContext(socket.socket(socket.AF_UNIX))
        server.bind(str(room / "qmp.sock"))
        server.listen()

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                words = ['{"QMP": {}}', '{"return": {}}', *lines]
                connection.sendall("".join(f"{word}\n" for word in words).encode())
                while connection.recv(4096):
                    pass  # until the other end is closed

        thread = threading.Thread(target=serve)
        thread.start()
        qmp = Qmp(room / "qmp.sock")
        self.addCleanup(thread.join)
        self.addCleanup(qmp.close)
        return qmp

    def test_events_between(self) -> None:
        """Answers are found among events, in any order of an event's keys; text of the monitor
        that looks like an event is an answer."""
        text = EVENT % ("SHUTDOWN", "")
        qmp = self.talk(
            *[EVENT % ("STOP", ""), EVENT % ("RESUME", "")] * 3,
            '{"event": "STOP", "timestamp": {"seconds": 1}}',
            json.dumps({"return": text}),
            EVENT % ("STOP", ""),
            '{"error": {"desc": "no"}}',
        )
        self.assertEqual(qmp.monitor("info"), text)
        with self.assertRaisesRegex(QmpError, "human-monitor-command: no"):
            qmp.monitor("info")

    def test_the_shutdown_is_remembered(self) -> None:
        """With who asked for it, also when it comes before an answer."""
        data: dict[str, Any] = {"guest": True, "reason": "guest-shutdown"}
        qmp = self.talk(
            EVENT % ("STOP", ""),
            EVENT % ("SHUTDOWN", f', "data": {json.dumps(data)}'),
            EVENT % ("STOP", ""),
            '{"return": {"icount": 7}}',
            "no QMP",
        )
        self.assertEqual(qmp.instructions(), 7)
        self.assertEqual(qmp.shutdown(), data)


if __name__ == "__main__":
    unittest.main()
