"""Evaluates expressions on a state of the guest, and says why one does not hold.

A `State` is the guest at one stop (live in gdb, or made up in a test). Values are whole numbers,
regions (for `in`, `map`) and words (`rx`, `fault`); a word can carry what a report needs.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Union

from .expr import CORE, DOT, EXCEPTION, GENERAL, RANGE_FUNCTIONS, WORDS, Expression, field_values
from .image import MASK64, Image
from .registers import Table

MAX_SHIFT = 64
PA_BITS = 52


class NotKnown(Exception):
    """A value that the rig cannot get here: the check is an error, never a pass."""


class Word(str):
    """A word such as `rx` or `fault`, with the sub-ranges or the walk that explain it."""

    detail: tuple[str, ...] = ()

    def explained(self, *detail: str) -> "Word":
        """The same word with its explanation."""
        word = Word(self)
        word.detail = detail
        return word


@dataclass(frozen=True)
class Region:
    """[start, end) for `in` and the range functions."""

    start: int
    end: int
    text: bool = False


Value = Union[int, Word, Region]
REGIONS = {"low": Region(0, 1 << 48), "high": Region(0xFFFF << 48, 1 << 64)}
REGIONS["text"] = Region(0, 0, text=True)


class Walks(Protocol):
    """Table-walk answers about the guest at this stop."""

    def translate(self, address: int) -> Value:
        """The physical address, or the word `fault`."""

    def rights(self, start: int, end: int) -> Word:
        """EL1 rights of a whole range."""

    def el0(self, start: int, end: int) -> Word:
        """EL0 rights of a whole range."""

    def memory(self, start: int, end: int) -> Word:
        """`device`, `normal`, `none` or `mixed`."""

    def shareable(self, start: int, end: int) -> Word:
        """`inner`, `outer` or `non` of the normal memory in the range, `none` without any."""

    def not_global(self, start: int, end: int) -> Word:
        """`yes` when every leaf in the range has nG = 1, `no` when none has."""

    def never_executable(self, start: int, end: int) -> Word:
        """`yes` when no leaf in the range lets EL1 or EL0 execute even with WXN off."""

    def only_mapped(self, start: int, end: int, allowed: list[tuple[int, int]]) -> Word:
        """`yes` when nothing in the range is mapped outside of `allowed`."""

    def writable_alias(self, start: int, end: int) -> Word:
        """`none` when neither half lets anybody write a byte of the physical range."""


class State(Protocol):
    """The guest at one stop."""

    def core(self, name: str) -> int:
        """PC, SP or PSTATE."""

    def general(self, number: int) -> int:
        """x0..x30."""

    def register(self, name: str) -> int:
        """A system register; raises NotKnown when it cannot be read."""

    def exception(self) -> Word:
        """`none`, or whether the exception whose entry this stop is was announced by the pack."""

    def walks(self) -> Walks:
        """The table walker at this stop."""

    def physical(self, address: int, size: int) -> bytes:
        """Physical memory; raises NotKnown when it cannot be read."""


@dataclass
class Verdict:
    """Did it hold, and if not: the part that did not, what was expected and what was there."""

    holds: bool
    part: str = ""
    expected: str = ""
    actual: str = ""
    details: list[str] = field(default_factory=list)


_BINARY: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_COMPARE: dict[type, Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ORDER: dict[type, Callable[[int, int], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def show(value: Value) -> str:
    """A value in a report."""
    if isinstance(value, Region):
        return f"[{value.start:#x}, {value.end:#x})"
    if isinstance(value, str):
        return str(value)
    return f"{value:#x}" if value > 9 or value < 0 else str(int(value))


class Evaluator:
    """Evaluates expressions of one pack against one image and architecture table."""

    def __init__(self, table: Table, image: Image, defines: dict[str, Expression]) -> None:
        self._table = table
        self._image = image
        self._defines = defines

    # --- values -----------------------------------------------------------------------------------

    def value(self, node: ast.expr, state: State) -> Value:
        """The value of a part; raises NotKnown."""
        kinds: dict[type, Callable[[Any, State], Value]] = {
            ast.Constant: lambda part, _state: int(part.value),
            ast.Name: lambda part, now: self._name(part.id, now),
            ast.Attribute: lambda part, now: self._field(part.value.id, part.attr, now),
            ast.BoolOp: self._bool_op,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.Compare: lambda part, now: int(self._compare(part, now)),
            ast.IfExp: lambda part, now: self.value(self._chosen(part, now), now),
            ast.Call: self._call,
        }
        return kinds[type(node)](node, state)

    def _chosen(self, node: ast.IfExp, state: State) -> ast.expr:
        return node.body if self.value(node.test, state) else node.orelse

    def number(self, node: ast.expr, state: State) -> int:
        """A part that has to be a number."""
        value = self.value(node, state)
        if isinstance(value, (Region, str)):
            raise NotKnown(f"{show(value)} is not a number here")
        return value

    def _name(self, name: str, state: State) -> Value:
        value: Value
        if name in self._defines:
            value = self.value(self._defines[name].tree, state)
        elif name.upper() in CORE:
            value = self._core(name.upper(), state)
        elif name == EXCEPTION:
            value = state.exception()
        elif name in GENERAL:
            value = state.general(int(name[1:]))
        elif name in self._table:
            value = self._register(name, state)
        elif name in REGIONS:
            value = REGIONS[name]
        elif name in WORDS:
            value = Word(name)
        elif name.startswith(DOT):
            section = self._image.elf.sections[name.replace(DOT, ".")]
            value = Region(section.start, section.end)
        else:
            value = self._image.elf.symbols[name].value
        return value

    def _core(self, name: str, state: State) -> int:
        if name in ("PC", "SP"):
            return state.core(name)
        if name == "MMU":
            level = self._table["PSTATE"].fields["EL"].extract(state.core("PSTATE"))
            control = "SCTLR_EL1" if level < 2 else f"SCTLR_EL{level}"
            return state.register(control) & 1
        return self._table["PSTATE"].fields[name].extract(state.core("PSTATE"))

    def _register(self, name: str, state: State) -> int:
        if name == "PSTATE":
            return state.core("PSTATE")
        if name == "CURRENTEL":
            return state.core("PSTATE") & self._table[name].fields["EL"].mask
        return state.register(name)

    def _field(self, name: str, field_name: str, state: State) -> int:
        return self._table[name].fields[field_name.upper()].extract(self._register(name, state))

    def _bool_op(self, node: ast.BoolOp, state: State) -> int:
        if isinstance(node.op, ast.And):
            return int(all(self.value(part, state) for part in node.values))
        return int(any(self.value(part, state) for part in node.values))

    def _unary(self, node: ast.UnaryOp, state: State) -> int:
        if isinstance(node.op, ast.Not):
            return int(not self.value(node.operand, state))
        number = self.number(node.operand, state)
        return ~number & MASK64 if isinstance(node.op, ast.Invert) else -number

    def _binary(self, node: ast.BinOp, state: State) -> int:
        left, right = self.number(node.left, state), self.number(node.right, state)
        if isinstance(node.op, (ast.LShift, ast.RShift)) and not 0 <= right <= MAX_SHIFT:
            raise NotKnown(f"shift by {right} is outside 0..{MAX_SHIFT}")
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)) and right == 0:
            raise NotKnown("division by zero")
        return _BINARY[type(node.op)](left, right)

    def _compare(self, node: ast.Compare, state: State) -> bool:
        names = field_values(node, self._table)

        def side(part: ast.expr) -> Value:
            if isinstance(part, ast.Name) and part.id in names:
                return names[part.id]
            return self.value(part, state)

        left = side(node.left)
        for op, part in zip(node.ops, node.comparators):
            right = side(part)
            if not self._holds(op, left, right):
                return False
            left = right
        return True

    def _holds(self, op: ast.cmpop, left: Value, right: Value) -> bool:
        if isinstance(op, (ast.In, ast.NotIn)):
            if not isinstance(right, Region) or isinstance(left, (Region, str)):
                raise NotKnown("`in` needs a number and low, high, text or a section")
            inside = self._inside(left, right)
            return inside if isinstance(op, ast.In) else not inside
        if type(op) in _COMPARE:
            return _COMPARE[type(op)](left, right)
        if isinstance(left, (Region, str)) or isinstance(right, (Region, str)):
            raise NotKnown(f"{show(left)} and {show(right)} have no order")
        return _ORDER[type(op)](left, right)

    def _inside(self, address: int, region: Region) -> bool:
        if region.text:
            return self._image.in_text(address)
        return region.start <= address < region.end

    # --- functions --------------------------------------------------------------------------------

    def _call(self, node: ast.Call, state: State) -> Value:
        assert isinstance(node.func, ast.Name)
        name, args = node.func.id, node.args
        if name in ("min", "max"):
            numbers = [self.number(arg, state) for arg in args]
            return min(numbers) if name == "min" else max(numbers)
        if name in ("pa", "va"):
            return self._alias(name, self.value(args[0], state))
        if name == "only_mapped":
            return self._only_mapped(args, state)
        if name in RANGE_FUNCTIONS:
            return self._ask_range(name, self._range(args, state), state)
        address = self.number(args[0], state)
        if name == "u32":
            return int.from_bytes(state.physical(address, 4), "little")
        return self._ask_address(name, address, state.walks())

    def _ask_range(self, name: str, region: Region, state: State) -> Value:
        if name == "size":
            return region.end - region.start
        if name == "zero":
            return self._zero(region, state)
        walks = state.walks()
        ask: dict[str, Callable[[int, int], Word]] = {
            "map": walks.rights,
            "el0": walks.el0,
            "memory": walks.memory,
            "shareable": walks.shareable,
            "not_global": walks.not_global,
            "never_executable": walks.never_executable,
            "writable_alias": walks.writable_alias,
        }
        if name == "writable_alias" and region.end > 1 << PA_BITS:
            raise NotKnown(f"writable_alias({show(region)}) needs physical addresses: pa(…)")
        return ask[name](region.start, region.end)

    def _only_mapped(self, args: list[ast.expr], state: State) -> Word:
        """only_mapped(low | high | range, then sections or start, end pairs)."""
        within = self.value(args[0], state)
        if not isinstance(within, Region) or within.text:
            raise NotKnown("only_mapped needs low, high or a section first")
        allowed: list[tuple[int, int]] = []
        start: int | None = None
        for node in args[1:]:
            value = self.value(node, state)
            if isinstance(value, Region) and start is None:
                allowed.append((value.start, value.end))
            elif isinstance(value, int) and start is None:
                start = value
            elif isinstance(value, int) and start is not None and start < value:
                allowed.append((start, value))
                start = None
            else:
                raise NotKnown(f"only_mapped: {show(value)} ends no range that starts below it")
        if start is not None:
            raise NotKnown(f"only_mapped: the range that starts at {start:#x} has no end")
        return state.walks().only_mapped(within.start, within.end, allowed)

    @staticmethod
    def _ask_address(name: str, address: int, walks: Walks) -> Value:
        if name == "translate":
            return walks.translate(address)
        if name == "guard_below":
            start = (address - 1) & ~0xFFF
            return int(walks.rights(start, start + 0x1000) == "none")
        rights = walks.rights(address, address + 1)
        wanted = "x" if name == "executable" else "w"
        return int(wanted in rights and "+" not in rights)

    def _zero(self, region: Region, state: State) -> Word:
        """`yes` when the physical range holds zeros only; else where the first other byte is."""
        data = state.physical(region.start, region.end - region.start)
        rest = data.lstrip(b"\0")
        if not rest:
            return Word("yes")
        first = region.start + len(data) - len(rest)
        place = self._image.locate(first)
        return Word("no").explained(
            f"the first byte not 0 is {rest[0]:#04x} at {first:#x} <{place}>"
        )

    def _alias(self, name: str, value: Value) -> Value:
        if isinstance(value, Region):
            last = self._alias(name, value.end - 1)
            first = self._alias(name, value.start)
            assert isinstance(first, int) and isinstance(last, int)
            return Region(first, last + 1)
        if isinstance(value, str):
            raise NotKnown(f"{name}({value}) needs an address")
        if name == "va":
            return self._image.link(value)
        physical = self._image.physical(value)
        if physical is None:
            raise NotKnown(f"pa({value:#x}): no alias of the image covers this address")
        return physical

    def _range(self, args: list[ast.expr], state: State) -> Region:
        if len(args) == 2:
            start, end = self.number(args[0], state), self.number(args[1], state)
            if start >= end:
                raise NotKnown(f"empty range [{start:#x}, {end:#x})")
            return Region(start, end)
        only = args[0]
        if isinstance(only, ast.Name) and only.id in self._image.elf.symbols:
            symbol = self._image.elf.symbols[only.id]
            if not symbol.size:
                raise NotKnown(f"symbol {only.id} has size 0")
            return Region(symbol.value, symbol.value + symbol.size)
        value = self.value(only, state)
        if isinstance(value, Region):
            return value
        if isinstance(value, str):
            raise NotKnown(f"{value} is not a range")
        return Region(value, value + 1)

    # --- verdicts ---------------------------------------------------------------------------------

    def judge(self, expression: Expression, state: State) -> Verdict:
        """Evaluate a whole rule; raises NotKnown when a value cannot be had."""
        return self._judge(expression, expression.tree, state)

    def _judge(self, expression: Expression, node: ast.expr, state: State) -> Verdict:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            for part in node.values:
                verdict = self._judge(expression, part, state)
                if not verdict.holds:
                    return verdict
            return Verdict(True)
        if isinstance(node, ast.IfExp):
            return self._judge(expression, self._chosen(node, state), state)
        if self.value(node, state):
            return Verdict(True)
        verdict = Verdict(False, part=expression.source(node))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            self._explain_compare(expression, node, state, verdict)
        else:
            verdict.expected, verdict.actual = "to hold", "does not hold"
            verdict.details += self._leaves(node, state)
        return verdict

    def _explain_compare(
        self, expression: Expression, node: ast.Compare, state: State, verdict: Verdict
    ) -> None:
        left_node, right_node = node.left, node.comparators[0]
        names = field_values(node, self._table)
        left = self.value(left_node, state)
        if isinstance(right_node, ast.Name) and right_node.id in names:
            right: Value = names[right_node.id]
        else:
            right = self.value(right_node, state)
        whole = left_node.id if isinstance(left_node, ast.Name) else ""
        words = {ast.Eq: "", ast.NotEq: "not ", ast.In: "in ", ast.NotIn: "not in "}
        sign = words.get(type(node.ops[0]), expression.source(node.ops[0]))
        if isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
            sign = {ast.Lt: "< ", ast.LtE: "<= ", ast.Gt: "> ", ast.GtE: ">= "}[type(node.ops[0])]
        if whole in self._table and isinstance(right, int) and isinstance(left, int):
            register = self._table[whole]
            verdict.expected = sign + register.decode(right, left)
            verdict.actual = register.decode(left, right)
            verdict.details.append(
                "fields that differ: " + ", ".join(register.differing(left, right))
            )
        else:
            verdict.expected = sign + self._show(right_node, right, expression)
            verdict.actual = self._show(left_node, left, expression)
            verdict.details += self._leaves(left_node, state)
        for word in (left, right):
            if isinstance(word, Word):
                verdict.details += word.detail

    def _show(self, node: ast.expr, value: Value, expression: Expression) -> str:
        text = show(value)
        if isinstance(value, int) and not isinstance(node, ast.Constant) and value > 0xFFF:
            place = self._image.locate(value)
            text += f" <{place}>" if place else ""
        source = expression.source(node)
        same = isinstance(node, ast.Constant) or source == text or isinstance(value, str)
        return text if same else f"{text} ({source})"

    def _leaves(self, node: ast.AST, state: State) -> list[str]:
        """Each register that a failing part reads, decoded; one that cannot be read is left out."""
        lines: dict[str, None] = {}
        for part in ast.walk(node):
            name = part.id if isinstance(part, ast.Name) else ""
            if name in self._defines:
                lines |= dict.fromkeys(self._leaves(self._defines[name].tree, state))
                continue
            try:
                text = self._leaf(name, state)
            except NotKnown:
                continue  # the other branch of a condition may name what this CPU does not have
            if text:
                lines[f"{name} = {text}"] = None
        return list(lines)

    def _leaf(self, name: str, state: State) -> str:
        if name in self._table:
            return self._table[name].decode(self._register(name, state))
        if name.upper() in CORE:
            return show(self._core(name.upper(), state))
        return show(state.general(int(name[1:]))) if name in GENERAL else ""
