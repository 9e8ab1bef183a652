"""What the commands of one gdb session share: the guest, the job, and the engine on both.

A session is opened by `rig debug`, which has the job and the connection, or in a plain gdb, where
the job is made of a pack when a command first needs it and the person connects with `target
remote`. The engine's packets go over gdb's own connection while gdb does not read it (link.py), so
a command holds Ctrl-C back from its first packet to its last; what takes long looks for it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from checkpoints import Checkpoint
from decode import Insn
from engine.elf import Elf
from engine.errors import RigError
from engine.evaluate import NotKnown
from engine.image import Alias, Image
from engine.qmp import QmpError
from engine.registers import Table
from engine.snapshot_capture import CaptureError
from engine.snapshot_file import Snapshot
from engine.snapshot_state import SnapshotState
from engine.walk import Walker, WalkError
from link import LinkClosed, find_connection
from prompt.by_hand import HandStepper
from prompt.judging import Judging
from prompt.patient import PatientSource
from prompt.physical import gdb, interrupt_waits, uninterrupted
from snapshots import capture_live
from state import LiveState
from stepper import Stop
from target import GuestEnded, Target, TargetError

_FEW = 16  # of QEMU's own translations in a snapshot: a person waits, the driver asks for more
INTERRUPTED = "interrupted"


@contextmanager
def in_words() -> Iterator[None]:
    """Every way out of a command is an answer in words."""
    try:
        yield
    except KeyboardInterrupt:
        raise gdb.GdbError("rig: interrupted") from None
    except (
        CaptureError, LinkClosed, NotKnown, QmpError, RigError, TargetError, WalkError
    ) as error:  # fmt: skip
        raise gdb.GdbError(f"rig: {error}") from None
    except OSError as error:
        raise gdb.GdbError(f"rig: {error.filename or ''}: {error.strerror}") from None
    except ModuleNotFoundError as error:
        raise gdb.GdbError(
            f"rig: gdb's Python has no module {error.name}; Debian has it in python3-{error.name}"
        ) from None


class Session:  # pylint: disable=too-many-instance-attributes # each is known at another time
    """One guest at a person's prompt."""

    def __init__(self, make_job: Callable[[], dict[str, Any]]) -> None:
        self._make_job = make_job
        self._job: dict[str, Any] | None = None
        self._table: Table | None = None
        self._image: Image | None = None
        self._target: Target | None = None
        self._connection: Any = None
        self._stepper: HandStepper | None = None
        self._begun = False  # has the engine judged the first instruction?
        self._moved = False  # did the person move the guest?
        # Where in the boot the guest is, when somebody knows better than the checkpoints here.
        self.way: Callable[[], list[str]] | None = None
        self.judging = Judging()
        gdb.events.cont.connect(self._person_moves)
        gdb.events.register_changed.connect(self._person_moves)
        gdb.events.memory_changed.connect(self._person_moves)

    def _person_moves(self, _event: Any) -> None:
        self._moved = True

    # --- what is known without a guest ------------------------------------------------------------

    @property
    def job(self) -> dict[str, Any]:
        """The engine's job (engine.stepping.make_job)."""
        if self._job is None:
            self._job = self._make_job()
        return self._job

    @property
    def table(self) -> Table:
        """The architecture table."""
        if self._table is None:
            self._table = Table.from_json(self.job["table"])
        return self._table

    @property
    def image(self) -> Image:
        """The guest's image, an empty one without ELF."""
        if self._image is None:
            aliases = [Alias(*alias) for alias in self.job["aliases"]]
            self._image = Image(Elf.from_json(self.job["elf"]), aliases)
        return self._image

    def other_pack(self, make_job: Callable[[], dict[str, Any]]) -> None:
        """From now on the guest is judged by another pack."""
        self._make_job = make_job
        self._job = self._table = self._image = self._stepper = None
        # A guest that is there already is anywhere in its boot.
        self._begun = self._moved = self._target is not None

    # --- the guest --------------------------------------------------------------------------------

    def adopt(self, target: Target) -> None:
        """The engine has connected gdb already; the guest is at its first instruction."""
        self._target = target
        self._connection = gdb.selected_inferior().connection

    def _connected(self) -> Target:
        """The target of gdb's connection, which may be another one than before."""
        thread = gdb.selected_thread()
        connection = gdb.selected_inferior().connection
        if thread is None or not thread.is_valid() or connection is None:
            raise gdb.GdbError(
                "rig: there is no guest any more; start another with rig debug"
                if self._target is not None
                else "rig: no guest is connected: start QEMU with -S -s, then `target remote :1234`"
            )
        if thread.is_running():
            raise gdb.GdbError("rig: the guest runs; stop it first (Ctrl-C)")
        if self._target is None or connection is not self._connection:
            descriptor = find_connection(connection.details or "")
            if descriptor is None:
                raise gdb.GdbError(
                    f"rig: the connection to {connection.details or connection.type} is no socket "
                    "that the rig can use; connect by `target remote HOST:PORT` or a unix socket"
                )
            self._target = Target("", descriptor)
            self._target.hand_over()
            self._connection = connection
            self._stepper, self._begun, self._moved = None, True, True
        return self._target

    @contextmanager
    def stopped(self) -> Iterator[Target]:
        """The guest stands still and is the engine's; a Ctrl-C waits."""
        with in_words(), uninterrupted():
            try:
                yield self._connected()
            except GuestEnded as error:
                self._guest_is_gone()
                raise gdb.GdbError(f"rig: the guest has ended ({error})") from None

    @staticmethod
    def _guest_is_gone() -> None:
        """Tell gdb, which does not know it yet."""
        try:
            gdb.execute("disconnect", to_string=True)
        except gdb.error:
            pass  # it knows

    @property
    def stepper(self) -> HandStepper:
        """The engine on this guest; only inside of `stopped`."""
        if self._stepper is None:
            assert self._target is not None
            self._stepper = HandStepper(self.job, self._target, self.judging.recorder(self.job))
        return self._stepper

    def state(self) -> LiveState:
        """The guest's state at this stop; only inside of `stopped`."""
        state = self.stepper.state
        if self._moved:
            state.forget()
        else:
            state.refresh()
        return state

    def target_offers(self) -> list[str]:
        """The stub's names of system registers; only inside of `stopped`."""
        return list(self._connected().offered)

    def checkpoints(self) -> list[Checkpoint]:
        """The pack's checkpoints for this variant, with what became of them."""
        return self.stepper.checkpoints.items

    # --- running ----------------------------------------------------------------------------------

    def was_moved(self) -> bool:
        """Has the person moved the guest since the engine looked?"""
        return self._moved

    def guest_moved(self) -> None:
        """The guest was moved by somebody else than the engine, as a person does."""
        self._moved = True

    def prepare(self) -> None:
        """The engine takes the guest as it is: it judges the first instruction, or takes note that
        the person has moved the guest. Only inside of `stopped`."""
        if not self._begun and not self._moved:
            self.stepper.begin()
        else:
            self.stepper.resume(self._moved)
        self._begun, self._moved = True, False

    def run(
        self,
        arrived: Callable[[Insn, Insn], str],
        stop: Stop = Stop(),
        every_instruction: bool = False,
    ) -> str:
        """Step and judge until `arrived` has words for the place, `stop` is reached, a rule that
        ends a run is broken, a breakpoint of the person's is reached, or Ctrl-C; the words. Only
        inside of `stopped`."""
        target, stepper = self._target, self.stepper
        assert target is not None
        breakpoints = _breakpoints()
        stepper.breaks = frozenset(breakpoints)

        def there(done: Insn, following: Insn) -> str:
            if words := arrived(done, following):
                return words
            if interrupt_waits():
                signal.sigtimedwait({signal.SIGINT}, 0)
                return INTERRUPTED
            if following.pc in breakpoints:
                return f"stopped at breakpoint {breakpoints[following.pc]}"
            return ""

        target.take_over()
        target.interruptible(interrupt_waits)
        try:
            self.prepare()
            return stepper.go(there, stop, every_instruction)
        finally:
            self.judging.end()
            self._back_to_gdb(target)

    def start(self) -> str:
        """Run the engine to the place that the job names; why it stopped."""
        stop = Stop(self.job.get("stop_at", ""), self.job.get("stop_count", 0))
        with self.stopped():
            return self.run(lambda *_: "", stop)

    def _back_to_gdb(self, target: Target) -> None:
        try:
            target.hand_over()
        except GuestEnded:
            self._guest_is_gone()
        self._moved = False  # gdb's own events for what the engine did

    def show_place(self) -> None:
        """Where the guest is, as gdb shows a frame."""
        gdb.execute("frame")

    # --- address spaces ---------------------------------------------------------------------------

    def capture(self, witnesses: int = _FEW) -> Snapshot:
        """A snapshot of this stop; a Ctrl-C waits for a part of it only."""
        with in_words():
            return capture_live(
                PatientSource(self.stopped, self.table), self.job, "stop", witnesses
            )

    def walker(self, snapshot: Snapshot) -> Walker:
        """The table walker on a snapshot of this guest; raises WalkError for a regime that the rig
        does not walk."""
        state = SnapshotState(snapshot)
        return Walker(self.job["walker"], snapshot.registers, state.word, snapshot.regime)


def _breakpoints() -> dict[int, int]:
    """The person's breakpoints that are on: address to number."""
    found: dict[int, int] = {}
    for item in gdb.breakpoints():
        if not item.enabled or item.type not in (gdb.BP_BREAKPOINT, gdb.BP_HARDWARE_BREAKPOINT):
            continue
        for place in getattr(item, "locations", ()):  # gdb 13 and later
            if place.enabled:
                found[place.address] = item.number
    return found
