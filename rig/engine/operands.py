"""What an instruction's register held, asked in a second run of the same guest.

Plugins of QEMU 7.2 cannot read registers. A run is deterministic, so a second one with gdb's remote
protocol comes to the same instructions in the same order; there the register is read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
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


def operands(
    command: Sequence[str], run_dir: Path, sites: Sequence[Site], most: int, bound: float
) -> list[Hit]:
    """The first `most` arrivals at the sites, in the order of time; fewer when the guest ends or
    `bound` seconds are over. `command` is QEMU's deterministic command line without its gdb stub.
    An address may be given once only."""
    registers = {site.address: site.register for site in sites}
    if len(registers) != len(sites):
        raise CannotJudge("an operand site is given twice")
    words = [*command, "-S", "-gdb", f"unix:{SOCKET},server=on,wait=off"]
    hits: list[Hit] = []
    with Children(pick_cpu()) as children:
        qemu = children.start("operands", words, run_dir)
        started = time.monotonic()
        while not (run_dir / SOCKET).exists():
            if qemu.wait(0.01) is not None:
                raise CannotJudge(f"QEMU died before its gdb stub was there: {qemu.stderr()}")
            if time.monotonic() > started + _START_S:
                raise CannotJudge(f"QEMU opened no gdb socket within {_START_S:g} s")
        try:
            stub = Rsp(run_dir / SOCKET, time.monotonic() + bound)
            try:
                _collect(stub, registers, most, hits)
            finally:
                stub.close()
        except (Gone, TimeoutError):
            pass  # fewer arrivals; the caller compares with what it expects
    return hits


def _collect(stub: Rsp, registers: dict[int, int], most: int, hits: list[Hit]) -> None:
    """Go from stop to stop. A breakpoint under the PC would stop again at once, so it is away while
    its instruction is stepped over."""
    for address in registers:
        stub.breakpoint(address, True)
    pc = stub.pc()
    if pc not in registers:
        stub.go()
    while len(hits) < most:
        pc = stub.pc()
        if pc in registers:
            number = registers[pc]
            value = 0 if number == ZERO_REGISTER else stub.register(number)
            hits.append(Hit(pc, value, stub.level()))
            if len(hits) == most:
                return
            stub.breakpoint(pc, False)
            stub.step()
            stub.breakpoint(pc, True)
            if stub.pc() in registers:
                continue
        stub.go()
