#!/usr/bin/python3
"""The commands of docs/guides/your-own-kernel.md on Debian's U-Boot, entered at EL1 and at EL2.

    test_starter_guide.py --dir DIR     77 when the archive cannot be reached
"""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path

from starter_case import ROOT, InitTest

FETCH = ROOT / "tests" / "rig" / "foreign-guests" / "fetch.py"
ELF: list[Path] = []


class Guide(InitTest):
    """U-Boot as a stranger."""

    def follow(self, machine: str) -> str:
        """Init, accept what is suggested, run; the pack's text before."""
        words = f"qemu-system-aarch64 -M {machine} -cpu cortex-a72 -m 512M -nographic"
        done, pack = self.init(ELF[0], "--qemu", words, "--timeout", "900", status=1)
        self.assertIn("outside-memory: Normal memory is mapped where the machine", done.stdout)
        text = pack.read_text(encoding="utf-8")
        self.assertIn("alias: [{from: 0x5fef7000, ", text)
        self.assertIn("id: mmu-on", text)
        self.assertGreater(self.accept_spaces(pack), 3)
        self.rig("run", "--pack", pack, "--elf", ELF[0], "--timeout", "900", status=0)
        return text

    def test_entered_at_el1(self) -> None:
        """As the guide shows it."""
        self.assertIn("translate(PC) == PC", self.follow("virt"))

    def test_entered_at_el2(self) -> None:
        """It stays there, in the EL2 regime."""
        self.assertIn("SCTLR_EL2 == ", self.follow("virt,virtualization=on"))


def main() -> int:
    """Fetch, then the tests."""
    folder = sys.argv[sys.argv.index("--dir") + 1]
    done = subprocess.run([str(FETCH), "--dir", folder, "u-boot"], check=False)
    if done.returncode != 0:
        return done.returncode
    ELF.append(Path(folder).resolve() / "bookworm" / "u-boot" / "u-boot.elf")
    return 0 if unittest.main(argv=sys.argv[:1], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
