"""What a run leaves behind: the results of each variant, and the verdict of the whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .boot_log import BootLog
from .checks import Check, exit_code, tally
from .errors import Exit
from .image import Image
from .exception_log import Row
from .qemu import Machine

GUEST_STOPPED = "guest was stopped"  # Phase.reason: where the pack's `end` says, not by itself
GIVEN_UP = "given up"  # Phase.reason: it had a budget, and would not have come to its end in it
VERDICTS = {
    0: "all rules held",
    1: "a rule was broken",
    3: "could not judge",
    124: "out of the time bound",
}


@dataclass
class Phase:
    """One phase (free run, ordering or stepping): what it measured and how it ended."""

    name: str
    reason: str = ""
    seconds: float = 0.0
    stepped: int = 0
    run_over: int = 0
    error: str = ""  # an infrastructure failure or the time bound, in words
    code: int = 0  # 3 or 124 with `error`
    console: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # told, and no check

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        data: dict[str, Any] = {"name": self.name, "reason": self.reason}
        data["seconds"] = round(self.seconds, 3)
        if self.name == "step":
            data |= {"stepped": self.stepped, "run_over": self.run_over}
        if self.name == "free-run":
            data["console"] = self.console
        if self.notes:
            data["notes"] = self.notes
        if self.error:
            data |= {"error": self.error, "error_code": self.code}
        return data


def worst_of(ends: Collection[object], checks: list[Check]) -> int:
    """The exit code of phases' ends and checks: 3 of a phase first, then the checks, then 124."""
    if Exit.NO_JUDGEMENT in ends:
        return Exit.NO_JUDGEMENT
    judged = exit_code(checks)
    if judged == Exit.BROKEN:
        return judged
    return Exit.TIME_BOUND if Exit.TIME_BOUND in ends else judged


@dataclass(frozen=True)
class MapTaken:
    """A snapshot that was judged: by which entry of `address_space`, taken where, and the files."""

    entry: str
    at: str
    snapshot: Path
    spec: Path


@dataclass
class VariantResult:
    """Everything of one variant."""

    machine: Machine
    command: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    run_dir: str = ""
    exceptions: list[Row] | None = None  # of the free run; None: not known
    boot: BootLog = field(default_factory=BootLog)
    # Evidence for the HTML report, whole as the tools reported it.
    gate: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    maps: list[MapTaken] = field(default_factory=list)

    def code(self) -> int:
        """The variant's exit code: a dead tool first, then broken rules, then the time bound."""
        return worst_of({phase.code for phase in self.phases}, self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "variant": self.machine.variant,
            "machine": self.machine.machine,
            "cpu": self.machine.cpu,
            "memory": self.machine.memory,
            "command": self.command,
            "phases": [phase.to_json() for phase in self.phases],
            "counts": tally(self.checks),
            "exit_code": int(self.code()),
            "exceptions": (
                None if self.exceptions is None else [row.to_json() for row in self.exceptions]
            ),
            "checks": [check.to_json() for check in self.checks],
            **self.boot.to_json(),
        }


@dataclass
class RunResult:
    """The whole run."""

    command: str  # run, step, faults, order
    pack: dict[str, Any]
    elf: dict[str, Any]
    tools: dict[str, str]
    variants: list[VariantResult] = field(default_factory=list)
    waived: list[dict[str, str]] = field(default_factory=list)
    rules: dict[str, str] = field(default_factory=dict)  # file and sha256: packs, register table
    image: Image | None = None
    reopen: str = ""  # the command that opens a stop interactively, without its place
    kept: str = ""  # the run directory, when it stays

    def checks(self) -> list[Check]:
        """Every check of every variant."""
        return [check for variant in self.variants for check in variant.checks]

    def code(self) -> int:
        """The run's exit code: the gravest of its variants."""
        codes = {int(variant.code()) for variant in self.variants}
        for code in (Exit.NO_JUDGEMENT, Exit.BROKEN, Exit.TIME_BOUND):
            if code in codes:
                return code
        return Exit.HELD if codes else Exit.NO_JUDGEMENT

    def first_failed(self) -> Check | None:
        """The broken rule that was met first (stepping before the free run's consequences)."""
        failed = [check for check in self.checks() if check.failed]
        stepped = [check for check in failed if check.kind not in ("marker", "fault", "end")]
        return next(iter(stepped or failed), None)
