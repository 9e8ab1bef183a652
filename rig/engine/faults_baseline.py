"""`rig faults --baseline`: a run's exceptions against those of an earlier one."""

from __future__ import annotations

import argparse


def add_options(_parser: argparse.ArgumentParser) -> None:
    """The options of `rig faults` for it."""
