"""The command line: every command of `rig`, its options, and its ways out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import audit, command_help, completion, cover, faults_baseline, init_command
from . import mutate_command, mutate_review, order
from . import pack as pack_file
from . import snapshot_command
from .debug import debug
from .errors import Exit, PackError, RigError, UsageError
from .explain import explain
from .option_types import seconds
from .paths import DEFAULT_PACK, RULES, pack_path, version
from .process import Signals
from .replay_debug import replay
from .report_text import TextReport, stdout
from .session import judge, judge_given_log, prepare_outputs
from .verdict import verdict


def _guest_options(parser: argparse.ArgumentParser, pack: str | None = DEFAULT_PACK) -> None:
    parser.add_argument(
        "--pack",
        default=pack,
        metavar="PACK",
        help="rule pack: a file, or a name among the rig's own",
    )
    parser.add_argument(
        "--elf", metavar="FILE", help="the guest's ELF (default: what the pack names, from build/)"
    )
    parser.add_argument(
        "--variant", action="append", metavar="NAME", help="variant of the pack (repeatable; all)"
    )
    parser.add_argument("--cpu", help="QEMU's -cpu instead of the pack's")
    parser.add_argument(
        "--memory", metavar="SIZE", help="QEMU's -m instead of the pack's, such as 256M"
    )
    parser.add_argument("--run-dir", metavar="DIR", help="keep the run's files in this directory")
    parser.add_argument(
        "--every-instruction", action="store_true", help="step loops too, never run them over"
    )


def _judge_options(parser: argparse.ArgumentParser, pack: str | None = DEFAULT_PACK) -> None:
    _guest_options(parser, pack)
    parser.add_argument(
        "--group", metavar="NAME", help="judge only this group of checks (rig lint --groups)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON")
    parser.add_argument("--junit", metavar="FILE", help="write the report as JUnit XML")
    parser.add_argument(
        "--html", metavar="FILE", help="write the report as one HTML file that needs no network"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=120.0,
        metavar="SECONDS",
        help="bound of each phase, seconds (120)",
    )
    parser.add_argument(
        "--first", action="store_true", help="end stepping at the first broken rule of a variant"
    )
    parser.add_argument(
        "--no-replay",
        action="store_true",
        help="do not record a failed run again for rig debug --replay",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="only what is not green, and the verdict"
    )


def _address_space_options(commands: Any) -> None:
    text = "judge the address spaces of a new run, or of given snapshots, by named rules"
    audited = commands.add_parser("audit", help=text, description=text)
    audit.add_audit_options(audited)
    _judge_options(audited, pack=None)
    text = "tell in plain words what a snapshot's address space maps, or what two differ in"
    audit.add_map_options(commands.add_parser("map", help=text, description=text))
    text = "tell how addresses of a snapshot are translated, level by level"
    audit.add_walk_options(commands.add_parser("walk", help=text, description=text))


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(
        prog="rig",
        description="Proves a boot of an AArch64 guest under QEMU by a rule pack.",
        epilog=command_help.TOP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"rig {version()}", help="say the version and leave"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps = {
        "run": "run the guest freely and gate its exceptions, step it, audit its address spaces "
        "and judge the order of what it executes; one report",
        "step": "single-step the guest and judge checkpoints, transitions and invariants",
    }
    for name, text in helps.items():
        _judge_options(commands.add_parser(name, help=text, description=text))
    text = "gate the exceptions of a free run, or of a given -d int,unimp,guest_errors log"
    faults = commands.add_parser("faults", help=text, description=text)
    faults.add_argument("log", nargs="?", help="a recorded log instead of a new run")
    faults_baseline.add_options(faults)
    _judge_options(faults)
    text = "judge the order of what a run executes by the ordering rules, or of a given event trace"
    ordered = commands.add_parser("order", help=text, description=text)
    order.add_options(ordered)
    _judge_options(ordered)
    _address_space_options(commands)
    for module in (cover, mutate_command, init_command):
        module.add_options(commands)
    text = "judge one group from the JSON report of an earlier run"
    judged = commands.add_parser("verdict", help=text, description=text)
    judged.add_argument("run", help="the JSON report")
    judged.add_argument(
        "--group", required=True, metavar="NAME", help="the group of checks to judge"
    )
    judged.add_argument(
        "--elf", metavar="FILE", help="refuse a report that is for another image (build-id)"
    )
    judged.add_argument(
        "--quiet", action="store_true", help="only what is not green, and the verdict"
    )
    text = "check a rule pack against an ELF"
    linted = commands.add_parser("lint", help=text, description=text)
    linted.add_argument("pack", help="a rule pack: a file, or a name among the rig's own")
    linted.add_argument(
        "--elf", metavar="FILE", help="the ELF (default: what the pack names, from build/)"
    )
    linted.add_argument("--groups", action="store_true", help="only list the checkpoint groups")
    text = "say what a rule checks, why, and where the manual says it"
    explained = commands.add_parser("explain", help=text, description=text)
    explained.add_argument("id", help="a rule's id as the reports print it")
    explained.add_argument(
        "--pack",
        default=DEFAULT_PACK,
        metavar="PACK",
        help="rule pack: a file, or a name among the rig's own",
    )
    text = "write the tables, registers and memory map of a guest at one point into a file"
    taken = commands.add_parser("snapshot", help=text, description=text)
    _guest_options(taken)
    order.add_file_options(taken)
    snapshot_command.add_options(taken)
    taken.add_argument(
        "--timeout",
        type=seconds,
        default=120.0,
        metavar="SECONDS",
        help="bound of the run, seconds (120)",
    )
    taken.add_argument("--quiet", action="store_true", help="say nothing when it went well")
    text = "open gdb at the first instruction, or at a checkpoint"
    debugged = commands.add_parser("debug", help=text, description=text)
    _guest_options(debugged)
    debugged.add_argument("--at", metavar="CHECKPOINT", help="step to this checkpoint first")
    debugged.add_argument(
        "--at-count", type=int, default=0, metavar="N", help="step this many instructions first"
    )
    debugged.add_argument(
        "--replay", metavar="RUN", help="reopen a failed run (its run directory), to step backwards"
    )
    debugged.add_argument(
        "--eval",
        action="append",
        default=[],
        metavar="COMMAND",
        help="a gdb command to run then (repeatable)",
    )
    debugged.add_argument("--batch", action="store_true", help="leave gdb after --eval")
    completion.add_options(commands, parser)
    command_help.complete(commands)
    return parser


def _lint(args: argparse.Namespace, report: TextReport) -> int:
    path = pack_path(args.pack)
    pack = pack_file.load(path, RULES)
    mutate_review.load(pack)
    if args.groups:
        for group in pack.groups():
            report.line(group)
        return Exit.HELD
    image = order.load_image(pack, args.elf)
    listed = ("ordering-rules", "address_space", "address-space-rules")
    kinds = [kind for kind in pack_file.KINDS if kind not in listed]
    counts = ", ".join(f"{len(pack.items(kind))} {kind}" for kind in kinds)
    counts += f", {len(pack.ordering_rules())} ordering rules"
    counts += f", {len(pack.items('address_space'))} address spaces"
    fits = f"fits {image.elf.path}" if image else "is for a guest without ELF"
    report.line(f"{path}: {fits}: {counts}")
    return Exit.HELD


def _dispatch(args: argparse.Namespace, report: TextReport) -> int:
    match args.command:
        case "lint":
            return _lint(args, report)
        case "explain":
            report.line(explain(pack_file.load(pack_path(args.pack), RULES), args.id))
            return Exit.HELD
        case "verdict":
            return verdict(Path(args.run), args.group, args.elf, report)
        case "debug":
            return replay(args) if args.replay else debug(args)
    return _OTHERS.get(args.command, _judge)(args, report)


# Commands with a module of their own; the others judge runs.
_OTHERS: dict[str, Callable[[argparse.Namespace, TextReport], int]] = {
    "annotate": cover.command,
    "audit": audit.audit_command,
    "completion": completion.command,
    "cover": cover.command,
    "init": init_command.command,
    "map": audit.map_command,
    "mutate": mutate_command.command,
    "snapshot": snapshot_command.command,
    "walk": audit.walk_command,
}


def _judge(args: argparse.Namespace, report: TextReport) -> int:
    if args.run_dir is not None and not args.run_dir:
        raise UsageError("--run-dir is empty")
    read = [
        getattr(args, name, None) for name in ("elf", "pack", "log", "trace", "image", "baseline")
    ]
    read.append(getattr(args, "write_baseline", None))  # which keeps an old one until it is written
    prepare_outputs(args.json, args.junit, args.html, reads=read)
    if args.command == "faults" and args.log:
        return judge_given_log(args, report)
    if args.command == "order":
        return order.command(args, report)
    return judge(args, report)


def main(argv: list[str] | None = None) -> int:
    """Run a command; every way out has an exit code of RIG.md and no traceback."""
    args = build_parser().parse_args(argv)
    if sys.stdout is None:
        return _complain("rig: standard output is closed: nowhere to report to", Exit.NO_JUDGEMENT)
    try:
        report = stdout(getattr(args, "quiet", False))
        try:
            with Signals():
                return int(_dispatch(args, report))
        except RigError:
            report.end_progress()
            raise
    except RigError as error:
        words = str(error) if isinstance(error, PackError) else f"rig: {error}"
        return _complain(words, error.code)
    except OSError as error:
        broken = isinstance(error, BrokenPipeError)
        why = "the report's reader went away (broken pipe)" if broken else str(error)
        return _give_up(f"rig: could not judge: {why}")
    except Exception as error:  # pylint: disable=broad-exception-caught # no way out without words
        words = " ".join(str(error).split())
        return _give_up(
            f"rig: could not judge, a defect of the rig: {type(error).__name__}: {words}"
        )


def _complain(text: str, code: int) -> int:
    """One complaint on stderr; a stderr that cannot be written must not change the exit code."""
    try:
        if sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)
    except OSError:
        pass
    return int(code)


def _give_up(text: str) -> int:
    """The same for what cannot be judged. Standard output may be unusable: what is still buffered
    goes nowhere, so that the interpreter's last flush does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return _complain(text, Exit.NO_JUDGEMENT)
