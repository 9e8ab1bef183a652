"""The rule packs' expressions: parsing and checking, without a guest.

The text is Python's expression syntax after a same-length rewrite (`.text` is a section,
`guard-below` a function), so columns stay true. Only listed node kinds are allowed, and every name
must mean something: a register, a field, a symbol or section of the ELF, a definition of the pack.
What an expression needs (`Needs`) is found here, so the stepping engine reads no more than that.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass, field

from .elf import Elf
from .registers import Table

DOT = "ǁ"  # stands for the dot of a section's name; a letter, so identifiers may hold it
CORE = ("PC", "SP", "EL", "DAIF", "SPSEL", "MMU")
EXCEPTION = "EXCEPTION"  # none, announced or unannounced: what the last step ended in
GENERAL = tuple(f"x{n}" for n in range(31))
REGIONS = ("low", "high", "text")
RIGHTS = ("none", "r", "rw", "rx", "rwx", "x")
SHAREABILITY = ("inner", "outer", "non")
TAKEN = ("announced", "unannounced")
WORDS = ("fault", "device", "normal", "yes", "no", *RIGHTS, *SHAREABILITY, *TAKEN)
# name: (fewest, most arguments, needs a table walk)
FUNCTIONS = {
    "pa": (1, 1, False),
    "va": (1, 1, False),
    "size": (1, 1, False),
    "min": (2, 8, False),
    "max": (2, 8, False),
    "translate": (1, 1, True),
    "map": (1, 2, True),
    "el0": (1, 2, True),
    "memory": (1, 2, True),
    "executable": (1, 1, True),
    "writable": (1, 1, True),
    "guard_below": (1, 1, True),
    "only_mapped": (1, 33, True),
    "writable_alias": (1, 2, True),
    "shareable": (1, 2, True),
    "not_global": (1, 2, True),
    "never_executable": (1, 2, True),
    "zero": (1, 2, False),
    "u32": (1, 1, False),
}
RANGE_FUNCTIONS = (
    "map", "el0", "memory", "size", "zero", "writable_alias", "shareable", "not_global",
    "never_executable",
)  # fmt: skip

_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor,
    ast.LShift, ast.RShift, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
    ast.In, ast.NotIn, ast.IfExp, ast.Call, ast.Name, ast.Attribute, ast.Constant, ast.Load,
)  # fmt: skip
_SECTION = re.compile(r"(?<![\w)])\.[A-Za-z_][\w.]*")


class ExprError(Exception):
    """A wrong expression; `column` counts from 1 inside the expression's text."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass
class Needs:
    """What must be read to evaluate an expression."""

    core: set[str] = field(default_factory=set)
    registers: set[str] = field(default_factory=set)
    general: bool = False
    walk: bool = False

    def add(self, other: "Needs") -> None:
        """Take in another expression's needs."""
        self.core |= other.core
        self.registers |= other.registers
        self.general |= other.general
        self.walk |= other.walk


@dataclass
class Expression:
    """A parsed expression: source text, tree, and what it needs once checked."""

    text: str
    tree: ast.expr
    needs: Needs = field(default_factory=Needs)

    def source(self, node: ast.AST) -> str:
        """The text of a part, as the pack's author wrote it."""
        start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None)
        return self.text[start:end]


def rewrite(text: str) -> str:
    """Same-length rewrite of the pack's notation into Python's."""
    text = text.replace("\n", " ").replace("guard-below", "guard_below")
    return _SECTION.sub(lambda match: match.group().replace(".", DOT), text)


def parse(text: str) -> Expression:
    """Parse; raises ExprError with a column."""
    source = rewrite(text)
    if DOT in text:
        raise ExprError(text.index(DOT) + 1, f"unexpected character {DOT!r}")
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise ExprError(error.offset or 1, f"cannot read the expression: {error.msg}") from None
    _count_characters(tree, source)
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            column = getattr(node, "col_offset", 0) + 1
            raise ExprError(column, f"{type(node).__name__} is not allowed in a rule")
        if isinstance(node, ast.Constant) and type(node.value) not in (int, bool):
            raise ExprError(node.col_offset + 1, f"{node.value!r}: only whole numbers are allowed")
        if isinstance(node, ast.Call) and (node.keywords or not isinstance(node.func, ast.Name)):
            raise ExprError(node.col_offset + 1, "a call is NAME(argument, …)")
    return Expression(text, tree)


def _count_characters(tree: ast.AST, source: str) -> None:
    """Python counts columns in bytes; the pack's author counts characters."""
    encoded = source.encode()
    for node in ast.walk(tree):
        for name in ("col_offset", "end_col_offset"):
            offset = getattr(node, name, None)
            if offset is not None:
                setattr(node, name, len(encoded[:offset].decode()))


class Checker:
    """Checks expressions against the architecture table, an ELF and the pack's definitions."""

    def __init__(self, table: Table, elf: Elf | None, defines: dict[str, Expression]) -> None:
        self._table = table
        self._elf = elf
        self._defines = defines
        self._open: list[str] = []

    def check(self, expression: Expression) -> None:
        """Fill expression.needs; raises ExprError for the first thing that means nothing."""
        needs = Needs()
        self._visit(expression.tree, needs)
        expression.needs = needs

    def _visit(self, node: ast.AST, needs: Needs) -> None:
        if isinstance(node, ast.Call):
            self._call(node, needs)
        elif isinstance(node, ast.Attribute):
            self._field(node, needs)
        elif isinstance(node, ast.Name):
            self._name(node, needs)
        elif isinstance(node, ast.Compare):
            self._compare(node, needs)
        else:
            for child in ast.iter_child_nodes(node):
                self._visit(child, needs)

    def _compare(self, node: ast.Compare, needs: Needs) -> None:
        names = field_values(node, self._table)
        for part in (node.left, *node.comparators):
            if not (isinstance(part, ast.Name) and part.id in names):
                self._visit(part, needs)

    def _call(self, node: ast.Call, needs: Needs) -> None:
        assert isinstance(node.func, ast.Name)
        name, column = node.func.id, node.col_offset + 1
        if name not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS)).replace("_", "-")
            raise ExprError(column, f"unknown function {name!r}; known: {known}")
        fewest, most, walk = FUNCTIONS[name]
        if not fewest <= len(node.args) <= most:
            raise ExprError(
                column, f"{name} takes {fewest}..{most} arguments, not {len(node.args)}"
            )
        if walk:
            needs.walk = True
        for argument in node.args:
            self._visit(argument, needs)
        if name in RANGE_FUNCTIONS and len(node.args) == 1:
            self._range(node.args[0])

    def _range(self, node: ast.expr) -> None:
        """A symbol used as a range needs a size."""
        if not isinstance(node, ast.Name) or self._elf is None:
            return
        symbol = self._elf.symbols.get(node.id)
        if symbol is not None and symbol.size == 0 and node.id not in self._defines:
            raise ExprError(
                node.col_offset + 1,
                f"symbol {node.id!r} has size 0 in the ELF (assembly without .size?); "
                "give a range as (start, end)",
            )

    def _field(self, node: ast.Attribute, needs: Needs) -> None:
        column = node.col_offset + 1
        if not isinstance(node.value, ast.Name):
            raise ExprError(column, "only REGISTER.FIELD may hold a dot")
        name = node.value.id
        if name not in self._table:
            raise ExprError(column, self._unknown("register", name, list(self._table.registers)))
        register = self._table[name]
        if node.attr.upper() not in register.fields:
            known = list(register.fields)
            raise ExprError(column, f"{name}: " + self._unknown("field", node.attr, known))
        self._need_register(name, needs)

    def _need_register(self, name: str, needs: Needs) -> None:
        if name in ("PSTATE", "CURRENTEL"):
            needs.core.add("PSTATE")
        else:
            needs.registers.add(name)

    def _name(self, node: ast.Name, needs: Needs) -> None:
        name = node.id
        if name in self._defines:
            if name in self._open:
                raise ExprError(node.col_offset + 1, f"definition {name!r} uses itself")
            self._open.append(name)
            self._visit(self._defines[name].tree, needs)
            self._open.pop()
        elif name.upper() in CORE:
            upper = name.upper()
            if upper == "MMU":
                needs.registers |= {"SCTLR_EL1"}
            needs.core.add(upper if upper in ("PC", "SP") else "PSTATE")
        elif name == EXCEPTION:
            needs.core.add(EXCEPTION)
        elif name in GENERAL:
            needs.general = True
        elif name in self._table:
            self._need_register(name, needs)
        elif name in REGIONS or name in WORDS:
            pass
        elif name.startswith(DOT):
            section = name.replace(DOT, ".")
            if self._elf is not None and section not in self._elf.sections:
                known = list(self._elf.sections)
                raise ExprError(node.col_offset + 1, self._unknown("section", section, known))
        elif self._elf is not None and name not in self._elf.symbols:
            known = [*self._elf.symbols, *self._table.registers, *CORE, *WORDS, *self._defines]
            raise ExprError(node.col_offset + 1, self._unknown("register or symbol", name, known))

    def _unknown(self, what: str, name: str, known: list[str]) -> str:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"unknown {what} {name!r}{hint}"


def field_values(node: ast.Compare, table: Table) -> dict[str, int]:
    """Value names usable in a comparison: those of the field on one of its sides."""
    values: dict[str, int] = {}
    for part in (node.left, *node.comparators):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            register = table.registers.get(part.value.id)
            found = register.fields.get(part.attr.upper()) if register else None
            if found is not None:
                values.update(found.values)
    return values
