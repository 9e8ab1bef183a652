"""Rule packs: their shape, and how packs that `use` others become one.

A pack is plain data after reading. `load` reads the named file and the packs it uses (by name from
the rules directory, or by path), checks their shape, and merges: lists are joined, and an invariant
without `always` refines the one of the same id that came from a used pack (its `from`, `until`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import PackError, UsageError
from .image import Alias
from .schema import Either, Flag, ListOf, MapOf, Number, Reader, Record, Text, read_yaml
from .space_schema import ADDRESS_SPACE, ALL_RULES, END, LAYOUT, SPACE_RULE, merge_layout

RESET = "reset"  # the state before the first instruction; transitions may start there
_TRIGGERS = ("after", "before", "at", "marker")

IDENT, TEXT, NAMES = Text(ident=True), Text(), ListOf(Text(), one=True)
INSN = Record({"insn": TEXT, "nth": Number(least=1), "in": TEXT}, required=("insn",))


def _one_trigger(item: dict[str, Any]) -> str:
    found = [name for name in _TRIGGERS if name in item]
    if len(found) == 1:
        return ""
    return f"has {' and '.join(found) or 'no trigger'}, expected one of {', '.join(_TRIGGERS)}"


def budget_of(rule: dict[str, Any]) -> tuple[int, int | None]:
    """(min, max) of `count`, or of `min` and `max`; without any of them at least one."""
    count, least = rule.get("count"), rule.get("min")
    if count is not None:
        return int(count), int(count)
    return 1 if least is None else int(least), rule.get("max")


def _wrong_budget(item: dict[str, Any]) -> str:
    if "count" in item and ("min" in item or "max" in item):
        return "has count and min or max, expected count, or min and max"
    least, most = budget_of(item)
    if most is not None and least > most:
        return f"min {least} is above max {most}, expected min up to max (min is 1 unless given)"
    return ""


CHECKPOINT = Record(
    {
        "id": IDENT,
        "group": IDENT,
        "variants": NAMES,
        "after": INSN,
        "before": INSN,
        "at": TEXT,
        "marker": TEXT,
        "expect": ListOf(TEXT, one=True),
        "why": TEXT,
        "spec": TEXT,
    },
    required=("id", "why", "expect"),
    check=_one_trigger,
)
TRANSITION = Record(
    {
        "id": IDENT,
        "group": IDENT,
        "variants": NAMES,
        "from": IDENT,
        "to": IDENT,
        "changes": NAMES,
        "writes": NAMES,
        "may": NAMES,
        "of": NAMES,
        "why": TEXT,
        "spec": TEXT,
    },
    required=("id", "from", "to", "why"),
)
INVARIANT = Record(
    {
        "id": IDENT,
        "from": IDENT,
        "until": IDENT,
        "always": TEXT,
        "variants": NAMES,
        "stop": Flag(),
        "why": TEXT,
        "spec": TEXT,
    },
    required=("id", "why"),
)
LEVEL = Text(choices=("EL0", "EL1", "EL2", "EL3"))
EXCEPTION_CLASSES = (
    "IRQ", "FIQ", "SERROR", "SVC", "HVC", "SMC", "UNDEFINED", "INSTRUCTION_ABORT", "DATA_ABORT",
    "BREAKPOINT",
)  # fmt: skip
EXCEPTION = Record(
    {
        "id": IDENT,
        "group": IDENT,
        "variants": NAMES,
        "class": ListOf(Text(choices=EXCEPTION_CLASSES), one=True),
        "from": LEVEL,
        "to": LEVEL,
        "since": IDENT,
        "until": IDENT,
        "count": Number(least=1),
        "min": Number(),
        "max": Number(least=1),
        "why": TEXT,
        "spec": TEXT,
    },
    required=("id", "class", "why"),
    check=_wrong_budget,
)
# Where the same bytes are seen, and the machine: coverage suites speak of them in the same words.
ALIASES = ListOf(
    Record(
        {"from": Number(), "size": Number(least=1, size=True), "by": Number()},
        required=("from", "size", "by"),
    )
)
MACHINE = Record(
    {
        "board": TEXT,
        "options": TEXT,
        "cpu": TEXT,
        "memory": TEXT,
        "cpus": Number(least=1),
        "qemu": ListOf(TEXT),
    }
)
VARIANT = Record({"machine": TEXT, "qemu": ListOf(TEXT), "cpu": TEXT, "memory": TEXT, "why": TEXT})
ALLOW = Record(
    {
        "id": IDENT,
        "why": TEXT,
        "class": NAMES,
        "from": TEXT,
        "to": TEXT,
        "psci": TEXT,
        "at": TEXT,
        "ec": Number(),
        "fsc": Number(),
        "variants": NAMES,
        "count": Number(),
        "min": Number(),
        "max": Number(),
        "spec": TEXT,
    },
    required=("id", "why"),
)
MESSAGE = Record(
    {"id": IDENT, "match": TEXT, "max": Number(), "min": Number(), "why": TEXT, "variants": NAMES},
    required=("id", "match", "why"),
)
FAULTS = Record(
    {"allow": ListOf(ALLOW), "deny": Text(choices=("all-others",)), "messages": ListOf(MESSAGE)},
    required=("deny",),
)
# Features of the CPU that ordering rules ask about, as `rig-trace order --feature` takes them.
CPU_FEATURES = ("ets2", "bbm1", "bbm2", "exs", "idc", "dic", "no-vhe")
ALL_ORDERING = "arm64/all"


_UNTIL_MOST = 256  # bytes that the end plugin looks for


def _too_long(item: dict[str, Any]) -> str:
    long = len(str(item.get("until", "")).encode()) > _UNTIL_MOST
    return f"has an until of more than {_UNTIL_MOST} bytes, expected a shorter text" if long else ""


def _wrong_end(item: dict[str, Any]) -> str:
    if "until" in item and "ends" in item:
        return "has until and ends, expected one of them: a run ends in one way"
    if "bound" in item and item.get("ends") != "bound" and "until" not in item:
        return "has bound, expected it with ends: bound or until only (else --timeout bounds a run)"
    return _too_long(item)


def _no_end(item: dict[str, Any]) -> str:
    found = [name for name in ("by", "until", "instructions") if name in item]
    if len(found) == 1:
        return _too_long(item)
    return f"has {' and '.join(found) or 'none'}, expected one of by, until and instructions"


# How a run ends; every phase that lets the guest run goes by it (run_end.py).
RUN_END = Record(
    {
        "by": Text(choices=("guest", "sleep")),
        "until": TEXT,
        "instructions": Number(least=1),
        "bound": Number(least=1),
    },
    check=_no_end,
)
ORDERING = Record(
    {
        "use": NAMES,
        "require": NAMES,
        "waive": ListOf(
            Record(
                {"rule": IDENT, "at": TEXT, "why": TEXT, "variants": NAMES},
                required=("rule", "at", "why"),
            )
        ),
        "features": ListOf(Text(choices=CPU_FEATURES)),
        "ends": Text(choices=("guest", "bound")),
        "until": TEXT,
        "bound": Number(least=1),
        "limit": Number(least=1, size=True),
    },
    required=("use",),
    check=_wrong_end,
)
ORDERING_RULE = Record({"id": IDENT, "why": TEXT, "spec": TEXT}, required=("id", "why", "spec"))
# What `rig mutate` has to know: the reviewed list, and what a smoke test's grep looks for.
MUTANTS = Record({"reviewed": TEXT, "fault-words": ListOf(TEXT, one=True)})
RANGE = Record({"from": TEXT, "size": Number(least=1, size=True)}, required=("from", "size"))
PACK = Record(
    {
        "guest": IDENT,
        "why": TEXT,
        "use": NAMES,
        "gdb": TEXT,
        "image": Record(
            {
                "elf": TEXT,
                "poison": ListOf(Either(TEXT, RANGE), one=True),
                "alias": ALIASES,
            }
        ),
        "machine": MACHINE,
        "variants": MapOf(VARIANT),
        "define": MapOf(TEXT),
        "watch": NAMES,
        "volatile": NAMES,
        "steady-state": IDENT,
        "checkpoints": ListOf(CHECKPOINT),
        "transitions": ListOf(TRANSITION),
        "invariants": ListOf(INVARIANT),
        "exceptions": ListOf(EXCEPTION),
        "waive": ListOf(Record({"rule": IDENT, "why": TEXT}, required=("rule", "why"))),
        "markers": ListOf(
            Either(
                TEXT,
                Record(
                    {"id": IDENT, "text": TEXT, "why": TEXT, "spec": TEXT, "variants": NAMES},
                    required=("id", "text", "why"),
                ),
            )
        ),
        "faults": FAULTS,
        "end": RUN_END,
        "ordering": ORDERING,
        "ordering-rules": ListOf(ORDERING_RULE),
        "layout": LAYOUT,
        "address_space": ListOf(ADDRESS_SPACE),
        "address-space-rules": ListOf(SPACE_RULE),
        "mutants": MUTANTS,
    }
)
KINDS = (
    "checkpoints", "transitions", "invariants", "exceptions", "markers", "ordering-rules",
    "address_space", "address-space-rules",
)  # fmt: skip
_JOINED = (
    "watch", "volatile", "checkpoints", "transitions", "exceptions", "markers", "waive",
    "ordering-rules", "address_space", "address-space-rules",
)  # fmt: skip


@dataclass
class Pack:
    """One merged pack. `origin` says for each rule id which file and path it came from."""

    path: Path
    data: dict[str, Any]
    readers: list[Reader]
    origin: dict[str, tuple[Reader, tuple[str | int, ...]]] = field(default_factory=dict)
    layouts: list[tuple[Reader, dict[str, Any]]] = field(default_factory=list)  # before merging

    @property
    def guest(self) -> str:
        """The guest's name."""
        return str(self.data.get("guest", self.path.stem))

    def items(self, name: str) -> list[dict[str, Any]]:
        """A list of rules, empty when the pack has none."""
        return list(self.data.get(name) or [])

    def aliases(self) -> list[Alias]:
        """The image's aliases."""
        image = self.data.get("image") or {}
        return [Alias(a["from"], a["size"], a["by"]) for a in image.get("alias") or []]

    def variants(self) -> dict[str, dict[str, Any]]:
        """The variants; a pack without any has one called "default"."""
        found = self.data.get("variants") or {"default": {}}
        return {name: value or {} for name, value in found.items()}

    def rules(self) -> dict[str, dict[str, Any]]:
        """Every rule of the pack by id, for explain."""
        found: dict[str, dict[str, Any]] = {}
        for kind in KINDS:
            for rule in self.items(kind):
                found[rule["id"]] = {"kind": kind.removesuffix("s"), **rule}
        faults = self.data.get("faults") or {}
        for kind in ("allow", "messages"):
            for rule in faults.get(kind) or []:
                found[rule["id"]] = {"kind": f"faults.{kind}", **rule}
        return found

    def ordering(self) -> dict[str, Any]:
        """What the pack says of ordering rules, empty when it has none."""
        return dict(self.data.get("ordering") or {})

    def ordering_rules(self) -> list[str]:
        """The ids of the ordering rules that are used, without those that `waive` takes out."""
        waived = {waiver["rule"] for waiver in self.items("waive")}
        used = self.ordering().get("use") or []
        known = [rule["id"] for rule in self.items("ordering-rules")]
        chosen = known if ALL_ORDERING in used else [name for name in known if name in used]
        return [name for name in chosen if name not in waived]

    def address_spaces(self, variant: str) -> list[dict[str, Any]]:
        """The entries under `address_space` that are for the variant."""
        items = self.items("address_space")
        return [item for item in items if variant in item.get("variants", [variant])]

    def space_rules(self, entry: dict[str, Any]) -> list[str]:
        """The ids of the rules that judge an entry, without those that `waive` takes out."""
        waived = {waiver["rule"] for waiver in self.items("waive")}
        used = entry.get("use") or [ALL_RULES]
        known = [rule["id"] for rule in self.items("address-space-rules")]
        chosen = known if ALL_RULES in used else [name for name in known if name in used]
        return [name for name in chosen if name not in waived]

    def groups(self) -> list[str]:
        """The checkpoint groups in the order of the pack."""
        return list(dict.fromkeys(c.get("group", c["id"]) for c in self.items("checkpoints")))


def group_of(pack: Pack, checkpoint: str) -> str:
    """The group of a checkpoint by id."""
    for item in pack.items("checkpoints"):
        if item["id"] == checkpoint:
            return str(item.get("group", checkpoint))
    return checkpoint


def load(path: Path, rules_dir: Path) -> Pack:
    """Read, check and merge; raises PackError with every finding."""
    readers: list[Reader] = []
    pack = Pack(path, {}, readers)
    _merge_file(pack, path, rules_dir, [])
    _check_ids(pack)
    findings = [finding for reader in readers for finding in reader.findings]
    if findings:
        raise PackError(findings)
    return pack


def _merge_file(pack: Pack, path: Path, rules_dir: Path, chain: list[Path]) -> None:
    if path.resolve() in chain:
        raise UsageError(f"{path}: a pack that uses itself ({' -> '.join(map(str, chain))})")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot read the rule pack: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: the rule pack is not UTF-8 text ({error.reason})") from None
    data, reader = read_yaml(str(path), text, PACK)
    for index, name in enumerate(data.get("use") or []):
        used = rules_dir / f"{name}.yaml"
        if "/" in name or name.endswith(".yaml"):
            used = path.parent / name
        if not used.is_file():
            reader.complain_at(
                ("use", index), f"no pack {name!r} (looked for {used}), expected one"
            )
            continue
        _merge_file(pack, used, rules_dir, [*chain, path.resolve()])
    pack.readers.append(reader)
    _merge_data(pack, data, reader)


def _merge_data(pack: Pack, data: dict[str, Any], reader: Reader) -> None:
    for name, value in data.items():
        if name in _JOINED:
            for index, rule in enumerate(value):
                place = (reader, (name, index))
                pack.data.setdefault(name, []).append(_marker(rule) if name == "markers" else rule)
                rule_id = rule.get("id") if isinstance(rule, dict) else None
                if rule_id in pack.origin:
                    reader.complain_at(place[1], f"id {rule_id!r} is given twice, expected it once")
                elif rule_id:
                    pack.origin[rule_id] = place
        elif name == "invariants":
            for index, rule in enumerate(value):
                _merge_invariant(pack, rule, reader, index)
        elif name in ("define", "variants"):
            pack.data.setdefault(name, {}).update(value)
        elif name in ("gdb", "mutants"):
            _BESIDE[name](pack, value, reader)
        elif name == "layout":
            merge_layout(pack.data.setdefault(name, {}), value or {})
            pack.layouts.append((reader, value or {}))
        elif value is not None:
            pack.data[name] = value
    if data.get("ordering") is not None:
        pack.origin["ordering"] = (reader, ("ordering",))
    pack.origin |= {
        f"define.{name}": (reader, ("define", name)) for name in data.get("define") or {}
    }


def _merge_gdb(pack: Pack, name: str | None, reader: Reader) -> None:
    """The guest's own commands: a file beside the pack that names it, whichever pack uses that."""
    if name is None:
        return
    path = (Path(reader.file).parent / name).resolve()
    if not path.is_file():
        reader.complain_at(("gdb",), f"no file {path}, expected a Python file for gdb to source")
    pack.data["gdb"] = str(path)


def _merge_mutants(pack: Pack, value: dict[str, Any] | None, reader: Reader) -> None:
    """The reviewed list lies beside the pack that names it, whichever pack uses that."""
    known = pack.data.setdefault("mutants", {})
    known.update(value or {})
    name = (value or {}).get("reviewed")
    if name is not None:
        path = (Path(reader.file).parent / name).resolve()
        if not path.is_file():
            reader.complain_at(
                ("mutants", "reviewed"), f"no file {path}, expected the list of reviewed mutants"
            )
        known["reviewed"] = str(path)


# Keys that name files, which lie beside the pack that says so.
_BESIDE: dict[str, Callable[[Pack, Any, Reader], None]] = {
    "gdb": _merge_gdb, "mutants": _merge_mutants,
}  # fmt: skip


def _marker(rule: Any) -> dict[str, Any]:
    if isinstance(rule, str):
        return {"id": f"marker:{rule}", "text": rule, "why": "a boot marker of the pack"}
    return dict(rule)


def _merge_invariant(pack: Pack, rule: dict[str, Any], reader: Reader, index: int) -> None:
    rules = pack.data.setdefault("invariants", [])
    path = ("invariants", index)
    known = next((r for r in rules if r.get("id") == rule.get("id")), None)
    if known is not None and "always" not in rule:
        known.update({k: v for k, v in rule.items() if k != "why"})
        known["why"] = f"{known['why']} ({rule.get('why', '')})"
        for name in ("from", "until"):
            if name in rule:
                pack.origin[f"{rule['id']}.{name}"] = (reader, (*path, name))
    elif known is not None:
        reader.complain_at(path, f"id {rule['id']!r} is given twice, expected it once")
    elif "always" not in rule:
        reader.complain_at(
            path,
            f"{rule.get('id')!r} has no 'always' and no used pack has it, expected an expression",
        )
    else:
        rules.append(dict(rule))
        pack.origin[rule.get("id", "")] = (reader, path)


def _check_ids(pack: Pack) -> None:
    """Cross references that need no ELF: checkpoint names, variants, waivers."""
    checkpoints = [c.get("id") for c in pack.items("checkpoints")]
    variants = pack.variants()
    for kind in KINDS:
        for rule in pack.items(kind):
            reader, path = pack.origin.get(rule.get("id", ""), (pack.readers[-1], (kind,)))
            # In `exceptions`, from and to are levels.
            for name in ("since", "until") if kind == "exceptions" else ("from", "until", "to"):
                starts = name == "from"
                target = rule.get(name)
                if target is None or target in checkpoints or (starts and target == RESET):
                    continue
                at, there = pack.origin.get(f"{rule['id']}.{name}", (reader, (*path, name)))
                at.complain_at(there, f"{target!r} is no checkpoint, expected one of {checkpoints}")
            place = rule.get("at") if kind == "address_space" else None
            if place is not None and place not in (*checkpoints, END):
                reader.complain_at(
                    (*path, "at"),
                    f"{place!r} is no checkpoint, expected one of {checkpoints}, or {END}",
                )
            for index, variant in enumerate(rule.get("variants") or []):
                if variant not in variants:
                    reader.complain_at(
                        (*path, "variants", index), f"{variant!r}, expected one of {list(variants)}"
                    )
    top = pack.readers[-1]
    steady = pack.data.get("steady-state")
    if checkpoints and steady is None:
        top.complain_at(
            (), "has checkpoints but no 'steady-state', expected the last checkpoint's id"
        )
    elif steady is not None and steady not in checkpoints:
        top.complain_at(("steady-state",), f"{steady!r}, expected one of {checkpoints}")
    for index, waiver in enumerate(pack.items("waive")):
        if waiver.get("rule") not in pack.origin:
            top.complain_at(
                ("waive", index, "rule"), f"no rule {waiver.get('rule')!r}, expected an id"
            )
