"""Logs for the fault gate's benchmark: what a kernel's run looks like, and the gate's worst cases.

A log is one block of random records, written over and over until the wanted size is reached:
neither grep nor the gate remembers more of a log than its sites.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BLOCK_RECORDS = 150_000
KERNEL = 0xFFFF800008000000
LAYOUT = 1  # raise when a log changes, so that logs left in a build directory are made again


@dataclass
class Block:
    """A piece of log and what it holds."""

    lines: list[str] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    grep_lines: int = 0


def record(
    block: Block, rng: random.Random, spec: tuple[str, int, str, int, int], far: bool, elr: int
) -> None:
    """Add an exception and its return. `spec`: class, number, QEMU's name, level, syndrome."""
    class_name, number, name, level, esr = spec
    vector = KERNEL + 0x10800 + (0x400 if level == 0 else 0x200) + (0x80 if name == "IRQ" else 0)
    block.lines.append(f"Taking exception {number} [{name}] on CPU {rng.randrange(4)}")
    block.lines.append(f"...from EL{level} to EL1")
    block.lines.append(f"...with ESR {esr >> 26:#x}/{esr:#x}")
    if far:
        block.lines.append(f"...with FAR {rng.randrange(1 << 47) & ~7:#x}")
    block.lines.append(f"...with ELR {elr:#x}")
    block.lines.append(f"...to EL1 PC {vector:#x} PSTATE 0x3c5")
    block.lines.append(f"Exception return from AArch64 EL1 to AArch64 EL{level} PC {elr:#x}")
    block.classes[class_name] += 1
    block.grep_lines += "Abort" in name or "Undefined" in name


def kernel_block(rng: random.Random, faults: bool) -> Block:
    """Mostly system calls and interrupts; with `faults` also demand paging, fixups and messages."""
    block = Block()
    user = [0xAAAAC0000000 + 4 * rng.randrange(1 << 20) for _ in range(1500)]
    kernel = [KERNEL + 4 * rng.randrange(1 << 22) for _ in range(1500)]
    fixups = [KERNEL + 4 * rng.randrange(1 << 22) for _ in range(40)]
    for _ in range(BLOCK_RECORDS):
        kind = rng.random() if faults else rng.random() * 0.82
        if kind < 0.60:
            record(block, rng, ("SVC", 2, "SVC", 0, 0x56000000), False, rng.choice(user[:300]))
        elif kind < 0.70:
            record(block, rng, ("IRQ", 5, "IRQ", 0, 0x56000000), False, rng.choice(user))
        elif kind < 0.82:
            record(block, rng, ("IRQ", 5, "IRQ", 1, 0x56000000), False, rng.choice(kernel))
        elif kind < 0.92:
            abort = 0x92000007 if rng.random() < 0.5 else 0x9200004F
            record(block, rng, ("DATA_ABORT", 4, "Data Abort", 0, abort), True, rng.choice(user))
        elif kind < 0.985:
            elr = rng.choice(user)
            spec = ("INSTRUCTION_ABORT", 3, "Prefetch Abort", 0, 0x82000007)
            record(block, rng, spec, True, elr)
        elif kind < 0.998:
            spec = ("DATA_ABORT", 4, "Data Abort", 1, 0x96000007)
            record(block, rng, spec, True, rng.choice(fixups))
        else:
            block.lines.append(f"gic_dist_readb: Bad offset {rng.randrange(64):x}")
            block.messages += 1
    return block


def message_block(rng: random.Random, distinct: int) -> Block:
    """Nothing but short messages, which grep skips fast and the gate must tell apart."""
    block = Block()
    for _ in range(6 * BLOCK_RECORDS):
        block.lines.append(f"gic_dist_readb: Bad offset {rng.randrange(distinct):x}")
    block.messages = len(block.lines)
    return block


CASES: dict[str, Callable[[random.Random], Block]] = {
    "kernel-mix": lambda rng: kernel_block(rng, True),
    "no-fault": lambda rng: kernel_block(rng, False),
    "messages": lambda rng: message_block(rng, 1000),
    "messages-all-distinct": lambda rng: message_block(rng, 1 << 40),
}


def make(directory: Path, case: str, size: int) -> tuple[Path, dict[str, int]]:
    """The log of a case with at least `size` bytes, and what it holds; made once per directory."""
    path = directory / f"{case}.log"
    sidecar = directory / f"{case}.json"
    wanted = {"layout": LAYOUT, "size": size}
    if path.exists() and sidecar.exists():
        facts: dict[str, int] = json.loads(sidecar.read_text(encoding="utf-8"))
        if wanted.items() <= facts.items() and facts["bytes"] == path.stat().st_size:
            return path, facts
    block = CASES[case](random.Random(case))
    data = ("\n".join(block.lines) + "\n").encode()
    repeats = -(-size // len(data))
    with path.open("wb") as out:
        for _ in range(repeats):
            out.write(data)
    facts = {**wanted, "bytes": repeats * len(data), "lines": repeats * len(block.lines)}
    facts["messages"] = repeats * block.messages
    facts["grep_lines"] = repeats * block.grep_lines
    facts.update({name: repeats * count for name, count in block.classes.items()})
    sidecar.write_text(json.dumps(facts), encoding="utf-8")
    return path, facts
