"""The mistakes: each operator says what it makes of one node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Iterable

from c_tree import Cursor, Source

Parents = tuple[Cursor, ...]
Operator = Callable[[Source, Cursor, Parents], Iterable["Edit"]]

_SUCCESS = "STATUS_OK"
_STATUS_TYPE = "status_t"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LITERAL = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([uUlL]*)")
_BLOCKS = ("COMPOUND_STMT", "CASE_STMT", "DEFAULT_STMT")
# What a literal is a part of that is no behaviour by itself.
_NO_BEHAVIOUR = ("FIELD_DECL", "ENUM_CONSTANT_DECL", "PARM_DECL", "ENUM_DECL", "STRUCT_DECL")
_OTHER_BOUND = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OTHER_EQUALITY = {"==": "!=", "!=": "=="}
_OTHER_STEP = {"+=": "-=", "-=": "+=", "|=": "=", "&=": "="}
_OTHER_TERM = {"+": "-", "-": "+"}


@dataclass(frozen=True)
class Edit:
    """[start, end) of the text becomes `text`."""

    start: int
    end: int
    text: str
    told: str = ""  # where the text alone would not be read easily


def _operator(source: Source, cursor: Cursor) -> tuple[str, int, int]:
    """The operator between a node's two operands, with its place; "" when a macro brought it."""
    if len(cursor.children) != 2:
        return "", 0, 0
    left, right = cursor.children
    between = source.cut(left.end, right.start)
    bare = _COMMENT.sub(lambda found: " " * len(found.group()), between)
    text = bare.strip()
    if left.end >= right.start or not re.fullmatch(r"[-+*/%<>=!&|^]+", text):
        return "", 0, 0
    at = left.end + len(bare[: bare.index(text)].encode())
    return text, at, at + len(text)


def _whole(cursor: Cursor, text: str) -> Edit:
    return Edit(cursor.start, cursor.end, text)


def _is_statement(cursor: Cursor, parents: Parents) -> bool:
    """True if the expression stands for itself, so that only its effect counts."""
    return (
        bool(parents)
        and parents[0].kind in _BLOCKS
        and not (parents[0].kind == "CASE_STMT" and parents[0].children[0] is cursor)
    )


def _condition(cursor: Cursor) -> Cursor | None:
    """The condition of an if or a while."""
    return cursor.children[0] if cursor.kind in ("IF_STMT", "WHILE_STMT") else None


def check_never(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A check that nothing fails; a loop that is not entered."""
    condition = _condition(cursor)
    if condition is not None:
        yield Edit(condition.start, condition.end, f"({source.of(condition)}) && 0", "never")


def check_always(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A check that everything fails."""
    condition = _condition(cursor)
    if condition is not None and cursor.kind == "IF_STMT":
        yield Edit(condition.start, condition.end, f"({source.of(condition)}) || 1", "always")


def _swap(source: Source, cursor: Cursor, others: dict[str, str]) -> Iterable[Edit]:
    """The operator becomes the other one."""
    if cursor.kind in ("BINARY_OPERATOR", "COMPOUND_ASSIGNMENT_OPERATOR"):
        text, start, end = _operator(source, cursor)
        if text in others:
            yield Edit(start, end, others[text])


def bound(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A bound off by one."""
    yield from _swap(source, cursor, _OTHER_BOUND)


def equality(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """Equal where unequal was asked for, and the reverse."""
    yield from _swap(source, cursor, _OTHER_EQUALITY)


def _one_operand(source: Source, cursor: Cursor, of: tuple[str, ...], both: bool) -> Iterable[Edit]:
    """Only the left operand remains; with `both`, only the right one."""
    if cursor.kind != "BINARY_OPERATOR" or _operator(source, cursor)[0] not in of:
        return
    for kept in cursor.children if both else cursor.children[:1]:
        yield _whole(cursor, source.of(kept))


def half_dropped(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """One of two conditions is not asked for."""
    yield from _one_operand(source, cursor, ("&&", "||"), both=True)


def mask(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A mask of bits that is not applied, or not complete."""
    yield from _one_operand(source, cursor, ("&", "|", "^"), both=True)


def arithmetic(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A term of the other sign, and a term, factor, divisor or shift left out."""
    if cursor.kind == "BINARY_OPERATOR":
        yield from _swap(source, cursor, _OTHER_TERM)
        yield from _one_operand(source, cursor, ("+", "-", "*", "/", "%", "<<", ">>"), both=False)


def step(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A step in the other direction; bits that are set instead of added or removed."""
    yield from _swap(source, cursor, _OTHER_STEP)
    if cursor.kind == "UNARY_OPERATOR":
        text = source.of(cursor)
        for old, new in (("++", "--"), ("--", "++")):
            if text.startswith(old):
                yield Edit(cursor.start, cursor.start + 2, new)
            elif text.endswith(old):
                yield Edit(cursor.end - 2, cursor.end, new)


def constant(source: Source, cursor: Cursor, parents: Parents) -> Iterable[Edit]:
    """A constant one too large."""
    found = _LITERAL.fullmatch(source.of(cursor))
    if cursor.kind != "INTEGER_LITERAL" or found is None:
        return
    for inner, outer in zip((cursor, *parents), parents):
        in_array_bound = outer.kind == "VAR_DECL" and (
            source.cut(outer.start, inner.start).rstrip().endswith("[")
        )
        if outer.kind in _NO_BEHAVIOUR or in_array_bound:
            return
    digits, suffix = found.groups()
    value = int(digits, 0) + 1
    yield _whole(cursor, (f"{value:#x}" if digits[:2] in ("0x", "0X") else str(value)) + suffix)


def not_dropped(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A negation left out."""
    if cursor.kind == "UNARY_OPERATOR" and source.of(cursor)[:1] in ("!", "~"):
        yield Edit(cursor.start, cursor.start + 1, "")


def call_dropped(source: Source, cursor: Cursor, parents: Parents) -> Iterable[Edit]:
    """A call whose answer nobody takes, and an assertion, left out."""
    called = cursor.kind == "CALL_EXPR" or (
        cursor.kind == "CSTYLE_CAST_EXPR"
        and any(d.kind == "CALL_EXPR" for d in cursor.descendants())
    )
    if called and _is_statement(cursor, parents) and source.of(cursor).endswith(")"):
        yield _whole(cursor, "")


def assignment_dropped(source: Source, cursor: Cursor, parents: Parents) -> Iterable[Edit]:
    """An assignment or a step left out."""
    if not _is_statement(cursor, parents):
        return
    assigns = (
        cursor.kind == "COMPOUND_ASSIGNMENT_OPERATOR"
        or (cursor.kind == "BINARY_OPERATOR" and _operator(source, cursor)[0] == "=")
        or (cursor.kind == "UNARY_OPERATOR" and re.search(r"\+\+|--", source.of(cursor)))
    )
    if assigns:
        yield _whole(cursor, "")


def error_hidden(source: Source, cursor: Cursor, parents: Parents) -> Iterable[Edit]:
    """Success where an error is returned; the other truth."""
    if cursor.kind != "RETURN_STMT" or not cursor.children:
        return
    value = cursor.children[0]
    text = source.of(value)
    function = next((p for p in parents if p.kind == "FUNCTION_DECL"), None)
    if text in ("true", "false"):
        yield _whole(value, "false" if text == "true" else "true")
    elif function is not None and function.returns == _STATUS_TYPE and text != _SUCCESS:
        if re.fullmatch(r"\w+", text):
            yield _whole(value, _SUCCESS)


def arm(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """One arm of a choice, whatever the condition says."""
    if cursor.kind != "CONDITIONAL_OPERATOR" or len(cursor.children) != 3:
        return
    condition, *arms = cursor.children
    if condition.end >= arms[0].start:
        return
    for kept in arms:
        yield _whole(cursor, source.of(kept))


def field_dropped(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A named field of an initializer left out."""
    if cursor.kind != "INIT_LIST_EXPR":
        return
    for child in cursor.children:
        text = source.of(child)
        if re.match(r"\.\w+\s*=", text):
            comma = re.match(rb"\s*,", source.text[child.end :])
            yield Edit(child.start, child.end + (comma.end() if comma else 0), "")


def jump_dropped(source: Source, cursor: Cursor, _: Parents) -> Iterable[Edit]:
    """A break or continue left out."""
    if cursor.kind in ("BREAK_STMT", "CONTINUE_STMT"):
        if source.of(cursor) in ("break", "continue"):
            yield _whole(cursor, "")


OPERATORS: dict[str, Operator] = {
    "check-never": check_never,
    "check-always": check_always,
    "bound": bound,
    "equality": equality,
    "half-dropped": half_dropped,
    "mask": mask,
    "arithmetic": arithmetic,
    "step": step,
    "constant": constant,
    "not-dropped": not_dropped,
    "call-dropped": call_dropped,
    "assignment-dropped": assignment_dropped,
    "error-hidden": error_hidden,
    "arm": arm,
    "field-dropped": field_dropped,
    "jump-dropped": jump_dropped,
}
