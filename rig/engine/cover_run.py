"""Runs guests under the coverage plugin, and completes their traces with what SCTLR_ELx got.

Each run has a directory of its own; it has to end as its suite says, or the measurement is no
measurement. What QEMU's plugin interface cannot tell (the value that a write to SCTLR_ELx stores)
comes from a second run of the same guest (operands.py), once for all runs that write it alike.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import elf as elf_file
from . import trace_file
from .cover_suite import Run
from .elf import Elf
from .errors import CannotJudge, TimeBound, UsageError
from .jobs import Job, Outcome, run_all
from .operands import Site, operands
from .process import find_tool, known_cpus
from .qemu import guest_words
from .trace_file import OFF, ON, UNKNOWN, Epoch

TRACE = "run.cov"
_AT_ONCE = 64  # epochs that a trace can hold
_WINDOW = 256  # bytes of code before a write that have to be equal for its value to be
_OPERANDS_S = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Traced:
    """A run with its trace. `ended` says how it ended: by the guest, or at its bound."""

    run: Run
    trace: Path
    ended: str
    seconds: float


def _guest_words(run: Run) -> list[str]:
    """QEMU's words for the run without plugin; the image is its kernel unless the run says else."""
    return guest_words(find_tool("qemu-system-aarch64", "RIG_QEMU"), run.machine, run.elf.path)


def _image_words(elf: Elf) -> str:
    """The plugin's argument that notes the image; what has no build-id is not noted."""
    return "" if elf.build_id.startswith("sha256-") else f",image={elf.build_id}"


def run_suite(runs: list[Run], work: Path, plugin: Path, say: Say) -> list[Traced]:
    """Run everything; raises TimeBound or CannotJudge for the first run that ends otherwise than
    told."""
    known = known_cpus(find_tool("qemu-system-aarch64", "RIG_QEMU"))
    by_job: dict[str, Run] = {}
    jobs: list[Job] = []
    for run in runs:
        cpu = run.machine.cpu.split(",", maxsplit=1)[0]
        if known and cpu not in known:
            raise UsageError(f"run {run.name}: this QEMU has no -cpu {cpu}")
        if run.name in by_job:
            raise UsageError(f"two runs are called {run.name}")
        folder = work / run.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        words = [*_guest_words(run), "-plugin", f"{plugin},out={TRACE}{_image_words(run.elf)}"]
        jobs.append(Job(run.name, words, folder, run.bound))
        by_job[run.name] = run
    traced: dict[str, Traced] = {}

    def done(outcome: Outcome) -> None:
        traced[outcome.job.name] = _judge_end(by_job[outcome.job.name], outcome)
        say(f"run {len(traced)} of {len(jobs)}: {outcome.job.name}")

    run_all(jobs, done)
    return [traced[run.name] for run in runs]


def _judge_end(run: Run, outcome: Outcome) -> Traced:
    """The run with its trace, when it ended as told."""
    trace = outcome.job.cwd / TRACE
    place = f"run {run.name} ({run.machine.describe()})"
    said = f": {outcome.stderr}" if outcome.stderr else ""
    if outcome.status is None:
        if run.ends == "guest":
            raise TimeBound(
                f"{place}: the guest did not end within {run.bound:g} s; files in {trace.parent}"
            )
        ended = "bound"
    elif outcome.status != 0 or "terminating on signal" in outcome.stderr:
        how = f"signal {-outcome.status}" if outcome.status < 0 else f"status {outcome.status}"
        raise CannotJudge(f"{place}: QEMU died ({how}){said}; files in {trace.parent}")
    elif run.ends == "bound":
        raise CannotJudge(
            f"{place}: the guest ended after {outcome.seconds:.1f} s, but has to run on until its "
            f"bound; files in {trace.parent}"
        )
    else:
        ended = "guest"
    if not trace.is_file():
        raise CannotJudge(f"{place}: the plugin left no trace{said}; files in {trace.parent}")
    return Traced(run, trace, ended, outcome.seconds)


class Operands:
    """Finds out what the epochs of traces wrote; remembers it for runs that write alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], list[int]] = {}
        self.notes: list[str] = []

    def complete(self, traced: Traced) -> None:
        """Note the state behind each epoch that the plugin could not tell."""
        epochs = trace_file.epochs(traced.trace)
        if not any(epoch.after == UNKNOWN for epoch in epochs):
            return
        key = self._key(traced.run, epochs)
        if key not in self._known:
            self._known[key] = self._ask(traced, epochs)
        for epoch, state in zip(epochs, self._known[key]):
            if epoch.after == UNKNOWN and state != UNKNOWN:
                trace_file.set_after(traced.trace, epoch, state)

    @staticmethod
    def _key(run: Run, epochs: list[Epoch]) -> tuple[object, ...]:
        """Runs with the same machine that execute the same writes at the same places, with the same
        code before them."""
        code = []
        for vaddr, paddr, content in elf_file.loaded(run.path()):
            for epoch in epochs:
                for start in (vaddr, paddr):
                    at = epoch.vaddr - start
                    if 0 <= at < len(content):
                        code.append(content[max(at - _WINDOW, 0) : at + 4])
        return (
            run.machine.machine,
            run.machine.cpu,
            run.machine.memory,
            tuple((epoch.vaddr, epoch.opcode) for epoch in epochs),
            tuple(code),
        )

    def _ask(self, traced: Traced, epochs: list[Epoch]) -> list[int]:
        """A second run: the state each epoch leaves, UNKNOWN where that run went elsewhere."""
        registers = {epoch.vaddr: epoch.opcode & 31 for epoch in epochs}
        sites = [Site(address, register) for address, register in registers.items()]
        folder = traced.trace.parent / "operands"  # its console is not the run's
        folder.mkdir(exist_ok=True)
        hits = operands(
            _guest_words(traced.run), folder, sites, min(len(epochs), _AT_ONCE), _OPERANDS_S
        )
        states: list[int] = []
        state = OFF
        for index, epoch in enumerate(epochs):
            if index >= len(hits) or hits[index].pc != epoch.vaddr:
                self.notes.append(
                    f"run {traced.run.name}: the second run did not come to the write of "
                    f"SCTLR_EL{epoch.el} at {epoch.vaddr:#x} (number {index + 1}): the MMU's state "
                    "is unknown from there on"
                )
                return states + [UNKNOWN] * (len(epochs) - index)
            # Below its level a write is UNDEFINED and changes nothing.
            if hits[index].el >= epoch.el:
                state = ON if hits[index].value & 1 else OFF
            states.append(state)
        return states
