#!/usr/bin/python3
"""Campaigns: which mutants, side by side in workers that may die, results that are taken up."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from support import ROOT

# pylint: disable=wrong-import-order # support sets the path
from engine.errors import CannotJudge, Interrupted, UsageError
from engine.mutant import KILLED, NOT_JUDGED, SURVIVED, Mutant, Outcome, Patch
from engine.mutate_campaign import Progress
from engine.mutate_results import SCHEMA, Results, mark, read
from engine.mutate_sample import sample, shard
from engine.mutate_workers import Workers
from engine.process import Children
from engine.report_text import TextReport

HEAD: dict[str, Any] = {
    "schema": SCHEMA,
    "compared": {"elf": "1", "rules": [["a.yaml", "1"], ["b.yaml", "2"]], "qemu": "QEMU 7.2"},
    "here": {"parts": [["rig-trace", "1"]]},
}


def mutant(number: int, kind: str = "dropped") -> Mutant:
    """One at an address of its own."""
    patch = Patch(4 * number, b"\xdf\x3f\x03\xd5", b"\x1f\x20\x03\xd5")
    return Mutant(f"boot+{4 * number:#x}:{kind}", kind, "boot", "isb", "dropped", patches=(patch,))


MANY = [mutant(n) for n in range(90)] + [mutant(n, "swapped") for n in range(10)]
MANY += [mutant(7, "eret-to-ret")]


def ids(mutants: list[Mutant]) -> list[str]:
    """Their ids."""
    return [item.id for item in mutants]


class Parts(unittest.TestCase):
    """Samples and shards."""

    def test_a_sample_has_some_of_each_kind(self) -> None:
        """Also of the kind that has one mutant, in the order of the list."""
        for seed in range(1, 20):
            part = sample(MANY, 12, seed)
            self.assertEqual(len(part), 12)
            self.assertEqual({m.kind for m in part}, {"dropped", "swapped", "eret-to-ret"})
            self.assertEqual(ids(part), [m.id for m in MANY if m in part])

    def test_a_sample_is_the_same_everywhere(self) -> None:
        """Whatever the order of the list; a number that changed would change what CI looks at."""
        part = sample(MANY, 6, 1)
        self.assertEqual(set(ids(sample(list(reversed(MANY)), 6, 1))), set(ids(part)))
        last = ["boot+0x8:swapped", "boot+0x1c:eret-to-ret"]
        firsts = [f"boot+{offset}:dropped" for offset in ("0xb0", "0x11c", "0x154", "0x164")]
        self.assertEqual(ids(part), firsts + last)

    def test_seeds_and_sizes(self) -> None:
        """Another seed is another sample, a larger sample holds the smaller one, and more than
        there are is all."""
        self.assertNotEqual(ids(sample(MANY, 20, 1)), ids(sample(MANY, 20, 2)))
        self.assertLess(set(ids(sample(MANY, 5, 3))), set(ids(sample(MANY, 20, 3))))
        self.assertEqual(sample(MANY, 500, 1), MANY)
        self.assertEqual(len(sample(MANY, 2, 1)), 2)
        self.assertEqual(sample([], 5, 1), [])

    def test_shards_are_a_partition(self) -> None:
        """Each mutant in one of them, in equal parts; more parts than mutants leave some empty."""
        for parts in (1, 2, 3, 7, 150):
            found = [shard(MANY, k, parts) for k in range(1, parts + 1)]
            self.assertEqual(sorted(i for part in found for i in ids(part)), sorted(ids(MANY)))
            sizes = {len(part) for part in found}
            self.assertLessEqual(max(sizes) - min(sizes), 1)
        other = shard(list(reversed(MANY)), 1, 3)
        self.assertEqual(sorted(ids(other)), sorted(ids(shard(MANY, 1, 3))))

    def test_a_shard_is_mixed(self) -> None:
        """Not the first half of the boot."""
        place = {m.id: n for n, m in enumerate(MANY)}
        half = [place[m.id] for m in shard(MANY, 1, 2)]
        self.assertTrue(15 < sum(n < 50 for n in half) < 35)


class RoomTest(unittest.TestCase):
    """A directory."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.room = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        self.path = self.room / "el1-results.jsonl"

    def begin(
        self, head: dict[str, Any] | None = None, fresh: bool = False, survivors: bool = False
    ) -> Results:
        """Open the results."""
        return Results(self.path, head or HEAD, fresh, survivors)

    def fill(self, *outcomes: tuple[Mutant, Outcome]) -> None:
        """Results of an earlier campaign."""
        with self.begin() as file:
            for item, outcome in outcomes:
                file.add(item, outcome)


class Kept(RoomTest):
    """The file of results."""

    def test_what_was_judged_is_known(self) -> None:
        """All fields come back; what could not be judged is to be judged again."""
        outcome = Outcome(
            MANY[0].id, KILLED, ["rule"], ["note"], "step", "says", "no 'm\u00e4rker'", "", 1.25
        )
        self.fill((MANY[0], outcome), (MANY[1], Outcome(MANY[1].id, NOT_JUDGED, why="QEMU died")))
        with self.begin() as file:
            self.assertEqual(file.known(MANY), [outcome])
            file.add(MANY[1], Outcome(MANY[1].id, SURVIVED))
        head, outcomes = read(self.path)
        self.assertEqual(head, HEAD["compared"])
        self.assertEqual([o.verdict for o in outcomes], [KILLED, SURVIVED])

    def test_the_id_of_another_mutant(self) -> None:
        """A result is of the bytes, not of the name."""
        self.fill((MANY[0], Outcome(MANY[0].id, KILLED)))
        other = replace(MANY[0], patches=(Patch(0, b"\xdf\x3f\x03\xd5", b"\0\0\0\0"),))
        self.assertNotEqual(mark(other), mark(MANY[0]))
        with self.begin() as file:
            self.assertEqual(file.known([other]), [])

    def test_a_torn_line_is_dropped(self) -> None:
        """Wherever it was torn, also in the header; what comes after it is whole."""
        self.fill((MANY[0], Outcome(MANY[0].id, KILLED)), (MANY[1], Outcome(MANY[1].id, KILLED)))
        whole = self.path.read_bytes()
        first, second, _third = (len(line) for line in whole.splitlines(keepends=True))
        for cut in range(len(whole)):
            self.path.write_bytes(whole[:cut])
            with self.begin() as file:
                known = len(file.known(MANY))
                file.add(MANY[2], Outcome(MANY[2].id, SURVIVED))
            self.assertEqual(known, int(cut >= first + second))
            self.assertEqual(len(read(self.path)[1]), known + 1)

    def test_a_damaged_line_is_no_torn_one(self) -> None:
        """Named with its number."""
        self.fill((MANY[0], Outcome(MANY[0].id, KILLED)), (MANY[1], Outcome(MANY[1].id, KILLED)))
        lines = self.path.read_text("utf-8").splitlines()
        for bad in ("{", "[]", '{"mutant": "1", "id": "x", "verdict": "killed", "more": 1}'):
            self.path.write_text("\n".join([lines[0], bad, lines[2], ""]), "utf-8")
            with self.assertRaisesRegex(CannotJudge, r"results.jsonl:2: is damaged.*--fresh"):
                self.begin()
        self.path.write_text('{"schema": "rig-mutants-results-0"}\n', "utf-8")
        with self.assertRaisesRegex(CannotJudge, ":1: .*results-0"):
            self.begin()

    def test_results_of_something_else(self) -> None:
        """Refused with what differs, of lists of files which ones; --fresh forgets them."""
        self.fill((MANY[0], Outcome(MANY[0].id, KILLED)))
        before = self.path.read_bytes()
        heads: list[tuple[str, str, Any, str]] = [
            ("compared", "qemu", "QEMU 9", r"qemu \(then QEMU 7.2, now QEMU 9\)"),
            ("compared", "elf", "2", "elf .another image"),
            ("compared", "rules", [["a.yaml", "1"], ["b.yaml", "3"]], r"rules \(b.yaml\)"),
            ("here", "parts", [["rig-trace", "2"]], r"parts \(rig-trace\)"),
        ]
        for part, name, value, words in heads:
            head = {**HEAD, part: {**HEAD[part], name: value}}
            with self.assertRaisesRegex(UsageError, f"{words}.*another --run-dir.*--fresh"):
                self.begin(head)
            self.assertEqual(self.path.read_bytes(), before)
        with self.begin(head, fresh=True) as file:
            self.assertEqual(file.known(MANY), [])
        with self.begin(head) as file:
            self.assertEqual(file.known(MANY), [])

    def test_kills_by_earlier_rules(self) -> None:
        """Kept with a mark, by other rules and another rig; the rest is to be judged again. Not of
        another image, and then the file is as it was."""
        killed, other = Outcome(MANY[0].id, KILLED, ["a"]), Outcome(MANY[1].id, SURVIVED)
        self.fill((MANY[0], killed), (MANY[1], other))
        before = self.path.read_bytes()
        image = {**HEAD, "compared": {**HEAD["compared"], "elf": "2"}}
        with self.assertRaisesRegex(UsageError, "elf .another image"):
            self.begin(image, survivors=True)
        self.assertEqual(self.path.read_bytes(), before)
        grown = {**HEAD, "compared": {**HEAD["compared"], "rules": [["a.yaml", "9"]]}}
        with self.begin(grown, survivors=True) as file:
            self.assertEqual(file.known(MANY), [replace(killed, earlier=True)])
            with self.assertRaisesRegex(UsageError, "another rig mutate"):
                self.begin(grown)
            file.add(MANY[1], Outcome(MANY[1].id, KILLED, ["b"]))
        with self.begin(grown) as file:
            self.assertEqual([o.earlier for o in file.known(MANY)], [True, False])
        self.assertEqual([path.name for path in self.room.iterdir()], [self.path.name])

    def test_one_campaign_at_a_time(self) -> None:
        """Two that write one file would mix their lines; --fresh takes nothing from the other."""
        with self.begin() as file:
            for fresh in (False, True):
                with self.assertRaisesRegex(UsageError, "another rig mutate"):
                    self.begin(fresh=fresh)
            file.add(MANY[0], Outcome(MANY[0].id, KILLED))
        self.assertEqual(len(read(self.path)[1]), 1)


class Working(RoomTest):
    """The workers, with judges that are not QEMU."""

    GRACE_S = 100.0  # that nobody is to need: who waits for it does not end when told to

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch("engine.mutate_workers._GRACE_S", self.GRACE_S))
        self.began = time.monotonic()

    def judge(
        self, judge: Callable[[Mutant, Path], Outcome], mutants: list[Mutant], jobs: int = 3
    ) -> dict[str, Outcome]:
        """Their outcomes by id, each once; no worker and no directory is left."""
        found: dict[str, Outcome] = {}

        def done(item: Mutant, outcome: Outcome) -> None:
            self.assertNotIn(item.id, found)
            self.assertEqual(outcome.id, item.id)
            found[item.id] = outcome

        Workers(judge, jobs, self.room / "work").run(mutants, done, lambda: None)
        self.alone()
        return found

    def alone(self) -> None:
        """Nothing is left of the workers, and nobody had to be waited for."""
        self.assertFalse((self.room / "work").exists())
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        self.assertLess(time.monotonic() - self.began, self.GRACE_S)

    def test_each_is_judged_once(self) -> None:
        """By several processes, none of which is the parent, each on one processor."""

        def judge(item: Mutant, room: Path) -> Outcome:
            (room / "left").write_text("behind", "utf-8")
            self.assertEqual(os.listdir(room), ["left"])
            time.sleep(0.01)
            says = f"{len(os.sched_getaffinity(0))}"
            return Outcome(item.id, KILLED, ["rule"], says=says, why=str(os.getpid()))

        found = self.judge(judge, MANY)
        self.assertEqual(sorted(found), sorted(ids(MANY)))
        self.assertEqual({outcome.says for outcome in found.values()}, {"1"})
        workers = {outcome.why for outcome in found.values()}
        self.assertEqual(len(workers), 3)
        self.assertNotIn(str(os.getpid()), workers)

    def test_a_worker_that_dies(self) -> None:
        """Costs its mutant only, whether it was alone or not."""

        def judge(item: Mutant, _room: Path) -> Outcome:
            if item.kind == "swapped":
                os.kill(os.getpid(), signal.SIGKILL)
            return Outcome(item.id, KILLED)

        some = MANY[88:93]
        for jobs in (1, 3):
            found = self.judge(judge, some, jobs)
            dead = [o for o in found.values() if o.verdict == NOT_JUDGED]
            self.assertEqual(len(dead), 3)
            self.assertEqual({o.why for o in dead}, {"the worker that judged it died (status -9)"})
            self.assertEqual(len(found), len(some))

    def test_a_judge_that_raises(self) -> None:
        """Says what and where, and goes on."""

        def judge(item: Mutant, _room: Path) -> Outcome:
            raise KeyError(item.kind)

        found = self.judge(judge, MANY[:2], 1)
        for outcome in found.values():
            self.assertEqual(outcome.verdict, NOT_JUDGED)
            self.assertRegex(outcome.why, r"^KeyError: 'dropped' \(test_mutate_campaign.py:\d+\)$")

    def test_an_interrupt_ends_all(self) -> None:
        """Workers, and what they started; what was judged before it was told."""
        pids = self.room / "pids"
        pids.mkdir()

        def judge(item: Mutant, room: Path) -> Outcome:
            if item is MANY[0]:
                return Outcome(item.id, KILLED)
            with Children() as children:
                child = children.start("sleep", ["sleep", "600"], room)
                (pids / str(child.pid)).touch()
                child.wait(600)
            return Outcome(item.id, SURVIVED)

        seen: list[str] = []

        def tick() -> None:
            if len(list(pids.iterdir())) == 2:
                raise Interrupted(2)

        with self.assertRaises(Interrupted):
            workers = Workers(judge, 2, self.room / "work")
            workers.run(MANY[:8], lambda item, _outcome: seen.append(item.id), tick)
        self.assertEqual(seen, [MANY[0].id])
        self.alone()
        for _try in range(100):
            if not any(_alive(int(path.name)) for path in pids.iterdir()):
                break
            time.sleep(0.05)
        else:
            self.fail("a child of a worker is still there")

    def test_none_outlives_a_parent_that_is_killed(self) -> None:
        """SIGKILL leaves the parent no time to end anybody."""
        script = (
            "import os, sys, time\n"
            "from pathlib import Path\n"
            "from test_mutate_campaign import MANY, Workers\n"
            "def judge(item, room):\n"
            "    print(os.getpid(), flush=True)\n"
            "    time.sleep(600)\n"
            "Workers(judge, 2, Path(sys.argv[1])).run(MANY, lambda *_: None, lambda: None)\n"
        )
        with subprocess.Popen(
            ["/usr/bin/python3", "-B", "-c", script, str(self.room / "work")],
            cwd=ROOT / "tests" / "unit" / "engine", stdout=subprocess.PIPE, text=True,
        ) as parent:  # fmt: skip
            assert parent.stdout is not None
            workers = [int(parent.stdout.readline()) for _ in range(2)]
            parent.kill()
        for _try in range(100):
            if not any(_alive(pid) for pid in workers):
                return
            time.sleep(0.05)
        self.fail("a worker is still there")


def _alive(pid: int) -> bool:
    """Is it there, and no zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Telling(unittest.TestCase):
    """Progress."""

    def test_lines_without_a_terminal(self) -> None:
        """One each half a minute, with what is left; none when nobody wants to know."""
        clock = [100.0]
        for quiet in (False, True):
            out = io.StringIO()
            progress = Progress("el2", 120, TextReport(out, quiet), lambda: clock[0])
            for second in range(61):
                clock[0] += 1
                progress.count(Outcome("x", SURVIVED if second % 20 == 0 else KILLED))
                progress.show()
            expected = [
                "el2: 30 of 120 mutants: 28 killed, 2 survived; 1.0/s, 2 min left",
                "el2: 60 of 120 mutants: 57 killed, 3 survived; 1.0/s, 60 s left",
            ]
            self.assertEqual(out.getvalue().splitlines(), [] if quiet else expected)

    def test_what_is_not_judged(self) -> None:
        """Is told when there is any; before the first mutant nothing is known of the time."""
        clock = [0.0]
        progress = Progress("el2", 10000, TextReport(io.StringIO()), lambda: clock[0])
        self.assertEqual(progress.text(), "el2: 0 of 10000 mutants: 0 killed, 0 survived")
        progress.count(Outcome("x", NOT_JUDGED))
        clock[0] = 2.0
        self.assertIn("0 survived, 1 not judged; 0.5/s, 5 h 33 min left", progress.text())


if __name__ == "__main__":
    unittest.main()
