#!/usr/bin/python3
"""State that contradicts itself is told, and followed no further than it can be right.

    test_broken_state.py [TEST...]

Each damage is done by gdb at a stop in the kernel, behind a look at what is told without it.
"""

from __future__ import annotations

import subprocess
import unittest

from objects_case import ObjectsTest, at

CAPS = "kernel_core.caps"
SCHED = "kernel_core.sched"
TASK_B, TASK_A = 2, 3
B_FIRST = 64 * TASK_B  # the first slot of B's table

# What is damaged: gdb's lines, the command, and what it then says. In this order, on one guest.
DAMAGES: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("head", (f"set var {SCHED}.head = 99",), "tyrne tasks",
     ("broken: sched.head is 99: the ring `queue` has 16 places",
      "broken: task 3 (task_a) is ready, but not in the queue: it never runs")),
    ("ready", (f"set var {SCHED}.head = 1", f"set var {SCHED}.ready = 200"), "tyrne tasks",
     ("broken: sched.ready is 200: there are 16 tasks at most",)),
    ("queue", (f"set var {SCHED}.ready = 1", f"set var {SCHED}.queue[1] = 9"), "tyrne tasks",
     ("broken: the ready queue holds task 9 (no such task)",)),
    ("twice", (f"set var {SCHED}.ready = 2", f"set var {SCHED}.queue[1] = 3",
               f"set var {SCHED}.queue[2] = 3"), "tyrne tasks",
     ("broken: task 3 (task_a) is 2 times in the queue",)),
    ("state", (f"set var {SCHED}.ready = 1", f"set var {SCHED}.tasks[3].state = 77"), "tyrne tasks",
     ("broken: task 3 (task_a) has an unknown state 77",
      "broken: task 3 (task_a) is in the ready queue, but unknown state 77")),
    ("siblings", (f"set var {SCHED}.tasks[3].state = 2",
                  f"set var {CAPS}.slots[{B_FIRST}].first_child.value = {B_FIRST + 1}",
                  f"set var {CAPS}.slots[{B_FIRST + 1}].next_sibling.value = {B_FIRST + 1}"),
     "tyrne caps task_b",
     ("broken: the children of task 2 slot 0 come round to task 2 slot 1 again: "
      "not followed further after 1",
      "broken: task 2 slot 0 has a child that names another parent: task 2 slot 1")),
    ("child", (f"set var {CAPS}.slots[{B_FIRST}].first_child.value = 5000",), "tyrne caps 2",
     ("broken: a child of task 2 slot 0 is slot 5000 of 1040",)),
    ("parent", (f"set var {CAPS}.slots[{B_FIRST}].first_child.value = 65535",
                f"set var {CAPS}.slots[{B_FIRST}].parent.value = 7"), "tyrne caps 2",
     ("broken: the parent of task 2 slot 0 is an empty slot: task 0 slot 7",)),
    ("rights", (f"set var {CAPS}.slots[{B_FIRST}].parent.value = {B_FIRST + 1}",
                f"set var {CAPS}.slots[{B_FIRST + 1}].first_child.value = {B_FIRST}"),
     "tyrne caps 2", ("broken: task 2 slot 0 has rights that its parent has not: recv",)),
    ("free", (f"set var {CAPS}.first_free[2].value = {B_FIRST + 3}",
              f"set var {CAPS}.slots[{B_FIRST + 3}].next_sibling.value = {B_FIRST + 3}"),
     "tyrne caps 2",
     ("broken: the free slots of task 2 come round to slot 3 again: not followed further after",)),
    ("receiver", ("set var kernel_core.ipc.endpoints[0].receiver = 9",), "tyrne endpoints",
     ("broken: the receiver of endpoint 0 is task 9 (no such task)",)),
    ("endpoint", ("set var kernel_core.ipc.endpoints[0].receiver = 2",
                  "set var kernel_core.ipc.endpoints[0].state = 9"), "tyrne endpoints",
     ("broken: endpoint 0 has an unknown state 9",)),
    ("waiter", ("set var kernel_core.ipc.endpoints[0].state = 0",
                "set var kernel_core.ipc.endpoints[0].receiver = 255",
                f"set var {SCHED}.tasks[2].state = 4", f"set var {SCHED}.tasks[2].waits_on = 0"),
     "tyrne endpoints",
     ("broken: task 2 (task_b) is blocked on endpoint 0, which does not know it",)),
    ("free frames", ("set var kernel_pmm.free = 5",), "tyrne frames",
     ("broken: pmm.free is 5, the bitmap has 32529 free",)),
    ("pages", ("set var kernel_spaces.spaces[1].pages = 9",), "tyrne frames",
     ("broken: space 1 counts 9 pages, its tables hold 2",)),
    # Bits 11:2 of a table descriptor: the count of the table below, 1 as it was made.
    ("count", ("set var $root = kernel_spaces.spaces[1].root_pa.value + 0xffffffff00000000",
               "set *(unsigned long *)$root += 4"), "tyrne frames",
     ("says 2 entries in use, it holds 1",)),
    ("loop", ("set *(unsigned long *)$root = kernel_spaces.spaces[1].root_pa.value | 3",),
     "tyrne frames",
     ("is reached twice: not followed again", "frames are taken, but no space has them: ")),
    ("nowhere", ("set *(unsigned long *)$root = 0x7ffffffff003",), "tyrne frames",
     ("broken: space 1: table 0x7ffffffff000 is outside of the kernel's RAM: not read",)),
)  # fmt: skip


class Broken(ObjectsTest):
    """Damage, told by the command that shows what is damaged."""

    def test_each_damage(self) -> None:
        """None is told before; each is told when it is there."""
        lines = ["hbreak sched_block", "continue", at("whole")]
        lines += ["tyrne tasks", "tyrne caps", "tyrne endpoints", "tyrne frames"]
        for name, damage, command, _ in DAMAGES:
            lines += [*damage, at(name), command]
        said = self.on_guest(self.build / "tyrne.elf", *lines)
        self.assertNotIn("broken", said["whole"])
        for name, _, _, wanted in DAMAGES:
            for words in wanted:
                with self.subTest(damage=name, words=words):
                    self.assertIn(words, said[name])
                    self.assertIn("(the CPU is in the kernel: an operation", said[name])

    def test_frame_records(self) -> None:
        """A chain of frame records that leads down, out of the stack, or round."""
        frame = "((struct trap_frame *)((unsigned long)&__task_stacks_start + 2 * 0x4000) - 1)"
        fp = "(kernel_spaces.spaces[1].root_pa.value + 0xffffffff00005000 + $record % 4096)"
        said = self.on_guest(
            self.build / "tyrne.elf",
            "hbreak syscall_dispatch", "continue",
            f"set var $record = {frame}->x[29]",
            at("whole"), "tyrne bt-user",
            f"set var {frame}->x[29] = 0x1234560", at("outside"), "tyrne bt-user",
            f"set var {frame}->x[29] = $record",
            f"set *(unsigned long *){fp} = $record", at("round"), "tyrne bt-user",
        )  # fmt: skip
        self.assertNotIn("ends here", said["whole"])
        self.assertIn("the chain ends here: x29 leads to 0x1234560, which is no frame record in "
                      "the stack 0x802000..0x802fff", said["outside"])  # fmt: skip
        self.assertRegex(said["round"], r"the chain ends here: the record at 0x(\w+) leads back "
                         r"down to 0x\1")  # fmt: skip

    def test_another_kernel(self) -> None:
        """An ELF that is no Tyrne, and no ELF at all: said by name."""
        said = self.gdb(self.build / "hello.user.elf", at("other"), "tyrne tasks")
        self.assertIn("tyrne: there is no guest: connect to a stopped QEMU", said["other"])
        elf = self.build / "hello.user.elf"
        said = self.on_guest(elf, at("other"), "tyrne tasks")
        self.assertIn(f"tyrne: no symbol 'kernel_core' in {elf}; these commands are for Tyrne",
                      said["other"])  # fmt: skip

    def other_build(self, source: str, *options: str) -> str:
        """What `tyrne tasks` says of another kernel that has these globals."""
        path = self.folder / "other.c"
        path.write_text(f"{source} void _start(void) {{ for (;;); }}\n", encoding="utf-8")
        elf = self.folder / "other.elf"
        command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-ffreestanding", *options]
        command += ["-Wl,-Ttext=0x40080000", "-o", str(elf), str(path)]
        subprocess.run(command, check=True, timeout=60)
        return self.on_guest(elf, at("other"), "tyrne tasks")["other"]

    def test_another_build(self) -> None:
        """A member or type with another name, a build without debug information: which it is."""
        core = "struct caps *caps; struct { struct caps *caps; } ipc;"
        said = self.other_build("struct core { int what; } kernel_core;", "-g")
        self.assertIn("'struct core' of this build has no member 'ipc'", said)
        said = self.other_build(f"struct core {{ {core} }} kernel_core;", "-g")
        self.assertIn("tyrne: no symbol 'boot_status' in ", said)
        said = self.other_build("struct core { int what; } kernel_core;", "-g0")
        self.assertIn("has 'kernel_core', but no debug information: build it with -g", said)

    def test_interrupted(self) -> None:
        """Ctrl-C in the middle: said in words, and memory is virtual behind it."""
        said = self.on_guest(
            self.build / "tyrne.elf", "hbreak sched_run", "continue",
            "python import signal, os, tyrne_gdb.kernel as k",
            "python k.Kernel.ram = property(lambda _: os.kill(os.getpid(), signal.SIGINT))",
            at("frames"), "tyrne frames", at("mode"), "maintenance packet qqemu.PhyMemMode",
        )  # fmt: skip
        self.assertRegex(said["frames"], "^(tyrne: interrupted|Quit)")
        self.assertIn('received: "0"', said["mode"])

    def test_wrong_words(self) -> None:
        """Each error says what to give instead."""
        said = self.on_guest(
            self.build / "tyrne.elf", "hbreak sched_run", "continue",
            at("words"), "tyrne caps a b", "tyrne tasks all", "tyrne caps 9",
            "tyrne bt-user nobody", "tyrne bt-user idle", "tyrne bt-user hello",
            "print $tyrne_descriptor(0, 4)",
        )  # fmt: skip
        for words in (
            "tyrne: one task at most: tyrne caps [TASK]",
            "tyrne: 'all' is too much: tyrne tasks",
            "tyrne: no task '9'; there are: 0 idle, 1 hello, 2 task_b, 3 task_a",
            "tyrne: no task 'nobody'; there are:",
            "tyrne: task 0 (idle) is a kernel task: it has no EL0 code",
            "tyrne: task 1 (hello) has not been in EL0 yet; it will start at 0x800000",
            "tyrne: there is no level 4, levels are 0 to 3",
        ):
            self.assertIn(words, said["words"])


if __name__ == "__main__":
    unittest.main()
