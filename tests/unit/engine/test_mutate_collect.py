#!/usr/bin/python3
"""Results of shards as one, the choice of mutants, and what the command refuses."""

from __future__ import annotations

import argparse
import json
import tempfile
import unittest
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutate_case import MUTANTS, OUTCOMES, listed, load_pack, mutant

# pylint: disable=wrong-import-order # mutate_case sets the path
from engine import mutate_collect, mutate_results, mutate_review
from engine.cli import build_parser
from engine.errors import CannotJudge, UsageError
from engine.mutant import KILLED, NOT_JUDGED, SURVIVED, Outcome
from engine.mutate_report import Listed, joined
from engine.mutate_select import Selection, shard

RULES = {"/elsewhere/small.yaml": "digest"}
HEADER = {"schema": mutate_results.SCHEMA, "compared": {"elf": "one"}, "here": {}}


class CollectTest(unittest.TestCase):
    """Directories of made-up shards."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.room = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        self.pack = load_pack(self.room)

    def shard(
        self, name: str, outcomes: Sequence[Outcome], what: Listed | None = None, elf: str = "one"
    ) -> str:
        """A shard's directory with these results."""
        folder = self.room / name
        folder.mkdir(parents=True)
        what = what or listed()
        mutate_collect.save(what, folder)
        lines: list[dict[str, Any]] = [{**HEADER, "compared": {"elf": elf}}]
        lines += [{"mutant": "mark", **outcome.to_json()} for outcome in outcomes]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{what.variant}-results.jsonl").write_text(text, "utf-8")
        return str(folder)

    def collect(self, *folders: str, build_id: str | None = None) -> list[mutate_collect.Collected]:
        """All of these directories."""
        return mutate_collect.collect(list(folders), self.pack, RULES, build_id)

    def refused(self, *folders: str, build_id: str | None = None) -> str:
        """Why these cannot be collected."""
        with self.assertRaises(UsageError) as caught:
            self.collect(*folders, build_id=build_id)
        return str(caught.exception)


class Shards(CollectTest):
    """Parts of one campaign."""

    def test_the_list_comes_back_as_it_was(self) -> None:
        """Mutants, numbers, reasons."""
        what = listed(flips={"flips": 64})
        mutate_collect.save(what, self.room)
        self.assertEqual(mutate_collect.load(self.room / "el1-mutants.json"), what)

    def test_two_halves(self) -> None:
        """Found in the directory itself or one below, each mutant once."""
        self.shard("all/a", OUTCOMES[:2])
        second = self.shard("all/b", OUTCOMES[2:])
        (found,) = self.collect(str(self.room / "all"))
        self.assertEqual(set(found.outcomes), {outcome.id for outcome in OUTCOMES})
        (half,) = self.collect(second)
        self.assertEqual(set(half.outcomes), {outcome.id for outcome in OUTCOMES[2:]})

    def test_what_no_shard_judged_is_missed(self) -> None:
        """Also when a shard has only begun, and has a list but no results."""
        first = self.shard("a", OUTCOMES[:2])
        (self.room / "b").mkdir()
        mutate_collect.save(listed(), self.room / "b")
        (found,) = self.collect(first, str(self.room / "b"))
        review = mutate_review.load(self.pack)
        counts = joined(found.listed, found.outcomes.values(), review).counts()
        self.assertEqual((counts.mutants, counts.not_judged), (6, 3))

    def test_variants_in_the_packs_order(self) -> None:
        """Whatever the directories are called."""
        one = self.shard("a", OUTCOMES, listed("el2"))
        two = self.shard("b", OUTCOMES, listed("el1"))
        self.assertEqual([item.listed.variant for item in self.collect(one, two)], ["el1", "el2"])

    def test_a_verdict_beats_none_and_no_other(self) -> None:
        """What was judged elsewhere counts; two verdicts of one mutant are no verdict."""
        name = MUTANTS[0].id
        lost = self.shard("a", [Outcome(name, NOT_JUDGED, why="QEMU died")])
        killed = self.shard("b", [Outcome(name, KILLED, ["r"])])
        alive = self.shard("c", [Outcome(name, SURVIVED)])
        for folders, verdict in (
            ((lost, killed), KILLED),
            ((killed, lost), KILLED),
            ((killed, alive), NOT_JUDGED),
        ):
            (found,) = self.collect(*folders)
            self.assertEqual(found.outcomes[name].verdict, verdict)
        (found,) = self.collect(killed, alive)
        self.assertRegex(found.outcomes[name].why, "^killed in .*, but survived in ")

    def test_flips_are_of_one_shard(self) -> None:
        """And of the whole."""
        one, two = self.shard("a", []), self.shard("b", [], listed(flips={"flips": 64}))
        self.assertEqual(self.collect(one, two)[0].listed.flips, {"flips": 64})


class Refusals(CollectTest):
    """Results that are not comparable."""

    def test_no_results(self) -> None:
        """A directory without any."""
        self.assertIn("no results of rig mutate", self.refused(str(self.room)))

    def test_other_mutants(self) -> None:
        """Another selection, another machine, another generator."""
        first = self.shard("a", OUTCOMES)
        for number, what in enumerate(
            (
                replace(listed(), selection={**listed().selection, "sample": 3}),
                replace(listed(), machine="-M other"),
                listed(mutants=MUTANTS[:3]),
            )
        ):
            other = self.shard(f"other{number}", [], what)
            self.assertIn("every shard has to be run of the same image", self.refused(first, other))

    def test_other_results(self) -> None:
        """Another header, in words that name what differs."""
        first, other = self.shard("a", OUTCOMES), self.shard("b", [], elf="two")
        self.assertIn("is not comparable with", self.refused(first, other))
        self.assertIn(": elf differ", self.refused(first, other))

    def test_other_images(self) -> None:
        """Than the other shard's, or than the one that is given."""
        first = self.shard("a", OUTCOMES)
        self.assertEqual(len(self.collect(first, build_id="id")), 1)
        self.assertIn("of another image than --elf", self.refused(first, build_id="new"))
        other = self.shard("b", [], replace(listed(), elf={"path": "x", "build_id": "new"}))
        self.assertIn("of another image than", self.refused(first, other))

    def test_other_rules(self) -> None:
        """The pack has changed since."""
        old = self.shard("a", OUTCOMES, replace(listed(), rules={"/small.yaml": "then"}))
        self.assertIn("judged by other rules (small.yaml differ)", self.refused(old))

    def test_a_variant_that_the_pack_has_not(self) -> None:
        """The wrong pack was given."""
        self.assertIn("no variant 'el9'", self.refused(self.shard("a", [], listed("el9"))))

    def test_a_damaged_list(self) -> None:
        """Is no evidence."""
        folder = self.shard("a", OUTCOMES)
        for text in ("{", "[]", "{}", '{"schema": "other"}'):
            (Path(folder) / "el1-mutants.json").write_text(text, "utf-8")
            with self.subTest(text), self.assertRaises(CannotJudge):
                self.collect(folder)


class Choice(unittest.TestCase):
    """Which mutants a command line is about."""

    @staticmethod
    def of(*words: str) -> Selection:
        """The selection of these words."""
        return Selection.of(build_parser().parse_args(["mutate", "--pack", "p", *words]))

    def test_patterns(self) -> None:
        """By kind, function and id; of several patterns one has to fit."""
        ids = [item.id for item in MUTANTS]
        for words, found in (
            ((), ids),
            (("--kind", "dropped"), ids[:3]),
            (("--kind", "swapped", "--kind", "eret-to-ret"), ids[3:]),
            (("--in", "bo?t"), ids),
            (("--in", "start"), []),
            (("--id", "boot+0x4:*", "--id", "*:eret-to-ret"), [ids[1], ids[5]]),
        ):
            with self.subTest(words):
                self.assertEqual([item.id for item in self.of(*words).chosen(MUTANTS)], found)

    def test_a_sample_is_of_mutants_that_are_run(self) -> None:
        """Those proven equivalent would judge nothing."""
        chosen = self.of("--sample", "9").chosen(MUTANTS)
        self.assertEqual([item for item in chosen if item.equivalent], [])
        self.assertEqual(len(chosen), 5)

    def test_shards_are_parts(self) -> None:
        """Of what was chosen, each mutant in one."""
        many = [mutant(number) for number in range(50)]
        parts = [self.of("--shard", f"{number}/4").part(many) for number in range(1, 5)]
        self.assertEqual(
            sorted(item.id for part in parts for item in part), sorted(m.id for m in many)
        )

    def test_shards_agree_on_what_they_are_of(self) -> None:
        """The shard is no part of the selection; the order of options is none either."""
        one = self.of("--shard", "1/2", "--in", "a", "--in", "b").to_json()
        self.assertEqual(one, self.of("--shard", "2/2", "--in", "b", "--in", "a").to_json())
        self.assertNotEqual(one, self.of("--shard", "1/2", "--in", "a").to_json())

    def test_shard_words(self) -> None:
        """K/N, K from 1 to N."""
        self.assertEqual(shard("2/8"), (2, 8))
        for text in ("0/8", "9/8", "1", "1/0", "a/b", "1/8/8", "-1/8"):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                shard(text)


if __name__ == "__main__":
    unittest.main()
