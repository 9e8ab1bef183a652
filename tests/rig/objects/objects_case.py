"""A guest under QEMU and a gdb on it, for the tests of the commands `tyrne ...`.

gdb runs a script of lines; `at(NAME)` starts the part of its output that `Said` gives back under
that name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOAD = ROOT / "rig" / "rules" / "tyrne_gdb" / "load.py"
ALL = ("tyrne tasks", "tyrne caps", "tyrne endpoints", "tyrne frames", "tyrne bt-user")
_START_S = 20
_GDB_S = 60
_MARK = "@@"


@contextmanager
def qemu(elf: Path, folder: Path) -> Iterator[Path]:
    """A guest that is stopped at its first instruction; the socket of its stub."""
    socket = folder / "gdb.sock"
    socket.unlink(missing_ok=True)  # of the guest before: it would be taken for this one's
    command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64"]
    command += ["-M", "virt,gic-version=2,dtb-randomness=off", "-cpu", "cortex-a72", "-m", "128M"]
    command += ["-display", "none", "-nodefaults", "-serial", "null", "-S", "-kernel", str(elf)]
    command += ["-gdb", f"unix:{socket},server=on,wait=off"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as guest:
        try:
            end = time.monotonic() + _START_S
            while not socket.exists():
                if guest.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"QEMU did not open its stub ({guest.poll()})")
                time.sleep(0.01)
            yield socket
        finally:
            guest.kill()


def at(name: str) -> str:
    """A line of a script: what follows is said under this name."""
    return f"echo \\n{_MARK}{name}\\n"


class Said:
    """What gdb said, by the parts of its script."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: dict[str, str] = {}
        for part in text.split(f"\n{_MARK}")[1:]:
            name, _, rest = part.partition("\n")
            self._parts[name] = rest

    def __getitem__(self, name: str) -> str:
        if name not in self._parts:
            raise AssertionError(f"gdb did not come to {name!r}:\n{self.text}")
        return self._parts[name]


class ObjectsTest(unittest.TestCase):
    """What the tests share."""

    build: Path = Path(os.environ.get("TYRNE_IMAGES", ROOT / "build" / "debug"))

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tyrne-objects-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def gdb(self, elf: Path, *lines: str, socket: Path | None = None, plain: bool = False) -> Said:
        """gdb on an ELF; `plain` leaves the commands to the image's own script."""
        command = ["gdb-multiarch", "-nx", "-q", "-batch"]
        command += [
            "-iex",
            f"add-auto-load-safe-path {elf.parent}" if plain else "set auto-load no",
        ]
        command += ["-ex", "set confirm off", "-ex", "set width 0", str(elf)]
        if socket:
            command += ["-ex", f"target remote {socket}"]
        first = [] if plain else [f"source {LOAD}"]
        for line in [*first, *lines]:
            command += ["-ex", line]
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_GDB_S,
            check=False,
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1"},
        )
        self.assertNotIn("Traceback", done.stdout)
        self.assertNotIn("Error occurred in Python", done.stdout)
        return Said(done.stdout)

    def on_guest(self, elf: Path, *lines: str, plain: bool = False) -> Said:
        """gdb on a new guest."""
        with qemu(elf, self.folder) as socket:
            return self.gdb(elf, *lines, socket=socket, plain=plain)

    def row(self, said: str, name: str) -> str:
        """The line of `tyrne tasks` for a task of a name, with single spaces."""
        for line in said.splitlines():
            words = line.replace("*", " ").split()
            if len(words) > 2 and words[0].isdecimal() and words[1] == name:
                return " ".join(line.split())
        raise AssertionError(f"no task {name} in:\n{said}")
