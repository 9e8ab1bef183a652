"""Which constants end up in a system register, a descriptor, SP or a branch: slices of the path.

From an instruction that uses a register the executed path is followed backwards, from definition to
definition, through calls and branches, until a constant, a load from memory or a system register.
What a function keeps on its stack by SP is followed to the store that put it there; other memory is
not followed, and is told. Neither is what registers brought from code outside of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import a64_encode as a64
from .a64_stack import Span, on_stack
from .a64_uses import uses
from .mutate_path import OUTSIDE
from .mutate_sites import Code

# Instructions that a slice goes back at most: the distance from a constant to its use.
FAR = 400_000


@dataclass
class Slice:
    """Addresses of the instructions that a register's value was made by."""

    constants: set[int] = field(default_factory=set)  # with an immediate operand
    literals: set[int] = field(default_factory=set)  # that load one
    loads: set[int] = field(default_factory=set)  # from memory: not followed
    open: bool = False  # the path began, or went on too long, before all was found

    @property
    def whole(self) -> bool:
        """Is all that the value was made of among the constants and literals?"""
        return not self.loads and not self.open

    @property
    def why(self) -> str:
        """What is not, in words."""
        if self.loads:
            return "made from memory too, which is not followed"
        return "what it is made of lies before the path, or outside of the image"


@dataclass
class _Wanted:
    """What is looked for on the way back: registers, and bytes of the stack by their distance from
    SP where the way began."""

    registers: set[int]
    spans: set[Span] = field(default_factory=set)
    stack: int = 0  # SP at this place, by the same distance
    known: bool = True

    def pass_stack(self, word: int) -> bool:
        """Go back over an instruction that uses SP. False when it makes a wanted value of what is
        not known here."""
        does = on_stack(word)
        if does is None or not self.known:
            self.known = False
            return not self.spans
        self.stack -= does.moves
        whole = True
        for span in [part.moved(self.stack) for part in (*does.stores, *does.other)]:
            cut = {wanted for wanted in self.spans if wanted != span and wanted.overlaps(span)}
            self.spans -= cut
            whole = whole and not cut
        for part, register in does.stores.items():
            if part.moved(self.stack) in self.spans:
                self.spans.remove(part.moved(self.stack))
                self.registers |= {register} - {a64.XZR}
        for part in does.other:
            if part.moved(self.stack) in self.spans:
                self.spans.remove(part.moved(self.stack))
                whole = False
        for register in self.registers & set(does.loads):
            self.registers.remove(register)
            self.spans.add(does.loads[register].moved(self.stack))
        return whole


def backwards(path: Sequence[int], index: int, register: int, code: Code) -> Slice:
    """What made the value that `register` had before path[index]."""
    found = Slice()
    wanted = _Wanted({register})
    for place in range(index - 1, max(-1, index - 1 - FAR), -1):
        address = path[place]
        word = code.word(address)
        if address == OUTSIDE or word is None:
            found.open = found.open or bool(wanted.registers)
            wanted.registers.clear()
        else:
            _step(found, wanted, address, word)
        if not wanted.registers and not wanted.spans:
            return found
        if not wanted.known and wanted.spans:
            break
    found.open = True
    return found


def _step(found: Slice, wanted: _Wanted, address: int, word: int) -> None:
    """Go back over one instruction."""
    writes = uses(word).writes & wanted.registers
    if not wanted.pass_stack(word):
        found.loads.add(address)
    # What it loaded from the stack is looked for there now.
    defined = writes & wanted.registers
    if defined:
        wanted.registers -= defined
        _define(found, wanted, address, word)


def _define(found: Slice, wanted: _Wanted, address: int, word: int) -> None:
    """An instruction that made a wanted value."""
    use = uses(word)
    if a64.literal_address(word, address):
        found.literals.add(address)
    elif use.memory:
        found.loads.add(address)
    else:
        if a64.immediate(word) is not None:
            found.constants.add(address)
        wanted.registers |= {number for number in use.reads if number <= 30}
