"""Takes the snapshot of a stopped guest: registers, every table they reach, memory, witnesses.

Knows neither gdb nor a socket: the guest is a `Source`. Used by the stepping engine inside gdb at
a checkpoint (rig/gdb/snapshots.py) and by the driver over the remote protocol (snapshot.py).

The witnesses are QEMU's answers to `gva2gpa`. It translates for a data load at the level where the
guest stopped, but as a debugger. Whoever compares has to know what that means, measured on 7.2 and
10.0: an address that this level may not read has no answer, at EL1 also because of PSTATE.PAN; a
leaf whose access flag is clear has one, without a fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from . import snapshot_memory, snapshot_witness
from .registers import Table
from .snapshot_file import RAM, Snapshot
from .snapshot_memory import MemoryMap, MemoryUnknown
from .walk import EL1_0, EL2, Half, Status, WalkError, Walker

WITNESSES = 64
_PAGE = 4096
_WORD = 8
_MMU = 1  # SCTLR_ELx.M
_EPD = {False: 1 << 7, True: 1 << 23}  # TCR_EL1.EPD0, EPD1
_E2H, _TGE, _DC, _VM = 1 << 34, 1 << 27, 1 << 12, 1 << 0  # of HCR_EL2
_NS, _EEL2 = 1 << 0, 1 << 18  # of SCR_EL3
_SPSEL, _NRW = 1 << 0, 1 << 4  # of PSTATE, in SPSR's layout
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_ANSWER = re.compile(r"gpa: (0x[0-9a-f]+|0)")


class CaptureError(Exception):
    """The snapshot cannot be taken here; the words say why."""


class Source(Protocol):
    """A stopped guest."""

    cpu: int  # the number of the CPU that stopped, from 0

    def registers(self) -> dict[str, int]:
        """Every register that can be read, by its architectural name: X0..X30, SP, PC, PSTATE (in
        SPSR's layout), system registers. See `architectural`."""

    def read_physical(self, address: int, size: int) -> bytes | None:
        """Physical memory, None when it cannot be read."""

    def monitor(self, line: str) -> str:
        """What QEMU's monitor says to a command."""


def architectural(core: tuple[int, ...], system: Mapping[str, int], table: Table) -> dict[str, int]:
    """All registers by architectural names, from `core` (x0..x30, SP, PC, PSTATE) and system
    registers under the stub's names."""
    names = {
        alias: name for name, register in table.registers.items() for alias in register.aliases
    }
    values = {f"X{number}": core[number] for number in range(31)}
    values |= {"SP": core[31], "PC": core[32], "PSTATE": core[33]}
    for name in sorted(system):
        values[names.get(name, name.removesuffix("_RESERVED"))] = system[name]
    # The stub's SP_ELx is stale while it is the one in use.
    selected = f"SP_EL{core[33] >> 2 & 3}" if core[33] & _SPSEL else "SP_EL0"
    if selected in values:
        values[selected] = core[31]
    return values


def regime_of(registers: Mapping[str, int]) -> str:
    """The translation regime of the stop: EL1&0, EL2, EL2&0 or EL3."""
    pstate = registers["PSTATE"]
    level = pstate >> 2 & 3
    if pstate & _NRW:
        raise CaptureError("the guest is in AArch32 state, whose tables the rig does not read")
    if level == 3:
        return "EL3"
    hcr = registers.get("HCR_EL2", 0)
    secure = "SCR_EL3" in registers and not registers["SCR_EL3"] & _NS
    if secure and not registers["SCR_EL3"] & _EEL2:
        hcr = 0  # no EL2 in this state
    if level == 2:
        return "EL2&0" if hcr & _E2H else "EL2"
    if level == 0 and hcr & _TGE:
        if hcr & _E2H:
            return "EL2&0"
        raise CaptureError("HCR_EL2.TGE is set: EL0 runs without translation tables of its own")
    for bit, name, what in (
        (_VM, "VM", "stage 2 translates the addresses in these tables"),
        (_DC, "DC", "it turns stage 1 off"),
    ):
        if hcr & bit:
            raise CaptureError(f"HCR_EL2.{name} is set: {what}, which the rig does not follow")
    return "EL1&0"


def capture(
    source: Source, made: Mapping[str, Any], library: str | Path, witnesses: int = WITNESSES
) -> Snapshot:
    """The snapshot of this stop. `made` says how it came to be (guest, pack, variant, checkpoint,
    machine, elf, build_id); QEMU's version and the place are added. Raises CaptureError in words.
    """
    try:
        return _Capture(source, library).snapshot(made, witnesses)
    except (WalkError, MemoryUnknown) as error:
        raise CaptureError(str(error)) from None


@dataclass
class _Found:
    """The tables of a stop."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)


class _Capture:
    """One snapshot under way."""

    def __init__(self, source: Source, library: str | Path) -> None:
        self._source = source
        self._library = library
        self._registers = source.registers()
        self._regime = regime_of(self._registers)
        secure = "SCR_EL3" in self._registers and not self._registers["SCR_EL3"] & _NS
        text = source.monitor(snapshot_memory.COMMAND)
        self._memory = snapshot_memory.of_cpu(text, source.cpu, secure)
        self._map = MemoryMap(self._memory)
        self._pages: dict[int, bytes | None] = {}

    def snapshot(self, made: Mapping[str, Any], witnesses: int) -> Snapshot:
        """All of it."""
        found = self._tables() if self._regime in (EL1_0, EL2) else _Found()
        version = _VERSION.search(self._source.monitor("info version"))
        place = {"pc": f"{self._registers['PC']:#x}", "el": self._registers["PSTATE"] >> 2 & 3}
        frames = [(pa, self._bytes(pa, size)) for pa, size in _merged(found.spans)]
        words = sum(len(data) for _pa, data in frames) // _WORD
        return Snapshot(
            made={**made, "qemu": version[0] if version else "", **place},
            regime=self._regime,
            registers=self._registers,
            memory=self._memory,
            frames=frames,
            unreadable=sorted(found.unreadable),
            witnesses=self._witnesses(words, witnesses),
        )

    # --- tables -----------------------------------------------------------------------------------

    def _halves(self) -> tuple[bool, ...]:
        return (False, True) if self._regime == EL1_0 else (False,)

    def _on(self) -> bool:
        name = "SCTLR_EL2" if self._regime == EL2 else "SCTLR_EL1"
        return bool(self._registers.get(name, 0) & _MMU)

    def _walker(self, changed: Mapping[str, int] | None = None) -> Walker:
        registers = {**self._registers, **(changed or {})}
        return Walker(self._library, registers, self._word, self._regime)

    def _tables(self) -> _Found:
        found = _Found()
        walker = self._walker()
        for upper in self._halves():
            half = walker.half(upper)
            if half.status is not Status.OK:
                continue
            used = self._on() and not half.walk_disabled
            in_ram = half.root_pa and self._map.covers(half.root_pa, half.root_size, (RAM,))
            if used or in_ram:
                self._half(half, upper, used, found)
        return found

    def _half(self, half: Half, upper: bool, used: bool, found: _Found) -> None:
        """The tables of one half, whether or not its walks are switched on."""
        if self._regime == EL2:
            changed = {"SCTLR_EL2": self._registers["SCTLR_EL2"] | _MMU}
        else:
            tcr = self._registers["TCR_EL1"] & ~_EPD[upper] | _EPD[not upper]
            changed = {"SCTLR_EL1": self._registers["SCTLR_EL1"] | _MMU, "TCR_EL1": tcr}
        try:
            tables = [(table.pa, table.size) for table in self._walker(changed).tables()]
        except WalkError:
            if used:
                raise CaptureError(
                    "more translation tables than the rig follows (65536); the root at "
                    f"{half.root_pa:#x} may be no table at all"
                ) from None
            tables = [(half.root_pa, half.root_size)]  # not in use: what is there may be anything
        for pa, size in tables:
            if self._map.covers(pa, size):
                found.spans.append((pa, size))
            else:
                found.unreadable.add(pa)

    def _word(self, address: int) -> int:
        """A descriptor for the walker; 0, an invalid one, where there is no memory. Devices are
        never read: they may change by it."""
        base = address // _PAGE * _PAGE
        if base not in self._pages:
            readable = self._map.covers(base, _PAGE)
            self._pages[base] = self._bytes(base, _PAGE) if readable else None
        page = self._pages[base]
        if page is None:
            return 0
        return int.from_bytes(page[address - base : address - base + _WORD], "little")

    def _bytes(self, address: int, size: int) -> bytes:
        data = self._source.read_physical(address, size)
        if data is None or len(data) != size:
            raise CaptureError(
                f"QEMU does not let physical memory at {address:#x} be read ({size} bytes)"
            )
        return data

    # --- witnesses --------------------------------------------------------------------------------

    def _witnesses(self, words: int, count: int) -> list[tuple[int, int | None]]:
        if self._regime not in (EL1_0, EL2) or not count:
            return []
        if self._on():
            walker = self._walker()
            halves = [walker.half(upper) for upper in self._halves()]
            usable = [half for half in halves if half.status is Status.OK]
            addresses = snapshot_witness.choose(walker, usable, words, count)
        else:
            ranges = [(part.first, part.last) for part in self._memory]
            addresses = snapshot_witness.flat(ranges, count)
        if self._source.cpu:
            self._source.monitor(f"cpu {self._source.cpu}")
        return [(address, self._ask(address)) for address in addresses]

    def _ask(self, address: int) -> int | None:
        answer = self._source.monitor(f"gva2gpa {address:#x}").strip()
        if answer == "Unmapped":
            return None
        match = _ANSWER.fullmatch(answer)
        if match is None:
            raise CaptureError(
                f"QEMU's answer to gva2gpa {address:#x} is not understood: {answer!r}"
            )
        return int(match[1], 16)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(address, size) ascending, each byte once, neighbours as one."""
    result: list[tuple[int, int]] = []
    for pa, size in sorted(set(spans)):
        if result and pa <= result[-1][0] + result[-1][1]:
            start, end = result[-1][0], max(result[-1][0] + result[-1][1], pa + size)
            result[-1] = (start, end - start)
        else:
            result.append((pa, size))
    return result
