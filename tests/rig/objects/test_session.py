#!/usr/bin/python3
"""The commands as a person has them: by the image's script, in `rig debug`, at a terminal; the
pretty-printers; and that the numbers from Tyrne's headers are the headers'.

    test_session.py [TEST...]
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unittest
from pathlib import Path

import pexpect
from objects_case import LOAD, ROOT, ObjectsTest, at

sys.path.insert(0, str(ROOT / "rig" / "rules"))

# pylint: disable=wrong-import-position # the path above comes first
from tyrne_gdb import names  # noqa: E402

PROMPT = re.compile(r"\(gdb\) (\x1b\[[0-9;?]*[a-zA-Z])*$")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x07]")
BOUND_S = 180
COLOUR = "\x1b[1m"  # a heading in bold


class ImageScript(ObjectsTest):
    """IMAGE-gdb.py, which CMake leaves beside each image."""

    def test_a_plain_gdb(self) -> None:
        """Both prefixes and the printers are there when the safe path allows the script."""
        said = self.on_guest(
            self.build / "tyrne.elf", "hbreak sched_run", "continue", at("tasks"), "tyrne tasks",
            at("rig"), "help rig", at("printers"), "info pretty-printer", plain=True,
        )  # fmt: skip
        self.assertIn("task_b", said["tasks"])
        self.assertIn("rig walk", said["rig"])
        self.assertRegex(said["printers"], r"tyrne\.elf pretty-printers:\n  tyrne\n")

    def test_every_image_has_one(self) -> None:
        """Also those of the other compiler and of tests."""
        images = [path for path in self.build.glob("**/*.elf") if self.is_kernel(path)]
        self.assertGreater(len(images), 60)
        for image in images:
            self.assertTrue(Path(f"{image}-gdb.py").is_file(), f"{image} has no script")

    def is_kernel(self, path: Path) -> bool:
        """Is it an image that the build made for people (not one in a nested build's rooms)?"""
        own = (self.build, self.build / "user-images", self.build / "kernel-images")
        return path.parent in own and not path.name.endswith(".user.elf")

    def test_without_the_rig(self) -> None:
        """A copy of the image alone: where the rig was looked for, and what to do."""
        for name in ("tyrne.elf", "tyrne.elf-gdb.py"):
            shutil.copy(self.build / name, self.folder / name)
        said = self.gdb(self.folder / "tyrne.elf", at("tasks"), "tyrne tasks", plain=True)
        self.assertRegex(said.text, r"tyrne\.elf-gdb\.py: the rig is at none of \S+, .*: no "
                         r"commands for this image; install it \(cmake --install\)")  # fmt: skip
        self.assertIn('Undefined command: "tyrne"', said["tasks"])

    def test_no_guest(self) -> None:
        """Without a process each command says how to get one."""
        said = self.gdb(self.build / "tyrne.elf", at("none"), "tyrne tasks", "tyrne caps",
                        'print $tyrne_global("kernel_core")', plain=True)  # fmt: skip
        words = "tyrne: there is no guest: connect to a stopped QEMU (target remote SOCKET)"
        self.assertEqual(said["none"].count(words), 3)


class Printers(ObjectsTest):
    """Values in words."""

    def test_values(self) -> None:
        """One value of each type that has a printer."""
        core = "kernel_core"
        cases = (
            ("kernel_pmm.start_pa", r"0x40000000$"),
            ("(vaddr_t){(unsigned long)&kernel_core}", r"0x\w+ <kernel_core>$"),
            ("(vaddr_t){0x1234}", r"0x1234$"),
            (f"{core}.windows[1].image_va", r"0x800000$"),
            ("kernel_pmm.ranges[0]", r"0x40000000\.\.0x4007ffff$"),
            ("(struct pa_range){{4096}, {4096}}", r"0x1000\.\.0x1000 \(empty\)$"),
            ("(cap_handle_t){0x20003}", r"0x20003 \(slot 3, generation 2\)$"),
            ("(cap_handle_t){-1}", r"no capability$"),
            (f"{core}.caps.slots[0].parent", r"none$"),
            (f"{core}.caps.first_free[0]", r"slots\[2\]$"),
            (f"{core}.sched.tasks[1].space", r"1 \(generation 0\)$"),
            (f"{core}.sched.tasks[0].space", r"none$"),
            (f"{core}.caps.slots[128].cap", r"endpoint 0 \(generation 0\), rights: recv$"),
            (f"{core}.caps.slots[64].cap", r"debug console 0 \(generation 0\), rights: console-wr"),
            (f"{core}.caps.slots[63].cap", r"empty$"),
            (f"{core}.sched.tasks[2]", r"ready, in the kernel only = \{context = goes on at 0x\w+ "
             r"<context_trampoline>, SP 0x\w+ <.*>, state = TASK_READY, "),
            (f"{core}.ipc.endpoints[0]", r"idle = \{state = ENDPOINT_IDLE, receiver = 255 "),
            ("$frame[0]",
             r"from EL0t at 0x800000, SP_EL0 0x\w+, DAIF masked = \{x = "),
            ("$frame[1]", r"from EL1h at 0x\w+, SP_EL0 0x\w+, nothing masked"),
            ("(struct leaf_descriptor){0x400ea000, 1, 3, 3, 1, 1, 0, 1, 0}",
             r"leaf at 0x400ea000, EL1 r--, EL0 r-x, attribute 1, inner shareable, not global$"),
            ("(struct mmu_entry){MMU_ENTRY_TABLE, {4096}, 2, USER_READ_ONLY}",
             r"table at 0x1000, 2 entries in use$"),
            ("(struct mmu_entry){MMU_ENTRY_PAGE, {4096}, 0, USER_READ_WRITE}",
             r"page at 0x1000, read write$"),
            ("(status_t)STATUS_QUEUE_FULL", r"STATUS_QUEUE_FULL \(0x204, an IPC error\)$"),
            ("(status_t)STATUS_OK", r"STATUS_OK$"),
            ("(status_t)0x999", r"no status \(0x999\)$"),
            ("$tyrne_rights(0x113)", r'"duplicate derive send unknown 0x100"$'),
            ("$tyrne_rights(0)", r'"none"$'),
            ("$tyrne_descriptor(0x400eb007, 0)", r'"table at 0x400eb000, 1 entries in use"$'),
            ("$tyrne_descriptor(0, 3)", r'"invalid: not mapped"$'),
            ("$tyrne_descriptor(1, 3)", r'"reserved encoding at level 3: a walk faults here"$'),
            ("$tyrne_descriptor(0x40200001, 2)", r'"block of 2 MiB at 0x40200000, EL1 rwx, EL0 --x,'
             r' attribute 0, non-shareable, global, access flag clear: the first access faults"$'),
        )  # fmt: skip
        lines = ["hbreak sched_run", "continue"]
        # Two frames in memory that nobody uses: gdb makes no value with an array of its own.
        lines += ["set var $frame = (struct trap_frame *)&kernel_core.caps.slots[900]"]
        lines += ["set var $frame[0].elr = 0x800000", "set var $frame[0].spsr = 0x3c0"]
        lines += ["set var $frame[1].spsr = 5"]
        for number, (value, _) in enumerate(cases):
            lines += [at(str(number)), f"print {value}"]
        said = self.on_guest(self.build / "tyrne.elf", *lines)
        for number, (value, words) in enumerate(cases):
            with self.subTest(value=value):
                first = said[str(number)].splitlines()[0]
                self.assertRegex(first, rf"^\$\d+ = {words}")


class Terminal(ObjectsTest):
    """A person at a terminal, in `rig debug`: the pack names the commands."""

    def start(self, **environment: str) -> pexpect.spawn:
        """`rig debug` at its prompt, at the first instruction."""
        kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "INPUTRC")}
        kept |= {"TERM": "xterm", "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        words = ["debug", "--pack", "tyrne", "--elf", str(self.build / "tyrne.elf")]
        child = pexpect.spawn(str(ROOT / "rig" / "rig"), words, env=kept | environment,
                              cwd=str(self.folder), encoding="utf-8", timeout=BOUND_S,
                              dimensions=(200, 200))  # fmt: skip
        self.addCleanup(child.close, True)
        child.expect(PROMPT)
        return child

    @staticmethod
    def ask(child: pexpect.spawn, line: str) -> str:
        """What a command prints, with its escapes."""
        child.sendline(line)
        child.expect(PROMPT)
        return str(child.before).partition("\n")[2]

    def test_a_session(self) -> None:
        """Colour, completion of commands and tasks, help; the memory mode is virtual behind it."""
        child = self.start()
        self.assertIn("has not set up its tasks yet", self.ask(child, "tyrne tasks"))
        self.ask(child, "hbreak sched_run")
        self.ask(child, "continue")
        said = self.ask(child, "tyrne tasks")
        self.assertIn(COLOUR, said)
        self.assertIn("task_b", ESCAPES.sub("", said))
        for typed, whole in (("tyrne ta", "tyrne tasks"), ("tyrne caps task_b", "2 of 64 slots"),
                             ("tyrne caps he", "task 1 (hello): 1 of 64 slots")):  # fmt: skip
            child.send(f"{typed}\t\n")
            child.expect(PROMPT)
            self.assertIn(whole, ESCAPES.sub("", str(child.before)))
        child.send("tyrne bt-user \t\t")
        for word in ("current", "hello", "idle", "task_a", "task_b"):
            child.expect(word)
        child.send("\x15\n")
        child.expect(PROMPT)
        self.assertIn("Usage: tyrne frames", self.ask(child, "help tyrne frames"))
        self.assertIn('received: "0"', self.ask(child, "maintenance packet qqemu.PhyMemMode"))
        child.sendline("quit")
        child.expect(pexpect.EOF)

    def test_no_color(self) -> None:
        """NO_COLOR: the commands send no escape."""
        child = self.start(NO_COLOR="1")
        self.ask(child, "hbreak sched_run")
        self.ask(child, "continue")
        for command in ("tyrne tasks", "tyrne caps", "tyrne endpoints", "tyrne frames"):
            said = self.ask(child, command)
            self.assertNotIn("\x1b[1m", said)
            self.assertNotIn("\x1b[3", said)
        child.sendline("quit")
        child.expect(pexpect.EOF)


class Names(unittest.TestCase):
    """names.py against the headers that it copies."""

    @staticmethod
    def macro(header: str, name: str) -> int:
        """The number that a macro of a kernel header stands for."""
        text = (ROOT / "kernel" / "include" / "tyrne" / header).read_text(encoding="utf-8")
        found = re.search(rf"^#define {name} +(.+?)(?: *//.*| */\*.*)?$", text, re.MULTILINE)
        assert found is not None, f"{header} has no {name}"
        number = re.sub(r"(?<=\d)U(LL)?\b|(?<=F)U\b", "", found[1])
        number = number.replace("UINT16_MAX", "0xFFFF").replace("UINT32_MAX", "0xFFFFFFFF")
        number = re.sub(r"\(\(\w+\)\{(\w+)\}\)", r"\1", number)
        return int(eval(number, {"__builtins__": {}}))  # pylint: disable=eval-used # our own header

    def test_numbers(self) -> None:
        """Each number that debug information does not hold."""
        for header, name, value in (
            ("limits.h", "TASK_NONE", names.NONE),
            ("sched.h", "SCHED_NOTHING", names.NONE),
            ("address_space.h", "ADDRESS_SPACE_NONE", names.NONE),
            ("capability.h", "CAP_REF_NONE", names.NO_SLOT),
            ("types.h", "PAGE_SIZE", names.PAGE_SIZE),
            ("hal/mmu.h", "MMU_LEVELS", names.LEVELS),
            ("hal/mmu.h", "MMU_TABLE_ENTRIES", names.TABLE_ENTRIES),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.macro(header, name), value)

    def test_rights(self) -> None:
        """Every right of the ABI has its word, and there is no other."""
        for word, bit in names.RIGHTS.items():
            name = f"CAP_RIGHT_{word.upper().replace('-', '_')}"
            self.assertEqual(self.macro("capability.h", name), bit, name)
        self.assertEqual(self.macro("capability.h", "CAP_RIGHTS_ALL"), sum(names.RIGHTS.values()))

    def test_load_is_what_the_packs_name(self) -> None:
        """Every Tyrne pack has the commands, by the boot's pack that they use."""
        text = (ROOT / "rig" / "rules" / "tyrne-boot.yaml").read_text(encoding="utf-8")
        self.assertIn(f"gdb: {LOAD.relative_to(ROOT / 'rig' / 'rules')}", text)


if __name__ == "__main__":
    unittest.main()
