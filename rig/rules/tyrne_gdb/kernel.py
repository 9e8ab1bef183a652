"""The kernel's state at one stop: three globals hold all of it; and the CPU's registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.elf import Elf

from . import tables
from .memory import Memory, enumerators, find_symbol, find_type, gdb, load_elf, member, number
from .names import BOOT_STEPS, NONE, PAGE_SIZE

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
        self.memory = Memory(load_elf(symbol.symtab.objfile.filename))
        self.core = self.memory.load("kernel_core")
        self._require_objects(self.memory.link(int(symbol.value().address)))
        self.spaces = self.memory.load("kernel_spaces")
        self.arenas = {
            "task": Arena(member(self.sched, "arena"), self.task_count),
            "address space": Arena(member(self.spaces, "arena"), self._room(self.spaces, "spaces")),
        }
        for kind in ("endpoint", "notification"):
            arena = member(self.ipc, f"{kind}_arena")
            self.arenas[kind] = Arena(arena, self._room(self.ipc, f"{kind}s"))
        self.programs: dict[int, Elf | None] = {}  # of the user tasks, as far as asked for

    @staticmethod
    def _room(owner: Any, name: str) -> int:
        return array_length(member(owner, name))

    @property
    def elf(self) -> Elf:
        """The image."""
        return self.memory.elf

    @property
    def sched(self) -> Any:
        """struct sched."""
        return member(self.core, "sched")

    @property
    def ipc(self) -> Any:
        """struct ipc."""
        return member(self.core, "ipc")

    @property
    def tasks(self) -> Any:
        """The array of struct task."""
        return member(self.sched, "tasks")

    @property
    def task_count(self) -> int:
        """How many tasks there can be."""
        return array_length(self.tasks)

    @property
    def current(self) -> int:
        """The task that runs, by the scheduler; NONE before there is one."""
        return number(self.sched, "current")

    def _require_objects(self, core_va: int) -> None:
        """Before core_init() has run the objects are rubbish: say so, and how far the boot came."""
        early = self.cpu.el != 0 and not self.cpu.pc & _HIGH
        kind = self.core.type.strip_typedefs()
        offset = next((int(f.bitpos) // 8 for f in kind.fields() if f.name == "caps"), 0)
        made = self.memory.link(number(self.core, "ipc.caps")) == core_va + offset
        if early or not made:
            raise gdb.GdbError(
                f"tyrne: the kernel has not set up its tasks yet ({self.boot_progress(early)}); "
                "they are there from: hbreak demo_create"
            )

    def boot_progress(self, early: bool) -> str:
        """How far the boot came, in words."""
        status = self.memory.load("boot_status")
        step, level = number(status, "step"), number(status, "entry_el")
        if level not in (1, 2) or step not in BOOT_STEPS:
            return "before boot step 2, which clears .bss"
        if early and step == max(BOOT_STEPS):
            return "before boot step 2; what memory holds is from an earlier boot"
        return f"last completed boot step {step}: {BOOT_STEPS[step]}"

    @property
    def ram(self) -> range:
        """The physical memory that the kernel manages."""
        pmm = self.memory.load("kernel_pmm")
        start = number(pmm, "start_pa.value")
        return range(start, start + number(pmm, "frames") * PAGE_SIZE)

    def read_user(self, space: int, va: int, size: int) -> bytes | None:
        """Memory of a space, None where it is not mapped to RAM."""
        return tables.read_user(self.memory, self.root(space), va, size, self.ram)

    @property
    def in_kernel(self) -> bool:
        """Is the CPU in the kernel, where an operation may be half done?"""
        return self.cpu.el != 0

    @property
    def on_cpu(self) -> int:
        """The task on whose kernel stack the CPU is. In the middle of a switch the kernel's current
        task is the next one already; on the boot's or the emergency stack it is the current one."""
        start, end = (self.memory.symbol(f"__task_stacks_{edge}") for edge in ("start", "end"))
        at = self.memory.link(self.cpu.sp) - 1  # a full stack grows down from its end
        if self.cpu.el == 0 or self.current == NONE or not start <= at < end:
            return self.current
        return (at - start) * self.task_count // (end - start)

    # --- tasks ------------------------------------------------------------------------------------

    def task_space(self, index: int) -> Ref | None:
        """The space of a user task, None for a kernel task."""
        ref = ref_of(member(self.tasks[index], "space"))
        return None if ref.index == NONE else ref

    def stack(self, index: int) -> tuple[int, int]:
        """[lowest, end) link addresses of a task's slot of the kernel stacks, with its guard."""
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
        for index in self.arenas["task"].live():
            space = self.task_space(index)
            if space is not None:
                found[space.index] = index
        return found


def states() -> dict[int, str]:
    """The task states, as the kernel's enum names them."""
    return enumerators("task_state")
