#!/usr/bin/python3
"""Hold the walker's answers against those of QEMU's CPU.

    emulator_walk.py agree --cpu CPU... --seed N --rounds N --program FILE --work DIR
    emulator_walk.py seen-to-fail --cpu CPU --seed N --program FILE --work DIR

A round is one run of the guest (guest/walk.S) on random registers and tables, made from a seed by
the program emulator-walk and judged by it. `agree` adds up what the rounds compared. `seen-to-fail`
judges one round by walkers that are wrong in one way each, and a guest that gives no answers.

Exit codes: 0 as it must be, 1 not, 2 wrong usage, 3 QEMU or the guest did not come to an end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "rig"))
# pylint: disable=wrong-import-position # the path above comes first
from engine.errors import CannotJudge
from engine.process import find_tool
from engine.qemu import QUIET

BOUND_S = 120
SCENARIOS, PROBES = 400, 24
HELD, BROKEN, CANNOT_JUDGE = 0, 1, 3
MEMORY = "256M"  # LAYOUT_RAM_SIZE
LINE = re.compile(r" *(\d+) (.*)")


def build(work: Path) -> Path:
    """The guest."""
    elf = work / "walk.elf"
    command = ["aarch64-linux-gnu-gcc", f"-I{HERE}", "-nostdlib", "-static", "-no-pie"]
    command += ["-Wl,--build-id=sha1", "-Wl,--fatal-warnings", f"-Wl,-T,{HERE / 'guest/walk.lds'}"]
    command += ["-o", str(elf), str(HERE / "guest/walk.S")]
    subprocess.run(command, check=True, timeout=BOUND_S)
    return elf


class Rounds:
    """Rounds on one CPU, in a file that is the guest's RAM."""

    def __init__(self, program: Path, work: Path, cpu: str) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._program = str(program)
        self._elf = build(work)
        self._cpu = cpu
        self.ram = work / "ram"
        self.ram.unlink(missing_ok=True)
        # Without a scenario the guest only leaves the ID registers behind, which make needs.
        self.make(0, 0)
        self.run()

    def _words(self, action: str, seed: int, scenarios: int) -> list[str]:
        return [self._program, action, str(self.ram), str(seed), str(scenarios), str(PROBES)]

    def make(self, seed: int, scenarios: int = SCENARIOS) -> None:
        """Write the guest's RAM."""
        subprocess.run(self._words("make", seed, scenarios), check=True, timeout=BOUND_S)

    def run(self) -> None:
        """Let the guest answer; it powers off by semihosting."""
        backend = f"memory-backend-file,id=ram,size={MEMORY},mem-path={self.ram},share=on"
        command = [
            find_tool("qemu-system-aarch64", "RIG_QEMU"),
            "-M", "virt,secure=on,virtualization=on,gic-version=2,memory-backend=ram",
            "-cpu", self._cpu, "-m", MEMORY, "-object", backend, *QUIET, "-serial", "none",
            "-semihosting-config", "enable=on,target=native", "-kernel", str(self._elf),
        ]  # fmt: skip
        try:
            subprocess.run(command, check=True, timeout=BOUND_S)
        except subprocess.TimeoutExpired:
            print(f"{self._cpu}: the guest did not end in {BOUND_S} s", flush=True)
        except subprocess.CalledProcessError as error:
            print(f"{self._cpu}: QEMU ended with {error.returncode}", flush=True)

    def judge(self, action: str, seed: int) -> tuple[int, str]:
        """The exit code of a judgement, and its words."""
        words = self._words(action, seed, SCENARIOS)
        done = subprocess.run(
            words, stdout=subprocess.PIPE, text=True, timeout=BOUND_S, check=False
        )
        return done.returncode, done.stdout


def agree(rounds: Rounds, cpu: str, seeds: range, sums: Counter[str]) -> int:
    """Some rounds on one CPU; adds to the sums."""
    for seed in seeds:
        rounds.make(seed)
        rounds.run()
        code, words = rounds.judge("check", seed)
        if code != HELD:
            print(f"{cpu}, seed {seed}: exit code {code}\n{words}", flush=True)
            return code
        for line in words.splitlines():
            if match := LINE.fullmatch(line):
                sums[match[2]] += int(match[1])
    rounds.ram.unlink()
    print(f"{cpu}: {len(seeds)} rounds agree", flush=True)
    return HELD


def seen_to_fail(rounds: Rounds, seed: int) -> int:
    """Every wrong walker must be found out, and a guest without answers must not be judged."""
    complaints = []
    rounds.make(seed)
    code, words = rounds.judge("check", seed)
    if code != CANNOT_JUDGE or "the guest did not end" not in words:
        complaints.append(f"without a run: exit code {code}: {words}")
    rounds.run()
    code, words = rounds.judge("check", seed)
    if code != HELD:
        complaints.append(f"the true walker: exit code {code}\n{words}")
    if rounds.judge("check", seed + 1)[0] != BROKEN:
        complaints.append("answers to other questions are taken")
    code, words = rounds.judge("lies", seed)
    print(words, end="", flush=True)
    if code != HELD or not words:
        complaints.append(f"wrong walkers: exit code {code}: one of them was not found out")
    rounds.ram.unlink()
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    return BROKEN if complaints else HELD


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("agree", "seen-to-fail"))
    parser.add_argument("--cpu", nargs="+", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    started, code = time.monotonic(), HELD
    sums: Counter[str] = Counter()
    seeds = range(args.seed, args.seed + args.rounds)
    try:
        for cpu in args.cpu:
            rounds = Rounds(args.program, args.work.resolve() / args.what / cpu, cpu)
            if args.what == "seen-to-fail":
                found = seen_to_fail(rounds, args.seed)
            else:
                found = agree(rounds, cpu, seeds, sums)
            code = code or found
    except CannotJudge as error:
        print(f"emulator_walk: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    for words, count in sums.items():
        print(f"{count:10} {words}")
    print(f"{', '.join(args.cpu)}: {time.monotonic() - started:.1f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
