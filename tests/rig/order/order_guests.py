"""The guests of the ordering rules: the list of cases, and how a case is built."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
GUEST = HERE / "guest"
CROSS = "aarch64-linux-gnu-"
BOUND_S = 60
ENTRIES = ("el1", "el2", "at-el2")
AS_WRITTEN = "as-written"
# Both halves are offset by a multiple of this, so what is below it names the same code.
ALIAS_MASK = (1 << 39) - 1


class ListError(Exception):
    """cases.yaml is wrong, or does not fit the guests."""


@dataclass(frozen=True)
class Finding:
    """What the rig must find: both ends are symbols; `says` is in what is missing."""

    rule: str
    level: str
    write: str
    consumer: str
    says: str = ""


@dataclass(frozen=True)
class Case:
    """A scene with some steps changed."""

    rule: str
    scene: str
    name: str
    entry: str
    cpus: int
    steps: dict[str, str | None]
    finds: tuple[Finding, ...]
    features: tuple[str, ...]

    def text(self) -> str:
        """Its whole name."""
        return f"{self.rule}/{self.scene}/{self.name}"


def _checked(what: str, entry: Any, known: set[str], needed: set[str]) -> dict[str, Any]:
    if not isinstance(entry, dict) or set(entry) - known or needed - set(entry):
        raise ListError(f"{what}: keys are {sorted(known)}, needed are {sorted(needed)}")
    return entry


def _finding(what: str, rule: str, entry: Any) -> Finding:
    known = {"rule", "level", "write", "consumer", "says"}
    fields = {"rule": rule, "level": "error", **_checked(what, entry, known, {"write", "consumer"})}
    return Finding(**fields)


def _case(rule: str, scene: str, name: str, entry: Any, of_scene: dict[str, Any]) -> Case:
    what = f"{rule}/{scene}/{name}"
    fields = _checked(what, entry, {"steps", "finds", "features", "entry"}, set())
    steps = fields.get("steps", {})
    finds = [_finding(what, rule, each) for each in fields.get("finds", [])]
    at = fields.get("entry", of_scene.get("entry", ENTRIES[0]))
    if at not in ENTRIES:
        raise ListError(f"{what}: no entry {at}")
    if name != AS_WRITTEN and not steps:
        raise ListError(f"{what}: changes nothing")
    features = tuple(fields.get("features", []))
    return Case(rule, scene, name, at, of_scene.get("cpus", 1), steps, tuple(finds), features)


def load(rule: str) -> list[Case]:
    """The cases of a rule, the scenes as they are written among them."""
    listed = yaml.safe_load((HERE / "cases.yaml").read_text("utf-8"))
    if rule not in listed:
        raise ListError(f"no rule {rule}; there are {', '.join(listed)}")
    cases = []
    for scene, entry in listed[rule].items():
        fields = _checked(f"{rule}/{scene}", entry, {"why", "entry", "cpus", "cases"}, {"why"})
        cases.append(_case(rule, scene, AS_WRITTEN, {}, fields))
        for name, changes in fields.get("cases", {}).items():
            cases.append(_case(rule, scene, name, changes, fields))
    return cases


def build(case: Case, folder: Path) -> Path:
    """The guest of a case."""
    folder.mkdir(parents=True, exist_ok=True)
    changes, elf = folder / "changes.h", folder / "guest.elf"
    with changes.open("w", encoding="ascii") as file:
        file.write('#include "skeleton.inc"\n')
        for step, instead in case.steps.items():
            lines = "\n".join((f".macro changed_step_{step}", instead or "", ".endm"))
            file.write(f"{lines}\n.set changed_{step}, 1\n")
    command = [f"{CROSS}gcc", "-g", f"-I{GUEST}", "-include", str(changes), f"-DSCENE_{case.scene}"]
    command += ["-DSTAYS_AT_EL2"] if case.entry == "at-el2" else []
    command += ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=sha1", "-Wl,--fatal-warnings"]
    command += [f"-Wl,-T,{GUEST / 'order.lds'}", "-o", str(elf)]
    command += [str(GUEST / f"{case.rule.replace('-', '_')}.S")]
    subprocess.run(command, check=True, timeout=BOUND_S)
    return elf


def symbols(case: Case, elf: Path) -> dict[str, int]:
    """All symbols; the steps and the ends that the case names are among them."""
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        found = {each.name: each["st_value"] & ALIAS_MASK for each in table.iter_symbols()}
    needed = {f"used_{step}" for step in case.steps}
    needed |= {end for finding in case.finds for end in (finding.write, finding.consumer)}
    if needed - set(found):
        raise ListError(f"{case.text()}: the scene has no {', '.join(sorted(needed - set(found)))}")
    return found
