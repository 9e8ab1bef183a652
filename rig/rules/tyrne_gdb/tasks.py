"""The tasks: what each is, what it waits for, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass

from . import style
from .kernel import Kernel, states
from .memory import gdb, member, number
from .names import NONE
from .programs import look_up, program_name, user_place

_TRAMPOLINE, _ENTER_USER = "context_trampoline", "context_enter_user"
_X19, _X29, _X30 = 0, 10, 11  # in hal_context.x19_x30
_FRAMES_MAX = 64
_MODE_MASK = 0xF  # SPSR_EL1.M
# Where the state of EL0 is still in the CPU's registers although the CPU is at EL1.
_ENTERING = ("vectors", "vector_lower_sync", "vector_irq")


@dataclass
class Context:
    """Where a task that does not run goes on, as hal_context_switch() saved it."""

    x19: int
    x29: int
    x30: int
    sp: int


@dataclass
class Resume:
    """Where a task goes on, and at which exception level."""

    pc: int
    el: int


class Tasks:
    """The tasks of one stop."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._states = states()
        self._names: dict[int, str] = {}

    def live(self) -> list[int]:
        """The tasks that exist."""
        return self.kernel.arenas["task"].live()

    def state(self, index: int) -> str:
        """The enum's name without its prefix, in lower case: "ready"."""
        value = number(self.kernel.tasks[index], "state")
        return self._states.get(value, f"unknown state {value}").removeprefix("TASK_").lower()

    def waits_on(self, index: int) -> int | None:
        """The endpoint that a blocked task waits for."""
        value = number(self.kernel.tasks[index], "waits_on")
        return None if value == NONE else value

    def context(self, index: int) -> Context:
        """What was saved when the task left the CPU, or was made."""
        saved = member(self.kernel.tasks[index], "context")
        registers = member(saved, "x19_x30")
        x19, x29, x30 = (int(registers[at]) for at in (_X19, _X29, _X30))
        return Context(x19, x29, x30, number(saved, "sp"))

    def is_user(self, index: int) -> bool:
        """Has the task a space of its own?"""
        return self.kernel.task_space(index) is not None

    def entered_user(self, index: int) -> bool:
        """Has a user task been in EL0? From then on a trap frame is at its stack's top, when it is
        in the kernel."""
        if index == self.kernel.on_cpu:
            if self.kernel.cpu.el == 0 or self.in_vector(index):
                return True
            return self.kernel.memory.link(self.kernel.cpu.sp) < self.kernel.stack(index)[1]
        place = self.kernel.elf.locate(self.context(index).x30)
        return place != _ENTER_USER

    def in_vector(self, index: int) -> str:
        """The vectors' part in which the CPU has the task's EL0 state still in its registers, the
        trap frame being made; "" when it has not."""
        cpu = self.kernel.cpu
        part = self.kernel.elf.locate(self.kernel.memory.link(cpu.pc)).partition("+")[0]
        if index != self.kernel.on_cpu or cpu.el == 0 or part not in _ENTERING:
            return ""
        return "" if cpu.register("SPSR_EL1") & _MODE_MASK else part  # 0: EL0t

    def resume(self, index: int) -> Resume:
        """Where the task is, or goes on: in EL0 when it is a user task that waits in a syscall."""
        kernel = self.kernel
        if index == kernel.on_cpu:
            return Resume(kernel.cpu.pc, kernel.cpu.el)
        if not self.is_user(index):
            return Resume(self.context(index).x30, 1)
        if not self.entered_user(index):
            return Resume(self.context(index).x19, 0)
        return Resume(number(kernel.trap_frame(index), "elr"), 0)

    def entry(self, index: int) -> int:
        """The function of a kernel task, the first instruction of a user task; 0 when unknown."""
        kernel = self.kernel
        if self.is_user(index):
            return number(member(kernel.core, "windows")[index], "image_va.value")
        context = self.context(index)
        if index != kernel.on_cpu:
            if kernel.elf.locate(context.x30) == _TRAMPOLINE:
                return context.x19
            return self._outermost(index, context.x29, [context.x30])
        if kernel.elf.locate(kernel.memory.link(kernel.cpu.pc)).startswith(_TRAMPOLINE):
            return kernel.cpu.register("x19")
        chain = [kernel.cpu.pc]
        back = kernel.cpu.register("x30")  # of a function that has no frame record yet
        if kernel.elf.locate(kernel.memory.link(back)).startswith(f"{_TRAMPOLINE}+"):
            chain.append(back)
        return self._outermost(index, kernel.cpu.register("x29"), chain)

    def _outermost(self, index: int, frame: int, chain: list[int]) -> int:
        """The function that the trampoline called: in it is what stands before the trampoline's
        return address in the chain of return addresses that begins as given."""
        kernel = self.kernel
        low, end = kernel.stack(index)
        chain = [kernel.memory.link(address) for address in chain]
        frame = kernel.memory.link(frame)
        for _ in range(_FRAMES_MAX):
            if kernel.elf.locate(chain[-1]).startswith(f"{_TRAMPOLINE}+"):
                symbol = kernel.elf.locate(chain[-2]).partition("+")[0] if len(chain) > 1 else ""
                found = kernel.elf.symbols.get(symbol)
                return found.value if found else 0
            if frame % 16 or not low <= frame <= end - 16:
                break
            record = kernel.memory.read(kernel.memory.physical(frame), 16)
            chain.append(int.from_bytes(record[8:], "little"))
            frame = int.from_bytes(record[:8], "little")
        return 0

    def name(self, index: int) -> str:
        """idle, the function of a kernel task, the program of a user task; "" when unknown."""
        if index not in self._names:
            self._names[index] = self._find_name(index)
        return self._names[index]

    def _find_name(self, index: int) -> str:
        if index == number(self.kernel.sched, "idle"):
            return "idle"
        if self.is_user(index):
            return program_name(self.kernel, index)
        return self.kernel.elf.locate(self.entry(index))

    def label(self, index: int) -> str:
        """`task 2 (task_b)`."""
        if not self.kernel.arenas["task"].has(index):
            return f"task {index} (no such task)"
        name = self.name(index)
        return f"task {index} ({name})" if name else f"task {index}"

    def find(self, word: str) -> int:
        """The live task of a number, a name, or `current`; gdb.GdbError in words."""
        live = self.live()
        if word == "current" and self.kernel.current in live:
            return self.kernel.current
        if word.isdecimal() and int(word) in live:
            return int(word)
        named = [index for index in live if self.name(index) == word]
        if len(named) == 1:
            return named[0]
        if named:
            numbers = ", ".join(map(str, named))
            raise gdb.GdbError(f"tyrne: tasks {numbers} are called {word}: give the number")
        known = ", ".join(f"{index} {self.name(index)}".strip() for index in live)
        raise gdb.GdbError(f"tyrne: no task '{word}'; there are: {known or 'none'}")

    # --- words ------------------------------------------------------------------------------------

    def queue(self) -> list[int]:
        """The ready queue as it stands in the ring, at most as long as the ring."""
        ring = member(self.kernel.sched, "queue")
        head, ready = number(self.kernel.sched, "head"), number(self.kernel.sched, "ready")
        length = self.kernel.task_count
        return [int(ring[(head + at) % length]) for at in range(min(ready, length))]

    def problems(self) -> list[str]:
        """What of the scheduler's state contradicts itself."""
        kernel = self.kernel
        head, ready = number(kernel.sched, "head"), number(kernel.sched, "ready")
        found = []
        if head >= kernel.task_count:
            found.append(f"sched.head is {head}: the ring `queue` has {kernel.task_count} places")
        if ready > kernel.task_count:
            found.append(f"sched.ready is {ready}: there are {kernel.task_count} tasks at most")
        queue = self.queue()
        for index in dict.fromkeys(queue):
            if queue.count(index) > 1:
                found.append(f"{self.label(index)} is {queue.count(index)} times in the queue")
            elif not kernel.arenas["task"].has(index):
                found.append(f"the ready queue holds {self.label(index)}")
            elif self.state(index) != "ready":
                found.append(f"{self.label(index)} is in the ready queue, but {self.state(index)}")
        for index in self.live():
            if self.state(index) == "ready" and index not in queue:
                found.append(f"{self.label(index)} is ready, but not in the queue: it never runs")
            if self.state(index).startswith("unknown"):
                found.append(f"{self.label(index)} has an {self.state(index)}")
        if kernel.current != NONE and not kernel.arenas["task"].has(kernel.current):
            ending = "its index is free already (it is about to end)"
            found.append(f"the current task is {kernel.current}: {ending}")
        return found

    def state_words(self, index: int) -> str:
        """The state, and what it waits for or where it stands in the queue."""
        state = self.state(index)
        if state == "blocked":
            endpoint = self.waits_on(index)
            return f"blocked on endpoint {endpoint}" if endpoint is not None else "blocked on what?"
        if state == "ready":
            queue = self.queue()
            return f"ready, place {queue.index(index) + 1}" if index in queue else "ready"
        return state

    def space_words(self, index: int) -> str:
        """`1 root 0x400e9000`, or "-" for a kernel task."""
        ref = self.kernel.task_space(index)
        if ref is None:
            return "-"
        if not self.kernel.arenas["address space"].names(ref):
            return f"{ref.index}.{ref.generation} (stale)"
        return f"{ref.index} root {self.kernel.root(ref.index):#x}"

    def place(self, index: int, pc: int, el: int) -> str:
        """An address in a task's code, in words."""
        if el == 0:
            return f"{pc:#x} {user_place(self.kernel, index, pc)}".strip() + " (EL0)"
        pc = self.kernel.memory.link(pc)
        return f"{pc:#x} {self.kernel.memory.place(pc)}".strip()

    def rows(self) -> list[list[str]]:
        """The table of `tyrne tasks`."""
        rows = [["", "#", "name", "state", "space", "entry", "goes on at"]]
        users = [index for index in self.live() if self.is_user(index)]
        look_up(self.kernel, [(i, at) for i in users for at in (self.entry(i), self.resume(i).pc)])
        for index in self.live():
            resume = self.resume(index)
            entry = self.entry(index)
            shown = self.kernel.elf.locate(entry)
            if self.is_user(index):
                symbol = user_place(self.kernel, index, entry).partition(" ")[0]
                shown = f"{entry:#x} {symbol}".strip()
            rows.append(
                [
                    "*" if index == self.kernel.current else "",
                    str(index),
                    self.name(index) or "?",
                    self.state_words(index),
                    self.space_words(index),
                    shown or "?",
                    self.place(index, resume.pc, resume.el),
                ]
            )
        return rows


def lines() -> list[str]:
    """What `tyrne tasks` prints."""
    kernel = Kernel()
    tasks = Tasks(kernel)
    live = tasks.live()
    marked = live.index(kernel.current) + 1 if kernel.current in live else None
    shown = style.table(tasks.rows(), marked) if live else []
    queue = ", ".join(str(index) for index in tasks.queue()) or "empty"
    shown.append(f"{len(live)} of {kernel.task_count} tasks; ready queue: {queue}")
    if kernel.current == NONE:
        shown.append(f"no task runs yet: the boot does, at {kernel.memory.place(kernel.cpu.pc)}")
    elif kernel.on_cpu != kernel.current:
        before = tasks.label(kernel.on_cpu) if kernel.on_cpu in live else "a task that has ended"
        shown.append(f"a switch is under way: the CPU is on the stack of {before} still")
    return shown + style.broken(tasks.problems(), kernel.in_kernel)
