"""Packets of the remote protocol over the socket that gdb itself opened to QEMU's stub.

gdb.RemoteTargetConnection.send_packet waits for its answer for ever, and a step over a WFI has
none while the guest sleeps. Here a stop can be waited for with patience, and be asked for (the
protocol's Ctrl-C). gdb is not reading while the engine runs, so its socket is free; it gets its say
again in `Target.hand_over`. QEMU does not insist on acknowledgements, so none are sent.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable

_CHUNK = 1 << 16
_INTERRUPT = b"\x03"
_GLANCE_S = 0.1  # between two looks whether a person wants the guest to stop


class LinkClosed(Exception):
    """QEMU closed the connection."""


def find_socket(name: str) -> int | None:
    """This process's descriptor of the unix socket that is connected to a file of this name."""
    for entry in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(entry))) as candidate:
                peer = candidate.getpeername()
                if candidate.family == socket.AF_UNIX and os.path.basename(peer) == name:
                    return int(entry)
        except OSError:
            continue  # no socket, not connected, or closed meanwhile
    return None


def find_connection(details: str) -> int | None:
    """This process's descriptor of the socket that gdb opened by `target remote DETAILS`: a host
    and a port, or a unix socket's file."""
    port = details.rpartition(":")[2]
    if "/" in details or not port.isdigit():
        return find_socket(os.path.basename(details.removeprefix("unix:")))
    for entry in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(entry))) as candidate:
                if candidate.family in (socket.AF_INET, socket.AF_INET6):
                    if candidate.getpeername()[1] == int(port):
                        return int(entry)
        except OSError:
            continue  # as above
    return None


def framed(text: str) -> bytes:
    """A packet's bytes: `$text#checksum`."""
    data = text.encode("latin-1")
    return b"$%b#%02x" % (data, sum(data) & 0xFF)


def take_packet(buffer: bytes) -> tuple[str | None, bytes]:
    """(the first whole packet or None, what follows it); acknowledgements are skipped."""
    start = buffer.find(b"$")
    end = buffer.find(b"#", start)
    if start < 0 or end < 0 or len(buffer) < end + 3:
        return None, buffer
    data = buffer[start + 1 : end]
    return data.decode("latin-1"), buffer[end + 3 :]


class Link:
    """The connection; one packet is under way at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._buffer = b""
        # Asked while an answer is awaited that takes long; True stops the guest, once.
        self.cancelled: Callable[[], bool] = lambda: False

    def send(self, text: str) -> None:
        """Send a packet."""
        self._write(framed(text))

    def interrupt(self) -> None:
        """Ask QEMU to stop the guest; ignored by it when the guest has stopped already."""
        self._write(_INTERRUPT)

    def receive(self, patience: float | None = None) -> str | None:
        """The next packet; None when none came within `patience` seconds."""
        while True:
            text, self._buffer = take_packet(self._buffer)
            if text is not None:
                return text
            if not self._ready(patience):
                return None
            try:
                data = os.read(self._descriptor, _CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise LinkClosed(str(error)) from None
            if not data:
                raise LinkClosed("QEMU closed the connection")
            self._buffer += data

    def _ready(self, patience: float | None) -> bool:
        """Is there something to read, at the latest after so many seconds?"""
        if patience is not None:
            return bool(self._poll.poll(patience * 1000))
        while not self._poll.poll(_GLANCE_S * 1000):
            if self.cancelled():
                self.interrupt()
                return bool(self._poll.poll(None))
        return True

    def ask(self, text: str) -> str:
        """Send a packet and wait for its answer."""
        self.send(text)
        return self.receive() or ""

    def ask_all(self, texts: list[str]) -> list[str]:
        """Send packets that QEMU answers while the guest stands, and only then wait for their
        answers: one way there and back for all of them."""
        self._write(b"".join(framed(text) for text in texts))
        return [self.receive() or "" for _text in texts]

    def wait_for_stop(self, patience: float, silent: Callable[[], None]) -> str:
        """The answer to a packet that lets the guest run; `silent` is called once when it takes
        longer than `patience`."""
        answer = self.receive(patience)
        if answer is None:
            silent()
            answer = self.receive()
        return answer or ""

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                raise LinkClosed(str(error)) from None
