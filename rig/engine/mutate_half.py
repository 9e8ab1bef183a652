"""BR jumps to the other alias of its target: by way of two words that the guest never executes."""

from __future__ import annotations

from . import a64_encode as a64
from .image import Alias, Image
from .mutate_path import Executed
from .mutate_sites import Code, Site

_CAVE_WORDS = 2


class NoOtherHalf(Exception):
    """Why there is no such mutant."""


def other_half(site: Site, image: Image, code: Code, path: Executed) -> list[tuple[int, int]]:
    """New words by their addresses: a branch there, EOR of the alias' offset, BR. Raises
    NoOtherHalf."""
    if site.word >> 21 & 1:
        raise NoOtherHalf("BLR: its return address would be another one")
    register = site.word >> 5 & 31
    alias = next((alias for alias in image.aliases if alias.by), None)
    if alias is None:
        raise NoOtherHalf("the image has no other half")
    turn = a64.exclusive_or(register, alias.by) if _turns(alias) else None
    if turn is None:
        raise NoOtherHalf("no EOR leads to the other half")
    cave = _cave(site.address, image, code, path)
    jump = None if cave is None else a64.branch(site.address, cave)
    if cave is None or jump is None:
        raise NoOtherHalf("no words are known that never execute")
    return [(site.address, jump), (cave, turn), (cave + 4, a64.branch_to_register(register))]


def _turns(alias: Alias) -> bool:
    """Is adding the alias' offset the same as EOR with it, both ways, for each of its addresses?"""
    return alias.by & (1 << (alias.start + alias.size - 1).bit_length()) - 1 == 0


def _cave(near: int, image: Image, code: Code, path: Executed) -> int | None:
    """Words of code that the unmutated guest never executes; a path that was cut does not tell."""
    section = image.section_of(near)
    if section is None or path.cut:
        return None
    for address in range(section.start, section.end - 4 * _CAVE_WORDS, 4):
        words = range(address, address + 4 * _CAVE_WORDS, 4)
        if all(word not in path.executed and code.word(word) is not None for word in words):
            return address
    return None
