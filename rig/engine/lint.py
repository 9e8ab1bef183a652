"""Checks a merged pack against an ELF and the architecture table: does every name mean a thing?"""

from __future__ import annotations

import difflib
import re
from typing import Any

from .elf import Elf
from .expr import Checker, ExprError, Expression, parse
from .image import Image
from .order_lint import lint_ordering
from .pack import Pack
from .registers import Table
from .schema import Path, Reader
from .space_lint import lint_spaces
from .space_ranges import lint_ranges

PSTATE_FIELDS = ("EL", "DAIF", "SPSEL")
GENERIC = re.compile(r"S[0-3]_[0-7]_C\d{1,2}_C\d{1,2}_[0-7]")


def change_name(name: str) -> tuple[str, str]:
    """(register, field) of a `changes` entry; field "" is the whole register."""
    if name.upper() in PSTATE_FIELDS:
        return "PSTATE", name.upper()
    register, _, field = name.partition(".")
    return register, field.upper()


def split_at(text: str) -> tuple[str, int]:
    """(symbol, offset) of `symbol[+off]`; ("", address) of an address: an ELF without symbols."""
    if text.startswith("0x"):
        return "", int(text, 16)
    symbol, _, offset = text.partition("+")
    return symbol.strip(), int(offset.strip() or "0", 0)


class Lint:
    """Collects findings into the pack's readers; `run` returns them."""

    def __init__(self, pack: Pack, elf: Elf, table: Table) -> None:
        self._pack = pack
        self._elf = elf
        self._table = table
        self._defines: dict[str, Expression] = {}

    def run(self) -> list[str]:
        """Every finding, one line each, empty when the pack fits the ELF."""
        self._check_defines()
        for rule in self._pack.items("checkpoints"):
            reader, path = self._pack.origin[rule["id"]]
            for index, text in enumerate(rule.get("expect") or []):
                self._expression(text, reader, (*path, "expect", index))
            self._trigger(rule, reader, path)
        for rule in self._pack.items("transitions"):
            self._transition(rule, *self._pack.origin[rule["id"]])
        for rule in self._pack.items("invariants"):
            reader, path = self._pack.origin[rule["id"]]
            self._expression(rule["always"], reader, (*path, "always"))
        for key in ("watch", "volatile"):
            for index, name in enumerate(self._pack.data.get(key) or []):
                self._register(name, self._pack.readers[-1], (key, index))
        for index, item in enumerate((self._pack.data.get("image") or {}).get("poison") or []):
            path = ("image", "poison", index)
            if isinstance(item, str):
                self._poison(item, path)
            else:
                self._poison_range(item, (*path, "from"))
        for alias in self._pack.aliases():
            self._alias(alias.start, alias.size, alias.by)
        lint_ordering(self._pack, self._elf)
        lint_spaces(self._pack, self._expression)
        if not self._findings():
            lint_ranges(self._pack, Image(self._elf, self._pack.aliases()), self._table)
        return self._findings()

    def _findings(self) -> list[str]:
        return [finding for reader in self._pack.readers for finding in reader.findings]

    def _check_defines(self) -> None:
        for name, text in (self._pack.data.get("define") or {}).items():
            reader, path = self._pack.origin[f"define.{name}"]
            if not name.isidentifier():
                reader.complain_at(path, f"{name!r} is no name, expected letters, digits and _")
            try:
                self._defines[name] = parse(text)
            except ExprError as error:
                reader.complain_at(path, f"{error}, expected an expression", error.column)
        for name, expression in self._defines.items():
            reader, path = self._pack.origin[f"define.{name}"]
            self._check(expression, reader, path)

    def _expression(self, text: str, reader: Reader, path: Path) -> None:
        try:
            expression = parse(text)
        except ExprError as error:
            reader.complain_at(path, f"{error}, expected an expression", error.column)
            return
        self._check(expression, reader, path)

    def _check(self, expression: Expression, reader: Reader, path: Path) -> None:
        try:
            Checker(self._table, self._elf, self._defines).check(expression)
        except ExprError as error:
            reader.complain_at(path, f"{error} (in `{expression.text}`)", error.column)

    def _symbol(self, name: str, reader: Reader, path: Path) -> None:
        if name not in self._elf.symbols:
            close = difflib.get_close_matches(name, list(self._elf.symbols), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            reader.complain_at(path, f"no symbol {name!r} in {self._elf.path}, expected one{hint}")

    def _trigger(self, rule: dict[str, object], reader: Reader, path: Path) -> None:
        for key in ("after", "before"):
            trigger = rule.get(key)
            if isinstance(trigger, dict) and "in" in trigger:
                self._symbol(trigger["in"], reader, (*path, key, "in"))
        if "at" in rule:
            try:
                symbol, _ = split_at(str(rule["at"]))
            except ValueError:
                reader.complain_at(
                    (*path, "at"), f"is {rule['at']!r}, expected symbol, symbol+0x10 or 0x40080000"
                )
                return
            if symbol:
                self._symbol(symbol, reader, (*path, "at"))

    def _transition(self, rule: dict[str, Any], reader: Reader, path: Path) -> None:
        for key in ("changes", "writes", "may", "of"):
            for index, name in enumerate(rule.get(key) or []):
                # What no table names may be written, but nobody can read it.
                if key != "may" or not GENERIC.fullmatch(name):
                    self._register(name, reader, (*path, key, index))
        for index, name in enumerate(rule.get("writes") or []):
            register, field = change_name(name)
            if (register == "PSTATE") != bool(field) or field == "EL":
                reader.complain_at(
                    (*path, "writes", index),
                    f"{name!r} cannot be written by an MSR of its own, "
                    "expected a whole register, DAIF or SPSEL",
                )

    def _register(self, text: str, reader: Reader, path: Path) -> None:
        register, field = change_name(text)
        if register not in self._table:
            close = difflib.get_close_matches(register, list(self._table.registers), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            reader.complain_at(
                path, f"unknown register {register!r}, expected one of the table{hint}"
            )
        elif field and field not in self._table[register].fields:
            known = ", ".join(self._table[register].fields)
            reader.complain_at(path, f"{register} has no field {field!r}, expected one of {known}")

    def _poison(self, name: str, path: Path) -> None:
        """Only memory that the loader does not fill may be filled with rubbish."""
        section = self._elf.sections.get(name)
        if section is None or section.contents:
            what = "is no section of" if section is None else "has contents in"
            free = ", ".join(s.name for s in self._elf.sections.values() if not s.contents)
            self._pack.readers[-1].complain_at(
                path, f"{name!r} {what} {self._elf.path}, expected one of: {free or '(none)'}"
            )

    def _poison_range(self, item: dict[str, Any], path: Path) -> None:
        """RAM from a symbol on: the loader must not put anything there."""
        reader = self._pack.readers[-1]
        symbol = self._elf.symbols.get(item["from"])
        if symbol is None:
            reader.complain_at(
                path, f"no symbol {item['from']!r}, expected one of {self._elf.path}"
            )
            return
        for section in self._elf.sections.values():
            if section.contents and symbol.value < section.end:
                if section.start < symbol.value + item["size"]:
                    reader.complain_at(
                        path,
                        f"{item['size']} bytes from {item['from']} hold {section.name}, which has "
                        "contents, expected memory that the loader does not fill",
                    )

    def _alias(self, start: int, size: int, by: int) -> None:
        """An alias that shows no loaded byte of this ELF is a wrong pack for it."""
        for vaddr, _paddr, memory in self._elf.segments:
            low = (vaddr - by) % (1 << 64)
            if start <= low and low + memory <= start + size:
                return
        self._pack.readers[-1].complain_at(
            ("image", "alias"),
            f"[{start:#x}, +{size:#x}) by {by:#x} covers no segment of {self._elf.path}, "
            "expected the alias at which the image is loaded",
        )


def lint(pack: Pack, elf: Elf, table: Table) -> list[str]:
    """Findings of a pack against an ELF, one line each."""
    return Lint(pack, elf, table).run()
