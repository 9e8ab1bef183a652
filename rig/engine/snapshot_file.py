"""Snapshots of a guest's address space as files: written, and read again without the guest.

A snapshot is a gzip stream (no time, no name: the same snapshot is the same bytes). Its first line
is JSON; behind it come the bytes of the translation tables in the order in which that line lists
them under "frames". Numbers of 64 bits are texts ("0x..."), since JSON readers round them.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import CannotJudge, UsageError

FORMAT, VERSION = "rig-snapshot", 1
SUFFIX = ".snapshot"
RAM, ROM, IO = "ram", "rom", "io"
_GZIP = 16 + zlib.MAX_WBITS
_HEADER_MAX = 64 << 20  # bytes of the first line
_FRAMES_MAX = 65536 << 16  # as many tables as the walker takes, each of the largest granule
_PART = 1 << 20


@dataclass(frozen=True)
class MemoryRange:
    """What the guest reaches at [first, last] of physical memory."""

    first: int
    last: int
    kind: str  # ram, rom, io
    name: str

    def to_json(self) -> dict[str, str]:
        """As the file has it."""
        return {
            "first": f"{self.first:#x}",
            "last": f"{self.last:#x}",
            "kind": self.kind,
            "name": self.name,
        }


@dataclass
class Snapshot:
    """Registers, tables and memory of one stop."""

    made: dict[str, Any]
    regime: str
    registers: dict[str, int]
    memory: list[MemoryRange] = field(default_factory=list)
    frames: list[tuple[int, bytes]] = field(default_factory=list)  # ascending, no overlap
    unreadable: list[int] = field(default_factory=list)
    witnesses: list[tuple[int, int | None]] = field(default_factory=list)

    def header(self) -> dict[str, Any]:
        """The first line's object."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "made": self.made,
            "regime": self.regime,
            "registers": {name: f"{value:#x}" for name, value in self.registers.items()},
            "memory": [part.to_json() for part in self.memory],
            "frames": [{"pa": f"{pa:#x}", "size": len(data)} for pa, data in self.frames],
            "unreadable": [f"{pa:#x}" for pa in self.unreadable],
            "witnesses": [
                [f"{va:#x}", None if pa is None else f"{pa:#x}"] for va, pa in self.witnesses
            ],
        }

    def table_bytes(self) -> int:
        """How much the tables take."""
        return sum(len(data) for _pa, data in self.frames)


def to_bytes(snapshot: Snapshot) -> bytes:
    """The file's bytes; the same for the same snapshot."""
    line = json.dumps(snapshot.header(), separators=(",", ":")).encode("ascii") + b"\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)  # zlib's own header has no time and no name
    parts = [packer.compress(line)]
    parts += [packer.compress(data) for _pa, data in snapshot.frames]
    return b"".join([*parts, packer.flush()])


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the file whole or not at all; OSError when that fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(to_bytes(snapshot))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# --- reading --------------------------------------------------------------------------------------


class _Stream:
    """The unpacked bytes, never more of them at once than asked for."""

    def __init__(self, data: bytes) -> None:
        self._packed = data
        self._unpacker = zlib.decompressobj(_GZIP)
        self._buffer = b""

    def _more(self) -> bool:
        if self._unpacker.eof:
            return False
        part = self._unpacker.decompress(self._packed, _PART)
        self._packed = self._unpacker.unconsumed_tail
        self._buffer += part
        return bool(part)

    def line(self) -> bytes:
        """Up to the first end of a line; ValueError when there is none."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > _HEADER_MAX or not self._more():
                raise ValueError("no line of JSON at its start")
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def take(self, size: int) -> bytes:
        """So many bytes; ValueError when the file ends before."""
        while len(self._buffer) < size:
            if not self._more():
                raise ValueError("it is cut short")
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def end(self) -> None:
        """ValueError unless this is the end, with a checksum that fits."""
        if self._buffer or self._more():
            raise ValueError("there is more in it than it lists")
        if not self._unpacker.eof:
            raise ValueError("it is cut short")
        if self._unpacker.unused_data:
            raise ValueError("something follows it")


def read(path: Path) -> Snapshot:
    """Read a snapshot; UsageError when there is no such file or it is none of the rig's,
    CannotJudge when it is damaged or of a later version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot read the snapshot: {error.strerror}") from None
    if data[:2] != b"\x1f\x8b":
        raise UsageError(f"{path}: not a snapshot (rig snapshot makes one)")
    try:
        stream = _Stream(data)
        header = json.loads(stream.line())
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise UsageError(f"{path}: not a snapshot (rig snapshot makes one)")
        if header.get("version") != VERSION:
            raise CannotJudge(
                f"{path}: a snapshot of version {header.get('version')}; this rig reads {VERSION}"
            )
        snapshot = _from_header(header)
        sizes = [(_number(frame["pa"]), _size(frame["size"])) for frame in header["frames"]]
        if sum(size for _pa, size in sizes) > _FRAMES_MAX:
            raise ValueError("it lists more tables than a walk can reach")
        snapshot.frames = [(pa, stream.take(size)) for pa, size in sizes]
        stream.end()
        return snapshot
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CannotJudge(f"{path}: damaged snapshot: {what}") from None


def _number(text: Any) -> int:
    value = int(text, 16)
    if not text.startswith("0x") or value >> 64:
        raise ValueError(f"{text!r} is no number of 64 bits")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"a frame of {value!r} bytes")
    return value


def _from_header(header: dict[str, Any]) -> Snapshot:
    return Snapshot(
        made=dict(header["made"]),
        regime=str(header["regime"]),
        registers={str(name): _number(value) for name, value in header["registers"].items()},
        memory=[
            MemoryRange(_number(p["first"]), _number(p["last"]), str(p["kind"]), str(p["name"]))
            for p in header["memory"]
        ],
        unreadable=[_number(pa) for pa in header["unreadable"]],
        witnesses=[
            (_number(va), None if pa is None else _number(pa)) for va, pa in header["witnesses"]
        ],
    )
