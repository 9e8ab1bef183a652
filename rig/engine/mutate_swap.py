"""Two neighbours change places: the second one at the first one's address, and what proves that
this changes nothing.
"""

from __future__ import annotations

from . import a64_encode as a64
from .a64_uses import SP, Uses, uses
from .mutate_path import Executed
from .mutate_sites import Site

# Instructions that compute in general registers alone, whatever the machine's state is: the classes
# of which a swap can be proven. Mask and value; uses() tells the registers, SP and flags.
_COMPUTE = (
    (0x1F000000, 0x10000000),  # ADR, ADRP
    (0x1F800000, 0x11000000),  # ADD, SUB
    (0x1F800000, 0x12000000),  # AND, ORR, EOR
    (0x1F800000, 0x12800000),  # MOVN, MOVZ, MOVK
    (0x1F800000, 0x13000000),  # bit fields
    (0x1F800000, 0x13800000),  # EXTR
    (0x1F000000, 0x0A000000),  # AND, ORR, EOR of registers
    (0x1F000000, 0x0B000000),  # ADD, SUB of registers
)
_PROVEN_SITES = ("msr", "msr-immediate", "barrier", "isb", "operation", "stack")
# MRS of an ID register: it reads what never changes. Mask and value.
_ID = (0xFFFFF000, 0xD5380000)
# TPIDR_EL0, TPIDRRO_EL0, TPIDR_EL1, TPIDR_EL2: the CPU does nothing by them.
_IDLE = {(3, 3, 13, 0, 2), (3, 3, 13, 0, 3), (3, 0, 13, 0, 4), (3, 4, 13, 0, 2)}
# Registers that no instruction between two MSRs could be affected by, and whose writes take effect
# in any order until a context synchronization event (DDI 0487, D24.1.2.2): MDSCR_EL1, CPACR_EL1,
# CONTEXTIDR_EL1, CNTKCTL_EL1, SPSR_EL1, ELR_EL1, SP_EL0; CPTR_EL2, MDCR_EL2, HSTR_EL2, CNTHCTL_EL2,
# CNTVOFF_EL2, SPSR_EL2, ELR_EL2, VPIDR_EL2, VMPIDR_EL2. None of translation: those have an order
# that packs ask for.
_LATER = _IDLE | {
    (2, 0, 0, 2, 2), (3, 0, 1, 0, 2), (3, 0, 13, 0, 1), (3, 0, 14, 1, 0), (3, 0, 4, 0, 0),
    (3, 0, 4, 0, 1), (3, 0, 4, 1, 0), (3, 4, 1, 1, 2), (3, 4, 1, 1, 1), (3, 4, 1, 1, 3),
    (3, 4, 14, 1, 0), (3, 4, 14, 0, 3), (3, 4, 4, 0, 0), (3, 4, 4, 0, 1), (3, 4, 0, 0, 0),
    (3, 4, 0, 0, 5),
}  # fmt: skip


def moved(word: int, source: int, target: int) -> int | None:
    """An instruction at another address that means what it meant at `source`; None when it cannot
    be said there."""
    by = target - source
    if word & 0x9F000000 == 0x90000000:
        return _address(word, (source >> 12) - (target >> 12))
    if word & 0x9F000000 == 0x10000000:
        return _address(word, -by)
    if word & 0x7C000000 == 0x14000000:
        return _offset(word, 0, 26, by)
    if word & 0x7E000000 == 0x36000000:
        return _offset(word, 5, 14, by)
    if (
        word & 0x7E000000 == 0x34000000
        or word & 0xFE000000 == 0x54000000
        or word & 0x3B000000 == 0x18000000
    ):
        return _offset(word, 5, 19, by)
    return word


def _offset(word: int, low: int, bits: int, by: int) -> int | None:
    """A field of words from here, when here has moved by that many bytes."""
    mask = (1 << bits) - 1
    half = 1 << bits - 1
    offset = ((word >> low & mask) ^ half) - half - by // 4
    if by % 4 or not -half <= offset < half:
        return None
    return word & ~(mask << low) | (offset & mask) << low


def _address(word: int, by: int) -> int | None:
    """ADR's and ADRP's field, changed by a number of bytes or pages."""
    half = 1 << 20
    field = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
    offset = (field ^ half) - half + by
    if not -half <= offset < half:
        return None
    field = offset & (1 << 21) - 1
    return word & ~0x60FFFFE0 | field >> 2 << 5 | (field & 3) << 29


def proof(site: Site, after: int, path: Executed) -> str:
    """Why a site may change places with the instruction behind it; "" when it is not proven.

    Both orders come to the same when the second one computes in registers that the first one does
    not read, or when both write system registers that take effect later; and when on the boot's
    path the two are always executed together."""
    if site.kind not in _PROVEN_SITES or site.address not in path.together:
        return ""
    here, there = a64.system_register(site.word), a64.system_register(after)
    if here != there and {here, there} <= _LATER:
        return "both take effect later, in any order"
    second = _computes(after)
    if second is None or (SP in second.reads | second.writes and here not in _IDLE):
        return ""
    first = uses(site.word)
    general = {number for number in first.writes if number <= 30}
    if second.writes & first.reads or second.reads & general:
        return ""
    return "the other one computes in registers only, and not in one that this one reads"


def _computes(word: int) -> Uses | None:
    """What an instruction uses that computes in general registers and SP alone; None for others."""
    if word & _ID[0] == _ID[1]:
        return Uses(frozenset(), frozenset({word & 31} - {a64.XZR}))
    if not any(word & mask == value for mask, value in _COMPUTE):
        return None
    found = uses(word)
    return found if all(number <= SP for number in found.reads | found.writes) else None
