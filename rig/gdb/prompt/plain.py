"""A session in a plain gdb: the job is made of a pack when a command first needs it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.paths import RULES
from engine.prompt_job import plain_job
from engine.source_files import source_directories
from prompt import register
from prompt.base import WordCommand
from prompt.physical import gdb, quoted_name
from prompt.session import Session

_aliased: set[tuple[str, int]] = set()  # ELF and offset: gdb would take them twice
_open: list[Session] = []  # at most one: gdb's commands are registered once


def open_session(elf: str, pack: str) -> None:
    """Register the commands; another ELF or pack takes the place of the one before."""
    if _open:
        _open[0].other_pack(_maker(elf, pack, ""))
        return
    session = Session(_maker(elf, pack, ""))
    _open.append(session)
    register.register(session)
    ChoosePack(session)


def _maker(elf: str, pack: str, variant: str) -> Any:
    def make() -> dict[str, Any]:
        job = plain_job(pack, elf or gdb.current_progspace().filename, variant)
        if job["note"]:
            gdb.write(f"rig: {job['note']}\n")
        _add_alias_symbols(job)
        return job

    return make


def _add_alias_symbols(job: dict[str, Any]) -> None:
    """The symbols once more where the image runs before it moves, so that gdb names places there.
    gdb's questions and what is shown stay the person's."""
    path = job["elf"]["path"]
    if not path or not gdb.current_progspace().filename:
        return
    quoted = quoted_name(path)
    for directory in reversed(source_directories(Path(path))):
        gdb.execute(f"directory {quoted_name(directory)}", to_string=True)
    asks, loads = gdb.parameter("confirm"), gdb.parameter("auto-load python-scripts")
    gdb.execute("set confirm off")
    gdb.execute("set auto-load python-scripts off")  # the image's has been run
    try:
        for _start, _size, by in job["aliases"]:
            if (path, by) not in _aliased:
                gdb.execute(f"add-symbol-file {quoted} -o {(1 << 64) - by:#x}", to_string=True)
                _aliased.add((path, by))
    finally:
        gdb.execute(f"set auto-load python-scripts {'on' if loads else 'off'}")
        gdb.execute(f"set confirm {'on' if asks else 'off'}")


class ChoosePack(WordCommand):
    """Choose the rule pack that this guest is judged by.
    Usage: rig pack [FILE [VARIANT]]

    FILE is a path, or a name in the rig's own rules. VARIANT is one of the pack's, such as el2 for
    a machine that is entered at EL2; the first one unless given.
    Example: (gdb) rig pack mykernel.yaml el2"""

    word = "pack"
    completer = None

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        if before:
            return []
        files = sorted(str(path) for path in Path(".").glob("*.yaml"))
        return [*files, *sorted(path.stem for path in RULES.glob("*.yaml"))]

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 2)
        session = self.session
        if words:
            variant = words[1] if len(words) > 1 else ""
            # First: one that cannot be made leaves the old one.
            job: dict[str, Any] = _maker("", words[0], variant)()
            session.other_pack(lambda: job)
        job = session.job
        count = sum(len(job[kind]) for kind in ("checkpoints", "transitions", "invariants"))
        gdb.write(f"rig: {job['pack']}, variant {job['variant']}: {count} rules for stepping\n")
        if words and job.get("gdb"):
            register.source(str(job["gdb"]))
