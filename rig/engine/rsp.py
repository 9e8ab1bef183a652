"""A small client of gdb's remote protocol, for QEMU's stub on a unix socket.

Only what a driver needs that asks for operands: breakpoints, registers, going on. Single steps keep
interrupts open, so that the guest does the same as without a debugger.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotJudge

# Step one instruction with interrupts open and timers held (QEMU's default closes both): under
# -icount the counted time then stands still for nothing but the step itself.
_STEP_FLAGS = "Qqemu.sstep=0x5"
_CPSR = 33
_PC = 32
_STOP = struct.Struct("<33QI")  # an answer to `g`: x0 to x30, SP, PC, CPSR; more may follow
_PART = 0xFFB  # bytes of a document at once
READ_MAX = 0x800  # bytes of memory that the stub reads at once
_RETRY_S = 0.01


@dataclass(frozen=True)
class Stop:
    """The general registers where a CPU stopped, from one packet."""

    x: tuple[int, ...]  # x0 to x30
    pc: int
    level: int


class Gone(Exception):
    """The guest's run is over: QEMU closed the connection or said that the guest exited."""


class Rsp:
    """One connection; every wait ends at `deadline` (time.monotonic())."""

    def __init__(self, path: Path, deadline: float) -> None:
        self._deadline = deadline
        self._buffer = b""
        self._owed = b""  # the acknowledgement that goes with the next packet, not in a write alone
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._socket = self._connect(f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.close(directory)
        self.ask("qSupported:xmlRegisters=aarch64")
        # QEMU answers single registers only to a client that has read the target's description.
        self.document("target.xml")
        self.ask(_STEP_FLAGS)
        self.ask("?")

    def _connect(self, address: str) -> socket.socket:
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(address)
                return connection
            except OSError as error:
                connection.close()
                if time.monotonic() > self._deadline:
                    raise CannotJudge(f"cannot reach QEMU's gdb stub: {error}") from None
                time.sleep(_RETRY_S)

    def close(self) -> None:
        """Let the connection go; QEMU is ended by whoever started it."""
        self._socket.close()

    def ask(self, text: str) -> str:
        """Send a packet and wait for its answer; console output in between is dropped."""
        self._send(text)
        return self._answer()

    def _send(self, *texts: str) -> None:
        """Several packets at once are allowed while the guest stands still; one that lets it go has
        to be the last."""
        packets = [b"$%s#%02x" % (raw, sum(raw) & 0xFF) for raw in map(str.encode, texts)]
        try:
            self._socket.sendall(self._owed + b"".join(packets))
        except OSError:
            raise Gone from None
        self._owed = b""

    def _answer(self) -> str:
        while True:
            answer = self._packet()
            if not (answer.startswith("O") and answer != "OK"):
                return answer

    def _packet(self) -> str:
        """The next packet; acknowledgements are skipped, the packet's own is owed."""
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if 0 <= start < end and len(self._buffer) >= end + 3:
                raw = self._buffer[start + 1 : end]
                self._buffer = self._buffer[end + 3 :]
                self._owed = b"+"
                return raw.decode("latin-1")
            self._fill()

    def _fill(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            raw = self._socket.recv(65536)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise Gone from None
        if not raw:
            raise Gone
        self._buffer += raw

    def monitor(self, line: str) -> str:
        """What QEMU's monitor says to a command."""
        self._send(f"qRcmd,{line.encode().hex()}")
        said = b""
        while (answer := self._packet()) != "OK":
            if not answer.startswith("O"):
                raise CannotJudge(f"QEMU's gdb stub refused the monitor's {line!r}: {answer!r}")
            said += bytes.fromhex(answer[1:])
        return said.decode("utf-8", "replace")

    # --- what a client does with it -------------------------------------------------------------

    def register(self, number: int) -> int:
        """A register by the stub's number: 0 to 30, 31 SP, 32 PC, 33 CPSR."""
        answer = self.ask(f"p{number:x}")
        try:
            return int.from_bytes(bytes.fromhex(answer), "little")
        except ValueError:
            raise CannotJudge(f"QEMU's gdb stub gave register {number} as {answer!r}") from None

    def pc(self) -> int:
        """The program counter."""
        return self.register(_PC)

    def step_from(self) -> Stop:
        """One instruction, and all general registers of the CPU before it: one round trip."""
        self._send("g", "s")
        values = self._core(self._answer())
        self._stopped(self._answer())
        return Stop(values[: _PC - 1], values[_PC], values[_CPSR] >> 2 & 3)

    def document(self, name: str) -> str:
        """A part of the target's description by name, "" when the stub has none of that name."""
        text, kind = "", "m"
        while kind == "m":
            answer = self.ask(f"qXfer:features:read:{name}:{len(text):x},{_PART:x}")
            kind = answer[:1]
            if kind not in ("m", "l"):
                return ""
            text += answer[1:]
        return text

    def breakpoint(self, address: int, insert: bool) -> None:
        """Set or take away a breakpoint at a virtual address."""
        answer = self.ask(f"{'Z' if insert else 'z'}0,{address:x},4")
        if answer != "OK":
            raise CannotJudge(f"QEMU's gdb stub refused a breakpoint at {address:#x}: {answer!r}")

    def go(self) -> str:
        """Go on to the next stop; the stub's words for it. Gone when the guest ended."""
        answer = self.ask("c")
        self._stopped(answer)
        return answer

    def core(self) -> tuple[int, ...]:
        """x0..x30, SP, PC, PSTATE of the CPU that stopped."""
        return self._core(self.ask("g"))

    @staticmethod
    def _core(answer: str) -> tuple[int, ...]:
        try:
            return _STOP.unpack_from(bytes.fromhex(answer))
        except (ValueError, struct.error):
            raise CannotJudge(f"QEMU's gdb stub gave its registers as {answer!r}") from None

    def read_physical(self, address: int, size: int) -> bytes | None:
        """Physical memory, None when it cannot be read; the stub's memory mode is restored."""
        if self.ask("Qqemu.PhyMemMode:1") != "OK":
            raise CannotJudge("QEMU's gdb stub refused physical reads (Qqemu.PhyMemMode)")
        try:
            data = b""
            while len(data) < size:
                count = min(size - len(data), READ_MAX)
                answer = self.ask(f"m{address + len(data):x},{count:x}")
                if len(answer) != 2 * count:
                    return None
                data += bytes.fromhex(answer)
            return data
        finally:
            self.ask("Qqemu.PhyMemMode:0")

    @staticmethod
    def _stopped(answer: str) -> None:
        if answer[:1] not in ("T", "S"):
            raise Gone
