"""What an image's own script (IMAGE-gdb.py, which CMake makes) loads into a plain gdb."""

from __future__ import annotations

import autoload

from . import commands, printers


def load(elf: str, pack: str) -> None:
    """The rig's commands for the image, judged by a pack of rig/rules, and Tyrne's own."""
    autoload.load(elf, pack=pack)
    commands.register()
    printers.register()
