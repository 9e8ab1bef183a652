#!/usr/bin/python3
"""rig-trace map and walk from outside, on snapshots and specs made for the test.

    test_map_command.py --rig-trace RIG_TRACE --rig DIRECTORY [-v]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from test_audit_command import (
    DATA, KERNEL_DATA, PXN, READ_ONLY, SOUND, TABLES, TEXT, TYPE, UPPER, VALID,
    snapshot_bytes, space,
)  # fmt: skip

RIG_TRACE = Path()
USER = 1 << 6
REGION = {"first": hex(TEXT), "last": hex(TEXT + 0xFFF), "space": "pa", "name": ".text"}
DAMAGED = 3

# pylint: disable=missing-function-docstring  # a test's name says what it shows


class Command(unittest.TestCase):
    """One directory a test."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with  # lives as long as the test
        self.directory = tempfile.TemporaryDirectory()
        self.place = Path(self.directory.name)

    def tearDown(self) -> None:
        self.directory.cleanup()

    def snapshot(self, name: str, pages: dict[int, int] | None = None, **changes: Any) -> str:
        path = self.place / name
        path.write_bytes(snapshot_bytes(SOUND if pages is None else pages, **changes))
        return str(path)

    def spec(self, **keys: Any) -> str:
        path = self.place / "spec.json"
        path.write_text(json.dumps({"schema": "rig-audit-spec-1"} | keys), encoding="utf-8")
        return str(path)

    def run_tool(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(RIG_TRACE), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        path = self.place / "result.json"
        self.run_tool(*words, "--json", str(path), code=code)
        return json.loads(path.read_text(encoding="utf-8"))

    def refused(self, *words: str, code: int, said: str) -> None:
        """It ends with this code, says so, and shows nothing."""
        done = self.run_tool(*words, code=code)
        self.assertEqual(done.stdout, "")
        self.assertIn(said, done.stderr)
        self.assertTrue(done.stderr.startswith("rig-trace"), done.stderr)


class Map(Command):
    """`rig-trace map SNAPSHOT`."""

    def test_text(self) -> None:
        done = self.run_tool("map", self.snapshot("a"), "--spec", self.spec(regions=[REGION]))
        self.assertEqual(
            done.stdout.splitlines(),
            [
                "built at here: the EL1&0 regime",
                "low half 0000000000000000..0000007fffffffff  walks are disabled (TCR_EL1.EPD0): "
                "every access faults",
                "high half ffffff8000000000..ffffffffffffffff  root 40100000 (TTBR1_EL1), 4 KiB "
                "pages",
                "  from..to                                size  -> physical      EL1 EL0 memory"
                "        share G leaves, what it is",
                "  ffffff8000000000..ffffff8000000fff     4 KiB  -> 000040080000  r-x --- Normal "
                "WB     inner G  4K     .text",
                "  ffffff8000001000..ffffff8000001fff     4 KiB  -> 000040090000  rw- --- Normal "
                "WB     inner G  4K     RAM",
            ],
        )
        self.assertEqual(done.stderr, "")

    def test_json(self) -> None:
        found = self.json("map", self.snapshot("a"), "--spec", self.spec(regions=[REGION]))
        self.assertEqual((found["schema"], found["regime"]), ("rig-map-1", "EL1&0"))
        self.assertIs(found["mmu"], True)
        self.assertEqual(found["made"]["checkpoint"], "here")
        low, high = found["halves"]
        self.assertEqual((low["name"], low["used"]), ("low", False))
        self.assertEqual(low["problem"], "walks disabled")
        self.assertEqual((high["name"], high["used"], high["problem"]), ("high", True, ""))
        self.assertEqual((high["root"], high["granule"]), (hex(TABLES), 4096))
        self.assertEqual((high["first"], high["last"]), (hex(UPPER), hex((1 << 64) - 1)))
        self.assertEqual(len(found["entries"]), 2)
        self.assertEqual(
            found["entries"][0],
            {
                "first": hex(UPPER), "last": hex(UPPER + 0xFFF), "size": 4096, "pa": hex(TEXT),
                "el1": "r-x", "el0": "---", "memory": "Normal WB", "mair": 255,
                "shareability": "inner", "global": True, "contiguous": False, "access_flag": True,
                "leaf_min": 4096, "leaf_max": 4096, "pan_blocks_el1": False, "status": "ok",
                "half": "high", "name": ".text",
            },
        )  # fmt: skip

    def test_quiet(self) -> None:
        path = self.snapshot("a")
        self.assertEqual(self.run_tool("map", path, "--quiet").stdout, "")
        self.assertEqual(len(self.json("map", path, "--quiet")["entries"]), 2)

    def test_filters(self) -> None:
        user = DATA | KERNEL_DATA & ~PXN | USER | TYPE | VALID
        path = self.snapshot("a", SOUND | {5: user})
        cases: list[tuple[tuple[str, ...], list[int]]] = [
            ((), [0, 1, 5]), (("--half", "high"), [0, 1, 5]), (("--half", "low"), []),
            (("--el", "1"), [0, 1, 5]), (("--el", "0"), [5]), (("--filter", "w"), [1, 5]),
            (("--filter", "x"), [0]), (("--filter", "wx"), []), (("--filter", "user"), [5]),
            (("--filter", "device"), []), (("--el", "0", "--filter", "w"), [5]),
        ]  # fmt: skip
        for words, indexes in cases:
            with self.subTest(words=words):
                entries = self.json("map", path, *words)["entries"]
                self.assertEqual(
                    [entry["first"] for entry in entries],
                    [hex(UPPER + index * 4096) for index in indexes],
                )
        self.assertIn("  nothing\n", self.run_tool("map", path, "--filter", "wx").stdout)

    def test_the_mmu_is_off(self) -> None:
        path = self.snapshot("a", registers={"SCTLR_EL1": 0x30D00800})
        self.assertIn("MMU off: addresses are physical", self.run_tool("map", path).stdout)
        found = self.json("map", path)
        self.assertIs(found["mmu"], False)
        self.assertEqual(found["entries"], [])

    def test_halves_that_cannot_be_used_say_why(self) -> None:
        tcr = 25 | 25 << 16 | 2 << 30 | 2 << 32
        for changed, said in (
            (tcr | 63 << 16, "high half ff80000000000000..ffffffffffffffff  not walked: "
                             "TCR_EL1.T1SZ is out of range"),
            (tcr & ~(3 << 30), "not walked: TCR_EL1.TG1 names a granule"),
            (tcr | 1 << 59, "not walked: 52-bit addresses"),
        ):  # fmt: skip
            path = self.snapshot("a", registers={"TCR_EL1": changed | 1 << 7})
            with self.subTest(said=said):
                self.assertIn(said, self.run_tool("map", path).stdout)

    def test_what_cannot_be_judged_is_3(self) -> None:
        frames = [(TABLES, space(SOUND)[TABLES][:0x2000])]
        path = self.snapshot("a", frames=frames)
        self.refused("map", path, code=3, said="lacks the table at 0x40102000")
        self.refused("walk", path, hex(UPPER), code=3, said="lacks the table at 0x40102000")
        loop = {index: (TABLES + 0x2000) | TYPE | VALID for index in range(0, 512, 2)}
        data = bytearray(space(loop)[TABLES])
        for table, entry in ((0, TABLES + 0x1000), (1, TABLES + 0x2000)):
            word = (entry | TYPE | VALID).to_bytes(8, "little")
            data[table * 4096 : (table + 1) * 4096] = word * 512
        path = self.snapshot("b", frames=[(TABLES, bytes(data))])
        self.refused("map", path, code=3, said="a loop, or no map of a kernel")

    def test_other_regimes_are_3(self) -> None:
        path = Path(self.snapshot("a"))
        for regime in ("EL3", "EL2&0"):
            path.write_bytes(snapshot_bytes(SOUND, regime=regime))
            self.refused("map", str(path), code=3, said=regime)
            self.refused("walk", str(path), "0x0", code=3, said=regime)

    def test_damage_is_3_and_what_is_none_is_2(self) -> None:
        whole = snapshot_bytes(SOUND)
        path = self.place / "a"
        for data, code, said in (
            (whole[:-3], DAMAGED, "cut short"), (whole + b"x", DAMAGED, "something follows it"),
            (whole[:-8] + bytes(8), DAMAGED, "checksum"), (b"", 2, "the file is empty"),
            (b"\x7fELF" + bytes(60), 2, "not packed by gzip"),
        ):  # fmt: skip
            path.write_bytes(data)
            for words in (("map", str(path)), ("walk", str(path), "0x0"),
                          ("map", "--diff", str(path), self.snapshot("b"))):  # fmt: skip
                with self.subTest(said=said, words=words):
                    self.refused(*words, code=code, said=said)

    def test_wrong_usage_is_2(self) -> None:
        path, missing = self.snapshot("a"), str(self.place / "none")
        for words, said in (
            (["map"], "expected one snapshot"), (["map", path, path], "expected one snapshot"),
            (["map", missing], "No such file"), (["map", path, "--half", "upper"], "upper"),
            (["map", path, "--el", "3"], "3"), (["map", path, "--el", "2"], "EL1&0 regime"),
            (["map", path, "--filter", "rw"], "rw"), (["map", path, "--frobnicate"], "frobnicate"),
            (["map", path, "--spec", missing], "cannot read"),
            (["map", path, "--spec", self.spec(mapp=[])], "mapp: unknown key"),
            (["map", "--diff", path], "two snapshots"), (["walk", path], "an address"),
            (["walk", path, "UART"], "UART"), (["walk", path, "-1"], "-1"),
            (["walk", path, "0x10000000000000000"], "0x1000"), (["walk", path, "0x1z"], "0x1z"),
            (["walk", missing, "0x0"], "No such file"),
        ):  # fmt: skip
            with self.subTest(words=words):
                self.refused(*words, code=2, said=said)

    def test_a_report_that_cannot_be_written_is_told(self) -> None:
        path, nowhere = self.snapshot("a"), str(self.place / "no" / "where")
        for words in (["map", path], ["walk", path, "0x0"], ["map", "--diff", path, path]):
            done = self.run_tool(*words, "--json", nowhere, code=2)
            self.assertIn("cannot write", done.stderr)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(
                [str(RIG_TRACE), "map", path], stdout=full, stderr=subprocess.PIPE, text=True,
                check=False, timeout=100,
            )  # fmt: skip
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot write the report", done.stderr)

    def test_help(self) -> None:
        for command in ("map", "walk"):
            self.assertIn("exit status", self.run_tool(command, "--help").stdout)


class Difference(Command):
    """`rig-trace map --diff OLD NEW`."""

    def test_none_is_0(self) -> None:
        done = self.run_tool("map", "--diff", self.snapshot("a"), self.snapshot("b"))
        self.assertEqual(done.stdout, "no difference\n")
        found = self.json("map", "--diff", self.snapshot("a"), self.snapshot("b"), "--quiet")
        self.assertEqual((found["schema"], found["differences"]), ("rig-map-diff-1", 0))
        self.assertEqual((found["lines"], found["registers"]), ([], []))

    def test_some_are_1(self) -> None:
        old = self.snapshot("a")
        changed = {0: SOUND[0], 1: SOUND[1] | READ_ONLY, 7: SOUND[1]}
        new = self.snapshot("b", changed, registers={"MAIR_EL1": 0x44FF})
        done = self.run_tool("map", "--diff", old, new, "--spec", self.spec(), code=1)
        self.assertEqual(
            done.stdout.splitlines(),
            [
                "  MAIR_EL1  0x00000000000000ff -> 0x00000000000044ff",
                "- ffffff8000001000..ffffff8000001fff     4 KiB  -> 000040090000  rw- --- Normal "
                "WB     inner G  4K     RAM",
                "+ ffffff8000001000..ffffff8000001fff     4 KiB  -> 000040090000  r-- --- Normal "
                "WB     inner G  4K     RAM",
                "    rights of EL1 rw- -> r--",
                "+ ffffff8000007000..ffffff8000007fff     4 KiB  -> 000040090000  rw- --- Normal "
                "WB     inner G  4K     RAM",
            ],
        )
        found = self.json("map", "--diff", old, new, code=1)
        self.assertEqual(found["differences"], 3)
        self.assertEqual(found["old"]["checkpoint"], "here")
        self.assertEqual(found["registers"], [{"name": "MAIR_EL1", "old": "0xff", "new": "0x44ff"}])
        self.assertEqual([line["side"] for line in found["lines"]], ["old", "new", "new"])
        self.assertEqual(found["lines"][1]["changes"], ["rights of EL1 rw- -> r--"])
        self.assertEqual(found["lines"][2]["pa"], hex(DATA))


class Walk(Command):
    """`rig-trace walk SNAPSHOT ADDRESS...`."""

    def test_text(self) -> None:
        words = [hex(UPPER + 0x123), "0x1000"]
        spec = self.spec(regions=[REGION])
        done = self.run_tool("walk", self.snapshot("a"), *words, "--spec", spec)
        for said in (
            "0xffffff8000000123: from TTBR1_EL1, 4 KiB pages, 39 bits of address from level 1 on\n",
            "  level 1  entry    0 at 0x0040100000: 0x0000000040101003  table at 0x40101000\n",
            "  level 3  entry    0 at 0x0040102000: 0x0040000040080783  page at 0x40080000\n",
            "             AP[2:1]      0b10  EL1 may read, EL0 has no access\n",
            "  rights    EL1 r-x, EL0 ---  by the page's descriptor\n",
            "  0xffffff8000000123 is PA 0x40080123 through a 4 KiB page at level 3",
            "  there: .text\n",
            "0x0000000000001000: no table is read\n",
            "TCR_EL1.EPD0 = 1 disables walks",
        ):
            self.assertIn(said, done.stdout)

    def test_json(self) -> None:
        found = self.json("walk", self.snapshot("a"), hex(UPPER + 0x123), hex(UPPER + 0x5000))
        self.assertEqual(found["schema"], "rig-walk-1")
        page, hole = found["walks"]
        self.assertEqual((page["va"], page["pa"]), (hex(UPPER + 0x123), hex(TEXT + 0x123)))
        self.assertEqual((page["status"], page["size"], page["half"]), ("ok", 4096, "high"))
        self.assertEqual((page["el1"], page["el0"], page["name"]), ("r-x", "---", "RAM"))
        self.assertEqual([step["level"] for step in page["steps"]], [1, 2, 3])
        self.assertEqual(page["steps"][2]["descriptor"], "0x40000040080783")
        fields = {field["name"]: field["value"] for field in page["steps"][2]["fields"]}
        self.assertEqual((fields["AP[2:1]"], fields["PXN"], fields["UXN"]), (2, 0, 1))
        self.assertEqual([line["takes"] for line in page["rights"]], [False])
        self.assertEqual((hole["status"], hole["pa"]), ("translation fault", None))
        self.assertEqual((hole["steps"][2]["words"], hole["rights"]), ("invalid (bit 0 is 0)", []))


def main() -> int:
    """Take the two options, and leave the rest to unittest."""
    global RIG_TRACE  # pylint: disable=global-statement
    parser = argparse.ArgumentParser()
    parser.add_argument("--rig-trace", type=Path, required=True)
    parser.add_argument("--rig", type=Path, required=True)
    options, rest = parser.parse_known_args()
    RIG_TRACE = options.rig_trace
    sys.path.insert(0, str(options.rig))
    return 0 if unittest.main(argv=[sys.argv[0], *rest], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
