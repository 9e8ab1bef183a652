"""The privileged instructions of one linked image, each with the source function that holds it.

An instruction belongs to the function whose source has the asm statement, however the compiler
inlined it: the innermost function of DWARF's inline chain. Each inlined copy, and the function
itself if it was compiled by itself, is one instance. A function of an assembler file is known by
its symbol and has one instance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from a64_system import Namer
from debug_info import DebugInfo, Holder

SHF_ALLOC = 2
SHF_EXECINSTR = 4
# What pyelftools raises on a damaged file: its own errors and whatever its parsers stumble over.
DAMAGE = (
    *(ELFError, DWARFError, ConstructError, LookupError, ValueError, TypeError, AttributeError),
    *(ArithmeticError, AssertionError, MemoryError),
)
MAPPING_SYMBOL = re.compile(r"\$([xd])(?:\..*)?")


class CannotCheck(Exception):
    """The image cannot be looked at; the text says why and what to do."""


class Key(NamedTuple):
    """What an entry of the audit is about."""

    function: str
    file: str


@dataclass(frozen=True)
class Instruction:
    """One privileged instruction and where it is."""

    image: str
    address: int
    symbol: str  # of the machine code; "" outside every sized symbol
    key: Key  # the function of the source
    instance: int
    assembler: bool
    source: str  # file:line
    spellings: tuple[str, ...]

    @property
    def text(self) -> str:
        """The instruction without its general registers."""
        return self.spellings[0]

    @property
    def place(self) -> str:
        """Where it is in the image, for people."""
        return f"{self.image} {self.address:#x} <{self.symbol or 'no symbol'}>"


@dataclass
class Found:
    """An address that holds such an instruction, before its source is known."""

    address: int
    spellings: tuple[str, ...]
    symbol: str
    symbol_start: int


@dataclass(frozen=True)
class Symbol:
    """A piece of code with a name and a size."""

    start: int
    end: int
    name: str
    order: tuple[bool, int, bool, str]  # which one is named where several cover an address


def read_symbols(elf: Any, path: Path) -> tuple[list[Symbol], list[tuple[int, bool]]]:
    """The sized symbols, and where data ($d) and code ($x) start (AAELF64, "Mapping symbols")."""
    table = elf.get_section_by_name(".symtab")
    if table is None:
        raise CannotCheck(f"{path} has no symbols: give the image before it is stripped")
    sized, mapping = [], []
    for symbol in table.iter_symbols():
        kind, start, size = symbol["st_info"]["type"], symbol["st_value"], symbol["st_size"]
        match = MAPPING_SYMBOL.fullmatch(symbol.name)
        if match:
            mapping.append((start, match.group(1) == "d"))
        elif size and kind not in ("STT_SECTION", "STT_FILE", "STT_TLS"):
            local = symbol["st_info"]["bind"] == "STB_LOCAL"
            order = (kind != "STT_FUNC", size, local, symbol.name)
            sized.append(Symbol(start, start + size, symbol.name, order))
    if not sized:
        raise CannotCheck(f"{path} has no sized symbol: nothing could be attributed")
    return sorted(sized, key=lambda symbol: symbol.order), sorted(mapping)


def code_words(section: Any, mapping: list[tuple[int, bool]]) -> Iterator[tuple[int, int]]:
    """(address, word) of the code in a section; data between code is passed over."""
    base, data = section["sh_addr"], section.data()
    end = base + len(data)
    inside = [(at, is_data) for at, is_data in mapping if base <= at < end]
    marks = [(base, False), *inside, (end, False)]
    for (start, is_data), (stop, _) in zip(marks, marks[1:]):
        if not is_data:
            for at in range(start + -start % 4, stop - 3, 4):
                yield at, int.from_bytes(data[at - base : at - base + 4], "little")


def find(elf: Any, path: Path, namer: Namer) -> list[Found]:
    """Every privileged instruction of the executable sections, in order of address."""
    symbols, mapping = read_symbols(elf, path)
    found = []
    for section in elf.iter_sections():
        wanted = SHF_ALLOC | SHF_EXECINSTR
        if section["sh_flags"] & wanted != wanted or section["sh_type"] == "SHT_NOBITS":
            continue
        for address, word in code_words(section, mapping):
            # No other instruction has these bits: most words need no closer look.
            spellings = namer.spellings(word) if word >> 24 in (0xD4, 0xD5, 0xD6) else ()
            if spellings:
                holders = (s for s in symbols if s.start <= address < s.end)
                symbol = next(holders, None)
                name, start = (symbol.name, symbol.start) if symbol else ("", address)
                found.append(Found(address, spellings, name, start))
    return sorted(found, key=lambda one: one.address)


def read_image(path: Path, label: str, root: Path, namer: Namer) -> list[Instruction]:
    """The privileged instructions of an image, in order of address; messages call it `label`."""
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_AARCH64":
                raise CannotCheck(f"{path} is an ELF for {elf['e_machine']}, not EM_AARCH64")
            found = find(elf, path, namer)
            if not found:
                raise CannotCheck(f"{path} holds no privileged instruction: is it the image?")
            if elf.get_section_by_name(".debug_info") is None:
                raise CannotCheck(f"{path} has no debug information: build it with -g")
            holders = DebugInfo(elf, root).holders([one.address for one in found])
    except (OSError, *DAMAGE) as error:
        text = f"{type(error).__name__}: {error}"
        raise CannotCheck(f"{path} cannot be read as an ELF: {text}") from error
    return [describe(one, label, holders.get(one.address)) for one in found]


def describe(one: Found, label: str, holder: Holder | None) -> Instruction:
    """A found instruction with its source. Code without a function in the debug information belongs
    to its symbol."""
    if holder is None:
        holder = Holder("", "?", 0, False, "?:?")
    by_symbol = not holder.function or not one.symbol
    return Instruction(
        image=label,
        address=one.address,
        symbol=one.symbol,
        key=Key(one.symbol if by_symbol else holder.function, holder.file),
        instance=one.symbol_start if by_symbol else holder.instance,
        assembler=holder.assembler,
        source=holder.source,
        spellings=one.spellings,
    )
