"""Checks the ranges that a pack gives address spaces, as far as the ELF alone decides them.

What depends on a register has no value before there is a snapshot; it is looked at then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import UsageError
from .image import Image
from .pack import Pack
from .registers import Table
from .schema import Path, Reader
from .snapshot_file import Snapshot
from .space_spec import NotYetKnown, Resolver, expected


def lint_ranges(pack: Pack, image: Image, table: Table) -> None:
    """Complain to the pack's readers of ranges that are none, and of expected maps that say two
    things of an address. The pack's expressions are ones that mean something."""
    resolver = Resolver(pack, image, table, Snapshot({}, "", {}))
    for reader, layout in pack.layouts:
        for name in ("devices", "regions", "guards"):
            for index, item in enumerate(layout.get(name) or []):
                _ranges(item, resolver, reader, ("layout", name, index))
        for name, lines in (layout.get("maps") or {}).items():
            for index, item in enumerate(lines):
                _ranges(item, resolver, reader, ("layout", "maps", name, index))
        if layout.get("offset"):
            _ranges(layout["offset"], resolver, reader, ("layout", "offset"))
    for entry in pack.items("address_space"):
        reader, path = pack.origin[entry["id"]]
        for name in ("guards", "waive"):
            for index, item in enumerate(entry.get(name) or []):
                _ranges(item, resolver, reader, (*path, name, index))
        _map(pack, entry, resolver, reader, path)


def _ranges(
    item: Mapping[str, Any], resolver: Resolver, reader: Reader, path: Path
) -> list[tuple[int, int]]:
    try:
        return resolver.ranges(item)
    except NotYetKnown:
        return []
    except UsageError as error:
        reader.complain_at((*path, "to"), str(error))
        return []


def _map(
    pack: Pack, entry: Mapping[str, Any], resolver: Resolver, reader: Reader, path: Path
) -> None:
    """No address is in two lines. Lines that are no ranges are told by whoever has them."""
    maps = (pack.data.get("layout") or {}).get("maps") or {}
    found: list[tuple[int, int, int, str]] = []
    for index, item in enumerate(entry.get("map") or []):
        if not isinstance(item, str):
            _ranges(item, resolver, reader, (*path, "map", index))
        for line in expected([item], maps):
            try:
                found += [(*ends, index, line["is"]) for ends in resolver.ranges(line)]
            except (NotYetKnown, UsageError):
                continue
    found.sort()
    for before, after in zip(found, found[1:]):
        if after[0] <= before[1]:
            later = max(before[2], after[2])
            reader.complain_at(
                (*path, "map", later),
                f"{before[3]} ({before[0]:#x} .. {before[1]:#x}) and {after[3]} ({after[0]:#x} .. "
                f"{after[1]:#x}) overlap, expected one line for an address",
            )
