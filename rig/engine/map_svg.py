"""A picture of an address space: both halves beside each other, a box for each range.

Heights grow with the logarithm of the size, so that a page and a gigabyte are both seen. Colours
tell the rights (in words in each box, too); the picture follows the reader's dark or light.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _COLUMN, _GAP, _TOP = 1180, 560, 20, 96
_LEAST, _PER_BIT, _SPACE = 34, 1.6, 10  # of a box: least height, more for each doubling, gap
_NAME = 52  # characters of a name that fit
_SHOWN = 60  # boxes of a half; more are told as a count
_CLASSES = {
    "wx": "writable and executable",
    "x": "executable",
    "w": "writable",
    "r": "read-only",
    "device": "device",
    "user": "open to EL0",
    "none": "no access, or not readable",
}
STYLE = """
  .map .page{fill:#fff}.map .text{fill:#1b1f24}.map .faint{fill:#464f58}.map .line{stroke:#8c959f}
  .map .wx{fill:#ffaeae}.map .x{fill:#aceebb}.map .w{fill:#b6d7ff}.map .r{fill:#e7ecf0}
  .map .device{fill:#ffe8a3}.map .none{fill:#fff}.map .user{fill:#e3c8ff}
  @media (prefers-color-scheme: dark){
  .map .page{fill:#0d1117}.map .text{fill:#e6edf3}.map .faint{fill:#cdd4dc}.map .line{stroke:#6e7681}
  .map .wx{fill:#8e1519}.map .x{fill:#1b5e34}.map .w{fill:#11407a}.map .r{fill:#2a313c}
  .map .device{fill:#6b4a00}.map .none{fill:#0d1117}.map .user{fill:#4c2889}}
  .map text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px}
  .map .title{font-size:16px;font-weight:600}.map .head{font-size:13px;font-weight:600}
"""


def _kind(entry: Mapping[str, Any]) -> str:
    both = entry["el1"] + entry["el0"]
    if entry["pa"] is None:
        return "none"
    if not str(entry["memory"]).startswith("Normal"):
        return "device"
    if "w" in both and "x" in both:
        return "wx"
    if entry["el0"] != "---":
        return "user"
    return next((word for word in ("x", "w", "r") if word in both), "none")


def size_words(size: int) -> str:
    """64 KiB, 2 MiB, …"""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    unit = min((size.bit_length() - 1) // 10, len(units) - 1) if size else 0
    text = f"{size / (1 << 10 * unit):.1f}".removesuffix(".0")
    return f"{text} {units[unit]}"


def _height(size: int) -> float:
    return _LEAST + _PER_BIT * max(math.log2(size) - 12, 0)


def _text(x: float, y: float, words: str, style: str = "text", anchor: str = "start") -> str:
    return (
        f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def _fitted(words: str, length: int) -> str:
    return words if len(words) <= length else words[: length - 1] + "…"


def _box(entry: Mapping[str, Any], x: float, y: float, height: float, level: str) -> list[str]:
    first, last = int(entry["first"], 16), int(entry["last"], 16)
    rights = f"{level} {entry['el1']}"
    rights += f"  EL0 {entry['el0']}" if level == "EL1" else ""
    details = f"{rights}  {entry['memory'] or entry['status']}"
    leads = f"-> {int(entry['pa'], 16):x}" if entry["pa"] is not None else "-> ?"
    name = f"{entry['name']}"
    tip = f"{first:#x} .. {last:#x} {leads}\n{details}\n{name}"
    return [
        f'<g><title>{escape(tip)}</title><rect class="{_kind(entry)} line" x="{x:g}" y="{y:g}" '
        f'width="{_COLUMN}" height="{height:g}" rx="3"/>',
        _text(x + 8, y + 14, f"{first:016x}"),
        _text(x + 140, y + 14, _fitted(name, _NAME)),
        _text(x + _COLUMN - 8, y + 14, size_words(last - first + 1), anchor="end"),
        _text(x + 8, y + 29, _fitted(details, _NAME), "faint"),
        _text(x + _COLUMN - 8, y + 29, leads, "faint", "end"),
        "</g>",
    ]


def _half(
    half: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], x: float, level: str
) -> tuple[list[str], float]:
    """The parts of a half from the top down, highest address first, and where they end."""
    head = f"{half['name']} half: {half['first']} .. {half['last']}"
    state = f"root {half['root']}" if half["used"] else half["problem"] or "not translated"
    parts = [_text(x, _TOP - 26, head, "text head"), _text(x, _TOP - 9, state, "faint")]
    y: float = _TOP
    shown = list(reversed(entries))[:_SHOWN]
    before: int | None = None
    for entry in shown:
        if before is not None and int(entry["last"], 16) + 1 != before:
            parts.append(
                f'<line class="line" stroke-dasharray="2 3" x1="{x + 8}" x2="{x + _COLUMN - 8}" '
                f'y1="{y - _SPACE / 2:g}" y2="{y - _SPACE / 2:g}"/>'
            )
        height = _height(int(entry["size"]))
        parts += _box(entry, x, y, height, level)
        y += height + _SPACE
        before = int(entry["first"], 16)
    if len(entries) > _SHOWN:
        parts.append(_text(x + 8, y + 14, f"and {len(entries) - _SHOWN} more", "faint"))
        y += 24
    if not entries:
        parts.append(_text(x + 8, y + 14, "nothing is mapped", "faint"))
        y += 24
    return parts, y


def _legend(y: float) -> list[str]:
    parts, x = [], 20.0
    for kind, words in _CLASSES.items():
        parts.append(
            f'<rect class="{kind} line" x="{x:g}" y="{y:g}" width="14" height="14" rx="2"/>'
        )
        parts.append(_text(x + 20, y + 12, words, "faint"))
        x += 44 + 7.4 * len(words)
    return parts


def svg(data: Mapping[str, Any]) -> str:
    """The picture of a map (`rig-map-1`), as a file."""
    return f"{drawing(data)}\n"


def drawing(data: Mapping[str, Any], style: bool = True) -> str:
    """The picture as an element of a page; a page with many needs STYLE once."""
    made = data["made"]
    level = "EL2" if data["regime"] == "EL2" else "EL1"
    title = f"{made.get('guest', '')} at {made.get('checkpoint', '')} ({made.get('variant', '')})"
    parts: list[str] = []
    bottom = float(_TOP)
    for index, half in enumerate(data["halves"]):
        entries = [entry for entry in data["entries"] if entry["half"] == half["name"]]
        drawn, end = _half(half, entries, 20 + index * (_COLUMN + _GAP), level)
        parts += drawn
        bottom = max(bottom, end)
    height = bottom + 40
    return "\n".join(
        [
            '<svg class="map" xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {_WIDTH} {height:g}" '
            f'width="{_WIDTH}" height="{height:g}" role="img">',
            f"<title>{escape(title)}: {escape(str(data['regime']))}</title>",
            *([f"<style>{STYLE}</style>"] if style else []),
            f'<rect class="page" width="{_WIDTH}" height="{height:g}"/>',
            _text(20, 30, f"{title}: the {data['regime']} regime", "text title"),
            *parts,
            *_legend(height - 24),
            "</svg>",
        ]
    )
