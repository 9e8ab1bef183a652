"""Which constants end up in a system register, a descriptor, SP or a branch: slices of the path.

From an instruction that uses a register the executed path is followed backwards, from definition to
definition, through calls and branches, until a constant, a load from memory or a system register.
Registers only: what went through memory is not followed, and is told. The exception is a register
that functions save on the stack and restore before they return (AAPCS64, x19 to x30): its value is
that of the matching store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import a64_encode as a64
from .mutate_sites import Code
from .mutate_words import uses

# Instructions that a slice goes back at most: the distance from a constant to its use.
FAR = 400_000
FIRST_SAVED = 19


@dataclass
class Slice:
    """Addresses of the instructions that a register's value was made by."""

    constants: set[int] = field(default_factory=set)  # with an immediate operand
    literals: set[int] = field(default_factory=set)  # that load one
    loads: set[int] = field(default_factory=set)  # from memory: not followed
    open: bool = False  # the path began, or went on too long, before all was found


def backwards(path: Sequence[int], index: int, register: int, code: Code) -> Slice:
    """What made the value that `register` had before path[index]."""
    found = Slice()
    wanted = {register}
    saved: dict[int, int] = {}  # restored, and by how many functions on the way to the one that saved
    for place in range(index - 1, max(-1, index - 1 - FAR), -1):
        address = path[place]
        word = code.word(address)
        if word is None:
            continue
        use = uses(word)
        if saved:
            for number in [n for n in saved if a64.saves(word, n) or a64.restores(word, n)]:
                saved[number] += 1 if a64.restores(word, number) else -1
                if saved[number] == 0:
                    del saved[number]
                    wanted.add(number)
        if not use.writes & wanted:
            continue
        for number in use.writes & wanted:
            if number >= FIRST_SAVED and number <= 30 and a64.restores(word, number):
                saved[number] = 1
        if use.writes & wanted <= set(saved):
            wanted -= use.writes
            continue
        wanted -= use.writes
        if a64.literal_address(word, address):
            found.literals.add(address)
        elif use.memory:
            found.loads.add(address)
        else:
            if a64.immediate(word) is not None:
                found.constants.add(address)
            wanted |= {reg for reg in use.reads if reg <= 30}
        if not wanted and not saved:
            return found
    found.open = True
    return found
