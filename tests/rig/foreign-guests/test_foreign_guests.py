#!/usr/bin/python3
"""Guests that others wrote keep every rule: U-Boot and Linux, fetched, run, and judged.

    test_foreign_guests.py GUEST VARIANT --dir DIR [--suite bookworm] [--break] [--out FILE]

Twice plain: the console and the exception log are the same bit for bit, so that what one run shows
holds for the next. Then the guest's pack: markers, faults, and the ordering rules. A rule that
fires is a bug of the rule, or a finding for docs/findings/. With --break the guest loses one
barrier after the other (broken.py), and the ordering rules have to find each. Exit codes: the
rig's; 77 without a network.
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
import broken  # noqa: E402
import fetch  # noqa: E402
from engine import pack, qemu  # noqa: E402
from engine.checks import FAIL  # noqa: E402
from engine.errors import CannotJudge, Exit, RigError  # noqa: E402
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


def judged(
    command: str, guest: fetch.Guest, variant: str, elf: Path, folder: Path
) -> tuple[int, dict[str, Any]]:
    """`rig run` or `rig order` with the guest's pack; its exit code and report."""
    out = folder / "report.json"
    out.unlink(missing_ok=True)
    words = [
        str(ROOT / "rig" / "rig"), command, "--pack", str(PACKS[guest.name]), "--elf", str(elf),
        "--variant", variant, "--json", str(out), "--timeout", str(JUDGED_S),
    ]  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(words, timeout=3 * JUDGED_S, check=False)
    report: dict[str, Any] = {
        "exit_code": done.returncode,
        "seconds": round(time.monotonic() - started, 1),
        "largest_child_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }
    if out.exists():
        report["report"] = json.loads(out.read_text(encoding="utf-8"))
    return done.returncode, report


def all_found(guest: fetch.Guest, variant: str, folder: Path, facts: dict[str, Any]) -> int:
    """The guest without each of its barriers: 0 when the rule that has to say so does."""
    missed = 0
    for number, what in enumerate(broken.BREAKS[guest.name]):
        elf = folder / f"broken-{number}.elf"
        elf.write_bytes(broken.without(guest.elf, what))
        code, report = judged("order", guest, variant, elf, folder)
        facts[f"broken-{number}"] = report
        checks = report.get("report", {"variants": []})
        if code != Exit.BROKEN or not _fired(checks, what.rule):
            print(f"{guest.name} without {what}: exit code {code}, and {what.rule} did not fire")
            missed = 1
    return missed


def _fired(report: dict[str, Any], rule: str) -> bool:
    """Whether a check of that rule failed, wherever the report has it."""
    if isinstance(report, dict):
        if report.get("rule") == rule and report.get("status") == FAIL:
            return True
        return any(_fired(value, rule) for value in report.values())
    return isinstance(report, list) and any(_fired(value, rule) for value in report)


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("guest", choices=sorted(PACKS))
    parser.add_argument("variant")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--suite", default=fetch.SUITE)
    parser.add_argument("--break", action="store_true", dest="breaks")
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
    name = f"{args.guest}-{args.variant}{'-broken' if args.breaks else ''}"
    folder: Path = (args.dir / args.suite / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {"guest": guest.name, "version": guest.version, "variant": args.variant}
    try:
        if args.breaks:
            code = all_found(guest, args.variant, folder, facts)
        else:
            machine = qemu.machine_for(
                pack.load(PACKS[args.guest], RULES), args.variant, cpu=None, memory=None
            )
            facts["plain"] = determined(machine, guest.elf.resolve(), folder)
            print(json.dumps(facts, indent=2))
            code, facts["judged"] = judged("run", guest, args.variant, guest.elf.resolve(), folder)
            print(f"{facts['judged']['seconds']} s, {facts['judged']['largest_child_mib']} MiB")
    except (RigError, broken.NotThere) as error:
        print(error, file=sys.stderr)
        return 3
    if args.out:
        args.out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
