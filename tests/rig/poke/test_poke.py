#!/usr/bin/python3
"""The poke plugin inside QEMU: when it flips, who sees it, what it refuses.

Needs the cross compiler; $RIG_TOOLS is the directory of the plugins.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import replace
from pathlib import Path

from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2] / "rig"), str(HERE.parent / "events")]

# pylint: disable=wrong-import-position # the path above comes first
import event_file as trace  # noqa: E402
from engine import plugin, poke, qemu  # noqa: E402
from engine.errors import CannotJudge  # noqa: E402
from engine.mutant import Poke  # noqa: E402
from engine.order_run import Recorder  # noqa: E402
from engine.process import Children, find_tool  # noqa: E402
from engine.rsp import Rsp  # noqa: E402

BOUND_S = 60
BIT = 54
VALUE = 0x0123456789ABCDEF
LIVE = 0x80000705
MACHINE = qemu.Machine("el1", "virt,gic-version=2", "cortex-a72", "128M", 1, ())
WAYS = 6  # in which the guest stores VALUE into `word`, with the image's own


class PokeTest(unittest.TestCase):
    """A work directory and the guest of guest.S."""

    qemu: str
    work: Path
    elf: Path
    at: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-poke-")))
        cls.qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        cls.elf = cls.work / "guest.elf"
        command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x40080000"]
        command += ["-Wl,-Tdata=0x40090000", f"-DBIT={BIT}", "-o", str(cls.elf)]
        subprocess.run([*command, str(HERE / "guest.S")], check=True, timeout=BOUND_S)
        with cls.elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            cls.at = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}

    def of_word(self) -> Poke:
        """VALUE in `word`."""
        return Poke(self.at["word"], VALUE, BIT)

    def of_table(self) -> Poke:
        """The descriptor that the guest stores into its live table."""
        return Poke(self.at["table"] + 16, LIVE, BIT)

    def command(self, change: Poke | None, *more: str) -> list[str]:
        """QEMU's command line of the guest."""
        words = qemu.guest_words(self.qemu, replace(MACHINE, poke=change), str(self.elf))
        return [*words, *more]

    def says(self, change: Poke | None, *more: str) -> str:
        """The guest's letters."""
        done = subprocess.run(
            self.command(change, *more),
            cwd=self.work, capture_output=True, text=True, timeout=BOUND_S, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return (self.work / qemu.SERIAL).read_text("ascii")


class Flips(PokeTest):
    """The word is wrong from its store on."""

    def test_each_way_of_storing(self) -> None:
        """As the image has it, whole, in halves, as a pair, in bytes, exclusively; not beside."""
        self.assertEqual(self.says(self.of_word()), "f" * WAYS + "kk\n")
        self.assertEqual(poke.flipped(self.work), WAYS)

    def test_live_table(self) -> None:
        """A store through the MMU."""
        self.assertEqual(self.says(self.of_table()), "k" * (WAYS + 1) + "f\n")
        self.assertEqual(poke.flipped(self.work), 1)

    def test_other_value(self) -> None:
        """Nothing is done to a value that is not the one, nor without a poke."""
        never = replace(self.of_word(), value=VALUE + 1)
        self.assertEqual(self.says(never), "k" * (WAYS + 2) + "\n")
        self.assertEqual(poke.flipped(self.work), 0)
        (self.work / poke.NOTE).unlink()
        self.assertEqual(self.says(None), "k" * (WAYS + 2) + "\n")
        with self.assertRaisesRegex(CannotJudge, "the poke plugin left no note"):
            poke.flipped(self.work)


class Seen(PokeTest):
    """Others see what the guest sees."""

    def test_event_trace(self) -> None:
        """The event plugin records the changed descriptor, in each of the trace's runs."""
        folder = self.work / "order"
        folder.mkdir()
        path = Recorder(self.command(self.of_table()), folder, BOUND_S).record().trace
        stores = trace.read(path).of("store")
        self.assertEqual([event.pc for event in stores], [self.at["live_store"]])
        self.assertEqual(stores[0].known(), LIVE ^ 1 << BIT)
        rooms = [note.parent for note in folder.rglob(poke.NOTE)]
        self.assertEqual({poke.flipped(room) for room in rooms}, {1})
        self.assertEqual(len(rooms), 3 if plugin.variant(self.qemu) == 1 else 1)

    def test_debugger(self) -> None:
        """A guest that is stepped: before the store, and right behind it."""
        deadline = time.monotonic() + BOUND_S
        socket = self.work / qemu.GDB_SOCKET
        socket.unlink(missing_ok=True)
        stub = ["-S", "-gdb", f"unix:{qemu.GDB_SOCKET},server=on,wait=off"]
        with Children() as children:
            child = children.start("qemu", self.command(self.of_table(), *stub), self.work)
            while not socket.exists():
                self.assertIsNone(child.wait(0.01), child.stderr())
                self.assertLess(time.monotonic(), deadline)
            guest = Rsp(socket, deadline)
            found: list[bytes | None] = []
            while not found or guest.pc() != self.at["live_store"] + 4:
                if guest.pc() == self.at["live_store"]:
                    found.append(guest.read_physical(self.of_table().pa, 8))
                guest.step_from()
            found.append(guest.read_physical(self.of_table().pa, 8))
            guest.close()
        words = [int.from_bytes(data or b"", "little") for data in found]
        self.assertEqual(words, [0, LIVE ^ 1 << BIT])


class Refuses(PokeTest):
    """Wrong arguments and memory that is not there, in words."""

    def refused(self, options: str, *more: str) -> str:
        """What QEMU says when it does not run."""
        words = qemu.guest_words(self.qemu, MACHINE, str(self.elf))
        library = plugin.choose(self.qemu, "rigpoke")
        done = subprocess.run(
            [*words, "-plugin", f"{library}{options}", *more],
            cwd=self.work, capture_output=True, text=True, timeout=BOUND_S, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_arguments(self) -> None:
        """Each wrong argument is named."""
        for argument in (
            "foo=1", "ram=x", "pa=x", "pa=0x40000004", "pa=0", "value=0", "value=1z", "bit=64",
            "bit=-1", "bit=", "pa=0x1ffffffffffffffff",
        ):  # fmt: skip
            with self.subTest(argument):
                self.assertIn(f"rigpoke: cannot use '{argument}'", self.refused(f",{argument}"))
        whole = ",out=x,ram=0x40000000,pa=0x40090000,value=1,bit=1"
        for part in whole[1:].split(","):
            with self.subTest(part):
                self.assertIn(
                    "rigpoke: needs out=FILE", self.refused(whole.replace(f",{part}", ""))
                )
        self.assertIn(
            "rigpoke: cannot create /nonexistent/x",
            self.refused(whole.replace("x,", "/nonexistent/x,", 1)),
        )

    def test_memory(self) -> None:
        """RAM that is not found, a word that is not in it, a board whose RAM is nowhere known."""
        options = ",out=x,ram=0x40000000,value=1,bit=1,pa="
        self.assertIn("RAM is not found", self.refused(f"{options}0x40090000"))
        outside = replace(self.of_word(), pa=0x48000000)
        done = subprocess.run(
            self.command(outside),
            cwd=self.work, capture_output=True, text=True, timeout=BOUND_S, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn("pa=0x48000000 is not in the guest's RAM", done.stderr)
        with self.assertRaisesRegex(CannotJudge, "on the board virt only"):
            qemu.guest_words(self.qemu, replace(MACHINE, machine="raspi3b", poke=outside), None)


if __name__ == "__main__":
    try:
        find_tool("qemu-system-aarch64", "RIG_QEMU")
    except CannotJudge as missing:
        print(missing)
        sys.exit(3)
    unittest.main()
