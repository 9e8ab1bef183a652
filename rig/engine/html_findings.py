"""Findings: what is broken or could not be judged, with the evidence and the way back to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .checks import FAIL, PASS, WAIVED, Check
from .html_parts import badge, finding_id, lines_of, place, plural, source_lines
from .html_environment import replay_words
from .html_text import Html, Part, code, details, join, pairs, section, table, tag, text
from .order_check import where_of
from .results import RunResult, VariantResult
from .source_files import SourceFiles

_MOST = 200  # findings in full; more are a table
_OPEN = 12  # unfolded


def findings_of(run: RunResult) -> list[Check]:
    """Everything that is neither held nor waived: broken ones first, in the order of the run."""
    checks = [check for check in run.checks() if check.status not in (PASS, WAIVED)]
    return sorted(checks, key=lambda check: check.status != FAIL)


def reopen_words(run: RunResult, check: Check) -> list[tuple[str, str]]:
    """What opens gdb where a check was judged: titles and commands, as far as there are any."""
    found = []
    if run.reopen and check.count:
        words = f"{run.reopen} --variant {check.variant} --at-count {check.count}"
        found.append(("Open gdb there", words))
    words = replay_words(run, check.variant)
    if words:
        found.append(("Open the recorded run, to step backwards", words))
    return found


def _value(check: Check, words: str) -> Part:
    """Expected or actual: values for the rules that are expressions, sentences for others."""
    if not words:
        return None
    return code(words) if check.kind in ("expect", "invariant") else text(words)


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
        fix = check.expected if ends is not None or check.kind == "address-space" else ""
        after = check.where.instruction if check.where and ends is None else ""
        facts: list[tuple[Part, Part]] = [
            ("expected", None if fix else _value(check, check.expected)),
            ("actual" if ends is None else "missing", _value(check, check.actual)),
            ("to do", fix or None),
            ("at", None if ends is not None or check.where is None else place(check.where)),
            ("after", code(after) if after else None),
            ("why", check.why),
            ("manual", check.spec),
        ]
        if check.count:
            facts.append(("executed", plural(check.count, "instruction")))
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
        for title, words in reopen_words(self._run, check):
            parts.append(join([tag("h4", title), tag("pre", words, cls="wrap")]))
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
        words = tag("p", code(check.text) if check.kind == "expect" else check.text)
        if not unfolded:
            return tag("article", title, details(words, self.body(check, False)), cls=f"card {cls}",
                       id=name)  # fmt: skip
        return tag("article", title, words, self.body(check), cls=f"card {cls}", id=name)


def first_broken(run: RunResult, sources: SourceFiles) -> Part:
    """The rule that was met first, in full, on top of the page."""
    first = run.first_failed()
    if first is None:
        return None
    card = Findings(run, sources).card(first, unfolded=True)
    return section("first", "First broken rule", card)


def findings_section(run: RunResult, sources: SourceFiles) -> Html:
    """The section of all findings."""
    found, first = findings_of(run), run.first_failed()
    errors = [
        tag("p", tag("b", f"{result.machine.variant}, {phase.name}: "), phase.error, cls="open")
        for result in run.variants
        for phase in result.phases
        if phase.error
    ]
    if not found:
        words = "None: every check held." if run.checks() else "Nothing was checked."
        return section("findings", "Findings", *errors, tag("p", words))
    above: Part = None
    if first is not None:
        found.remove(first)
        link = tag("a", code(first.id), href=f"#{finding_id(first)}")
        others = f"; {plural(len(found), 'other')}:" if found else ", and nothing else."
        above = tag("p", "The first, ", link, f" ({first.variant}), is above{others}")
    show = Findings(run, sources)
    # Beside broken rules, what was not judged is mostly their consequence.
    main = FAIL if first is not None else found[0].status if found else ""
    cards = [
        show.card(check, index < _OPEN and check.status == main)
        for index, check in enumerate(found[:_MOST])
    ]
    more: Part = None
    if len(found) > _MOST:
        rows = [
            [tag("span", code(check.id), id=finding_id(check)), check.variant, check.text]
            for check in found[_MOST:]
        ]
        more = details(
            f"{len(rows):,} more, without evidence", table(["check", "variant", "text"], rows),
            cls="fold",
        )  # fmt: skip
    return section("findings", "Findings", *errors, above, join(cards, "\n"), more)
