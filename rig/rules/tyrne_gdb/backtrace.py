"""The backtrace of a user task: from where its EL0 code is, along its frame records."""

from __future__ import annotations

from dataclasses import dataclass

from . import style
from .kernel import Kernel
from .memory import gdb, member, number
from .programs import look_up, program_elf, search_words, user_place
from .tasks import Tasks

_FRAMES_MAX = 64


@dataclass
class UserState:
    """The registers of EL0 code."""

    pc: int
    sp: int
    x29: int
    x30: int
    source: str  # where they were found, in words


def user_state(tasks: Tasks, index: int) -> UserState:
    """The EL0 registers of a user task; gdb.GdbError in words when there are none."""
    kernel, label = tasks.kernel, tasks.label(index)
    if not tasks.is_user(index):
        raise gdb.GdbError(
            f"tyrne: {label} is a kernel task: it has no EL0 code"
            + ("; its backtrace: bt" if index == kernel.on_cpu else "")
        )
    if not tasks.entered_user(index):
        context = tasks.context(index)
        at = f"{context.x19:#x}"
        raise gdb.GdbError(f"tyrne: {label} has not been in EL0 yet; it will start at {at}")
    cpu = kernel.cpu
    if index == kernel.on_cpu:
        if cpu.el == 0:
            sp = cpu.sp
            return UserState(
                cpu.pc, sp, cpu.register("x29"), cpu.register("x30"), "it runs, in EL0"
            )
        part = tasks.in_vector(index)
        if part:
            return UserState(
                cpu.register("ELR_EL1"),
                cpu.register("SP_EL0"),
                cpu.register("x29"),
                cpu.register("x30"),
                f"the CPU is in {part}, its registers still the task's",
            )
    frame = kernel.trap_frame(index)
    registers = member(frame, "x")
    return UserState(
        number(frame, "elr"),
        number(frame, "sp_el0"),
        int(registers[29]),
        int(registers[30]),
        "from its trap frame",
    )


class Walk:
    """The frame records of one task, checked before each is believed."""

    def __init__(self, kernel: Kernel, index: int) -> None:
        space = kernel.task_space(index)
        assert space is not None
        self._kernel = kernel
        self._space = space.index
        window = member(kernel.core, "windows")[index]
        self._low, self._end = (
            number(window, f"{name}.value") for name in ("stack_va", "stack_end_va")
        )

    def returns(self, frame: int) -> tuple[list[tuple[int, int]], str]:
        """[(record, return address)], and why the chain ended."""
        found: list[tuple[int, int]] = []
        while frame:
            if len(found) == _FRAMES_MAX:
                return found, f"more than {_FRAMES_MAX} frames: not followed further"
            if not self._low <= frame <= self._end - 16 or frame % 16:
                return found, (
                    f"x29 leads to {frame:#x}, which is no frame record in the stack "
                    f"{self._low:#x}..{self._end - 1:#x}"
                )
            if found and frame <= found[-1][0]:
                return found, f"the record at {found[-1][0]:#x} leads back down to {frame:#x}"
            data = self._kernel.read_user(self._space, frame, 16)
            if data is None:
                return found, f"the frame record at {frame:#x} is not mapped"
            back = int.from_bytes(data[8:], "little")
            if back:
                found.append((frame, back))
            frame = int.from_bytes(data[:8], "little") if back else 0
        return found, ""


def lines(argument: str) -> list[str]:
    """What `tyrne bt-user [TASK]` prints."""
    words = gdb.string_to_argv(argument)
    if len(words) > 1:
        raise gdb.GdbError("tyrne: one task at most: tyrne bt-user [TASK]")
    kernel = Kernel()
    tasks = Tasks(kernel)
    if not words and kernel.current not in tasks.live():
        raise gdb.GdbError("tyrne: no task runs; name one: tyrne bt-user TASK")
    index = tasks.find(words[0]) if words else kernel.current
    state = user_state(tasks, index)
    returns, end = Walk(kernel, index).returns(state.x29)
    window = member(kernel.core, "windows")[index]
    elf = program_elf(kernel, index)
    addresses = [state.pc, *(back for _, back in returns)]
    look_up(kernel, [(index, address) for address in (*addresses, state.x30)])
    shown = [style.head(f"{tasks.label(index)}, {state.source}")]
    for depth, pc in enumerate(addresses):
        place = user_place(kernel, index, pc)
        shown.append(f"#{depth}  {pc:#018x} {place}".rstrip())
    code = (number(window, "image_va.value"), number(window, "data_va.value"))
    if code[0] <= state.x30 < code[1] and (not returns or returns[0][1] != state.x30):
        place = user_place(kernel, index, state.x30)
        shown.append(
            f"x30 is {state.x30:#x} {place}".rstrip() + ": the caller of #0 if that is a leaf"
        )
    if end:
        shown.append(style.bad(f"the chain ends here: {end}"))
    shown.append(
        style.dim(f"symbols: {elf.path}" if elf else f"no symbols: {search_words(kernel)}")
    )
    return shown
