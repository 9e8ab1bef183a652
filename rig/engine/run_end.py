"""How a run of a guest ends, for every phase: a pack's `end`, and the watch over it.

A guest that does not end by itself is stopped inside QEMU by a plugin (rig/trace/plugin/end.c), at
the same instruction each time, and QEMU is killed then: what the run left behind (the console, the
log of exceptions, an event trace) is the same in each run, so is the verdict. A wall-clock bound is
the safety net only.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import CannotJudge
from .plugin import choose
from .process import Child
from .qemu import LOG

NOTE = "end.note"
_PLUGIN = "rigend"
_NOTE = struct.Struct("=QQ")
_AT_INSTRUCTIONS, _AT_TEXT, _BY_GUEST = 1, 2, 3
# While every CPU sleeps (-icount sleep=off) QEMU goes on at once when a timer is armed. When none
# is, it says so and waits, or spins: each of its threads waits at so many looks in a row, or it
# uses so many seconds of CPU, without one instruction of the guest. A busy machine cannot look so.
_NO_TIMER = "no active timers"
_STILL_LOOKS, _STILL_S = 10, 0.5
_SPINS_S = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Budget:
    """What a run may use before it is given up: instructions, and bytes of QEMU's log, which a
    guest fills that takes one exception after the other."""

    instructions: int
    log: int


@dataclass(frozen=True)
class End:
    """How a run ends: by the guest; behind the store that brings `until` to the console; before the
    block that holds the instruction after so many; when the guest sleeps for good; or (`bound`)
    whenever the wall-clock bound is over."""

    until: str = ""
    bound: bool = False
    instructions: int = 0
    sleeps: bool = False
    budget: Budget | None = None  # None: only the wall clock bounds it

    @property
    def by_guest(self) -> bool:
        """Does it end by itself?"""
        return not (self.until or self.bound or self.instructions or self.sleeps)

    @property
    def exact(self) -> bool:
        """Is the guest stopped from outside, at the same instruction each time?"""
        return bool(self.until or self.instructions or self.sleeps)

    def wanted(self) -> str:
        """What has to come, as a sentence about the guest."""
        if self.until:
            return f"the console shows {self.until!r}"
        if self.instructions:
            return f"the guest runs on for {self.instructions} instructions"
        if self.sleeps:
            return "the guest goes to sleep with nothing armed that would wake it"
        return "the guest runs on" if self.bound else "the guest ends by itself"

    def missed(self) -> str:
        """The same, when it did not come."""
        if self.until:
            return f"the console did not show {self.until!r}"
        if self.instructions:
            return f"the guest did not execute {self.instructions} instructions"
        return "the guest did not go to sleep for good" if self.sleeps else "the guest did not end"

    def words(self, qemu: str, console: str, elf: Path | None) -> list[str]:
        """QEMU's words for the plugin; the last plugin on the line, so that others see as much."""
        if not self.exact and not self.budget:
            return []
        options = f"out={NOTE}"
        if self.instructions or self.budget:
            most = self.instructions or (self.budget.instructions if self.budget else 0)
            options += f",instructions={most}"
        if self.until:
            options += f",until={self.until.encode().hex()},console={console}"
        return ["-plugin", f"{choose(qemu, _PLUGIN, elf)},{options}"]


def end_of(data: Mapping[str, Any]) -> End:
    """The `end` of a pack's data."""
    spec = data.get("end") or {}
    return End(
        until=spec.get("until", ""),
        instructions=spec.get("instructions", 0),
        sleeps=spec.get("by") == "sleep",
    )


def bound_of(data: Mapping[str, Any], timeout: float) -> float:
    """Seconds that a run may take at most."""
    return float((data.get("end") or {}).get("bound", timeout))


class Watch:
    """Sees whether a run has come to its end. `come` says how: "" as long as it has not."""

    def __init__(self, end: End, folder: Path, qemu: Child) -> None:
        self._end = end
        self._path = folder / NOTE
        self._log = folder / LOG
        self._qemu = qemu
        self._map: mmap.mmap | None = None
        self._seen = -1
        self._since = (0.0, 0.0)  # CPU seconds and time when the guest was last seen to go on
        self._looks = 0
        self._came = False
        self._gave_up = ""

    def given_up(self) -> str:
        """Why a run with a budget will not come to its end, "" as long as it may. What was said
        once stays so."""
        self._gave_up = self._gave_up or self._gives_up()
        return self._gave_up

    def _gives_up(self) -> str:
        budget = self._end.budget
        if budget is None:
            return ""
        count, ending = self._note()
        if ending == _AT_INSTRUCTIONS and not self._end.instructions:
            return f"within {budget.instructions} instructions"
        if self._log.exists() and self._log.stat().st_size > budget.log:
            return f"before QEMU's log of its exceptions had {budget.log >> 20} MiB"
        return "and executes nothing any more" if self.asleep(count) else ""

    def instructions(self) -> int:
        """Instructions that began to execute so far, by whole blocks."""
        return self._note()[0]

    def come(self) -> bool:
        """Has the end come that the run was to have? Then QEMU can be killed. What came stays so: a
        thread of QEMU that is busy at the next look does not wake the guest."""
        self._came = self._came or self._comes()
        return self._came

    def _comes(self) -> bool:
        if not self._end.exact:
            return False
        count, ending = self._note()
        if ending == _AT_TEXT or (ending == _AT_INSTRUCTIONS and self._end.instructions):
            return True
        return self._end.sleeps and self.asleep(count)

    def asleep(self, count: int | None = None) -> bool:
        """Does the guest sleep for good?"""
        if count is None:
            count = self._note()[0]
        now = _cpu_seconds(self._qemu.pid), time.monotonic()
        if count != self._seen or not count:
            self._seen, self._since, self._looks = count, now, 0
            return False
        if now[0] - self._since[0] >= _SPINS_S:
            return True
        self._looks = self._looks + 1 if _all_wait(self._qemu.pid) else 0
        still = self._looks >= _STILL_LOOKS and now[1] - self._since[1] >= _STILL_S
        return still and _NO_TIMER in self._qemu.stderr()

    def _note(self) -> tuple[int, int]:
        if self._map is None:
            try:
                with self._path.open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), _NOTE.size, access=mmap.ACCESS_READ)
            except (OSError, ValueError):
                return 0, 0  # QEMU has not loaded the plugin yet
        count, ending = _NOTE.unpack(self._map[:])
        return count, ending


def left_of(folder: Path) -> int:
    """The instructions that a run that is over executed."""
    try:
        count, _ending = _NOTE.unpack((folder / NOTE).read_bytes())
    except (OSError, struct.error) as error:
        raise CannotJudge(f"{folder / NOTE}: the end plugin left no note: {error}") from None
    return int(count)


def _all_wait(pid: int) -> bool:
    """Does each thread of a process wait for something?"""
    try:
        states = [
            Path(f"/proc/{pid}/task/{task}/stat").read_text("ascii").rpartition(")")[2].split()[0]
            for task in os.listdir(f"/proc/{pid}/task")
        ]
    except OSError:
        return False
    return all(state == "S" for state in states)


def _cpu_seconds(pid: int) -> float:
    """The CPU time of a process so far."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / _TICKS
