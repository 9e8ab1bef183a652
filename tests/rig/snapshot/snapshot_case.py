"""What the tests of snapshots share: a work directory, guests built on demand, the rig's command,
and a snapshot's own answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RIG = ROOT / "rig" / "rig"
PACK, BARE = HERE / "guest.yaml", HERE / "bare.yaml"
BOUND_S = 200
sys.path.insert(0, str(ROOT / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
from engine import snapshot_file  # noqa: E402
from engine.snapshot_file import Snapshot  # noqa: E402
from engine.walk import EL2, Walker  # noqa: E402


class SnapshotTest(unittest.TestCase):
    """A work directory, in which the rig runs and keeps its temporary files."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        (cls.work / "tmp").mkdir()

    def setUp(self) -> None:
        self.assertEqual(self.left(), [])

    def guest(self, *defines: str) -> Path:
        """Build the guest; `defines` choose how it ends."""
        elf = self.work / ("-".join(["odd", *defines]) + ".elf")
        if not elf.exists():
            command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,--build-id=sha1"]
            command += [f"-DGUEST_{name}" for name in defines]
            command += [f"-Wl,-T,{HERE / 'guest.lds'}", "-Wl,-z,max-page-size=4096"]
            command += ["-o", str(elf), str(HERE / "guest.S")]
            subprocess.run(command, check=True, timeout=BOUND_S)
        return elf

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of a run."""
        return {**os.environ, "NO_COLOR": "1", "TMPDIR": str(self.work / "tmp"), **changes}

    def rig(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the rig to its end; nothing is left behind, whatever it was."""
        done = subprocess.run(
            [str(RIG), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND_S,
            cwd=self.work,
            env=self.environment(**environment),
        )
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertNotIn("a defect of the rig", done.stderr)
        self.assertEqual(self.left(), [])
        return done

    def taken(self, name: str, *words: str | Path, **environment: str) -> Snapshot:
        """`rig snapshot` into a file of that name, and the snapshot."""
        path = self.work / name
        path.unlink(missing_ok=True)
        done = self.rig("snapshot", "-o", path, *words, **environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return snapshot_file.read(path)

    def refused(self, code: int, said: str, *words: str | Path, **environment: str) -> None:
        """`rig snapshot` ends with that code and these words, and leaves no file."""
        path = self.work / "refused.snapshot"
        done = self.rig("snapshot", "-o", path, *words, **environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stderr, said)
        self.assertFalse(path.exists())

    def left(self) -> list[str]:
        """Processes that work in this test's directory, and temporary files that were left."""
        found = [str(path) for path in (self.work / "tmp").iterdir()]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if os.readlink(entry / "cwd").startswith(str(self.work)):
                        found.append((entry / "cmdline").read_text().replace("\0", " "))
                except OSError:
                    continue  # ended meanwhile
        return found

    def wait_for_console(self) -> None:
        """Until a guest that runs in this test's directory has printed something."""
        deadline = time.monotonic() + BOUND_S
        while not any(path.stat().st_size for path in self.work.glob("tmp/*/*/serial.txt")):
            if time.monotonic() > deadline:
                raise AssertionError("the guest printed nothing")
            time.sleep(0.01)


def walker_of(snapshot: Snapshot) -> Walker:
    """The rig's walker on a snapshot alone."""
    tools = Path(os.environ.get("RIG_TOOLS", ROOT / "build" / "debug" / "rig"))

    def word(address: int) -> int | None:
        for pa, data in snapshot.frames:
            if pa <= address < pa + len(data):
                return int.from_bytes(data[address - pa : address - pa + 8], "little")
        return None

    regime = EL2 if snapshot.regime == EL2 else "EL1&0"
    return Walker(tools / "librigwalk.so", snapshot.registers, word, regime)


def differing(snapshot: Snapshot) -> list[str]:
    """Witnesses whose answer is not the walker's for a data load at the level of the stop, where no
    access flag counts."""
    walker = walker_of(snapshot)
    found = []
    for va, answer in snapshot.witnesses:
        result = walker.walk(va)
        expected = result.pa
        if result.ok and result.attributes is not None:
            rights = result.attributes.el1 if snapshot.made["el"] else result.attributes.el0
            if "r" not in rights or snapshot.made["el"] == 1 and result.attributes.pan_blocks_el1:
                expected = None
        if expected != answer:
            found.append(f"{va:#x}: QEMU {answer}, walker {result.description}")
    return found


def frames_of(snapshot: Snapshot) -> list[tuple[int, int]]:
    """(address, size) of the frames."""
    return [(pa, len(data)) for pa, data in snapshot.frames]
