"""Schema checks of YAML with places: every complaint is "file:line:col: key: what, expected …".

A shape is a small object with `read(node, key, reader)`; reading returns plain data, and the reader
keeps the place of every value, so later checks (lint) can name the same file, line and column.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
_UNITS = {
    "": 1,
    "K": 1 << 10,
    "M": 1 << 20,
    "G": 1 << 30,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*\Z")


@dataclass
class Reader:
    """Collects the findings of one file and the place of each value."""

    file: str
    findings: list[str] = field(default_factory=list)
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def complain(self, node: yaml.Node, path: Path, what: str) -> None:
        """Record a finding at a node."""
        mark = node.start_mark
        self.findings.append(f"{self.file}:{mark.line + 1}:{mark.column + 1}: {key(path)}: {what}")

    def complain_at(self, path: Path, what: str, column: int = 0) -> None:
        """Record a finding at a value read earlier; `column` counts from 1 inside of it."""
        line, col = self.places.get(path, (1, 1))
        self.findings.append(f"{self.file}:{line}:{col + max(column - 1, 0)}: {key(path)}: {what}")

    def keep(self, node: yaml.Node, path: Path) -> None:
        """Remember where a value stands (after an opening quote)."""
        mark = node.start_mark
        quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
        self.places[path] = (mark.line + 1, mark.column + 1 + int(quoted))


def key(path: Path) -> str:
    """checkpoints[3].expect[1] for a path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text or "pack"


class Shape(ABC):
    """What a value has to look like."""

    @abstractmethod
    def read(self, node: yaml.Node, path: Path, reader: Reader) -> Any:
        """Plain data, or None after a complaint."""


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return repr(node.value)


@dataclass(frozen=True)
class Text(Shape):
    """A string; `ident` for ids; `choices` when only some words are allowed."""

    ident: bool = False
    choices: tuple[str, ...] = ()

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> str | None:
        """See Shape."""
        reader.keep(node, path)
        if not isinstance(node, yaml.ScalarNode) or node.value.strip() == "":
            reader.complain(node, path, f"is {_kind(node)}, expected text")
            return None
        text = str(node.value)
        if self.ident and not _IDENT.match(text):
            reader.complain(node, path, f"{text!r} is no id, expected letters, digits, - _ . +")
        if self.choices and text not in self.choices:
            reader.complain(node, path, f"is {text!r}, expected one of {', '.join(self.choices)}")
        return text


@dataclass(frozen=True)
class Number(Shape):
    """A whole number, hexadecimal too; `size` also allows 128MiB or 1G."""

    least: int = 0
    size: bool = False

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> int | None:
        """See Shape."""
        reader.keep(node, path)
        expected = "a size such as 128MiB" if self.size else "a whole number"
        match = None
        if isinstance(node, yaml.ScalarNode):
            match = re.fullmatch(r"(0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)([KMG](?:iB)?)?", node.value)
        if match is None or (match[2] and not self.size):
            reader.complain(node, path, f"is {_kind(node)}, expected {expected}")
            return None
        value = int(match[1].replace("_", ""), 16 if match[1][:2] in ("0x", "0X") else 10)
        value *= _UNITS[match[2] or ""]
        if value < self.least:
            reader.complain(node, path, f"is {value}, expected at least {self.least}")
        return value


@dataclass(frozen=True)
class Flag(Shape):
    """true or false."""

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> bool | None:
        """See Shape."""
        reader.keep(node, path)
        if not isinstance(node, yaml.ScalarNode) or node.value not in ("true", "false"):
            reader.complain(node, path, f"is {_kind(node)}, expected true or false")
            return None
        return bool(node.value == "true")


@dataclass(frozen=True)
class ListOf(Shape):
    """A list; with `one`, a single value counts as a list of one."""

    item: Shape
    one: bool = False

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> list[Any]:
        """See Shape."""
        reader.keep(node, path)
        if isinstance(node, yaml.SequenceNode):
            items = [self.item.read(n, (*path, i), reader) for i, n in enumerate(node.value)]
            return [item for item in items if item is not None]
        if self.one:
            value = self.item.read(node, (*path, 0), reader)
            return [] if value is None else [value]
        reader.complain(node, path, f"is {_kind(node)}, expected a list")
        return []


@dataclass(frozen=True)
class MapOf(Shape):
    """A mapping from free names to values of one shape."""

    item: Shape

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> dict[str, Any]:
        """See Shape."""
        reader.keep(node, path)
        result: dict[str, Any] = {}
        for name, value in _pairs(node, path, reader):
            result[name] = self.item.read(value, (*path, name), reader)
        return result


@dataclass(frozen=True)
class Record(Shape):
    """A mapping with known keys; unknown and missing ones are errors."""

    keys: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    check: Callable[[dict[str, Any]], str] | None = None  # "" or what is wrong with the whole

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> dict[str, Any] | None:
        """See Shape."""
        reader.keep(node, path)
        result: dict[str, Any] = {}
        if not isinstance(node, yaml.MappingNode):
            reader.complain(node, path, f"is {_kind(node)}, expected keys {', '.join(self.keys)}")
            return None
        for name, value in _pairs(node, path, reader):
            if name not in self.keys:
                reader.complain(
                    value, (*path, name), f"unknown key, expected one of {', '.join(self.keys)}"
                )
            else:
                result[name] = self.keys[name].read(value, (*path, name), reader)
        for name in self.required:
            if name not in result:
                reader.complain(node, path, f"has no {name!r}, expected it (compulsory)")
        wrong = self.check(result) if self.check else ""
        if wrong:
            reader.complain(node, path, wrong)
        return result


@dataclass(frozen=True)
class Either(Shape):
    """A scalar of one shape or a mapping of another."""

    scalar: Shape
    mapping: Shape

    def read(self, node: yaml.Node, path: Path, reader: Reader) -> Any:
        """See Shape."""
        shape = self.mapping if isinstance(node, yaml.MappingNode) else self.scalar
        return shape.read(node, path, reader)


def _pairs(node: yaml.Node, path: Path, reader: Reader) -> list[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        reader.complain(node, path, f"is {_kind(node)}, expected a mapping")
        return []
    seen: set[str] = set()
    pairs = []
    for name_node, value in node.value:
        name = str(name_node.value)
        if name in seen:
            reader.complain(name_node, (*path, name), "is given twice, expected it once")
            continue
        seen.add(name)
        pairs.append((name, value))
    return pairs


# The same language read by libyaml, ten times as fast: half of a short command's time was this.
YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(file: str, text: str, shape: Shape) -> tuple[dict[str, Any], Reader]:
    """Read one document; findings are in the reader, also those of broken YAML."""
    reader = Reader(file)
    try:
        node = yaml.compose(text, Loader=YamlLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        problem = error.problem or error.context
        reader.findings.append(f"{file}:{where}: pack: broken YAML: {problem}, expected valid YAML")
        return {}, reader
    except yaml.YAMLError as error:
        reader.findings.append(f"{file}:1:1: pack: broken YAML: {error}, expected valid YAML")
        return {}, reader
    if node is None:
        reader.findings.append(f"{file}:1:1: pack: is empty, expected a rule pack")
        return {}, reader
    return shape.read(node, (), reader) or {}, reader
