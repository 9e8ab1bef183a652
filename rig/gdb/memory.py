"""Translation-table walks of the live guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.table_walks import TableWalks
from target import PSTATE, Target

if TYPE_CHECKING:
    from state import LiveState

_PAGE = 1024
# Registers the walker needs; the identification registers may be absent from a stub.
_NEEDED = ("SCTLR_EL1", "TCR_EL1", "TTBR0_EL1", "TTBR1_EL1", "MAIR_EL1", "ID_AA64MMFR0_EL1")
_OPTIONAL = ("ID_AA64MMFR1_EL1",)


class LiveWalks(TableWalks):
    """The walker on the guest's registers and memory at one stop."""

    def __init__(self, target: Target, library: str, state: "LiveState") -> None:
        self._target = target
        self._pages: dict[int, bytes | None] = {}
        values = {name: state.register(name) for name in _NEEDED}
        values |= {name: state.register(name) for name in _OPTIONAL if state.offers(name)}
        values["PSTATE"] = state.regs[PSTATE]
        super().__init__(library, values, self._word)

    def _word(self, address: int) -> int | None:
        base = address // _PAGE * _PAGE
        if base not in self._pages:
            self._pages[base] = self._target.read_physical(base, _PAGE)
        page = self._pages[base]
        return None if page is None else int.from_bytes(page[address - base :][:8], "little")
