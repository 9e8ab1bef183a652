"""The report as JSON: one schema, versioned, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .checks import tally
from .errors import UsageError
from .results import VERDICTS, RunResult

SCHEMA = "rig-run/1"


def to_json(run: RunResult) -> dict[str, Any]:
    """Plain data of a whole run."""
    first = run.first_failed()
    failed = [check for check in run.checks() if check.failed]
    return {
        "schema": SCHEMA,
        "command": run.command,
        "elf": run.elf,
        "pack": run.pack,
        "rules": run.rules,
        "tools": run.tools,
        "waived": run.waived,
        "counts": tally(run.checks()),
        "broken": [
            {"id": check.rule, "check": check.id, "kind": check.kind, "variant": check.variant}
            for check in failed
        ],
        "first_failed": (
            {"rule": first.rule, "check": first.id, "variant": first.variant} if first else None
        ),
        "verdict": VERDICTS[run.code()],
        "exit_code": int(run.code()),
        "run_dir": run.kept,
        "variants": [variant.to_json() for variant in run.variants],
    }


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot write it: {error.strerror}") from None


def write(run: RunResult, path: Path) -> None:
    """Write the report."""
    write_whole(path, json.dumps(to_json(run), indent=1, ensure_ascii=False) + "\n")
