"""Where a boot changes the machine's state: the instructions that mutants are made of.

What executed comes from the boot's path, what is stored into translation tables from its event
trace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import a64_encode as a64
from . import elf as elf_file
from .image import Image
from .rig_trace import call

_WRITER = re.compile(r"written by cpu\d+ at PC (0x[0-9a-f]+)")


class Code:
    """The words of an image at their link addresses."""

    def __init__(self, image: Image) -> None:
        self._parts = elf_file.loaded(Path(image.elf.path))
        self._words: dict[int, int | None] = {}

    def bytes_at(self, address: int, size: int) -> bytes | None:
        """Bytes of the file, None where it has none."""
        for start, _physical, content in self._parts:
            if start <= address and address + size <= start + len(content):
                return content[address - start : address - start + size]
        return None

    def word(self, address: int) -> int | None:
        """An instruction."""
        if address not in self._words:
            raw = self.bytes_at(address, 4)
            self._words[address] = None if raw is None else int.from_bytes(raw, "little")
        return self._words[address]


@dataclass(frozen=True)
class Site:
    """One instruction that changes state, at its link address."""

    address: int
    word: int
    kind: str  # msr, msr-immediate, barrier, isb, operation, call, wait, eret, stack, branch, store


@dataclass
class Known:
    """What the event trace tells: who stores into tables."""

    table_stores: set[int] = field(default_factory=set)


def _kind(word: int) -> str:
    tests = (
        ("msr", a64.system_register(word) is not None),
        ("msr-immediate", a64.is_msr_immediate(word)),
        ("barrier", a64.is_barrier(word)),
        ("isb", a64.is_isb(word)),
        ("operation", a64.is_system_operation(word)),
        ("call", a64.is_exception_call(word)),
        ("wait", a64.is_wait(word)),
        ("eret", word == a64.ERET),
        ("stack", a64.is_stack_move(word)),
        ("branch", a64.is_branch_register(word)),
    )
    return next((name for name, holds in tests if holds), "")


def sites(executed: Iterable[int], code: Code, known: Known) -> list[Site]:
    """The state-changing instructions among those that executed, by address."""
    found = []
    for address in sorted(executed):
        word = code.word(address)
        if word is None:
            continue
        kind = "store" if address in known.table_stores else _kind(word)
        if kind:
            found.append(Site(address, word, kind))
    return found


def read_trace(trace: Path, image: Image, room: Path) -> Known:
    """What a recorded event trace tells; raises CannotJudge when rig-trace cannot read it."""
    words = ["events", str(trace), "--json", "--kind", "store,access,frame"]
    _status, text = call(words, Path(image.elf.path), room / "sites.txt", (0,))
    return known_of(text.splitlines(), image)


def known_of(lines: Sequence[str], image: Image) -> Known:
    """The same of the events' lines."""
    known = Known()
    for line in lines:
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        address = image.link(int(event["pc"], 16))
        if event["kind"] == "frame":
            for match in _WRITER.finditer(event["text"]):
                known.table_stores.add(image.link(int(match[1], 16)))
        elif {"table", "write"} <= set(event["flags"]) or event["kind"] == "store":
            known.table_stores.add(address)
    return known
