"""The stopped guest for a person's commands: each exchange with QEMU is whole, whatever Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from engine.registers import Table
from prompt.physical import PART
from snapshots import LiveSource
from target import Target

Stopped = Callable[[], AbstractContextManager[Target]]


class PatientSource(LiveSource):
    """engine.snapshot_capture.Source; `stopped` gives the guest and holds Ctrl-C back."""

    def __init__(self, stopped: Stopped, table: Table) -> None:
        with stopped() as target:
            super().__init__(target, table)
        self._stopped = stopped

    def registers(self) -> dict[str, int]:
        """See Source."""
        with self._stopped():
            return super().registers()

    def read_physical(self, address: int, size: int) -> bytes | None:
        """See Source; in parts, so that a Ctrl-C waits for one of them only."""
        data = b""
        for at in range(address, address + size, PART):
            with self._stopped():
                part = super().read_physical(at, min(PART, address + size - at))
            if part is None:
                return None
            data += part
        return data

    def monitor(self, line: str) -> str:
        """See Source."""
        with self._stopped():
            return super().monitor(line)
