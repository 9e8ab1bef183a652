"""The strip above a boot's timeline: exception level, MMU, checkpoints, writes and exceptions along
the instructions executed.

A boot is a few busy moments and long loops between them. So the way from one checkpoint to the next
is drawn as wide as the logarithm of its instructions: everything can be seen, order is kept, and
the numbers at the axis say how far it really is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .boot_log import BootLog
from .checks import Check
from .html_parts import STATUS, checkpoint_id, worst
from .html_text import Html, tag

_LEFT, _RIGHT, _WIDTH = 108, 16, 1000
_LANES = ("level", "mmu", "checkpoints", "writes", "exceptions")
_NAMES = {
    "level": "exception level",
    "mmu": "EL1 MMU",
    "checkpoints": "checkpoints",
    "writes": "register writes",
    "exceptions": "exceptions",
}
_TOP, _LANE = 30, 26
_LABEL = 58  # least distance of numbers at the axis
_DOTS = {"good": "held", "bad": "broken", "open": "undecided"}


@dataclass(frozen=True)
class Stop:
    """A checkpoint that fired, with its checks."""

    id: str
    count: int
    checks: Sequence[Check]


class Axis:
    """Instructions to places."""

    def __init__(self, counts: Sequence[int], last: int) -> None:
        self._edges = sorted({0, *counts, last, 1})
        self._at = [0.0]
        for low, high in zip(self._edges, self._edges[1:]):
            self._at.append(self._at[-1] + 0.7 + math.log2(1 + high - low))

    def x(self, count: int) -> float:
        """Where an instruction is, in units of the picture."""
        count = min(max(count, 0), self._edges[-1])
        index = min(bisect_right(self._edges, count), len(self._edges) - 1)
        low, high = self._edges[index - 1], self._edges[index]
        part = (count - low) / (high - low)
        at = self._at[index - 1] + part * (self._at[index] - self._at[index - 1])
        return round(_LEFT + at / self._at[-1] * (_WIDTH - _LEFT - _RIGHT), 2)


def _bands(steps: list[tuple[int, str]], last: int) -> list[tuple[int, int, str]]:
    """(from, to, value) of a value that changes at some counts; without repetitions."""
    kept: list[tuple[int, str]] = []
    for count, value in steps:
        if not kept or kept[-1][1] != value:
            kept.append((count, value))
    ends = [count for count, _value in kept[1:]] + [last]
    return [(count, end, value) for (count, value), end in zip(kept, ends)]


def levels(boot: BootLog) -> list[tuple[int, str]]:
    """The exception level: at the start, and each other one."""
    found: list[tuple[int, str, str]] = []
    for change in boot.changes:
        for field in change.fields:
            if change.register == "PSTATE" and field.name == "EL":
                found.append((change.count, f"EL{field.old}", f"EL{field.new}"))
    for taken in boot.exceptions:
        if taken.source != taken.target:
            found.append((taken.count, f"EL{taken.source}", f"EL{taken.target}"))
    found.sort(key=lambda item: item[0])
    return [(0, found[0][1])] + [(count, new) for count, _old, new in found] if found else []


def mmu(boot: BootLog) -> list[tuple[int, str]]:
    """SCTLR_EL1.M along the boot."""
    found = []
    for change in boot.changes:
        for field in change.fields:
            if change.register == "SCTLR_EL1" and field.name == "M":
                found.append((change.count, field.old != "0", field.new != "0"))
    words = {False: "off", True: "on"}
    return [(0, words[found[0][1]])] + [(c, words[new]) for c, _, new in found] if found else []


def _text(x: float, y: float, words: str, cls: str | None = None, anchor: str = "start") -> Html:
    return tag("text", words, x=x, y=y, cls=cls, text_anchor=anchor)


def _band_lane(bands: list[tuple[int, int, str]], axis: Axis, y: float, words: str) -> list[Html]:
    parts = []
    for low, high, value in bands:
        left, right = axis.x(low), axis.x(high)
        tip = tag("title", f"{words}{value} from instruction {low:,} to {high:,}")
        parts.append(
            tag(
                "rect", tip, cls=value.lower(), x=left, y=y + 4,
                width=round(max(right - left, 1), 2), height=_LANE - 8,
            )  # fmt: skip
        )
        if right - left > 9 * len(value):
            parts.append(_text(round((left + right) / 2, 2), y + 17, value, anchor="middle"))
    return parts


def _checkpoint_lane(stops: Sequence[Stop], axis: Axis, y: float, variant: str) -> list[Html]:
    parts = []
    for stop in stops:
        status = worst(stop.checks)
        tip = tag("title", f"{stop.id}: {STATUS[status][2]}, instruction {stop.count:,}")
        dot = tag(
            "circle", tip, cls=_DOTS[STATUS[status][0]], cx=axis.x(stop.count), cy=y + _LANE / 2,
            r=7 if STATUS[status][0] == "bad" else 4.5,
        )  # fmt: skip
        parts.append(tag("a", dot, href=f"#{checkpoint_id(variant, stop.id)}"))
    return parts


def _ticks(stops: Sequence[Stop], axis: Axis, last: int) -> list[Html]:
    """Numbers at the axis where there is room for them."""
    parts = [_text(_LEFT, 14, "0", "lane", "middle")]
    end = axis.x(last)
    right = _LEFT + _LABEL / 2
    for count in sorted({stop.count for stop in stops}):
        x = axis.x(count)
        if x - right >= _LABEL / 2 and x <= end - _LABEL:
            parts.append(_text(x, 14, f"{count:,}", "lane", "middle"))
            parts.append(tag("line", cls="rule", x1=x, x2=x, y1=18, y2=_TOP))
            right = x + _LABEL / 2
    parts.append(_text(end, 14, f"{last:,}", "lane", "end"))
    return parts


def strip(variant: str, stops: Sequence[Stop], boot: BootLog, last: int) -> Html:
    """The picture; lanes of which nothing is known are left out."""
    axis = Axis([stop.count for stop in stops], last)
    bands = {"level": _bands(levels(boot), last), "mmu": _bands(mmu(boot), last)}
    lanes = [name for name in _LANES if bands.get(name, True)]
    parts = _ticks(stops, axis, last)
    for index, name in enumerate(lanes):
        y = _TOP + index * _LANE
        parts.append(tag("line", cls="rule", x1=0, x2=_WIDTH, y1=y, y2=y))
        parts.append(_text(8, y + 17, _NAMES[name], "lane"))
        if name in bands:
            parts += _band_lane(bands[name], axis, y, "" if name == "level" else "MMU ")
        elif name == "checkpoints":
            parts += _checkpoint_lane(stops, axis, y, variant)
        elif name == "writes":
            for change in boot.changes:
                x = axis.x(change.count)
                tip = tag("title", f"{change.register}, instruction {change.count:,}")
                parts.append(tag("line", tip, cls="write", x1=x, x2=x, y1=y + 5, y2=y + _LANE - 5))
        else:
            for taken in boot.exceptions:
                x = axis.x(taken.count)
                tip = tag("title", f"{taken.kind}, instruction {taken.count:,}")
                path = f"M{x:g} {y + 6}l5 {_LANE - 12}h-10z"
                parts.append(tag("path", tip, cls="taken", d=path))
    height = _TOP + len(lanes) * _LANE + 4
    whole = tag(
        "svg", *parts, cls="strip", viewBox=f"0 0 {_WIDTH} {height}", width=_WIDTH, height=height,
        role="img", aria_label=f"Timeline of {variant}",
    )  # fmt: skip
    return tag("div", whole, cls="picture", tabindex="0")
