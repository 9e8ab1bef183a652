"""The address spaces at each snapshot that was judged: a picture, and the same in plain words."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from .errors import RigError, Exit
from .html_parts import sign, worst
from .html_text import Html, Part, anchor, details, join, section, tag
from .map_svg import drawing
from .results import MapTaken, RunResult, VariantResult
from .rig_trace import call


def _read(taken: MapTaken, elf: str, room: Path) -> tuple[dict[str, Any] | None, str]:
    """(the map, its words); (None, why) when it cannot be made."""
    out = room / "map.json"
    words = ["map", str(taken.snapshot), "--spec", str(taken.spec), "--json", str(out)]
    try:
        _code, said = call(words, Path(elf) if elf else None, room / "map.out", (Exit.HELD,))
        data: dict[str, Any] = json.loads(out.read_text("utf-8"))
    except (RigError, OSError, ValueError) as error:
        return None, f"no map: {error}"
    return data, said


def _map(taken: MapTaken, result: VariantResult, elf: str, room: Path) -> Html:
    variant = result.machine.variant
    name = anchor("map", variant, taken.entry)
    data, said = _read(taken, elf, room)
    checks = [check for check in result.checks if check.id.startswith(f"{taken.entry}.")]
    title = join(
        [sign(worst(checks)) if checks else None, f" {variant} at {taken.at}",
         tag("span", f" {taken.entry}", cls="faint")]
    )  # fmt: skip
    if data is None:
        return details(title, tag("p", said, cls="open"), cls="fold", id=name)
    picture = tag("div", Html(drawing(data, style=False)), cls="picture", tabindex="0")
    words = details("The same in words", tag("pre", said.rstrip("\n"), tabindex="0"), cls="fold")
    return details(title, picture, words, cls="fold", id=name)


def maps_section(run: RunResult) -> Html:
    """The section."""
    parts: list[Part] = []
    room = Path(tempfile.mkdtemp(prefix="rig-html-"))
    try:
        for result in run.variants:
            for taken in result.maps:
                parts.append(_map(taken, result, str(run.elf.get("path", "")), room))
    finally:
        shutil.rmtree(room, ignore_errors=True)
    if not parts:
        parts.append(tag("p", "No snapshot was taken in this run.", cls="faint"))
    note = "what is mapped at each snapshot, and with which rights"
    return section("maps", "Address spaces", *parts, note=note)
