"""Where an image ran: link addresses against the places at which its instructions were executed."""

from __future__ import annotations


from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from . import elf as elf_file
from .elf import Elf
from .image import MASK64, Alias, Image

_PAGE = 0x1000
_CLOSE = 2 << 20
_FEW = 3  # places that agree; one instruction alone may stand anywhere


def span(elf: Elf) -> tuple[int, int]:
    """First and last address of the image at its link addresses, whole pages."""
    low = min(vaddr for vaddr, _paddr, _size in elf.segments)
    high = max(vaddr + size for vaddr, _paddr, size in elf.segments)
    return low // _PAGE * _PAGE, -(-high // _PAGE) * _PAGE


def _block(elf: Elf, links: list[int]) -> tuple[int, int]:
    """The part of the image around these link addresses: its segments, as far as they stand close
    together. What an ELF has far away (a flash's contents) is loaded, and not moved."""
    parts = sorted((vaddr, vaddr + size) for vaddr, _paddr, size in elf.segments)
    blocks = [list(parts[0])]
    for start, end in parts[1:]:
        if start - blocks[-1][1] <= _CLOSE:
            blocks[-1][1] = max(blocks[-1][1], end)
        else:
            blocks.append([start, end])
    used = [block for block in blocks if any(block[0] <= link < block[1] for link in links)]
    low, high = min(block[0] for block in used), max(block[1] for block in used)
    return low // _PAGE * _PAGE, -(-high // _PAGE) * _PAGE


def _places(elf: Elf, wanted: set[int]) -> dict[int, list[int]]:
    """The link addresses at which these opcodes stand in the image's code."""
    places: dict[int, list[int]] = defaultdict(list)
    image = Image(elf, [])
    for start, _paddr, content in elf_file.loaded(Path(elf.path)):
        for at in range(0, len(content) // 4 * 4, 4):
            word = int.from_bytes(content[at : at + 4], "little")
            if word in wanted and image.in_text(start + at):
                places[word].append(start + at)
    return places


def aliases(elf: Elf, executed: Iterable[tuple[int, int]]) -> list[Alias]:
    """The aliases at which (address, opcode) pairs were executed, those with most pairs first. An
    alias is where several of the image's instructions stand at one distance from their link
    addresses. The place to which the ELF says that it is loaded counts as one pair."""
    low, high = span(elf)
    pairs = {pair for pair in executed if not low <= pair[0] < high}
    places = _places(elf, {opcode for _pc, opcode in pairs})
    votes: Counter[int] = Counter()
    for pc, opcode in sorted(pairs):
        votes.update({(link - pc) & MASK64 for link in places[opcode]})
    loaded = {(vaddr - paddr) & MASK64 for vaddr, paddr, _size in elf.segments} - {0}
    votes.update(loaded)
    found: list[Alias] = []
    left = set(pairs)
    for by, _count in votes.most_common():
        mine = {(pc, op) for pc, op in left if (pc + by) & MASK64 in places[op]}
        if len(mine) >= min(_FEW, len(pairs)) and mine or by in loaded:
            links = [(pc + by) & MASK64 for pc, _opcode in mine] or [elf.segments[0][0]]
            first, last = _block(elf, links)
            found.append(Alias((first - by) & MASK64, last - first, by))
            left -= mine
        if not left and loaded <= {alias.by for alias in found}:
            break
    return found[:4]


def place_of(elf: Elf, found: list[Alias], address: int) -> int | None:
    """Which of the image's places an address is in: the alias's `by`, 0 for the link addresses,
    None outside of all."""
    low, high = span(elf)
    if low <= address < high:
        return 0
    for alias in found:
        if alias.fold(address) is not None:
            return alias.by
    return None


def outside(elf: Elf, found: list[Alias], executed: Iterable[int]) -> list[int]:
    """Executed addresses that no executable section explains."""
    image = Image(elf, found)
    return sorted({pc for pc in executed if not image.in_text(pc)})


def function_of(elf: Elf, link: int) -> str:
    """The symbol whose code holds a link address, "" when none does."""
    return elf.locate(link).partition("+")[0]


def exact(elf: Elf, address: int) -> str:
    """A symbol at exactly this link address, a plain name that expressions can use."""
    if not elf.symbols:
        return ""
    found = elf.locate(address)
    return found if found and "+" not in found and found.isidentifier() else ""
