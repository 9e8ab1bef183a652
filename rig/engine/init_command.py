"""`rig init`: a commented starter pack from one watched boot of any kernel."""

from __future__ import annotations

import argparse
from typing import Any

from .errors import UsageError
from .report_text import TextReport


def add_options(_commands: Any) -> None:
    """The command's options."""


def command(_args: argparse.Namespace, _report: TextReport) -> int:
    """The command; returns the exit code."""
    raise UsageError("not built yet")
