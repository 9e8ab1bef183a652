"""`rig walk`, `rig map` and `rig audit`: the address space of this stop, read by rig-trace."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine import snapshot_file
from engine.errors import Exit
from engine.snapshot_file import Snapshot
from prompt.base import RigCommand, WordCommand, address_of, did_you_mean
from prompt.names import Names
from prompt.physical import gdb
from prompt.rules import ids_of
from prompt.session import Session

_TOOL_S = 120
_MMU = 1  # SCTLR_ELx.M
_OPTIONS = {
    "--half": ("low", "high"),
    "--el": ("0", "1", "2"),
    "--filter": ("w", "x", "wx", "device", "user"),
}


class Spaces:
    """What the three share."""

    def __init__(self, session: Session, names: Names) -> None:
        self.session = session
        self.names = names

    def show(self, command: str, *words: str, entry: dict[str, Any] | None = None) -> None:
        """Take a snapshot and print what `rig-trace COMMAND SNAPSHOT WORDS` says of it, in the
        pack's names; raises gdb.GdbError in words."""
        self._need_tool()
        snapshot = self.session.capture()
        _say_when_off(snapshot)
        with self._written(snapshot) as path:
            spec = self.names.written(snapshot, path.parent, entry)
            self._run({path: "this stop"}, command, str(path), *words, *spec)

    def diff(self, old: Path, what: str, words: list[str]) -> None:
        """What this stop's map has that an older one had not, and the other way round."""
        self._need_tool()
        snapshot = self.session.capture()
        with self._written(snapshot) as path:
            spec = self.names.written(snapshot, path.parent, None)
            named = {path: "this stop", old: what}
            self._run(named, "map", "--diff", str(old), str(path), *words, *spec)

    def _need_tool(self) -> None:
        if not self.session.job.get("tool"):
            raise gdb.GdbError("rig: rig-trace is not built: ./tyrne build")

    @staticmethod
    def _written(snapshot: Snapshot) -> "_Written":
        return _Written(snapshot)

    def _run(self, named: dict[Path, str], command: str, *words: str) -> None:
        try:
            done = subprocess.run(
                [self.session.job["tool"], command, *words],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TOOL_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "NO_COLOR": "1"},
            )
        except subprocess.TimeoutExpired:
            raise gdb.GdbError(f"rig: rig-trace did not end within {_TOOL_S} s") from None
        said, complaint = done.stdout, done.stderr
        for path, name in named.items():
            said, complaint = said.replace(str(path), name), complaint.replace(str(path), name)
        gdb.write(said)
        if done.returncode not in (0, 1):  # 1: a rule is broken, which it has told
            how = "could not judge" if done.returncode == Exit.NO_JUDGEMENT else "failed"
            raise gdb.GdbError(complaint.strip() or f"rig: rig-trace {how} ({done.returncode})")
        gdb.write(complaint)


class _Written:
    """A snapshot as a file, as long as it is needed."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        # pylint: disable-next=consider-using-with # it is left in __exit__
        self._folder = tempfile.TemporaryDirectory(prefix="rig-")

    def __enter__(self) -> Path:
        path = Path(self._folder.name) / f"stop{snapshot_file.SUFFIX}"
        try:
            snapshot_file.write(self._snapshot, path)
        except OSError as error:
            self._folder.cleanup()
            raise gdb.GdbError(f"rig: cannot write the snapshot: {error.strerror}") from None
        return path

    def __exit__(self, *_error: object) -> None:
        self._folder.cleanup()


def _say_when_off(snapshot: Snapshot) -> None:
    name = "SCTLR_EL2" if snapshot.regime == "EL2" else "SCTLR_EL1"
    if not snapshot.registers.get(name, 0) & _MMU:
        gdb.write(f"the MMU is off ({name}.M = 0): each address is the physical one\n")


class RigWalk(RigCommand):
    """Walk the translation tables for an address: each level, and what the address means.
    Usage: rig walk ADDRESS

    ADDRESS is any expression of gdb: a number, a symbol, a register. The last lines say who may
    read, write and execute there, and what took a right away.
    Example: (gdb) rig walk $pc"""

    word = "walk"
    completer = gdb.COMPLETE_EXPRESSION
    whole = True

    def __init__(self, spaces: Spaces) -> None:
        super().__init__(spaces.session)
        self._spaces = spaces

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        if not words:
            raise self.wrong("give an address: rig walk ADDRESS")
        self._spaces.show("walk", f"{address_of(words[0], self.word):#x}")


class RigMap(WordCommand):
    """Show what is mapped, with which rights and memory types, in the names of the rule pack.
    Usage: rig map [--half low|high] [--el 0|1|2] [--filter w|x|wx|device|user]
           rig map --diff CHECKPOINT|FILE

    With --diff: what changed since that checkpoint was reached in this session, or against a file
    of `rig snapshot`.
    Example: (gdb) rig map --filter wx
             (gdb) rig map --diff mmu-on"""

    word = "map"

    def __init__(self, spaces: Spaces) -> None:
        super().__init__(spaces.session)
        self._spaces = spaces

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        last = before[-1] if before else ""
        if last == "--diff":
            return ids_of(self.session)
        return _OPTIONS.get(last) or [*(o for o in _OPTIONS if o not in before), "--diff"]

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        for option, value in zip(words, words[1:]):
            if value not in _OPTIONS.get(option, (value,)):
                raise self.wrong(
                    f"{option} {value}: {option} is one of {', '.join(_OPTIONS[option])}"
                )
        if "--diff" not in words:
            self._spaces.show("map", *words)
            return
        at = words.index("--diff")
        rest = words[:at] + words[at + 2 :]
        if at + 1 == len(words):
            raise self.wrong("give what to compare with: rig map --diff CHECKPOINT")
        wanted = words[at + 1]
        path, what = self._old(wanted)
        self._spaces.diff(path, what, rest)

    def _old(self, wanted: str) -> tuple[Path, str]:
        taken = self.session.job.get("snapshots") or {}
        if wanted in taken:
            path = Path(taken[wanted]).resolve()
            if path.is_file():
                return path, wanted
            raise gdb.GdbError(
                f"rig map: {wanted} was not reached in this session, so its map is not known; "
                f"step to it (rig until {wanted}), or give a file of `rig snapshot`"
            )
        if Path(wanted).is_file():
            return Path(wanted).resolve(), wanted
        known = ids_of(self.session)
        raise gdb.GdbError(
            f"rig map: {wanted} is no checkpoint and no file{did_you_mean(wanted, known)}"
        )


class RigAudit(WordCommand):
    """Judge the address space of this stop by the architecture's rules.
    Usage: rig audit [--rule RULE]

    At a checkpoint for which the rule pack has an `address_space`, that is what it is judged by.
    `rig explain RULE` in a shell says why a rule exists.
    Example: (gdb) rig audit --rule wx-mapping"""

    word = "audit"

    def __init__(self, spaces: Spaces) -> None:
        super().__init__(spaces.session)
        self._spaces = spaces

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        if before and before[-1] == "--rule":
            return self._spaces.names.audit_rules()
        return ["--rule"]

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        entry = self._spaces.names.entry_here()
        if entry is not None:
            gdb.write(f"judged as `{entry['id']}` of the pack: {entry['why']}\n")
        self._spaces.show("audit", *words, entry=entry)
