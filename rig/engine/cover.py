"""`rig cover` and `rig annotate`: what guests executed of their code, without changing them."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from . import cover_audit, cover_report, lcov_info
from . import elf as elf_file
from . import pack as pack_file
from .cover_map import Mapping, genhtml, map_all
from .cover_result import Coverage, write_infos
from .cover_run import Operands, Say, Traced, run_suite
from .cover_suite import Run, Suite, load, suite_path
from .errors import CannotJudge, Exit, UsageError
from .image import Alias
from .lcov_info import Records
from .paths import ROOT, RULES, need_compiled, pack_path
from .plugin import choose
from .process import PACKAGES, find_tool
from .qemu import Machine, machine_for
from .report_text import TextReport
from .session import prepare_outputs

PLUGIN = "rigcover"
PACKAGES["genhtml"] = "lcov"


def add_options(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The two commands' options."""
    text = "measure which instructions, lines, functions and branches guests execute"
    parser = commands.add_parser("cover", help=text, description=text)
    parser.add_argument(
        "--suite", metavar="SUITE", help="suite of runs: NAME (rig/rules/NAME-cover.yaml) or a path"
    )
    parser.add_argument("--build", metavar="DIR", help="where a suite's images are (build/debug)")
    _one_guest(parser)
    parser.add_argument("--source-prefix", metavar="DIR", help="where relative source names start")
    parser.add_argument(
        "--map", action="append", default=[], metavar="FROM=TO", help="rename source paths"
    )
    parser.add_argument(
        "--keep", action="append", default=[], metavar="PREFIX", help="only these source files"
    )
    parser.add_argument(
        "--never-calls", action="append", default=[], metavar="NAME",
        help="leave out branch directions that only call this function",
    )  # fmt: skip
    parser.add_argument("--host-info", metavar="FILE", help="lcov's tracefile of host tests to add")
    parser.add_argument("--audit", metavar="FILE", help="list of what no run reaches, with reasons")
    parser.add_argument("--no-audit", action="store_true", help="do not ask for the suite's list")
    parser.add_argument(
        "--fail-under", metavar="KIND=PERCENT,…", help="functions, lines, branches, host-branches"
    )
    parser.add_argument("--out", metavar="DIR", help="keep traces, tracefiles and pages here")
    parser.add_argument("--no-html", action="store_true", help="make no pages in --out")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--quiet", action="store_true", help="only totals and what is not held")
    text = "print a guest's instructions, each marked executed or not, branches by outcome"
    parser = commands.add_parser("annotate", help=text, description=text)
    parser.add_argument("--asm", action="store_true", help="instructions (there is no other way)")
    _one_guest(parser)
    parser.add_argument(
        "--function", action="append", default=[], metavar="NAME", help="only this function"
    )
    parser.add_argument(
        "--trace", action="append", default=[], metavar="FILE", help="a trace of an earlier run"
    )


def _one_guest(parser: argparse.ArgumentParser) -> None:
    """The options that describe one guest."""
    parser.add_argument("--elf", metavar="FILE", help="the guest's ELF")
    parser.add_argument(
        "--pack", metavar="PACK", help="rule pack with the guest's machine, variants and aliases"
    )
    parser.add_argument(
        "--variant", action="append", metavar="NAME", help="variant of the pack (repeatable; all)"
    )
    parser.add_argument("--machine", metavar="BOARD", help="QEMU's -M, without a pack")
    parser.add_argument("--cpu", help="QEMU's -cpu (cortex-a72)")
    parser.add_argument("--memory", metavar="SIZE", help="QEMU's -m (128M)")
    parser.add_argument(
        "--bound",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="bound of each run, seconds (60)",
    )
    parser.add_argument(
        "--alias", action="append", default=[], metavar="START:SIZE:BY",
        help="a PC in [START, START + SIZE) is the link address PC + BY",
    )  # fmt: skip
    parser.add_argument("qemu", nargs="*", help="behind --: more words for QEMU")


def _alias(text: str) -> Alias:
    words = text.split(":")
    try:
        start, size, by = (int(word, 0) for word in words)
        if start < 0 or size <= 0:
            raise ValueError
    except ValueError:
        raise UsageError(f"--alias {text}: expected START:SIZE:BY, three numbers") from None
    return Alias(start, size, by % (1 << 64))


def one_guest(args: argparse.Namespace) -> Suite:
    """The suite that --elf with a pack, or a machine, stands for."""
    if args.elf is None:
        raise UsageError("give --suite NAME, or --elf FILE with --pack NAME or --machine M")
    elf = elf_file.load(Path(args.elf).resolve())
    aliases = [_alias(text) for text in args.alias]
    if args.pack:
        pack = pack_file.load(pack_path(args.pack), RULES)
        aliases += pack.aliases()
        names = args.variant or list(pack.variants())
        machines = [machine_for(pack, name, args.cpu, args.memory) for name in names]
    else:
        board = args.machine or "virt"
        if board.split(",", maxsplit=1)[0] == "virt" and "dtb-randomness" not in board:
            board += ",dtb-randomness=off"
        machines = [Machine("guest", board, args.cpu or "cortex-a72", args.memory or "128M", 1, ())]
    runs = []
    for machine in machines:
        whole = replace(machine, extra=(*machine.extra, *args.qemu))
        runs.append(Run(machine.variant, elf, whole, args.bound, "either"))
    return Suite(Path(args.elf).name, runs, aliases)


def _suite(args: argparse.Namespace) -> Suite:
    if args.suite is None:
        return one_guest(args)
    if args.elf or args.pack or args.machine or args.qemu:
        raise UsageError("--suite names its images and machines: give it, or --elf, not both")
    build = (Path(args.build) if args.build else ROOT / "build" / "debug").resolve()
    suite = load(suite_path(args.suite), build, ROOT)
    suite.aliases += [_alias(text) for text in args.alias]
    return suite


def _mapping(args: argparse.Namespace, suite: Suite) -> Mapping:
    return Mapping(
        tool=need_compiled("rig-trace", suite.runs[0].path()),
        aliases=suite.aliases,
        source_prefix=args.source_prefix or (str(ROOT) if args.suite else ""),
        maps=args.map,
        keep=[*suite.keep, *args.keep],
        never_calls=[*suite.never_calls, *args.never_calls],
    )


def _progress(report: TextReport) -> Say:
    """Steps over one line on a terminal, nothing otherwise."""
    live = report.out.isatty() and not report.quiet

    def say(text: str) -> None:
        if live:
            report.out.write(f"\r\x1b[K{text}")
            report.out.flush()

    return say


def _trace(suite: Suite, work: Path, report: TextReport) -> tuple[list[Traced], list[str]]:
    """All runs, their traces completed."""

    qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
    plugin = Path(choose(qemu, PLUGIN, suite.runs[0].path()))
    traced = run_suite(suite.runs, work, plugin, _progress(report))
    operands = Operands()
    for item in traced:
        operands.complete(item)
    return traced, operands.notes


def _prepare(args: argparse.Namespace, stack: ExitStack) -> Path:
    """The directory of the results; old ones in it go away before anything runs."""
    if args.out is None:
        folder = Path(tempfile.mkdtemp(prefix="rig-cover-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder
    out = Path(args.out).resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{args.out}: cannot make the directory: {error.strerror}") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{args.out}: cannot write there")
    for name in ("runs", "images", "html", "html-host"):
        shutil.rmtree(out / name, ignore_errors=True)
    for path in out.glob("*.info"):
        path.unlink()
    return out


def command(args: argparse.Namespace, report: TextReport) -> int:
    """Either command."""
    if args.command == "annotate":
        return annotate(args, report)
    prepare_outputs(args.json, reads=[args.elf, args.pack, args.host_info, args.audit])
    return cover(args, report)


def _audit(args: argparse.Namespace, suite: Suite) -> cover_audit.Audit | None:
    """The list of reasons to hold the result against."""
    path = Path(args.audit) if args.audit else suite.audit
    return None if path is None or args.no_audit else cover_audit.load(path)


def _host(info: Path | None, root: Path, keep: list[str], notes: list[str]) -> Records | None:
    """The host tests' records of the sources that are there."""
    if info is None:
        return None
    host = lcov_info.relative_to(lcov_info.read(info), root, keep)
    for name in [name for name in host if not (root / name).is_file()]:
        del host[name]  # an old build directory still has it
        notes.append(f"{name}: in {info}, but there is no such source; not counted")
    return host


def cover(args: argparse.Namespace, report: TextReport) -> int:
    """Run, map, merge, report, judge."""
    wanted = cover_report.thresholds(args.fail_under)
    suite = _suite(args)
    mapping = _mapping(args, suite)
    audit = _audit(args, suite)
    host_info = Path(args.host_info) if args.host_info else None
    if host_info is not None and not host_info.is_file():
        raise UsageError(f"{host_info}: no such tracefile (--host-info)")
    html = args.out is not None and not args.no_html
    if html:
        find_tool("genhtml")
    started = time.monotonic()
    with ExitStack() as stack:
        out = _prepare(args, stack)
        traced, notes = _trace(suite, out / "runs", report)
        root = Path(mapping.source_prefix).resolve() if mapping.source_prefix else Path("/")
        mapped = map_all(traced, mapping, out / "images", root, _progress(report))
        _progress(report)("")
        host = _host(host_info, root, mapping.keep, notes)
        coverage = Coverage(mapped.images, lcov_info.merge(mapped.records), host, notes)
        _show(coverage, suite, traced, report, time.monotonic() - started)
        code = _judge(coverage, wanted, audit, root, report, mapped.findings)
        if coverage.merged:
            write_infos(coverage, out, root)
        if html and coverage.merged:
            _pages(coverage, out, suite, root, report)
        if args.json:
            Path(args.json).write_text(cover_report.as_json(coverage, wanted, code), "utf-8")
    return code


def _show(
    coverage: Coverage, suite: Suite, traced: list[Traced], report: TextReport, seconds: float
) -> None:
    """The report up to the verdict."""
    bounded = sum(item.ended == "bound" for item in traced)
    report.line(
        f"coverage of {suite.name}: {len(traced)} runs of {len(coverage.images)} images in "
        f"{seconds:.0f} s, {len(traced) - bounded} ended by the guest, {bounded} at their bound"
    )
    if coverage.merged:
        cover_report.table(coverage, report.detail)
    else:
        _without_lines(coverage, report)
    shown = cover_report.grouped(coverage.images)
    cover_report.instructions(shown, report.detail)
    if len(shown) < len(coverage.images):
        report.detail(f"and {len(coverage.images) - len(shown)} more images like the last ones")
    cover_report.oddities(coverage, report.detail)
    if coverage.merged:
        report.line(cover_report.totals(coverage))


def _without_lines(coverage: Coverage, report: TextReport) -> None:
    """What is left to say about an image without line information."""
    for image in coverage.images:
        counts = image.report["functions"]
        report.line(
            f"{image.name}: {counts['hit']} of {counts['found']} functions entered, by the symbol "
            "table"
        )
        for function in counts["missed"]:
            report.detail(f"  not entered: {function['name']}")
    report.line(
        "no lines and no pages: the images have no line information (DWARF) for the files asked "
        "for; build with -g, or see --map, --keep"
    )


def _judge(  # pylint: disable=too-many-arguments # one for each thing that is judged
    coverage: Coverage,
    wanted: dict[str, float],
    audit: cover_audit.Audit | None,
    root: Path,
    report: TextReport,
    findings: list[str],
) -> int:
    """Thresholds, the list of reasons, the markers in the sources."""
    code = Exit.HELD
    for finding in findings:
        report.line(f"broken: {finding}")
        code = Exit.BROKEN
    missing = coverage.missing() if wanted or audit is not None else []
    if audit is not None:
        if coverage.host is None:
            missing = [item for item in missing if item.kind != "host-branches"]
        audit.compare(missing, root)
        cover_report.reasons(audit, report.detail)
        for finding in audit.findings():
            report.line(f"broken: {finding}")
            code = Exit.BROKEN
    for kind, sentence in cover_report.below(coverage, wanted).items():
        report.line(f"broken: {sentence}")
        code = Exit.BROKEN
        for item in missing:
            if item.kind == kind:
                report.line(f"  {item.file}:{item.line}: {item.function}: {item.text}")
    if not any(image.instructions()["hit"] for image in coverage.images):
        raise CannotJudge(
            "no instruction of any image was executed: nothing was measured; an image without "
            "symbols has no functions to look into, and one that moves itself needs --alias"
        )
    return code


def _pages(coverage: Coverage, out: Path, suite: Suite, root: Path, report: TextReport) -> None:
    """Lines and functions of all runs with the guest's branches; the host's branches apart."""
    missing = [name for name in coverage.merged if not (root / name).is_file()]
    if missing:
        report.line(
            f"no pages: {len(missing)} source files are not there, {root / missing[0]} for one; "
            "see --source-prefix, --map and --keep"
        )
        return
    genhtml(out / "html.info", out / "html", f"{suite.name}: guest and host", root)
    report.line(f"page: {out / 'html' / 'index.html'} (branches: the guest's)")
    if coverage.host is not None:
        genhtml(out / "html-host.info", out / "html-host", f"{suite.name}: host tests", root)
        report.line(f"page: {out / 'html-host' / 'index.html'} (branches: the host tests')")


def annotate(args: argparse.Namespace, report: TextReport) -> int:
    """Print the instructions; from given traces, or from runs made now."""
    with ExitStack() as stack:
        if args.trace:
            if args.elf is None:
                raise UsageError("give the traces' image with --elf FILE")
            elf = Path(args.elf)
            aliases = [_alias(text) for text in args.alias]
            if args.pack:
                aliases += pack_file.load(pack_path(args.pack), RULES).aliases()
            traces = args.trace
        else:
            suite = one_guest(args)
            work = Path(tempfile.mkdtemp(prefix="rig-annotate-"))
            stack.callback(shutil.rmtree, work, ignore_errors=True)
            traced, _notes = _trace(suite, work, report)
            report.end_progress()
            elf, aliases = suite.runs[0].path(), suite.aliases
            traces = [str(item.trace) for item in traced]
        tool = need_compiled("rig-trace", elf)
        words = [str(tool), "annotate", "--elf", str(elf), *Mapping(tool, aliases).alias_words()]
        for name in args.function:
            words += ["--function", name]
        sys.stdout.flush()
        done = subprocess.run([*words, *traces], stdin=subprocess.DEVNULL, check=False)
    return done.returncode
