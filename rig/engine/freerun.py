"""Phase 1: the guest runs at plain speed; its console, its end and its exceptions are judged."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .checks import ERROR, FAIL, NOT_JUDGED, PASS, Check
from .console import line_shows
from .errors import CannotJudge, Exit, UsageError
from .hang import UNKNOWN_PLACE, where_is
from .image import Image
from .pack import Pack
from .process import Child, Children, find_tool, pick_cpu, tail
from .qemu import LOG, QMP_EVENTS, SERIAL, Machine, command_line
from .qmp import Qmp, QmpError
from .results import GIVEN_UP, GUEST_STOPPED, Phase, VariantResult
from .run_end import Budget, End, Watch, bound_of, end_of

_POLL_S = 0.05
GATE = "gate.json"
START_S = 20.0


@dataclass
class FreeRun:
    """One free run of one variant."""

    pack: Pack
    image: Image
    machine: Machine
    run_dir: Path
    timeout: float
    gate: Path  # rig-trace
    budget: Budget | None = None  # within which the run has to come to its end

    def run(self, result: VariantResult) -> None:
        """Run the guest to its end and judge; infrastructure failures land in the phase."""
        phase = Phase("free-run")
        result.phases.append(phase)
        ended = False
        qemu_path, elf = find_tool("qemu-system-aarch64", "RIG_QEMU"), Path(self.image.elf.path)
        command = command_line(qemu_path, self.machine, elf, False)
        result.command = list(command)
        end, bound = end_of(self.pack.data), bound_of(self.pack.data, self.timeout)
        end = replace(end, budget=self.budget)
        command += end.words(qemu_path, SERIAL, elf)
        started = time.monotonic()
        with Children(pick_cpu()) as children:
            qemu = children.start("qemu", command, self.run_dir)
            events = let_go(qemu, self.run_dir)
            status = self._wait(qemu, started + bound, watch := Watch(end, self.run_dir, qemu))
            phase.seconds = time.monotonic() - started
            if status is None and watch.come():
                phase.reason, ended = GUEST_STOPPED, True
            elif status is None:
                where = where_is(self.run_dir, self.image)
                place = where.text() if where else UNKNOWN_PLACE
                how = watch.given_up()
                phase.code, phase.reason = Exit.TIME_BOUND, GIVEN_UP if how else "time bound"
                how = how or f"within {bound:g} s"
                phase.error = f"{end.missed()} {how}: it is at {place}"
            elif events is None or not ended_by_guest(qemu, status, events.shutdown()):
                phase.code, phase.reason = Exit.NO_JUDGEMENT, "QEMU died"
                phase.error = died(qemu, status)
            else:
                phase.reason, ended = "guest ended", True
        text = (
            (self.run_dir / SERIAL).read_text(encoding="utf-8", errors="replace")
            if (self.run_dir / SERIAL).exists()
            else ""
        )
        phase.console = console_lines(text)
        result.checks += self._markers(phase.console, ended)
        result.checks.append(self._end(phase, ended, end, bound))
        if self.pack.data.get("faults") and phase.code == Exit.NO_JUDGEMENT:
            result.checks.append(_log_check(NOT_JUDGED, phase.error, self.machine.variant))
        elif self.pack.data.get("faults"):
            checks = judge_log(
                self.gate,
                self.run_dir / LOG,
                self.pack,
                self.image,
                self.machine.variant,
                self.run_dir,
            )
            result.checks += checks if ended else [_still_open(check) for check in checks]
            result.gate = gate_report(self.run_dir)

    def _wait(self, qemu: Child, deadline: float, watch: Watch) -> int | None:
        """QEMU's exit status, None at the deadline or where the guest stands still for the pack's
        `end`; short waits keep signals prompt."""
        while time.monotonic() < deadline:
            status = qemu.wait(_POLL_S)
            if status is not None or watch.come() or watch.given_up():
                return status
        return None

    def _check(self, rule: dict[str, Any], kind: str, text: str) -> Check:
        return Check(
            id=rule["id"],
            rule=rule["id"],
            kind=kind,
            group="markers" if kind == "marker" else "end",
            status=PASS,
            text=text,
            why=rule["why"],
            spec=rule.get("spec", ""),
            variant=self.machine.variant,
        )

    def _markers(self, console: list[str], ended: bool) -> list[Check]:
        """Each marker on a line of its own, in the order of the pack."""
        checks = []
        position = 0
        waived = {waiver["rule"] for waiver in self.pack.items("waive")}
        for rule in self.pack.items("markers"):
            if rule["id"] in waived:
                continue
            check = self._check(rule, "marker", f"console shows {rule['text']!r}")
            if self.machine.variant not in rule.get("variants", [self.machine.variant]):
                continue
            found = [i for i, line in enumerate(console) if line_shows(line, rule["text"])]
            later = [i for i in found if i >= position]
            if later:
                position = later[0] + 1
            else:
                check.status = FAIL if ended else NOT_JUDGED
                check.expected = "this line, after the markers before it"
                check.actual = "it came too early" if found else "it did not come"
                check.details = ["the console's last lines:", *console[-5:]]
            checks.append(check)
        return checks

    def _end(self, phase: Phase, ended: bool, end: End, bound: float) -> Check:
        why = "a run that ends by itself needs no timer to judge it"
        if end.exact:
            why = "a run that is stopped at the same instruction each time gives the same verdict"
        rule = {"id": "guest-ends", "why": why}
        check = self._check(rule, "end", f"{end.wanted()} within {bound:g} s")
        if not ended:
            check.status, check.actual = NOT_JUDGED, phase.error
        elif end.exact and phase.reason == "guest ended":
            check.status = FAIL
            check.expected, check.actual = end.wanted(), "the guest ended by itself before"
        return check


def _still_open(check: Check) -> Check:
    """An allowed fault that did not come before the time bound might still have come."""
    if check.status == FAIL and check.too_few:
        check.status = NOT_JUDGED
        check.actual += " when the time was up"
    return check


def console_lines(text: str) -> list[str]:
    """The console's lines, with CR LF or LF at their ends; the last may lack it."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def let_go(qemu: Child, run_dir: Path) -> Qmp | None:
    """Start the waiting guest; the connection that will hear of its end, None when QEMU ended."""
    deadline = time.monotonic() + START_S
    while not (run_dir / QMP_EVENTS).exists():
        if qemu.wait(0.01) is not None:
            return None
        if time.monotonic() > deadline:
            raise CannotJudge(f"QEMU opened no QMP socket within {START_S:g} s")
    try:
        events = Qmp(run_dir / QMP_EVENTS)
        events.command("cont")
        return events
    except QmpError as error:
        if qemu.wait(START_S) is None:
            raise CannotJudge(str(error)) from None
        return None


def ended_by_guest(qemu: Child, status: int | None, shutdown: dict[str, Any] | None) -> bool:
    """Did the guest end QEMU's run? Its SHUTDOWN event says so; where none came (an exit by
    semihosting sends none), status 0 without QEMU's words about a signal."""
    if status != 0 or "terminating on signal" in qemu.stderr():
        return False
    return shutdown is None or bool(shutdown.get("guest"))


def died(child: Child, status: int | None) -> str:
    """Words for a tool that ended as it should not."""
    how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    said = child.stderr()
    return f"{child.name} died ({how})" + (f": {said}" if said else "")


def judge_log(  # pylint: disable=too-many-arguments # one for each option of the gate
    gate: Path, log: Path, pack: Pack, image: Image, variant: str, run_dir: Path
) -> list[Check]:
    """Run `rig-trace gate` on a log and turn its rules into checks."""
    out = run_dir / GATE
    command = [str(gate), "gate", str(log), "--rules", str(pack.path), "--elf", image.elf.path]
    command += ["--json", str(out)] + (["--variant", variant] if variant else [])
    with (run_dir / "gate.out").open("wb") as said, (run_dir / "gate.err").open("wb") as errors:
        try:
            done = subprocess.run(command, stdout=said, stderr=errors, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotJudge(f"rig-trace gate failed: {error}") from None
    words = tail(run_dir / "gate.err")
    if done.returncode == Exit.USAGE:
        raise UsageError(words or "rig-trace gate refused the rule pack")
    if done.returncode not in (0, 1, 3) or not out.is_file():
        raise CannotJudge(f"rig-trace gate failed (exit status {done.returncode}): {words}")
    return gate_checks(json.loads(out.read_text(encoding="utf-8")), variant)


def gate_report(run_dir: Path) -> dict[str, Any]:
    """What judge_log's rig-trace reported, whole."""
    report: dict[str, Any] = json.loads((run_dir / GATE).read_text(encoding="utf-8"))
    return report


_STATUS = {"held": PASS, "broken": FAIL, "undecided": ERROR, "not-judged": NOT_JUDGED}


def gate_checks(report: dict[str, Any], variant: str) -> list[Check]:
    """The gate's report as checks; its overall verdict is never better than the gate's own."""
    checks = []
    for rule in report["rules_judged"]:
        if rule["verdict"] == "other-variant":
            continue
        most = "any" if rule["max"] is None else rule["max"]
        check = Check(
            id=f"fault.{rule['id']}",
            rule=rule["id"],
            kind="fault",
            group="faults",
            status=_STATUS[rule["verdict"]],
            text=f"exception log: {rule['id']} ({rule['kind']})",
            why=rule["why"] or "",
            variant=variant,
        )
        if check.status != PASS:
            check.expected = f"{rule['min']} to {most}"
            check.actual = f"{rule['counted']} counted"
            check.too_few = rule["counted"] < rule["min"]
            check.details = _denied(report) if rule["kind"] == "deny" else []
        checks.append(check)
    if report["exit_code"] == Exit.NO_JUDGEMENT and all(c.status == PASS for c in checks):
        damage = report["damaged"]["total"]
        words = f"{damage} damaged lines; see rig-trace gate on the log"
        checks.append(_log_check(ERROR, words, variant))
    return checks


def _log_check(status: str, actual: str, variant: str) -> Check:
    return Check(
        id="fault.log",
        rule="fault-log",
        kind="fault",
        group="faults",
        status=status,
        text="the exception log can be judged",
        why="a damaged or torn log is no evidence",
        actual=actual,
        variant=variant,
    )


def _denied(report: dict[str, Any]) -> list[str]:
    """The sites and messages that no rule allows."""
    lines = []
    for site in report["sites"]:
        if site["denied"]:
            lines.append(
                f"{site['denied']} x {site['class']} from {site['from']} to {site['to']}"
                f" at ELR {site.get('elr')} <{site.get('elr_symbol') or '?'}>"
                f" {site.get('elr_source') or ''} FAR {site.get('far_min')}: "
                f"{site.get('esr_text') or ''} (line {site['first_line']})"
            )
    for message in report["messages"]:
        if message["denied"]:
            lines.append(f"{message['count']} x {message['text']!r} (line {message['first_line']})")
    return lines[:20]
