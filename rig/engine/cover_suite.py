"""The suite of a coverage measurement: which images run on which machines, and how each run ends.

A suite is a YAML file, checked like a rule pack: every complaint has file, line and key. Its
machine and variants are those of packs. `elf` names images in the build directory; a glob stands
for each file that it matches, and matching none is an error, so a suite never measures less than it
says. In QEMU's words `{build}` is that directory and `{pa:NAME}` the physical address of a symbol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import elf as elf_file
from .elf import Elf
from .errors import PackError, UsageError
from .image import Alias
from .pack import ALIASES, MACHINE, VARIANT, Pack
from .paths import RULES
from .qemu import Machine, machine_for
from .schema import ListOf, MapOf, Number, Reader, Record, Text, read_yaml

IDENT, TEXT, NAMES = Text(ident=True), Text(), ListOf(Text(), one=True)
ENDS = ("guest", "bound")
RUN = Record(
    {
        "name": IDENT,
        "why": TEXT,
        "elf": TEXT,
        "skip": NAMES,
        "variants": NAMES,
        "cpu": TEXT,
        "memory": TEXT,
        "qemu": ListOf(TEXT),
        "bound": Number(least=1),
        "ends": Text(choices=ENDS),
    },
    required=("name", "why", "elf"),
)
SUITE = Record(
    {
        "suite": IDENT,
        "why": TEXT,
        "keep": NAMES,
        "never-calls": NAMES,
        "audit": TEXT,
        "image": Record({"alias": ALIASES}),
        "machine": MACHINE,
        "variants": MapOf(VARIANT),
        "bound": Number(least=1),
        "runs": ListOf(RUN),
    },
    required=("suite", "why", "runs"),
)
BOUND_S = 60
_PA = re.compile(r"\{pa:(\w+)\}")


@dataclass(frozen=True)
class Run:
    """One QEMU run: an image on a machine."""

    name: str
    elf: Elf
    machine: Machine
    bound: float
    ends: str  # of ENDS: the guest ends it, or it goes on until the bound

    def path(self) -> Path:
        """The image's file."""
        return Path(self.elf.path)


@dataclass
class Suite:
    """Everything that one measurement runs, and how its sources are judged."""

    name: str
    runs: list[Run]
    aliases: list[Alias] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    never_calls: list[str] = field(default_factory=list)
    audit: Path | None = None

    def images(self) -> dict[str, list[Run]]:
        """The runs of each distinct image, by build-id."""
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.elf.build_id, []).append(run)
        return found


def suite_path(name: str) -> Path:
    """A suite by path, or by name from rig/rules."""
    path = Path(name)
    if "/" not in name and path.suffix != ".yaml":
        path = RULES / f"{name}-cover.yaml"
    return path


def load(path: Path, build: Path, root: Path) -> Suite:
    """Read and check a suite, and find its images below `build`; raises PackError with every
    finding."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the suite: {error}") from None
    data, reader = read_yaml(str(path), text, SUITE)
    if not reader.findings:
        runs = _runs(data, reader, build, path)
    if reader.findings:
        raise PackError(reader.findings)
    image = data.get("image") or {}
    return Suite(
        name=data["suite"],
        runs=runs,
        aliases=[Alias(a["from"], a["size"], a["by"]) for a in image.get("alias") or []],
        keep=data.get("keep") or [],
        never_calls=data.get("never-calls") or [],
        audit=root / data["audit"] if data.get("audit") else None,
    )


def _runs(data: dict[str, Any], reader: Reader, build: Path, path: Path) -> list[Run]:
    """Each run of the list, for each of its images and variants."""
    pack = Pack(path, {k: data[k] for k in ("machine", "variants") if data.get(k)}, [reader])
    runs: list[Run] = []
    names: set[str] = set()
    if not data["runs"]:
        reader.complain_at(("runs",), "is empty, expected at least one run")
    for index, entry in enumerate(data["runs"]):
        place = ("runs", index)
        if entry["name"] in names:
            reader.complain_at((*place, "name"), f"{entry['name']!r} is given twice, expected once")
        names.add(entry["name"])
        variants = entry.get("variants") or list(pack.variants())
        unknown = [name for name in variants if name not in pack.variants()]
        if unknown:
            reader.complain_at(
                (*place, "variants"),
                f"no variant {unknown[0]!r}, expected one of {', '.join(pack.variants())}",
            )
            continue
        for elf in _images(entry, reader, index, build):
            for variant in variants:
                run = _run(entry, elf, pack, variant, float(data.get("bound", BOUND_S)))
                words = [_filled(w, elf, build, reader, index) for w in run.machine.extra]
                machine = replace(run.machine, extra=tuple(words))
                runs.append(replace(run, machine=machine))
    return runs


def _images(entry: dict[str, Any], reader: Reader, index: int, build: Path) -> list[Elf]:
    """The images that an entry's `elf` names, without those that it skips."""
    found = sorted(p for p in build.glob(entry["elf"]) if p.is_file())
    for skip in entry.get("skip") or []:
        found = [p for p in found if not p.match(skip)]
    if not found:
        reader.complain_at(
            ("runs", index, "elf"), f"{entry['elf']!r} names no image in {build}, expected one"
        )
    return [elf_file.load(p.resolve()) for p in found]


def _filled(word: str, elf: Elf, build: Path, reader: Reader, index: int) -> str:
    """A word for QEMU with what it leaves open."""

    def address(match: re.Match[str]) -> str:
        symbol = elf.symbols.get(match[1])
        if symbol is None:
            reader.complain_at(
                ("runs", index, "qemu"), f"no symbol {match[1]!r} in {elf.path}, expected one"
            )
            return "0"
        for vaddr, paddr, size in elf.segments:
            if vaddr <= symbol.value < vaddr + size:
                return f"{symbol.value - vaddr + paddr:#x}"
        return f"{symbol.value:#x}"

    return _PA.sub(address, word.replace("{build}", str(build)))


def _run(entry: dict[str, Any], elf: Elf, pack: Pack, variant: str, bound: float) -> Run:
    machine = machine_for(pack, variant, entry.get("cpu"), entry.get("memory"))
    extra = (*machine.extra, *(entry.get("qemu") or []))
    many = any(sign in entry["elf"] for sign in "*?[")
    words = [entry["name"], *([Path(elf.path).stem] if many else []), variant]
    return Run(
        name="-".join(words),
        elf=elf,
        machine=Machine(variant, machine.machine, machine.cpu, machine.memory, machine.cpus, extra),
        bound=float(entry.get("bound", bound)),
        ends=entry.get("ends", "guest"),
    )
