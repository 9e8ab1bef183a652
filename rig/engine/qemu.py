"""The QEMU command line of a run, and the machine it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import UsageError
from .mutant import Poke
from .pack import Pack
from .paths import default_elf
from .poke import with_poke

# Same input, same run: virtual time counts instructions, no host time, no random seed.
DETERMINISTIC = [
    "-icount", "shift=0,sleep=off", "-rtc", "clock=vm,base=2020-01-01", "-seed", "1",
]  # fmt: skip
QUIET = ["-nodefaults", "-nic", "none", "-display", "none", "-monitor", "none"]
SERIAL, LOG, GDB_SOCKET = "serial.txt", "qemu.log", "gdb.sock"
QMP_DRIVER, QMP_ENGINE, QMP_EVENTS = "qmp-driver.sock", "qmp-engine.sock", "qmp-events.sock"


@dataclass(frozen=True)
class Machine:
    """One machine of the matrix: a variant of the pack with the command line's choices."""

    variant: str
    machine: str
    cpu: str
    memory: str
    cpus: int
    extra: tuple[str, ...]
    poke: Poke | None = None  # a word of RAM that the guest's runs find changed

    def describe(self) -> str:
        """One phrase for the report."""
        return f"-M {self.machine} -cpu {self.cpu} -m {self.memory}"


def machine_for(pack: Pack, variant: str, cpu: str | None, memory: str | None) -> Machine:
    """The machine of a variant; raises UsageError for a variant that the pack does not have."""
    variants = pack.variants()
    if variant not in variants:
        raise UsageError(f"no variant {variant!r} in {pack.path}; it has: {', '.join(variants)}")
    base: dict[str, Any] = pack.data.get("machine") or {}
    chosen = variants[variant]
    board = str(base.get("board", "virt"))
    options = [board, base.get("options"), chosen.get("machine")]
    if board.split(",", maxsplit=1)[0] == "virt":
        options.append("dtb-randomness=off")
    return Machine(
        variant=variant,
        machine=",".join(str(option) for option in options if option),
        cpu=cpu or chosen.get("cpu") or base.get("cpu") or "cortex-a72",
        memory=memory or chosen.get("memory") or base.get("memory") or "128M",
        cpus=int(base.get("cpus", 1)),
        extra=(*(base.get("qemu") or []), *(chosen.get("qemu") or [])),
    )


def machine_words(qemu: str, machine: Machine) -> list[str]:
    """The machine itself, deterministic and quiet, its console a file of the run directory."""
    return [
        qemu, "-M", machine.machine, "-cpu", machine.cpu, "-m", machine.memory,
        "-smp", str(machine.cpus), *DETERMINISTIC, *QUIET, "-serial", f"file:{SERIAL}",
    ]  # fmt: skip


# Words that say what to load; the image is QEMU's -kernel without any of them.
_LOADS = {"-kernel", "-bios", "-pflash"}
_FILE = re.compile(r"\{([a-z][a-z0-9-]*)\}")


def loads_itself(words: Sequence[str]) -> bool:
    """Do QEMU's words say what is loaded, so that the rig does not have to?"""
    return bool(_LOADS & set(words))


def guest_words(qemu: str, machine: Machine, elf: str | None) -> list[str]:
    """QEMU's words for a run of a guest: no stub, no log, no plugin but the machine's poke."""
    return [*_guest_machine(qemu, machine, elf), *_loaded(machine, elf)]


def _guest_machine(qemu: str, machine: Machine, elf: str | None) -> list[str]:
    """The machine, with what is changed in it while the guest runs."""
    words = machine_words(qemu, machine)
    if machine.poke is None:
        return words
    return with_poke(words, machine.poke, Path(elf) if elf is not None else None)


def _loaded(machine: Machine, elf: str | None) -> list[str]:
    """The pack's own words, and the image where they load nothing."""
    load = elf is not None and not loads_itself(machine.extra)
    return [*machine.extra, "-kernel", str(elf)] if load else list(machine.extra)


def guest_elf(pack: Pack, given: str | None) -> Path | None:
    """The guest's ELF: the one given, or what the pack names; None for a guest that has none,
    whose pack names none and tells QEMU what to load."""
    if given:
        return Path(given)
    named = (pack.data.get("image") or {}).get("elf")
    parts = [pack.data.get("machine") or {}, *pack.variants().values()]
    if named is None and any(loads_itself(part.get("qemu") or []) for part in parts):
        return None
    return default_elf(named or f"{pack.guest}.elf")


def with_files(machine: Machine, files: Mapping[str, Path]) -> Machine:
    """The machine with the files that its words leave open, each `{NAME}`."""

    def place(match: re.Match[str]) -> str:
        name = match[1]
        if name not in files:
            option = "--image FILE" if name == "image" else f"--file {name}=FILE"
            raise UsageError(f"the pack's words for QEMU need {match[0]}: give {option}")
        if not files[name].is_file():
            raise UsageError(f"{files[name]}: no such file (for {match[0]})")
        return str(files[name].resolve())

    return replace(machine, extra=tuple(_FILE.sub(place, word) for word in machine.extra))


def command_line(qemu: str, machine: Machine, elf: Path, stepped: bool) -> list[str]:
    """QEMU's command line; it runs inside the run directory, so every file name is relative.

    The guest waits for QMP's `cont` or for gdb, so no event of QEMU can be missed.
    """
    command = [
        *_guest_machine(qemu, machine, str(elf)),
        "-d", "int,unimp,guest_errors", "-D", LOG,
        "-qmp", f"unix:{QMP_DRIVER},server=on,wait=off",
        "-qmp", f"unix:{QMP_EVENTS},server=on,wait=off", "-S",
    ]  # fmt: skip
    if stepped:
        command += ["-gdb", f"unix:{GDB_SOCKET},server=on,wait=off"]
        command += ["-qmp", f"unix:{QMP_ENGINE},server=on,wait=off"]
    return [*command, *_loaded(machine, str(elf))]
