"""The shape of what a pack says of address spaces: `layout`, `address_space`, ids of rules."""

from __future__ import annotations

from typing import Any

from .schema import Either, Flag, ListOf, MapOf, Record, Text

ALL_RULES = "arm64/all"
IDENT, TEXT, NAMES = Text(ident=True), Text(), ListOf(Text(), one=True)
_ENDS = {"from": TEXT, "to": TEXT}
_AGAIN = {"every": TEXT, "until": TEXT}  # the range again, so many bytes further, up to there
_RIGHTS = Text(choices=("none", "r", "rw", "rx", "x", "rwx"))


def _half_said(item: dict[str, Any]) -> str:
    if ("every" in item) != ("until" in item):
        return "has one of every and until, expected both: a range that is repeated"
    return ""


GUARD = Record(
    {"name": TEXT, **_ENDS, **_AGAIN, "why": TEXT},
    required=("name", "from", "to", "why"),
    check=_half_said,
)
MAP_LINE = Record(
    {
        **_ENDS,
        **_AGAIN,
        "pa": TEXT,  # same, linear, any, or an expression
        "el1": _RIGHTS,
        "el0": _RIGHTS,
        "memory": TEXT,  # normal, device, or the words of `rig map`
        "share": Text(choices=("inner", "outer", "non")),
        "global": Flag(),
        "is": TEXT,
    },
    required=("from", "to", "pa", "el1", "memory", "is"),
    check=_half_said,
)
LAYOUT = Record(
    {
        "devices": ListOf(Record({"name": TEXT, **_ENDS}, required=("name", "from", "to"))),
        "regions": ListOf(
            Record(
                {"name": TEXT, **_ENDS, "space": Text(choices=("pa", "va")), "kernel": Flag()},
                required=("name", "from", "to"),
            )
        ),
        "guards": ListOf(GUARD),
        "maps": MapOf(ListOf(MAP_LINE)),  # parts of expected maps that entries share, by name
        "offset": Record({"by": TEXT, **_ENDS}, required=("by", "from", "to")),
        "harmless": ListOf(
            Record(
                {
                    "kind": Text(choices=("table", "block", "page")),
                    "bits": TEXT,
                    "only": NAMES,  # ids of address_space; all entries unless given
                    "except": NAMES,
                    "why": TEXT,
                },
                required=("kind", "bits", "why"),
            )
        ),
    }
)
WAIVER = Record(
    {"rule": IDENT, **_ENDS, "variants": NAMES, "why": TEXT}, required=("rule", "from", "to", "why")
)


ADDRESS_SPACE = Record(
    {
        "id": IDENT,
        "at": IDENT,
        "variants": NAMES,
        "use": NAMES,
        "require": NAMES,
        "guards": ListOf(GUARD),
        "map": ListOf(Either(TEXT, MAP_LINE)),  # a text is the name of one of layout.maps
        "waive": ListOf(WAIVER),
        "why": TEXT,
        "spec": TEXT,
    },
    required=("id", "at", "why"),
)
SPACE_RULE = Record({"id": IDENT, "why": TEXT, "spec": TEXT}, required=("id", "why", "spec"))
END = "end"  # `at: end`: where the guest turns the machine off


def merge_layout(known: dict[str, Any], added: dict[str, Any]) -> None:
    """Lists are joined; an offset, or a map of the same name, takes the place of a used pack's."""
    for name, value in added.items():
        if isinstance(value, list):
            known[name] = [*known.get(name, []), *value]
        elif name == "maps":
            known[name] = {**known.get(name, {}), **value}
        else:
            known[name] = value
