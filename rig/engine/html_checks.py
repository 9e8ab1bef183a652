"""Every check of a run by its kind, the waived rules, and what was noted besides."""

from __future__ import annotations

from .checks import PASS, WAIVED, Check
from .html_parts import finding_id, plural, sign, worst
from .html_text import Html, Part, code, details, join, section, table, tag
from .results import RunResult, VariantResult

_MOST = 2000  # of a kind
_KINDS = {
    "reached": "checkpoints reached, in order",
    "expect": "expectations at checkpoints",
    "transition": "transitions: what changed between checkpoints",
    "invariant": "invariants: what held after each instruction",
    "exception": "exceptions announced",
    "marker": "console lines",
    "end": "the run's end",
    "fault": "fault gate",
    "ordering": "ordering rules",
    "address-space": "address spaces",
}


def _row(check: Check) -> list[Part]:
    name: Part = code(check.id)
    if check.status not in (PASS, WAIVED):
        name = tag("a", name, href=f"#{finding_id(check)}")
    text = code(check.text) if check.kind in ("expect", "invariant") else check.text
    return [sign(check.status), name, text]


def _of(result: VariantResult) -> Html:
    parts: list[Part] = [tag("h3", result.machine.variant)]
    kinds = list(dict.fromkeys(check.kind for check in result.checks))
    for kind in kinds:
        checks = [check for check in result.checks if check.kind == kind]
        held = sum(check.status == PASS for check in checks)
        title = join(
            [sign(worst(checks)), f" {_KINDS.get(kind, kind)}: {held} of {len(checks)} held"]
        )
        rows = [_row(check) for check in checks[:_MOST]]
        if len(checks) > _MOST:
            rows.append(["", f"and {len(checks) - _MOST} more", ""])
        parts.append(details(title, table(["", "check", "what"], rows), cls="fold"))
    if not result.checks:
        parts.append(tag("p", "Nothing was checked.", cls="open"))
    notes = [note for phase in result.phases for note in phase.notes]
    if notes:
        items = [tag("li", note) for note in notes]
        parts.append(details(plural(len(notes), "note"), tag("ul", *items), cls="fold"))
    return join(parts)


def checks_section(run: RunResult) -> Html:
    """The section of all checks."""
    return section("checks", "All checks", *(_of(result) for result in run.variants))


def waived_section(run: RunResult) -> Html:
    """The section of the rules that a pack waives, each with its reason."""
    if not run.waived:
        words = "No rule of the pack is waived."
        return section("waived", "Waived rules", tag("p", words))
    rows: list[list[Part]] = [
        [code(str(item["rule"])), code(str(item["at"])) if "at" in item else "everywhere",
         str(item.get("why", ""))]
        for item in run.waived
    ]  # fmt: skip
    return section("waived", "Waived rules", table(["rule", "at", "why"], rows))
