"""Findings: what is broken or could not be judged, with the evidence and the way back to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .checks import FAIL, PASS, WAIVED, Check
from .html_parts import badge, finding_id, grouped, lines_of, place, source_lines
from .html_text import Html, Part, code, details, join, pairs, section, table, tag
from .order_check import where_of
from .results import RunResult, VariantResult
from .source_files import SourceFiles

_MOST = 200  # findings in full; more are a table
_OPEN = 12  # unfolded


def findings_of(run: RunResult) -> list[Check]:
    """Everything that is neither held nor waived: broken ones first, in the order of the run."""
    checks = [check for check in run.checks() if check.status not in (PASS, WAIVED)]
    return sorted(checks, key=lambda check: check.status != FAIL)


def reopen_words(run: RunResult, check: Check) -> str:
    """The command that opens gdb where a check was judged; "" when there is no such place."""
    if not run.reopen or not check.count:
        return ""
    return f"{run.reopen} --variant {check.variant} --at-count {check.count}"


def _both_ends(result: VariantResult) -> dict[str, Mapping[str, Any]]:
    """The ordering findings by the ids that their checks have."""
    ends: dict[str, Mapping[str, Any]] = {}
    numbers: dict[str, int] = {}
    for finding in (result.order or {}).get("findings", []):
        if finding["level"] == "error":
            rule = finding["rule"]
            numbers[rule] = numbers.get(rule, 0) + 1
            ends[f"ordering.{rule}.{numbers[rule]}"] = finding
    return ends


class Findings:
    """Shows findings of a run."""

    def __init__(self, run: RunResult, sources: SourceFiles) -> None:
        self._run = run
        self._sources = sources
        self._ends = {
            (result.machine.variant, name): finding
            for result in run.variants
            for name, finding in _both_ends(result).items()
        }

    def body(self, check: Check, unfolded: bool = True) -> Html:
        """The evidence of one finding."""
        ends = self._ends.get((check.variant, check.id))
        fix = check.expected if ends is not None else ""
        after = check.where.instruction if check.where and ends is None else ""
        facts: list[tuple[Part, Part]] = [
            ("expected", None if fix or not check.expected else code(check.expected)),
            ("actual" if ends is None else "missing", check.actual and code(check.actual)),
            ("to do", fix or None),
            ("at", None if ends is not None or check.where is None else place(check.where)),
            ("after", code(after) if after else None),
            ("why", check.why),
            ("manual", check.spec),
        ]
        if check.count:
            facts.append(("instruction", grouped(check.count)))
        parts: list[Part] = [pairs(facts)]
        if ends is not None:
            parts.append(self._two_ends(ends))
        else:
            parts.append(self._details(check))
            parts.append(source_lines(self._sources, check.where))
        if check.history:
            title = f"The last {len(check.history)} instructions"
            lines = lines_of(
                "number, PC, symbol, instruction, source", check.history, len(check.history) - 1
            )
            parts.append(details(title, lines, cls="fold", open_=unfolded))
        words = reopen_words(self._run, check)
        if words:
            parts.append(join([tag("h4", "Open gdb there"), tag("pre", words, cls="wrap")]))
        return join(parts)

    @staticmethod
    def _details(check: Check) -> Part:
        if not check.details:
            return None
        return join([tag("h4", "Details"), tag("pre", "\n".join(check.details), cls="wrap")])

    def _two_ends(self, finding: Mapping[str, Any]) -> Html:
        """An ordering finding: the write, and who depends on it."""
        columns = []
        for name, title in (("write", "The write"), ("consumer", "What depends on it")):
            end = finding[name]
            where = where_of(end)
            facts: list[tuple[Part, Part]] = [
                ("at", place(where)),
                ("instruction", code(where.instruction) if where.instruction else None),
                ("address", code(str(end["address"])) if end.get("address") else None),
                ("event", f"{end.get('event', '?')}, CPU {end.get('cpu', 0)}"),
            ]
            shown = (finding.get("disassembly") or {}).get(name) or []
            columns.append(
                tag("div", tag("h4", title), pairs(facts), source_lines(self._sources, where),
                    lines_of("Disassembly", shown))
            )  # fmt: skip
        detail = tag("p", finding["detail"]) if finding.get("detail") else None
        return join([detail, tag("div", *columns, cls="two")])

    def card(self, check: Check, unfolded: bool) -> Html:
        """One finding, with an anchor to link to."""
        name = finding_id(check)
        cls = "bad" if check.status == FAIL else "open"
        title = tag(
            "h3", badge(check.status), tag("a", code(check.id), href=f"#{name}"),
            tag("span", f"{check.kind}, {check.variant}", cls="note"),
        )  # fmt: skip
        text = code(check.text) if check.kind == "expect" else check.text
        words: Part = tag("p", text)
        if not unfolded:
            return tag("article", title, details(words, self.body(check, False)), cls=f"card {cls}",
                       id=name)  # fmt: skip
        return tag("article", title, words, self.body(check), cls=f"card {cls}", id=name)


def first_broken(run: RunResult, sources: SourceFiles) -> Part:
    """The rule that was met first, in full, on top of the page."""
    first = run.first_failed()
    if first is None:
        return None
    title = tag("p", tag("b", code(first.rule)), f" ({first.kind}, {first.variant}): ",
                code(first.text) if first.kind == "expect" else first.text)  # fmt: skip
    card = tag("div", title, Findings(run, sources).body(first), cls="card bad")
    return section("first", "First broken rule", card)


def findings(run: RunResult, sources: SourceFiles) -> Html:
    """The section of all findings."""
    found = findings_of(run)
    errors = [
        tag("p", tag("b", f"{result.machine.variant}, {phase.name}: "), phase.error, cls="open")
        for result in run.variants
        for phase in result.phases
        if phase.error
    ]
    if not found:
        return section("findings", "Findings", *errors, tag("p", "None: every check held."))
    show = Findings(run, sources)
    cards = [show.card(check, index < _OPEN) for index, check in enumerate(found[:_MOST])]
    more: Part = None
    if len(found) > _MOST:
        rows = [[code(c.id), c.variant, c.text] for c in found[_MOST:]]
        more = details(
            f"{len(rows)} more, without evidence", table(["check", "variant", "text"], rows),
            cls="fold",
        )  # fmt: skip
    return section("findings", "Findings", *errors, join(cards, "\n"), more)
