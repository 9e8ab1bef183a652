"""A small QMP client over a unix socket, for the driver and for the engine inside gdb."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

_RETRY_S = 0.01


class QmpError(Exception):
    """QEMU is gone, or refused a command."""


def _connect(address: str, timeout: float) -> socket.socket:
    """Connect; QEMU binds its socket a moment before it listens, so a refusal is tried again."""
    deadline = time.monotonic() + timeout
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
            return connection
        except (ConnectionRefusedError, FileNotFoundError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
        except OSError:
            connection.close()
            raise


class NoQmp:
    """In place of a connection for a QEMU that somebody else started: nothing is known of it."""

    def instructions(self) -> int:
        """Not counted."""
        return 0

    def shutdown(self) -> dict[str, Any] | None:
        """No event came."""
        return None


class Qmp:
    """One QMP connection. The socket is reached through its directory's descriptor, so a long path
    to the run directory does not matter (a unix socket's path is limited to 107 bytes)."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._buffer = b""
        self._shutdown: dict[str, Any] | None = None
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._socket = _connect(f"/proc/self/fd/{directory}/{path.name}", timeout)
            self._read()  # the greeting
        except OSError as error:
            raise QmpError(f"cannot reach QEMU over {path.name}: {error}") from None
        finally:
            os.close(directory)
        self.command("qmp_capabilities")

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Run a command; of the events that come between, only SHUTDOWN is remembered."""
        request: dict[str, Any] = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"QEMU is gone: {error}") from None
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(f"{name}: {answer['error'].get('desc', answer['error'])}")

    def monitor(self, line: str) -> str:
        """Run a human monitor command."""
        return str(self.command("human-monitor-command", {"command-line": line}))

    def instructions(self) -> int:
        """Instructions executed so far, exactly, under -icount."""
        return int(self.command("query-replay")["icount"])

    def shutdown(self) -> dict[str, Any] | None:
        """After QEMU's end: the data of its SHUTDOWN event (guest, reason); None if none came."""
        try:
            while True:
                self._read()
        except QmpError:
            return self._shutdown

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()

    def _read(self) -> dict[str, Any]:
        """The next answer or event. Each step of a guest makes two events, of which nobody wants to
        know: a line that can be seen to be one of those is not even parsed."""
        while True:
            line = self._line()
            if not line.startswith(b'{"timestamp":') or b'"SHUTDOWN"' in line:
                break
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise QmpError(f"QEMU sent what is no QMP: {error}") from None
        if answer.get("event") == "SHUTDOWN":
            self._shutdown = answer.get("data", {})
        return answer

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(65536)
            except OSError as error:
                raise QmpError(f"QEMU does not answer: {error}") from None
            if not data:
                raise QmpError("QEMU closed the connection")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line
