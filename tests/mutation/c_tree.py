"""A C file as libclang reads it: plain nodes with byte offsets into the file's text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

try:
    import clang.cindex as libclang
except ImportError:  # said by `parse`, where it is needed
    libclang = None

# KASSERT as a function: the nodes of its condition then stand where the file spells them.
PANIC_HEADER = "tyrne/panic.h"
_KASSERT = re.compile(r"#define KASSERT\(condition\)(?:[^\n]*\\\n)*[^\n]*")
_KASSERT_FUNCTION = "void KASSERT(_Bool condition);"


class CannotParse(Exception):
    """The file cannot be read as C; the text says why and what to do."""


@dataclass
class Cursor:
    """One node: its kind as libclang names it, and [start, end) in the file."""

    kind: str
    spelling: str
    start: int
    end: int
    children: list["Cursor"] = field(default_factory=list)
    returns: str = ""  # of a function: the type that it returns

    @property
    def is_static_assert(self) -> bool:
        """What is checked when the file is compiled is no behaviour."""
        return self.kind == "STATIC_ASSERT" or self.spelling == "_Static_assert"

    def descendants(self) -> list["Cursor"]:
        """The node and all below it."""
        return [self] + [d for child in self.children for d in child.descendants()]


@dataclass
class Source:
    """The text of a file, and its own declarations."""

    text: bytes
    declarations: list[Cursor]

    def cut(self, start: int, end: int) -> str:
        """A piece of the text."""
        return self.text[start:end].decode()

    def of(self, cursor: Cursor) -> str:
        """What a node is spelled as."""
        return self.cut(cursor.start, cursor.end)

    def line(self, offset: int) -> int:
        """The line, from 1, on which an offset stands."""
        return self.text.count(b"\n", 0, offset) + 1


def _node(cursor: Any) -> Cursor:
    """libclang's node as ours."""
    made = Cursor(
        cursor.kind.name, cursor.spelling, cursor.extent.start.offset, cursor.extent.end.offset
    )
    if made.kind == "FUNCTION_DECL":
        made.returns = cursor.result_type.spelling
    made.children = [_node(child) for child in cursor.get_children()]
    return made


def _assert_as_function(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """The header of KASSERT, where the include path has it, with the function in its place."""
    for argument in arguments:
        header = Path(argument.removeprefix("-I")) / PANIC_HEADER
        if argument.startswith("-I") and header.is_file():
            text, count = _KASSERT.subn(_KASSERT_FUNCTION, header.read_text())
            if count != 1:
                raise CannotParse(f"{header}: no #define of KASSERT(condition) to stand in for")
            return [(str(header), text)]
    return []


def parse(path: Path, arguments: Sequence[str]) -> Source:
    """The file at `path`, read with the compiler's `arguments` (-I, -D, -std)."""
    if libclang is None:
        raise CannotParse("python3-clang is missing: install the Debian package (./tyrne setup)")
    options = libclang.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
    unit = libclang.Index.create().parse(
        str(path),
        args=["-x", "c", *arguments],
        unsaved_files=_assert_as_function(arguments),
        options=options,
    )
    errors = [str(d) for d in unit.diagnostics if d.severity >= libclang.Diagnostic.Error]
    if errors:
        raise CannotParse(f"{path}: {errors[0]}")
    own = []
    for cursor in unit.cursor.get_children():
        file = cursor.location.file
        if cursor.kind.is_declaration() and file is not None and file.name == str(path):
            own.append(_node(cursor))
    return Source(path.read_bytes(), own)
