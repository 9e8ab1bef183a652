"""Finds the source files that debug information names, and reads the lines around a place."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_LEVELS = 4  # an ELF in build/PRESET/guest/ still finds the tree
_LARGEST = 4 << 20  # bytes of a file that is read


def source_directories(elf: Path) -> list[str]:
    """Where relative source names of the debug information may start: here, or above the ELF."""
    above = list(elf.resolve().parents)[:_LEVELS]
    return [str(path) for path in dict.fromkeys([Path.cwd(), *above])]


@dataclass
class SourceFiles:
    """Files by the names that debug information gives them, read once."""

    directories: list[str]
    newest: float = float("inf")  # the image's time: what is younger may not be what was built
    _lines: dict[str, list[str] | None] = field(default_factory=dict)
    _known: dict[str, set[str]] = field(default_factory=dict)

    def learn(self, names: Iterable[str]) -> None:
        """Whole names of files, so that a bare `name.c` can be found where only one has it."""
        for name in names:
            self._known.setdefault(os.path.basename(name), set()).add(name)

    def find(self, name: str) -> Path | None:
        """The file, None when it is in none of the directories."""
        if "/" not in name and len(self._known.get(name, ())) == 1:
            name = next(iter(self._known[name]))
        places = [Path(name)] if name.startswith("/") else [
            Path(directory) / name for directory in self.directories
        ]  # fmt: skip
        return next((place for place in places if _is_file(place)), None)

    def excerpt(self, name: str, line: int, around: int = 4) -> list[tuple[int, str]]:
        """Numbered lines around a line; none when there is no such file or line."""
        if name not in self._lines:
            self._lines[name] = self._read(name)
        lines = self._lines[name]
        if not lines or not 0 < line <= len(lines):
            return []
        first, last = max(line - around, 1), min(line + around, len(lines))
        return [(number, lines[number - 1]) for number in range(first, last + 1)]

    def changed(self, name: str) -> bool:
        """Is the file younger than the image?"""
        path = self.find(name)
        return path is not None and path.stat().st_mtime > self.newest

    def _read(self, name: str) -> list[str] | None:
        path = self.find(name)
        try:
            if path is None or path.stat().st_size > _LARGEST:
                return None
            return path.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return None


def _is_file(path: Path) -> bool:
    """Is it? A name of debug information may be no name of a file at all."""
    try:
        return path.is_file()
    except OSError:  # too long, a directory that may not be looked into
        return False
