"""Phase 2: the guest is single-stepped by the engine inside gdb; this is the driver's side."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .checks import FAIL, NOT_JUDGED, Check, Where
from .elf import Elf
from .errors import CannotJudge, Exit, TimeBound, UsageError
from .events import read_events
from .freerun import START_S, died, ended_by_guest
from .hang import UNKNOWN_PLACE, where_is
from .image import Image
from .pack import Pack, group_of
from .paths import GDB_MAIN, version
from .process import Child, Children, find_tool, pick_cpu
from .qemu import GDB_SOCKET, QMP_DRIVER, QMP_ENGINE, SERIAL, Machine, command_line
from .registers import Table
from .results import Phase, VariantResult

Show = Callable[[dict[str, Any]], None]
_SETTLE_S = 2.0
NEVER_REACHED = "checkpoint never reached"


def for_variant(rules: list[dict[str, Any]], variant: str) -> list[dict[str, Any]]:
    """The rules that apply to a variant."""
    return [rule for rule in rules if variant in rule.get("variants", [variant])]


def make_job(  # pylint: disable=too-many-arguments # the job is what they make together
    pack: Pack,
    image: Image,
    table: Table,
    variant: str,
    walker: str,
    options: dict[str, bool],
    snapshots: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The engine's job: everything it needs, as plain data.

    `snapshots` says at which checkpoints snapshots are taken, and into which files of the run
    directory (snapshot.file_name). Keys that may be added to the job: `witnesses`, how many each of
    them has; `stop_after`, the checkpoints that are all that is wanted of the run.
    """
    waived = {waiver["rule"] for waiver in pack.items("waive")}
    rules: dict[str, list[dict[str, Any]]] = {}
    for kind in ("checkpoints", "transitions", "invariants", "exceptions"):
        rules[kind] = [r for r in for_variant(pack.items(kind), variant) if r["id"] not in waived]
    known = {rule["id"] for rule in rules["checkpoints"]} | {"reset"}
    rules["transitions"] = [
        {**rule, "group": rule.get("group", group_of(pack, rule["to"]))}
        for rule in rules["transitions"]
        if rule["from"] in known and rule["to"] in known
    ]
    steady = pack.data.get("steady-state")
    if steady not in known:
        steady = rules["checkpoints"][-1]["id"] if rules["checkpoints"] else ""
    return {
        "elf": image.elf.to_json(),
        "aliases": [[alias.start, alias.size, alias.by] for alias in image.aliases],
        "table": table.to_json(),
        "poison": poison(pack, image),
        "define": pack.data.get("define") or {},
        "gdb": pack.data.get("gdb") or "",
        **rules,
        "settings": {
            "watch": pack.data.get("watch") or [],
            "volatile": pack.data.get("volatile") or [],
            "steady": steady,
        },
        "variant": variant,
        "walker": walker,
        **options,
        "snapshots": dict(snapshots or {}),
        "made": made_by(pack, image, variant),
        "socket": f"./{GDB_SOCKET}",
        "qmp": QMP_ENGINE,
        "serial": SERIAL,
    }


def made_by(pack: Pack, image: Image | None, variant: str) -> dict[str, str]:
    """What a snapshot of a variant says of itself; the machine is added when it is known."""
    return {
        "by": f"rig {version()}",
        "guest": pack.guest,
        "pack": pack.path.stem,
        "variant": variant,
        "elf": Path(image.elf.path).name if image else "",
        "build_id": image.elf.build_id if image else "",
    }


def poison(pack: Pack, image: Image) -> list[tuple[int, int]]:
    """Physical (address, size) of what is filled with rubbish before the first step.

    QEMU's RAM starts as zeros, a machine's does not: a boot that forgets to clear its memory would
    pass. Only sections without contents in the file, and RAM from a symbol on that no section with
    contents covers, may be named (lint checks that).
    """
    found = []
    for item in (pack.data.get("image") or {}).get("poison") or []:
        virtual, size, name = poisoned_range(item, image.elf)
        start = image.physical(virtual)
        if start is None:
            raise UsageError(f"image.poison: no alias of the image covers {name}")
        found.append((start, size))
    return found


def poisoned_range(item: str | dict[str, Any], elf: Elf) -> tuple[int, int, str]:
    """Link address, size and name of one entry of image.poison."""
    if isinstance(item, str):
        section = elf.sections[item]
        return section.start, section.end - section.start, item
    return elf.symbols[item["from"]].value, item["size"], item["from"]


@dataclass
class Stepping:
    """One stepping run of one variant."""

    job: dict[str, Any]
    image: Image
    machine: Machine
    run_dir: Path
    timeout: float
    show: Show
    waits: dict[str, Any] | None = None  # the engine's word that a step does not answer
    snapshots: dict[str, Path] = field(default_factory=dict)  # taken, by checkpoint

    def __post_init__(self) -> None:
        self._table = Table.from_json(self.job["table"])

    def run(self, result: VariantResult) -> None:
        """Step the guest and collect the checks; infrastructure failures land in the phase."""
        if not self.job["checkpoints"]:
            return
        phase = Phase("step")
        result.phases.append(phase)
        started = time.monotonic()
        try:
            with Children(pick_cpu()) as children:
                self._run(result, phase, children, started + self.timeout)
        except CannotJudge as error:
            phase.error, phase.code = str(error), Exit.NO_JUDGEMENT
            self._open(result, phase, None)
        phase.seconds = phase.seconds or time.monotonic() - started

    def _run(
        self, result: VariantResult, phase: Phase, children: Children, deadline: float
    ) -> None:
        qemu = start_stopped(children, self.machine, self.image, self.run_dir)
        self.job["made"]["machine"] = self.machine.describe()
        read_fd, write_fd = os.pipe()
        try:
            gdb = start_engine(children, self.job, self.run_dir, write_fd)
        finally:
            os.close(write_fd)
        try:
            for event in read_events(read_fd, deadline, lambda: gdb.poll() is None):
                self._take(event, result, phase)
        except TimeBound:
            self._hang(result, phase)
            return
        finally:
            os.close(read_fd)
        status = gdb.wait(START_S)
        if phase.reason.startswith("guest-ended"):
            end = qemu.wait(START_S)
            # That it was the guest, the engine knows from QEMU's SHUTDOWN event.
            if not ended_by_guest(qemu, end, None):
                raise CannotJudge(died(qemu, end))
        if status != 0 or not phase.reason:
            end = None if status is not None and status < 0 else qemu.wait(_SETTLE_S)
            outside = end is not None and not ended_by_guest(qemu, end, None)
            raise CannotJudge(died(qemu, end) if outside else died(gdb, status))

    def _take(self, event: dict[str, Any], result: VariantResult, phase: Phase) -> None:
        self.show(event)
        if event["event"] in ("waits", "goes-on"):
            self.waits = event if event["event"] == "waits" else None
        if event["event"] == "checkpoint":
            result.checks += [Check.from_json(check) for check in event["checks"]]
        elif event["event"] == "check":
            result.checks.append(Check.from_json(event["check"]))
        elif event["event"] in ("sysreg", "exception"):
            result.boot.take(event, self._table)
        elif event["event"] == "snapshot":
            self._snapshot(event, phase)
        elif event["event"] in ("progress", "waits", "end"):
            phase.stepped, phase.run_over = event["stepped"], event["run_over"]
            if event["event"] == "end":
                phase.reason, phase.seconds = event["reason"], event["seconds"]
                result.boot.cut = event["cut"]

    def _snapshot(self, event: dict[str, Any], phase: Phase) -> None:
        if event["error"]:
            phase.code = Exit.NO_JUDGEMENT
            phase.error = f"no snapshot at {event['checkpoint']}: {event['error']}"
        else:
            self.snapshots[event["checkpoint"]] = self.run_dir / event["path"]

    def _hang(self, result: VariantResult, phase: Phase) -> None:
        """The time bound: say where the guest is, and which checkpoints are still open."""
        where = Where.from_json(self.waits["where"]) if self.waits else None
        if self.waits and where:
            how = "the guest sleeps behind" if self.waits["asleep"] else "there is no end of"
            why = ", and nothing that is armed wakes it" if self.waits["asleep"] else ""
            place = f"{how} `{where.instruction}` at {where.text()}{why}"
        else:
            where = where_is(self.run_dir, self.image)
            place = f"the guest is at {where.text() if where else UNKNOWN_PLACE}"
        phase.code, phase.reason = Exit.TIME_BOUND, "time bound"
        phase.error = f"stepping did not end within {self.timeout:g} s: {place}"
        self._open(result, phase, where)

    def _open(self, result: VariantResult, phase: Phase, where: Where | None) -> None:
        """What was not reached when stepping was cut short is open, not broken."""
        for check in result.checks:
            if check.kind == "reached" and check.status == FAIL and check.text == NEVER_REACHED:
                check.status, check.actual, check.history = NOT_JUDGED, phase.error, []
        seen = {check.rule for check in result.checks if check.kind == "reached"}
        for rule in self.job["checkpoints"]:
            if rule["id"] not in seen:
                result.checks.append(
                    Check(
                        id=rule["id"],
                        rule=rule["id"],
                        kind="reached",
                        group=rule.get("group", rule["id"]),
                        status=NOT_JUDGED,
                        text=NEVER_REACHED,
                        why=rule["why"],
                        spec=rule.get("spec", ""),
                        actual=phase.error,
                        where=where,
                        variant=self.machine.variant,
                    )
                )


def start_stopped(children: Children, machine: Machine, image: Image, run_dir: Path) -> Child:
    """Start QEMU stopped at the first instruction and wait for its sockets."""
    command = command_line(
        find_tool("qemu-system-aarch64", "RIG_QEMU"), machine, Path(image.elf.path), True
    )
    qemu = children.start("qemu", command, run_dir)
    deadline = time.monotonic() + START_S
    sockets = [run_dir / name for name in (GDB_SOCKET, QMP_DRIVER, QMP_ENGINE)]
    while not all(socket.exists() for socket in sockets):
        if qemu.wait(0.01) is not None:
            raise CannotJudge(died(qemu, qemu.poll()))
        if time.monotonic() > deadline:
            raise CannotJudge(f"QEMU opened no gdb socket within {START_S:g} s")
    return qemu


def start_engine(children: Children, job: dict[str, Any], run_dir: Path, events_fd: int) -> Child:
    """Start gdb with the engine; events come through the descriptor."""
    path = run_dir / "job.json"
    path.write_text(json.dumps({**job, "events_fd": events_fd}), encoding="utf-8")
    command = [find_tool("gdb-multiarch", "RIG_GDB"), "-nx", "-batch", "-x", str(GDB_MAIN)]
    return children.start("gdb", command, run_dir, {"RIG_JOB": str(path)}, (events_fd,))
