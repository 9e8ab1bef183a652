"""Makes the commands known to gdb."""

from __future__ import annotations

import runpy

from prompt.faults import Esr, WhyFault
from prompt.identify import Identify
from prompt.moving import StepState, Watch
from prompt.names import Names
from prompt.physical import gdb
from prompt.rules import CheckNow, ShowCheckpoints, Until
from prompt.session import Session
from prompt.spaces import RigAudit, RigMap, RigWalk, Spaces
from prompt.status import Status
from prompt.sysreg import Sysreg


class RigPrefix(gdb.Command):
    """What the rig knows of the guest at this stop, and what it can do with it.

    Start with `rig status`. `help rig COMMAND` has an example of each."""

    def __init__(self) -> None:
        super().__init__("rig", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


def source(path: str) -> None:
    """What `source` of gdb does with a file, but a Python file knows its own name (`__file__`) also
    when a script sources it; gdb 13 leaves it the other script's."""
    if path.endswith(".py"):
        runpy.run_path(path)
    else:
        gdb.execute(f"source {path}")


def register(session: Session) -> None:
    """All of them, for this session."""
    RigPrefix()
    for kind in (
        Status, Sysreg, ShowCheckpoints, Until, CheckNow, StepState, Watch, Esr, WhyFault
    ):  # fmt: skip
        kind(session)
    names = Names(session)
    Identify(session, names)
    spaces = Spaces(session, names)
    for one in (RigWalk, RigMap, RigAudit):
        one(spaces)
