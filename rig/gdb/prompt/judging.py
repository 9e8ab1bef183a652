"""What the engine judges while a person's command runs it, shown as it happens."""

from __future__ import annotations

from typing import Any

from engine.checks import FAIL, PASS, Check
from engine.elf import Elf
from engine.image import Alias, Image
from prompt.screen import screen
from recorder import Recorder


class _Shown(Recorder):
    """A recorder that shows its events, too."""

    def __init__(self, job: dict[str, Any], show: "Judging") -> None:
        image = Image(Elf.from_json(job["elf"]), [Alias(*alias) for alias in job["aliases"]])
        super().__init__(job.get("events_fd"), image, job["variant"])
        self._show = show

    def event(self, kind: str, **fields: Any) -> None:
        """See Recorder."""
        super().event(kind, **fields)
        self._show.event({"event": kind, **fields})


class Judging:
    """Shows checkpoints and what is broken, and counts."""

    def __init__(self) -> None:
        self._report = screen()
        self.quiet = False
        self.held = self.broken = 0

    def recorder(self, job: dict[str, Any]) -> Recorder:
        """A recorder for the engine that shows here."""
        return _Shown(job, self)

    def event(self, event: dict[str, Any]) -> None:
        """An event of the engine."""
        checks = list(event.get("checks") or [])
        if event["event"] == "check":
            checks.append(event["check"])
        self.held += sum(check["status"] == PASS for check in checks)
        self.broken += sum(check["status"] == FAIL for check in checks)
        bad = any(check["status"] != PASS for check in checks)
        if not self.quiet or bad or event["event"] == "progress":
            self._report.event(event)

    def end(self) -> None:
        """The run is over: no line is half written."""
        self._report.end_progress()
        self._report = screen()  # the person may turn colours on or off

    def counts(self) -> str:
        """What was judged since it was asked last, in words."""
        text = f"{self.held} checks held, {self.broken} broken"
        self.held = self.broken = 0
        return text

    def show(self, check: Check) -> None:
        """One check in full."""
        self._report.check(check)
