"""What an A64 instruction does at SP: how far it moves it, and what it keeps or fetches there."""

from __future__ import annotations

from dataclasses import dataclass, field

from .a64_uses import SP, uses

_SP_FIELD = 31


@dataclass(frozen=True)
class Span:
    """Bytes on the stack, from SP as it was before the instruction."""

    offset: int
    size: int

    def overlaps(self, other: "Span") -> bool:
        """Have they a byte in common?"""
        return self.offset < other.offset + other.size and other.offset < self.offset + self.size

    def moved(self, by: int) -> "Span":
        """The same bytes, seen from another place."""
        return Span(self.offset + by, self.size)


@dataclass(frozen=True)
class OnStack:
    """`moves` SP by that much; `loads` and `stores` of general registers (31 is zero), and `other`
    bytes that get a value which no general register has."""

    moves: int = 0
    loads: dict[int, Span] = field(default_factory=dict)
    stores: dict[Span, int] = field(default_factory=dict)
    other: tuple[Span, ...] = ()


def on_stack(word: int) -> OnStack | None:
    """What an instruction does to SP, and by SP; None when that cannot be told from its word."""
    use = uses(word)
    if word & 0xBF8003FF == 0x910003FF:  # ADD or SUB SP, SP, #imm below
        return OnStack(_amount(word))
    if word & 0xBE000000 == 0x0C000000:  # LD1 to ST4
        return None if word >> 5 & 31 == _SP_FIELD else OnStack()
    if not use.memory or SP not in use.reads:
        return None if SP in use.writes else OnStack()
    return _access(word)


def _access(word: int) -> OnStack | None:
    """A load or store by SP."""
    if word & 0x3A000000 == 0x28000000:
        return _pair(word)
    if word & 0x3B000000 == 0x39000000:
        return _single(word, (word >> 10 & 0xFFF) * _size(word), 2)
    if word & 0x3B200000 == 0x38000000:
        return _single(word, _signed(word >> 12 & 0x1FF, 9), word >> 10 & 3 or 2)
    loads = word & 0x3B200C00 == 0x38200800 and word >> 22 & 1
    return OnStack() if loads else None  # somewhere on the stack


def _amount(word: int) -> int:
    amount = (word >> 10 & 0xFFF) << 12 * (word >> 22 & 1)
    return -amount if word >> 30 & 1 else amount


def _size(word: int) -> int:
    """Bytes of one register of LDR or STR."""
    if word >> 26 & 1 and word >> 23 & 1:
        return 16
    return 1 << (word >> 30)


def _single(word: int, step: int, form: int) -> OnStack:
    """LDR, STR and their kin. Forms: SP moves behind the access (1) or before it (3), or stays."""
    span = Span(0 if form == 1 else step, _size(word))
    moves = step if form in (1, 3) else 0
    if word & 0xC4C00000 == 0xC0800000:  # PRFM
        return OnStack()
    loads = word >> 22 & 1 if word >> 26 & 1 else word >> 22 & 3
    return _accessed(word, moves, [(word & 31, span)], bool(loads))


def _pair(word: int) -> OnStack | None:
    """LDP, STP and their kin."""
    vector, option = word >> 26 & 1, word >> 30
    if option == 1 and not vector and not word >> 22 & 1:
        return None  # STGP
    size = 4 << option if vector else 8 if option == 2 else 4
    step = size * _signed(word >> 15 & 0x7F, 7)
    form = word >> 23 & 3
    place = 0 if form == 1 else step
    spans = [(word & 31, Span(place, size)), (word >> 10 & 31, Span(place + size, size))]
    return _accessed(word, step if form in (1, 3) else 0, spans, bool(word >> 22 & 1))


def _accessed(
    word: int, moves: int, spans: list[tuple[int, Span]], loads: bool
) -> OnStack:  # fmt: skip
    if word >> 26 & 1:
        return OnStack(moves, other=() if loads else tuple(span for _, span in spans))
    if loads:
        return OnStack(moves, loads=dict(spans))
    return OnStack(moves, stores={span: register for register, span in spans})


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value
