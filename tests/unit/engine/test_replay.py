#!/usr/bin/python3
"""Recordings without QEMU: where a run broke, how far it is recorded, the manifest, the disk."""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
from engine import replay_manifest, replay_qemu
from engine.checks import FAIL, NOT_JUDGED, PASS, Check, Where
from engine.errors import CannotJudge, UsageError
from engine.qemu import Machine
from engine.replay_disk import empty_qcow2
from engine.replay_manifest import DISK, JOB, LOG, NAME, Manifest, Place
from engine.replay_place import ARRIVAL, END, EXACT, broken_place, checkpoints, end_of
from engine.results import Phase, VariantResult

# pylint: disable=missing-function-docstring  # a test's name says what it shows

MACHINE = Machine("el1", "virt", "cortex-a72", "128M", 1, ())


def check(rule: str, kind: str, status: str, count: int = 0, pc: int | None = None) -> Check:
    """One check."""
    where = None if pc is None else Where(pc, "there", "a/b.c", 7)
    return Check(rule, rule, kind, "g", status, "text", where=where, count=count)


def result(*checks: Check, reason: str = "guest ended", steps: int = 0) -> VariantResult:
    """A variant whose free run and stepping ended like this."""
    phases = [Phase("free-run", reason), Phase("step", "rule x", stepped=steps)]
    return VariantResult(MACHINE, phases=phases, checks=list(checks))


class Places(unittest.TestCase):
    """What broke first, and where to stop."""

    def test_the_stepped_check_with_the_lowest_count_comes_first(self) -> None:
        variant = result(
            check("printed", "marker", FAIL),
            check("late", "expect", FAIL, 90, 0x90),
            check("early", "expect", FAIL, 40, 0x40),
        )
        found = broken_place(variant, {})
        self.assertEqual((found.known, found.place.name), (EXACT, "early"))
        self.assertEqual((found.place.count, found.place.pc), (40, 0x40))
        self.assertEqual(found.place.text, "<there> a/b.c:7")

    def test_an_address_space_breaks_at_its_checkpoint(self) -> None:
        space = check("as-low.wx.1", "address-space", FAIL)
        variant = result(check("mmu-on", "reached", PASS, 30, 0x30), space)
        found = broken_place(variant, {"as-low": "mmu-on"})
        self.assertEqual((found.known, found.place.name, found.place.count), (EXACT, "mmu-on", 30))
        # At the end of the run there is no checkpoint.
        self.assertEqual(broken_place(variant, {"as-low": "end"}).known, END)

    def test_an_ordering_finding_is_looked_for_by_its_pc(self) -> None:
        found = broken_place(result(check("tlbi", "ordering", FAIL, 0, 0x80)), {})
        self.assertEqual((found.known, found.place.pc), (ARRIVAL, 0x80))

    def test_what_has_no_place_breaks_at_the_end(self) -> None:
        self.assertEqual(broken_place(result(check("m", "marker", FAIL)), {}).known, END)
        found = broken_place(result(check("m", "marker", NOT_JUDGED)), {})
        self.assertEqual((found.known, found.broken["rule"]), (END, "not judged"))

    def test_only_checkpoints_that_fired_are_places(self) -> None:
        variant = result(
            check("a", "reached", PASS, 1, 0x1), check("b", "reached", NOT_JUDGED, 5, 0x5)
        )
        self.assertEqual([place.name for place in checkpoints(variant)], ["a"])

    def test_a_guest_that_ends_is_recorded_to_its_end(self) -> None:
        variant = result(check("e", "expect", FAIL, 40, 0x40))
        self.assertEqual(end_of(variant, broken_place(variant, {})).count, 0)

    def test_a_guest_that_hangs_is_recorded_to_its_last_broken_rule(self) -> None:
        broken = [check("e", "expect", FAIL, 40, 0x40), check("l", "expect", FAIL, 90, 0x90)]
        variant = result(*broken, reason="time bound")
        self.assertEqual(end_of(variant, broken_place(variant, {})).count, 90)

    def test_a_guest_that_hangs_without_one_is_recorded_as_far_as_it_was_stepped(self) -> None:
        variant = result(check("m", "marker", NOT_JUDGED), reason="time bound", steps=77)
        self.assertEqual(end_of(variant, broken_place(variant, {})).count, 77)
        variant.phases.pop()
        with self.assertRaisesRegex(CannotJudge, "nothing says how far"):
            end_of(variant, broken_place(variant, {}))


class Manifests(unittest.TestCase):
    """What is beside a recording."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in (LOG, DISK, JOB):
            (self.folder / name).write_text(name, "utf-8")
        places = [Place("a", 3, 0x3), Place("b", 9, 0x9)]
        self.manifest = Manifest(
            "el1", "-M virt", {"path": "x.elf"}, {}, "QEMU 7", ["-icount", "shift=0"], 20, "ends",
            {"rule": "b"}, places[1], places,
        )  # fmt: skip
        self.manifest.save(self.folder)

    def change(self, **more: object) -> None:
        """Other values in the file."""
        path = self.folder / NAME
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **more}), "utf-8")

    def test_what_is_saved_is_loaded(self) -> None:
        self.assertEqual(replay_manifest.load(self.folder), self.manifest)
        replay_manifest.verify(self.folder, self.manifest)

    def test_one_changed_byte_is_damage(self) -> None:
        for name in (LOG, DISK, JOB):
            with self.subTest(name):
                path = self.folder / name
                before = path.read_bytes()
                path.write_bytes(before[:-1] + b"?")
                with self.assertRaisesRegex(CannotJudge, f"{name}.*damaged"):
                    replay_manifest.verify(self.folder, self.manifest)
                path.write_bytes(before)

    def test_damage_and_other_versions_are_told_apart(self) -> None:
        self.change(version=2)
        with self.assertRaisesRegex(UsageError, "version 2 of .*, this rig reads 1"):
            replay_manifest.load(self.folder)
        self.change(version=1, at={"name": "b"})
        with self.assertRaisesRegex(CannotJudge, "damaged"):
            replay_manifest.load(self.folder)
        for text in ("{", "[]", "{}", '{"schema": "other"}'):
            (self.folder / NAME).write_text(text, "utf-8")
            with self.assertRaisesRegex(CannotJudge, "damaged"):
                replay_manifest.load(self.folder)


class Words(unittest.TestCase):
    """QEMU's words, and its disk."""

    def test_the_elf_is_open_and_the_mode_is_in_icount(self) -> None:
        self.enterContext(patch.dict(os.environ, RIG_QEMU="true"))  # no QEMU is needed here
        words = replay_qemu.portable(
            ["qemu", "-icount", "shift=0", "-kernel", "/x/k.elf"], "/x/k.elf"
        )
        self.assertEqual(words, ["-icount", "shift=0", "-kernel", "{elf}"])
        command = replay_qemu.playing(words, "/y/k.elf", Path("/tmp/a,b"))
        self.assertIn("/y/k.elf", command)
        icount = command[command.index("-icount") + 1]
        self.assertEqual(icount, "shift=0,rr=replay,rrfile=/tmp/a,,b/replay.log,rrsnapshot=start")
        self.assertNotIn("rrsnapshot", " ".join(replay_qemu.recording(words, "k", Path("/tmp"))))
        with self.assertRaisesRegex(CannotJudge, "-icount"):
            replay_qemu.playing(["-M", "virt"], "k", Path("/tmp"))

    def test_the_disk_is_an_empty_qcow2_of_version_3(self) -> None:
        image = empty_qcow2()
        magic, version, backing, _size, bits = struct.unpack_from(">4sIQII", image)
        self.assertEqual((magic, version, backing, bits), (b"QFI\xfb", 3, 0, 16))
        self.assertEqual(len(image), 4 << bits)
        table = struct.unpack_from(">Q", image, struct.unpack_from(">Q", image, 48)[0])[0]
        counts = struct.unpack_from(">5H", image, table)
        self.assertEqual(counts, (1, 1, 1, 1, 0))


if __name__ == "__main__":
    unittest.main()
