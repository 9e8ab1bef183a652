#!/usr/bin/python3
"""What the command line says of itself: help, man pages, and completion in the shells."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pexpect
from support import ROOT

# pylint: disable=wrong-import-order # support sets the path
from engine import manual
from engine.cli import build_parser
from engine.completion import SHELLS, script
from engine.completion_names import KINDS, names
from engine.completion_words import ANYTHING, DIRECTORIES, FILES, Command, actions_of, commands_of

RIG = ROOT / "rig" / "rig"
BOUND_S = 30
TYRNE = ROOT / "rig" / "rules" / "tyrne.yaml"


class Help(unittest.TestCase):
    """Every command and every option says what it is."""

    def test_every_option_has_a_help(self) -> None:
        """Of every command; --help of argparse included."""
        for name, parser in commands_of(build_parser()).choices.items():
            for action in actions_of(parser):
                with self.subTest(command=name, option=action.option_strings or action.dest):
                    self.assertGreater(len(action.help or ""), 5)

    def test_every_command_has_an_example_that_it_takes(self) -> None:
        """And says what its exit status means, and what it is in the list of commands."""
        whole = build_parser()
        for command in Command.all_of(whole):
            text = commands_of(whole).choices[command.name].format_help()
            with self.subTest(command.name):
                self.assertRegex(text, rf"\nexamples?:\n(.*\n)*?.*\brig {command.name}\b")
                self.assertIn("\nexit status:", text)
                self.assertGreater(len(command.help), 20)

    def test_the_whole_help_has_each_command(self) -> None:
        """And the environment."""
        text = build_parser().format_help()
        for name in commands_of(build_parser()).choices:
            self.assertRegex(text, rf"\n    {name}\s")
        self.assertIn("RIG_TOOLS", text)


class ManPages(unittest.TestCase):
    """Made of the same parsers."""

    def setUp(self) -> None:
        self.pages = manual.pages(build_parser())

    def test_one_page_a_command_with_each_option(self) -> None:
        """Nothing that --help has is missed."""
        whole = build_parser()
        wanted = {"rig.1"} | {f"rig-{name}.1" for name in commands_of(whole).choices}
        self.assertEqual(set(self.pages), wanted)
        for name, parser in commands_of(whole).choices.items():
            page = self.pages[f"rig-{name}.1"]
            for action in actions_of(parser):
                for option in action.option_strings:
                    self.assertIn("\\fB" + option.replace("-", "\\-") + "\\fR", page)
            for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"):
                self.assertEqual(page.count(f"\n.SH {heading}\n"), 1, f"{name}: {heading}")
            self.assertRegex(page, r"\n\.SH EXAMPLES?\n")

    def groff(self, text: str) -> tuple[str, str]:
        """(the page as a terminal shows it, groff's warnings)."""
        if not shutil.which("groff"):
            self.skipTest("groff is not installed: apt-get install man-db")
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-P-cbou"], input=text, text=True,
            capture_output=True, check=False, timeout=BOUND_S,
        )  # fmt: skip
        return done.stdout, done.stderr

    def test_groff_has_no_warning(self) -> None:
        """Of any page."""
        for name, text in self.pages.items():
            self.assertEqual(self.groff(text)[1], "", name)

    def test_a_broken_page_would_be_seen(self) -> None:
        """The test above can fail."""
        self.assertNotEqual(self.groff(self.pages["rig.1"] + ".NO\n")[1], "")

    def test_text_comes_out_as_it_was_written(self) -> None:
        """What roff would take for its own: dots, quotes, backslashes, dashes."""
        parser = commands_of(build_parser()).choices["lint"]
        parser.epilog = "example:\n  rig lint 'a b' --elf \"c\" \\x ~/^d\n"
        parser.epilog += "\nexit status:\n  0  .so is no request\n"
        shown, warnings = self.groff(manual.command_page("lint", parser, "x"))
        self.assertEqual(warnings, "")
        self.assertIn("rig lint 'a b' --elf \"c\" \\x ~/^d", shown)
        self.assertIn(".so is no request", shown)


class Words(unittest.TestCase):
    """What the value of an option is."""

    def kinds(self, command: str) -> dict[str, str]:
        """Options and arguments of a command, with their kinds."""
        found = next(c for c in Command.all_of(build_parser()) if c.name == command)
        return {
            name: word.kind
            for word in (*found.options, *found.arguments)
            for name in word.options or (word.name,)
        }

    def test_values_are_known_by_their_option(self) -> None:
        """Where commands differ, by command and option."""
        run, debug = self.kinds("run"), self.kinds("debug")
        self.assertEqual((run["--pack"], run["--elf"], run["--json"]), ("packs", FILES, FILES))
        self.assertEqual((run["--run-dir"], run["--timeout"]), (DIRECTORIES, ANYTHING))
        self.assertEqual(debug["--at"], "checkpoints")
        self.assertEqual(self.kinds("audit")["--at"], "spaces")
        self.assertEqual(self.kinds("verdict")["--group"], "report-groups")
        self.assertEqual(self.kinds("explain")["id"], "rules")

    def test_every_kind_can_be_asked_for(self) -> None:
        """A kind that nobody answers completes nothing."""
        for command in Command.all_of(build_parser()):
            for word in (*command.options, *command.arguments):
                self.assertIn(word.kind, {*KINDS, FILES, DIRECTORIES, ANYTHING}, word)

    def test_names_are_of_the_pack_on_the_line(self) -> None:
        """In each spelling; what cannot be read has none."""
        for line in (
            ["run", "--pack", "linux"],
            ["run", "--pack=linux"],
            ["run", "--pack", "=", "linux"],
        ):
            self.assertEqual(names("variants", line), ["el1", "el2"])
        self.assertEqual(names("checkpoints", ["debug", "--pack", "linux"]), [])
        self.assertIn("mmu-on", names("checkpoints", ["debug", "--pack", str(TYRNE)]))
        self.assertIn("tlbi-completes", names("rules", ["explain", "--pack", "arm64"]))
        self.assertEqual(names("variants", ["run", "--pack", "no-such-pack"]), [])
        self.assertEqual(names("report-groups", ["verdict", str(TYRNE)]), [])


class Bash(unittest.TestCase):
    """The script in bash, without the package bash-completion."""

    def replies(self, *words: str) -> list[str]:
        """What bash would offer for the last word."""
        call = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rig; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(
            ["bash", "-c", f"{script(build_parser(), 'bash')}\n{call}", "bash", str(RIG), *words],
            capture_output=True, text=True, check=False, timeout=BOUND_S, cwd=ROOT,
        )  # fmt: skip
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.split("\n") if line]

    def test_commands_options_and_values(self) -> None:
        """By place on the line."""
        cases = {
            ("cov",): ["cover"],
            ("run", "--juni"): ["--junit"],
            ("map", "--filter", "d"): ["device"],
            ("completion", ""): list(SHELLS),
            ("run", "--pack", "uboo"): ["uboot"],
            ("run", "--pack", "=", "uboo"): ["uboot"],
            ("run", "--quiet", "--pack", "linux", "--variant", ""): ["el1", "el2"],
            ("debug", "--pack", "tyrne", "--at", "mmu-o"): ["mmu-on"],
            ("explain", "tlbi-c"): ["tlbi-completes"],
            ("run", "--elf", "READM"): ["README.md"],
            ("run", "--run-dir", "do"): ["docs"],
            ("run", "--timeout", ""): [],
            ("no-such-command", ""): [],
        }
        for words, wanted in cases.items():
            with self.subTest(words):
                self.assertEqual(self.replies(*words), wanted)

    def test_names_are_only_words(self) -> None:
        """A report is somebody's file: nothing in it is run or expanded, and no sign is lost."""
        with tempfile.TemporaryDirectory() as folder:
            report, made = Path(folder) / "report.json", Path(folder) / "made"
            groups = [f"$(touch {made})x", "_ZN$LT$foo", "a*", "`id`"]
            report.write_text(
                json.dumps({"variants": [{"checks": [{"group": name} for name in groups]}]}),
                encoding="utf-8",
            )
            offered = self.replies("verdict", str(report), "--group", "")
            self.assertEqual(sorted(offered), sorted(groups))
            self.assertFalse(made.exists())

    def test_a_person_presses_tab(self) -> None:
        """In an interactive bash on a terminal."""
        with tempfile.TemporaryDirectory() as folder:
            rc = Path(folder) / "rc"
            rc.write_text(
                f"PATH={RIG.parent}:$PATH\nPS1='ready> '\nbind 'set enable-bracketed-paste off'\n"
                + script(build_parser(), "bash"),
                encoding="utf-8",
            )
            shell = pexpect.spawn(
                "bash", ["--noprofile", "--rcfile", str(rc), "-i"], timeout=BOUND_S,
                encoding="utf-8", cwd=str(ROOT), env={**os.environ, "TERM": "dumb"},
            )  # fmt: skip
            try:
                shell.expect_exact("ready> ")
                shell.send("rig expl\t")
                shell.expect_exact("explain ")
                shell.send("tlbi-c\t")
                shell.expect_exact("tlbi-completes ")
                shell.send("--pack=uboo\t")
                shell.expect_exact("uboot")
                shell.sendcontrol("u")
                shell.sendline("exit")
                shell.expect(pexpect.EOF)
            finally:
                shell.close(force=True)


class OtherShells(unittest.TestCase):
    """zsh and fish."""

    def need(self, shell: str) -> None:
        """Skip where it is not installed."""
        if not shutil.which(shell):
            self.skipTest(f"{shell} is not installed: apt-get install {shell}")

    def test_zsh_completes(self) -> None:
        """Its syntax is right, and an interactive zsh completes an option and a name."""
        self.need("zsh")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "_rig"
            file.write_text(script(build_parser(), "zsh"), encoding="utf-8")
            subprocess.run(["zsh", "-n", str(file)], check=True, timeout=BOUND_S)
            shell = pexpect.spawn(
                "zsh", ["-f", "-i"], timeout=BOUND_S, encoding="utf-8", cwd=str(ROOT),
                env={**os.environ, "TERM": "dumb", "PS1": "ready> "},
            )  # fmt: skip
            try:
                shell.expect_exact("ready> ")
                shell.sendline(
                    f"path=({RIG.parent} $path); fpath=({folder} $fpath); "
                    f"autoload -U compinit; compinit -u -d {folder}/dump; echo do''ne"
                )
                shell.expect_exact("done")
                shell.send("rig expl\t")
                shell.expect_exact("explain")
                shell.send(" tlbi-c\t")
                shell.expect_exact("tlbi-completes")
                shell.sendcontrol("u")
                shell.sendline("exit")
                shell.expect(pexpect.EOF)
            finally:
                shell.close(force=True)

    def test_fish_completes(self) -> None:
        """Its syntax is right, and it offers options and names."""
        self.need("fish")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rig.fish"
            file.write_text(script(build_parser(), "fish"), encoding="utf-8")
            asked = {
                "rig run --juni": "--junit\t",
                "rig run --pack uboo": "uboot\t",
                "rig debug --pack tyrne --at mmu-o": "mmu-on\t",
                "rig map --filter dev": "device\t",
                "rig cov": "cover\t",
            }
            lines = "; ".join(f"complete -C '{line}'" for line in asked)
            done = subprocess.run(
                ["fish", "-N", "-c", f"source {file}; set PATH {RIG.parent} $PATH; {lines}"],
                capture_output=True, text=True, check=True, timeout=BOUND_S, cwd=ROOT,
                env={**os.environ, "HOME": folder},
            )  # fmt: skip
            self.assertEqual(done.stderr, "")
            for wanted in asked.values():
                self.assertIn(wanted, done.stdout)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
