#!/usr/bin/python3
"""`rig snapshot`'s places: what --at names, where the file goes, and what is refused."""

from __future__ import annotations

import argparse
import os
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import support
from engine import pack as pack_file
from engine import snapshot_command
from engine.cli import build_parser
from engine.errors import UsageError
from engine.paths import RULES
from engine.snapshot import Place, file_name

PACK = pack_file.load(RULES / "tyrne.yaml", RULES)
IMAGE = support.make_image()


class Places(unittest.TestCase):
    """Checkpoint, end, address, symbol."""

    def test_kinds(self) -> None:
        """A checkpoint is stepped to; the others are places of a free run."""
        self.assertIsNone(snapshot_command.place_of("mmu-on", 1, PACK, IMAGE))
        self.assertEqual(snapshot_command.place_of("end", 1, PACK, IMAGE), Place("end"))
        self.assertEqual(
            snapshot_command.place_of("0xFFFFFFFF40080004", 1, PACK, None),
            Place("0xFFFFFFFF40080004", (0xFFFF_FFFF_4008_0004,)),
        )
        self.assertEqual(
            snapshot_command.place_of("4096", 3, PACK, None), Place("4096", (4096,), 3)
        )
        self.assertEqual((Place("4096", (4096,), 3).name, Place("end").name), ("4096-3", "end"))

    def test_symbol(self) -> None:
        """A symbol is caught at its link address and at its alias."""
        text = support.TEXT
        both = (text + 0x10, text + 0x10 - support.OFFSET)
        place = snapshot_command.place_of("start+0x10", 2, PACK, IMAGE)
        self.assertEqual(place, Place("start+0x10", both, 2))

    def test_refused(self) -> None:
        """In words, with what may have been meant."""
        for at, nth, image, words in (
            ("mmu-one", 1, IMAGE, "no checkpoint, no symbol and no address; did you mean mmu-on"),
            ("zzz", 1, IMAGE, "the pack's checkpoints: entry-el1, "),
            ("start", 1, None, "no checkpoint, no symbol and no address"),
            ("start+x", 1, IMAGE, "the offset is no number"),
            ("0x40080002", 1, IMAGE, "not the address of an instruction"),
            ("0x10000000000000000", 1, IMAGE, "not the address of an instruction"),
            ("mmu-on", 2, IMAGE, "--nth is for an address or a symbol"),
            ("end", 2, IMAGE, "--nth is for an address or a symbol"),
            ("", 1, IMAGE, "no checkpoint, no symbol and no address"),
        ):
            with self.assertRaisesRegex(UsageError, words):
                snapshot_command.place_of(at, nth, PACK, image)

    def test_names(self) -> None:
        """Files have plain names, whatever a symbol is called."""
        self.assertEqual(file_name("mmu-on"), "mmu-on.snapshot")
        self.assertEqual(file_name("a/../b c+0x4"), "a_.._b_c+0x4.snapshot")


class Options(unittest.TestCase):
    """What the command line takes."""

    def test_numbers(self) -> None:
        """Bounds of --nth and --witnesses."""
        parser = build_parser()
        args = parser.parse_args(["snapshot", "--at", "end", "--nth", "3", "--witnesses", "0"])
        self.assertEqual((args.nth, args.witnesses, args.output, args.timeout), (3, 0, None, 120.0))
        self.assertEqual(parser.parse_args(["snapshot", "--at", "end"]).witnesses, 64)
        wrong: list[list[str]] = [["--nth", "0"], ["--witnesses", "-1"], []]
        for words in [*wrong, ["--witnesses", "100001"]]:
            with self.assertRaises(SystemExit) as ended:
                with open(os.devnull, "w", encoding="ascii") as null:
                    with unittest.mock.patch("sys.stderr", null):
                        place = ["--at", "end"] if words else []
                        parser.parse_args(["snapshot", *words, *place])
            self.assertEqual(ended.exception.code, 2)

    def test_image(self) -> None:
        """Files that a pack's words leave open, as rig order takes them."""
        words = ["snapshot", "--at", "end", "--image", "a.bin", "--file", "env=b.bin"]
        args: argparse.Namespace = build_parser().parse_args(words)
        self.assertEqual((args.image, args.file), ("a.bin", ["env=b.bin"]))


class Output(unittest.TestCase):
    """Where the file goes."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_default(self) -> None:
        """The guest's name and the place's, here."""
        path = snapshot_command.output_path(None, PACK, "mmu-on")
        self.assertEqual(path, Path("tyrne-mmu-on.snapshot"))

    def test_old_one_goes(self) -> None:
        """A run that fails leaves nobody else's snapshot."""
        old = self.folder / "x.snapshot"
        old.write_bytes(b"old")
        self.assertEqual(snapshot_command.output_path(str(old), PACK, "end"), old)
        self.assertFalse(old.exists())

    def test_refused(self) -> None:
        """Before anything is started."""
        for given, words in (
            ("", "-o is empty"),
            (str(self.folder), "not a regular file"),
            (str(self.folder / "none" / "x"), "no directory"),
        ):
            with self.assertRaisesRegex(UsageError, words):
                snapshot_command.output_path(given, PACK, "end")

    def test_what_the_command_reads_stays(self) -> None:
        """The snapshot must not take the place of the ELF."""
        elf = self.folder / "kernel.elf"
        elf.write_bytes(b"kernel")
        with self.assertRaisesRegex(UsageError, "would overwrite what this command reads"):
            snapshot_command.output_path(str(elf), PACK, "end", [str(elf), None])
        self.assertEqual(elf.read_bytes(), b"kernel")


class Variants(unittest.TestCase):
    """A checkpoint belongs to variants."""

    def test_other_variant(self) -> None:
        """It is named, with what this one has."""
        with self.assertRaisesRegex(
            UsageError, "entry-el2 is not of variant el1; it has: entry-el1"
        ):
            snapshot_command.of_this_variant("entry-el2", PACK, "el1")
        snapshot_command.of_this_variant("entry-el2", PACK, "el2")


if __name__ == "__main__":
    unittest.main()
