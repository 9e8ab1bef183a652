"""What an instruction's register held, asked in a second run of the same guest.

Plugins of QEMU 7.2 cannot read registers. A run is deterministic, so a second one with gdb's remote
protocol comes to the same instructions in the same order; there the register is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Spare:
    """For a guest that somebody else ends: arrivals beyond the wanted ones, and how long they are
    waited for. The run that uses them is not ended at the same instruction."""

    hits: int = 0
    seconds: float = 0.0


@dataclass
class Wanted:
    """How far to go. Arrivals at sites of `free` come in any number and do not count, up to the
    bound given there: from then on the site is not stopped at, and is noted in `dropped`."""

    most: int
    free: dict[int, int] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    spare: Spare = Spare()


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
    command: Sequence[str], run_dir: Path, sites: Sequence[Site], wanted: int | Wanted, bound: float
) -> list[Hit]:
    """The first wanted arrivals at the sites, in the order of time; fewer when the guest ends or
    `bound` seconds are over, more when some are spared. `command` is QEMU's deterministic command
    line without its gdb stub. An address may be given once only."""
    registers = {site.address: site.register for site in sites}
    if len(registers) != len(sites):
        raise CannotJudge("an operand site is given twice")
    goal = Wanted(wanted) if isinstance(wanted, int) else wanted
    collector = _Collector(registers, goal)
    try:
        with stopped_guest(command, run_dir, bound) as stub:
            for address in registers:
                stub.breakpoint(address, True)
            collector.collect(stub, goal.most)
            stub.before(time.monotonic() + goal.spare.seconds)
            collector.collect(stub, goal.most + goal.spare.hits)
    except (Gone, TimeoutError):
        pass  # fewer arrivals; the caller compares with what it expects
    return [hit for hit in collector.hits if hit.pc not in goal.dropped]


class _Collector:
    """Goes from stop to stop: two round trips for each arrival.

    Going on stops at once where a breakpoint is under the PC, so no site is missed that follows
    another; a step does not stop there (QEMU: stepping overrides breakpoints). The registers come
    with the step behind the stop; a stop that is at no site, where another CPU was stepped, is
    stepped from like any other.
    """

    def __init__(self, registers: dict[int, int], wanted: Wanted) -> None:
        self._registers = dict(registers)
        self._wanted = wanted
        self._free = {pc: 0 for pc in wanted.free}
        self._counted = 0
        self.hits: list[Hit] = []

    def collect(self, stub: Rsp, most: int) -> None:
        """Go on until `most` arrivals that count have come in all."""
        while self._counted < most:
            stub.go()
            stop = stub.step_from()
            number = self._registers.get(stop.pc)
            if number is None:
                continue
            value = 0 if number == ZERO_REGISTER else stop.x[number]
            self.hits.append(Hit(stop.pc, value, stop.level))
            if len(self.hits) == 1 and stub.pc() == stop.pc:
                raise CannotJudge("QEMU's gdb stub does not step over a breakpoint")
            self._count(stub, stop.pc)

    def _count(self, stub: Rsp, pc: int) -> None:
        if pc not in self._free:
            self._counted += 1
            return
        self._free[pc] += 1
        if self._free[pc] > self._wanted.free[pc]:
            stub.breakpoint(pc, False)
            del self._registers[pc]
            self._wanted.dropped.add(pc)
