"""The kernel's state at one stop: the three globals that hold all of it, and the CPU's registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .memory import Memory, enumerators, find_symbol, find_type, gdb, load_elf, member, number
from .names import BOOT_STEPS, NONE

_EL_SHIFT, _EL_MASK = 2, 3  # CPSR, as the stub gives PSTATE
_HIGH = 1 << 63


@dataclass(frozen=True)
class Ref:
    """struct object_ref: which object of its kind, and which of those that had the index."""

    index: int
    generation: int


def ref_of(value: Any) -> Ref:
    """A struct object_ref."""
    return Ref(number(value, "index"), number(value, "generation"))


class Arena:
    """struct object_arena: which indices hold an object."""

    def __init__(self, value: Any, capacity: int) -> None:
        self.capacity = capacity
        self._live = number(value, "live")
        self._generations = member(value, "generation")

    def live(self) -> list[int]:
        """The indices in use."""
        return [index for index in range(self.capacity) if self.has(index)]

    def has(self, index: int) -> bool:
        """Does the index hold an object?"""
        return 0 <= index < self.capacity and bool(self._live >> index & 1)

    def generation(self, index: int) -> int:
        """Of the present or next object at the index."""
        return int(self._generations[index])

    def names(self, ref: Ref) -> bool:
        """Does the reference name a live object?"""
        return self.has(ref.index) and self.generation(ref.index) == ref.generation


class Cpu:
    """The registers of the CPU at this stop."""

    def __init__(self) -> None:
        self._frame = gdb.newest_frame()
        self.pc = self.register("pc")
        self.sp = self.register("sp")
        self.el = self.register("cpsr") >> _EL_SHIFT & _EL_MASK

    def register(self, *names: str) -> int:
        """A register by the first of its names that the stub knows."""
        for name in names:
            try:
                return int(self._frame.read_register(name)) & (1 << 64) - 1
            except ValueError:
                continue
        raise gdb.GdbError(f"tyrne: QEMU's stub offers no register {names[0]}")


def stopped_cpu() -> Cpu:
    """The CPU of a guest that is there and stopped; gdb.GdbError in words."""
    thread = gdb.selected_thread()
    if thread is None or not thread.is_valid():
        raise gdb.GdbError(
            "tyrne: there is no guest: connect to a stopped QEMU (target remote SOCKET), "
            "or start both by: rig/rig debug"
        )
    if thread.is_running():
        raise gdb.GdbError("tyrne: the guest runs; stop it first (Ctrl-C)")
    return Cpu()


def array_length(value: Any) -> int:
    """How many elements an array has."""
    return int(value.type.strip_typedefs().range()[1]) + 1


class Kernel:
    """Everything the commands read, taken when it is made."""

    def __init__(self) -> None:
        self.cpu = stopped_cpu()
        symbol = find_symbol("kernel_core")
        self.elf = load_elf(symbol.symtab.objfile.filename)
        self.memory = Memory(self.elf)
        self.core_va = self.memory.link(int(symbol.value().address))
        self.core = self.memory.load("kernel_core")
        self._require_objects()
        self.sched = member(self.core, "sched")
        self.tasks = member(self.sched, "tasks")
        self.task_count = array_length(self.tasks)
        self.task_arena = Arena(member(self.sched, "arena"), self.task_count)
        self.current = number(self.sched, "current")
        self.idle = number(self.sched, "idle")
        self.spaces = self.memory.load("kernel_spaces")
        self.space_arena = Arena(
            member(self.spaces, "arena"), array_length(member(self.spaces, "spaces"))
        )
        self.ipc = member(self.core, "ipc")
        self.endpoint_arena = self._ipc_arena("endpoint")
        self.notification_arena = self._ipc_arena("notification")

    def _ipc_arena(self, kind: str) -> Arena:
        objects = array_length(member(self.ipc, f"{kind}s"))
        return Arena(member(self.ipc, f"{kind}_arena"), objects)

    def _require_objects(self) -> None:
        """Before core_init() has run the objects are rubbish: say so, and how far the boot came."""
        early = self.cpu.el != 0 and not self.cpu.pc & _HIGH
        caps = self.core_va + self._offset("caps")
        made = self.memory.link(number(self.core, "ipc.caps")) == caps
        if early or not made:
            raise gdb.GdbError(
                f"tyrne: the kernel has not set up its tasks yet ({self.boot_progress(early)}); "
                "they are there from: tbreak demo_create"
            )

    def _offset(self, name: str) -> int:
        kind = self.core.type.strip_typedefs()
        return next(int(f.bitpos) // 8 for f in kind.fields() if f.name == name)

    def boot_progress(self, early: bool) -> str:
        """How far the boot came, in words."""
        status = self.memory.load("boot_status")
        step, level = number(status, "step"), number(status, "entry_el")
        if level not in (1, 2) or step not in BOOT_STEPS:
            return "before boot step 2, which clears .bss"
        if early and step == max(BOOT_STEPS):
            return "before boot step 2; what memory holds is from an earlier boot"
        return f"last completed boot step {step}: {BOOT_STEPS[step]}"

    # --- tasks ------------------------------------------------------------------------------------

    def task_space(self, index: int) -> Ref | None:
        """The space of a user task, None for a kernel task."""
        ref = ref_of(member(self.tasks[index], "space"))
        return None if ref.index == NONE else ref

    def stack(self, index: int) -> tuple[int, int]:
        """[lowest, end) link addresses of a task's slot of the kernel stacks, its guard included."""
        start, end = (self.memory.symbol(f"__task_stacks_{edge}") for edge in ("start", "end"))
        slot = (end - start) // self.task_count
        return start + index * slot, start + (index + 1) * slot

    def trap_frame(self, index: int) -> Any:
        """The frame that an exception from EL0 leaves at the top of the task's kernel stack."""
        kind = find_type("struct trap_frame")
        return self.memory.value(self.stack(index)[1] - kind.sizeof, kind)

    def root(self, space: int) -> int:
        """The physical address of a space's root table."""
        return number(member(self.spaces, "spaces")[space], "root_pa.value")

    def owners(self) -> dict[int, int]:
        """The task of each space that has one."""
        found = {}
        for index in self.task_arena.live():
            space = self.task_space(index)
            if space is not None:
                found[space.index] = index
        return found


def states() -> dict[int, str]:
    """The task states, as the kernel's enum names them."""
    return enumerators("task_state")
