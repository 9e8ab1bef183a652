#!/usr/bin/python3
"""What a pack says of address spaces, as numbers: schema, lint, and the spec of the audit."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from support import OFFSET, TABLE, TEXT, make_elf, make_image
from engine import pack as pack_file
from engine.errors import CannotJudge, PackError, UsageError
from engine.explain import explain
from engine.lint import lint
from engine.pack import Pack
from engine.snapshot_file import Snapshot
from engine.snapshot_state import SnapshotState
from engine.evaluate import NotKnown
from engine.space_lint import bits_of
from engine.space_spec import Resolver, build, rights_words

RULES = """\
address-space-rules:
  - {id: wx-mapping, why: who writes runs, spec: "DDI 0487, D8.4.1"}
  - {id: guard-page, why: overruns fault, spec: "DDI 0487, D8.2"}
"""
BODY = """\
guest: test
use: [base]
define: {offset: 0xFFFFFFFF00000000, slot: 0x4000}
checkpoints:
  - {id: up, at: start, expect: [EL == 1], why: w}
steady-state: up
layout:
  devices: [{name: uart, from: "0x9000000", to: 0x9000000 + 0x1000}]
  regions: [{name: stack, from: pa(table), to: pa(table) + 0x800}]
  guards: [{name: below, from: table, to: table + 0x1000, every: slot, until: table + 2 * slot, why: g}]
  offset: {by: offset, from: offset + 0x40000000, to: offset + 0x48000000}
  harmless: [{kind: page, bits: "58:55", why: software's}]
  maps:
    text: [{from: start, to: start + 0x2000, pa: linear, el1: rx, memory: normal, is: code}]
address_space:
  - id: space
    at: up
    require: [wx-mapping, TCR_EL1 == 7]
    map:
      - text
      - {from: "0x800000", to: "0x801000", pa: any, el1: r, el0: rx, global: false, memory: normal, is: program}
      - {from: "0x9000000", to: "0x9001000", pa: same, el1: rw, memory: device, is: uart}
    waive: [{rule: guard-page, from: table, to: table + 0x1000, why: known}]
    why: w
"""
SNAPSHOT = Snapshot({}, "EL1&0", {"TCR_EL1": 7, "SP": 0x10, "X3": 3}, frames=[(0x1000, b"\1" * 16)])


class SpecTest(unittest.TestCase):
    """A test with a pack in a directory of its own."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.path / "base.yaml").write_text(RULES, encoding="utf-8")

    def load(self, text: str = BODY) -> Pack:
        """The pack of this text."""
        path = self.path / "test.yaml"
        path.write_text(text, encoding="utf-8")
        return pack_file.load(path, self.path)

    def findings(self, old: str, new: str) -> str:
        """What reading and lint say of the pack with a change."""
        self.assertIn(old, BODY)
        try:
            return "\n".join(lint(self.load(BODY.replace(old, new)), make_elf(), TABLE))
        except PackError as error:
            return str(error)

    @staticmethod
    def resolver(pack: Pack) -> Resolver:
        """Numbers by the made-up image and snapshot."""
        return Resolver(pack, make_image(), TABLE, SNAPSHOT)


class Resolved(SpecTest):
    """Packs that are right."""

    def test_whole(self) -> None:
        """Each part of a spec, with every expression a number."""
        pack = self.load()
        self.assertEqual(lint(pack, make_elf(), TABLE), [])
        spec = build(pack, pack.items("address_space")[0], self.resolver(pack), "default")
        self.assertEqual(spec["schema"], "rig-audit-spec-1")
        self.assertEqual(spec["rules"], ["wx-mapping", "guard-page"])
        names = [(region["name"], region["first"]) for region in spec["regions"]]
        self.assertEqual(
            names, [("stack", "0x40082000"), (".text", "0x40080000"), (".data", "0x40082000")]
        )
        self.assertEqual(spec["devices"][0]["last"], "0x9000fff")
        table = TEXT + 0x2000
        self.assertEqual(
            [guard["first"] for guard in spec["guards"]], [f"{table:#x}", f"{table + 0x4000:#x}"]
        )
        self.assertEqual(spec["offset"]["by"], f"{OFFSET:#x}")
        self.assertEqual((spec["harmless"][0]["high"], spec["harmless"][0]["low"]), (58, 55))
        self.assertEqual(spec["waive"][0]["rule"], "guard-page")

    def test_map_lines(self) -> None:
        """Named parts, the ways to say where a line leads, and words for rights and memory."""
        pack = self.load()
        code, program, uart = build(
            pack, pack.items("address_space")[0], self.resolver(pack)
        )["map"]  # fmt: skip
        self.assertEqual((code["first"], code["pa"]), (f"{TEXT:#x}", "0x40080000"))
        self.assertEqual((code["el1"], code["el0"], code["memory"]), ("r-x", "---", "Normal WB"))
        self.assertEqual((program["pa"], program["el0"], program["global"]), ("any", "r-x", False))
        self.assertEqual((uart["pa"], uart["memory"]), ("0x9000000", "Device-nGnRnE"))
        self.assertNotIn("shareability", uart)

    def test_waived_rule_does_not_judge(self) -> None:
        """`waive` of the pack takes a rule out."""
        pack = self.load(BODY + "waive: [{rule: guard-page, why: none here}]\n")
        spec = build(pack, pack.items("address_space")[0], self.resolver(pack))
        self.assertEqual(spec["rules"], ["wx-mapping"])

    def test_expressions_on_a_snapshot(self) -> None:
        """Registers and tables are known, other memory is not."""
        resolver = self.resolver(self.load())
        self.assertTrue(resolver.holds("TCR_EL1 == 7 and SP == 0x10 and x3 == 3")[0])
        holds, expected, actual, _details = resolver.holds("TCR_EL1 == 8")
        self.assertFalse(holds)
        self.assertNotEqual(expected, actual)
        self.assertTrue(resolver.holds("u32(0x1004) == 0x01010101")[0])
        for text in ("u32(0x2000) == 0", "MAIR_EL1 == 0", "EXCEPTION != unannounced"):
            with self.subTest(text), self.assertRaisesRegex(CannotJudge, "cannot be judged"):
                resolver.holds(text)

    def test_without_an_elf(self) -> None:
        """Plain numbers are all that is known."""
        resolver = Resolver(self.load(), None, TABLE, SNAPSHOT)
        self.assertEqual(resolver.range({"from": "0x1000", "to": "0x2000"}), (0x1000, 0x1FFF))
        with self.assertRaisesRegex(CannotJudge, "has no value"):
            resolver.range({"from": "start", "to": "0x2000"})
        with self.assertRaisesRegex(CannotJudge, "give --elf"):
            resolver.holds("EL == 1")

    def test_explain(self) -> None:
        """Rules and entries have a text."""
        pack = self.load()
        self.assertIn("overruns fault", explain(pack, "guard-page"))
        self.assertIn("at:     up", explain(pack, "space"))

    def test_small_words(self) -> None:
        """Rights and bits."""
        self.assertEqual([rights_words(w) for w in ("rx", "none", "rw")], ["r-x", "---", "rw-"])
        self.assertEqual(bits_of("58:55"), (58, 55))
        self.assertEqual(bits_of("16"), (16, 16))
        for wrong in ("55:58", "64", "", "a", "1:2:3"):
            self.assertIsNone(bits_of(wrong), wrong)


class Wrong(SpecTest):
    """Packs that are not: file, line and key, and what was expected."""

    def test_names_and_expressions(self) -> None:
        """Each name and each expression is checked."""
        cases = {
            ("at: up\n", "at: nowhere\n"): r"address_space\[0\].at: 'nowhere' is no checkpoint",
            ("require: [wx-mapping,", "require: [wx-mappings,"): r"did you mean wx-mapping\?",
            ("TCR_EL1 == 7", "TCR_EL9 == 7"): r"require\[1\]: .*TCR_EL9",
            ("from: table, to: table + 0x1000, why", "from: tabel, to: table, why"): "tabel",
            ("- text\n", "- texts\n"): r"map\[0\]: no map 'texts' under layout.maps",
            ('"58:55"', '"55:58"'): r"harmless\[0\].bits: is '55:58', expected bits",
            (", every: slot, until: table + 2 * slot", ", every: slot"): "expected both",
            ("el1: rx,", "el1: xr,"): r"el1: is 'xr', expected one of none, r, rw",
            ("rule: guard-page, from", "rule: guards, from"): r"waive\[0\].rule: no rule",
            ("by: offset, from", "by: ofset, from"): r"layout.offset.by: .*ofset",
            ("    why: w\n", ""): r"address_space\[0\]: has no 'why'",
        }
        for (old, new), words in cases.items():
            with self.subTest(new):
                self.assertRegex(self.findings(old, new), words)

    def test_ranges_that_are_none(self) -> None:
        """An empty or reversed range has no meaning at any snapshot."""
        resolver = self.resolver(self.load())
        for ends in ({"from": "2", "to": "2"}, {"from": "3", "to": "2"}):
            with self.assertRaisesRegex(UsageError, "no range, expected `to` behind `from`"):
                resolver.range(ends)
        row = {"from": "0", "to": "0x1000", "every": "0x800", "until": "0x4000"}
        with self.assertRaisesRegex(UsageError, "no row of ranges"):
            resolver.ranges(row)

    def test_ranges_that_the_elf_decides(self) -> None:
        """File, line and key of a range, a row or a map that cannot be right at any snapshot."""
        cases = {
            ("to: 0x9000000 + 0x1000}]", 'to: "0x9000000"}]'): r"devices\[0\].to: .*no range",
            ("every: slot", "every: slot // 0x10"): r"guards\[0\].to: .*no row of ranges",
            ("every: slot", "every: low"): r"guards\[0\].to: `low` is \[0x0, .*expected an address",
            ("to: start + 0x2000,", "to: start,"): r"layout.maps.text\[0\].to: .*no range",
            ("to: offset + 0x48000000}", "to: offset}"): r"layout.offset.to: .*no range",
            ('"0x800000", to: "0x801000"', '"0x800000", to: "0x9001000"'): (
                r"address_space\[0\].map\[2\]: program .* and uart .* overlap"
            ),
            ('- {from: "0x800000"', '- text\n      - {from: "0x800000"'): (
                r"address_space\[0\].map\[1\]: code .* and code .* overlap"
            ),
            ("from: table, to: table + 0x1000, why: known", "from: table, to: table, why: known"): (
                r"waive\[0\].to: .*no range"
            ),
        }
        for (old, new), words in cases.items():
            with self.subTest(new):
                self.assertRegex(self.findings(old, new), r"test.yaml:\d+:\d+: .*" + words)

    def test_ranges_that_a_snapshot_decides(self) -> None:
        """What a register decides is no finding of lint; at the snapshot it is looked at."""
        self.assertEqual(self.findings('to: "0x801000"', "to: TCR_EL1"), "")
        resolver = self.resolver(self.load())
        with self.assertRaisesRegex(UsageError, "no range"):
            resolver.range({"from": "TCR_EL1 + 1", "to": "TCR_EL1"})

    def test_other_regimes(self) -> None:
        """Expressions walk EL1&0 only, and say so."""
        state = SnapshotState(Snapshot({}, "EL2", {}))
        with self.assertRaisesRegex(NotKnown, "this one is EL2"):
            state.walks()


if __name__ == "__main__":
    unittest.main()
