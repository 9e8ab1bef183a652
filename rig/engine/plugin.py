"""Which of the rig's QEMU plugins fits the QEMU that will load it.

QEMU's plugin interface broke between versions: 7.2 to 8.2 (API 1) add inline to plain addresses,
9.0 and later (API 2 and up) per virtual CPU only. What this QEMU can do is in its table of exported
symbols; asking for its version would only guess it.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from .errors import CannotJudge
from .paths import need_compiled

# The function that only this variant needs, newest first.
VARIANTS = {
    "qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu": 2,
    "qemu_plugin_register_vcpu_insn_exec_inline": 1,
}
# A name of .dynstr, between its zero bytes.
_EXPORTED = re.compile(rb"(?<=\0)(qemu_plugin_\w*)(?=\0)")


def exported(binary: Path) -> set[str]:
    """Names of the functions that QEMU exports to plugins; raises CannotJudge for no ELF file.

    QEMU has tens of thousands of dynamic symbols, and every run asks: only the few names that
    matter are looked at, and symbols are not made objects of.
    """
    try:
        with binary.open("rb") as file:
            elf = ELFFile(file)
            table, names = elf.get_section_by_name(".dynsym"), elf.get_section_by_name(".dynstr")
            symbols, text = (b"", b"") if None in (table, names) else (table.data(), names.data())
            layout = "IBBHQQ" if elf.elfclass == 64 else "IIIBBH"
            order = "<" if elf.little_endian else ">"
    except (OSError, ELFError) as error:
        raise CannotJudge(f"{binary}: cannot read QEMU's exported symbols: {error}") from None
    places = {match.start(1): match[1].decode() for match in _EXPORTED.finditer(text)}
    section = layout.index("H")  # st_shndx; 0: undefined
    return {
        places[symbol[0]]
        for symbol in struct.iter_unpack(order + layout, symbols)
        if symbol[0] in places and symbol[section] != 0
    }


@lru_cache(maxsize=8)
def _exported_then(binary: Path, _modified_ns: int) -> set[str]:
    return exported(binary)


def variant(qemu: str) -> int:
    """The variant of the plugins for this QEMU: 1 or 2; raises CannotJudge when it takes none."""
    binary = Path(qemu)
    known = (
        _exported_then(binary, binary.stat().st_mtime_ns) if binary.is_file() else exported(binary)
    )
    found = next((number for name, number in VARIANTS.items() if name in known), None)
    if found is None:
        raise CannotJudge(
            f"{qemu}: this QEMU has no TCG plugins that the rig can use; "
            "that of Debian has: apt-get install qemu-system-arm"
        )
    return found


def choose(qemu: str, name: str = "rigcover", elf: Path | None = None) -> Path:
    """The plugin's file for the QEMU at `qemu`, looked for like the rig's other compiled parts.

    Raises CannotJudge when QEMU takes no plugin or the plugin is not built.
    """
    return need_compiled(f"lib{name}-{variant(qemu)}.so", elf)
