"""What the coverage truth tests share: guests built and run once, rig-trace run on their traces."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import unittest
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import expectation
import guests

COVERED, BROKEN, WRONG_USAGE, NOT_JUDGED = 0, 1, 2, 3


@dataclass
class Covered:
    """What one run of `rig-trace cover` left."""

    code: int
    said: str
    info: dict[str, expectation.Reported] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    info_file: Path = Path()

    def partial(self, name: str) -> set[int]:
        """Lines of a file that ran in part."""
        for file in self.data["files"]:
            if Path(file["file"]).name == name:
                return set(file["partial_lines"])
        return set()


class CoverCase(unittest.TestCase):
    """A work directory for the class; guests and traces are made in it on demand."""

    maxDiff = None
    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-cover-")))

    def tool(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a tool to its end."""
        return subprocess.run(
            [str(word) for word in arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=guests.BOUND_S,
            cwd=self.work,
        )

    def need(self, name: str) -> str:
        """A tool that must be there."""
        path = shutil.which(name)
        self.assertIsNotNone(path, f"{name} is missing: apt-get install lcov gcc")
        return str(path)

    def trace(self, name: str, how: guests.Run = guests.Run()) -> tuple[Path, Path]:
        """A guest and its trace."""
        elf = guests.build(name, self.work)
        trace = self.work / f"{name}-{how.cpus}.trace"
        return elf, trace if trace.exists() else guests.run(elf, trace, how)

    def cover(self, elf: Path, *arguments: str | Path, info: bool = True) -> Covered:
        """Run `rig-trace cover`; reads what it wrote."""
        info_file, data = self.work / "out.info", self.work / "out.json"
        for path in (info_file, data):
            path.unlink(missing_ok=True)
        words: list[str | Path] = [guests.tools() / "rig-trace", "cover", "--elf", elf]
        words += ["--json", data, *arguments]
        if info:
            words += ["--info", info_file]
        done = self.tool(*words)
        result = Covered(done.returncode, done.stdout + done.stderr, info_file=info_file)
        if info_file.exists():
            result.info = expectation.read_info(info_file)
        if data.exists():
            result.data = json.loads(data.read_text("utf-8"))
        return result

    def cover_guest(self, name: str, how: guests.Run = guests.Run()) -> Covered:
        """The same for a guest's own trace, which must be told whole."""
        elf, trace = self.trace(name, how)
        alias = guests.KINDS[name].alias
        options = ["--alias", alias] if alias else []
        if name == "high":
            options += ["--mmu", "on,off"]
        result = self.cover(elf, *options, trace)
        self.assertEqual(result.code, COVERED, result.said)
        return result

    def differences(self, name: str, result: Covered) -> list[str]:
        """Every line, branch and function that is not told as the guest's sources say."""
        kind = guests.KINDS[name]
        reported = {Path(file).name: record for file, record in result.info.items()}
        found = []
        for source in (*kind.sources, *kind.headers):
            if source in kind.not_compared:
                continue
            own = expectation.compare(
                expectation.read_source(guests.HERE / "guest" / source),
                reported.get(source, expectation.Reported()),
                result.partial(source),
                strict=source not in kind.loose,
            )
            own += expectation.check_totals(reported.get(source, expectation.Reported()))
            found += [f"{source}:{line}" for line in own]
        found += [
            f"{name}: reported, though the guest has no code of it"
            for name in reported.keys() - {*kind.sources, *kind.headers}
        ]
        return found
