"""`rig debug`: gdb on the guest at its first instruction, or at a stop of the stepping engine."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import UsageError
from .paths import GDB_MAIN, compiled
from .process import Children, find_tool, pick_cpu
from .prompt_job import session_inputs, session_job
from .qemu import machine_for
from .session import RunDir
from .source_files import source_directories
from .stepping import start_stopped


def debug(args: argparse.Namespace) -> int:
    """Open gdb with symbols at both sides of the jump; QEMU ends with it."""
    found = session_inputs(args.pack, args.elf)
    inputs = found.inputs
    variants = args.variant or list(inputs.pack.variants())[:1]
    if len(variants) != 1:
        raise UsageError("debug takes one --variant")
    known = [rule["id"] for rule in inputs.pack.items("checkpoints")]
    if args.at and args.at not in known:
        has = f"the pack has: {', '.join(known)}" if known else found.note or "the pack has none"
        raise UsageError(f"no checkpoint {args.at!r}; {has}")
    machine = machine_for(inputs.pack, variants[0], args.cpu, args.memory)
    job = session_job(inputs, variants[0], {"every_instruction": args.every_instruction})
    job["note"] = found.note
    run_dir = RunDir(args.run_dir)
    path = run_dir.phase(variants[0], "debug")
    try:
        with Children(pick_cpu()) as children:
            start_stopped(children, machine, inputs.image, path)
            job["made"]["machine"] = machine.describe()
            job |= {"stop_at": args.at or "", "stop_count": args.at_count}
            return open_gdb(job, inputs.elf, path, args.eval, args.batch)
    finally:
        run_dir.finish(False)


def open_gdb(job: dict[str, Any], elf: Path, path: Path, lines: Sequence[str], batch: bool) -> int:
    """Give gdb the terminal, with the engine's commands for this job; its exit status.

    QEMU is the caller's, and listens at the job's socket in the directory `path`. `lines` are gdb
    commands to run first, `batch` leaves gdb after them.
    """
    with (path / "events.jsonl").open("w") as events:
        job = {**job, "interactive": True, "events_fd": events.fileno()}
        job["tool"] = str(compiled("rig-trace", elf) or "")
        job["sources"] = source_directories(elf)
        job_path = path / "job.json"
        job_path.write_text(json.dumps(job), encoding="utf-8")
        # gdb owns the terminal now: Ctrl-C is its, and stops the guest.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        command = [find_tool("gdb-multiarch", "RIG_GDB"), "-nx", "-q", "-x", str(GDB_MAIN)]
        for line in lines:
            command += ["-ex", line]
        if batch:
            command.insert(1, "-batch")
        done = subprocess.run(
            [find_tool("setpriv"), "--pdeathsig", "KILL", *command],
            cwd=path,
            env={**os.environ, "RIG_JOB": str(job_path), "RIG_INTERACTIVE": "1"},
            pass_fds=(events.fileno(),),
            check=False,
            restore_signals=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    return done.returncode if done.returncode >= 0 else 128 - done.returncode
