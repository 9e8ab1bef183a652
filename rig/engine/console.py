"""Lines of the guest's console, as rule packs name them."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=None)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))))


def line_shows(line: str, text: str) -> bool:
    """Is this whole line what a marker's `text` says? `*` stands for anything."""
    return line == text or ("*" in text and _pattern(text).fullmatch(line) is not None)
