"""QEMU's words as somebody uses them today, sorted: what a pack says in keys, what it keeps as it
is, what the rig sets itself, and what cannot be judged."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from .errors import UsageError

_CPU, _MEMORY = "cortex-a72", "128M"
# What the rig gives QEMU itself in every run; the reason is told to who named it.
_RIG_SETS = {
    "-nographic": "the console goes into a file of the run",
    "-display": "no run has a window",
    "-monitor": "the rig talks to QEMU over sockets of its own",
    "-serial": "the console goes into a file of the run",
    "-chardev": "the console goes into a file of the run",
    "-mon": "the rig talks to QEMU over sockets of its own",
    "-vga": "no run has a window",
    "-qmp": "the rig talks to QEMU over sockets of its own",
    "-gdb": "the rig has gdb's stub on a socket of its own",
    "-s": "the rig has gdb's stub on a socket of its own",
    "-S": "each run of the rig starts stopped",
    "-d": "the rig logs exceptions",
    "-D": "the rig logs into a file of the run",
    "-icount": "virtual time counts instructions in every run",
    "-rtc": "the clock is virtual",
    "-seed": "random numbers are the same in every run",
    "-nodefaults": "the rig gives it",
    "-name": "it changes nothing that the guest sees",
    "-daemonize": "the rig ends what it starts",
    "-pidfile": "the rig ends what it starts",
    "-no-shutdown": "a run has to end when the guest ends it",
    "-accel": "TCG is what the rig observes",
    "-nic": "no run has a network",
}
_NO_VALUE = {
    "-nographic", "-s", "-S", "-nodefaults", "-daemonize", "-no-shutdown", "-no-reboot",
    "-snapshot", "-enable-kvm", "-semihosting", "-no-user-config", "-singlestep", "-usb",
}  # fmt: skip
_REFUSED = {
    "-enable-kvm": "KVM runs the guest on this machine's CPU, where no instruction is seen",
    "-net": "a network brings packets at other times in each run",
    "-netdev": "a network brings packets at other times in each run",
    "-loadvm": "a saved state has no boot to watch",
    "-incoming": "a saved state has no boot to watch",
    "-plugin": "the rig loads its own plugins, and another one might change what they see",
    "-readconfig": "what a file of options says cannot be told here",
    "-run-with": "the rig starts and ends QEMU itself",
}
_FILES = {
    "-kernel", "-initrd", "-dtb", "-bios", "-pflash", "-sd", "-mtdblock", "-hda", "-hdb", "-cdrom"
}  # fmt: skip
_WRITTEN = {"-drive", "-pflash", "-sd", "-mtdblock", "-hda", "-hdb", "-blockdev"}
_FILE_PART = re.compile(r"(?:^|(?<=,))(file|filename|file\.filename|path)=([^,]+)")
_TEXTS = {"-append", "-fw_cfg", "-smbios", "-uuid"}  # what they say is the guest's


@dataclass
class Words:
    """The machine, in the keys of a pack, and what is to be told about the rest."""

    board: str = "virt"
    options: str = ""
    cpu: str = _CPU
    memory: str = _MEMORY
    extra: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # dropped or added, and why
    given: bool = False


def parse(text: str | None, elf: Path) -> Words:
    """Sort the words; raises UsageError for what no run can be judged with."""
    words = Words(given=text is not None)
    try:
        queue = shlex.split(text or "")
    except ValueError as error:
        raise UsageError(f"--qemu: {error}; quote it as the shell does") from None
    if queue and Path(queue[0]).name.startswith("qemu-system-"):
        if Path(queue[0]).name != "qemu-system-aarch64":
            raise UsageError(f"--qemu: {queue[0]} is not for AArch64; give qemu-system-aarch64's")
        queue.pop(0)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-"):
            raise UsageError(f"--qemu: {word!r} belongs to no option of QEMU's (a disk? -drive)")
        option = "-" + word.lstrip("-")
        value = None
        if option not in _NO_VALUE and queue and (option in _RIG_SETS or not _option(queue[0])):
            value = queue.pop(0)
        _take(words, option, value, elf)
    _only_readable(words)
    return words


def _option(word: str) -> bool:
    return word.startswith("-") and len(word) > 1 and not word[1].isdigit()


def _need(option: str, value: str | None) -> str:
    if value is None:
        raise UsageError(f"--qemu: {option} has no value")
    return value


# pylint: disable-next=too-many-branches # one for each kind of option
def _take(words: Words, option: str, value: str | None, elf: Path) -> None:
    shown = option if value is None else f"{option} {value}"
    if option in _REFUSED or (option in ("-nic",) and value != "none"):
        why = _REFUSED.get(option, "a network brings packets at other times in each run")
        raise UsageError(f"--qemu: {shown}: {why}; leave it out")
    if option in ("-M", "-machine"):
        _machine(words, _need(option, value))
    elif option == "-cpu":
        words.cpu = _need(option, value)
        if words.cpu.split(",", maxsplit=1)[0] == "host":
            raise UsageError("--qemu: -cpu host needs KVM; name a model: -cpu cortex-a72, -cpu max")
    elif option == "-m":
        words.memory = _need(option, value).removeprefix("size=")
    elif option == "-smp":
        if not re.fullmatch(r"(?:cpus=)?1(?:,.*)?", _need(option, value)):
            words.notes.append(f"{shown}: one CPU: the rig steps one (machine.cpus)")
    elif option == "-accel" and value and value.split(",", maxsplit=1)[0] != "tcg":
        raise UsageError(f"--qemu: {shown}: {_REFUSED['-enable-kvm']}; leave it out")
    elif option in _RIG_SETS:
        words.notes.append(f"{shown}: left out: {_RIG_SETS[option]}")
    elif option == "-kernel" and Path(_need(option, value)).resolve() == elf:
        words.notes.append(f"{shown}: left out: the rig loads the ELF that it is given")
    elif option == "-object" and value and value.startswith(("rng-random", "rng-egd")):
        raise UsageError(f"--qemu: {shown}: no two runs would be the same; use rng-builtin")
    elif option in _TEXTS:
        words.extra += [option, _need(option, value)]
    elif option in _FILES:
        words.extra += [option, _file(_need(option, value), shown)]
    else:
        words.extra.append(option)
        if value is not None:
            words.extra.append(_FILE_PART.sub(lambda m: f"{m[1]}={_file(m[2], shown)}", value))


def _machine(words: Words, text: str) -> None:
    parts = text.split(",")
    if "=" in parts[0] and not parts[0].startswith("type="):
        parts.insert(0, words.board)
    kept = []
    for part in parts[1:]:
        if part.startswith("accel=") and part != "accel=tcg":
            raise UsageError(f"--qemu: -M {text}: {_REFUSED['-enable-kvm']}; leave {part} out")
        if part.startswith("memory-backend="):
            raise UsageError(f"--qemu: -M {text}: the rig gives RAM itself; leave {part} out")
        if not part.startswith(("accel=", "dtb-randomness=")):
            kept.append(part)
    # QEMU takes a board from one -machine and merges the options of all.
    words.board = parts[0].removeprefix("type=")
    words.options = ",".join(part for part in (words.options, *kept) if part)


def _file(name: str, shown: str) -> str:
    """A file's absolute path: a run has a directory of its own."""
    path = Path(name)
    if not path.exists():
        raise UsageError(f"--qemu: {shown}: no such file: {name}")
    return str(path.resolve())


def _only_readable(words: Words) -> None:
    """What the guest writes to a disk must not be there in the next run."""
    if _WRITTEN & set(words.extra) and "-snapshot" not in words.extra:
        words.extra.append("-snapshot")
        words.notes.append("-snapshot: added: what the guest writes must not change the next run")
