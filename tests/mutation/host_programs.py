"""The host's test programs that hold a source of the kernel, as CMake and ninja build them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

# What takes seconds runs last: nearly every mutant is killed before.
_LONG = re.compile(r"random|model|storm")
_OBJECT_ONLY = {"-MD": 1, "-MT": 2, "-MF": 2, "-o": 2, "-c": 2}


class CannotJudge(Exception):
    """Nothing can be said about any mutant; the text says why and what to do."""


@dataclass(frozen=True)
class Object:
    """One object file of the build: what it is made of, and how."""

    path: str
    source: str
    compiler: tuple[str, ...]  # the command without source and outputs

    def arguments(self) -> list[str]:
        """What says how the source is to be read: -I, -D, -std."""
        return [a for a in self.compiler if re.match(r"-I|-D|-std=", a)]


@dataclass(frozen=True)
class Program:
    """One test program."""

    name: str
    command: tuple[str, ...]  # the program and its arguments
    objects: tuple[Object, ...]
    link: tuple[str, ...]  # with @OUTPUT and, for each object, @OBJECT/PATH

    def holds(self, objects: frozenset[str]) -> bool:
        """True if one of the objects is linked into it."""
        return any(o.path in objects for o in self.objects)


@dataclass(frozen=True)
class Build:
    """A build directory of the host's tests."""

    path: Path
    programs: tuple[Program, ...]
    includes: dict[str, frozenset[str]]  # object -> the files it was made of

    def objects_of(self, file: str) -> list[Object]:
        """The objects, each once, that are made of a file."""
        found = {}
        for program in self.programs:
            for made in program.objects:
                if file in self.includes.get(made.path, frozenset()):
                    found[made.path] = made
        return list(found.values())

    def programs_with(self, objects: list[Object]) -> list[Program]:
        """The programs that hold one of the objects, those of one subject first, the long ones
        last."""
        paths = frozenset(o.path for o in objects)
        held = [p for p in self.programs if p.holds(paths)]
        return sorted(held, key=lambda p: (bool(_LONG.search(p.name)), len(p.objects), p.name))


@dataclass(frozen=True)
class Copy:
    """A private copy, in `room`, of the directories `rooms` of the tree `root`."""

    root: Path
    rooms: tuple[str, ...]
    room: Path

    def make(self) -> None:
        """Copy."""
        for name in self.rooms:
            shutil.copytree(self.root / name, self.room / name)

    def holds(self, source: str) -> bool:
        """True if a file of the tree is copied."""
        return any(Path(source).is_relative_to(self.root / name) for name in self.rooms)

    def command(self, made: Object, options: Sequence[str], output: Path) -> list[str]:
        """What compiles the copy of an object's source."""
        words = [*made.compiler, *options, "-o", str(output)]
        words += [] if "-S" in options else ["-c"]
        return [self._here(word) for word in (*words, made.source)]

    def _here(self, word: str) -> str:
        """A word of a command with the copy's paths in it."""
        for name in self.rooms:
            word = re.sub(
                rf"{re.escape(str(self.root / name))}(?=/|$)", f"{self.room / name}", word
            )
        return word


def linked(program: Program, replaced: Mapping[str, Path], output: Path) -> list[str]:
    """What links a program to `output` with other objects in the place of some."""
    words = [str(replaced.get(word, word)) for word in program.link]
    words[words.index("-o") + 1] = str(output)
    if shutil.which("ld.gold"):
        words.append("-fuse-ld=gold")  # twice as fast
    return words


def _output(command: list[str], where: Path) -> str:
    """What a tool of the build says."""
    try:
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotJudge(f"{command[0]} cannot be run in {where}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise CannotJudge(f"{shlex.join(command[:4])} fails in {where}: {said}")
    return done.stdout


def _tests(build: Path) -> list[tuple[str, tuple[str, ...]]]:
    """The unit tests that ctest knows: name and command."""
    listing = json.loads(_output(["ctest", "--show-only=json-v1", "-L", "^unit$"], build))
    return [(t["name"], tuple(t["command"])) for t in listing["tests"] if "command" in t]


def _object(words: list[str]) -> Object:
    """A compile command of ninja's."""
    kept: list[str] = []
    value = {}
    at = 0
    while at < len(words):
        length = _OBJECT_ONLY.get(words[at], 0)
        if length == 2:
            value[words[at]] = words[at + 1]
        elif length == 0:
            kept.append(words[at])
        at += length or 1
    return Object(value["-o"], value["-c"], tuple(kept))


def _commands(build: Path, targets: list[str]) -> tuple[dict[str, Object], dict[str, list[str]]]:
    """The compile commands by object, and the link commands by program."""
    objects: dict[str, Object] = {}
    links: dict[str, list[str]] = {}
    for line in _output(["ninja", "-t", "commands", *targets], build).splitlines():
        words = shlex.split(line)
        if "-c" in words and "-o" in words:
            made = _object(words)
            objects[made.path] = made
        elif words[:2] == [":", "&&"] and words[-2:] == ["&&", ":"] and "-o" in words:
            links[words[words.index("-o") + 1]] = words[2:-2]
    return objects, links


def _includes(build: Path, objects: dict[str, Object]) -> dict[str, frozenset[str]]:
    """What each object was made of, as the compiler said; the object must be built."""
    found: dict[str, frozenset[str]] = {}
    for part in _output(["ninja", "-t", "deps"], build).split("\n\n"):
        head, *files = part.splitlines() or [""]
        name = head.split(": #deps")[0]
        if name in objects:
            found[name] = frozenset(f.strip() for f in files) | {objects[name].source}
    return found


def read_build(build: Path, rooms: list[Path], make: bool) -> Build:
    """The programs of `build` that hold an object made of a file below one of `rooms`; with `make`
    the build is brought up to date before."""
    if make:
        _output(["ninja"], build)  # all of it: ctest knows the command of what is built
    tests = {}
    for name, command in _tests(build):
        if Path(command[0]).is_relative_to(build):
            tests[name] = (str(Path(command[0]).relative_to(build)), command)
    targets = sorted({target for target, _ in tests.values()})
    objects, links = _commands(build, targets)
    chosen = []
    for name, (target, command) in tests.items():
        if target not in links:
            continue
        held = [objects[w] for w in links[target] if w in objects]
        if any(Path(o.source).is_relative_to(room) for o in held for room in rooms):
            chosen.append(Program(name, command, tuple(held), tuple(links[target])))
    if not chosen:
        raise CannotJudge(f"{build}: no unit test holds a source of {rooms[0].name}/")
    return Build(build, tuple(chosen), _includes(build, objects))
