"""`rig step-state` and `rig watch`: run until the machine's state changes, and say how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from decode import Insn
from engine.evaluate import NotKnown
from engine.register_view import UnknownName, change_lines, field_name, register_name
from engine.registers import Register
from exceptions import Taken
from prompt.base import RigCommand, WordCommand
from prompt.physical import gdb
from prompt.screen import lines
from prompt.session import INTERRUPTED, Session
from prompt.status import half
from prompt.sysreg import offered, value_of
from state import PSTATE_WATCHED, LiveState
from target import PSTATE

_CORE = {**{f"X{number}": number for number in range(31)}, "SP": 31, "PC": 32}


def system_instruction(insn: Insn) -> bool:
    """MSR, barriers, TLB, cache and address operations, ERET, SVC and the like, sleeps."""
    data_cache = insn.opcode is not None and insn.opcode & 0xFFF80000 == 0xD5080000
    return insn.changes_state or data_cache


@dataclass
class _Values:
    """Registers at one moment, by architectural name."""

    found: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def read(state: LiveState, names: list[str]) -> "_Values":
        """Those of the names that can be read."""
        values = _Values({"PSTATE": state.regs[PSTATE] & PSTATE_WATCHED})
        for name in names:
            try:
                values.found[name] = state.register(name)
            except NotKnown:
                continue
        return values

    def changes(self, old: "_Values", state: LiveState) -> list[str]:
        """What differs, by field."""
        text = []
        for name, value in self.found.items():
            before = old.found.get(name)
            if before is None or before == value:
                continue
            text.append(f"  {name} {before:#x} -> {value:#x}")
            if state.table[name].fields:
                text += [f"    {line}" for line in change_lines(state.table[name], before, value)]
        return text


class StepState(RigCommand):
    """Step to the next instruction that changes the machine's state, execute it, show the change.
    Usage: rig step-state

    These are MSR, barriers, TLBI, IC, DC, AT, ERET, SVC, HVC, SMC, WFI, an exception that is taken,
    and a branch from one half of the address space into the other. Rules are judged on the way.
    Example: (gdb) rig step-state"""

    word = "step-state"

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 0)
        session = self.session
        found: list[str] = []
        with session.stopped():
            state = session.state()
            table = state.table
            names = [
                register.name
                for register in table.registers.values()
                if register.kind in ("control", "exception", "thread")
                and state.offers(register.name)
            ]
            before = _Values.read(state, [])

            def arrived(done: Insn, following: Insn) -> str:
                nonlocal before
                taken = session.stepper.taken
                crossed = half(done.pc) != half(following.pc)
                if taken or crossed or system_instruction(done):
                    after = _Values.read(state, names)
                    found.extend(_told(session, done, taken, crossed, following))
                    changes = after.changes(before, state)
                    found.extend(changes or ([] if taken or crossed else ["  no register changed"]))
                    return "state changed"
                if system_instruction(following):
                    before = _Values.read(state, names)
                else:
                    before = _Values({"PSTATE": state.regs[PSTATE] & PSTATE_WATCHED})
                return ""

            first = session.stepper.next_insn()
            if system_instruction(first):
                before = _Values.read(state, names)
            why = session.run(arrived)
        if not found:
            gdb.write(f"rig: {why}\n")
        lines(found)
        session.show_place()


def _told(
    session: Session, done: Insn, taken: Taken | None, crossed: bool, following: Insn
) -> list[str]:
    where = session.stepper.recorder.where
    if taken is not None:
        ended = "" if taken.executed else ", which was not executed"
        text = [f"{taken.text()}: vector entry {where(taken.entry).text()}"]
        text.append(f"  at `{done.text}`{ended}, {where(done.pc).text()}; back to {taken.back:#x}")
        return text
    text = [f"`{done.text}` at {where(done.pc).text()}"]
    if crossed:
        text.append(f"  PC from the {half(done.pc)} to the {half(following.pc)} half")
    return text


class Watch(WordCommand):
    """Run until a register, or a field of one, changes; say what changed it.
    Usage: rig watch REGISTER[.FIELD]

    Every instruction is stepped, and rules are judged on the way. x0 to x30, SP and PC can be
    watched as well as system registers. Ctrl-C ends it.
    Example: (gdb) rig watch TCR_EL1.EPD1"""

    word = "watch"

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        if before:
            return
        for name, register in self.session.table.registers.items():
            yield name
            yield from (f"{name}.{field}" for field in register.fields)
        yield from _CORE

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 1)
        if not words:
            raise self.wrong("give a register or a field: rig watch REGISTER[.FIELD]")
        session = self.session
        told: list[str] = []
        with session.stopped():
            subject = self._subject(words[0])
            state = session.state()
            subject.value = subject.read(state)

            def arrived(done: Insn, _following: Insn) -> str:
                if not subject.may_change(done, session.stepper.taken):
                    return ""
                value = subject.read(state)
                if (value ^ subject.value) & subject.mask == 0:
                    return ""
                cause = session.stepper.taken
                by = cause.text() if cause else f"`{done.text}`"
                place = session.stepper.recorder.where(done.pc).text()
                told.append(f"{words[0]} changed by {by} at {place}")
                told.extend(f"  {line}" for line in subject.changes(value))
                return "changed"

            why = session.run(arrived, every_instruction=subject.core)
        if not told:
            gdb.write(f"rig: {why}; {words[0]} has not changed\n")
        lines(told)
        if why != INTERRUPTED or gdb.selected_thread() is not None:
            session.show_place()

    def _subject(self, text: str) -> "_Subject":
        name, _, part = text.partition(".")
        if name.upper() in _CORE and not part:
            return _Subject(None, name.upper(), (1 << 64) - 1, {})
        table = self.session.table
        stub = offered(self.session, table)
        try:
            name = register_name(name, table, stub)
            register = table.registers.get(name, Register(name, "", (), (name,), {}))
            mask = register.fields[field_name(part, register)].mask if part else (1 << 64) - 1
        except UnknownName as error:
            raise self.wrong(str(error)) from None
        return _Subject(register, name, mask, stub)


@dataclass
class _Subject:
    """What is watched."""

    register: Register | None
    name: str
    mask: int
    stub: dict[str, str]
    value: int = 0

    @property
    def core(self) -> bool:
        """Can any instruction change it?"""
        return self.register is None or self.register.kind in ("counter", "pstate", "")

    def read(self, state: LiveState) -> int:
        """Its value now."""
        if self.register is None:
            return state.regs[_CORE[self.name]]
        return value_of(state, self.name, self.stub)

    def may_change(self, done: Insn, taken: Taken | None) -> bool:
        """Is it worth a look behind this step?"""
        return self.core or taken is not None or system_instruction(done)

    def changes(self, value: int) -> list[str]:
        """Old and new, by field."""
        if self.register is None or not self.register.fields:
            return [f"{self.value:#x} -> {value:#x}"]
        old, new = self.value & self.mask, value & self.mask
        return change_lines(
            self.register, self.value & ~self.mask | old, self.value & ~self.mask | new
        )
