"""Typed binding of librigwalk.so, the rig's translation-table walker (rig/trace/walk/rigwalk.h).

Works in a plain Python and inside gdb's. The caller gives the register values of one moment and a
function that reads 8 bytes of physical memory; an exception raised in that function ends the walk
and comes out of the call that caused it, unchanged.

    walker = Walker("build/rig/librigwalk.so", {"SCTLR_EL1": ..., "TCR_EL1": ...}, read_u64)
    walker.walk(0xFFFF_FFFF_4008_0000).attributes.el1      # "r-x"
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from .walk_abi import (
    ABI,
    GO_ON,
    MEMBERS,
    NOT_READABLE,
    READ,
    STOP,
    VISIT_ENTRY,
    VISIT_RUN,
    VISIT_TABLE,
    RawAttributes,
    RawEntry,
    RawHalf,
    RawRegs,
    RawResult,
    RawRun,
    RawTable,
    declare,
)

ADDRESS_SPACE = 1 << 64
# Absent means 0: the CPU lacks the optional features they announce; PAN is clear.
OPTIONAL_REGISTERS = ("id_aa64mmfr1", "id_aa64mmfr2", "pstate")
REGISTER_ALIASES = {"cpsr": "pstate"}
EL1_0, EL2 = "EL1&0", "EL2"  # regimes

ReadU64 = Callable[[int], "int | None"]


class WalkError(Exception):
    """The walker cannot be used as asked: library, registers, or a limit reached."""


class Status(IntEnum):
    """enum rig_walk_status"""

    OK = 0
    FAULT_TRANSLATION = 1
    FAULT_ACCESS_FLAG = 2
    FAULT_ADDRESS_SIZE = 3
    FAULT_WALK_DISABLED = 4
    FAULT_HOLE = 5
    READ_FAILED = 6
    UNSUPPORTED = 7
    STOPPED = 8
    LIMIT = 9


class Reason(IntEnum):
    """enum rig_walk_reason"""

    NONE = 0
    INVALID = 1
    RESERVED = 2
    TXSZ = 3
    TTBR_ADDRESS = 4
    TABLE_ADDRESS = 5
    OUTPUT_ADDRESS = 6
    FLAT_ADDRESS = 7
    TCR_DS = 8
    GRANULE = 9
    OA52 = 10
    VA52 = 11


class EntryKind(IntEnum):
    """enum rig_walk_entry_kind"""

    TABLE = 0
    LEAF = 1
    RESERVED = 2


class Memory(IntEnum):
    """enum rig_walk_memory"""

    DEVICE_NGNRNE = 0
    DEVICE_NGNRE = 1
    DEVICE_NGRE = 2
    DEVICE_GRE = 3
    NORMAL = 4
    RESERVED = 5


# --- what callers get -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Attributes:  # pylint: disable=too-many-instance-attributes # one for each C member
    """What a leaf grants and says; see struct rig_walk_attributes. In the EL2 regime el1 is what
    EL2 may do, and el0 is "---"."""

    el1: str  # effective rights, "rwx" with "-" for a right not given; PAN is not in them
    el0: str
    pan_blocks_el1: bool
    attr_index: int
    mair_attr: int
    memory: Memory
    memory_text: str
    sh: int
    shareability: int  # as it takes effect
    shareability_text: str
    not_global: bool
    contiguous: bool
    access_flag: bool
    guarded: bool
    dbm: bool
    flat: bool  # MMU off
    data_cache_off: bool


@dataclass(frozen=True)
class Step:
    """One descriptor read on the way; descriptor is None when it could not be read."""

    level: int
    descriptor_pa: int
    descriptor: int | None


@dataclass(frozen=True)
class WalkResult:  # pylint: disable=too-many-instance-attributes # one for each C member
    """What an address means; attributes and pa are None where there is no leaf."""

    va: int
    status: Status
    reason: Reason
    pa: int | None
    size: int  # bytes of the page or block, or covered by the faulting entry
    level: int
    upper: bool
    steps: tuple[Step, ...]
    attributes: Attributes | None
    description: str

    @property
    def ok(self) -> bool:
        """True when the address translates."""
        return self.status is Status.OK


@dataclass(frozen=True)
class Run:  # pylint: disable=too-many-instance-attributes # one for each C member
    """[start, end) with one answer; end is exclusive and may be 2**64."""

    start: int
    end: int
    status: Status
    reason: Reason
    pa: int | None  # of start
    levels: tuple[int, int]  # lowest and highest level met
    leaf_sizes: tuple[int, int]  # smallest and largest page or block, bytes; (0, 0) in a gap
    attributes: Attributes | None

    @property
    def ok(self) -> bool:
        """True when the run is mapped."""
        return self.status is Status.OK


@dataclass(frozen=True)
class Table:
    """One translation table that a walk can reach."""

    pa: int
    size: int
    level: int
    upper: bool


@dataclass(frozen=True)
class Entry:  # pylint: disable=too-many-instance-attributes # one for each C member
    """One valid descriptor on one path to it; see struct rig_walk_entry. Of a table, pa is that of
    the next table."""

    start: int
    end: int  # exclusive; may be 2**64
    kind: EntryKind
    status: Status
    reason: Reason
    pa: int | None
    level: int
    upper: bool
    steps: tuple[Step, ...]  # the path; the last one is the entry itself
    attributes: Attributes | None  # of a leaf


@dataclass(frozen=True)
class Half:  # pylint: disable=too-many-instance-attributes # one for each C member
    """The geometry of one half; see struct rig_walk_half. A half that the regime does not have is
    empty: start == end."""

    start: int
    end: int  # exclusive; 2**64 for the upper half
    root_pa: int
    root_size: int
    walk_disabled: bool
    start_level: int
    granule: int  # bytes; 0 for a reserved encoding
    input_bits: int  # 0: not known, see status
    output_bits: int
    status: Status
    reason: Reason
    tbi: bool


def _u64(value: int, what: str) -> int:
    """A 64-bit pattern; debuggers hand out signed numbers too."""
    if not -(1 << 63) <= value < ADDRESS_SPACE:
        raise ValueError(f"{what}: {value:#x} does not fit 64 bits")
    return value % ADDRESS_SPACE


def _registers(values: Mapping[str, int], regime: str) -> RawRegs:
    """Accepts architectural names (TCR_EL1, or TCR_EL2 in that regime) and plain ones (tcr);
    ignores other registers."""
    if regime not in (EL1_0, EL2):
        raise WalkError(f"walker: no such regime: {regime} (only {EL1_0} and {EL2})")
    regs = RawRegs(regime=int(regime == EL2))
    suffix = "_EL2" if regime == EL2 else "_EL1"
    own = ("sctlr", "tcr", "ttbr0", "mair") if regime == EL2 else tuple(MEMBERS[:5])
    names = {name: name for name in (*own, "id_aa64mmfr0", *OPTIONAL_REGISTERS)}
    names |= {f"{name}{suffix}".lower(): name for name in own}
    names |= {f"{name}_el1": name for name in ("id_aa64mmfr0", *OPTIONAL_REGISTERS[:2])}
    names |= REGISTER_ALIASES
    found: set[str] = set()
    for name, value in values.items():
        member = names.get(name.lower())
        if member is not None:
            setattr(regs, member, _u64(int(value), name))
            found.add(member)
    needed = {name: f"{name.upper()}{suffix}" for name in own}
    needed["id_aa64mmfr0"] = "ID_AA64MMFR0_EL1"
    missing = [text for name, text in needed.items() if name not in found]
    if missing:
        raise WalkError(f"walker: register values missing: {', '.join(missing)}")
    return regs


def _steps(raw: RawResult) -> tuple[Step, ...]:
    return tuple(
        Step(step.level, step.descriptor_pa, step.descriptor if step.read else None)
        for step in raw.steps[: raw.step_count]
    )


def load_library(path: str | Path) -> ctypes.CDLL:
    """Load librigwalk.so and check that it speaks this binding's structures."""
    try:
        lib = ctypes.CDLL(str(path))
        for function in ("rig_walk_abi", "rig_walk_range", "rig_walk_tables"):  # of every ABI
            getattr(lib, function)
    except (OSError, AttributeError) as error:
        raise WalkError(
            f"{path}: not a usable librigwalk.so (build the rig first): {error}"
        ) from None
    lib.rig_walk_result_size.restype = ctypes.c_size_t
    lib.rig_walk_run_size.restype = ctypes.c_size_t
    sizes = [lib.rig_walk_abi(), lib.rig_walk_result_size(), lib.rig_walk_run_size()]
    expected = [ABI, ctypes.sizeof(RawResult), ctypes.sizeof(RawRun)]
    if sizes == expected:
        lib.rig_walk_entry_size.restype = ctypes.c_size_t
        sizes.append(lib.rig_walk_entry_size())
        expected.append(ctypes.sizeof(RawEntry))
    if sizes != expected:
        raise WalkError(f"{path}: ABI {sizes}, this binding needs {expected}: rebuild the rig")
    declare(lib)
    return lib


class _Guard:
    """Runs callbacks for C, keeps the first exception, and raises it again outside of C."""

    def __init__(self, read_u64: ReadU64) -> None:
        self._read_u64 = read_u64
        self._error: BaseException | None = None
        self.read = READ(self._read)

    def _read(self, _ctx: object, pa: int, value: ctypes._Pointer[ctypes.c_uint64]) -> int:
        return self.run(self._read_into, pa, value)

    def _read_into(self, pa: int, value: ctypes._Pointer[ctypes.c_uint64]) -> int:
        word = self._read_u64(pa)
        if word is None:
            return NOT_READABLE
        value[0] = _u64(int(word), f"descriptor at {pa:#x}")
        return GO_ON

    def run(self, function: Callable[..., int], *arguments: object) -> int:
        """Call function; an exception (also KeyboardInterrupt) becomes "stop" and is kept."""
        if self._error is not None:
            return STOP
        try:
            return function(*arguments)
        except BaseException as error:  # pylint: disable=broad-exception-caught # raised by finish
            self._error = error
            return STOP

    def finish(self) -> None:
        """Raise what a callback raised."""
        if self._error is not None:
            raise self._error


class Walker:
    """The walker for one moment of the guest: its registers and its physical memory."""

    def __init__(
        self,
        lib_path: str | Path,
        regs: Mapping[str, int],
        read_u64: ReadU64,
        regime: str = EL1_0,
    ) -> None:
        self._lib = load_library(lib_path)
        self._regs = _registers(regs, regime)
        self._read_u64 = read_u64

    def walk(self, va: int) -> WalkResult:
        """Translate one address; a fault is a result, not an exception."""
        guard = _Guard(self._read_u64)
        raw = RawResult()
        self._lib.rig_walk(self._regs, guard.read, None, _u64(va, "address"), raw)
        guard.finish()
        return WalkResult(
            va=raw.va,
            status=Status(raw.status),
            reason=Reason(raw.reason),
            pa=raw.pa if raw.has_pa else None,
            size=raw.size,
            level=raw.level,
            upper=bool(raw.upper),
            steps=_steps(raw),
            attributes=self._attributes(raw.attr) if raw.has_pa else None,
            description=self._text(self._lib.rig_walk_describe, raw),
        )

    def describe(self, va: int) -> str:
        """One sentence about the address."""
        return self.walk(va).description

    def range(self, start: int, end: int, max_reads: int = 0) -> list[Run]:
        """The runs of [start, end), gaps included; end may be 2**64. Raises WalkError when more
        than max_reads descriptors (0: the library's default) would have to be read."""
        if not 0 <= start <= end <= ADDRESS_SPACE:
            raise ValueError(f"range {start:#x}..{end:#x}: needs 0 <= start <= end <= 2**64")
        runs: list[Run] = []
        if start == end:
            return runs
        guard = _Guard(self._read_u64)

        def keep(run: ctypes._Pointer[RawRun]) -> int:
            runs.append(self._run(run[0]))
            return GO_ON

        visit = VISIT_RUN(lambda _user, run: guard.run(keep, run))
        status = self._lib.rig_walk_range(
            self._regs, guard.read, None, start, end - 1, visit, None, max_reads
        )
        guard.finish()
        if status == Status.LIMIT:
            reached = f"{runs[-1].end:#x}" if runs else "nothing"
            raise WalkError(f"range {start:#x}..{end:#x}: too many descriptors, done: {reached}")
        return runs

    def entries(self, start: int, end: int, max_reads: int = 0) -> list[Entry]:
        """Every valid descriptor of [start, end), on each path that leads to it; end may be 2**64.
        Raises WalkError as range does."""
        if not 0 <= start <= end <= ADDRESS_SPACE:
            raise ValueError(f"range {start:#x}..{end:#x}: needs 0 <= start <= end <= 2**64")
        entries: list[Entry] = []
        if start == end:
            return entries
        guard = _Guard(self._read_u64)

        def keep(entry: ctypes._Pointer[RawEntry]) -> int:
            entries.append(self._entry(entry[0]))
            return GO_ON

        visit = VISIT_ENTRY(lambda _user, entry: guard.run(keep, entry))
        status = self._lib.rig_walk_entries(
            self._regs, guard.read, None, start, end - 1, visit, None, max_reads
        )
        guard.finish()
        if status == Status.LIMIT:
            done = f"after {len(entries)} entries"
            raise WalkError(f"entries of {start:#x}..{end:#x}: too many descriptors, {done}")
        return entries

    def half(self, upper: bool) -> Half:
        """The geometry of the lower or the upper half."""
        raw = RawHalf()
        self._lib.rig_walk_half(self._regs, int(upper), raw)
        return Half(
            start=raw.first_va,
            end=raw.last_va + 1,
            root_pa=raw.root_pa,
            root_size=raw.root_size,
            walk_disabled=bool(raw.walk_disabled),
            start_level=raw.start_level,
            granule=1 << raw.granule_bits if raw.granule_bits else 0,
            input_bits=raw.input_bits,
            output_bits=raw.output_bits,
            status=Status(raw.status),
            reason=Reason(raw.reason),
            tbi=bool(raw.tbi),
        )

    def tables(self, include_disabled: bool = False) -> list[Table]:
        """Every table a walk can reach; include_disabled: also those of switched-off walks."""
        tables: list[Table] = []
        guard = _Guard(self._read_u64)

        def keep(table: ctypes._Pointer[RawTable]) -> int:
            raw = table[0]
            tables.append(Table(raw.pa, raw.size, raw.level, bool(raw.upper)))
            return GO_ON

        visit = VISIT_TABLE(lambda _user, table: guard.run(keep, table))
        status = Status(
            self._lib.rig_walk_tables(
                self._regs, guard.read, None, int(include_disabled), visit, None
            )
        )
        guard.finish()
        if status is not Status.OK:
            raise WalkError(f"tables: {status.name} after {len(tables)} tables")
        return tables

    def _entry(self, raw: RawEntry) -> Entry:
        result = raw.result
        kind = EntryKind(raw.kind)
        leaf = kind is EntryKind.LEAF and result.has_pa
        return Entry(
            start=result.va,
            end=raw.last_va + 1,
            kind=kind,
            status=Status(result.status),
            reason=Reason(result.reason),
            pa=result.pa if result.has_pa else None,
            level=result.level,
            upper=bool(result.upper),
            steps=_steps(result),
            attributes=self._attributes(result.attr) if leaf else None,
        )

    def _run(self, raw: RawRun) -> Run:
        return Run(
            start=raw.first_va,
            end=raw.last_va + 1,
            status=Status(raw.status),
            reason=Reason(raw.reason),
            pa=raw.pa if raw.has_pa else None,
            levels=(raw.level_min, raw.level_max),
            leaf_sizes=(raw.smallest_leaf, raw.largest_leaf),
            attributes=self._attributes(raw.attr) if raw.has_pa else None,
        )

    def _attributes(self, raw: RawAttributes) -> Attributes:
        def rights(level: str) -> str:
            members = (("read", "r"), ("write", "w"), ("exec", "x"))
            return "".join(c if getattr(raw, f"{level}_{m}") else "-" for m, c in members)

        return Attributes(
            el1=rights("el1"),
            el0=rights("el0"),
            pan_blocks_el1=bool(raw.pan_blocks_el1),
            attr_index=raw.attr_index,
            mair_attr=raw.mair_attr,
            memory=Memory(raw.memory),
            memory_text=self._text(self._lib.rig_walk_memory_text, raw.mair_attr),
            sh=raw.sh,
            shareability=raw.shareability,
            shareability_text=self._text(self._lib.rig_walk_shareability_text, raw.shareability),
            not_global=bool(raw.ng),
            contiguous=bool(raw.contiguous),
            access_flag=bool(raw.af),
            guarded=bool(raw.guarded),
            dbm=bool(raw.dbm),
            flat=bool(raw.flat),
            data_cache_off=bool(raw.data_cache_off),
        )

    @staticmethod
    def _text(function: Callable[..., int], subject: object) -> str:
        buffer = ctypes.create_string_buffer(512)
        function(subject, buffer, len(buffer))
        return buffer.value.decode("ascii")
