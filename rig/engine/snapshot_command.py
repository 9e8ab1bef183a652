"""`rig snapshot`: the tables, registers and memory map of a guest at one point, as a file."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from . import pack as pack_file
from . import registers, snapshot_file
from .errors import CannotJudge, UsageError
from .image import MASK64, Image
from .lint import split_at
from .order import load_image, named_files
from .pack import Pack
from .paths import REGISTERS, RULES, pack_path
from .process import find_tool
from .qemu import machine_for, with_files
from .report_text import TextReport
from .session import RunDir, check_cpu, prepare_outputs
from .snapshot import Place, Setup, file_name, take, take_running
from .snapshot_capture import WITNESSES
from .space_schema import END
from .stepping import for_variant

_WITNESSES_MAX = 100_000
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return value


def _witnesses(text: str) -> int:
    value = int(text)
    if not 0 <= value <= _WITNESSES_MAX:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to {_WITNESSES_MAX}")
    return value


def add_options(parser: argparse.ArgumentParser) -> None:
    """What only this command takes."""
    parser.add_argument(
        "--at", required=True, metavar="PLACE",
        help="a checkpoint of the pack (the guest is stepped to it); `end`, where the guest turns "
        "the machine off, resets it or panics; or ADDRESS or SYMBOL[+OFF] (it runs freely)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE",
        help="the snapshot (default: GUEST-PLACE.snapshot in the current directory)",
    )  # fmt: skip
    parser.add_argument(
        "--nth", type=_count, default=1, metavar="N",
        help="of an address or a symbol: the Nth arrival there (1)",
    )  # fmt: skip
    parser.add_argument(
        "--witnesses", type=_witnesses, default=WITNESSES, metavar="N",
        help=f"how many addresses QEMU itself is asked to translate ({WITNESSES})",
    )  # fmt: skip


def place_of(at: str, nth: int, pack: Pack, image: Image | None) -> Place | None:
    """Where a free run is stopped, None for a checkpoint; UsageError for what is neither."""
    checkpoints = [rule["id"] for rule in pack.items("checkpoints")]
    if at in checkpoints or at == END:
        if nth != 1:
            raise UsageError(f"--nth is for an address or a symbol; {at} comes once")
        return None if at in checkpoints else Place(END)
    if _NUMBER.fullmatch(at):
        address = int(at, 0) if at[:2] in ("0x", "0X") else int(at)
        if address > MASK64 or address % 4:
            raise UsageError(f"--at {at}: not the address of an instruction")
        return Place(at, (address,), nth)
    try:
        symbol, offset = split_at(at)
    except ValueError:
        raise UsageError(f"--at {at}: not SYMBOL+OFFSET: the offset is no number") from None
    if image is not None and symbol in image.elf.symbols:
        link = (image.elf.symbols[symbol].value + offset) & MASK64
        return Place(at, tuple(image.variants(link)), nth)
    known = [*checkpoints, END, *(image.elf.symbols if image else ())]
    close = difflib.get_close_matches(at, known, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    has = f"; the pack's checkpoints: {', '.join(checkpoints)}" if checkpoints and not close else ""
    raise UsageError(f"--at {at}: no checkpoint, no symbol and no address{hint}{has}")


def output_path(given: str | None, pack: Pack, at: str, reads: Iterable[str | None] = ()) -> Path:
    """Where the snapshot goes, but not over what the command `reads`; an old one is taken away."""
    if given == "":
        raise UsageError("-o is empty; give a file name")
    path = given or f"{pack.guest}-{file_name(at)}"
    prepare_outputs(path, reads=reads, what="snapshot")
    return Path(path)


def command(args: argparse.Namespace, report: TextReport) -> int:
    """The whole command; returns the exit code."""
    pack = pack_file.load(pack_path(args.pack), RULES)
    image = load_image(pack, args.elf)
    variants = args.variant or list(pack.variants())[:1]
    if len(variants) != 1:
        raise UsageError("snapshot takes one --variant")
    place = place_of(args.at, args.nth, pack, image)
    if place is None:
        of_this_variant(args.at, pack, variants[0])
    machine = machine_for(pack, variants[0], args.cpu, args.memory)
    machine = with_files(machine, named_files(args))
    check_cpu(args.cpu)
    find_tool("setpriv")
    table = registers.load(REGISTERS)
    reads = [args.elf, args.pack, args.image]
    path = output_path(args.output, pack, place.name if place else args.at, reads)
    run_dir = RunDir(args.run_dir)
    try:
        folder = run_dir.phase(machine.variant, "snapshot")
        setup = Setup(
            pack, image, table, machine, folder, args.timeout, args.witnesses,
            args.every_instruction, report.event if not args.quiet else lambda _event: None,
        )  # fmt: skip
        if place is None:
            _move(take(setup, [args.at])[args.at], path)
            snapshot = snapshot_file.read(path)
        else:
            snapshot = take_running(setup, place, path)
    finally:
        run_dir.finish(False)
    report.detail(f"{path}: {_words(snapshot)}")
    return 0


def of_this_variant(at: str, pack: Pack, variant: str) -> None:
    """Refuse a checkpoint that this variant does not have, or that is waived."""
    waived = {waiver["rule"] for waiver in pack.items("waive")}
    ids = [rule["id"] for rule in for_variant(pack.items("checkpoints"), variant)]
    known = [name for name in ids if name not in waived]
    if at not in known:
        raise UsageError(f"checkpoint {at} is not of variant {variant}; it has: {', '.join(known)}")


def _move(source: Path, path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        part.replace(path)
    except OSError as error:
        raise CannotJudge(f"{path}: cannot write the snapshot: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _words(snapshot: snapshot_file.Snapshot) -> str:
    """What the snapshot holds, in a line."""
    made = snapshot.made
    tables = snapshot.table_bytes()
    size = f"{tables >> 10} KiB" if tables % 1024 == 0 else f"{tables} bytes"
    text = (
        f"{made['guest']} at {made['checkpoint']}, PC {made['pc']}, regime {snapshot.regime}: "
        f"{size} of tables, {len(snapshot.witnesses)} witnesses"
    )
    if snapshot.unreadable:
        text += f", {len(snapshot.unreadable)} tables where there is no memory"
    if snapshot.regime not in ("EL1&0", "EL2"):
        text += " (the rig does not walk this regime)"
    return text
