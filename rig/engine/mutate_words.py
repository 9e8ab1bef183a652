"""An A64 instruction in words, by Capstone, which also says whether it is one at all.

MSR is written with the architecture table's names, as everywhere in the rig.
"""

from __future__ import annotations

from functools import lru_cache

import capstone

from . import a64_encode as a64
from .registers import Table


@lru_cache(maxsize=1)
def _disassembler() -> capstone.Cs:
    return capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)


def text(word: int, address: int, table: Table) -> str:
    """The instruction as an assembler reads it; "" for an encoding that Capstone does not know."""
    register = a64.system_register(word)
    if register is not None:
        source = "xzr" if word & 31 == a64.XZR else f"x{word & 31}"
        return f"msr {table.name_of(register).lower()}, {source}"
    for _pc, _size, mnemonic, operands in _disassembler().disasm_lite(
        word.to_bytes(4, "little"), address
    ):
        return f"{mnemonic} {operands}".strip().lower()
    return ""
