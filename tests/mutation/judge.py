"""What the host tests make of one mutant: the mistake is made in a private copy of the sources, the
objects and programs that it can reach are built anew, and they run until one of them fails."""

from __future__ import annotations

import math
import os
import re
import resource
import shutil
import signal
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from c_mutants import Mutant
from host_programs import Build, CannotJudge, Copy, Object, Program, linked
from switched import Switched

KILLED, SURVIVED, SAME_CODE, NOT_MADE, NOT_JUDGED = (
    "killed",
    "survived",
    "same-code",
    "not-made",
    "not-judged",
)
WALL_S = 120
SAME_CODE_AFTER = 3  # programs that pass: then it is worth asking the compiler
OUTPUT_BYTES = 4 << 20
_FAILED_TEST = re.compile(r"^\[  FAILED  \] (\w+)$", re.MULTILINE)
_SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|runtime error): ?([^\n]{0,60})")
_QUIET = ("-g0", "-w")
# The compiler's word that two sources are the same program.
_ASSEMBLY = (*_QUIET, "-O2", "-fno-sanitize=all", "-S")


class Broken(CannotJudge):
    """The unmutated tests do not pass: nothing can be judged."""


class DoesNotCompile(Exception):
    """The mistake is one that the compiler refuses."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, and by what."""

    name: str
    verdict: str
    by: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "verdict": self.verdict, "by": self.by}


@dataclass(frozen=True)
class Run:
    """How a run of a test program ended: what it failed at ("" if it passed), CPU seconds used."""

    failed: str
    cpu_s: float


def _how(code: int, said: str) -> str:
    """What a failed run says of its failure."""
    sanitizer = _SANITIZER.search(said)
    failed = _FAILED_TEST.search(said)
    where = f" in {failed.group(1)}" if failed else ""
    # A test that fails leaks what it had: the leak is not what it failed at.
    if sanitizer and not (failed and sanitizer.group(1) == "LeakSanitizer"):
        return f"{sanitizer.group(1)}: {sanitizer.group(2).strip()}{where}"
    if code == -signal.SIGXCPU:
        return "hangs"
    return f"signal {-code}{where}" if code < 0 else f"exit {code}{where}"


def run_program(
    command: Sequence[str], room: Path, cpu_s: int, environment: dict[str, str] | None = None
) -> Run:
    """Run one test program, bounded in CPU time, so that a busy machine condemns nothing."""
    limits = [f"--cpu={cpu_s}:{cpu_s + 1}", f"--fsize={OUTPUT_BYTES}", "--core=0"]
    log = room / "output"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("wb") as stream:
        with subprocess.Popen(
            ["prlimit", *limits, *command],
            cwd=room,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child:
            try:
                code = child.wait(WALL_S)
            except subprocess.TimeoutExpired:
                code = -signal.SIGXCPU
            finally:
                _end_group(child.pid)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if code == -signal.SIGKILL and used < cpu_s:
        raise CannotJudge(f"{command[0]} was ended from outside (out of memory?)")
    return Run(_how(code, log.read_text(errors="replace")) if code else "", used)


def _end_group(group: int) -> None:
    """End what a test program has left behind."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _function(mutant: Mutant) -> str:
    """The function that a mutant is in, with its file."""
    return mutant.name.rsplit(":", 2)[0]


class Judge:
    """Judges mutants with a copy of the sources: those that `switched` holds by running its
    programs, the others by building what they can reach."""

    def __init__(self, build: Build, copy: Copy, switched: Switched | None) -> None:
        self._build = build
        self._copy = copy
        self._room = copy.room
        self._switched = switched
        self._seen: set[Path] = set()
        self._killers: dict[str, Counter[str]] = defaultdict(Counter)
        self._bounds: dict[tuple[str, bool], int] = {}
        self._assembly: dict[tuple[str, ...], bytes] = {}
        self._made: dict[tuple[str, ...], Path] = {}
        copy.make()

    def judge(self, mutant: Mutant) -> Outcome:
        """What becomes of one mutant."""
        file = self._copy.root / mutant.path
        objects = self._build.objects_of(str(file))
        programs = self._order(mutant, self._build.programs_with(objects))
        if not programs:
            return Outcome(mutant.name, NOT_JUDGED, "no test program holds this file")
        copy = self._room / mutant.path
        try:
            if self._held(mutant) is None:
                self._see_pass(file, programs[0], objects)
            copy.write_bytes(mutant.apply(file.read_bytes()))
            return self._judge(mutant, objects, programs)
        except Broken:
            raise
        except CannotJudge as error:
            return Outcome(mutant.name, NOT_JUDGED, str(error))
        finally:
            shutil.copyfile(file, copy)
            self._forget()

    def _held(self, mutant: Mutant) -> Switched | None:
        """The programs that hold the mistake, if there are such."""
        switched = self._switched
        return switched if switched is not None and mutant.name in switched.numbers else None

    def _order(self, mutant: Mutant, programs: list[Program]) -> list[Program]:
        """What killed others of the same function comes first: it will kill most of them."""
        killers = self._killers[_function(mutant)]
        return sorted(programs, key=lambda p: -killers[p.name])

    def _judge(self, mutant: Mutant, objects: list[Object], programs: list[Program]) -> Outcome:
        """Run the programs, with the mistake made, until one fails."""
        same = Outcome(mutant.name, SAME_CODE, "the compiler makes the same code of it")
        try:
            for number, program in enumerate(programs):
                if number == SAME_CODE_AFTER and self._same_code(mutant, objects):
                    return same
                run = self._run(program, mutant, objects)
                if run.failed:
                    self._killers[_function(mutant)][program.name] += 1
                    return Outcome(mutant.name, KILLED, f"{program.name}: {run.failed}")
            if len(programs) <= SAME_CODE_AFTER and self._same_code(mutant, objects):
                return same
        except DoesNotCompile as error:
            return Outcome(mutant.name, NOT_MADE, str(error))
        return Outcome(mutant.name, SURVIVED, f"{len(programs)} test programs pass")

    def _run(self, program: Program, mutant: Mutant, objects: list[Object]) -> Run:
        """Run one program with the mistake made."""
        held = self._held(mutant)
        bound_s = self._bound(program, held)
        if held is not None:
            path, environment = held.programs[program.name], held.environment(mutant)
        else:
            path, environment = self._link(program, objects), None
        return run_program([str(path), *program.command[1:]], self._room, bound_s, environment)

    def _bound(self, program: Program, held: Switched | None) -> int:
        """The CPU seconds that a program may take; it must pass without a mistake."""
        key = program.name, held is not None
        if key not in self._bounds:
            path, environment = program.command[0], None
            if held is not None:
                path, environment = str(held.programs[program.name]), held.environment(None)
            run = run_program([path, *program.command[1:]], self._room, WALL_S, environment)
            if run.failed:
                raise Broken(f"{program.name} fails without a mutant ({run.failed}): mend it first")
            self._bounds[key] = math.ceil(3 + 5 * run.cpu_s)
        return self._bounds[key]

    def _see_pass(self, file: Path, program: Program, objects: list[Object]) -> None:
        """See once for each file that a program passes with the copy of it unmutated: what is made
        here is what the build makes."""
        if file not in self._seen:
            built = self._link(program, objects)
            run = run_program([str(built), *program.command[1:]], self._room, WALL_S)
            self._forget()
            if run.failed:
                raise Broken(f"{program.name} fails as it is built here: {run.failed}")
            self._seen.add(file)

    def _same_code(self, mutant: Mutant, objects: list[Object]) -> bool:
        """True if an optimizing compiler makes the same of every object without the mistake."""
        file, copy = self._copy.root / mutant.path, self._room / mutant.path
        for made in objects:
            mistaken = self._compile(made, _ASSEMBLY, ".s").read_bytes()
            key = (made.source, *made.compiler)
            if key not in self._assembly:
                shutil.copyfile(file, copy)
                self._assembly[key] = self._compile(made, _ASSEMBLY, ".plain.s").read_bytes()
                copy.write_bytes(mutant.apply(file.read_bytes()))
            if mistaken != self._assembly[key]:
                return False
        return True

    def _compile(self, made: Object, options: Sequence[str], suffix: str) -> Path:
        """What the compiler makes of an object's source, once for all programs that agree."""
        key = (made.source, *made.compiler, suffix)
        if key not in self._made:
            output = self._room / f"made-{len(self._made)}{suffix}"
            command = self._copy.command(made, options, output)
            done = subprocess.run(
                command, cwd=self._room, capture_output=True, text=True, check=False
            )
            if done.returncode < 0:
                raise CannotJudge(f"{command[0]} ended with signal {-done.returncode}")
            if done.returncode != 0:
                raise DoesNotCompile(next(iter(done.stderr.splitlines()), "the compiler fails"))
            self._made[key] = output
        return self._made[key]

    def _link(self, program: Program, objects: list[Object]) -> Path:
        """A program with the objects made here in the place of the build's."""
        held = {o.path for o in program.objects}
        made = {o.path: self._compile(o, _QUIET, ".o") for o in objects if o.path in held}
        output = self._room / "program"
        command = linked(program, made, output)
        done = subprocess.run(
            command, cwd=self._build.path, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CannotJudge(f"{program.name} cannot be linked: {done.stderr.strip()[-500:]}")
        return output

    def _forget(self) -> None:
        """Remove what was made of one state of the copy."""
        for output in self._room.glob("made-*"):
            output.unlink()
        self._made.clear()
