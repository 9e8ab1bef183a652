"""Sends events to the driver, one JSON object a line, and keeps the last instructions."""

from __future__ import annotations

import json
import os
from collections import deque
from typing import Any

from decode import Insn
from engine.checks import FAIL, Check, Where
from engine.image import Image
from target import source_line

HISTORY = 20


class Recorder:
    """The engine's only way out; without a descriptor nobody listens."""

    def __init__(self, fd: int | None, image: Image, variant: str) -> None:
        self._out = None if fd is None else os.fdopen(fd, "w", encoding="utf-8", buffering=1)
        self._image = image
        self._variant = variant
        self._last: deque[tuple[int, Insn]] = deque(maxlen=HISTORY)
        self._history_sent = -1
        self.executed = 0  # instructions so far, stepped and run over
        self.stepped = 0
        self.run_over = 0
        self.first_broken = ""  # the rule

    def event(self, kind: str, **fields: Any) -> None:
        """Send one event."""
        if self._out is not None:
            self._out.write(json.dumps({"event": kind, **fields}) + "\n")

    def note(self, insn: Insn) -> None:
        """An instruction was stepped."""
        self.stepped += 1
        self.executed += 1
        self._last.append((self.executed, insn))

    def note_run_over(self, count: int, insn: Insn) -> None:
        """A loop was run over."""
        self.run_over += count
        self.executed += count
        text = f"(loop run over: {count} instructions) then {insn.text}"
        self._last.append((self.executed, Insn(insn.pc, insn.opcode, text)))

    def note_exception(self, pc: int, text: str) -> None:
        """An exception was taken; nothing was executed for it."""
        self._last.append((self.executed, Insn(pc, None, f"({text})")))

    def where(self, pc: int, instruction: str = "") -> Where:
        """A place, named through either alias."""
        link = self._image.link(pc)
        file, line = source_line(link)
        return Where(pc, self._image.locate(pc), file, line, instruction)

    def history(self) -> list[str]:
        """The last instructions, oldest first."""
        lines = []
        for number, insn in self._last:
            place = self.where(insn.pc)
            source = f"  {os.path.basename(place.file)}:{place.line}" if place.file else ""
            lines.append(f"{number:>8} {insn.pc:#018x} <{place.symbol}> {insn.text}{source}")
        return lines

    def finish(self, check: Check) -> Check:
        """Complete a check; the first failure at a stop carries the last instructions."""
        check.variant = self._variant
        check.count = self.executed
        if check.status == FAIL:
            self.first_broken = self.first_broken or check.rule
            if self._history_sent != self.executed:
                check.history = self.history()
                self._history_sent = self.executed
        return check

    def check(self, check: Check) -> None:
        """Send one check."""
        self.event("check", check=self.finish(check).to_json())
