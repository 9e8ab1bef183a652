"""Physical memory in any gdb session on QEMU, and a Ctrl-C that waits.

QEMU's stub reads physical memory while a mode is on (Qqemu.PhyMemMode). A session that is left in
that mode shows a person the wrong memory without a word, so it is on inside of `physical_memory`
only, which nothing interrupts, and is off behind it whatever happened.
"""

from __future__ import annotations

import importlib
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

gdb: Any = importlib.import_module("gdb")  # this directory must never be imported as `gdb`

_ON, _OFF = "Qqemu.PhyMemMode:1", "Qqemu.PhyMemMode:0"
PART = 1 << 16  # bytes read while Ctrl-C waits


def quoted_name(path: object) -> str:
    """A file name as one word of a gdb command."""
    return re.sub(r"([\s\"'\\])", r"\\\1", str(path))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C; what came meanwhile comes right behind."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def interrupt_waits() -> bool:
    """Did a Ctrl-C come while it is held back?"""
    return signal.SIGINT in signal.sigpending()


def send(text: str) -> str:
    """One packet to the stub over gdb's own connection, and its answer; gdb.GdbError in words."""
    connection = gdb.selected_inferior().connection
    if not isinstance(connection, gdb.RemoteTargetConnection):
        raise gdb.GdbError("rig: no guest is connected; connect to QEMU first: target remote :1234")
    answer = connection.send_packet(text)
    return (answer or b"").decode("latin-1")


@contextmanager
def physical_memory() -> Iterator[None]:
    """Addresses that gdb reads inside are physical. Keep it short: Ctrl-C waits meanwhile."""
    with uninterrupted():
        if send(_ON) != "OK":
            raise gdb.GdbError("rig: this stub has no physical memory mode: is it QEMU's?")
        try:
            gdb.execute("maintenance flush dcache", to_string=True)
            yield
        finally:
            send(_OFF)
            gdb.execute("maintenance flush dcache", to_string=True)


def read_physical(address: int, size: int) -> bytes | None:
    """Physical memory, None where it cannot be read; a Ctrl-C waits for one part of it only."""
    data = b""
    for at in range(address, address + size, PART):
        with physical_memory():
            try:
                part = gdb.selected_inferior().read_memory(at, min(PART, address + size - at))
            except gdb.MemoryError:
                return None
        data += bytes(part)
    return data
