"""The user programs: which ELF file a task's code comes from, and what an address of it is.

The kernel keeps no name. The ELF of a program that the build leaves beside the image (NAME.user.elf)
is the task's when the code that the task executes is, byte for byte, the file's.
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
from .memory import gdb, load_elf, member, number
from .names import PAGE_SIZE
from .tables import read_user

SUFFIX = ".user.elf"
_GDB_S = 20
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


def _code(path: Path) -> bytes:
    """The first page of what the file loads."""
    found = elf_file.loaded(path)
    return found[0][2][:PAGE_SIZE] if found else b""


def program_elf(kernel: Kernel, index: int) -> Elf | None:
    """The ELF of the program that a user task runs; None when no file beside the image is it."""
    space = kernel.task_space(index)
    if space is None or not kernel.space_arena.names(space):
        return None
    start = number(member(kernel.core, "windows")[index], "image_va.value")
    held = read_user(kernel.memory, kernel.root(space.index), start, PAGE_SIZE)
    if held is None:
        return None
    for path in sorted(Path(kernel.elf.path).resolve().parent.glob(f"*{SUFFIX}")):
        try:
            code = _code(path)
        except (OSError, ValueError, RigError):
            continue  # a file that is being built, or no ELF: not this program's
        if code and held.startswith(code):
            return load_elf(str(path))
    return None


def program_name(kernel: Kernel, index: int) -> str:
    """The program's name, "" when its ELF is not known."""
    elf = program_elf(kernel, index)
    return Path(elf.path).name.removesuffix(SUFFIX) if elf else ""


def source_lines(elf: Elf, addresses: list[int]) -> None:
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


def user_place(kernel: Kernel, index: int, pc: int) -> str:
    """`<symbol+offset> file:line` of an address of a task's program, "" when it is not known."""
    elf = program_elf(kernel, index)
    symbol = elf.locate(pc) if elf else ""
    if elf is None or not symbol:
        return ""
    source_lines(elf, [pc])
    return f"<{symbol}> {_LINES.get((elf.path, pc), '')}".strip()


def search_words(kernel: Kernel) -> str:
    """Where program_elf() looks, in words."""
    return f"no *{SUFFIX} in {Path(kernel.elf.path).resolve().parent} holds this task's code"


__all__ = ["gdb", "program_elf", "program_name", "search_words", "source_lines", "user_place"]
