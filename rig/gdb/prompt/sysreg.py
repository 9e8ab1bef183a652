"""`rig sysreg`: a system register in fields."""

from __future__ import annotations

from collections.abc import Iterable

from engine.register_view import UnknownName, change_lines, field_words, register_name, wrapped
from engine.registers import MASK64, Register, Table
from prompt.base import WordCommand
from prompt.physical import gdb
from prompt.screen import lines, marked
from prompt.session import Session
from state import LiveState


def offered(session: Session, table: Table) -> dict[str, str]:
    """The stub's names by architectural ones; only inside of `stopped`."""
    names = {
        alias: name for name, register in table.registers.items() for alias in register.aliases
    }
    stub = session.target_offers()
    return {names.get(name, name.upper()): name for name in stub}


def value_of(state: LiveState, name: str, stub: dict[str, str]) -> int:
    """A register's value; raises NotKnown."""
    if name == "PSTATE":
        return state.core("PSTATE")
    if name == "CURRENTEL":
        return state.core("PSTATE") & 0xC
    if name in state.table and (state.offers(name) or name not in stub):
        return state.register(name)
    value = state.stub(stub[name])
    assert value is not None  # the stub offers it
    return value


class Sysreg(WordCommand):
    """Show a system register in fields.
    Usage: rig sysreg [NAME [VALUE]]

    A flag is written in capitals when it is set. What differs from the last look has a `*`. With
    VALUE that value is decoded, and no guest is needed. Without NAME all registers are listed.
    Example: (gdb) rig sysreg SCTLR_EL1
             (gdb) rig sysreg tcr_el1 0x4b5503510"""

    word = "sysreg"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._seen: dict[str, int] = {}

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        return [] if before else list(self.session.table.registers)

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 2)
        try:
            if len(words) == 2:
                self._decode(*words)
            elif words:
                self._show(words[0])
            else:
                self._list()
        except UnknownName as error:
            raise self.wrong(f"{error}; `rig sysreg` alone lists what there is") from None

    def _decode(self, name: str, text: str) -> None:
        table = self.session.table
        register = table[register_name(name, table, {})]
        try:
            value = int(text, 0)
        except ValueError:
            value = -1
            try:
                value = int(gdb.parse_and_eval(text)) & MASK64
            except gdb.error:
                pass
        if not 0 <= value <= MASK64:
            raise self.wrong(f"{text}: no 64-bit value such as 0x30d0199d")
        lines(_lines(register, value, None))

    def _show(self, text: str) -> None:
        table = self.session.table
        with self.session.stopped():
            stub = offered(self.session, table)
            name = register_name(text, table, stub)
            value = value_of(self.session.state(), name, stub)
        register = table.registers.get(name, Register(name, "", (), (name,), {}))
        before = self._seen.get(name)
        self._seen[name] = value
        lines(_lines(register, value, before))

    def _list(self) -> None:
        table = self.session.table
        with self.session.stopped():
            stub = offered(self.session, table)
            state = self.session.state()
            known = [name for name in table.registers if name in stub or state.offers(name)]
            values = {name: value_of(state, name, stub) for name in known}
        others = sorted(set(stub) - set(known))
        text = []
        for name, value in values.items():
            changed = name in self._seen and self._seen[name] != value
            line = f"{'*' if changed else ' '}{name:<18} {value:#018x}"
            text.append(marked(line) if changed else line)
        self._seen |= values
        text.append(f"and {len(others)} more without fields in the table: {', '.join(others)}")
        lines(text)


def _lines(register: Register, value: int, before: int | None) -> list[str]:
    spec = f"  ({register.spec})" if register.spec else ""
    text = [f"{register.name} = {value:#018x}{spec}"]
    for row in wrapped(field_words(register, value, before)):
        text.append("  " + " ".join(marked(w.text) if w.changed else w.text for w in row))
    if before is not None and before != value:
        text.append(f"  since the last look ({before:#x}):")
        text += [f"    {line}" for line in change_lines(register, before, value)]
    return [line for line in text if line.strip()]
