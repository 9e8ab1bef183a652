"""The phase "ordering": a guest's event trace is recorded and judged by the ordering rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cpu_features import ID_REGISTERS, features, identify
from .errors import CannotJudge, Exit, TimeBound
from .freerun import console_lines
from .image import Image
from .order_check import Settings, judged, order
from .order_run import Recorder
from .pack import Pack
from .process import find_tool
from .qemu import SERIAL, Machine, guest_words, machine_words
from .results import Phase, VariantResult
from .run_end import End, bound_of, end_of


@dataclass
class Ordering:
    """One variant's ordering phase. The trace is `events.trace` in the phase's directory, what
    rig-trace says of it `order.json`."""

    pack: Pack
    image: Image | None  # None: a guest without ELF
    machine: Machine
    run_dir: Path
    timeout: float
    say: Callable[[str], None] = lambda _text: None

    def run(self, result: VariantResult) -> None:
        """Record and judge; infrastructure failures land in the phase."""
        self._phase(result, self._record_and_judge)

    def judge_trace(self, trace: Path, result: VariantResult) -> None:
        """Judge a trace that was recorded before, on this machine."""

        def judge(phase: Phase, result: VariantResult) -> None:
            phase.reason = "trace given"
            try:
                registers = self._identify()
            except CannotJudge:
                registers = {}  # a trace can be judged where no QEMU is
            self._judge(trace, self._settings(registers, phase), phase, result)

        self._phase(result, judge)

    @staticmethod
    def _phase(result: VariantResult, work: Callable[[Phase, VariantResult], None]) -> None:
        phase = Phase("ordering")
        result.phases.append(phase)
        started = time.monotonic()
        try:
            work(phase, result)
        except TimeBound as error:
            phase.code, phase.reason, phase.error = Exit.TIME_BOUND, "time bound", str(error)
        except CannotJudge as error:
            phase.code, phase.reason, phase.error = Exit.NO_JUDGEMENT, "failed", str(error)
        phase.seconds = time.monotonic() - started

    def _identify(self) -> dict[str, int]:
        """The identification registers of the machine's CPU."""
        room = self.run_dir / "cpu"
        room.mkdir(exist_ok=True)
        return identify(
            machine_words(find_tool("qemu-system-aarch64", "RIG_QEMU"), self.machine), room
        )

    def _record_and_judge(self, phase: Phase, result: VariantResult) -> None:
        elf = None if self.image is None else self.image.elf.path
        words = guest_words(find_tool("qemu-system-aarch64", "RIG_QEMU"), self.machine, elf)
        result.command = result.command or words
        spec = self.pack.ordering()
        end = end_of(self.pack.data)  # which `ordering` may say differently, for its runs only
        if "until" in spec or "ends" in spec:
            end = End(until=spec.get("until", ""), bound=spec.get("ends") == "bound")
        bound = float(spec.get("bound", bound_of(self.pack.data, self.timeout)))
        recorder = Recorder(words, self.run_dir, bound, self.image, end, spec.get("limit", 0))
        recorder.say = self.say
        settings = self._settings(self._identify(), phase)
        recording = recorder.record()
        phase.notes += recording.notes
        console = self.run_dir / SERIAL
        if console.is_file():
            phase.console = console_lines(console.read_text("utf-8", errors="replace"))
        ended = "guest ended" if end.by_guest else "guest was ended"
        phase.reason = f"{ended}, {recording.runs} run{'s' if recording.runs > 1 else ''}"
        self.say("ordering: judging the trace")
        self._judge(recording.trace, settings, phase, result)

    def _settings(self, registers: dict[str, int], phase: Phase) -> Settings:
        """What the pack says and, where it says nothing, the CPU's own registers."""
        spec = self.pack.ordering()
        names = spec["features"] if "features" in spec else features(registers)
        source = "the pack" if "features" in spec else "its registers"
        if not registers and "features" not in spec:
            source = "default: its registers are not known"
        phase.notes.append(f"CPU features by {source}: {', '.join(names) or 'none'}")
        variant = self.machine.variant
        return Settings(
            rules=self.pack.ordering_rules(),
            waive=[w for w in spec.get("waive") or [] if variant in w.get("variants", [variant])],
            features=names,
            registers={name: value for name, value in registers.items() if name in ID_REGISTERS},
        )

    def _judge(self, trace: Path, settings: Settings, phase: Phase, result: VariantResult) -> None:
        report = order(trace, self.image, settings, self.run_dir / "order.json")
        result.order = report
        rules = {rule["id"]: rule for rule in self.pack.items("ordering-rules")}
        require = self.pack.ordering().get("require") or []
        found = judged(report, rules, require, self.machine.variant)
        result.checks += found.checks
        phase.notes += [f"note: {text}" for text in found.notes]
        if found.error:
            phase.code, phase.error = Exit.NO_JUDGEMENT, found.error
