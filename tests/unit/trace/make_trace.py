"""Trace files for the tests, as a plugin writes them (rig/trace/file/trace_format.h)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("<8sIIQIIII40s40x")
BLOCK = struct.Struct("<IIQQIIQQQ")
EPOCH = struct.Struct("<IIQIIII")
TAG_BLOCK, TAG_EPOCH = 0x4B4C4230, 0x48504530
UNKNOWN_ADDRESS = (1 << 64) - 1
CLOSED, FULL = 1, 2
OFF, ON, UNKNOWN = 0, 1, 2


@dataclass
class Block:
    """A block; `cuts` are the first instructions of its segments, one count for each."""

    vaddr: int
    opcodes: list[int]
    counts: list[int]
    cuts: list[int] = field(default_factory=lambda: [0])
    edges: tuple[int, int, int] = (0, 0, 0)  # not taken, taken, unknown

    def chunk(self) -> bytes:
        """Its bytes in the file."""
        body = struct.pack(f"<{len(self.counts)}Q", *self.counts)
        body += struct.pack(f"<{len(self.opcodes)}I", *self.opcodes)
        body += struct.pack(f"<{len(self.cuts)}H", *self.cuts)
        body += bytes(-(BLOCK.size + len(body)) % 8)
        shape = (len(self.opcodes), len(self.cuts))
        head = (TAG_BLOCK, BLOCK.size + len(body), self.vaddr, UNKNOWN_ADDRESS)
        return BLOCK.pack(*head, *shape, *self.edges) + body


@dataclass
class Epoch:
    """A write to SCTLR_EL1; `counters` of each block before it: edges, then counts."""

    after: int
    counters: list[list[int]]

    def chunk(self) -> bytes:
        """Its bytes in the file."""
        flat = [value for block in self.counters for value in block]
        body = struct.pack(f"<{len(flat)}Q", *flat)
        size = EPOCH.size + len(body)
        fields = (0x1000, 0xD5181009, self.after, 1, len(self.counters))
        return EPOCH.pack(TAG_EPOCH, size, *fields) + body


def write(
    path: Path, chunks: list[Block | Epoch], image: str = "", flags: int = CLOSED, version: int = 1
) -> Path:
    """Write a trace file; `image` is a build-id in hexadecimal."""
    body = b"".join(chunk.chunk() for chunk in chunks)
    used = HEADER.size + len(body)
    build_id = bytes.fromhex(image)
    head = (b"RIGTRACE", version, 1, used, flags, 1, 1, len(build_id), build_id)
    path.write_bytes(HEADER.pack(*head) + body)
    return path
