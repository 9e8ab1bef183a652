"""The stepping engine at a person's hand: it goes on from any stop, to whatever is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

from checkpoints import Checkpoint
from decode import Insn
from stepper import PROGRESS_STEPS, Stepper, Stop


class HandStepper(Stepper):
    """The engine between two prompts. What it has judged stays judged."""

    def resume(self, moved: bool) -> None:
        """Go on at a prompt; `moved`: the guest is not where the engine left it."""
        self._broken_stop = ""  # told, and every rule is told once
        if not moved:
            return
        self._state.forget()
        self._forget_code()
        self._transitions.lost(self._state)
        self._invariants.lost()
        self._exceptions.lost()
        self._checkpoints.passed_by()
        self._markers = self._checkpoints.pending_markers()
        insn = self.next_insn()
        self._judge(insn, self._checkpoints.reached(insn.pc))

    def _judge(self, insn: Insn, due: list[Checkpoint]) -> None:
        super()._judge(insn, due)
        if due:  # what comes behind it in the pack's order is still to come
            last = max(item.index for item in due)
            for item in self._checkpoints.items[last + 1 :]:
                item.unseen = False

    def next_insn(self) -> Insn:
        """The instruction at this stop, which comes next."""
        return self._fetch(self._state.pc)

    def fired_here(self) -> list[Checkpoint]:
        """The checkpoints that fired at this very stop."""
        if self._fired_at != (self.recorder.executed, self._state.pc):
            return []
        return [item for item in self._checkpoints.items if item.id in self._fired_now]

    def go(
        self, arrived: Callable[[Insn, Insn], str], stop: Stop, every_instruction: bool = False
    ) -> str:
        """Judge and step until `arrived`, given what was executed and what is next, has words for
        the place, `stop` is reached, or a rule that ends a run is broken; the words."""
        started, loops = time.monotonic(), self._loops
        self._stop, self._steady = stop, ""
        if every_instruction:
            self._loops = None
        insn = self.next_insn()
        try:
            while not self._finished():
                done, insn = insn, self._one(insn)
                if self._finished():
                    break  # before the instruction was executed, or behind it
                if words := arrived(done, insn):
                    return words
                if self.recorder.stepped % PROGRESS_STEPS == 0:
                    self._progress(started)
        finally:
            self._loops = loops
        if self._broken_stop:
            return f"stopped: rule {self._broken_stop} is broken"
        if stop.checkpoint in self._fired:
            return f"stopped at checkpoint {stop.checkpoint}"
        return f"stopped after {self.recorder.executed} instructions"
