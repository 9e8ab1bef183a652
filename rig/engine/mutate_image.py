"""Writes the image of a mutant: the unmutated ELF with a few bytes changed."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from .elf import PT_LOAD
from .errors import CannotJudge
from .mutant import Patch


def write_image(original: Path, patches: Iterable[Patch], to: Path) -> None:
    """Copy an ELF that elf.load has read, with the patches at their link addresses.

    Raises CannotJudge where the file holds something else than what a patch replaces.
    """
    image = bytearray(original.read_bytes())
    for patch in patches:
        offset = _offset(image, patch.address, len(patch.old))
        if offset is None or image[offset : offset + len(patch.old)] != patch.old:
            raise CannotJudge(
                f"{original}: does not hold {patch.old.hex()} at {patch.address:#x}; the mutants "
                "are of another image"
            )
        image[offset : offset + len(patch.new)] = patch.new
    to.write_bytes(image)


def _offset(image: bytearray, address: int, size: int) -> int | None:
    """Where the file holds the bytes of a link address."""
    phoff = struct.unpack_from("<Q", image, 32)[0]
    phentsize, phnum = struct.unpack_from("<HH", image, 54)
    for index in range(phnum):
        kind, _flags, offset, vaddr, _paddr, filesz = struct.unpack_from(
            "<IIQQQQ", image, phoff + index * phentsize
        )
        if kind == PT_LOAD and vaddr <= address and address + size <= vaddr + filesz:
            return int(offset + address - vaddr)
    return None
