"""A register at a prompt: its fields in lines, what changed marked, set flags in capitals."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .registers import Field, Register, Table

WIDTH = 96


@dataclass(frozen=True)
class Shown:
    """One word of a register's line; `changed` ones are for the eye."""

    text: str
    changed: bool


def flag(field: Field) -> bool:
    """One bit that is not an address: set or not is all that it says."""
    return field.high == field.low and not field.address


def field_words(register: Register, value: int, before: int | None = None) -> list[Shown]:
    """The register's fields from the highest bit down. A flag is NAME when set and name when not; a
    field that differs from `before` has a `*` in front."""
    words = []
    for field in sorted(register.leaf_fields(), key=lambda f: -f.low):
        changed = before is not None and bool((value ^ before) & field.mask)
        if flag(field) and not field.values:
            text = field.name if value & field.mask else field.name.lower()
        else:
            text = f"{field.name}={number_text(field, value)}"
        words.append(Shown(("*" if changed else "") + text, changed))
    rest = register.rest_mask()
    if register.fields and (value & rest or before is not None and (value ^ before) & rest):
        changed = before is not None and bool((value ^ before) & rest)
        words.append(Shown(("*" if changed else "") + f"other bits={value & rest:#x}", changed))
    return words


def number_text(field: Field, value: int) -> str:
    """A field's number with its name and its words, where the table has them."""
    text = field.text(value)
    words = field.texts.get(field.extract(value))
    return f"{text}: {words}" if words else text


def wrapped(words: Iterable[Shown], width: int = WIDTH) -> list[list[Shown]]:
    """The words in lines of at most so many characters."""
    lines: list[list[Shown]] = [[]]
    used = 0
    for word in words:
        if lines[-1] and used + 1 + len(word.text) > width:
            lines.append([])
            used = 0
        used += len(word.text) + (1 if lines[-1] else 0)
        lines[-1].append(word)
    return lines


def change_lines(register: Register, before: int, value: int) -> list[str]:
    """NAME: old -> new, a line for each field that differs."""
    lines = []
    for name in register.differing(before, value):
        if name.startswith("["):
            bit = int(name[1:-1])
            lines.append(f"bit {bit}: {before >> bit & 1} -> {value >> bit & 1}")
        else:
            field = register.fields[name]
            lines.append(f"{name}: {number_text(field, before)} -> {number_text(field, value)}")
    if not register.fields and before != value:
        lines = [f"{before:#x} -> {value:#x}"]
    return lines


# --- names ----------------------------------------------------------------------------------------


class UnknownName(ValueError):
    """Neither a register nor a field; the words say what is near."""


def register_name(text: str, table: Table, offered: Mapping[str, str]) -> str:
    """The architectural name of what a person wrote: any case, a debugger's name, or the stub's.
    `offered` has the stub's names by architectural ones. Raises UnknownName."""
    wanted = text.upper()
    if wanted in table or wanted in offered:
        return wanted
    for name, register in table.registers.items():
        if wanted in (alias.upper() for alias in register.aliases):
            return name
    for name, stub in offered.items():
        if wanted == stub.upper():
            return name
    raise UnknownName(f"no register {text}{nearest(wanted, [*table.registers, *offered])}")


def field_name(text: str, register: Register) -> str:
    """The field of the register that a person wrote; raises UnknownName."""
    wanted = text.upper()
    if wanted in register.fields:
        return wanted
    if not register.fields:
        raise UnknownName(f"{register.name} has no fields in the architecture table")
    raise UnknownName(
        f"{register.name} has no field {text}{nearest(wanted, list(register.fields))}; "
        f"it has: {', '.join(register.fields)}"
    )


def nearest(wanted: str, known: list[str]) -> str:
    """`; did you mean …?`, or nothing."""
    close = difflib.get_close_matches(wanted, list(dict.fromkeys(known)), n=4, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""
