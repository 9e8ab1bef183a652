#!/usr/bin/python3
"""Judge what the host tests executed of a source tree.

    coverage_gate.py --build DIR --sources DIR --lines PERCENT --branches PERCENT [--info FILE]

Collects the counters that programs built with --coverage left below --build (lcov), keeps the files
below --sources, prints a table with what was not reached, and compares the totals with the two
thresholds. A .c file that no test compiles counts as a finding, so nothing is left out silently.
Code may be left out only by an LCOV_EXCL marker with a reason behind it ("LCOV_EXCL_LINE: why");
each is listed. --info keeps the merged tracefile.

Exit codes: 0 both thresholds held, 1 findings, 2 wrong usage, 3 nothing to judge.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

MARKER = re.compile(r"LCOV_EXCL_(?:BR_)?(?:LINE|START)\b(?P<reason>:\s*\S.*)?")


class CannotJudge(Exception):
    """There is nothing to judge, or lcov does not work."""


@dataclass
class FileCoverage:
    """Counts of one source file: line -> hits, (line, block, branch) -> taken."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, str, str], int] = field(default_factory=dict)

    def missed_lines(self) -> list[int]:
        """Lines that were never executed."""
        return sorted(line for line, hits in self.lines.items() if hits == 0)

    def missed_branches(self) -> list[int]:
        """Lines with a branch that was never taken, once for each such branch."""
        return sorted(key[0] for key, taken in self.branches.items() if taken == 0)


def percent(hit: int, found: int) -> float:
    """Share in percent; nothing to find is everything found."""
    return 100.0 * hit / found if found else 100.0


def run_lcov(*arguments: str) -> str:
    """Run lcov with branch coverage on, under the name that its version has for it."""
    try:
        version = subprocess.run(["lcov", "--version"], capture_output=True, text=True, check=True)
        old = re.search(r"version (1)\.", version.stdout) is not None
        setting = "lcov_branch_coverage=1" if old else "branch_coverage=1"
        command = ["lcov", "--quiet", "--rc", setting, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotJudge(f"lcov does not run ({error}); it is in the package lcov") from None
    if done.returncode:
        raise CannotJudge(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def collect(build: Path, info: Path, work: Path) -> None:
    """One tracefile of everything below `build`: what was compiled, and what ran of it."""
    if not any(build.rglob("*.gcda")):
        raise CannotJudge(
            f"no counters (*.gcda) below {build}: run the tests of the label coverage"
        )
    parts = [work / "compiled.info", work / "ran.info"]
    run_lcov("--capture", "--initial", "--directory", str(build), "--output-file", str(parts[0]))
    run_lcov("--capture", "--directory", str(build), "--output-file", str(parts[1]))
    merge = [word for part in parts for word in ("--add-tracefile", str(part))]
    run_lcov(*merge, "--output-file", str(info))


def read_info(info: Path, sources: Path) -> dict[Path, FileCoverage]:
    """The records of files below `sources` in a tracefile (lcov's geninfo(1) has the format)."""
    files: dict[Path, FileCoverage] = {}
    current: FileCoverage | None = None
    for line in info.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            path = Path(rest).resolve()
            current = None
            if path.is_relative_to(sources):
                current = files.setdefault(path, FileCoverage())
        elif current is not None and kind == "DA":
            number, hits = rest.split(",")[:2]
            current.lines[int(number)] = current.lines.get(int(number), 0) + int(hits)
        elif current is not None and kind == "BRDA":
            number, block, branch, taken = rest.split(",")
            key = (int(number), block, branch)
            current.branches[key] = current.branches.get(key, 0) + int(taken.replace("-", "0"))
    return files


def check_markers(sources: Path) -> tuple[list[str], list[str]]:
    """Exclusions with a reason, and complaints about those without."""
    listed, findings = [], []
    for path in sorted([*sources.rglob("*.c"), *sources.rglob("*.h")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = MARKER.search(line)
            if found and found["reason"]:
                listed.append(f"{path.relative_to(sources)}:{number}: {found[0]}")
            elif found:
                findings.append(
                    f"{path}:{number}: exclusion without a reason: write '{found[0]}: why'"
                )
    return listed, findings


def show(files: dict[Path, FileCoverage], sources: Path) -> tuple[float, float]:
    """Print the table; returns the total percentages of lines and branches."""
    totals = [0, 0, 0, 0]
    print(f"{'lines':>13} {'branches':>13}  file (lines not executed; lines with untaken branches)")
    for path, data in sorted(files.items()):
        missed, untaken = data.missed_lines(), data.missed_branches()
        counts = [
            *(len(data.lines) - len(missed), len(data.lines)),
            *(len(data.branches) - len(untaken), len(data.branches)),
        ]
        totals = [total + count for total, count in zip(totals, counts)]
        holes = [
            " ".join(map(str, missed)),
            " ".join(str(line) for line in dict.fromkeys(untaken)),
        ]
        place = f"({'; '.join(holes)})" if any(holes) else ""
        print(
            f"{counts[0]:>4}/{counts[1]:<4} {percent(*counts[:2]):3.0f}%"
            f" {counts[2]:>4}/{counts[3]:<4} {percent(*counts[2:]):3.0f}%"
            f"  {path.relative_to(sources)} {place}"
        )
    lines, branches = percent(totals[0], totals[1]), percent(totals[2], totals[3])
    print(
        f"total: {totals[0]} of {totals[1]} lines ({lines:.1f} %), "
        f"{totals[2]} of {totals[3]} branches ({branches:.1f} %)"
    )
    return lines, branches


def judge(args: argparse.Namespace) -> list[str]:
    """Collect, print, and say what does not hold."""
    sources = args.sources.resolve()
    with tempfile.TemporaryDirectory(prefix="coverage-") as work:
        info = args.info or Path(work) / "all.info"
        collect(args.build, info, Path(work))
        files = read_info(info, sources)
    if not files:
        raise CannotJudge(f"no counters of files below {sources}")
    lines, branches = show(files, sources)
    listed, findings = check_markers(sources)
    for exclusion in listed:
        print(f"left out: {exclusion}")
    for path in sorted(sources.rglob("*.c")):
        if path not in files:
            findings.append(f"{path}: no host test compiles it: add one, or move it out")
    for name, value, wanted in (("line", lines, args.lines), ("branch", branches, args.branches)):
        if value < wanted:
            findings.append(f"{name} coverage is {value:.1f} %, the threshold is {wanted:g} %")
    return findings


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--lines", type=float, required=True)
    parser.add_argument("--branches", type=float, required=True)
    parser.add_argument("--info", type=Path)
    args = parser.parse_args()
    for folder in (args.build, args.sources):
        if not folder.is_dir():
            print(f"coverage_gate: {folder} is no directory", file=sys.stderr)
            return 2
    try:
        findings = judge(args)
    except CannotJudge as error:
        print(f"coverage_gate: {error}", file=sys.stderr)
        return 3
    for finding in findings:
        print(f"coverage_gate: {finding}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
