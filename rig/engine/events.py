"""Reads the engine's events from a pipe until it closes, with a deadline."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

from .errors import TimeBound


def read_events(fd: int, deadline: float, alive: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Yield events; ends at the pipe's end, raises TimeBound at the deadline. `alive` is asked now
    and then, so a pipe kept open by nobody useful cannot hold the rig."""
    buffer = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeBound("out of time")
        ready, _, _ = select.select([fd], [], [], min(left, 0.5))
        if not ready:
            if not alive():
                return
            continue
        data = os.read(fd, 1 << 16)
        if not data:
            return
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            yield json.loads(line)
