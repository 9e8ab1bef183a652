"""The mutants of one C file: each is one small mistake, made in the text where libclang says that
an expression or a statement stands.

What a macro's body brings is left alone: the edit would have to be made in the macro. KASSERT is
parsed as a function, so that its condition, too, has a place in the file.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

from c_operators import OPERATORS, Edit
from c_tree import Cursor, Source, parse


@dataclass(frozen=True)
class Mutant:
    """One mutant of a file; `name` stays what it is as long as its function does."""

    name: str
    path: str
    line: int
    change: str
    edit: Edit

    def apply(self, text: bytes) -> bytes:
        """The file's text with the mistake made, its lines where they were."""
        old = text[self.edit.start : self.edit.end]
        new = self.edit.text.encode()
        new += b"\n" * (old.count(b"\n") - new.count(b"\n"))
        return text[: self.edit.start] + new + text[self.edit.end :]


def _walk(
    cursor: Cursor, function: str, parents: tuple[Cursor, ...]
) -> Iterator[tuple[Cursor, str, tuple[Cursor, ...]]]:
    """Every node of the file's own declarations, with the function and the nodes around it."""
    if cursor.kind == "FUNCTION_DECL":
        function = cursor.spelling
    yield cursor, function, parents
    if cursor.is_static_assert:
        return
    for child in cursor.children:
        yield from _walk(child, function, (cursor, *parents))


def squeeze(text: str) -> str:
    """Source text on one line, without comments."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    return " ".join(text.split())


def mutants_of(path: Path, name: str, arguments: Sequence[str]) -> list[Mutant]:
    """The mutants of the file at `path`, told as `name`, in the order of their places."""
    source = parse(path, arguments)
    found: list[tuple[Edit, str, str]] = []
    for top in source.declarations:
        for cursor, function, parents in _walk(top, "file", ()):
            for operator, make in OPERATORS.items():
                found += [(edit, operator, function) for edit in make(source, cursor, parents)]
    return _named(source, name, found)


def _named(source: Source, name: str, found: list[tuple[Edit, str, str]]) -> list[Mutant]:
    """The edits as mutants: sorted, each resulting text once, counted in each function."""
    count: Counter[tuple[str, str]] = Counter()
    seen: set[Edit] = set()
    mutants = []
    for edit, operator, function in sorted(found, key=lambda f: (f[0].start, f[0].end)):
        if edit in seen:
            continue
        seen.add(edit)
        count[function, operator] += 1
        number = count[function, operator]
        before = squeeze(source.cut(edit.start, edit.end))
        mutants.append(
            Mutant(
                f"{name}:{function}:{operator}:{number}",
                name,
                source.line(edit.start),
                f"{before} -> {edit.told or squeeze(edit.text) or 'nothing'}",
                edit,
            )
        )
    return mutants
