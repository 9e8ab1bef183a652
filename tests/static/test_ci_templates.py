#!/usr/bin/python3
"""The CI templates as texts: valid YAML with what the services need, and command lines that the rig
takes. tests/rig/install runs them."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "ci" / "templates"
sys.path.insert(0, str(ROOT / "rig"))

# pylint: disable=wrong-import-position # the path above comes first
from engine.cli import build_parser  # noqa: E402

GUIDE = ROOT / "docs" / "guides" / "ci.md"
INSTALLING = ROOT / "docs" / "guides" / "installing.md"


def load(name: str) -> dict[Any, Any]:
    """A template as data."""
    data = yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def steps() -> list[dict[str, Any]]:
    """The workflow's steps."""
    found: list[dict[str, Any]] = load("github-actions.yml")["jobs"]["boot"]["steps"]
    return found


def scripts() -> Iterator[tuple[str, str]]:
    """Every script of the templates, and what it belongs to."""
    for step in steps():
        if "run" in step:
            yield f"github-actions.yml: {step['name']}", step["run"]
    for name, job in load("gitlab-ci.yml").items():
        if isinstance(job, dict) and ("script" in job or "before_script" in job):
            lines = [*job.get("before_script", []), *job.get("script", [])]
            yield f"gitlab-ci.yml: {name}", "\n".join(lines)


def code_blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The shell examples of a guide."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        yield page.name, block


def rig_lines(script: str) -> list[list[str]]:
    """The words of each call of rig, up to a pipe."""
    joined = re.sub(r"\\\n\s*", " ", script)
    found = []
    for line in joined.split("\n"):
        line = line.strip().removeprefix("$ ")
        if line.startswith("rig "):
            words = shlex.split(line, comments=True)[1:]
            ends = [i for i, word in enumerate(words) if word in ("|", ">", "||", "&&", ";")]
            found.append(words[: ends[0]] if ends else words)
    return found


class CommandLines(unittest.TestCase):
    """An option that is renamed turns this red."""

    def test_the_rig_takes_every_line(self) -> None:
        """Of the templates and of the guides about them."""
        count = 0
        pages = [*code_blocks(GUIDE), *code_blocks(INSTALLING)]
        for where, script in [*scripts(), *pages]:
            for words in rig_lines(script):
                count += 1
                with self.subTest(where, words=words):
                    self.assertTrue(self.taken(words), f"{where}: rig {shlex.join(words)}")
        self.assertGreater(count, 10)

    def taken(self, words: list[str]) -> bool:
        """Does the command line's parser take the words?"""
        try:
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(
                io.StringIO()
            ):
                build_parser().parse_args(words)
        except SystemExit as end:
            return end.code == 0
        return True

    def test_a_renamed_option_would_be_seen(self) -> None:
        """The test above can fail."""
        self.assertFalse(self.taken(["run", "--pack", "p", "--jason", "x"]))
        self.assertFalse(self.taken(["prove", "--pack", "p"]))
        self.assertEqual(rig_lines("a\n  rig run --x \\\n   1 | tee y\n"), [["run", "--x", "1"]])


class GitHub(unittest.TestCase):
    """github-actions.yml."""

    def test_the_workflow_is_whole(self) -> None:
        """Triggers, a bounded job, a shell that fails in pipes."""
        data = load("github-actions.yml")
        self.assertIn("pull_request", data[True])  # YAML 1.1 reads `on` as true
        job = data["jobs"]["boot"]
        self.assertLessEqual(job["timeout-minutes"], 60)
        self.assertEqual(data["defaults"]["run"]["shell"], "bash")
        self.assertEqual(data["permissions"], {"contents": "read"})

    def test_reports_are_uploaded_whatever_happened(self) -> None:
        """The upload and the summary run always; what is behind a red step runs, too."""
        upload = next(s for s in steps() if s.get("uses", "").startswith("actions/upload-artifact"))
        self.assertIn("always()", upload["if"])
        conditions = {step["name"]: step.get("if", "") for step in steps() if "run" in step}
        self.assertIn("always()", conditions["Summary"])
        for name in ("Exceptions not worse than the baseline", "Coverage"):
            self.assertIn("!cancelled()", conditions[name])

    def test_scripts_take_values_from_the_environment(self) -> None:
        """An expression inside of a script would be text that strangers can write."""
        for step in steps():
            self.assertNotIn("${{", step.get("run", ""), step)


class GitLab(unittest.TestCase):
    """gitlab-ci.yml."""

    def test_jobs_have_stages_images_and_bounds(self) -> None:
        """Each stage that a job names exists."""
        data = load("gitlab-ci.yml")
        for name in ("rig-install", "kernel", ".rig"):
            self.assertIn(data[name]["stage"], data["stages"])
            self.assertEqual(data[name]["image"], "debian:12")
        self.assertIn("timeout", data[".rig"])

    def test_reports_are_kept_whatever_happened(self) -> None:
        """Artefacts always; JUnit where GitLab shows it; 77 is a warning."""
        data = load("gitlab-ci.yml")
        self.assertEqual(data[".rig"]["artifacts"]["when"], "always")
        self.assertEqual(data[".rig"]["allow_failure"], {"exit_codes": [77]})
        for name in ("rig-run", "rig-faults"):
            report = data[name]["artifacts"]["reports"]["junit"]
            self.assertTrue(report.startswith("report/"))
            self.assertIn(f"--junit {report}", " ".join("\n".join(data[name]["script"]).split()))

    def test_no_coverage_report_that_gitlab_cannot_read(self) -> None:
        """It reads Cobertura and JaCoCo, not lcov: the number goes by a pattern."""
        data = load("gitlab-ci.yml")
        self.assertNotIn("coverage_report", str(data["rig-coverage"]))
        self.assertRegex("88.71 % of lines (55/62)", data["rig-coverage"]["coverage"].strip("/"))


class Both(unittest.TestCase):
    """What holds for each template."""

    def test_variables_are_the_same(self) -> None:
        """Whoever moves from one to the other finds the same words."""
        self.assertEqual(load("github-actions.yml")["env"], load("gitlab-ci.yml")["variables"])

    def test_packages_are_known(self) -> None:
        """Each package is in the project's list, or is a library that one of it brings."""
        listed = (ROOT / "ci" / "packages.txt").read_text(encoding="utf-8")
        known = {line.split("#")[0].strip() for line in listed.split("\n")}
        extra = {"ca-certificates", "make", "libcapstone4", "libdw1", "libelf1", "libjansson4",
                 "libyaml-0-2", "zlib1g"}  # fmt: skip
        for where, script in scripts():
            for call in re.findall(
                r"apt-get install (.*?)(?:\n(?! )|$)", script.replace("\\\n", ""), re.S
            ):
                names = {word for word in call.split() if not word.startswith("-")}
                self.assertEqual(names - known - extra, set(), where)

    def test_exit_codes_are_told(self) -> None:
        """A person reads the template first."""
        for name in ("github-actions.yml", "gitlab-ci.yml"):
            head = (TEMPLATES / name).read_text(encoding="utf-8").split("\nname:")[0][:900]
            for code in ("1 a rule was broken", "3 the rig could", "124 the guest", "77, skipped"):
                self.assertIn(code, " ".join(head.replace("#", " ").split()))


if __name__ == "__main__":
    unittest.main()
