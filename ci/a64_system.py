"""The privileged and system instructions of A64, told from their bits.

What counts is decided by the encoding (DDI 0487, C4.1 "A64 instruction set encoding") and not by a
disassembler, so that an instruction newer than the disassembler cannot hide. Names of registers and
operations come from the architecture table, then from Capstone, then from the encoding itself.

Counted: MSR, MRS (and their 128-bit forms), every SYS and SYSL alias (TLBI, IC, DC, AT, ...),
DSB, DMB, ISB, SB, SSBB, PSSBB, ERET and DRPS, HVC, SMC, HLT and DCPS, WFI, WFE (with and without
timeout), SEV, SEVL, ESB, PSB, TSB and CSDB.
Not counted: NOP, YIELD, pointer authentication, BTI, CLREX, flag moves, SVC and BRK.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import capstone
import yaml

HINTS = {2: "wfe", 3: "wfi", 4: "sev", 5: "sevl", 16: "esb"}
HINTS |= {17: "psb csync", 18: "tsb csync", 20: "csdb"}
BARRIER_DOMAINS = {
    **{1: "oshld", 2: "oshst", 3: "osh", 5: "nshld", 6: "nshst", 7: "nsh"},
    **{9: "ishld", 10: "ishst", 11: "ish", 13: "ld", 14: "st", 15: "sy"},
}
PSTATE_FIELDS = {
    **{(0, 3): "uao", (0, 4): "pan", (0, 5): "spsel", (1, 0): "allint"},
    **{(3, 1): "ssbs", (3, 2): "dit", (3, 3): "svcr", (3, 4): "tco"},
    **{(3, 6): "daifset", (3, 7): "daifclr"},
}
FLAG_MOVES = {(0, 0), (0, 1), (0, 2)}  # CFINV, XAFLAG, AXFLAG
EXCEPTIONS = {
    **{0xD4000002: "hvc", 0xD4000003: "smc", 0xD4400000: "hlt"},
    **{0xD4A00001: "dcps1", 0xD4A00002: "dcps2", 0xD4A00003: "dcps3"},
}
RETURNS = {0xD69F03E0: "eret", 0xD69F0BFF: "eretaa", 0xD69F0FFF: "eretab", 0xD6BF03E0: "drps"}
ALIASES = ("at", "cfp", "cpp", "dc", "dvp", "ic", "tlbi")
# What is left of an instruction whose `#` YAML took for the start of a comment.
CUT_SHORT = re.compile(r"hvc|smc|hlt|msr \w+,")
NUMBER = re.compile(r"#(0x[0-9a-f]+|\d+)")


def immediate(value: int) -> str:
    """A number as disassemblers write it."""
    return f"#{value}" if value < 10 else f"#{value:#x}"


def normalise(text: str) -> str:
    """One spelling for what people write: lower case, single blanks, numbers of one form."""
    words = " ".join(text.lower().split()).replace(" ,", ",")
    return NUMBER.sub(lambda match: immediate(int(match.group(1), 0)), words)


class Namer:
    """Gives instruction words their texts; `table` is the architecture table (sysregs.yaml)."""

    def __init__(self, table: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast
        registers = yaml.load(table.read_text("utf-8"), loader)["registers"]
        self._names = {
            tuple(register["encoding"]): name.lower()
            for name, register in registers.items()
            if "encoding" in register
        }
        self._decoder: Any = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        self.spellings = cache(self._spellings)

    def _spellings(self, word: int) -> tuple[str, ...]:
        """Every text by which an audit may name the instruction, the one to show first.
        General registers are left out. Empty: the word is no such instruction."""
        if word in RETURNS:
            return (RETURNS[word],)
        if word & 0xFF000000 == 0xD4000000:
            name = EXCEPTIONS.get(word & ~(0xFFFF << 5))
            return (f"{name} {immediate(word >> 5 & 0xFFFF)}",) if name else ()
        if word & 0xFF800000 != 0xD5000000:
            return ()
        wide, read = bool(word & 1 << 22), bool(word & 1 << 21)
        op0, op1, op2 = word >> 19 & 3, word >> 16 & 7, word >> 5 & 7
        crn, crm = word >> 12 & 15, word >> 8 & 15
        if op0 >= 2:
            mnemonic = ("mrrs" if read else "msrr") if wide else ("mrs" if read else "msr")
            generic = f"s{op0}_{op1}_c{crn}_c{crm}_{op2}"
            names = [self._names.get((op0, op1, crn, crm, op2)), self._register(word), generic]
            return tuple(dict.fromkeys(f"{mnemonic} {name}" for name in names if name))
        if op0 == 1:
            mnemonic = "sysp" if wide else ("sysl" if read else "sys")
            generic = f"{mnemonic} #{op1}, c{crn}, c{crm}, #{op2}"
            alias = None if wide or read else self._alias(word)
            return (alias, generic) if alias else (generic,)
        text = None if wide or read else without_operand(op1, crn, crm, op2, word & 31)
        unknown = f"system {word & ~31:#x}"  # unallocated today: shown rather than passed over
        return tuple([unknown] if text is None else [text] if text else [])

    def _decode(self, word: int) -> tuple[str, str]:
        """Mnemonic and operands as Capstone knows them, empty if it does not."""
        for _, _, mnemonic, operands in self._decoder.disasm_lite(word.to_bytes(4, "little"), 0):
            return str(mnemonic), str(operands)
        return "", ""

    def _register(self, word: int) -> str | None:
        """Capstone's name of a system register."""
        mnemonic, operands = self._decode(word)
        if mnemonic not in ("mrs", "msr"):
            return None
        target, _, source = operands.partition(",")
        return (source if mnemonic == "mrs" else target).strip().lower()

    def _alias(self, word: int) -> str | None:
        """Capstone's name of a SYS operation, as in `tlbi vmalle1`."""
        mnemonic, operands = self._decode(word)
        if mnemonic not in ALIASES:
            return None
        return f"{mnemonic} {operands.partition(',')[0].strip()}".lower()


def without_operand(op1: int, crn: int, crm: int, op2: int, rt: int) -> str | None:
    """Hints, barriers and writes of PSTATE fields; "" for those that are not counted, None for
    what the architecture has not (yet) allocated."""
    if crn == 1 and op1 == 3 and crm == 0 and op2 in (0, 1):
        return ("wfet", "wfit")[op2]
    if crn == 2 and op1 == 3 and rt == 31:
        return HINTS.get(crm << 3 | op2, "")
    if crn == 3 and op1 == 3 and rt == 31:
        return barrier(crm, op2)
    if crn == 4 and rt == 31:
        if (op1, op2) in FLAG_MOVES:
            return ""
        field = PSTATE_FIELDS.get((op1, op2))
        return f"msr {field}, {immediate(crm)}" if field else None
    return None


def barrier(crm: int, op2: int) -> str | None:
    """A barrier by its operand, "" for CLREX."""
    domain = BARRIER_DOMAINS.get(crm, f"#{crm}")
    if op2 == 4 and crm in (0, 4):
        return ("ssbb", "", "", "", "pssbb")[crm]
    if op2 == 6:
        return "isb" if crm == 15 else f"isb #{crm}"
    names = {1: f"dsb nxs #{crm}", 2: "", 4: f"dsb {domain}", 5: f"dmb {domain}", 7: "sb"}
    return names.get(op2)
