"""Types of options' values, for argparse."""

from __future__ import annotations

import argparse


def seconds(text: str) -> float:
    """A time in seconds, more than 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: must be more than 0 seconds, as a number")
    return value
