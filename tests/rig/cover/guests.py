"""The guests of the coverage truth tests: built from guest/, run with or without the plugin."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench"))
sys.path.insert(0, str(HERE.parents[2] / "rig"))

# pylint: disable=wrong-import-position # the paths above come first
from engine.plugin import choose  # noqa: E402
from engine.qemu import DETERMINISTIC, QUIET  # noqa: E402
from kernel_bench import one_instruction_per_block  # noqa: E402

BOUND_S = 60
QEMU = shutil.which("qemu-system-aarch64") or "qemu-system-aarch64"
CROSS = "aarch64-linux-gnu-"
C_FLAGS = (
    "-std=gnu11 -ffreestanding -fno-pic -fno-pie -mcmodel=small -mgeneral-regs-only -mstrict-align"
    " -fno-stack-protector -mbranch-protection=none -fno-asynchronous-unwind-tables"
    " -ffunction-sections -fno-jump-tables -fno-builtin -Wall -Wextra -Wconversion -Wshadow -Werror"
).split()
LINK_FLAGS = (
    "-nostdlib -static -no-pie -Wl,--build-id=sha1 -Wl,--gc-sections"
    " -Wl,-z,max-page-size=4096 -Wl,--fatal-warnings"
).split()
MACHINE = ["-M", "virt,gic-version=2,dtb-randomness=off", "-cpu", "cortex-a72", "-m", "128M"]
CLANG = "clang --target=aarch64-none-elf -gdwarf-5"
COMPILERS = {"rows.c": CLANG.split()}
OPTIMISED = {"optimised.c": "-O2"}


@dataclass(frozen=True)
class Kind:
    """What a guest is made of.

    `loose` files have expectations for some of their lines only; those `not_compared` have another
    guest's, or none.
    """

    script: str
    sources: tuple[str, ...]
    headers: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    alias: str | None = None


LOW = Kind(
    "low.lds",
    (
        *("start.S", "vectors.S", "cases.c", "assembly.S"),
        *("optimised.c", "unused.c", "algorithm.c", "rows.c"),
    ),
    headers=("inlined.h",),
    loose=("optimised.c",),
    not_compared=("algorithm.c",),
)
KINDS = {
    "low": LOW,
    "zero": replace(LOW, script="zero.lds", alias="0x40080000:0x100000:0xffffffffbff80000"),
    "high": Kind(
        "high.lds",
        ("high.S", "vectors.S", "both.c"),
        not_compared=("vectors.S",),
        alias="0x40080000:0x180000:0xffffff8000000000",
    ),
    "second": Kind("low.lds", ("second.S",)),
}


@dataclass(frozen=True)
class Run:
    """How a guest is run: `log` asks for QEMU's own log of each instruction instead of a trace."""

    cpus: int = 1
    log: bool = False
    machine: tuple[str, ...] = ()


def compile_source(source: str, work: Path, *defines: str) -> Path:
    """Compile one file of guest/; its DWARF path is guest/FILE, relative to this directory."""
    target = work / f"{source}{''.join(defines)}.o"
    flags = [*C_FLAGS, OPTIMISED.get(source, "-O0")] if source.endswith(".c") else []
    command = [
        *COMPILERS.get(source, [f"{CROSS}gcc", "-g"]),
        f"-ffile-prefix-map={HERE}=.",
        *flags,
        *defines,
    ]
    command += ["-c", f"guest/{source}", "-o", str(target)]
    subprocess.run(command, check=True, timeout=BOUND_S, cwd=HERE)
    return target


def build(name: str, work: Path, *defines: str) -> Path:
    """Build a guest; `defines` make another build of it, with another build-id."""
    elf = work / f"{name}{''.join(defines)}.elf"
    if not elf.exists():
        kind = KINDS[name]
        objects = [str(compile_source(source, work, *defines)) for source in kind.sources]
        command = [f"{CROSS}gcc", *LINK_FLAGS, f"-Wl,-T,{HERE / 'guest' / kind.script}"]
        subprocess.run([*command, "-o", str(elf), *objects], check=True, timeout=BOUND_S)
    return elf


def without_dwarf(elf: Path) -> Path:
    """A copy that has its symbols and no debug information."""
    stripped = elf.with_suffix(".stripped.elf")
    command = [f"{CROSS}objcopy", "--strip-debug", str(elf), str(stripped)]
    subprocess.run(command, check=True, timeout=BOUND_S)
    return stripped


def build_id(elf: Path) -> str:
    """The build-id in hexadecimal digits."""
    with elf.open("rb") as stream:
        for section in ELFFile(stream).iter_sections("SHT_NOTE"):
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return str(note["n_desc"])
    raise ValueError(f"{elf}: no build-id")


def instructions(elf: Path) -> int:
    """Instructions of all functions by symbols: their sizes, without the data in them ($d)."""
    functions: set[int] = set()
    marks: dict[int, bool] = {}
    with elf.open("rb") as stream:
        elf_file = ELFFile(stream)
        text = elf_file.get_section_index(".text"), elf_file.get_section_index(".edge")
        for symbol in elf_file.get_section_by_name(".symtab").iter_symbols():
            start, size = symbol["st_value"], symbol["st_size"]
            if symbol["st_info"]["type"] == "STT_FUNC":
                functions.update(range(start, start + size, 4))
            elif symbol["st_shndx"] in text and symbol.name[:2] in ("$x", "$d"):
                marks[start] = symbol.name[:2] == "$x"
    is_code, count = True, 0
    for address in sorted(functions | marks.keys()):
        is_code = marks.get(address, is_code)
        count += is_code and address in functions
    return count


def shares_translations() -> bool:
    """Whether this QEMU runs one translation at all aliases of its code, as it does from 8 on: a
    block's address is then that of the alias that ran first."""
    said = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\d+)", said)
    return match is None or int(match[1]) >= 8


def run(elf: Path, out: Path, how: Run = Run(), image: str | None = None) -> Path:
    """Run a guest to its end; `out` is then the trace, or QEMU's log of it.

    The trace is told the image's build-id; `image` is another one to tell.
    """
    command = [QEMU, *(how.machine or MACHINE), "-smp", str(how.cpus)]
    command += [*DETERMINISTIC, *QUIET, "-serial", "null", "-kernel", str(elf)]
    if how.log:
        command += [*one_instruction_per_block(), "-d", "exec,nochain", "-D", str(out)]
    else:
        plugin = choose(QEMU)
        command += ["-plugin", f"{plugin},out={out},image={image or build_id(elf)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BOUND_S)
    if done.returncode:
        raise RuntimeError(f"QEMU ended with {done.returncode}: {done.stderr}")
    return out


def tools() -> Path:
    """The directory of rig-trace and the plugins."""
    return Path(os.environ["RIG_TOOLS"]).resolve()
