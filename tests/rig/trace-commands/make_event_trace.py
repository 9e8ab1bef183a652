"""Event traces for the tests, as a plugin writes them (rig/trace/file/trace_events.h)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("<8sIIQIIII40s40x")
EVENT = struct.Struct("<BBBBIQQQQQ")
LIST = struct.Struct("<IIII")
CODE = struct.Struct("<IIQQII")
FRAME = struct.Struct("<IIQIBBxx")
CHUNK = struct.Struct("<II")
WRITTEN = struct.Struct("<QQQQBB6x")
TAG_LIST, TAG_CODE, TAG_FRAME, TAG_WRITER = 0x54564530, 0x45444F43, 0x454D5246, 0x52545257
COVERAGE, EVENTS = 1, 2

CLOSED, FULL, STORES, EVERY, OPERANDS, OPERANDS_LOST, RAM_UNKNOWN, TABLES_CUT = (
    1, 2, 8, 16, 32, 64, 128, 256,
)  # fmt: skip
WHOLE = CLOSED | STORES | OPERANDS

INSN, STORE, ACCESS, BLOCK, TRANSLATE, FRAME_IS, FRAME_GONE, ENTRY, CUT, OFF_READ = range(1, 11)
VALUE, TABLE, CODE_WORD, WRITE, ZVA, CACHES_OFF = 1, 2, 4, 8, 16, 32
EL_UNKNOWN = 0xFF
UNKNOWN_ADDRESS = (1 << 64) - 1

ISB, DSB_ISH, TLBI_VMALLE1, ERET, SVC = 0xD5033FDF, 0xD5033B9F, 0xD508871F, 0xD69F03E0, 0xD4000001
AT_S1E1R_X0, MRS_PAR_X1, DC_CVAU_X0 = 0xD5087800, 0xD5387401, 0xD50B7B20
MSR_DAIF_X0 = 0xD51B4220
MSR_SCTLR_X0, MSR_TTBR0_X0, MSR_VBAR_X0 = 0xD5181000, 0xD5182000, 0xD518C000


@dataclass
class Writer:
    """Who wrote some memory."""

    time: int
    pc: int
    va: int
    pa: int
    flags: int = VALUE

    def body(self) -> bytes:
        """Its bytes in the file."""
        return WRITTEN.pack(self.time, self.pc, self.va, self.pa, 0, self.flags)


NOBODY = Writer(0, 0, 0, 0, 0)


@dataclass
class Trace:
    """A trace being made; each method adds an event of CPU `cpu` at EL1."""

    flags: int = WHOLE
    image: str = ""  # build-id in hexadecimal
    cpus: int = 2
    kind: int = EVENTS
    api: int = 2
    chunks: list[bytes] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    size: int = HEADER.size

    def add(self, kind: int, pc: int = 0, **more: int) -> int:
        """Any event; returns its number."""
        self.events.append(
            EVENT.pack(
                kind, more.get("cpu", 0), more.get("el", 1), more.get("flags", 0),
                more.get("opcode", 0), pc, more.get("pc_pa", pc), more.get("va", 0),
                more.get("pa", 0), more.get("value", 0),
            )
        )  # fmt: skip
        self._chunk(LIST.pack(TAG_LIST, LIST.size + EVENT.size, 1, 1) + self.events[-1])
        return len(self.events) - 1

    def insn(self, pc: int, opcode: int, value: int | None = None, **more: int) -> int:
        """An instruction; `value` is its operand, when that is known."""
        flags = 0 if value is None else VALUE
        return self.add(INSN, pc, opcode=opcode, flags=flags, value=value or 0, **more)

    def block(self, kind: int, pc: int, opcodes: Sequence[int], writer: Writer = NOBODY) -> int:
        """A block of code, BLOCK or TRANSLATE."""
        body = struct.pack(f"<{len(opcodes)}I", *opcodes)
        body += bytes(-len(body) % 8)
        size = CODE.size + WRITTEN.size + len(body)
        head = CODE.pack(TAG_CODE, size, pc, pc, len(opcodes), 0)
        at = self._chunk(head + writer.body() + body)
        return self.add(kind, pc, va=pc, pa=pc, value=at)

    def frame(self, pc: int, pa: int, level: int, words: Sequence[int]) -> int:
        """A table that became reachable."""
        body = struct.pack(f"<{len(words)}Q", *words)
        size = FRAME.size + 2 * WRITTEN.size + len(body)
        head = FRAME.pack(TAG_FRAME, size, pa, len(body), level, 0)
        at = self._chunk(head + NOBODY.body() + NOBODY.body() + body)
        return self.add(FRAME_IS, pc, pa=pa, value=at)

    def off_read(self, pc: int, address: int, writer: Writer) -> int:
        """A read with caches on of what was written with caches off."""
        at = self._chunk(CHUNK.pack(TAG_WRITER, CHUNK.size + WRITTEN.size) + writer.body())
        return self.add(OFF_READ, pc, va=address, pa=address, value=at)

    def data(self) -> bytes:
        """The file."""
        build_id = bytes.fromhex(self.image)
        head = HEADER.pack(
            b"RIGTRACE", 1, self.kind, self.size, self.flags, self.api, self.cpus,
            len(build_id), build_id,
        )  # fmt: skip
        return head + b"".join(self.chunks)

    def write(self, path: Path, cut: int = 0) -> Path:
        """Write the file, `cut` bytes too short."""
        data = self.data()
        path.write_bytes(data[: len(data) - cut])
        return path

    def _chunk(self, chunk: bytes) -> int:
        at = self.size
        self.chunks.append(chunk)
        self.size += len(chunk)
        return at
