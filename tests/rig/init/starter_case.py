"""Guests for the tests of rig init, built on demand, and the rig run on them."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RIG = ROOT / "rig" / "rig"
FOREIGN = HERE.parent / "foreign"
BOUND_S = 1800  # of a command; ctest bounds each test
_FLAGS = ["-g", "-nostdlib", "-static", "-Wl,--build-id=sha1", "-Wl,-z,max-page-size=4096"]
# What a new pack suggests for a finding in an address space.
_SUGGESTED = re.compile(r"^#     waive: \[(\{rule: \S+, from: .*), why: …\}\]$", re.MULTILINE)


class InitTest(unittest.TestCase):
    """A work directory, and what is done in it."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def tiny(self, kind: str) -> Path:
        """The tiny guest."""
        elf = self.work / f"tiny-{kind}.elf"
        self._build(elf, HERE / "tiny.S", [f"-DTINY_{kind.upper()}", "-Wl,-Ttext=0x40200000"])
        return elf

    def foreign(self, without: str = "") -> Path:
        """The foreign guest, without the first line of its source that says this."""
        text = (FOREIGN / "foreign.S").read_text(encoding="utf-8")
        if without:
            self.assertIn(without, text)
            text = text.replace(without, "", 1)
        name = "broken" if without else "foreign"
        source = self.work / f"{name}.S"
        source.write_text(text, encoding="utf-8")
        elf = self.work / f"{name}.elf"
        script = f"-Wl,-T,{FOREIGN / 'foreign.lds'}"
        self._build(elf, source, ["-DBUFFER_SIZE=0x400", script])
        return elf

    @staticmethod
    def _build(elf: Path, source: Path, more: list[str]) -> None:
        if not elf.exists():
            command = ["aarch64-linux-gnu-gcc", *_FLAGS, *more, "-o", str(elf), str(source)]
            subprocess.run(command, check=True, timeout=BOUND_S)

    def rig(
        self, *arguments: str | Path, status: int | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the rig in the work directory, to its end and with this exit code."""
        known = {**os.environ, "NO_COLOR": "1", "TMPDIR": str(self.work), "RIG_REPLAY": "0"}
        done = subprocess.run(
            [str(RIG), *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=BOUND_S, cwd=self.work,
            env={**known, **environment},
        )  # fmt: skip
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def init(
        self, elf: Path, *more: str, status: int = 0
    ) -> tuple[subprocess.CompletedProcess[str], Path]:
        """rig init, which passes rig lint; what it said and the pack."""
        pack = self.work / f"{elf.stem}.yaml"
        words: list[str | Path] = ["--elf", elf, "-o", pack, "--bound", "2", "--force", *more]
        done = self.rig("init", *words, status=status)
        self.rig("lint", pack, "--elf", elf, status=0)
        return done, pack

    @staticmethod
    def accept_spaces(pack: Path) -> int:
        """Take the suggestions for address spaces over into the pack; how many there are."""
        text = pack.read_text(encoding="utf-8")
        found = _SUGGESTED.findall(text)
        waivers = ", ".join(f"{item}, why: a test}}" for item in found)
        key = "     why: the map that the boot"
        pack.write_text(text.replace(key, f"     waive: [{waivers}],\n{key}"), encoding="utf-8")
        return len(found)
