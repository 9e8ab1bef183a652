"""`rig order`: the ordering phase alone, from a new run or for a trace that is there."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import elf as elf_file
from . import pack as pack_file
from .errors import CannotJudge, PackError, UsageError
from .image import Image
from .order_lint import lint_ordering
from .order_phase import Ordering
from .pack import Pack
from .paths import RULES, pack_path
from .qemu import Machine, guest_elf, machine_for, with_files
from .report_text import TextReport
from .results import RunResult, VariantResult
from .session import (
    RunDir,
    check_cpu,
    group_wanted,
    hashes,
    lint_pack,
    run_result,
    run_variants,
)
from .space_lint import lint_spaces


def add_options(parser: argparse.ArgumentParser) -> None:
    """What only this command takes."""
    parser.add_argument("trace", nargs="?", help="a recorded event trace instead of a new run")
    add_file_options(parser)


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """The files that a pack's words for QEMU leave open."""
    parser.add_argument("--image", metavar="FILE", help="what {image} in the pack's QEMU words is")
    parser.add_argument(
        "--file", action="append", default=[], metavar="NAME=FILE",
        help="what {NAME} in the pack's QEMU words is (repeatable)",
    )  # fmt: skip


def named_files(args: argparse.Namespace) -> dict[str, Path]:
    """The files that stand for names in the pack's QEMU words."""
    files = {"image": Path(args.image)} if args.image else {}
    for text in args.file:
        name, sign, path = text.partition("=")
        if not sign or not name or not path:
            raise UsageError(f"--file {text}: expected NAME=FILE")
        files[name] = Path(path)
    return files


def load_image(pack: Pack, given: str | None) -> Image | None:
    """The guest's ELF, when it has one, and the pack linted against it."""
    path = guest_elf(pack, given)
    if path is not None:
        elf = elf_file.load(path.resolve())
        lint_pack(pack, elf)
        return Image(elf, pack.aliases())
    lint_ordering(pack, None)
    lint_spaces(pack, None)
    findings = [finding for reader in pack.readers for finding in reader.findings]
    if findings:
        raise PackError(findings)
    return None


def command(args: argparse.Namespace, report: TextReport) -> int:
    """The whole command; returns the exit code."""
    pack = pack_file.load(pack_path(args.pack), RULES)
    if not pack.ordering():
        raise UsageError(
            f"{pack.path}: has no `ordering`, so there is nothing to judge; add "
            "`ordering: {use: [arm64/all]}`"
        )
    group_wanted(args, ["ordering"])
    image = load_image(pack, args.elf)
    trace = Path(args.trace).resolve() if args.trace else None
    if trace is not None and not trace.is_file():
        raise CannotJudge(f"{args.trace}: no such trace")
    names = args.variant or list(pack.variants())
    if trace is not None and len(names) != 1:
        raise UsageError(f"say of which variant this trace is: --variant one of {', '.join(names)}")
    machines = [machine_for(pack, name, args.cpu, args.memory) for name in names]
    if trace is None:
        files = named_files(args)
        machines = [with_files(machine, files) for machine in machines]
        check_cpu(args.cpu)
    run: RunResult = run_result(args.command, pack, image, hashes(pack), trace is None)

    def one(machine: Machine, result: VariantResult, run_dir: RunDir) -> None:
        path = run_dir.phase(machine.variant, "ordering")
        phase = Ordering(pack, image, machine, path, args.timeout, report.progress)
        if trace is None:
            phase.run(result)
        else:
            phase.judge_trace(trace, result)
        report.phase(result, result.phases[-1])

    return run_variants(args, report, run, machines, one)
