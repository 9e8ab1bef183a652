"""The address-space phase: each snapshot that a pack's `address_space` names is judged."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .audit_check import GROUP, SPEC, audit, expression_check, judged
from .checks import Check
from .errors import CannotJudge, Exit, TimeBound
from .image import Image
from .pack import Pack
from .paths import compiled
from .qemu import Machine
from .registers import Table
from .results import MapTaken, Phase, VariantResult
from .rig_trace import Judged
from .snapshot import Place, Setup, file_name, take_running
from .snapshot_file import SUFFIX, read
from .space_schema import END
from .space_spec import Resolver, build


@dataclass
class AddressSpaces:
    """One variant's address-space phase."""

    pack: Pack
    image: Image | None
    table: Table
    machine: Machine
    run_dir: Path
    timeout: float

    @staticmethod
    def places(pack: Pack, variant: str) -> dict[str, str]:
        """The checkpoints at which stepping has to take snapshots, and the files' names."""
        entries = pack.address_spaces(variant)
        return {entry["at"]: file_name(entry["at"]) for entry in entries if entry["at"] != END}

    def run(self, result: VariantResult, snapshots: Mapping[str, Path]) -> None:
        """Judge each entry whose snapshot is there; `at: end` takes its own in a free run. What
        was not reached is the stepping's finding."""
        phase = Phase(GROUP)
        result.phases.append(phase)
        started = time.monotonic()
        count = 0
        try:
            for entry in self.pack.address_spaces(self.machine.variant):
                path = self._at_end() if entry["at"] == END else snapshots.get(entry["at"])
                if path is None:
                    phase.notes.append(f"{entry['id']}: {entry['at']} was not reached")
                    continue
                self.judge(entry, path, phase, result)
                count += 1
            phase.reason = f"{count} snapshots"
        except TimeBound as error:
            phase.code, phase.reason, phase.error = Exit.TIME_BOUND, "time bound", str(error)
        except CannotJudge as error:
            phase.code, phase.reason, phase.error = Exit.NO_JUDGEMENT, "failed", str(error)
        phase.seconds = time.monotonic() - started

    def _at_end(self) -> Path:
        path = self.run_dir / f"{END}{SUFFIX}"
        if not path.is_file():
            take_running(self._setup(), Place(END), path)
        return path

    def _setup(self) -> Setup:
        return Setup(self.pack, self.image, self.table, self.machine, self.run_dir, self.timeout)

    def judge(
        self, entry: Mapping[str, Any], path: Path, phase: Phase, result: VariantResult
    ) -> None:
        """One snapshot by one entry."""
        variant = self.machine.variant
        elf = None if self.image is None else Path(self.image.elf.path)
        library = str(compiled("librigwalk.so", elf) or "")
        resolver = Resolver(self.pack, self.image, self.table, read(path), library)
        room = self.run_dir / f"audit-{entry['id']}"
        room.mkdir(exist_ok=True)
        report = audit(path, build(self.pack, entry, resolver, variant), room, elf)
        result.maps.append(MapTaken(entry["id"], entry["at"], path, room / SPEC))
        found: Judged = judged(report, entry, self._rules(), variant)
        result.checks += found.checks
        result.checks += self._expressions(entry, resolver)
        phase.notes += [f"note: {text}" for text in found.notes]
        if found.error:
            raise CannotJudge(f"{entry['id']}: {found.error}")

    def _rules(self) -> dict[str, Mapping[str, Any]]:
        return {rule["id"]: rule for rule in self.pack.items("address-space-rules")}

    def _expressions(self, entry: Mapping[str, Any], resolver: Resolver) -> Iterable[Check]:
        ids = self._rules()
        for number, text in enumerate(entry.get("require") or [], 1):
            if text not in ids:
                verdict = resolver.holds(text)
                yield expression_check(entry, number, text, verdict, self.machine.variant)
