"""What Capstone says of an A64 instruction: its words, and the general registers it uses.

MSR is written with the architecture table's names, as everywhere in the rig.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import capstone
from capstone import arm64_const

from . import a64_encode as a64
from .registers import Table

_SP, _FLAGS, _OTHER = 32, 33, 34  # of Uses, beside the general registers 0 to 30


@dataclass(frozen=True)
class Uses:
    """Registers by number: X0 to X30 (W is the same), SP, the flags, and anything else."""

    reads: frozenset[int]
    writes: frozenset[int]
    memory: bool

    @property
    def plain(self) -> bool:
        """Nothing but general registers, and no memory?"""
        return not self.memory and all(reg <= 30 for reg in self.reads | self.writes)


@lru_cache(maxsize=1)
def _disassembler() -> capstone.Cs:
    found = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    found.detail = True
    return found


def register_name(register: tuple[int, ...], table: Table) -> str:
    """A system register's name, or its encoding as assemblers write it."""
    known = table.by_encoding.get(register)
    if known is not None:
        return known.name
    op0, op1, crn, crm, op2 = register
    return f"S{op0}_{op1}_C{crn}_C{crm}_{op2}"


def text(word: int, address: int, table: Table) -> str:
    """The instruction as an assembler reads it; "" for an encoding that Capstone does not know."""
    register = a64.system_register(word)
    if register is not None:
        source = "xzr" if word & 31 == a64.XZR else f"x{word & 31}"
        return f"msr {register_name(register, table).lower()}, {source}"
    for _pc, _size, mnemonic, operands in _disassembler().disasm_lite(
        word.to_bytes(4, "little"), address
    ):
        return f"{mnemonic} {operands}".strip().lower()
    return ""


@lru_cache(maxsize=65536)
def uses(word: int) -> Uses:
    """What an instruction reads and writes. One that Capstone does not know uses anything."""
    register = a64.system_register(word)
    if register is not None:
        source = frozenset() if word & 31 == a64.XZR else frozenset({word & 31})
        return Uses(source, frozenset({_OTHER}), False)
    insn = next(_disassembler().disasm(word.to_bytes(4, "little"), 0), None)
    if insn is None:
        return Uses(frozenset({_OTHER}), frozenset({_OTHER}), True)
    read, written = insn.regs_access()
    reads, writes = {_number(insn, reg) for reg in read}, {_number(insn, reg) for reg in written}
    if word & 0x7F800000 == 0x72800000 or word & 0x7F800000 == 0x33000000:  # MOVK, BFM keep bits
        reads.add(word & 31)
    if word & 0x1F800000 == 0x12800000 and word >> 29 & 3 != 3:  # MOVZ, MOVN
        reads.clear()
    if insn.update_flags:
        writes.add(_FLAGS)
    if word & 0xFFE00000 == 0xD5200000 or word & 0xFFF00000 == 0xD5300000:  # MRS
        reads.add(_OTHER)
    # Capstone leaves out registers that an alias of the instruction does not show.
    memory = word >> 27 & 1 == 1 and word >> 25 & 1 == 0
    return Uses(frozenset(reads - {None}), frozenset(writes - {None}), memory)


def _number(insn: capstone.CsInsn, reg: int) -> int | None:
    """A register of Capstone's by our number; None for the zero register."""
    if reg in (arm64_const.ARM64_REG_XZR, arm64_const.ARM64_REG_WZR):
        return None
    if reg in (arm64_const.ARM64_REG_SP, arm64_const.ARM64_REG_WSP):
        return _SP
    if reg == arm64_const.ARM64_REG_NZCV:
        return _FLAGS
    name = insn.reg_name(reg)
    if name in ("fp", "lr"):
        return 29 if name == "fp" else 30
    return int(name[1:]) if name[0] in "xw" and name[1:].isdigit() else _OTHER
