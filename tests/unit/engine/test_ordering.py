#!/usr/bin/python3
"""The ordering phase without QEMU: packs, operands, command lines, ends of runs."""

from __future__ import annotations

import struct
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from ordering_case import MACHINE, Folder
from support import TABLE, TEXT, make_elf, make_image
from engine import order_operands, order_run
from engine import pack as pack_file
from engine.cpu_features import features
from engine.errors import CannotJudge, PackError, TimeBound, UsageError
from engine.explain import explain
from engine.image import Image
from engine.lint import lint
from engine.operands import Hit
from engine.order_check import Settings
from engine.order_lint import lint_ordering
from engine.order_operands import Counted, choose_sites
from engine.order_run import Console, Recorder, run_guest
from engine.qemu import Machine, guest_elf, guest_words, with_files
from engine.run_end import End
from engine.shared_ram import memory_size, with_shared_ram


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
            self.assertEqual(memory_size(text), size)
        with self.assertRaises(CannotJudge):
            memory_size("many")

    def test_features(self) -> None:
        """By the fields of the registers; what is not known is not there."""
        self.assertEqual(features({}), [])
        others = {"ID_AA64MMFR1_EL1": 1 << 36 | 1 << 8, "CTR_EL0": 0x8444C004}
        self.assertEqual(features(others), [])
        self.assertEqual(features({"ID_AA64MMFR1_EL1": 0}), ["no-vhe"])
        registers = {
            "ID_AA64MMFR1_EL1": 2 << 36 | 1 << 8,
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


if __name__ == "__main__":
    unittest.main()
