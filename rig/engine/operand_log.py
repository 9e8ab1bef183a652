"""What an instruction's register held, written by QEMU itself in a second run of the same guest.

QEMU translates one instruction at a time and logs the registers before those that are asked for
(`-singlestep -d exec,cpu -dfilter`). Ten times slower than a plain run, but the guest never stops:
a stop at a breakpoint (operands.py) lets virtual time jump to the next timer's deadline under
`-icount sleep=off`, and a guest whose timer runs then goes another way. Linux took 919 interrupts
instead of 196 so.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CannotJudge
from .operands import ZERO_REGISTER, Hit, Site
from .process import Children, pick_cpu

_CHUNK = 1 << 20
_REST_S = 0.2
_RECORD = b"Trace "
# An exit was asked for before the block's first instruction: it is logged once more when it runs.
_NOT_RUN = b"Stopped execution of TB chain before"
_PC = re.compile(rb"\[[0-9a-f]+/([0-9a-f]+)/")
_PSTATE = re.compile(rb"PSTATE=([0-9a-f]+)")


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


def operands(
    command: Sequence[str], run_dir: Path, sites: Sequence[Site], wanted: Wanted, bound: float
) -> list[Hit]:
    """The arrivals at the sites, in the order of time, as those of operands.py. `command` is QEMU's
    deterministic command line without a log. An address may be given once only."""
    registers = {site.address: site.register for site in sites}
    if len(registers) != len(sites):
        raise CannotJudge("an operand site is given twice")
    collector = _Collector(registers, wanted)
    read, write = os.pipe()
    ranges = ",".join(f"{site.address:#x}+4" for site in sites)
    words = [*command, "-singlestep", "-d", "exec,cpu", "-dfilter", ranges]
    words += ["-D", f"/dev/fd/{write}"]
    deadline = time.monotonic() + bound
    try:
        with Children(pick_cpu()) as children:
            try:
                children.start("operands", words, run_dir, pass_fds=(write,))
            finally:
                os.close(write)
            for record in _records(read, deadline, wanted, collector):
                collector.take(record)
    finally:
        os.close(read)
    return [hit for hit in collector.hits if hit.pc not in wanted.dropped]


def _records(
    read: int, deadline: float, wanted: Wanted, collector: "_Collector"
) -> Iterator[bytes]:
    """The log's records, each from behind one `Trace ` to the next, until enough came, QEMU ended,
    or time is over. A guest that came to rest sends no next one: its last record is whole when
    nothing follows."""
    text = b""
    while True:
        if collector.counted >= wanted.most:
            deadline = min(deadline, time.monotonic() + wanted.spare.seconds)
        if collector.counted >= wanted.most + wanted.spare.hits:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            return
        if not select.select([read], [], [], min(left, _REST_S))[0]:
            if text.endswith(b"\n") and _PSTATE.search(text):
                yield text
                text = b""
            continue
        chunk = os.read(read, _CHUNK)
        if not chunk:
            yield from filter(None, text.split(_RECORD))
            return
        *whole, text = (text + chunk).split(_RECORD)
        yield from filter(None, whole)


class _Collector:
    """Takes what is asked for out of each record."""

    def __init__(self, registers: dict[int, int], wanted: Wanted) -> None:
        self._registers = registers
        self._names = {number: b"X%02d=" % number for number in range(31)}
        self._wanted = wanted
        self._free = {pc: 0 for pc in wanted.free}
        self.counted = 0
        self.hits: list[Hit] = []

    def take(self, record: bytes) -> None:
        """One block of one instruction, and the registers before it."""
        found = _PC.search(record)
        if found is None or _NOT_RUN in record:
            return
        pc = int(found[1], 16)
        number = self._registers.get(pc)
        if number is None or not self._counts(pc):
            return
        state = _PSTATE.search(record)
        value = 0 if number == ZERO_REGISTER else self._value(record, number)
        if state is None or value is None:
            raise CannotJudge(f"QEMU's log of registers cannot be read: {record[:200]!r}")
        self.hits.append(Hit(pc, value, int(state[1], 16) >> 2 & 3))

    def _value(self, record: bytes, number: int) -> int | None:
        at = record.find(self._names[number])
        return None if at < 0 else int(record[at + 4 : at + 20], 16)

    def _counts(self, pc: int) -> bool:
        """Count an arrival; False when it is one too many of a site that is free."""
        if pc not in self._free:
            self.counted += 1
            return True
        self._free[pc] += 1
        if self._free[pc] > self._wanted.free[pc]:
            self._wanted.dropped.add(pc)
        return pc not in self._wanted.dropped
