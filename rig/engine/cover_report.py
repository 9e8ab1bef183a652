"""The coverage report: the table for people, the thresholds, JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cover_audit import Audit
from .cover_result import KINDS, Coverage, Image, counts_of
from .errors import UsageError
from .lcov_info import FileRecord

Line = Callable[[str], None]
_PAGES = 8
_LISTED = 20


def percent(hit: int, found: int) -> float:
    """Share in percent; of nothing everything is reached."""
    return 100.0 * hit / found if found else 100.0


def thresholds(text: str | None) -> dict[str, float]:
    """`lines=95,branches=90` as numbers by kind; raises UsageError."""
    wanted: dict[str, float] = {}
    for word in text.split(",") if text else []:
        kind, _, number = word.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if kind not in KINDS or not 0 <= value <= 100 or kind in wanted:
            raise UsageError(
                f"--fail-under {text}: {word!r} is wrong, expected KIND=PERCENT with KIND one of "
                f"{', '.join(KINDS)}, each once"
            )
        wanted[kind] = value
    return wanted


def below(coverage: Coverage, wanted: dict[str, float]) -> dict[str, str]:
    """The kinds that miss their threshold, each with a sentence."""
    found = {}
    for kind, least in wanted.items():
        hit, total = coverage.counts(kind)
        if kind == "host-branches" and coverage.host is None:
            found[kind] = "host-branches: nothing to judge without --host-info"
        elif not total:
            found[kind] = f"{kind}: nothing was found, so nothing was measured"
        elif 100 * hit < least * total:
            found[kind] = (
                f"{kind}: {hit} of {total} are {percent(hit, total):.2f} %, the threshold is "
                f"{least:g} %"
            )
    return found


def _cell(pair: tuple[int, int] | None, width: int) -> str:
    return ("-" if pair is None or not pair[1] else f"{pair[0]}/{pair[1]}").rjust(width)


def _row(name: str, cells: list[tuple[int, int] | None], more: str) -> str:
    widths = (10, 11, 11, 11)
    row = "".join(_cell(pair, width) for pair, width in zip(cells[:4], widths))
    row += more.rjust(8) + "".join(_cell(pair, 12) for pair in cells[4:])
    return f"{name:<38}{row}"


HEAD = (
    f"{'':38}{'functions':>10}{'lines':>11}{'of these':>11}{'of these':>11}{'lines':>8}"
    f"{'guest':>12}{'host':>12}\n"
    f"{'file':38}{'':>10}{'':>11}{'by guest':>11}{'by host':>11}{'partly':>8}"
    f"{'branches':>12}{'branches':>12}"
)


def table(coverage: Coverage, line: Line) -> None:
    """One row a file, and totals."""
    for head in HEAD.split("\n"):
        line(head.rstrip())
    partly = 0
    sums: list[list[int]] = [[0, 0] for _ in range(6)]
    for name, record in coverage.merged.items():
        guest = coverage.guest.get(name)
        host = (coverage.host or {}).get(name)
        cells = [
            counts_of(record, "functions"),
            counts_of(record, "lines"),
            counts_of(guest or FileRecord(), "lines"),
            counts_of(host or FileRecord(), "lines"),
            counts_of(record, "branches"),
            counts_of(host or FileRecord(), "branches"),
        ]
        for total, (hit, found) in zip(sums, cells):
            total[0], total[1] = total[0] + hit, total[1] + found
        partial = len(coverage.partial(name)) if guest else 0
        partly += partial
        line(_row(name, list(cells), str(partial) if partial else "-"))
    pairs: list[tuple[int, int] | None] = [(total[0], total[1]) for total in sums]
    line(_row("total", pairs, str(partly)))


def totals(coverage: Coverage) -> str:
    """The shares of each kind, in one line."""
    shares = []
    for kind in KINDS:
        hit, found = coverage.counts(kind)
        if found:
            shares.append(f"{percent(hit, found):.2f} % of {kind} ({hit}/{found})")
    return f"reached: {', '.join(shares)}"


def instructions(images: list[Image], line: Line) -> None:
    """Instructions of each image, by the MMU's state."""
    for image in images:
        counts = image.instructions()
        if not counts["found"]:
            line(f"{image.name}: no instruction is known: the image has no symbols of functions")
            continue
        line(
            f"{image.name}: {counts['hit']} of {counts['found']} instructions ran "
            f"({percent(counts['hit'], counts['found']):.1f} %): {counts['hit_mmu_off']} with the "
            f"MMU off, {counts['hit_mmu_on']} with it on, {counts['hit_both']} with both"
        )


def grouped(images: list[Image]) -> list[Image]:
    """Images that stand alone, and of each group of more than three its first."""
    groups: dict[str, list[Image]] = {}
    for image in images:
        groups.setdefault(str(Path(image.path).parent), []).append(image)
    shown: list[Image] = []
    for members in groups.values():
        shown += members if len(members) <= _PAGES else members[:1]
    return shown


def oddities(coverage: Coverage, line: Line) -> None:
    """What was executed but is no code of the image, and what could not be judged."""
    pages: Counter[str] = Counter()
    differs = unknown = line0 = 0
    for image in coverage.images:
        for entry in image.report["outside"]:
            pages[_hex(entry["page"])] += entry["instructions"]
        differs += sum(entry["count"] for entry in image.report["differs"])
        unknown += image.report["branches"]["unknown"]
        line0 += image.report["branches"]["line0"]
    if pages:
        top = ", ".join(f"{page} ({count})" for page, count in pages.most_common(_PAGES))
        more = f" and {len(pages) - _PAGES} more pages" if len(pages) > _PAGES else ""
        line(f"outside of the images: {sum(pages.values())} instructions, in pages {top}{more}")
    if differs:
        line(f"differing from the image's bytes: {differs} executions, credited to nothing")
    if unknown:
        line(f"branches with unknown outcome: {unknown} executions, credited to neither side")
    if line0:
        line(f"branches without a line: {line0}")
    for reason, places in sorted(_excluded(coverage).items()):
        functions = sorted({function for function, _key in places})
        some = ", ".join(functions[:_PAGES]) + (" …" if len(functions) > _PAGES else "")
        line(f"left out: {sum(places.values())} branch directions ({some}): {reason}")
    for note in coverage.notes:
        line(f"note: {note}")


def _hex(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:#x}"


def _excluded(coverage: Coverage) -> dict[str, Counter[tuple[str, str]]]:
    """The branch directions that each reason leaves out, with their function. Images share most of
    them; one place may have several (macros), so the image with the most counts."""
    found: dict[str, Counter[tuple[str, str]]] = {}
    for image in coverage.images:
        here: dict[str, Counter[tuple[str, str]]] = {}
        for entry in image.report["branches"]["excluded"]:
            key = ":".join(str(entry[k]) for k in ("file", "line", "function", "direction"))
            here.setdefault(entry["reason"], Counter())[(entry["function"], key)] += 1
        for reason, counts in here.items():
            found[reason] = found.get(reason, Counter()) | counts
    return found


def reasons(audit: Audit, line: Line) -> None:
    """What no run reaches, by reason."""
    total = sum(len(entry.covers) for entry in audit.entries)
    line(f"not reached, with the reason ({total}):")
    for entry in audit.entries:
        if entry.covers:
            places = sorted({item.line for item in entry.covers})
            numbers = ", ".join(map(str, places[:_LISTED])) + (
                " …" if len(places) > _LISTED else ""
            )
            words = ", ".join(
                f"{count} {kind}" for kind, count in Counter(m.kind for m in entry.covers).items()
            )
            line(f"  {entry.file}:{numbers}: {entry.function}: {words}: {entry.reason}")


def as_json(coverage: Coverage, wanted: dict[str, float], code: int) -> str:
    """The whole result as JSON."""
    data = {
        "exit_code": code,
        "totals": {kind: dict(zip(("hit", "found"), coverage.counts(kind))) for kind in KINDS},
        "thresholds": wanted,
        "files": {
            name: {
                "functions": counts_of(record, "functions"),
                "lines": counts_of(record, "lines"),
                "branches": counts_of(record, "branches"),
                "partial_lines": coverage.partial(name) if name in coverage.guest else [],
            }
            for name, record in coverage.merged.items()
        },
        "missing": [
            {"file": m.file, "line": m.line, "kind": m.kind, "function": m.function, "what": m.text}
            for m in coverage.missing()
        ],
        "images": [
            {"name": i.name, "elf": i.path, "runs": i.runs, "report": i.report}
            for i in coverage.images
        ],
        "notes": coverage.notes,
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
