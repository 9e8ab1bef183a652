"""The path of a boot: each instruction that one free run of a guest executed, in order.

QEMU translates one instruction at a time and logs each before it runs (`-singlestep -d
exec,nochain`), as operand_log.py has it; the guest never stops, so it goes the way it always goes.
"""

from __future__ import annotations

import os
import re
import select
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .errors import CannotJudge, TimeBound
from .image import Image
from .process import Children, pick_cpu
from .run_end import End, Watch

_CHUNK = 1 << 20
_PC = re.compile(rb"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/", re.MULTILINE)
# Of a longer boot the beginning is kept: what migrates comes first.
MOST = 8_000_000
# Stands in the path for any number of instructions outside of the image: user code, firmware.
OUTSIDE = (1 << 64) - 1


@dataclass
class Executed:
    """Link addresses of the executed instructions of the image, in order."""

    pcs: "array[int]" = field(default_factory=lambda: array("Q"))
    cut: bool = False  # the run was longer than what is kept

    @cached_property
    def executed(self) -> Counter[int]:
        """How often each address was executed."""
        counts = Counter(self.pcs)
        del counts[OUTSIDE]
        return counts

    @cached_property
    def _steps(self) -> set[tuple[int, int]]:
        """Each address with each that came right behind it."""
        return set(zip(self.pcs, self.pcs[1:]))

    @cached_property
    def followed(self) -> set[int]:
        """Addresses right behind which the next one in memory was executed, once at least."""
        return {a for a, b in self._steps if b == a + 4}

    @cached_property
    def together(self) -> set[int]:
        """Those of them that never went elsewhere, and whose next one was never come to otherwise:
        the two are executed as one. None of a path that was cut, which does not tell."""
        if self.cut:
            return set()
        apart = {self.pcs[0] - 4, self.pcs[-1]} if self.pcs else set()
        for a, b in self._steps:
            if b != a + 4:
                apart |= {a, b - 4}
        return self.followed - apart


def record(
    command: Sequence[str], folder: Path, bound: float, image: Image, end: End = End()
) -> Executed:
    """Follow one run to its end. `command` is QEMU's deterministic command line without a log, with
    the words of `end` for a guest that does not end by itself.

    Raises TimeBound when it does not end within `bound` seconds.
    """
    read, write = os.pipe()
    words = [*command, "-singlestep", "-d", "exec,nochain", "-D", f"/dev/fd/{write}"]
    found = Executed()
    deadline = time.monotonic() + bound
    try:
        with Children(pick_cpu()) as children:
            try:
                qemu = children.start("path", words, folder, pass_fds=(write,))
            finally:
                os.close(write)
            rest = b""
            watch = Watch(end, folder, qemu)
            while not found.cut:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeBound(f"the run that is followed did not end within {bound:g} s")
                if not select.select([read], [], [], min(left, 0.2))[0]:
                    if watch.come():
                        return found
                    continue
                chunk = os.read(read, _CHUNK)
                rest = _take(rest + chunk, found, image, not chunk)
                if not chunk:
                    break
            if not found.cut and qemu.wait(5.0) != 0:
                raise CannotJudge(f"QEMU died while its path was followed: {qemu.stderr()}")
    finally:
        os.close(read)
    return found


def _take(text: bytes, found: Executed, image: Image, last: bool) -> bytes:
    """The whole lines of a text; returns what is left of it."""
    end = len(text) if last else text.rfind(b"\n") + 1
    for match in _PC.finditer(text, 0, end):
        pc = int(match[1], 16)
        if image.in_text(pc):
            found.pcs.append(image.link(pc))
            if len(found.pcs) >= MOST:
                found.cut = True
                break
        elif found.pcs and found.pcs[-1] != OUTSIDE:
            found.pcs.append(OUTSIDE)
    return text[end:]
