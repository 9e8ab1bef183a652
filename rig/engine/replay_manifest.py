"""What belongs to a recording, written beside it: of which run it is, and where that broke.

A recording is a directory (VARIANT-replay of a run directory) with QEMU's log of what came from
outside the guest, the disk with the snapshot of its first moment, the stepping engine's job, and
`manifest.json`, which has the hashes of the others.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import CannotJudge, UsageError
from .report_json import write_whole

NAME = "manifest.json"
SUFFIX = "-replay"
LOG, DISK, JOB = "replay.log", "start.qcow2", "job.json"
SCHEMA, VERSION = "rig-replay", 1
ELF_WORD = "{elf}"  # stands for the ELF's path in QEMU's words


@dataclass(frozen=True)
class Place:
    """A moment of the run: so many instructions executed, the next one at `pc`."""

    name: str
    count: int
    pc: int
    text: str = ""  # symbol, file and line


@dataclass
class Manifest:  # pylint: disable=too-many-instance-attributes # it is the whole record
    """One recording."""

    variant: str
    machine: str
    elf: dict[str, str]  # path, build_id, sha256
    pack: dict[str, Any]  # guest, files
    qemu: str  # the first line of --version
    words: list[str]  # QEMU's, without the program and what is added to record or replay
    end: int  # instructions: the last place that a replay comes to
    ended: str  # why it ends there
    broken: dict[str, Any]  # id, kind, text, expected, actual of the first broken check
    at: Place  # where that was
    checkpoints: list[Place] = field(default_factory=list)
    compared: str = ""  # how it is known to be the judged run again
    trace: str = ""  # the event trace, relative to the run directory
    files: dict[str, str] = field(default_factory=dict)  # name: sha256

    def save(self, folder: Path) -> None:
        """Write it, with the hashes of the recording's files."""
        self.files = {name: sha256(folder / name) for name in (LOG, DISK, JOB)}
        data = {"schema": SCHEMA, "version": VERSION, **asdict(self)}
        write_whole(folder / NAME, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def load(folder: Path) -> Manifest:
    """Read a recording's manifest; raises UsageError or CannotJudge in words."""
    path = folder / NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the recording: {error.strerror}") from None
    except ValueError as error:
        raise CannotJudge(f"{path}: the recording is damaged: no JSON ({error})") from None
    if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
        raise CannotJudge(f"{path}: the recording is damaged: no manifest of one ({SCHEMA})")
    version = data.pop("version", None)
    if version != VERSION:
        raise UsageError(
            f"{path}: made by another rig: version {version} of the recording's format, this rig "
            f"reads {VERSION}; replay it with the rig that recorded it"
        )
    try:
        data["at"] = Place(**data["at"])
        data["checkpoints"] = [Place(**place) for place in data["checkpoints"]]
        return Manifest(**data)
    except (KeyError, TypeError) as error:
        raise CannotJudge(f"{path}: the recording is damaged: {error}") from None


def verify(folder: Path, manifest: Manifest) -> None:
    """Raise CannotJudge when a file of the recording is missing or not what was recorded."""
    for name in (LOG, DISK, JOB):
        path = folder / name
        if not path.is_file():
            raise CannotJudge(f"{path}: the recording is damaged: the file is missing")
        if sha256(path) != manifest.files.get(name):
            raise CannotJudge(
                f"{path}: the recording is damaged: it is not the file that was recorded "
                "(sha256); copy it again, or run the guest again"
            )


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CannotJudge(f"{path}: cannot be read: {error.strerror}") from None
