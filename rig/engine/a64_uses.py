"""Which general registers an A64 instruction reads and writes, from its encoding.

DDI 0487, C4.1 "A64 instruction set encoding". Capstone 4 tells this too, but not well enough to
follow values by it: it says that CMP writes its operand, and that MRS and LSL read what they write.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

SP, FLAGS, OTHER = 32, 33, 34  # of Uses, beside the general registers 0 to 30
_ZERO = 31


@dataclass(frozen=True)
class Uses:
    """Registers by number: X0 to X30 (W is the same), SP, the flags, and anything else."""

    reads: frozenset[int]
    writes: frozenset[int]
    memory: bool = False

    @property
    def plain(self) -> bool:
        """Nothing but general registers, and no memory?"""
        return not self.memory and all(reg <= 30 for reg in self.reads | self.writes)


# Of a class that is not decoded: anything but general registers.
_ANYTHING = Uses(frozenset({OTHER}), frozenset({OTHER}), True)

# Classes: mask, value, what is read, what is written; the first that fits. Letters: the fields Rd
# or Rt (d), Rn (n), Rm (m), Ra or Rt2 (a), where 31 is zero; Rd and Rn where it is SP (D, N); x30
# (l), x0 (0), the flags (f), anything else (o), memory (M).
_CLASSES = (
    # Data processing with an immediate
    (0x1F000000, 0x10000000, "", "d"),  # ADR, ADRP
    (0x3F800000, 0x31000000, "N", "df"),  # ADDS, SUBS
    (0x3F800000, 0x11000000, "N", "D"),  # ADD, SUB
    (0x7F800000, 0x72000000, "n", "df"),  # ANDS
    (0x1F800000, 0x12000000, "n", "D"),  # AND, ORR, EOR
    (0x7F800000, 0x72800000, "d", "d"),  # MOVK
    (0x1F800000, 0x12800000, "", "d"),  # MOVN, MOVZ
    (0x7F800000, 0x33000000, "nd", "d"),  # BFM
    (0x1F800000, 0x13000000, "n", "d"),  # SBFM, UBFM
    (0x1F800000, 0x13800000, "nm", "d"),  # EXTR
    # Data processing of registers
    (0x7F000000, 0x6A000000, "nm", "df"),  # ANDS, BICS
    (0x1F000000, 0x0A000000, "nm", "d"),  # AND, ORR, EOR and their inverts
    (0x3F200000, 0x2B000000, "nm", "df"),  # ADDS, SUBS
    (0x1F200000, 0x0B000000, "nm", "d"),  # ADD, SUB
    (0x3F200000, 0x2B200000, "Nm", "df"),  # the same, extended
    (0x1F200000, 0x0B200000, "Nm", "D"),
    (0x3FE0FC00, 0x3A000000, "nmf", "df"),  # ADCS, SBCS
    (0x3FE0FC00, 0x1A000000, "nmf", "d"),  # ADC, SBC
    (0x3FE00C10, 0x3A400000, "nmf", "f"),  # CCMN, CCMP
    (0x3FE00C10, 0x3A400800, "nf", "f"),  # with an immediate
    (0x3FE00800, 0x1A800000, "nmf", "d"),  # CSEL and its kin
    (0x1F600000, 0x1B400000, "nm", "d"),  # SMULH, UMULH
    (0x1F000000, 0x1B000000, "nma", "d"),  # MADD and its kin
    (0xFFE0FC00, 0x9AC03000, "nmo", "d"),  # PACGA, by a key
    (0x7FE00000, 0x1AC00000, "nm", "d"),  # shifts by a register, divisions, CRC32
    (0xFFFF0000, 0xDAC10000, "ndo", "d"),  # pointer authentication, by a key
    (0x7FFF0000, 0x5AC00000, "n", "d"),  # RBIT, REV, CLZ, CLS
    # Branches, exceptions and system instructions
    (0xFC000000, 0x14000000, "", ""),  # B
    (0xFC000000, 0x94000000, "", "l"),  # BL
    (0x7C000000, 0x34000000, "d", ""),  # CBZ, TBZ and their kin
    (0xFF000010, 0x54000000, "f", ""),  # B.cond
    (0xFFFFFC1F, 0xD61F0000, "n", ""),  # BR
    (0xFFFFFC1F, 0xD63F0000, "n", "l"),  # BLR
    (0xFFFFFC1F, 0xD65F0000, "n", ""),  # RET
    (0xFFF00000, 0xD5300000, "o", "d"),  # MRS
    (0xFFF00000, 0xD5100000, "d", "o"),  # MSR (register)
    (0xFFF80000, 0xD5280000, "o", "d"),  # SYSL
    (0xFFF80000, 0xD5080000, "dM", "o"),  # SYS: TLBI, IC, DC, AT
    (0xFFE0001F, 0xD4000001, "oM", "o"),  # SVC: its handler is executed too
    (0xFFE0001F, 0xD4000002, "oM", "0o"),  # HVC and SMC: firmware answers in x0
    (0xFFE0001F, 0xD4000003, "oM", "0o"),
    # Loads and stores: literals; of vectors the base alone is a general register
    (0xFF000000, 0xD8000000, "M", ""),  # PRFM
    (0x3F000000, 0x18000000, "M", "d"),
    (0x3F000000, 0x1C000000, "M", ""),
    # Pairs
    (0x3EC00000, 0x28000000, "daNM", ""),
    (0x3EC00000, 0x28800000, "daNM", "N"),
    (0x3EC00000, 0x28400000, "NM", "da"),
    (0x3EC00000, 0x28C00000, "NM", "daN"),
    (0x3E800000, 0x2C000000, "NM", ""),
    (0x3E800000, 0x2C800000, "NM", "N"),
    # Exclusive and ordered
    (0x3FA00000, 0x08A00000, "mdNM", "m"),  # CAS
    (0xBFE00000, 0x88200000, "daNM", "m"),  # STXP
    (0xBFE00000, 0x88600000, "NM", "da"),  # LDXP
    (0x3FE00000, 0x08000000, "dNM", "m"),  # STXR
    (0x3FE00000, 0x08800000, "dNM", ""),  # STLR
    (0x3F600000, 0x08400000, "NM", "d"),  # LDXR, LDAR
    # One register; an offset
    (0xFFC00000, 0xF9800000, "NM", ""),  # PRFM
    (0x3FC00000, 0x39000000, "dNM", ""),
    (0x3F000000, 0x39000000, "NM", "d"),
    (0x3F000000, 0x3D000000, "NM", ""),
    # An offset without scale, or the base is written back
    (0xFFE00C00, 0xF8800000, "NM", ""),  # PRFUM
    (0x3FE00400, 0x38000000, "dNM", ""),
    (0x3FE00400, 0x38000400, "dNM", "N"),
    (0x3F200400, 0x38000000, "NM", "d"),
    (0x3F200400, 0x38000400, "NM", "dN"),
    (0x3F200400, 0x3C000000, "NM", ""),
    (0x3F200400, 0x3C000400, "NM", "N"),
    # A register as the offset; atomic operations
    (0xFFE00C00, 0xF8A00800, "NmM", ""),  # PRFM
    (0x3FE00C00, 0x38200800, "dNmM", ""),
    (0x3F200C00, 0x38200800, "NmM", "d"),
    (0x3F200C00, 0x3C200800, "NmM", ""),
    (0x3F200C00, 0x38200000, "NmM", "d"),
)


@lru_cache(maxsize=65536)
def uses(word: int) -> Uses:
    """What an instruction reads and writes. One of a class that is not decoded uses anything."""
    for mask, value, reads, writes in _CLASSES:
        if word & mask == value:
            return Uses(_numbers(word, reads), _numbers(word, writes), "M" in reads)
    return _ANYTHING


def _numbers(word: int, letters: str) -> frozenset[int]:
    """The registers that letters stand for."""
    rd, rn = word & 31, word >> 5 & 31
    numbers = {
        "d": rd,
        "n": rn,
        "m": word >> 16 & 31,
        "a": word >> 10 & 31,
        "D": SP if rd == _ZERO else rd,
        "N": SP if rn == _ZERO else rn,
        "l": 30,
        "0": 0,
        "f": FLAGS,
        "o": OTHER,
        "M": _ZERO,
    }
    return frozenset(numbers[letter] for letter in letters) - {_ZERO}
