"""The commands of a replayed run: `rig when`, `rig go`, `rig who-wrote`; `help rig COMMAND`."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from engine.qmp import QmpError
from engine.register_view import UnknownName, change_lines, field_name, register_name
from prompt.base import RigCommand, WordCommand, address_of, did_you_mean
from prompt.physical import gdb, interrupt_waits
from prompt.screen import lines, marked
from prompt.session import Session
from prompt.sysreg import offered
from replay_time import Interrupted, Timeline, forget_caches
from replay_writers import PSTATE_FIELDS, Found, Writers
from target import Target

_ALL = (1 << 64) - 1
_GENERAL = re.compile(r"x(?:[0-9]|[12][0-9]|30)")
_OTHER_NAMES = {"lr": "x30", "fp": "x29"}
_SIZE_MAX = 4096
_CALLERS = 4
_WORDS = ("start", "broken", "end")


class Replay:
    """What the commands share: the recording, and moving in its time."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.recording: dict[str, Any] = session.job["replay"]
        self.timeline = Timeline(self.recording)
        session.guest_moved()  # it stands somewhere in its boot
        session.way = lambda: self.place()[:2]
        gdb.events.stop.connect(self._stopped)

    def _stopped(self, _event: Any) -> None:
        """gdb moved the guest: what has to hold at each stop."""
        try:
            self.timeline.hold_at_end()
            if self.timeline.count() >= self.timeline.end:
                gdb.write(
                    f"rig: the recording ends here ({self.recording['ended']}); go back with "
                    "reverse-continue, reverse-stepi or rig go\n"
                )
        except QmpError:
            pass  # the guest is gone, which gdb tells

    @contextmanager
    def moving(self) -> Iterator[Target]:
        """The guest is moved inside; whatever happens gdb then sees where it is. When it does not
        end well, the guest is back where it was."""
        with self.session.stopped() as target:
            target.interruptible(interrupt_waits)
            here = self.timeline.count()
            try:
                yield target
            except (Interrupted, gdb.GdbError) as error:
                self.timeline.go(target, here, patient=True)
                while interrupt_waits():
                    signal.sigtimedwait({signal.SIGINT}, 0)
                if isinstance(error, gdb.GdbError):
                    raise
                raise gdb.GdbError(f"rig: interrupted; back at instruction {here:,}") from None
            finally:
                self.session.guest_moved()
                target.hand_over()
                forget_caches()
                self.timeline.hold_at_end()

    def place(self) -> list[str]:
        """Where in time the guest stands, in words."""
        count, end = self.timeline.count(), self.timeline.end
        share = 100 * count / end if end else 100.0
        points = self.recording["checkpoints"]
        passed = [p for p in points if p["count"] <= count]
        text = [f"instruction {count:,} of {end:,} ({share:.1f} %) of {self.recording['variant']}"]
        after = (
            f"behind checkpoint {passed[-1]['name']} ({passed[-1]['count']:,})" if passed else ""
        )
        following = next((p for p in points if p["count"] > count), None)
        if following:
            after += f"{', ' if after else ''}next {following['name']} ({following['count']:,})"
        if after:
            text.append(f"  {after}")
        at, broken = self.recording["at"], self.recording["broken"]
        if count == at["count"]:
            text.append(marked(f"  here broke {broken['rule']}: {broken['text']}"))
            for word in ("expected", "actual"):
                if broken[word]:
                    text.append(f"    {word:<8} {broken[word]}")
            text += [f"    {line}" for line in broken["details"]]
        else:
            way = "later" if count < at["count"] else "earlier"
            text.append(
                f"  {broken['rule']} broke {abs(count - at['count']):,} instructions {way}: "
                "rig go broken"
            )
        return text


class When(RigCommand):
    """Say where in the recording the guest stands.
    Usage: rig when

    Instructions are counted as QEMU counts them, from the first one of the boot; the reports of
    `rig run` have the same counts.
    Example: (gdb) rig when"""

    word = "when"

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        super().__init__(replay.session)

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 0)
        with self.session.stopped():
            lines(self._replay.place())


class Go(WordCommand):
    """Go to another moment of the recording, forward or back.
    Usage: rig go COUNT|+N|-N|CHECKPOINT|start|broken|end

    COUNT is the number of instructions executed; +N and -N count from here. A CHECKPOINT is one
    that fired in the judged run, `broken` is where the first rule broke.
    Example: (gdb) rig go mmu-on
             (gdb) rig go -1000"""

    word = "go"

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        super().__init__(replay.session)

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        return [] if before else [*self._checkpoints(), *_WORDS]

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 1)
        if not words:
            raise self.wrong("say where to: a count, a checkpoint, start, broken or end")
        with self._replay.moving() as target:
            self._replay.timeline.go(target, self._count(words[0]))
            text = self._replay.place()
        lines(text)
        self.session.show_place()

    def _checkpoints(self) -> dict[str, int]:
        return {p["name"]: p["count"] for p in self._replay.recording["checkpoints"]}

    def _count(self, text: str) -> int:
        timeline = self._replay.timeline
        known = self._checkpoints()
        known |= {"start": 0, "broken": self._replay.recording["at"]["count"], "end": timeline.end}
        if text in known:
            return known[text]
        digits = text.replace(",", "").replace("_", "")
        try:
            count = int(digits, 0)
        except ValueError:
            raise self.wrong(
                f"{text} is no count, and no checkpoint that fired{did_you_mean(text, known)}"
            ) from None
        if digits[:1] in "+-":
            count += timeline.count()
        if not 0 <= count <= timeline.end:
            raise self.wrong(f"the recording has instructions 0 to {timeline.end:,}, not {count:,}")
        return count


class WhoWrote(WordCommand):
    """Find the instruction that wrote a register or memory last before now, and stand before it.
    Usage: rig who-wrote REGISTER | REGISTER.FIELD | x0..x30 | sp | SYMBOL | *ADDRESS[,SIZE]

    Of a REGISTER it is the last write, of a FIELD the last one that changed it. An ADDRESS is any
    expression of gdb; its bytes are also looked for at their physical address and at the image's
    aliases, where they may have been written before the jump. `stepi` then executes the write.
    Example: (gdb) rig who-wrote SCTLR_EL1.WXN
             (gdb) rig who-wrote *$sp,8"""

    word = "who-wrote"
    whole = True

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._writers = Writers(replay.session, replay.timeline)
        super().__init__(replay.session)

    def candidates(self, before: list[str]) -> Iterable[str]:
        """See WordCommand."""
        if before:
            return
        for name, described in self.session.table.registers.items():
            yield name
            yield from (f"{name}.{field}" for field in described.fields)
        yield from (symbol.name for symbol in self.session.image.elf.symbols.values())

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        if not words:
            raise self.wrong("say whose: a register, REGISTER.FIELD, a symbol, or *ADDRESS[,SIZE]")
        with self._replay.moving() as target:
            here = self._replay.timeline.count()
            told = self._answer(target, words[0], here)
            told.append(f"  the guest stands before it: stepi executes it, rig go {here} goes back")
        lines([*told[:-1], *_callers(), told[-1]])
        self.session.show_place()

    def _answer(self, target: Target, text: str, here: int) -> list[str]:
        if text.startswith("*"):
            expression, size = _sized(text[1:])
            if not 1 <= size <= _SIZE_MAX:
                raise self.wrong(f"SIZE is 1 to {_SIZE_MAX} bytes, not {size}")
            return self._memory(target, text[1:], address_of(expression, self.word), size, here)
        core = text.lower().removeprefix("$")
        core = _OTHER_NAMES.get(core, core)
        if core == "sp" or _GENERAL.fullmatch(core):
            return self._general(target, core, 31 if core == "sp" else int(core[1:]), here)
        name, _, part = text.removeprefix("$").partition(".")
        table = self.session.table
        stub = offered(self.session, table)
        try:
            name = register_name(name, table, stub)
        except UnknownName as error:
            symbol = self.session.image.elf.symbols.get(text)
            if symbol is None and not _evaluates(text):
                raise self.wrong(f"{error}; and no symbol or expression of gdb either") from None
            address = self._place_of(text) if symbol is None else symbol.value
            return self._memory(target, text, address, _size_of(text, symbol), here)
        if name not in table:
            raise self.wrong(f"{name} is not in the architecture table: its writes are not known")
        mask = _ALL
        try:
            if part:
                mask = table[name].fields[field_name(part, table[name])].mask
        except UnknownName as error:
            raise self.wrong(str(error)) from None
        return self._system(target, name, stub, mask, text, here)

    def _place_of(self, text: str) -> int:
        """Where the object is that an expression of gdb names: not its value."""
        value = gdb.parse_and_eval(text)
        if value.address is None:
            raise self.wrong(f"{text} is no place in memory; an address is written *{text}")
        return int(value.address) & _ALL

    def _system(  # pylint: disable=too-many-arguments,too-many-positional-arguments
        self, target: Target, name: str, stub: dict[str, str], mask: int, text: str, here: int
    ) -> list[str]:
        found = self._writers.system(target, name, stub, mask)
        if found is None:
            what = "changed" if mask != _ALL or name in PSTATE_FIELDS else "written"
            raise gdb.GdbError(
                f"rig: {text} was not {what} before instruction {here:,} by the image's code: it "
                "has the value of reset, or what the machine gave it"
            )
        told = self._told(found, text)
        told.append(f"  {name} {found.old:#x} -> {found.new:#x}")
        described = self.session.table[name]
        if found.old == found.new:
            told[-1] += " (the same value)"
        else:
            told += [f"    {line}" for line in change_lines(described, found.old, found.new)]
        if found.passed:
            told.append(f"  {found.passed} later writes left {text} as it is")
        return told

    def _memory(  # pylint: disable=too-many-arguments,too-many-positional-arguments
        self, target: Target, text: str, address: int, size: int, here: int
    ) -> list[str]:
        looked = self._writers.addresses(address)
        found = self._writers.memory(target, address, size)
        if found is None:
            raise gdb.GdbError(
                f"rig: no instruction before {here:,} wrote {text} ({size} bytes, looked for at "
                f"{', '.join(f'{a:#x}' for a in looked)}): it holds what the loader, a device or "
                "the rig's filling put there"
            )
        told = self._told(found, f"{text} ({size} bytes at {address:#x})")
        alias = "" if found.through == address else ", an alias of it"
        told.append(f"  through address {found.through:#x}{alias}")
        told.append(f"  {_bytes(found.old, size)} -> {_bytes(found.new, size)}")
        if found.old == found.new:
            told[-1] += " (the same value)"
        return told

    def _general(self, target: Target, name: str, number: int, here: int) -> list[str]:
        found = self._writers.general(target, number)
        if found is None:
            raise gdb.GdbError(
                f"rig: {name} was not written before instruction {here:,}: it is as reset left it"
            )
        told = self._told(found, name)
        told.append(f"  {name} {found.old:#x} -> {found.new:#x}")
        if found.old == found.new:
            told[-1] += " (the same value)"
        return told

    def _told(self, found: Found, what: str) -> list[str]:
        where = self.session.stepper.recorder.where(found.insn.pc)
        by = "taking an exception at" if found.by_exception else "by"
        return [
            f"{what} was written {by} instruction {found.count + 1:,}: `{found.insn.text}`",
            f"  at {where.text()}",
        ]


def _callers() -> list[str]:
    """Who called the function here, as gdb unwinds it: a store is often in a helper."""
    found: list[str] = []
    try:
        frame = gdb.selected_frame().older()
        while frame is not None and frame.is_valid() and len(found) < _CALLERS:
            place = frame.find_sal()
            file = place.symtab.filename.rpartition("/")[2] if place.symtab else ""
            line = f" {file}:{place.line}" if file else ""
            found.append(f"{frame.name() or hex(frame.pc())}{line}")
            frame = frame.older()
    except (gdb.error, gdb.MemoryError):
        pass  # no more can be unwound
    return [f"  called by {', '.join(found)}"] if found else []


def _sized(text: str) -> tuple[str, int]:
    """ADDRESS[,SIZE]; a comma inside of brackets is the expression's."""
    head, comma, tail = text.rpartition(",")
    if comma and head.count("(") == head.count(")"):
        return head, address_of(tail, "who-wrote")
    return text, 1


def _evaluates(text: str) -> bool:
    try:
        gdb.parse_and_eval(text)
        return True
    except gdb.error:
        return False


def _size_of(text: str, symbol: Any) -> int:
    """The bytes of a symbol or of an expression's value."""
    size = symbol.size if symbol is not None else 0
    try:
        value = gdb.parse_and_eval(text)
        if value.type.code not in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ERROR):
            size = size or value.type.sizeof
    except gdb.error:
        pass
    return min(size or 8, _SIZE_MAX)


def _bytes(value: int, size: int) -> str:
    """Memory as a number when it is one, else its first bytes."""
    if size in (1, 2, 4, 8):
        return f"{value:#x}"
    return value.to_bytes(size, "little")[:16].hex(" ") + (" …" if size > 16 else "")


def register(session: Session) -> None:
    """Make the commands known to gdb, and say where the session stands."""
    replay = Replay(session)
    for kind in (When, Go, WhoWrote):
        kind(replay)
    session.guest_moved()
    replay.timeline.hold_at_end()
    with session.stopped():
        text = replay.place()
    lines([f"replaying {text[0]}", *text[1:]])
