"""Judges many mutants of one variant: side by side, kept as they come, taken up where it ended."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .mutant import KILLED, NOT_JUDGED, SURVIVED, Mutant, Outcome
from .mutate_judge import Baseline, Judge
from .mutate_results import Results, header
from .mutate_sample import spread
from .mutate_workers import Workers
from .paths import need_compiled
from .qemu import Machine
from .report_text import TextReport
from .session import Inputs

_EVERY_S = 30.0  # between lines of progress where there is no terminal


@dataclass(frozen=True)
class Settings:
    """How a campaign is run."""

    timeout: float  # of each phase of a mutant, seconds
    jobs: int | None = None  # None: as many as there are processors
    thorough: bool = False  # every rule that breaks, not only the first
    fresh: bool = False  # forget what was judged before
    survivors: bool = False  # keep kills, by earlier rules too, and judge the rest again
    keep: bool = False  # each mutant's ELF and logs stay


def run(  # pylint: disable=too-many-arguments # a campaign is what they make together
    inputs: Inputs,
    machine: Machine,
    baseline: Baseline,
    mutants: Sequence[Mutant],
    folder: Path,
    settings: Settings,
    report: TextReport,
) -> list[Outcome]:
    """The outcome of each mutant, in their order. What was judged before, by results of the same
    guest in `folder`, is not judged again; what could not be judged is."""
    # Where the guest's own parts lie: beside the ELF of a mutant there are none.
    os.environ.setdefault("RIG_TOOLS", str(need_compiled("rig-trace", inputs.elf).parent))
    judge = Judge(inputs, machine, baseline, settings.timeout)
    results = folder / f"{machine.variant}-results.jsonl"
    kept = folder / f"{machine.variant}-kept"
    workers = Workers(
        lambda mutant, room: judge.judge(mutant, room, settings.thorough),
        settings.jobs or len(os.sched_getaffinity(0)),
        folder / f"{machine.variant}-work",
        (lambda mutant: kept / place_of(mutant)) if settings.keep else None,
    )
    head = header(inputs, machine, settings.thorough)
    with Results(results, head, settings.fresh, settings.survivors) as file:
        known = {outcome.id: outcome for outcome in file.known(mutants)}
        left = [mutant for mutant in spread(mutants) if mutant.id not in known]
        if known:
            what = "killed before, and are not run again" if settings.survivors else "judged before"
            report.detail(f"{machine.variant}: {len(known)} of {len(mutants)} mutants were {what}")
        progress = Progress(machine.variant, len(left), report)

        def done(mutant: Mutant, outcome: Outcome) -> None:
            file.add(mutant, outcome)
            known[mutant.id] = outcome
            progress.count(outcome)

        try:
            workers.run(left, done, progress.show)
        finally:
            report.end_progress()
    return [known[mutant.id] for mutant in mutants]


def place_of(mutant: Mutant) -> str:
    """The name of a kept mutant's directory."""
    return re.sub(r"[^\w.+-]", "_", mutant.id)


@dataclass
class Progress:
    """What is told while mutants are judged: over one line of a terminal, a line now and then
    elsewhere."""

    variant: str
    total: int
    report: TextReport
    now: Callable[[], float] = time.monotonic
    _verdicts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._began = self._told = self.now()
        self._terminal = self.report.out.isatty()

    def count(self, outcome: Outcome) -> None:
        """One more."""
        self._verdicts[outcome.verdict] += 1

    def show(self) -> None:
        """Tell how far it is, when it is time."""
        if self._terminal:
            self.report.progress(self.text())
        elif self.now() - self._told >= _EVERY_S:
            self._told = self.now()
            self.report.detail(self.text())

    def text(self) -> str:
        """`el2: 40 of 120 mutants: 37 killed, 3 survived; 2.1/s, 1 min left`"""
        done = self._verdicts.total()
        counts = [f"{self._verdicts[KILLED]} killed", f"{self._verdicts[SURVIVED]} survived"]
        if self._verdicts[NOT_JUDGED]:
            counts.append(f"{self._verdicts[NOT_JUDGED]} not judged")
        words = f"{self.variant}: {done} of {self.total} mutants: {', '.join(counts)}"
        seconds = self.now() - self._began
        if not done or seconds <= 0:
            return words
        left = (self.total - done) * seconds / done
        return f"{words}; {done / seconds:.1f}/s, {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
