"""The names of the functions of a Linux kernel that comes as a bare Image.

Debian's vmlinux is in a package of a gigabyte; the names are in the Image itself, in the tables of
CONFIG_KALLSYMS_BASE_RELATIVE. Up to Linux 6.3 these are, in the order of their addresses: offsets,
the base that they count from, number, names, markers, tokens, their index; from 6.4 on offsets and
base stand behind the index.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

_DIGITS = b"".join(bytes([ord("0") + digit, 0]) for digit in range(10))
_HIGH = 1 << 63
_RELATIVE = 1027  # R_AARCH64_RELATIVE
_ALIGNED = 0x200000  # of the link address


class NoSymbols(Exception):
    """The Image's tables are not where they are looked for."""


@dataclass(frozen=True)
class Symbol:
    """A name, its type letter as nm says it, its address."""

    name: str
    kind: str
    address: int


def _tokens(image: bytes) -> tuple[list[bytes], int, int]:
    """The 256 tokens, where their table starts and where their index ends. The digits stand for
    themselves, one after the other."""
    at = image.find(_DIGITS)
    while at >= 0:
        found = _tokens_at(image, at)
        if found:
            return found
        at = image.find(_DIGITS, at + 1)
    raise NoSymbols("no table of tokens")


def _tokens_at(image: bytes, digits: int) -> tuple[list[bytes], int, int] | None:
    """The same for one place of the digits: back over 48 tokens, on to the 256th."""
    start = digits
    for _ in range(ord("0")):
        start = image.rfind(b"\0", 0, start - 1) + 1
        if digits - start > 4096:
            return None
    tokens = image[start : start + 16384].split(b"\0")[:256]
    # Alignment leaves zero bytes in front, which look like empty tokens.
    lengths = list(accumulate((len(token) + 1 for token in tokens), initial=0))[:256]
    index = struct.pack("<256H", *lengths)
    at = image.find(index, start)
    if at < 0 or at - start > 32768:
        return None
    return tokens, start, at + len(index)


def _is_names(image: bytes, at: int, count: int, markers: int) -> bool:
    """Whether `count` names fill the bytes from `at` up to the markers."""
    for _ in range(count):
        length = image[at]
        at += 1
        if length & 0x80:
            length = (length & 0x7F) | (image[at] << 7)
            at += 1
        at += length
        if length == 0 or at > markers:
            return False
    return (at + 7) & ~7 == markers


def _markers(image: bytes, at: int) -> list[int]:
    """The offsets of each 256th name, if they are at `at`: the first is 0, then they go up by the
    bytes of 256 names; the next table breaks that."""
    found = [0]
    for (value,) in struct.iter_unpack("<I", image[at + 4 : at + 0x4000]):
        if not 256 <= value - found[-1] < 0x4000:
            break
        found.append(value)
    return found


def _number(image: bytes, tokens_at: int) -> tuple[int, int, int]:
    """(offset of the number of symbols, the number, offset of the names). In front of the tokens
    stand the markers, later ones with the order of the names between; in front of the markers the
    names; in front of those the number."""
    at = (tokens_at - 4) & ~7
    while at > tokens_at - 0x200000:
        if image[at : at + 4] == bytes(4):
            markers = _markers(image, at)
            count = _count_of(image, at, markers) if len(markers) > 2 else None
            if count is not None:
                return count
        at -= 8
    raise NoSymbols("no table of markers")


def _count_of(image: bytes, at: int, markers: list[int]) -> tuple[int, int, int] | None:
    """The number of symbols in front of the names that end at the markers."""
    for back in range(markers[-1] & ~7, markers[-1] + 0x4000, 8):
        number_at = at - back - 8
        (number,) = struct.unpack_from("<Q", image, number_at)
        if (len(markers) - 1) * 256 < number <= len(markers) * 256:
            if _is_names(image, number_at + 8, number, at):
                return number_at, number, number_at + 8
    return None


def _names(image: bytes, at: int, count: int, tokens: Sequence[bytes]) -> list[str]:
    names = []
    for _ in range(count):
        length = image[at]
        at += 1
        if length & 0x80:
            length = (length & 0x7F) | (image[at] << 7)
            at += 1
        names.append(b"".join(tokens[byte] for byte in image[at : at + length]).decode("ascii"))
        at += length
    return names


def _bases(image: bytes, at: int) -> tuple[int, int]:
    """The address that the word at `at` will hold, and the Image's link address. A relocatable
    kernel keeps the first in a relocation only: offset (the word's own address),
    R_AARCH64_RELATIVE, addend."""
    kind = struct.pack("<Q", _RELATIVE)
    found = image.find(kind)
    while found >= 0:
        if found >= 8 and found + 16 <= len(image):
            offset, _, addend = struct.unpack_from("<QQQ", image, found - 8)
            link = offset - at
            if link % _ALIGNED == 0 and _HIGH <= link <= addend < link + len(image):
                return addend, link
        found = image.find(kind, found + 8)
    raise NoSymbols("no address that the offsets are counted from")


def symbols(image: bytes) -> list[Symbol]:
    """Every symbol of the Image, by address."""
    tokens, tokens_at, index_end = _tokens(image)
    number_at, count, names_at = _number(image, tokens_at)
    names = _names(image, names_at, count, tokens)
    size = (4 * count + 7) & ~7
    for offsets_at, base_at in (
        (number_at - 8 - size, number_at - 8),
        ((index_end + 7) & ~7, ((index_end + 7) & ~7) + size),
    ):
        offsets = struct.unpack_from(f"<{count}I", image, offsets_at)
        if all(one <= two for one, two in pairwise(offsets)):
            base, link = _bases(image, base_at)
            return [Symbol("_text", "T", link)] + [
                Symbol(name[1:], name[0], base + offset)
                for name, offset in zip(names, offsets, strict=True)
                if name[1:] != "_text"
            ]
    raise NoSymbols("no table of offsets in order")
