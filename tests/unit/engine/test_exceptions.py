#!/usr/bin/python3
"""Exceptions while stepping: recognised, held against the pack; and the packets of the link."""

from __future__ import annotations

import socket
import sys
import tempfile
import types
import unittest
from typing import Any

from support import TABLE, TEXT, make_elf, make_image

sys.modules.setdefault("gdb", types.ModuleType("gdb"))  # the engine runs inside gdb otherwise
# pylint: disable=wrong-import-position # the stand-in above comes first
from checkpoints import Checkpoints  # noqa: E402
from decode import Decoder, Insn  # noqa: E402
from engine.checks import FAIL, NOT_JUDGED, PASS, Check, Where  # noqa: E402
from engine.evaluate import Evaluator, NotKnown, Word  # noqa: E402
from engine.expr import Checker  # noqa: E402
from exceptions import Exceptions, Taken, leads_to, recognise, vector_entries  # noqa: E402
from invariants import Invariants  # noqa: E402
from link import Link, LinkClosed, find_socket, framed, take_packet  # noqa: E402

VBAR = TEXT + 0x800
NOP, WFI, SVC, RET, BR_X1, B_SELF = (
    0xD503201F, 0xD503207F, 0xD4000001, 0xD65F03C0, 0xD61F0020, 0x14000000
)  # fmt: skip
EL0, EL1, EL2 = 0x0, 0x3C5, 0x3C9  # PSTATE


def decode(opcode: int, pc: int = TEXT) -> Insn:
    """Decode a word."""
    return Decoder(TABLE).decode(pc, opcode.to_bytes(4, "little"))


def registers(pc: int, pstate: int = EL1, **general: int) -> tuple[int, ...]:
    """x0..x30, SP, PC, PSTATE."""
    values = [general.get(f"x{number}", 0) for number in range(31)]
    return (*values, 0x1000, pc, pstate)


class FakeRecorder:
    """Keeps checks."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def check(self, check: Check) -> None:
        """See Recorder."""
        self.checks.append(check)

    def where(self, pc: int, instruction: str = "") -> Where:
        """See Recorder."""
        return Where(pc, "somewhere", "f.S", 3, instruction)


class FakeState:
    """The guest at one stop."""

    def __init__(self, regs: tuple[int, ...], **system: int) -> None:
        self.regs = regs
        self.taken = Word("none")
        self._system = {"VBAR_EL1": VBAR, **system}

    @property
    def pc(self) -> int:
        """See LiveState."""
        return self.regs[32]

    def steady(self, name: str) -> int:
        """See LiveState."""
        if name not in self._system:
            raise NotKnown(name)
        return self._system[name]

    register = steady

    def stub(self, name: str) -> int | None:
        """See LiveState."""
        return self._system.get(name)

    def core(self, name: str) -> int:
        """See LiveState."""
        return self.regs[{"SP": 31, "PC": 32, "PSTATE": 33}[name]]

    def exception(self) -> Word:
        """See LiveState."""
        return self.taken


def stop(
    entry: int, insn: Insn | None, back: int, before: tuple[int, ...] = (), **more: int
) -> Taken | None:
    """What a stop at VBAR_EL1 + entry is."""
    state = FakeState(registers(VBAR + entry), ELR_EL1=back, **more)
    return recognise(state, insn, before or registers(TEXT))  # type: ignore[arg-type]


class Recognition(unittest.TestCase):
    """A stop in the vectors."""

    def test_interrupt_before_the_instruction(self) -> None:
        """ELR is the instruction itself: it has not executed."""
        taken = stop(0x280, decode(NOP), TEXT)
        self.assertEqual(taken, Taken("IRQ", 1, 1, VBAR + 0x280, TEXT, False))
        assert taken is not None
        self.assertEqual(taken.text(), "IRQ taken from EL1 to EL1")

    def test_kinds_by_entry(self) -> None:
        """Each of the groups has its IRQ, FIQ and SError."""
        for entry, kind in {0x080: "IRQ", 0x300: "FIQ", 0x380: "SERROR", 0x480: "IRQ"}.items():
            taken = stop(entry, decode(NOP), TEXT)
            self.assertEqual(taken.kind if taken else "", kind)

    def test_synchronous(self) -> None:
        """By the syndrome; a call has executed, an abort has not."""
        cases = {
            (SVC, 0x15, TEXT + 4): ("SVC", True),
            (NOP, 0x25, TEXT): ("DATA_ABORT", False),
            (NOP, 0x21, TEXT): ("INSTRUCTION_ABORT", False),
            (NOP, 0x07, TEXT): ("UNDEFINED", False),
        }
        for (opcode, syndrome, back), expected in cases.items():
            before = registers(TEXT, EL0)
            taken = stop(0x400, decode(opcode), back, before, ESR_EL1=syndrome << 26)
            assert taken is not None
            self.assertEqual((taken.kind, taken.executed), expected)
            self.assertEqual(taken.source, 0)
        taken = stop(0x200, decode(NOP), TEXT)
        self.assertEqual(taken.kind if taken else "", "UNKNOWN")  # no syndrome to be had

    def test_code_that_gets_there_by_itself(self) -> None:
        """Walking, branching or returning into the vectors is no exception."""
        there = VBAR + 0x280
        self.assertTrue(leads_to(decode(NOP, there - 4), registers(there - 4), there))
        self.assertTrue(leads_to(decode(B_SELF, there), registers(there), there))
        self.assertTrue(leads_to(decode(RET), registers(TEXT, x30=there), there))
        self.assertTrue(leads_to(decode(BR_X1), registers(TEXT, x1=there), there))
        self.assertFalse(leads_to(decode(BR_X1), registers(TEXT, x1=TEXT), there))
        self.assertFalse(leads_to(decode(0xD69F03E0), registers(TEXT, x31=0), there))  # eret
        self.assertIsNone(stop(0x280, decode(NOP, there - 4), TEXT))

    def test_elsewhere(self) -> None:
        """No entry, EL0, or no vectors known."""
        self.assertIsNone(stop(0x284, decode(NOP), TEXT))
        self.assertIsNone(stop(0x800, decode(NOP), TEXT))
        low = FakeState(registers(VBAR + 0x280, EL0))
        self.assertIsNone(recognise(low, decode(NOP), registers(TEXT)))  # type: ignore[arg-type]
        high = FakeState(registers(VBAR + 0x280, EL2))
        self.assertIsNone(recognise(high, decode(NOP), registers(TEXT)))  # type: ignore[arg-type]

    def test_after_a_run(self) -> None:
        """What was interrupted in a loop is not known, but where it goes back to."""
        taken = stop(0x280, None, TEXT + 8)
        self.assertEqual((taken.back, taken.executed) if taken else (), (TEXT + 8, True))

    def test_ways_out_of_a_loop(self) -> None:
        """The vectors of every level from here up."""
        entries = vector_entries(FakeState(registers(TEXT, EL0)))  # type: ignore[arg-type]
        self.assertEqual(len(entries), 16)
        self.assertIn(VBAR + 0x480, entries)
        two = FakeState(registers(TEXT), VBAR_EL2=0x8000)
        self.assertEqual(len(vector_entries(two)), 32)  # type: ignore[arg-type]


class Rules(unittest.TestCase):
    """What the pack announces."""

    def judge(self, rules: list[dict[str, Any]], *taken: Taken | str) -> tuple[list[str], Check]:
        """Exceptions and fired checkpoints in a row; the answers, and the first rule's check."""
        recorder = FakeRecorder()
        named = [{"id": f"r{n}", "why": "w", **rule} for n, rule in enumerate(rules)]
        exceptions = Exceptions(named, recorder)  # type: ignore[arg-type]
        answers = []
        for item in taken:
            if isinstance(item, str):
                exceptions.begin_or_end(item)
            else:
                answers.append(str(exceptions.judge(item, "interrupted at x")))
        exceptions.finish("")
        return answers, recorder.checks[0]

    IRQ = Taken("IRQ", 1, 1, VBAR + 0x280, TEXT, False)
    FROM_EL0 = Taken("IRQ", 0, 1, VBAR + 0x480, TEXT, False)
    SVC = Taken("SVC", 0, 1, VBAR + 0x400, TEXT, True)

    def test_class_and_levels(self) -> None:
        """All that is said has to fit."""
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"class": ["IRQ"]}, ["announced", "announced", "unannounced"]),
            ({"class": ["IRQ", "SVC"]}, ["announced"] * 3),
            ({"class": ["IRQ", "SVC"], "from": "EL0"}, ["unannounced", "announced", "announced"]),
            ({"class": ["IRQ"], "to": "EL2"}, ["unannounced"] * 3),
        ]
        for rule, expected in cases:
            self.assertEqual(self.judge([rule], self.IRQ, self.FROM_EL0, self.SVC)[0], expected)

    def test_budget_binds_both_ways(self) -> None:
        """Too few is a failure of the rule, too many are unannounced."""
        rule = {"class": ["IRQ"], "count": 2}
        answers, check = self.judge([rule], self.IRQ, self.IRQ, self.IRQ)
        self.assertEqual(answers, ["announced", "announced", "unannounced"])
        self.assertEqual(check.status, PASS)
        _, check = self.judge([rule], self.IRQ)
        self.assertEqual((check.status, check.expected, check.actual), (FAIL, "2", "1 taken"))
        _, check = self.judge([{"class": ["IRQ"]}])
        self.assertEqual((check.status, check.expected), (FAIL, "at least 1"))
        _, check = self.judge([{"class": ["IRQ"], "min": 0}])
        self.assertEqual(check.status, PASS)

    def test_the_next_rule_takes_what_the_first_has_no_room_for(self) -> None:
        """In the order of the pack."""
        rules = [{"class": ["IRQ"], "count": 1}, {"class": ["IRQ"], "from": "EL1", "count": 1}]
        answers, _ = self.judge(rules, self.IRQ, self.IRQ, self.IRQ)
        self.assertEqual(answers, ["announced", "announced", "unannounced"])

    def test_window(self) -> None:
        """From one checkpoint to another."""
        rule = {"class": ["IRQ"], "since": "a", "until": "b"}
        answers, _ = self.judge([rule], self.IRQ, "a", self.IRQ, "b", self.IRQ)
        self.assertEqual(answers, ["unannounced", "announced", "unannounced"])

    def test_cut_short(self) -> None:
        """What had not come when a broken rule ended the run is open."""
        recorder = FakeRecorder()
        rule = {"id": "r", "class": ["IRQ"], "why": "w"}
        Exceptions([rule], recorder).finish("other")  # type: ignore[arg-type]
        self.assertEqual(recorder.checks[0].status, NOT_JUDGED)


class Until(unittest.TestCase):
    """An invariant with an end."""

    def test_end_comes_before_the_stop_is_judged(self) -> None:
        """The step that reaches the end may break it; the step before may not."""
        rule = {"id": "masked", "always": "DAIF == 0xF", "until": "open", "why": "w"}
        for ended in (True, False):
            recorder = FakeRecorder()
            invariants = Invariants(
                [rule], Checker(TABLE, make_elf(), {}), Evaluator(TABLE, make_image(), {}),
                recorder, frozenset(),  # type: ignore[arg-type]
            )  # fmt: skip
            invariants.evaluate(FakeState(registers(TEXT)), "nop")  # type: ignore[arg-type]
            if ended:
                invariants.end("open")
            state = FakeState(registers(TEXT + 4, EL1 & ~0x80))
            invariants.evaluate(state, "msr daifclr, #2")  # type: ignore[arg-type]
            invariants.finish()
            self.assertEqual([c.status for c in recorder.checks], [PASS if ended else FAIL])


class Interrupted(unittest.TestCase):
    """A `before` checkpoint whose instruction an exception came before."""

    def test_it_counts_when_it_executes(self) -> None:
        """Once, however often it was about to."""
        rule = {"id": "c", "before": {"insn": "wfi", "nth": 2}, "expect": [], "why": "w"}
        evaluator, recorder = Evaluator(TABLE, make_image(), {}), FakeRecorder()
        checkpoints = Checkpoints.build(
            [rule], make_image(), evaluator, recorder, ""  # type: ignore[arg-type]
        )  # fmt: skip
        insn = decode(WFI)
        insn.triggers = checkpoints.triggers(insn)
        self.assertEqual(checkpoints.count(insn, "before"), [])
        checkpoints.take_back(insn)
        self.assertEqual(checkpoints.count(insn, "before"), [])
        self.assertEqual(checkpoints.count(insn, "before"), insn.triggers)


class Packets(unittest.TestCase):
    """The remote protocol over a socket pair."""

    def setUp(self) -> None:
        self.near, self.far = socket.socketpair()
        self.addCleanup(self.near.close)
        self.addCleanup(self.far.close)
        self.link = Link(self.near.fileno())

    def test_framing(self) -> None:
        """Checksum; acknowledgements are skipped, a part is kept."""
        self.assertEqual(framed("g"), b"$g#67")
        self.assertEqual(take_packet(b"+$OK#9a+$T05"), ("OK", b"+$T05"))
        self.assertEqual(take_packet(b"+$OK#9"), (None, b"+$OK#9"))
        self.assertEqual(take_packet(b"+"), (None, b"+"))

    def test_patience(self) -> None:
        """No answer in time is None; a late one is not lost."""
        self.link.send("vCont;s:p1.1")
        self.assertIsNone(self.link.receive(0.001))
        self.link.interrupt()
        self.far.sendall(b"+$T02")
        self.assertIsNone(self.link.receive(0.001))
        self.far.sendall(b"thread:p01.01;#00")
        self.assertEqual(self.link.receive(1), "T02thread:p01.01;")
        self.assertEqual(self.far.recv(100), framed("vCont;s:p1.1") + b"\x03")

    def test_silence_is_told_once(self) -> None:
        """Only when the answer takes long."""
        told: list[str] = []

        def silent() -> None:
            told.append("silent")
            self.far.sendall(b"$T05#b9")

        self.far.sendall(b"$T05#b9")
        self.assertEqual(self.link.wait_for_stop(1, silent), "T05")
        self.assertEqual(told, [])
        self.assertEqual(self.link.wait_for_stop(0.001, silent), "T05")
        self.assertEqual(told, ["silent"])

    def test_closed(self) -> None:
        """QEMU's end is an error of its own."""
        self.far.close()
        with self.assertRaises(LinkClosed):
            self.link.ask("g")

    def test_finding_the_socket(self) -> None:
        """By the name of the file that it is connected to."""
        # pylint: disable-next=consider-using-with # entered here
        directory = self.enterContext(tempfile.TemporaryDirectory())
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(f"{directory}/gdb.sock")
            server.listen()
            client.connect(f"{directory}/gdb.sock")
            self.assertEqual(find_socket("gdb.sock"), client.fileno())
            self.assertIsNone(find_socket("qmp.sock"))


if __name__ == "__main__":
    unittest.main()
