"""The guest's registers at one stop, read only when asked for, and who wrote them last."""

from __future__ import annotations

import re
from dataclasses import dataclass

from decode import Insn
from engine.checks import Where
from engine.evaluate import NotKnown, Word
from engine.registers import Table
from memory import LiveWalks
from target import PC, PSTATE, SP, Target

# Condition flags (31:28) and BTYPE (11:10, set by indirect branches) change all the time.
PSTATE_WATCHED = 0xFFFFFFFF & ~(0xF << 28 | 0x3 << 10)
_TIMER = re.compile(r"CNT[A-Z]+_CTL_EL\d")


@dataclass
class Write:
    """One write of a register: the instruction, and where it stands."""

    pc: int
    instruction: str


class LiveState:  # pylint: disable=too-many-instance-attributes # each a cache of its own
    """The State of the expressions, on the live guest."""

    def __init__(self, target: Target, table: Table, walker: str) -> None:
        self._target = target
        self.table = table
        self._walker = walker
        self._names = {
            name: next((alias for alias in register.aliases if alias in target.offered), None)
            for name, register in table.registers.items()
        }
        self._cache: dict[str, int] = {}  # this stop only
        self._steady: dict[str, int] = {}  # control registers, until written
        self._shadow: dict[str, int] = {}  # written values of registers the stub does not offer
        self._walks: LiveWalks | None = None
        self._timer_names = [name for name in target.offered if _TIMER.fullmatch(name)]
        self._timers: bool | None = None  # is one enabled? until a register is written
        self.regs: tuple[int, ...] = target.core()
        self.taken = Word("none")  # or announced, unannounced: this stop is an exception's entry
        # Since the last snapshot; PSTATE.FIELD for an MSR to a field, whatever the value.
        self.writes: dict[str, list[Write]] = {}

    # --- moving on --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in the state after a step or a run."""
        self.regs = self._target.core()
        self.taken = Word("none")
        self._cache.clear()
        self._walks = None

    def forget(self) -> None:
        """Somebody else has moved the guest: nothing that was known holds."""
        self.refresh()
        self._steady.clear()
        self._timers = None
        self.writes.clear()

    def executed(self, insn: Insn, before: tuple[int, ...]) -> str:
        """Book what a stepped instruction wrote; returns the register's name, or ""."""
        if (before[PSTATE] ^ self.regs[PSTATE]) & PSTATE_WATCHED:
            self._book("PSTATE", insn)
        name = insn.writes
        if insn.writes_pstate:
            self._book(f"PSTATE.{insn.writes_pstate}", insn)
        elif name:
            self._book(name, insn)
            self._steady.pop(name, None)
            self._timers = None
            if self._names.get(name) is None:
                self._shadow[name] = 0 if insn.writes_from == 31 else before[insn.writes_from]
        return name

    def interrupted(self, pc: int, what: str) -> None:
        """Book what an exception entry at pc wrote of PSTATE (DAIF, SPSel, the level)."""
        self.writes.setdefault("PSTATE", []).append(Write(pc, what))

    def _book(self, name: str, insn: Insn) -> None:
        self.writes.setdefault(name, []).append(Write(insn.pc, insn.text))

    # --- reading ----------------------------------------------------------------------------------

    @property
    def pc(self) -> int:
        """The address of the next instruction."""
        return self.regs[PC]

    def core(self, name: str) -> int:
        """PC, SP or PSTATE."""
        return self.regs[{"PC": PC, "SP": SP, "PSTATE": PSTATE}[name]]

    def general(self, number: int) -> int:
        """x0..x30."""
        return self.regs[number]

    def register(self, name: str) -> int:
        """A system register; the value last written where the stub does not offer it."""
        selected = self._selected_stack()
        if name == selected:
            return self.regs[SP]
        if name in self._cache:
            return self._cache[name]
        offered = self._names.get(name)
        if offered is not None:
            value = self._target.system(offered)
        elif name in self._shadow:
            value = self._shadow[name]
        else:
            raise NotKnown(
                f"{name} is not offered by QEMU's gdb stub on this CPU, and was not written"
            )
        self._cache[name] = value
        return value

    def steady(self, name: str) -> int:
        """A control register for per-step rules: read again only after an MSR to it."""
        if name not in self._steady:
            self._steady[name] = self.register(name)
        return self._steady[name]

    def stub(self, name: str) -> int | None:
        """A register by the stub's own name, whether the table has it or not."""
        return self._target.system(name) if name in self._target.offered else None

    def timer_enabled(self) -> bool:
        """Is one of the CPU's generic timers enabled (CNTx_CTL_ELy.ENABLE)?"""
        if self._timers is None:
            self._timers = any(self._target.system(name) & 1 for name in self._timer_names)
        return self._timers

    def exception(self) -> Word:
        """Is this stop the entry of an exception, and does the pack announce it?"""
        return self.taken

    def offers(self, name: str) -> bool:
        """Can the register be read here (or was it written)?"""
        return self._names.get(name) is not None or name in self._shadow

    def walks(self) -> LiveWalks:
        """The table walker at this stop."""
        if self._walks is None:
            self._walks = LiveWalks(self._target, self._walker, self)
        return self._walks

    def physical(self, address: int, size: int) -> bytes:
        """Physical memory."""
        data = self._target.read_physical(address, size)
        if data is None:
            raise NotKnown(f"physical memory at {address:#x} cannot be read")
        return data

    def snapshot(self, names: list[str]) -> dict[str, int]:
        """Fresh values of the watched registers that can be read, PSTATE among them."""
        self._cache.clear()
        values = {name: self.register(name) for name in names if self.offers(name)}
        values["PSTATE"] = self.regs[PSTATE] & PSTATE_WATCHED
        return values

    def _selected_stack(self) -> str:
        """The stub's SP_ELx is stale while it is the one in use."""
        pstate = self.regs[PSTATE]
        return f"SP_EL{pstate >> 2 & 3}" if pstate & 1 else "SP_EL0"


class SteadyState:
    """The same state for per-step rules: control registers come from the last known value."""

    def __init__(self, live: LiveState, control: frozenset[str]) -> None:
        self._live = live
        self._control = control

    def core(self, name: str) -> int:
        """See LiveState."""
        return self._live.core(name)

    def general(self, number: int) -> int:
        """See LiveState."""
        return self._live.general(number)

    def register(self, name: str) -> int:
        """See LiveState."""
        return self._live.steady(name) if name in self._control else self._live.register(name)

    def exception(self) -> Word:
        """See LiveState."""
        return self._live.exception()

    def walks(self) -> LiveWalks:
        """See LiveState."""
        return self._live.walks()

    def physical(self, address: int, size: int) -> bytes:
        """See LiveState."""
        return self._live.physical(address, size)


def where_text(where: Where) -> str:
    """A place with its instruction."""
    return f"{where.text()}: {where.instruction}" if where.instruction else where.text()
