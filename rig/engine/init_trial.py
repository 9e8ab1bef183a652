"""The stepped run of `rig init`: which of the planned checkpoints are reached, and what every
register holds there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import snapshot_file
from .checks import PASS, Check
from .image import Image
from .pack import EXCEPTION_CLASSES
from .qemu import Machine
from .results import VariantResult
from .snapshot import file_name
from .snapshot_file import Snapshot
from .stepping import Stepping

_RAW = re.compile(r"(S[0-3]_\w+) \(not in the architecture table\) was written")
_LEVELS = ("EL0", "EL1", "EL2")


@dataclass
class Reached:
    """One checkpoint that was reached."""

    id: str
    where: str
    snapshot: Snapshot


@dataclass
class Trial:
    """What the stepped run showed."""

    reached: list[Reached]
    raw: dict[str, list[str]] = field(
        default_factory=dict
    )  # by checkpoint: unnamed registers written
    exceptions: list[tuple[str, str]] = field(default_factory=list)  # class, from
    error: str = ""
    stepped: int = 0


def exception_probes() -> list[dict[str, Any]]:
    """Rules that tell which exceptions came while stepping: those that hold did."""
    return [
        {
            "id": f"seen-{kind}-{level}", "class": [kind], "from": level, "min": 1,
            "why": "it was taken",
        }
        for kind in EXCEPTION_CLASSES
        for level in _LEVELS
    ]  # fmt: skip


def run_trial(  # pylint: disable=too-many-arguments # one stepped run
    job: dict[str, Any],
    image: Image,
    machine: Machine,
    room: Path,
    seconds: float,
    say: Callable[[str], None],
) -> Trial:
    """Step the guest by a job without rules of its own."""
    order: list[dict[str, Any]] = []

    def show(event: dict[str, Any]) -> None:
        if event["event"] == "checkpoint":
            order.append(event)
        elif event["event"] == "progress":
            say(f"stepping: {event['fired']} of {event['total']} checkpoints")

    job["snapshots"] = {rule["id"]: file_name(rule["id"]) for rule in job["checkpoints"]}
    job |= {"invariants": [], "transitions": [], "exceptions": exception_probes(), "witnesses": 0}
    result = VariantResult(machine)
    stepping = Stepping(job, image, machine, room, seconds, show)
    stepping.run(result)
    trial = Trial([])
    for event in order:
        path = stepping.snapshots.get(event["id"])
        if path is None:
            trial.error = trial.error or f"no registers were read at {event['id']}"
            continue
        where = f"{event['where']['pc']:#x}"
        symbol, file = event["where"].get("symbol"), event["where"].get("file")
        where += f" <{symbol}>" if symbol else ""
        where += f" {Path(file).name}:{event['where']['line']}" if file else ""
        trial.reached.append(Reached(event["id"], where, snapshot_file.read(path)))
    _learn(trial, result.checks)
    phase = result.phases[-1]
    trial.error, trial.stepped = phase.error or trial.error, phase.stepped
    return trial


def _learn(trial: Trial, checks: list[Check]) -> None:
    for check in checks:
        if check.kind == "exception" and check.status == PASS:
            kind, _, level = check.rule.removeprefix("seen-").rpartition("-")
            trial.exceptions.append((kind, level))
        if check.kind == "transition":
            names = _RAW.findall("\n".join([check.actual, *check.details]))
            trial.raw.setdefault(check.id.partition("->")[2], []).extend(names)
