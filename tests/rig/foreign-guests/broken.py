"""The same guests with one barrier less: where no rule fires on them, one has to fire here."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import wrap
from engine import elf as elf_file

NOP = 0xD503201F
DSB_SY, DSB_ISH, DSB_ISHST = 0xD5033F9F, 0xD5033B9F, 0xD5033A9F
MSR_TTBR0_X8, TLBI_VAALE1IS_X0 = 0xD5182008, 0xD50883E0


class NotThere(Exception):
    """The code is not the one that is known how to break."""


@dataclass(frozen=True)
class Break:
    """The barrier becomes a NOP: the last one before the instruction, or the first one behind it,
    in the function ("" for the whole image). `rule` has to say so."""

    rule: str
    function: str
    instruction: int
    barrier: int
    before: bool


BREAKS = {
    # No DSB between the tables and the TTBR that makes them reachable.
    "u-boot": (Break("table-before-walk", "", MSR_TTBR0_X8, DSB_SY, True),),
    # A descriptor is cleared, its TLB entry invalidated: the DSB between, the DSB behind.
    "linux": (
        Break("store-before-tlbi", "__set_fixmap", TLBI_VAALE1IS_X0, DSB_ISHST, True),
        Break("tlbi-completes", "__set_fixmap", TLBI_VAALE1IS_X0, DSB_ISH, False),
    ),
}


def without(path: Path, what: Break) -> bytes:
    """The guest's ELF without the barrier."""
    data = bytearray(path.read_bytes())
    elf = elf_file.load(path)
    text = elf.sections[".text"]
    start, end = text.start, text.end
    if what.function:
        symbol = elf.symbols[what.function]
        start, end = symbol.value, symbol.value + symbol.size
    first = wrap.CODE_AT + start - text.start
    words = [word for (word,) in struct.iter_unpack("<I", data[first : first + end - start])]
    places = [index for index, word in enumerate(words) if word == what.barrier]
    if what.instruction not in words:
        raise NotThere(f"{path}: no instruction {what.instruction:#x}")
    at = words.index(what.instruction)
    found = [place for place in places if (place < at) == what.before]
    if not found:
        raise NotThere(f"{path}: no barrier {what.barrier:#x} at {what.instruction:#x}")
    place = first + 4 * (found[-1] if what.before else found[0])
    data[place : place + 4] = struct.pack("<I", NOP)
    return bytes(data)
