"""Which system registers QEMU's gdb stub offers, from its description of the target."""

from __future__ import annotations

import re
from collections.abc import Callable

_INCLUDE = re.compile(r'xi:include href="([^"]+)"')
_FEATURE = re.compile(r'<feature name="([^"]+)"')
_REGISTER = re.compile(r'<reg name="([^"]+)" bitsize="(\d+)"(?: regnum="(\d+)")?')


def system_registers(document: Callable[[str], str]) -> dict[str, int]:
    """The stub's names and numbers; `document` gives a part of the description by its name."""
    offered: dict[str, int] = {}
    number = 0
    for annex in _INCLUDE.findall(document("target.xml")):
        text = document(annex)
        start = _FEATURE.search(text)
        for name, _bits, given in _REGISTER.findall(text):
            number = int(given) if given else number
            if start and "sys" in start[1]:
                offered[name] = number
            number += 1
    return offered
