#!/usr/bin/python3
"""Judge the image of one case of faults.yaml by the rule pack that is made from the entry.

    fault_case.py CASE --images DIR --work DIR [--release]

DIR has CASE.elf and CASE.user.elf. The pack must be green on the case's image, entered at EL1 and
at EL2, and red on the image of another case of the list, in the rules that tell the two apart and
in no other; with --release, for which the same pack has one marker less, green only. The packs stay
in the work directory. Exit code 0 when all is so, 1 when not, 2 for a wrong list.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "rig"))
# pylint: disable=wrong-import-position # the path above comes first
from engine.console import line_shows
from engine.elf import load
from engine.errors import UsageError
from rig_says import rig_says

SVC = 0x15
# The exception classes of QEMU's log, by ESR_ELx.EC.
CLASS_OF_EC = {
    0x00: "UNDEFINED",
    0x01: "UNDEFINED",
    0x07: "UNDEFINED",
    0x18: "UNDEFINED",
    SVC: "SVC",
    0x20: "INSTRUCTION_ABORT",
    0x22: "INSTRUCTION_ABORT",
    0x24: "DATA_ABORT",
    0x26: "DATA_ABORT",
    0x3C: "BREAKPOINT",
}
ABORTS = (0x20, 0x24)
HELLO_CALLS = 2
# Without checkpoints nothing is stepped: rig/rules/tyrne-boot.yaml does that with the same machine.
MACHINE = {
    "machine": {"board": "virt", "options": "gic-version=2", "cpu": "cortex-a72", "memory": "128M"},
    "variants": {"el1": {}, "el2": {"machine": "virtualization=on"}},
}


class ListError(Exception):
    """faults.yaml is wrong, or does not fit the programs."""


@dataclass(frozen=True)
class Expected:
    """What the kernel and the log must say about one case."""

    name: str
    why: str
    esr: int
    place: str
    cause: str
    address: str

    @property
    def exception_class(self) -> int:
        """ESR_EL1.EC."""
        return self.esr >> 26

    def exception(self) -> dict[str, Any]:
        """The rule for the exception log."""
        ec = self.exception_class
        rule: dict[str, Any] = {"class": CLASS_OF_EC[ec], "ec": ec, "from": "EL0", "to": "EL1"}
        return {**rule, "fsc": self.esr & 0x3F} if ec in ABORTS else rule

    def calls(self) -> int:
        """How many SVCs the log holds: a wrong one counts, too."""
        return HELLO_CALLS + (self.exception_class == SVC)


def entries() -> dict[str, dict[str, Any]]:
    """The list, with its keys checked."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "faults.yaml").read_text("utf-8"))
    for name, entry in found.items():
        unknown = set(entry) - {"why", "esr", "says", "far", "at", "iss"}
        missing = {"why", "esr", "says"} - set(entry)
        if unknown or missing:
            raise ListError(f"{name}: unknown {sorted(unknown)}, missing {sorted(missing)}")
        if entry["esr"] >> 26 not in CLASS_OF_EC:
            raise ListError(f"{name}: no class is known for EC {entry['esr'] >> 26:#x}")
    return found


def expected(name: str, entry: dict[str, Any], images: Path) -> Expected:
    """The entry with the addresses of its program."""
    esr = "0x*" if entry.get("iss") == "any" else f"{entry['esr']:#010x}"
    symbols = load(images / f"{name}.user.elf").symbols

    def address(what: int | str) -> int:
        if isinstance(what, str) and what not in symbols:
            raise ListError(f"{name}: the program has no symbol {what}")
        return symbols[what].value if isinstance(what, str) else what

    return Expected(
        name=name,
        why=entry["why"],
        esr=entry["esr"],
        place=f"tyrne: task 1 killed at {address(entry.get('at', 'fault_site')):#x}:",
        cause=f"  esr {esr}: {entry['says']}",
        address=f"  far {address(entry['far']):#018x}" if "far" in entry else "  far not valid",
    )


def pack_of(case: Expected, release: bool) -> dict[str, Any]:
    """The rule pack, as the rig reads it."""
    markers = [
        ("place", case.place, "the task ends where it made the mistake"),
        ("cause", case.cause, "the console says which exception it was"),
        ("address", case.address, "and which address, where the exception has one"),
        ("greeting", "hello from userspace", "the other task runs on"),
        ("exited", "tyrne: userspace task exited", "to its end"),
        ("intact", "check: the kernel is as it was", "everything is back, nothing was written"),
        ("complete", "tyrne: all tasks complete", "the machine ends by itself"),
    ]
    if release:  # no console for programs
        markers = [marker for marker in markers if marker[0] != "greeting"]
    allow: list[dict[str, Any]] = [
        {"id": "calls", "class": "SVC", "from": "EL0", "to": "EL1", "count": case.calls()}
    ]
    if case.exception_class != SVC:
        allow.insert(0, {"id": "fault", **case.exception(), "count": 1})
    for variant, call in (("el1", "HVC"), ("el2", "SMC")):
        end = {"class": call, "psci": "SYSTEM_OFF", "count": 1, "variants": [variant]}
        allow.append({"id": f"power-off-{variant}", **end})
    return {
        "guest": "tyrne",
        "why": f"A task does what it may not do: {case.why}",
        **MACHINE,
        "markers": [{"id": i, "text": text, "why": why} for i, text, why in markers],
        "faults": {
            "allow": [{**rule, "why": f"{case.why}, then hello"} for rule in allow],
            "deny": "all-others",
        },
    }


def must_turn_red(case: Expected, other: Expected) -> set[str]:
    """The rules of the case's pack that the other case's image breaks."""
    red = {
        name
        for name in ("place", "cause", "address")
        if not line_shows(getattr(other, name), getattr(case, name))
    }
    if case.exception() != other.exception():
        red |= {"calls"} if case.calls() != other.calls() else set()
        red |= {"fault"} if case.exception_class != SVC else set()
        # One SVC too many breaks the budget of the calls.
        red |= {"deny-all-others"} if other.exception_class != SVC else set()
    return red


def next_other(case: Expected, listed: dict[str, dict[str, Any]], images: Path) -> Expected:
    """The next case that anything tells apart: what is undefined has one syndrome."""
    names = list(listed)
    start = names.index(case.name)
    for name in names[start + 1 :] + names[:start]:
        other = expected(name, listed[name], images)
        if must_turn_red(case, other):
            return other
    raise ListError(f"nothing tells {case.name} from the others")


def judge_other(pack: Path, other: Expected, red: set[str], images: Path) -> list[str]:
    """Run the pack on the image of another case: a complaint unless exactly `red` is broken."""
    wrong = rig_says("run", pack, images / f"{other.name}.elf", ["--variant", "el1"])
    if wrong.code == 1 and wrong.broken == red:
        print(f"red on {other.name}: {', '.join(sorted(red))}")
        return []
    print(wrong.said)
    return [
        f"on the image of {other.name}: exit code {wrong.code}, red {sorted(wrong.broken)};"
        f" expected 1, red {sorted(red)}"
    ]


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--release", action="store_true")
    args = parser.parse_args()
    try:
        listed = entries()
        if args.case not in listed:
            raise ListError("no such case in faults.yaml")
        case = expected(args.case, listed[args.case], args.images)
        other = next_other(case, listed, args.images)
        red = must_turn_red(case, other)
    except (ListError, UsageError, OSError) as error:
        print(f"fault_case: {args.case}: {error}", file=sys.stderr)
        return 2
    args.work.mkdir(parents=True, exist_ok=True)
    pack = args.work / f"{case.name}.yaml"
    pack.write_text(
        yaml.safe_dump(pack_of(case, args.release), sort_keys=False, width=110), encoding="utf-8"
    )
    own = rig_says("run", pack, args.images / f"{case.name}.elf", [])
    print(own.said)
    complaints = [f"exit code {own.code}, not 0"] if own.code else []
    if not args.release:
        complaints += judge_other(pack, other, red, args.images)
    for complaint in complaints:
        print(f"fault_case: {case.name}: {complaint}", file=sys.stderr)
    if not complaints:
        print(f"{case.name}: as listed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
