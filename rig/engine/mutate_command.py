"""`rig mutate`: does the rig notice when one thing of the boot is wrong?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import elf as elf_file
from . import mutate_collect, mutate_review
from . import pack as pack_file
from .errors import CannotJudge, UsageError
from .mutant import KINDS
from .mutate_report import Result, joined
from .mutate_report_files import write
from .mutate_select import count, shard
from .option_types import seconds
from .paths import DEFAULT_PACK, RULES, pack_path
from .report_text import TextReport
from .session import hashes, load_inputs, prepare_outputs

SUMMARY = "make small mistakes in a guest's boot, one at a time, and see whether a rule notices"


def add_options(commands: Any) -> None:
    """The command's options."""
    parser = commands.add_parser("mutate", help=SUMMARY, description=SUMMARY)
    parser.add_argument(
        "--pack", default=DEFAULT_PACK, metavar="PACK",
        help="rule pack: a file, or a name among the rig's own",
    )  # fmt: skip
    parser.add_argument(
        "--elf", metavar="FILE",
        help="the guest's ELF (default: what the pack names, from build/); with --collect: refuse "
        "results of another one",
    )  # fmt: skip
    parser.add_argument(
        "--variant", action="append", metavar="NAME",
        help="variant of the pack (repeatable; all)",
    )  # fmt: skip
    parser.add_argument("--cpu", help="QEMU's -cpu instead of the pack's")
    parser.add_argument("--memory", metavar="SIZE", help="QEMU's -m instead of the pack's")
    _selecting(parser)
    _running(parser)
    _reporting(parser)


def _selecting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", action="append", default=[], choices=tuple(KINDS), metavar="KIND",
        help=f"only this class of mutants: {', '.join(KINDS)} (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--in", action="append", default=[], dest="functions", metavar="PATTERN",
        help="only in functions of this form, * and ? (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--id", action="append", default=[], dest="ids", metavar="PATTERN",
        help="only mutants whose id has this form, * and ? (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--sample", type=count, metavar="N", help="only N of each variant, of every class some"
    )
    parser.add_argument(
        "--seed", type=count, default=1, metavar="S", help="another sample for each number (1)"
    )
    parser.add_argument(
        "--shard", type=shard, metavar="K/N", help="only the K-th of N parts, for other machines"
    )
    parser.add_argument("--list", action="store_true", help="list the mutants, and run none")


def _running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run-dir", metavar="DIR", help="keep the results here; started again, the run goes on"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the results in --run-dir")
    parser.add_argument(
        "--renew",
        action="store_true",
        help="forget those that are of another image, pack or QEMU, instead of refusing them",
    )
    parser.add_argument(
        "--survivors",
        action="store_true",
        help="judge again what was not killed, by rules that grew since; keep the kills",
    )
    parser.add_argument(
        "--jobs", type=count, metavar="N", help="mutants that run at once (a processor each)"
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="look for every rule that a mutant breaks, not only the first",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=120.0,
        metavar="SECONDS",
        help="bound of each phase of a mutant, seconds (120)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep each mutant's ELF and logs in --run-dir"
    )


def _reporting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--collect", nargs="+", default=[], metavar="DIR",
        help="run nothing: report the results of these run directories as one",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON")
    parser.add_argument("--junit", metavar="FILE", help="write the report as JUnit XML")
    parser.add_argument("--table", metavar="FILE", help="write the table as Markdown")
    parser.add_argument(
        "--quiet", action="store_true", help="only survivors, what is not judged, and the verdict"
    )


def command(args: argparse.Namespace, report: TextReport) -> int:
    """The command; returns the exit code."""
    _usable(args)
    if args.collect:
        return _collect(args, report)
    inputs = load_inputs(args.pack, args.elf)
    review = mutate_review.load(inputs.pack)
    prepare_outputs(
        args.json, args.junit, args.table, reads=[str(inputs.elf), *inputs.rules, review.file]
    )
    # Loaded here: with Capstone it would add a fifth to the start of every other command.
    from .mutate_session import Campaign  # pylint: disable=import-outside-toplevel

    return Campaign(args, inputs, review, report).run()


def _usable(args: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    if args.run_dir is not None and not args.run_dir:
        raise UsageError("--run-dir is empty")
    running = [
        ("--variant", args.variant), ("--cpu", args.cpu), ("--memory", args.memory),
        ("--kind", args.kind), ("--in", args.functions), ("--id", args.ids),
        ("--sample", args.sample), ("--shard", args.shard), ("--list", args.list),
        ("--run-dir", args.run_dir), ("--fresh", args.fresh), ("--renew", args.renew),
        ("--survivors", args.survivors), ("--keep", args.keep), ("--thorough", args.thorough),
    ]  # fmt: skip
    given = [name for name, value in running if value]
    if args.collect and given:
        raise UsageError(f"--collect runs nothing: {given[0]} has no meaning with it")
    if args.survivors and (args.fresh or args.renew):
        raise UsageError("--survivors keeps results, and --fresh and --renew forget them")
    if args.survivors and not args.run_dir:
        raise UsageError("--survivors needs --run-dir DIR: the results that it goes on from")
    if args.keep and not args.run_dir:
        raise UsageError("--keep needs --run-dir DIR: where to keep them")
    written = [name for name in ("json", "junit", "table") if getattr(args, name)]
    if args.list and written:
        raise UsageError(f"--list judges nothing: there is no report for --{written[0]}")
    if args.shard and not args.run_dir and not args.list:
        raise UsageError("--shard needs --run-dir DIR: its results are for --collect")


def _collect(args: argparse.Namespace, report: TextReport) -> int:
    pack = pack_file.load(pack_path(args.pack), RULES)
    review = mutate_review.load(pack)
    rules = hashes(pack)
    prepare_outputs(args.json, args.junit, args.table, reads=[*rules, review.file])
    build_id = elf_file.load(Path(args.elf).resolve()).build_id if args.elf else None
    found = mutate_collect.collect(args.collect, pack, rules, build_id)
    if not any(item.listed.mutants for item in found):
        raise CannotJudge("zero mutants: the collected lists are empty, so nothing was judged")
    variants = [joined(item.listed, item.outcomes.values(), review) for item in found]
    return write(Result(pack.guest, review, variants, {}), args, report)
