"""One invocation of run, step or faults: inputs checked first, then each variant in turn."""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import elf as elf_file
from . import pack as pack_file
from . import registers, replay_record, report_html, report_json, report_junit
from .audit_check import GROUP as SPACES
from .audit_phase import AddressSpaces
from .errors import CannotJudge, Exit, PackError, RigError, UsageError
from .exception_log import read_log
from .faults_baseline import Gate
from .freerun import FreeRun, gate_report, judge_log
from .image import Image
from .lint import lint
from .order_check import GROUP as ORDERING
from .order_phase import Ordering
from .pack import Pack, group_of
from .paths import REGISTERS, RULES, compiled, default_elf, need_compiled, pack_path
from .process import find_tool, known_cpus, tool_version
from .qemu import LOG, Machine, machine_for
from .registers import Table
from .report_text import TextReport
from .results import Phase, RunResult, VariantResult
from .stepping import Stepping, make_job

_NO_ELF = {"path": "", "build_id": ""}


@dataclass
class Inputs:
    """A pack, the ELF it judges, and the architecture table; all checked."""

    pack: Pack
    image: Image
    table: Table
    rules: dict[str, str]  # file and sha256, for the record

    @property
    def elf(self) -> Path:
        """The ELF's absolute path."""
        return Path(self.image.elf.path)


def lint_pack(pack: Pack, elf: elf_file.Elf) -> Table:
    """The architecture table that the pack fits, as it fits the ELF; raises PackError."""
    table = registers.load(REGISTERS)
    findings = lint(pack, elf, table)
    if findings:
        raise PackError(findings)
    return table


def hashes(pack: Pack) -> dict[str, str]:
    """The files that hold the rules, with their sha256."""
    files = [Path(reader.file) for reader in pack.readers] + [REGISTERS]
    return {str(f.resolve()): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def load_inputs(pack_name: str, elf_name: str | None) -> Inputs:
    """Read and lint; raises PackError or UsageError before anything is started."""
    pack = pack_file.load(pack_path(pack_name), RULES)
    named = (pack.data.get("image") or {}).get("elf", f"{pack.guest}.elf")
    elf_path = Path(elf_name) if elf_name else default_elf(named)
    elf = elf_file.load(elf_path.resolve())
    table = lint_pack(pack, elf)
    return Inputs(pack, Image(elf, pack.aliases()), table, hashes(pack))


def prepare_outputs(
    *names: str | None, reads: Iterable[str | None] = (), what: str = "report"
) -> None:
    """Check that what a command makes can be written, before anything is started, and take old ones
    away: a run that fails must not leave the report of another one. None of them may be a file that
    the command `reads`, or another of its own."""
    taken = {os.path.realpath(name) for name in reads if name}
    for name in names:
        if name is None:
            continue
        if not name:
            raise UsageError("--json, --junit or --html is empty; give a file name")
        if os.path.realpath(name) in taken:
            raise UsageError(
                f"{name}: would overwrite what this command reads, or another of its files; give "
                f"the {what} another name"
            )
        taken.add(os.path.realpath(name))
    for name in filter(None, names):
        path = Path(name)
        cannot = f"{name}: cannot write the {what}"
        if path.exists() and not path.is_file():
            raise UsageError(f"{cannot}: not a regular file")
        if not path.parent.is_dir():
            raise UsageError(f"{cannot}: no directory {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise UsageError(f"{cannot}: {path.parent} is not writable")
        path.unlink(missing_ok=True)


def groups_of(pack: Pack, command: str) -> list[str]:
    """The groups that a command's checks can be of."""
    groups: list[str] = []
    if command in ("run", "step") and pack.items("checkpoints"):
        groups += pack.groups()
        groups += [r.get("group", group_of(pack, r["to"])) for r in pack.items("transitions")]
        for kind in ("invariants", "exceptions"):
            groups += [rule.get("group", kind) for rule in pack.items(kind)]
    if command == "run":
        groups += ["markers"] * bool(pack.items("markers")) + ["end"]
    if command in ("run", "faults") and pack.data.get("faults"):
        groups.append("faults")
    if command == "run" and pack.items("address_space"):
        groups.append(SPACES)
    if command == "run" and pack.ordering():
        groups.append(ORDERING)
    return list(dict.fromkeys(groups))


class RunDir:
    """The run directory: kept when asked for or when something is red, removed otherwise."""

    def __init__(self, wanted: str | None) -> None:
        self._asked = wanted is not None
        if wanted is not None:
            self.path = Path(wanted).resolve()
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(
                    f"{wanted}: cannot make the run directory: {error.strerror}"
                ) from None
        else:
            self.path = Path(tempfile.mkdtemp(prefix="rig-"))

    def phase(self, variant: str, name: str) -> Path:
        """A fresh directory of one phase."""
        path = self.path / f"{variant}-{name}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def finish(self, keep: bool) -> str:
        """Remove it, or say where it is."""
        if self._asked or keep:
            return str(self.path)
        shutil.rmtree(self.path, ignore_errors=True)
        return ""


def reopen_command(args: argparse.Namespace, inputs: Inputs) -> str:
    """The command that opens a stop interactively."""
    words = [sys.argv[0], "debug", "--pack", args.pack, "--elf", str(inputs.elf)]
    for option in ("cpu", "memory"):
        if getattr(args, option):
            words += [f"--{option}", getattr(args, option)]
    if args.every_instruction:
        words.append("--every-instruction")
    return shlex.join(words)


def group_wanted(args: argparse.Namespace, known: list[str]) -> None:
    """Refuse a --group that this command's checks cannot be of."""
    if args.group is not None and args.group not in known:
        raise UsageError(
            f"no group {args.group!r} in rig {args.command}; it has: {', '.join(known)}"
        )


def run_result(
    command: str, pack: Pack, image: Image | None, rules: dict[str, str], runs: bool = True
) -> RunResult:
    """The record of a run that begins; `runs`: guests will be started, with the tools for it."""
    waived = [dict(waiver) for waiver in pack.items("waive")]
    return RunResult(
        command=command,
        pack={"guest": pack.guest, "files": [reader.file for reader in pack.readers]},
        elf={"path": image.elf.path, "build_id": image.elf.build_id} if image else _NO_ELF,
        tools=_tools(command) if runs else {"python": sys.version.split()[0]},
        waived=waived + (pack.ordering().get("waive") or []) * (command in ("run", "order")),
        rules=rules,
        image=image,
    )


def judge(args: argparse.Namespace, report: TextReport) -> int:
    """run, step and faults; returns the exit code."""
    inputs = load_inputs(args.pack, args.elf)
    report.reopen = reopen_command(args, inputs)
    group_wanted(args, groups_of(inputs.pack, args.command))
    machines = [
        machine_for(inputs.pack, name, args.cpu, args.memory)
        for name in args.variant or inputs.pack.variants()
    ]
    baseline = Gate(args, inputs.pack.guest, [machine.variant for machine in machines])
    if args.command == "faults" and not inputs.pack.data.get("faults") and not baseline.asked:
        raise UsageError(
            f"{inputs.pack.path}: has no `faults`, so there is nothing to judge exceptions by; add "
            "it, or keep those of a good run (--write-baseline FILE) and hold others against them "
            "(--baseline FILE)"
        )
    run = run_result(args.command, inputs.pack, inputs.image, inputs.rules)
    check_cpu(args.cpu)

    def one(machine: Machine, result: VariantResult, run_dir: RunDir) -> None:
        _variant(args, inputs, machine, result, run_dir, report)
        _hold_against(baseline, inputs, result, report)

    code = run_variants(args, report, run, machines, one)
    if baseline.out:
        report.line(baseline.write(run))
    return code


def _hold_against(
    baseline: Gate, inputs: Inputs, result: VariantResult, report: TextReport
) -> None:
    """The exceptions of a variant against those of an earlier run, when that was asked for."""
    check = baseline.judge(result, inputs.image.elf.build_id)
    if check is not None:
        result.checks.append(check)
        report.baseline(check)


def run_variants(
    args: argparse.Namespace,
    report: TextReport,
    run: RunResult,
    machines: list[Machine],
    one: Callable[[Machine, VariantResult, RunDir], None],
) -> int:
    """Each machine by `one`, the reports, and the run directory's end; returns the exit code."""
    run_dir = RunDir(args.run_dir)
    keep, kept = False, ""
    try:
        for machine in machines:
            result = VariantResult(machine, run_dir=str(run_dir.path))
            run.variants.append(result)
            report.heading(result, run.pack["guest"])
            one(machine, result, run_dir)
        if args.group is not None:
            _only_group(run, args.group)
        keep = run.code() != 0
        kept = str(run_dir.path) if keep or args.run_dir else ""
        run.reopen, run.kept = report.reopen, kept
        if keep:
            try:
                replay_record.record_again(args, run, run_dir.path, report)
            except RigError:  # Ctrl-C: what was judged is judged
                _write_reports(args, run, report)
                raise
        report.summary(run, kept)
        _write_reports(args, run, report)
    except RigError:
        raise
    except Exception:
        # The report could not be shown: what is red is kept, and named where it still can be.
        keep = any(check.failed for check in run.checks())
        if keep and sys.stderr is not None:
            print(f"rig: run directory kept: {run_dir.path}", file=sys.stderr)
        raise
    finally:
        run_dir.finish(keep)
    return run.code()


def _write_reports(args: argparse.Namespace, run: RunResult, report: TextReport) -> None:
    if args.json:
        report_json.write(run, Path(args.json))
    if args.junit:
        report_junit.write(run, Path(args.junit))
    if args.html:
        report.progress(f"writing {args.html}: coverage, maps")
        report_html.write(run, Path(args.html))
        report.end_progress()


def check_cpu(cpu: str | None) -> None:
    """Refuse a CPU that QEMU does not have, once, instead of in each phase."""
    if cpu is None:
        return
    known = known_cpus(find_tool("qemu-system-aarch64", "RIG_QEMU"))
    if known and cpu.split(",", maxsplit=1)[0] not in known:
        raise UsageError(f"QEMU has no -cpu {cpu!r}; see qemu-system-aarch64 -cpu help")


def _tools(command: str) -> dict[str, str]:
    """Versions of what a run needs; a missing tool is named before anything is started."""
    tools = {"python": sys.version.split()[0]}
    tools["qemu"] = tool_version(find_tool("qemu-system-aarch64", "RIG_QEMU"))
    for name in ("setpriv", "taskset"):
        find_tool(name)
    if command in ("run", "step"):
        tools["gdb"] = tool_version(find_tool("gdb-multiarch", "RIG_GDB"))
    return tools


def _variant(  # pylint: disable=too-many-arguments # everything of one variant meets here
    args: argparse.Namespace,
    inputs: Inputs,
    machine: Machine,
    result: VariantResult,
    run_dir: RunDir,
    report: TextReport,
) -> None:
    if args.command in ("run", "faults"):
        gate = need_compiled("rig-trace", inputs.elf)
        path = run_dir.phase(machine.variant, "free-run")
        FreeRun(inputs.pack, inputs.image, machine, path, args.timeout, gate).run(result)
        if result.phases[-1].code != Exit.NO_JUDGEMENT:
            try:
                result.exceptions = read_log(path / LOG, inputs.pack, inputs.image, path)
            except CannotJudge as error:  # a log cut by the time bound: stepping goes on
                result.phases[-1].notes.append(f"exceptions are not known: {error}")
        if args.command == "faults":
            result.checks = [check for check in result.checks if check.kind == "fault"]
        report.phase(result, result.phases[-1])
    if args.command in ("run", "step"):
        walker = compiled("librigwalk.so", inputs.elf)
        job = make_job(
            inputs.pack,
            inputs.image,
            inputs.table,
            machine.variant,
            str(walker or ""),
            {"every_instruction": args.every_instruction, "first_only": args.first},
            AddressSpaces.places(inputs.pack, machine.variant) if args.command == "run" else None,
        )
        path = run_dir.phase(machine.variant, "step")
        stepping = Stepping(job, inputs.image, machine, path, args.timeout, report.event)
        stepping.run(result)
        if result.phases and result.phases[-1].name == "step":
            report.phase(result, result.phases[-1])
        if args.command == "run" and inputs.pack.address_spaces(machine.variant):
            path = run_dir.phase(machine.variant, SPACES)
            spaces = AddressSpaces(
                inputs.pack, inputs.image, inputs.table, machine, path, args.timeout
            )
            spaces.run(result, stepping.snapshots)
            report.phase(result, result.phases[-1])
    # A free run that did not end would not end again.
    if args.command == "run" and inputs.pack.ordering() and not result.phases[0].error:
        path = run_dir.phase(machine.variant, ORDERING)
        ordering = Ordering(inputs.pack, inputs.image, machine, path, args.timeout)
        ordering.say = report.progress
        ordering.run(result)
        report.phase(result, result.phases[-1])


def _only_group(run: RunResult, group: str) -> None:
    """Keep the checks of one group; a group without checks leaves nothing judged."""
    for variant in run.variants:
        variant.checks = [check for check in variant.checks if check.group == group]


def judge_given_log(args: argparse.Namespace, report: TextReport) -> int:
    """`rig faults LOG`: judge a log that somebody else recorded."""
    inputs = load_inputs(args.pack, args.elf)
    log = Path(args.log).resolve()
    if not log.is_file():
        raise CannotJudge(f"{args.log}: no such log")
    variants = args.variant or list(inputs.pack.variants())
    if len(variants) != 1:
        raise UsageError(
            f"say of which variant this log is: --variant one of {', '.join(variants)}"
        )
    machine = machine_for(inputs.pack, variants[0], args.cpu, args.memory)
    baseline = Gate(args, inputs.pack.guest, variants)
    result = VariantResult(machine, phases=[Phase("free-run", reason="log given")])
    run_dir = RunDir(args.run_dir)
    try:
        # Without a faults section there is only the baseline to judge by.
        if inputs.pack.data.get("faults") or not baseline.asked:
            result.checks = judge_log(
                need_compiled("rig-trace", inputs.elf),
                log,
                inputs.pack,
                inputs.image,
                variants[0],
                run_dir.path,
            )
            result.gate = gate_report(run_dir.path)
        if baseline.asked:
            result.exceptions = read_log(log, inputs.pack, inputs.image, run_dir.path)
    finally:
        kept = run_dir.finish(False)
    run = run_result("faults", inputs.pack, inputs.image, inputs.rules, runs=False)
    run.variants.append(result)
    for check in result.checks:
        if check.status != "pass":
            report.check(check)
    _hold_against(baseline, inputs, result, report)
    report.summary(run, kept)
    _write_reports(args, run, report)
    if baseline.out:
        report.line(baseline.write(run))
    return run.code()
