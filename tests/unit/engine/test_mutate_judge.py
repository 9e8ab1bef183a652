#!/usr/bin/python3
"""Judging a mutant: its image, the smoke test beside the rig, and the verdict of made-up phases."""

from __future__ import annotations

import os
import struct
import tempfile
import unittest
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from mutate_case import mutant
from support import ROOT, TABLE, make_image

# pylint: disable=wrong-import-order # support sets the path
from engine import pack as pack_file
from engine.audit_check import GROUP as SPACES
from engine.checks import ERROR, FAIL, NOT_JUDGED, PASS, Check
from engine.errors import CannotJudge, Exit, TimeBound
from engine.mutant import KILLED, SURVIVED, Outcome, Patch
from engine.mutate_image import write_image
from engine.mutate_judge import FREE_RUN, GUEST_ENDS, STEP, Baseline, Judge
from engine.mutate_places import UNREAD, judge_space
from engine.mutate_smoke import fault_words, smoke
from engine.pack import Pack
from engine.qemu import LOG, machine_for
from engine.results import GIVEN_UP, Phase, VariantResult
from engine.run_end import NOTE, Budget, End, Watch
from engine.session import Inputs
from engine.snapshot import Place

PACK = """\
guest: small
why: a test
variants: {el1: {why: one}, el2: {why: two}}
markers:
  - {id: hello, text: hello, why: a test}
  - {id: dropped, text: to EL1, variants: [el2], why: a test}
  - {id: gone, text: gone, why: a test}
  - {id: bye, text: bye, why: a test}
waive: [{rule: gone, why: a test}]
"""
ISB, NOP = bytes.fromhex("df3f03d5"), bytes.fromhex("1f2003d5")
HIGH = 0xFFFF_FFFF_4008_0000


def write_elf(path: Path) -> bytes:
    """Two loaded segments: the first is linked high and has room behind its contents."""
    headers = 64 + 2 * 56
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    words = (2, 183, 1, HIGH, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    image = ident + struct.pack("<HHIQQQIHHHHHH", *words)
    for offset, address, size in ((headers, HIGH, 16), (headers + 16, 0x1000, 8)):
        image += struct.pack("<IIQQQQQQ", 1, 5, offset, address, address, size, size + 64, 4)
    image += (ISB + b"\0" * 4) * 2 + ISB + ISB
    path.write_bytes(image)
    return image


class RoomTest(unittest.TestCase):
    """A directory with an image and a pack."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.room = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        self.elf = self.room / "guest.elf"
        self.image = write_elf(self.elf)
        (self.room / "small.yaml").write_text(PACK, "utf-8")
        self.pack: Pack = pack_file.load(self.room / "small.yaml", ROOT / "rig" / "rules")


class Images(RoomTest):
    """The mutant's ELF."""

    def patched(self, *patches: Patch) -> bytes:
        """The image with the patches."""
        write_image(self.elf, patches, self.room / "mutant.elf")
        return (self.room / "mutant.elf").read_bytes()

    def test_a_patch_changes_its_bytes_only(self) -> None:
        """Wherever its segment lies in the file; the original stays as it is."""
        for address, offset in ((HIGH + 8, 8), (0x1004, 20)):
            at = 64 + 2 * 56 + offset
            expected = self.image[:at] + NOP + self.image[at + 4 :]
            self.assertEqual(self.patched(Patch(address, ISB, NOP)), expected)
        self.assertEqual(self.elf.read_bytes(), self.image)
        self.assertEqual(self.patched(), self.image)

    def test_two_patches(self) -> None:
        """Both, such as two neighbours that change places."""
        done = self.patched(Patch(HIGH, ISB, b"\0" * 4), Patch(HIGH + 4, b"\0" * 4, ISB))
        self.assertEqual(done[176:184], b"\0" * 4 + ISB)
        self.assertEqual(done[:176] + done[184:], self.image[:176] + self.image[184:])

    def test_another_image(self) -> None:
        """Other bytes than the patch is for, none in the file, or beyond what is loaded."""
        for address in (HIGH + 4, HIGH + 16, HIGH + 14, 0x1008, HIGH - 4, 0):
            with self.assertRaisesRegex(CannotJudge, f"does not hold df3f03d5 at {address:#x}"):
                self.patched(Patch(address, ISB, NOP))
        self.assertFalse((self.room / "mutant.elf").exists())


class Smoke(RoomTest):
    """What a plain smoke test makes of a console."""

    GOOD = ("hello", "to EL1", "0 errors", "bye")

    def smoke(self, *console: str, variant: str = "el2") -> str:
        """The words that it fails with."""
        return smoke(self.pack, variant, console, fault_words(self.pack, self.GOOD))

    def test_markers_in_their_order(self) -> None:
        """Those of the variant, without the waived ones, each behind the one before."""
        self.assertEqual(self.smoke(*self.GOOD), "")
        self.assertEqual(self.smoke("hello", "bye"), "no 'to EL1'")
        self.assertEqual(self.smoke("hello", "bye", variant="el1"), "")
        self.assertEqual(self.smoke("to EL1", "hello", "bye"), "no 'to EL1'")
        self.assertEqual(self.smoke(), "no 'hello'")

    def test_a_word_of_trouble(self) -> None:
        """In any case of letters, up to the last marker: there a smoke test stops, so that neither
        a hang nor trouble behind it is seen."""
        trouble = "Unhandled Exception 4"
        self.assertEqual(
            self.smoke("hello", trouble, "to EL1", "bye"), "'exception' in 'Unhandled Exception 4'"
        )
        self.assertEqual(self.smoke(*self.GOOD, trouble), "")

    def test_words_that_a_good_boot_has(self) -> None:
        """Are not looked for; the others are."""
        words = fault_words(self.pack, self.GOOD)
        self.assertNotIn("error", words)
        self.assertIn("panic", words)
        self.assertEqual(self.smoke("hello", "error 7", "to EL1", "bye"), "")

    def test_a_pack_without_markers(self) -> None:
        """All that came is looked at."""
        self.pack.data["markers"] = []
        self.assertEqual(self.smoke("anything"), "")
        self.assertEqual(self.smoke("anything", "kernel PANIC"), "'panic' in 'kernel PANIC'")


def check(rule: str, status: str = PASS, kind: str = "marker") -> Check:
    """A check of a rule."""
    return Check(rule, rule, kind, "group", status, f"text of {rule}", actual="seen", why="a test")


@dataclass
class Made:
    """A phase as it is made up."""

    name: str
    checks: Sequence[Check] = (check("good"),)
    error: str = ""
    code: int = Exit.HELD
    reason: str = ""
    notes: Sequence[str] = ()
    findings: Sequence[dict[str, Any]] = ()
    raises: str = ""


def broken(*rules: str) -> list[Check]:
    """Checks of which these are red."""
    return [check("good"), *(check(rule, FAIL) for rule in rules)]


def note(rule: str, function: str, offset: int = 0) -> dict[str, Any]:
    """A finding of the ordering rules that is no error."""
    return {
        "rule": rule,
        "level": "note",
        "write": {"symbol": f"{function}+{offset:#x}"},
        "consumer": None,
    }


FREE, ORDER, STEPS = Made(FREE_RUN), Made("ordering"), Made(STEP)
DEAD = Made(FREE_RUN, [check("good", NOT_JUDGED)], "QEMU died", Exit.NO_JUDGEMENT)
SLOW = Made(STEP, [], "stepping did not end within 1 s", Exit.TIME_BOUND, "time bound")


@dataclass
class Script:
    """What the phases of each try come to; the names of those that were run."""

    tries: Sequence[Sequence[Made]]
    ran: list[str] = field(default_factory=list)
    number: int = 0

    def in_place(self) -> Callable[[Any], list[tuple[str, Callable[[], None]]]]:
        """A function in the place of a method."""

        def phases(run: Any) -> list[tuple[str, Callable[[], None]]]:
            return self.phases(run)

        return phases

    def phases(self, run: Any) -> list[tuple[str, Callable[[], None]]]:
        """Those of the next try."""
        made = self.tries[min(self.number, len(self.tries) - 1)]
        self.number += 1
        return [(item.name, partial(self._phase, item, run)) for item in made]

    def _phase(self, made: Made, run: Any) -> None:
        self.ran.append(made.name)
        if made.raises:
            raise CannotJudge(made.raises)
        console = ["hello", "bye"] if made.name == FREE_RUN else []
        run.result.phases.append(
            Phase(
                made.name, made.reason, error=made.error, code=made.code, console=console,
                notes=list(made.notes),
            )
        )  # fmt: skip
        run.result.checks += made.checks
        if made.findings:
            run.result.order = {"findings": list(made.findings)}


class Places(RoomTest):
    """The audit in a free run."""

    def test_a_guest_that_does_not_come_there(self) -> None:
        """Is told, and breaks nothing."""
        image = make_image()
        machine = machine_for(self.pack, "el1", None, None)
        result = VariantResult(machine)
        place = Place("up", (HIGH,), 1)
        inputs = Inputs(self.pack, image, TABLE, {})
        for error in (CannotJudge("it never came"), TimeBound("it never came")):
            with mock.patch("engine.mutate_places.take_running", side_effect=error):
                judge_space(inputs, machine, image, place, self.room / "x", result)
            phase = result.phases.pop()
            self.assertEqual(phase.reason, UNREAD)
            self.assertEqual(phase.notes, ["not judged at up: it never came"])
        self.assertEqual(result.checks, [])


class Verdicts(RoomTest):
    """Phases and what they make of a mutant."""

    def judge(
        self, *tries: Sequence[Made], thorough: bool = False, **baseline: Any
    ) -> tuple[Outcome, list[str]]:
        """The outcome of a mutant whose phases come to this, and the phases that were run."""
        image = make_image()
        image.elf.path = str(self.elf)
        judge = Judge(
            Inputs(self.pack, image, TABLE, {}), machine_for(self.pack, "el1", None, None),
            Baseline(1000, 1000, **baseline), 1.0,
        )  # fmt: skip
        script = Script(tries)
        with mock.patch("engine.mutate_judge._Run.phases", script.in_place()):
            outcome = judge.judge(mutant(0), self.room / "m", thorough)
        return outcome, script.ran

    def decides(self, verdict: str, *tries: Sequence[Made], **more: Any) -> Outcome:
        """The same, with its verdict."""
        outcome, _ran = self.judge(*tries, **more)
        self.assertEqual(outcome.verdict, verdict, outcome)
        self.assertEqual(bool(outcome.why), verdict == NOT_JUDGED)
        self.assertEqual(bool(outcome.rules or outcome.notes), verdict == KILLED)
        return outcome

    def test_all_hold(self) -> None:
        """By all phases, once."""
        outcome, ran = self.judge([FREE, ORDER, STEPS])
        self.assertEqual((outcome.verdict, outcome.why, outcome.smoke), (SURVIVED, "", ""))
        self.assertEqual(ran, [FREE_RUN, "ordering", STEP])

    def test_the_first_phase_that_is_red(self) -> None:
        """Its rules in their order, each once, and the first one's words; the rest is not run."""
        red = Made("ordering", broken("isb-after", "vbar", "isb-after"))
        outcome, ran = self.judge([FREE, red, STEPS])
        self.assertEqual((outcome.verdict, outcome.phase), (KILLED, "ordering"))
        self.assertEqual(outcome.rules, ["isb-after", "vbar"])
        self.assertEqual(outcome.says, "text of isb-after: seen")
        self.assertEqual(ran, [FREE_RUN, "ordering"])

    def test_thorough(self) -> None:
        """Every phase, and what each finds; the phase is the first one's."""
        phases = [
            Made(FREE_RUN, broken("no-marker")),
            Made("ordering", broken("vbar", "no-marker")),
            SLOW,
            Made("address-space", broken("w-xor-x")),
        ]
        outcome, ran = self.judge(phases, thorough=True)
        self.assertEqual(outcome.rules, ["no-marker", "vbar", "w-xor-x"])
        self.assertEqual((outcome.phase, outcome.says), (FREE_RUN, "text of no-marker: seen"))
        self.assertEqual(len(ran), 4)

    def test_given_up(self) -> None:
        """A guest that would not end breaks that rule; beside another one it is named last."""
        gone = Made(FREE_RUN, [], "the guest did not end", Exit.TIME_BOUND, GIVEN_UP)
        outcome = self.decides(KILLED, [gone, ORDER])
        self.assertEqual((outcome.rules, outcome.says), ([GUEST_ENDS], "the guest did not end"))
        gone.checks = broken("deny")
        outcome, ran = self.judge([gone, ORDER], thorough=True)
        self.assertEqual(outcome.rules, ["deny", GUEST_ENDS])
        self.assertEqual(outcome.says, "text of deny: seen")
        self.assertEqual(ran, [FREE_RUN])

    def test_the_wall_clock(self) -> None:
        """Kills nothing by itself: another try, then it is not judged; what it would not end in
        either is not begun. A rule that broke before is broken."""
        words = "the guest did not end within 1 s"
        slow = Made(FREE_RUN, [], words, Exit.TIME_BOUND, "time bound")
        outcome, ran = self.judge([slow, ORDER])
        self.assertEqual(outcome.verdict, NOT_JUDGED)
        self.assertEqual(outcome.why, f"free-run: {words}")
        self.assertEqual(ran, [FREE_RUN] * 2)
        slow.checks = broken("deny")
        self.assertEqual(self.decides(KILLED, [slow]).rules, ["deny"])
        self.assertRegex(self.decides(NOT_JUDGED, [FREE, SLOW]).why, "^step: stepping did not end")

    def test_infrastructure(self) -> None:
        """A tool that died is no kill, and is tried once more."""
        self.assertRegex(self.decides(NOT_JUDGED, [DEAD]).why, "^free-run: QEMU died")
        self.assertEqual(self.decides(SURVIVED, [DEAD], [FREE]).rules, [])
        raising = Made(STEP, raises="no space left")
        self.assertEqual(self.decides(NOT_JUDGED, [FREE, raising]).why, "no space left")
        self.assertEqual(self.decides(KILLED, [raising], [Made(STEP, broken("x"))]).rules, ["x"])

    def test_a_dead_tool_beside_a_broken_rule(self) -> None:
        """The rule decides, whichever was first."""
        dead = Made("ordering", [], "the plugin left no trace", Exit.NO_JUDGEMENT)
        outcome = self.decides(KILLED, [FREE, dead, Made(STEP, broken("mmu-on"))])
        self.assertEqual((outcome.rules, outcome.phase), (["mmu-on"], STEP))

    def test_what_rig_run_would_exit_3_for(self) -> None:
        """Is not survived, even where no phase says so: a check without judgement, or no check."""
        for status in (ERROR, NOT_JUDGED):
            phase = Made(FREE_RUN, [check("good"), check("torn", status, "fault")])
            outcome = self.decides(NOT_JUDGED, [phase])
            self.assertEqual(outcome.why, "fault: torn is not judged: seen")
        nothing = Made(FREE_RUN, [])
        self.assertEqual(self.decides(NOT_JUDGED, [nothing]).why, "nothing was judged")

    def test_notes(self) -> None:
        """Kill where the good run has not the same in the same functions, wherever in them; only
        when no rule does. Waived ones say nothing."""
        told = Made("ordering", findings=[note("odd", "boot", 4), note("odd", "boot", 8)])
        outcome = self.decides(KILLED, [FREE, told])
        self.assertTrue(outcome.by_note)
        self.assertEqual((outcome.notes, outcome.phase), (["odd"], "ordering"))
        self.decides(SURVIVED, [FREE, told], notes={"odd:boot:"})
        self.decides(KILLED, [FREE, told], notes={"odd:other:"})
        told.findings = [{**note("odd", "boot"), "waived": "known"}]
        self.decides(SURVIVED, [FREE, told])
        told.findings = [note("odd", "boot")]
        outcome = self.decides(KILLED, [FREE, told, Made(STEP, broken("mmu-on"))])
        self.assertEqual((outcome.by_note, outcome.phase), (False, STEP))

    def test_notes_of_the_address_space(self) -> None:
        """Their addresses shift, their rule and entry do not."""
        told = Made("address-space", notes=["note: as-high: alias: 0x40000000 twice", "2 cut"])
        outcome = self.decides(KILLED, [FREE, told])
        self.assertEqual((outcome.notes, outcome.phase), (["alias"], "address-space"))
        self.decides(SURVIVED, [FREE, told], notes={"alias:as-high"})

    def test_an_excused_one(self) -> None:
        """Goes no further than the audit of its own tables, where that says nothing either."""
        name, late = {mutant(0).id}, Made("ordering", broken("late"))
        outcome, ran = self.judge([FREE, Made(SPACES), late], excused=name)
        self.assertEqual((outcome.verdict, ran), (SURVIVED, [FREE_RUN, SPACES]))
        outcome = self.decides(KILLED, [FREE, Made(SPACES, broken("map")), late], excused=name)
        self.assertEqual(outcome.rules, ["map"])
        self.decides(KILLED, [Made(FREE_RUN, broken("no-marker"))], excused=name)

    def test_an_excused_one_that_was_not_audited(self) -> None:
        """Where the guest does not come to the place, or no place is known, the other phases
        judge it as any other."""
        name, late = {mutant(0).id}, Made("ordering", broken("late"))
        for phases in ([FREE, Made(SPACES, reason=UNREAD), late], [FREE, late]):
            self.assertEqual(self.decides(KILLED, phases, excused=name).rules, ["late"])

    def test_the_smoke_test_beside(self) -> None:
        """Judges the same console, whatever the rig says."""
        for phases in ([FREE], [Made(FREE_RUN, broken("deny"))]):
            self.assertEqual(self.judge(phases)[0].smoke, "")
            outcome, _ran = self.judge(phases, words=["bye"])
            self.assertEqual(outcome.smoke, "'bye' in 'bye'")

    def test_the_budget(self) -> None:
        """A few times what the good run used, and some more for a small one."""
        small, large = Baseline(1000, 500).budget, Baseline(10_000_000, 1 << 30).budget
        self.assertGreater(small.instructions, 100_000)
        self.assertGreater(small.log, 1 << 20)
        self.assertGreaterEqual(large.instructions, 40_000_000)
        self.assertGreaterEqual(large.log, 4 << 30)

    def test_what_gives_a_run_up(self) -> None:
        """More instructions or a larger log than its budget has; without one, neither. It stays
        given up, for QEMU is killed then."""
        (self.room / LOG).write_bytes(b"x" * (2 << 20))
        qemu = mock.Mock(pid=os.getpid())
        cases = [
            (Budget(1000, 4 << 20), 0, ""),
            (Budget(1000, 1 << 20), 0, "before QEMU's log of its exceptions had 1 MiB"),
            (Budget(1000, 4 << 20), 1, "within 1000 instructions"),
            (None, 1, ""),
        ]
        for budget, ending, words in cases:
            (self.room / NOTE).write_bytes(struct.pack("=QQ", 900, ending))
            watch = Watch(End(budget=budget), self.room, qemu)
            self.assertEqual(watch.given_up(), words)
            (self.room / NOTE).write_bytes(struct.pack("=QQ", 901, 0))
            self.assertEqual(watch.given_up(), words)
            self.assertFalse(watch.come())
        exact = Watch(End(instructions=900, budget=Budget(1000, 4 << 20)), self.room, qemu)
        (self.room / NOTE).write_bytes(struct.pack("=QQ", 900, 1))
        self.assertEqual((exact.given_up(), exact.come()), ("", True))


if __name__ == "__main__":
    unittest.main()
