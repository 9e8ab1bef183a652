"""The results of a campaign as they are judged: a file that grows by a line a mutant.

The first line says what the results depend on, so that a campaign only goes on with its own. What
ends a campaign can tear the last line: it is dropped, and its mutant is judged again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from .errors import CannotJudge, UsageError
from .mutant import KILLED, NOT_JUDGED, Mutant, Outcome
from .paths import compiled, version
from .process import find_tool, tool_version
from .qemu import Machine
from .session import Inputs

SCHEMA = "rig-mutants-results-1"
_COMPARED, _HERE = "compared", "here"
# What may differ where kills of an earlier campaign are kept: rules, and the rig that judges them.
_GROWS = ("rules", "rig", "compiled parts of the rig")


def header(inputs: Inputs, machine: Machine, thorough: bool) -> dict[str, Any]:
    """What results depend on. `compared` has to be the same wherever a campaign's parts are run;
    `here` only on the machine that goes on, for two builds of the same rig can differ."""
    words = [Path(word).name if word.startswith("/") else word for word in machine.extra]
    return {
        "schema": SCHEMA,
        _COMPARED: {
            "elf": _digest(inputs.elf),
            "rules": sorted([Path(name).name, digest] for name, digest in inputs.rules.items()),
            "machine": " ".join([machine.describe(), f"-smp {machine.cpus}", *words]),
            "qemu": tool_version(find_tool("qemu-system-aarch64", "RIG_QEMU")),
            "gdb": tool_version(find_tool("gdb-multiarch", "RIG_GDB")),
            "rig": version(),
            "thorough": thorough,
        },
        _HERE: {"compiled parts of the rig": _parts(inputs.elf)},
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parts(elf: Path) -> list[list[str]]:
    """The plugins and tools that judge, each with its sha256."""
    tool = compiled("rig-trace", elf)
    if tool is None:
        return []
    files = [tool, *tool.parent.glob("librig*.so")]
    return sorted([file.name, _digest(file)] for file in files)


def mark(mutant: Mutant) -> str:
    """Tells two mutants of one id apart, such as those of two versions of the rig."""
    changed: list[Any] = [mutant.kind, [patch.to_json() for patch in mutant.patches]]
    changed.append(mutant.poke.to_json() if mutant.poke else None)
    return hashlib.sha256(json.dumps(changed).encode()).hexdigest()[:16]


def read(path: Path) -> tuple[dict[str, Any], list[Outcome]]:
    """What the results depend on, and the last outcome of each mutant."""
    head, lines = _read(path)
    last = {outcome.id: outcome for _mark, outcome in lines}
    return head.get(_COMPARED, {}), list(last.values())


def _read(path: Path) -> tuple[dict[str, Any], list[tuple[str, Outcome]]]:
    """The header, {} when the file has not even that; each outcome with its mutant's mark."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot read the results: {error.strerror}") from None
    whole = data[: data.rfind(b"\n") + 1].splitlines()
    head: dict[str, Any] = {}
    found: list[tuple[str, Outcome]] = []
    for number, line in enumerate(whole, 1):
        try:
            item = json.loads(line)
            if number > 1:
                found.append((item.pop("mutant"), Outcome.from_json(item)))
            elif item["schema"] != SCHEMA:
                raise ValueError(f"schema {item['schema']!r}, not {SCHEMA!r}")
            else:
                head = item
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CannotJudge(
                f"{path}:{number}: is damaged, or of another version ({error}); begin anew with "
                "--fresh, or use another --run-dir"
            ) from None
    return head, found


class Results:
    """The file of one variant, open for one campaign at a time.

    `fresh` forgets what is there; `survivors` keeps the kills of the same guest alone, also those
    by other rules (each is marked so), for the rest to be judged again.
    """

    def __init__(
        self, path: Path, head: dict[str, Any], fresh: bool, survivors: bool = False
    ) -> None:
        self._path, self._head = path, head
        try:
            # pylint: disable-next=consider-using-with # closed by __exit__
            self._file: IO[bytes] = path.open("ab")
        except OSError as error:
            raise UsageError(f"{path}: cannot write the results: {error.strerror}") from None
        try:
            self._known = self._begin(fresh, survivors)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, fresh: bool, survivors: bool) -> dict[str, tuple[str, Outcome]]:
        """Take the file for this campaign; what it knows already."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{self._path}: another rig mutate writes it now; use another --run-dir"
            ) from None
        if fresh:
            self._file.truncate(0)
        head, lines = _read(self._path)
        if head and survivors:
            self._same(head, _GROWS)
            lines = [(m, replace(o, earlier=True)) for m, o in lines if o.verdict == KILLED]
            self._replace(lines)
        elif head:
            self._same(head)
            self._file.truncate(self._path.read_bytes().rfind(b"\n") + 1)
        else:
            self._file.truncate(0)
            self._line(self._head)
        return {outcome.id: (marked, outcome) for marked, outcome in lines}

    def _replace(self, lines: Iterable[tuple[str, Outcome]]) -> None:
        """A new file in the place of this one; whatever happens, one of the two is there whole."""
        old, name = self._file, self._path.with_name(f"{self._path.name}.new")
        try:
            # pylint: disable-next=consider-using-with # closed by __exit__
            self._file = name.open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._line(self._head)
            for marked, outcome in lines:
                self._line({"mutant": marked, **outcome.to_json()})
            name.replace(self._path)
        finally:
            old.close()

    def _same(self, head: dict[str, Any], besides: Sequence[str] = ()) -> None:
        """Refuse to go on with results of something else."""
        for part in (_COMPARED, _HERE):
            then, now = head.get(part) or {}, json.loads(json.dumps(self._head[part]))
            different = [n for n in now if n not in besides and then.get(n) != now[n]]
            if different:
                said = "; ".join(_difference(name, then.get(name), now[name]) for name in different)
                raise UsageError(
                    f"{self._path}: these results are not comparable with this run: {said}; use "
                    "another --run-dir, or forget them with --fresh"
                )

    def __enter__(self) -> "Results":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def known(self, mutants: Iterable[Mutant]) -> list[Outcome]:
        """The outcomes of those that were judged before. What could not be judged then is not
        among them, nor what has only the id of another mutant."""
        found = []
        for mutant in mutants:
            marked, outcome = self._known.get(mutant.id, ("", None))
            if outcome and marked == mark(mutant) and outcome.verdict != NOT_JUDGED:
                found.append(outcome)
        return found

    def add(self, mutant: Mutant, outcome: Outcome) -> None:
        """One more, on the disk before the next is judged."""
        self._line({"mutant": mark(mutant), **outcome.to_json()})

    def _line(self, data: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(data, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise CannotJudge(
                f"{self._path}: cannot write the results: {os.strerror(error.errno or 0)}; what "
                "was written before is kept"
            ) from None


def _difference(name: str, then: object, now: object) -> str:
    """In words; of lists of files the names of those that differ."""
    if isinstance(then, list) and isinstance(now, list):
        return f"{name} ({', '.join(_changed(then, now))})"
    if name == "elf":
        return "elf (another image)"
    return f"{name} (then {then}, now {now})"


def _changed(then: Sequence[Any], now: Sequence[Any]) -> list[str]:
    one, other = ({tuple(item) for item in items} for items in (then, now))
    return sorted({str(item[0]) for item in one ^ other})
