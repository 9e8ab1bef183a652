"""Which mutants a campaign is about: by kind, function and id; then a sample, then a shard."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .mutant import KINDS, Mutant
from .mutate_review import fits
from .mutate_sample import sample
from .mutate_sample import shard as part_of


def shard(text: str) -> tuple[int, int]:
    """K/N, for argparse."""
    match = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if match is None or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text}: must be K/N, K from 1 to N")
    return int(match[1]), int(match[2])


def count(text: str) -> int:
    """A whole number, at least 1, for argparse."""
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1")
    return int(text)


@dataclass(frozen=True)
class Selection:
    """What the command line asks for; empty parts ask for all."""

    kinds: tuple[str, ...]
    functions: tuple[str, ...]
    ids: tuple[str, ...]
    sample: int | None
    seed: int
    shard: tuple[int, int] | None

    @staticmethod
    def of(args: argparse.Namespace) -> "Selection":
        """From the command line."""
        return Selection(
            tuple(args.kind), tuple(args.functions), tuple(args.ids), args.sample, args.seed,
            args.shard,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain data without the shard, so that shards of one campaign agree."""
        return {
            "kind": [kind for kind in KINDS if kind in self.kinds],
            "in": sorted(self.functions),
            "id": sorted(self.ids),
            "sample": self.sample,
            "seed": self.seed if self.sample else None,
        }

    def wants(self, kind: str) -> bool:
        """Can a mutant of this kind be among them?"""
        return not self.kinds or kind in self.kinds

    def chosen(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        """By kind, function and id; a sample is drawn from those that are run."""
        found = [mutant for mutant in mutants if self._fits(mutant)]
        if self.sample is None:
            return found
        run = [mutant for mutant in found if not mutant.equivalent]
        return sample(run, self.sample, self.seed)

    def _fits(self, mutant: Mutant) -> bool:
        return (
            self.wants(mutant.kind)
            and _any(self.functions, mutant.function)
            and _any(self.ids, mutant.id)
        )

    def part(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        """The shard's part of the chosen ones."""
        if self.shard is None:
            return list(mutants)
        return part_of(mutants, *self.shard)

    def shard_words(self) -> str:
        """K/N, "" without a shard."""
        return f"{self.shard[0]}/{self.shard[1]}" if self.shard else ""

    def folder(self) -> str:
        """The name of the shard's directory in the run directory, "" without one."""
        return f"shard-{self.shard[0]}-of-{self.shard[1]}" if self.shard else ""


def _any(patterns: Sequence[str], text: str) -> bool:
    return not patterns or any(fits(pattern, text) for pattern in patterns)
