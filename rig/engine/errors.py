"""Errors of the rig and their exit codes (RIG.md, "Manners").

0 all held; 1 a rule was broken; 2 wrong usage or a bad rule pack; 3 the rig could not judge;
77 skipped on purpose; 124 out of the time bound; 128 + signal when ended by a signal.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes every tool of the rig shares."""

    HELD = 0
    BROKEN = 1
    USAGE = 2
    NO_JUDGEMENT = 3
    SKIPPED = 77
    TIME_BOUND = 124
    SIGNAL = 128


class RigError(Exception):
    """Something that ends the command; `code` is the exit code, the text is for the user."""

    code: int = Exit.NO_JUDGEMENT


class UsageError(RigError):
    """The command, the ELF or the pack is not what it has to be."""

    code = Exit.USAGE


class PackError(UsageError):
    """A rule pack is wrong; carries every finding, one line each."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


class CannotJudge(RigError):
    """A tool died or is missing, or an input is damaged: neither a pass nor a broken rule."""

    code = Exit.NO_JUDGEMENT


class TimeBound(RigError):
    """The guest or the rig ran out of its time bound."""

    code = Exit.TIME_BOUND


class Interrupted(RigError):
    """A signal asked the rig to end; the exit code is 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"ended by signal {signum}")
        self.code = Exit.SIGNAL + signum
