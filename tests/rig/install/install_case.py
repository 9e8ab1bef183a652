"""What the tests of an installed rig share: the rig under a prefix, and a guest of other people."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUILD = Path(os.environ.get("RIG_BUILD", ROOT / "build" / "debug")).resolve()
GUEST = ROOT / "tests" / "rig" / "foreign"
BOUND_S = 200
# Sections that the guest's own pack has not, so that every command of the rig has something to do.
MORE = """
ordering: {use: [arm64/all]}
"""


def install(prefix: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`cmake --install` of the build that is tested."""
    return subprocess.run(
        ["cmake", "--install", str(BUILD), "--prefix", str(prefix)],
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND_S,
        env={**os.environ, **environment},
    )


class InstallTest(unittest.TestCase):
    """A work directory with an installed rig, moved after it was installed, and a guest with its
    pack; nothing of them lies in the source tree."""

    work: Path
    prefix: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))
        (cls.work / "tmp").mkdir()
        install(cls.work / "first")
        cls.prefix = cls.work / "else where"
        (cls.work / "first").rename(cls.prefix)
        cls.guest_in(cls.work / "guest")

    @classmethod
    def guest_in(cls, folder: Path) -> None:
        """A guest's sources and pack in a directory of its own, and the ELF."""
        folder.mkdir()
        for name in ("foreign.S", "foreign.lds"):
            shutil.copy(GUEST / name, folder)
        pack = (GUEST / "foreign.yaml").read_text(encoding="utf-8")
        (folder / "foreign.yaml").write_text(pack + MORE, encoding="utf-8")
        (folder / "build.sh").write_text(
            'mkdir -p build\nexec aarch64-linux-gnu-gcc -g -nostdlib -static "$@" '
            "-DBUFFER_SIZE=0x4000 -Wl,--build-id=sha1 -Wl,-T,foreign.lds "
            "-Wl,-z,max-page-size=4096 -o build/kernel.elf foreign.S\n",
            encoding="utf-8",
        )
        cls.build(folder)

    @classmethod
    def build(cls, folder: Path, *words: str) -> None:
        """Build the guest; words such as -DFOREIGN_HANG break it."""
        subprocess.run(["sh", "build.sh", *words], cwd=folder, check=True, timeout=BOUND_S)

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of a user who has only the prefix."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RIG_", "PYTHON"))}
        path = f"{self.prefix / 'bin'}:{os.environ['PATH']}"
        return {**kept, "NO_COLOR": "1", "TMPDIR": str(self.work / "tmp"), "PATH": path, **changes}

    def run_words(
        self, words: Sequence[str | Path], **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the guest's directory to its end."""
        done = subprocess.run(
            [str(word) for word in words],
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND_S,
            cwd=self.work / "guest",
            env=self.environment(**environment),
        )
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertEqual(self.left(), [], "a process outlived the run")
        return done

    def left(self) -> list[str]:
        """Running QEMUs and gdbs of this test: those that work in its directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(self.work)):
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # ended meanwhile
        return [line for line in found if "qemu-system" in line or "gdb-multiarch" in line]

    def rig(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """The installed rig."""
        return self.run_words([self.prefix / "bin" / "rig", *words], **environment)

    def held(self, *words: str | Path) -> str:
        """The installed rig ends with 0; what it said."""
        done = self.rig(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


def main() -> None:
    """Run the tests of the calling file."""
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=1)
