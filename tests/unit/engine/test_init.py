#!/usr/bin/python3
"""What rig init makes of QEMU's words, of executed instructions, of a console and of a log."""

from __future__ import annotations

import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from support import TABLE, make_elf

# pylint: disable=wrong-import-order # support sets the path
from engine import init_alias, init_budget, init_maker, init_watch, init_words
from engine import pack as pack_file
from engine.elf import Elf, Section
from engine.errors import PackError, UsageError
from engine.init_watch import Sample
from engine.lint import lint
from engine.run_end import End, Watch, bound_of, end_of

_CODE, _LINKED = 0x1000, 0xFFFF000040080000


class Words(unittest.TestCase):
    """QEMU's words as people use them."""

    def parse(self, text: str | None) -> init_words.Words:
        """Sorted words, for an ELF that is this file."""
        return init_words.parse(text, Path(__file__).resolve())

    def refuse(self, text: str, *words: str) -> None:
        """The words are refused, with these in the complaint."""
        with self.assertRaises(UsageError) as caught:
            self.parse(text)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_the_machine_goes_into_the_packs_keys(self) -> None:
        """Whole command lines too, in any of QEMU's spellings."""
        text = "qemu-system-aarch64 --machine type=virt,gic-version=3,accel=tcg -cpu max,sve=off"
        text += " -m size=1G"
        words = self.parse(text)
        self.assertEqual((words.board, words.options), ("virt", "gic-version=3"))
        self.assertEqual((words.cpu, words.memory), ("max,sve=off", "1G"))
        self.assertEqual((words.extra, words.notes), ([], []))
        self.assertEqual(self.parse(None).board, "virt")

    def test_what_the_rig_sets_is_left_out_and_told(self) -> None:
        """Each with its reason, also when it has a value that looks like nothing."""
        words = self.parse(
            "-nographic -serial mon:stdio -monitor none -s -S -d int -no-reboot -smp 1"
        )
        self.assertEqual(words.extra, ["-no-reboot"])
        self.assertEqual(len(words.notes), 6)
        self.assertIn("the console goes into a file", words.notes[0])
        self.assertIn("-smp 4", self.parse("-smp 4").notes[0])

    def test_files_become_absolute_and_disks_are_not_written(self) -> None:
        """A run has a directory of its own, and no run may change the next."""
        words = self.parse(
            "-drive if=pflash,format=raw,file=/bin/true -append 'console=ttyAMA0 quiet'"
        )
        self.assertEqual(words.extra[1], f"if=pflash,format=raw,file={Path('/bin/true').resolve()}")
        self.assertEqual(words.extra[2:], ["-append", "console=ttyAMA0 quiet", "-snapshot"])
        self.assertIn("-snapshot: added", words.notes[0])
        self.assertEqual(self.parse(f"-kernel {__file__}").extra, [])
        self.assertEqual(self.parse("-kernel /bin/true").extra[0], "-kernel")

    def test_texts_for_the_guest_stay_as_they_are(self) -> None:
        """They may look like file names."""
        text = "root=/dev/vda file=/no/such"
        words = self.parse(f"-append '{text}' -fw_cfg opt/x,string=file=abc")
        self.assertEqual(words.extra, ["-append", text, "-fw_cfg", "opt/x,string=file=abc"])

    def test_several_machines_are_one(self) -> None:
        """As QEMU merges them."""
        words = self.parse("-machine virt,gic-version=3 -machine virtualization=on")
        self.assertEqual((words.board, words.options), ("virt", "gic-version=3,virtualization=on"))

    def test_what_no_verdict_can_rest_on_is_refused(self) -> None:
        """In words, with what to do."""
        self.refuse("-enable-kvm", "KVM", "leave it out")
        self.refuse("-M virt,accel=kvm", "KVM", "accel=kvm")
        self.refuse("-accel hvf", "leave it out")
        self.refuse("-cpu host", "name a model")
        self.refuse("-netdev user,id=n0", "other times in each run")
        self.refuse("-nic tap", "network")
        self.refuse("-plugin x.so", "plugins")
        self.refuse("-initrd /no/such", "no such file")
        self.refuse("disk.img", "belongs to no option")
        self.refuse("qemu-system-riscv64 -M virt", "not for AArch64")
        self.refuse("-append 'open", "quote")
        self.refuse("-M", "no value")
        self.refuse("-object rng-random,filename=/dev/urandom,id=r", "no two runs", "rng-builtin")


class Aliases(unittest.TestCase):
    """Where an image ran."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-"))
        self.path = Path(folder) / "image.elf"
        self.opcodes = [0xD5182000 + i for i in range(8)]

    def image(self, paddr: int) -> Elf:
        """An ELF whose one segment holds the opcodes at its beginning."""
        code = struct.pack("<8I", *self.opcodes)
        header = struct.pack(
            "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 183, 1, paddr, 64, 0, 0, 64, 56, 1, 64, 0, 0
        )
        segment = struct.pack("<IIQQQQQQ", 1, 5, 0x100, _LINKED, paddr, len(code), 0x2000, 0x1000)
        self.path.write_bytes((header + segment).ljust(0x100, b"\0") + code)
        text = Section(".text", _LINKED, _LINKED + _CODE, False, True)
        return Elf(str(self.path), paddr, "", {".text": text}, {}, [(_LINKED, paddr, 0x2000)])

    def test_the_place_is_found_from_what_was_executed_there(self) -> None:
        """Also where the ELF does not say it: the image moved itself."""
        moved = 0x5FEF7000
        executed = [(moved + 4 * i, opcode) for i, opcode in enumerate(self.opcodes)]
        found = init_alias.aliases(self.image(_LINKED), executed)
        self.assertEqual([(a.start, a.size) for a in found], [(moved, 0x2000)])
        self.assertEqual(found[0].fold(moved + 8), _LINKED + 8)

    def test_where_the_elf_loads_it_is_an_alias_without_evidence(self) -> None:
        """Its first instructions need not be any that are recorded."""
        found = init_alias.aliases(self.image(0x40080000), [])
        self.assertEqual([a.start for a in found], [0x40080000])

    def test_an_image_that_runs_where_it_is_linked_has_none(self) -> None:
        """And code of others is told as outside."""
        elf = self.image(_LINKED)
        executed = [(_LINKED, self.opcodes[0]), (0x1000, 0xD503201F)]
        self.assertEqual(init_alias.aliases(elf, executed), [])
        self.assertEqual(init_alias.outside(elf, [], [pc for pc, _ in executed]), [0x1000])


class Stops(unittest.TestCase):
    """Where a guest that does not end is stopped."""

    def test_a_prompt_is_the_end(self) -> None:
        """It is the last text, and stands there once."""
        console = b"Booting\r\nready\r\n=> "
        ending = init_watch.choose_stop(console, [Sample(0, 0), Sample(500, 19), Sample(9000, 19)])
        self.assertEqual(ending.end, End(until="=> "))
        self.assertEqual(ending.instructions, 500)

    def test_a_text_that_comes_twice_or_too_late_is_not(self) -> None:
        """The one before it is."""
        console = b"Booting\nwait\nwait\nlate\n"
        late = init_watch.MOST + 1
        samples = [Sample(0, 0), Sample(70, 18), Sample(late, 23), Sample(late * 2, 23)]
        self.assertEqual(init_watch.choose_stop(console, samples).end, End(until="Booting"))

    def test_a_console_that_never_rests_ends_at_a_count(self) -> None:
        """A round one, that can be traced."""
        samples = [Sample(i * 1_000_000, i) for i in range(41)]
        ending = init_watch.choose_stop(b"." * 40, samples)
        self.assertEqual(ending.end, End(instructions=10_000_000))
        silent = init_watch.choose_stop(b"", [Sample(0, 0), Sample(1 << 40, 0)])
        self.assertEqual(silent.end, End(instructions=init_watch.MOST))

    def test_the_packs_key_says_it_for_all_phases(self) -> None:
        """And a pack without it waits for the guest."""
        self.assertTrue(end_of({}).by_guest)
        self.assertEqual(end_of({"end": {"until": "=> ", "bound": 7}}), End(until="=> "))
        self.assertEqual(bound_of({"end": {"until": "=> ", "bound": 7}}, 120.0), 7.0)
        self.assertEqual(end_of({"end": {"by": "sleep"}}), End(sleeps=True))
        self.assertTrue(end_of({"end": {"instructions": 5}}).exact)


class Keys(unittest.TestCase):
    """The keys that packs of rig init use: `end`, and addresses under `at`."""

    def findings(self, text: str) -> str:
        """Complaints about a pack, of its shape or against an ELF."""
        # pylint: disable-next=consider-using-with # entered here
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        path = folder / "pack.yaml"
        path.write_text(f"guest: test\nfaults: {{deny: all-others}}\n{text}\n", encoding="utf-8")
        try:
            pack = pack_file.load(path, folder)
        except PackError as error:
            return str(error)
        return "\n".join(lint(pack, make_elf(), TABLE))

    def test_a_run_ends_in_one_way(self) -> None:
        """By the guest, in sleep, at a text, or at a count."""
        for end in (
            "by: guest",
            "by: sleep",
            "until: '=> '",
            "instructions: 5",
            "by: sleep, bound: 9",
        ):
            self.assertEqual(self.findings(f"end: {{{end}}}"), "")
        for end, words in (
            ("bound: 5", "has none, expected one of by, until and instructions"),
            ("by: guest, until: x", "has by and until, expected one"),
            ("by: bound", "expected one of guest, sleep"),
            ("instructions: 0", "expected at least 1"),
            (f"until: {'x' * 257}", "until of more than 256 bytes"),
        ):
            self.assertIn(words, self.findings(f"end: {{{end}}}"))

    def test_no_audit_at_the_end_of_a_run_that_has_none(self) -> None:
        """A stopped guest cannot be read."""
        space = "address_space:\n  - {id: space, at: end, why: w}\n"
        self.assertEqual(self.findings(space + "end: {by: guest}"), "")
        self.assertIn("expected a checkpoint", self.findings(space + "end: {until: x}"))

    def test_a_checkpoint_may_stand_at_an_address(self) -> None:
        """As an ELF without symbols needs it."""
        pack = "steady-state: a\ncheckpoints:\n  - {id: a, at: '%s', expect: EL == 1, why: w}"
        self.assertEqual(self.findings(pack % "0xffffffff40080000"), "")
        self.assertIn("expected symbol, symbol+0x10 or 0x40080000", self.findings(pack % "0xzz"))
        self.assertIn("no symbol 'nowhere'", self.findings(pack % "nowhere"))


class Watches(unittest.TestCase):
    """The driver's looks at a run that has an end of its own."""

    def test_what_came_stays_so(self) -> None:
        """A busy thread of QEMU at the next look does not wake the guest."""
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch(End(sleeps=True), Path(folder), mock.Mock())
            with mock.patch.object(Watch, "asleep", side_effect=[False, True, False]):
                self.assertEqual([watch.come() for _ in range(4)], [False, True, True, True])


class Budgets(unittest.TestCase):
    """A log as rules."""

    @staticmethod
    def site(kind: str, level: str, count: int, line: int, psci: bool = False) -> dict[str, object]:
        """A site of the gate's report."""
        return {
            "class": kind, "from": level, "count": count, "psci": psci, "first_line": line,
            "elr": "0x800000", "elr_symbol": None, "esr_text": "text",
        }  # fmt: skip

    def keys(self, by_guest: bool, *sites: dict[str, object]) -> list[str]:
        """The rules' keys."""
        report = {"sites": list(sites), "messages": []}
        return [allow.keys for allow in init_budget.budget_of(report, by_guest, False).allow]

    def test_few_are_counted_and_many_are_bounded(self) -> None:
        """Interrupts are bounded whatever their number."""
        sites = [self.site("SVC", "EL0", 1, 1), self.site("SVC", "EL0", 2, 5)]
        sites += [self.site("IRQ", "EL1", 3, 9), self.site("DATA_ABORT", "EL0", 400, 30)]
        self.assertEqual(
            self.keys(False, *sites),
            [
                "id: data-abort-el0, class: DATA_ABORT, from: EL0, min: 1, max: 800",
                "id: irq-el1, class: IRQ, from: EL1, min: 1, max: 6",
                "id: svc-el0, class: SVC, from: EL0, count: 3",
            ],
        )

    def test_the_call_that_ends_the_run_is_kept_apart(self) -> None:
        """It is the last; a guest that is stopped has none."""
        sites = [self.site("HVC", "EL1", 3, 1, psci=True)]
        ends = "id: hvc-el1-system-off, class: HVC, from: EL1, psci: SYSTEM_OFF, count: 1"
        self.assertEqual(self.keys(True, *sites)[0], ends)
        self.assertIn("psci: ANY_CALL, count: 2", self.keys(True, *sites)[1])
        self.assertEqual(len(self.keys(False, *sites)), 1)

    def test_messages_are_patterns_that_match_themselves(self) -> None:
        """What means something in a pattern is replaced."""
        report = {"sites": [], "messages": [{"text": "bad [x] * read", "count": 2}]}
        found = init_budget.budget_of(report, True, False).messages
        self.assertEqual(found, ['id: message-1, match: "bad ?x? ? read", max: 2'])

    def test_numbers_that_the_next_build_changes_are_open_in_markers(self) -> None:
        """Short ones and versions stay."""
        lines = ["U-Boot 2023.01", "elapsed = 324336 ns", "base 0x4000", "DRAM: 512 MiB", "", "a*b"]
        self.assertEqual(
            init_maker.markers(lines),
            ["U-Boot 2023.01", "elapsed = * ns", "base *", "DRAM: 512 MiB"],
        )


if __name__ == "__main__":
    unittest.main()
