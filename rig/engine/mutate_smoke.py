"""The plain smoke test that a mutant is held against: what CI of most kernels does.

It waits for the pack's markers on the console, in their order, and looks for a word of trouble in
what came until the last of them. Its input is the free run's console: one run, two judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .console import line_shows
from .pack import Pack

FAULT_WORDS = (
    "panic", "oops", "fault", "abort", "exception", "unhandled", "undefined instruction", "bug:",
    "fatal", "assert", "error", "failed", "corrupt",
)  # fmt: skip


def fault_words(pack: Pack, good: Sequence[str]) -> list[str]:
    """The words that a smoke test looks for: the pack's or the usual ones, without those that the
    console of a good boot has, too."""
    words = (pack.data.get("mutants") or {}).get("fault-words") or FAULT_WORDS
    lines = [line.lower() for line in good]
    return [word for word in words if not any(word.lower() in line for line in lines)]


def smoke(pack: Pack, variant: str, console: Sequence[str], words: Iterable[str]) -> str:
    """Why the smoke test fails; "" when it passes."""
    position = 0
    waived = {waiver["rule"] for waiver in pack.items("waive")}
    for rule in pack.items("markers"):
        if variant not in rule.get("variants", [variant]) or rule["id"] in waived:
            continue
        later = range(position, len(console))
        found = next((i for i in later if line_shows(console[i], rule["text"])), None)
        if found is None:
            return f"no {rule['text']!r}"
        position = found + 1
    # Without markers there is nothing to wait for: it looks at all that came.
    seen = console[:position] if pack.items("markers") else console
    for line in seen:
        word = next((word for word in words if word.lower() in line.lower()), None)
        if word is not None:
            return f"{word!r} in {line.strip()!r}"
    return ""
