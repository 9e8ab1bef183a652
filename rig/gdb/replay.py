"""The commands of a replayed run: `rig when`, `rig go`, `rig who-wrote`."""

from __future__ import annotations

from prompt.session import Session


def register(session: Session) -> None:
    """Make them known to gdb, and say where the session stands."""
    del session
