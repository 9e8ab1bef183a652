"""Judges one mutant as `rig run` judges a guest, phase by phase, until one of them breaks a rule.

The phases come in the order of their cost: the free run with its fault gate, the ordering of what
it executes, the stepped boot with its snapshots, the audit of those; descriptors are audited first,
in a free run that is stopped where they are looked at (mutate_places.py). A guest that does not
come to its end any more is given up after a few times what the unmutated one used. What `rig run`
could not judge is neither killed nor survived.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from .audit_check import GROUP as SPACES
from .audit_phase import AddressSpaces
from .checks import ERROR, Check
from .checks import NOT_JUDGED as OPEN
from .errors import CannotJudge, Exit
from .freerun import FreeRun
from .image import Image
from .mutant import KILLED, NOT_JUDGED, SURVIVED, Mutant, Outcome
from .mutate_image import write_image
from .mutate_places import UNREAD, judge_space, places
from .mutate_smoke import fault_words, smoke
from .order_check import GROUP as ORDERING
from .order_phase import Ordering
from .paths import compiled, need_compiled
from .poke import flipped
from .qemu import LOG, Machine
from .results import GIVEN_UP, Phase, VariantResult
from .run_end import Budget, left_of
from .session import Inputs
from .snapshot import Place
from .stepping import Stepping, make_job

FREE_RUN, STEP = "free-run", "step"
GUEST_ENDS = "guest-ends"
_BUDGET_TIMES = 4
_BUDGET_LEAST = Budget(instructions=1_000_000, log=4 << 20)
_NO_BOUND = Budget(1 << 62, 1 << 62)  # the note of a run's instructions is made with a budget only
_TRIES = 2


@dataclass
class Baseline:
    """What the unmutated guest does, for its mutants to be held against."""

    instructions: int
    log: int  # bytes of QEMU's log
    notes: set[str] = field(default_factory=set)
    snapshots: dict[str, Path] = field(default_factory=dict)  # by checkpoint
    words: list[str] = field(default_factory=list)  # that the smoke test looks for
    stops: dict[str, Place] = field(default_factory=dict)  # of the snapshots, in a free run
    seconds: float = 0.0
    # Ids of mutants whose bit the pack excuses: nothing follows where the audit, too, is silent.
    excused: set[str] = field(default_factory=set)

    @property
    def budget(self) -> Budget:
        """What a mutant may use before it is given up."""
        return Budget(
            _BUDGET_TIMES * self.instructions + _BUDGET_LEAST.instructions,
            _BUDGET_TIMES * self.log + _BUDGET_LEAST.log,
        )


@dataclass
class _Run:
    """The phases of one guest, as far as they went."""

    inputs: Inputs
    image: Image
    machine: Machine
    room: Path
    timeout: float
    budget: Budget
    first: bool  # end stepping at the first broken rule
    place: Place | None = None  # where the address space is judged before stepping
    result: VariantResult = field(init=False)
    snapshots: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.result = VariantResult(self.machine)

    def phases(self) -> list[tuple[str, Callable[[], None]]]:
        """Those that the pack has rules for, in the order of their cost."""
        pack = self.inputs.pack
        found = [(FREE_RUN, self._free_run)]
        if self.place is not None:
            found.append((SPACES, self._spaces_running))
        if pack.ordering():
            found.append((ORDERING, self._ordering))
        if pack.items("checkpoints"):
            found.append((STEP, self._step))
        if pack.address_spaces(self.machine.variant):
            found.append((SPACES, self._spaces))
        return found

    def _path(self, name: str) -> Path:
        path = self.room / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def _free_run(self) -> None:
        gate = need_compiled("rig-trace", self.inputs.elf)
        path = self._path(FREE_RUN)
        FreeRun(
            self.inputs.pack, self.image, self.machine, path, self.timeout, gate, self.budget
        ).run(self.result)

    def _ordering(self) -> None:
        path = self._path(ORDERING)
        Ordering(self.inputs.pack, self.image, self.machine, path, self.timeout).run(self.result)

    def _step(self) -> None:
        pack, variant = self.inputs.pack, self.machine.variant
        job = make_job(
            pack,
            self.image,
            self.inputs.table,
            variant,
            str(compiled("librigwalk.so", self.inputs.elf) or ""),
            {"every_instruction": False, "first_only": self.first},
            AddressSpaces.places(pack, variant),
        )
        path = self._path(STEP)
        stepping = Stepping(job, self.image, self.machine, path, self.timeout, lambda _event: None)
        stepping.run(self.result)
        self.snapshots = stepping.snapshots

    def _spaces_running(self) -> None:
        assert self.place is not None
        path = self._path(f"{SPACES}-running")
        judge_space(self.inputs, self.machine, self.image, self.place, path, self.result)

    def _spaces(self) -> None:
        pack, path = self.inputs.pack, self._path(SPACES)
        AddressSpaces(
            pack, self.image, self.inputs.table, self.machine, path, self.timeout
        ).run(self.result, self.snapshots)  # fmt: skip

    def open(self) -> str:
        """Why `rig run` would not say that all rules held though none is broken; "" if it would."""
        if self.result.code() == Exit.HELD:
            return ""
        for phase in self.result.phases:
            if phase.error:
                return f"{phase.name}: {phase.error}"
        for check in self.result.checks:
            if check.status in (ERROR, OPEN):
                return f"{check.kind}: {check.rule} is not judged: {check.actual or check.text}"
        return "nothing was judged"

    def notes(self) -> set[str]:
        """Rules with notes, each with the functions that its note names."""
        keys = set()
        for finding in self.result.order.get("findings") or []:
            if finding.get("level") == "note" and not finding.get("waived"):
                ends = [finding.get(end) or {} for end in ("write", "consumer")]
                functions = [str(end.get("symbol") or "").partition("+")[0] for end in ends]
                keys.add(":".join([str(finding["rule"]), *functions]))
        for phase in self.result.phases:
            if phase.name == SPACES:
                keys |= {_note_key(note) for note in phase.notes if note.startswith("note: ")}
        return keys


def _phase_of(rule: str, run: _Run) -> str:
    """The phase that a rule's note came from."""
    ordering = {finding["rule"] for finding in run.result.order.get("findings") or []}
    return ORDERING if rule in ordering else SPACES


def _note_key(note: str) -> str:
    """`note: ENTRY: RULE: ...` without its addresses."""
    parts = note.split(": ")
    return ":".join(reversed(parts[1:3]))


def baseline(
    inputs: Inputs, machine: Machine, room: Path, timeout: float, say: Callable[[str], None]
) -> Baseline:
    """Run the unmutated guest through every phase; raises CannotJudge when it does not pass."""
    started = time.monotonic()
    run = _Run(inputs, inputs.image, machine, room, timeout, _NO_BOUND, False)
    for name, phase in run.phases():
        say(f"the unmutated guest: {name}")
        phase()
        red = next((check for check in run.result.checks if check.failed), None)
        why = f"{red.rule}: {red.text}: {red.actual}" if red else run.open()
        if why:
            raise CannotJudge(
                f"the unmutated guest does not pass ({machine.variant}, {name}): {why}; its "
                "mutants would say nothing: see rig run"
            )
    console = run.result.phases[0].console
    words = fault_words(inputs.pack, console)
    red_smoke = smoke(inputs.pack, machine.variant, console, words)
    if red_smoke:
        raise CannotJudge(f"the unmutated guest fails the smoke test: {red_smoke}")
    return Baseline(
        left_of(room / FREE_RUN),
        (room / FREE_RUN / LOG).stat().st_size,
        run.notes(),
        run.snapshots,
        words,
        places(inputs, machine, run.snapshots, room / "places"),
        seconds=time.monotonic() - started,
    )


@dataclass
class Judge:
    """Judges mutants of one variant."""

    inputs: Inputs
    machine: Machine
    baseline: Baseline
    timeout: float

    def judge(self, mutant: Mutant, room: Path, thorough: bool = False) -> Outcome:
        """One mutant. `thorough`: by all phases, whatever breaks first. What is left in `room` is
        the caller's."""
        started = time.monotonic()
        outcome = Outcome(mutant.id, NOT_JUDGED)
        for _try in range(_TRIES):
            try:
                outcome = self._judge(mutant, room, thorough)
            except CannotJudge as error:
                outcome.why = str(error)
            if outcome.verdict != NOT_JUDGED:
                break
        outcome.seconds = time.monotonic() - started
        return outcome

    def _judge(self, mutant: Mutant, room: Path, thorough: bool) -> Outcome:
        room.mkdir(parents=True, exist_ok=True)
        elf = room / Path(self.inputs.image.elf.path).name
        write_image(self.inputs.elf, mutant.patches, elf)
        image = Image(replace(self.inputs.image.elf, path=str(elf)), self.inputs.image.aliases)
        machine = replace(self.machine, poke=mutant.poke) if mutant.poke else self.machine
        run = _Run(
            self.inputs, image, machine, room, self.timeout, self.baseline.budget, not thorough,
            self.baseline.stops.get(mutant.function) if mutant.poke else None,
        )  # fmt: skip
        outcome = Outcome(mutant.id, NOT_JUDGED)
        excused = mutant.id in self.baseline.excused
        for name, phase in run.phases():
            before = len(run.result.checks)
            phase()
            last = run.result.phases[-1]
            if name == FREE_RUN:
                if mutant.poke and not flipped(room / FREE_RUN):
                    outcome.why = "the descriptor was never stored"
                    return outcome
                pack, variant = self.inputs.pack, machine.variant
                outcome.smoke = smoke(pack, variant, last.console, self.baseline.words)
            self._take(outcome, name, run.result.checks[before:], last)
            if outcome.rules and not thorough:
                break
            if name == FREE_RUN and last.error:
                break  # what follows would not end either
            if name == SPACES and excused and last.reason != UNREAD:
                break
        outcome.notes = sorted({key.partition(":")[0] for key in run.notes() - self.baseline.notes})
        if outcome.rules or outcome.notes:
            outcome.verdict = KILLED
            outcome.phase = outcome.phase or _phase_of(outcome.notes[0], run)
        else:
            outcome.why = run.open()
            outcome.verdict = NOT_JUDGED if outcome.why else SURVIVED
        return outcome

    @staticmethod
    def _take(outcome: Outcome, name: str, checks: Iterable[Check], phase: Phase) -> None:
        """The broken rules of a phase; a guest that was given up breaks that of its end. What only
        the wall clock ended might have gone on: a busy machine is no evidence."""
        red = [check for check in checks if check.failed]
        rules = [check.rule for check in red]
        says = f"{red[0].text}: {red[0].actual}" if red else ""
        if name == FREE_RUN and phase.reason == GIVEN_UP:
            rules.append(GUEST_ENDS)
            says = says or phase.error
        if rules and not outcome.rules:
            outcome.phase, outcome.says = name, says
        outcome.rules += [rule for rule in dict.fromkeys(rules) if rule not in outcome.rules]
