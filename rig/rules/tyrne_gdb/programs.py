"""The user programs: which ELF file a task's code comes from, and what an address of it is.

The kernel keeps no name. The ELF of a program that the build leaves beside the image,
NAME.user.elf, is the task's when the code that the task executes is the file's, byte for byte.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from engine import elf as elf_file
from engine.elf import Elf
from engine.errors import RigError
from engine.process import find_tool

from .kernel import Kernel
from .memory import load_elf, member, number

SUFFIX = ".user.elf"
_GDB_S = 20
_CODE_MAX = 1 << 20  # of a program's code is compared; a window that is rubbish asks for no more
_LINES: dict[tuple[str, int], str] = {}
# gdb's word on the source line of each address, from a gdb of its own: the programs' symbols must
# not mix with the kernel's in the person's session.
_ASK = """
import gdb, json, os
found = {}
for address in json.loads(os.environ["TYRNE_ADDRESSES"]):
    place = gdb.find_pc_line(address)
    if place.symtab:
        found[address] = f"{os.path.basename(place.symtab.filename)}:{place.line}"
print(json.dumps(found))
"""


def _places(kernel: Kernel) -> list[Path]:
    """Where programs are looked for: beside the image, those of other compilers, and above."""
    here = Path(kernel.elf.path).resolve().parent
    return [here, *sorted(here.glob("programs-*")), here.parent]


def _code(path: Path, start: int, size: int) -> bytes:
    """What a file loads from an address on; "" when that is nothing, or the file is no ELF."""
    try:
        elf_file.load(path)
        found = elf_file.loaded(path)
    except (OSError, ValueError, RigError):  # a file that is being built, for one
        return b""
    return next((data[:size] for vaddr, _, data in found if vaddr == start), b"")


def program_elf(kernel: Kernel, index: int) -> Elf | None:
    """The ELF of the program that a user task runs; None when no file beside the image is it."""
    if index not in kernel.programs:
        kernel.programs[index] = _find_elf(kernel, index)
    return kernel.programs[index]


def _find_elf(kernel: Kernel, index: int) -> Elf | None:
    space = kernel.task_space(index)
    if space is None or not kernel.arenas["address space"].names(space):
        return None
    window = member(kernel.core, "windows")[index]
    start, end = (number(window, f"{name}.value") for name in ("image_va", "data_va"))
    size = min(end - start, _CODE_MAX)
    held = kernel.read_user(space.index, start, size) if size > 0 else None
    if held is None:
        return None
    for path in (path for place in _places(kernel) for path in sorted(place.glob(f"*{SUFFIX}"))):
        code = _code(path, start, size)
        if code and held.startswith(code):
            return load_elf(str(path))
    return None


def program_name(kernel: Kernel, index: int) -> str:
    """The program's name, "" when its ELF is not known."""
    elf = program_elf(kernel, index)
    return Path(elf.path).name.removesuffix(SUFFIX) if elf else ""


def _source_lines(elf: Elf, addresses: list[int]) -> None:
    """Look the source lines of addresses up, all at once; without an answer there are none."""
    missing = [address for address in addresses if (elf.path, address) not in _LINES]
    if not missing:
        return
    try:
        done = subprocess.run(
            [find_tool("gdb-multiarch", "RIG_GDB"), "-nx", "-q", "-batch", elf.path]
            + ["-ex", f"python {_one_line(_ASK)}"],
            capture_output=True,
            text=True,
            timeout=_GDB_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TYRNE_ADDRESSES": json.dumps(missing)},
        )
        answer = json.loads(done.stdout or "{}")
    except (OSError, ValueError, RigError, subprocess.TimeoutExpired):
        answer = {}
    for address in missing:
        _LINES[elf.path, address] = str(answer.get(str(address), ""))


def _one_line(script: str) -> str:
    return f"exec({script!r})"


def look_up(kernel: Kernel, places: list[tuple[int, int]]) -> None:
    """Look up what user_place() will say of each (task, address): one gdb for a program."""
    wanted: dict[str, tuple[Elf, list[int]]] = {}
    for index, address in places:
        elf = program_elf(kernel, index)
        if elf is not None:
            wanted.setdefault(elf.path, (elf, []))[1].append(address)
    for elf, addresses in wanted.values():
        _source_lines(elf, addresses)


def user_place(kernel: Kernel, index: int, pc: int) -> str:
    """`<symbol+offset> file:line` of an address of a task's program, "" when it is not known."""
    elf = program_elf(kernel, index)
    symbol = elf.locate(pc) if elf else ""
    if elf is None or not symbol:
        return ""
    _source_lines(elf, [pc])
    return f"<{symbol}> {_LINES.get((elf.path, pc), '')}".strip()


def search_words(kernel: Kernel) -> str:
    """Where program_elf() looks, in words."""
    places = " or ".join(map(str, _places(kernel)))
    return f"no *{SUFFIX} in {places} holds this task's code"
