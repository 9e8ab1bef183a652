"""System registers along the boot, field by field, and the exceptions taken."""

from __future__ import annotations

from collections.abc import Sequence

from .boot_log import BootLog, Change, ExceptionTaken
from .html_parts import grouped, place, plural, source
from .html_text import Html, Part, code, details, join, section, table, tag
from .results import RunResult

_ARROW = " → "
# What a boot is about; thread and exception registers change with every switch and entry.
_MAIN = ("control", "pstate", "")


def _fields(change: Change) -> Html:
    """Each field that differs, and the whole values."""
    items: list[Part] = []
    for item in change.fields:
        items.append(
            tag("li", code(item.name), " ", code(item.old), _ARROW, tag("b", code(item.new)))
        )
    old = "unknown" if change.old is None else f"{change.old:#x}"
    whole = tag("span", code(old), _ARROW, code(f"{change.new:#x}"), cls="faint")
    if not items:
        return tag("ul", tag("li", whole, cls="whole"), cls="fields")
    return tag("ul", *items, tag("li", whole, cls="whole"), cls="fields")


def changes_table(changes: Sequence[Change]) -> Html:
    """Changes in order."""
    rows = [
        [
            grouped(change.count),
            code(change.register),
            _fields(change),
            join([code(change.where.instruction), tag("br"), place_of(change)]),
        ]
        for change in changes
    ]
    return table(["instruction", "register", "field: old → new", "by"], rows, numbers=(0,))


def place_of(change: Change) -> Html:
    """Symbol and source of the writer."""
    where = change.where
    parts: list[Part] = [code(where.symbol or f"{where.pc:#x}", "faint"), source(where)]
    return join([part for part in parts if part], " ")


def exceptions_table(exceptions: Sequence[ExceptionTaken]) -> Html:
    """Exceptions in order."""
    rows = []
    for taken in exceptions:
        known = tag("span", "announced", cls="badge good")
        if not taken.announced:
            known = tag("span", "not announced", cls="badge bad")
        rows.append(
            [
                grouped(taken.count),
                code(taken.kind),
                f"EL{taken.source} → EL{taken.target}",
                code(taken.decoded) if taken.decoded else tag("span", "none", cls="faint"),
                place(taken.where),
                code(f"{taken.far:#x}") if taken.far is not None else tag("span", "–", cls="faint"),
                known,
            ]
        )
    head = ["instruction", "class", "level", "ESR", "returns to (ELR)", "FAR", "pack"]
    return table(head, rows, numbers=(0,))


def _cut(boot: BootLog, exceptions: bool) -> Part:
    """What the engine had no room for."""
    cut = {name: n for name, n in boot.cut.items() if (name == "exceptions") == exceptions}
    if not cut:
        return None
    words = ", ".join(f"{name}: {grouped(number)}" for name, number in cut.items())
    return tag("p", f"Cut, later ones were counted only: {words}.", cls="open small")


def registers_section(run: RunResult) -> Html:
    """The section of the changes."""
    parts: list[Part] = []
    for result in run.variants:
        boot = result.boot
        parts.append(tag("h3", result.machine.variant))
        main = [change for change in boot.changes if change.kind in _MAIN]
        others = [change for change in boot.changes if change.kind not in _MAIN]
        if not boot.changes:
            parts.append(tag("p", "No change was seen: the run was not stepped.", cls="faint"))
        if main:
            parts.append(changes_table(main))
        if others:
            words = f"{plural(len(others), 'change')} of thread and exception registers"
            parts.append(details(words, changes_table(others), cls="fold"))
        parts.append(_cut(boot, exceptions=False))
    note = "each instruction that changed one, with the fields that differ"
    return section("registers", "System registers", *parts, note=note)


def exceptions_section(run: RunResult) -> Html:
    """The section of the exceptions taken while stepping."""
    parts: list[Part] = []
    for result in run.variants:
        parts.append(tag("h3", result.machine.variant))
        if result.boot.exceptions:
            parts.append(exceptions_table(result.boot.exceptions))
        else:
            parts.append(tag("p", "None was taken while stepping.", cls="faint"))
        parts.append(_cut(result.boot, exceptions=True))
    note = "as stepped; the fault gate below counts those of the free run"
    return section("exceptions", "Exceptions taken", *parts, note=note)
