"""The fault gate's table: what the pack allows, what was counted, what no rule allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .html_parts import grouped, sign
from .html_text import Html, Part, code, join, section, table, tag
from .results import RunResult, VariantResult

_STATUS = {"held": "pass", "broken": "fail", "undecided": "error", "not-judged": "not-judged"}
_SITES = 200


def _budget(rule: Mapping[str, Any]) -> str:
    least, most = rule["min"], rule["max"]
    if rule["kind"] == "deny":
        return "none"
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"


def _rules(gate: Mapping[str, Any]) -> Html:
    rows: list[list[Part]] = []
    for rule in gate["rules_judged"]:
        if rule["verdict"] == "other-variant":
            continue
        rows.append(
            [
                sign(_STATUS.get(rule["verdict"], "error")),
                code(rule["id"]),
                rule["kind"],
                _budget(rule),
                grouped(rule["counted"]),
                rule["why"] or "",
            ]
        )
    return table(["", "rule", "kind", "allowed", "counted", "why"], rows, numbers=(4,))


def _site(site: Mapping[str, Any]) -> list[Part]:
    where = [code(str(site[key])) for key in ("elr", "elr_symbol", "elr_source") if site.get(key)]
    by: Part = code(site["rule"]) if site.get("rule") else tag("span", "–", cls="faint")
    if site["denied"]:
        by = tag("span", f"{grouped(site['denied'])} denied", cls="badge bad")
    return [
        grouped(site["count"]),
        code(site["class"]),
        f"{site['from']} → {site['to']}",
        site.get("esr_text") or tag("span", "–", cls="faint"),
        join(where, " ") if where else tag("span", "–", cls="faint"),
        code(str(site["far_min"])) if site.get("far_min") else tag("span", "–", cls="faint"),
        by,
    ]


def _of(result: VariantResult) -> Html:
    gate = result.gate
    parts: list[Part] = [tag("h3", result.machine.variant)]
    if not gate:
        words = (
            "No exception log was judged: the pack has no faults section, or no free run was made."
        )
        return join([*parts, tag("p", words, cls="faint")])
    parts.append(_rules(gate))
    sites = gate["sites"]
    if sites:
        head = ["count", "class", "level", "syndrome", "ELR", "FAR", "by"]
        parts += [tag("h4", "Observed"), table(head, map(_site, sites[:_SITES]), numbers=(0,))]
    if len(sites) > _SITES:
        parts.append(tag("p", f"and {len(sites) - _SITES} more sites", cls="faint"))
    messages = gate["messages"]
    if messages:
        rows: list[list[Part]] = [
            [grouped(m["count"]), code(m["text"]),
             tag("span", "denied", cls="badge bad") if m["denied"] else ""]
            for m in messages[:_SITES]
        ]  # fmt: skip
        parts += [tag("h4", "QEMU's messages"), table(["count", "text", ""], rows, numbers=(0,))]
    damaged = gate["damaged"]["total"]
    if damaged:
        parts.append(tag("p", f"{grouped(damaged)} damaged lines of the log", cls="open"))
    return join(parts)


def faults_section(run: RunResult) -> Html:
    """The section."""
    note = "exceptions of the free run against the pack's budget"
    return section("faults", "Fault gate", *(_of(result) for result in run.variants), note=note)
