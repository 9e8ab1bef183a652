"""`rig init`: a commented starter pack from one watched boot of any kernel."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import elf as elf_file
from . import pack as pack_file
from . import registers, session
from .errors import CannotJudge, Exit, PackError, UsageError

from .init_maker import Maker
from .init_pack import Content, text_of
from .init_finding import Verdict, sorted_out
from .init_words import parse
from .option_types import seconds
from .order_check import GROUP as ORDERING
from .paths import REGISTERS, RULES, need_compiled
from .process import find_tool
from .report_json import write_whole
from .report_text import TextReport

_EPILOG = """\
It runs the guest some ten times: freely, for its end and its console; under a plugin, for what it
executes; stepped, for the registers at each checkpoint; and as `rig run` will with the new pack. A
rule of the architecture that the guest breaks is listed in the pack, with the line that would
accept it. Only pc-in-text is waived, where the guest runs code that its ELF does not hold.

examples:
  rig init --elf kernel.elf
  rig init --elf u-boot.elf --qemu "-M virt,virtualization=on -m 512M" -o u-boot.yaml
  rig run --pack ./u-boot.yaml --elf u-boot.elf

exit status: 0 the pack is written, and its first run held; 1 it is written, and lists what is
             broken; 2 wrong usage; 3 there was no boot to watch, or a tool failed
"""
_IDENT = re.compile(r"[^A-Za-z0-9._+-]+")
_VERIFIES = 3


def add_options(commands: Any) -> None:
    """The command's options."""
    text = "watch one boot of a kernel and write a commented starter pack for it"
    parser = commands.add_parser(
        "init",
        help=text,
        description=text,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--elf", required=True, help="the kernel's ELF; symbols and DWARF help")
    parser.add_argument(
        "--qemu",
        metavar="WORDS",
        help="QEMU's words as you use them today, in one string "
        "(default: -M virt -cpu cortex-a72 -m 128M)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="the pack (default: NAME.yaml)")
    parser.add_argument("--name", help="the guest's name (default: the ELF's)")
    parser.add_argument(
        "--bound", type=seconds, default=10.0, metavar="S",
        help="seconds to watch a guest that does not end by itself (10)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=seconds, default=120.0, metavar="S", help="bound of each other run (120)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite the pack")
    parser.add_argument("--quiet", action="store_true", help="only complain")


@dataclass
class _Job:
    """The command's inputs, checked."""

    elf: elf_file.Elf
    name: str
    output: Path
    command: str


def command(args: argparse.Namespace, report: TextReport) -> int:
    """The command; returns the exit code."""
    job = _inputs(args)
    words = parse(args.qemu, Path(job.elf.path))
    for note in words.notes:
        report.detail(f"--qemu {note}")
    find_tool("gdb-multiarch", "RIG_GDB")
    for tool in ("rig-trace", "librigwalk.so"):
        need_compiled(tool, Path(job.elf.path))
    table = registers.load(REGISTERS)
    with tempfile.TemporaryDirectory(prefix="rig-init-") as name:
        room = Path(name)
        maker = Maker(job.elf, table, words, job.name, room, args.bound, args.timeout)
        maker.say = report.progress
        content = maker.content()
        report.end_progress()
        verdict = _verify(content, job, room, args.timeout, report)
        text = text_of(content, job.command).replace("THIS-FILE", str(job.output))
        write_whole(job.output, text)
    return _tell(content, verdict, job, report)


def _inputs(args: argparse.Namespace) -> _Job:
    elf_path = Path(args.elf).resolve()
    elf = elf_file.load(elf_path)
    name = args.name or _IDENT.sub("-", elf_path.stem).lstrip("-_.+").rstrip("-") or "guest"
    if _IDENT.search(name) or not name[0].isalnum():
        raise UsageError(f"--name {name}: letters, digits, - _ . + only, a letter or digit first")
    if args.output == "":
        raise UsageError("-o is empty; give a file name")
    output = Path(args.output or f"{name}.yaml")
    if output.suffix != ".yaml":
        raise UsageError(f"-o {output}: a rule pack's name ends in .yaml")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output}: not a regular file")
    if output.exists() and not args.force:
        raise UsageError(
            f"{output} is there already, and may hold what you wrote: --force overwrites it"
        )
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{output}: cannot write the pack: no writable directory {output.parent}")
    words = ["rig", "init", "--elf", args.elf] + (["--qemu", args.qemu] if args.qemu else [])
    return _Job(elf, name, output, shlex.join(words))


def _verify(content: Content, job: _Job, room: Path, timeout: float, report: TextReport) -> Verdict:
    """Run the new pack as `rig run` does. What no rule could judge in this guest is taken out of
    the pack and told; then it is run again."""
    for number in range(_VERIFIES):
        report.progress(f"running the new pack ({number + 1})")
        verdict = _first_run(content, job, room / f"verify-{number}", timeout)
        if not _adjust(content, verdict):
            break
    content.findings = verdict.findings
    return verdict


def _first_run(content: Content, job: _Job, room: Path, timeout: float) -> Verdict:
    room.mkdir()
    path = room / f"{job.name}.yaml"
    path.write_text(text_of(content, job.command), encoding="utf-8")
    try:
        session.lint_pack(pack_file.load(path, RULES), job.elf)
    except PackError as error:
        raise CannotJudge(
            f"a defect of rig init: its pack does not pass rig lint: {error}"
        ) from None
    args = argparse.Namespace(
        command="run", pack=str(path), elf=job.elf.path, variant=None, cpu=None, memory=None,
        run_dir=str(room / "run"), every_instruction=False, group=None,
        json=str(room / "run.json"), junit=None, html=None, timeout=timeout, first=False,
        quiet=True, no_replay=True,
    )  # fmt: skip
    session.judge(args, TextReport(io.StringIO(), True))
    run = json.loads((room / "run.json").read_text("utf-8"))
    verdict = sorted_out(run["variants"][0])
    ordered = room / "run" / f"{content.variant}-{ORDERING}" / "order.json"
    if content.ordering == [] and ordered.is_file():
        rules = json.loads(ordered.read_text("utf-8"))["rules"]
        content.ordering = [rule["id"] for rule in rules if rule["subjects"] and rule["judged"]]
        content.rules.ordering = [rule["id"] for rule in rules]
        if not content.ordering:
            content.ordering = None
            verdict.errors.pop(ORDERING, None)
            verdict.unjudged = {}
            verdict.errors["ordering: nothing to judge"] = ""
    return verdict


def _adjust(content: Content, verdict: Verdict) -> bool:
    """Take out of the pack what could not judge; True when it has to be run again."""
    changed = False
    if verdict.errors.pop("ordering: nothing to judge", None) is not None:
        return True
    if verdict.unjudged and not content.unjudged and content.ordering:
        content.unjudged = verdict.unjudged
        content.ordering = [rule for rule in content.ordering if rule not in verdict.unjudged]
        changed = True
    if content.space_at and (verdict.spaces_unjudged or "address-space" in verdict.errors):
        why = verdict.spaces_unjudged or verdict.errors["address-space"]
        content.notes.append(f"No address space is audited: {why}")
        content.space_at = ""
        changed = True
    return changed


def _tell(content: Content, verdict: Verdict, job: _Job, report: TextReport) -> int:
    kinds = len(content.budget.allow)
    report.detail(f"{job.name}: {content.how}, after about {content.instructions:,} instructions")
    report.detail(
        f"wrote {job.output}: {len(content.points)} checkpoints, {len(content.rules.transitions)} "
        f"transitions, {len(content.markers)} markers, {kinds} kinds of exceptions"
    )
    for note in content.notes:
        report.detail(f"  note: {note}")
    run = shlex.join(["rig", "run", "--pack", str(job.output), "--elf", job.elf.path])
    for name, error in verdict.errors.items():
        report.line(f"  {name} could not judge: {error} (more time: --timeout)")
    for defect in verdict.defects:
        report.line(f"  a rule that rig init wrote does not hold (a defect of rig init): {defect}")
    if verdict.errors or verdict.defects:
        return Exit.NO_JUDGEMENT  # the pack is there all the same: most of it is right
    if verdict.findings:
        report.line(
            f"its first run is red: {len(verdict.findings)} rules of the architecture are broken "
            f"(listed at the end of {job.output}):"
        )
        for finding in verdict.findings:
            report.line(f"  {finding.rule}: {finding.text}")
            for detail in finding.details:
                report.line(f"    {detail}")
    else:
        report.detail("its first run held")
    report.detail(f"next: {run}")
    return Exit.BROKEN if verdict.findings else Exit.HELD
