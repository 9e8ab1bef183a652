"""Which files of the tree the static checks look at, by suffix or by their first line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterator

ROOMS = ("kernel", "arch", "bsp", "userland", "rig", "tests")
PYTHON_LINE = re.compile(rb"^#!\S*(?:/|env )python3?\b")
SHELL_LINE = re.compile(rb"^#!\S*(?:/|env )(?:ba|da)?sh\b")


def walk(root: Path) -> Iterator[str]:
    """Every file that people wrote, as a path relative to the root, in a fixed order."""
    for folder, names, files in os.walk(root):
        kept = (n for n in names if (n == ".ci" or n[0] != ".") and n != "__pycache__")
        names[:] = sorted(kept)
        if Path(folder) == root:
            names[:] = [n for n in names if n != "build"]
        for name in sorted(files):
            yield os.path.relpath(os.path.join(folder, name), root)


def source_files(root: Path, suffixes: tuple[str, ...]) -> list[str]:
    """The files of the house's rooms with one of the suffixes."""
    return [f for f in walk(root) if f.split("/", 1)[0] in ROOMS and f.endswith(suffixes)]


def scripts(root: Path, suffix: str, first_line: re.Pattern[bytes]) -> list[str]:
    """Files of a language: by suffix, or, having none, by the interpreter they name."""
    found = []
    for name in walk(root):
        path = root / name
        if name.endswith(suffix):
            found.append(name)
        elif "." not in path.name and path.is_file():
            with path.open("rb") as stream:
                if first_line.match(stream.readline(200)):
                    found.append(name)
    return found


def python_files(root: Path) -> list[str]:
    """Every Python file."""
    return scripts(root, ".py", PYTHON_LINE)


def shell_files(root: Path) -> list[str]:
    """Every shell script."""
    return scripts(root, ".sh", SHELL_LINE)
