#!/usr/bin/python3
"""The front door ./tyrne: what it calls, with what, and how it ends.

A copy of it runs in a tree and with a PATH made for the test, where every tool that would build,
install or run something is a recorder.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USED = "bash cat dirname env mkdir readlink rm sed".split()
RECORDER = """#!/bin/bash
echo "${0##*/} $*" >>"$RECORD"
%s
"""
# What the pretended dpkg-query says; "removed" and lcov are known to it but not installed.
STATES = ("installed gcc", "installed git", "config-files removed", "not-installed lcov")
DPKG = "printf '/%s/\\n' " + " ".join(f"'{state}'" for state in STATES)


class FrontDoor(unittest.TestCase):
    """One command line at a time."""

    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="tyrne-door-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.tree = self.top / "tree"
        self.path = self.top / "bin"
        for folder in (self.tree / "ci", self.tree / "rig", self.path, self.top / "elsewhere"):
            folder.mkdir(parents=True)
        shutil.copy(ROOT / "tyrne", self.tree / "tyrne")
        for tool in USED:
            (self.path / tool).symlink_to(str(shutil.which(tool)))
        for tool in ("apt-get", "cmake", "ctest", "qemu-system-aarch64"):
            self.recorder(self.path / tool)
        self.recorder(self.path / "dpkg-query", DPKG)
        self.recorder(self.tree / "rig/rig", 'echo "report in $PWD"; exit 7')
        self.recorder(self.tree / "ci/coverage_job.py", "echo table; exit 6")
        self.packages("gcc", "git")
        self.environment = {"PATH": str(self.path), "RECORD": str(self.top / "record")}

    def recorder(self, path: Path, action: str = "") -> None:
        """A tool that writes down how it was called."""
        path.write_text(RECORDER % action, "utf-8")
        path.chmod(0o755)

    def packages(self, *names: str) -> None:
        """The package list of the tree."""
        lines = "# a comment\n\n" + "".join(f"{name}   # why\n" for name in names)
        (self.tree / "ci/packages.txt").write_text(lines, "utf-8")

    def recorded(self) -> list[str]:
        """The calls so far, but for the look at what is installed."""
        record = self.top / "record"
        lines = record.read_text("utf-8").splitlines() if record.exists() else []
        return [line for line in lines if not line.startswith("dpkg-query")]

    def tyrne(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run the copy, from another directory and through a symlink."""
        link = self.top / "link"
        if not link.exists():
            link.symlink_to(self.tree / "tyrne")
        return subprocess.run(
            [str(link), *words],
            cwd=self.top / "elsewhere",
            env={**self.environment, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def on_terminal(self, reply: bytes, *words: str, **extra: str) -> tuple[int, bytes]:
        """Run the copy on a terminal and give a reply; exit code and what was shown."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(self.tree / "tyrne", ["tyrne", *words], {**self.environment, **extra})
        os.write(terminal, reply)
        shown = b""
        try:
            while chunk := os.read(terminal, 4096):
                shown += chunk
        except OSError:  # the other side of the terminal is gone
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown

    def test_help(self) -> None:
        """Help names every command and nothing is done."""
        done = self.tyrne()
        self.assertEqual(done.returncode, 0)
        for command in "setup build boot rig test cover mutate debug clean".split():
            self.assertIn(f"\n  {command} ", done.stdout)
        self.assertEqual(self.recorded(), [])

    def test_wrong_usage(self) -> None:
        """Exit 2, a word about it on stderr, nothing done."""
        for words in (
            ["tset"],
            ["build", "fast"],
            ["boot", "--variant", "el3"],
            ["boot", "--variant"],
            ["boot", "--fast"],
            ["clean", "everything"],
            ["build", "debug", "one preset"],
        ):
            with self.subTest(words):
                done = self.tyrne(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(words[-1], done.stderr)
        self.assertEqual(self.recorded(), [])

    def test_nothing_is_missing(self) -> None:
        """A machine that has everything is asked nothing and apt is not called."""
        done = self.tyrne("setup")
        self.assertEqual((done.returncode, self.recorded()), (0, []), done.stderr)

    def test_no_terminal_to_ask_on(self) -> None:
        """Without a terminal and without --yes nothing is installed; the way out is named."""
        self.packages("gcc", "removed", "lcov")
        done = self.tyrne("rig")
        self.assertEqual((done.returncode, self.recorded()), (2, []))
        self.assertIn("missing packages: removed lcov", done.stderr)
        self.assertIn("setup --yes", done.stderr)

    def as_root(self, command: str) -> str:
        """The recorded call of apt-get does not differ between root and sudo."""
        if os.geteuid() != 0:
            self.recorder(self.path / "sudo", 'exec "$@"')
        return command

    def test_yes_installs_what_is_missing(self) -> None:
        """--yes and CI=true: the lists first, then only what is missing."""
        self.packages("gcc", "removed", "lcov")
        apt = [
            self.as_root("apt-get -q update"),
            "apt-get -q install -y --no-install-recommends removed lcov",
        ]
        for words, ci in ((["setup", "--yes"], ""), (["setup"], "true"), (["setup"], "1")):
            with self.subTest(words, ci=ci):
                (self.top / "record").unlink(missing_ok=True)
                done = self.tyrne(*words, CI=ci)
                self.assertEqual(done.returncode, 0, done.stderr)
                calls = [line for line in self.recorded() if not line.startswith("sudo")]
                self.assertEqual(calls, apt)

    def test_terminal_is_asked(self) -> None:
        """Only a yes installs."""
        self.packages("lcov")
        self.as_root("")
        for reply in (b"\n", b"n\n", b"\x04"):
            with self.subTest(reply):
                code, shown = self.on_terminal(reply, "setup")
                self.assertEqual((code, self.recorded()), (2, []), shown)
                self.assertIn(b"install them now?", shown)
        self.assertEqual(self.on_terminal(b"y\n", "setup")[0], 0)
        self.assertIn("apt-get -q install -y --no-install-recommends lcov", self.recorded())

    def test_install_failure(self) -> None:
        """A failing apt-get ends the command before anything is built."""
        self.packages("lcov")
        self.as_root("")
        self.recorder(self.path / "apt-get", "exit 100")
        done = self.tyrne("rig", "--yes")
        self.assertEqual(done.returncode, 2)
        self.assertIn("could not install", done.stderr)
        self.assertNotIn("cmake", " ".join(self.recorded()))

    def test_neither_root_nor_sudo(self) -> None:
        """An ordinary user without sudo is told, not asked."""
        if os.geteuid() == 0:
            script = (self.tree / "tyrne").read_text("utf-8")
            self.assertIn("$EUID != 0", script)
            (self.tree / "tyrne").write_text(script.replace("$EUID != 0", "1 != 0"), "utf-8")
        self.packages("lcov")
        done = self.tyrne("setup", "--yes")
        self.assertEqual((done.returncode, self.recorded()), (2, []))
        self.assertIn("needs root or sudo", done.stderr)

    def test_dpkg_failure_is_not_nothing_missing(self) -> None:
        """When dpkg cannot say what is installed, nothing goes on."""
        self.recorder(self.path / "dpkg-query", "exit 2")
        self.assertEqual((self.tyrne("build").returncode, self.recorded()), (2, []))

    def test_not_debian(self) -> None:
        """Where there is no dpkg the package list is pointed to."""
        (self.path / "dpkg-query").unlink()
        done = self.tyrne("build")
        self.assertEqual((done.returncode, self.recorded()), (2, []))
        self.assertIn("ci/packages.txt", done.stderr)

    def test_rig_is_built_for_and_passed_on(self) -> None:
        """Built first; options, working directory, output and exit code are the rig's own."""
        done = self.tyrne("rig", "--yes", "--json", "out file.json")
        self.assertEqual(done.returncode, 7)
        self.assertEqual(done.stdout, f"report in {self.top}/elsewhere\n")
        pack = f"--pack {self.tree}/rig/rules/tyrne.yaml --elf {self.tree}/build/debug/tyrne.elf"
        calls = [
            "cmake --preset debug",
            "cmake --build --preset debug",
            f"rig run {pack} --json out file.json",
        ]
        self.assertEqual(self.recorded(), calls)

    def test_debug(self) -> None:
        """The rig's own debug command."""
        self.assertEqual(self.tyrne("debug", "--at", "vectors").returncode, 7)
        self.assertRegex(self.recorded()[-1], r"^rig debug --pack .* --elf .* --at vectors$")

    def test_failed_build_is_the_end(self) -> None:
        """The exit code of a failing build is passed on and nothing runs after it."""
        self.recorder(self.path / "cmake", "[[ $1 != --build ]] || exit 5")
        for words in (
            ["rig"],
            ["test"],
            ["cover"],
            ["mutate"],
            ["boot"],
            ["debug"],
            ["build", "host"],
        ):
            with self.subTest(words):
                (self.top / "record").unlink(missing_ok=True)
                self.assertEqual(self.tyrne(*words).returncode, 5)
                self.assertEqual(len(self.recorded()), 2)

    def test_failed_configure_is_shown(self) -> None:
        """What cmake said is hidden only when it went well."""
        self.recorder(self.path / "cmake", 'echo "no compiler"; exit 1')
        done = self.tyrne("build")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no compiler", done.stderr)
        self.assertEqual(self.recorded(), ["cmake --preset debug"])

    def test_tests_run_in_order(self) -> None:
        """host, release, debug, each built before it is tested."""
        self.assertEqual(self.tyrne("test").returncode, 0)
        calls = []
        for preset in ("host", "release", "debug"):
            calls += [f"cmake --preset {preset}", f"cmake --build --preset {preset}"]
            calls += [f"ctest --preset {preset}"]
        # The coverage job's table is shown, apart from the tests that only pass.
        calls[-1:] = [
            "ctest --preset debug --tests-regex ^rig/cover$ --verbose",
            "ctest --preset debug-after-host --exclude-regex ^rig/cover$",
        ]
        self.assertEqual(self.recorded(), calls)

    def test_cover(self) -> None:
        """The host tests' counters first, then the job, which gets the options."""
        done = self.tyrne("cover", "--json", "a b.json")
        self.assertEqual((done.returncode, done.stdout), (6, "table\n"), done.stderr)
        build = f"{self.tree}/build"
        calls = ["cmake --preset host", "cmake --build --preset host"]
        calls += ["ctest --preset host --label-regex ^coverage$"]
        calls += ["cmake --preset debug", "cmake --build --preset debug"]
        calls += [
            f"coverage_job.py --build {build}/debug --host {build}/host --out {build}/coverage"
            " --json a b.json"
        ]
        self.assertEqual(self.recorded(), calls)

    def test_mutate(self) -> None:
        """The whole campaign in the build directory, to go on there; a listing makes no report."""
        done = self.tyrne("mutate", "--in", "boot_*")
        self.assertEqual(done.returncode, 7, done.stderr)
        guest = f"rig mutate --pack {self.tree}/rig/rules/tyrne.yaml --elf {self.tree}/build/debug/"
        out = f"{self.tree}/build/mutants"
        words = f"--run-dir {out} --renew --json {out}/mutants.json --junit {out}/mutants.xml"
        self.assertEqual(
            self.recorded()[-1],
            f"{guest}tyrne.elf {words} --table {out}/mutants.md --in boot_*",
        )
        self.assertTrue(Path(out).is_dir())
        self.assertEqual(self.tyrne("mutate", "--list").returncode, 7)
        self.assertEqual(self.recorded()[-1], f"{guest}tyrne.elf --list")

    def test_tests_stop_at_the_first_red_preset(self) -> None:
        """ctest's summary of the red preset is the last thing said."""
        action = 'echo "summary of $2"; [[ $2 != release ]] || exit 8'
        self.recorder(self.path / "ctest", action)
        done = self.tyrne("test")
        self.assertEqual(done.returncode, 8)
        self.assertTrue(done.stdout.endswith("summary of release\n"), done.stdout)
        self.assertEqual(self.recorded()[-1], "ctest --preset release")

    def test_boot_variants(self) -> None:
        """The machine follows the variant, the image the build type."""
        for words, machine, preset in (
            (["--variant=el1"], "virt,gic-version=2", "debug"),
            (["--variant", "el1"], "virt,gic-version=2", "debug"),
            (["--variant", "el2"], "virt,gic-version=2,virtualization=on", "debug"),
            (["--release", "--variant=el2"], "virt,gic-version=2,virtualization=on", "release"),
        ):
            with self.subTest(words):
                self.assertEqual(self.tyrne("boot", *words).returncode, 0)
                call = (
                    f"qemu-system-aarch64 -M {machine} -cpu cortex-a72 -smp 1 -m 128M "
                    f"-nographic -nic none -kernel {self.tree}/build/{preset}/tyrne.elf"
                )
                self.assertEqual(self.recorded()[-1], call)

    def test_clean(self) -> None:
        """Removes the build directory and nothing else."""
        (self.tree / "build/debug").mkdir(parents=True)
        before = sorted(p for p in self.tree.rglob("*") if "build" not in p.parts)
        self.assertEqual(self.tyrne("clean").returncode, 0)
        self.assertEqual(sorted(self.tree.rglob("*")), before)

    def test_no_color(self) -> None:
        """Bold on a terminal only, and not there either when NO_COLOR is set."""
        self.assertIn(b"\033", self.on_terminal(b"\x04", "setup")[1])
        self.assertNotIn(b"\033", self.on_terminal(b"\x04", "setup", NO_COLOR="1")[1])
        self.assertNotIn("\033", self.tyrne("setup").stderr)


if __name__ == "__main__":
    unittest.main()
