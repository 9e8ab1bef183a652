"""The commands `rig ...` in a plain gdb, for a QEMU that somebody else started.

    gdb-multiarch kernel.elf
    (gdb) source rig/gdb/autoload.py
    (gdb) rig pack mykernel.yaml        # without it: what holds for any AArch64 guest
    (gdb) target remote :1234
    (gdb) rig status

The script beside an image (IMAGE-gdb.py) calls `load` instead. The rules are read when a command
first needs them, so that opening gdb takes no longer than without.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

gdb: Any = importlib.import_module("gdb")  # this directory must never be imported as `gdb`


def load(elf: str, pack: str) -> None:
    """Register the commands for an ELF ("" for whatever gdb has loaded) and a rule pack (a name in
    rig/rules or a path, "" for none). Where they are registered already nothing happens."""
    sys.dont_write_bytecode = True
    # Not at the top: the engine's parts need this directory in the path, which the caller sets.
    plain = importlib.import_module("prompt.plain")
    plain.open_session(elf, pack)


if __name__ == "__main__":  # gdb's `source`
    # `source` of gdb 13 may leave __file__ at another script's name: the code object has its own.
    _here = Path((lambda: None).__code__.co_filename).resolve().parent
    for _path in (_here.parent, _here):
        if str(_path) not in sys.path:
            sys.path.insert(0, str(_path))
    load("", "")
