"""`rig explain ID`: a rule, why it is there, and the manual's section."""

from __future__ import annotations

import difflib
from typing import Any

from .errors import UsageError
from .pack import Pack

_FIRST = ("kind", "group", "why", "spec")


def explain(pack: Pack, rule_id: str) -> str:
    """The text for a rule; an expectation's id (`checkpoint.2`) shows that expectation too."""
    rules = pack.rules()
    number = 0
    rule = rules.get(rule_id)
    if rule is None and rule_id.startswith("fault."):
        rule = rules.get(rule_id.removeprefix("fault."))
    if rule is None and "." in rule_id:
        head, _, tail = rule_id.rpartition(".")
        if head in rules and tail.isdigit():
            rule, number = rules[head], int(tail)
    if rule is None:
        close = difflib.get_close_matches(rule_id, list(rules), n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UsageError(f"no rule {rule_id!r} in {pack.path}{hint}")
    place = pack.origin.get(rule.get("id", ""))
    lines = [f"{rule['id']} ({rule['kind']} of pack {pack.guest})"]
    if place is not None:
        reader, path = place
        line, _column = reader.places.get(path, (1, 1))
        lines.append(f"  where:  {reader.file}:{line}")
    lines.append(f"  why:    {rule.get('why', '')}")
    if rule.get("spec"):
        lines.append(f"  spec:   {rule['spec']}")
    lines += [
        f"  {key + ':':<7} {_words(rule[key])}"
        for key in rule
        if key not in (*_FIRST, "id", "expect")
    ]
    for index, text in enumerate(rule.get("expect") or [], 1):
        if not number or number == index:
            lines.append(f"  expect {index}: {text}")
    return "\n".join(lines)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value)
    return str(value)
