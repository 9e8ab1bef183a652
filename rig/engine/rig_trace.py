"""Calls of rig-trace, whose commands judge: what it said, its report, and when it is neither."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .checks import Check
from .errors import CannotJudge, Exit, UsageError
from .paths import need_compiled
from .process import tail

_TOOL_S = 600.0
VERDICTS = (Exit.HELD, Exit.BROKEN, Exit.NO_JUDGEMENT)


@dataclass
class Judged:
    """A report as checks, what is told besides, and why it is no judgement ("" when it is one)."""

    checks: list[Check]
    notes: list[str]
    error: str


def call(
    words: Sequence[str], elf: Path | None, said: Path, allowed: Sequence[int]
) -> tuple[int, str]:
    """rig-trace with these words; its exit status and what it said, which is kept in `said`. What
    it refuses of the user's is a UsageError, any other way out than `allowed` a CannotJudge."""
    command = [str(need_compiled("rig-trace", elf)), *words]
    with said.open("wb") as file:
        try:
            done = subprocess.run(
                command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, timeout=_TOOL_S,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotJudge(f"rig-trace {words[0]} failed: {error}") from None
    if done.returncode == Exit.USAGE:
        raise UsageError(tail(said) or f"rig-trace {words[0]} refused its options")
    if done.returncode not in allowed:
        failed = f"rig-trace {words[0]} failed (exit status {done.returncode})"
        raise CannotJudge(f"{failed}: {tail(said)}" if tail(said) else failed)
    return done.returncode, said.read_text("utf-8", errors="replace")


def report_of(
    words: Sequence[str], elf: Path | None, out: Path, said: Path, schema: str
) -> dict[str, Any]:
    """The JSON report that a judging command writes to `out`, whatever its verdict."""
    out.unlink(missing_ok=True)
    name = f"rig-trace {words[0]}"
    status, text = call([*words, "--json", str(out), "--quiet"], elf, said, VERDICTS)
    if not out.is_file():
        words_said = " ".join(text.split()) or "no report"
        raise CannotJudge(f"{name} failed (exit status {status}): {words_said}")
    try:
        report: dict[str, Any] = json.loads(out.read_text("utf-8"))
    except ValueError as error:
        raise CannotJudge(f"{out}: damaged report of {name}: {error}") from None
    if report.get("schema") != schema:
        raise CannotJudge(f"{out}: no report of {name} ({schema})")
    return report
