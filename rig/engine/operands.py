"""What an instruction's register held, asked in a second run of the same guest.

Plugins of QEMU 7.2 cannot read registers. A run is deterministic, so a second one with gdb's remote
protocol comes to the same instructions in the same order; there the register is read. That is for
few arrivals, before timers run; operand_log.py is for many.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotJudge
from .process import Children, pick_cpu
from .rsp import Gone, Rsp

SOCKET = "operands.sock"
ZERO_REGISTER = 31
_START_S = 20.0


@dataclass(frozen=True)
class Site:
    """An instruction to stop at, and the general register to read there (31: always zero)."""

    address: int
    register: int


@dataclass(frozen=True)
class Hit:
    """One arrival: where, the register's value before the instruction, the exception level."""

    pc: int
    value: int
    el: int


@contextmanager
def stopped_guest(command: Sequence[str], run_dir: Path, bound: float) -> Iterator[Rsp]:
    """A guest before its first instruction, and a connection to its stub that is good for `bound`
    seconds. `command` is QEMU's command line without its gdb stub."""
    words = [*command, "-S", "-gdb", f"unix:{SOCKET},server=on,wait=off"]
    (run_dir / SOCKET).unlink(missing_ok=True)
    with Children(pick_cpu()) as children:
        qemu = children.start("operands", words, run_dir)
        started = time.monotonic()
        while not (run_dir / SOCKET).exists():
            if qemu.wait(0.01) is not None:
                raise CannotJudge(f"QEMU died before its gdb stub was there: {qemu.stderr()}")
            if time.monotonic() > started + _START_S:
                raise CannotJudge(f"QEMU opened no gdb socket within {_START_S:g} s")
        stub = Rsp(run_dir / SOCKET, time.monotonic() + bound)
        try:
            yield stub
        finally:
            stub.close()


def operands(
    command: Sequence[str], run_dir: Path, sites: Sequence[Site], most: int, bound: float
) -> list[Hit]:
    """The first `most` arrivals at the sites, in the order of time; fewer when the guest ends or
    `bound` seconds are over. `command` is QEMU's deterministic command line without its gdb stub.
    An address may be given once only."""
    registers = {site.address: site.register for site in sites}
    if len(registers) != len(sites):
        raise CannotJudge("an operand site is given twice")
    hits: list[Hit] = []
    try:
        with stopped_guest(command, run_dir, bound) as stub:
            for address in registers:
                stub.breakpoint(address, True)
            _collect(stub, registers, most, hits)
    except (Gone, TimeoutError):
        pass  # fewer arrivals; the caller compares with what it expects
    return hits


def _collect(stub: Rsp, registers: dict[int, int], most: int, hits: list[Hit]) -> None:
    """Go from stop to stop: two round trips for each arrival.

    Going on stops at once where a breakpoint is under the PC, so no site is missed that follows
    another; a step does not stop there (QEMU: stepping overrides breakpoints). The registers come
    with the step behind the stop; a stop that is at no site, where another CPU was stepped, is
    stepped from like any other.
    """
    while len(hits) < most:
        stub.go()
        stop = stub.step_from()
        number = registers.get(stop.pc)
        if number is None:
            continue
        value = 0 if number == ZERO_REGISTER else stop.x[number]
        hits.append(Hit(stop.pc, value, stop.level))
        if len(hits) == 1 and stub.pc() == stop.pc:
            raise CannotJudge("QEMU's gdb stub does not step over a breakpoint")
