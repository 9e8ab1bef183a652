"""HTML by construction: text is escaped when it becomes a part of an element, always.

`Html` is what is markup already; every other string is somebody's text (a symbol, a console line, a
file name), and becomes harmless and visible on its way in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_VOID = {"br", "hr", "meta", "link", "input"}
# Control characters, what turns the direction of writing, and halves of a surrogate pair.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_WORD_END = re.compile(r"(?<=[/_.])(?=[A-Za-z0-9])")


class Html(str):
    """Markup: goes into a page as it is."""


Part = str | None


def _visible(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x20:
        return chr(0x2400 + number)  # a picture of it: ␛
    if number == 0x7F:
        return "\u2421"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def shown(words: str) -> str:
    """The text with everything in it visible, and nothing that UTF-8 cannot hold."""
    return _UNSEEN.sub(_visible, words)


def text(value: Part) -> Html:
    """Somebody's text as markup; markup as it is."""
    if value is None:
        return Html("")
    if isinstance(value, Html):
        return value
    return Html(escape(shown(value)))


def join(parts: Iterable[Part], between: str = "") -> Html:
    """Parts in a row."""
    return Html(text(between).join(text(part) for part in parts))


def tag(element: str, *children: Part, **attributes: str | int | float | None) -> Html:
    """An element. Attributes: `cls` is class, `_` in a name becomes `-`, None leaves one out, "" is
    one without a value."""
    words = []
    for key, value in attributes.items():
        if value is None:
            continue
        key = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
        word = f"{value:g}" if isinstance(value, float) else shown(str(value))
        words.append(f' {key}="{escape(word)}"' if word else f" {key}")
    opened = f"<{element}{''.join(words)}>"
    if element in _VOID:
        return Html(opened)
    return Html(f"{opened}{join(children)}</{element}>")


def code(value: str, cls: str | None = None) -> Html:
    """Names, addresses and instructions; long names may wrap behind `/`, `_` and `.`."""
    wrapped = _WORD_END.sub("\u200b", shown(value)) if len(value) > 24 else shown(value)
    return tag("code", Html(escape(wrapped).replace("\u200b", "<wbr>")), cls=cls)


def anchor(*names: str) -> str:
    """The id of an element: the same names give the same id, which is what links from elsewhere
    rely on."""
    return ".".join(re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "-" for name in names)


def table(
    head: Sequence[Part],
    rows: Iterable[Sequence[Part]],
    cls: str | None = None,
    numbers: Sequence[int] = (),
) -> Html:
    """A table in a box of its own that scrolls; `numbers` are the columns to align right."""

    def cell(name: str, column: int, value: Part) -> Html:
        return tag(name, value, cls="num" if column in numbers else None, scope="col"
                   if name == "th" else None)  # fmt: skip

    body = [tag("tr", *(cell("td", i, value) for i, value in enumerate(row))) for row in rows]
    top = tag("thead", tag("tr", *(cell("th", i, value) for i, value in enumerate(head))))
    whole = tag("table", top, tag("tbody", join(body, "\n")), cls=cls)
    return tag("div", whole, cls="scroll", tabindex="0")


def pairs(rows: Iterable[tuple[Part, Part]]) -> Html:
    """Names and what they are; empty ones are left out."""
    return tag(
        "dl", *(join([tag("dt", name), tag("dd", value)]) for name, value in rows if value)
    )  # fmt: skip


def details(summary: Part, *children: Part, open_: bool = False, **attributes: str | None) -> Html:
    """Something to unfold, without a script."""
    return tag(
        "details", tag("summary", summary), *children, open="" if open_ else None, **attributes
    )  # fmt: skip


def section(name: str, title: str, *children: Part, note: Part = None) -> Html:
    """A part of the page."""
    head = tag("h2", title, note and tag("span", note, cls="note"))
    return tag("section", head, *children, id=name)
