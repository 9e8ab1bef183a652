"""ESR_ELx in words: the exception class, and what its instruction specific syndrome says.

Positions and words are the architecture table's (DDI 0487, ESR_EL1, and the ISS encodings there).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .registers import Field, Register, Table

Formats = Mapping[str, Register]
_CALLS = range(0x11, 0x18)
_BRK, _SYSREG, _FP, _WFX = 0x3C, 0x18, 0x07, 0x01
_FETCHES, _DATA = (0x20, 0x21), (0x24, 0x25)
LOWER = (0x20, 0x24)  # aborts from a lower exception level
_WAITS = {0: "WFI", 1: "WFE", 2: "WFIT", 3: "WFET"}


@dataclass(frozen=True)
class Syndrome:
    """One decoded value."""

    value: int
    ec: int
    iss: int
    name: str  # of the exception class, in words
    lines: list[str] = field(
        default_factory=list
    )  # the ISS, a line for each field that says something

    @property
    def abort(self) -> bool:
        """A fault of a fetch or an access, which has an address in FAR_ELx."""
        return self.ec in _FETCHES + _DATA

    @property
    def fetch(self) -> bool:
        """Of an instruction fetch."""
        return self.ec in _FETCHES


def decode(value: int, table: Table, formats: Formats) -> Syndrome:
    """A value of ESR_ELx in words."""
    fields = table["ESR_EL1"].fields
    ec, iss = fields["EC"].extract(value), fields["ISS"].extract(value)
    name = fields["EC"].texts.get(ec, f"exception class {ec:#x}, which the table does not name")
    lines = []
    if value and not fields["IL"].extract(value):
        lines.append(_line("IL", "0", "the instruction was 16 bits long"))
    return Syndrome(value, ec, iss, name, lines + _iss(ec, iss, table, formats))


def _line(name: str, number: str, words: str) -> str:
    return f"{name:<6} {number:<6} {words}".rstrip()


def _iss(ec: int, iss: int, table: Table, formats: Formats) -> list[str]:
    if ec in _FETCHES + _DATA:
        return _abort(iss, formats["ISS_ABORT"].fields, ec in _DATA)
    if ec in _CALLS or ec == _BRK:
        number = formats["ISS_CALL"].fields["IMM16"].extract(iss)
        return [_line("imm16", f"{number:#x}", "the number in the instruction")]
    if ec == _SYSREG:
        return [_system_register(iss, table, formats)]
    if ec == _WFX:
        return [_line("TI", str(iss & 3), _WAITS[iss & 3])]
    if ec == _FP:
        return ["CPACR_EL1.FPEN (or CPTR_ELx) does not let this level use FP and SIMD registers"]
    return [_line("ISS", f"{iss:#x}", "")] if iss else []


def _abort(iss: int, fields: Mapping[str, Field], data: bool) -> list[str]:
    status = fields["FSC"].extract(iss)
    words = fields["FSC"].texts.get(status, "a status that the table does not name")
    lines = [_line("DFSC" if data else "IFSC", f"{status:#04x}", words)]
    if data:
        write = fields["WNR"].extract(iss)
        lines.append(_line("WnR", str(write), "a write" if write else "a read"))
        if fields["CM"].extract(iss):
            lines.append(_line("CM", "1", "by a cache maintenance instruction or AT"))
        if fields["ISV"].extract(iss):
            register = fields["SRT"].extract(iss)
            lines.append(_line("SRT", f"x{register}", "the register that was loaded or stored"))
    if fields["S1PTW"].extract(iss):
        lines.append(_line("S1PTW", "1", "stage 2 fault on a walk of stage 1's tables"))
    if fields["EA"].extract(iss):
        lines.append(_line("EA", "1", "external abort type, as the implementation defines it"))
    if fields["FNV"].extract(iss):
        lines.append(_line("FnV", "1", "FAR holds no valid address"))
    return lines


def _system_register(iss: int, table: Table, formats: Formats) -> str:
    fields = formats["ISS_SYSREG"].fields
    encoding = tuple(fields[name].extract(iss) for name in ("OP0", "OP1", "CRN", "CRM", "OP2"))
    name = table.name_of(encoding)
    general = fields["RT"].extract(iss)
    other = "xzr" if general == 31 else f"x{general}"
    if fields["READ"].extract(iss):
        return f"mrs {other}, {name}: a read of {name}"
    return f"msr {name}, {other}: a write of {name}" if encoding[0] != 1 else f"sys {name}, {other}"


def status_of(syndrome: Syndrome, formats: Formats) -> tuple[str, int | None]:
    """(translation, permission, access flag, … ; its level, None without one) of an abort."""
    fields = formats["ISS_ABORT"].fields
    words = fields["FSC"].texts.get(fields["FSC"].extract(syndrome.iss), "")
    kind, comma, level = words.partition(", level ")
    return kind, int(level) if comma else None


def writes(syndrome: Syndrome, formats: Formats) -> bool:
    """Was it a write? (An AT and cache maintenance say so, too.)"""
    return not syndrome.fetch and bool(formats["ISS_ABORT"].fields["WNR"].extract(syndrome.iss))
