"""`rig debug --replay RUN`: a failed run, reopened in gdb where it can be stepped backwards."""

from __future__ import annotations

import argparse

from .errors import UsageError


def replay(_args: argparse.Namespace) -> int:
    """Open gdb on the replayed run; returns the exit code."""
    raise UsageError("not built yet")
