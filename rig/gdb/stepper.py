"""Single-steps the guest from its first instruction to the steady state, judging as it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from changes import Changes
from checkpoints import Checkpoint, Checkpoints
from decode import Decoder, Insn
from engine.elf import Elf
from engine.evaluate import Evaluator
from engine.expr import Checker, parse
from engine.image import Alias, Image
from engine.qmp import NoQmp, Qmp
from engine.registers import Table
from exceptions import Exceptions, Taken, level_of, recognise, vector_entries
from instructions import Instructions
from invariants import Invariants
from loops import Loops
from recorder import Recorder
from snapshots import Snapshots
from state import LiveState
from target import PSTATE, SP, GuestEnded, Target
from transitions import Transitions

_PROGRESS_S = 0.5
PROGRESS_STEPS = 256
_FRAMES = 8
_POISON = 0xA5
_IRQ_AND_FIQ = 0xC0  # of PSTATE: both masked


@dataclass
class Stop:
    """Where an interactive session wants to be handed the guest, or which checkpoints are all that
    is wanted."""

    checkpoint: str = ""
    count: int = 0
    after: frozenset[str] = frozenset()

    def reached(self, fired: list[str], executed: int) -> bool:
        """Is this the place?"""
        return (
            bool(self.checkpoint and self.checkpoint in fired)
            or bool(self.count and executed >= self.count)
            or bool(self.after and self.after.issubset(fired))
        )


class Stepper:  # pylint: disable=too-many-instance-attributes # one for each part of the engine
    """One stepping run."""

    def __init__(
        self, job: dict[str, Any], target: Target, recorder: Recorder | None = None
    ) -> None:
        table = Table.from_json(job["table"])
        elf = Elf.from_json(job["elf"])
        image = Image(elf, [Alias(*alias) for alias in job["aliases"]])
        defines = {name: parse(text) for name, text in job["define"].items()}
        self.evaluator = evaluator = Evaluator(table, image, defines)
        control = frozenset(table.control())
        self._target = target
        self._code = Instructions(target, Decoder(table))
        self.recorder = recorder or Recorder(job["events_fd"], image, job["variant"])
        self._state = self.state = LiveState(target, table, job["walker"])
        self._checkpoints = self.checkpoints = Checkpoints.build(
            job["checkpoints"], image, evaluator, self.recorder, job["serial"]
        )
        self._transitions = self.transitions = Transitions(
            job["transitions"], job["settings"], table, self.recorder
        )
        self._invariants = self.invariants = Invariants(
            job["invariants"], Checker(table, elf, defines), evaluator, self.recorder, control
        )
        self._exceptions = Exceptions(job["exceptions"], self.recorder)
        self._changes = Changes(table, self._state, self.recorder)
        self._loops = None if job["every_instruction"] else Loops(self._fetch, self._blocked)
        self._qmp: Qmp | NoQmp = Qmp(Path(job["qmp"])) if job["qmp"] else NoQmp()
        self._steady = job["settings"]["steady"]
        self._stop = Stop(
            job.get("stop_at", ""),
            job.get("stop_count", 0),
            frozenset(job.get("stop_after") or []),
        )
        self._snapshots = Snapshots(job, target, table, self.recorder)
        self._cache: dict[int, Insn] = {}
        self._fired: list[str] = []
        self._fired_now: set[str] = set()  # at one stop: _fired_at
        self._fired_at = (-1, -1)
        self._broken_stop = ""
        self._markers = self._checkpoints.pending_markers()
        self._first_only = bool(job.get("first_only"))
        self.breaks: frozenset[int] = frozenset()  # a person's: no loop is run over them
        self.taken: Taken | None = None  # the exception in which the last step ended
        self._sleeper = ""  # the instruction behind which the CPU sleeps
        self._held: int | None = None  # it sleeps here with interrupts open: not arrived yet
        self._waiting = False  # was the driver told that a step does not answer?
        target.silent = self._silent
        self._job_poison: list[tuple[int, int]] = job["poison"]

    # --- the run ----------------------------------------------------------------------------------

    def run(self) -> str:
        """Step until the steady state, the guest's end, or a rule that ends the run."""
        started = time.monotonic()
        reason = "steady-state"
        insn = self._fetch(self._state.pc)
        try:
            self.begin()
            while not self._finished():
                insn = self._one(insn)
                if self.recorder.stepped % PROGRESS_STEPS == 0:
                    self._progress(started)
        except GuestEnded as error:
            if not self._guest_did_it(error):
                raise  # QEMU was ended from outside: what is open stays open
            reason = "guest-ended"
        if self._broken_stop:
            reason = f"rule {self._broken_stop}"
        elif self._stop.checkpoint in self._fired:
            reason = f"stopped at checkpoint {self._stop.checkpoint}"
        elif self._stop.after and self._stop.after.issubset(self._fired):
            reason = f"stopped after {', '.join(sorted(self._stop.after))}"
        elif reason != "guest-ended" and self._stop.reached([], self.recorder.executed):
            reason = f"stopped after {self.recorder.executed} instructions"
        self._finish(insn, reason, time.monotonic() - started)
        return reason

    def begin(self) -> None:
        """The guest is at its first instruction: poison its memory, judge the place."""
        for address, size in self._job_poison:
            self._target.fill_physical(address, size, _POISON)
        self._transitions.begin(self._state)
        insn = self._fetch(self._state.pc)
        self._judge(insn, self._checkpoints.reached(insn.pc))

    def _guest_did_it(self, error: GuestEnded) -> bool:
        """Did the guest end the run? QEMU's SHUTDOWN event says so; a plain exit sends none."""
        data = self._qmp.shutdown()
        return error.exited if data is None else bool(data.get("guest"))

    def _finished(self) -> bool:
        return (
            bool(self._broken_stop)
            or self._steady in self._fired
            or self._stop.reached(self._fired, self.recorder.executed)
        )

    def _one(self, insn: Insn) -> Insn:
        """Execute one instruction and judge the state after it; returns the next one."""
        state = self._state
        if insn.triggers:
            self._judge(insn, self._checkpoints.count(insn, "before"))
            if self._finished():
                return insn
        before = state.regs
        self._changes.about_to(insn)
        asleep = False
        if insn.skipped:
            self._target.skip(insn.pc)
        else:
            asleep = self._target.step(insn.pc, insn.sleeps)
        self._answered(insn if asleep else None)
        state.refresh()
        if asleep:
            self._silent()  # at once: the time bound may come before the next step is made
        self.taken = taken = recognise(state, insn, before)
        if taken is None or taken.executed:
            self.recorder.note(insn)
            state.executed(insn, before)
            if insn.drops_code:
                self._forget_code()
        cause = insn
        if taken is None:
            self._changes.executed(insn, before)
        else:
            cause = self._exception(taken, insn)
        levels = {level_of(before), level_of(state.regs)}
        if len(levels) > 1 and max(levels) > 1:
            self._forget_code()  # another regime: the same address may be other memory
        self._after(insn, cause, taken, asleep)
        if self._loops is not None and taken is None and not self._broken_stop:
            region = self._loops.step(insn, state.pc)
            if region is not None:
                self._run_over(region)
        return self._fetch(state.pc)

    def _after(self, insn: Insn, cause: Insn, taken: Taken | None, asleep: bool) -> None:
        pc = self._state.pc
        executed = taken.executed if taken else bool(insn.branch) or pc == insn.next
        due: list[Checkpoint] = []
        if insn.triggers and executed:
            due += self._checkpoints.count(insn, "after")
        if self._held is not None and executed:
            due += self._checkpoints.reached(self._held)  # woken, and nothing was taken
        self._held = None
        if asleep and self._state.regs[PSTATE] & _IRQ_AND_FIQ != _IRQ_AND_FIQ:
            self._held = pc  # what wakes it will be taken first
        else:
            due += self._checkpoints.reached(pc)
        if self._markers and insn.stores:
            due += self._checkpoints.printed()
        for item in due:
            self._invariants.end(item.id)
        self._hold(cause)
        if due:
            self._judge(cause, due)

    def _exception(self, taken: Taken, insn: Insn) -> Insn:
        """Book an exception entry; what took place, as a history's line."""
        words = taken.text()
        place = self.recorder.where(taken.back).text()
        self._state.taken = self._exceptions.judge(taken, f"interrupted at {place}")
        self._changes.taken(taken, announced=self._state.taken == "announced")
        self._state.interrupted(taken.back, words)
        self.recorder.note_exception(taken.back, words)
        if not taken.executed:
            self._checkpoints.take_back(insn)
        if self._loops is not None:
            self._loops.interrupted()
        return Insn(taken.back, None, words)

    def _hold(self, insn: Insn) -> None:
        """Evaluate the invariants; one that breaks may end the run."""
        stop = self._invariants.evaluate(self._state, insn.text)
        if self._first_only:
            stop = stop or self.recorder.first_broken
        self._broken_stop = self._broken_stop or stop

    def _judge(self, insn: Insn, due: list[Checkpoint]) -> None:
        self._fired_now = {item.id for item in due}
        for item in sorted(due, key=lambda checkpoint: checkpoint.index):
            self._invariants.end(item.id)
            # The way first: what changed on it is the cause of what the checkpoint finds.
            self._transitions.arrive(item, self._state)
            self._checkpoints.fire(item, self._state, insn.text)
            self._fired.append(item.id)
            self._fired_at = (self.recorder.executed, self._state.pc)
            self._snapshots.fired(item.id)
            self._invariants.begin(item.id)
            self._exceptions.begin_or_end(item.id)
            self._hold(insn)
        if due:
            self._cache.clear()  # fired checkpoints no longer wait for instructions
            self._markers = self._checkpoints.pending_markers()

    # --- code -------------------------------------------------------------------------------------

    def _fetch(self, pc: int) -> Insn:
        insn = self._cache.get(pc)
        if insn is None:
            insn = self._code.at(pc)
            insn.triggers = self._checkpoints.triggers(insn)
            self._cache[pc] = insn
        return insn

    def _forget_code(self) -> None:
        """What a CPU may have to fetch anew, the engine reads anew."""
        self._cache.clear()
        self._code.forget()
        if self._loops is not None:
            self._loops.forget()

    def _blocked(self, insn: Insn) -> bool:
        """Does a pending checkpoint wait for this instruction?"""
        if insn.pc in self.breaks:
            return True
        return bool(insn.triggers) or bool(self._checkpoints.reached(insn.pc))

    # --- loops ------------------------------------------------------------------------------------

    def _run_over(self, region: frozenset[int]) -> None:
        assert self._loops is not None
        state = self._state
        # At the stop QEMU would move the time to the timer's deadline: see target.py.
        exits = None if state.timer_enabled() else self._loops.exits(region)
        if exits is None:
            return
        before, regs = self._qmp.instructions(), state.regs
        head = cause = self._fetch(state.pc)
        self._target.run_to(exits | (self._return_sites() | vector_entries(state)) - region)
        state.refresh()
        pc = state.pc
        self.recorder.note_run_over(self._qmp.instructions() - before, head)
        self._loops.ran_over(region, pc)
        taken = None if pc in exits else recognise(state, None, regs)
        if taken is not None:
            cause = self._exception(taken, head)
        due = self._checkpoints.reached(pc)
        if self._markers:
            due += self._checkpoints.printed()
        for item in due:
            self._invariants.end(item.id)
        self._hold(cause)
        if due:
            self._judge(cause, due)

    def _return_sites(self) -> set[int]:
        """Return addresses of the current call chain (x30 and the frame records)."""
        sites = {self._state.general(30)}
        frame = self._state.general(29)
        lowest = self._state.regs[SP]
        for _ in range(_FRAMES):
            if frame < lowest or frame % 8:
                break
            record = self._target.read(frame, 16)
            if record is None:
                break
            sites.add(int.from_bytes(record[8:], "little"))
            lowest, frame = frame + 1, int.from_bytes(record[:8], "little")
        return {site for site in sites if site and site % 4 == 0}

    # --- reporting --------------------------------------------------------------------------------

    def _silent(self) -> None:
        """The guest sleeps, or a step does not answer: tell the driver where that is."""
        if self._waiting:
            return
        self._waiting = True
        pc = self._state.pc
        words = self._sleeper or self._fetch(pc).text
        where = self.recorder.where(pc - 4 if self._sleeper else pc, words)
        self.recorder.event(
            "waits",
            where=vars(where),
            asleep=bool(self._sleeper),
            stepped=self.recorder.stepped,
            run_over=self.recorder.run_over,
        )

    def _answered(self, sleeper: Insn | None) -> None:
        if self._waiting:
            self.recorder.event("goes-on")
        self._waiting, self._sleeper = False, sleeper.text if sleeper else ""

    def _progress(self, started: float) -> None:
        now = time.monotonic()
        if now - self._reported < _PROGRESS_S:
            return
        self._reported = now
        recorder = self.recorder
        recorder.event(
            "progress",
            stepped=recorder.stepped,
            run_over=recorder.run_over,
            seconds=now - started,
            fired=len(self._fired),
            total=len(self._checkpoints.items),
            where=vars(recorder.where(self._state.pc)),
        )

    _reported = 0.0

    def _finish(self, insn: Insn, reason: str, seconds: float) -> None:
        where = self.recorder.where(insn.pc, insn.text)
        if not self._stop.reached(self._fired, self.recorder.executed):
            self._checkpoints.finish(where, self._broken_stop)
            self._transitions.finish()
            self._invariants.finish()
            self._exceptions.finish(self._broken_stop)
        self.recorder.event(
            "end",
            reason=reason,
            stepped=self.recorder.stepped,
            run_over=self.recorder.run_over,
            seconds=seconds,
            where=vars(where),
            history=self.recorder.history(),
            cut=self._changes.cut,
        )
