"""A fault budget as it was seen: the gate's count of a log as rules under `faults`."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# Up to so many, an exception is told by its exact count: the run is the same each time.
_EXACT = 16
_INTERRUPTS = ("IRQ", "FIQ", "SERROR")
_SPECIAL = re.compile(r"[*?\[\]]")


@dataclass
class Allow:
    """One rule under `faults.allow`."""

    keys: str
    seen: str


@dataclass
class Budget:
    """Everything under `faults`, but `deny`."""

    allow: list[Allow] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def budget_of(report: dict[str, Any], by_guest: bool, reset: bool) -> Budget:
    """The budget of one run. `by_guest`: it ended the run, so its last PSCI call may be the end."""
    budget = Budget()
    calls: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for site in report["sites"]:
        key = (site["class"], site["from"] or "")
        (calls if site["psci"] else counts)[key] += site["count"]
        first.setdefault(key, _place(site))
    for bucket in report.get("overflow", {}).get("buckets", []):
        counts[bucket["class"], bucket.get("from") or ""] += bucket["count"]
    for (kind, level), count in sorted(calls.items()):
        last = _last_call(report) == (kind, level) and by_guest
        if last:
            name = "SYSTEM_RESET" if reset else "SYSTEM_OFF"
            budget.allow.append(
                _allow(kind, level, 1, f"psci: {name}, count: 1", "the end of the run", name)
            )
            count -= 1
        if count:
            keys = f"psci: ANY_CALL, {_bounds(kind, count)}"
            budget.allow.append(
                _allow(kind, level, count, keys, "answered by QEMU as PSCI", "psci")
            )
    for (kind, level), count in sorted(counts.items()):
        place = first.get((kind, level), "")
        budget.allow.append(_allow(kind, level, count, _bounds(kind, count), place, ""))
    for index, message in enumerate(report["messages"], 1):
        match = json.dumps(_SPECIAL.sub("?", message["text"]))
        budget.messages.append(f"id: message-{index}, match: {match}, max: {message['count']}")
    return budget


def _last_call(report: dict[str, Any]) -> tuple[str, str]:
    """The class and level of the last PSCI call: of the sites, the one that begins last."""
    sites = [site for site in report["sites"] if site["psci"]]
    last = max(sites, key=lambda site: int(site["first_line"]), default=None)
    return (last["class"], last["from"] or "") if last else ("", "")


def _place(site: dict[str, Any]) -> str:
    symbol = f" <{site['elr_symbol']}>" if site.get("elr_symbol") else ""
    place = f"first at ELR {site['elr']}{symbol}" if site.get("elr") else ""
    what = site.get("esr_text") or ""
    return ", ".join(
        part for part in (what if site["class"] not in _INTERRUPTS else "", place) if part
    )


def _bounds(kind: str, count: int) -> str:
    if count <= _EXACT and kind not in _INTERRUPTS:
        return f"count: {count}"
    return f"min: 1, max: {2 * count}"


def _allow(  # pylint: disable=too-many-arguments # what one line says
    kind: str, level: str, count: int, bounds: str, place: str, suffix: str
) -> Allow:
    name = "-".join(part for part in (kind, level, suffix) if part).lower().replace("_", "-")
    keys = [f"id: {name}", f"class: {kind}"] + ([f"from: {level}"] if level else [])
    seen = f"seen: {count}" + (f" ({place})" if place else "")
    return Allow(", ".join([*keys, bounds]), seen)
