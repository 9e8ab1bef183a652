"""`rig id`: what an address is."""

from __future__ import annotations

import os

from engine.snapshot_file import Snapshot
from engine.walk import EL1_0, EL2, WalkError, Walker
from engine.whereis import Known, describe
from prompt.base import RigCommand, address_of
from prompt.names import Names
from prompt.physical import gdb
from prompt.screen import lines
from prompt.session import Session
from target import source_line

_MMU = 1  # SCTLR_ELx.M
_READS = 1 << 16  # descriptors looked through for what is mapped where
_HALVES = ((0, 1 << 48), (0xFFFF << 48, 1 << 64))


class Identify(RigCommand):
    """Say what an address is: of the image, of the machine, a stack, a table, a device.
    Usage: rig id ADDRESS

    ADDRESS is any expression of gdb. It is taken as a virtual address of this stop; where nothing
    is mapped there, also as a physical one.
    Example: (gdb) rig id $sp"""

    word = "id"
    completer = gdb.COMPLETE_EXPRESSION
    whole = True

    def __init__(self, session: Session, names: Names) -> None:
        super().__init__(session)
        self._names = names

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        if not words:
            raise self.wrong("give an address: rig id ADDRESS")
        address = address_of(words[0], self.word)
        snapshot = self.session.capture(0)
        image = self.session.image
        file, line = source_line(image.link(address))
        place = f"{os.path.basename(file)}:{line}" if file else ""
        walk, known = None, Known(image, snapshot.memory, [], snapshot.registers)
        known.spec = self._names.spec(snapshot)
        known.guards = self._names.guards(snapshot)
        if snapshot.regime in (EL1_0, EL2):
            walker = self.session.walker(snapshot)
            known.tables = walker.tables() if _on(snapshot) else []
            if _on(snapshot):
                walk = walker.walk(address)
                known.mapped = _mapped(walker)
            else:
                known.mapped = []
        lines(describe(address, walk, known, place))


def _on(snapshot: Snapshot) -> bool:
    name = "SCTLR_EL2" if snapshot.regime == EL2 else "SCTLR_EL1"
    return bool(snapshot.registers.get(name, 0) & _MMU)


def _mapped(walker: Walker) -> list[tuple[int, int, int]] | None:
    found = []
    for start, end in _HALVES:
        try:
            runs = walker.range(start, end, _READS)
        except WalkError:
            return None
        found += [(run.start, run.end, run.pa) for run in runs if run.ok and run.pa is not None]
    return found
