#!/usr/bin/python3
"""rig-trace audit from outside, on snapshots and specs made for the test.

    test_audit_command.py --rig-trace RIG_TRACE --rig DIRECTORY [-v]
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

RIG_TRACE = Path()
TABLES = 0x40100000
TEXT, DATA = 0x40080000, 0x40090000
UPPER = 0xFFFFFF8000000000
VALID, TYPE, AF, INNER = 1, 2, 1 << 10, 3 << 8
READ_ONLY, PXN, UXN = 2 << 6, 1 << 53, 1 << 54
KERNEL_TEXT = AF | INNER | READ_ONLY | UXN
KERNEL_DATA = AF | INNER | PXN | UXN

# pylint: disable=missing-function-docstring  # a test's name says what it shows


def space(pages: dict[int, int]) -> dict[int, bytes]:
    """Three tables of an upper half of 39 bits: level 3 has these descriptors by index."""
    words = [[0] * 512 for _ in range(3)]
    words[0][0] = (TABLES + 0x1000) | TYPE | VALID
    words[1][0] = (TABLES + 0x2000) | TYPE | VALID
    for index, descriptor in pages.items():
        words[2][index] = descriptor
    data = b"".join(word.to_bytes(8, "little") for table in words for word in table)
    return {TABLES: data}


SOUND = {0: TEXT | KERNEL_TEXT | TYPE | VALID, 1: DATA | KERNEL_DATA | TYPE | VALID}


def snapshot_bytes(pages: dict[int, int], **changes: Any) -> bytes:
    from engine import snapshot_file  # pylint: disable=import-outside-toplevel,import-error

    registers = {
        "SCTLR_EL1": 0x30D0198D | 1 << 2,
        "TCR_EL1": 25 | 1 << 7 | 25 << 16 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30 | 2 << 32,
        "TTBR0_EL1": 0,
        "TTBR1_EL1": TABLES,
        "MAIR_EL1": 0xFF,
        "ID_AA64MMFR0_EL1": 0x1122,
        "ID_AA64MMFR1_EL1": 0,
        "ID_AA64MMFR2_EL1": 0,
        "PSTATE": 0x3C5,
    }
    snapshot = snapshot_file.Snapshot(
        made={"guest": "built", "checkpoint": "here", "el": 1},
        regime=changes.get("regime", "EL1&0"),
        registers=registers | changes.get("registers", {}),
        memory=[snapshot_file.MemoryRange(0x40000000, 0x47FFFFFF, "ram", "ram")],
        frames=changes.get("frames", sorted(space(pages).items())),
        witnesses=changes.get("witnesses", [(UPPER, TEXT), (UPPER + 0x2000, None)]),
    )
    return bytes(snapshot_file.to_bytes(snapshot))


class AuditCommand(unittest.TestCase):
    """One directory a test."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with  # lives as long as the test
        self.directory = tempfile.TemporaryDirectory()
        self.place = Path(self.directory.name)

    def tearDown(self) -> None:
        self.directory.cleanup()

    def snapshot(self, name: str, pages: dict[int, int], **changes: Any) -> str:
        path = self.place / name
        path.write_bytes(snapshot_bytes(pages, **changes))
        return str(path)

    def spec(self, **keys: Any) -> str:
        path = self.place / "spec.json"
        path.write_text(json.dumps({"schema": "rig-audit-spec-1"} | keys), encoding="utf-8")
        return str(path)

    def audit(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(RIG_TRACE), "audit", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)

    def json(self, *words: str, code: int) -> Any:
        path = self.place / "result.json"
        result = self.audit(*words, "--json", str(path), "--quiet")
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        return json.loads(path.read_text(encoding="utf-8"))

    def test_a_sound_space_is_0(self) -> None:
        result = self.audit(self.snapshot("a", SOUND))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("PASS  wx-mapping", result.stdout)
        self.assertIn("0 errors, 0 notes, 0 waived", result.stdout)
        self.assertNotIn("\033", result.stdout)

    def test_a_broken_space_is_1_and_says_what_why_and_how(self) -> None:
        pages = SOUND | {1: (DATA | KERNEL_DATA | TYPE | VALID) & ~PXN}
        result = self.audit(self.snapshot("a", pages))
        self.assertEqual(result.returncode, 1)
        self.assertIn("error: wx-mapping: privileged code may write and execute", result.stdout)
        self.assertIn("DDI 0487, D8.4.1", result.stdout)
        self.assertIn("0xffffff8000001000-0xffffff8000001fff -> 0x40090000", result.stdout)
        self.assertIn("fix", result.stdout)
        self.assertIn("FAIL  wx-mapping", result.stdout)

    def test_json(self) -> None:
        pages = SOUND | {1: (DATA | KERNEL_DATA | TYPE | VALID) & ~PXN}
        found = self.json(self.snapshot("a", pages), code=1)
        self.assertEqual(found["schema"], "rig-audit-1")
        self.assertEqual(found["made"]["checkpoint"], "here")
        self.assertEqual((found["exit_code"], found["not_judged"]), (1, ""))
        self.assertEqual((found["entries"], found["descriptors"]), (2, 4))
        self.assertEqual(found["witnesses"], {"checked": 2, "differ": 0, "left_out": 0})
        self.assertEqual(len(found["rules"]), 20)
        rule = found["rules"][0]
        self.assertEqual((rule["id"], rule["judged"], rule["subjects"]), ("wx-mapping", True, 2))
        self.assertEqual((rule["why_not"], rule["level_max"]), ("", "error"))
        finding = found["findings"][0]
        self.assertEqual(finding["rule"], "wx-mapping")
        self.assertEqual(finding["first"], "0xffffff8000001000")
        self.assertEqual(finding["last"], "0xffffff8000001fff")
        self.assertEqual((finding["pa"], finding["count"]), ("0x40090000", 1))
        self.assertEqual((finding["level"], finding["waived"]), ("error", ""))
        self.assertIn("4 KiB page, EL1 rwx, EL0 ---, Normal WB, inner", finding["what"])
        for key in ("missing", "detail", "fix", "section"):
            self.assertTrue(finding[key], key)

    def test_rules_are_chosen_by_option_and_by_spec(self) -> None:
        pages = SOUND | {1: (DATA | KERNEL_DATA | TYPE | VALID) & ~PXN}
        path = self.snapshot("a", pages)
        self.assertEqual(self.audit(path, "--rule", "access-flag").returncode, 0)
        spec = self.spec(rules=["access-flag", "walks-off"])
        found = self.json(path, "--spec", spec, code=0)
        self.assertEqual([rule["id"] for rule in found["rules"]], ["access-flag", "walks-off"])
        self.assertEqual(self.audit(path, "--spec", spec, "--rule", "wx-mapping").returncode, 1)

    def test_waivers(self) -> None:
        pages = SOUND | {1: (DATA | KERNEL_DATA | TYPE | VALID) & ~PXN}
        waiver = {"rule": "wx-mapping", "why": "a trampoline", "text": "stub"}
        waiver |= {"first": hex(UPPER + 0x1000), "last": hex(UPPER + 0x1FFF)}
        spec = self.spec(waive=[waiver])
        found = self.json(self.snapshot("a", pages), "--spec", spec, code=0)
        self.assertEqual(found["findings"][0]["waived"], "a trampoline")
        result = self.audit(self.snapshot("b", SOUND), "--spec", spec)
        self.assertEqual(result.returncode, 1)
        self.assertIn("covers nothing", result.stdout)
        found = self.json(self.snapshot("b", SOUND), "--spec", spec, code=1)
        self.assertEqual(found["waivers_unused"], [{"rule": "wx-mapping", "text": "stub"}])

    def test_several_snapshots_in_one_call(self) -> None:
        bad = SOUND | {1: (DATA | KERNEL_DATA | TYPE | VALID) & ~PXN}
        paths = [self.snapshot("a", SOUND), self.snapshot("b", bad)]
        found = self.json(*paths, code=1)
        self.assertEqual((found["schema"], found["exit_code"]), ("rig-audits-1", 1))
        self.assertEqual([item["exit_code"] for item in found["audits"]], [0, 1])
        differs = self.snapshot("c", SOUND, witnesses=[(UPPER, DATA)])
        self.assertEqual(self.audit(*paths, differs).returncode, 3)
        self.assertEqual(self.audit(*paths, differs, str(self.place / "none")).returncode, 2)

    def test_witnesses_that_differ_are_3(self) -> None:
        result = self.audit(self.snapshot("a", SOUND, witnesses=[(UPPER + 0x10, DATA)]))
        self.assertEqual(result.returncode, 3)
        self.assertIn("cannot be trusted", result.stdout)
        self.assertIn("the emulator said 0x40090000, the walker says 0x40080010", result.stdout)

    def test_a_table_that_the_snapshot_lacks_is_3(self) -> None:
        frames = [(TABLES, space(SOUND)[TABLES][:0x2000])]
        result = self.audit(self.snapshot("a", SOUND, frames=frames, witnesses=[]))
        self.assertEqual(result.returncode, 3)
        self.assertIn("the snapshot lacks a table", result.stdout)
        self.assertIn("0x40102000", result.stdout)

    def test_a_damaged_snapshot_is_3(self) -> None:
        path = self.place / "damaged"
        path.write_bytes(snapshot_bytes(SOUND)[:-40])
        self.assertEqual(self.audit(str(path)).returncode, 3)

    def test_an_empty_space_is_3(self) -> None:
        result = self.audit(self.snapshot("a", {}, witnesses=[]))
        self.assertEqual(result.returncode, 3)
        self.assertIn("zero checks", result.stdout)

    def test_wrong_usage_is_2(self) -> None:
        path = self.snapshot("a", SOUND)
        missing = str(self.place / "none")
        wrong: list[tuple[list[str], str]] = [
            ([], "no snapshot given"),
            ([path, "--rule", "wx"], "not wx"),
            ([path, "--spec", missing], "cannot read"),
            ([missing], missing),
            (["--flips", path], "needs --spec"),
            ([path, "--frobnicate"], "wrong option"),
            ([path, "--json", str(self.place / "no" / "where")], "cannot write"),
        ]
        for words, said in wrong:
            result = self.audit(*words)
            self.assertEqual(result.returncode, 2, words)
            self.assertIn(said, result.stderr)

    def test_a_spec_that_is_wrong_is_2(self) -> None:
        path = self.snapshot("a", SOUND)
        waiver = {"rule": "x", "first": "0x0", "last": "0x0", "why": "y"}
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"rules": ["wx"]}, 'rules[0]: no rule of the audit is called "wx"'),
            ({"waive": [waiver]}, 'waive[0].rule: no rule of the audit is called "x"'),
            ({"mapp": []}, "mapp: unknown key"),
        ]
        for keys, said in wrong:
            result = self.audit(path, "--spec", self.spec(**keys))
            self.assertEqual(result.returncode, 2, keys)
            self.assertIn(said, result.stderr)
            self.assertIn("spec.json", result.stderr)

    def test_help_names_every_rule(self) -> None:
        result = self.audit("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("expected-map", result.stdout)
        self.assertIn("exit status", result.stdout)

    def test_flips_want_their_harmless_ones_listed(self) -> None:
        path = self.snapshot("a", SOUND)
        found = self.json("--flips", path, "--spec", self.spec(), code=1)
        self.assertEqual(found["schema"], "rig-flips-1")
        self.assertEqual(found["descriptors"], {"table": 2, "block": 0, "page": 2, "invalid": 1532})
        self.assertEqual(found["flips"], 4 * 64 + 1532)
        self.assertEqual(found["reported"] + found["unreported"], found["flips"])
        self.assertTrue(found["survivors"])
        page = next(kind for kind in found["kinds"] if kind["kind"] == "page")
        uxn = next(bit for bit in page["bits"] if bit["bit"] == 54)
        self.assertEqual((uxn["reported"], uxn["rules"]["kernel-uxn"]), (2, 2))
        lines = [
            {"kind": kind, "high": 63, "low": 0, "why": "the test has no expected map"}
            for kind in ("page", "table")
        ]
        found = self.json("--flips", path, "--spec", self.spec(harmless=lines), code=0)
        self.assertEqual(found["unreported"], 0)
        lines.append({"kind": "block", "high": 5, "low": 5, "why": "there are none"})
        found = self.json("--flips", path, "--spec", self.spec(harmless=lines), code=1)
        self.assertEqual(len(found["harmless_unused"]), 1)
        result = self.audit("--flips", path, "--spec", self.spec(harmless=lines))
        self.assertIn("cover nothing", result.stdout)
        self.assertIn("0 unseen", result.stdout)


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
