"""Source lines of many addresses at once, from gdb's reading of the DWARF."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from .image import Image
from .process import find_tool

_LINE = re.compile(r'^@(0x[0-9a-f]+)\nLine (\d+) of "([^"]+)"', re.MULTILINE)
_TOOL_S = 60.0


def source_lines(image: Image, addresses: Sequence[int]) -> dict[int, tuple[str, int]]:
    """File and line of each link address that has one; nothing where gdb cannot read the image."""
    command = [find_tool("gdb-multiarch", "RIG_GDB"), "-nx", "-batch"]
    for address in addresses:
        command += ["-ex", f"echo @{address:#x}\\n", "-ex", f"info line *{address:#x}"]
    try:
        done = subprocess.run(
            [*command, image.elf.path],
            capture_output=True,
            text=True,
            timeout=_TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {int(at, 16): (file, int(line)) for at, line, file in _LINE.findall(done.stdout)}
