"""The result of a campaign for people: survivors as a compiler's warnings, then the tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from .errors import Exit
from .mutant import EQUIVALENT, NOT_JUDGED, SURVIVED, Mutant
from .mutate_report import Counts, Judged, Result
from .report_text import TextReport

_COLUMNS = (
    "mutants", "killed by error", "by note", "survived", "equivalent", "not judged",
    "smoke test kills", "rig", "smoke test",
)  # fmt: skip
_TOP = 10  # rules that are shown
_FLIPS = ("flips", "reported", "harmless", "unseen")


def cells(counts: Counts) -> list[str]:
    """A row of the table without its name."""
    return [
        str(counts.mutants), str(counts.by_error), str(counts.by_note), str(counts.survived),
        str(counts.equivalent), str(counts.not_judged), str(counts.smoke),
        counts.rate(counts.killed), counts.rate(counts.smoke),
    ]  # fmt: skip


def rows(result: Result) -> list[list[str]]:
    """The table: a line a class, all classes, and with several variants a line for each."""
    lines = [[kind, *cells(counts)] for kind, counts in result.classes().items()]
    lines.append(["all", *cells(Counts.of(result.judged()))])
    if len(result.variants) > 1:
        for variant in result.variants:
            lines.append([variant.listed.variant, *cells(variant.counts())])
    return lines


def markdown(result: Result) -> str:
    """The table for a README."""
    head = "| class | " + " | ".join(_COLUMNS) + " |"
    lines = [head, "|---" + "|--:" * len(_COLUMNS) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(result)]
    return "\n".join(lines) + "\n"


def place(mutant: Mutant) -> str:
    """`file:line: `, the file as seen from here; the function where no line is known."""
    if not mutant.file:
        return f"{mutant.function}: " if mutant.function else ""
    name = mutant.file
    if os.path.isabs(name) and Path(name).is_relative_to(Path.cwd()):
        name = os.path.relpath(name)
    return f"{name}:{mutant.line}: " if mutant.line else f"{name}: "


def _lines(result: Result, verdict: str, words: str) -> Iterable[str]:
    """One line for each mutant with a verdict; variants that agree share it."""
    found: dict[str, list[str]] = {}
    for variant in result.variants:
        for item in variant.judged:
            if item.outcome.verdict == verdict:
                mutant, why = item.mutant, item.outcome.why if verdict == NOT_JUDGED else ""
                text = f"{place(mutant)}{words}: {mutant.now} [{mutant.id}]"
                found.setdefault(text + (f": {why}" if why else ""), []).append(
                    variant.listed.variant
                )
    several = len(result.variants) > 1
    for text, variants in found.items():
        yield f"{text} ({', '.join(variants)})" if several else text


def write(result: Result, report: TextReport) -> None:
    """The whole report; --quiet leaves the tables out."""
    for text in _lines(result, SURVIVED, report.style("red", "survived")):
        report.line(text)
    for text in _lines(result, NOT_JUDGED, report.style("yellow", "not judged")):
        report.line(text)
    for finding in result.review.findings():
        report.line(finding)
    for text in result.review.unneeded():
        report.line(text)
    _equivalents(result, report)
    _table(result, report)
    _rules(result, report)
    _verdict(result, report)


def _equivalents(result: Result, report: TextReport) -> None:
    reasons = Counter(
        item.outcome.why for item in result.judged() if item.outcome.verdict == EQUIVALENT
    )
    for why, count in reasons.most_common():
        report.detail(f"equivalent: {count}: {why}")


def _table(result: Result, report: TextReport) -> None:
    head = ["class", *_COLUMNS]
    table = [head, *rows(result)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    classes = len(result.kinds())
    for number, row in enumerate(table):
        if number in (1, classes + 1, classes + 2):
            report.detail("  ".join("-" * width for width in widths))
        report.detail(_row(row, widths))


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)])


def _rules(result: Result, report: TextReport) -> None:
    earlier = sum(item.outcome.earlier for item in result.judged())
    if earlier:
        report.detail(f"{earlier} of the kills are kept of earlier rules (--survivors)")
    killers = result.killers()
    shown = ", ".join(f"{rule} {count}" for rule, count in killers.most_common(_TOP))
    more = f", and {len(killers) - _TOP} more" if len(killers) > _TOP else ""
    if shown:
        report.detail(f"killed by (the first rule that broke): {shown}{more}")
    for variant in result.variants:
        listed = variant.listed
        part = "" if len(variant.judged) == listed.made else f"{len(variant.judged)} of "
        report.detail(
            f"{listed.variant}: {part}{listed.made} mutants of {listed.sites} sites, "
            f"{len(listed.not_made)} notes on what was not made (--list, --json)"
        )
        if listed.flips:
            counts = ", ".join(f"{listed.flips[name]} {name}" for name in _FLIPS)
            report.detail(
                f"{listed.variant}: every bit of every descriptor, in snapshots: {counts}"
            )


def _verdict(result: Result, report: TextReport) -> None:
    counts = Counts.of(result.judged())
    parts = [
        f"{counts.mutants} mutants",
        f"{counts.killed} killed ({counts.by_error} by error, {counts.by_note} by note)",
        f"{counts.survived} survived",
        f"{counts.equivalent} equivalent",
        f"{counts.not_judged} not judged",
    ]
    stale = len(result.review.findings())
    if stale:
        parts.append(f"{stale} stale entries in the review")
    code = result.code()
    colour = "green" if code == Exit.HELD else "red"
    report.line(f"{report.style(colour, _words(code, counts))}: {', '.join(parts)}")


def _words(code: int, counts: Counts) -> str:
    if code == Exit.NO_JUDGEMENT:
        return "could not judge"
    if counts.survived:
        return "mutants survived"
    return "the review is stale" if code == Exit.BROKEN else "no mutant survived"


def listing(judged: Iterable[Judged]) -> Iterable[str]:
    """A line for each mutant, before any is run."""
    for item in judged:
        mutant = item.mutant
        proven = f" (equivalent: {mutant.equivalent})" if mutant.equivalent else ""
        yield f"{place(mutant)}{mutant.kind}: {mutant.now} [{mutant.id}]{proven}"
