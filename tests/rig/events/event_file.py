"""An event trace, read by docs/architecture/event-trace.md and nothing of the rig's."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("<8sIIQIIII40s40x")
CHUNK = struct.Struct("<II")
LIST = struct.Struct("<II")
EVENT = struct.Struct("<BBBBIQQQQQ")
WRITTEN = struct.Struct("<QQQQBB6x")
CODE = struct.Struct("<QQII")
FRAME = struct.Struct("<QIBB2x")
TAGS = {0x54564530: "events", 0x45444F43: "code", 0x454D5246: "frame", 0x52545257: "writer"}
KINDS = [
    "", "insn", "store", "access", "block", "translate",
    "frame", "frame-gone", "entry", "cut", "off-read",
]  # fmt: skip
REFERS = {"block": "code", "translate": "code", "frame": "frame", "off-read": "writer"}
CLOSED, FULL, STORES, EVERY, OPERANDS, LOST, RAM_UNKNOWN, TABLES_CUT = (
    1, 2, 8, 16, 32, 64, 128, 256,
)  # fmt: skip
VALUE, TABLE, OF_CODE, WRITE, ZVA, CACHES_OFF = 1, 2, 4, 8, 16, 32
UNKNOWN_EL = 255


@dataclass(frozen=True)
class Written:
    """Who wrote some memory last."""

    time: int
    pc: int
    va: int
    pa: int
    cpu: int
    flags: int


@dataclass(frozen=True)
class Chunk:
    """Code, a frame or a writer; what a kind does not have is 0 or empty."""

    kind: str
    address: int
    size: int
    level: int
    upper: int
    written: Written
    written_off: Written | None
    words: tuple[int, ...]


@dataclass(frozen=True)
class Event:
    """One event."""

    kind: str
    cpu: int
    el: int
    flags: int
    opcode: int
    pc: int
    pc_pa: int
    va: int
    pa: int
    value: int
    chunk: Chunk | None

    def known(self) -> int | None:
        """The value, when there is one."""
        return self.value if self.flags & VALUE else None


@dataclass
class Trace:
    """All of a file."""

    flags: int
    api: int
    cpus: int
    events: list[Event] = field(default_factory=list)
    chunks: dict[int, Chunk] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Event]:
        """The events of those kinds."""
        return [event for event in self.events if event.kind in kinds]


def read(path: Path) -> Trace:
    """The trace; raises ValueError for a file that contradicts the format."""
    data = path.read_bytes()
    if len(data) < HEADER.size:
        raise ValueError("no header yet")
    magic, version, kind, used, flags, api, cpus, _id_size, _id = HEADER.unpack_from(data)
    if magic != b"RIGTRACE" or version != 1 or kind != 2 or used > len(data):
        raise ValueError("no event trace")
    trace = Trace(flags, api, cpus)
    at = HEADER.size
    while at < used:
        tag, size = CHUNK.unpack_from(data, at)
        if tag not in TAGS or size % 8 or size < CHUNK.size or at + size > used:
            raise ValueError(f"chunk at {at}")
        body = data[at + CHUNK.size : at + size]
        if TAGS[tag] == "events":
            _events(trace, at, body)
        else:
            trace.chunks[at] = _chunk(TAGS[tag], body)
        at += size
    return trace


def _events(trace: Trace, at: int, body: bytes) -> None:
    count, room = LIST.unpack_from(body)
    if count > room or len(body) != LIST.size + room * EVENT.size:
        raise ValueError(f"event list at {at}: {count} of {room}")
    for index in range(count):
        trace.events.append(_event(trace, body, LIST.size + index * EVENT.size))
    unused = body[LIST.size + count * EVENT.size :]
    if unused.strip(b"\0") and trace.flags & CLOSED:
        raise ValueError(f"event list at {at}: not zero behind its events")


def _event(trace: Trace, body: bytes, at: int) -> Event:
    number, cpu, level, flags, opcode, pc, pc_pa, va, pa, value = EVENT.unpack_from(body, at)
    kind = KINDS[number]
    chunk = trace.chunks[value] if kind in REFERS else None  # it stands before its event
    if chunk is not None and chunk.kind != REFERS[kind]:
        raise ValueError(f"a reference of {kind} to {chunk.kind}")
    return Event(kind, cpu, level, flags, opcode, pc, pc_pa, va, pa, value, chunk)


def _written(body: bytes, at: int) -> Written:
    return Written(*WRITTEN.unpack_from(body, at))


def _chunk(kind: str, body: bytes) -> Chunk:
    if kind == "writer":
        return Chunk(kind, 0, 0, 0, 0, _written(body, 0), None, ())
    if kind == "code":
        address, _paddr, insns, _reserved = CODE.unpack_from(body)
        start = CODE.size + WRITTEN.size
        words = struct.unpack_from(f"<{insns}I", body, start)
        return Chunk(kind, address, insns, 0, 0, _written(body, CODE.size), None, words)
    address, size, level, upper = FRAME.unpack_from(body)
    first, second = FRAME.size, FRAME.size + WRITTEN.size
    words = struct.unpack_from(f"<{size // 8}Q", body, second + WRITTEN.size)
    return Chunk(
        kind, address, size, level, upper, _written(body, first), _written(body, second), words
    )
