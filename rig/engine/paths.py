"""Where the rig's own parts are: in the source tree and its builds, or under an installed prefix.

Installed, everything lies in PREFIX/lib/rig beside the engine, in the same order as in the source
tree; the file VERSION is there only then. Nothing but this module knows the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import CannotJudge, UsageError

RIG = Path(__file__).resolve().parent.parent
ROOT = RIG.parent
RULES = RIG / "rules"
GDB_MAIN = RIG / "gdb" / "main.py"
INSTALLED = (RIG / "VERSION").is_file()
REGISTERS = RIG / "sysregs.yaml" if INSTALLED else ROOT / "arch" / "aarch64" / "sysregs.yaml"
# What --pack is when it is not given: the tree's own guest, and nobody's once installed.
DEFAULT_PACK = None if INSTALLED else "tyrne"
PRESETS = ("debug", "release", "host", "rig")


def version() -> str:
    """The rig's version: the project's, "" when its build description cannot be read."""
    try:
        if INSTALLED:
            return (RIG / "VERSION").read_text(encoding="utf-8").strip()
        text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^project\(\w+ VERSION ([0-9.]+)", text, re.MULTILINE)
    return found[1] if found else ""


def compiled(name: str, elf: Path | None) -> Path | None:
    """A compiled part of the rig: in $RIG_TOOLS; else beside the installed engine; else beside the
    ELF or in the repository's build."""
    places = []
    if os.environ.get("RIG_TOOLS"):
        places.append(Path(os.environ["RIG_TOOLS"]))
    elif INSTALLED:
        places.append(RIG)
    else:
        if elf is not None:
            places.append(elf.resolve().parent / "rig")
        places += [ROOT / "build" / preset / "rig" for preset in PRESETS]
    return next((place / name for place in places if (place / name).is_file()), None)


def need_compiled(name: str, elf: Path | None) -> Path:
    """The same, or CannotJudge that says how to build it."""
    found = compiled(name, elf)
    if found is None and os.environ.get("RIG_TOOLS"):
        raise CannotJudge(
            f"{name} is not built: not in $RIG_TOOLS ({os.environ['RIG_TOOLS']}); set it to the "
            "directory of the rig's compiled parts, or unset it"
        )
    if found is None and INSTALLED:
        raise CannotJudge(f"{name} is not in {RIG}: install the rig again (cmake --install)")
    if found is None:
        raise CannotJudge(
            f"{name} is not built (looked in $RIG_TOOLS, rig/ beside the ELF, build/*/rig); "
            "build it: ./tyrne build"
        )
    return found


def pack_names() -> list[str]:
    """The packs that can be named without a path; coverage suites and reviews lie beside them."""
    others = ("-cover", "-mutants")
    return sorted(p.stem for p in RULES.glob("*.yaml") if not p.stem.endswith(others))


def pack_path(name: str | None) -> Path:
    """A pack by path, or by name from the rig's own rules."""
    if name is None:
        known = ", ".join(pack_names())
        raise UsageError(f"no rule pack given: --pack FILE, or one that the rig has: {known}")
    path = Path(name)
    if "/" not in name and path.suffix != ".yaml":
        path = RULES / f"{name}.yaml"
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: cannot read the rule pack: not a regular file")
    return path


def default_elf(name: str) -> Path:
    """The image that a pack names, from the presets' build directories."""
    if INSTALLED:
        raise UsageError(f"the pack is for {name}; say where it is: --elf FILE")
    for preset in PRESETS:
        path = ROOT / "build" / preset / name
        if path.is_file():
            return path
    raise UsageError(
        f"no {name} in build/debug, build/release; build it (./tyrne build) or give --elf FILE"
    )
