"""What the CPU that QEMU models has of the features that ordering rules ask about.

Its identification registers say so, and QEMU's gdb stub offers most of them, before the first
instruction. A pack may say otherwise: the kernel that it judges may be meant for other CPUs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .operands import stopped_guest
from .rsp import Gone

ID_REGISTERS = ("ID_AA64MMFR0_EL1", "ID_AA64MMFR1_EL1", "ID_AA64MMFR2_EL1")
REGISTERS = (*ID_REGISTERS, "CTR_EL0")
_REGISTER = re.compile(r'<reg name="([A-Za-z0-9_]+)"[^>]*\bregnum="(\d+)"')
_BOUND_S = 20.0


def identify(words: Sequence[str], folder: Path) -> dict[str, int]:
    """The identification registers that the stub of this QEMU offers; the guest executes nothing.
    `words` is QEMU's command line without its gdb stub."""
    found = {}
    try:
        with stopped_guest(words, folder, _BOUND_S) as stub:
            numbers = dict(_REGISTER.findall(stub.document("system-registers.xml")))
            for name in REGISTERS:
                if name in numbers:
                    found[name] = stub.register(int(numbers[name]))
    except (Gone, TimeoutError):
        pass  # less is known
    return found


def features(registers: Mapping[str, int]) -> list[str]:
    """The features by the registers that are known; without a register, the CPU has none of its.

    DDI 0487, D23.2: ID_AA64MMFR1_EL1.ETS is bits 39 to 36, ID_AA64MMFR2_EL1.BBM bits 55 to 52,
    ID_AA64MMFR0_EL1.ExS bits 47 to 44, ID_AA64MMFR1_EL1.VH bits 11 to 8; CTR_EL0.IDC is bit 28,
    DIC bit 29. That FEAT_VHE is missing is told, not that it is there: it asks for more, and a CPU
    of which nothing is known is taken to have it.
    """
    names = []
    if registers.get("ID_AA64MMFR1_EL1", 0) >> 36 & 15 >= 2:
        names.append("ets2")
    level = registers.get("ID_AA64MMFR2_EL1", 0) >> 52 & 15
    if level:
        names.append("bbm2" if level >= 2 else "bbm1")
    if "ID_AA64MMFR1_EL1" in registers and not registers["ID_AA64MMFR1_EL1"] >> 8 & 15:
        names.append("no-vhe")
    if registers.get("ID_AA64MMFR0_EL1", 0) >> 44 & 15:
        names.append("exs")
    caches = registers.get("CTR_EL0", 0)
    if caches >> 28 & 1:
        names.append("idc")
    if caches >> 29 & 1:
        names.append("dic")
    return names
