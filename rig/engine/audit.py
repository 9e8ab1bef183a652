"""`rig audit`, `rig map` and `rig walk`: address spaces, on a new run or on snapshots."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import pack as pack_file
from . import registers
from .audit_check import GROUP
from .audit_phase import AddressSpaces
from .errors import CannotJudge, Exit, UsageError
from .image import Image
from .map_svg import svg
from .order import add_file_options, load_image, named_files
from .pack import Pack
from .paths import DEFAULT_PACK, REGISTERS, RULES, compiled, pack_path
from .qemu import Machine, machine_for, with_files
from .registers import Table
from .report_text import TextReport
from .results import Phase, RunResult, VariantResult
from .rig_trace import call
from .session import RunDir, check_cpu, group_wanted, hashes, prepare_outputs
from .session import run_result, run_variants
from .snapshot import Setup, take
from .snapshot_file import Snapshot, read
from .space_schema import END
from .space_spec import SCHEMA, Resolver, build

_ALONE = {"id": "audit", "at": END, "why": "the rules that hold for any guest"}


def add_audit_options(parser: argparse.ArgumentParser) -> None:
    """What only `rig audit` takes."""
    parser.add_argument(
        "snapshots", nargs="*", help="snapshots to judge instead of a new run's; without --pack by "
        "the rules that hold for any guest",
    )  # fmt: skip
    parser.add_argument(
        "--at", metavar="CHECKPOINT", action="append",
        help="only the entries for this checkpoint; of a snapshot: judge it as if taken there",
    )  # fmt: skip
    add_file_options(parser)


def add_map_options(parser: argparse.ArgumentParser) -> None:
    """What `rig map` takes."""
    parser.add_argument(
        "snapshots", nargs="+", metavar="SNAPSHOT", help="a snapshot; two with --diff"
    )
    parser.add_argument("--diff", action="store_true", help="what differs between two snapshots")
    parser.add_argument("--half", choices=("low", "high"), help="only this half")
    parser.add_argument("--el", choices=("0", "1", "2"), help="only what this level can use")
    parser.add_argument(
        "--filter", choices=("w", "x", "wx", "device", "user"),
        help="only what is writable, executable, both, a device, or open to EL0",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the map as JSON")
    parser.add_argument("--svg", metavar="FILE", help="draw the map as a picture (SVG)")
    _naming_options(parser)
    parser.add_argument("--quiet", action="store_true", help="no map on standard output")


def add_walk_options(parser: argparse.ArgumentParser) -> None:
    """What `rig walk` takes."""
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="a snapshot (rig snapshot)")
    parser.add_argument(
        "addresses", nargs="+", metavar="ADDRESS",
        help="a virtual address; with --pack also an expression, such as a symbol",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the walks as JSON")
    _naming_options(parser)


def _naming_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", metavar="PACK", help="a rule pack, for names of what is mapped")
    parser.add_argument(
        "--elf",
        metavar="FILE",
        help="the guest's ELF (default: what the pack names, from build/)",
    )


# --- rig audit ------------------------------------------------------------------------------------


@dataclass
class _Subject:
    """What snapshots are judged by."""

    pack: Pack
    image: Image | None
    table: Table


def _subject(pack_name: str | None, elf: str | None, elf_needed: bool = True) -> _Subject:
    pack = pack_file.load(pack_path(pack_name), RULES)
    image = load_image(pack, elf) if elf_needed else None
    return _Subject(pack, image, registers.load(REGISTERS))


def audit_command(args: argparse.Namespace, report: TextReport) -> int:
    """`rig audit`; returns the exit code."""
    if args.run_dir is not None and not args.run_dir:
        raise UsageError("--run-dir is empty")
    inputs = [args.elf, args.pack, *args.snapshots]
    prepare_outputs(args.json, args.junit, args.html, reads=inputs)
    group_wanted(args, [GROUP])
    return _offline(args, report) if args.snapshots else _live(args, report)


def _live(args: argparse.Namespace, report: TextReport) -> int:
    subject = _subject(args.pack or DEFAULT_PACK, args.elf)
    pack = subject.pack
    _restrict(pack, args.at)
    if not pack.items("address_space"):
        raise UsageError(
            f"{pack.path}: has no `address_space`, so there is nothing to judge; take a snapshot "
            "(rig snapshot) and judge it by the general rules: rig audit FILE"
        )
    names = args.variant or list(pack.variants())
    machines = [machine_for(pack, name, args.cpu, args.memory) for name in names]
    machines = [with_files(machine, named_files(args)) for machine in machines]
    check_cpu(args.cpu)
    run: RunResult = run_result(args.command, pack, subject.image, hashes(pack))

    def one(machine: Machine, result: VariantResult, run_dir: RunDir) -> None:
        room = run_dir.phase(machine.variant, GROUP)
        places = list(AddressSpaces.places(pack, machine.variant))
        setup = Setup(
            pack, subject.image, subject.table, machine, room, args.timeout,
            every_instruction=args.every_instruction,
            show=report.event if not args.quiet else lambda _event: None,
        )  # fmt: skip
        found = take(setup, places) if places else {}
        _phase(subject, machine, room, args.timeout).run(result, found)
        report.phase(result, result.phases[-1])

    return run_variants(args, report, run, machines, one)


def _phase(subject: _Subject, machine: Machine, room: Path, timeout: float) -> AddressSpaces:
    return AddressSpaces(subject.pack, subject.image, subject.table, machine, room, timeout)


def _restrict(pack: Pack, places: Sequence[str] | None) -> None:
    """Leave only the entries for these checkpoints."""
    if not places:
        return
    entries = pack.items("address_space")
    known = list(dict.fromkeys(entry["at"] for entry in entries))
    for place in places:
        if place not in known:
            raise UsageError(
                f"--at {place}: {pack.path} has no address_space there; it has: {', '.join(known)}"
            )
    pack.data["address_space"] = [entry for entry in entries if entry["at"] in places]


def _offline(args: argparse.Namespace, report: TextReport) -> int:
    subject = _subject(args.pack or "arm64", args.elf, elf_needed=args.pack is not None)
    run = run_result(args.command, subject.pack, subject.image, hashes(subject.pack), runs=False)
    opened = [(Path(name).resolve(), read(Path(name))) for name in args.snapshots]
    for path, snapshot in opened:
        _same_image(path, snapshot, subject.image)
    machines = [_machine_of(path, snapshot) for path, snapshot in opened]
    waiting = iter(opened)

    def one(machine: Machine, result: VariantResult, run_dir: RunDir) -> None:
        path, snapshot = next(waiting)
        phase = Phase(GROUP, reason="snapshot given")
        result.phases.append(phase)
        room = run_dir.path / f"audit-{len(run.variants)}"
        room.mkdir(exist_ok=True)
        judge = _phase(subject, machine, room, args.timeout)
        try:
            for entry in _entries(args, subject, path, snapshot):
                judge.judge(entry, path, phase, result)
        except CannotJudge as error:
            phase.code, phase.reason, phase.error = Exit.NO_JUDGEMENT, "failed", str(error)
        report.phase(result, phase)

    return run_variants(args, report, run, machines, one)


def _machine_of(path: Path, snapshot: Snapshot) -> Machine:
    """The machine as the snapshot tells it, under the variant's name or the file's."""
    made = snapshot.made
    words = str(made.get("machine", "")).split()
    told = dict(zip(words[::2], words[1::2]))
    return Machine(
        variant=str(made.get("variant") or path.name),
        machine=told.get("-M", ""),
        cpu=told.get("-cpu", ""),
        memory=told.get("-m", ""),
        cpus=1,
        extra=(),
    )


def _entries(
    args: argparse.Namespace, subject: _Subject, path: Path, snapshot: Snapshot
) -> Iterator[Mapping[str, Any]]:
    """The pack's entries for where the snapshot was taken; without a pack the general rules."""
    if args.pack is None:
        yield {**_ALONE, "id": path.name.removesuffix(".snapshot")}
        return
    places = args.at or [str(snapshot.made.get("checkpoint", ""))]
    variant = str(snapshot.made.get("variant", ""))
    variants = [variant] if variant in subject.pack.variants() else list(subject.pack.variants())
    found = [
        entry
        for entry in subject.pack.address_spaces(variants[0])
        if entry["at"] in places
    ]  # fmt: skip
    if not found:
        known = ", ".join(entry["at"] for entry in subject.pack.items("address_space"))
        raise UsageError(
            f"{path}: taken at {', '.join(places)}, for which {subject.pack.path} has no "
            f"address_space; say as what it is to be judged: --at one of {known or 'none'}"
        )
    yield from found


def _same_image(path: Path, snapshot: Snapshot, image: Image | None) -> None:
    """Refuse names and expectations of another image."""
    told = str(snapshot.made.get("build_id", ""))
    if image is not None and told and image.elf.build_id and told != image.elf.build_id:
        raise UsageError(
            f"{path}: is of another image (build-id {told}) than {image.elf.path} "
            f"({image.elf.build_id}); give its ELF with --elf"
        )


# --- rig map, rig walk ----------------------------------------------------------------------------


@contextmanager
def _named(args: argparse.Namespace, path: Path) -> Iterator[tuple[Path, Resolver | None]]:
    """(a directory with `spec.json`, what resolves expressions): names by the pack, if given."""
    if args.elf and not args.pack:
        raise UsageError("--elf says what is mapped in the words of a pack: give --pack, too")
    with tempfile.TemporaryDirectory(prefix="rig-") as name:
        room = Path(name)
        spec: dict[str, Any] = {"schema": SCHEMA}
        resolver = None
        if args.pack:
            subject = _subject(args.pack, args.elf)
            snapshot = read(path)
            _same_image(path, snapshot, subject.image)
            library = str(compiled("librigwalk.so", _elf(subject.image)) or "")
            resolver = Resolver(subject.pack, subject.image, subject.table, snapshot, library)
            spec = build(subject.pack, None, resolver)
        (room / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        yield room, resolver


def _elf(image: Image | None) -> Path | None:
    return None if image is None else Path(image.elf.path)


def map_command(args: argparse.Namespace, report: TextReport) -> int:
    """`rig map`; returns the exit code: with --diff 1 when the snapshots differ."""
    if len(args.snapshots) != (2 if args.diff else 1):
        raise UsageError("map takes one snapshot, or two with --diff")
    if args.svg and args.diff:
        raise UsageError("--svg draws one map: leave --diff out")
    prepare_outputs(args.json, reads=args.snapshots)
    prepare_outputs(args.svg, reads=[*args.snapshots, args.json], what="picture")
    with _named(args, Path(args.snapshots[0])) as (room, _resolver):
        out = Path(args.json).resolve() if args.json else room / "map.json"
        words = ["map", *args.snapshots, "--spec", str(room / "spec.json"), "--json", str(out)]
        words += ["--diff"] * args.diff
        for option in ("half", "el", "filter"):
            if getattr(args, option):
                words += [f"--{option}", getattr(args, option)]
        code, text = call(words, None, room / "map.out", (Exit.HELD, Exit.BROKEN))
        if not args.quiet:
            report.line(text.rstrip("\n"))
        if args.svg:
            drawing = svg(json.loads(out.read_text("utf-8")))
            Path(args.svg).write_text(drawing, encoding="utf-8")
    return code


def walk_command(args: argparse.Namespace, report: TextReport) -> int:
    """`rig walk`; returns the exit code."""
    prepare_outputs(args.json, reads=[args.snapshot])
    with _named(args, Path(args.snapshot)) as (room, resolver):
        addresses = [_address(text, resolver) for text in args.addresses]
        words = ["walk", args.snapshot, *addresses, "--spec", str(room / "spec.json")]
        words += ["--json", str(Path(args.json).resolve())] if args.json else []
        code, text = call(words, None, room / "walk.out", (Exit.HELD,))
        report.line(text.rstrip("\n"))
    return code


def _address(text: str, resolver: Resolver | None) -> str:
    """An address for rig-trace: a number, or an expression of the pack's."""
    try:
        return f"{int(text, 0):#x}"
    except ValueError:
        if resolver is None:
            raise UsageError(
                f"{text}: no address such as 0x40080000; symbols need --pack"
            ) from None
    return f"{resolver.number(text) & ((1 << 64) - 1):#x}"
