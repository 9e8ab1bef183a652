"""The engine's job for a session: of `rig debug`, and in a gdb that somebody else opened."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import elf as elf_file
from . import pack as pack_file
from . import registers
from .elf import Elf
from .errors import UsageError
from .image import Image
from .pack import Pack
from .paths import REGISTERS, RULES, compiled, pack_path
from .session import Inputs, hashes, load_inputs
from .snapshot import file_name
from .stepping import make_job

NO_PACK = "arm64"  # what holds for any guest, and no guest's rules
_RULES = ("checkpoints", "transitions", "invariants", "exceptions")
_NO_ELF = Elf("", 0, "", {}, {}, [])


@dataclass
class SessionInputs:
    """What a session works with; `note` says what is missing of it, "" when nothing is."""

    inputs: Inputs
    note: str


def session_inputs(pack_name: str, elf_name: str | None) -> SessionInputs:
    """A pack and an ELF; one without symbols fits no rule, and is looked at without any. Raises
    PackError or UsageError."""
    pack = pack_file.load(pack_path(pack_name), RULES)
    elf = elf_file.load(Path(elf_name).resolve()) if elf_name else None
    if elf is not None and pack.data.get("guest") and elf.symbols:
        return SessionInputs(load_inputs(pack_name, elf_name), "")
    if elf is None and pack.data.get("guest") and (pack.data.get("image") or {}).get("elf"):
        return SessionInputs(load_inputs(pack_name, None), "")
    note = ""
    if elf is not None and not elf.symbols:
        note = (
            f"{elf.path} has no symbols (stripped?), so no rule of {pack.guest} is judged; "
            "registers, tables and maps are there"
        )
    _without_rules(pack)
    image = Image(elf or _NO_ELF, pack.aliases())
    return SessionInputs(Inputs(pack, image, registers.load(REGISTERS), hashes(pack)), note)


def _without_rules(pack: Pack) -> None:
    for kind in (*_RULES, "define", "address_space", "layout"):
        pack.data.pop(kind, None)
    (pack.data.get("image") or {}).pop("poison", None)


def session_job(inputs: Inputs, variant: str, options: dict[str, bool]) -> dict[str, Any]:
    """The job of a session in which the engine starts QEMU."""
    elf = Path(inputs.image.elf.path) if inputs.image.elf.path else None
    walker = str(compiled("librigwalk.so", elf) or "")
    job = make_job(inputs.pack, inputs.image, inputs.table, variant, walker, options)
    job |= {"pack": str(inputs.pack.path.resolve()), "witnesses": 0}
    # Small, and taken in passing: what `rig map --diff CHECKPOINT` compares with.
    job["snapshots"] = {rule["id"]: file_name(rule["id"]) for rule in job["checkpoints"]}
    return job


def plain_job(pack_name: str, elf_name: str | None, variant: str) -> dict[str, Any]:
    """The job for a guest that somebody else started, in a gdb that somebody else opened. What the
    rig knows only of its own QEMU (console, counted instructions) is not there."""
    found = session_inputs(pack_name or NO_PACK, elf_name)
    inputs = found.inputs
    variants = list(inputs.pack.variants())
    if variant and variant not in variants:
        raise UsageError(
            f"no variant {variant!r} in {inputs.pack.path}; it has: {', '.join(variants)}"
        )
    job = session_job(inputs, variant or variants[0], {"every_instruction": False})
    folder = tempfile.mkdtemp(prefix="rig-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    job["snapshots"] = {name: str(Path(folder) / file) for name, file in job["snapshots"].items()}
    elf = Path(inputs.image.elf.path) if inputs.image.elf.path else None
    job["made"]["machine"] = ""
    return job | {
        "events_fd": None,
        "interactive": True,
        "note": found.note,
        "poison": [],
        "qmp": "",
        "serial": "",
        "socket": "",
        "tool": str(compiled("rig-trace", elf) or ""),
    }
