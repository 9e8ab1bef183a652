#!/usr/bin/python3
"""The ordering phase without QEMU: packs, operands, command lines, ends of runs, reports."""

from __future__ import annotations

import argparse
import json
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from support import TABLE, TEXT, make_elf, make_image
from engine import order, order_check, order_operands, order_run
from engine import pack as pack_file
from engine.checks import FAIL, NOT_JUDGED, PASS, WAIVED
from engine.cpu_features import features
from engine.errors import CannotJudge, PackError, TimeBound, UsageError
from engine.explain import explain
from engine.image import Image
from engine.lint import lint
from engine.operands import Hit
from engine.order_check import Settings, judged
from engine.order_lint import lint_ordering
from engine.order_operands import Counted, choose_sites
from engine.order_phase import Ordering
from engine.order_run import Console, End, Recorder, run_guest, with_shared_ram
from engine.pack import Pack
from engine.qemu import Machine, guest_elf, guest_words, with_files
from engine.results import VariantResult

RULES = """\
ordering-rules:
  - {id: tlbi-completes, why: a TLBI is posted, spec: "DDI 0487, D8.17"}
  - {id: at-before-par, why: PAR waits, spec: "DDI 0487, D8.16"}
"""
MACHINE = Machine("one", "virt", "max", "128M", 1, ())


class Folder(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.path / "base.yaml").write_text(RULES, encoding="utf-8")

    def load(self, ordering: str, more: str = "") -> Pack:
        """A pack with this `ordering`."""
        path = self.path / "test.yaml"
        path.write_text(f"guest: test\nuse: [base]\n{more}ordering: {ordering}\n", encoding="utf-8")
        return pack_file.load(path, self.path)

    def tool(self, text: str) -> Path:
        """An executable in place of one of the rig's programs."""
        path = self.path / "tool"
        path.write_text("#!/usr/bin/python3\n" + text, encoding="utf-8")
        path.chmod(0o755)
        return path


class Packs(Folder):
    """`ordering` in a pack."""

    def test_all_and_some(self) -> None:
        """Every rule, or those that are named; what the pack waives whole is not used."""
        pack = self.load("{use: [arm64/all], require: [at-before-par], features: [ets2, idc]}")
        self.assertEqual(pack.ordering_rules(), ["tlbi-completes", "at-before-par"])
        self.assertEqual(lint(pack, make_elf(), TABLE), [])
        self.assertEqual(self.load("{use: at-before-par}").ordering_rules(), ["at-before-par"])
        pack = self.load(
            "{use: [arm64/all]}", "waive: [{rule: at-before-par, why: known}]\n"
        )  # fmt: skip
        self.assertEqual(pack.ordering_rules(), ["tlbi-completes"])

    def test_explain(self) -> None:
        """A rule is explained with its reason and its section."""
        text = explain(self.load("{use: [arm64/all]}"), "tlbi-completes")
        self.assertIn("(ordering-rule of pack test)", text)
        self.assertIn("a TLBI is posted", text)
        self.assertIn("DDI 0487, D8.17", text)

    def test_shape(self) -> None:
        """Wrong keys and values are refused, with their place."""
        cases = {
            "{}": r":3:11: ordering: has no 'use'",
            "{use: [arm64/all], colour: red}": r":3:38: ordering.colour: unknown key",
            "{use: [arm64/all], features: [ets9]}": r"features\[0\]: is 'ets9', expected one of",
            "{use: [arm64/all], waive: [{rule: at-before-par, at: start}]}": "has no 'why'",
            "{use: [arm64/all], until: x, ends: bound}": "has until and ends",
            "{use: [arm64/all], bound: 3}": "has bound, expected it with ends: bound",
            "{use: [arm64/all], ends: never}": "ends: is 'never', expected one of guest, bound",
        }
        for ordering, words in cases.items():
            with self.subTest(ordering), self.assertRaisesRegex(PackError, words):
                self.load(ordering)

    def test_lint(self) -> None:
        """Ids of rules and symbols of waivers exist."""

        def waiver(rule: str, at: str, more: str = "") -> str:
            return f"{{use: [arm64/all], waive: [{{rule: {rule}, at: {at}, why: w{more}}}]}}"

        cases = {
            "{use: [tlbi-complete]}": r"test.yaml:3:18: ordering.use\[0\]: no ordering rule 'tlbi-c"
            r"omplete'.*did you mean tlbi-completes\?",
            "{use: []}": "ordering.use: is empty",
            "{use: [arm64/all], require: [x]}": r"ordering.require\[0\]: no ordering rule 'x'",
            "{use: [at-before-par], require: [tlbi-completes]}": "'tlbi-completes' is not used",
            waiver("x", "start"): r"waive\[0\].rule: no ordering rule 'x'",
            waiver("at-before-par", "strat"): r"waive\[0\].at: no symbol 'strat' in guest.elf, "
            r".*did you mean start\?",
            waiver("at-before-par", "start", ", variants: [x]"): "'x', expected one of",
        }
        for ordering, words in cases.items():
            with self.subTest(ordering):
                findings = lint(self.load(ordering), make_elf(), TABLE)
                self.assertEqual(len(findings), 1, findings)
                self.assertRegex(findings[0], words)

    def test_rules_that_no_pack_brings(self) -> None:
        """Without arm64 there is nothing to use."""
        path = self.path / "alone.yaml"
        path.write_text("guest: x\nordering: {use: [at-before-par]}\n", encoding="utf-8")
        (finding,) = lint(pack_file.load(path, self.path), make_elf(), TABLE)
        self.assertIn("expected `use: [arm64]`", finding)

    def test_waiver_without_elf(self) -> None:
        """No symbol can be named."""
        pack = self.load("{use: [arm64/all], waive: [{rule: at-before-par, at: f, why: w}]}")
        lint_ordering(pack, None)
        self.assertIn("of no ELF", pack.readers[-1].findings[0])

    def test_guest_without_elf(self) -> None:
        """A pack that tells QEMU what to load needs none, and may leave the file's place open."""
        pack = self.load("{use: [arm64/all]}", 'machine: {qemu: [-bios, "{image}"]}\n')
        self.assertIsNone(guest_elf(pack, None))
        self.assertEqual(guest_elf(pack, "a.elf"), Path("a.elf"))
        with self.assertRaises(UsageError):
            guest_elf(self.load("{use: [arm64/all]}"), None)
        machine = Machine("m", "virt", "max", "1G", 1, ("-bios", "{image}", '{"driver":"x"}'))
        with self.assertRaisesRegex(UsageError, "need {image}: give --image FILE"):
            with_files(machine, {})
        with self.assertRaisesRegex(UsageError, "no such file"):
            with_files(machine, {"image": self.path / "none"})
        whole = with_files(machine, {"image": self.path / "base.yaml"})
        image = str((self.path / "base.yaml").resolve())
        self.assertEqual(whole.extra, ("-bios", image, '{"driver":"x"}'))
        self.assertNotIn("-kernel", guest_words("qemu", whole, "a.elf"))
        self.assertEqual(guest_words("qemu", MACHINE, "a.elf")[-2:], ["-kernel", "a.elf"])


class Sites(Folder):
    """Which operands are asked for."""

    def test_parse(self) -> None:
        """One site a line; anything else is no answer."""
        sites = order_operands.parse_sites("0xffff0000 5 12 TLBI\n")
        self.assertEqual(sites, [Counted(0xFFFF0000, 5, 12, "tlbi")])
        for line in ("x 5 12 tlbi", "0x10 5 tlbi", "hello"):
            with self.subTest(line), self.assertRaises(CannotJudge):
                order_operands.parse_sites(line)

    def test_bounds(self) -> None:
        """Sites that arrive too often go whole; in all, maintenance goes before what decides."""
        most, each = order_operands.TOTAL_MOST, order_operands.SITE_MOST
        chosen = choose_sites([Counted(0, 1, each + 1, "msr"), Counted(4, 1, each, "msr")])
        self.assertEqual([site.pc for site in chosen.sites], [4])
        self.assertEqual(chosen.left_out, [f"msr at 0x0 ({each + 1} arrivals): too often"])
        half = most // 2
        chosen = choose_sites([Counted(0, 1, half, "msr"), Counted(4, 1, half, "tlbi"),
                               Counted(8, 1, 10, "ic"), Counted(12, 1, 9, "dc"),
                               Counted(16, 1, 20, "dc"), Counted(20, 1, 3, "zva")])  # fmt: skip
        self.assertEqual([site.pc for site in chosen.sites], [0, 4, 20])
        self.assertEqual([text[:5] for text in chosen.left_out], ["dc at", "dc at", "ic at"])

    def test_two_instructions_at_one_address(self) -> None:
        """Their arrivals cannot be told apart."""
        chosen = choose_sites([Counted(0, 1, 1, "msr"), Counted(0, 2, 1, "msr")])
        self.assertEqual((chosen.sites, len(chosen.left_out)), ([], 2))

    def test_zva_of_the_image(self) -> None:
        """Found in the code, at each alias, and not in data."""
        words = [0xD503201F, 0xD50B742A, 0xD50B7461, 0xD50B743F]
        content = struct.pack("<4I", *words)
        image = make_image()
        loaded = [(TEXT, 0, content), (TEXT + 0x2000, 0, content)]
        with mock.patch("engine.elf.loaded", return_value=loaded):
            found = order_operands.with_zva([Counted(TEXT + 4, 10, 3, "zva")], image)
        low = TEXT - (0xFFFF_FFFF_0000_0000)
        self.assertEqual(
            [(site.pc, site.register) for site in found],
            [(TEXT + 4, 10), (low + 4, 10), (TEXT + 8, 1), (low + 8, 1), (TEXT + 12, 31),
             (low + 12, 31)],
        )  # fmt: skip
        self.assertEqual(order_operands.with_zva(found, None), found)

    def ask(self, hits: list[int], open_end: bool = False, el: int = 1) -> list[Hit]:
        """What is made of a second run that arrives at these sites; 0x10 twice, 0x14 once."""
        chosen = choose_sites([Counted(0x10, 1, 2, "msr"), Counted(0x14, 1, 1, "tlbi")])
        with mock.patch(
            "engine.order_operands.operands", return_value=[Hit(p, 0, el) for p in hits]
        ):
            return order_operands.ask(["qemu"], self.path, chosen, 10, open_end)

    def test_second_run_differs(self) -> None:
        """Fewer, more or other arrivals are no operands; a guest that is ended may go on."""
        self.assertEqual(len(self.ask([0x10, 0x14, 0x10])), 3)
        self.assertEqual(len(self.ask([0x10, 0x14, 0x10, 0x14], open_end=True)), 4)
        for hits in ([0x10, 0x14], [0x10, 0x14, 0x14], [0x10, 0x14, 0x10, 0x14]):
            with self.subTest(hits), self.assertRaisesRegex(CannotJudge, "another way"):
                self.ask(hits)
        with mock.patch("time.monotonic", side_effect=[0.0, 20.0]):
            with self.assertRaisesRegex(CannotJudge, r"1 of 3 arrivals within 10 s.*--timeout"):
                self.ask([0x10])

    def test_programs_share_an_address(self) -> None:
        """More arrivals at EL0 are another program's; that site is left out, the rest stays."""
        for open_end in (False, True):
            hits = self.ask([0x10, 0x14, 0x14, 0x10], open_end, el=0)
            self.assertEqual([hit.pc for hit in hits], [0x10, 0x10])
        with self.assertRaisesRegex(CannotJudge, "another way"):
            self.ask([0x10, 0x14], el=0)

    def test_file(self) -> None:
        """Sites, a line, arrivals."""
        chosen = choose_sites([Counted(0xFFFF0010, 1, 2, "msr")])
        order_operands.write_file(self.path / "o", chosen, [Hit(0xFFFF0010, 0xAB, 2)])
        text = (self.path / "o").read_text(encoding="ascii")
        self.assertEqual(text, "site ffff0010\n-\nffff0010 ab 2\n")


class CommandLine(unittest.TestCase):
    """RAM that the plugin can read."""

    def test_shared_ram(self) -> None:
        """A backend of the right size, for virt only, and only when there is none."""
        words, ram = with_shared_ram(["q", "-M", "virt,gic-version=2", "-m", "1G", "-smp", "1"])
        self.assertEqual(ram, ",ram=0x40000000")
        self.assertEqual(words[4], "virt,gic-version=2,memory-backend=rig-ram")
        self.assertEqual(
            words[1:3], ["-object", "memory-backend-memfd,id=rig-ram,size=1073741824,share=on"]
        )
        words, ram = with_shared_ram(["q", "-machine", "virt-7.2"])
        self.assertIn("size=134217728", words[2])
        for machine in ("raspi3b", "virtual"):
            plain = ["q", "-M", machine, "-m", "128M"]
            self.assertEqual(with_shared_ram(plain), (plain, ""))
        own = ["q", "-M", "virt,memory-backend=mine"]
        self.assertEqual(with_shared_ram(own), (own, ",ram=0x40000000"))

    def test_sizes(self) -> None:
        """As QEMU reads -m."""
        for text, size in (("64", 64 << 20), ("512M", 512 << 20), ("size=2g,slots=2", 2 << 30)):
            self.assertEqual(order_run.memory_size(text), size)
        with self.assertRaises(CannotJudge):
            order_run.memory_size("many")

    def test_features(self) -> None:
        """By the fields of the registers; what is not known is not there."""
        self.assertEqual(features({}), [])
        self.assertEqual(features({"ID_AA64MMFR1_EL1": 1 << 36, "CTR_EL0": 0x8444C004}), [])
        registers = {
            "ID_AA64MMFR1_EL1": 2 << 36,
            "ID_AA64MMFR2_EL1": 2 << 52,
            "ID_AA64MMFR0_EL1": 1 << 44,
            "CTR_EL0": 3 << 28,
        }
        self.assertEqual(features(registers), ["ets2", "bbm2", "exs", "idc", "dic"])
        self.assertEqual(features({"ID_AA64MMFR2_EL1": 1 << 52}), ["bbm1"])

    def test_options_of_the_checker(self) -> None:
        """The registers' features are given apart, so that a pack can deny them."""
        settings = Settings(
            rules=["a"],
            waive=[{"rule": "a", "at": "f", "why": "w = x"}],
            registers={"ID_AA64MMFR0_EL1": 0x1124, "ID_AA64MMFR1_EL1": 2 << 36 | 1 << 20},
        )
        self.assertEqual(
            settings.words(),
            ["--rule", "a", "--waive", "a@f=w = x", "--id", "ID_AA64MMFR0_EL1=0x1124",
             "--id", "ID_AA64MMFR1_EL1=0x100000"],
        )  # fmt: skip


class Ends(Folder):
    """Runs of a program that plays QEMU."""

    HELLO = "import sys, time\nopen('serial.txt', 'w').write('hello\\n=> ')\n"

    def run_as(self, text: str, end: End, bound: float = 20) -> None:
        """A run of it."""
        tool = self.tool(self.HELLO + text)
        with mock.patch("engine.order_run._QUIT_S", 0.2):
            run_guest([str(tool)], self.path, bound, end)

    def test_ended_as_told(self) -> None:
        """By the guest, by the console's text, at the bound; the last two are ended by the rig."""
        self.run_as("", End())
        self.run_as("time.sleep(60)", End(until="=> "))
        self.run_as("time.sleep(60)", End(bound=True), bound=0.5)

    def test_ended_otherwise(self) -> None:
        """Each has its words."""
        with self.assertRaisesRegex(TimeBound, "the guest did not end within 0.5 s"):
            self.run_as("time.sleep(60)", End(), bound=0.5)
        with self.assertRaisesRegex(TimeBound, "the console did not show 'login:' within 0.5 s"):
            self.run_as("time.sleep(60)", End(until="login:"), bound=0.5)
        with self.assertRaisesRegex(CannotJudge, "before its console showed 'login:'"):
            self.run_as("", End(until="login:"))
        with self.assertRaisesRegex(CannotJudge, "has to run on until its bound"):
            self.run_as("", End(bound=True))
        with self.assertRaisesRegex(CannotJudge, r"QEMU died \(status 1\): no such board"):
            self.run_as("sys.exit('no such board')", End())

    def test_console(self) -> None:
        """A text is found when its parts are written apart."""
        path = self.path / "serial"
        console = Console(path, "log in:")
        self.assertFalse(console.shows())
        for text, shown in (("booting\nlog", False), (" i", False), ("n: ", True)):
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
            self.assertEqual(console.shows(), shown)


class Pipeline(Folder):
    """Which runs make a trace."""

    def record(self, interface: int, image: Image | None) -> tuple[list[str], list[str]]:
        """The plugin's options of each run, and the notes."""
        commands: list[str] = []

        def run(command: list[str], folder: Path, _bound: float, _end: End) -> None:
            commands.append(command[-1])
            name = command[-1].split("out=")[1].split(",")[0]
            (folder / name).write_bytes(b"")

        sites = "0x40 3 1 msr\n0x80 3 999999 dc\n"
        tool = self.tool(
            f"import sys\nassert sys.argv[1] == 'operands'\nprint({sites!r}, end='')\n"
        )
        with (
            mock.patch("engine.order_run.variant", return_value=interface),
            mock.patch("engine.order_run.choose", return_value="librigevents.so"),
            mock.patch("engine.order_run.need_compiled", return_value=tool),
            mock.patch("engine.order_run.run_guest", side_effect=run),
            mock.patch("engine.order_operands.operands", return_value=[Hit(0x40, 7, 1)]),
            mock.patch("engine.elf.loaded", return_value=[]),
        ):
            recording = Recorder(["q", "-M", "virt"], self.path, 5, image).record()
        self.assertEqual(recording.trace, self.path / "events.trace")
        self.assertEqual(recording.runs, {1: 3, 2: 1}[interface])
        return commands, recording.notes

    def test_interface_2(self) -> None:
        """One run is enough."""
        commands, notes = self.record(2, None)
        self.assertEqual(
            commands, ["librigevents.so,out=events.trace,stores=on,ram=0x40000000"]
        )  # fmt: skip
        self.assertEqual(notes, [])

    def test_several_cpus(self) -> None:
        """CPUs that take turns are told apart with interface 1 only."""
        turns = ["q", "-M", "virt", "-icount", "shift=0"]
        for interface, words, told in (
            (1, [*turns, "-smp", "2"], True),
            (2, [*turns, "-smp", "2"], False),
            (2, [*turns, "-smp", "cpus=4,cores=2"], False),
            (2, [*turns, "-smp", "1"], True),
            (2, [*turns, "-smp", "cpus=1,maxcpus=1"], True),
            (2, turns, True),
            (2, ["q", "-smp", "2"], True),
        ):
            with mock.patch("engine.order_run.variant", return_value=interface):
                self.assertEqual(order_run.tells_cpus(words), told, words)
        with (
            mock.patch("engine.order_run.variant", return_value=2),
            self.assertRaisesRegex(CannotJudge, "several CPUs"),
        ):
            Recorder([*turns, "-smp", "2"], self.path, 5).record()

    def test_interface_1(self) -> None:
        """Sites, operands, and the trace with them; the bound's victims are told."""
        commands, notes = self.record(1, make_image())
        self.assertEqual(
            commands,
            [
                "librigevents.so,out=sites.trace,stores=off,ram=0x40000000,image=id",
                "librigevents.so,out=events.trace,stores=on,ram=0x40000000,operands=operands.txt,"
                "image=id",
            ],
        )
        text = (self.path / "operands.txt").read_text(encoding="ascii")
        self.assertEqual(text, "site 40\n-\n40 7 1\n")
        self.assertEqual(
            notes, ["operands left out: dc at 0x80 (999999 arrivals): too often"]
        )  # fmt: skip

    def test_no_trace(self) -> None:
        """A plugin that leaves none is told with QEMU's words."""
        with (
            mock.patch("engine.order_run.variant", return_value=2),
            mock.patch("engine.order_run.choose", return_value="librigevents.so"),
        ):
            tool = self.tool("import sys\nsys.stderr.write('no room')\n")
            with self.assertRaisesRegex(CannotJudge, "the plugin left no trace: no room"):
                Recorder([str(tool)], self.path, 5).record()


def a_rule(name: str, subjects: int = 2, **more: Any) -> dict[str, Any]:
    """A rule of a report."""
    return {
        "id": name, "title": f"title of {name}", "section": "D1", "level": "error",
        "subjects": subjects, "consumers": 3, "judged": True, "why_not": None, "errors": 0,
        "notes": 0, "waived": 0, **more,
    }  # fmt: skip


def a_finding(rule: str, level: str = "error", waived: str | None = None) -> dict[str, Any]:
    """A finding of a report."""
    end = {
        "event": 7, "pc": "0xffff000040081234", "pa": None, "symbol": "f+0x4", "source": "k/a.c:12",
        "opcode": "0xd5033fdf", "text": "isb", "cpu": 0, "el": 1, "address": None,
    }  # fmt: skip
    return {
        "rule": rule, "level": level, "waived": waived, "count": 2, "write": end,
        "consumer": {**end, "symbol": None, "source": None, "text": None, "address": "0x1000"},
        "missing": "no DSB between", "detail": "VA 0x1000", "fix": "put a DSB there",
        "section": "D2", "disassembly": {"write": ["=> isb"], "consumer": []},
    }  # fmt: skip


def a_report(rules: list[dict[str, Any]], findings: Any = (), **more: Any) -> dict[str, Any]:
    """What rig-trace order writes."""
    trace = {"events": 9, "cpus": 1, "torn_bytes": 0, "flags": ["closed"], "windows_cut": 0}
    return {
        "schema": "rig-order-1", "trace": {**trace, **more.pop("trace", {})}, "rules": rules,
        "findings": list(findings), "waivers_unused": [], "not_judged": None, "exit_code": 0,
        **more,
    }  # fmt: skip


class Reports(unittest.TestCase):
    """rig-trace's report as checks."""

    def test_held(self) -> None:
        """A check a rule, with what it looked at; no subject is no failure unless required."""
        report = a_report([a_rule("a"), a_rule("b", subjects=0)])
        found = judged(report, {"a": {"why": "because"}}, (), "one")
        self.assertEqual([(c.id, c.status) for c in found.checks],
                         [("ordering.a", PASS), ("ordering.b", PASS)])  # fmt: skip
        self.assertEqual(found.checks[0].text, "title of a: 2 subjects, 3 consumers")
        self.assertEqual((found.checks[0].why, found.checks[0].spec), ("because", "D1"))
        self.assertEqual((found.error, found.notes, found.checks[0].variant), ("", [], "one"))
        found = judged(report, {}, ["a", "b"])
        self.assertEqual([c.status for c in found.checks], [PASS, FAIL])
        self.assertEqual(found.checks[1].actual, "the rule matched nothing")

    def test_findings(self) -> None:
        """An error is a failed check with both ends and the fix, a note is told only."""
        findings = [a_finding("a"), a_finding("a"), a_finding("b", "note")]
        found = judged(a_report([a_rule("a"), a_rule("b")], findings, exit_code=1), {})
        self.assertEqual(
            [(c.id, c.status) for c in found.checks],
            [("ordering.a.1", FAIL), ("ordering.a.2", FAIL), ("ordering.b", PASS)],
        )
        check = found.checks[0]
        self.assertEqual((check.actual, check.expected, check.spec),
                         ("no DSB between", "put a DSB there", "D2"))  # fmt: skip
        self.assertEqual(check.text, "title of a, 2 times")
        details = "\n".join(check.details)
        for words in ("write    0xffff000040081234 <f+0x4> k/a.c:12  isb", "(address 0x1000)",
                      "VA 0x1000", "  => isb"):  # fmt: skip
            self.assertIn(words, details)
        assert check.where is not None
        self.assertEqual((check.where.pc, check.where.line), (0xFFFF000040081234, 0))
        self.assertEqual(len(found.notes), 1)
        self.assertIn("b: no DSB between", found.notes[0])

    def test_waivers(self) -> None:
        """A waived finding is told and fails nothing; a waiver that waives nothing fails."""
        report = a_report([a_rule("a")], [a_finding("a", waived="known")])
        found = judged(report, {})
        self.assertEqual([c.status for c in found.checks], [WAIVED, PASS])
        self.assertEqual(found.checks[0].why, "known")
        unused = {"rule": "a", "symbol": "f", "why": "w"}
        found = judged(a_report([a_rule("a")], waivers_unused=[unused], exit_code=1), {})
        self.assertEqual(found.checks[-1].status, FAIL)
        self.assertEqual(found.checks[-1].id, "ordering.waiver.a@f")

    def test_no_judgement(self) -> None:
        """Damage, operands that were lost and zero subjects are no pass, with findings or not."""
        rules = [a_rule("a")]
        finding = [a_finding("a")]
        cases = [
            (a_report(rules, trace={"torn_bytes": 3}), "torn trace: 3 bytes"),
            (a_report(rules, finding, trace={"flags": ["full"]}), "size limit"),
            (a_report(rules, finding, trace={"flags": ["operands-lost"]}), "went another way"),
            (a_report([a_rule("a", subjects=0)], exit_code=3), "zero checks"),
            (a_report(rules, not_judged="too many findings", exit_code=3), "too many findings"),
        ]
        for report, words in cases:
            with self.subTest(words):
                self.assertIn(words, judged(report, {}).error)
        lacking = a_rule("a", judged=False, why_not="no stores")
        found = judged(a_report([lacking, a_rule("b")], exit_code=3), {})
        self.assertEqual((found.checks[0].status, found.error), (NOT_JUDGED, ""))
        self.assertEqual(found.checks[0].actual, "no stores")


class Tool(Folder):
    """Calls of rig-trace order, and the phase around them."""

    def fake(self, report: dict[str, Any] | str, status: int, said: str = "") -> Any:
        """rig-trace that leaves this report; its words are in `words`."""
        text = report if isinstance(report, str) else json.dumps(report)
        tool = self.tool(
            "import sys\n"
            f"open({str(self.path / 'words')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"text = {text!r}\n"
            "if text: open(sys.argv[sys.argv.index('--json') + 1], 'w').write(text)\n"
            f"sys.stderr.write({said!r})\nsys.exit({status})\n"
        )
        return mock.patch("engine.rig_trace.need_compiled", return_value=tool)

    def test_ends(self) -> None:
        """Its report counts for 0, 1 and 3; 2 is wrong usage, anything else no judgement."""
        trace = self.path / "t"
        for status in (0, 1, 3):
            with self.fake(a_report([], exit_code=status), status):
                self.assertEqual(order_check.order(trace, make_image())["exit_code"], status)
        words = (self.path / "words").read_text(encoding="utf-8")
        self.assertIn(f"order {trace} ", words)
        self.assertIn("--elf guest.elf --alias 0x40000000:0x8000000:0xffffffff00000000", words)
        cases: list[tuple[dict[str, Any] | str, int, type[Exception], str]] = [
            ("", 2, UsageError, "said so"),
            ("", 3, CannotJudge, "exit status 3.*said so"),
            ("{", 0, CannotJudge, "damaged report"),
            ("{}", 0, CannotJudge, "no report of rig-trace order"),
            (a_report([]), 139, CannotJudge, "exit status 139"),
        ]
        for report, status, error, pattern in cases:
            with self.subTest(pattern), self.fake(report, status, "said so"):
                with self.assertRaisesRegex(error, pattern):
                    order_check.order(trace, None)

    registers: dict[str, int] = {}

    def phase(self, ordering: str, report: dict[str, Any]) -> tuple[VariantResult, str]:
        """The phase of a given trace, and the words that rig-trace got."""
        result = VariantResult(MACHINE)
        with (
            self.fake(report, report["exit_code"]),
            mock.patch("engine.order_phase.identify", return_value=self.registers),
        ):
            Ordering(self.load(ordering), make_image(), MACHINE, self.path, 5).judge_trace(
                self.path / "t", result
            )
        return result, (self.path / "words").read_text(encoding="utf-8")

    def test_phase(self) -> None:
        """Rules, waivers of this variant and features go to the checker; the code comes back."""
        result, words = self.phase(
            "{use: [arm64/all], features: [bbm1], waive: [{rule: at-before-par, at: start, why: w, "
            "variants: [one]}, {rule: at-before-par, at: table, why: w, variants: [two]}]}",
            a_report([a_rule("tlbi-completes")]),
        )
        self.assertIn("--rule tlbi-completes --rule at-before-par", words)
        self.assertIn("--waive at-before-par@start=w --feature bbm1", words)
        self.assertNotIn("table", words)
        self.assertEqual((result.code(), result.phases[0].name), (0, "ordering"))
        self.assertIn("CPU features by the pack: bbm1", result.phases[0].notes)
        result, _ = self.phase(
            "{use: [arm64/all]}", a_report([a_rule("a")], [a_finding("a")], exit_code=1)
        )
        self.assertEqual(result.code(), 1)
        self.assertIn("not known: none", result.phases[0].notes[0])

    def test_features_of_the_cpu(self) -> None:
        """The pack's word counts, else the CPU's."""
        self.registers = {"ID_AA64MMFR1_EL1": 2 << 36}
        report = a_report([a_rule("tlbi-completes")])
        result, words = self.phase("{use: [arm64/all]}", report)
        self.assertIn("--feature ets2 --id ID_AA64MMFR1_EL1=0x0", words)
        self.assertEqual(result.phases[0].notes, ["CPU features by its registers: ets2"])
        result, words = self.phase("{use: [arm64/all], features: []}", report)
        self.assertNotIn("ets2", words)
        self.assertEqual(result.phases[0].notes, ["CPU features by the pack: none"])

    def test_phase_that_judges_nothing(self) -> None:
        """Zero subjects and lost operands are 3, whatever else there is."""
        for report in (
            a_report([a_rule("a", subjects=0)], exit_code=3),
            a_report(
                [a_rule("a")], [a_finding("a")], trace={"flags": ["operands-lost"]}, exit_code=1
            ),
        ):
            result, _ = self.phase("{use: [arm64/all]}", report)
            self.assertEqual(result.code(), 3)

    def test_pack_without_ordering(self) -> None:
        """There is nothing to judge by."""
        path = self.path / "plain.yaml"
        path.write_text("guest: x\n", encoding="utf-8")
        with self.assertRaisesRegex(UsageError, "has no `ordering`"):
            order.command(argparse.Namespace(pack=str(path), group=None), mock.Mock())


if __name__ == "__main__":
    unittest.main()
