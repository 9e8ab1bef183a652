#!/usr/bin/python3
"""The coverage job: the suite's guests and the host tests, against the project's thresholds.

    coverage_job.py --build DIR --host DIR --out DIR [RIG OPTION...]

Guests are the images in --build. The host tests' share is DIR/coverage.info, which the gate of the
label coverage leaves in the build directory of the preset host (--host). Without it, or when a
source is newer than it, only what guests alone have to reach is judged: their branches.

Exit codes: those of `rig cover`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("kernel", "arch", "bsp")
TOGETHER = "functions=100,lines=95,branches=90,host-branches=90"
ALONE = "branches=90"


def host_info(host: Path, root: Path) -> tuple[Path | None, str]:
    """The host tests' tracefile, or why there is none to use."""
    info = host / "coverage.info"
    if not info.is_file():
        return None, f"no {info}: run ctest --preset host -L coverage first"
    written = info.stat().st_mtime
    sources = (path for room in ROOMS for path in (root / room).rglob("*.[chS]"))
    newer = [path for path in sources if path.stat().st_mtime > written]
    if newer:
        return None, f"{info} is older than {newer[0]}: run ctest --preset host -L coverage again"
    return info, ""


def command(build: Path, host: Path, out: Path, root: Path = ROOT) -> tuple[list[str], str]:
    """The call of `rig cover`, and a remark for people."""
    words = [str(root / "rig" / "rig"), "cover", "--suite", "tyrne"]
    words += ["--build", str(build), "--out", str(out)]
    info, why = host_info(host, root)
    if info is None:
        return [*words, "--no-audit", "--fail-under", ALONE], f"without the host tests: {why}"
    return [*words, "--host-info", str(info), "--fail-under", TOGETHER], ""


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--host", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args, more = parser.parse_known_args()
    words, remark = command(args.build, args.host, args.out)
    if remark:
        print(remark, flush=True)
    os.execv(words[0], [*words, *more])


if __name__ == "__main__":
    sys.exit(main())
