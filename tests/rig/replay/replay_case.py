"""What the tests of replays share: a kernel with some instructions taken out, its run, and gdb."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[3]
RIG = str(ROOT / "rig" / "rig")
BOUND_S = 240
NOP = b"\x1f\x20\x03\xd5"
# Encodings, DDI 0487 C6.2 "MSR (register)", "MSR (immediate)".
MSR_TTBR0_XZR = b"\x1f\x20\x18\xd5"  # msr ttbr0_el1, xzr
MSR_VBAR_X9 = b"\x09\xc0\x18\xd5"  # msr vbar_el1, x9
MSR_DAIFSET = b"\xdf\x4f\x03\xd5"  # msr daifset, #0xf


def without(elf: Path, out: Path, symbol: str, instruction: bytes) -> Path:
    """A copy of the ELF in which the first such instruction behind the symbol is a NOP."""
    data = bytearray(elf.read_bytes())
    with elf.open("rb") as file:
        image = ELFFile(file)
        found = image.get_section_by_name(".symtab").get_symbol_by_name(symbol)[0]["st_value"]
        segment = next(
            s for s in image.iter_segments("PT_LOAD")
            if s["p_vaddr"] <= found < s["p_vaddr"] + s["p_filesz"]
        )  # fmt: skip
        start = found - segment["p_vaddr"] + segment["p_offset"]
    at = data.index(instruction, start, start + 256)
    data[at : at + 4] = NOP
    out.write_bytes(data)
    return out


def environment(**more: str) -> dict[str, str]:
    """With recording on, which the suite turns off."""
    return {**os.environ, "NO_COLOR": "1", "RIG_REPLAY": "1", **more}


def rig(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One run of the rig, bounded."""
    return subprocess.run(
        [RIG, *words],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def judged(elf: Path, run_dir: Path, variant: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A stepping run that ends at its first broken rule."""
    return rig(
        "step", "--first", "--elf", str(elf), "--variant", variant, "--run-dir", str(run_dir),
        *words,
    )  # fmt: skip


def replayed(run: Path, *commands: str, options: tuple[str, ...] = ()) -> str:
    """What gdb says to commands on a replayed run, its errors among them."""
    words = ["debug", "--replay", str(run), "--batch", *options]
    for command in commands:
        words += ["--eval", command]
    done = rig(*words)
    return done.stdout + done.stderr


class ReplayCase(unittest.TestCase):
    """Each class has a directory of its own."""

    ELF = Path()
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="rig-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)

    def says(self, text: str, *words: str) -> None:
        """All of these words are in the text."""
        for word in words:
            self.assertIn(word, text)


def main() -> None:
    """Run the tests of the calling file on the image that --elf names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--elf", type=Path, required=True)
    args, rest = parser.parse_known_args()
    ReplayCase.ELF = args.elf.resolve()
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])
