#!/usr/bin/python3
"""Each bit of each descriptor of Tyrne's tables, changed one at a time, is reported by a rule, or
the pack lists it as harmless.

    test_flips.py ELF PACK RUN [TEST...]

RUN is the run directory of `rig audit` on that ELF (the test rig/audit-taken). Nothing is booted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_case import Guest, Taken, guest_of, report_of

# pylint: disable=wrong-import-order # audit_case sets the path
from engine import snapshot_file

GUEST: Guest = guest_of(sys.argv)
BITS = 64
# Shareability and the upper bits of the attribute index: harmless for Device memory only.
OF_DEVICES = (3, 4, 8, 9)
DEVICE_LEAVES = {"block": 9, "page": 1}  # 18 MiB of devices, high; the UART, low
LOW_HALF = ("as-identity", "as-both-halves")  # where the UART's page is mapped


class FlipsTest(unittest.TestCase):
    """Runs `rig-trace audit --flips`."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def flips(self, taken: Taken, spec: Path | None = None) -> tuple[int, dict[str, Any], str]:
        """(exit code, report, what was said)."""
        report = self.work / "flips.json"
        done = GUEST.trace(
            "audit", "--flips", taken.snapshot, "--spec", spec or taken.spec, "--json", report
        )
        return done.returncode, report_of(report), done.stdout + done.stderr

    def changed(self, taken: Taken, change: Callable[[dict[str, Any]], object]) -> Path:
        """The spec with a change."""
        spec = json.loads(taken.spec.read_text("utf-8"))
        change(spec)
        path = self.work / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path


class EachSnapshot(FlipsTest):
    """Every entry of the pack."""

    def test_each_change_is_reported_or_harmless(self) -> None:
        """And every harmless line of the pack is needed."""
        for taken in GUEST.taken():
            with self.subTest(taken.id):
                code, report, said = self.flips(taken)
                print(said.splitlines()[-1])
                self.assertEqual(code, 0, said)
                self.assertEqual(report["unreported"], 0, said)
                self.assertEqual(report["harmless_unused"], [], said)
                count = report["descriptors"]
                valid = count["table"] + count["block"] + count["page"]
                self.assertEqual(report["flips"], BITS * valid + count["invalid"])
                self.assertEqual(report["reported"] + report["harmless"], report["flips"])
                self.assertGreater(valid, 40)
                self._only_devices(taken, report)

    def _only_devices(self, taken: Taken, report: dict[str, Any]) -> None:
        """What is harmless for Device memory alone is let go for no other memory."""
        for kind in report["kinds"]:
            for bit in kind["bits"]:
                if kind["kind"] == "invalid":
                    self.assertEqual(bit["harmless"], 0)
                elif kind["kind"] in DEVICE_LEAVES and bit["bit"] in OF_DEVICES:
                    leaves = DEVICE_LEAVES[kind["kind"]]
                    mapped = kind["kind"] == "block" or taken.id in LOW_HALF
                    self.assertEqual(bit["harmless"], leaves * mapped, (kind["kind"], bit))

    def test_entered_at_el2_the_tables_are_the_same(self) -> None:
        """So that what holds for the one entry holds for the other."""
        for one, other in zip(GUEST.taken("el1"), GUEST.taken("el2"), strict=True):
            with self.subTest(one.id):
                self.assertEqual(one.id, other.id)
                first, second = snapshot_file.read(one.snapshot), snapshot_file.read(other.snapshot)
                self.assertEqual(first.frames, second.frames)
                for name in ("TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", "SCTLR_EL1", "MAIR_EL1"):
                    self.assertEqual(first.registers[name], second.registers[name], name)
                self.assertEqual(one.spec.read_text("utf-8"), other.spec.read_text("utf-8"))


class Strictness(FlipsTest):
    """The count itself: what is not reported or listed is red, and so is a list too long."""

    def test_what_is_not_listed_goes_unseen(self) -> None:
        """Without the list, each of its changes is an error."""
        taken = GUEST.of("mmu-on")
        _code, whole, _said = self.flips(taken)
        code, report, said = self.flips(
            taken, self.changed(taken, lambda spec: spec.pop("harmless"))
        )
        self.assertEqual(code, 1, said)
        self.assertEqual(report["unreported"], whole["harmless"])
        self.assertIn("unseen: bit 2 of the table descriptor", said)

    def test_a_line_that_covers_nothing_is_red(self) -> None:
        """Bits that the rules report cannot be called harmless."""
        taken = GUEST.of("mmu-on")
        line = {"kind": "page", "high": 54, "low": 53, "why": "nobody executes data"}
        spec = self.changed(taken, lambda spec: spec["harmless"].append(line))
        code, report, said = self.flips(taken, spec)
        self.assertEqual(code, 1, said)
        self.assertEqual(report["unreported"], 0)
        self.assertIn("harmless page bits 54:53 cover nothing", said)

    def test_rules_that_are_left_out_leave_holes(self) -> None:
        """Without reserved-bits, reserved bits survive."""
        taken = GUEST.of("mmu-on")

        def without(spec: dict[str, Any]) -> None:
            spec["rules"] = [rule for rule in spec["rules"] if rule != "reserved-bits"]

        code, report, said = self.flips(taken, self.changed(taken, without))
        self.assertEqual(code, 1, said)
        bits = {survivor["bit"] for survivor in report["survivors"]}
        self.assertIn(48, bits)


if __name__ == "__main__":
    unittest.main()
