"""A small guest and its pack in a directory of their own, and `rig mutate` run on them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RIG = HERE.parents[2] / "rig" / "rig"
BOUND_S = 600
# The classes that have few mutants and show every verdict.
FEW = ("--kind", "dropped", "--kind", "zero-source")


class MutateTest(unittest.TestCase):
    """The guest is built once a class; the pack may be changed by each test."""

    work: Path
    elf: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        cls.elf = cls.work / "small.elf"
        command = ["aarch64-linux-gnu-gcc", "-g", "-nostdlib", "-static", "-Wl,--build-id=sha1"]
        command += ["-Wl,-z,max-page-size=4096", "-Wl,-Ttext=0x40200000"]
        command += ["-o", str(cls.elf), str(HERE / "small.S")]
        subprocess.run(command, check=True, timeout=BOUND_S)

    def setUp(self) -> None:
        self.pack = self.change("small.yaml")
        self.change("reviewed.yaml")

    def change(self, name: str, old: str = "", new: str = "") -> Path:
        """A file of the pack, with one replacement."""
        text = (HERE / name).read_text(encoding="utf-8")
        if old:
            self.assertEqual(text.count(old), 1, old)
        path = self.work / name
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        return path

    def environment(self) -> dict[str, str]:
        """That of a run: its temporary files in the work directory."""
        return {**os.environ, "NO_COLOR": "1", "TMPDIR": str(self.work)}

    def command(self, *words: str | Path) -> list[str]:
        """The command line."""
        guest = ["--pack", self.pack, "--elf", self.elf]
        return [str(RIG), "mutate", *map(str, [*guest, *words])]

    def run_words(self, words: list[str], code: int) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; nothing of it is left behind."""
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=BOUND_S,
            env=self.environment(), cwd=HERE,
        )  # fmt: skip
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(self.processes(), [], "a process outlived the run")
        return done

    def mutate(self, *words: str | Path, code: int) -> tuple[dict[str, Any], str]:
        """rig mutate with --json: the report (empty when there is none) and the text."""
        path = self.work / "mutants.json"
        path.unlink(missing_ok=True)
        done = self.run_words(self.command("--json", path, *words), code)
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return report, done.stdout + done.stderr

    def collect(self, *words: str | Path, code: int) -> tuple[dict[str, Any], str]:
        """rig mutate --collect with --json: the report and the text."""
        path = self.work / "collected.json"
        path.unlink(missing_ok=True)
        command = [RIG, "mutate", "--pack", self.pack, "--json", path, *words]
        done = self.run_words([str(word) for word in command], code)
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return report, done.stdout + done.stderr

    @staticmethod
    def verdicts(report: dict[str, Any]) -> dict[str, str]:
        """id: verdict."""
        return {item["id"]: item["verdict"] for item in report["variants"][0]["mutants"]}

    @staticmethod
    def line_of(text: str) -> int:
        """The number of the guest's only source line that has this text."""
        lines = (HERE / "small.S").read_text(encoding="utf-8").splitlines()
        (number,) = [n for n, line in enumerate(lines, 1) if text in line]
        return number

    def processes(self) -> list[str]:
        """Running QEMUs and gdbs that work in the test's directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if os.readlink(entry / "cwd").startswith(str(self.work)):
                        found.append((entry / "cmdline").read_text().replace("\0", " "))
                except OSError:
                    continue  # ended meanwhile
        return [line for line in found if "qemu-system" in line or "gdb-multiarch" in line]
