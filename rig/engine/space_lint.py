"""Checks `layout` and `address_space` of a merged pack: rules, checkpoints and expressions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

from .pack import Pack
from .schema import Path, Reader
from .space_schema import ALL_RULES, END

CheckExpression = Callable[[str, Reader, Path], None]
PA_WORDS = ("same", "linear", "any")
_BITS = re.compile(r"(\d{1,2})(?::(\d{1,2}))?")
_ENDS = ("from", "to", "every", "until")


def bits_of(text: str) -> tuple[int, int] | None:
    """(high, low) of `58:55` or `16`; None when it is neither."""
    match = _BITS.fullmatch(text.strip())
    if not match:
        return None
    high, low = int(match[1]), int(match[2] or match[1])
    return (high, low) if 63 >= high >= low else None


def lint_spaces(pack: Pack, expression: CheckExpression | None) -> None:
    """Complain to the pack's readers. `expression` checks one against the ELF; None: there is no
    ELF, and only the names are checked."""
    for reader, layout in pack.layouts:
        _layout(reader, layout, expression)
        _entries_of_harmless(reader, layout, [entry["id"] for entry in pack.items("address_space")])
    known = [rule["id"] for rule in pack.items("address-space-rules")]
    for entry in pack.items("address_space"):
        if entry.get("id") in pack.origin:
            reader, path = pack.origin[entry["id"]]
            if entry.get("at") == END and _stopped(pack):
                reader.complain_at(
                    (*path, "at"),
                    "is end, but by the pack's `end` the guest is stopped before it ends, expected "
                    "a checkpoint",
                )
            _entry(pack, entry, known, reader, path, expression)


def _stopped(pack: Pack) -> bool:
    """Is the guest stopped from outside, so that no run comes to its end?"""
    return (pack.data.get("end") or {}).get("by", "") != "guest" and bool(pack.data.get("end"))


def _expressions(
    item: dict[str, Any],
    names: tuple[str, ...],
    reader: Reader,
    path: Path,
    expression: CheckExpression | None,
) -> None:
    for name in names:
        if expression is not None and item.get(name) is not None:
            expression(item[name], reader, (*path, name))


def _layout(reader: Reader, layout: dict[str, Any], expression: CheckExpression | None) -> None:
    for name in ("devices", "regions", "guards"):
        for index, item in enumerate(layout.get(name) or []):
            _expressions(item, _ENDS, reader, ("layout", name, index), expression)
    for name, lines in (layout.get("maps") or {}).items():
        for index, item in enumerate(lines):
            _map_line(item, reader, ("layout", "maps", name, index), expression)
    offset = layout.get("offset") or {}
    _expressions(offset, ("by", *_ENDS), reader, ("layout", "offset"), expression)
    for index, item in enumerate(layout.get("harmless") or []):
        if bits_of(str(item.get("bits", ""))) is None:
            reader.complain_at(
                ("layout", "harmless", index, "bits"),
                f"is {item.get('bits')!r}, expected bits of a descriptor: 58:55, or 16",
            )


def _entries_of_harmless(reader: Reader, layout: dict[str, Any], ids: list[str]) -> None:
    for index, item in enumerate(layout.get("harmless") or []):
        for key in ("only", "except"):
            for number, name in enumerate(item.get(key) or []):
                if name not in ids:
                    reader.complain_at(
                        ("layout", "harmless", index, key, number),
                        f"no entry {name!r} under address_space, expected one of {ids}",
                    )


def _entry(  # pylint: disable=too-many-arguments # one entry with all that it is checked against
    pack: Pack,
    entry: dict[str, Any],
    known: list[str],
    reader: Reader,
    path: Path,
    expression: CheckExpression | None,
) -> None:
    for index, name in enumerate(entry.get("use") or []):
        if name != ALL_RULES:
            _rule(name, known, reader, (*path, "use", index))
    for index, text in enumerate(entry.get("require") or []):
        if re.fullmatch(r"[a-z0-9-]+", text):
            _rule(text, known, reader, (*path, "require", index))
        elif expression is not None:
            expression(text, reader, (*path, "require", index))
    for index, item in enumerate(entry.get("guards") or []):
        _expressions(item, _ENDS, reader, (*path, "guards", index), expression)
    for index, item in enumerate(entry.get("map") or []):
        place = (*path, "map", index)
        if not isinstance(item, str):
            _map_line(item, reader, place, expression)
        elif item not in (pack.data.get("layout") or {}).get("maps", {}):
            maps = ", ".join((pack.data.get("layout") or {}).get("maps", {})) or "none there"
            reader.complain_at(place, f"no map {item!r} under layout.maps, expected one of: {maps}")
    for index, item in enumerate(entry.get("waive") or []):
        _rule(item["rule"], known, reader, (*path, "waive", index, "rule"))
        _expressions(item, _ENDS, reader, (*path, "waive", index), expression)


def _map_line(
    item: dict[str, Any], reader: Reader, path: Path, expression: CheckExpression | None
) -> None:
    names = _ENDS if item.get("pa") in PA_WORDS else (*_ENDS, "pa")
    _expressions(item, names, reader, path, expression)


def _rule(name: str, known: list[str], reader: Reader, path: Path) -> None:
    if name in known:
        return
    if not known:
        expected = "expected `use: [arm64]` in the pack, which brings them"
    else:
        expected = f"expected {ALL_RULES} or ids, see rig/rules/arm64.yaml"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    reader.complain_at(path, f"no rule of address spaces {name!r}, {expected}{hint}")
