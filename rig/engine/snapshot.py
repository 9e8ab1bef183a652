"""Takes snapshots of a guest that the rig starts: at checkpoints, at an address, or at its end.

What the rest of the engine uses:

    setup = Setup(pack, image, table, machine, run_dir, timeout)
    at = take(setup, ["mmu-on", "high-walks-on"])      # {"mmu-on": .../mmu-on.snapshot, ...}

`take` steps the guest only as far as the last of these checkpoints. A run that steps anyway has
them taken on the way: give `make_job` the names, `snapshots={id: file_name(id)}`, and they are in
`Stepping.snapshots` afterwards; what could not be taken is the phase's error, with exit code 3.
Snapshots are read again with snapshot_file.read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import snapshot_file
from .errors import CannotJudge, Exit, TimeBound
from .image import Image
from .operands import stopped_guest
from .pack import Pack
from .paths import need_compiled
from .process import find_tool
from .qemu import Machine, guest_words
from .registers import Table
from .results import VariantResult
from .rsp import Gone, Rsp
from .snapshot_capture import WITNESSES, CaptureError, architectural, capture
from .stepping import Stepping, made_by, make_job
from .stub_registers import system_registers

# A guest that turns the machine off, resets it or panics stops there, and can still be read.
KEPT_AT_END = ["-action", "shutdown=pause,reboot=shutdown,panic=pause"]
_THREAD = re.compile(r"thread:(?:p[0-9a-f]+\.)?([0-9a-f]+)")
_UNUSUAL = re.compile(r"[^A-Za-z0-9._+-]")


def file_name(checkpoint: str) -> str:
    """The file of a checkpoint's snapshot in the run directory."""
    return _UNUSUAL.sub("_", checkpoint) + snapshot_file.SUFFIX


@dataclass
class Setup:
    """A guest that snapshots are taken of."""

    pack: Pack
    image: Image | None  # None: a guest without ELF, of which only `take_running` knows something
    table: Table
    machine: Machine
    run_dir: Path
    timeout: float
    witnesses: int = WITNESSES
    every_instruction: bool = False
    show: Callable[[dict[str, Any]], None] = lambda _event: None

    def elf(self) -> Path | None:
        """The ELF's path, when there is one."""
        return Path(self.image.elf.path) if self.image else None

    def walker(self) -> Path:
        """The walker's library; CannotJudge when it is not built."""
        return need_compiled("librigwalk.so", self.elf())


def take(setup: Setup, checkpoints: Sequence[str]) -> dict[str, Path]:
    """Step to these checkpoints and no further; their snapshots, in the run directory. Raises
    CannotJudge or TimeBound when not each of them was reached and taken."""
    assert setup.image is not None
    names = {checkpoint: file_name(checkpoint) for checkpoint in checkpoints}
    job = make_job(
        setup.pack,
        setup.image,
        setup.table,
        setup.machine.variant,
        str(setup.walker()),
        {"every_instruction": setup.every_instruction},
        names,
    )
    job |= {"stop_after": list(names), "witnesses": setup.witnesses}
    result = VariantResult(setup.machine)
    stepping = Stepping(job, setup.image, setup.machine, setup.run_dir, setup.timeout, setup.show)
    stepping.run(result)
    missing = ", ".join(name for name in names if name not in stepping.snapshots)
    phase = result.phases[-1] if result.phases else None
    if phase is not None and phase.error:
        before = f" (before {missing})" if phase.code == Exit.TIME_BOUND else ""
        raise (TimeBound if phase.code == Exit.TIME_BOUND else CannotJudge)(phase.error + before)
    if missing:
        how = phase.reason if phase is not None else "nothing to step to"
        raise CannotJudge(f"no snapshot at {missing}: stepping ended before: {how}")
    return stepping.snapshots


# --- free runs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a free run is stopped: at the nth arrival at any of the addresses, or, without
    addresses, where the guest ends."""

    at: str  # as it was asked for
    addresses: tuple[int, ...] = ()
    nth: int = 1

    @property
    def name(self) -> str:
        """As the snapshot has it."""
        return self.at if self.nth == 1 else f"{self.at}-{self.nth}"


class RemoteSource:
    """A stopped guest behind QEMU's stub, as snapshot_capture.Source has it."""

    def __init__(self, stub: Rsp, table: Table, stop: str) -> None:
        self._stub = stub
        self._table = table
        thread = _THREAD.search(stop)
        self.cpu = int(thread[1], 16) - 1 if thread else 0

    def registers(self) -> dict[str, int]:
        """See Source."""
        offered = system_registers(self._stub.document)
        system = {name: self._stub.register(number) for name, number in offered.items()}
        return architectural(self._stub.core(), system, self._table)

    def read_physical(self, address: int, size: int) -> bytes | None:
        """See Source."""
        return self._stub.read_physical(address, size)

    def monitor(self, line: str) -> str:
        """See Source."""
        return self._stub.monitor(line)


def take_running(setup: Setup, place: Place, path: Path) -> snapshot_file.Snapshot:
    """Run freely to the place and write the snapshot; raises CannotJudge or TimeBound. For any
    guest, with or without ELF."""
    walker = setup.walker()
    elf = setup.elf()
    words = guest_words(
        find_tool("qemu-system-aarch64", "RIG_QEMU"), setup.machine, str(elf) if elf else None
    )
    what = "end" if not place.addresses else f"come to {place.name}"
    made = made_by(setup.pack, setup.image, setup.machine.variant)
    made |= {"checkpoint": place.name, "machine": setup.machine.describe()}
    try:
        with stopped_guest([*words, *KEPT_AT_END], setup.run_dir, setup.timeout) as stub:
            stop = _run_to(stub, place)
            snapshot = capture(RemoteSource(stub, setup.table, stop), made, walker, setup.witnesses)
    except TimeoutError:
        raise TimeBound(f"the guest did not {what} within {setup.timeout:g} s") from None
    except Gone:
        said = (setup.run_dir / "operands.err").read_text("utf-8", errors="replace").strip()
        raise CannotJudge(
            f"QEMU ended before the guest could be read{f': {said}' if said else ''} (a guest that "
            "exits by semihosting takes QEMU with it: give an address before that)"
        ) from None
    except CaptureError as error:
        raise CannotJudge(f"no snapshot at {place.name}: {error}") from None
    try:
        snapshot_file.write(snapshot, path)
    except OSError as error:
        raise CannotJudge(f"{path}: cannot write the snapshot: {error.strerror}") from None
    return snapshot


def _run_to(stub: Rsp, place: Place) -> str:
    """Let the guest run; the stub's words for the stop that is the place."""
    for address in place.addresses:
        stub.breakpoint(address, True)
    for arrival in range(1, place.nth + 1):
        stop = stub.go()
        if not place.addresses:
            return stop
        if stub.pc() not in place.addresses:
            times = f" (arrival {arrival} of {place.nth})" if place.nth > 1 else ""
            raise CannotJudge(f"the guest ended before it came to {place.at}{times}")
        if arrival < place.nth:
            stub.step_from()
    for address in place.addresses:
        stub.breakpoint(address, False)
    return stop
