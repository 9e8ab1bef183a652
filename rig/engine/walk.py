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

ABI = 2
ADDRESS_SPACE = 1 << 64
MEMBERS = "sctlr tcr ttbr0 ttbr1 mair id_aa64mmfr0 id_aa64mmfr1 id_aa64mmfr2 pstate regime".split()
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


# --- the C structures, member for member ----------------------------------------------------------

ATTRIBUTE_BYTES = (
    "el1_read el1_write el1_exec el0_read el0_write el0_exec pan_blocks_el1 attr_index mair_attr "
    "memory sh shareability ng contiguous af guarded dbm flat data_cache_off reserved"
).split()


class _Regs(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in MEMBERS]


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint8) for name in ATTRIBUTE_BYTES]


class _Step(ctypes.Structure):
    _fields_ = [
        ("descriptor_pa", ctypes.c_uint64),
        ("descriptor", ctypes.c_uint64),
        ("level", ctypes.c_uint8),
        ("read", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 6),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        ("va", ctypes.c_uint64),
        ("pa", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("steps", _Step * 4),
        ("attr", _Attributes),
        ("status", ctypes.c_uint8),
        ("reason", ctypes.c_uint8),
        ("level", ctypes.c_uint8),
        ("has_pa", ctypes.c_uint8),
        ("upper", ctypes.c_uint8),
        ("step_count", ctypes.c_uint8),
        ("txsz", ctypes.c_uint8),
        ("regime", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 4),
    ]


class _Run(ctypes.Structure):
    _fields_ = [
        ("first_va", ctypes.c_uint64),
        ("last_va", ctypes.c_uint64),
        ("pa", ctypes.c_uint64),
        ("smallest_leaf", ctypes.c_uint64),
        ("largest_leaf", ctypes.c_uint64),
        ("attr", _Attributes),
        ("status", ctypes.c_uint8),
        ("reason", ctypes.c_uint8),
        ("has_pa", ctypes.c_uint8),
        ("level_min", ctypes.c_uint8),
        ("level_max", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 7),
    ]


class _Table(ctypes.Structure):
    _fields_ = [
        ("pa", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("level", ctypes.c_uint8),
        ("upper", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 6),
    ]


class _Entry(ctypes.Structure):
    _fields_ = [
        ("result", _Result),
        ("last_va", ctypes.c_uint64),
        ("kind", ctypes.c_uint8),
        ("start_level", ctypes.c_uint8),
        ("granule_bits", ctypes.c_uint8),
        ("input_bits", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 4),
    ]


HALF_BYTES = (
    "walk_disabled start_level granule_bits input_bits output_bits status reason tbi"
).split()


class _Half(ctypes.Structure):
    _fields_ = [
        ("first_va", ctypes.c_uint64),
        ("last_va", ctypes.c_uint64),
        ("root_pa", ctypes.c_uint64),
        ("root_size", ctypes.c_uint64),
        *((name, ctypes.c_uint8) for name in HALF_BYTES),
    ]


_READ = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64)
)
_VISIT_RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Run))
_VISIT_TABLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Table))
_VISIT_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Entry))
_GO_ON, _NOT_READABLE, _STOP = 0, 1, -1


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


def _registers(values: Mapping[str, int], regime: str) -> _Regs:
    """Accepts architectural names (TCR_EL1, or TCR_EL2 in that regime) and plain ones (tcr);
    ignores other registers."""
    if regime not in (EL1_0, EL2):
        raise WalkError(f"walker: no such regime: {regime} (only {EL1_0} and {EL2})")
    regs = _Regs(regime=int(regime == EL2))
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


def _steps(raw: _Result) -> tuple[Step, ...]:
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
    expected = [ABI, ctypes.sizeof(_Result), ctypes.sizeof(_Run)]
    if sizes == expected:
        lib.rig_walk_entry_size.restype = ctypes.c_size_t
        sizes.append(lib.rig_walk_entry_size())
        expected.append(ctypes.sizeof(_Entry))
    if sizes != expected:
        raise WalkError(f"{path}: ABI {sizes}, this binding needs {expected}: rebuild the rig")
    lib.rig_walk.argtypes = [
        ctypes.POINTER(_Regs), _READ, ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(_Result),
    ]  # fmt: skip
    lib.rig_walk_range.argtypes = [
        ctypes.POINTER(_Regs), _READ, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64,
        _VISIT_RUN, ctypes.c_void_p, ctypes.c_uint64,
    ]  # fmt: skip
    lib.rig_walk_tables.argtypes = [
        ctypes.POINTER(_Regs), _READ, ctypes.c_void_p, ctypes.c_int, _VISIT_TABLE, ctypes.c_void_p,
    ]  # fmt: skip
    lib.rig_walk_entries.argtypes = [
        ctypes.POINTER(_Regs), _READ, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64,
        _VISIT_ENTRY, ctypes.c_void_p, ctypes.c_uint64,
    ]  # fmt: skip
    lib.rig_walk_half.argtypes = [ctypes.POINTER(_Regs), ctypes.c_int, ctypes.POINTER(_Half)]
    lib.rig_walk_half.restype = None
    lib.rig_walk_describe.argtypes = [ctypes.POINTER(_Result), ctypes.c_char_p, ctypes.c_size_t]
    for name in ("rig_walk_memory_text", "rig_walk_shareability_text"):
        getattr(lib, name).argtypes = [ctypes.c_uint8, ctypes.c_char_p, ctypes.c_size_t]
    return lib


class _Guard:
    """Runs callbacks for C, keeps the first exception, and raises it again outside of C."""

    def __init__(self, read_u64: ReadU64) -> None:
        self._read_u64 = read_u64
        self._error: BaseException | None = None
        self.read = _READ(self._read)

    def _read(self, _ctx: object, pa: int, value: ctypes._Pointer[ctypes.c_uint64]) -> int:
        return self.run(self._read_into, pa, value)

    def _read_into(self, pa: int, value: ctypes._Pointer[ctypes.c_uint64]) -> int:
        word = self._read_u64(pa)
        if word is None:
            return _NOT_READABLE
        value[0] = _u64(int(word), f"descriptor at {pa:#x}")
        return _GO_ON

    def run(self, function: Callable[..., int], *arguments: object) -> int:
        """Call function; an exception (also KeyboardInterrupt) becomes "stop" and is kept."""
        if self._error is not None:
            return _STOP
        try:
            return function(*arguments)
        except BaseException as error:  # pylint: disable=broad-exception-caught # raised by finish
            self._error = error
            return _STOP

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
        raw = _Result()
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

        def keep(run: ctypes._Pointer[_Run]) -> int:
            runs.append(self._run(run[0]))
            return _GO_ON

        visit = _VISIT_RUN(lambda _user, run: guard.run(keep, run))
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

        def keep(entry: ctypes._Pointer[_Entry]) -> int:
            entries.append(self._entry(entry[0]))
            return _GO_ON

        visit = _VISIT_ENTRY(lambda _user, entry: guard.run(keep, entry))
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
        raw = _Half()
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

        def keep(table: ctypes._Pointer[_Table]) -> int:
            raw = table[0]
            tables.append(Table(raw.pa, raw.size, raw.level, bool(raw.upper)))
            return _GO_ON

        visit = _VISIT_TABLE(lambda _user, table: guard.run(keep, table))
        status = Status(
            self._lib.rig_walk_tables(
                self._regs, guard.read, None, int(include_disabled), visit, None
            )
        )
        guard.finish()
        if status is not Status.OK:
            raise WalkError(f"tables: {status.name} after {len(tables)} tables")
        return tables

    def _entry(self, raw: _Entry) -> Entry:
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

    def _run(self, raw: _Run) -> Run:
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

    def _attributes(self, raw: _Attributes) -> Attributes:
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
