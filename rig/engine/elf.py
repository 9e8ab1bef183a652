"""Reads what the rig needs of an ELF: sections, load segments, symbols, build-id.

AArch64, 64-bit, little-endian executables only; anything else is refused in words. DWARF is left to
gdb. The result is plain data, so the driver can hand it to the engine inside gdb as JSON.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import UsageError

EM_AARCH64 = 183
ET_EXEC, ET_DYN = 2, 3
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
SHT_SYMTAB, SHT_NOTE, SHT_NOBITS = 2, 7, 8
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = 0, 1, 2, 3, 4
SHN_UNDEF, SHN_ABS = 0, 0xFFF1
PT_LOAD = 1
NT_GNU_BUILD_ID = 3
MACHINES = {3: "i386", 8: "MIPS", 20: "PowerPC", 40: "32-bit Arm", 62: "x86-64", 243: "RISC-V"}


@dataclass(frozen=True)
class Section:
    """An allocated section at its link address; `end` is exclusive."""

    name: str
    start: int
    end: int
    write: bool
    execute: bool
    contents: bool = True  # False: SHT_NOBITS, memory that the file does not fill


@dataclass(frozen=True)
class Symbol:
    """One symbol; `size` is 0 where the assembly source gives none."""

    name: str
    value: int
    size: int
    kind: int
    absolute: bool


@dataclass
class Elf:
    """The parts of one ELF file that rules can speak of."""

    path: str
    entry: int
    build_id: str
    sections: dict[str, Section]
    symbols: dict[str, Symbol]
    segments: list[tuple[int, int, int]]  # vaddr, paddr, memory size
    _starts: list[tuple[int, str]] = field(default_factory=list, repr=False)

    def executable(self) -> list[Section]:
        """The sections that hold instructions."""
        return [s for s in self.sections.values() if s.execute]

    def locate(self, address: int) -> str:
        """`symbol+0xoff` for a link address, or "" when no symbol of a section covers it."""
        if not self._starts:
            named = [
                s
                for s in self.symbols.values()
                if s.kind in (STT_NOTYPE, STT_FUNC, STT_OBJECT) and not s.absolute
            ]
            # Where several symbols share an address, a function's name is the one to show.
            named.sort(key=lambda s: (s.value, s.kind == STT_FUNC, s.size))
            self._starts = [(s.value, s.name) for s in named]
        section = next((s for s in self.sections.values() if s.start <= address < s.end), None)
        index = bisect_right(self._starts, (address, "\U0010ffff")) - 1
        if section is None or index < 0 or self._starts[index][0] < section.start:
            return ""
        value, name = self._starts[index]
        return name if value == address else f"{name}+{address - value:#x}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for the job file."""
        data = asdict(self)
        data.pop("_starts")
        return data

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Elf":
        """The inverse of to_json."""
        return Elf(
            path=data["path"],
            entry=data["entry"],
            build_id=data["build_id"],
            sections={k: Section(**v) for k, v in data["sections"].items()},
            symbols={k: Symbol(**v) for k, v in data["symbols"].items()},
            segments=[(s[0], s[1], s[2]) for s in data["segments"]],
        )


def _text(table: bytes, offset: int) -> str:
    return table[offset : table.index(b"\0", offset)].decode("utf-8", "replace")


def _check_header(path: Path, image: bytes) -> None:
    if len(image) < 64 or image[:4] != b"\x7fELF":
        raise UsageError(f"{path}: not an ELF file; give the guest's ELF with --elf")
    kind, machine = struct.unpack_from("<HH", image, 16)
    if image[4] != 2 or image[5] != 1 or machine != EM_AARCH64:
        other = MACHINES.get(machine, f"machine {machine}")
        raise UsageError(
            f"{path}: an ELF for {other}, not for AArch64 (64-bit, little-endian); "
            "give the guest's ELF with --elf"
        )
    if kind not in (ET_EXEC, ET_DYN):
        raise UsageError(f"{path}: an object file, not a linked executable; give the linked image")


def _build_id(image: bytes, offset: int, size: int) -> str:
    end = offset + size
    while offset + 12 <= end:
        namesz, descsz, kind = struct.unpack_from("<III", image, offset)
        name = image[offset + 12 : offset + 12 + namesz]
        start = offset + 12 + (namesz + 3) // 4 * 4
        if kind == NT_GNU_BUILD_ID and name == b"GNU\0":
            return image[start : start + descsz].hex()
        offset = start + (descsz + 3) // 4 * 4
    return ""


def _symbols(image: bytes, header: tuple[int, ...], strings: bytes) -> dict[str, Symbol]:
    symbols: dict[str, Symbol] = {}
    for offset in range(header[4], header[4] + header[5], 24):
        name_at, info, _other, shndx, value, size = struct.unpack_from("<IBBHQQ", image, offset)
        kind = info & 0xF
        name = _text(strings, name_at)
        mapping = name.startswith("$") and (len(name) == 2 or name[2] == ".")
        if not name or shndx == SHN_UNDEF or kind in (STT_SECTION, STT_FILE) or mapping:
            continue
        # A global symbol wins over a local one of the same name.
        if name not in symbols or info >> 4:
            symbols[name] = Symbol(name, value, size, kind, shndx == SHN_ABS)
    return symbols


def load(path: Path) -> Elf:
    """Read an AArch64 executable; raises UsageError in words when it is anything else."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: not a regular file; give the guest's ELF with --elf")
    try:
        image = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the ELF: {error.strerror}; build the guest or give --elf"
        ) from None
    _check_header(path, image)
    try:
        return _load(path, image)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise UsageError(f"{path}: damaged ELF ({error})") from None


def _load(path: Path, image: bytes) -> Elf:
    entry, phoff, shoff = struct.unpack_from("<QQQ", image, 24)
    phentsize, phnum, shentsize, shnum, shstrndx = struct.unpack_from("<HHHHH", image, 54)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", image, shoff + index * shentsize)
        for index in range(shnum)
    ]
    if not headers:
        raise UsageError(f"{path}: no section headers (stripped?); the rig needs symbols")
    elf = Elf(str(path), entry, "", {}, {}, _segments(image, phoff, phentsize, phnum))
    names = _content(image, headers[shstrndx])
    for header in headers:
        kind, flags, size = header[1], header[2], header[5]
        if flags & SHF_ALLOC and size:
            section = _section(header, names)
            elf.sections[section.name] = section
        if kind == SHT_SYMTAB:
            elf.symbols = _symbols(image, header, _content(image, headers[header[6]]))
        if kind == SHT_NOTE:
            elf.build_id = _build_id(image, header[4], size) or elf.build_id
    # An image without a note section still has an identity.
    elf.build_id = elf.build_id or "sha256-" + hashlib.sha256(image).hexdigest()
    if not elf.segments:
        raise UsageError(f"{path}: nothing to load (no PT_LOAD segment); give the linked image")
    if not elf.executable():
        raise UsageError(f"{path}: no executable section; give the guest's linked image")
    return elf


def _section(header: tuple[int, ...], names: bytes) -> Section:
    name_at, kind, flags, address, _offset, size = header[:6]
    return Section(
        name=_text(names, name_at),
        start=address,
        end=address + size,
        write=bool(flags & SHF_WRITE),
        execute=bool(flags & SHF_EXECINSTR),
        contents=kind != SHT_NOBITS,
    )


def _content(image: bytes, header: tuple[int, ...]) -> bytes:
    return image[header[4] : header[4] + header[5]]


def _segments(image: bytes, start: int, size: int, count: int) -> list[tuple[int, int, int]]:
    segments = []
    for index in range(count):
        kind, _flags, _offset, vaddr, paddr, _filesz, memsz, _align = struct.unpack_from(
            "<IIQQQQQQ", image, start + index * size
        )
        if kind == PT_LOAD and memsz:
            segments.append((vaddr, paddr, memsz))
    return segments


def loaded(path: Path) -> list[tuple[int, int, bytes]]:
    """What the load segments put into memory: vaddr, paddr, the file's bytes. The file is one that
    `load` has read."""
    image = path.read_bytes()
    phoff = struct.unpack_from("<Q", image, 32)[0]
    phentsize, phnum = struct.unpack_from("<HH", image, 54)
    found = []
    for index in range(phnum):
        kind, _flags, offset, vaddr, paddr, filesz, _memsz, _align = struct.unpack_from(
            "<IIQQQQQQ", image, phoff + index * phentsize
        )
        if kind == PT_LOAD and filesz:
            found.append((vaddr, paddr, image[offset : offset + filesz]))
    return found
