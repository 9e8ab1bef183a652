"""What the tests of Tyrne's address spaces share: its snapshots, and how one is changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
RIG = ROOT / "rig" / "rig"
BOUND_S = 300
sys.path.insert(0, str(ROOT / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
from engine import elf as elf_file  # noqa: E402
from engine import snapshot_file  # noqa: E402
from engine.walk import Walker  # noqa: E402

PAGE = 4096
VARIANT = "el1"  # of the snapshots that are changed


@dataclass(frozen=True)
class Taken:
    """One entry of the pack's address_space: its snapshot, and the spec that judged it."""

    id: str
    checkpoint: str
    snapshot: Path
    spec: Path


@dataclass(frozen=True)
class Guest:
    """A build of Tyrne with the run directory of `rig audit` on it."""

    elf: Path
    pack: str
    run: Path
    tools: Path

    def taken(self, variant: str = VARIANT) -> list[Taken]:
        """What was judged, in the order of the boot."""
        folder = self.run / f"{variant}-address-space"
        found = []
        for room in sorted(folder.glob("audit-*"), key=lambda path: path.stat().st_mtime_ns):
            made = json.loads((room / "audit.json").read_text("utf-8"))["made"]
            snapshot = folder / f"{made['checkpoint']}.snapshot"
            name = room.name.removeprefix("audit-")
            found.append(Taken(name, made["checkpoint"], snapshot, room / "spec.json"))
        if not found:
            raise AssertionError(f"{folder} holds no judged snapshot: run rig/audit-taken first")
        return found

    def of(self, checkpoint: str) -> Taken:
        """What was judged at a checkpoint."""
        return next(item for item in self.taken() if item.checkpoint == checkpoint)

    def environment(self) -> dict[str, str]:
        """Of the tools that are run."""
        return {**os.environ, "NO_COLOR": "1", "RIG_TOOLS": str(self.tools)}

    def rig(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """The rig's command, to its end."""
        return self._run([str(RIG), *map(str, words)])

    def trace(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """rig-trace, to its end."""
        return self._run([str(self.tools / "rig-trace"), *map(str, words)])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=BOUND_S,
            env=self.environment(),
        )  # fmt: skip


def guest_of(arguments: list[str]) -> Guest:
    """ELF, PACK and RUN from the command line; taken out of it, so that unittest sees the rest."""
    elf, pack, run = (arguments.pop(1) for _ in range(3))
    tools = Path(os.environ.get("RIG_TOOLS", ROOT / "build" / "debug" / "rig"))
    return Guest(Path(elf).resolve(), pack, Path(run).resolve(), tools.resolve())


@dataclass
class Patched:
    """A snapshot in memory, its tables to be changed. QEMU's answers are dropped by `write`: they
    are of the tables that were."""

    guest: Guest
    checkpoint: str
    snapshot: snapshot_file.Snapshot = field(init=False)
    symbols: Mapping[str, elf_file.Symbol] = field(init=False)

    def __post_init__(self) -> None:
        self.snapshot = snapshot_file.read(self.guest.of(self.checkpoint).snapshot)
        self.symbols = elf_file.load(self.guest.elf).symbols

    def at(self, symbol: str) -> int:
        """The address of a symbol."""
        return self.symbols[symbol].value

    def word(self, address: int) -> int | None:
        """A descriptor of the tables."""
        for pa, data in self.snapshot.frames:
            if pa <= address < pa + len(data):
                return int.from_bytes(data[address - pa :][:8], "little")
        return None

    def put(self, address: int, value: int) -> None:
        """Change a descriptor."""
        for index, (pa, data) in enumerate(self.snapshot.frames):
            if pa <= address < pa + len(data):
                at = address - pa
                data = data[:at] + value.to_bytes(8, "little") + data[at + 8 :]
                self.snapshot.frames[index] = (pa, data)
                return
        raise AssertionError(f"the snapshot has no table at {address:#x}")

    def slots(self, va: int) -> list[int]:
        """Where the descriptors are that translate an address, the root's first."""
        library = self.guest.tools / "librigwalk.so"
        walker = Walker(library, self.snapshot.registers, self.word)
        return [step.descriptor_pa for step in walker.walk(va).steps]

    def descriptor(self, va: int) -> int:
        """The last descriptor on the way."""
        word = self.word(self.slots(va)[-1])
        assert word is not None
        return word

    def change(self, va: int, clear: int = 0, to: int = 0) -> None:
        """Clear bits of the last descriptor for an address, then set others."""
        self.put(self.slots(va)[-1], self.descriptor(va) & ~clear | to)

    def write(self, path: Path, witnesses: bool = False) -> None:
        """Into a file."""
        if not witnesses:
            self.snapshot.witnesses = []
        snapshot_file.write(self.snapshot, path)


def report_of(path: Path) -> dict[str, Any]:
    """A report of the rig."""
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report
