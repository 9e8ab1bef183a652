"""Where does a guest hang? Asked of QEMU when the time bound is reached."""

from __future__ import annotations

import re
from pathlib import Path

from .checks import Where
from .image import Image
from .qemu import QMP_DRIVER
from .qmp import Qmp, QmpError
from .source_lines import source_lines

# Under -icount sleep=off QEMU spins, and answers nobody, when every CPU sleeps and nothing comes.
UNKNOWN_PLACE = (
    "an unknown place (QEMU does not answer: a guest that sleeps in WFI with nothing armed that "
    "would wake it looks like this)"
)
_TIMEOUT_S = 3.0


def where_is(run_dir: Path, image: Image) -> Where | None:
    """The guest's PC now, as a place; None when QEMU does not answer."""
    try:
        qmp = Qmp(run_dir / QMP_DRIVER, _TIMEOUT_S)
        text = qmp.monitor("info registers")
        qmp.close()
    except QmpError:
        return None
    match = re.search(r"\bPC=([0-9a-fA-F]+)", text)
    if match is None:
        return None
    pc = int(match[1], 16)
    link = image.link(pc)
    file, line = source_lines(image, [link]).get(link, ("", 0))
    return Where(pc, image.locate(pc), file, line)
