"""A guest whose events are known one by one, and QEMU with the event plugin, for its tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
ROOT_DIR = HERE.parents[2]
sys.path.insert(0, str(ROOT_DIR / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
import event_file as trace  # noqa: E402
from engine import plugin  # noqa: E402
from engine.errors import CannotJudge  # noqa: E402
from engine.process import find_tool  # noqa: E402
from engine.qemu import DETERMINISTIC, QUIET  # noqa: E402

BOUND_S = 120
PARALLEL = ["-accel", "tcg,thread=multi"]
ROOT, LEVEL2, LEVEL3, OTHER_ROOT = 0x40210000, 0x40211000, 0x40212000, 0x40213000
CODE, DATA, PAGE = 0x40220008, 0x40230000, 0x40231000
TCR = 0x80193519
RAM = ["-object", "memory-backend-memfd,id=rig-ram,size=128M,share=on"]

# The plugin tells these always, in this order. What it tells only when stores are watched, or in a
# window, or of all instructions, is marked: `+`, `!`, `*`.
SEQUENCE = """
    insn set_vbar; !block vbar_isb; insn vbar_isb
    insn fill_dsb
    insn set_mair; !block; !access; insn set_tcr; !block set_ttbr0; insn set_ttbr0
    +frame set_ttbr0; +frame set_ttbr0; !block ttbr0_isb; insn ttbr0_isb
    insn tlbi_all; !block tlbi_dsb; insn tlbi_dsb; insn tlbi_isb
    *insn; insn set_sctlr; !block sctlr_isb; insn sctlr_isb
    +off-read read_root
    +store make; !access use_early; insn make_dsb; insn make_isb
    +store link; +frame link; insn link_dsb; insn link_isb
    +store unlink; +frame-gone unlink; insn unlink_dsb; !access; insn unlink_tlbi
    !block unlink_end; insn unlink_end; insn unlink_isb
    +store relink; +frame relink; +store crossing; +store crossing
    +store reunlink; +frame-gone reunlink; +store again; +frame again
    +store; +frame-gone; +store same; +frame same
    !access exclusive_load; !access exclusive; +store exclusive
    +store pair; +store pair
    insn again_dsb; insn again_isb; +store unchanged
    insn code_dc; insn code_dsb; insn code_ic; insn code_end; insn code_isb
    *insn first_call; +translate CODE; *insn; *insn; *insn
    +store patch; insn patch_isb; *insn; +translate CODE; *insn
    insn call; +entry synchronous; insn handler_eret
    *insn zero; +store link_zeroed; +frame link_zeroed; insn zeroed_dsb; insn zeroed_isb
    +store; *insn zero_live; +store zero_live; +store; +store; +store; +store; +store; +store; +store
    insn zero_dsb; insn zero_isb
    insn set_ttbr1; +frame set_ttbr1; !block other_isb; insn other_isb
    insn at; insn at_isb; insn read_par
    insn off
"""


def symbols(elf: Path) -> dict[str, int]:
    """Name to address."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def expected(marks: str) -> list[tuple[str, str]]:
    """Kind and label (which may be empty) of the events with none but those marks."""
    found = []
    for item in SEQUENCE.replace("\n", ";").split(";"):
        words = item.split()
        if words and (words[0][0].isalpha() or words[0][0] in marks):
            found.append((words[0].lstrip("+!*"), words[1] if len(words) > 1 else ""))
    return found


class EventsTest(unittest.TestCase):
    """A work directory, guests and their symbols."""

    qemu: str
    variant: int
    work: Path
    elf: Path
    at: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-events-")))
        cls.qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        cls.variant = plugin.variant(cls.qemu)
        cls.elf = cls.guest()
        cls.at = symbols(cls.elf)

    @classmethod
    def guest(cls, *defines: str) -> Path:
        """The guest of guest.S."""
        elf = cls.work / ("-".join(["guest", *defines]) + ".elf")
        command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,--build-id=none"]
        command += [f"-Wl,-T,{HERE / 'guest.lds'}", *(f"-D{name}" for name in defines)]
        subprocess.run(
            [*command, "-o", str(elf), str(HERE / "guest.S")], check=True, timeout=BOUND_S
        )
        return elf

    def command(
        self, arguments: str, elf: Path | None = None, cpus: int = 1, parallel: bool = False
    ) -> list[str]:
        """QEMU's command line with the plugin and its arguments; RAM is a memfd with `ram=`."""
        shared = ",memory-backend=rig-ram" if ",ram=" in arguments else ""
        timing = PARALLEL if parallel else DETERMINISTIC
        command = [self.qemu, "-M", f"virt,gic-version=2,dtb-randomness=off{shared}"]
        command += ["-cpu", "cortex-a72", "-m", "128M", "-smp", str(cpus), *timing, *QUIET]
        command += RAM if shared else []
        command += ["-plugin", f"{plugin.choose(self.qemu, 'rigevents')}{arguments}"]
        return [*command, "-kernel", str(elf or self.elf)]

    def record(
        self, name: str, arguments: str, elf: Path | None = None, cpus: int = 1, **more: bool
    ) -> trace.Trace:
        """The trace of a guest that ends by itself."""
        path = self.work / name
        done = subprocess.run(
            self.command(f",out={path}{arguments}", elf, cpus, **more),
            capture_output=True, text=True, timeout=BOUND_S, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return trace.read(path)

    def values(self) -> list[tuple[str, int]]:
        """What the guest's instructions are given, in the order of time."""
        return [
            ("set_vbar", self.at["vectors"]), ("set_mair", 0xFF), ("set_tcr", TCR),
            ("set_ttbr0", ROOT), ("set_sctlr", 0xC5183D), ("unlink_tlbi", 0x40400),
            ("code_dc", CODE), ("code_ic", CODE), ("zero", PAGE), ("zero_live", PAGE),
            ("set_ttbr1", OTHER_ROOT),
            ("at", DATA),
        ]  # fmt: skip

    def operands(self, values: list[tuple[str, int]] | None = None) -> str:
        """The plugin's argument: a file with the operands, none when the plugin can read them."""
        if self.variant == 2:
            return ""
        path = self.work / "operands.txt"
        values = values or self.values()
        sites = {label for label, _ in [*values, *self.values()]}
        lines = [f"site {self.at[label]:x}" for label in sorted(sites)] + ["-"]
        lines += [f"{self.at[label]:x} {value:x} 1" for label, value in values]
        path.write_text("\n".join(lines) + "\n", "ascii")
        return f",operands={path}"

    def whole(self, name: str) -> trace.Trace:
        """The trace with everything."""
        return self.record(name, f",ram=0x40000000{self.operands()}")

    def check_sequence(self, got: trace.Trace, marks: str) -> None:
        """The events are those of SEQUENCE with the marks, each at its label."""
        labels = {"CODE": CODE, **self.at}
        names = {address: name for name, address in labels.items()}
        wanted = expected(marks)
        found = [(event.kind, names.get(event.pc, hex(event.pc))) for event in got.events]
        shown = "\n".join(f"{kind} {name}" for kind, name in found)
        for index, (kind, label) in enumerate(wanted):
            self.assertLess(index, len(found), shown)
            self.assertEqual(found[index][0], kind, f"event {index} of\n{shown}")
            if label:
                self.assertEqual(got.events[index].pc, labels[label], f"event {index} of\n{shown}")
        self.assertEqual(len(found), len(wanted), shown)

    def one(self, got: trace.Trace, kind: str, label: str) -> trace.Event:
        """The only event of that kind at that label."""
        found = [e for e in got.of(kind) if e.pc == self.at[label]]
        self.assertEqual(len(found), 1, f"{kind} {label}")
        return found[0]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """A QEMU that ends by itself."""
    return subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)


def main() -> None:
    """Find QEMU and run the tests of the program."""
    try:
        find_tool("qemu-system-aarch64", "RIG_QEMU")
    except CannotJudge as missing:
        print(missing)
        sys.exit(3)
    os.environ.setdefault("RIG_TOOLS", str(ROOT_DIR / "build" / "debug" / "rig"))
    unittest.main(module="__main__")
