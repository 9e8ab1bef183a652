"""Processes that judge mutants side by side, one on each processor, until none is left.

The parent gives each a mutant at a time and alone keeps what comes back. A worker that dies costs
the mutant that it had; none of them outlives the parent, nor what a worker started.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from .errors import Interrupted
from .mutant import NOT_JUDGED, Mutant, Outcome

# Judges a mutant in a directory of its own.
Judges = Callable[[Mutant, Path], Outcome]

_FORK = multiprocessing.get_context("fork")
_PR_SET_PDEATHSIG = 1
_TICK_S = 1.0
_GRACE_S = 10.0  # for a worker to end its QEMU


@dataclass
class _Worker:
    """A process, and the mutant that it has now."""

    process: BaseProcess
    link: Connection
    cpu: int
    room: Path
    has: Mutant | None = None

    def give(self, mutant: Mutant, index: int) -> None:
        """The next one."""
        self.has = mutant
        try:
            self.link.send(index)
        except BrokenPipeError:
            pass  # it is dead, which the other end of the pipe says at the next look

    def answer(self) -> Outcome | None:
        """What it made of its mutant, None when it died instead."""
        try:
            return Outcome.from_json(self.link.recv())
        except (EOFError, ConnectionResetError):
            return None

    def how_it_died(self) -> str:
        """In words."""
        self.link.close()
        self.process.join(_GRACE_S)
        return f"the worker that judged it died (status {self.process.exitcode})"


@dataclass
class Workers:
    """Judges by `judge`, `jobs` at once; each in its own directory below `room`."""

    judge: Judges
    jobs: int
    room: Path
    kept: Callable[[Mutant], Path] | None = None  # where a mutant's directory stays; None: nowhere

    def run(
        self,
        mutants: Sequence[Mutant],
        done: Callable[[Mutant, Outcome], None],
        tick: Callable[[], None],
    ) -> None:
        """All of them; `done` hears of each, `tick` is called now and then."""
        waiting = list(reversed(range(len(mutants))))
        cpus = sorted(os.sched_getaffinity(0))
        workers: list[_Worker] = []
        try:
            for number in range(min(self.jobs, len(mutants))):
                cpu = cpus[number % len(cpus)]
                workers.append(self._start(cpu, self.room / str(number), mutants, workers))
            while waiting or any(worker.has for worker in workers):
                for worker in workers:
                    if waiting and worker.has is None:
                        index = waiting.pop()
                        worker.give(mutants[index], index)
                wait([worker.link for worker in workers if worker.has], _TICK_S)
                for number, worker in enumerate(workers):
                    if worker.has is None or not worker.link.poll():
                        continue
                    mutant, worker.has = worker.has, None
                    outcome = worker.answer()
                    if outcome is None:
                        outcome = Outcome(mutant.id, NOT_JUDGED, why=worker.how_it_died())
                        others = [other for other in workers if other is not worker]
                        workers[number] = self._start(worker.cpu, worker.room, mutants, others)
                    done(mutant, outcome)
                tick()
        finally:
            _end(workers)
            shutil.rmtree(self.room, ignore_errors=True)

    def _start(
        self, cpu: int, room: Path, mutants: Sequence[Mutant], others: Sequence[_Worker]
    ) -> _Worker:
        ours, theirs = _FORK.Pipe()
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir(parents=True)
        # A worker has no business with the parent's ends: held open, no other would see it go.
        strange = [ours, *(other.link for other in others)]
        process = _FORK.Process(
            target=self._work, args=(theirs, strange, cpu, room, mutants, os.getpid())
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, cpu, room)

    def _work(  # pylint: disable=too-many-arguments # what a worker needs of its parent
        self,
        link: Connection,
        strange: Sequence[Connection],
        cpu: int,
        room: Path,
        mutants: Sequence[Mutant],
        parent: int,
    ) -> None:
        """What a worker does. Signals end what it started, as they do in the parent."""
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {cpu})
            for other in strange:
                other.close()
            while os.getppid() == parent:
                mutant = mutants[link.recv()]
                link.send(self._judged(mutant, room).to_json())
        except (Interrupted, KeyboardInterrupt, EOFError, BrokenPipeError):
            pass

    def _judged(self, mutant: Mutant, room: Path) -> Outcome:
        place = self.kept(mutant) if self.kept else room / "mutant"
        shutil.rmtree(place, ignore_errors=True)
        try:
            place.mkdir(parents=True)
            return self.judge(mutant, place)
        except Interrupted:
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught # told as the outcome
            last = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
            return Outcome(mutant.id, NOT_JUDGED, why=why)
        finally:
            if not self.kept:
                shutil.rmtree(place, ignore_errors=True)


def _end(workers: Sequence[_Worker]) -> None:
    """Idle ones end with their pipe; the others are told to, and have a while to end their QEMU."""
    for worker in workers:
        worker.link.close()
        if worker.has:
            worker.process.terminate()
    for worker in workers:
        worker.process.join(_GRACE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
