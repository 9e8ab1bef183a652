"""Where the rig's own parts are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import CannotJudge, UsageError

RIG = Path(__file__).resolve().parent.parent
ROOT = RIG.parent
RULES = RIG / "rules"
GDB_MAIN = RIG / "gdb" / "main.py"
REGISTERS = ROOT / "arch" / "aarch64" / "sysregs.yaml"
PRESETS = ("debug", "release", "host")


def version() -> str:
    """The rig's version: the project's, "" when its build description cannot be read."""
    try:
        text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^project\(\w+ VERSION ([0-9.]+)", text, re.MULTILINE)
    return found[1] if found else ""


def compiled(name: str, elf: Path | None) -> Path | None:
    """A compiled part of the rig: $RIG_TOOLS, beside the ELF, or the repository's build."""
    places = []
    if os.environ.get("RIG_TOOLS"):
        places.append(Path(os.environ["RIG_TOOLS"]))
    else:
        if elf is not None:
            places.append(elf.resolve().parent / "rig")
        places += [ROOT / "build" / preset / "rig" for preset in PRESETS]
    return next((place / name for place in places if (place / name).is_file()), None)


def need_compiled(name: str, elf: Path | None) -> Path:
    """The same, or CannotJudge that says how to build it."""
    found = compiled(name, elf)
    if found is None:
        raise CannotJudge(
            f"{name} is not built (looked in $RIG_TOOLS, rig/ beside the ELF, build/*/rig); "
            "build it: ./tyrne build"
        )
    return found


def pack_path(name: str) -> Path:
    """A pack by path, or by name from rig/rules."""
    path = Path(name)
    if "/" not in name and path.suffix != ".yaml":
        path = RULES / f"{name}.yaml"
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: cannot read the rule pack: not a regular file")
    return path


def default_elf(name: str) -> Path:
    """The image that a pack names, from the presets' build directories."""
    for preset in PRESETS:
        path = ROOT / "build" / preset / name
        if path.is_file():
            return path
    raise UsageError(
        f"no {name} in build/debug, build/release; build it (./tyrne build) or give --elf FILE"
    )
