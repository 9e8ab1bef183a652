"""Checks the `ordering` of a merged pack: are its rules there, and the symbols of its waivers?"""

from __future__ import annotations

import difflib

from .elf import Elf
from .pack import ALL_ORDERING, Pack
from .schema import Path, Reader


def lint_ordering(pack: Pack, elf: Elf | None) -> None:
    """Complain to the pack's readers; without an ELF no waiver can name a symbol."""
    if "ordering" not in pack.origin:
        return
    reader, path = pack.origin["ordering"]
    ordering = pack.ordering()
    known = [rule["id"] for rule in pack.items("ordering-rules")]
    for key in ("use", "require"):
        for index, name in enumerate(ordering.get(key) or []):
            if key == "require" or name != ALL_ORDERING:
                _rule(name, known, reader, (*path, key, index))
    if not ordering.get("use"):
        reader.complain_at((*path, "use"), f"is empty, expected {ALL_ORDERING} or ids of rules")
    used = pack.ordering_rules()
    for index, name in enumerate(ordering.get("require") or []):
        if name in known and name not in used:
            reader.complain_at(
                (*path, "require", index), f"{name!r} is not used, expected it under `use`, too"
            )
    for index, waiver in enumerate(ordering.get("waive") or []):
        place = (*path, "waive", index)
        _rule(waiver["rule"], known, reader, (*place, "rule"))
        _symbol(waiver["at"], elf, reader, (*place, "at"))
        for number, variant in enumerate(waiver.get("variants") or []):
            if variant not in pack.variants():
                reader.complain_at(
                    (*place, "variants", number),
                    f"{variant!r}, expected one of {list(pack.variants())}",
                )


def _close(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _rule(name: str, known: list[str], reader: Reader, path: Path) -> None:
    if name in known:
        return
    if not known:
        expected = "expected `use: [arm64]` in the pack, which brings them"
    else:
        expected = f"expected {ALL_ORDERING} or ids, see rig/rules/arm64.yaml"
    reader.complain_at(path, f"no ordering rule {name!r}, {expected}{_close(name, known)}")


def _symbol(name: str, elf: Elf | None, reader: Reader, path: Path) -> None:
    if elf is None:
        reader.complain_at(path, f"symbol {name!r} of no ELF, expected one: give --elf FILE")
    elif name not in elf.symbols:
        hint = _close(name, list(elf.symbols))
        reader.complain_at(path, f"no symbol {name!r} in {elf.path}, expected one{hint}")
