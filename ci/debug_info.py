"""Which source function holds an address, by the DWARF of a linked image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Iterator

from elftools.construct import Array, ULInt8

DW_LANG_MIPS_ASSEMBLER = 0x8001
CODE = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")


@dataclass(frozen=True)
class Holder:
    """What DWARF says of an address."""

    function: str  # the innermost of the inline chain; "" in an assembler file
    file: str  # of the function; in an assembler file, of the unit
    instance: int  # one number for each copy of the function in the image
    assembler: bool
    source: str  # file:line of the address


class DebugInfo:
    """The debug information of an image; files are shown relative to the source tree."""

    def __init__(self, elf: Any, root: Path) -> None:
        # The image is linked; the relocations that --emit-relocs keeps are applied already.
        self._dwarf = elf.get_dwarf_info(relocate_dwarf_sections=False)
        self._lists = self._dwarf.range_lists()
        self._root = root

    def holders(self, addresses: list[int]) -> dict[int, Holder]:
        """The holder of each address that debug information covers."""
        result: dict[int, Holder] = {}
        for unit in self._dwarf.iter_CUs():
            top = unit.get_top_DIE()
            base = attribute(top, "DW_AT_low_pc") or 0
            inside = self._inside(top, base, addresses)
            if not inside:
                continue
            files = self._files(unit)
            file = text_of(top, "DW_AT_name")
            file = self._relative(os.path.join(text_of(top, "DW_AT_comp_dir"), file))
            lines = dict(self._lines(unit, files, inside))
            assembler = attribute(top, "DW_AT_language") == DW_LANG_MIPS_ASSEMBLER
            for at in inside:
                result[at] = Holder("", file, at, assembler, lines.get(at, f"{file}:?"))
            if assembler:
                continue
            for die, at in self._walk(top, base, inside):
                function = origin(die)
                number = attribute(function, "DW_AT_decl_file")
                known = files[number] if function.cu is unit and number is not None else file
                name = text_of(function, "DW_AT_name")
                result[at] = Holder(name, known, die.offset, False, result[at].source)
        return result

    def _walk(self, die: Any, base: int, addresses: list[int]) -> Iterator[tuple[Any, int]]:
        """(function or inlined copy, address) for the addresses below a DIE, outer before inner."""
        for child in die.iter_children():
            if child.tag in CODE or child.tag == "DW_TAG_lexical_block":
                inside = self._inside(child, base, addresses)
                if inside:
                    if child.tag in CODE:
                        yield from ((child, address) for address in inside)
                    yield from self._walk(child, base, inside)

    def _inside(self, die: Any, base: int, addresses: list[int]) -> list[int]:
        """Those of the addresses that the code of a DIE covers."""
        ranges = list(self._ranges(die, base))
        return [at for at in addresses if any(low <= at < high for low, high in ranges)]

    def _ranges(self, die: Any, base: int) -> Iterator[tuple[int, int]]:
        """[start, end) of each piece of code of a DIE."""
        if "DW_AT_ranges" in die.attributes:
            offset = attribute(die, "DW_AT_ranges")
            for entry in self._lists.get_range_list_at_offset(offset, cu=die.cu):
                if hasattr(entry, "base_address"):
                    base = entry.base_address
                else:
                    bias = 0 if entry.is_absolute else base
                    yield entry.begin_offset + bias, entry.end_offset + bias
        elif "DW_AT_high_pc" in die.attributes:
            low, high = attribute(die, "DW_AT_low_pc"), attribute(die, "DW_AT_high_pc")
            form = die.attributes["DW_AT_high_pc"].form
            yield low, high if form.startswith("DW_FORM_addr") else low + high

    def _program(self, unit: Any) -> Any:
        """The line number program of a unit."""
        # pyelftools before 0.30 does not know the form of clang's MD5 sums.
        unit.structs.Dwarf_dw_form.setdefault("DW_FORM_data16", Array(16, ULInt8("")))
        return self._dwarf.line_program_for_CU(unit)

    def _files(self, unit: Any) -> dict[int, str]:
        """The files of a unit by their numbers."""
        program = self._program(unit)
        if program is None:
            return {}
        first = 0 if program["version"] >= 5 else 1
        top = unit.get_top_DIE()
        folders = [folder.decode("utf-8", "replace") for folder in program["include_directory"]]
        if first == 1:
            folders.insert(0, "")
        place = text_of(top, "DW_AT_comp_dir")
        return {
            number: self._relative(
                os.path.join(
                    place, folders[entry["dir_index"]], entry["name"].decode("utf-8", "replace")
                )
            )
            for number, entry in enumerate(program["file_entry"], first)
        }

    def _lines(
        self, unit: Any, files: dict[int, str], addresses: list[int]
    ) -> Iterator[tuple[int, str]]:
        """(address, file:line) for addresses of a unit."""
        before = None
        for entry in self._program(unit).get_entries() if files else ():
            state = entry.state
            if state is None:
                continue
            if before is not None:
                for at in addresses:
                    if before.address <= at < state.address:
                        yield at, f"{files.get(before.file, '?')}:{before.line}"
            before = None if state.end_sequence else state

    def _relative(self, file: str) -> str:
        """A file as a path below the source tree. Of a path into another checkout (clang 14 keeps
        the whole path of assembler files) that is the longest end that names a file here."""
        path = PurePosixPath(os.path.normpath(file))
        if not path.is_absolute():
            return str(path)
        if path.is_relative_to(self._root):
            return str(path.relative_to(self._root))
        ends = (PurePosixPath(*path.parts[start:]) for start in range(1, len(path.parts) - 1))
        return str(next((end for end in ends if (self._root / end).is_file()), path))


def attribute(die: Any, name: str) -> Any:
    """The value of a DIE's attribute, None without."""
    return die.attributes[name].value if name in die.attributes else None


def text_of(die: Any, name: str) -> str:
    """The text of a DIE's attribute, "" without."""
    value = attribute(die, name)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def origin(die: Any) -> Any:
    """The function that a DIE is a copy of, or the DIE itself."""
    for name in ("DW_AT_abstract_origin", "DW_AT_specification"):
        while name in die.attributes:
            die = die.get_DIE_from_attribute(name)
    return die
