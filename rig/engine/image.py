"""The guest's image: its ELF plus the aliases at which the same bytes are seen.

An alias says: a PC in [start, start + size) is the link address PC + by, modulo 2^64. "low" is the
alias (where the image runs before the MMU moves it), "high" the link address.
"""

from __future__ import annotations

from dataclasses import dataclass

from .elf import Elf, Section

MASK64 = (1 << 64) - 1
HIGH_HALF = 1 << 63


@dataclass(frozen=True)
class Alias:
    """[start, start + size) shows the image that is linked at + by."""

    start: int
    size: int
    by: int

    def fold(self, address: int) -> int | None:
        """The link address of an alias address, None outside of the alias."""
        if self.start <= address < self.start + self.size:
            return (address + self.by) & MASK64
        return None

    def unfold(self, address: int) -> int | None:
        """The alias address of a link address, None when it has none."""
        low = (address - self.by) & MASK64
        return low if self.start <= low < self.start + self.size else None


class Image:
    """Answers "what is this address" for an ELF with aliases."""

    def __init__(self, elf: Elf, aliases: list[Alias]) -> None:
        self.elf = elf
        self.aliases = aliases
        self._text = [(s.start, s.end) for s in elf.executable()]

    def link(self, address: int) -> int:
        """The link address; an address in no alias is its own."""
        for alias in self.aliases:
            folded = alias.fold(address)
            if folded is not None:
                return folded
        return address

    def physical(self, address: int) -> int | None:
        """The address with its alias folded to the low side; None when no alias covers it."""
        if not self.aliases:
            return address
        for alias in self.aliases:
            if alias.fold(address) is not None:
                return address
            low = alias.unfold(address)
            if low is not None:
                return low
        return None

    def variants(self, address: int) -> list[int]:
        """Every address at which the byte of a link address can be seen."""
        lows = [a.unfold(address) for a in self.aliases]
        return [address] + [low for low in lows if low is not None and low != address]

    def in_text(self, address: int) -> bool:
        """Is this inside an executable section, seen through either alias?"""
        link = self.link(address)
        return any(start <= link < end for start, end in self._text)

    def section_of(self, address: int) -> Section | None:
        """The section that covers the address through either alias."""
        link = self.link(address)
        return next((s for s in self.elf.sections.values() if s.start <= link < s.end), None)

    def locate(self, address: int) -> str:
        """`symbol+0xoff` through either alias, "" when unknown."""
        return self.elf.locate(self.link(address))
