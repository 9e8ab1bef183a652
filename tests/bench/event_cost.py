#!/usr/bin/python3
"""What recording the event trace costs, side by side with what else one could do, in one run.

    event_cost.py --tools DIR --dir DIR --guest NAME=ELF [--guest ...] [--rounds N] [--out FILE]

NAME is a pack of rig/rules (its first variant). `--guests DIR` adds the foreign guests that a
campaign fetched there (tests/rig/foreign-guests/). Every run is deterministic, as those of the rig
are. Each round runs every way once, one after the other, so that what disturbs the machine disturbs
all of them. The medians of the rounds are compared, as ratios to the plain run, of the time that
passed and of the processor's time, which others on the machine disturb less:

    plain      QEMU alone
    count      the coverage plugin, which also tells how many instructions were executed
    sites      the first of the rig's three runs: no stores
    stores     tables, stores and accesses in windows; operands unknown
    operands   the rig's third run: all of it, with the operands of the second
    exec-log   -d exec,nochain to a file; beyond --exec-bound seconds it is ended ("at least")

Fails (1) only if a result is wrong, never on time: a run that does not get to its end, a trace that
is not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(ROOT / "rig"), str(ROOT / "tests" / "rig" / "plugin"),
    str(ROOT / "tests" / "rig" / "foreign-guests"),
]  # fmt: skip

# pylint: disable=wrong-import-position # the path above comes first
import coverage_trace  # noqa: E402
import fetch  # noqa: E402
from engine import order_run, pack, plugin, qemu, shared_ram  # noqa: E402
from engine.errors import RigError  # noqa: E402
from engine.process import Children, find_tool, pick_cpu, tool_version  # noqa: E402

RULES = ROOT / "rig" / "rules"
BOUND_S, PIPELINE_S = 300.0, 900.0
MIB = 1 << 20
_SHORT_S = 0.5  # a guest that is over sooner is run several times for one measurement
_MOST_REPEATS = 10


@dataclass(frozen=True)
class Took:
    """Seconds of a run, those of the processor, and whether it came to its end."""

    wall: float
    cpu: float
    ended: bool


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Bench:
    """One guest on one QEMU."""

    def __init__(self, tools: Path, folder: Path, name: str, elf: Path, exec_bound: float) -> None:
        os.environ["RIG_TOOLS"] = str(tools)
        self.tool = tools / "rig-trace"
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.exec_bound = exec_bound
        self.wrong: list[str] = []
        path = find_tool("qemu-system-aarch64", "RIG_QEMU")
        rules = pack.load(RULES / f"{name.replace('-', '')}.yaml", RULES)
        machine = qemu.machine_for(rules, next(iter(rules.variants())), cpu=None, memory=None)
        words = qemu.guest_words(path, machine, str(elf.resolve()))
        self.plain = words
        self.shared, self.ram = shared_ram.with_shared_ram(words)
        self.events = plugin.choose(path, "rigevents")
        self.cover = plugin.choose(path)
        self.operands = self.folder / "pipeline" / order_run.OPERANDS

    def ways(self) -> dict[str, list[str]]:
        """Name and command of each way."""

        def events(way: str, options: str) -> list[str]:
            return [*self.shared, "-plugin", f"{self.events},out={way}.trace{self.ram}{options}"]

        ways = {
            "plain": self.plain,
            "count": [*self.plain, "-plugin", f"{self.cover},out=count.trace"],
            "sites": events("sites", ",stores=off"),
            "stores": events("stores", ",stores=on"),
            "exec-log": [*self.plain, "-d", "exec,nochain", "-D", "exec.log"],
        }  # fmt: skip
        if self.operands.exists():
            ways["operands"] = events("operands", f",stores=on,operands={self.operands}")
        return ways

    def pipeline(self) -> dict[str, Any]:
        """The rig's three runs (or one), and the checker on their trace."""
        folder = self.operands.parent
        folder.mkdir()
        recorder = order_run.Recorder(self.plain, folder, PIPELINE_S)
        recording = recorder.record()
        started, before = time.perf_counter(), _children_cpu()
        done = subprocess.run(
            [str(self.tool), "order", str(recording.trace), "--quiet", "--json", "order.json"],
            cwd=folder, capture_output=True, text=True, timeout=PIPELINE_S, check=False,
        )  # fmt: skip
        facts = {
            "runs": recording.runs,
            "seconds": round(recording.seconds, 2),
            "notes": recording.notes,
            "operand_lines": sum(1 for _ in self.operands.open()) if self.operands.exists() else 0,
            "trace_mib": round(recording.trace.stat().st_size / MIB, 1),
            "checker_seconds": round(time.perf_counter() - started, 2),
            "checker_cpu_seconds": round(_children_cpu() - before, 2),
            "checker_exit_code": done.returncode,
        }
        if done.returncode not in (0, 1):
            self.wrong.append(f"{self.name}: rig-trace order: {done.returncode}: {done.stderr}")
        return facts

    def once(self, command: list[str], bound: float) -> Took:
        """One run to the guest's own end, or to the bound."""
        start, before = time.perf_counter(), _children_cpu()
        ended = False
        with Children(pick_cpu()) as children:
            child = children.start("qemu", command, self.folder)
            while (status := child.wait(0.01)) is None:
                if time.perf_counter() - start > bound:
                    break
            wall = time.perf_counter() - start
            ended = status is not None
            if status:
                self.wrong.append(f"{self.name}: QEMU: {status}: {child.stderr()}")
        return Took(wall, _children_cpu() - before, ended)

    def several(self, way: str, repeat: int) -> Took:
        """So many runs of a way, as one."""
        bound = self.exec_bound if way == "exec-log" else BOUND_S
        each = [self.once(self.ways()[way], bound) for _ in range(repeat)]
        return Took(
            sum(took.wall for took in each),
            sum(took.cpu for took in each),
            all(took.ended for took in each),
        )

    def trace_facts(self, way: str) -> dict[str, Any]:
        """Size of a way's trace, and that it is whole."""
        path = self.folder / f"{way}.trace"
        done = subprocess.run(
            [str(self.tool), "stats", str(path)], capture_output=True, text=True, check=False,
            timeout=BOUND_S,
        )  # fmt: skip
        if done.returncode != 0:
            self.wrong.append(f"{self.name}: {way}: rig-trace stats: {done.stderr or done.stdout}")
        return {"mib": round(path.stat().st_size / MIB, 1)}

    def measure(self, rounds: int) -> dict[str, Any]:
        """All ways in turn, so many rounds; the dear one once."""
        pipeline = self.pipeline()
        first = self.once(self.plain, BOUND_S)
        repeat = min(_MOST_REPEATS, max(1, round(_SHORT_S / first.wall)))
        times: dict[str, list[Took]] = {way: [] for way in self.ways()}
        log_mib = 0
        for round_number in range(rounds):
            for way, took_all in times.items():
                if way == "exec-log" and round_number > 0:
                    continue
                took_all.append(self.several(way, repeat))
                if way == "exec-log":
                    log_mib = (self.folder / "exec.log").stat().st_size // MIB
                    (self.folder / "exec.log").unlink()
                elif not took_all[-1].ended:
                    self.wrong.append(f"{self.name}: {way}: the guest did not get to its end")
        wall = {way: statistics.median(took.wall for took in each) for way, each in times.items()}
        cpu = {way: statistics.median(took.cpu for took in each) for way, each in times.items()}
        counted = coverage_trace.read(self.folder / "count.trace").executed()
        return {
            "guest": self.name,
            "instructions": sum(counted.values()),
            "runs_a_measurement": repeat,
            "seconds": {way: round(each / repeat, 3) for way, each in wall.items()},
            "ratio": {way: round(each / wall["plain"], 2) for way, each in wall.items()},
            "cpu_seconds": {way: round(each / repeat, 3) for way, each in cpu.items()},
            "cpu_ratio": {way: round(each / cpu["plain"], 2) for way, each in cpu.items()},
            "exec_log_is_at_least": not times["exec-log"][0].ended,
            "exec_log_mib": log_mib,
            "traces": {
                way: self.trace_facts(way)
                for way in times
                if way in ("sites", "stores", "operands")
            },
            "pipeline": pipeline,
        }


def guests(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Name and ELF of each guest asked for."""
    found = []
    for word in args.guest:
        name, _, path = word.partition("=")
        found.append((name, Path(path)))
    if args.guests:
        for name in fetch.NAMES:
            there = fetch.fetched(args.guests, name)
            if there is not None:
                found.append((name, there.elf))
    return found


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--guest", action="append", default=[], metavar="NAME=ELF")
    parser.add_argument("--guests", type=Path, metavar="DIR", help="where foreign guests are")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exec-bound", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    shutil.rmtree(args.dir, ignore_errors=True)
    args.dir.mkdir(parents=True)
    results, wrong = [], []
    try:
        for name, elf in guests(args):
            bench = Bench(args.tools.resolve(), args.dir.resolve(), name, elf, args.exec_bound)
            results.append(bench.measure(args.rounds))
            wrong += bench.wrong
        version = tool_version(find_tool("qemu-system-aarch64", "RIG_QEMU"))
    except RigError as error:
        print(error, file=sys.stderr)
        return int(error.code)
    if not results:
        parser.error("no guest: give --guest or --guests")
    report = {
        "benchmark": "event-cost", "qemu": version, "rounds": args.rounds, "results": results,
        "wrong": wrong,
    }  # fmt: skip
    text = json.dumps(report, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
