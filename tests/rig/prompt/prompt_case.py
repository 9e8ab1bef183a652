"""A person at gdb's prompt, for tests: `rig debug`, or a plain gdb, in a pseudo-terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import pexpect

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RIG = ROOT / "rig" / "rig"
BUILD = Path(os.environ.get("RIG_TOOLS", ROOT / "build" / "debug" / "rig")).resolve().parent
ELF = BUILD / "tyrne.elf"
BOUND_S = 180
_PROMPT = "prompt-of-the-test> "
_TAKEN_BACK = re.compile(r"[^\n]*\r\x1b\[K")  # a line of progress, which the next one covers
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\^C")
MODE = "maintenance packet qqemu.PhyMemMode"
VIRTUAL = 'received: "0"'


class Prompt:
    """One terminal with a gdb in it."""

    def __init__(
        self, words: list[str], folder: Path, colour: bool = False, seen: str = ""
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "INPUTRC")}
        environment |= {"TERM": "xterm", "TMPDIR": str(folder), "HOME": str(folder)}
        if not colour:
            environment["NO_COLOR"] = "1"
        self.child = pexpect.spawn(
            words[0], words[1:], cwd=str(folder), env=environment, encoding="utf-8",
            dimensions=(500, 220), timeout=BOUND_S, codec_errors="replace",
        )  # fmt: skip
        self.raw = ""
        if seen:  # it is interrupted before there is a prompt
            self.child.expect(seen)
        self._prompt = r"\(gdb\) (\x1b\[[0-9;?]*[a-zA-Z])*$"
        self.opening = "" if seen else self._answer()
        if not seen:
            self._own_prompt()

    def _own_prompt(self) -> None:
        """From now on a prompt that no help text shows."""
        self.child.sendline(f"set prompt {_PROMPT}")
        self._prompt = rf"\n(\x1b\[[0-9;?]*[a-zA-Z]|\r)*{re.escape(_PROMPT)}"
        self._answer()

    def _answer(self) -> str:
        self.child.expect(self._prompt)
        self.raw = str(self.child.before)
        return _ESCAPES.sub("", _TAKEN_BACK.sub("", self.raw))

    def ask(self, line: str) -> str:
        """What a command prints, without escapes (`raw` has them)."""
        self.child.sendline(line)
        return self._answer().partition("\n")[2]

    def begin(self, line: str, seen: str) -> None:
        """Enter a command and wait until it shows something."""
        self.child.sendline(line)
        self.child.expect(seen)

    def interrupt(self) -> str:
        """Ctrl-C, and what follows until the prompt."""
        self.child.sendintr()
        said = self._answer()
        if _PROMPT not in self._prompt.replace("\\", ""):
            self._own_prompt()
        return said

    def completions(self, begun: str) -> list[str]:
        """What TAB TAB offers for a line that is begun, or the line that it makes of it."""
        self.child.send(begun + "\t\t")
        marker = f"#{time.monotonic_ns()}"
        self.child.send(marker)
        self.child.expect_exact(marker)
        shown = _ESCAPES.sub("", str(self.child.before)).replace("\x07", "")
        self.child.send("\x15")  # the line is taken back
        self.child.sendline("")
        self._answer()
        return shown.split()

    def end(self) -> None:
        """Leave gdb; nothing may be left behind."""
        self.ask("set confirm off")
        self.child.sendline("quit")
        self.child.expect(pexpect.EOF)
        self.child.close()


class PromptTest(unittest.TestCase):
    """A directory of its own, in which nothing is left at the end."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def open(self, *words: str | Path, colour: bool = False) -> Prompt:
        """`rig debug` with these words."""
        prompt = Prompt(
            ["/usr/bin/python3", "-B", str(RIG), "debug", *map(str, words)], self.work, colour
        )
        self.addCleanup(self.ended, prompt)
        return prompt

    def plain(self, *words: str | Path) -> Prompt:
        """A gdb that the rig did not open."""
        prompt = Prompt(["gdb-multiarch", "-q", *map(str, words)], self.work)
        self.addCleanup(self.ended, prompt)
        return prompt

    def qemu(self, gdb: str) -> subprocess.Popen[bytes]:
        """A stopped guest of nobody's, whose stub listens at `gdb`."""
        command = [
            "qemu-system-aarch64", "-M", "virt,gic-version=2,dtb-randomness=off", "-cpu",
            "cortex-a72", "-m", "128M", "-nodefaults", "-display", "none", "-monitor", "none",
            "-serial", "null", "-S", "-gdb", gdb, "-kernel", str(ELF),
        ]  # fmt: skip
        # pylint: disable-next=consider-using-with # ended by the clean-up
        child = subprocess.Popen(command, cwd=self.work, stdin=subprocess.DEVNULL)
        self.addCleanup(self._killed, child)
        return child

    @staticmethod
    def _killed(child: subprocess.Popen[bytes]) -> None:
        child.kill()
        child.wait()

    def ended(self, prompt: Prompt) -> None:
        """Leave a prompt; nothing is left in the directory."""
        if prompt.child.isalive():
            prompt.end()
        self.assertEqual([str(path) for path in self.work.glob("rig-*")], [])

    def shows(self, text: str, *patterns: str) -> None:
        """Each pattern is found in the text, in this order."""
        at = 0
        for pattern in patterns:
            found = re.compile(pattern, re.MULTILINE).search(text, at)
            if found is None:
                self.fail(f"no {pattern!r} behind {text[:at][-80:]!r} in:\n{text}")
            at = found.end()


def main() -> None:
    """unittest's main, with the path of this directory for the tests' own modules."""
    sys.path.insert(0, str(HERE))
    unittest.main()
