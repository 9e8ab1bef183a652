"""The report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from .results import RunResult


def write(_run: RunResult, _path: Path) -> None:
    """Write the report."""
