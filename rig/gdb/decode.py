"""What one A64 instruction does, as far as the engine cares.

Classes come from the encoding (DDI 0487, C4.1 "A64 instruction set encoding"), words from Capstone.
MSR and MRS are written with the architecture table's names, so a pack's pattern does not depend on
the Capstone version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import capstone

from engine.registers import Table

_SIGN26, _SIGN19, _SIGN14 = 1 << 25, 1 << 18, 1 << 13
_YIELD, _WFE, _WFI = 0xD503203F, 0xD503205F, 0xD503207F
_NAP_S, _SUSPEND_S = 0.02, 2.0
_NO_CODE = ("exception", "thread", "counter")  # registers that change no fetch
_DC_CRM = (3, 4, 6, 10, 11, 12, 13, 14)  # data-cache operations by CRm, CRn = 7
# DDI 0487, C6.2 "MSR (immediate)" by (op1, op2), and the registers that are views of PSTATE.
_PSTATE_IMMEDIATES = {(0, 4): "PAN", (0, 5): "SPSEL", (3, 6): "DAIF", (3, 7): "DAIF"}
_PSTATE_REGISTERS = {0xD5184200: "SPSEL", 0xD5184260: "PAN", 0xD51B4220: "DAIF"}


@dataclass
class Insn:  # pylint: disable=too-many-instance-attributes # what the engine asks of one
    """One decoded instruction at one PC."""

    pc: int
    opcode: int | None  # None: the memory could not be read
    text: str
    writes: str = ""  # system register written by MSR (register)
    writes_from: int = 31  # the general register that holds the value, 31 is zero
    writes_pstate: str = ""  # field of PSTATE written by MSR, with the same value or another
    branch: str = ""  # "", direct, conditional, call, indirect-call, return, indirect
    target: int = 0
    changes_state: bool = False  # more than general registers, flags and memory
    drops_code: bool = False  # what is cached about instructions may be stale afterwards
    stores: bool = False
    skipped: bool = False  # a hint over which QEMU would step together with the next instruction
    sleeps: float = 0.0  # it may put the CPU to sleep: seconds to wait before QEMU is asked
    triggers: list[Any] = field(default_factory=list)  # pending checkpoints that it may fire

    @property
    def next(self) -> int:
        """The address after it."""
        return self.pc + 4

    def static_successors(self) -> list[int]:
        """Where it goes, as far as the encoding says (a call's return site is no successor)."""
        if self.branch in ("return", "indirect", "indirect-call"):
            return []
        if self.branch in ("direct", "call"):
            return [self.target]
        if self.branch == "conditional":
            return [self.next, self.target]
        return [self.next]


def _signed(value: int, sign: int) -> int:
    return (value & (sign - 1)) - (value & sign)


class Decoder:
    """Decodes opcodes; one per run."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)

    def decode(self, pc: int, data: bytes | None) -> Insn:
        """The instruction at pc; data is its four bytes, None when they cannot be read."""
        if data is None or len(data) < 4:
            return Insn(pc, None, "(not readable)", changes_state=True)
        opcode = int.from_bytes(data[:4], "little")
        insn = Insn(pc, opcode, self._words(pc, data, opcode))
        self._branch(insn, opcode)
        self._system(insn, opcode)
        # Loads and stores: bit 27 set, bit 25 clear; bit 22 clear in (nearly only) stores.
        insn.stores = opcode >> 27 & 1 == 1 and opcode >> 25 & 1 == 0 and opcode >> 22 & 1 == 0
        return insn

    def _words(self, pc: int, data: bytes, opcode: int) -> str:
        if opcode & 0xFFD00000 == 0xD5100000:
            name = self._register(opcode).lower()
            general = "xzr" if opcode & 31 == 31 else f"x{opcode & 31}"
            if opcode >> 21 & 1:
                return f"mrs {general}, {name}"
            return f"msr {name}, {general}"
        for _address, _size, mnemonic, operands in self._capstone.disasm_lite(data[:4], pc):
            return f"{mnemonic} {operands}".strip().lower()
        return f".inst {opcode:#010x}"

    def _register(self, opcode: int) -> str:
        encoding = (
            2 + (opcode >> 19 & 1),
            opcode >> 16 & 7,
            opcode >> 12 & 15,
            opcode >> 8 & 15,
            opcode >> 5 & 7,
        )
        return self._table.name_of(encoding)

    def _branch(self, insn: Insn, opcode: int) -> None:
        if opcode & 0x7C000000 == 0x14000000:
            insn.branch = "call" if opcode >> 31 else "direct"
            insn.target = insn.pc + 4 * _signed(opcode & 0x3FFFFFF, _SIGN26)
        elif opcode & 0xFE000000 == 0x54000000 or opcode & 0x7E000000 == 0x34000000:
            insn.branch = "conditional"
            insn.target = insn.pc + 4 * _signed(opcode >> 5 & 0x7FFFF, _SIGN19)
        elif opcode & 0x7E000000 == 0x36000000:
            insn.branch = "conditional"
            insn.target = insn.pc + 4 * _signed(opcode >> 5 & 0x3FFF, _SIGN14)
        elif opcode & 0xFE000000 == 0xD6000000:
            operation = opcode >> 21 & 0xF
            names = {0: "indirect", 1: "indirect-call", 2: "return"}
            insn.branch = names.get(operation & 7, "indirect")
            insn.changes_state = operation == 4  # ERET

    def _system(self, insn: Insn, opcode: int) -> None:
        if opcode & 0xFFF00000 == 0xD5100000:
            insn.writes, insn.writes_from = self._register(opcode), opcode & 31
            insn.writes_pstate = _PSTATE_REGISTERS.get(opcode & ~31, "")
            insn.changes_state = True
            known = self._table.registers.get(insn.writes)
            insn.drops_code = known is None or known.kind not in _NO_CODE
        elif opcode & 0xFFF80000 == 0xD5080000:  # SYS: cache, TLB and address operations
            data_cache = opcode >> 12 & 15 == 7 and opcode >> 8 & 15 in _DC_CRM
            insn.changes_state = insn.drops_code = not data_cache
        elif opcode & 0xFFF8F01F == 0xD500401F:  # MSR (immediate)
            insn.writes_pstate = _PSTATE_IMMEDIATES.get((opcode >> 16 & 7, opcode >> 5 & 7), "")
            insn.changes_state = True
        elif opcode & 0xFFFFF01F == 0xD503301F:  # barriers
            insn.changes_state = True
        elif opcode in (_WFE, _YIELD):
            insn.changes_state = opcode == _WFE
            insn.skipped = True
        elif opcode == _WFI:
            insn.changes_state = True
            insn.sleeps = _NAP_S
        elif opcode >> 24 == 0xD4:  # SVC, HVC, SMC, BRK, HLT
            insn.changes_state = True
            if opcode & 0xFFE0001F in (0xD4000002, 0xD4000003):  # HVC, SMC: PSCI's CPU_SUSPEND
                insn.sleeps = _SUSPEND_S
