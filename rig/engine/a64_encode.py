"""Encodes the A64 instructions that mutants are made of, and takes their operands apart.

DDI 0487, C4.1 "A64 instruction set encoding". Only what mutants need; every word that a mutant gets
is read back by Capstone before it is used (mutate_words.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NOP = 0xD503201F
ERET = 0xD69F03E0
RET = 0xD65F03C0
XZR = 31

# What a barrier is weakened to, one step at a time; CRm of C6.2 "DSB", "DMB": domain and kind.
_WEAKER_DOMAIN = {12: (8,), 8: (4, 0)}  # of CRm without its kind: SY -> ISH -> NSH, OSH
_KINDS = {3: (2, 1), 2: (), 1: ()}  # a full barrier -> its store and its load kind


def system_register(word: int) -> tuple[int, int, int, int, int] | None:
    """(op0, op1, CRn, CRm, op2) of an MSR (register), None for any other instruction."""
    if word & 0xFFF00000 != 0xD5100000:
        return None
    return (
        2 + (word >> 19 & 1),
        word >> 16 & 7,
        word >> 12 & 15,
        word >> 8 & 15,
        word >> 5 & 7,
    )


def msr(register: tuple[int, ...], source: int) -> int:
    """MSR (register)."""
    op0, op1, crn, crm, op2 = register
    return (
        0xD5100000
        | (op0 - 2) << 19
        | op1 << 16
        | crn << 12
        | crm << 8
        | op2 << 5
        | source
    )  # fmt: skip


def is_msr_immediate(word: int) -> bool:
    """MSR (immediate): DAIFSet, DAIFClr, SPSel, PAN and the like."""
    return word & 0xFFF8F01F == 0xD500401F


def is_barrier(word: int) -> bool:
    """DSB or DMB."""
    return word & 0xFFFFF0DF == 0xD503309F and word >> 8 & 3 != 0


def is_dsb(word: int) -> bool:
    """DSB; of a barrier, where it is none it is DMB."""
    return word >> 5 & 1 == 0


def is_isb(word: int) -> bool:
    """ISB, whatever its ignored operand."""
    return word & 0xFFFFF0FF == 0xD50330DF


def is_system_operation(word: int) -> bool:
    """SYS: TLBI, IC, DC and AT."""
    return word & 0xFFF80000 == 0xD5080000


def is_tlbi(word: int) -> bool:
    """SYS with CRn 8 is TLBI."""
    return is_system_operation(word) and word >> 12 & 15 == 8


def is_exception_call(word: int) -> bool:
    """SVC, HVC or SMC."""
    return word & 0xFFE0001C == 0xD4000000 and word & 3 != 0


def is_wait(word: int) -> bool:
    """WFE or WFI."""
    return word in (0xD503205F, 0xD503207F)


def is_branch_register(word: int) -> bool:
    """BR or BLR without pointer authentication."""
    return word & 0xFFDFFC1F == 0xD61F0000


def is_stack_move(word: int) -> bool:
    """MOV SP, Xn (ADD SP, Xn, #0 of another register) and ADD SP, SP, Xm."""
    plain = word & 0xFFFFFC1F == 0x9100001F and word >> 5 & 31 != 31
    return plain or word & 0xFFE0001F == 0x8B20001F


def weaker_barriers(word: int) -> list[int]:
    """The barriers that do a little less: a smaller domain, one kind of access, DMB for DSB."""
    option = word >> 8 & 15
    domain, kind = option & 12, option & 3
    options = [less | kind for less in _WEAKER_DOMAIN.get(domain, ())]
    options += [domain | less for less in _KINDS[kind]]
    words = [word & ~0xF00 | option << 8 for option in options]
    return words + [word | 0x20] * is_dsb(word)


@dataclass(frozen=True)
class Tlbi:
    """A TLBI by its names: what it removes, and whether on this CPU alone."""

    name: str
    encoding: int  # the word with Xt = XZR
    operand: bool  # has it an address or an ASID?


def _tlbi(name: str, op1: int, crm: int, op2: int, operand: bool) -> Tlbi:
    return Tlbi(name, 0xD508801F | op1 << 16 | crm << 8 | op2 << 5, operand)


# DDI 0487, C5.5 "A64 System instructions for TLB maintenance": name, op1, CRm, op2.
TLBIS = {
    tlbi.encoding: tlbi
    for tlbi in [
        _tlbi(f"{name}{'is' * shared}", op1, 3 if shared else 7, op2, operand)
        for shared in (False, True)
        for name, op1, op2, operand in (
            ("vmalle1", 0, 0, False), ("vae1", 0, 1, True), ("aside1", 0, 2, True),
            ("vaae1", 0, 3, True), ("vale1", 0, 5, True), ("vaale1", 0, 7, True),
            ("alle2", 4, 0, False), ("vae2", 4, 1, True), ("alle1", 4, 4, False),
            ("vale2", 4, 5, True), ("vmalls12e1", 4, 6, False),
        )
    ]
}  # fmt: skip
_NARROWER = {
    "vmalle1": ("aside1", "vale1"), "aside1": ("vae1",), "vaae1": ("vae1",), "vae1": ("vale1",),
    "vaale1": ("vale1",), "alle1": ("vmalle1",), "vmalls12e1": ("vmalle1",),
    "alle2": ("vae2",), "vae2": ("vale2",),
}  # fmt: skip


def narrower_tlbis(word: int) -> list[int]:
    """The TLBIs that remove less: on one CPU instead of all, one ASID or address instead of all.
    Where the wider one has no operand the narrower one's is XZR."""
    this = TLBIS.get(word | XZR)
    if this is None:
        return []
    by_name = {tlbi.name: tlbi.encoding for tlbi in TLBIS.values()}
    shared = "is" if this.name.endswith("is") else ""
    base = this.name.removesuffix("is")
    names = [base] * bool(shared) + [less + shared for less in _NARROWER.get(base, ())]
    source = word & 31 if this.operand else XZR
    return [by_name[name] & ~31 | source for name in names]


def branch(source: int, target: int) -> int | None:
    """B from one address to another, None beyond its reach of 128 MiB."""
    offset = target - source
    if offset % 4 or not -(1 << 27) <= offset < 1 << 27:
        return None
    return 0x14000000 | offset >> 2 & 0x3FFFFFF


def branch_to_register(register: int) -> int:
    """BR."""
    return 0xD61F0000 | register << 5


def exclusive_or(register: int, value: int) -> int | None:
    """EOR Xn, Xn, #value; None when no logical immediate is that value."""
    pattern = logical_pattern(value)
    return None if pattern is None else 0xD2000000 | pattern << 10 | register << 5 | register


def logical_value(pattern: int, size: int = 64) -> int | None:
    """The value of N:immr:imms, DDI 0487 "DecodeBitMasks"; None for a reserved pattern."""
    n, immr, imms = pattern >> 12 & 1, pattern >> 6 & 63, pattern & 63
    length = (n << 6 | (~imms & 63)).bit_length() - 1
    if length < 1 or (n and size == 32):
        return None
    element = 1 << length
    ones, turn = imms & element - 1, immr & element - 1
    if ones == element - 1:
        return None
    run = (1 << ones + 1) - 1
    turned = (run >> turn | run << element - turn) & (1 << element) - 1
    value = 0
    for place in range(0, size, element):
        value |= turned << place
    return value


def logical_pattern(value: int) -> int | None:
    """N:immr:imms of a 64-bit value, the first that has it; None when none has."""
    return _PATTERNS.get(value)


def _all_patterns() -> Iterator[tuple[int, int]]:
    for pattern in range(1 << 13):
        value = logical_value(pattern)
        if value is not None:
            yield value, pattern


_PATTERNS: dict[int, int] = {}
for _value, _pattern in _all_patterns():
    _PATTERNS.setdefault(_value, _pattern)


def _flips(word: int, places: dict[int, int]) -> dict[str, int]:
    """`places`: the constant's bit by its place in the word."""
    return {f"bit {bit}": word ^ 1 << place for place, bit in places.items()}


def immediate(word: int) -> dict[str, int] | None:
    """The words with one bit changed of the constant that an instruction computes with, by the
    bit's name; None when it has none."""
    if word & 0x1F800000 == 0x12800000 and word >> 29 & 3 != 1:  # MOVN, MOVZ, MOVK
        shift = 16 * (word >> 21 & 3)
        return _flips(word, {5 + i: i + shift for i in range(16)})
    if word & 0x1F800000 == 0x11000000:
        shift = 12 * (word >> 22 & 1)
        return _flips(word, {10 + i: i + shift for i in range(12)})
    if word & 0x1F800000 == 0x12000000:
        return _logical(word)
    if word & 0x1F800000 == 0x13000000:
        return _bitfield(word)
    if word & 0x1F000000 == 0x10000000:  # the near ones: others lead out of any image
        return _flips(word, {29: 0, 30: 1, 5: 2, 6: 3})
    return None


def _logical(word: int) -> dict[str, int]:
    """Patterns of N, immr and imms that are one bit away, not reserved and of another value."""
    size = 64 if word >> 31 else 32
    words = {}
    same = (None, logical_value(word >> 10 & 0x1FFF, size))
    for place in range(13):
        pattern = (word >> 10 & 0x1FFF) ^ 1 << place
        if logical_value(pattern, size) not in same:
            words[f"mask bit {place}"] = word ^ 1 << 10 + place
    return words


def _bitfield(word: int) -> dict[str, int]:
    """immr and imms; N is sf, and both are below the size."""
    bits = 6 if word >> 31 else 5
    words = {f"imms bit {i}": word ^ 1 << 10 + i for i in range(bits)}
    return words | {f"immr bit {i}": word ^ 1 << 16 + i for i in range(bits)}


def literal_address(word: int, address: int) -> tuple[int, int] | None:
    """Address and bytes of what LDR (literal) to a general register loads; None for others."""
    if word & 0xBF000000 != 0x18000000:
        return None
    offset = (word >> 5 & 0x7FFFF ^ 0x40000) - 0x40000
    return address + 4 * offset, 8 if word >> 30 & 1 else 4


def store_source(word: int) -> int | None:
    """Rt of STR of a 64-bit general register (or the first of an STP); None for others."""
    single = word & 0xFFC00000 == 0xF9000000 or word & 0xFFE00000 == 0xF8000000
    offset = word & 0xFFE00C00 == 0xF8200800
    pair = word & 0xFE400000 == 0xA8000000
    return word & 31 if single or offset or pair else None
