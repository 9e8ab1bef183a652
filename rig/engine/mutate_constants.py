"""Which constants end up in a system register, a descriptor, SP or a branch: slices of the path.

From an instruction that uses a register the executed path is followed backwards, from definition to
definition, through calls and branches, until a constant, a load from memory or a system register.
What a function keeps on its stack by SP is followed to the store that put it there; other memory is
not followed, and is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import a64_encode as a64
from .mutate_sites import Code
from .mutate_words import uses

# Instructions that a slice goes back at most: the distance from a constant to its use.
FAR = 400_000


@dataclass
class Slice:
    """Addresses of the instructions that a register's value was made by."""

    constants: set[int] = field(default_factory=set)  # with an immediate operand
    literals: set[int] = field(default_factory=set)  # that load one
    loads: set[int] = field(default_factory=set)  # from memory: not followed
    open: bool = False  # the path began, or went on too long, before all was found


@dataclass
class _Wanted:
    """What is looked for on the way back: registers, and words of the stack by their distance from
    SP where the way began."""

    registers: set[int]
    words: set[int] = field(default_factory=set)
    stack: int = 0  # SP at this place, by the same distance
    known: bool = True

    def pass_stack(self, word: int) -> set[int]:
        """Go back over an instruction; the registers that it loads from words on the stack, which
        are looked for instead."""
        does = a64.on_stack(word)
        if does is None or not self.known:
            self.known = False
            return set()
        self.stack -= does.moves
        for register, offset in does.stores.items():
            if self.stack + offset in self.words:
                self.words.remove(self.stack + offset)
                self.registers.add(register)
        loaded = self.registers & set(does.loads)
        self.words |= {self.stack + does.loads[register] for register in loaded}
        self.registers -= loaded
        return loaded


def backwards(path: Sequence[int], index: int, register: int, code: Code) -> Slice:
    """What made the value that `register` had before path[index]."""
    found = Slice()
    wanted = _Wanted({register})
    for place in range(index - 1, max(-1, index - 1 - FAR), -1):
        word = code.word(path[place])
        if word is None:
            continue
        wanted.pass_stack(word)
        use = uses(word)
        if use.writes & wanted.registers:
            wanted.registers -= use.writes
            _define(found, wanted, path[place], word)
        if not wanted.registers and not wanted.words:
            return found
        if wanted.words and not wanted.known:
            break
    found.open = True
    return found


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
