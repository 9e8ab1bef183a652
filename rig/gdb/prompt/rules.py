"""`rig checkpoints`, `rig until` and `rig check`: the pack's rules at a person's hand."""

from __future__ import annotations

from collections.abc import Iterable

from checkpoints import Checkpoint, trigger_text
from engine.checks import FAIL, PASS
from prompt.base import RigCommand, WordCommand, did_you_mean
from prompt.physical import gdb
from prompt.screen import lines, screen
from prompt.session import Session
from stepper import Stop


def checkpoint_named(session: Session, command: str, wanted: str) -> Checkpoint:
    """The checkpoint of that id; gdb.GdbError with what is near. Only inside of `stopped`."""
    items = session.checkpoints()
    for item in items:
        if item.id == wanted:
            return item
    known = [item.id for item in items]
    if not known:
        raise gdb.GdbError(
            f"rig {command}: no rule pack with checkpoints is loaded; in a plain gdb: rig pack FILE"
        )
    hint = did_you_mean(wanted, known) or "; `rig checkpoints` lists them"
    raise gdb.GdbError(f"rig {command}: no checkpoint {wanted}{hint}")


def ids_of(session: Session) -> list[str]:
    """The checkpoints' ids; no guest is needed."""
    return [rule["id"] for rule in session.job["checkpoints"]]


class ShowCheckpoints(RigCommand):
    """List the rule pack's checkpoints: reached or not, and where they are.
    Usage: rig checkpoints

    Example: (gdb) rig checkpoints
    A checkpoint that may have been passed while you ran the guest yourself is marked `?`."""

    word = "checkpoints"

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 0)
        with self.session.stopped():
            self.session.state()
            if self.session.was_moved():
                self.session.prepare()
            items = self.session.checkpoints()
            following = next((i for i in items if not (i.fired or i.unseen or i.lost)), None)
            text = []
            style = screen().style
            for number, item in enumerate(items, 1):
                mark = "ok" if item.fired else "?" if item.unseen or item.lost else "-"
                mark = "next" if item is following else mark
                colour = {"ok": "green", "next": "bold", "?": "yellow"}.get(mark, "dim")
                where = self._where(item)
                text.append(f"  {style(colour, f'{mark:<4}')} {number:>2} {item.id:<28} {where}")
        lines(text or ["the pack has no checkpoints"])

    def _where(self, item: Checkpoint) -> str:
        text = trigger_text(item.rule)
        if item.addresses:
            text += " (" + ", ".join(f"{address:#x}" for address in sorted(item.addresses)) + ")"
        if "marker" in item.rule and not self.session.job["serial"]:
            text += " (the console is not seen from here)"
        return text


class Until(WordCommand):
    """Step to a checkpoint, and judge every rule on the way.
    Usage: rig until CHECKPOINT

    The engine steps every instruction, as `rig run` does; loops that were stepped in full are run
    over. It stops early at a breakpoint of yours, at a broken rule that ends a run, at Ctrl-C.
    Example: (gdb) rig until mmu-on"""

    word = "until"

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        return [] if before else ids_of(self.session)

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 1)
        if not words:
            raise self.wrong("give a checkpoint: rig until CHECKPOINT")
        session = self.session
        with session.stopped():
            item = checkpoint_named(session, self.word, words[0])
            if item.fired:
                raise gdb.GdbError(
                    f"rig until: {item.id} was reached already; `rig checkpoints` shows what is to "
                    "come. Start again with: rig debug"
                )
            if "marker" in item.rule and not session.job["serial"]:
                raise gdb.GdbError(
                    f"rig until: {item.id} waits for text on the console, which is not seen in "
                    "this session; rig debug sees it"
                )
            if session.was_moved():
                session.prepare()
            if item.lost:
                raise gdb.GdbError(
                    f"rig until: when {item.id} comes ({trigger_text(item.rule)}) is not known "
                    "since you moved the guest yourself; start again with: rig debug"
                )
            why = session.run(lambda *_: "", Stop(item.id))
        gdb.write(f"rig: {why}: {session.judging.counts()}\n")
        session.show_place()


class CheckNow(WordCommand):
    """Judge rules at this stop, without stepping.
    Usage: rig check [CHECKPOINT]

    With CHECKPOINT its expectations are asked of the guest as it is now, wherever it is. Without,
    the invariants that hold here are, and the checkpoint that is placed at this PC.
    Example: (gdb) rig check mmu-on"""

    word = "check"

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        return [] if before else ids_of(self.session)

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 1)
        session = self.session
        with session.stopped():
            state = session.state()
            stepper = session.stepper
            checks = []
            if words:
                items = [checkpoint_named(session, self.word, words[0])]
            else:
                items = [i for i in session.checkpoints() if state.pc in i.addresses]
                items += [i for i in stepper.fired_here() if i not in items]
                checks += stepper.invariants.now(state)
            for item in items:
                checks += stepper.checkpoints.now(item, state)
        if not checks:
            raise gdb.GdbError(
                "rig check: nothing to judge here: the pack has no invariants that are active and "
                "no checkpoint at this PC; name one: rig check CHECKPOINT"
            )
        report = screen()
        for check in checks:
            check.variant = session.job["variant"]
            if check.status == PASS:
                report.line(f"  {report.style('green', 'held')} {check.id:<24} {check.text}")
            else:
                report.check(check)
        broken = sum(check.status == FAIL for check in checks)
        held = sum(check.status == PASS for check in checks)
        unknown = len(checks) - broken - held
        more = f", {unknown} not to be judged here" if unknown else ""
        report.line(f"{held} held, {broken} broken{more}")
