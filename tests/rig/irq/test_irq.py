#!/usr/bin/python3
"""The rig on a guest that takes interrupts, healthy and broken.

Needs the cross compiler, QEMU and gdb; $RIG_TOOLS is the directory of rig-trace and librigwalk.so.
"""

from __future__ import annotations

import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "foreign"))

# pylint: disable=wrong-import-position # the path above comes first
from test_foreign import BOUND_S, RigTest  # noqa: E402

PACK = HERE / "irq.yaml"
TICKS = "- {id: ticks, class: IRQ, from: EL1, to: EL1, since: irqs-open, count: 3, "


class IrqTest(RigTest):
    """The same for this guest."""

    def guest(self, *defines: str) -> Path:
        """Build the guest; `defines` choose how it is broken."""
        elf = self.work / ("-".join(["irq", *defines]) + ".elf")
        if not elf.exists():
            command = ["aarch64-linux-gnu-gcc", "-g", "-nostdlib", "-static"]
            command += [f"-DIRQ_{name}" for name in defines]
            command += ["-Wl,--build-id=sha1", f"-Wl,-T,{HERE / 'irq.lds'}"]
            command += ["-Wl,-z,max-page-size=4096", "-o", str(elf), str(HERE / "irq.S")]
            subprocess.run(command, check=True, timeout=BOUND_S)
        return elf

    def pack(self, old: str, new: str) -> Path:
        """The pack with one replacement."""
        text = PACK.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, old)
        path = self.work / "changed.yaml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    def broken(self, *arguments: str | Path) -> tuple[dict[str, str], str]:
        """A run that is red: kind of each broken rule, and the text."""
        code, report, text = self.report(*arguments)
        self.assertEqual(code, 1, text)
        return {rule["id"]: rule["kind"] for rule in report["broken"]}, text


class Taken(IrqTest):
    """Interrupts are taken where a free run takes them, every time."""

    def run_in(self, name: str, *options: str) -> tuple[dict[str, Any], Path]:
        """A green run: its only variant, and the directory with its logs."""
        run_dir = self.work / name
        code, report, text = self.report(
            "run", "--pack", PACK, "--elf", self.guest(), "--run-dir", run_dir, *options
        )
        self.assertEqual(code, 0, text)
        variant: dict[str, Any] = report["variants"][0]
        return variant, run_dir

    def counts(self, variant: dict[str, Any]) -> dict[str, int]:
        """Instructions executed at each checkpoint but the last, whose marker is seen late."""
        checks = [check for check in variant["checks"] if check["kind"] == "reached"]
        return {check["id"]: check.get("count", 0) for check in checks if check["id"] != "printed"}

    def test_same_in_every_run(self) -> None:
        """Two runs agree in all counts, and with stepping every instruction in the total; the
        interrupts return to the same addresses at plain speed and while stepping."""
        first, run_dir = self.run_in("first")
        second, _ = self.run_in("second")
        each, _ = self.run_in("each", "--every-instruction")
        for key in ("stepped", "run_over"):
            self.assertEqual(first["phases"][-1][key], second["phases"][-1][key])
        self.assertGreater(first["phases"][-1]["run_over"], 50000)
        self.assertEqual(self.counts(first), self.counts(second))
        self.assertEqual(self.counts(first), self.counts(each))
        logs = [(run_dir / f"plain-{phase}" / "qemu.log") for phase in ("free-run", "step")]
        taken = [
            re.findall(r"exception 5 .*\n.*\n.*\n.*ELR (0x\w+)", log.read_text(encoding="utf-8"))
            for log in logs
        ]
        self.assertEqual(len(taken[0]), 3)
        self.assertEqual(taken[0], taken[1])

    def test_other_cpu(self) -> None:
        """With PAN and what else `max` has."""
        code, _, text = self.report(
            "run", "--pack", PACK, "--elf", self.guest(), "--cpu", "max"
        )  # fmt: skip
        self.assertEqual(code, 0, text)

    def test_lint_and_explain(self) -> None:
        """The rule is counted, and explains itself."""
        done = self.rig("lint", PACK, "--elf", self.guest())
        self.assertIn("1 exceptions", done.stdout)
        done = self.rig("explain", "ticks", "--pack", PACK)
        self.assertIn("three deadlines", done.stdout)

    def test_interactive(self) -> None:
        """gdb gets the guest behind an interrupt, and a person's stepi stays out of handlers."""
        command = ("debug", "--pack", PACK, "--elf", self.guest(), "--at", "returned-into-loop")
        place = 'printf "in the loop: %d\\n", $pc >= (long)&counting && $pc < (long)&counted'
        done = self.rig(*command, "--batch", "--eval", "stepi", "--eval", place)
        self.assertIn("stopped at checkpoint returned-into-loop", done.stdout, done.stderr)
        self.assertIn("in the loop: 1", done.stdout)


class Broken(IrqTest):
    """The right rule turns red."""

    def test_not_declared(self) -> None:
        """An interrupt that the pack does not announce, in the stepping and in the log."""
        pack = self.pack(f"exceptions:\n  {TICKS}why: three deadlines of the virtual timer}}\n", "")
        rules, text = self.broken("step", "--pack", pack, "--elf", self.guest())
        self.assertIn("no-unexpected-exception", rules)
        self.assertRegex(text, r"IRQ taken from EL1 to EL1 .*interrupted at 0x\w+ <woken>")
        self.assertIn("no rule under `exceptions` announces it", text)
        pack = self.pack("{id: ticks-in-log, class: IRQ,", "{id: ticks-in-log, class: FIQ,")
        rules, _ = self.broken("faults", "--pack", pack, "--elf", self.guest())
        self.assertEqual(rules, {"ticks-in-log": "fault", "deny-all-others": "fault"})

    def test_one_too_many(self) -> None:
        """The budget binds upwards."""
        guest = self.guest("EXTRA")
        rules, text = self.broken("run", "--pack", PACK, "--elf", guest, "--first")
        self.assertEqual(
            rules, {"no-unexpected-exception": "invariant", "ticks-in-log": "fault"}, text
        )
        self.assertIn("ticks announces 3, which came before", text)

    def test_declared_and_not_taken(self) -> None:
        """The budget binds downwards, in the stepping and in the log."""
        rules, text = self.broken("run", "--pack", PACK, "--elf", self.guest("CANCELLED"))
        self.assertEqual(
            (rules["ticks"], rules["ticks-in-log"]), ("exception", "fault"), text
        )  # fmt: skip
        self.assertRegex(text, r"(?s)ticks \[exception, plain\].*expected 3\n +actual +2 taken")
        pack = self.pack("count: 3, why: three deadlines of the virtual timer}\n\nmarkers",
                         "min: 4, why: one more}\n\nmarkers")  # fmt: skip
        rules, _ = self.broken("step", "--pack", pack, "--elf", self.guest())
        self.assertEqual(rules, {"ticks": "exception"})

    def test_outside_of_its_window(self) -> None:
        """`since` and `until` bound where an exception is announced."""
        for window in ("since: returned-into-loop", "since: irqs-open, until: loop-done"):
            with self.subTest(window):
                pack = self.pack("since: irqs-open, count: 3", window)
                rules, _ = self.broken("step", "--pack", pack, "--elf", self.guest())
                self.assertIn("no-unexpected-exception", rules)

    def test_opened_too_early(self) -> None:
        """The checkpoint of the opening turns red, with what was not ready."""
        rules, text = self.broken(
            "step", "--pack", PACK, "--elf", self.guest("EARLY_UNMASK"), "--first"
        )
        self.assertEqual(set(rules), {"irqs-open"}, text)
        self.assertIn("after vectors", text)
        self.assertIn("irqs-open.3 [expect, plain]: distributor == 1", text)

    def test_mask_must_hold_until_the_opening(self) -> None:
        """`until` ends with the step that reaches its checkpoint, not before and not after."""
        pack = self.pack("from: masked, until: irqs-open", "from: masked, until: sleeps")
        rules, text = self.broken("step", "--pack", pack, "--elf", self.guest())
        self.assertEqual(rules, {"daif-masked": "invariant"})
        self.assertIn("broken by `msr daifclr, #2`", text)


class Ends(IrqTest):
    """A guest that sleeps for ever is bounded, and nothing of it is left."""

    def test_nothing_wakes_it(self) -> None:
        """No deadline at all, and one whose interrupt goes nowhere (QEMU spins then, and answers
        nobody): 124, with the place of the WFI."""
        for command, name in (("run", "UNARMED"), ("step", "DEAF")):
            with self.subTest(name):
                code, report, text = self.report(
                    command, "--pack", PACK, "--elf", self.guest(name), "--timeout", "5"
                )
                self.assertEqual((code, report["broken"]), (124, []), text)
                self.assertRegex(
                    text,
                    r"stepping did not end within 5 s: the guest sleeps behind `wfi` at 0x\w+ "
                    r"<sleeping> .*irq.S:\d+, and nothing that is armed wakes it",
                )
                if command == "run":
                    self.assertIn("the guest did not end within 5 s: it is at", text)
                self.assertRegex(text, r"stepped [1-9]\d* instructions")


if __name__ == "__main__":
    unittest.main()
