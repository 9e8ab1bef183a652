#!/usr/bin/python3
"""The reviewed list of mutants: its shape, what it excuses, and what is stale in it."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from support import ROOT

# pylint: disable=wrong-import-order # support sets the path
from engine import mutate_review
from engine import pack as pack_file
from engine.errors import PackError
from engine.mutant import EQUIVALENT, KILLED, NOT_JUDGED, SURVIVED, Mutant, Outcome, Poke
from engine.pack import Pack

RULES = ROOT / "rig" / "rules"
PACK = """\
guest: small
why: a test
variants: {el1: {why: one}, el2: {why: two}}
mutants: {reviewed: reviewed.yaml, fault-words: panic}
layout:
  harmless:
    - {kind: page, bits: "58:55", why: software's}
    - {kind: page, bits: "9:8", only: [early], why: of a device}
    - {kind: table, bits: "11:2", except: [early], why: ignored}
steady-state: "off"
checkpoints:
  - {id: on, at: start, expect: EL == 1, why: a test}
  - {id: off, at: start, expect: EL == 1, why: a test}
address_space:
  - {id: early, at: "on", why: a test}
  - {id: late, at: "off", why: a test}
"""
ISB = Mutant("boot+0x8:dropped", "dropped", "boot", "isb", "ISB dropped", "boot.S", 12)
STORE = Mutant(
    "boot+0x10:dropped", "dropped", "boot", "str x1, [x0]", "str x1, [x0] dropped", "boot.S", 14
)


def descriptor(bit: int, was: str, at: str) -> Mutant:
    """A mutant of a descriptor that is seen at a checkpoint."""
    return Mutant(f"text:descriptor:{bit}", "descriptor", at, was, f"bit {bit} flipped",
                  poke=Poke(0x4000_0000, 3, bit))  # fmt: skip


class ReviewTest(unittest.TestCase):
    """A directory for a pack and its list."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.room = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def pack(self, *entries: str, text: str = PACK) -> Pack:
        """The pack with a list of these entries."""
        lines = "".join(f"  - {entry}\n" for entry in entries) or "  []\n"
        (self.room / "reviewed.yaml").write_text(f"why: a test\nequivalent:\n{lines}", "utf-8")
        (self.room / "small.yaml").write_text(text, "utf-8")
        return pack_file.load(self.room / "small.yaml", RULES)

    def review(self, *entries: str) -> mutate_review.Review:
        """The review of these entries."""
        return mutate_review.load(self.pack(*entries))

    def findings(self, *entries: str) -> str:
        """What is wrong with the list."""
        with self.assertRaises(PackError) as caught:
            self.review(*entries)
        return str(caught.exception)


class Shape(ReviewTest):
    """The file is checked as packs are: file, line, column, key."""

    def test_unknown_key(self) -> None:
        """Named with its place."""
        text = self.findings("{kind: dropped, in: boot, who: me, why: so}")
        self.assertRegex(text, r"reviewed.yaml:3:\d+: equivalent\[0\]\.who: unknown key")

    def test_unknown_kind_and_variant(self) -> None:
        """With what there is."""
        self.assertIn("expected one of dropped,", self.findings("{kind: gone, in: f, why: so}"))
        text = self.findings("{kind: dropped, in: f, variants: el3, why: so}")
        self.assertIn("equivalent[0].variants[0]: no variant 'el3'", text)

    def test_reason_is_compulsory(self) -> None:
        """An entry without one excuses nothing."""
        self.assertIn("has no 'why'", self.findings("{kind: dropped, in: boot}"))

    def test_a_whole_class_is_refused(self) -> None:
        """An entry has to say more than a kind."""
        self.assertIn("it would excuse a whole class", self.findings("{kind: dropped, why: so}"))

    def test_broken_file(self) -> None:
        """Broken YAML, an empty file and a missing one are told, not thrown."""
        for text in ("why: [", "", "- 1"):
            pack = self.pack()
            (self.room / "reviewed.yaml").write_text(text, "utf-8")
            with self.subTest(text), self.assertRaises(PackError):
                mutate_review.load(pack)
        (self.room / "small.yaml").write_text(
            PACK.replace("reviewed.yaml", "nowhere.yaml"), "utf-8"
        )
        with self.assertRaises(PackError) as caught:
            pack_file.load(self.room / "small.yaml", RULES)
        self.assertIn("small.yaml:4:21: mutants.reviewed: no file", str(caught.exception))

    def test_a_pack_without_a_list(self) -> None:
        """Has an empty review."""
        pack = self.pack(text=PACK.replace("mutants: ", "define: {x: '1'}\nwatch: []\n#"))
        self.assertEqual(mutate_review.load(pack).entries, [])

    def test_a_pack_that_uses_another(self) -> None:
        """Inherits the list, beside the pack that names it, and may add words of its own."""
        self.pack("{kind: dropped, in: boot, why: so}")
        (self.room / "deep").mkdir()
        upper = self.room / "deep" / "upper.yaml"
        upper.write_text(
            "guest: upper\nwhy: a test\nuse: [../small.yaml]\nmutants: {fault-words: [oops]}\n",
            "utf-8",
        )
        pack = pack_file.load(upper, RULES)
        self.assertEqual(pack.data["mutants"]["fault-words"], ["oops"])
        self.assertEqual(len(mutate_review.load(pack).entries), 1)


class Excuses(ReviewTest):
    """What a survivor becomes."""

    def verdict(self, mutant: Mutant, *entries: str, variant: str = "el1") -> tuple[str, str]:
        """(verdict, why) of a survivor."""
        outcome = Outcome(mutant.id, SURVIVED)
        done = self.review(*entries).apply(variant, [(mutant, outcome)], False)[0]
        return done.verdict, done.why

    def test_patterns(self) -> None:
        """Each key has to fit; capitals do not matter; brackets are plain."""
        good = "{kind: dropped, in: boot, was: ISB, now: '*dropped', why: so, spec: DDI}"
        self.assertEqual(self.verdict(ISB, good), (EQUIVALENT, "so (DDI)"))
        store = "{kind: [swapped, dropped], was: 'str x1, [x?]', why: so}"
        self.assertEqual(self.verdict(STORE, store), (EQUIVALENT, "so"))
        self.assertEqual(self.verdict(ISB, store)[0], SURVIVED)
        for wrong in (
            "{kind: swapped, in: boot, why: so}",
            "{kind: dropped, in: boo, why: so}",
            "{kind: dropped, was: dsb*, why: so}",
            "{kind: dropped, id: 'boot+0x9:*', why: so}",
            "{kind: dropped, in: boot, variants: el2, why: so}",
        ):
            with self.subTest(wrong):
                self.assertEqual(self.verdict(ISB, wrong), (SURVIVED, ""))

    def test_only_survivors(self) -> None:
        """What was killed or could not be judged stays so."""
        review = self.review("{kind: dropped, in: boot, why: so}")
        pairs = [(ISB, Outcome(ISB.id, KILLED)), (STORE, Outcome(STORE.id, NOT_JUDGED))]
        done = review.apply("el1", pairs, True)
        self.assertEqual([outcome.verdict for outcome in done], [KILLED, NOT_JUDGED])

    def test_the_outcome_given_is_not_changed(self) -> None:
        """It is what the run said, and may be reviewed again."""
        outcome = Outcome(ISB.id, SURVIVED)
        self.review("{kind: dropped, in: boot, why: so}").apply("el1", [(ISB, outcome)], True)
        self.assertEqual(outcome.verdict, SURVIVED)

    def test_harmless_bits(self) -> None:
        """The pack's layout excuses bits of descriptors, at the entries that it says."""
        why = "layout, harmless: software's"
        self.assertEqual(self.verdict(descriptor(55, "page of x", "on")), (EQUIVALENT, why))
        for bit, was, at, verdict in (
            (54, "page of x", "on", SURVIVED),
            (59, "page of x", "on", SURVIVED),
            (58, "block of x", "on", SURVIVED),
            (8, "page of x", "on", EQUIVALENT),
            (8, "page of x", "off", SURVIVED),
            (2, "table of x", "on", SURVIVED),
            (2, "table of x", "off", EQUIVALENT),
        ):
            with self.subTest(bit=bit, was=was, at=at):
                self.assertEqual(self.verdict(descriptor(bit, was, at))[0], verdict)


class Stale(ReviewTest):
    """Entries that excuse nothing."""

    def test_matches_nothing(self) -> None:
        """An error once every variant that it is for was looked at whole, and no earlier."""
        review = self.review("{kind: dropped, in: gone, why: so}")
        survivor = [(ISB, Outcome(ISB.id, SURVIVED))]
        review.apply("el1", survivor, True)
        self.assertEqual(review.findings(), [])
        review.apply("el2", survivor, False)
        self.assertEqual(review.findings(), [])
        review.apply("el2", survivor, True)
        self.assertRegex(review.findings()[0], r"reviewed.yaml:3:5: equivalent\[0\]: matches noth")
        one = self.review("{kind: dropped, in: gone, variants: el2, why: so}")
        one.apply("el2", survivor, True)
        self.assertEqual(len(one.findings()), 1)

    def test_not_needed(self) -> None:
        """Every mutant that it speaks of is killed: told, and no error."""
        review = self.review("{kind: dropped, in: boot, variants: el1, why: so}")
        review.apply("el1", [(ISB, Outcome(ISB.id, KILLED))], True)
        self.assertEqual(review.findings(), [])
        self.assertIn("not needed", review.unneeded()[0])
        needed = self.review("{kind: dropped, in: boot, variants: el1, why: so}")
        needed.apply(
            "el1", [(ISB, Outcome(ISB.id, KILLED)), (STORE, Outcome(STORE.id, SURVIVED))], True
        )
        self.assertEqual(needed.unneeded(), [])
        self.assertEqual([needed.entries[0].covers, needed.entries[0].killed], [1, 1])

    def test_needed_as_long_as_it_is_not_known(self) -> None:
        """What could not be judged may have survived; what matches nothing is told once."""
        review = self.review(
            "{kind: dropped, in: boot, variants: el1, why: so}",
            "{kind: dropped, in: gone, variants: el1, why: so}",
        )
        pairs = [(ISB, Outcome(ISB.id, KILLED)), (STORE, Outcome(STORE.id, NOT_JUDGED))]
        review.apply("el1", pairs, True)
        self.assertEqual(review.unneeded(), [])
        self.assertEqual(len(review.findings()), 1)


if __name__ == "__main__":
    unittest.main()
