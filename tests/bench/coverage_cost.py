#!/usr/bin/python3
"""What recording coverage costs, side by side with what else one could do, in one run.

    coverage_cost.py --tools DIR --block-log DIR --dir DIR [--guest tyrne=ELF] [--guest u-boot=BIN]
                     [--guest linux=IMAGE] [--rounds N] [--out FILE]

Each round runs every way once, one after the other, so that what disturbs the machine disturbs all
of them; the medians of the rounds are compared, as ratios to the plain run. The ways: plain QEMU;
our recording; a plugin that logs each executed block (the usual approach); `-d exec,nochain` to a
file.
The last one is dear: beyond --exec-bound seconds it is ended, and its ratio is "at least". U-Boot
runs to its prompt, Linux without a root file system to its panic, each with and without -icount.

Fails (1) only if a result is wrong, never on time: a run that does not get to its end, a trace that
misses what ran.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import select
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "rig"), str(ROOT / "tests" / "rig" / "plugin")]

# pylint: disable=wrong-import-position # the path above comes first
import coverage_trace  # noqa: E402
from engine import plugin  # noqa: E402
from engine.errors import CannotJudge  # noqa: E402
from engine.process import find_tool, tool_version  # noqa: E402
from engine.qemu import DETERMINISTIC  # noqa: E402

BOUND_S = 300.0
MIB = 1 << 20


@dataclass(frozen=True)
class Guest:
    """How a guest is started, what it prints at its end, what is typed at what it asks."""

    options: tuple[str, ...]
    end: bytes
    ask: bytes = b""
    repeat: int = 1  # runs of a short guest that count as one


def guest(name: str, path: str) -> Guest:
    """One of the guests by name."""
    if name == "tyrne":
        return Guest(("-m", "128M", "-kernel", path), b"elapsed", repeat=10)
    if name == "u-boot":
        return Guest(("-m", "512M", "-bios", path), b"\n=> ", ask=b"stop autoboot")
    if name == "linux":
        append = "console=ttyAMA0 panic=0"
        options = ("-m", "512M", "-kernel", path, "-append", append)
        return Guest(options, b"end Kernel panic")
    raise SystemExit(f"--guest {name}: tyrne, u-boot or linux")


class Bench:
    """The ways, on one QEMU."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        os.environ["RIG_TOOLS"] = str(args.tools)
        self.cover = plugin.choose(self.qemu)
        self.block_log = args.block_log / f"libblocklog-{plugin.variant(self.qemu)}.so"
        self.dir: Path = args.dir
        self.exec_bound: float = args.exec_bound
        self.wrong: list[str] = []

    def ways(self) -> dict[str, list[str]]:
        """Name and options of each way."""
        return {
            "plain": [],
            "recording": ["-plugin", f"{self.cover},out={self.dir / 'trace'}"],
            "block-log": ["-plugin", f"{self.block_log},out={self.dir / 'blocks'}"],
            "exec-log": ["-d", "exec,nochain", "-D", str(self.dir / "exec.log")],
        }

    def command(self, which: Guest, icount: bool, options: list[str]) -> list[str]:
        """QEMU's command line, its console on standard input and output."""
        return [
            self.qemu, "-M", "virt,gic-version=2,dtb-randomness=off", "-cpu", "cortex-a72",
            "-nodefaults", "-nic", "none", "-display", "none", "-monitor", "none",
            "-serial", "stdio", *(DETERMINISTIC if icount else []), *which.options, *options,
        ]  # fmt: skip

    def once(self, which: Guest, command: list[str], bound: float) -> float | None:
        """Seconds until the guest printed its end; None when the bound came first."""
        ours, theirs = pty.openpty()
        seen, typed = b"", False
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL
        ) as process:
            os.close(theirs)
            try:
                while which.end not in seen:
                    left = start + bound - time.perf_counter()
                    if left <= 0 or not select.select([ours], [], [], left)[0]:
                        return None
                    try:
                        seen += os.read(ours, 65536)
                    except OSError:  # the guest switched the machine off
                        break
                    if which.ask and which.ask in seen and not typed:
                        typed = True
                        os.write(ours, b"\n")
                return time.perf_counter() - start if which.end in seen else None
            finally:
                process.kill()
                process.wait()
                os.close(ours)

    def several(self, which: Guest, command: list[str], bound: float) -> float | None:
        """The same so often that it can be measured."""
        times = [self.once(which, command, bound) for _ in range(which.repeat)]
        known = [each for each in times if each is not None]
        return sum(known) if len(known) == len(times) else None

    def check_trace(self, name: str) -> dict[str, int]:
        """What the last recording holds; a trace that says nothing is a wrong result."""
        trace = coverage_trace.read(self.dir / "trace")
        facts = {
            "blocks": len(trace.blocks),
            "instructions": len(trace.executed()),
            "executions": sum(trace.executed().values()),
            "bytes": (self.dir / "trace").stat().st_size,
        }
        if facts["blocks"] < 100 or trace.flags & coverage_trace.FULL:
            self.wrong.append(f"{name}: the recording is not whole: {facts}, {trace.flags}")
        return facts

    def measure(self, name: str, which: Guest, icount: bool, rounds: int) -> dict[str, Any]:
        """All ways in turn, so many rounds; the dear one once."""
        label = f"{name}{', -icount' if icount else ''}"
        times: dict[str, list[float]] = {way: [] for way in self.ways()}
        beyond = False
        sizes: dict[str, int] = {}
        for round_number in range(rounds):
            for way, options in self.ways().items():
                if way == "exec-log" and round_number > 0:
                    continue
                bound = self.exec_bound if way == "exec-log" else BOUND_S
                took = self.several(which, self.command(which, icount, options), bound)
                if took is None and way == "exec-log":
                    beyond, took = True, bound
                elif took is None:
                    self.wrong.append(f"{label}: {way}: the guest did not get to its end")
                    took = bound
                times[way].append(took)
                for file in ("blocks", "exec.log"):
                    if (self.dir / file).exists():
                        sizes[file] = (self.dir / file).stat().st_size // MIB
                        (self.dir / file).unlink()
        medians = {way: statistics.median(each) for way, each in times.items()}
        return {
            "guest": name,
            "icount": icount,
            "seconds": {way: round(each, 3) for way, each in medians.items()},
            "ratio": {way: round(each / medians["plain"], 3) for way, each in medians.items()},
            "ratio_of_best": {
                way: round(min(each) / min(times["plain"]), 3) for way, each in times.items()
            },
            "exec_log_is_at_least": beyond,
            "log_mib": sizes,
            "trace": self.check_trace(label),
        }


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--block-log", type=Path, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--guest", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exec-bound", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    shutil.rmtree(args.dir, ignore_errors=True)
    args.dir.mkdir(parents=True)
    try:
        bench = Bench(args)
    except CannotJudge as error:
        print(error, file=sys.stderr)
        return int(error.code)
    results = []
    for word in args.guest:
        name, _, path = word.partition("=")
        for icount in (True, False):
            results.append(bench.measure(name, guest(name, path), icount, args.rounds))
    report = {
        "benchmark": "coverage-cost",
        "qemu": tool_version(bench.qemu),
        "rounds": args.rounds,
        "results": results,
        "wrong": bench.wrong,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")
    return 1 if bench.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
