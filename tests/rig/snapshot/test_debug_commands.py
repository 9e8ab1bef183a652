#!/usr/bin/python3
"""`rig map`, `rig walk` and `rig audit` in an interactive session, at any stop.

    test_debug_commands.py [TEST...]

In most of them rig-trace is a stand-in that tells what it was given; $RIG_TOOLS has the real one.
"""

from __future__ import annotations

import os
import subprocess
import unittest
from pathlib import Path

from snapshot_case import PACK, ROOT, SnapshotTest

# Tells its command, what is in the snapshot, and the other words but the file of names that comes
# last; the words `status N` end it so,
# `interrupt` is a Ctrl-C while it works.
STAND_IN = f"""\
#!/usr/bin/python3
import json, os, signal, sys
sys.path.insert(0, {str(ROOT / 'rig')!r})
from pathlib import Path
from engine import snapshot_file
command, path, *words, option, spec = sys.argv[1:]
assert option == "--spec" and json.load(open(spec))["schema"], sys.argv
snapshot = snapshot_file.read(Path(path))
frames = [f"{{pa:#x}}+{{len(data):#x}}" for pa, data in snapshot.frames]
print("stand-in", command, snapshot.regime, *frames, "words", *words, flush=True)
if words[:1] == ["interrupt"]:
    os.kill(os.getppid(), signal.SIGINT)
    signal.pause()
if words[:1] == ["status"]:
    print("stand-in: said on stderr", file=sys.stderr)
    sys.exit(int(words[1]))
"""
MODE = "maintenance packet qqemu.PhyMemMode"
VIRTUAL = 'received: "0"'


class Commands(SnapshotTest):
    """gdb with the rig's commands, on the guest with odd tables."""

    tools: Path  # with the stand-in
    real: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.tools = cls.work / "tools"
        cls.tools.mkdir()
        cls.real = Path(os.environ.get("RIG_TOOLS", ROOT / "build" / "debug" / "rig")).resolve()
        (cls.tools / "librigwalk.so").symlink_to(cls.real / "librigwalk.so")
        (cls.tools / "rig-trace").write_text(STAND_IN, encoding="utf-8")
        (cls.tools / "rig-trace").chmod(0o755)

    def session(self, *lines: str, at: str = "mmu-on", variant: str = "el1", **environment: str
              ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """gdb at a checkpoint, with these commands."""
        words: list[str | Path] = ["debug", "--pack", PACK, "--elf", self.guest("SPIN")]
        words += ["--variant", variant, "--at", at, "--batch"]
        for line in lines:
            words += ["--eval", line]
        return self.rig(*words, **{"RIG_TOOLS": str(self.tools), **environment})

    def test_what_rig_trace_gets(self) -> None:
        """The snapshot of this stop, and the command's words; it goes on as if nothing was."""
        done = self.session("rig map --el 1 'w x'", "rig audit --rule wx-mapping", MODE,
                          "stepi", "p $pc == mmu_is_on + 4", "rig map")  # fmt: skip
        frames = r"EL1&0 0x1000\+0x1000 0x40\w+000\+0x1000"
        self.assertRegex(done.stdout, f"stand-in map {frames} words --el 1 w x\n")
        self.assertRegex(done.stdout, f"stand-in audit {frames} words --rule wx-mapping\n")
        self.assertIn(VIRTUAL, done.stdout)
        self.assertIn("$1 = 1", done.stdout)
        self.assertEqual(done.stdout.count("stand-in map"), 2)
        self.assertNotIn("MMU is off", done.stdout)

    def test_addresses(self) -> None:
        """rig walk takes any expression: a number, a function, an array, a register."""
        done = self.session("rig walk 0x9000000", "rig walk mmu_is_on", "rig walk $pc",
                          "rig walk &table", "rig walk -1", at="mmu-on")  # fmt: skip
        said = [line.split(" words ")[1] for line in done.stdout.splitlines() if " words " in line]
        self.assertEqual(len(said), 5, done.stdout + done.stderr)
        self.assertEqual((said[0], said[4]), ("0x9000000", "0xffffffffffffffff"))
        self.assertEqual(said[1], said[2])
        for line, words in (
            ("rig walk", "give an address: rig walk ADDRESS"),
            ("rig walk nothing", "rig walk: nothing: No symbol"),
            ("rig walk 1 +", "rig walk: 1 \\+: A syntax error"),
        ):
            self.assertRegex(self.session(line).stderr, words)

    def test_mmu_off(self) -> None:
        """Said, at the first instruction of either level."""
        for variant, name in (("el1", "SCTLR_EL1"), ("el2", "SCTLR_EL2")):
            done = self.session("rig map", at="entry", variant=variant)
            self.assertIn(f"the MMU is off ({name}.M = 0)", done.stdout)
            self.assertIn("stand-in map", done.stdout)
        done = self.session("rig map", variant="el2")
        self.assertIn("stand-in map EL2 ", done.stdout)
        self.assertNotIn("MMU is off", done.stdout)

    def test_status(self) -> None:
        """A broken rule is an answer; what cannot be judged is an error with rig-trace's words."""
        done = self.session("rig audit status 1", 'printf "then %d\\n", 5')
        self.assertIn("stand-in audit", done.stdout)
        self.assertIn("then 5", done.stdout)
        for status in ("2", "3"):
            done = self.session(f"rig audit status {status}")
            self.assertIn("stand-in: said on stderr", done.stderr)

    def test_interrupted(self) -> None:
        """Ctrl-C: said in words, the memory mode is virtual, and the session goes on."""
        script = self.work / "interrupted.py"
        script.write_text(
            "import gdb\ntry:\n    gdb.execute('rig map interrupt')\n"
            "except gdb.error as error:\n    print('told:', error)\n",
            encoding="utf-8",
        )
        done = self.session(f"source {script}", MODE, "rig map")
        self.assertIn("told: rig: interrupted", done.stdout, done.stderr)
        self.assertIn(VIRTUAL, done.stdout)
        self.assertIn("stand-in map", done.stdout)

    def test_nothing_to_ask(self) -> None:
        """A guest that is gone, and parts that are not built."""
        done = self.session("kill", "rig map")
        self.assertIn("rig: there is no guest any more", done.stderr)
        empty = self.work / "empty"
        empty.mkdir(exist_ok=True)
        done = self.session("rig map", RIG_TOOLS=str(empty))
        self.assertIn("rig-trace is not built", done.stderr)
        (empty / "rig-trace").symlink_to(self.tools / "rig-trace")
        done = self.session("rig map", RIG_TOOLS=str(empty))
        self.assertIn("rig: librigwalk.so is not built", done.stderr)

    def test_real(self) -> None:
        """The rig-trace that is built, at a stop of the guest."""
        lines = ["rig map --half low", "rig walk mmu_is_on", "rig audit --rule table-loop"]
        done = self.session(*lines, "rig walk 0x50000000000", RIG_TOOLS=str(self.real))
        self.assertRegex(
            done.stdout, r"odd at stop \(el1\): the EL1&0 regime\nlow half .* root 4020"
        )
        self.assertRegex(done.stdout, r"0x402\w+ is PA 0x402\w+ through a 1 GiB block at level 1")
        self.assertIn("note: table-loop: a table is reached from itself", done.stdout)
        self.assertRegex(done.stdout, "this stop: [0-9]+ leaves")
        self.assertRegex(done.stdout, "0x0*50000000000 does not translate")

    def test_help(self) -> None:
        """Each command says what it is for and how it is called."""
        done = self.session("help rig", "help rig walk", "help rig map", "help rig audit")
        for words in ("List of rig subcommands", "Usage: rig walk ADDRESS", "Usage: rig map [",
                      "Usage: rig audit ["):  # fmt: skip
            self.assertIn(words, done.stdout)


if __name__ == "__main__":
    unittest.main()
