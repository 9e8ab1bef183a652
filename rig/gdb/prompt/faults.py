"""`rig esr` and `rig why-fault`: what an exception says of itself, and what the tables say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from decode import Decoder
from engine import syndrome as esr
from engine.evaluate import NotKnown
from engine.fault_reason import EXECUTE, READ, WRITE, Access, explain
from engine.paths import REGISTERS
from engine.registers import MASK64, Register, load_formats
from engine.syndrome import Syndrome
from engine.whereis import VECTORS_SIZE
from prompt.base import RigCommand
from prompt.physical import gdb
from prompt.screen import lines
from prompt.session import Session
from state import LiveState
from target import PSTATE, Target

_KINDS = ("", "IRQ", "FIQ", "SError")  # by the vector entry's place in its group of four
_CALLS = (0x11, 0x12, 0x13, 0x15, 0x16, 0x17)  # the return address is behind the instruction
_formats: dict[str, Register] = {}


def formats() -> Mapping[str, Register]:
    """The architecture table's formats, read once."""
    if not _formats:
        _formats.update(load_formats(REGISTERS))
    return _formats


def syndrome_lines(name: str, syndrome: Syndrome) -> list[str]:
    """A syndrome in lines."""
    head = f"{name} = {syndrome.value:#018x}: {syndrome.name} (EC {syndrome.ec:#04x})"
    return [head, *(f"  {line}" for line in syndrome.lines)]


@dataclass(frozen=True)
class _Taken:
    """The registers of the last exception that was taken to a level."""

    level: int
    syndrome: Syndrome
    far: int
    elr: int
    spsr: int
    offset: int | None  # of the PC behind VBAR_ELx; None in no vector

    @property
    def source(self) -> int:
        """The level that it was taken from."""
        return self.spsr >> 2 & 3

    @property
    def kind(self) -> str:
        """IRQ, FIQ, SError; "" for a synchronous one, or when that cannot be told."""
        return "" if self.offset is None else _KINDS[self.offset // 0x80 % 4]


def _read(state: LiveState, name: str) -> int:
    if state.offers(name):
        return state.register(name)
    value = state.stub(name)
    if value is None:
        raise NotKnown(f"QEMU's stub does not offer {name} on this CPU")
    return value


def _taken(state: LiveState) -> _Taken:
    level = max(state.regs[PSTATE] >> 2 & 3, 1)
    base = _read(state, f"VBAR_EL{level}")
    inside = base <= state.pc < base + VECTORS_SIZE and state.regs[PSTATE] >> 2 & 3 > 0
    return _Taken(
        level,
        esr.decode(_read(state, f"ESR_EL{level}"), state.table, formats()),
        _read(state, f"FAR_EL{level}"),
        _read(state, f"ELR_EL{level}"),
        _read(state, f"SPSR_EL{level}"),
        state.pc - base if inside else None,
    )


class Esr(RigCommand):
    """Say an exception syndrome in words.
    Usage: rig esr [VALUE]

    Without VALUE it is ESR_ELx of the current level (at EL0: ESR_EL1, what EL1 took last). With
    VALUE no guest is needed.
    Example: (gdb) rig esr 0x9600004f"""

    word = "esr"

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 1)
        if words:
            lines(syndrome_lines("ESR", self._given(words[0])))
            return
        with self.session.stopped():
            state = self.session.state()
            taken = _taken(state)
        text = syndrome_lines(f"ESR_EL{taken.level}", taken.syndrome)
        if taken.kind:
            text.append(f"  stale: this is the entry of an {taken.kind}, which writes no syndrome")
        elif not taken.syndrome.value and not taken.elr:
            text.append(f"  nothing was taken to EL{taken.level} yet, as far as its registers say")
        lines(text)

    def _given(self, text: str) -> Syndrome:
        try:
            value = int(text, 0) if text[:1].isdigit() else int(gdb.parse_and_eval(text)) & MASK64
        except (ValueError, gdb.error):
            raise self.wrong(f"{text}: no value such as 0x9600004f") from None
        if not 0 <= value <= MASK64:
            raise self.wrong(f"{text}: more than 64 bits")
        return esr.decode(value, self.session.table, formats())


class WhyFault(RigCommand):
    """Say why the exception at hand was taken: what was tried, and which bit refused it.
    Usage: rig why-fault

    At a vector entry or in a handler. The tables are walked as they are now, for the address in
    FAR_ELx and the level that tried.
    Example: (gdb) rig why-fault"""

    word = "why-fault"

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 0)
        session = self.session
        with session.stopped() as target:
            state = session.state()
            taken = _taken(state)
            if not taken.syndrome.value and not taken.elr:
                raise gdb.GdbError(
                    f"rig why-fault: nothing was taken to EL{taken.level} yet (ESR_EL{taken.level} "
                    f"and ELR_EL{taken.level} are 0); run to a vector entry first"
                )
            text = _what(session, target, taken)
        if taken.syndrome.abort and not taken.kind:
            text += _why(session, taken)
        lines(text)


def _what(session: Session, target: Target, taken: _Taken) -> list[str]:
    where = session.stepper.recorder.where
    way = f"from EL{taken.source} to EL{taken.level}"
    if taken.kind:
        return [
            f"{taken.kind} taken {way}: it is no fault, and ESR_EL{taken.level} and FAR are stale",
            f"  interrupted {where(taken.elr).text()}",
        ]
    pc = taken.elr - 4 if taken.syndrome.ec in _CALLS else taken.elr
    text = [f"{taken.syndrome.name}, taken {way}"]
    if taken.offset is None:
        text[0] += " (the last one: this is no vector entry)"
    if taken.syndrome.fetch:
        text.append(f"  tried     to execute at {where(taken.far).text()}")
    else:
        insn = Decoder(session.table).decode(pc, target.read(pc, 4)).text
        text.append(f"  by        `{insn}` at {where(pc).text()}")
    return text + [f"  says      {line}" for line in taken.syndrome.lines]


def _why(session: Session, taken: _Taken) -> list[str]:
    """Relate FAR to the walk."""
    syndrome = taken.syndrome
    kind, level = esr.status_of(syndrome, formats())
    write = esr.writes(syndrome, formats())
    tried = EXECUTE if syndrome.fetch else WRITE if write else READ
    snapshot = session.capture(0)
    walk = session.walker(snapshot).walk(taken.far)
    access = Access(tried, taken.source)
    because = explain(access, walk, snapshot.registers, formats(), snapshot.regime)
    at = f"level {level} " if level is not None else ""
    name = "instruction abort" if syndrome.fetch else "data abort"
    place = session.image.locate(taken.far)
    text = [f"  address   {taken.far:#x} (FAR_EL{taken.level})" + (f"  {place}" if place else "")]
    if walk.ok:
        text.append(f"  walk      {walk.description}")
    return [
        *text,
        f"{name}, {tried}, {at}{kind} at VA {taken.far:#x}: {because}",
    ]
