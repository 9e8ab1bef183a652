#!/usr/bin/python3
"""Judge the guests of one ordering rule: each case of cases.yaml gives its findings and no others.

    order_case.py RULE [SCENE[/CASE]...] --work DIR

Builds each case, records its event trace, judges it by all rules, and compares level, rule and both
ends of each finding, the ends by symbol. Exit code 0 when all is as listed, 1 when not, 2 for a
wrong list. $RIG_TOOLS is the directory of rig-trace and the plugins.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "rig"))
# pylint: disable=wrong-import-position # the path above comes first
from engine.errors import RigError
from engine.order_check import Settings, order
from engine.order_run import trace
from engine.plugin import variant
from engine.process import find_tool
from engine.qemu import DETERMINISTIC, QUIET, SERIAL
from order_guests import ALIAS_MASK, AS_WRITTEN, Case, Finding, ListError, build, load, symbols

BOUND_S = 60.0
MACHINE = "virt,gic-version=2,dtb-randomness=off"
END = "end\n"


def record(entry: str, cpus: int, elf: Path, folder: Path) -> Path:
    """Run a guest to its end; the trace."""
    qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
    machine = MACHINE if entry == "el1" else f"{MACHINE},virtualization=on"
    words = [qemu, "-M", machine, "-cpu", "cortex-a72", "-m", "128M", "-smp", str(cpus)]
    words += [*DETERMINISTIC, *QUIET, "-serial", f"file:{SERIAL}", "-kernel", str(elf)]
    return trace(words, folder, BOUND_S)


def end_of(finding: dict[str, Any], end: str, names: dict[int, list[str]]) -> str:
    """The symbols at one end of a finding, or its address."""
    pc = int(finding[end]["pc"], 16)
    return "|".join(names.get(pc & ALIAS_MASK, [])) or f"{pc:#x}"


def is_found(expected: Finding, finding: dict[str, Any], address: dict[str, int]) -> bool:
    """Whether it is this one."""
    ends = [int(finding[end]["pc"], 16) & ALIAS_MASK for end in ("write", "consumer")]
    return (
        (expected.rule, expected.level) == (finding["rule"], finding["level"])
        and ends == [address[expected.write], address[expected.consumer]]
        and re.search(expected.says, finding["missing"]) is not None
    )


def compare(case: Case, report: dict[str, Any], address: dict[str, int]) -> list[str]:
    """What is not as listed."""
    names: dict[int, list[str]] = {}
    for name, value in address.items():
        names.setdefault(value, []).append(name)
    left = list(report["findings"])
    complaints = []
    for expected in case.finds:
        match = next((each for each in left if is_found(expected, each, address)), None)
        if match is None:
            complaints.append(f"not found: {expected}")
        else:
            left.remove(match)
    for each in left:
        ends = [end_of(each, end, names) for end in ("write", "consumer")]
        complaints.append(
            f"not listed: {each['level']} {each['rule']}: {ends[0]} -> {ends[1]}:"
            f" {each['missing']}; {each['detail']}"
        )
    unjudged = [rule["id"] for rule in report["rules"] if not rule["judged"]]
    if unjudged:
        complaints.append(f"not judged: {', '.join(unjudged)}")
    code = int(any(finding.level == "error" for finding in case.finds))
    if report["exit_code"] != code and not complaints:
        complaints.append(f"exit code {report['exit_code']}, not {code}")
    return complaints


def judge(case: Case, work: Path) -> list[str]:
    """Build, run, judge; what is not as listed."""
    folder = work / case.rule / case.scene / case.name
    elf = build(case, folder)
    address = symbols(case, elf)
    try:
        recorded = record(case.entry, case.cpus, elf, folder)
        report = order(recorded, None, Settings(features=case.features))
    except RigError as error:
        return [str(error)]
    console = (folder / SERIAL).read_text("utf-8", errors="replace")
    complaints = compare(case, report, address)
    return complaints if console == END else [*complaints, f"the console says {console!r}"]


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rule")
    parser.add_argument("only", nargs="*", metavar="SCENE[/CASE]")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    started, bad, count = time.monotonic(), 0, 0
    try:
        for case in load(args.rule):
            if args.only and not {case.scene, f"{case.scene}/{case.name}"} & set(args.only):
                continue
            if case.cpus > 1 and variant(find_tool("qemu-system-aarch64", "RIG_QEMU")) != 1:
                print(f"{case.text()}: left out: this QEMU does not tell its CPUs apart")
                continue
            complaints = judge(case, args.work.resolve())
            count, bad = count + 1, bad + bool(complaints)
            what = "clean" if not case.finds else f"{len(case.finds)} found"
            if case.name == AS_WRITTEN:
                what = "clean as written"
            print(f"{case.text()}: {'NOT as listed' if complaints else what}", flush=True)
            for complaint in complaints:
                print(f"    {complaint}")
    except ListError as error:
        print(f"order_case: {error}", file=sys.stderr)
        return 2
    print(f"{count} cases, {bad} not as listed, {time.monotonic() - started:.1f} s")
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main())
