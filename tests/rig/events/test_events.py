#!/usr/bin/python3
"""The event plugin inside QEMU: what it records of a guest known by construction.

    test_events.py [CLASS...]

$RIG_TOOLS is the directory of the plugins.
"""

from __future__ import annotations

import event_file as trace
import events_case as case
from events_case import CODE, DATA, LEVEL2, LEVEL3, OTHER_ROOT, PAGE, ROOT, symbols


class Records(case.EventsTest):
    """What the file says is what ran."""

    def test_instructions_only(self) -> None:
        """stores=off: the sites in order, with no more than registers tell."""
        got = self.record("off", ",stores=off")
        # The ISB behind the store, which is no event here, has an ISB before it.
        wanted = [label for kind, label in case.expected("") if kind == "insn"]
        wanted.remove("patch_isb")
        instructions = got.of("insn")
        self.assertEqual([event.pc for event in instructions], [self.at[each] for each in wanted])
        self.assertEqual((got.api >= 2, got.cpus), (self.variant == 2, 1))
        for event in instructions:
            self.assertEqual(event.pc_pa, event.pc)
        read = {event.pc: event.known() for event in instructions if event.known() is not None}
        if self.variant == 2:
            told = {
                self.at[each]: value for each, value in self.values() if not each.startswith("zero")
            }
            self.assertEqual(got.flags, trace.CLOSED | trace.OPERANDS)
            self.assertEqual(read, told)
            self.assertEqual({event.el for event in got.events}, {1})
            self.assertEqual(
                [event.kind for event in got.events if event.kind != "insn"], ["entry"]
            )
        else:
            self.assertEqual(got.flags, trace.CLOSED)
            self.assertEqual(read, {})
            self.assertEqual({event.el for event in got.events}, {trace.UNKNOWN_EL})
            self.assertEqual(got.events, instructions)

    def test_everything(self) -> None:
        """Stores, tables, code, windows and an exception, each at its place."""
        got = self.whole("whole")
        self.assertEqual(got.flags, trace.CLOSED | trace.STORES | trace.OPERANDS)
        self.check_sequence(got, "+!")
        self.assertEqual({event.el for event in got.events}, {1})
        for label, value in self.values():
            if not label.startswith("zero"):
                self.assertEqual(self.one(got, "insn", label).known(), value, label)
        self.assertIsNone(self.one(got, "insn", "tlbi_all").known())

    def test_every(self) -> None:
        """every=on: what is else told in windows only, too; ISBs behind each other."""
        got = self.record("every", f",every=on,ram=0x40000000{self.operands()}")
        self.assertEqual(
            got.flags, trace.CLOSED | trace.STORES | trace.OPERANDS | trace.EVERY
        )  # fmt: skip
        self.check_sequence(got, "+!*")
        self.assertEqual(self.one(got, "insn", "zero").known(), PAGE)

    def test_tables(self) -> None:
        """Each frame's content and writers; one that was changed while nobody looked is new."""
        got = self.whole("tables")
        at_ttbr0 = [e for e in got.of("frame") if e.pc == self.at["set_ttbr0"]]
        chunks = [event.chunk for event in at_ttbr0]
        self.assertEqual([chunk and chunk.address for chunk in chunks], [ROOT, LEVEL2])
        root, level2 = chunks
        assert root is not None and level2 is not None
        self.assertEqual((root.size, root.level, root.upper), (4096, 1, 0))
        self.assertEqual(root.words[:3], (0x405, LEVEL2 | 3, 0))
        self.assertEqual(level2.level, 2)
        self.assertEqual(level2.words[:3], (0x40000701, 0x40200701, 0))
        # All stores came before the same barrier: the last one with caches off, as all.
        self.assertEqual(level2.written.pc, self.at["fill_level2"])
        self.assertEqual((level2.written.pa, level2.written.va), (LEVEL2 + 8, LEVEL2 + 8))
        self.assertEqual(level2.written.flags, trace.VALUE | trace.CACHES_OFF)
        self.assertEqual(level2.written_off, level2.written)
        barrier = got.events.index(self.one(got, "insn", "fill_dsb"))
        self.assertEqual(level2.written.time, barrier)
        self.check_linked(got)

    def check_linked(self, got: trace.Trace) -> None:
        """The table that is linked in, out and in again."""
        first = self.one(got, "frame", "link").chunk
        second, third = self.one(got, "frame", "relink"), self.one(got, "frame", "again")
        assert first is not None and second.chunk is not None
        self.assertEqual((first.address, first.level, first.written.flags), (LEVEL3, 3, 0))
        self.assertEqual(second.chunk.written.pc, self.at["unwatched"])
        self.assertEqual(second.chunk.written.flags, trace.VALUE)
        assert second.chunk.written_off is not None
        self.assertEqual(second.chunk.written_off.flags, 0)
        # The store across its start was told, but was in no chunk yet; then nothing changes.
        assert third.chunk is not None
        self.assertEqual(third.chunk.written.pc, self.at["crossing"])
        self.assertNotEqual(third.value, second.value)
        self.assertEqual(self.one(got, "frame", "same").value, third.value)
        zeroed = self.one(got, "frame", "link_zeroed").chunk
        assert zeroed is not None
        self.assertEqual((zeroed.address, zeroed.words), (PAGE, (0,) * 512))
        self.assertEqual(zeroed.written.pc, self.at["zero"])
        self.assertEqual(zeroed.written.flags, trace.VALUE | trace.ZVA)
        other = self.one(got, "frame", "set_ttbr1").chunk
        assert other is not None
        self.assertEqual((other.address, other.upper), (OTHER_ROOT, 1))

    def test_stores(self) -> None:
        """A word each, with what it became; a store across pages is in both."""
        got = self.whole("stores")
        make = self.one(got, "store", "make")
        self.assertEqual(make.flags, trace.VALUE | trace.TABLE)
        self.assertEqual((make.va, make.pa, make.opcode), (LEVEL2 + 24, LEVEL2 + 24, 8))
        self.assertEqual(make.value, 0x40600701)
        crossing = [e for e in got.of("store") if e.pc == self.at["crossing"]]
        self.assertEqual([(e.pa, e.opcode) for e in crossing], [(LEVEL3 - 8, 4), (LEVEL3, 4)])
        self.assertEqual([e.va for e in crossing], [LEVEL3 - 8, LEVEL3])
        pair = [e for e in got.of("store") if e.pc == self.at["pair"]]
        self.assertEqual([e.pa for e in pair], [LEVEL2 + 48, LEVEL2 + 56])
        self.assertEqual({e.opcode for e in pair} - {8, 16}, set())  # in one piece or in two
        exclusive = self.one(got, "store", "exclusive")
        self.assertEqual((exclusive.pa, exclusive.value), (LEVEL2 + 24, 0x40600701))
        patch = self.one(got, "store", "patch")
        self.assertEqual(patch.flags, trace.VALUE | trace.OF_CODE)
        self.assertEqual((patch.pa, patch.opcode), (CODE, 4))
        self.assertEqual(patch.value, 0xD65F03C0_52800020)
        self.check_zeroed(got)

    def check_zeroed(self, got: trace.Trace) -> None:
        """DC ZVA of a live table: each of its words, before memory has them."""
        zeroed = [e for e in got.of("store") if e.pc == self.at["zero_live"]]
        self.assertEqual([e.pa for e in zeroed], [PAGE + 8 * index for index in range(8)])
        self.assertEqual({e.value for e in zeroed}, {0})
        self.assertEqual({e.flags for e in zeroed}, {trace.VALUE | trace.TABLE | trace.ZVA})

    def test_retired(self) -> None:
        """A root that no TTBR names any more is not watched for ever."""
        elf = self.guest("RETIRED")
        self.at["retire"] = symbols(elf)["retire"]
        values = [*self.values(), ("retire", OTHER_ROOT + 4096)]
        got = self.record("retired", f",ram=0x40000000{self.operands(values)}", elf)
        gone = [e for e in got.of("frame-gone") if e.pa == OTHER_ROOT]
        stores = [e for e in got.of("store") if e.pa == OTHER_ROOT + 8]
        self.assertEqual((len(gone), len(stores)), (1, 513))
        self.assertEqual(stores[0].value, 600)
        self.assertEqual(gone[0].pc, stores[-1].pc)

    def test_code(self) -> None:
        """Code that the guest wrote is told before it runs, with who wrote it; once."""
        got = self.whole("code")
        first, second = got.of("translate")
        assert first.chunk is not None and second.chunk is not None
        self.assertEqual(first.chunk.words, (0xD503201F, 0xD65F03C0))
        self.assertEqual(second.chunk.words, (0x52800020, 0xD65F03C0))
        self.assertEqual(first.chunk.written.pa, CODE)
        clean = got.events.index(self.one(got, "insn", "code_dc"))
        self.assertEqual(first.chunk.written.time, clean)
        patch = got.events.index(self.one(got, "store", "patch"))
        self.assertEqual(second.chunk.written.pc, self.at["patch"])
        self.assertEqual(second.chunk.written.time, patch)

    def test_read_of_uncached(self) -> None:
        """The first read of what was written with the caches off, once a line."""
        got = self.whole("uncached")
        read = self.one(got, "off-read", "read_root")
        assert read.chunk is not None
        self.assertEqual((read.va, read.pa), (ROOT, ROOT))
        self.assertEqual(read.chunk.written.flags, trace.VALUE | trace.CACHES_OFF)
        self.assertEqual(read.chunk.written.pa, ROOT + 8)

    def test_exception(self) -> None:
        """The vector, its table and the levels."""
        got = self.whole("exception")
        entry = got.of("entry")[0]
        self.assertEqual((entry.pc, entry.va), (self.at["synchronous"],) * 2)
        self.assertEqual((entry.opcode, entry.value, entry.el), (0x200, self.at["vectors"], 1))

    def test_accesses(self) -> None:
        """In a window each load is told with its addresses."""
        got = self.whole("accesses")
        early = self.one(got, "access", "use_early")
        self.assertEqual((early.va, early.pa, early.opcode, early.flags), (DATA, DATA, 8, 0))

    def test_memory_found_either_way(self) -> None:
        """Without a memfd RAM is known by the first block that ran out of it."""
        found = self.record("found", self.operands())
        named = self.whole("named")
        self.assertEqual(found.flags, named.flags)
        self.assertEqual(found.events, named.events)

    def test_address_of_ram(self) -> None:
        """ram= says where the memfd starts: code's physical addresses count from there."""
        got = self.record("elsewhere", ",stores=off,ram=0x50000000")
        for event in got.of("insn"):
            self.assertEqual(event.pc_pa, event.pc + 0x10000000)

    def test_repeats_exactly(self) -> None:
        """The same run twice gives the same bytes."""
        self.whole("first")
        self.whole("second")
        self.assertEqual(
            (self.work / "first").read_bytes(), (self.work / "second").read_bytes()
        )  # fmt: skip

    def test_two_cpus(self) -> None:
        """The second one's events bear its number; as threads they do, too."""
        elf = self.guest("CPUS")
        at = symbols(elf)
        for parallel in (False, True):
            with self.subTest(parallel=parallel):
                got = self.record("two", ",ram=0x40000000", elf, cpus=2, parallel=parallel)
                self.assertEqual(got.cpus, 2)
                second = [event.pc for event in got.events if event.cpu == 1]
                self.assertEqual(second[0], at["second"])
                self.assertIn(at["second_wfi"], second)
                for event in got.events:
                    if event.kind == "insn" and event.cpu == 0:
                        self.assertNotIn(event.pc, second)


if __name__ == "__main__":
    case.main()
