"""The names of the bits of translation table descriptors: what a change of one bit is a change of.

Fields are those of the architecture table (sysregs.yaml); where an address begins depends on the
granule and on the size of the block.
"""

from __future__ import annotations

from functools import lru_cache

from .paths import REGISTERS
from .registers import Field, load_formats
from .walk import EL2

BITS = 64
ADDRESS_END = 48
TABLE, BLOCK, PAGE = "table", "block", "page"
LEAF_LEVEL = 3
# As the manual writes them; AP[0] and APTable's lower bit are where the manual counts from 1 and 0.
_WRITTEN = {
    "ATTRINDX": "AttrIndx", "NG": "nG", "CONTIGUOUS": "Contiguous", "IGNORED": "ignored",
    "PXNTABLE": "PXNTable", "UXNTABLE": "UXNTable", "APTABLE": "APTable", "NSTABLE": "NSTable",
    "SOFTWARE": "software's",
}  # fmt: skip
_WORDS = ("ignored", "software's")  # a number behind it says nothing
_COUNTED_FROM = {"AP": 1}  # AP[2:1]
_IN_EL2 = {"UXN": "XN", "UXNTable": "XNTable"}
_RESERVED = "reserved"


def address_mask(shift: int) -> int:
    """The bits of an output address, or of the next table's, that begins at bit `shift`."""
    return (1 << ADDRESS_END) - (1 << shift)


def bit_name(kind: str, bit: int, shift: int, regime: str) -> str:
    """The name of a bit of a descriptor: of a table, a block or a page."""
    if bit <= 1:
        return ("valid", "type")[bit]
    if shift <= bit < ADDRESS_END:
        return "next table's address" if kind == TABLE else "output address"
    field = _fields(kind == TABLE).get(bit)
    if field is None:
        return _unnamed(kind, bit)
    name = _WRITTEN.get(field.name, field.name)
    if regime == EL2:
        name = _IN_EL2.get(name, name)
    if field.high == field.low or name in _WORDS:
        return name
    return f"{name}[{bit - field.low + _COUNTED_FROM.get(field.name, 0)}]"


def _unnamed(kind: str, bit: int) -> str:
    """DDI 0487, D8.3.1: what no field of the table says."""
    if kind == TABLE:
        return "ignored" if 51 <= bit <= 58 else _RESERVED
    if 59 <= bit <= 62:
        return "PBHA"
    return "ignored" if bit == BITS - 1 else _RESERVED


@lru_cache(maxsize=2)
def _fields(table: bool) -> dict[int, Field]:
    """The field of each bit, without those that hold addresses."""
    form = load_formats(REGISTERS)["DESC_TABLE" if table else "DESC_LEAF"]
    return {
        bit: field
        for field in form.fields.values()
        for bit in range(field.low, field.high + 1)
        if not 12 <= bit < ADDRESS_END
    }
