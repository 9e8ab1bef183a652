"""A snapshot as the State of the packs' expressions: what held at that stop, without the guest."""

from __future__ import annotations

from bisect import bisect_right

from .evaluate import NotKnown, Word
from .snapshot_file import Snapshot
from .table_walks import TableWalks

_WORD = 8


class SnapshotState:
    """Registers and tables of a snapshot; other memory is not known."""

    def __init__(self, snapshot: Snapshot, library: str = "") -> None:
        self._snapshot = snapshot
        self._library = library
        self._starts = [pa for pa, _data in snapshot.frames]
        self._walks: TableWalks | None = None

    def core(self, name: str) -> int:
        """PC, SP or PSTATE."""
        return self.register(name)

    def general(self, number: int) -> int:
        """x0..x30."""
        return self.register(f"X{number}")

    def register(self, name: str) -> int:
        """A system register; raises NotKnown when the snapshot does not have it."""
        if name not in self._snapshot.registers:
            raise NotKnown(f"the snapshot has no {name}")
        return self._snapshot.registers[name]

    def exception(self) -> Word:
        """Not in a snapshot."""
        raise NotKnown("EXCEPTION is what a step ended in, and a snapshot is of no step")

    def walks(self) -> TableWalks:
        """The table walker on the snapshot's tables."""
        if self._snapshot.regime != "EL1&0":
            raise NotKnown(
                f"expressions walk the EL1&0 regime, this one is {self._snapshot.regime}"
            )
        if self._walks is None:
            self._walks = TableWalks(self._library, self._snapshot.registers, self.word)
        return self._walks

    def word(self, address: int) -> int | None:
        """A descriptor of the tables, None where the snapshot has none."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        start, data = self._snapshot.frames[index]
        word = data[address - start :][:_WORD] if address - start < len(data) else b""
        return int.from_bytes(word, "little") if len(word) == _WORD else None

    def physical(self, address: int, size: int) -> bytes:
        """Physical memory: tables are all that a snapshot has."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0:
            start, data = self._snapshot.frames[index]
            part = data[address - start :][:size]
            if len(part) == size:
                return part
        raise NotKnown(f"a snapshot holds tables only, not the memory at {address:#x}")
