#!/usr/bin/python3
"""Reject absolute references in whatever can run before the kernel jumps to its link address.

    check_boot_relocations.py IMAGE --root SYMBOL... [--stop SYMBOL...]

The image runs at its load address until the jump, so everything reachable until then must find its
targets PC-relatively. This walks the closure of code and data from the roots over the relocations
that the linker kept (--emit-relocs) and over direct branches, and fails on any relocation that is
not PC-relative (AAELF64, "Relocation codes for ELF for AArch64"). --stop names symbols where the
kernel runs at its link address: they may be named, they are not entered. Symbols without type and
size are boundaries (from the linker script): naming one does not read what starts there.

Exit codes: 0 clean, 1 absolute references found, 2 wrong usage or an image without relocations.
"""

from __future__ import annotations

import argparse
import bisect
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

import capstone
from capstone.arm64 import ARM64_OP_IMM
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_AARCH64
from elftools.elf.relocation import RelocationSection

SHF_ALLOC = 2
SHF_EXECINSTR = 4

# Everything that is position independent; the 12-bit parts pair with an ADRP, and survive any move
# by a multiple of 4 KiB.
RELATIVE = {
    "R_AARCH64_NONE",
    "R_AARCH64_PREL64",
    "R_AARCH64_PREL32",
    "R_AARCH64_PREL16",
    "R_AARCH64_LD_PREL_LO19",
    "R_AARCH64_ADR_PREL_LO21",
    "R_AARCH64_ADR_PREL_PG_HI21",
    "R_AARCH64_ADR_PREL_PG_HI21_NC",
    "R_AARCH64_ADD_ABS_LO12_NC",
    "R_AARCH64_LDST8_ABS_LO12_NC",
    "R_AARCH64_LDST16_ABS_LO12_NC",
    "R_AARCH64_LDST32_ABS_LO12_NC",
    "R_AARCH64_LDST64_ABS_LO12_NC",
    "R_AARCH64_LDST128_ABS_LO12_NC",
    "R_AARCH64_TSTBR14",
    "R_AARCH64_CONDBR19",
    "R_AARCH64_JUMP26",
    "R_AARCH64_CALL26",
}
TYPE_NAMES = {number: name for name, number in ENUM_RELOC_TYPE_AARCH64.items()}


class UsageError(Exception):
    """The image or the arguments cannot be judged."""


@dataclass
class Reference:
    """One relocation: where it is, what it needs, what it names."""

    address: int
    kind: str
    target: int
    target_name: str
    boundary: bool


@dataclass
class Node:
    """A piece of the image: a symbol, or the bytes between two symbols of a section."""

    name: str
    start: int
    end: int
    executable: bool
    code: bytes
    references: list[Reference] = field(default_factory=list)


class Image:
    """The allocated part of an ELF, cut into nodes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes: list[Node] = []
        self.symbols: dict[str, int] = {}
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_AARCH64":
                raise UsageError(f"{path} is an ELF for {elf['e_machine']}, not EM_AARCH64")
            self._cut(elf)
            self.starts = [node.start for node in self.nodes]
            self._read_relocations(elf)

    def _cut(self, elf: ELFFile) -> None:
        sized: dict[int, list[tuple[int, int, str]]] = {}
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            if symbol["st_info"]["type"] in ("STT_SECTION", "STT_FILE"):
                continue
            if symbol["st_shndx"] == "SHN_UNDEF":
                continue
            self.symbols[symbol.name] = symbol["st_value"]
            if symbol["st_size"] and isinstance(symbol["st_shndx"], int):
                sized.setdefault(symbol["st_shndx"], []).append(
                    (symbol["st_value"], symbol["st_size"], symbol.name)
                )
        for index, section in enumerate(elf.iter_sections()):
            if not section["sh_flags"] & SHF_ALLOC or section["sh_size"] == 0:
                continue
            data = b"" if section["sh_type"] == "SHT_NOBITS" else section.data()
            base = section["sh_addr"]
            executable = bool(section["sh_flags"] & SHF_EXECINSTR)
            at = base
            for start, size, name in sorted(sized.get(index, [])):
                if start < at:
                    continue
                if start > at:
                    self._add(f"{section.name} (unnamed)", at, start, executable, base, data)
                self._add(name, start, start + size, executable, base, data)
                at = start + size
            if at < base + section["sh_size"]:
                end = base + section["sh_size"]
                self._add(f"{section.name} (unnamed)", at, end, executable, base, data)
        self.nodes.sort(key=lambda node: node.start)

    def _add(
        self, name: str, start: int, end: int, executable: bool, base: int, data: bytes
    ) -> None:
        self.nodes.append(Node(name, start, end, executable, data[start - base : end - base]))

    def _read_relocations(self, elf: ELFFile) -> None:
        found = 0
        for section in elf.iter_sections():
            if not isinstance(section, RelocationSection):
                continue
            if not elf.get_section(section["sh_info"])["sh_flags"] & SHF_ALLOC:
                continue
            symbols = elf.get_section(section["sh_link"])
            for relocation in section.iter_relocations():
                found += 1
                symbol = symbols.get_symbol(relocation["r_info_sym"])
                target = symbol["st_value"] + relocation["r_addend"]
                number = relocation["r_info_type"]
                node = self.node_at(relocation["r_offset"])
                if node is None:
                    raise UsageError(f"relocation outside the image at {relocation['r_offset']:#x}")
                holder = self.node_at(target)
                name = symbol.name or (holder.name if holder else "?")
                kind = TYPE_NAMES.get(number, f"relocation type {number}")
                untyped = symbol["st_info"]["type"] == "STT_NOTYPE" and not symbol["st_size"]
                boundary = untyped and bool(symbol.name)
                node.references.append(
                    Reference(relocation["r_offset"], kind, target, name, boundary)
                )
        if not found:
            raise UsageError(f"{self.path} holds no relocations: link it with --emit-relocs")

    def node_at(self, address: int) -> Node | None:
        """The node that holds `address`, if any."""
        at = bisect.bisect_right(self.starts, address) - 1
        if at >= 0 and address < self.nodes[at].end:
            return self.nodes[at]
        return None

    def node_of(self, name: str) -> Node:
        """The node of a symbol that the caller named."""
        node = self.node_at(self.symbols[name]) if name in self.symbols else None
        if node is None:
            raise UsageError(f"{self.path} has no symbol {name}")
        return node


def direct_targets(node: Node) -> Iterator[int]:
    """Targets of branches (and ADR) that the assembler resolved without a relocation."""
    if not node.executable:
        return
    decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    decoder.detail = True
    decoder.skipdata = True
    for insn in decoder.disasm(node.code, node.start):
        if insn.id == 0:
            continue
        jumps = insn.mnemonic.split(".")[0] in ("b", "bl", "cbz", "cbnz", "tbz", "tbnz", "adr")
        if jumps and insn.operands and insn.operands[-1].type == ARM64_OP_IMM:
            yield insn.operands[-1].imm


def closure(image: Image, roots: list[str], stops: list[str]) -> dict[int, list[str]]:
    """Node starts reachable from the roots, each with a shortest path of names that leads there."""
    stop_starts = {image.node_of(name).start for name in stops}
    paths: dict[int, list[str]] = {}
    pending = deque((image.node_of(name), [name]) for name in roots)
    while pending:
        node, path = pending.popleft()
        if node.start in paths or node.start in stop_starts:
            continue
        paths[node.start] = path
        targets = [reference.target for reference in node.references if not reference.boundary]
        for target in [*targets, *direct_targets(node)]:
            following = image.node_at(target)
            if following is not None:
                pending.append((following, [*path, following.name]))
    return paths


def source_line(image: Image, address: int) -> str:
    """file:line of a code address, as far as addr2line can tell."""
    tool = ["aarch64-linux-gnu-addr2line", "-e", str(image.path), f"{address:#x}"]
    try:
        done = subprocess.run(tool, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "?"
    return done.stdout.strip().split(" ")[0]


def judge(image: Image, paths: dict[int, list[str]]) -> list[str]:
    """A message for each absolute reference in the closure."""
    messages = []
    for start, path in sorted(paths.items()):
        node = image.node_at(start)
        assert node is not None
        for reference in node.references:
            if reference.kind in RELATIVE:
                continue
            where = f"{node.name}+{reference.address - node.start:#x}"
            line = f" ({source_line(image, reference.address)})" if node.executable else ""
            messages.append(
                f"{where}{line}: {reference.kind} against {reference.target_name}: an absolute "
                f"reference, wrong until the jump; reached by {' -> '.join(path)}"
            )
    return messages


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("--root", action="append", required=True)
    parser.add_argument("--stop", action="append", default=[])
    args = parser.parse_args()
    try:
        image = Image(args.image)
        paths = closure(image, args.root, args.stop)
    except (OSError, UsageError) as error:
        print(f"check_boot_relocations: {error}", file=sys.stderr)
        return 2
    messages = judge(image, paths)
    for message in messages:
        print(f"error: {message}", file=sys.stderr)
    if messages:
        print(
            "advice: use PC-relative data (arrays, offsets) there, or run the code after the jump",
            file=sys.stderr,
        )
        return 1
    print(
        f"{len(paths)} pieces of {image.path.name} run before the jump; none needs its link address"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
