"""Physical memory: which frames are free, reserved and taken, by which space, and what its tables
say of themselves."""

from __future__ import annotations

from . import style
from .kernel import Kernel
from .memory import Memory, gdb, member, number
from .names import NONE, PAGE_SIZE
from .tables import TableFrame, Tree
from .tasks import Tasks

_SLACK = 8  # tables that a tree may have beyond those that the space counts, before it is given up
_SHOWN = 16  # frames that a list of addresses names


class Frames:
    """struct pmm at one stop."""

    def __init__(self, memory: Memory) -> None:
        self.pmm = memory.load("kernel_pmm")
        self.start = number(self.pmm, "start_pa.value")
        self.count = number(self.pmm, "frames")
        bitmap = member(self.pmm, "used")
        first, last = bitmap.type.range()
        self.capacity = (last + 1 - first) * 64
        # A value of gdb's gives up its bytes only element by element: the words, then.
        words = [int(bitmap[at]) for at in range(last + 1)] if self.is_set_up() else []
        self._bits = sum(word << 64 * at for at, word in enumerate(words))

    def is_set_up(self) -> bool:
        """Has pmm_init() run? Zeros or rubbish otherwise."""
        aligned = self.start % PAGE_SIZE == 0 and self.start != 0
        return aligned and 0 < self.count <= self.capacity

    def used(self) -> set[int]:
        """The addresses of the frames that are not free."""
        bits = self._bits & (1 << self.count) - 1
        found = set()
        while bits:
            lowest = bits & -bits
            found.add(self.start + (lowest.bit_length() - 1) * PAGE_SIZE)
            bits ^= lowest
        return found

    def ranges(self) -> list[tuple[int, int]]:
        """The reserved ranges."""
        ranges = member(self.pmm, "ranges")
        room = ranges.type.range()[1] + 1
        return [
            (number(ranges[at], "start_pa.value"), number(ranges[at], "end_pa.value"))
            for at in range(min(number(self.pmm, "range_count"), room))
        ]

    def reserved(self) -> set[int]:
        """The frames of the reserved ranges."""
        found: set[int] = set()
        end = self.start + self.count * PAGE_SIZE
        for low, high in self.ranges():
            found |= set(range(max(low, self.start), min(high, end), PAGE_SIZE))
        return found


class Spaces:
    """The address spaces of one stop, each with its tables."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._kernel = tasks.kernel
        self._spaces = member(self._kernel.spaces, "spaces")
        self.trees: dict[int, Tree] = {}
        for index in self._kernel.arenas["address space"].live():
            limit = number(self._spaces[index], "tables") + 1 + _SLACK
            root = self._kernel.root(index)
            self.trees[index] = Tree(self._kernel.memory, root, limit, self._kernel.ram)

    def owned(self) -> dict[int, str]:
        """Every frame that is a space's, and what it is."""
        found: dict[int, str] = {}
        for index, tree in self.trees.items():
            found |= {page.pa: f"a page of space {index}" for page in tree.pages}
            found |= {frame.address: f"a table of space {index}" for frame in tree.tables}
        return found

    def lines(self) -> list[str]:
        """Each space with its tables."""
        owners = self._kernel.owners()
        active = number(self._kernel.spaces, "active")
        shown = []
        for index, tree in self.trees.items():
            owner = self._tasks.label(owners[index]) if index in owners else "no task"
            now = ", active" if index == active else ""
            pages = number(self._spaces[index], "pages")
            shown.append(
                style.head(f"space {index} of {owner}{now}: ")
                + f"{pages} pages, {1 + number(self._spaces[index], 'tables')} table frames"
            )
            shown += [f"  {self._table_words(frame)}" for frame in tree.tables]
        return shown

    @staticmethod
    def _table_words(frame: TableFrame) -> str:
        kept = "" if frame.said is None else f" (count above: {frame.said})"
        of = f"level {frame.level}" if frame.said is not None else "root"
        place = f"{'  ' * frame.level}{of} at {frame.address:#x}"
        return f"{place}, from {frame.va:#x}: {frame.used} in use{kept}"

    def problems(self) -> list[str]:
        """Where counts and tables contradict each other, and the CPU the kernel."""
        found = []
        for index, tree in self.trees.items():
            found += [f"space {index}: {text}" for text in tree.problems]
            for frame in tree.tables:
                if frame.said is not None and frame.said != frame.used:
                    found.append(
                        f"space {index}: the entry above table {frame.address:#x} says "
                        f"{frame.said} entries in use, it holds {frame.used}"
                    )
            for name, kept, held in (
                ("pages", number(self._spaces[index], "pages"), len(tree.pages)),
                ("tables", number(self._spaces[index], "tables"), len(tree.tables) - 1),
            ):
                if kept != held and not tree.problems:
                    found.append(f"space {index} counts {kept} {name}, its tables hold {held}")
        return found + self._wrong_root()

    def _wrong_root(self) -> list[str]:
        active = number(self._kernel.spaces, "active")
        if active == NONE or not self._kernel.arenas["address space"].has(active):
            return [] if active == NONE else [f"the active space {active} does not exist"]
        ttbr0 = self._kernel.cpu.register("TTBR0_EL1") & (1 << 48) - 2
        if ttbr0 == self._kernel.root(active):
            return []
        return [f"space {active} is active, but TTBR0_EL1 is {ttbr0:#x} (being installed?)"]


def _inside(kernel: Kernel, low: int, high: int) -> str:
    """The image's sections that lie in a range of physical memory."""
    names = []
    for section in kernel.elf.sections.values():
        start = kernel.memory.physical(section.start)
        if low < start + section.end - section.start and start < high:
            names.append(section.name)
    return " ".join(names)


def _size(count: int) -> str:
    total = count * PAGE_SIZE
    return f"{total >> 20} MiB" if total % (1 << 20) == 0 and total else f"{total >> 10} KiB"


def _list(addresses: list[int]) -> str:
    more = f" and {len(addresses) - _SHOWN} more" if len(addresses) > _SHOWN else ""
    return ", ".join(f"{address:#x}" for address in addresses[:_SHOWN]) + more


def lines() -> list[str]:
    """What `tyrne frames` prints."""
    kernel = Kernel()
    frames = Frames(kernel.memory)
    if not frames.is_set_up():
        raise gdb.GdbError("tyrne: the kernel's frames are not set up: pmm.frames is no count")
    spaces = Spaces(Tasks(kernel))
    used, reserved, owned = frames.used(), frames.reserved(), spaces.owned()
    taken = used - reserved
    free = number(frames.pmm, "free")
    end = frames.start + frames.count * PAGE_SIZE
    shown = [
        style.head(f"{frames.start:#x}..{end - 1:#x}: ")
        + f"{_size(frames.count)}, {frames.count} frames of 4 KiB"
    ]
    shown.append(f"  free      {free}")
    shown.append(f"  taken     {len(taken)}: {_list(sorted(taken)) or 'none'}")
    shown.append(f"  reserved  {number(frames.pmm, 'reserved')}")
    for low, high in frames.ranges():
        what = _inside(kernel, low, high)
        size = _size((high - low) // PAGE_SIZE)
        shown.append(f"    {low:#x}..{high - 1:#x} {size}  {what}".rstrip())
    shown += spaces.lines()
    problems = spaces.problems()
    if frames.count - len(used) != free:
        problems.append(f"pmm.free is {free}, the bitmap has {frames.count - len(used)} free")
    lost = sorted(taken - set(owned))
    if lost:
        problems.append(f"{len(lost)} frames are taken, but no space has them: {_list(lost)}")
    for address in sorted(set(owned) - used):
        if frames.start <= address < end:
            problems.append(f"frame {address:#x} is free, but {owned[address]}")
    return shown + style.broken(problems, kernel.in_kernel)
