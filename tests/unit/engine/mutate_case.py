"""A made-up campaign for the tests of its reports: one mutant of each verdict, and more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import ROOT

# pylint: disable=wrong-import-order # support sets the path
from engine import mutate_review
from engine import pack as pack_file
from engine.mutant import KILLED, NOT_JUDGED, SURVIVED, Mutant, Outcome
from engine.mutate_report import Listed, Result, VariantMutants, joined

SELECTION: dict[str, Any] = {"kind": [], "in": [], "id": [], "sample": None, "seed": None}
PACK = """\
guest: small
why: a test
variants: {el1: {why: one}, el2: {why: two}}
mutants: {reviewed: reviewed.yaml}
"""
REVIEWED = """\
why: a test
equivalent:
  - {kind: swapped, in: boot, why: nobody looks between}
"""


def mutant(number: int, kind: str = "dropped", **more: Any) -> Mutant:
    """A mutant of the boot by number."""
    given: dict[str, Any] = {"file": "boot.S", "line": 10 + number, **more}
    return Mutant(f"boot+{4 * number:#x}:{kind}", kind, "boot", "isb", "ISB dropped", **given)


MUTANTS = (
    mutant(0),
    mutant(1),
    mutant(2),
    mutant(3, "swapped"),
    mutant(4, "swapped", equivalent="shares no register"),
    mutant(5, "eret-to-ret", file=""),
)
OUTCOMES = (
    Outcome(MUTANTS[0].id, KILLED, ["isb-after", "vbar"], phase="ordering", smoke="no marker"),
    Outcome(MUTANTS[1].id, KILLED, notes=["odd-barrier"], phase="ordering"),
    Outcome(MUTANTS[2].id, SURVIVED),
    Outcome(MUTANTS[3].id, SURVIVED, smoke="says panic"),
    Outcome(MUTANTS[5].id, NOT_JUDGED, why="QEMU died"),
)


def load_pack(room: Path, reviewed: str = REVIEWED) -> pack_file.Pack:
    """The pack with its reviewed list, written into a directory."""
    (room / "reviewed.yaml").write_text(reviewed, "utf-8")
    (room / "small.yaml").write_text(PACK, "utf-8")
    return pack_file.load(room / "small.yaml", ROOT / "rig" / "rules")


def listed(variant: str = "el1", mutants: Sequence[Mutant] = MUTANTS, **more: Any) -> Listed:
    """The variant's list."""
    given: dict[str, Any] = {"made": len(mutants), "sites": 4, "not_made": ["b: no room"], **more}
    return Listed(
        variant=variant, machine="-M virt", elf={"path": "/small.elf", "build_id": "id"},
        rules={"/rules/small.yaml": "digest"}, selection=SELECTION, mutants=list(mutants), **given,
    )  # fmt: skip


def result(room: Path, outcomes: Sequence[Outcome] = OUTCOMES, variants: int = 1) -> Result:
    """The result of these outcomes, for the first variants of the pack."""
    review = mutate_review.load(load_pack(room))
    parts: list[VariantMutants] = []
    for name in ("el1", "el2")[:variants]:
        parts.append(joined(listed(name), outcomes, review))
    return Result("small", review, parts, {"qemu": "QEMU 7.2"})
