"""What an address is: as the image, the tables, the machine and the rule pack have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .image import Image
from .snapshot_file import MemoryRange
from .walk import Table, WalkResult

_VECTOR_SOURCES = (
    "the current EL with SP_EL0", "the current EL with SP_ELx",
    "a lower EL in AArch64", "a lower EL in AArch32",
)  # fmt: skip
_VECTOR_KINDS = ("synchronous exceptions", "IRQ", "FIQ", "SError")
VECTORS_SIZE = 0x800
_MASK64 = (1 << 64) - 1


@dataclass
class Known:
    """What is known of one stop."""

    image: Image
    memory: Sequence[MemoryRange]
    tables: Sequence[Table]
    registers: Mapping[str, int]
    spec: Mapping[str, Any] = field(default_factory=dict)  # regions, devices (space_spec.build)
    guards: Sequence[tuple[int, int, str]] = ()
    # (from, to exclusive, physical) of what is mapped; None when there is too much of it
    mapped: Sequence[tuple[int, int, int]] | None = None


def half(address: int) -> str:
    """The half of the address space that an address lies in."""
    if address < 1 << 48:
        return "low half"
    return "high half" if address >= 0xFFFF << 48 else "neither half: no address of 48 bits"


def describe(address: int, walk: WalkResult | None, known: Known, place: str = "") -> list[str]:
    """Lines on a virtual address, which may be a physical one, too. `walk` is None where nothing is
    translated (the MMU is off); `place` is file:line."""
    physical = address if walk is None else walk.pa
    lines = [f"{address:#x}: {half(address)}"]
    lines += _image(address, known.image, place)
    lines += [
        f"  guard     {name}" for first, last, name in known.guards if first <= address <= last
    ]
    lines += _registers(address, known.registers, known.image, known.spec)
    lines += _named(address, known.spec, "va")
    if walk is None:
        lines.append("  physical  the same: nothing is translated (the MMU is off)")
    else:
        lines.append(f"  walk      {walk.description}")
    if physical is not None:
        lines += [f"  there     {text}" for text in at_physical(physical, known)]
    elif _in_memory(address, known.memory):
        lines.append(f"  taken as a physical address, {address:#x} is:")
        lines += [f"    {text}" for text in at_physical(address, known)]
        lines += [f"    {text}" for text in _mappings(address, known)]
    return lines


def at_physical(address: int, known: Known) -> list[str]:
    """What lies at a physical address."""
    part = _in_memory(address, known.memory)
    lines = []
    if part is None:
        lines.append(f"PA {address:#x}: nothing of this machine")
    elif part.kind == "ram":
        lines.append(f"PA {address:#x}: RAM, {address - part.first:#x} from its start")
    else:
        what = "a device" if part.kind == "io" else "ROM"
        lines.append(f"PA {address:#x}: {what}, {part.name} + {address - part.first:#x}")
    lines += [text.removeprefix("  pack      ") for text in _named(address, known.spec, "pa")]
    for table in known.tables:
        if table.pa <= address < table.pa + table.size:
            root = "TTBR1_EL1" if table.upper else "TTBR0"
            entry = (address - table.pa) // 8
            lines.append(
                f"entry {entry} of a level {table.level} translation table, reached from {root}"
            )
    return lines


def _image(address: int, image: Image, place: str) -> list[str]:
    section = image.section_of(address)
    if section is None:
        return []
    symbol = image.locate(address)
    link = image.link(address)
    words = [section.name, symbol, place]
    lines = [f"  image     {'  '.join(word for word in words if word)}"]
    others = [other for other in image.variants(link) if other != address]
    names = ["its link address" if other == link else "where it is loaded" for other in others]
    if others:
        text = ", ".join(f"{other:#x} ({name})" for other, name in zip(others, names))
        lines.append(f"  the same  at {text}")
    return lines


def _registers(
    address: int, registers: Mapping[str, int], image: Image, spec: Mapping[str, Any]
) -> Iterable[str]:
    if registers.get("SP") == address and address:
        physical = image.physical(address - 1)
        below = [] if physical is None else _names(physical, spec, "pa")
        yield from (f"  stack     SP at the empty end of {name}" for name in below)
    for name in ("PC", "SP", "SP_EL0", "SP_EL1", "ELR_EL1", "FAR_EL1"):
        if registers.get(name) == address and address:
            yield f"  register  {name} holds it"
    for level in (1, 2, 3):
        base = registers.get(f"VBAR_EL{level}")
        if base is not None and base <= address < base + VECTORS_SIZE and (base or address):
            source, kind = divmod((address - base) // 0x80, 4)
            inside = (address - base) % 0x80
            more = f" + {inside:#x}" if inside else ""
            yield (
                f"  vector    VBAR_EL{level} + {address - base - inside:#x}{more}: "
                f"{_VECTOR_KINDS[kind]} from {_VECTOR_SOURCES[source]}"
            )


def _names(address: int, spec: Mapping[str, Any], space: str) -> list[str]:
    return [text.partition(",")[0].split(None, 1)[1] for text in _named(address, spec, space)]


def _named(address: int, spec: Mapping[str, Any], space: str) -> Iterable[str]:
    for item in [*spec.get("regions", []), *spec.get("devices", [])]:
        if item.get("space", "pa") != space or item["name"].startswith("."):
            continue  # sections are told as the image's
        first, last = int(item["first"], 16), int(item["last"], 16)
        if first <= address <= last:
            yield f"  pack      {item['name']}, {address - first:#x} from its start"


def _mappings(address: int, known: Known) -> list[str]:
    if known.mapped is None:
        return ["mapped somewhere or not: there are too many mappings to look through"]
    found = [
        f"{start + address - physical:#x}"
        for start, end, physical in known.mapped
        if physical <= address < physical + end - start
    ]
    return [f"mapped at {', '.join(found)}" if found else "mapped nowhere"]


def _in_memory(address: int, memory: Sequence[MemoryRange]) -> MemoryRange | None:
    return next((part for part in memory if part.first <= address <= part.last), None)
