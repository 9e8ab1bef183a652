#!/usr/bin/python3
"""Guests that others wrote keep every rule: U-Boot and Linux, fetched, run, and judged.

    test_foreign_guests.py GUEST VARIANT --dir DIR [--suite bookworm] [--out FILE]

Twice plain: the console and the exception log are the same bit for bit, so that what one run shows
holds for the next. Then the guest's pack: markers, faults, and the ordering rules. A rule that
fires is a bug of the rule, or a finding for docs/findings/. Exit codes: the rig's; 77 without a
network.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
import fetch  # noqa: E402
from engine import pack, qemu  # noqa: E402
from engine.errors import CannotJudge, RigError  # noqa: E402
from engine.process import Children, find_tool, pick_cpu  # noqa: E402

RULES = ROOT / "rig" / "rules"
PACKS = {"u-boot": RULES / "uboot.yaml", "linux": RULES / "linux.yaml"}
PLAIN_S, JUDGED_S = 120.0, 1800.0


def plain(machine: qemu.Machine, elf: Path, folder: Path) -> tuple[bytes, bytes, float]:
    """One run to the guest's own end: console, exception log, seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [
        *qemu.machine_words(find_tool("qemu-system-aarch64", "RIG_QEMU"), machine),
        "-d", "int", "-D", qemu.LOG, *machine.extra, "-kernel", str(elf),
    ]  # fmt: skip
    started = time.monotonic()
    with Children(pick_cpu()) as children:
        child = children.start("qemu", words, folder)
        status = child.wait(PLAIN_S)
        if status != 0:
            raise CannotJudge(f"the plain run did not end well: {status} {child.stderr()}")
    seconds = time.monotonic() - started
    return (folder / qemu.SERIAL).read_bytes(), (folder / qemu.LOG).read_bytes(), seconds


def determined(machine: qemu.Machine, elf: Path, folder: Path) -> dict[str, Any]:
    """Two plain runs; raises CannotJudge when they differ."""
    runs = [plain(machine, elf, folder / name) for name in ("one", "two")]
    if runs[0][:2] != runs[1][:2]:
        raise CannotJudge(f"two runs differ; see {folder}/one and {folder}/two")
    console, log, _ = runs[0]
    return {
        "console_lines": console.count(b"\n"),
        "exceptions": log.count(b"Taking exception"),
        "seconds": [round(run[2], 2) for run in runs],
    }


def judged(name: str, variant: str, elf: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """`rig run` with the guest's pack; its exit code and report."""
    out = folder / "report.json"
    words = [
        str(ROOT / "rig" / "rig"), "run", "--pack", str(PACKS[name]), "--elf", str(elf),
        "--variant", variant, "--json", str(out), "--timeout", str(JUDGED_S),
    ]  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(words, timeout=JUDGED_S + 60, check=False)
    report = {
        "exit_code": done.returncode,
        "seconds": round(time.monotonic() - started, 1),
        "largest_child_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }
    if out.exists():
        report["report"] = json.loads(out.read_text(encoding="utf-8"))
    return done.returncode, report


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("guest", choices=sorted(PACKS))
    parser.add_argument("variant")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--suite", default=fetch.SUITE)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    try:
        guest = fetch.fetch(args.dir, args.guest, args.suite)
    except fetch.Unreachable as error:
        print(f"skipped, Debian's archive cannot be reached: {error}")
        return 77
    except fetch.Failed as error:
        print(error, file=sys.stderr)
        return 3
    folder: Path = (args.dir / args.suite / f"{args.guest}-{args.variant}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "guest": guest.name, "version": guest.version, "variant": args.variant
    }  # fmt: skip
    try:
        machine = qemu.machine_for(
            pack.load(PACKS[args.guest], RULES), args.variant, cpu=None, memory=None
        )
        facts["plain"] = determined(machine, guest.elf.resolve(), folder)
    except RigError as error:
        print(error, file=sys.stderr)
        return int(error.code)
    print(json.dumps(facts, indent=2))
    code, facts["judged"] = judged(args.guest, args.variant, guest.elf.resolve(), folder)
    if args.out:
        args.out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{facts['judged']['seconds']} s, {facts['judged']['largest_child_mib']} MiB")
    return code


if __name__ == "__main__":
    sys.exit(main())
