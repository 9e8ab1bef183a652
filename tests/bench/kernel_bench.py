#!/usr/bin/python3
"""Measure the kernel: executed instructions of its operations, and the size of its images.

    kernel_bench.py --bench BENCH.elf[:PROGRAM.elf]... --out FILE.json [--image NAME=ELF]...

Runs the bench images (tests/bench/guest), one instruction in each translation block and a log line
for each block executed, and counts the lines between the hints that delimit a stretch: the guest is
not instrumented, the counts are exact and repeatable. The hints are the kernel's own, or those of
the user PROGRAM that the image runs; then the way from the first instruction to that program's is
counted, too. Sizes are those of the sections.

Exit codes: 0 measured, 2 wrong usage, 3 a bench image did not run to its end.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

from elftools.elf.elffile import ELFFile

HINT = 0xD503201F  # HINT #0; the immediate is CRm:op2, bits 11:5 (DDI 0487, "HINT")
FIRST_MARK, LAST_MARK = 0x40, 0x7F
BOUND_S = 300
MACHINE = ["-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-smp", "1", "-m", "128M"]
END = b"tyrne: all tasks complete"
NAMES = re.compile(rb"bench: (\d+) ([^\r\n]+)")
EXECUTED = re.compile(rb"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.MULTILINE)
SECTIONS = {"text": [".text"], "rodata": [".rodata"], "data": [".data"], "bss": [".bss"]}
SECTIONS |= {"boot_tables": [".boot_tables"], "stacks": [".stacks"]}


class BenchError(Exception):
    """The bench image did not do what it should."""


def one_instruction_per_block() -> list[str]:
    """QEMU's option for it: an accelerator property since 8.1, a switch before."""
    said = subprocess.run(
        ["qemu-system-aarch64", "--help"], capture_output=True, text=True, check=False
    )
    if "one-insn-per-tb" in said.stdout:
        return ["-accel", "tcg,one-insn-per-tb=on"]
    return ["-accel", "tcg", "-singlestep"]


def marks_of(elf_path: Path) -> dict[int, int]:
    """Address -> mark of each delimiting hint in the image."""
    found: dict[int, int] = {}
    with elf_path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".text")
        code, base = section.data(), section["sh_addr"]
    for offset in range(0, len(code) - 3, 4):
        word = int.from_bytes(code[offset : offset + 4], "little")
        number = (word ^ HINT) >> 5
        if (word ^ HINT) & 0x1F == 0 and FIRST_MARK <= number <= LAST_MARK:
            found[base + offset] = number
    if not found:
        raise BenchError(f"{elf_path} holds no HINT #{FIRST_MARK:#x} to #{LAST_MARK:#x}")
    return found


def run(elf: Path, log: Path) -> bytes:
    """Run the image to its end; returns what its console showed."""
    command = ["qemu-system-aarch64", *MACHINE, *one_instruction_per_block()]
    command += ["-display", "none", "-serial", "stdio", "-monitor", "none", "-nic", "none"]
    command += ["-d", "exec,nochain", "-D", str(log), "-kernel", str(elf)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=BOUND_S
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"the guest did not end within {BOUND_S} s") from error
    except OSError as error:
        raise BenchError(f"{error}; QEMU is in the package qemu-system-arm") from None
    if done.returncode or END not in done.stdout:
        text = (done.stdout + done.stderr).decode(errors="replace")
        raise BenchError(f"the guest did not reach its end (exit {done.returncode}):\n{text}")
    return done.stdout


def executed(log: Path) -> Iterator[int]:
    """The PC of each instruction executed."""
    with log.open("rb") as stream:
        rest = b""
        while block := stream.read(1 << 24):
            cut = block.rfind(b"\n") + 1
            yield from (int(m[1], 16) for m in EXECUTED.finditer(rest + block[:cut]))
            rest = block[cut:]


@dataclass
class Counts:
    """What one run of a bench image executed."""

    stretches: dict[int, list[int]] = field(default_factory=dict)  # start mark -> each count
    total: int = 0
    until_program: int = 0  # before the first instruction of the user program


def count(log: Path, marks: dict[int, int], program_entry: int | None) -> Counts:
    """Instructions between each start mark and its end, and how many were executed in all."""
    counts = Counts()
    open_mark, opened_at = -1, 0
    for number, pc in enumerate(executed(log), 1):
        counts.total = number
        if pc == program_entry and not counts.until_program:
            counts.until_program = number - 1
        mark = marks.get(pc)
        if mark is None:
            continue
        if mark % 2 == 0:
            open_mark, opened_at = mark, number
        elif open_mark == mark - 1:
            counts.stretches.setdefault(open_mark, []).append(number - opened_at - 1)
            open_mark = -1
    return counts


def sizes(elf_path: Path) -> dict[str, int]:
    """Bytes of each kind of section."""
    with elf_path.open("rb") as stream:
        elf = ELFFile(stream)
        found = {section.name: section["sh_size"] for section in elf.iter_sections()}
        text = elf.get_section_by_name(".text")
        # .text is padded to a page; its code ends where its last symbol does.
        ends = [
            symbol["st_value"] + symbol["st_size"]
            for symbol in elf.get_section_by_name(".symtab").iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC"
        ]
        code = max(ends) - text["sh_addr"] if ends else text["sh_size"]
    result = {kind: sum(found.get(name, 0) for name in names) for kind, names in SECTIONS.items()}
    return {"code": code, **result}


@dataclass
class Bench:
    """One bench image, and the user program whose hints it runs, if it is not the kernel's own."""

    image: Path
    program: Path | None

    @staticmethod
    def parse(text: str) -> Bench:
        """BENCH.elf[:PROGRAM.elf] of the command line."""
        image, _, program = text.partition(":")
        for path in filter(None, (image, program)):
            if not Path(path).is_file():
                raise argparse.ArgumentTypeError(f"{path}: no such file")
        return Bench(Path(image), Path(program) if program else None)

    def measure(self, result: dict[str, Any]) -> None:
        """Run it and add what was counted to `result`."""
        marks = marks_of(self.program or self.image)
        entry = None
        if self.program:
            with self.program.open("rb") as stream:
                entry = ELFFile(stream)["e_entry"]
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            log = Path(work) / "exec.log"
            console = run(self.image, log)
            counts = count(log, marks, entry)
        names = {int(number): name.decode() for number, name in NAMES.findall(console)}
        missing = [name for number, name in names.items() if number not in counts.stretches]
        if missing or not names:
            raise BenchError(f"no instructions counted for: {', '.join(missing) or 'anything'}")
        for number, values in sorted(counts.stretches.items()):
            result["instructions"][names[number]] = {
                "min": min(values),
                "max": max(values),
                "runs": len(values),
            }
        if entry is not None:
            result["instructions"]["boot, from _start to the first EL0 instruction"] = {
                "min": counts.until_program,
                "max": counts.until_program,
                "runs": 1,
            }
        result["executed_in_all"][self.image.name] = counts.total


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Everything, as one JSON document."""
    result: dict[str, Any] = {"instructions": {}, "executed_in_all": {}}
    for bench in args.bench:
        bench.measure(result)
    result["bytes"] = {name: sizes(Path(path)) for name, path in args.image}
    return result


def show(result: dict[str, Any]) -> None:
    """The document as two tables."""
    print("guest instructions (least, most of the runs)")
    for name, value in result["instructions"].items():
        print(f"  {value['min']:>6} {value['max']:>6}  {name}")
    for name, kinds in result["bytes"].items():
        print(f"bytes of {name}: " + ", ".join(f"{kind} {size}" for kind, size in kinds.items()))


def named_image(text: str) -> tuple[str, str]:
    """NAME=ELF of the command line."""
    name, separator, path = text.partition("=")
    if not separator or not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=ELF with a file that exists")
    return name, path


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Bench.parse, action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--image", type=named_image, action="append", default=[])
    args = parser.parse_args()
    try:
        result = measure(args)
    except BenchError as error:
        print(f"kernel_bench: {error}", file=sys.stderr)
        return 3
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    print(f"written to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
