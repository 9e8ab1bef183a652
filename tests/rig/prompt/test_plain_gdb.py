#!/usr/bin/python3
"""The commands `rig ...` in a plain gdb on a QEMU that somebody else started.

    test_plain_gdb.py [TEST...]
"""

from __future__ import annotations

import os
import time
import unittest

from prompt_case import ELF, MODE, ROOT, VIRTUAL, PromptTest

AUTOLOAD = ROOT / "rig" / "gdb" / "autoload.py"
LISTEN = "0A"  # of /proc/net/tcp


def port_of(process: int) -> int:
    """The TCP port at which a process listens, once it does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        sockets = set()
        for entry in os.scandir(f"/proc/{process}/fd"):
            try:
                sockets.add(os.readlink(entry.path).removeprefix("socket:[").rstrip("]"))
            except OSError:
                continue  # closed meanwhile
        with open("/proc/net/tcp", encoding="ascii") as table:
            for words in map(str.split, table):
                if words[3] == LISTEN and words[9] in sockets:
                    return int(words[1].split(":")[1], 16)
        time.sleep(0.01)
    raise AssertionError("QEMU does not listen")


class PlainGdb(PromptTest):
    """gdb-multiarch, `target remote`, and the rig's commands."""

    def test_tcp_with_a_pack(self) -> None:
        """Sourced by hand, the pack named; every kind of command, and gdb's own in between."""
        guest = self.qemu("tcp:127.0.0.1:0")
        prompt = self.plain("-nx", ELF)
        ask = prompt.ask
        ask(f"source {AUTOLOAD}")
        self.shows(
            ask("rig status"),
            "no guest is connected: start QEMU with -S -s, then `target remote :1234`",
        )
        self.shows(ask("rig esr 0x56000000"), "SVC")
        self.shows(ask(f"target remote :{port_of(guest.pid)}"), "_start|0x0*40080000")
        self.shows(ask("rig status"), r"^EL1", "the pack has none")
        self.shows(ask("rig pack nothing"), "cannot read the rule pack: No such file")
        self.shows(ask("rig pack tyrne"), r"rules/tyrne\.yaml, variant el1: \d+ rules for stepping")
        self.shows(
            ask("rig until mmu-on"),
            "ok    1/68 entry-el1",
            "ok   22/68 mmu-on",
            "0 broken",
            r"^#0 .*migrate\.S",
        )
        self.shows(ask("rig map --filter x"), r"r-x --- .*\.text")
        self.shows(ask("rig walk $sp - 8"), "EL1 may read and write", "boot stack")
        self.shows(ask("stepi"), r"^\d+\t|^0x")
        self.shows(ask("rig step-state"), "^`", "^#0")
        self.shows(ask("rig until mmu-announced"), "waits for text on the console")
        self.shows(ask("rig watch TTBR1_EL1"), "BADDR: 0 -> 0x4009")
        # The pack once more: a guest in the middle of its boot is not at its reset.
        self.shows(ask("rig pack nosuch"), "cannot read the rule pack")
        self.shows(ask("rig pack tyrne"), "rules for stepping")
        self.shows(ask("rig until high-walks-on"), "ok   26/68 high-walks-on", " 0 broken")
        self.shows(ask("tbreak kernel_high_half"), "Temporary breakpoint")
        self.shows(ask("continue"), "kernel_high_half")
        self.shows(ask("rig status"), r"^PC +0xffffffff\w+ high +kernel_high_half")
        self.shows(ask(MODE), VIRTUAL)
        self.shows(ask("disconnect"), "")
        self.shows(ask("rig status"), "there is no guest any more|no guest is connected")

    def test_the_images_script_sourced_by_hand(self) -> None:
        """As one does when gdb declines to load it."""
        prompt = self.plain("-nx", ELF)
        prompt.ask(f"source {ELF}-gdb.py")
        self.shows(prompt.ask("help tyrne"), "tyrne tasks")
        self.shows(prompt.ask("rig esr 0x56000000"), "SVC")

    def test_unix_socket_without_an_elf(self) -> None:
        """Nothing is known of the guest: registers, tables, steps are there all the same."""
        guest = self.qemu("unix:stub.sock,server=on,wait=off")
        prompt = self.plain("-nx")
        ask = prompt.ask
        ask(f"source {AUTOLOAD}")
        deadline = time.monotonic() + 30
        while not (self.work / "stub.sock").exists() and time.monotonic() < deadline:
            self.assertIsNone(guest.poll())
            time.sleep(0.01)
        ask("target remote ./stub.sock")
        self.shows(ask("rig status"), "^EL1", r"^PC +0x0*40080000 low +no symbol")
        self.shows(ask("rig watch SCTLR_EL1.M"), "M: 0 -> 1")
        self.shows(ask("rig walk $pc"), "EL1 may read and execute")
        self.shows(ask("rig id 0x9000000"), r"a device, pl011 \+ 0x0")
        self.shows(ask("rig audit --rule wx-mapping"), "PASS  wx-mapping")
        self.shows(
            ask("rig until x"),
            "no rule pack with checkpoints is loaded; in a plain gdb: rig pack FILE",
        )

    def test_beside_the_image(self) -> None:
        """Where gdb's safe path allows it the image's own script has loaded everything."""
        guest = self.qemu("tcp:127.0.0.1:0")
        prompt = self.plain("-nx", "-iex", f"add-auto-load-safe-path {ELF.parent}", ELF)
        self.shows(prompt.ask(f"target remote :{port_of(guest.pid)}"), "_start|0x0*40080000")
        self.shows(prompt.ask("rig status"), r"0 of 68 reached|which came since")
        self.shows(prompt.ask("rig until masked"), "stopped at checkpoint masked")
        self.shows(prompt.ask("help tyrne"), "tyrne tasks")


if __name__ == "__main__":
    unittest.main()
