"""A made-up program for the tests of mutants: words at link addresses, and paths through them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from support import TEXT

# pylint: disable=wrong-import-order # support sets the path
from engine.mutate_path import Executed
from engine.mutate_sites import Code

NOP, ISB, RET, ERET = 0xD503201F, 0xD5033FDF, 0xD65F03C0, 0xD69F03E0
DSB_ISH, DSB_NSH, TLBI = 0xD5033B9F, 0xD503379F, 0xD508871F  # TLBI VMALLE1
MSR_TCR_X0, MSR_TCR_X9, MSR_TTBR0_XZR = 0xD5182040, 0xD5182049, 0xD518201F


class Program(Code):
    """Words from the beginning of the made-up image's text on."""

    def __init__(self, *words: int) -> None:  # pylint: disable=super-init-not-called # no file
        self._bytes = b"".join(word.to_bytes(4, "little") for word in words)

    def bytes_at(self, address: int, size: int) -> bytes | None:
        """Bytes of the program."""
        found = self._bytes[address - TEXT : address - TEXT + size] if address >= TEXT else b""
        return found if len(found) == size else None

    def word(self, address: int) -> int | None:
        """An instruction."""
        raw = self.bytes_at(address, 4)
        return None if raw is None else int.from_bytes(raw, "little")


def path(steps: Iterable[int | None]) -> Executed:
    """A path by the numbers of the words; None is code outside of the image."""
    outside = (1 << 64) - 1
    return Executed(array("Q", [outside if step is None else TEXT + 4 * step for step in steps]))
