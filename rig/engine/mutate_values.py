"""Mutants that provably change nothing because of what registers held: where the changed
instruction makes the same value as the guest's own, each time that the boot executed it.

A bit of a mask that is set already, a field that is one bit wider than any value in it, a register
that held zero where XZR is read now: QEMU's log of registers, in a run of its own, tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import a64_encode as a64
from .image import Image
from .mutate_path import Executed
from .operand_log import Wanted, operands
from .operands import Site

# Executions that one instruction is asked about, and all of them: a log line each.
_EACH, _ALL = 20_000, 400_000
ZERO = "the register held zero each time the instruction executed"
SAME = "it makes the same value each time the instruction executed"


def register_of(kind: str, word: int) -> int | None:
    """The register whose values could prove a mutant of this kind and word equivalent; None when
    none could."""
    if kind == "zero-source":
        return word & 31
    if kind == "constant" and computed(word, 0) is not None:
        return word >> 5 & 31
    return None


def proof(kind: str, was: int, now: int, values: Sequence[int]) -> str:
    """Why a mutant is equivalent when the register of register_of() held these values, all of them,
    before the instruction; "" when they prove nothing."""
    if not values:
        return ""
    if kind == "zero-source":
        return ZERO if not any(values) else ""
    same = all(computed(was, value) == computed(now, value) for value in values)
    return SAME if same else ""


def computed(word: int, source: int) -> int | None:
    """What an instruction makes of its one source: AND, ORR, EOR, ANDS (immediate), SBFM, UBFM;
    None for others and for reserved encodings. What they write to the flags follows from that.

    DDI 0487, C4.1.93 "Data Processing -- Immediate".
    """
    size = 64 if word >> 31 else 32
    source &= (1 << size) - 1
    if word & 0x1F800000 == 0x12000000:
        value = a64.logical_value(word >> 10 & 0x1FFF, size)
        if value is None:
            return None
        return (source & value, source | value, source ^ value, source & value)[word >> 29 & 3]
    operation = word >> 29 & 3
    if word & 0x1F800000 != 0x13000000 or operation not in (0, 2):
        return None
    return _field(word >> 16 & 63, word >> 10 & 63, size, source, operation == 0)


def _field(immr: int, imms: int, size: int, source: int, signed: bool) -> int | None:
    """SBFM and UBFM: bits imms down to immr to the bottom, or bits imms down to 0 up."""
    if immr >= size or imms >= size:
        return None
    low, to = (immr, 0) if imms >= immr else (0, size - immr)
    width = imms - low + 1
    value = source >> low & (1 << width) - 1
    if signed and value >> width - 1:
        value -= 1 << width
    return value << to & (1 << size) - 1


def held(  # pylint: disable=too-many-arguments # a run, and what is asked of it
    words: Sequence[str],
    folder: Path,
    bound: float,
    image: Image,
    path: Executed,
    registers: Mapping[int, int],
) -> dict[int, list[int]]:
    """The values that registers (by the link address of an instruction) held before each execution
    of it; only of those that came exactly as often as on the path. `words` is QEMU's command line
    of the guest; ended by the guest, or when the last execution came."""
    wanted: dict[int, int] = {}
    for address, register in sorted(registers.items(), key=lambda item: path.executed[item[0]]):
        often = path.executed[address]
        if not path.cut and 0 < often <= _EACH and often + _sum(wanted, path) <= _ALL:
            wanted[address] = register
    if not wanted:
        return {}
    sites = [
        Site(pc, register)
        for address, register in wanted.items()
        for pc in sorted(set(image.variants(address)))
    ]
    hits = operands(words, folder, sites, Wanted(most=_sum(wanted, path)), bound)
    found: dict[int, list[int]] = {}
    for hit in hits:
        found.setdefault(image.link(hit.pc), []).append(hit.value)
    return {at: values for at, values in found.items() if len(values) == path.executed[at]}


def _sum(wanted: Mapping[int, int], path: Executed) -> int:
    return sum(path.executed[address] for address in wanted)
