#!/usr/bin/python3
"""Break the kernel as broken.yaml says and see that the fuzz run finds it.

    broken_kernel.py NAME --work DIR [--calls N]

Copies the guest's sources into DIR, applies the edits, builds the fuzz image and runs run.py. Exit
codes: 0 the run was red as listed; 1 it was not; 2 the list or an edit is wrong; 3 no verdict (the
broken kernel does not build).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
ROOMS = ("kernel", "arch", "bsp", "userland", "tests")
FOUND, NOT_FOUND, BAD_LIST, NO_VERDICT = 0, 1, 2, 3
BROKEN = 1  # run.py's
BOUND_S = 120


class ListError(Exception):
    """broken.yaml and the sources do not fit together."""


def load(name: str) -> dict[str, Any]:
    """The entry of the list."""
    entries: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "broken.yaml").read_text("utf-8"))
    if name not in entries:
        raise ListError(f"broken.yaml has no entry {name}; it has {', '.join(entries)}")
    if set(entries[name]) != {"why", "edits", "says"} or not entries[name]["says"]:
        raise ListError(f"{name} must have why, edits and says, and nothing else")
    return entries[name]


def make_copy(entry: dict[str, Any], copy: Path) -> None:
    """The sources with the edits applied."""
    if copy.exists():
        shutil.rmtree(copy)
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in entry["edits"]:
        path = copy / edit["file"]
        parts = path.read_text("utf-8").split(edit["replace"])
        if len(parts) != 2:
            raise ListError(f"{edit['file']} holds {len(parts) - 1} times: {edit['replace']!r}")
        path.write_text(edit["with"].join(parts), "utf-8")


def build(copy: Path, out: Path) -> Path:
    """The fuzz image of the copy, by gcc, for debugging."""
    configure = ["cmake", "-S", str(copy / "bsp/qemu-virt"), "-B", str(out), "-G", "Ninja"]
    configure += ["--toolchain", str(copy / "arch/aarch64/toolchain-gcc.cmake")]
    configure += ["-DCMAKE_BUILD_TYPE=Debug", "-DTYRNE_TEST_IMAGES=ON"]
    for command in (configure, ["cmake", "--build", str(out), "--target", "tyrne-fuzz"]):
        subprocess.run(command, check=True, capture_output=True, text=True)
    return out / "tyrne-fuzz.elf"


def judge(name: str, says: list[str], elf: Path, calls: int) -> int:
    """Run the image; the verdict on what the run says."""
    command = [sys.executable, "-B", str(HERE / "run.py"), "--elf", str(elf)]
    command += ["--calls", str(calls), "--timeout", str(BOUND_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    missing = [word for word in says if word not in done.stdout]
    if done.returncode == BROKEN and not missing:
        print(f"{name}: found")
        return FOUND
    print(f"{name}: NOT found as listed: exit code {done.returncode}, missing: {missing}")
    return NOT_FOUND


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=200000)
    args = parser.parse_args()
    work: Path = args.work / args.name
    try:
        entry = load(args.name)
        make_copy(entry, work / "source")
        print(f"{args.name}: {entry['why']}", flush=True)
        return judge(args.name, entry["says"], build(work / "source", work / "build"), args.calls)
    except (OSError, ListError) as error:
        print(f"broken_kernel.py: {error}", file=sys.stderr)
        return BAD_LIST
    except subprocess.CalledProcessError as error:
        print(f"the broken kernel does not build:\n{error.stdout}{error.stderr}", file=sys.stderr)
        return NO_VERDICT


if __name__ == "__main__":
    sys.exit(main())
