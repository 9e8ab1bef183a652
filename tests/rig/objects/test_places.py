#!/usr/bin/python3
"""`tyrne ...` at the places of a boot and of a run: what it says is what the kernel's state is.

    test_places.py [TEST...]

$TYRNE_IMAGES is the directory of the images (build/debug otherwise); the tests of a release build
run the first class only.
"""

from __future__ import annotations

import unittest

from objects_case import ALL, ObjectsTest, at

LOW = "hbreak *((unsigned long)&%s & 0xffffffff)"


class Image(ObjectsTest):
    """The main image, debug or release: the seed's story."""

    def test_before_there_are_objects(self) -> None:
        """With the MMU off and low with it on, every command says how far the boot came."""
        said = self.on_guest(
            self.build / "tyrne.elf",
            at("reset"), *ALL,
            LOW % "kernel_main", "continue", at("mmu off"), *ALL,
            LOW % "kernel_mmu_active", "continue", at("low"), *ALL,
            "delete", LOW % "kernel_high_half", "hbreak kernel_high_half", "continue",
            at("high"), "tyrne tasks",
        )  # fmt: skip
        for place, words in (
            ("reset", "(before boot step 2, which clears .bss)"),
            ("mmu off", "(last completed boot step 2: stack, .bss and vectors)"),
            ("low", "(last completed boot step 3: MMU on, identity map)"),
        ):
            text = f"tyrne: the kernel has not set up its tasks yet {words}; they are there from:"
            self.assertEqual(said[place].count(text), len(ALL), said[place])
        self.assertIn("has not set up its tasks yet (last completed boot step 7", said["high"])

    def test_before_the_first_task(self) -> None:
        """Behind demo_create() all objects are there and no task runs."""
        said = self.on_guest(
            self.build / "tyrne.elf", "hbreak sched_run", "continue", at("run"), *ALL
        )
        run = said["run"]
        self.assertIn("no task runs yet: the boot does", run)
        self.assertIn("4 of 16 tasks; ready queue: 2, 3", run)
        self.assertRegex(self.row(run, "hello"), r"fresh 1 root 0x\w+ 0x800000 <_start>")
        self.assertIn("ready, place 1", self.row(run, "task_b"))
        self.assertIn("ready, place 2", self.row(run, "task_a"))
        self.assertNotIn("*", run)
        self.assertIn("task 1 (hello): 1 of 64 slots\n", run)
        self.assertRegex(run, r"0 +0x0 +debug console +console-write +root\n")
        self.assertIn("no task runs; name one: tyrne bt-user TASK", run)
        self.assertNotIn("broken", run)

    def test_in_the_middle_of_ipc(self) -> None:
        """B waits at endpoint 0, A runs: the switch to it is under way, then over."""
        said = self.on_guest(
            self.build / "tyrne.elf",
            "hbreak hal_context_switch", "continue", at("switch"), *ALL, "delete",
            "hbreak task_a", "continue", at("a"), *ALL, "tyrne caps task_b", "tyrne caps current",
        )  # fmt: skip
        self.assertIn("a switch is under way: the CPU is on the stack of task 2 (task_b)",
                      said["switch"])  # fmt: skip
        self.assertIn("running - task_a", self.row(said["switch"], "task_a"))
        here = said["a"]
        self.assertIn("blocked on endpoint 0 - task_b", self.row(here, "task_b"))
        self.assertTrue(self.row(here, "task_a").startswith("* 3 task_a running - task_a"))
        self.assertIn("endpoint 0: task 2 (task_b) waits for a message\n"
                      "    may send: 3; may receive: 2\n"
                      "  endpoint 1: idle: no message, nobody waits\n"
                      "    may send: 2; may receive: 3\n", here)  # fmt: skip
        self.assertIn("ready queue: empty", here)
        self.assertIn("task 3 (task_a) is a kernel task: it has no EL0 code; its backtrace: bt",
                      here)  # fmt: skip
        self.assertEqual(here.count("task 2 (task_b): 2 of 64 slots"), 2)  # caps, caps task_b
        self.assertEqual(here.count("task 3 (task_a): 2 of 64 slots"), 2)  # caps, caps current
        self.assertNotIn("broken", said["switch"] + here)

    def test_at_el0(self) -> None:
        """At the program's first instruction gdb itself can read no kernel address."""
        said = self.on_guest(
            self.build / "tyrne.elf",
            "hbreak *0x800000", "continue", at("el0"), *ALL,
            at("virtual"), "print kernel_core.sched.current",
            at("physical"), 'print $tyrne_global("kernel_core").sched.current',
            at("mode"), "maintenance packet qqemu.PhyMemMode",
        )  # fmt: skip
        el0 = said["el0"]
        self.assertRegex(
            self.row(el0, "hello"),
            r"^\* 1 hello running .* 0x800000 <_start> start\.S:\d+ \(EL0\)$",
        )
        self.assertIn("task 1 (hello), it runs, in EL0\n#0  0x0000000000800000 <_start>", el0)
        self.assertIn("space 1 of task 1 (hello), active: 2 pages, 4 table frames", el0)
        self.assertRegex(el0, r"level 3 at 0x\w+, from 0x800000: 2 in use \(count above: 2")
        self.assertNotIn("broken", el0)
        self.assertIn("Cannot access memory", said["virtual"])
        self.assertIn("$1 = 1", said["physical"])
        self.assertIn('received: "0"', said["mode"])

    def test_in_a_syscall(self) -> None:
        """From the vector on: the EL0 state is in registers first, then in the trap frame."""
        said = self.on_guest(
            self.build / "tyrne.elf",
            "hbreak *((unsigned long)&vectors + 0x400)", "continue", at("vector"),
            "tyrne tasks", "tyrne bt-user", "delete",
            "hbreak syscall_dispatch", "continue", at("kernel"), *ALL,
        )  # fmt: skip
        self.assertIn("task 1 (hello), the CPU is in vectors, its registers still the task's",
                      said["vector"])  # fmt: skip
        self.assertIn("task 1 (hello), from its trap frame", said["kernel"])
        for place in ("vector", "kernel"):
            # Optimised, user_main() is a leaf, and its caller is told of by x30.
            frames = [line for line in said[place].splitlines() if line[:1] in ("#", "x")]
            self.assertRegex(frames[-1], r"<_start\+0x\w+> start\.S:\d+")
            self.assertRegex(frames[-2], r"<user_main")
        self.assertNotIn("broken", said["kernel"])

    def test_at_the_end(self) -> None:
        """Only idle is left, the program's memory is given back, idle's capability is stale."""
        said = self.on_guest(
            self.build / "tyrne.elf", "hbreak bring_up_end", "continue", at("end"), *ALL
        )
        self.assertIn("1 of 16 tasks; ready queue: empty", said["end"])
        self.assertRegex(said["end"], r"taken     1: 0x\w+\n")
        self.assertIn("address space 1, generation 0: gone", said["end"])
        self.assertNotIn("broken", said["end"])


class Programs(ObjectsTest):
    """Images with other programs, and the one that clang made."""

    def test_clang(self) -> None:
        """The other compiler's image."""
        said = self.on_guest(
            self.build / "tyrne-clang.elf", "hbreak syscall_dispatch", "continue", at("here"), *ALL
        )
        self.assertRegex(self.row(said["here"], "hello"), r"^\* 1 hello running 1 root 0x\w+")
        self.assertIn("debug console", said["here"])
        self.assertNotIn("broken", said["here"])

    def test_messages_with_capabilities(self) -> None:
        """The server fetches its first message; a capability came with it."""
        said = self.on_guest(
            self.build / "user-images" / "ledger.elf",
            "hbreak cap_unpark", "continue", at("here"), *ALL,
            "tyrne caps ledger-server", at("two"), "tyrne caps ledger-client",
            at("client"), "tyrne bt-user 1",
        )  # fmt: skip
        here = said["here"]
        self.assertRegex(here, r"endpoint 0: a message waits for a receiver: label 0x\w+, words")
        self.assertRegex(here, r"with it comes a capability: endpoint \d, transfer send\n")
        self.assertRegex(here, r"parked at endpoint 0: endpoint \d, transfer send")
        self.assertIn("may send: 1, 2, 3, 4, 5, 6; may receive: 7", here)
        self.assertRegex(
            here,
            r"task 7 \(ledger-server\), from its trap frame\n"
            r"#0  0x\w+ <user_syscall\S+ syscall\.h:\d+\n#1  0x\w+ <user_recv",
        )
        self.assertIn("tasks 1, 2, 3, 4, 5, 6 are called ledger-client: give the number",
                      said["two"])  # fmt: skip
        self.assertRegex(said["client"], r"task 1 \(ledger-client\), from its trap frame")
        self.assertRegex(said["client"], r"#\d  0x\w+ <user_main\S+ ledger_client\.c:\d+\n")
        self.assertNotIn("broken", here)

    def test_a_user_fault(self) -> None:
        """Where the kernel judges it: the backtrace starts at the instruction that faulted."""
        said = self.on_guest(
            self.build / "user-images" / "read-null.elf",
            "hbreak exception_lower_sync", "continue", at("here"), *ALL, at("two"),
            "tyrne bt-user 2",
        )  # fmt: skip
        self.assertRegex(
            said["here"],
            r"task 1 \(read-null\), from its trap frame\n"
            r"#0  0x\w+ <fault_site> faults\.S:\d+\n",
        )
        self.assertIn("hello", said["here"])
        self.assertIn("task 2 (hello) has not been in EL0 yet; it will start at 0x800000",
                      said["two"])  # fmt: skip

    def test_a_kernel_fault(self) -> None:
        """On the emergency stack, with the current task's stack overrun."""
        said = self.on_guest(
            self.build / "kernel-images" / "overruns-stack.elf",
            "hbreak exception_fatal", "continue", at("here"), *ALL, at("frame"), "print *frame",
        )  # fmt: skip
        self.assertRegex(
            self.row(said["here"], "mistake"), r"^\* 2 mistake running .*exception_fat"
        )
        self.assertIn("capability for", said["here"])
        self.assertRegex(said["frame"], r"\$1 = from EL1h at 0x\w+, SP_EL0 0x0, DAIF masked")

    def test_programs_of_the_other_compiler(self) -> None:
        """Each compiler's image carries its own programs, and finds them."""
        elf = self.build / "tyrne-clang.elf"
        said = self.on_guest(elf, "hbreak syscall_dispatch", "continue", at("here"), "tyrne tasks")
        self.assertRegex(self.row(said["here"], "hello"), r"running 1 root 0x\w+ 0x800000 <_start>")

    def test_without_the_programs_elf(self) -> None:
        """A program whose ELF is not there: addresses, and where it was looked for."""
        elf = self.folder / "deep" / "tyrne.elf"
        elf.parent.mkdir()
        elf.write_bytes((self.build / "tyrne.elf").read_bytes())
        said = self.on_guest(elf, "hbreak syscall_dispatch", "continue", at("here"), *ALL)
        self.assertIn(f"no symbols: no *.user.elf in {elf.parent} or {self.folder}", said["here"])
        self.assertRegex(said["here"], r"task 1, from its trap frame\n#0  0x00000000008\w+\n#1  0x")


if __name__ == "__main__":
    unittest.main()
