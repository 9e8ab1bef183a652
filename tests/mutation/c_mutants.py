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

from c_operators import OPERATORS, Edit, Parents
from c_tree import Cursor, Source, parse


@dataclass(frozen=True)
class Mutant:
    """One mutant of a file; `name` stays what it is as long as its function does."""

    name: str
    path: str
    line: int
    change: str
    edit: Edit
    region: tuple[int, int] | None = None  # of the expression that can be chosen at run time

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


def _region(source: Source, edit: Edit, cursor: Cursor, parents: Parents) -> tuple[int, int] | None:
    """The expression or jump that is another one with the edit made; None where the text must be a
    constant, or a field."""
    if cursor.kind == "INIT_LIST_EXPR" or not any(p.kind == "COMPOUND_STMT" for p in parents):
        return None
    for inner, outer in zip((cursor, *parents), parents):
        if outer.kind == "CASE_STMT" and outer.children[0] is inner:
            return None
        if outer.kind == "VAR_DECL" and source.of(outer).startswith("static"):
            return None
    if cursor.kind in ("IF_STMT", "WHILE_STMT", "RETURN_STMT"):
        return edit.start, edit.end
    return cursor.start, cursor.end


def mutants_of(path: Path, name: str, arguments: Sequence[str]) -> list[Mutant]:
    """The mutants of the file at `path`, told as `name`, in the order of their places."""
    source = parse(path, arguments)
    found: dict[Edit, tuple[str, str, tuple[int, int] | None]] = {}
    for top in source.declarations:
        for cursor, function, parents in _walk(top, "file", ()):
            for operator, make in OPERATORS.items():
                for edit in make(source, cursor, parents):
                    region = _region(source, edit, cursor, parents)
                    found.setdefault(edit, (operator, function, region))
    count: Counter[tuple[str, str]] = Counter()
    mutants = []
    for edit, (operator, function, region) in sorted(
        found.items(), key=lambda f: (f[0].start, f[0].end)
    ):
        count[function, operator] += 1
        before = squeeze(source.cut(edit.start, edit.end))
        mutants.append(
            Mutant(
                f"{name}:{function}:{operator}:{count[function, operator]}",
                name,
                source.line(edit.start),
                f"{before} -> {edit.told or squeeze(edit.text) or 'nothing'}",
                edit,
                region,
            )
        )
    return mutants
