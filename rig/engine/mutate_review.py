"""The reviewed list of mutants that behave as the guest does, and what it makes of survivors.

An entry says of which mutants it speaks by patterns (`*` and `?`, capitals or not), never by
addresses or line numbers, so that a rebuilt guest needs no new list:

    - kind: barrier-weakened        # or a list of kinds
      in: boot_*                    # the function; of a descriptor, the checkpoint it is seen at
      was: "dsb ish"
      now: ["*NSH*", "*OSH*"]       # or a list, here as in the others
      id: "boot_mmu_on+*"
      variants: [el2]               # of the pack; all unless said
      why: what makes it the same for every observer
      spec: DDI 0487, B2.3.11

An entry that covers nothing in a whole campaign is stale, and an error; one that meets only mutants
that are killed is not needed any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import PackError, UsageError
from .mutant import EQUIVALENT, KILLED, KINDS, SURVIVED, Mutant, Outcome
from .pack import Pack
from .schema import ListOf, Reader, Record, Text, read_yaml
from .space_lint import bits_of

_PATTERNS = ("in", "was", "now", "id")
TEXT = Text()


def _speaks_of_all(item: dict[str, Any]) -> str:
    if any(name in item for name in _PATTERNS):
        return ""
    return f"has none of {', '.join(_PATTERNS)}, expected one: it would excuse a whole class"


ENTRY = Record(
    {
        "kind": ListOf(Text(choices=tuple(KINDS)), one=True),
        **{name: ListOf(TEXT, one=True) for name in _PATTERNS},
        "variants": ListOf(TEXT, one=True),
        "why": TEXT,
        "spec": TEXT,
    },
    required=("kind", "why"),
    check=_speaks_of_all,
)
REVIEWED = Record({"why": TEXT, "equivalent": ListOf(ENTRY)}, required=("why", "equivalent"))
# What a descriptor mutant's words begin with, and `layout: harmless` calls its kind.
_DESCRIPTOR = re.compile(r"\b(table|block|page)\b")


@lru_cache(maxsize=None)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    text = "".join(parts.get(sign) or re.escape(sign) for sign in pattern)
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def fits(pattern: str, text: str) -> bool:
    """Does the text have the pattern's form? Brackets are plain: instructions have them."""
    return _compiled(pattern).fullmatch(text) is not None


@dataclass
class Entry:
    """One reason, and how many mutants it met."""

    kinds: tuple[str, ...]
    patterns: dict[str, tuple[str, ...]]
    variants: tuple[str, ...]  # empty: all
    why: str
    spec: str
    place: str  # file:line:column: key
    covers: int = 0  # survivors that it excuses
    killed: int = 0  # mutants that it speaks of, and that a rule kills all the same
    others: int = 0  # not judged, or proven equivalent when they were made

    def speaks_of(self, variant: str, mutant: Mutant) -> bool:
        """Is the mutant one of those that the entry excuses?"""
        texts = {"in": mutant.function, "was": mutant.was, "now": mutant.now, "id": mutant.id}
        return (
            mutant.kind in self.kinds
            and (not self.variants or variant in self.variants)
            and all(
                any(fits(pattern, texts[name]) for pattern in patterns)
                for name, patterns in self.patterns.items()
            )
        )

    @property
    def reason(self) -> str:
        """The reason with the manual's section."""
        return f"{self.why} ({self.spec})" if self.spec else self.why

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kind": list(self.kinds), **{name: list(some) for name, some in self.patterns.items()},
            "variants": list(self.variants),
            "why": self.why, "spec": self.spec, "place": self.place,
            "covers": self.covers, "killed": self.killed, "others": self.others,
        }  # fmt: skip


@dataclass
class Review:
    """The list, and what the pack says of bits of descriptors that no rule has to report."""

    pack: Pack
    file: str = ""
    entries: list[Entry] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)  # variants whose every mutant was looked at

    def apply(
        self, variant: str, judged: Iterable[tuple[Mutant, Outcome]], whole: bool
    ) -> list[Outcome]:
        """The outcomes of a variant, survivors that have a reason made equivalent. `whole`: these
        are all its mutants, so that an entry without one is stale."""
        if whole:
            self.whole.add(variant)
        return [self._reviewed(variant, mutant, outcome) for mutant, outcome in judged]

    def _reviewed(self, variant: str, mutant: Mutant, outcome: Outcome) -> Outcome:
        fitting = [entry for entry in self.entries if entry.speaks_of(variant, mutant)]
        if outcome.verdict != SURVIVED:
            for entry in fitting:
                entry.killed += outcome.verdict == KILLED
                entry.others += outcome.verdict != KILLED
            return outcome
        if fitting:
            fitting[0].covers += 1
            return replace(outcome, verdict=EQUIVALENT, why=fitting[0].reason)
        why = self.harmless(variant, mutant)
        return replace(outcome, verdict=EQUIVALENT, why=why) if why else outcome

    def harmless(self, variant: str, mutant: Mutant) -> str:
        """Why the pack's layout excuses this bit of a descriptor, "" when it does not."""
        kind = _DESCRIPTOR.search(mutant.was) if mutant.kind == "descriptor" else None
        if kind is None or mutant.poke is None:
            return ""
        spaces = self.pack.address_spaces(variant)
        seen = [item["id"] for item in spaces if mutant.function in ("", item["at"])]
        for line in (self.pack.data.get("layout") or {}).get("harmless") or []:
            ends = bits_of(line["bits"])
            if ends is None or line["kind"] != kind[1] or not ends[1] <= mutant.poke.bit <= ends[0]:
                continue
            if any(_at(line, entry) for entry in seen):
                return f"layout, harmless: {line['why']}"
        return ""

    def findings(self) -> list[str]:
        """Entries that nothing fits any more."""
        return [
            f"{entry.place}: matches nothing: no mutant of {self._of(entry)} has this form; "
            "the guest has changed, or the pattern is wrong: mend it or take it away"
            for entry in self._looked_at()
            if not entry.covers + entry.killed + entry.others
        ]

    def unneeded(self) -> list[str]:
        """Entries that excuse no survivor."""
        return [
            f"{entry.place}: not needed: every mutant that it speaks of is killed"
            for entry in self._looked_at()
            if entry.killed and not entry.covers + entry.others
        ]

    def _looked_at(self) -> list[Entry]:
        """Entries of whose variants every mutant was looked at."""
        return [e for e in self.entries if set(e.variants or self.pack.variants()) <= self.whole]

    def _of(self, entry: Entry) -> str:
        return ", ".join(entry.variants or self.pack.variants())

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "file": self.file,
            "entries": [entry.to_json() for entry in self.entries],
            "findings": self.findings(),
            "unneeded": self.unneeded(),
        }


def _at(line: dict[str, Any], entry: str) -> bool:
    """Does a line of `harmless` hold at an entry of address_space?"""
    return entry in line.get("only", [entry]) and entry not in line.get("except", [])


def load(pack: Pack) -> Review:
    """The review that the pack names, an empty one when it names none; raises PackError with every
    finding."""
    name = (pack.data.get("mutants") or {}).get("reviewed")
    if name is None:
        return Review(pack)
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the reviewed mutants: {error}") from None
    data, reader = read_yaml(str(path), text, REVIEWED)
    entries = [_entry(item, i, pack, reader) for i, item in enumerate(data.get("equivalent") or [])]
    if reader.findings:
        raise PackError(reader.findings)
    return Review(pack, str(path), entries)


def _entry(item: dict[str, Any], index: int, pack: Pack, reader: Reader) -> Entry:
    known = pack.variants()
    for number, name in enumerate(item.get("variants") or []):
        if name not in known:
            reader.complain_at(
                ("equivalent", index, "variants", number),
                f"no variant {name!r} in {pack.path}, expected one of {', '.join(known)}",
            )
    line, column = reader.places.get(("equivalent", index), (1, 1))
    return Entry(
        kinds=tuple(item.get("kind") or ()),
        patterns={name: tuple(item[name]) for name in _PATTERNS if item.get(name)},
        variants=tuple(item.get("variants") or ()),
        why=" ".join((item.get("why") or "").split()),
        spec=" ".join((item.get("spec") or "").split()),
        place=f"{reader.file}:{line}:{column}: equivalent[{index}]",
    )
