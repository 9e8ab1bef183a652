"""A word of the guest's RAM that is kept wrong by one bit: QEMU's words for the poke plugin
(rig/trace/plugin/poke.c), and what the plugin's note says when the run is over."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from .errors import CannotJudge
from .mutant import Poke
from .plugin import choose
from .shared_ram import with_shared_ram

NOTE = "poke.note"
_PLUGIN = "rigpoke"
_NOTE = struct.Struct("=Q")


def with_poke(words: Sequence[str], poke: Poke, elf: Path | None) -> list[str]:
    """A command line with the poke. Other plugins see the wrong bit, wherever they are."""
    result, ram = with_shared_ram(words)
    if not ram:
        raise CannotJudge(
            "descriptors can be changed as they are stored on the board virt only: where another "
            "board's RAM begins is not known"
        )
    options = f"out={NOTE}{ram},pa={poke.pa:#x},value={poke.value:#x},bit={poke.bit}"
    return [*result, "-plugin", f"{choose(result[0], _PLUGIN, elf)},{options}"]


def flipped(folder: Path) -> int:
    """How many times the bit was flipped in a run that is over, in its directory."""
    try:
        (count,) = _NOTE.unpack((folder / NOTE).read_bytes())
    except (OSError, struct.error) as error:
        raise CannotJudge(f"{folder / NOTE}: the poke plugin left no note: {error}") from None
    return int(count)
