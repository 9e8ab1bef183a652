"""ELF files around guests that others build as bare images, so that `rig` takes them like any ELF.

QEMU's loader does with such an ELF what it does with the image itself, so the guest runs unchanged.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from kallsyms import Symbol

EM_AARCH64, ET_EXEC = 183, 2
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB = 1, 2, 3
SHF_ALLOC_EXECINSTR = 6
STT_NOTYPE, STT_FUNC, STB_GLOBAL = 0, 2, 1
PT_LOAD, PF_R_X, PF_R = 1, 5, 4
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_PAGE = 0x1000
CODE_AT = _PAGE  # where in the files made here the image is

# Where virt's RAM begins, and with it the device tree; QEMU loads an Image 2 MiB above.
RAM = 0x40000000
STUB, IMAGE = RAM + 0x100000, RAM + 0x200000
# What QEMU's own loader puts in front of an Image: ldr x0, device tree; x1 to x3 zero; ldr x4,
# Image; br x4 (Documentation/arm64/booting.rst of Linux asks for these registers).
_STUB_WORDS = (0x580000C0, 0xAA1F03E1, 0xAA1F03E2, 0xAA1F03E3, 0x58000084, 0xD61F0080)


class Elf:
    """An ELF file in the making."""

    def __init__(self, entry: int) -> None:
        self.entry = entry
        self.body = bytearray(_PAGE)
        self.segments = bytearray()
        self.sections: list[tuple[str, int, int, int, int, int, int, int, int]] = []

    def bytes_of(self, data: bytes) -> int:
        """Put data into the file; its offset."""
        at = len(self.body)
        self.body += data + bytes(-len(data) % _PAGE)
        return at

    def load(self, data: bytes, va: int, pa: int, flags: int = PF_R_X) -> int:
        """A loaded segment; its offset in the file."""
        at = self.bytes_of(data)
        self.segments += _SEGMENT.pack(PT_LOAD, flags, at, va, pa, len(data), len(data), _PAGE)
        return at

    def code(self, name: str, va: int, offset: int, size: int) -> None:
        """A section of code."""
        self.sections.append((name, SHT_PROGBITS, SHF_ALLOC_EXECINSTR, va, offset, size, 0, 0, 0))

    def symbols(self, found: Sequence[tuple[Symbol, int]]) -> None:
        """Symbols of the first section, with their sizes."""
        strings, table = bytearray(b"\0"), bytearray(_SYMBOL.size)
        for symbol, size in found:
            kind = STT_FUNC if symbol.kind in "tTwW" else STT_NOTYPE
            info = STB_GLOBAL << 4 | kind
            table += _SYMBOL.pack(len(strings), info, 0, 1, symbol.address, size)
            strings += symbol.name.encode("ascii") + b"\0"
        names = len(self.sections) + 2
        offset = self.bytes_of(table)
        self.sections.append(
            (".symtab", SHT_SYMTAB, 0, 0, offset, len(table), names, 1, _SYMBOL.size)
        )
        offset = self.bytes_of(strings)
        self.sections.append((".strtab", SHT_STRTAB, 0, 0, offset, len(strings), 0, 0, 0))

    def whole(self) -> bytes:
        """The file."""
        names = b"\0" + b"".join(section[0].encode("ascii") + b"\0" for section in self.sections)
        names += b".shstrtab\0"
        offset = self.bytes_of(names)
        self.sections.append((".shstrtab", SHT_STRTAB, 0, 0, offset, len(names), 0, 0, 0))
        heads = bytes(_SECTION.size)
        for name, kind, flags, va, offset, size, link, info, entry in self.sections:
            at = names.index(b"\0" + name.encode("ascii") + b"\0") + 1
            heads += _SECTION.pack(at, kind, flags, va, offset, size, link, info, 8, entry)
        count = len(self.segments) // _SEGMENT.size
        head = _HEADER.pack(
            b"\x7fELF\x02\x01\x01", ET_EXEC, EM_AARCH64, 1, self.entry, _HEADER.size,
            len(self.body), 0, _HEADER.size, _SEGMENT.size, count, _SECTION.size,
            len(self.sections) + 1, len(self.sections),
        )  # fmt: skip
        self.body[: len(head) + len(self.segments)] = head + self.segments
        return bytes(self.body + heads)


def sized(found: Sequence[Symbol], end: int) -> list[tuple[Symbol, int]]:
    """Functions reach up to the next symbol of another address."""
    result, later = [], end
    for index in range(len(found) - 1, -1, -1):
        symbol = found[index]
        if index + 1 < len(found) and found[index + 1].address != symbol.address:
            later = found[index + 1].address
        result.append((symbol, max(0, later - symbol.address)))
    result.reverse()
    return result


def linux(image: bytes, found: Sequence[Symbol]) -> bytes:
    """A kernel: the Image where QEMU puts it, linked where its symbols say, entered by the stub."""
    link = next(symbol.address for symbol in found if symbol.name == "_text")
    end = link + len(image)
    elf = Elf(STUB)
    elf.code(".text", link, elf.load(image, link, IMAGE), len(image))
    elf.symbols(sized([symbol for symbol in found if link <= symbol.address < end], end))
    elf.load(struct.pack("<6I2Q", *_STUB_WORDS, RAM, IMAGE), STUB, STUB)
    return elf.whole()


# Debian's U-Boot is stripped. The functions that docs/findings/ speaks of are found by their code:
# words that only they have, and the words they begin with.
_PUSH = b"\xfd\x7b\xbe\xa9"  # stp x29, x30, [sp, #-32]!
_COPY = b"\x2a\x2c\xc1\xa8\x0a\x2c\x81\xa8"  # ldp x10, x11, [x1], #16; stp ..., [x0], #16
_IC_ALL = b"\x1f\x71\x08\xd5\xdf\x3f\x03\xd5"  # ic ialluis; isb
_VBAR_FP = b"\x00\xc0\x18\xd5\x00\x06\xa0\xd2"  # msr vbar_el1, x0; mov x0, #0x300000
_RET = b"\xc0\x03\x5f\xd6"


def u_boot_symbols(image: bytes) -> list[tuple[Symbol, int]]:
    """start.S's reset, relocate_code, __asm_invalidate_icache_all; those that are found."""
    places = []
    if (at := image.find(_VBAR_FP)) >= 0:
        places.append(("reset", 0, image.find(_RET, at)))
    if (at := image.find(_COPY)) >= 0 and (start := image.rfind(_PUSH, 0, at)) >= 0:
        places.append(("relocate_code", start, image.find(_RET, at)))
    if (at := image.find(_IC_ALL)) >= 0:
        places.append(("__asm_invalidate_icache_all", at, image.find(_RET, at)))
    return [(Symbol(name, "T", start), end + 4 - start) for name, start, end in places]


def u_boot(image: bytes, environment: bytes, environment_at: int) -> bytes:
    """U-Boot in virt's first flash, its environment in the second."""
    elf = Elf(0)
    elf.code(".text", 0, elf.load(image, 0, 0), len(image))
    elf.symbols(u_boot_symbols(image))
    elf.load(environment, environment_at, environment_at, PF_R)
    return elf.whole()
