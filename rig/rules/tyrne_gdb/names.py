"""What Tyrne's headers say in macros, which debug information does not hold.

tests/rig/objects compares each with the header that it comes from.
"""

from __future__ import annotations

NONE = 0xFF  # TASK_NONE, SCHED_NOTHING, ADDRESS_SPACE_NONE
NO_SLOT = 0xFFFF  # CAP_REF_NONE
RETIRED = 0xFFFFFFFF  # a generation that is used up
PAGE_SIZE = 4096
LEVELS = 4  # MMU_LEVELS: level 0 is a space's root
TABLE_ENTRIES = 512

# CAP_RIGHT_*: part of the ABI.
RIGHTS = {
    "duplicate": 1 << 0,
    "derive": 1 << 1,
    "revoke": 1 << 2,
    "transfer": 1 << 3,
    "send": 1 << 4,
    "recv": 1 << 5,
    "notify": 1 << 6,
    "console-write": 1 << 7,
}

# boot_status.step, the last step that was completed: SYSTEM.md section 3.
BOOT_STEPS = {
    2: "stack, .bss and vectors",
    3: "MMU on, identity map",
    4: "high map in TTBR1_EL1",
    5: "walks of the high half",
    6: "the jump to the high half",
    7: "the low half closed",
}

# Classes of status_t, by value >> 8.
STATUS_CLASSES = {
    0: "a syscall's own error",
    1: "a capability error",
    2: "an IPC error",
    3: "a memory or object error",
}


def rights_words(rights: int) -> str:
    """The rights' names, "none" for no right."""
    names = [name for name, bit in RIGHTS.items() if rights & bit]
    rest = rights & ~sum(RIGHTS.values())
    if rest:
        names.append(f"unknown {rest:#x}")
    return " ".join(names) or "none"


def kind_words(enumerator: str) -> str:
    """`CAP_KIND_ADDRESS_SPACE` as "address space"."""
    return enumerator.removeprefix("CAP_KIND_").lower().replace("_", " ")
