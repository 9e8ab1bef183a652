"""The report as one HTML file that needs nothing beside it: no network, no script.

Everything is in the page's own style sheet and markup; parts unfold by <details>. The same run and
the same SOURCE_DATE_EPOCH give the same bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .checks import ERROR, FAIL, NOT_JUDGED, PASS, WAIVED, tally
from .html_checks import checks_section, waived_section
from .html_coverage import coverage_section, measure
from .html_environment import console_section, environment_section
from .html_faults import faults_section
from .html_findings import findings_of, findings_section, first_broken
from .html_maps import maps_section
from .html_parts import grouped
from .html_registers import exceptions_section, registers_section
from .html_style import style_sheet
from .html_text import Html, Part, join, tag
from .html_timeline import timeline_section
from .cover_result import Coverage
from .order_check import GROUP as ORDERING
from .report_json import write_whole
from .results import VERDICTS, RunResult
from .source_files import SourceFiles, source_directories

_COLOUR = {0: "good", 1: "bad", 3: "open", 124: "open"}


def _date() -> str:
    """The day and time of the run, or of SOURCE_DATE_EPOCH for reports that can be reproduced."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        moment = time.gmtime(int(text))
    except (ValueError, OverflowError, OSError):  # not set, or no time
        moment = time.gmtime()
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", moment)


def _tile(number: Part, words: str, cls: str | None = None) -> Html:
    return tag("li", tag("b", number, cls=cls), tag("span", words))


def _head(run: RunResult, date: str) -> Html:
    """What happened, at a glance."""
    exit_code = int(run.code())
    verdict = VERDICTS[exit_code]
    counts = tally(run.checks())
    undecided = counts[ERROR] + counts[NOT_JUDGED]
    steps = [phase for v in run.variants for phase in v.phases if phase.name == "step"]
    seconds = sum(phase.seconds for v in run.variants for phase in v.phases)
    image = os.path.basename(run.elf.get("path", "")) or "a guest without ELF"
    names = ", ".join(result.machine.variant for result in run.variants) or "no variant"
    tiles = [
        _tile(grouped(len(run.checks())), "checks"),
        _tile(grouped(counts[PASS]), "held"),
        _tile(grouped(counts[FAIL]), "broken", "bad" if counts[FAIL] else None),
        _tile(grouped(undecided), "not judged", "open" if undecided else None),
        _tile(grouped(counts[WAIVED]), "waived"),
        _tile(grouped(len(run.variants)), "variant" + "s" * (len(run.variants) != 1)),
    ]
    if steps:
        tiles.append(_tile(grouped(sum(phase.stepped for phase in steps)), "steps"))
    tiles.append(_tile(f"{seconds:.1f} s", "duration"))
    lead = tag("div", tag("h1", verdict[0].upper() + verdict[1:]),
               tag("p", f"{image} · {names} · exit status {exit_code}"),
               cls=f"verdict {_COLOUR.get(exit_code, 'open')}")  # fmt: skip
    over = tag("p", f"rig {run.command} · pack {run.pack.get('guest', '?')} · {date}", cls="over")
    return tag("header", over, lead, tag("ul", *tiles, cls="tiles"), id="top")


def _navigation(run: RunResult, sections: list[tuple[str, str, int | None]]) -> Html:
    broken = any(check.status == FAIL for check in run.checks())
    items = []
    for name, title, count in sections:
        cls = "many bad" if name == "findings" and broken else "many"
        many = tag("span", grouped(count), cls=cls) if count is not None else None
        items.append(tag("li", tag("a", tag("span", title), many, href=f"#{name}")))
    return tag("nav", tag("ol", *items), aria_label="Sections")


def _file_names(run: RunResult, coverage: Coverage | str) -> Iterator[str]:
    """Whole names of source files, from wherever they are known."""
    if isinstance(coverage, Coverage):
        yield from coverage.merged
    places = [check.where for check in run.checks() if check.kind != ORDERING]
    places += [change.where for result in run.variants for change in result.boot.changes]
    yield from (where.file for where in places if where is not None and where.file)


def render(run: RunResult, coverage: Coverage | str, date: str) -> str:
    """The whole page."""
    elf = str(run.elf.get("path", ""))
    newest = os.stat(elf).st_mtime if elf and os.path.exists(elf) else float("inf")
    sources = SourceFiles(source_directories(Path(elf)) if elf else [str(Path.cwd())], newest)
    variants = run.variants
    sources.learn(_file_names(run, coverage))
    first = first_broken(run, sources)
    listed: list[tuple[str, str, int | None]] = [("top", "Verdict", None)]
    if first is not None:
        listed.append(("first", "First broken rule", None))
    listed += [
        ("findings", "Findings", len(findings_of(run))),
        ("timeline", "Timeline", None),
        ("registers", "System registers", sum(len(v.boot.changes) for v in variants)),
        ("exceptions", "Exceptions taken", sum(len(v.boot.exceptions) for v in variants)),
        ("maps", "Address spaces", sum(len(v.maps) for v in variants)),
        ("faults", "Fault gate", None),
        ("coverage", "Coverage", None),
        ("console", "Console", None),
        ("waived", "Waived rules", len(run.waived)),
        ("checks", "All checks", len(run.checks())),
        ("environment", "Environment", None),
    ]
    parts: list[Part] = [
        _head(run, date),
        first,
        findings_section(run, sources),
        timeline_section(run),
        registers_section(run),
        exceptions_section(run),
        maps_section(run),
        faults_section(run),
        coverage_section(coverage),
        console_section(run),
        waived_section(run),
        checks_section(run),
        environment_section(run, date),
        tag("footer", "This file needs no network and no script."),
    ]
    title = f"{VERDICTS[int(run.code())]}: {run.pack.get('guest', '?')}, rig {run.command}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(style_sheet())),
    )
    page = tag("div", _navigation(run, listed), tag("main", join(parts, "\n")), cls="page")
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", page), lang="en") + "\n"


def write(run: RunResult, path: Path) -> None:
    """Measure the coverage, and write the report."""
    room = Path(tempfile.mkdtemp(prefix="rig-coverage-"))
    try:
        coverage = measure(run, room)
        write_whole(path, render(run, coverage, _date()))
    finally:
        shutil.rmtree(room, ignore_errors=True)
