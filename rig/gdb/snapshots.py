"""Snapshots of the live guest: at checkpoints while stepping, and for the commands of a person."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from engine import snapshot_file
from engine.registers import Table
from engine.snapshot_capture import WITNESSES, CaptureError, architectural, capture
from engine.snapshot_file import Snapshot
from recorder import Recorder
from target import Target, TargetError


class LiveSource:
    """The stopped guest, as engine.snapshot_capture.Source has it."""

    cpu = 0  # the engine steps machines of one CPU

    def __init__(self, target: Target, table: Table) -> None:
        self._target = target
        self._table = table

    def registers(self) -> dict[str, int]:
        """See Source."""
        system = {name: self._target.system(name) for name in self._target.offered}
        return architectural(self._target.core(), system, self._table)

    def read_physical(self, address: int, size: int) -> bytes | None:
        """See Source."""
        return self._target.read_physical(address, size)

    def monitor(self, line: str) -> str:
        """See Source."""
        return self._target.monitor(line)


def capture_live(
    source: LiveSource, job: dict[str, Any], checkpoint: str, witnesses: int
) -> Snapshot:
    """The snapshot of this stop; raises CaptureError in words."""
    if not job["walker"]:
        raise CaptureError("librigwalk.so is not built, so tables cannot be walked: ./tyrne build")
    made = {key: job["made"].get(key, "") for key in ("by", "guest", "pack", "variant")}
    made |= {"checkpoint": checkpoint}
    made |= {key: job["made"].get(key, "") for key in ("machine", "elf", "build_id")}
    try:
        return capture(source, made, job["walker"], witnesses)
    except TargetError as error:
        raise CaptureError(str(error)) from None


class Snapshots:
    """Takes the snapshots that the job asks for (job["snapshots"]: checkpoint to file), each once,
    where its checkpoint fires. The driver hears of each by an event; one that cannot be taken has
    words in its `error`, and stepping goes on."""

    def __init__(
        self, job: dict[str, Any], target: Target, table: Table, recorder: Recorder
    ) -> None:
        self._wanted: dict[str, str] = dict(job.get("snapshots") or {})
        self._witnesses = int(job.get("witnesses", WITNESSES))
        self._job = job
        self._source = LiveSource(target, table)
        self._recorder = recorder

    def fired(self, checkpoint: str) -> None:
        """A checkpoint fired at this stop."""
        path = self._wanted.pop(checkpoint, None)
        if path is None:
            return
        started, size, error = time.monotonic(), 0, ""
        try:
            snapshot = capture_live(self._source, self._job, checkpoint, self._witnesses)
            snapshot_file.write(snapshot, Path(path))
            size = snapshot.table_bytes()
        except CaptureError as problem:
            error = str(problem)
        except OSError as problem:
            error = f"{path}: cannot write the snapshot: {problem.strerror}"
        self._recorder.event(
            "snapshot",
            checkpoint=checkpoint,
            path=path,
            table_bytes=size,
            seconds=time.monotonic() - started,
            error=error,
        )
