"""What the engine's tests share: the search path, a made-up image and a made-up guest state."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "rig"), str(ROOT / "rig" / "gdb")]

# pylint: disable=wrong-import-position # the path above comes first
from engine import registers  # noqa: E402
from engine.elf import STT_FUNC, STT_NOTYPE, Elf, Section, Symbol  # noqa: E402
from engine.evaluate import NotKnown, Word  # noqa: E402
from engine.image import Alias, Image  # noqa: E402

TABLE = registers.load(ROOT / "arch" / "aarch64" / "sysregs.yaml")
OFFSET = 0xFFFF_FFFF_0000_0000
TEXT = OFFSET + 0x4008_0000


def make_elf() -> Elf:
    """A high-linked image: two pages of text, one of data, a symbol without size."""
    sections = {
        ".text": Section(".text", TEXT, TEXT + 0x2000, False, True),
        ".data": Section(".data", TEXT + 0x2000, TEXT + 0x3000, True, False),
    }
    symbols = {
        "start": Symbol("start", TEXT, 0x40, STT_FUNC, False),
        "table": Symbol("table", TEXT + 0x2000, 0x1000, STT_NOTYPE, False),
        "label": Symbol("label", TEXT + 0x100, 0, STT_NOTYPE, False),
    }
    return Elf("guest.elf", TEXT - OFFSET, "id", sections, symbols, [(TEXT, TEXT - OFFSET, 0x3000)])


def make_image() -> Image:
    """The image with the alias at which it is loaded."""
    return Image(make_elf(), [Alias(0x4000_0000, 128 << 20, OFFSET)])


class FlatWalks:
    """Everything maps to itself, read-write-execute, except one page."""

    HOLE = 0x5000

    def translate(self, address: int) -> int | Word:
        """The address, or fault in the hole."""
        if address & ~0xFFF == self.HOLE:
            return Word("fault").explained("level 3: invalid")
        return address

    def rights(self, start: int, end: int) -> Word:
        """rwx, none in the hole, mixed over its edge."""
        pages = {page & ~0xFFF == self.HOLE for page in range(start, end, 0x1000)}
        if pages == {True, False}:
            return Word("mixed").explained("[0x5000, 0x6000) is none")
        return Word("none" if pages == {True} else "rwx")

    def el0(self, _start: int, _end: int) -> Word:
        """EL0 has nothing."""
        return Word("none")

    def memory(self, _start: int, _end: int) -> Word:
        """All is normal memory."""
        return Word("normal")

    def shareable(self, _start: int, _end: int) -> Word:
        """All is inner shareable."""
        return Word("inner")

    def not_global(self, _start: int, _end: int) -> Word:
        """All is global."""
        return Word("no")

    def never_executable(self, _start: int, _end: int) -> Word:
        """All is executable."""
        return Word("no")

    def only_mapped(self, start: int, end: int, allowed: list[tuple[int, int]]) -> Word:
        """yes when the allowed ranges are [start, HOLE) and [HOLE + 1 page, end)."""
        return Word("yes" if allowed == [(start, self.HOLE), (0x6000, end)] else "no")

    def writable_alias(self, _start: int, _end: int) -> Word:
        """All is writable."""
        return Word("found").explained("writable: everything")


@dataclass
class MadeUpState:
    """A State from plain numbers."""

    pc: int = TEXT
    sp: int = 0x1000
    pstate: int = 0x3C5
    general_registers: dict[int, int] = field(default_factory=dict)
    registers: dict[str, int] = field(default_factory=dict)
    taken: Word = Word("none")

    def core(self, name: str) -> int:
        """PC, SP or PSTATE."""
        return {"PC": self.pc, "SP": self.sp, "PSTATE": self.pstate}[name]

    def general(self, number: int) -> int:
        """x0..x30."""
        return self.general_registers.get(number, 0)

    def register(self, name: str) -> int:
        """A given register; any other is not known."""
        if name not in self.registers:
            raise NotKnown(f"{name} is not offered")
        return self.registers[name]

    def exception(self) -> Word:
        """As given."""
        return self.taken

    def walks(self) -> FlatWalks:
        """The flat map."""
        return FlatWalks()

    def physical(self, address: int, size: int) -> bytes:
        """Zeros, but for the bytes 1, 2, 3, 4 at PA 0x40082ffc; nothing below the image."""
        if address < 0x4008_0000:
            raise NotKnown(f"physical memory at {address:#x} cannot be read")
        memory = {0x4008_2FFC + n: n + 1 for n in range(4)}
        return bytes(memory.get(at, 0) for at in range(address, address + size))
