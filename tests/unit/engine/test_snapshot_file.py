#!/usr/bin/python3
"""Snapshot files: the format, the same bytes twice, written whole or not at all, and damage."""

from __future__ import annotations

import gzip
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import support  # noqa: F401 # pylint: disable=unused-import # the search path
from engine import snapshot_file
from engine.errors import CannotJudge, UsageError
from engine.snapshot_file import MemoryRange, Snapshot


def make() -> Snapshot:
    """Two frames, two memories, an address with an answer and one without."""
    return Snapshot(
        made={
            "by": "rig 1.2",
            "guest": "tyrne",
            "checkpoint": "mmu-on",
            "pc": "0x40080000",
            "el": 1,
        },
        regime="EL1&0",
        registers={"SCTLR_EL1": 0x30D8199D, "PSTATE": 0x3C5, "TTBR1_EL1": (1 << 64) - 1},
        memory=[
            MemoryRange(0x0900_0000, 0x0900_0FFF, "io", "pl011"),
            MemoryRange(0x4000_0000, 0x47FF_FFFF, "ram", "mach-virt.ram"),
        ],
        frames=[(0x4009_0000, bytes(range(256)) * 16), (0x4100_0000, b"\xff" * 64)],
        unreadable=[0x1_0000_0000],
        witnesses=[(0, None), (0xFFFF_FFFF_4008_0000, 0x4008_0000)],
    )


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The first line's object and what is behind it."""
    line, _, rest = gzip.decompress(data).partition(b"\n")
    return json.loads(line), rest


def packed(header: dict[str, Any], rest: bytes) -> bytes:
    """A file with that first line."""
    return gzip.compress(json.dumps(header).encode() + b"\n" + rest, mtime=0)


class FileTest(unittest.TestCase):
    """A directory for files."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.folder / "a.snapshot"


class Writing(FileTest):
    """What is in the file."""

    def test_format(self) -> None:
        """Numbers of 64 bits as texts, the frames behind the first line in its order."""
        header, rest = parts(snapshot_file.to_bytes(make()))
        self.assertEqual((header["format"], header["version"]), ("rig-snapshot", 1))
        self.assertEqual(header["made"]["checkpoint"], "mmu-on")
        self.assertEqual(header["regime"], "EL1&0")
        self.assertEqual(
            header["registers"],
            {"SCTLR_EL1": "0x30d8199d", "PSTATE": "0x3c5", "TTBR1_EL1": "0xffffffffffffffff"},
        )
        self.assertEqual(
            header["memory"][1],
            {"first": "0x40000000", "last": "0x47ffffff", "kind": "ram", "name": "mach-virt.ram"},
        )
        self.assertEqual(
            header["frames"],
            [{"pa": "0x40090000", "size": 4096}, {"pa": "0x41000000", "size": 64}],
        )
        self.assertEqual(header["unreadable"], ["0x100000000"])
        self.assertEqual(header["witnesses"], [["0x0", None], ["0xffffffff40080000", "0x40080000"]])
        self.assertEqual(rest, bytes(range(256)) * 16 + b"\xff" * 64)

    def test_same_bytes(self) -> None:
        """The same snapshot is the same file: no time and no name in gzip's header."""
        data = snapshot_file.to_bytes(make())
        self.assertEqual(data, snapshot_file.to_bytes(make()))
        self.assertEqual(data[:8], b"\x1f\x8b\x08\x00" + bytes(4))

    def test_read_again(self) -> None:
        """What was written comes back."""
        snapshot_file.write(make(), self.path)
        self.assertEqual(snapshot_file.read(self.path), make())
        self.assertEqual(list(self.folder.iterdir()), [self.path])

    def test_whole_or_not_at_all(self) -> None:
        """A failure in the middle leaves the old file, and nothing else."""
        self.path.write_bytes(b"old")
        with mock.patch.object(Path, "replace", side_effect=OSError(28, "No space left")):
            with self.assertRaises(OSError):
                snapshot_file.write(make(), self.path)
        self.assertEqual(self.path.read_bytes(), b"old")
        self.assertEqual(list(self.folder.iterdir()), [self.path])


class Damage(FileTest):
    """Each is told, with the right exit code, and none is taken for a snapshot."""

    def refused(self, data: bytes, words: str, kind: type[Exception] = CannotJudge) -> None:
        """Reading raises it with these words."""
        self.path.write_bytes(data)
        with self.assertRaisesRegex(kind, words):
            snapshot_file.read(self.path)

    def test_not_a_snapshot(self) -> None:
        """Wrong usage: no file, another kind of file, another kind of gzip."""
        with self.assertRaisesRegex(UsageError, "cannot read the snapshot: No such file"):
            snapshot_file.read(self.folder / "none")
        with self.assertRaisesRegex(UsageError, "cannot read the snapshot"):
            snapshot_file.read(self.folder)
        self.refused(b"", "not a snapshot", UsageError)
        self.refused(b"\x7fELF", "not a snapshot", UsageError)
        self.refused(gzip.compress(b'{"format": "other"}\n'), "not a snapshot", UsageError)
        self.refused(gzip.compress(b"[]\n"), "not a snapshot", UsageError)

    def test_cut_short(self) -> None:
        """At every length."""
        data = snapshot_file.to_bytes(make())
        for size in range(2, len(data)):
            self.refused(data[:size], "damaged snapshot")

    def test_bit_flips(self) -> None:
        """gzip's checksum: a flipped bit anywhere behind its header is seen, but for those that
        fill up the last byte in front of the checksum and mean nothing."""
        data = snapshot_file.to_bytes(make())
        without_meaning = []
        for bit in range(80, 8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            self.path.write_bytes(flipped)
            try:
                self.assertEqual(snapshot_file.read(self.path), make())
                without_meaning.append(bit // 8)
            except (CannotJudge, UsageError):
                continue
        self.assertLessEqual(set(without_meaning), {len(data) - 9})

    def test_more_or_less_than_listed(self) -> None:
        """The frames fill the file exactly."""
        header, rest = parts(snapshot_file.to_bytes(make()))
        self.refused(packed(header, rest[:-1]), "cut short")
        self.refused(packed(header, rest + b"x"), "more in it than it lists")
        self.refused(packed(header, rest) + b"x", "something follows it")

    def test_header(self) -> None:
        """Wrong values and missing keys; a later version is named."""
        header, rest = parts(snapshot_file.to_bytes(make()))
        for key in ("made", "regime", "registers", "memory", "frames", "unreadable", "witnesses"):
            self.refused(packed({k: v for k, v in header.items() if k != key}, rest), f"no '{key}'")
        self.refused(packed({**header, "version": 2}, rest), "of version 2; this rig reads 1")
        changes: dict[str, Any] = {
            "registers": {"SCTLR_EL1": "0x10000000000000000"},
            "unreadable": ["12"],
            "frames": [{"pa": "0x40090000", "size": -4096}],
            "witnesses": [["0x0"]],
            "memory": "none",
        }
        for key, value in changes.items():
            self.refused(packed({**header, key: value}, rest), "damaged snapshot")
        huge = {"pa": "0x0", "size": 1 << 40}
        self.refused(
            packed({**header, "frames": [huge]}, rest), "more tables than a walk can reach"
        )
        self.refused(gzip.compress(b"no json\n"), "damaged snapshot")
        self.refused(gzip.compress(b'{"format"'), "no line of JSON")


if __name__ == "__main__":
    unittest.main()
