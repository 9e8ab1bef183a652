"""`rig debug --replay RUN`: a failed run, reopened in gdb where it can be stepped backwards."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import elf as elf_file
from . import replay_manifest, replay_qemu
from .debug import open_gdb
from .errors import CannotJudge, UsageError
from .paths import compiled
from .process import Children, pick_cpu, tool_version
from .qemu import QMP_EVENTS
from .replay_manifest import DISK, JOB, LOG, NAME, SUFFIX, Manifest, Place
from .session import RunDir

_BOUND_S = 60.0


def replay(args: argparse.Namespace) -> int:
    """Open gdb on the replayed run; returns the exit code."""
    for option in ("cpu", "memory", "every_instruction"):
        if getattr(args, option):
            raise UsageError(
                f"--{option.replace('_', '-')}: a recording has its own machine; leave it out"
            )
    folder = _recording(Path(args.replay), args.variant)
    manifest = replay_manifest.load(folder)
    elf = _same_elf(manifest, args.elf)
    _same_qemu(manifest)
    replay_manifest.verify(folder, manifest)
    place = _wanted(manifest, args)
    job = _job(folder, manifest, elf)
    run_dir = RunDir(args.run_dir)
    room = run_dir.phase(manifest.variant, "replayed")
    try:
        # The recording is evidence: QEMU gets copies, and two sessions do not meet.
        for name in (LOG, DISK):
            shutil.copyfile(folder / name, room / name)
        command = replay_qemu.playing(manifest.words, str(elf), room)
        with Children(pick_cpu()) as children:
            qemu, qmp = replay_qemu.start(children, command, room)
            replay_qemu.seek(qemu, qmp, place.count, _BOUND_S)
            if place.pc is not None and (at := replay_qemu.pc_of(qmp)) != place.pc:
                raise CannotJudge(
                    f"the replay is another run than the recorded one: after {place.count:,} "
                    f"instructions it is at {at:#x}, not at {place.pc:#x}; the recording is "
                    "damaged, or this QEMU replays it differently"
                )
            qmp.close()
            return open_gdb(job, elf, room, args.eval, args.batch)
    finally:
        run_dir.finish(False)


def _recording(run: Path, variants: list[str] | None) -> Path:
    """The recording that is meant, in a run directory, by the report, or the directory itself."""
    if run.is_file():
        run = _directory_of(run)
    if (run / NAME).is_file():
        return run
    if not run.is_dir():
        raise UsageError(f"{run}: no such run; give a run directory or the JSON report of a run")
    found = {path.parent.name.removesuffix(SUFFIX): path.parent for path in run.glob(f"*/{NAME}")}
    if not found:
        raise UsageError(
            f"{run}: holds no recording ({NAME}). Failed runs are recorded by rig run, step, "
            "faults, order and audit, unless --no-replay or RIG_REPLAY=0 says otherwise"
        )
    if variants is None:
        return found[sorted(found)[0]]
    if len(variants) != 1 or variants[0] not in found:
        raise UsageError(f"--variant: give one of those recorded: {', '.join(sorted(found))}")
    return found[variants[0]]


def _directory_of(report: Path) -> Path:
    """The run directory of a JSON report."""
    try:
        data = json.loads(report.read_text(encoding="utf-8"))
        return Path(data["run_dir"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{report}: no JSON report of a run that was kept; give the run directory"
        ) from None


def _same_elf(manifest: Manifest, given: str | None) -> Path:
    """The ELF that was recorded, here or where --elf says."""
    path = Path(given or manifest.elf["path"]).resolve()
    if not path.is_file():
        raise UsageError(f"{path}: the recorded ELF is not here; say where it is: --elf FILE")
    if replay_manifest.sha256(path) == manifest.elf["sha256"]:
        return path
    found, recorded = elf_file.load(path).build_id, manifest.elf["build_id"]
    how = (
        f"build-id {found}, recorded was {recorded}"
        if found != recorded
        else "the same build-id, other bytes"
    )
    raise UsageError(
        f"{path}: was changed since the run was recorded ({how}). Give the recorded ELF with "
        "--elf FILE, or run the guest again"
    )


def _same_qemu(manifest: Manifest) -> None:
    found = tool_version(replay_qemu.program())
    if found != manifest.qemu:
        raise UsageError(
            f"recorded by {manifest.qemu}, this is {found}: a log of one version is no log of "
            "another. Name the recording QEMU with RIG_QEMU, or run the guest again"
        )


def _wanted(manifest: Manifest, args: argparse.Namespace) -> "_Stop":
    """Where to: the first broken check, a checkpoint, or a count."""
    if args.at and args.at_count:
        raise UsageError("give --at or --at-count, not both")
    if args.at:
        names = [place.name for place in manifest.checkpoints]
        if args.at not in names:
            raise UsageError(
                f"--at {args.at}: no checkpoint that fired in this run; these did: "
                f"{', '.join(names) or 'none'}"
            )
        return _Stop.of(manifest.checkpoints[names.index(args.at)])
    if args.at_count:
        if not 0 < args.at_count <= manifest.end:
            raise UsageError(
                f"--at-count {args.at_count}: the recording ends at instruction {manifest.end}"
            )
        return _Stop(args.at_count)
    return _Stop.of(manifest.at)


class _Stop:
    """A count, and the PC there when it is known."""

    def __init__(self, count: int, pc: int | None = None) -> None:
        self.count = count
        self.pc = pc

    @staticmethod
    def of(place: Place) -> "_Stop":
        """A place of the manifest."""
        return _Stop(place.count, place.pc)


def _job(folder: Path, manifest: Manifest, elf: Path) -> dict[str, Any]:
    """The engine's job, for this machine's paths."""
    try:
        job: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotJudge(f"{folder / JOB}: the recording is damaged: {error}") from None
    job["elf"]["path"] = str(elf)
    job |= {"walker": str(compiled("librigwalk.so", elf) or ""), "witnesses": 0, "snapshots": {}}
    # Memory was filled before the recording began; the console holds text of the guest's future.
    job |= {"poison": [], "stop_at": "", "stop_count": 0, "serial": ""}
    job["replay"] = {**asdict(manifest), "qmp": QMP_EVENTS, "folder": str(folder)}
    return job
