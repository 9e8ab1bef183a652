"""`rig verdict RUN.json --group G`: one group of a recorded run, judged again from its record.

So ctest can have a test for each checkpoint group without stepping the guest again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import elf as elf_file
from .checks import Check, exit_code, tally
from .errors import CannotJudge, Exit
from .report_json import SCHEMA
from .report_text import TextReport


def read_run(path: Path) -> dict[str, Any]:
    """A recorded run; anything else is 3, as no judgement is possible."""
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


def verdict(path: Path, group: str, elf: str | None, report: TextReport) -> int:
    """Print the group's checks; the exit code is theirs."""
    run = read_run(path)
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
    code = exit_code(checks)
    if code == Exit.HELD and any(
        p.get("error_code") == 3 for v in run["variants"] for p in v["phases"]
    ):
        return Exit.NO_JUDGEMENT
    return code
