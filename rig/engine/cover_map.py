"""From traces to source lines: calls `rig-trace cover`, one call for each distinct image, and
genhtml for the pages."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import lcov_info
from .cover_result import Image
from .cover_run import Say, Traced
from .errors import CannotJudge, Exit, UsageError
from .image import Alias
from .jobs import Job, Outcome, run_all
from .lcov_info import Records
from .process import find_tool

_MAP_S = 300.0


@dataclass
class Mapping:
    """How code is found: the options that go to rig-trace."""

    tool: Path
    aliases: list[Alias] = field(default_factory=list)
    source_prefix: str = ""
    maps: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    never_calls: list[str] = field(default_factory=list)

    def alias_words(self) -> list[str]:
        """The aliases' options, also for `rig-trace annotate`."""
        words: list[str] = []
        for alias in self.aliases:
            words += ["--alias", f"{alias.start:#x}:{alias.size:#x}:{alias.by:#x}"]
        return words

    def words(self) -> list[str]:
        """The options of `rig-trace cover`."""
        words = self.alias_words()
        if self.source_prefix:
            words += ["--source-prefix", self.source_prefix]
        for option, values in (
            ("--map", self.maps),
            ("--keep", self.keep),
            ("--never-calls", self.never_calls),
        ):
            for value in values:
                words += [option, value]
        return words


@dataclass
class Mapped:
    """What the images' traces say; `findings` are wrong markers in the sources."""

    images: list[Image]
    records: list[Records]
    findings: list[str]
    words: list[str]  # what rig-trace had to say besides


def map_all(traced: list[Traced], mapping: Mapping, work: Path, root: Path, say: Say) -> Mapped:
    """One call of rig-trace for each distinct image."""
    by_image: dict[str, list[Traced]] = {}
    for item in traced:
        by_image.setdefault(item.run.elf.build_id, []).append(item)
    work.mkdir(parents=True, exist_ok=True)
    jobs = []
    for build_id, items in by_image.items():
        out = work / build_id
        for suffix in (".info", ".json"):
            out.with_suffix(suffix).unlink(missing_ok=True)
        words = [str(mapping.tool), "cover", "--elf", items[0].run.elf.path, *mapping.words()]
        words += ["--info", f"{build_id}.info", "--json", f"{build_id}.json"]
        words += [str(item.trace) for item in items]
        jobs.append(Job(build_id, words, work, _MAP_S))
    mapped = Mapped([], [], [], [])

    def done(outcome: Outcome) -> None:
        _judge_tool(outcome, by_image[outcome.job.name], mapped)
        say(f"image {len(mapped.words)} of {len(jobs)}")

    run_all(jobs, done)
    for build_id, items in by_image.items():
        _read(build_id, items, work, root, mapped)
    return mapped


def _judge_tool(outcome: Outcome, items: list[Traced], mapped: Mapped) -> None:
    """What rig-trace's end means: findings are kept, anything worse ends the measurement."""
    elf = items[0].run.elf.path
    if outcome.status is None:
        raise CannotJudge(f"rig-trace cover did not end within {_MAP_S:g} s on {elf}")
    if outcome.status == Exit.USAGE:
        raise UsageError(f"{elf}: {outcome.stderr or 'rig-trace cover refused it'}")
    if outcome.status not in (Exit.HELD, Exit.BROKEN):
        raise CannotJudge(
            f"rig-trace cover failed on {elf} (status {outcome.status}): {outcome.stderr}"
        )
    if outcome.status == Exit.BROKEN:
        mapped.findings += [
            line for line in outcome.stderr.splitlines() if line not in mapped.findings
        ]
    mapped.words.append(outcome.stderr)


def _read(build_id: str, items: list[Traced], work: Path, root: Path, mapped: Mapped) -> None:
    """The reports that rig-trace left for an image."""
    try:
        report: dict[str, Any] = json.loads((work / f"{build_id}.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotJudge(f"rig-trace cover left no report for {build_id}: {error}") from None
    info = work / f"{build_id}.info"
    records = lcov_info.relative_to(lcov_info.read(info), root, ()) if info.is_file() else {}
    path = Path(items[0].run.elf.path)
    runs = [item.run.name for item in items]
    mapped.images.append(Image(path.name, str(path), runs, records, report))
    mapped.records.append(records)


def genhtml(info: Path, out: Path, title: str, prefix: Path) -> None:
    """Make the pages of a tracefile, with the options that lcov 1.16 and 2.x have in common."""
    tool = find_tool("genhtml")
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
    old = re.search(r"version 1\.", version.stdout) is not None
    setting = "lcov_branch_coverage=1" if old else "branch_coverage=1"
    words: Sequence[str] = [
        tool, "--quiet", "--rc", setting, "--title", title, "--prefix", str(prefix), "--legend",
        "--output-directory", str(out), "--branch-coverage", str(info),
    ]  # fmt: skip
    done = subprocess.run(
        words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, check=False
    )
    if done.returncode or not (out / "index.html").is_file():
        raise CannotJudge(f"genhtml failed ({done.returncode}): {done.stderr or done.stdout}")
