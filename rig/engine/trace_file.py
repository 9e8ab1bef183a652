"""The little that the driver reads of a plugin's trace file: its header and its epochs.

rig/trace/file/trace_format.h is the format. Counting and mapping are rig-trace's job; the driver
needs the writes to SCTLR_ELx, to find what they wrote, and notes that in the same file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotJudge

MAGIC = b"RIGTRACE"
HEADER = struct.Struct("<8sIIQIIII40s40x")
CHUNK = struct.Struct("<II")
EPOCH = struct.Struct("<IIQIIII")
TAG_EPOCH = 0x48504530
AFTER_OFFSET = 20
OFF, ON, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Epoch:
    """A write to SCTLR_ELx; `offset` is where its chunk stands in the file."""

    offset: int
    vaddr: int
    opcode: int
    after: int
    el: int


def epochs(path: Path) -> list[Epoch]:
    """The epochs in the order of time; a torn tail holds none."""
    found = []
    try:
        with path.open("rb") as file:
            raw = file.read(HEADER.size)
            if len(raw) < HEADER.size or raw[:8] != MAGIC:
                raise CannotJudge(f"{path}: no trace: the plugin wrote no header")
            used = HEADER.unpack(raw)[3]
            offset = HEADER.size
            while offset + CHUNK.size <= used:
                file.seek(offset)
                raw = file.read(EPOCH.size)
                if len(raw) < CHUNK.size:
                    break
                tag, size = CHUNK.unpack_from(raw)
                if size < CHUNK.size or offset + size > used:
                    break
                if tag == TAG_EPOCH and len(raw) == EPOCH.size:
                    _tag, _size, vaddr, opcode, after, el, _blocks = EPOCH.unpack(raw)
                    found.append(Epoch(offset, vaddr, opcode, after, el))
                offset += size
    except OSError as error:
        raise CannotJudge(f"{path}: cannot read the trace: {error.strerror}") from None
    return found


def set_after(path: Path, epoch: Epoch, state: int) -> None:
    """Note what an epoch's instruction wrote."""
    with path.open("r+b") as file:
        file.seek(epoch.offset + AFTER_OFFSET)
        file.write(struct.pack("<I", state))
