"""Lists of mutants beside their results, and several of both as one: shards, or machines.

A run writes the whole list of its variant (VARIANT-mutants.json) before it judges any, so that
what no shard has judged is missed, and not just absent.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import CannotJudge, UsageError
from .mutant import NOT_JUDGED, Mutant, Outcome
from .mutate_report import Listed
from .mutate_results import read
from .pack import Pack
from .report_json import write_whole

SCHEMA = "rig-mutants-list-1"
LIST, RESULTS = "-mutants.json", "-results.jsonl"


def save(listed: Listed, folder: Path) -> None:
    """Write a variant's list."""
    data: dict[str, Any] = {"schema": SCHEMA, **asdict(listed)}
    data["mutants"] = [mutant.to_json() for mutant in listed.mutants]
    write_whole(folder / f"{listed.variant}{LIST}", json.dumps(data, ensure_ascii=False) + "\n")


def load(path: Path) -> Listed:
    """The inverse; raises CannotJudge for a damaged file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        mutants = [Mutant.from_json(item) for item in data.pop("mutants")]
        return Listed(mutants=mutants, **data)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the list of mutants: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotJudge(f"{path}: is damaged, or of another version ({error})") from None


def load_again(folder: Path, variant: str) -> Listed | None:
    """The list that an earlier run left there, None when there is none that can be read."""
    try:
        return load(folder / f"{variant}{LIST}")
    except (UsageError, CannotJudge):
        return None


@dataclass
class Collected:
    """One variant of all directories."""

    listed: Listed
    place: Path  # where it was first seen
    header: dict[str, Any] | None = None  # of the results, None as long as there are none
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    from_place: dict[str, Path] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """The results of another directory; raises UsageError when they are not comparable."""
        header, outcomes = read(path)
        if self.header is None:
            self.header, self.place = header, path
        different = sorted(
            name for name in header.keys() | self.header.keys()
            if header.get(name) != self.header.get(name)
        )  # fmt: skip
        if different:
            raise UsageError(
                f"{path}: is not comparable with {self.place}: {', '.join(different)} differ; "
                "collect results of one guest, judged by one pack with one QEMU"
            )
        for outcome in outcomes:
            self._take(outcome, path)

    def _take(self, outcome: Outcome, path: Path) -> None:
        known = self.outcomes.get(outcome.id)
        if known is None or known.verdict == NOT_JUDGED:
            self.outcomes[outcome.id], self.from_place[outcome.id] = outcome, path
        elif outcome.verdict not in (known.verdict, NOT_JUDGED):
            why = (
                f"{known.verdict} in {self.from_place[outcome.id]}, but {outcome.verdict} in {path}"
            )
            self.outcomes[outcome.id] = Outcome(outcome.id, NOT_JUDGED, why=why)


def collect(
    folders: list[str], pack: Pack, rules: dict[str, str], build_id: str | None = None
) -> list[Collected]:
    """The variants found in the directories or one below, in the pack's order. Their lists have to
    agree with each other, with the pack as it is now, and with the image when it is given."""
    found: dict[str, Collected] = {}
    for folder in folders:
        paths = _lists(Path(folder))
        if not paths:
            raise UsageError(f"{folder}: no results of rig mutate (no *{LIST} there or one below)")
        for path in paths:
            listed = load(path)
            known = found.setdefault(listed.variant, Collected(listed, path))
            _agree(known, listed, path)
            _current(listed, path, rules)
            if build_id is not None and listed.elf["build_id"] != build_id:
                raise UsageError(f"{path}: is of another image than --elf (build-id); run it again")
            known.listed.flips = known.listed.flips or listed.flips  # of one shard
            results = path.with_name(f"{listed.variant}{RESULTS}")
            if results.is_file():
                known.add(results)
    strangers = sorted(found.keys() - pack.variants().keys())
    if strangers:
        raise UsageError(
            f"{found[strangers[0]].place}: no variant {strangers[0]!r} in {pack.path}; give the "
            "pack that the results are of: --pack"
        )
    return [found[name] for name in pack.variants() if name in found]


def _lists(folder: Path) -> list[Path]:
    return sorted([*folder.glob(f"*{LIST}"), *folder.glob(f"*/*{LIST}")])


def _agree(known: Collected, listed: Listed, path: Path) -> None:
    """All shards have the same mutants, made of the same image in the same way."""
    first = known.listed
    for name in ("machine", "selection", "mutants"):
        if getattr(first, name) != getattr(listed, name):
            raise UsageError(
                f"{path}: has another {name} than {known.place}; every shard has to be run of the "
                "same image, with the same options"
            )
    if first.elf["build_id"] != listed.elf["build_id"]:
        raise UsageError(f"{path}: is of another image than {known.place} (build-id)")


def _current(listed: Listed, path: Path, rules: dict[str, str]) -> None:
    """The rules are those of now, wherever their files lay then."""
    then = {Path(name).name: digest for name, digest in listed.rules.items()}
    now = {Path(name).name: digest for name, digest in rules.items()}
    changed = sorted(n for n in then.keys() | now.keys() if then.get(n) != now.get(n))
    if changed:
        raise UsageError(
            f"{path}: was judged by other rules ({', '.join(changed)} differ); run it again"
        )
