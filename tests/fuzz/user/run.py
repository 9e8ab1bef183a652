#!/usr/bin/python3
"""Run the fuzz image: hostile programs that make random and crafted syscalls.

    run.py --elf IMAGE [--seed N] [--calls N] [--trace] [--console FILE]
    run.py --elf IMAGE --campaign [--minutes M] [--seed N] [--calls N]

One run is decided by its seed and its number of calls: the kernel is cooperative and takes no
interrupt, so the same image does the same again. Both reach the guest as two 64-bit words that
QEMU's loader device puts below the image (protocol.h). --trace holds QEMU's log of exceptions
against what the run counted. --campaign makes runs with new seeds, some of them traced, until one
fails or the time is over.

Exit codes: 0 all held; 1 something did not; 2 wrong usage; 3 no verdict (no image, QEMU missing or
died); 124 the guest did not end in time.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from verdict import Exceptions, Run, judge_console, judge_exceptions

HELD, BROKEN, NO_VERDICT, TOO_LONG = 0, 1, 3, 124
MACHINE = ["-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-smp", "1", "-m", "128M"]
SEED_PA, CALLS_PA = 0x40070000, 0x40070008  # protocol.h
DEFAULT_CALLS = 1000000
# Slow machines make a tenth of the calls that a desktop makes, traced ones a third of these.
BASE_S, CALLS_A_SECOND = 60, 4000
TRACE_EVERY, TRACED_CALLS = 4, 100000


class NoVerdict(Exception):
    """The run says nothing about the guest."""


class TooLong(Exception):
    """The guest did not end in time."""


def number(text: str) -> int:
    """A number on the command line, in any base, that fits 64 bits and is not the default's 0."""
    value = int(text, 0)
    if not 0 < value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 2^64 - 1")
    return value


def command_line(elf: Path, run: Run) -> list[str]:
    """How QEMU is called for the run."""
    command = ["qemu-system-aarch64", *MACHINE, "-display", "none", "-monitor", "none"]
    command += ["-serial", "stdio", "-nic", "none", "-kernel", str(elf)]
    for address, value in ((SEED_PA, run.seed), (CALLS_PA, run.calls)):
        command += ["-device", f"loader,addr={address:#x},data={value:#x},data-len=8"]
    return command


def execute(command: list[str], bound_s: float) -> bytes:
    """Run QEMU to its end; what the console showed."""
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as qemu:
            try:
                console, errors = qemu.communicate(timeout=bound_s)
            except subprocess.TimeoutExpired:
                raise TooLong(f"the guest did not end within {bound_s:.0f} s") from None
            finally:
                qemu.kill()
    except FileNotFoundError:
        raise NoVerdict("qemu-system-aarch64 is missing: package qemu-system-arm") from None
    if qemu.returncode:
        said = errors.decode(errors="replace").strip()
        raise NoVerdict(f"QEMU ended with {qemu.returncode}: {said}")
    return console


def execute_traced(command: list[str], bound_s: float, log: Exceptions) -> bytes:
    """The same, with QEMU's log of exceptions counted as it comes: it is too long to keep."""
    with tempfile.TemporaryDirectory(prefix="tyrne-fuzz-") as folder:
        pipe = Path(folder) / "log"
        os.mkfifo(pipe)

        def read() -> None:
            with pipe.open(encoding="latin-1") as lines:
                log.read(lines)

        reader = threading.Thread(target=read)
        reader.start()
        # Open as long as QEMU runs: the reader always gets a writer, and an end.
        writer = os.open(pipe, os.O_WRONLY)
        try:
            return execute([*command, "-d", "int,unimp,guest_errors", "-D", str(pipe)], bound_s)
        finally:
            os.close(writer)
            reader.join()


def run_once(args: argparse.Namespace, run: Run, trace: bool) -> None:
    """One run with its verdict in `run`."""
    bound_s = args.timeout or BASE_S + run.calls / CALLS_A_SECOND
    log = Exceptions()
    command = command_line(args.elf, run)
    try:
        console = execute_traced(command, bound_s, log) if trace else execute(command, bound_s)
    except TooLong:
        print_again(args, run, trace)
        raise
    if args.console:
        args.console.write_bytes(console)
    judge_console(run, console)
    if trace:
        judge_exceptions(run, log)


def print_again(args: argparse.Namespace, run: Run, trace: bool) -> None:
    """How to have the same run again."""
    again = f"{sys.argv[0]} --elf {args.elf} --seed {run.seed:#x} --calls {run.calls}"
    print(f"again: {again}{' --trace' if trace else ''}", flush=True)


def report(args: argparse.Namespace, run: Run, trace: bool, seconds: float) -> None:
    """What came of the run, and how to have it again."""
    verdict = "broken" if run.complaints else "held"
    print(
        f"seed {run.seed:#x}: {verdict}: {run.calls} calls in {run.lives} lives, {seconds:.1f} s"
        f"{', every exception accounted for' if trace and not run.complaints else ''}",
        flush=True,
    )
    for complaint in run.complaints:
        print(f"  {complaint}")
    if run.complaints:
        print_again(args, run, trace)


def campaign(args: argparse.Namespace) -> int:
    """Runs with new seeds until one breaks or the time is over."""
    end = time.monotonic() + args.minutes * 60 if args.minutes else None
    seed = args.seed or secrets.randbits(48) + 1
    runs = calls = 0
    while end is None or time.monotonic() < end:
        trace = runs % TRACE_EVERY == TRACE_EVERY - 1
        asked = min(args.calls, TRACED_CALLS) if trace else args.calls
        run = Run((seed + runs) % (1 << 64) or 1, asked)
        started = time.monotonic()
        run_once(args, run, trace)
        report(args, run, trace, time.monotonic() - started)
        if run.complaints:
            return BROKEN
        runs += 1
        calls += run.calls
    print(f"{runs} runs, {calls} calls, nothing broken")
    return HELD if runs else NO_VERDICT


def interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    """A signal that ends us ends QEMU, too."""
    raise KeyboardInterrupt


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--elf", type=Path, required=True, help="tyrne-fuzz.elf")
    parser.add_argument("--seed", type=number, help="default 1; of a campaign: its first, random")
    parser.add_argument("--calls", type=number, default=DEFAULT_CALLS, help="calls of a run")
    parser.add_argument("--trace", action="store_true", help="account for every exception")
    parser.add_argument("--console", type=Path, help="keep the console's bytes in this file")
    parser.add_argument("--timeout", type=float, help="seconds for a run")
    parser.add_argument("--campaign", action="store_true", help="runs until one fails")
    parser.add_argument("--minutes", type=float, help="a campaign's time; default: no end")
    args = parser.parse_args()
    if args.minutes is not None and not args.campaign:
        parser.error("--minutes is a campaign's")
    signal.signal(signal.SIGTERM, interrupted)
    try:
        if not args.elf.is_file():
            raise NoVerdict(f"there is no image {args.elf}")
        if args.campaign:
            return campaign(args)
        run = Run(args.seed or 1, args.calls)
        started = time.monotonic()
        run_once(args, run, args.trace)
        report(args, run, args.trace, time.monotonic() - started)
        return BROKEN if run.complaints else HELD
    except NoVerdict as error:
        print(f"run.py: {error}", file=sys.stderr)
        return NO_VERDICT
    except TooLong as error:
        print(f"run.py: {error}", file=sys.stderr)
        return TOO_LONG
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
