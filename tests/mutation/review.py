"""Mutants that somebody has proven to change nothing, in a file that says why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

import yaml

from c_mutants import Mutant

_FORM = "a list of {reason: TEXT, mutants: {NAME: CHANGE}}"


class BadReview(Exception):
    """The file is not what it should be; the text says where and what to do."""


@dataclass(frozen=True)
class Review:
    """The reasons, by the mutant's name."""

    reasons: dict[str, str]

    def reason(self, mutant: Mutant) -> str | None:
        """Why a mutant changes nothing; None if nobody said so."""
        return self.reasons.get(mutant.name)


def _entry(path: Path, number: int, entry: Any) -> tuple[str, dict[str, str]]:
    """One entry: its reason, and its mutants with their changes."""
    where = f"{path}: entry {number}"
    if not isinstance(entry, dict) or set(entry) != {"reason", "mutants"}:
        raise BadReview(f"{where}: not {_FORM}")
    reason, mutants = entry["reason"], entry["mutants"]
    if not isinstance(reason, str) or len(reason.split()) < 4:
        raise BadReview(f"{where}: the reason says nothing")
    if not isinstance(mutants, dict) or not mutants:
        raise BadReview(f"{where}: no mutants; {_FORM}")
    return reason, {str(name): str(change) for name, change in mutants.items()}


def read_review(path: Path, mutants: Iterable[Mutant]) -> Review:
    """The reviewed mutants. An entry that fits no mutant is an error: the source has changed, and
    somebody must look again."""
    changes = {m.name: m.change for m in mutants}
    reasons: dict[str, str] = {}
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(entries, list):
        raise BadReview(f"{path}: not {_FORM}")
    for number, entry in enumerate(entries, 1):
        reason, named = _entry(path, number, entry)
        for name, change in named.items():
            if name not in changes:
                raise BadReview(f"{path}: there is no mutant {name}: review again, or take it out")
            if changes[name] != change:
                raise BadReview(f"{path}: {name} is now {changes[name]!r}, not {change!r}")
            if name in reasons:
                raise BadReview(f"{path}: {name} stands twice")
            reasons[name] = " ".join(reason.split())
    return Review(reasons)
