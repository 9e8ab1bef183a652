"""Several bounded processes side by side, none of which outlives the rig.

One loop in the main thread starts and watches them: a thread of its own for each would be the
process's parent, and its end would kill the child too early.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .process import Child, Children

_POLL_S = 0.005


@dataclass(frozen=True)
class Job:
    """A command with the directory it runs in and its bound in seconds."""

    name: str
    command: list[str]
    cwd: Path
    bound: float


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its exit status, None when the bound was met and it was killed."""

    job: Job
    status: int | None
    seconds: float
    stderr: str


def run_all(jobs: list[Job], done: Callable[[Outcome], None]) -> None:
    """Run every job, as many at once as there are CPUs; `done` hears of each end, and may raise to
    end all the others."""
    cpus = sorted(os.sched_getaffinity(0))
    waiting = list(reversed(jobs))
    running: dict[int, tuple[Job, Child, float]] = {}
    with ExitStack() as stack:
        slots = {cpu: stack.enter_context(Children(cpu)) for cpu in cpus}
        while waiting or running:
            for cpu in cpus:
                if waiting and cpu not in running:
                    job = waiting.pop()
                    child = slots[cpu].start(job.name, job.command, job.cwd)
                    running[cpu] = (job, child, time.monotonic())
            for cpu, (job, child, started) in list(running.items()):
                status = child.poll()
                seconds = time.monotonic() - started
                if status is None and seconds < job.bound:
                    continue
                if status is None:
                    child.kill()
                del running[cpu]
                done(Outcome(job, status, seconds, child.stderr()))
            time.sleep(_POLL_S)
