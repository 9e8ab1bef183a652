#!/usr/bin/python3
"""The rig on a small guest that is not Tyrne, healthy and broken, and on the rig's own faults.

Needs the cross compiler, QEMU and gdb; $RIG_TOOLS is the directory of rig-trace and librigwalk.so.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RIG = HERE.parents[2] / "rig" / "rig"
PACK = HERE / "foreign.yaml"
BOUND_S = 120


class RigTest(unittest.TestCase):
    """A work directory, guests built on demand, the rig run with a clean environment."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # entered here
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rig-test-")))

    def guest(self, *defines: str) -> Path:
        """Build the guest; `defines` choose how it is broken."""
        elf = self.work / ("-".join(["foreign", *defines]) + ".elf")
        if not elf.exists():
            command = [
                "aarch64-linux-gnu-gcc",
                "-g",
                "-nostdlib",
                "-static",
                "-DBUFFER_SIZE=0x4000",
            ]
            command += [f"-DFOREIGN_{name}" for name in defines]
            command += ["-Wl,--build-id=sha1", f"-Wl,-T,{HERE / 'foreign.lds'}"]
            command += ["-Wl,-z,max-page-size=4096", "-o", str(elf), str(HERE / "foreign.S")]
            subprocess.run(command, check=True, timeout=BOUND_S)
        return elf

    def pack(self, old: str, new: str) -> Path:
        """The pack with one replacement."""
        text = PACK.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, old)
        path = self.work / "changed.yaml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of a run: its temporary files in the work directory."""
        return {**os.environ, "NO_COLOR": "1", "TMPDIR": str(self.work), **changes}

    def rig(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the rig to its end."""
        done = subprocess.run(
            [str(RIG), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND_S,
            env=self.environment(**environment),
        )
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertEqual(self.processes(), [], "a process outlived the run")
        return done

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a rig that is not waited for; stderr goes with stdout."""
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
        )

    def processes(self) -> list[str]:
        """Running QEMUs and gdbs of this test: those that work in its directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if os.readlink(entry / "cwd").startswith(str(self.work)):
                        found.append((entry / "cmdline").read_text().replace("\0", " "))
                except OSError:
                    continue  # ended meanwhile
        return [line for line in found if "qemu-system" in line or "gdb-multiarch" in line]

    def kept(self) -> set[Path]:
        """Run directories that were kept so far (red runs keep theirs)."""
        return set(self.work.glob("rig-*"))

    def report(self, *arguments: str | Path) -> tuple[int, dict[str, Any], str]:
        """Run with --json: exit code, report, text."""
        path = self.work / "report.json"
        path.unlink(missing_ok=True)
        done = self.rig(*arguments, "--json", path)
        return done.returncode, json.loads(path.read_text(encoding="utf-8")), done.stdout


class Verdicts(RigTest):
    """The right rule turns red, and only it."""

    def broken(self, *defines: str, command: str = "step") -> tuple[list[str], str]:
        """Rules that are red on a broken guest, and the text."""
        elf = self.guest(*defines)
        code, report, text = self.report(command, "--pack", PACK, "--elf", elf, "--first")
        self.assertEqual(code, 1, text)
        return [rule["id"] for rule in report["broken"]], text

    def test_healthy_guest(self) -> None:
        """Everything holds; the reports agree; nothing is left in the temporary directory."""
        junit = self.work / "report.xml"
        elf = self.guest()
        kept = self.kept()
        code, report, text = self.report("run", "--pack", PACK, "--elf", elf, "--junit", junit)
        self.assertEqual((code, report["exit_code"], report["broken"]), (0, 0, []), text)
        self.assertIn('failures="0" errors="0"', junit.read_text(encoding="utf-8"))
        self.assertEqual(self.kept(), kept)
        record = self.work / "report.json"
        for group in ("entry", "mmu", "console", "invariants", "faults"):
            self.assertEqual(
                self.rig("verdict", record, "--group", group, "--elf", elf).returncode, 0
            )
        other = self.guest("HANG")
        done = self.rig("verdict", record, "--group", "mmu", "--elf", other)
        self.assertEqual(done.returncode, 3)
        self.assertIn("another image", done.stderr)

    def test_run_over_counts_exactly(self) -> None:
        """Stepping every instruction and running loops over agree on the instruction count."""
        elf = self.guest()
        counts = []
        for option in ((), ("--every-instruction",)):
            _, report, _ = self.report("step", "--pack", PACK, "--elf", elf, *option)
            checks = report["variants"][0]["checks"]
            counts.append(next(c["count"] for c in checks if c["id"] == "mmu-settled"))
            phase = report["variants"][0]["phases"][-1]
            self.assertEqual(phase["run_over"] == 0, bool(option))
        self.assertEqual(counts[0], counts[1])

    def test_daif_opened(self) -> None:
        """The invariant, with the instruction that broke it."""
        rules, text = self.broken("DAIF_OPEN")
        self.assertEqual(rules, ["daif-masked"])
        self.assertIn("broken by `msr daifclr, #2`", text)

    def test_register_changed_by_no_checkpoint(self) -> None:
        """The transition, with register, fields, writer and source line."""
        rules, text = self.broken("EXTRA_WRITE")
        self.assertEqual(rules, ["mmu-switched"])
        self.assertRegex(
            text, r"CNTKCTL_EL1.EL0PCTEN.*written by `msr cntkctl_el1, x1` at 0x.*foreign.S:"
        )

    def test_stray_abort(self) -> None:
        """The exception, in the stepping and in the log."""
        rules, text = self.broken("STRAY_ABORT", command="run")
        self.assertIn("no-unexpected-exception", rules)
        self.assertIn("deny-all-others", rules)
        self.assertIn("DATA_ABORT", text)

    def test_unreachable_checkpoint(self) -> None:
        """Never reached is red and says where stepping ended."""
        pack = self.pack("at: mmu_is_on", "at: halt")
        code, report, text = self.report("step", "--pack", pack, "--elf", self.guest())
        self.assertEqual(code, 1)
        self.assertEqual([rule["check"] for rule in report["broken"]], ["printed", "mmu-settled"])
        self.assertIn("checkpoint never reached", text)

    def test_wrong_expectation(self) -> None:
        """Expected and actual in fields, and a command that reopens the place."""
        pack = self.pack("SCTLR_EL1 == 0x30d01805", "SCTLR_EL1 == 0x30d01804")
        code, report, text = self.report("step", "--pack", pack, "--elf", self.guest())
        self.assertEqual((code, [rule["check"] for rule in report["broken"]]), (1, ["mmu-on.2"]))
        self.assertIn("fields that differ: M", text)
        self.assertRegex(text, r"reopen: \S*rig debug .*--at-count \d+")

    def test_marker_is_a_whole_line(self) -> None:
        """Part of a line is not the line, neither on the console nor for a checkpoint."""
        pack = self.pack('"foreign: bye"]', '"foreign: by"]')
        code, report, _ = self.report("run", "--pack", pack, "--elf", self.guest())
        self.assertEqual((code, [r["kind"] for r in report["broken"]]), (1, ["marker"]))
        pack = self.pack('marker: "foreign: mmu on"', 'marker: "foreign: mmu"')
        code, report, _ = self.report("step", "--pack", pack, "--elf", self.guest())
        self.assertEqual((code, [r["check"] for r in report["broken"]]), (1, ["printed"]))

    def test_group_of_a_guest_broken_elsewhere(self) -> None:
        """The group's verdict alone decides, also whether files are kept."""
        kept = self.kept()
        pack = self.pack('"foreign: bye"]', '"foreign: by"]')
        done = self.rig("run", "--pack", pack, "--elf", self.guest(), "--group", "entry")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("kept", done.stdout)
        self.assertEqual(self.kept(), kept)

    def test_record_of_other_rules(self) -> None:
        """A record does not speak for a pack that has changed since."""
        pack = self.pack("guest: foreign", "guest:  foreign")
        code, _, text = self.report("run", "--pack", pack, "--elf", self.guest())
        self.assertEqual(code, 0, text)
        record = self.work / "report.json"
        self.assertEqual(self.rig("verdict", record, "--group", "mmu").returncode, 0)
        pack.write_text(pack.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
        done = self.rig("verdict", record, "--group", "mmu")
        self.assertEqual(done.returncode, 3)
        self.assertIn("has changed since this record", done.stderr)

    def test_marker_missing(self) -> None:
        """A console line that does not come is red in the free run."""
        pack = self.pack('"foreign: bye"]', '"foreign: hello"]')
        code, report, _ = self.report("run", "--pack", pack, "--elf", self.guest())
        self.assertEqual((code, [r["kind"] for r in report["broken"]]), (1, ["marker"]))


class Inputs(RigTest):
    """Wrong inputs: exit 2, words, nothing started."""

    def refuse(self, words: str, *arguments: str | Path, code: int = 2) -> None:
        """The rig refuses with these words."""
        done = self.rig(*arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stderr, words)

    def test_elf(self) -> None:
        """Missing, of another machine, no executable."""
        self.refuse("cannot read the ELF", "step", "--pack", PACK, "--elf", self.work / "none.elf")
        self.refuse("not for AArch64", "step", "--pack", PACK, "--elf", sys.executable)
        self.refuse("not an ELF", "step", "--pack", PACK, "--elf", PACK)

    def test_pack(self) -> None:
        """Broken YAML, unknown register, unknown key, missing file, refused kinds of rules."""
        elf = self.guest()
        broken = self.work / "broken.yaml"
        broken.write_text("checkpoints: [\n", encoding="utf-8")
        self.refuse(r"broken.yaml:2:1: .*broken YAML", "step", "--pack", broken, "--elf", elf)
        for old, new, words in (
            ("TCR_EL1.EPD1 == 1", "TCR_EL8.EPD1 == 1", r"changed.yaml:\d+:\d+: .*unknown register"),
            ("guest: foreign", "guest: foreign\naddress_space: [{at: nowhere}]", "no checkpoint"),
            ("use: [arm64]", "use: [arm65]", "no pack 'arm65'"),
            ("to: masked", "to: unmasked", "no checkpoint"),
        ):
            with self.subTest(new):
                self.refuse(words, "step", "--pack", self.pack(old, new), "--elf", elf)
        self.refuse("cannot read the rule pack", "step", "--pack", "nothing", "--elf", elf)

    def test_options(self) -> None:
        """Unknown variants and groups, bad numbers, unwritable reports."""
        base = ("step", "--pack", PACK, "--elf", self.guest())
        self.refuse("no variant 'el9'", *base, "--variant", "el9")
        self.refuse("must be more than 0", *base, "--timeout", "0")
        self.refuse("no group 'nothing'", *base, "--group", "nothing")
        self.refuse("cannot write", *base, "--json", self.work / "no" / "dir.json")

    def test_wrong_options_start_nothing(self) -> None:
        """What can be known before the run is said before it; no old report is left."""
        base = ("run", "--pack", PACK, "--elf", self.guest())
        no_qemu = {"RIG_QEMU": "/bin/false"}
        taken = self.work / "taken.json"
        taken.mkdir()
        cases: list[tuple[str, tuple[str | Path, ...]]] = [
            ("no group 'nothing'", ("--group", "nothing")),
            ("cannot write", ("--json", self.work / "no" / "dir.json")),
            ("cannot write", ("--junit", self.work / "no" / "dir.xml")),
            ("not a regular file", ("--json", taken)),
            ("--json, --junit or --html is empty", ("--json", "")),
        ]
        for words, options in cases:
            with self.subTest(words):
                done = self.rig(*base, *options, **no_qemu)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
        kept = self.work / "kept.json"
        kept.write_text("{}", encoding="utf-8")
        for option in ("--json", "--html"):
            given = ("faults", "--pack", PACK, "--elf", self.guest(), "--baseline", kept)
            self.refuse("would overwrite what this command reads", *given, option, kept)
        self.assertTrue(kept.exists())
        both = (*base, "--json", self.work / "x", "--html", self.work / "x")
        self.refuse("or another of its files", *both)
        old = self.work / "old.json"
        old.write_text("{}", encoding="utf-8")
        self.refuse("no pack|cannot read", "run", "--pack", "nothing", "--json", old)
        self.assertFalse(old.exists())

    def test_endless_files(self) -> None:
        """A device is no ELF, no pack and no record."""
        self.refuse("not a regular file", "step", "--pack", PACK, "--elf", "/dev/zero")
        self.refuse("not a regular file", "lint", "/dev/zero", "--elf", self.guest())
        self.refuse("not a regular file", "verdict", "/dev/zero", "--group", "x", code=3)

    def test_path_with_spaces_and_quotes(self) -> None:
        """Every tool gets the ELF's name as it is."""
        elf = self.work / "a 'guest' \"of\" mine.elf"
        shutil.copy(self.guest(), elf)
        done = self.rig("run", "--pack", PACK, "--elf", elf)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("foreign.S:", done.stdout)
        done = self.rig("debug", "--pack", PACK, "--elf", elf, "--at", "mmu-on", "--batch")
        self.assertIn("stopped at checkpoint mmu-on", done.stdout, done.stderr)

    def test_lint_and_explain(self) -> None:
        """The good pack fits; a rule explains itself; an unknown id gets a hint."""
        self.assertEqual(self.rig("lint", PACK, "--elf", self.guest()).returncode, 0)
        done = self.rig("explain", "mmu-switched", "--pack", PACK)
        self.assertIn("one write turns it on", done.stdout)
        self.refuse("did you mean mmu-switched", "explain", "mmu-switchd", "--pack", PACK)


class Streams(RigTest):
    """Standard output that cannot be written: 3, one line of words, nothing left behind."""

    def shell(self, tail: str) -> subprocess.CompletedProcess[str]:
        """Run the rig with a shell's redirection behind it."""
        command = f'"$0" step --pack "$1" --elf "$2" {tail}'
        return subprocess.run(
            ["bash", "-c", command, str(RIG), str(PACK), str(self.guest())],
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND_S,
            env=self.environment(),
        )

    def test_unusable_standard_output(self) -> None:
        """Closed, full, or a reader that goes away."""
        kept = self.kept()
        for tail, words in (
            (">&-", "standard output is closed"),
            (">/dev/full", "No space left"),
            ("| head -1; exit ${PIPESTATUS[0]}", "broken pipe"),
        ):
            with self.subTest(tail):
                done = self.shell(tail)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual((self.kept(), self.processes()), (kept, []))


class Tools(RigTest):
    """Missing and dying tools: exit 3, and the package that brings them."""

    def path_without(self, *missing: str) -> str:
        """A directory of links to all that is needed but these tools."""
        directory = self.work / ("without-" + "-".join(missing))
        directory.mkdir()
        for tool in ("qemu-system-aarch64", "gdb-multiarch", "setpriv", "taskset", "env"):
            found = shutil.which(tool)
            if tool not in missing and found:
                (directory / tool).symlink_to(found)
        return str(directory)

    def test_missing(self) -> None:
        """Each missing tool is named with its Debian package."""
        packages = {
            "gdb-multiarch": "gdb-multiarch",
            "qemu-system-aarch64": "qemu-system-arm",
            "setpriv": "util-linux",
        }
        for tool, package in packages.items():
            with self.subTest(tool):
                done = self.rig(
                    "step", "--pack", PACK, "--elf", self.guest(), PATH=self.path_without(tool)
                )
                self.assertEqual(done.returncode, 3)
                self.assertIn(f"{tool} is not installed", done.stderr)
                self.assertIn(f"apt-get install {package}", done.stderr)

    def test_missing_compiled_parts(self) -> None:
        """Without rig-trace nothing is judged."""
        done = self.rig("run", "--pack", PACK, "--elf", self.guest(), RIG_TOOLS=str(self.work))
        self.assertEqual(done.returncode, 3)
        self.assertIn("rig-trace is not built", done.stderr)

    def test_missing_walker_is_no_pass(self) -> None:
        """Without librigwalk.so the checks that need it are errors."""
        done = self.rig("step", "--pack", PACK, "--elf", self.guest(), RIG_TOOLS=str(self.work))
        self.assertEqual(done.returncode, 3)
        self.assertIn("librigwalk.so is not built", done.stdout)

    def test_qemu_that_refuses(self) -> None:
        """QEMU's own words are shown; a CPU that it does not have is one complaint, no run."""
        base = ("run", "--pack", PACK, "--elf", self.guest())
        done = self.rig(*base, "--cpu", "cortex-a72,nonsense=1")
        self.assertEqual(done.returncode, 3)
        self.assertIn("nonsense", done.stdout)
        done = self.rig(*base, "--cpu", "no-such-cpu")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr.count("no-such-cpu"), 1)

    def kill_in_run(self, name: str, signum: int, words: str, phase: str = "step") -> None:
        """End one tool of a run on an endless guest: 3, nothing is broken, the rest is open."""
        guest = self.guest("HANG")
        pack = self.pack('marker: "foreign: mmu on"', "at: power_off")
        run_dir = self.work / f"killed-{name}-{signum}-{phase}"
        record, junit = run_dir.with_suffix(".json"), run_dir.with_suffix(".xml")
        command = "step" if phase == "step" else "run"
        line = [str(RIG), command, "--pack", str(pack), "--elf", str(guest), "--timeout", "60"]
        line += ["--json", str(record), "--junit", str(junit), "--run-dir", str(run_dir)]
        with self.start(line) as rig:
            os.kill(self.wait_for_child(run_dir, name, phase), signum)
            if phase == "free-run":  # the stepping that follows has the same end
                os.kill(self.wait_for_child(run_dir, name, "step"), signum)
            output, _ = rig.communicate(timeout=BOUND_S)
        self.assertEqual(rig.returncode, 3, output)
        self.assertRegex(output, words)
        self.assertNotIn("Traceback", output)
        self.assertNotIn("FAIL", output)
        self.assertEqual(self.processes(), [])
        report = json.loads(record.read_text(encoding="utf-8"))
        self.assertEqual(
            (report["exit_code"], report["broken"], report["first_failed"]), (3, [], None)
        )
        open_checks = [
            check["rule"]
            for check in report["variants"][0]["checks"]
            if check["status"] == "not-judged"
        ]
        self.assertIn("printed", open_checks)
        self.assertIn('failures="0"', junit.read_text(encoding="utf-8"))
        for group in ("entry", "console") + (() if phase == "step" else ("markers", "faults")):
            done = self.rig("verdict", record, "--group", group, "--elf", guest)
            self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def wait_for_child(self, run_dir: Path, name: str, phase: str) -> int:
        """The process id of a tool, once the phase is in full run (at the endless loop)."""
        program = {"qemu": "qemu-system-aarch64", "gdb": "gdb-multiarch"}[name]
        deadline = time.monotonic() + BOUND_S
        while time.monotonic() < deadline:
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        cwd = Path(os.readlink(entry / "cwd"))
                        inside = run_dir in cwd.parents
                        program_name = Path((entry / "cmdline").read_text().split("\0")[0]).name
                    except OSError:
                        continue
                    begun = [f for f in run_dir.glob(f"*-{phase}/serial.txt") if f.stat().st_size]
                    inside = inside and bool(begun) and begun[0].parent == cwd
                    if inside and program_name == program:
                        return int(entry.name)
            time.sleep(0.01)
        raise AssertionError(f"no {name} came up")

    def test_qemu_killed(self) -> None:
        """QEMU killed or asked to end in the middle, of either phase; its status may be 0."""
        for phase in ("step", "free-run"):
            for signum, words in (
                (signal.SIGKILL, "qemu died .signal 9"),
                (signal.SIGTERM, "(?s)qemu died .*terminating on signal 15"),
            ):
                with self.subTest(phase=phase, signum=signum):
                    self.kill_in_run("qemu", signum, words, phase)

    def test_gdb_killed(self) -> None:
        """gdb killed in the middle."""
        self.kill_in_run("gdb", signal.SIGKILL, "gdb died .signal 9")


class Ends(RigTest):
    """Time bounds and signals."""

    def test_hanging_guest(self) -> None:
        """Bounded, 124, with the place; the free run and the stepping alike."""
        guest = self.guest("HANG")
        code, report, text = self.report("run", "--pack", PACK, "--elf", guest, "--timeout", "3")
        self.assertEqual((code, report["broken"]), (124, []), text)
        self.assertRegex(
            text, r"did not end within 3 s: it is at 0x\w+ <mmu_is_on\+0x\w+> .*foreign.S:\d+"
        )
        pack = self.pack('marker: "foreign: mmu on"', "at: power_off")
        done = self.rig("step", "--pack", pack, "--elf", guest, "--timeout", "3")
        self.assertEqual(done.returncode, 124)
        self.assertRegex(
            done.stdout, r"stepping did not end within 3 s: the guest is at 0x\w+ <mmu_is_on"
        )

    def interrupt(self, signum: int) -> None:
        """Signal the rig while it steps."""
        kept = self.kept()
        pack = self.pack('marker: "foreign: mmu on"', "at: power_off")
        with subprocess.Popen(
            [str(RIG), "step", "--pack", str(pack), "--elf", str(self.guest("HANG"))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment(),
        ) as rig:  # fmt: skip
            assert rig.stdout is not None
            for line in rig.stdout:
                if "mmu-settled" in line:
                    break
            self.assertNotEqual(self.processes(), [])
            os.kill(rig.pid, signum)
            _, errors = rig.communicate(timeout=BOUND_S)
        if signum != signal.SIGKILL:
            self.assertEqual(rig.returncode, 128 + signum, errors)
            self.assertIn(f"ended by signal {int(signum)}", errors)
            self.assertEqual(self.kept(), kept)
        self.assertNotIn("Traceback", errors)
        deadline = time.monotonic() + 5
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.01)  # only after SIGKILL the kernel may take a moment
        self.assertEqual(self.processes(), [])

    def test_signals(self) -> None:
        """Ctrl-C, TERM, HUP, and even KILL leave no process."""
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(signal.Signals(signum).name):
                self.interrupt(signum)

    def test_runs_in_parallel(self) -> None:
        """Several runs at once do not disturb each other, nor does a long run directory."""
        elf = self.guest()
        long = self.work / ("long-" * 30)
        command = [str(RIG), "run", "--pack", str(PACK), "--elf", str(elf)]
        options: list[list[str]] = [[], [], ["--run-dir", str(long)]]
        with ExitStack() as stack:
            runs = [stack.enter_context(self.start([*command, *extra])) for extra in options]
            for run in runs:
                output, _ = run.communicate(timeout=BOUND_S)
                self.assertEqual(run.returncode, 0, output)
        self.assertEqual(self.processes(), [])


if __name__ == "__main__":
    unittest.main()
