"""The boot as a list of checkpoints: where each fired, what held there, what changed on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from .boot_log import Change, ExceptionTaken
from .checks import PASS, WAIVED, Check, Where
from .html_axis import Stop, strip
from .html_parts import checkpoint_id, finding_id, grouped, place, plural, sign, source, worst
from .html_registers import changes_table, exceptions_table
from .html_text import Html, Part, code, join, section, tag
from .results import RunResult, VariantResult


_MOST = 500  # checkpoints of a variant


@dataclass
class _Row:
    """One checkpoint and the way to it."""

    id: str
    reached: Check
    checks: list[Check] = field(default_factory=list)  # reached, expectations, the way
    changes: list[Change] = field(default_factory=list)
    exceptions: list[ExceptionTaken] = field(default_factory=list)
    instructions: int = 0  # since the one before


def _fired(check: Check) -> bool:
    """Was the checkpoint reached (in order or not)?"""
    return check.text.startswith("reached")


def rows_of(result: VariantResult) -> list[_Row]:
    """The checkpoints that fired, in the order in which they did."""
    rows: list[_Row] = []
    way: list[Check] = []
    for check in result.checks:
        if check.kind == "transition" and check.count:
            way.append(check)
        elif check.kind == "reached" and _fired(check):
            rows.append(_Row(check.rule, check, [check, *way]))
            way = []
        elif check.kind == "expect" and rows and check.rule == rows[-1].id:
            rows[-1].checks.append(check)
    before = 0
    changes, exceptions = list(result.boot.changes), list(result.boot.exceptions)
    for row in rows:
        count = row.reached.count
        row.instructions, before = count - before, count
        row.changes = [change for change in changes if change.count <= count]
        row.exceptions = [taken for taken in exceptions if taken.count <= count]
        del changes[: len(row.changes)], exceptions[: len(row.exceptions)]
    return rows


def _expectations(row: _Row) -> Html:
    items = []
    for check in row.checks:
        words: Part = code(check.text) if check.kind == "expect" else check.text
        if check.status not in (PASS, WAIVED):
            words = tag("a", words, href=f"#{finding_id(check)}")
        items.append(tag("li", tag("span", sign(check.status), cls="tick"), words))
    return tag("ul", join(items, "\n"), cls="list small")


def _inside(row: _Row) -> Html:
    check = row.reached
    after = check.where.instruction if check.where else ""
    parts: list[Part] = [
        tag("p", check.why, tag("span", f" ({check.spec})", cls="faint") if check.spec else None),
        tag(
            "p", place(check.where), join([" after ", code(after)]) if after else None, cls="small"
        ),
        _expectations(row),
    ]
    if row.changes:
        parts += [tag("h4", "Registers changed on the way"), changes_table(row.changes)]
    if row.exceptions:
        parts += [tag("h4", "Exceptions taken on the way"), exceptions_table(row.exceptions)]
    return tag("div", *parts, cls="inside")


def _step(row: _Row, number: int, variant: str) -> Html:
    held = sum(check.status == PASS for check in row.checks)
    where = row.reached.where or Where(0)
    symbol = code(where.symbol) if where.symbol else tag("span", "no symbol", cls="faint")
    summary = tag(
        "summary",
        sign(worst(row.checks)),
        tag("span", str(number), cls="faint num"),
        tag("span", row.id, cls="name"),
        tag("span", grouped(row.reached.count), cls="count mono",
            title=f"{plural(row.instructions, 'instruction')} since the checkpoint before"),
        tag("span", f"{where.pc:#x}", cls="pc mono faint"),
        tag("span", symbol, " ", source(where), cls="place"),
        tag("span", f"{held}/{len(row.checks)}", cls="held faint"),
    )  # fmt: skip
    red = worst(row.checks) != PASS
    return tag(
        "details", summary, _inside(row), cls="step", id=checkpoint_id(variant, row.id),
        open="" if red else None,
    )  # fmt: skip


def _missing(result: VariantResult) -> Part:
    """Checkpoints that were not reached."""
    missing = [
        check
        for check in result.checks
        if check.kind == "reached" and check.status != WAIVED and not _fired(check)
    ]
    if not missing:
        return None
    items = [
        tag("li", tag("span", sign(check.status), cls="tick"),
            tag("a", check.rule, href=f"#{finding_id(check)}"))
        for check in missing
    ]  # fmt: skip
    title = tag("h4", f"Not reached: {len(missing)}")
    return join([title, tag("ul", *items, cls="list small")])


def _of(result: VariantResult) -> Html:
    name = result.machine.variant
    phase = next((phase for phase in result.phases if phase.name == "step"), None)
    rows = rows_of(result)
    if phase is None:
        return tag("p", tag("b", name), ": not stepped in this run.")
    last = max([phase.stepped + phase.run_over, *(row.reached.count for row in rows)])
    rate = f", {phase.stepped / phase.seconds:,.0f} steps/s" if phase.seconds else ""
    note = (
        f"{grouped(phase.stepped)} instructions stepped, {grouped(phase.run_over)} run over in "
        f"loops stepped before{rate}: {phase.reason or 'failed'}"
    )
    parts: list[Part] = [tag("h3", name, tag("span", result.machine.describe(), cls="note"))]
    parts.append(tag("p", note, cls="small faint"))
    if phase.error:
        parts.append(tag("p", phase.error, cls="open"))
    if rows:
        stops = [Stop(row.id, row.reached.count, row.checks) for row in rows[:_MOST]]
        parts.append(strip(name, stops, result.boot, last))
        steps = [_step(row, number, name) for number, row in enumerate(rows[:_MOST], 1)]
        parts.append(tag("div", join(steps, "\n"), cls="steps"))
    if len(rows) > _MOST:
        parts.append(tag("p", f"and {len(rows) - _MOST} more checkpoints", cls="open"))
    return join([*parts, _missing(result)])


def timeline_section(run: RunResult) -> Html:
    """The section."""
    note = "each row unfolds: what held, and what changed on the way"
    help_ = tag(
        "p",
        "The strip is as wide between two checkpoints as the logarithm of the instructions between "
        "them; the numbers count all instructions executed.",
        cls="small faint",
    )
    return section("timeline", "Timeline", help_, *(_of(v) for v in run.variants), note=note)
