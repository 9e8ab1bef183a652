"""RAM in a file that QEMU's plugins can find, on a command line of QEMU's."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import CannotJudge

RAM_ID = "rig-ram"
VIRT_RAM = 0x4000_0000
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def with_shared_ram(words: Sequence[str]) -> tuple[list[str], str]:
    """The command line with RAM in a file that a plugin can find, and its option that says where
    that starts. Only for `virt`; a command that has a backend already stays as it is."""
    result = list(words)
    where = last_value(result, ("-M", "-machine"))
    size = last_value(result, ("-m",))
    machine = result[where] if where is not None else ""
    board = machine.split(",", maxsplit=1)[0].removeprefix("type=")
    # virt-7.2 is virt as QEMU 7.2 knew it.
    if where is None or (board != "virt" and not board.startswith("virt-")):
        return result, ""
    if "memory-backend=" in machine:
        return result, f",ram={VIRT_RAM:#x}"
    size_text = result[size] if size is not None else "128M"
    result[where] = f"{machine},memory-backend={RAM_ID}"
    backend = f"memory-backend-memfd,id={RAM_ID},size={memory_size(size_text)},share=on"
    return [result[0], "-object", backend, *result[1:]], f",ram={VIRT_RAM:#x}"


def last_value(words: list[str], options: tuple[str, ...]) -> int | None:
    """The place of an option's value, the last one's when it is given more than once."""
    places = [index + 1 for index, word in enumerate(words[:-1]) if word in options]
    return places[-1] if places else None


def memory_size(text: str) -> int:
    """The bytes of QEMU's -m: MiB unless a unit follows."""
    number = text.split(",", maxsplit=1)[0].removeprefix("size=")
    unit = number[-1:].upper()
    try:
        if unit in _UNITS:
            return int(number[:-1]) << _UNITS[unit]
        return int(number) << 20
    except ValueError:
        raise CannotJudge(f"-m {text}: no size that the rig can read") from None
