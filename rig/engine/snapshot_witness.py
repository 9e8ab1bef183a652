"""Addresses at which QEMU itself is asked for its translation, to hold the walker against.

Where something can go wrong is at the ends of what is mapped, so both ends of each run come first;
the rest lies inside runs and in gaps. The choice depends on the tables alone: of the same snapshot
the same addresses are asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .walk import ADDRESS_SPACE, Half, Run, WalkError, Walker

_SEED = 0x7269675F77697465
_SLACK = 4096  # descriptors read besides the tables that are there
_TRIES = 8  # for each wanted address: in a map of few bytes there are not more
_GAPS = 4  # one address in so many lies in a gap


def choose(walker: Walker, halves: list[Half], words: int, count: int) -> list[int]:
    """At most `count` addresses, ascending; `words` is how many descriptors the tables have."""
    runs: list[Run] = []
    for half in halves:
        runs += _runs(walker, half, 2 * words + _SLACK)
    source = random.Random(_SEED)
    edges = sorted({address for run in runs for address in (run.start, run.end - 1)})
    edges += [address for address in _holes(halves) if address not in edges]
    chosen = set(edges if len(edges) <= count // 2 else source.sample(edges, count // 2))
    mapped = [run for run in runs if run.ok]
    gaps = [run for run in runs if not run.ok]
    for turn in range(_TRIES * count):
        among = gaps if turn % _GAPS == 0 else mapped
        if len(chosen) >= count:
            break
        if among:
            run = among[source.randrange(len(among))]
            chosen.add(source.randrange(run.start, run.end))
    return sorted(chosen)


def flat(ranges: list[tuple[int, int]], count: int) -> list[int]:
    """The same with the MMU off, where the addresses are those of memory; ranges are inclusive."""
    source = random.Random(_SEED)
    edges = sorted({address for pair in ranges for address in pair})
    chosen = set(edges if len(edges) <= count // 2 else source.sample(edges, count // 2))
    for _turn in range(_TRIES * count):
        if len(chosen) >= count or not ranges:
            break
        first, last = ranges[source.randrange(len(ranges))]
        chosen.add(source.randrange(first, last + 1))
    return sorted(chosen)


def _holes(halves: list[Half]) -> list[int]:
    """The addresses next to the halves, in the hole between them."""
    inside: Callable[[int], bool] = lambda a: any(half.start <= a < half.end for half in halves)
    near = {half.start - 1 for half in halves} | {half.end for half in halves}
    return sorted(a for a in near if 0 <= a < ADDRESS_SPACE and not inside(a))


def _runs(walker: Walker, half: Half, reads: int) -> list[Run]:
    """The half's runs. Where tables refer to themselves there is no end of them: there it is cut up
    by the root's entries, and those that hold too many are passed over."""
    try:
        return walker.range(half.start, half.end, reads)
    except WalkError:
        pass
    step = max((half.end - half.start) // max(half.root_size // 8, 1), 1)
    runs: list[Run] = []
    for start in range(half.start, half.end, step):
        try:
            runs += walker.range(start, min(start + step, half.end), reads)
        except WalkError:
            continue
    return runs
