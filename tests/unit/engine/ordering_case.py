"""What the tests of the ordering phase share: a pack, a machine, a directory of their own."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import support  # noqa: F401 # pylint: disable=unused-import # the search path
from engine import pack as pack_file
from engine.pack import Pack
from engine.qemu import Machine

RULES = """\
ordering-rules:
  - {id: tlbi-completes, why: a TLBI is posted, spec: "DDI 0487, D8.17"}
  - {id: at-before-par, why: PAR waits, spec: "DDI 0487, D8.16"}
"""
MACHINE = Machine("one", "virt", "max", "128M", 1, ())


class Folder(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.path / "base.yaml").write_text(RULES, encoding="utf-8")

    def load(self, ordering: str, more: str = "") -> Pack:
        """A pack with this `ordering`."""
        path = self.path / "test.yaml"
        path.write_text(f"guest: test\nuse: [base]\n{more}ordering: {ordering}\n", encoding="utf-8")
        return pack_file.load(path, self.path)

    def tool(self, text: str) -> Path:
        """An executable in place of one of the rig's programs."""
        path = self.path / "tool"
        path.write_text("#!/usr/bin/python3\n" + text, encoding="utf-8")
        path.chmod(0o755)
        return path
