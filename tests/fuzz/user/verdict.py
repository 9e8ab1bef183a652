"""What the fuzz image's console and QEMU's exception log must and must not hold.

The console's bytes are of two kinds: the letters that fuzzers may write, which no line of the
kernel holds, and the kernel's own lines, each of which is known. Anything else is a finding: a byte
of memory that reached the console, a panic, an exception that nobody provoked.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Iterable

LETTERS = b"~^|{}`"  # fuzz_letters in stub.S
ENDS = 12  # enum fuzz_end in protocol.h: by task_exit, by an SVC with an immediate, by faults
# A run of so many calls has seen everything that can happen to a syscall.
SEES_EVERYTHING = 1000000

# A program's own addresses, or the kernel's that it tried on purpose (FUZZ_KERNEL_VA).
ADDRESS = "(?:8[0-9a-f]{5}|ffffffff40080000)"
FAULTS = (
    "unknown reason (undefined instruction)",
    "trapped SVE, Advanced SIMD or FP access",
    "SVC (AArch64)",
    "trapped MSR, MRS or system instruction",
    "instruction abort from a lower EL: permission fault, level 3",
    "data abort from a lower EL: translation fault, level 3, on a read",
    "data abort from a lower EL: permission fault, level 3, on a read",
    "data abort from a lower EL: permission fault, level 3, on a write",
)
FAULT = "|".join(map(re.escape, FAULTS))
KILLED = re.compile(
    rf"tyrne: task \d+ killed at 0x{ADDRESS}:\n"
    rf"  esr 0x[0-9a-f]{{8}}: (?:{FAULT})\n"
    rf"  far (?:not valid|0x0*{ADDRESS})\n"
)
EXITED = "tyrne: userspace task exited\n"
START = re.compile(
    r"tyrne: hello from kernel_main\n"
    r"tyrne: mmu activated\n"
    r"tyrne: high-half active\n"
    r"tyrne: pmm initialized \((?P<frames>\d+) frames available; \d+ reserved\)\n"
    r"tyrne: address-space-arena ready \(1 / 8 slots used; "
    r"bootstrap AS root = 0x4[0-9a-f]{4}000\)\n"
    r"tyrne: image loaded \(entry = 0x800000; sp = 0x8[0-9a-f]{2}000; image bytes \d+; "
    r"stack bytes 4096; AS cap = idx 1\)\n"
    r"tyrne: timer ready \(\d+ Hz, resolution \d+ ns\)\n"
    r"fuzz: seed 0x(?P<seed>[0-9a-f]+), (?P<asked>\d+) calls\n"
    r"tyrne: starting cooperative scheduler\n"
)
END = re.compile(
    rf"fuzz: (?P<lives>\d+) lives, (?P<killed>\d+) killed, ends(?P<ends>(?: \d+){{{ENDS}}})\n"
    r"fuzz: seen 0x(?P<seen>[0-9a-f]+) of 0x(?P<everything>[0-9a-f]+)\n"
    r"fuzz: (?P<rounds>\d+) rounds of the victims, (?P<checks>\d+) checks of the invariants\n"
    r"fuzz: (?P<written>\d+) bytes written, (?P<others>\d+) other syscalls\n"
    r"fuzz: (?P<calls>\d+) calls made\n"
    r"tyrne: all tasks complete\n"
    r"(?:tyrne: (?P<frames>\d+) frames available at the end\n)?"
    r"tyrne: boot-to-end elapsed = \d+ ns\n\Z"
)


@dataclass
class Run:
    """What was asked of a run, what came of it, and what is wrong with that."""

    seed: int
    calls: int
    lives: int = 0
    ends: list[int] = field(default_factory=list)
    others: int = 0
    complaints: list[str] = field(default_factory=list)

    def expect(self, what: str, found: int, expected: int) -> None:
        """Complain unless the numbers are the same."""
        if found != expected:
            self.complaints.append(f"{what}: {found}, not {expected}")


def sanitised(line: str) -> str:
    """A line for people's terminals."""
    return line if len(line) < 200 and line.isprintable() else ascii(line)[:200]


def judge_middle(run: Run, text: str) -> tuple[int, int]:
    """What the kernel said while programs ran: how many exited and how many were killed."""
    rest, killed = KILLED.subn("", text)
    exited = rest.count(EXITED)
    for line in rest.replace(EXITED, "").splitlines()[:20]:
        run.complaints.append(f"on the console: {sanitised(line)}")
    return exited, killed


def judge_console(run: Run, console: bytes) -> None:
    """Every byte that the console showed."""
    written = sum(console.count(letter) for letter in LETTERS)
    text = console.translate(None, LETTERS).replace(b"\r\n", b"\n").decode("latin-1")
    start, end = START.match(text), END.search(text)
    if start is None:
        run.complaints.append("the boot's lines are not as they should be")
    if end is None:
        run.complaints.append("the run did not come to its end")
    after = start.end() if start else 0
    exited, killed = judge_middle(run, text[after : end.start()] if end else text[after:])
    if start is None or end is None:
        return
    run.expect("seed", int(start["seed"], 16), run.seed)
    run.expect("calls asked for", int(start["asked"]), run.calls)
    run.expect("calls made", int(end["calls"]), run.calls)
    run.lives = int(end["lives"])
    run.ends = [int(number) for number in end["ends"].split()]
    run.others = int(end["others"])
    run.expect("lives that ended", int(end["killed"]) + sum(run.ends), run.lives)
    run.expect("tasks that exited", exited, run.ends[0])
    run.expect("tasks that the kernel killed", killed, sum(run.ends[1:]))
    run.expect("letters on the console", written, int(end["written"]))
    if end["frames"]:
        # The bootstrap space's root is never given back.
        run.expect("frames at the end", int(end["frames"]), int(start["frames"]) - 1)
    if int(end["checks"]) == 0 or int(end["rounds"]) == 0 and run.calls >= 20000:
        run.complaints.append("nothing was checked, or the victims did not get on")
    if run.calls >= SEES_EVERYTHING and 0 in run.ends:
        run.complaints.append(f"ways to end that never came (enum fuzz_end): {run.ends}")
    missing = int(end["everything"], 16) & ~int(end["seen"], 16)
    if run.calls >= SEES_EVERYTHING and missing:
        run.complaints.append(f"outcomes that never came (enum fuzz_seen): {missing:#x}")


TAKING = re.compile(r"Taking exception \d+ \[([^\]]+)\]")
LEVELS = re.compile(r"\.\.\.from EL(\d) to EL(\d)")
DETAIL = re.compile(r"\.\.\.(?:with|to|handled)\b|Exception return from")


@dataclass
class Exceptions:
    """QEMU's log of exceptions (-d int), counted while it comes."""

    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)

    def read(self, lines: Iterable[str]) -> None:
        """Count what each line says."""
        kind = ""
        for line in lines:
            if match := TAKING.match(line):
                kind = match[1]
            elif match := LEVELS.match(line):
                self.taken[kind, f"EL{match[1]} to EL{match[2]}"] += 1
            elif not DETAIL.match(line) and line.strip() and len(self.strange) < 20:
                self.strange.append(line.rstrip())


def judge_exceptions(run: Run, log: Exceptions) -> None:
    """The syscalls and faults that the run counted, one power-off, and nothing else."""
    run.complaints += [f"in QEMU's log: {sanitised(line)}" for line in log.strange]
    taken = Counter(log.taken)
    if not taken:
        run.complaints.append("QEMU logged no exception at all")
    run.expect("power-offs", taken.pop(("Hypervisor Call", "EL1 to EL2"), 0), 1)
    if run.ends:
        # task_exit is a syscall, too, and an SVC with an immediate is logged as one.
        syscalls = run.calls + run.others + run.ends[0] + run.ends[1]
        run.expect("SVCs from EL0", taken.pop(("SVC", "EL0 to EL1"), 0), syscalls)
        faults = sum(n for (_, levels), n in taken.items() if levels == "EL0 to EL1")
        run.expect("faults of EL0", faults, sum(run.ends[2:]))
    for (kind, levels), number in taken.items():
        if levels != "EL0 to EL1":
            run.complaints.append(f"exceptions from {levels}: {number} of '{kind}'")
