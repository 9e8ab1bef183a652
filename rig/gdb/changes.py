"""The boot's story for the reports: each write that changed a register, each exception taken.

Every MSR's register is read before and after it, which costs two packets for an instruction in some
hundreds. A register that changes all the time would fill the story: each has room for a number of
entries, and what had none is counted.
"""

from __future__ import annotations

from collections import Counter

from decode import Insn
from engine.evaluate import NotKnown
from engine.registers import Table
from exceptions import Taken
from recorder import Recorder
from state import PSTATE_WATCHED, LiveState
from target import PSTATE

ROOM = 200  # entries of one register, and exceptions
_REGISTERS = 256  # different ones; an encoding that the table does not have is one, too
_SYNDROME = ("IRQ", "FIQ")  # these have none
# ESR_ELx.EC for which FAR_ELx is valid: aborts, PC alignment, watchpoints (DDI 0487, FAR_EL1).
_FAR = {0x20, 0x21, 0x22, 0x24, 0x25, 0x34, 0x35}


class Changes:
    """Tells the driver of changes and exceptions as they come."""

    def __init__(self, table: Table, state: LiveState, recorder: Recorder) -> None:
        self._table = table
        self._state = state
        self._recorder = recorder
        self._told: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()  # by register, and `exceptions`
        self._before: int | None = None

    def about_to(self, insn: Insn) -> None:
        """The instruction comes next."""
        if insn.writes and not insn.writes_pstate:
            self._before = self._value(insn.writes)

    def executed(self, insn: Insn, before: tuple[int, ...]) -> None:
        """It executed, with these core registers before it."""
        pstate = self._state.regs[PSTATE]
        if (before[PSTATE] ^ pstate) & PSTATE_WATCHED:
            old = before[PSTATE] & PSTATE_WATCHED
            self._tell("PSTATE", old, pstate & PSTATE_WATCHED, insn)
        if not insn.writes or insn.writes_pstate:
            return
        new = self._value(insn.writes)
        if new is None:  # neither the stub nor the table knows it: what was written
            new = 0 if insn.writes_from == 31 else before[insn.writes_from]
        if new != self._before:
            self._tell(insn.writes, self._before, new, insn)

    def taken(self, exception: Taken, announced: bool) -> None:
        """An exception was taken; the guest stands at its vector."""
        if not self._room("exceptions"):
            return
        level, stub = exception.target, self._state.stub
        syndrome = None if exception.kind in _SYNDROME else stub(f"ESR_EL{level}")
        far = None
        if syndrome is not None and syndrome >> 26 & 0x3F in _FAR:
            far = stub(f"FAR_EL{level}")
        self._recorder.event(
            "exception",
            exception_class=exception.kind,
            source=exception.source,
            target=level,
            entry=exception.entry,
            syndrome=syndrome,
            far=far,
            announced=announced,
            count=self._recorder.executed,
            where=vars(self._recorder.where(exception.back)),
        )

    def _value(self, name: str) -> int | None:
        if name not in self._table:
            return None
        try:
            return self._state.register(name)
        except NotKnown:
            return None

    def _tell(self, name: str, old: int | None, new: int, insn: Insn) -> None:
        if self._room(name):
            self._recorder.event(
                "sysreg",
                register=name,
                old=old,
                new=new,
                count=self._recorder.executed,
                where=vars(self._recorder.where(insn.pc, insn.text)),
            )

    def _room(self, name: str) -> bool:
        if self._told[name] < ROOM and (name in self._told or len(self._told) < _REGISTERS):
            self._told[name] += 1
            return True
        self.cut[name if name in self._told else "others"] += 1
        return False
