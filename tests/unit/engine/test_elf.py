#!/usr/bin/python3
"""The ELF reader refuses what is no guest, in words, and survives damaged files."""

from __future__ import annotations

import os
import random
import struct
import tempfile
import unittest
from pathlib import Path

from support import OFFSET, TEXT, make_elf, make_image

# pylint: disable=wrong-import-order # support sets the path
from engine import elf as elf_file
from engine.elf import Elf
from engine.errors import UsageError


def make_file() -> bytes:
    """A small AArch64 executable: one text section, one segment, one symbol, a build-id."""
    names = b"\0.text\0.symtab\0.strtab\0.note\0"
    strings = b"\0main\0$x\0"
    symbols = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    symbols += struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0x1000, 8)
    symbols += struct.pack("<IBBHQQ", 6, 0, 0, 1, 0x1004, 0)
    note = struct.pack("<III", 4, 4, 3) + b"GNU\0" + bytes.fromhex("deadbeef")
    body = bytes(8) + names + strings + symbols + note
    at = 64 + 56
    position = at + len(body)
    text = (at, 8)
    name = (at + 8, len(names))
    string = (sum(name), len(strings))
    symbol = (sum(string), len(symbols))
    notes = (sum(symbol), len(note))
    sections = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, 1, 6, 0x1000, *text, 0, 0, 4, 0),
        (7, 2, 0, 0, *symbol, 3, 1, 8, 24),
        (15, 3, 0, 0, *string, 0, 0, 1, 0),
        (0, 3, 0, 0, *name, 0, 0, 1, 0),
        (23, 7, 0, 0, *notes, 0, 0, 4, 0),
    ]
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0x1000, 64, position, 0, 64, 56, 1, 64, 6, 4)
    segment = struct.pack("<IIQQQQQQ", 1, 5, at, 0x1000, 0x1000, 8, 8, 4)
    return header + segment + body + b"".join(struct.pack("<IIQQQQIIQQ", *s) for s in sections)


class Reading(unittest.TestCase):
    """load()"""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "file.elf"

    def load(self, data: bytes) -> Elf:
        """Write and read."""
        self.path.write_bytes(data)
        return elf_file.load(self.path)

    def test_good(self) -> None:
        """Sections, symbols (no mapping symbols), segment, build-id; also through JSON."""
        elf = self.load(make_file())
        self.assertEqual(list(elf.sections), [".text"])
        self.assertEqual({n: s.value for n, s in elf.symbols.items()}, {"main": 0x1000})
        self.assertEqual((elf.build_id, elf.segments), ("deadbeef", [(0x1000, 0x1000, 8)]))
        self.assertEqual(Elf.from_json(elf.to_json()).locate(0x1004), "main+0x4")

    def test_refused_in_words(self) -> None:
        """Not an ELF, another machine, an object file, missing."""
        good = make_file()
        cases = {
            b"": "not an ELF",
            b"#!/bin/sh\n" * 20: "not an ELF",
            good[:18] + b"\x3e\x00" + good[20:]: "x86-64",
            good[:16] + b"\x01\x00" + good[18:]: "object file",
            good[:40] + bytes(8) + good[48:60] + bytes(2) + good[62:]: "no section headers",
        }
        for data, words in cases.items():
            with self.subTest(words), self.assertRaisesRegex(UsageError, words):
                self.load(data)
        with self.assertRaisesRegex(UsageError, "cannot read"):
            elf_file.load(self.path.with_name("none"))

    def test_damaged_files_never_crash(self) -> None:
        """Cut off anywhere, or with random bytes: loaded or refused, nothing else."""
        good = make_file()
        generator = random.Random(1)
        refused = 0
        for length in range(0, len(good), 3):
            with self.subTest(length):
                refused += self._refused(good[:length])
        for _ in range(500):
            data = bytearray(good)
            for _ in range(3):
                data[generator.randrange(16, len(data))] = generator.randrange(256)
            refused += self._refused(bytes(data))
        self.assertGreater(refused, 100)

    def _refused(self, data: bytes) -> bool:
        try:
            self.load(data)
        except UsageError:
            return True
        return False

    def test_unreadable_directory(self) -> None:
        """A directory is no ELF either."""
        with self.assertRaises(UsageError):
            elf_file.load(Path(os.path.dirname(self.path)))


class Aliases(unittest.TestCase):
    """Image"""

    def test_fold_both_ways(self) -> None:
        """Low and high name the same place; outside of the alias there is none."""
        image = make_image()
        low = TEXT - OFFSET
        self.assertEqual((image.link(low), image.link(TEXT)), (TEXT, TEXT))
        self.assertEqual((image.physical(TEXT), image.physical(low)), (low, low))
        self.assertIsNone(image.physical(0x1000))
        self.assertIsNone(image.physical(OFFSET + 0x4800_0000))
        self.assertEqual(image.variants(TEXT), [TEXT, low])
        self.assertEqual(image.locate(low + 4), "start+0x4")
        self.assertEqual(make_elf().locate(0x10), "")


if __name__ == "__main__":
    unittest.main()
