"""Tyrne's memory of the stopped guest, read physically: whatever the MMU and the level are.

At EL0 the stub reads with EL0's rights, and before the jump the link addresses are not mapped. So
the objects are read at their physical addresses, which the ELF's program headers give.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from engine import elf as elf_file
from engine.elf import Elf
from engine.errors import UsageError
from prompt.physical import read_physical

gdb: Any = importlib.import_module("gdb")


class Unfit(gdb.GdbError):
    """The image's debug information has no such name: another kernel, or another build of it."""


def find_symbol(name: str) -> Any:
    """gdb's symbol of a global variable; Unfit in words."""
    symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if symbol is not None:
        return symbol
    loaded = [o.filename for o in gdb.objfiles() if o.filename and o.is_valid()]
    if not loaded:
        raise Unfit(f"tyrne: no symbol '{name}', and no ELF is loaded: file tyrne.elf")
    if name in load_elf(loaded[0]).symbols:
        raise Unfit(f"tyrne: {loaded[0]} has '{name}', but no debug information: build it with -g")
    raise Unfit(f"tyrne: no symbol '{name}' in {loaded[0]}; these commands are for Tyrne's kernel")


def find_type(name: str) -> Any:
    """gdb's type of this name; Unfit in words."""
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise Unfit(f"tyrne: the debug information of this build has no type '{name}'") from None


def member(value: Any, path: str) -> Any:
    """The member `a.b.c` of a structure; Unfit says which name is missing in which type."""
    for name in path.split("."):
        try:
            value = value[name]
        except gdb.error:
            raise Unfit(
                f"tyrne: '{value.type.strip_typedefs()}' of this build has no member '{name}'; "
                "these commands know the kernel of their own source tree"
            ) from None
    return value


def number(value: Any, path: str = "") -> int:
    """A member as a number."""
    return int(member(value, path) if path else value)


def enumerators(name: str) -> dict[int, str]:
    """An enum's values and the names of them."""
    return {int(field.enumval): str(field.name) for field in find_type(f"enum {name}").fields()}


class Memory:
    """The image's places, and what the guest holds there."""

    def __init__(self, elf: Elf) -> None:
        self.elf = elf

    def physical(self, address: int) -> int:
        """The physical address of a link address (or of one that is physical already)."""
        for vaddr, paddr, size in self.elf.segments:
            for start in (vaddr, paddr):
                if start <= address < start + size:
                    return paddr + address - start
        raise gdb.GdbError(f"tyrne: {address:#x} is not in the image {self.elf.path}")

    def link(self, address: int) -> int:
        """The link address of a physical one of the image; any other stays itself."""
        for vaddr, paddr, size in self.elf.segments:
            if paddr <= address < paddr + size:
                return vaddr + address - paddr
        return address

    def read(self, address: int, size: int) -> bytes:
        """Physical memory; gdb.GdbError where there is none."""
        data = read_physical(address, size)
        if data is None:
            raise gdb.GdbError(
                f"tyrne: there is no memory at physical {address:#x} (of {size} bytes)"
            )
        return data

    def load(self, name: str) -> Any:
        """A global variable as the guest holds it now: a value of gdb's of the variable's type."""
        symbol = find_symbol(name)
        address = int(symbol.value().address)
        return self.value(address, symbol.type)

    def value(self, address: int, kind: Any) -> Any:
        """A value of a type at a link address."""
        return gdb.Value(self.read(self.physical(address), kind.sizeof), kind)

    def symbol(self, name: str) -> int:
        """The link address of a symbol of the ELF."""
        found = self.elf.symbols.get(name)
        if found is None:
            raise Unfit(f"tyrne: no symbol '{name}' in {self.elf.path}")
        return found.value

    def place(self, address: int) -> str:
        """`<symbol+offset> file:line` of a link address, "" when it is not in the image."""
        symbol = self.elf.locate(address)
        if not symbol:
            return ""
        line = gdb.find_pc_line(address)
        where = f" {Path(line.symtab.filename).name}:{line.line}" if line.symtab else ""
        return f"<{symbol}>{where}"


_CACHE: dict[tuple[str, int, int], Elf] = {}


def load_elf(path: str) -> Elf:
    """The ELF file that gdb has, read once for each state of the file."""
    try:
        state = Path(path).stat()
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in _CACHE:
            _CACHE[key] = elf_file.load(Path(path))
        return _CACHE[key]
    except OSError as error:
        raise gdb.GdbError(f"tyrne: cannot read {path}: {error.strerror}") from None
    except UsageError as error:
        raise gdb.GdbError(f"tyrne: {error}") from None
