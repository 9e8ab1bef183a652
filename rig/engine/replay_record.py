"""A failed run is recorded again, so that `rig debug --replay` can step it backwards."""

from __future__ import annotations

import argparse
from pathlib import Path

from .report_text import TextReport
from .results import RunResult


def record_again(
    _args: argparse.Namespace, _run: RunResult, _run_dir: Path, _report: TextReport
) -> None:
    """Record each variant that is red, into the run directory."""
