"""Moving a replayed guest through its time: to a count, back to an instruction, back to a write.

QEMU takes the guest back by loading the recording's snapshot and running forward again, so each way
back costs what the boot up to there costs at full speed (measured on QEMU 7.2: 20 to 40 ms behind
300,000 instructions), and lands exactly. The stub's `bc` and `bs` stop before the instruction that
is looked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.qmp import Qmp, QmpError
from prompt.physical import gdb, interrupt_waits
from target import PC, Target, TargetError

_POLL_S = 0.002
_SEEK_S = 120.0


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

    def go(self, target: Target, count: int) -> None:
        """Go to where so many instructions are executed."""
        if self.count() == count:
            return
        self._qmp.command("replay-seek", {"icount": count})
        deadline = time.monotonic() + _SEEK_S
        while self._qmp.command("query-status")["running"] or self.count() != count:
            if interrupt_waits():
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
        places = set(addresses)
        self._back(target, [f"1,{address:x},4" for address in sorted(places)])
        return target.core()[PC] in places

    def back_to_write(self, target: Target, address: int, size: int) -> bool:
        """Go back to before the last store to this virtual address; False: there is none."""
        self._back(target, [f"2,{address:x},{size:x}"])
        return self.count() > 0

    def back_one(self, target: Target) -> None:
        """Undo one instruction."""
        if self.count():
            target.travel("bs")

    def step(self, target: Target) -> None:
        """Execute one instruction."""
        target.travel("vCont;s:p1.1")

    def _back(self, target: Target, stops: list[str]) -> None:
        if not self.count():
            return
        for stop in stops:
            if target.packet(f"Z{stop}") != "OK":
                raise TargetError(f"QEMU refused a breakpoint or watchpoint (Z{stop})")
        try:
            target.travel("bc")
            if interrupt_waits():
                raise Interrupted
        finally:
            for stop in stops:
                target.packet(f"z{stop}")


def forget_caches() -> None:
    """What gdb remembers of registers and memory is of another time."""
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)
