"""The report for people: live lines while a run goes, details of what is red, a summary."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, TextIO

from .checks import ERROR, FAIL, NOT_JUDGED, PASS, WAIVED, Check, Where, tally
from .errors import Exit
from .results import VERDICTS, Phase, RunResult, VariantResult

_COLOURS = {"green": "32", "red": "31;1", "yellow": "33", "dim": "2", "bold": "1"}
_MARKS = {PASS: "ok", FAIL: "FAIL", ERROR: "ERROR", NOT_JUDGED: "open", WAIVED: "waived"}
_STYLE = {PASS: "green", FAIL: "red", ERROR: "red", NOT_JUDGED: "yellow", WAIVED: "yellow"}


@dataclass
class TextReport:
    """Writes to a stream; colours and the progress line only on a terminal."""

    out: TextIO
    quiet: bool = False
    reopen: str = ""  # the command that opens a stop interactively, without its place
    plain: bool = False  # no colour, whatever the terminal

    def __post_init__(self) -> None:
        terminal = self.out.isatty()
        self._colour = terminal and not self.plain and not os.environ.get("NO_COLOR")
        self._live = terminal and not self.quiet
        self._progress = False

    def style(self, name: str, text: str) -> str:
        """Colour, when wanted."""
        return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if self._colour else text

    def line(self, text: str = "") -> None:
        """One line, over the progress line if there is one."""
        self.end_progress()
        self.out.write(text + "\n")
        self.out.flush()

    def end_progress(self) -> None:
        """Take the progress line away before somebody else writes."""
        if self._progress:
            self.out.write("\r\x1b[K")
            self._progress = False
        self.out.flush()

    def progress(self, text: str) -> None:
        """What goes on, over one line of a terminal."""
        if self._live:
            self.out.write(f"\r\x1b[K  {text}")
            self.out.flush()
            self._progress = True

    def detail(self, text: str) -> None:
        """A line that --quiet leaves out."""
        if not self.quiet:
            self.line(text)

    # --- live -------------------------------------------------------------------------------------

    def heading(self, variant: VariantResult, pack: str) -> None:
        """A variant begins."""
        name = self.style("bold", f"{pack} / {variant.machine.variant}")
        self.detail(f"{name}: {variant.machine.describe()}")

    def event(self, event: dict[str, Any]) -> None:
        """An event of the stepping engine."""
        if event["event"] == "checkpoint":
            self._checkpoint(event)
        elif event["event"] == "check":
            check = Check.from_json(event["check"])
            if check.status != PASS:
                self.check(check)
        elif event["event"] == "progress" and self._live:
            where = Where.from_json(event["where"])
            done = event["stepped"] + event["run_over"]
            rate = event["stepped"] / event["seconds"] if event["seconds"] else 0
            symbol = where.symbol if where else ""
            self.out.write(
                f"\r\x1b[K  checkpoint {event['fired']} of {event['total']}, "
                f"{done} instructions, {rate:.0f} steps/s, {symbol}"
            )
            self.out.flush()
            self._progress = True

    def _checkpoint(self, event: dict[str, Any]) -> None:
        checks = [Check.from_json(check) for check in event["checks"]]
        where = Where.from_json(event["where"])
        assert where is not None
        worst = next((s for s in (FAIL, ERROR) if any(c.status == s for c in checks)), PASS)
        good = sum(check.status == PASS for check in checks)
        mark = self.style(_STYLE[worst], f"{_MARKS[worst]:<4}")
        place = f"{os.path.basename(where.file)}:{where.line}" if where.file else ""
        counter = f"{event['index']:>2}/{event['total']}"
        text = (
            f"  {mark} {counter} {event['id']:<28} {where.pc:#018x} <{where.symbol}> {place}"
            f"  {good}/{len(checks)} checks"
        )
        if worst == PASS:
            self.detail(text)
        else:
            self.line(text)
        for check in checks:
            if check.status != PASS:
                self.check(check)

    def check(self, check: Check) -> None:
        """One check that is not green, in full."""
        mark = self.style(_STYLE[check.status], _MARKS[check.status])
        self.line(
            f"  {mark} {self.style('bold', check.id)} [{check.kind}, {check.variant}]: {check.text}"
        )
        if check.expected:
            self.line(f"       expected {check.expected}")
        if check.actual:
            self.line(f"       actual   {check.actual}")
        for detail in check.details:
            self.line(f"       {detail}")
        if check.where:
            instruction = f"  after `{check.where.instruction}`" if check.where.instruction else ""
            self.line(f"       at {check.where.text()}{instruction}")
        self.line(f"       why: {check.why}" + (f" ({check.spec})" if check.spec else ""))
        if check.history:
            self.line("       the last instructions (number, PC, symbol, instruction, source):")
            for entry in check.history:
                self.line(self.style("dim", f"       {entry}"))
        if check.failed and check.count and self.reopen:
            self.line(
                f"       reopen: {self.reopen} --variant {check.variant} --at-count {check.count}"
            )

    def baseline(self, check: Check) -> None:
        """How a variant's exceptions stand to those of an earlier run."""
        if check.status != PASS:
            self.check(check)
            return
        self.detail(f"  {self.style('green', 'ok')}   {check.rule}: {check.text}")
        for line in check.details:
            self.detail(f"       {line}")

    # --- results ----------------------------------------------------------------------------------

    def phase(self, variant: VariantResult, phase: Phase) -> None:
        """A phase ended."""
        if phase.name == "free-run":
            for check in variant.checks:
                if check.kind in ("marker", "end", "fault") and check.status != PASS:
                    self.check(check)
            held = tally([c for c in variant.checks if c.kind in ("marker", "end", "fault")])
            self.detail(
                f"  free run: {phase.reason or 'failed'} after {phase.seconds:.1f} s, "
                f"{len(phase.console)} console lines, {held[PASS]} checks held"
            )
        elif phase.name in ("ordering", "address-space"):
            self._judged(variant, phase)
        else:
            rate = phase.stepped / phase.seconds if phase.seconds else 0
            self.detail(
                f"  stepped {phase.stepped} instructions ({rate:.0f}/s), run over {phase.run_over} "
                f"in loops stepped before (exact: QEMU's count): {phase.reason or 'failed'}"
            )
            still = [
                c.rule for c in variant.checks if c.kind == "reached" and c.status == NOT_JUDGED
            ]
            if still and phase.error:
                self.line(f"  {self.style('yellow', 'open')} (not judged): {', '.join(still)}")
        if phase.error:
            what = "could not judge" if phase.code == Exit.NO_JUDGEMENT else "time bound"
            self.line(f"  {self.style('red', what)}: {phase.error}")

    def _judged(self, variant: VariantResult, phase: Phase) -> None:
        """The findings, what was looked at by each rule, and what is told besides."""
        checks = [check for check in variant.checks if check.kind == phase.name]
        for check in checks:
            if check.status == WAIVED:
                self.line(
                    f"  {self.style('yellow', 'waived')} {check.id} [{check.variant}]: "
                    f"{check.text}: {check.why}"
                )
            elif check.status != PASS:
                self.check(check)
        held = [check for check in checks if check.status == PASS]
        for name, text in _LOOKED_AT[phase.name](held):
            self.detail(f"  {self.style('green', 'ok')}   {name:<22} {text}")
        for note in phase.notes:
            self.detail(f"  {note}")
        self.detail(
            f"  {phase.name}: {phase.reason or 'failed'} after {phase.seconds:.1f} s, "
            f"{len(held)} rules held"
        )

    def summary(self, run: RunResult, kept: str) -> None:
        """The last lines."""
        checks = run.checks()
        counts = tally(checks)
        for waiver in run.waived:
            at = f" at {waiver['at']}" if "at" in waiver else ""
            self.detail(f"waived: {waiver['rule']}{at}: {waiver['why']}")
        invariants = [
            c for c in checks if c.kind in ("transition", "invariant") and c.status == PASS
        ]
        if invariants:
            self.detail(
                f"{len(invariants)} transitions and invariants held between the checkpoints"
            )
        first = run.first_failed()
        if first is not None:
            self.line(f"first broken rule: {self.style('bold', first.rule)} ({first.variant})")
        if kept:
            self.line(f"run directory kept: {kept}")
        parts = [f"{len(checks)} checks", f"{counts[PASS]} held", f"{counts[FAIL]} broken"]
        if counts[ERROR] + counts[NOT_JUDGED]:
            parts.append(f"{counts[ERROR] + counts[NOT_JUDGED]} not judged")
        verdict = VERDICTS[run.code()]
        colour = "green" if run.code() == 0 else "red"
        self.line(f"{self.style(colour, verdict)}: {', '.join(parts)}")


def _by_rule(held: list[Check]) -> list[tuple[str, str]]:
    """A line for each rule that held."""
    return [(check.rule, check.text.rpartition(": ")[2]) for check in held]


def _by_entry(held: list[Check]) -> list[tuple[str, str]]:
    """A line for each snapshot: how many rules held there."""
    counts: dict[str, int] = {}
    for check in held:
        entry = check.id.partition(".")[0]
        counts[entry] = counts.get(entry, 0) + 1
    return [(entry, f"{count} rules held") for entry, count in counts.items()]


_LOOKED_AT = {"ordering": _by_rule, "address-space": _by_entry}


def stdout(quiet: bool, reopen: str = "") -> TextReport:
    """The report on standard output."""
    return TextReport(sys.stdout, quiet, reopen)
