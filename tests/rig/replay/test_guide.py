#!/usr/bin/python3
"""The example of docs/guides/time-travel.md, as it is written there."""

from __future__ import annotations

import re

from replay_case import ROOT, ReplayCase, judged, main, replayed

# pylint: disable=missing-function-docstring  # a test's name says what it shows

GUIDE = ROOT / "docs" / "guides" / "time-travel.md"
GUILTY = "boot_map_range(&map, offset + last_page"


class Guide(ReplayCase):
    """Three commands lead from the red line to the line that is wrong."""

    def test_the_guides_commands_find_the_guilty_line(self) -> None:
        run = self.folder / "run"
        self.assertTrue(self.ELF.is_file(), f"{self.ELF}: built by broken-guest/text-mapped-twice")
        done = judged(self.ELF, run, "el1")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        guide = GUIDE.read_text("utf-8")
        self.says(guide, "rig/rig debug --replay RUN")
        self.assertIn(f"debug --replay {run}", done.stdout)
        alias = re.search(r"writable: \[(0x[0-9a-f]+), ", done.stdout)
        assert alias is not None, done.stdout
        # The guide's numbers are of one build: what is asked for comes from the answer before.
        self.says(guide, "(gdb) rig walk 0xffffffff401ff000", "(gdb) rig who-wrote *0x0040099ff8,8")
        walk = replayed(run, f"rig walk {alias[1]}")
        self.says(walk, "here broke high-walks-on", "EL1 may read and write")
        entry = re.search(r"level 3  entry +\d+ at (0x[0-9a-f]+)", walk)
        assert entry is not None, walk
        said = replayed(run, f"rig who-wrote *{entry[1]},8")
        self.says(said, "(8 bytes at ", "0x0 -> 0x6000004008", "leaf_descriptor_encode")
        caller = re.search(r"board_build_high_map boot_map\.c:(\d+)", said)
        assert caller is not None, said
        source = self.ELF.parents[1] / "source" / "bsp" / "qemu-virt" / "boot_map.c"
        line = source.read_text("utf-8").splitlines()[int(caller[1]) - 1]
        self.assertIn(GUILTY, line)


if __name__ == "__main__":
    main()
