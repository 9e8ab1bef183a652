"""What a campaign came to: its mutants with their outcomes, counted by class and by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .errors import Exit
from .mutant import EQUIVALENT, KILLED, KINDS, NOT_JUDGED, SURVIVED, Mutant, Outcome
from .mutate_review import Review

SCHEMA = "rig-mutants-1"


@dataclass(frozen=True)
class Judged:
    """A mutant and what became of it, after the review."""

    mutant: Mutant
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """Plain data of both; the id is the same."""
        return {**self.mutant.to_json(), **self.outcome.to_json()}


@dataclass
class Counts:  # pylint: disable=too-many-instance-attributes # the columns of the table
    """The four counts of a class, kills by error and by note apart, and the smoke test's kills."""

    mutants: int = 0
    by_error: int = 0
    by_note: int = 0
    survived: int = 0
    equivalent: int = 0
    not_judged: int = 0
    smoke: int = 0  # of those that the rig killed or let live

    @staticmethod
    def of(judged: Iterable[Judged]) -> "Counts":
        """The counts of these mutants."""
        counts = Counts()
        for item in judged:
            outcome = item.outcome
            decided = outcome.verdict in (KILLED, SURVIVED)
            counts.mutants += 1
            counts.by_error += outcome.verdict == KILLED and not outcome.by_note
            counts.by_note += outcome.by_note
            counts.survived += outcome.verdict == SURVIVED
            counts.equivalent += outcome.verdict == EQUIVALENT
            counts.not_judged += outcome.verdict == NOT_JUDGED
            counts.smoke += decided and outcome.smoke != ""
        return counts

    @property
    def killed(self) -> int:
        """By errors and by notes."""
        return self.by_error + self.by_note

    @property
    def decided(self) -> int:
        """Those that could be killed, and were looked at."""
        return self.killed + self.survived

    def rate(self, killed: int) -> str:
        """Per cent of the decided ones, rounded down: 100.0 % means each of them."""
        if not self.decided:
            return "-"
        tenths = killed * 1000 // self.decided
        return f"{tenths // 10}.{tenths % 10} %"

    def to_json(self) -> dict[str, Any]:
        """Plain data, with both rates as fractions (null: nothing decided)."""
        decided = self.decided
        return {
            "mutants": self.mutants,
            "killed": {"error": self.by_error, "note": self.by_note},
            "survived": self.survived,
            "equivalent": self.equivalent,
            "not_judged": self.not_judged,
            "smoke_killed": self.smoke,
            "rate": round(self.killed / decided, 6) if decided else None,
            "smoke_rate": round(self.smoke / decided, 6) if decided else None,
        }


@dataclass
class Listed:
    """The mutants of a variant that a campaign is about, and where they are from."""

    variant: str
    machine: str
    elf: dict[str, str]  # path, build_id
    rules: dict[str, str]  # file and sha256
    selection: dict[str, Any]  # kind, in, id, sample, seed; without a shard
    mutants: list[Mutant]
    made: int = 0  # before the selection
    sites: int = 0
    not_made: list[str] = field(default_factory=list)
    flips: dict[str, Any] = field(default_factory=dict)  # of every descriptor, in snapshots

    @property
    def whole(self) -> bool:
        """Are these all mutants of the variant?"""
        return not any(self.selection[name] for name in ("kind", "in", "id", "sample"))


@dataclass
class VariantMutants:
    """A variant of the result: a part of its list when only a shard was run."""

    listed: Listed
    judged: list[Judged]
    whole: bool

    def counts(self) -> Counts:
        """Of all classes."""
        return Counts.of(self.judged)


@dataclass
class Result:
    """The whole result."""

    guest: str
    review: Review
    variants: list[VariantMutants]
    tools: dict[str, str]
    shard: str = ""  # K/N

    def judged(self) -> list[Judged]:
        """Of all variants."""
        return [item for variant in self.variants for item in variant.judged]

    def kinds(self) -> list[str]:
        """The classes that have mutants, in the table's order."""
        present = {item.mutant.kind for item in self.judged()}
        return [kind for kind in KINDS if kind in present]

    def classes(self) -> dict[str, Counts]:
        """Counts by class."""
        return classes_of(self.judged())

    def killers(self) -> Counter[str]:
        """Rules by the number of mutants that they were the first to kill."""
        return killers_of(self.judged())

    def code(self) -> int:
        """The exit code: 3 for what could not be judged first, then survivors and stale entries."""
        counts = Counts.of(self.judged())
        if counts.not_judged or not counts.mutants:
            return Exit.NO_JUDGEMENT
        if counts.survived or self.review.findings():
            return Exit.BROKEN
        run = any(not item.mutant.equivalent for item in self.judged())
        return Exit.HELD if run else Exit.NO_JUDGEMENT


def classes_of(judged: Iterable[Judged]) -> dict[str, Counts]:
    """Counts by class, in the table's order."""
    by_kind: dict[str, list[Judged]] = {}
    for item in judged:
        by_kind.setdefault(item.mutant.kind, []).append(item)
    return {kind: Counts.of(by_kind[kind]) for kind in KINDS if kind in by_kind}


def killers_of(judged: Iterable[Judged]) -> Counter[str]:
    """The first broken rule of each killed mutant, its first new note where no rule broke."""
    killed = [item.outcome for item in judged if item.outcome.verdict == KILLED]
    return Counter(next(iter([*outcome.rules, *outcome.notes]), "?") for outcome in killed)


def joined(
    listed: Listed, outcomes: Iterable[Outcome], review: Review, ids: set[str] | None = None
) -> VariantMutants:
    """The variant's mutants (of `ids`, when only a part was run), each with its reviewed outcome.
    One that is proven equivalent was not run; any other without an outcome is not judged."""
    by_id = {outcome.id: outcome for outcome in outcomes}
    part = [mutant for mutant in listed.mutants if ids is None or mutant.id in ids]
    pairs = [(mutant, _outcome(mutant, by_id)) for mutant in part]
    whole = listed.whole and ids is None
    reviewed = review.apply(listed.variant, pairs, whole)
    judged = [Judged(mutant, outcome) for mutant, outcome in zip(part, reviewed)]
    return VariantMutants(listed, judged, whole)


def _outcome(mutant: Mutant, by_id: dict[str, Outcome]) -> Outcome:
    if mutant.equivalent:
        return Outcome(mutant.id, EQUIVALENT, why=mutant.equivalent)
    missing = Outcome(mutant.id, NOT_JUDGED, why="no result of it: its shard has not ended")
    return by_id.get(mutant.id, missing)
