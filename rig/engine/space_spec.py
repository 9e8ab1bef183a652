"""What a pack says of an address space, resolved to numbers: the spec of `rig-trace audit`.

Expressions are evaluated against the ELF and the registers of the snapshot; memory that the
snapshot does not hold is not known, and an expression that needs it is an error in words. The
format is told in docs/architecture/address-space.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import CannotJudge, UsageError
from .evaluate import Evaluator, NotKnown, Value, show
from .expr import ExprError, parse
from .image import Image
from .pack import Pack
from .registers import Table
from .snapshot_file import Snapshot
from .snapshot_state import SnapshotState
from .space_lint import bits_of

SCHEMA = "rig-audit-spec-1"
_MASK64 = (1 << 64) - 1
_ROW_MAX = 4096  # ranges of one line with `every`
_MEMORY = {"normal": "Normal WB", "device": "Device-nGnRnE"}


class NotYetKnown(CannotJudge):
    """An expression that has no value: it asks for what the snapshot does not hold."""


class Resolver:
    """Numbers for the expressions of one pack at one snapshot."""

    def __init__(
        self, pack: Pack, image: Image | None, table: Table, snapshot: Snapshot, library: str = ""
    ) -> None:
        self._image = image
        self._state = SnapshotState(snapshot, library)
        self._evaluator = None
        if image is not None:
            defines = {name: parse(t) for name, t in (pack.data.get("define") or {}).items()}
            self._evaluator = Evaluator(table, image, defines)

    def value(self, text: str) -> Value:
        """The value of an expression; without an ELF only plain numbers are known."""
        try:
            if self._evaluator is not None:
                return self._evaluator.value(parse(text).tree, self._state)
            return int(text, 0)
        except (NotKnown, ExprError, ValueError) as error:
            raise NotYetKnown(f"`{text}` has no value at this snapshot: {error}") from None

    def number(self, text: str) -> int:
        """An expression that is an address."""
        value = self.value(text)
        if not isinstance(value, int):
            raise UsageError(f"`{text}` is {show(value)}, expected an address")
        return value

    def range(self, item: Mapping[str, Any]) -> tuple[int, int]:
        """(first, last) of `from` and `to`, which is exclusive."""
        start, end = self.number(item["from"]), self.number(item["to"])
        if not 0 <= start < end <= 1 << 64:
            raise UsageError(
                f"{item['from']} .. {item['to']} is {start:#x} .. {end:#x}: no range, expected "
                "`to` behind `from`"
            )
        return start, end - 1

    def ranges(self, item: Mapping[str, Any]) -> list[tuple[int, int]]:
        """The same of an item that may say `every` so many bytes `until` there."""
        first, last = self.range(item)
        if "every" not in item:
            return [(first, last)]
        step, until = self.number(item["every"]), self.number(item["until"])
        if not last - first < step <= (1 << 64) or not last < until <= 1 << 64:
            raise UsageError(
                f"{item['from']} .. {item['to']} every {step:#x} until {until:#x}: no row of "
                "ranges, expected `every` as large as one and `until` behind the first"
            )
        if (until - first) // step > _ROW_MAX:
            raise UsageError(
                f"{item['from']} .. every {step:#x} until {until:#x}: too many ranges, expected "
                f"at most {_ROW_MAX}"
            )
        return [(at, at + last - first) for at in range(first, until - (last - first), step)]

    def holds(self, text: str) -> tuple[bool, str, str, list[str]]:
        """Whether an expression holds, with what was expected, what is, and details."""
        if self._evaluator is None:
            raise CannotJudge(f"`{text}` needs the guest's ELF: give --elf FILE")
        try:
            verdict = self._evaluator.judge(parse(text), self._state)
        except (NotKnown, ExprError) as error:
            raise CannotJudge(f"`{text}` cannot be judged on a snapshot: {error}") from None
        return verdict.holds, verdict.expected, verdict.actual, verdict.details

    def sections(self) -> list[dict[str, Any]]:
        """The ELF's sections as regions, by physical address."""
        if self._image is None:
            return []
        found = []
        for section in self._image.elf.sections.values():
            first = self._image.physical(section.start)
            if section.end > section.start and first is not None:
                last = first + (section.end - section.start) - 1
                found.append((first, last, section.name))
        return [
            {"first": f"{first:#x}", "last": f"{last:#x}", "space": "pa", "kernel": True,
             "name": name}
            for first, last, name in sorted(found)
        ]  # fmt: skip


def build(
    pack: Pack, entry: Mapping[str, Any] | None, resolver: Resolver, variant: str = ""
) -> dict[str, Any]:
    """The spec of an entry of `address_space`; without one, only what names things."""
    layout = pack.data.get("layout") or {}
    spec: dict[str, Any] = {"schema": SCHEMA}
    spec["regions"] = [*_regions(layout, resolver), *resolver.sections()]
    spec["devices"] = [_named(item, resolver) for item in layout.get("devices") or []]
    if entry is None:
        return spec
    guards = [*(layout.get("guards") or []), *(entry.get("guards") or [])]
    spec["guards"] = [
        {**_hex(ends), "name": item["name"], "why": item["why"]}
        for item in guards
        for ends in resolver.ranges(item)
    ]
    if layout.get("offset"):
        spec["offset"] = _offset(layout["offset"], resolver)
    spec["rules"] = pack.space_rules(dict(entry))
    if not spec["rules"]:
        raise UsageError(f"{entry['id']}: no rule is left that judges it (`use`, `waive`)")
    spec["harmless"] = [
        _harmless(item)
        for item in layout.get("harmless") or []
        if entry["id"] in item.get("only", [entry["id"]])
        and entry["id"] not in item.get("except", [])
    ]
    spec["waive"] = [
        _waiver(item, resolver)
        for item in entry.get("waive") or []
        if not variant or variant in item.get("variants", [variant])
    ]
    if "map" in entry:
        offset = int(spec["offset"]["by"], 16) if "offset" in spec else 0
        lines = expected(entry["map"] or [], layout.get("maps") or {})
        spec["map"] = [line for item in lines for line in _lines(item, offset, resolver)]
    return spec


def _hex(ends: tuple[int, int]) -> dict[str, str]:
    return {"first": f"{ends[0]:#x}", "last": f"{ends[1]:#x}"}


def _named(item: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    return {**_hex(resolver.range(item)), "name": item["name"]}


def _regions(layout: Mapping[str, Any], resolver: Resolver) -> Iterable[dict[str, Any]]:
    for item in layout.get("regions") or []:
        yield {
            **_named(item, resolver),
            "space": item.get("space", "pa"),
            "kernel": bool(item.get("kernel", True)),
        }


def _offset(item: Mapping[str, Any], resolver: Resolver) -> dict[str, str]:
    return {"by": f"{resolver.number(item['by']) & _MASK64:#x}", **_hex(resolver.range(item))}


def _harmless(item: Mapping[str, Any]) -> dict[str, Any]:
    bits = bits_of(item["bits"])
    assert bits is not None  # lint has seen it
    return {"kind": item["kind"], "high": bits[0], "low": bits[1], "why": item["why"]}


def _waiver(item: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    text = f"{item['rule']}, {item['from']} .. {item['to']}"
    ends = _hex(resolver.range(item))
    return {"rule": item["rule"], **ends, "why": item["why"], "text": text}


def rights_words(word: str) -> str:
    """rx to r-x, none to ---."""
    return "".join(right if right in word and word != "none" else "-" for right in "rwx")


def expected(
    items: Iterable[str | Mapping[str, Any]], maps: Mapping[str, Iterable[Mapping[str, Any]]]
) -> Iterable[Mapping[str, Any]]:
    """The lines of a map, those of layout.maps in place of their names."""
    for item in items:
        if isinstance(item, str):
            yield from maps[item]  # lint has seen it
        else:
            yield item


def _lines(item: Mapping[str, Any], offset: int, resolver: Resolver) -> Iterable[dict[str, Any]]:
    where = item["pa"]
    memory = _MEMORY.get(item["memory"], item["memory"])
    row = resolver.ranges(item)
    for first, last in row:
        pa = {"same": first, "linear": (first - offset) & _MASK64}.get(where)
        if pa is None and where != "any":
            pa = resolver.number(where) + first - row[0][0]
        line: dict[str, Any] = {
            **_hex((first, last)),
            "pa": "any" if pa is None else f"{pa:#x}",
            "el1": rights_words(item["el1"]),
            "el0": rights_words(item.get("el0", "none")),
            "memory": memory,
            "global": bool(item.get("global", True)),
            "name": item["is"],
        }
        if memory.startswith("Normal"):
            line["shareability"] = item.get("share", "inner")
        yield line
