#!/usr/bin/python3
"""The audit of privileged instructions: each finding is seen on an image that has just it."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
import unittest
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = Path(tempfile.mkdtemp(prefix="tyrne-privileged-"))
atexit.register(shutil.rmtree, SCRATCH)
GCC = ("aarch64-linux-gnu-gcc",)
CLANG = ("clang", "--target=aarch64-linux-gnu", "-fuse-ld=bfd", "-Qunused-arguments")
COMMON = (
    "-g",
    "-ffreestanding",
    "-nostdlib",
    "-static",
    "-fno-pie",
    "-no-pie",
    "-Wl,--emit-relocs",
)

SWITCH = """
    .global switch_root
    .type switch_root, %function
switch_root:
    msr ttbr0_el1, x0
    isb
    tlbi vmalle1
    dsb nsh
    isb
    ret
    .size switch_root, . - switch_root
"""
HEADER = """
static inline void cpu_flush(void)
{
    __asm__ volatile("tlbi vmalle1" ::: "memory");
    __asm__ volatile("dsb nsh" ::: "memory");
    __asm__ volatile("isb");
}
static inline void cpu_call(int way)
{
    if (way)
        __asm__ volatile("smc #0");
    else
        __asm__ volatile("hvc #0");
}
"""
MAIN = """
#include "cpu.h"
void switch_root(unsigned long);
__attribute__((noinline)) void other(int way) { cpu_call(way); cpu_flush(); }
void _start(int way) { cpu_flush(); switch_root(0); other(way); }
"""
SOURCES = {"arch/switch.S": SWITCH, "arch/cpu.h": HEADER, "arch/main.c": MAIN}

WORDS = """
  purpose: Invalidate what the TLB holds of the old root.
  relies_on: [EL1 with interrupts masked]
  why: The barrier is for the next access, see DDI 0487.
"""
SWITCH_ENTRY = (
    """
- function: switch_root
  file: arch/switch.S
  instructions: [msr ttbr0_el1, isb, tlbi vmalle1, dsb nsh, isb]"""
    + WORDS
)
FLUSH_ENTRY = (
    """
- function: cpu_flush
  file: arch/cpu.h
  instructions: [tlbi vmalle1, dsb nsh, isb]"""
    + WORDS
)
CALL_ENTRY = (
    """
- function: cpu_call
  file: arch/cpu.h
  instructions: {"smc #0": 1, "hvc #0x0": 1}"""
    + WORDS
)
AUDIT = SWITCH_ENTRY + FLUSH_ENTRY + CALL_ENTRY
# Where the entries of AUDIT start.
SWITCH_AT, FLUSH_AT, CALL_AT = "audit.yaml:2", "audit.yaml:9", "audit.yaml:16"


@cache
def build(sources: tuple[tuple[str, str], ...], command: tuple[str, ...]) -> Path:
    """An image linked from sources; each is made once."""
    place = Path(tempfile.mkdtemp(dir=SCRATCH))
    for name, text in sources:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    names = [name for name, _ in sources if not name.endswith(".h")]
    options = [*COMMON, f"-ffile-prefix-map={place}=.", "-o", "tiny.elf"]
    subprocess.run([*command, *options, *names], cwd=place, check=True)
    return place / "tiny.elf"


def image(changes: dict[str, str] | None = None, command: tuple[str, ...] = ()) -> Path:
    """The clean image, or one with other files."""
    sources = {**SOURCES, **(changes or {})}
    return build(tuple(sources.items()), command or (*GCC, "-O2"))


def run(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and output of the check. Paths are shown as from the scratch folder."""
    command = [sys.executable, "-B", str(ROOT / "ci/check_privileged.py"), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=SCRATCH, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def audit(text: str) -> str:
    """Write an audit; its name."""
    (SCRATCH / "audit.yaml").write_text(text, "utf-8")
    return "audit.yaml"


def check(text: str, *images: Path, root: str = ".") -> tuple[int, str]:
    """Exit code and output of the check of images against an audit."""
    return run("--root", root, "--audit", audit(text), *images)


class Privileged(unittest.TestCase):
    """One broken rule at a time."""

    def broken(self, elf: Path, text: str, *findings: tuple[str, ...]) -> None:
        """The check finds just these: each starts with its first words and holds the others."""
        code, output = check(text, elf)
        self.assertEqual(code, 1, output)
        lines = output.splitlines()[:-1]
        self.assertEqual(len(lines), len(findings), output)
        for line, (start, *words) in zip(lines, findings):
            self.assertTrue(line.startswith(start), f"{start}\n{output}")
            for word in words:
                self.assertIn(word, line)

    def refused(self, code: int, text: str, *words: str, elf: Path | None = None) -> None:
        """The check ends with this code and says these words."""
        got, output = check(text, elf or image())
        self.assertEqual(got, code, output)
        for word in words:
            self.assertIn(word, output)

    def changed(self, name: str, old: str, new: str) -> Path:
        """The image with one edit."""
        self.assertEqual(SOURCES[name].count(old), 1)
        return image({name: SOURCES[name].replace(old, new)})

    # --- green ------------------------------------------------------------------------------------

    def test_clean_image_passes(self) -> None:
        """The image that every other test breaks is clean."""
        code, output = check(AUDIT, image())
        self.assertEqual(code, 0, output)
        self.assertIn("0 findings, 16 instructions of 3 functions in 1 images, 3 entries", output)

    def test_keys_are_the_same_for_every_compiler(self) -> None:
        """Inlined or not, gcc or clang: one audit fits all of them together."""
        builds = [(*tool, level) for tool in (GCC, CLANG) for level in ("-O0", "-Og", "-O2")]
        code, output = check(AUDIT, *(image(None, command) for command in builds))
        self.assertEqual(code, 0, output)
        self.assertIn("of 3 functions in 6 images", output)

    def test_data_in_text(self) -> None:
        """Words between functions that look like instructions, unaligned bytes: data is data."""
        data = '\n    .word 0xd5033fdf, 0xd69f03e0\n    .ascii "abc"\n    .balign 4\n'
        self.assertEqual(check(AUDIT, image({"arch/switch.S": data + SWITCH + data}))[0], 0)

    def test_register_by_its_encoding(self) -> None:
        """An audit may name a register as S3_..., and an immediate in any base."""
        text = AUDIT.replace("msr ttbr0_el1", "MSR  S3_0_C2_C0_0").replace("#0x0", "#0")
        self.assertEqual(check(text, image())[0], 0)

    def test_repetition_is_written_once(self) -> None:
        """{repeat, of} stands for copies in a row."""
        elf = self.changed("arch/switch.S", "tlbi", "isb\n isb\n isb\n tlbi")
        text = AUDIT.replace("ttbr0_el1, isb,", "ttbr0_el1, {repeat: 4, of: [isb]},")
        self.assertEqual(check(text, elf)[0], 0)

    def test_copies_of_a_path(self) -> None:
        """Where a compiler gives two paths a copy each (gcc -O2 does in other()), none is new."""
        _, output = run("--root", ".", "--list", image())
        self.assertEqual(output.count("dsb nsh"), 4, "switch_root, _start, twice in other")

    def test_audited_copies(self) -> None:
        """A sequence laid down several times in a row passes where the audit allows for it."""
        call = 'if (way)\n        __asm__ volatile("smc #0");\n    else\n    '
        elf = image({"arch/cpu.h": HEADER.replace(call, "").replace("hvc #0", "wfi\\n wfi")})
        entry = CALL_ENTRY.replace('{"smc #0": 1, "hvc #0x0": 1}', "[wfi]")
        text = SWITCH_ENTRY + FLUSH_ENTRY + entry
        self.assertEqual(check(text + "  copies: 2\n", elf)[0], 0)
        self.broken(
            elf,
            text,
            ("arch/cpu.h:10: cpu_call: `wfi` is not in the audit", CALL_AT),
            (f"{CALL_AT}: cpu_call: ", "'copies'"),
        )

    # --- the image differs ------------------------------------------------------------------------

    def test_function_not_in_the_audit(self) -> None:
        """An inline function without entry is named by its header, and where it ended up."""
        words = ("not in the audit", "`tlbi vmalle1`, `dsb nsh`, `isb`", "tiny.elf 0x", "<_start>")
        self.broken(
            image(),
            SWITCH_ENTRY + CALL_ENTRY,
            ("arch/cpu.h:4: cpu_flush: ", *words, "(arch/cpu.h) to audit.yaml", "--suggest"),
        )

    def test_asm_statement_in_a_caller(self) -> None:
        """An instruction of the caller's own is the caller's."""
        elf = self.changed("arch/main.c", "{ cpu_flush();", '{ __asm__ volatile("isb");')
        self.broken(elf, AUDIT, ("arch/main.c:5: _start: ", "not in the audit", "`isb`"))

    def test_new_instruction_in_assembler(self) -> None:
        """One more barrier"""
        elf = self.changed("arch/switch.S", "tlbi", "dsb ish\n tlbi")
        self.broken(
            elf,
            AUDIT,
            ("arch/switch.S:7: switch_root: `dsb ish` is not", "tiny.elf 0x", SWITCH_AT, "item 3"),
        )

    def test_one_of_two_barriers_dropped_in_assembler(self) -> None:
        """The first ISB of two is gone: the one after it does not make up for it."""
        elf = self.changed("arch/switch.S", "    isb\n    tlbi", "    tlbi")
        words = ("`isb` is gone", "item 2 of 5", SWITCH_AT, "after `msr ttbr0_el1`", "tiny.elf 0x")
        self.broken(elf, AUDIT, ("arch/switch.S:6: switch_root: ", *words))

    def test_last_barrier_dropped_in_assembler(self) -> None:
        """The second ISB is gone."""
        elf = self.changed("arch/switch.S", "    isb\n    ret", "    ret")
        words = ("`isb` is gone", "item 5 of 5", "after `dsb nsh`")
        self.broken(elf, AUDIT, ("arch/switch.S:8: switch_root: ", *words))

    def test_order_in_assembler(self) -> None:
        """The same instructions in another order"""
        elf = self.changed("arch/switch.S", "dsb nsh\n    isb", "isb\n    dsb nsh")
        self.broken(
            elf,
            AUDIT,
            ("arch/switch.S:8: switch_root: `isb` is not in the audit",),
            ("arch/switch.S:9: switch_root: `isb` is gone",),
        )

    def test_other_operand(self) -> None:
        """A barrier of another domain is another instruction."""
        elf = self.changed("arch/switch.S", "nsh", "ish")
        self.broken(
            elf,
            AUDIT,
            ("arch/switch.S:8: switch_root: `dsb nsh` is gone",),
            ("arch/switch.S:8: switch_root: `dsb ish` is not",),
        )

    def test_barrier_dropped_in_an_inline_function(self) -> None:
        """Each inlined copy lacks it; one finding names them all."""
        elf = self.changed("arch/cpu.h", '    __asm__ volatile("isb");\n', "")
        words = ("`isb` is gone", "<_start>", "<other>", FLUSH_AT)
        self.broken(elf, AUDIT, ("arch/cpu.h:5: cpu_flush: ", *words))

    def test_barrier_repeated_in_an_inline_function(self) -> None:
        """One more in each copy"""
        isb = '    __asm__ volatile("isb");\n'
        elf = self.changed("arch/cpu.h", isb, isb + isb)
        self.broken(
            elf,
            AUDIT,
            ("arch/cpu.h:7: cpu_flush: `isb` is not in the audit", "<_start>", "<other>"),
            (f"{FLUSH_AT}: cpu_flush: ", "'copies'"),
        )

    def test_counted_instruction_gone(self) -> None:
        """A listed instruction that no copy has, of a function with counts"""
        elf = self.changed("arch/cpu.h", "smc #0", "nop")
        words = ("`smc #0` is gone", CALL_AT, "tiny.elf 0x")
        self.broken(elf, AUDIT, ("arch/cpu.h:13: cpu_call: ", *words))

    def test_counted_instruction_new(self) -> None:
        """An unlisted one of a function with counts; the immediate matters."""
        elf = self.changed("arch/cpu.h", "smc #0", "smc #1")
        self.broken(
            elf,
            AUDIT,
            ("arch/cpu.h:11: cpu_call: `smc #1` is not in the audit", CALL_AT),
            ("arch/cpu.h:11: cpu_call: `smc #0` is gone", CALL_AT),
        )

    def test_counted_instruction_too_often(self) -> None:
        """Twice where once is audited; a range allows it."""
        elf = self.changed("arch/cpu.h", "smc #0", "smc #0\\n smc #0")
        words = ("there 2 times", f"audited ({CALL_AT}): 1")
        self.broken(elf, AUDIT, ("arch/cpu.h:11: cpu_call: `smc #0` is ", *words))
        self.assertEqual(check(AUDIT.replace('"smc #0": 1', '"smc #0": "1-2"'), elf)[0], 0)

    def test_counts_are_not_for_assembler(self) -> None:
        """The sequence of an assembler function must be listed."""
        old = "[msr ttbr0_el1, isb, tlbi vmalle1, dsb nsh, isb]"
        text = AUDIT.replace(old, "{isb: 2, msr ttbr0_el1: 1, tlbi vmalle1: 1, dsb nsh: 1}")
        self.broken(image(), text, (f"{SWITCH_AT}: switch_root: counts", "in order"))

    def test_outside_every_symbol(self) -> None:
        """An instruction that belongs to no sized symbol"""
        elf = image({"arch/switch.S": SWITCH + "loose:\n    wfi\n"})
        words = ("`wfi` at tiny.elf 0x", "outside every sized symbol", "FUNCTION")
        self.broken(elf, AUDIT, ("arch/switch.S:13: ", *words))

    def test_newer_than_the_disassembler(self) -> None:
        """Instructions are told by their bits: SB and an unallocated one are seen too."""
        elf = self.changed("arch/switch.S", "ret", ".inst 0xd50330ff, 0xd5007000\n ret")
        self.broken(
            elf,
            AUDIT,
            ("arch/switch.S:10: switch_root: `sb`, `system 0xd5007000` is not in the audit",),
        )

    # --- the audit differs ------------------------------------------------------------------------

    def test_entry_that_no_image_needs(self) -> None:
        """An entry of a function that is gone"""
        text = AUDIT + CALL_ENTRY.replace("cpu_call", "cpu_gone")
        self.broken(image(), text, ("audit.yaml:23: cpu_gone: ", "in tiny.elf", "Remove the entry"))

    def test_wrong_file(self) -> None:
        """An entry whose function is in another file"""
        text = SWITCH_ENTRY + FLUSH_ENTRY.replace("cpu.h", "mmu.h") + CALL_ENTRY
        words = ("says arch/mmu.h", "source is arch/cpu.h")
        self.broken(image(), text, (f"{FLUSH_AT}: cpu_flush: ", *words))

    def test_missing_words(self) -> None:
        """An entry must have its purpose, invariants and reasons."""
        for name in ("purpose", "relies_on", "why"):
            lines = SWITCH_ENTRY.splitlines(keepends=True)
            text = "".join(line for line in lines if name not in line) + FLUSH_ENTRY + CALL_ENTRY
            with self.subTest(name=name):
                finding = (f"{SWITCH_AT}: switch_root: '{name}' is missing",)
                self.broken(image(), text, finding)

    def test_placeholder_words(self) -> None:
        """Words that say nothing are none."""
        purpose, why = "Invalidate what the TLB holds of the old root.", "The barrier is for the"
        cases = (
            (purpose, "TODO say what this is really for", "'purpose' is a placeholder"),
            (purpose, "flush", "'purpose' is too short"),
            (why, "TBD ", "'why' is a placeholder"),
            ("[EL1 with interrupts masked]", "[EL1]", "'relies_on' holds 'EL1'"),
            ("[EL1 with interrupts masked]", "EL1 with interrupts masked", "'relies_on' must be"),
        )
        for old, new, finding in cases:
            with self.subTest(new=new):
                text = SWITCH_ENTRY.replace(old, new) + FLUSH_ENTRY + CALL_ENTRY
                self.broken(image(), text, (f"{SWITCH_AT}: switch_root: {finding}",))

    def test_unknown_key(self) -> None:
        """A misspelt key"""
        text = AUDIT + "  reviewed: yes\n"
        self.broken(image(), text, (f"{CALL_AT}: cpu_call: unknown key 'reviewed'", "purpose"))

    def test_comment_that_was_meant_as_immediate(self) -> None:
        """hvc #0 without quotes is hvc and a comment."""
        old = 'instructions: {"smc #0": 1, "hvc #0x0": 1}'
        text = AUDIT.replace(old, "instructions:\n    - smc #0")
        code, output = check(text, image())
        self.assertEqual(code, 1, output)
        self.assertIn("`smc` is cut short: YAML takes ' #' for a comment, so quote it", output)

    # --- nothing that can be judged ---------------------------------------------------------------

    def test_broken_audit(self) -> None:
        """What is no audit is wrong usage, with its line."""
        self.refused(2, AUDIT + "- [", "audit.yaml:", "broken YAML")
        self.refused(2, "functions: 1\n", "audit.yaml:1: an audit is a list")
        self.refused(2, AUDIT + SWITCH_ENTRY, "audit.yaml:23: switch_root", "merge the two")
        self.refused(2, AUDIT + "  why: Because it was given once more.\n", "'why' is given twice")
        self.refused(2, AUDIT.replace("  file: arch/cpu.h\n", ""), "needs its file")
        self.refused(2, AUDIT.replace('"smc #0": 1', '"smc #0": many'), "has the count 'many'")
        self.refused(2, AUDIT.replace("[tlbi vmalle1,", "[[isb],"), "is no instruction")

    def test_missing_audit(self) -> None:
        """A file that is not there"""
        code, output = run("--audit", "nowhere.yaml", image())
        self.assertEqual(code, 2, output)
        self.assertIn("nowhere.yaml", output)

    def test_no_image_given(self) -> None:
        """No argument is wrong usage."""
        self.assertEqual(run()[0], 2)

    def test_nothing_to_check(self) -> None:
        """An image that cannot be judged never passes."""
        plain = image({"arch/switch.S": "", "arch/main.c": "void _start(void) { }\n"})
        self.refused(3, AUDIT, "no privileged instruction", elf=plain)
        stripped = SCRATCH / "stripped.elf"
        tool = "aarch64-linux-gnu-strip"
        subprocess.run([tool, "-o", str(stripped), str(image())], check=True)
        self.refused(3, AUDIT, "has no symbols", elf=stripped)
        subprocess.run([tool, "-g", "-o", str(stripped), str(image())], check=True)
        self.refused(3, AUDIT, "no debug information", elf=stripped)
        self.refused(3, AUDIT, "cannot be read", elf=SCRATCH / "none.elf")
        self.refused(3, AUDIT, "cannot be read", elf=SCRATCH / audit(AUDIT))
        self.refused(3, AUDIT, "not EM_AARCH64", elf=Path(sys.executable))
        torn = SCRATCH / "torn.elf"
        torn.write_bytes(image().read_bytes()[:-1000])
        self.refused(3, AUDIT, "cannot be read", elf=torn)

    # --- for people -------------------------------------------------------------------------------

    def test_list(self) -> None:
        """Every instruction, in order of address, on the terminal or in a file."""
        code, output = run("--root", ".", "--list", image())
        self.assertEqual(code, 0, output)
        rows = [line.split(maxsplit=4) for line in output.splitlines()]
        self.assertEqual(rows[0], ["IMAGE", "ADDRESS", "FUNCTION", "SOURCE", "INSTRUCTION"])
        self.assertEqual(len(rows), 1 + 16)
        self.assertEqual([row[1] for row in rows[1:]], sorted(row[1] for row in rows[1:]))
        self.assertIn(["switch_root", "arch/switch.S:8", "dsb nsh"], [row[2:] for row in rows])
        self.assertIn(["cpu_call", "arch/cpu.h:13", "hvc #0"], [row[2:] for row in rows])
        run("--root", ".", "--list", "--output", "list.txt", image())
        self.assertEqual((SCRATCH / "list.txt").read_text("utf-8"), output)

    def test_suggestion_is_refused_until_it_is_filled_in(self) -> None:
        """The skeleton of what lacks has the instructions, and no words."""
        code, output = run("--root", ".", "--suggest", "--audit", audit(FLUSH_ENTRY), image())
        self.assertEqual(code, 0, output)
        self.assertNotIn("cpu_flush", output)
        code, findings = check(FLUSH_ENTRY + output, image())
        self.assertEqual(code, 1, findings)
        for function in ("cpu_call", "switch_root"):
            for name in ("purpose", "relies_on", "why"):
                self.assertIn(f": {function}: '{name}' is missing", findings)
        self.assertIn("privileged: 6 findings", findings)
        filled = output.replace("\n  purpose:\n  relies_on:\n  why:\n", WORDS)
        self.assertEqual(check(FLUSH_ENTRY + filled, image())[0], 0, filled)


if __name__ == "__main__":
    unittest.main()
