"""The C side of librigwalk.so for Python: its structures member for member, and its functions.

Everything is as rig/trace/walk/rigwalk.h has it; walk.py makes Python's values of it.
"""

from __future__ import annotations

import ctypes

ABI = 2
MEMBERS = "sctlr tcr ttbr0 ttbr1 mair id_aa64mmfr0 id_aa64mmfr1 id_aa64mmfr2 pstate regime".split()

ATTRIBUTE_BYTES = (
    "el1_read el1_write el1_exec el0_read el0_write el0_exec pan_blocks_el1 attr_index mair_attr "
    "memory sh shareability ng contiguous af guarded dbm flat data_cache_off reserved"
).split()


class RawRegs(ctypes.Structure):
    """struct rig_walk_regs"""

    _fields_ = [(name, ctypes.c_uint64) for name in MEMBERS]


class RawAttributes(ctypes.Structure):
    """struct rig_walk_attributes"""

    _fields_ = [(name, ctypes.c_uint8) for name in ATTRIBUTE_BYTES]


class RawStep(ctypes.Structure):
    """struct rig_walk_step"""

    _fields_ = [
        ("descriptor_pa", ctypes.c_uint64),
        ("descriptor", ctypes.c_uint64),
        ("level", ctypes.c_uint8),
        ("read", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 6),
    ]


class RawResult(ctypes.Structure):
    """struct rig_walk_result"""

    _fields_ = [
        ("va", ctypes.c_uint64),
        ("pa", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("steps", RawStep * 4),
        ("attr", RawAttributes),
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


class RawRun(ctypes.Structure):
    """struct rig_walk_run"""

    _fields_ = [
        ("first_va", ctypes.c_uint64),
        ("last_va", ctypes.c_uint64),
        ("pa", ctypes.c_uint64),
        ("smallest_leaf", ctypes.c_uint64),
        ("largest_leaf", ctypes.c_uint64),
        ("attr", RawAttributes),
        ("status", ctypes.c_uint8),
        ("reason", ctypes.c_uint8),
        ("has_pa", ctypes.c_uint8),
        ("level_min", ctypes.c_uint8),
        ("level_max", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 7),
    ]


class RawTable(ctypes.Structure):
    """struct rig_walk_table"""

    _fields_ = [
        ("pa", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("level", ctypes.c_uint8),
        ("upper", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 6),
    ]


class RawEntry(ctypes.Structure):
    """struct rig_walk_entry"""

    _fields_ = [
        ("result", RawResult),
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


class RawHalf(ctypes.Structure):
    """struct rig_walk_half"""

    _fields_ = [
        ("first_va", ctypes.c_uint64),
        ("last_va", ctypes.c_uint64),
        ("root_pa", ctypes.c_uint64),
        ("root_size", ctypes.c_uint64),
        *((name, ctypes.c_uint8) for name in HALF_BYTES),
    ]


READ = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64)
)
VISIT_RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(RawRun))
VISIT_TABLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(RawTable))
VISIT_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(RawEntry))
GO_ON, NOT_READABLE, STOP = 0, 1, -1


def declare(lib: ctypes.CDLL) -> None:
    """Tell ctypes what the library's functions take."""
    lib.rig_walk.argtypes = [
        ctypes.POINTER(RawRegs), READ, ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(RawResult),
    ]  # fmt: skip
    lib.rig_walk_range.argtypes = [
        ctypes.POINTER(RawRegs), READ, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64,
        VISIT_RUN, ctypes.c_void_p, ctypes.c_uint64,
    ]  # fmt: skip
    lib.rig_walk_tables.argtypes = [
        ctypes.POINTER(RawRegs), READ, ctypes.c_void_p, ctypes.c_int, VISIT_TABLE, ctypes.c_void_p,
    ]  # fmt: skip
    lib.rig_walk_entries.argtypes = [
        ctypes.POINTER(RawRegs), READ, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64,
        VISIT_ENTRY, ctypes.c_void_p, ctypes.c_uint64,
    ]  # fmt: skip
    lib.rig_walk_half.argtypes = [ctypes.POINTER(RawRegs), ctypes.c_int, ctypes.POINTER(RawHalf)]
    lib.rig_walk_half.restype = None
    lib.rig_walk_describe.argtypes = [ctypes.POINTER(RawResult), ctypes.c_char_p, ctypes.c_size_t]
    for name in ("rig_walk_memory_text", "rig_walk_shareability_text"):
        getattr(lib, name).argtypes = [ctypes.c_uint8, ctypes.c_char_p, ctypes.c_size_t]
