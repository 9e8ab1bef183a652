"""Many mutants: judged in processes beside each other, each outcome written down at once, so that a
campaign that was ended goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from c_mutants import Mutant
from host_programs import Build, Copy
from judge import KILLED, NOT_JUDGED, Judge, Outcome
from switched import Switched, build_switched

# What a verdict rests on.
_STATE = ("kernel", "arch", "tests/unit", "tests/fakes", "tests/mutation")
# From so many on it is cheaper to build all mutants at once.
_MANY = 100
_judge: list[Judge] = []  # a worker's own


@dataclass(frozen=True)
class Plan:
    """What is judged, with what, and where."""

    build: Build
    root: Path
    rooms: tuple[str, ...]
    directory: Path
    jobs: int


def state_of(root: Path) -> str:
    """A digest of everything that a verdict rests on."""
    digest = hashlib.sha256()
    for place in _STATE:
        for file in sorted((root / place).rglob("*")):
            if file.suffix in (".c", ".h", ".S", ".txt") or file.name == "judge.py":
                digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


class Results:
    """The outcomes so far, in a file of lines."""

    def __init__(self, path: Path, state: str, keep_kills: bool) -> None:
        self._path = path
        self.outcomes: dict[str, Outcome] = {}
        lines = self._lines()
        same = bool(lines) and lines[0] == {"state": state}
        for line in lines[1:]:
            outcome = Outcome(line["name"], line["verdict"], line["by"])
            if same and outcome.verdict != NOT_JUDGED or keep_kills and outcome.verdict == KILLED:
                self.outcomes[outcome.name] = outcome
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps({"state": state}) + "\n")
            for outcome in self.outcomes.values():
                stream.write(json.dumps(outcome.to_json()) + "\n")

    def _lines(self) -> list[dict[str, str]]:
        """What the file holds; a last line that was torn is left out."""
        lines = []
        if self._path.is_file():
            for text in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    lines.append(json.loads(text))
                except json.JSONDecodeError:
                    break
        return lines

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.outcomes[outcome.name] = outcome
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(outcome.to_json()) + "\n")


def _start_worker(plan: Plan, rooms: Path, switched: Switched | None) -> None:
    """In a worker: a copy of the sources for this process alone. It leaves Ctrl-C to its parent and
    judges the mutant under way to its end, which is near."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    copy = Copy(plan.root, plan.rooms, Path(tempfile.mkdtemp(dir=rooms)))
    _judge.append(Judge(plan.build, copy, switched))


def _judge_one(mutant: Mutant) -> Outcome:
    """In a worker: judge."""
    return _judge[0].judge(mutant)


def run(
    plan: Plan, mutants: Sequence[Mutant], results: Results, say: Callable[[str], None]
) -> None:
    """Judge the mutants that have no outcome yet."""
    left = [m for m in mutants if m.name not in results.outcomes]
    rooms = Path(tempfile.mkdtemp(prefix="rooms-", dir=plan.directory))
    try:
        switched = None
        if len(left) >= _MANY:
            say(f"building {len(left)} mutants")
            (rooms / "all").mkdir()
            copy = Copy(plan.root, plan.rooms, rooms / "all")
            switched = build_switched(plan.build, copy, left, plan.jobs)
        pool = ProcessPoolExecutor(
            plan.jobs, initializer=_start_worker, initargs=(plan, rooms, switched)
        )
        try:
            waiting = [pool.submit(_judge_one, m) for m in left]
            for done, future in enumerate(as_completed(waiting), 1):
                outcome = future.result()
                results.add(outcome)
                say(f"{done}/{len(left)} {outcome.verdict}: {outcome.name}")
        finally:
            pool.shutdown(cancel_futures=True)
    finally:
        shutil.rmtree(rooms)
