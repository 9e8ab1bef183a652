"""What the first run with a new pack says: findings about the guest, or the pack's own fault."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .audit_check import GROUP as SPACES
from .checks import ERROR, FAIL, NOT_JUDGED
from .order_check import GROUP as ORDERING

_RANGE = re.compile(r"at (0x[0-9a-f]+) \.\. (0x[0-9a-f]+)")
# Rules of arm64.yaml that hold for any guest: when they are broken, it is the guest.
_ARCHITECTURE = ("sp-aligned", "pc-in-text", "no-unexpected-exception")


@dataclass
class Finding:
    """A rule of the architecture that the guest breaks."""

    rule: str
    text: str
    details: list[str] = field(default_factory=list)
    where: str = ""  # the part of the pack that would waive it
    waiver: str = ""


@dataclass
class Verdict:
    """The first run's checks, sorted."""

    findings: list[Finding] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)  # of the pack: a rule of its own did not hold
    unjudged: dict[str, str] = field(default_factory=dict)  # ordering rules
    spaces_unjudged: str = ""
    errors: dict[str, str] = field(default_factory=dict)  # by phase


def sorted_out(variant: dict[str, Any]) -> Verdict:
    """A variant of a run's JSON report."""
    verdict = Verdict()
    for phase in variant["phases"]:
        if phase.get("error"):
            verdict.errors[phase["name"]] = phase["error"]
    for check in variant["checks"]:
        status = check["status"]
        if status not in (FAIL, ERROR, NOT_JUDGED):
            continue
        if check["group"] == ORDERING and status == FAIL:
            verdict.findings.append(_ordering(check))
        elif check["group"] == ORDERING:
            verdict.unjudged[check["rule"]] = check.get("actual", "")
        elif check["group"] == SPACES and status == FAIL:
            verdict.findings.append(_space(check))
        elif check["group"] == SPACES:
            verdict.spaces_unjudged = f"{check['rule']}: {check.get('actual', '')}"
        elif check["rule"] in _ARCHITECTURE and status == FAIL:
            text = f"{check['text']}: {check.get('actual', '')} {_at(check)}"
            verdict.findings.append(Finding(check["rule"], text, check.get("details", [])[:2]))
        elif (
            status != NOT_JUDGED or not verdict.errors
        ):  # what a phase's end left open is no defect
            text = f"{check['id']}: {check['text']}: {check.get('actual', '')}"
            verdict.defects.append(text)
    return verdict


def _at(check: dict[str, Any]) -> str:
    where = check.get("where") or {}
    symbol = f" <{where['symbol']}>" if where.get("symbol") else ""
    return f"at {where['pc']:#x}{symbol}" if where else ""


def _ordering(check: dict[str, Any]) -> Finding:
    details = check.get("details", [])[:2]
    text = f"{check.get('actual', '')}; {check.get('expected', '')}"
    finding = Finding(check["rule"], text, details, "ordering")
    symbol = _function(details)
    if symbol:
        finding.waiver = f"{{rule: {check['rule']}, at: {symbol}, why: …}}"
    return finding


def _function(details: Sequence[str]) -> str:
    """The function of the write, or of the consumer, which is what a waiver names."""
    for detail in details:
        match = re.search(r"<([^>+]+)(?:\+0x[0-9a-f]+)?>", detail)
        if match:
            return match[1]
    return ""


def _space(check: dict[str, Any]) -> Finding:
    details = check.get("details", [])[:2]
    finding = Finding(check["rule"], check.get("actual", check["text"]), details)
    finding.where = "of the entry under address_space"
    match = _RANGE.match(details[0]) if details else None
    if match:
        end = int(match[2], 16) + 1
        finding.waiver = f'{{rule: {check["rule"]}, from: "{match[1]}", to: "{end:#x}", why: …}}'
    return finding
