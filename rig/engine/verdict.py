"""`rig verdict RUN.json --group G`: one group of a recorded run, judged again from its record.

So ctest can have a test for each checkpoint group without stepping the guest again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from . import elf as elf_file
from .checks import Check, tally
from .errors import CannotJudge
from .report_json import SCHEMA
from .report_text import TextReport
from .results import worst_of


def read_run(path: Path) -> dict[str, Any]:
    """A recorded run; anything else is 3, as no judgement is possible."""
    if path.exists() and not path.is_file():
        raise CannotJudge(f"{path}: not a record of a run: not a regular file")
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotJudge(
            f"{path}: no recorded run ({error.strerror}); run `rig run --json` first"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CannotJudge(f"{path}: damaged record of a run: {error}") from None
    if not isinstance(run, dict) or run.get("schema") != SCHEMA:
        raise CannotJudge(f"{path}: not a record of a run ({SCHEMA}); run `rig run --json` again")
    return run


def _same_rules(path: Path, run: dict[str, Any]) -> None:
    """Refuse a record of rules that have changed since."""
    for name, digest in run["rules"].items():
        try:
            now = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        except OSError as error:
            raise CannotJudge(
                f"{path}: recorded with {name}, which cannot be read now ({error.strerror}); "
                "run the rig again"
            ) from None
        if now != digest:
            raise CannotJudge(f"{path}: {name} has changed since this record; run the rig again")


def verdict(path: Path, group: str, elf: str | None, report: TextReport) -> int:
    """Print the group's checks; the exit code is theirs, and never better than the run's phases."""
    run = read_run(path)
    try:
        return _verdict(run, path, group, elf, report)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CannotJudge(
            f"{path}: damaged record, or of another version of the rig "
            f"({type(error).__name__}: {error}); run `rig run --json` again"
        ) from None


def _verdict(
    run: dict[str, Any], path: Path, group: str, elf: str | None, report: TextReport
) -> int:
    _same_rules(path, run)
    if elf is not None:
        now = elf_file.load(Path(elf)).build_id
        if not now or now != run["elf"]["build_id"]:
            raise CannotJudge(
                f"{path}: recorded for another image (build-id {run['elf']['build_id'] or 'none'}, "
                f"{elf} has {now or 'none'}); run the rig again"
            )
    checks = []
    known: set[str] = set()
    for variant in run["variants"]:
        for data in variant["checks"]:
            check = Check.from_json(data)
            known.add(check.group)
            if check.group == group:
                checks.append(check)
        for phase in variant["phases"]:
            if phase.get("error"):
                report.line(f"  {variant['variant']} {phase['name']}: {phase['error']}")
    if not checks:
        raise CannotJudge(
            f"{path}: no check of group {group!r}; it has: {', '.join(sorted(known))}"
        )
    for check in checks:
        if check.status == "pass":
            report.detail(
                f"  {report.style('green', 'ok')}   {check.variant:<8} {check.id}: {check.text}"
            )
        else:
            report.check(check)
    counts = tally(checks)
    report.line(
        f"group {group}: {len(checks)} checks, {counts['pass']} held, {counts['fail']} broken"
    )
    ends = {phase.get("error_code") for variant in run["variants"] for phase in variant["phases"]}
    return worst_of(ends, checks)
