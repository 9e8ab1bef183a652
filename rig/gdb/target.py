"""The guest as gdb's remote connection sees it: steps, runs, registers, memory.

The remote protocol's packets go over gdb's own connection (link.py) instead of through `stepi`:
gdb's stop handling costs four times what QEMU's does (measured: 5,000 instead of 1,200 steps a
second). gdb does not see these steps; `hand_over` makes it read everything anew before a person
gets the prompt.

Interrupts and time, measured on QEMU 7.2 under `-icount shift=0,sleep=off`:
- The step flags are those of STEP_OPEN for the whole run. Without NOIRQ a pending interrupt is
  taken at the start of a step, in place of the instruction. With NOTIMER the virtual clock is off
  while the step runs, yet timers that are due run when QEMU resumes, before the instruction: each
  interrupt comes at the instruction at which it comes in a free run.
- Without NOTIMER (0x1), and at the end of a run to a breakpoint, QEMU takes the stopped CPU for an
  idle one and moves the virtual time to the next timer's deadline, which for an expired timer is
  the end of time. So no loop is run over while a timer of the CPU is enabled (Stepper).
- A WFI with nothing pending does not return; asked to stop, QEMU stops behind it with the CPU
  asleep, and the next step begins with moving the time to the next deadline, as a free run does.
- A step over WFE or YIELD executes the instruction behind it, too. QEMU's WFE never waits, so both
  are stepped over by moving the PC.
"""

from __future__ import annotations

import importlib
import os
import struct
from collections.abc import Callable
from typing import Any

from engine.rsp import READ_MAX
from engine.stub_registers import system_registers
from link import Link, LinkClosed, find_socket

gdb: Any = importlib.import_module("gdb")  # this directory must never be imported as `gdb`

CORE = struct.Struct("<33QI")  # x0..x30, sp, pc, cpsr
SP, PC, PSTATE = 31, 32, 33
# QEMU's sstep flags: 1 enables stepping, 2 is NOIRQ, 4 is NOTIMER.
STEP_MASKED, STEP_OPEN = 0x7, 0x5
_SIGINT = "T02"  # QEMU's stop reply when it was asked to stop
_PATIENCE_S = 1.0  # an answer that takes longer is told about
_CHUNK = 1024  # bytes written at once


class GuestEnded(Exception):
    """The connection to QEMU closed: the guest powered off, or QEMU died. `exited`: QEMU said so
    itself with status 0; a killed QEMU cannot."""

    def __init__(self, text: str, exited: bool = False) -> None:
        super().__init__(text)
        self.exited = exited


class TargetError(Exception):
    """QEMU answered something that the engine cannot work with."""


class Target:
    """One stopped guest with one CPU, over a connection that is made, or that gdb has already (its
    `descriptor`)."""

    def __init__(self, socket: str, descriptor: int | None = None) -> None:
        if descriptor is None:
            gdb.execute("set pagination off")
            gdb.execute("set confirm off")
            gdb.execute(f"target remote {socket}", to_string=True)
            descriptor = find_socket(os.path.basename(socket))
        if descriptor is None:
            raise TargetError(f"gdb has no connection to {socket}")
        self._link = Link(descriptor)
        self.silent: Callable[[], None] = lambda: None  # called when a step does not answer
        self.take_over()
        self.offered = self._system_registers()

    def packet(self, text: str) -> str:
        """Send one packet, return its answer; raises GuestEnded when QEMU is gone."""
        try:
            answer = self._link.ask(text)
        except LinkClosed as error:
            raise GuestEnded(str(error)) from None
        # QEMU may stop a step of the power-off first and say that it exits afterwards.
        self._raise_if_ended(answer)
        return answer

    def monitor(self, line: str) -> str:
        """What QEMU's monitor says to a command."""
        answer = self.packet(f"qRcmd,{line.encode().hex()}")
        said = b""
        while answer != "OK":
            if not answer.startswith("O"):
                raise TargetError(f"QEMU refused the monitor's {line!r}: {answer!r}")
            said += bytes.fromhex(answer[1:])
            try:
                answer = self._link.receive() or ""
            except LinkClosed as error:
                raise GuestEnded(str(error)) from None
        return said.decode("utf-8", "replace")

    # --- running ----------------------------------------------------------------------------------

    def step(self, pc: int, nap: float = 0.0) -> bool:
        """Execute the instruction at pc, or take what interrupts it. `nap` is for one that may put
        the CPU to sleep: when QEMU does not answer within so many seconds it is asked to stop, and
        the answer is True. What happened does not depend on `nap`."""
        link = self._link
        try:
            while nap:
                link.send("vCont;s:p1.1")
                answer = link.receive(nap)
                if answer is not None:
                    self._stopped(answer)
                    return False
                link.interrupt()
                self._stopped(answer := link.receive() or "")
                if not answer.startswith(_SIGINT):
                    return False
                if self.core()[PC] != pc:
                    return True
                nap *= 2  # a slow machine: it was stopped before it began
            link.send("vCont;s:p1.1")
            self._stopped(link.wait_for_stop(_PATIENCE_S, self.silent))
        except LinkClosed as error:
            raise GuestEnded(str(error)) from None
        return False

    def skip(self, pc: int) -> None:
        """Step over a hint at pc that does nothing."""
        value = (pc + 4).to_bytes(8, "little").hex()
        if self.packet(f"P{PC:x}={value}") != "OK":
            raise TargetError("QEMU refused to set the PC")

    def run_to(self, addresses: set[int]) -> None:
        """Run until one of the addresses is reached."""
        self._breakpoints("Z1", addresses)
        self._stopped(self.packet("vCont;c:p1.1"))
        self._breakpoints("z1", addresses)

    def _breakpoints(self, kind: str, addresses: set[int]) -> None:
        """Set (Z1) or remove (z1) hardware breakpoints."""
        places = sorted(addresses)
        try:
            answers = self._link.ask_all([f"{kind},{place:x},4" for place in places])
        except LinkClosed as error:
            raise GuestEnded(str(error)) from None
        for place, answer in zip(places, answers):
            if answer != "OK":
                raise TargetError(f"QEMU refused {kind} (a breakpoint) at {place:#x}: {answer!r}")

    def travel(self, text: str) -> str:
        """Send a packet that moves the guest, also backwards, and wait until it has arrived; what
        QEMU says of the stop."""
        link = self._link
        try:
            link.send(text)
            answer = link.wait_for_stop(_PATIENCE_S, lambda: None)
        except LinkClosed as error:
            raise GuestEnded(str(error)) from None
        self._stopped(answer)
        return answer

    def drain(self) -> None:
        """Drop what QEMU said of stops that nobody at this connection asked for."""
        while self._link.receive(0) is not None:
            pass

    def _stopped(self, answer: str) -> None:
        self._raise_if_ended(answer)
        if answer[:1] not in ("T", "S"):
            raise TargetError(f"unexpected answer to a step: {answer!r}")

    @staticmethod
    def _raise_if_ended(answer: str) -> None:
        if answer[:1] in ("W", "X"):  # no other answer begins like this
            raise GuestEnded(f"QEMU ended ({answer})", answer.startswith("W00"))

    def _step_flags(self, flags: int) -> None:
        """In a replay interrupts come from the log, and QEMU has no flags that hold them back."""
        if self.packet(f"Qqemu.sstep={flags:#x}") == "OK":
            return
        if "NOIRQ" in self.packet("qqemu.sstepbits"):
            raise TargetError("QEMU refused to change the step flags (Qqemu.sstep)")

    def interruptible(self, cancelled: Callable[[], bool]) -> None:
        """From now on a run or step that takes long is stopped when `cancelled` says so."""
        self._link.cancelled = cancelled

    def take_over(self) -> None:
        """The engine steps from here, with interrupts open."""
        self._step_flags(STEP_OPEN)

    def hand_over(self) -> None:
        """Make gdb forget what it cached, before it is used interactively."""
        self._step_flags(STEP_MASKED)  # a person's `stepi` stays out of handlers
        gdb.execute("maintenance flush register-cache", to_string=True)

    # --- registers --------------------------------------------------------------------------------

    def core(self) -> tuple[int, ...]:
        """x0..x30, SP, PC, PSTATE."""
        answer = self.packet("g")
        try:
            return CORE.unpack_from(bytes.fromhex(answer[: CORE.size * 2]))
        except (ValueError, struct.error):
            raise TargetError(f"unexpected answer to `g`: {answer[:40]!r}") from None

    def system(self, name: str) -> int:
        """A system register by the stub's name."""
        answer = self.packet(f"p{self.offered[name]:x}")
        try:
            return int.from_bytes(bytes.fromhex(answer), "little")
        except ValueError:
            raise TargetError(f"QEMU gave no value for {name}: {answer!r}") from None

    def _system_registers(self) -> dict[str, int]:
        """The stub's names and numbers, from its target description."""
        offered = system_registers(self._feature)
        if not offered:
            raise TargetError("QEMU's stub describes no system registers")
        return offered

    def _feature(self, annex: str) -> str:
        text = ""
        while True:
            answer = self.packet(f"qXfer:features:read:{annex}:{len(text):x},7f0")
            if answer[:1] not in ("m", "l"):
                raise TargetError(f"QEMU has no target description {annex}: {answer!r}")
            text += answer[1:]
            if answer[0] == "l":
                return text

    # --- memory -----------------------------------------------------------------------------------

    def read(self, address: int, size: int) -> bytes | None:
        """Virtual memory as the CPU's current regime sees it; None when it cannot be read."""
        data = b""
        while len(data) < size:
            count = min(size - len(data), READ_MAX)
            answer = self.packet(f"m{address + len(data):x},{count:x}")
            if answer[:1] == "E" and len(answer) == 3 or not answer:
                return None
            data += bytes.fromhex(answer)
        return data

    def read_physical(self, address: int, size: int) -> bytes | None:
        """Physical memory; the stub's memory mode is restored whatever happens."""
        if self.packet("Qqemu.PhyMemMode:1") != "OK":
            raise TargetError("QEMU refused physical reads (Qqemu.PhyMemMode)")
        try:
            return self.read(address, size)
        finally:
            self.packet("Qqemu.PhyMemMode:0")

    def fill_physical(self, address: int, size: int, byte: int) -> None:
        """Fill physical memory; the stub's memory mode is restored whatever happens."""
        if self.packet("Qqemu.PhyMemMode:1") != "OK":
            raise TargetError("QEMU refused physical writes (Qqemu.PhyMemMode)")
        try:
            for at in range(address, address + size, _CHUNK):
                count = min(_CHUNK, address + size - at)
                if self.packet(f"M{at:x},{count:x}:{f'{byte:02x}' * count}") != "OK":
                    raise TargetError(f"QEMU refused to write physical memory at {at:#x}")
        finally:
            self.packet("Qqemu.PhyMemMode:0")


def source_line(address: int) -> tuple[str, int]:
    """file and line of a link address, ("", 0) when DWARF says nothing."""
    place = gdb.find_pc_line(address)
    return (place.symtab.filename, place.line) if place.symtab and place.line else ("", 0)
