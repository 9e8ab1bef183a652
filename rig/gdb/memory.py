"""Physical memory and translation-table walks of the live guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.evaluate import NotKnown, Word
from engine.walk import Attributes, Run, WalkError, Walker
from target import PSTATE, Target

if TYPE_CHECKING:
    from state import LiveState

_PAGE = 1024
_SHOWN = 6
# Registers the walker needs; the identification registers may be absent from a stub.
_NEEDED = ("SCTLR_EL1", "TCR_EL1", "TTBR0_EL1", "TTBR1_EL1", "MAIR_EL1", "ID_AA64MMFR0_EL1")
_OPTIONAL = ("ID_AA64MMFR1_EL1",)


def rights_of(attributes: Attributes | None, level: str = "el1") -> str:
    """ "rx" for "r-x", "none" for nothing."""
    text = (getattr(attributes, level) if attributes else "").replace("-", "")
    return text or "none"


class LiveWalks:
    """The walker on the guest's registers and memory at one stop."""

    def __init__(self, target: Target, library: str, state: "LiveState") -> None:
        if not library:
            raise NotKnown("librigwalk.so is not built, so tables cannot be walked: ./tyrne build")
        self._target = target
        self._pages: dict[int, bytes | None] = {}
        values = {name: state.register(name) for name in _NEEDED}
        values |= {name: state.register(name) for name in _OPTIONAL if state.offers(name)}
        values["PSTATE"] = state.regs[PSTATE]
        try:
            self._walker = Walker(library, values, self._read)
        except WalkError as error:
            raise NotKnown(str(error)) from None

    def _read(self, address: int) -> int | None:
        base = address // _PAGE * _PAGE
        if base not in self._pages:
            self._pages[base] = self._target.read_physical(base, _PAGE)
        page = self._pages[base]
        return None if page is None else int.from_bytes(page[address - base :][:8], "little")

    def describe(self, address: int) -> str:
        """The walk in a sentence."""
        return self._walker.describe(address)

    def translate(self, address: int) -> int | Word:
        """The physical address, or `fault` with the walk that faulted."""
        result = self._walker.walk(address)
        if result.pa is not None:
            return result.pa
        return Word("fault").explained(result.description)

    def rights(self, start: int, end: int) -> Word:
        """EL1 rights of the range when uniform; EL0 rights spoil them (`rx+el0:rx`)."""

        def of(run: Run) -> str:
            if not run.ok:
                return "none"
            el0 = rights_of(run.attributes, "el0")
            return rights_of(run.attributes) + (f"+el0:{el0}" if el0 != "none" else "")

        return self._uniform(start, end, of)

    def el0(self, start: int, end: int) -> Word:
        """EL0 rights of the range when uniform."""
        return self._uniform(
            start, end, lambda run: rights_of(run.attributes, "el0") if run.ok else "none"
        )

    def memory(self, start: int, end: int) -> Word:
        """device, normal or none when uniform."""

        def of(run: Run) -> str:
            if not run.ok or run.attributes is None:
                return "none"
            return run.attributes.memory.name.partition("_")[0].lower()

        return self._uniform(start, end, of)

    def _uniform(self, start: int, end: int, of: Callable[[Run], str]) -> Word:
        try:
            runs = self._walker.range(start, end)
        except WalkError as error:
            raise NotKnown(str(error)) from None
        parts: list[tuple[int, int, str]] = []
        for run in runs:
            word = of(run)
            first, last = max(run.start, start), min(run.end, end)
            if parts and parts[-1][2] == word:
                parts[-1] = (parts[-1][0], last, word)
            else:
                parts.append((first, last, word))
        if len(parts) == 1:
            return Word(parts[0][2]).explained(self.describe(start))
        lines = [f"[{a:#x}, {b:#x}) is {word}" for a, b, word in parts[:_SHOWN]]
        if len(parts) > _SHOWN:
            lines.append(f"… and {len(parts) - _SHOWN} more ranges")
        return Word("mixed").explained(*lines)
