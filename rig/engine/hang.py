"""Where does a guest hang? Asked of QEMU when the time bound is reached."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from .checks import Where
from .image import Image
from .process import find_tool
from .qemu import QMP_DRIVER
from .qmp import Qmp, QmpError

# Under -icount sleep=off QEMU spins, and answers nobody, when every CPU sleeps and nothing comes.
UNKNOWN_PLACE = (
    "an unknown place (QEMU does not answer: a guest that sleeps in WFI with nothing armed that "
    "would wake it looks like this)"
)
_TIMEOUT_S = 3.0


def source_of(image: Image, pc: int) -> tuple[str, int]:
    """File and line of a PC, from gdb's reading of the DWARF."""
    command = [
        find_tool("gdb-multiarch"),
        "-nx",
        "-batch",
        "-ex",
        f"info line *{image.link(pc):#x}",
    ]
    try:
        done = subprocess.run(
            [*command, image.elf.path], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "", 0
    match = re.search(r'Line (\d+) of "([^"]+)"', done.stdout)
    return (match[2], int(match[1])) if match else ("", 0)


def where_is(run_dir: Path, image: Image) -> Where | None:
    """The guest's PC now, as a place; None when QEMU does not answer."""
    try:
        qmp = Qmp(run_dir / QMP_DRIVER, _TIMEOUT_S)
        text = qmp.monitor("info registers")
        qmp.close()
    except QmpError:
        return None
    match = re.search(r"\bPC=([0-9a-fA-F]+)", text)
    if match is None:
        return None
    pc = int(match[1], 16)
    file, line = source_of(image, pc)
    return Where(pc, image.locate(pc), file, line)
