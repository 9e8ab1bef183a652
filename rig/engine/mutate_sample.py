"""Parts of a list of mutants that are the same on every machine: a seeded sample, a shard.

A mutant's place is a hash of its id, so that a part is spread over the whole boot, and neither the
order of the list nor Python's own random numbers decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .mutant import Mutant


def spread(mutants: Sequence[Mutant], seed: int = 0) -> list[Mutant]:
    """All of them in an order that has nothing to do with where they are in the guest."""

    def place(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed}:{mutant.id}".encode()).hexdigest()

    return sorted(mutants, key=place)


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of the mutants, in the list's order: the first of each kind as long as there is room,
    the others as they come. A larger sample of the same seed holds the smaller one."""
    mixed = spread(mutants, seed)
    firsts: dict[str, Mutant] = {}
    for mutant in mixed:
        firsts.setdefault(mutant.kind, mutant)
    chosen = [mutant.id for mutant in firsts.values()]
    chosen += [mutant.id for mutant in mixed if firsts[mutant.kind] is not mutant]
    taken = set(chosen[:count])
    return [mutant for mutant in mutants if mutant.id in taken]


def shard(mutants: Sequence[Mutant], part: int, parts: int) -> list[Mutant]:
    """The part-th (from 1) of `parts` disjoint ones, in the list's order. They are of one size, so
    each machine has as much to do."""
    taken = {mutant.id for mutant in spread(mutants)[part - 1 :: parts]}
    return [mutant for mutant in mutants if mutant.id in taken]
