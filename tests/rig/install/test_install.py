#!/usr/bin/python3
"""The rig installed under a prefix: complete without source and build tree, movable, removable.

$RIG_BUILD is the build directory that is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from install_case import BOUND_S, BUILD, ROOT, InstallTest, install, main

# Runs words with the trees hidden: empty directories lie over them.
HIDE = """
for tree in $HIDDEN; do mount -t tmpfs none "$tree" || exit 99; done
exec "$@"
"""
PACK = ("--pack", "foreign.yaml", "--elf", "build/kernel.elf")


def hider() -> list[str] | None:
    """The words that give a command mounts of its own, None where this machine forbids it."""
    for words in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        if not shutil.which("unshare"):
            return None
        probe = [*words, "sh", "-c", "mount -t tmpfs none /mnt"]
        if subprocess.run(probe, capture_output=True, timeout=BOUND_S, check=False).returncode == 0:
            return words
    return None


class Alone(InstallTest):
    """Each command on a guest outside of the tree, with source and build hidden where the machine
    allows to hide them."""

    def setUp(self) -> None:
        self.hidden = [str(ROOT)] + ([] if BUILD.is_relative_to(ROOT) else [str(BUILD)])
        self.words = hider()
        for tree in self.hidden:
            self.assertFalse(self.work.is_relative_to(tree), "TMPDIR lies in the source tree")

    def rig(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        if self.words is None:
            return super().rig(*words, **environment)
        hidden = [*self.words, "sh", "-c", HIDE, "hide", str(self.prefix / "bin" / "rig"), *words]
        return self.run_words(hidden, HIDDEN=" ".join(self.hidden), **environment)

    def test_run_gives_every_report(self) -> None:
        """Console, exceptions, steps and order are judged; the reports are written."""
        reports = ("--json", "r.json", "--junit", "r.xml", "--html", "r.html")
        said = self.held("run", *PACK, *reports)
        self.assertRegex(said, r"all rules held: \d+ checks")
        report = json.loads((self.work / "guest" / "r.json").read_text(encoding="utf-8"))
        phases = [phase["name"] for phase in report["variants"][0]["phases"]]
        self.assertEqual(phases, ["free-run", "step", "ordering"])
        files = list(report["rules"])
        self.assertTrue(all(str(ROOT) not in file for file in files), files)
        self.assertTrue(any(file.endswith("lib/rig/rules/arm64.yaml") for file in files), files)
        self.assertIn("</html>", (self.work / "guest" / "r.html").read_text(encoding="utf-8"))

    def test_snapshots_are_taken_and_read(self) -> None:
        """snapshot, map, walk and audit."""
        self.held("snapshot", *PACK, "--at", "mmu-on", "-o", "s.snapshot")
        self.assertIn(".text", self.held("map", "s.snapshot", *PACK, "--svg", "s.svg"))
        self.assertIn("1 GiB block", self.held("walk", "s.snapshot", "_start", *PACK))
        done = self.rig("audit", "s.snapshot")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("wx-mapping", done.stdout)

    def test_plugins_count_and_trace(self) -> None:
        """cover and order load the plugins that fit this QEMU."""
        said = self.held("cover", *PACK, "--bound", "30", "--out", "coverage")
        self.assertIn("page: ", said)
        self.assertIn("17 rules held", self.held("order", *PACK))

    def test_gdb_stops_at_a_checkpoint(self) -> None:
        """debug finds the gdb side."""
        said = self.held("debug", *PACK, "--at", "mmu-on", "--batch", "--eval", "info line *$pc")
        self.assertIn("stopped at checkpoint mmu-on", said)

    def test_what_needs_no_guest(self) -> None:
        """lint, explain, completion, faults on a log."""
        self.assertIn("7 checkpoints", self.held("lint", *PACK[1::2][:1], *PACK[2:]))
        self.assertIn("tlbi-completes", self.held("explain", "tlbi-completes", "--pack", "arm64"))
        self.assertIn("arm64\n", self.held("completion", "--names", "packs"))
        self.held("faults", *PACK, "--write-baseline", "faults.json")
        self.held("faults", *PACK, "--baseline", "faults.json")

    def test_a_rebuilt_guest_is_held_against_the_baseline(self) -> None:
        """By a pack without `faults`: what is the same at other addresses passes, a new abort
        breaks the rule, and a log says the same as the run that made it."""
        guest = self.work / "guest"
        self.addCleanup(self.build, guest)
        whole = (guest / "foreign.yaml").read_text(encoding="utf-8")
        (guest / "bare.yaml").write_text(whole.partition("\nfaults:")[0] + "\n", encoding="utf-8")
        bare = ("--pack", "bare.yaml", *PACK[2:])
        done = self.rig("faults", *bare)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("nothing to judge exceptions by", done.stderr)
        self.build(guest, "-DFOREIGN_STRAY_ABORT")
        self.held("faults", *bare, "--write-baseline", "abort.json")
        self.build(guest, "-DFOREIGN_STRAY_ABORT", "-DFOREIGN_EXTRA_WRITE")
        self.held("faults", *bare, "--baseline", "abort.json", "--run-dir", "kept")
        self.held("faults", "kept/plain-free-run/qemu.log", *bare, "--baseline", "abort.json")
        self.build(guest)
        said = self.held("faults", *bare, "--baseline", "abort.json", "--write-baseline", "b.json")
        self.assertIn("1 gone: the baseline can be written anew", said)
        self.build(guest, "-DFOREIGN_STRAY_ABORT")
        done = self.rig("faults", *bare, "--baseline", "b.json", "--junit", "b.xml")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"actual +1 new\n +new +1 x +DATA_ABORT .* at _start ")
        self.assertIn("faults-baseline", (guest / "b.xml").read_text(encoding="utf-8"))

    def test_the_trees_are_really_hidden(self) -> None:
        """A file of the source tree is not there for the command."""
        if self.words is None:
            self.skipTest("this machine allows no mounts: the trees cannot be hidden")
        done = self.rig("lint", ROOT / "tests" / "rig" / "foreign" / "foreign.yaml", *PACK[2:])
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("cannot read the rule pack", done.stderr)


class Prefix(InstallTest):
    """What lies where, what an installed rig says when something is missing, and what packagers
    do."""

    def test_no_file_names_the_trees(self) -> None:
        """Texts do not point back to source or build; compiled parts look for no library there."""
        for path in sorted(self.prefix.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            data = path.read_bytes()
            if data.startswith(b"\x7fELF"):
                command = ["readelf", "-d", str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                self.assertNotIn("PATH)", done.stdout, path)
            else:
                self.assertNotIn(str(ROOT).encode(), data, path)
                self.assertNotIn(str(BUILD).encode(), data, path)

    def test_links_stay_in_the_prefix(self) -> None:
        """bin/ points into lib/rig by relative links, so a prefix can be moved."""
        links = {path.name: os.readlink(path) for path in (self.prefix / "bin").iterdir()}
        self.assertEqual(
            links, {"rig": "../lib/rig/rig", "rig-trace": "../lib/rig/rig-trace"}
        )  # fmt: skip
        done = self.run_words([self.prefix / "bin" / "rig-trace", "--help"])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_everything_is_there(self) -> None:
        """Engine and gdb side file by file as in the tree; plugins in both variants; texts."""
        parts = self.prefix / "lib" / "rig"
        for room in ("engine", "gdb", "rules"):
            for suffix in ("*.py", "*.yaml"):
                source = ROOT / "rig" / room
                want = {str(p.relative_to(source)) for p in source.rglob(suffix)}
                have = {str(p.relative_to(parts / room)) for p in (parts / room).rglob(suffix)}
                self.assertEqual(have, want, room)
        for name in ("cover", "events", "end", "poke"):
            for api in (1, 2):
                self.assertTrue((parts / f"librig{name}-{api}.so").is_file())
        self.assertTrue((parts / "librigwalk.so").is_file())
        for name in (
            "man/man1/rig.1", "man/man1/rig-run.1", "bash-completion/completions/rig",
            "zsh/site-functions/_rig", "fish/vendor_completions.d/rig.fish", "doc/rig/LICENSE",
            "doc/rig/guides/ci.md", "rig/templates/github-actions.yml",
            "rig/templates/gitlab-ci.yml",
        ):  # fmt: skip
            self.assertTrue((self.prefix / "share" / name).is_file(), name)
        self.assertEqual(list(self.prefix.rglob("__pycache__")), [])

    def test_man_finds_the_pages(self) -> None:
        """man with the prefix's directory."""
        if not shutil.which("man"):
            self.skipTest("man is not installed: apt-get install man-db")
        for page in ("rig", "rig-run", "rig-faults"):
            done = self.run_words(["man", "-M", self.prefix / "share" / "man", "-w", page])
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_version(self) -> None:
        """The project's version."""
        text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
        version = self.held("--version").split()[1]
        self.assertIn(f"VERSION {version} ", text)

    def test_it_has_no_guest_of_its_own(self) -> None:
        """Without --pack or --elf it asks for them."""
        done = self.rig("run", "--elf", "build/kernel.elf")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"no rule pack given: --pack FILE, or one .* arm64, ")
        done = self.rig("run", "--pack", "foreign.yaml")
        self.assertEqual(done.returncode, 2)
        self.assertIn("say where it is: --elf FILE", done.stderr)
        done = self.rig("audit")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no rule pack given", done.stderr)

    def test_missing_tools_are_named_with_their_package(self) -> None:
        """QEMU and gdb are not part of the rig."""
        for variable, package in (("RIG_QEMU", "qemu-system-arm"), ("RIG_GDB", "gdb-multiarch")):
            done = self.rig("run", *PACK, **{variable: "no-such-tool"})
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(f"apt-get install {package}", done.stderr)

    def test_a_lost_part_says_what_to_do(self) -> None:
        """A part that is gone from the prefix; RIG_TOOLS can bring it from elsewhere."""
        part = self.prefix / "lib" / "rig" / "rig-trace"
        part.rename(self.work / "rig-trace")
        try:
            done = self.rig("faults", *PACK)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("install the rig again", done.stderr)
            done = self.rig("faults", *PACK, RIG_TOOLS=str(self.work))
            self.assertEqual(done.returncode, 0, done.stderr)
        finally:
            (self.work / "rig-trace").rename(part)

    def test_destdir(self) -> None:
        """DESTDIR stages a system directory, and the rig runs from the stage."""
        stage = self.work / "stage"
        install(Path("/usr"), DESTDIR=str(stage))
        done = self.run_words([stage / "usr" / "bin" / "rig", "--version"])
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_words([stage / "usr" / "bin" / "rig", "lint", "foreign.yaml", *PACK[2:]])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_manifest_removes_everything(self) -> None:
        """CMake's list of installed files is all that an uninstallation needs."""
        place = self.work / "removed"
        install(place)
        listed = (BUILD / "install_manifest.txt").read_text(encoding="utf-8").split("\n")
        for name in listed:
            if name:
                self.assertTrue(name.startswith(str(place)), name)
                Path(name).unlink()
        left = [path for path in place.rglob("*") if not path.is_dir() or path.is_symlink()]
        self.assertEqual(left, [])


if __name__ == "__main__":
    main()
