"""The address spaces of a mutant, without stepping to them.

The unmutated guest's snapshots were taken while stepping. Where each was taken is an address and a
number of arrivals there, so a free run can be stopped at the same point: a tenth of a second
instead of ten. A guest whose tables are wrong is judged so first; stepping follows where that says
nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from . import snapshot_file
from .audit_phase import AddressSpaces
from .errors import CannotJudge, TimeBound
from .image import Image
from .qemu import Machine
from .results import Phase, VariantResult
from .session import Inputs
from .snapshot import Place, Setup, take_running

UNREAD = "not all judged"  # a phase's reason
_MOST_ARRIVALS = 16
_RUN_S = 10.0


def places(
    inputs: Inputs, machine: Machine, snapshots: Mapping[str, Path], room: Path
) -> dict[str, Place]:
    """Where a free run of the unmutated guest is in the state of each snapshot; one that is found
    at none of the first arrivals is left out."""
    found = {}
    for checkpoint, path in snapshots.items():
        registers = snapshot_file.read(path).registers
        for nth in range(1, _MOST_ARRIVALS + 1):
            place = Place(checkpoint, (registers["PC"],), nth)
            try:
                taken = take_running(_setup(inputs, machine, inputs.image, room), place, room / "x")
            except (CannotJudge, TimeBound):
                break
            if taken.registers == registers:
                found[checkpoint] = place
                break
    return found


def _setup(inputs: Inputs, machine: Machine, image: Image, room: Path) -> Setup:
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    return Setup(inputs.pack, image, inputs.table, machine, room, _RUN_S)


def judge_space(  # pylint: disable=too-many-arguments # a guest, and where it is judged
    inputs: Inputs,
    machine: Machine,
    image: Image,
    place: Place,
    room: Path,
    result: VariantResult,
) -> None:
    """Judge what a guest translates at a place by each `address_space` entry of its checkpoint.
    Nothing is judged where the guest does not come to it, or cannot be read there: UNREAD."""
    phase = Phase("address-space")
    result.phases.append(phase)
    try:
        snapshot = room / f"{place.at}.snapshot"
        taken_in = _setup(inputs, machine, image, room)
        take_running(taken_in, place, snapshot)
        spaces = AddressSpaces(inputs.pack, image, inputs.table, machine, room, _RUN_S)
        for entry in inputs.pack.address_spaces(machine.variant):
            if entry["at"] == place.at:
                spaces.judge(entry, snapshot, phase, result)
    except (CannotJudge, TimeBound) as error:
        phase.reason = UNREAD
        phase.notes.append(f"not judged at {place.at}: {error}")
