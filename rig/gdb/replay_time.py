"""Moving a replayed guest through its time: to a count, back to an instruction, back to a write.

QEMU takes the guest back by loading the recording's snapshot and running forward again, so each way
back costs what the boot up to there costs at full speed (measured on QEMU 7.2: 20 to 40 ms behind
300,000 instructions), and lands exactly. The stub's `bc` and `bs` stop before the instruction that
is looked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.qmp import Qmp, QmpError
from prompt.physical import gdb, interrupt_waits
from target import PC, Target, TargetError

_POLL_S = 0.002
_STEP = "vCont;s:p1.1"
_SEEK_S = 120.0
_BLIND = 4  # instructions right behind the guest, where QEMU's way back sees no store


class Interrupted(Exception):
    """A Ctrl-C came on the way."""


class Timeline:
    """The time of one recording; `target` is given by who has the guest at the moment."""

    def __init__(self, replay: dict[str, Any]) -> None:
        self._qmp = Qmp(Path(replay["qmp"]))
        self.end = int(replay["end"])

    def count(self) -> int:
        """Instructions executed where the guest stands."""
        return self._qmp.instructions()

    def hold_at_end(self) -> None:
        """Have the guest stop where the recording ends: behind it QEMU itself would leave. Each way
        back takes the stop away, so it is asked for again at each stop."""
        if self.count() < self.end:
            try:
                self._qmp.command("replay-break", {"icount": self.end})
            except QmpError:
                pass  # an own one is in the way: QEMU has one only

    def go(self, target: Target, count: int, patient: bool = False) -> None:
        """Go to where so many instructions are executed; `patient`: whatever Ctrl-C says."""
        if self.count() == count:
            return
        self._qmp.command("replay-seek", {"icount": count})
        deadline = time.monotonic() + _SEEK_S
        while self._qmp.command("query-status")["running"] or self.count() != count:
            if not patient and interrupt_waits():
                self._qmp.command("stop")
                target.drain()
                raise Interrupted
            if time.monotonic() > deadline:
                raise TargetError(f"QEMU did not go to instruction {count} within {_SEEK_S:g} s")
            time.sleep(_POLL_S)
        target.drain()  # QEMU 7.2 tells the stub of this stop, too

    def back_to(self, target: Target, addresses: Iterable[int]) -> bool:
        """Go back to the last arrival at one of the addresses; False: there is none, and the guest
        is at its first instruction."""
        places, here = set(addresses), self.count()
        # QEMU's way back does not look at the instruction right behind it.
        self.back_one(target)
        if target.core()[PC] in places and here:
            return True
        self.go(target, here)
        self._back(target, [f"1,{address:x},4" for address in sorted(places)])
        return target.core()[PC] in places and self.count() < here

    def back_to_write(self, target: Target, address: int, size: int) -> bool:
        """Go back to before the last store to this virtual address; False: there is none."""
        here, stop = self.count(), f"2,{address:x},{size:x}"
        near = max(here - _BLIND, 0)
        self.go(target, near)
        found = -1
        while (at := self.count()) < here:
            with _stops(target, [stop]):
                if "watch:" in self.step(target):
                    found = at
            if self.count() == at:  # a replay that is stepped stops before the store, each time
                self.step(target)
        if found < 0 < near:
            self.go(target, near + 1)
            self._back(target, [stop])
            found = self.count() - 1  # QEMU stops behind the store
        self.go(target, max(found, 0))
        return found >= 0

    def back_one(self, target: Target) -> None:
        """Undo one instruction."""
        if self.count():
            target.travel("bs")

    def step(self, target: Target) -> str:
        """Execute one instruction; what QEMU says of the stop."""
        self.hold_at_end()
        return target.travel(_STEP)

    def _back(self, target: Target, stops: list[str]) -> None:
        if not self.count():
            return
        with _stops(target, stops):
            target.travel("bc")
            if interrupt_waits():
                raise Interrupted


@contextmanager
def _stops(target: Target, stops: list[str]) -> Iterator[None]:
    """Breakpoints or watchpoints of the stub, inside only."""
    for stop in stops:
        if target.packet(f"Z{stop}") != "OK":
            raise TargetError(f"QEMU refused a breakpoint or watchpoint (Z{stop})")
    try:
        yield
    finally:
        for stop in stops:
            target.packet(f"z{stop}")


def forget_caches() -> None:
    """What gdb remembers of registers and memory is of another time."""
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)
