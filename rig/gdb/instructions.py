"""The guest's instructions: read a line of memory at a time, decoded once.

A fetch is a round trip to QEMU, as a step is, and a kernel that switches tasks makes the engine
forget its code often. What a line holds is what the CPU would fetch until `forget`: the engine
calls that where a CPU may have to fetch anew.
"""

from __future__ import annotations

from decode import Decoder, Insn
from target import Target

_LINE = 64  # bytes; lines do not cross pages, so one is readable as a whole or not at all


class Instructions:
    """Instructions by PC."""

    def __init__(self, target: Target, decoder: Decoder) -> None:
        self._target = target
        self._decoder = decoder
        self._lines: dict[int, bytes | None] = {}
        self._decoded: dict[tuple[int, bytes], Insn] = {}

    def at(self, pc: int) -> Insn:
        """The instruction at pc; the same object while the memory holds the same."""
        base = pc // _LINE * _LINE
        if base not in self._lines:
            self._lines[base] = self._target.read(base, _LINE)
        line = self._lines[base]
        if line is None:
            return self._decoder.decode(pc, None)
        word = line[pc - base : pc - base + 4]
        insn = self._decoded.get((pc, word))
        if insn is None:
            insn = self._decoded[pc, word] = self._decoder.decode(pc, word)
        return insn

    def forget(self) -> None:
        """The memory may hold something else, or the addresses lead to other memory."""
        self._lines.clear()
