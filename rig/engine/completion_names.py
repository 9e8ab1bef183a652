"""The names that a shell's completion asks for: of packs, and what is in packs and reports.

A shell asks in the middle of a line, so there is no error to show: what cannot be read has no
names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import elf as elf_file
from . import pack as pack_file
from .elf import STT_FUNC
from .errors import RigError
from .pack import Pack
from .paths import DEFAULT_PACK, RULES, pack_names, pack_path
from .process import find_tool, known_cpus
from .session import groups_of
from .space_schema import END


@dataclass
class _Line:
    """A command line so far: the command is its first word."""

    words: Sequence[str]

    def value(self, option: str) -> str | None:
        """The last value of an option, in either spelling."""
        found = None
        for index, word in enumerate(self.words):
            if word == option and index + 1 < len(self.words):
                found = self.words[index + 1]
                if found == "=" and index + 2 < len(self.words):  # bash parts words at =
                    found = self.words[index + 2]
            elif word.startswith(f"{option}="):
                found = word.removeprefix(f"{option}=")
        return found

    def pack(self) -> Pack:
        """The pack that the line names."""
        name = self.value("--pack") or DEFAULT_PACK
        return pack_file.load(pack_path(name), RULES)


def _rules(line: _Line) -> Iterable[str]:
    return line.pack().rules()


def _groups(line: _Line) -> Iterable[str]:
    command = line.words[0] if line.words else "run"
    return groups_of(line.pack(), command if command in ("step", "faults") else "run")


def _report_groups(line: _Line) -> Iterable[str]:
    reports = [word for word in line.words[1:] if Path(word).is_file()]
    data = json.loads(Path(reports[0]).read_text(encoding="utf-8")) if reports else {}
    checks = [check for part in data.get("variants", []) for check in part["checks"]]
    return sorted({check["group"] for check in checks})


def _checkpoints(line: _Line) -> Iterable[str]:
    return [rule["id"] for rule in line.pack().items("checkpoints")]


def _places(line: _Line) -> Iterable[str]:
    return [*_checkpoints(line), END]


def _spaces(line: _Line) -> Iterable[str]:
    return dict.fromkeys(entry["at"] for entry in line.pack().items("address_space"))


def _functions(line: _Line) -> Iterable[str]:
    path = line.value("--elf")
    elf = elf_file.load(Path(path).resolve()) if path else None
    return sorted(name for name, s in elf.symbols.items() if s.kind == STT_FUNC) if elf else ()


def _cpus(_line: _Line) -> Iterable[str]:
    return sorted(known_cpus(find_tool("qemu-system-aarch64", "RIG_QEMU")))


KINDS: dict[str, Callable[[_Line], Iterable[str]]] = {
    "packs": lambda _line: pack_names(),
    "suites": lambda _line: sorted(
        path.stem.removesuffix("-cover") for path in RULES.glob("*-cover.yaml")
    ),
    "variants": lambda line: line.pack().variants(),
    "groups": _groups,
    "report-groups": _report_groups,
    "checkpoints": _checkpoints,
    "places": _places,
    "spaces": _spaces,
    "rules": _rules,
    "functions": _functions,
    "cpus": _cpus,
}


def names(kind: str, words: Sequence[str]) -> list[str]:
    """The names of a kind, given the command line so far."""
    try:
        return [str(name) for name in KINDS[kind](_Line(words))]
    except (RigError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
