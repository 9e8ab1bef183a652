"""The translation tables of Tyrne's user spaces, read physically: what is mapped, and what a table
descriptor says of the table below it.

Tyrne keeps in each table descriptor how many entries of the next table are in use, in bits that the
walker ignores. The bits' places come from the architecture table, as the kernel's own do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from engine.paths import REGISTERS
from engine.registers import Field, Register, load_formats

from .memory import Memory
from .names import LEVELS, PAGE_SIZE, TABLE_ENTRIES

_ENTRY = 8
_INDEX_BITS, _PAGE_BITS = 9, 12
_RIGHTS = {  # AP[2:1] by name: EL1, EL0
    "EL1_RW": ("rw", "--"),
    "ALL_RW": ("rw", "rw"),
    "EL1_RO": ("r-", "--"),
    "ALL_RO": ("r-", "r-"),
}


@lru_cache(maxsize=None)
def _formats() -> dict[str, Register]:
    return load_formats(REGISTERS)


def fields(form: str) -> dict[str, Field]:
    """The fields of a descriptor format of the architecture table."""
    return _formats()[form].fields


def _get(form: str, name: str, raw: int) -> int:
    return fields(form)[name].extract(raw)


def is_valid(raw: int) -> bool:
    """Does the walker use the descriptor?"""
    return bool(_get("DESC", "VALID", raw))


def is_table(raw: int, level: int) -> bool:
    """Does it point at a table of the next level?"""
    return is_valid(raw) and level < LEVELS - 1 and bool(_get("DESC", "TYPE", raw))


def next_table(raw: int) -> int:
    """The table that a table descriptor points at."""
    return _get("DESC_TABLE", "NEXT", raw)


def live_count(raw: int) -> int:
    """How many entries of the next table Tyrne says are in use."""
    return _get("DESC_TABLE", "IGNORED", raw)


def output(raw: int, level: int) -> int:
    """The output address of a block or page."""
    return _get("DESC_LEAF", "OA", raw) & ~(level_size(level) - 1)


def level_size(level: int) -> int:
    """Bytes that one descriptor of a level covers."""
    return 1 << _PAGE_BITS + _INDEX_BITS * (LEVELS - 1 - level)


def leaf_rights(raw: int) -> str:
    """`EL1 rw-, EL0 r-x`, by the descriptor alone."""
    ap = _get("DESC_LEAF", "AP", raw)
    name = next(name for name, value in fields("DESC_LEAF")["AP"].values.items() if value == ap)
    el1, el0 = _RIGHTS[name]
    run1, run0 = ("-" if _get("DESC_LEAF", bit, raw) else "x" for bit in ("PXN", "UXN"))
    return f"EL1 {el1}{run1}, EL0 {el0}{run0}"


def words(raw: int, level: int) -> str:
    """A descriptor at a level, in words."""
    if not is_valid(raw):
        return "invalid: not mapped" if raw == 0 else "invalid: not mapped (but not zero)"
    if is_table(raw, level):
        count = live_count(raw)
        return f"table at {next_table(raw):#x}, {count} entries in use"
    if level == 0 or (level == LEVELS - 1 and not _get("DESC", "TYPE", raw)):
        return f"reserved encoding at level {level}: a walk faults here"
    kind = "page" if level == LEVELS - 1 else f"block of {level_size(level) >> 20} MiB"
    parts = [f"{kind} at {output(raw, level):#x}", leaf_rights(raw)]
    parts.append(f"attribute {_get('DESC_LEAF', 'ATTRINDX', raw)}")
    shareability = fields("DESC_LEAF")["SH"]
    parts.append(shareability.texts[shareability.extract(raw)])
    parts.append("not global" if _get("DESC_LEAF", "NG", raw) else "global")
    if not _get("DESC_LEAF", "AF", raw):
        parts.append("access flag clear: the first access faults")
    if _get("DESC_LEAF", "CONTIGUOUS", raw):
        parts.append("contiguous")
    return ", ".join(parts)


@dataclass
class TableFrame:
    """One table: which entries of it are in use, and how many the entry above it says are."""

    level: int
    address: int
    va: int  # the first that it translates
    used: int
    said: int | None  # None: the root, of which nothing is said


@dataclass
class Page:
    """One mapped page or block."""

    level: int
    va: int
    raw: int

    @property
    def pa(self) -> int:
        """Where it is."""
        return output(self.raw, self.level)


def entries(memory: Memory, table: int) -> list[int]:
    """The entries of the table at a physical address."""
    data = memory.read(table, PAGE_SIZE)
    return [int.from_bytes(data[at : at + _ENTRY], "little") for at in range(0, PAGE_SIZE, _ENTRY)]


class Tree:
    """Every table below a root; a tree with more than `limit` tables is not followed further, nor
    one that leads out of `ram`, where a read may do something to a device."""

    def __init__(self, memory: Memory, root: int, limit: int, ram: range) -> None:
        self.tables: list[TableFrame] = []
        self.pages: list[Page] = []
        self.problems: list[str] = []
        self._memory = memory
        self._limit = limit
        self._ram = ram
        self._visit(root, 0, 0, None)

    def _visit(self, address: int, level: int, va: int, said: int | None) -> None:
        if len(self.tables) >= self._limit:
            if len(self.tables) == self._limit and not self.problems:
                self.problems.append(f"more than {self._limit} tables: not followed further")
            return
        if any(frame.address == address for frame in self.tables):
            self.problems.append(f"table {address:#x} is reached twice: not followed again")
            return
        if address not in self._ram:
            self.problems.append(f"table {address:#x} is outside of the kernel's RAM: not read")
            return
        raws = entries(self._memory, address)
        used = sum(1 for raw in raws if raw)
        self.tables.append(TableFrame(level, address, va, used, said))
        for index, raw in self._in_use(raws):
            at = va + index * level_size(level)
            if is_table(raw, level):
                self._visit(next_table(raw), level + 1, at, live_count(raw))
            elif is_valid(raw):
                self.pages.append(Page(level, at, raw))

    @staticmethod
    def _in_use(raws: list[int]) -> Iterator[tuple[int, int]]:
        return ((index, raw) for index, raw in enumerate(raws) if raw)


def translate(memory: Memory, root: int, va: int, ram: range) -> int | None:
    """The physical address of a user address in the space of a root; None: not mapped to RAM."""
    table = root
    for level in range(LEVELS):
        if table not in ram:
            return None
        index = va // level_size(level) % TABLE_ENTRIES
        raw = int.from_bytes(memory.read(table + index * _ENTRY, _ENTRY), "little")
        if is_table(raw, level):
            table = next_table(raw)
        elif not is_valid(raw):
            return None
        else:
            pa = output(raw, level) + va % level_size(level)
            return pa if pa in ram else None
    return None


def read_user(memory: Memory, root: int, va: int, size: int, ram: range) -> bytes | None:
    """Memory of a space; None where a page of it is not mapped."""
    data = b""
    while len(data) < size:
        at = va + len(data)
        count = min(size - len(data), PAGE_SIZE - at % PAGE_SIZE)
        pa = translate(memory, root, at, ram)
        if pa is None:
            return None
        data += memory.read(pa, count)
    return data
