"""All mutants in one build: each mistake is chosen when the program runs, by the environment's
KERNEL_MUTANT, so that judging it takes no compiler.

Where the text must be a constant, or is a field of an initializer, nothing can be chosen at run
time: such a mutant is compiled by itself. So is one of a header, whose functions the tests hold as
well.
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from c_mutants import Mutant
from host_programs import Build, CannotJudge, Copy, Object, Program, linked

VARIABLE = "KERNEL_MUTANT"
_HEADER_NAME = "switch.h"
_HEADER = "extern unsigned kernel_mutant;\n"
_SOURCE = f"""#include <stdlib.h>
unsigned kernel_mutant;
__attribute__((constructor)) static void choose(void)
{{
    const char *number = getenv("{VARIABLE}");
    kernel_mutant = number == NULL ? 0 : (unsigned)atoi(number);
}}
"""
_OPTIONS = ("-g0", "-w", "-O1")
Numbered = tuple[int, Mutant]


@dataclass(frozen=True)
class Switched:
    """The programs that hold every mistake, and the mistakes' numbers, from 1, by name."""

    programs: dict[str, Path]
    numbers: dict[str, int]

    def environment(self, mutant: Mutant | None) -> dict[str, str]:
        """In which a program makes this mistake, or none."""
        number = self.numbers[mutant.name] if mutant is not None else 0
        return {**os.environ, VARIABLE: str(number)}


def _chosen(text: bytes, region: tuple[int, int], here: Sequence[Numbered], plain: bytes) -> bytes:
    """The expression, statement or jump at a region, with what takes its place in each mutant."""
    start, end = region
    if any(text[start:end] == word for word in (b"break", b"continue")):
        numbers = b" && ".join(b"kernel_mutant != %dU" % number for number, _ in here)
        return b"if (%s) %s" % (numbers, plain)
    dropped = [m for _, m in here if not m.edit.text and (m.edit.start, m.edit.end) == region]
    cast = b"(void)" if dropped else b""
    chain = b""
    for number, mutant in here:
        edit = mutant.edit
        other = text[start : edit.start] + edit.text.encode() + text[edit.end : end]
        other = other.replace(b"\n", b" ") or b"0"
        chain += b"kernel_mutant == %dU ? %s(%s) : " % (number, cast, other)
    return b"(%s%s(%s))" % (chain, cast, plain)


def switched_text(text: bytes, mutants: Sequence[Numbered]) -> bytes:
    """A file's text with all of the mutants in it, which need a region each."""
    by_region: dict[tuple[int, int], list[Numbered]] = {}
    for number, mutant in mutants:
        if mutant.region is not None:
            by_region.setdefault(mutant.region, []).append((number, mutant))
    regions = sorted(by_region, key=lambda region: (region[0], -region[1]))

    def inside(start: int, end: int, first: int) -> tuple[bytes, int]:
        """The text of [start, end), whose regions begin at regions[first]."""
        made, at = b"", start
        while first < len(regions) and regions[first][0] < end:
            region = regions[first]
            plain, first = inside(*region, first + 1)
            made += text[at : region[0]] + _chosen(text, region, by_region[region], plain)
            at = region[1]
        return made + text[at:end], first

    return inside(0, len(text), 0)[0]


def _lines(text: bytes, region: tuple[int, int]) -> range:
    """The lines, from 1, that a region stands on."""
    return range(text.count(b"\n", 0, region[0]) + 1, text.count(b"\n", 0, region[1]) + 2)


def _written(build: Build, copy: Copy, path: str, mutants: list[Numbered]) -> list[Numbered]:
    """Put the mutants into the copy of a file. Those on a line at which the compiler refuses one
    are left out; the others are returned."""
    text = (copy.root / path).read_bytes()
    made = build.objects_of(str(copy.root / path))
    kept = mutants
    while True:
        (copy.room / path).write_bytes(switched_text(text, kept))
        if not made:
            return []
        options = ("-w", "-fsyntax-only", "-include", str(copy.room / _HEADER_NAME))
        command = copy.command(made[0], options, Path(os.devnull))
        done = subprocess.run(command, cwd=copy.room, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return kept
        place = rf"^{re.escape(str(copy.room / path))}:(\d+):.* error: "
        wrong = {int(line) for line in re.findall(place, done.stderr, re.MULTILINE)}
        fewer = [
            (n, m)
            for n, m in kept
            if m.region is not None and not wrong.intersection(_lines(text, m.region))
        ]
        if len(fewer) == len(kept):
            raise CannotJudge(f"all mutants in one build: {done.stderr.strip()[:1000]}")
        kept = fewer


def _run(command: list[str], where: Path) -> None:
    """Compile or link; the mistakes are all of the language, so that an error is the tool's."""
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotJudge(f"all mutants in one build: {done.stderr.strip()[:1000]}")


def _compile(copy: Copy, objects: list[Object], jobs: int) -> dict[str, Path]:
    """The objects made of the copy, each source once for all programs that agree about it."""
    header = copy.room / _HEADER_NAME
    outputs: dict[tuple[str, ...], Path] = {}
    commands = []
    made = {}
    for wanted in objects:
        key = (wanted.source, *wanted.compiler)
        if key not in outputs:
            outputs[key] = copy.room / f"{len(outputs)}.o"
            commands.append(
                copy.command(wanted, (*_OPTIONS, "-include", str(header)), outputs[key])
            )
        made[wanted.path] = outputs[key]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda command: _run(command, copy.room), commands))
    return made


def build_switched(build: Build, copy: Copy, mutants: Sequence[Mutant], jobs: int) -> Switched:
    """Build all programs in the copy's room, with every mutant that can be chosen at run time."""
    copy.make()
    (copy.room / _HEADER_NAME).write_text(_HEADER)
    possible = [
        (n, m) for n, m in enumerate(mutants, 1) if m.region is not None and m.path.endswith(".c")
    ]
    numbered: list[Numbered] = []
    for path in sorted({m.path for _, m in possible}):
        numbered += _written(build, copy, path, [(n, m) for n, m in possible if m.path == path])
    source = copy.room / "switch.c"
    source.write_text(_SOURCE)
    switch = copy.room / "switch.o"
    _run(["cc", "-c", "-o", str(switch), str(source)], copy.room)
    objects = {o.path: o for p in build.programs for o in p.objects if copy.holds(o.source)}
    made = _compile(copy, list(objects.values()), jobs)

    def link(program: Program) -> tuple[str, Path]:
        output = copy.room / program.name.replace("/", "-")
        _run([*linked(program, made, output), str(switch)], build.path)
        return program.name, output

    with ThreadPoolExecutor(jobs) as pool:
        programs = dict(pool.map(link, build.programs))
    return Switched(programs, {m.name: n for n, m in numbered})
