"""Read a coverage trace, for the plugin's tests only: trace_format.h in Python."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("<8sIIQIIII40s40x")
BLOCK = struct.Struct("<IIQQIIQQQ")
EPOCH = struct.Struct("<IIQIIII")
BLOCK_TAG, EPOCH_TAG = 0x4B4C4230, 0x48504530
CLOSED, FULL, EPOCHS_CUT = 1, 2, 4
UNKNOWN_ADDRESS = 2**64 - 1


@dataclass
class Block:
    """One block record."""

    vaddr: int
    paddr: int
    outcomes: tuple[int, int, int]  # not taken, taken, unknown
    counts: tuple[int, ...]
    opcodes: tuple[int, ...]
    starts: tuple[int, ...]

    def executed(self) -> dict[int, int]:
        """How often each instruction began, by address."""
        result = {}
        for segment, start in enumerate(self.starts):
            end = [*self.starts, len(self.opcodes)][segment + 1]
            for index in range(start, end):
                result[self.vaddr + 4 * index] = self.counts[segment]
        return result


@dataclass
class Epoch:
    """One write to SCTLR."""

    vaddr: int
    opcode: int
    after: int
    el: int
    counters: list[tuple[int, ...]]  # of each block before it


@dataclass
class Trace:
    """A whole file."""

    flags: int
    api: int
    cpus: int
    image_id: bytes
    blocks: list[Block] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)

    def executed(self, mask: int = ~0) -> dict[int, int]:
        """How often each instruction began, by these bits of its address, over all blocks."""
        total: dict[int, int] = {}
        for block in self.blocks:
            for pc, count in block.executed().items():
                total[pc & mask] = total.get(pc & mask, 0) + count
        return {pc: count for pc, count in total.items() if count}

    def outcomes(self, mask: int = ~0) -> dict[int, tuple[int, int, int]]:
        """Not taken, taken, unknown of each conditional branch, by these bits of its address."""
        total: dict[int, tuple[int, int, int]] = {}
        for block in self.blocks:
            if any(block.outcomes):
                pc = block.vaddr + 4 * (len(block.opcodes) - 1) & mask
                old = total.get(pc, (0, 0, 0))
                total[pc] = (
                    old[0] + block.outcomes[0],
                    old[1] + block.outcomes[1],
                    old[2] + block.outcomes[2],
                )
        return total


def _block(data: bytes, at: int) -> Block:
    _, _, vaddr, paddr, insns, segments, *outcomes = BLOCK.unpack_from(data, at)
    at += BLOCK.size
    counts = struct.unpack_from(f"<{segments}Q", data, at)
    at += 8 * segments
    opcodes = struct.unpack_from(f"<{insns}I", data, at)
    starts = struct.unpack_from(f"<{segments}H", data, at + 4 * insns)
    return Block(vaddr, paddr, (outcomes[0], outcomes[1], outcomes[2]), counts, opcodes, starts)


def _epoch(data: bytes, at: int, blocks: list[Block]) -> Epoch:
    _, _, vaddr, opcode, after, el, known = EPOCH.unpack_from(data, at)
    at += EPOCH.size
    counters = []
    for block in blocks[:known]:
        numbers = 3 + len(block.counts)
        counters.append(struct.unpack_from(f"<{numbers}Q", data, at))
        at += 8 * numbers
    return Epoch(vaddr, opcode, after, el, counters)


def read(path: Path) -> Trace:
    """Read a file; ValueError when it is not what the format says."""
    data = path.read_bytes()
    magic, version, kind, used, flags, api, cpus, id_size, image_id = HEADER.unpack_from(data)
    if (magic, version, kind) != (b"RIGTRACE", 1, 1) or used > len(data):
        raise ValueError(f"{path}: not a coverage trace, or shorter than its header says")
    trace = Trace(flags, api, cpus, image_id[:id_size])
    at = HEADER.size
    while at < used:
        tag, size = struct.unpack_from("<II", data, at)
        if size < 8 or size % 8 or at + size > used:
            raise ValueError(f"{path}: bad chunk at {at}")
        if tag == BLOCK_TAG:
            trace.blocks.append(_block(data, at))
        elif tag == EPOCH_TAG:
            trace.epochs.append(_epoch(data, at, trace.blocks))
        else:
            raise ValueError(f"{path}: unknown chunk {tag:#x} at {at}")
        at += size
    return trace
