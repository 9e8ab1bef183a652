"""What the tests of the commands over event traces share: a guest, traces of it, rig-trace run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import make_event_trace as et
from make_event_trace import Trace

HERE = Path(__file__).resolve().parent
BASE, BOUND_S = 0x40080000, 60
HELD, BROKEN, WRONG_USAGE, NOT_JUDGED = 0, 1, 2, 3


def rig_tools() -> Path:
    """The directory of rig-trace and the plugins."""
    return Path(os.environ.get("RIG_TOOLS", HERE.parents[2] / "build/debug/rig"))


class CommandCase(unittest.TestCase):
    """A directory for the class, with the guest in it."""

    work: Path
    elf: Path
    build_id: str
    symbols: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        if shutil.which("aarch64-linux-gnu-gcc") is None:
            raise unittest.SkipTest("no cross compiler: apt-get install gcc-aarch64-linux-gnu")
        # pylint: disable-next=consider-using-with # entered here
        folder = tempfile.TemporaryDirectory(prefix="rig-trace-")
        cls.work = Path(cls.enterClassContext(folder))
        cls.elf = cls.work / "guest.elf"
        command = ["aarch64-linux-gnu-gcc", "-g", "-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x}"]
        command += ["-Wl,--build-id", f"-ffile-prefix-map={HERE}=.", "-o", str(cls.elf)]
        subprocess.run([*command, str(HERE / "guest.S")], check=True, timeout=BOUND_S)
        shown = cls._binutil("nm", str(cls.elf))
        cls.symbols = {line.split()[2]: int(line.split()[0], 16) for line in shown.splitlines()}
        notes = cls._binutil("readelf", "-n", str(cls.elf))
        cls.build_id = notes.partition("Build ID: ")[2].split()[0]

    @staticmethod
    def _binutil(name: str, *words: str) -> str:
        command = [f"aarch64-linux-gnu-{name}", *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=BOUND_S)
        return done.stdout

    @staticmethod
    def rig_trace() -> str:
        """The program: $RIG_TRACE, or the one of $RIG_TOOLS."""
        return os.environ.get("RIG_TRACE", str(rig_tools() / "rig-trace"))

    def run_tool(
        self, *words: str | Path, code: int = HELD, stdout: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run rig-trace; it must end with this code."""
        command = [self.rig_trace(), *map(str, words)]
        environment = {**os.environ, "NO_COLOR": "1"}
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
            timeout=BOUND_S, env=environment,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, f"{done.stdout}{done.stderr}")
        return done

    def refused(self, *words: str | Path, code: int, said: str) -> None:
        """rig-trace ends with this code and says so, and nothing on standard output."""
        done = self.run_tool(*words, code=code)
        self.assertEqual(done.stdout, "")
        self.assertIn(said, done.stderr)

    def json_of(self, *words: str | Path, code: int = HELD) -> dict[str, Any]:
        """The JSON report that a command writes."""
        report = self.work / "report.json"
        report.unlink(missing_ok=True)
        self.run_tool(*words, "--json", report, code=code)
        return dict(json.loads(report.read_text("utf-8")))

    def write(self, trace: Trace, name: str = "t.trace", cut: int = 0) -> Path:
        """The trace as a file."""
        return trace.write(self.work / name, cut)

    def probe(self, trace: Trace, name: str = "probe") -> Trace:
        """The AT and the read of PAR_EL1 of a function of the guest, as they execute."""
        at = self.symbols[name] + 4
        trace.insn(at, et.AT_S1E1R_X0, BASE)
        if name == "probe_in_time":
            at += 4
            trace.insn(at, et.ISB)
        trace.insn(at + 4, et.MRS_PAR_X1)
        return trace
