"""Executed instructions and branches by address, from a trace file and from QEMU's own log.

Reads the trace by the words of rig/trace/file/trace_format.h, independently of rig-trace's reader.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("<8sIIQIIII40s40x")
BLOCK = struct.Struct("<IIQQIIQQQ")
CHUNK = struct.Struct("<II")
TAG_BLOCK = 0x4B4C4230
TAKEN, NOT_TAKEN = "taken", "not taken"
# Address and translation flags of a block that is about to run, or of one that did not after all.
LOGGED = re.compile(
    rb"^(?:Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/([^\]]*)\]"
    rb"|Stopped execution of TB chain before \S+ \[([0-9a-f]+)\])",
    re.MULTILINE,
)


@dataclass
class Executed:
    """What ran: how often each address, and how often each way of each conditional branch."""

    counts: Counter[int] = field(default_factory=Counter)
    branches: Counter[tuple[int, str]] = field(default_factory=Counter)
    opcodes: dict[int, int] = field(default_factory=dict)  # of a trace only
    restarted: set[int] = field(default_factory=set)  # of a log only: accesses to devices

    def folded(self, mask: int) -> Executed:
        """The same with only these bits of each address: the aliases of an address as one."""
        result = Executed()
        for address, count in self.counts.items():
            result.counts[address & mask] += count
        for (address, way), count in self.branches.items():
            result.branches[address & mask, way] += count
        return result

    def differences(self, other: Executed) -> list[str]:
        """Every address and branch of which the two tell different counts."""
        addresses = self.counts.keys() | other.counts.keys()
        found = [
            f"{address:#x}: {self.counts[address]} and {other.counts[address]}"
            for address in sorted(addresses)
            if self.counts[address] != other.counts[address]
        ]
        for at, way in sorted(self.branches.keys() | other.branches.keys()):
            pair = (self.branches[at, way], other.branches[at, way])
            if pair[0] != pair[1]:
                found.append(f"{at:#x} {way}: {pair[0]} and {pair[1]}")
        return found


def branch_target(address: int, opcode: int) -> int | None:
    """Where a conditional branch leads (DDI 0487, "Branches"); None for another instruction."""
    conditional = opcode & 0xFF000000 == 0x54000000 and opcode & 0xF < 0xE  # not AL, NV
    if conditional or opcode & 0x7E000000 == 0x34000000:
        bits, offset = 19, opcode >> 5 & 0x7FFFF  # B.cond, BC.cond; CBZ, CBNZ
    elif opcode & 0x7E000000 == 0x36000000:
        bits, offset = 14, opcode >> 5 & 0x3FFF  # TBZ, TBNZ
    else:
        return None
    return address + 4 * (offset - (1 << bits if offset >> (bits - 1) else 0))


def is_memory_access(opcode: int) -> bool:
    """Whether it is of the group of loads and stores."""
    return opcode & 0x0A000000 == 0x08000000


def from_trace(path: Path) -> Executed:
    """What the plugin recorded."""
    data = path.read_bytes()
    magic, version, kind, used, *_rest = HEADER.unpack_from(data)
    if (magic, version, kind) != (b"RIGTRACE", 1, 1):
        raise ValueError(f"{path}: not a coverage trace")
    result = Executed()
    offset = HEADER.size
    while offset < used:
        tag, size = CHUNK.unpack_from(data, offset)
        if tag == TAG_BLOCK:
            _add_block(result, data, offset)
        offset += size
    result.counts, result.branches = +result.counts, +result.branches
    return result


def _add_block(result: Executed, data: bytes, offset: int) -> None:
    """Add one block."""
    _, _, vaddr, _, insns, segments, not_taken, taken, _ = BLOCK.unpack_from(data, offset)
    at = offset + BLOCK.size
    began = struct.unpack_from(f"<{segments}Q", data, at)
    opcodes = struct.unpack_from(f"<{insns}I", data, at + 8 * segments)
    starts = struct.unpack_from(f"<{segments}H", data, at + 8 * segments + 4 * insns)
    ends = (*starts[1:], insns)
    for count, start, end in zip(began, starts, ends):
        for index in range(start, end):
            result.counts[vaddr + 4 * index] += count
            result.opcodes[vaddr + 4 * index] = opcodes[index]
    last = vaddr + 4 * (insns - 1)
    result.branches[last, TAKEN] += taken
    result.branches[last, NOT_TAKEN] += not_taken


def _logged(path: Path, restarted: set[int]) -> Iterator[int]:
    """Addresses of executed instructions, in order.

    Under -icount two kinds of lines are no execution. A block that the instruction counter stops
    before it begins is taken back by the log itself. An access to a device is abandoned, translated
    again with other flags, and run then: two lines in a row with one address and different flags.
    """
    held: tuple[bytes, bytes] | None = None
    for match in LOGGED.finditer(path.read_bytes()):
        if match[3]:
            held = None
            continue
        if held is not None:
            if held[0] == match[1] and held[1] != match[2]:
                restarted.add(int(held[0], 16))
            else:
                yield int(held[0], 16)
        held = (match[1], match[2])
    if held is not None:
        yield int(held[0], 16)


def from_log(path: Path, opcodes: dict[int, int], mask: int) -> Executed:
    """What QEMU logged (-d exec,nochain) of a run with one instruction in each block, with only the
    bits of `mask` of each address.

    The log has no instructions: `opcodes` are those of the trace it is compared with.
    """
    result = Executed()
    code = {at & mask: opcode for at, opcode in opcodes.items()}
    targets = {at: branch_target(at, opcode) for at, opcode in code.items()}
    last, target = 0, None
    for address in _logged(path, result.restarted):
        pc = address & mask
        result.counts[pc] += 1
        if target is not None and target != last + 4 and pc in (target, last + 4):
            result.branches[last, TAKEN if pc == target else NOT_TAKEN] += 1
        last, target = pc, targets.get(pc)
    return result
