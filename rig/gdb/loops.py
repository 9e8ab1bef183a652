"""Finds hot loops whose every instruction was stepped, so that they may be run to their exit.

A loop's body is everything executed between two visits of its head over a backward branch, callees
included. The region (union of the last bodies) is closed once several visits added nothing; a body
in which an exception was taken does not count. It may be run over when it holds no instruction that
changes state, only such as no pending checkpoint waits for. Its exits are the static successors
outside of it, the return sites, and the vectors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

from decode import Insn

REPEATS = 3  # visits in a row that add nothing new
BODIES = 8
MAX_BODY = 4000
MAX_LOG = 60000
MAX_EXITS = 200


@dataclass
class _Head:
    last: int  # index into the log at the last visit
    bodies: deque[frozenset[int]] = field(default_factory=lambda: deque(maxlen=BODIES))
    region: frozenset[int] = frozenset()
    stable: int = 0


class Loops:
    """Watches the stepped PCs; one per run."""

    def __init__(self, fetch: Callable[[int], Insn], blocked: Callable[[Insn], bool]) -> None:
        self._fetch = fetch
        self._blocked = blocked
        self._log: list[int | frozenset[int]] = []
        self._heads: dict[int, _Head] = {}
        self._returns: dict[int, set[int]] = {}
        self._cut = -1  # where the log was interrupted last

    def forget(self) -> None:
        """The code may have changed: start anew."""
        self._log.clear()
        self._heads.clear()
        self._cut = -1

    def interrupted(self) -> None:
        """An exception was taken: what follows is the handler, no part of a body around it."""
        self._cut = len(self._log)

    def step(self, insn: Insn, pc: int) -> frozenset[int] | None:
        """An instruction was executed and led to pc; a region when pc may be run over."""
        log = self._log
        log.append(insn.pc)
        if insn.branch == "return":
            self._returns.setdefault(insn.pc, set()).add(pc)
        backward = pc <= insn.pc and pc == insn.target and insn.branch in ("direct", "conditional")
        head = self._heads.get(pc)
        if not backward:
            if head is not None:
                head.last = len(log)  # entered from outside
            return None
        if len(log) > MAX_LOG:
            self.forget()
            return None
        if head is None:
            self._heads[pc] = _Head(len(log))
            return None
        return self._visit(head)

    def ran_over(self, region: frozenset[int], pc: int) -> None:
        """A region was run over and left at pc; it counts as executed for the loops around."""
        self._log.append(region)
        head = self._heads.get(pc)
        if head is not None:
            head.last = len(self._log)

    def _visit(self, head: _Head) -> frozenset[int] | None:
        start, head.last = head.last, len(self._log)
        if start <= self._cut:
            return None  # this body was interrupted: it says nothing, but what was known holds
        entries = self._log[start:]
        if len(entries) > MAX_BODY:
            return None
        body = frozenset(chain.from_iterable((e,) if isinstance(e, int) else e for e in entries))
        if head.bodies and body <= head.region:
            head.stable += 1
        else:
            head.stable = 0
        head.bodies.append(body)
        head.region = frozenset().union(*head.bodies)
        if head.stable < REPEATS or any(self._unfit(pc) for pc in head.region):
            return None
        return head.region

    def _unfit(self, pc: int) -> bool:
        insn = self._fetch(pc)
        if insn.changes_state or insn.branch in ("indirect", "indirect-call"):
            return True
        return self._blocked(insn)

    def exits(self, region: frozenset[int]) -> set[int] | None:
        """Where the region can be left to; None when there are too many ways out, or none."""
        exits: set[int] = set()
        for pc in region:
            insn = self._fetch(pc)
            ways = set(insn.static_successors())
            if insn.branch == "return":
                ways |= self._returns.get(pc, set())
            if insn.branch == "call":
                ways.add(insn.next)
            exits |= ways - region
        return exits if 0 < len(exits) <= MAX_EXITS else None
