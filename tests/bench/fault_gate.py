#!/usr/bin/python3
"""Is the fault gate as fast as grep over the same log? Runs both in turn and prints JSON.

    fault_gate.py --tool RIG_TRACE --dir DIR [--size-mib N] [--rounds N]

The logs are made once into DIR. Fails (1) only if a result is wrong, never on time: the gate must
count what the generator wrote, hold by a pack with exactly these budgets, and grep must find the
lines it should. Times are the wall clock of the whole process; the best of the rounds is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fault_gate_logs import CASES, make

PATTERN = (
    "Taking exception .*(Data Abort|Prefetch Abort|Undefined|SError)"
    "|Unimplemented|guest error|unimp"
)
CLASSES = ("SVC", "IRQ", "DATA_ABORT", "INSTRUCTION_ABORT")


def pack_text(facts: dict[str, int]) -> str:
    """A pack whose budgets are exactly what the log holds."""
    rules = [
        f"    - {{id: {name.lower()}, class: {name}, count: {facts[name]}, why: generated}}"
        for name in CLASSES
        if facts.get(name, 0) > 0
    ]
    lines = ["faults:", "  deny: all-others", "  messages:"]
    lines.append(f"    - {{id: gic, match: 'gic_*', count: {facts['messages']}, why: generated}}")
    return "\n".join(lines + (["  allow:"] + rules if rules else [])) + "\n"


def timed(command: list[str], env: dict[str, str]) -> tuple[float, int, str]:
    """Run; returns seconds, exit code and standard output."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, env=env, text=True, check=False)
    return time.perf_counter() - start, done.returncode, done.stdout


def peak_rss_kib(command: list[str], env: dict[str, str]) -> int:
    """The resident set's high-water mark, from /proc while it runs (rusage would begin with that of
    this Python, which a child inherits)."""
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            if Path(f"/proc/{process.pid}/comm").read_text(encoding="utf-8").strip() != "python3":
                found = [line.split()[1] for line in status.splitlines() if "VmHWM" in line]
                peak = max([peak, *map(int, found)])
    return peak


def check(facts: dict[str, int], result: dict[str, Any], grep_output: str) -> list[str]:
    """What is wrong with the results; empty when nothing is."""
    wrong = []
    expected = {name: facts[name] for name in CLASSES if facts.get(name, 0) > 0}
    if result["records"]["by_class"] != expected:
        wrong.append(f"by_class {result['records']['by_class']} is not {expected}")
    for key in ("lines", "messages"):
        got = result["lines"]["total" if key == "lines" else key]
        if got != facts[key]:
            wrong.append(f"{key}: {got} is not {facts[key]}")
    if result["exit_code"] != 0 or result["damaged"]["total"] != 0:
        wrong.append(f"the gate did not hold: {result['verdict']}")
    if int(grep_output) != facts["grep_lines"]:
        wrong.append(f"grep counted {grep_output.strip()}, not {facts['grep_lines']}")
    return wrong


def measure(args: argparse.Namespace, case: str) -> dict[str, Any]:
    """Run one case."""
    log, facts = make(args.dir, case, args.size_mib << 20)
    pack = args.dir / f"{case}.yaml"
    pack.write_text(pack_text(facts), encoding="utf-8")
    out = args.dir / f"{case}.result.json"
    gate = [str(args.tool), "gate", str(log), "--rules", str(pack)]
    grep = ["grep", "-cE", PATTERN, str(log)]
    env = {**os.environ, "LC_ALL": "C"}
    timed(gate + ["--json", str(out)], env)  # also brings the log into the page cache
    result = json.loads(out.read_text(encoding="utf-8"))
    gate_runs, grep_runs = [], []
    for _ in range(args.rounds):
        gate_runs.append(timed(gate, env))
        grep_runs.append(timed(grep, env))
    wrong = check(facts, result, grep_runs[0][2])
    wrong += ["the exit code differs between runs"] if any(run[1] != 0 for run in gate_runs) else []
    best_gate = min(run[0] for run in gate_runs)
    best_grep = min(run[0] for run in grep_runs)
    gigabytes = facts["bytes"] / 1e9
    return {
        "case": case,
        "bytes": facts["bytes"],
        "gate_gb_per_s": round(gigabytes / best_gate, 3),
        "grep_gb_per_s": round(gigabytes / best_grep, 3),
        "gate_median_s": round(statistics.median(run[0] for run in gate_runs), 4),
        "grep_median_s": round(statistics.median(run[0] for run in grep_runs), 4),
        "ratio_gate_to_grep_time": round(best_gate / best_grep, 3),
        "gate_peak_rss_kib": peak_rss_kib(gate, env),
        "wrong": wrong,
    }


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--tool", type=Path, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--size-mib", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    results = [measure(args, case) for case in CASES]
    print(
        json.dumps({"benchmark": "fault-gate", "rounds": args.rounds, "cases": results}, indent=2)
    )
    return 1 if any(result["wrong"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
