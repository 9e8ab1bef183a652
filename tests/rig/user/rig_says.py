#!/usr/bin/python3
"""Run the rig on an image and see that it turns red in the rules that are named.

    rig_says.py run|faults --pack PACK --elf ELF --red RULE [--red RULE ...]

Judges the variant el1 only. Exit code 0 when the rig's is 1 and each RULE is among the broken ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

RIG = Path(__file__).resolve().parents[3] / "rig"
BOUND_S = 60


@dataclass(frozen=True)
class Verdict:
    """The rig's exit code, the broken rules and what it printed."""

    code: int
    broken: set[str]
    said: str


def rig_says(command: str, pack: Path, elf: Path, options: list[str]) -> Verdict:
    """One run of the rig."""
    with tempfile.TemporaryDirectory() as work:
        report = Path(work) / "report.json"
        words = [str(RIG / "rig"), command, "--pack", str(pack), "--elf", str(elf), *options]
        words += ["--json", str(report), "--run-dir", f"{work}/run", "--timeout", str(BOUND_S)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        broken: set[str] = set()
        if report.exists():
            rules = json.loads(report.read_text(encoding="utf-8"))["broken"]
            broken = {rule["id"] for rule in rules}
    return Verdict(done.returncode, broken, done.stdout + done.stderr)


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["run", "faults"])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--elf", type=Path, required=True)
    parser.add_argument("--red", action="append", required=True)
    args = parser.parse_args()
    verdict = rig_says(args.command, args.pack, args.elf, ["--variant", "el1", "--first"])
    print(verdict.said)
    missing = set(args.red) - verdict.broken
    if verdict.code != 1 or missing:
        print(
            f"rig_says: exit code {verdict.code}, red {sorted(verdict.broken)};"
            f" expected 1, and red {sorted(args.red)}",
            file=sys.stderr,
        )
        return 1
    print(f"red as expected: {', '.join(sorted(verdict.broken))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
