#!/usr/bin/python3
"""The CI templates, run: their steps in bash, in a repository of somebody else's kernel.

Only what a test must not do is left out: installing packages, fetching and building the rig; the
installed rig of this build stands in for it. $RIG_BUILD is the build directory that is installed.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from install_case import BOUND_S, ROOT, InstallTest, main

TEMPLATES = ROOT / "ci" / "templates"
REPLACED = ("Install packages", "Install the rig")  # steps of the workflow
VARIABLES = {
    "BUILD": "sh build.sh", "PACK": "foreign.yaml", "ELF": "build/kernel.elf",
    "BASELINE": "faults.json", "COVERAGE": "lines=50",
}  # fmt: skip


@dataclass
class Done:
    """How each step ended, by name."""

    codes: dict[str, int]
    said: dict[str, str]


def text_of(name: str) -> dict[str, Any]:
    """A template as data."""
    data = yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


class TemplateTest(InstallTest):
    """Runs steps in the guest's directory, each in a shell of its own as the services do."""

    def setUp(self) -> None:
        self.guest = self.work / "guest"
        for path in ("report", "faults.json"):
            subprocess.run(["rm", "-rf", path], cwd=self.guest, check=True)
        self.variables = dict(VARIABLES)

    def step(self, script: str, **variables: str) -> tuple[int, str]:
        """One step: bash as GitHub and GitLab start it."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.guest, capture_output=True, text=True, check=False, timeout=BOUND_S,
            env=self.environment(**self.variables, **variables),
        )  # fmt: skip
        said = done.stdout + done.stderr
        self.assertNotIn("Traceback", said)
        self.assertEqual(self.left(), [])
        return done.returncode, said

    def report(self, name: str) -> Path:
        """A file of the artefact."""
        path = self.guest / "report" / name
        self.assertTrue(path.is_file(), f"{name} is not in the artefact")
        return path

    def failures(self, name: str) -> int:
        """Failures in a JUnit report."""
        suites = list(ET.parse(self.report(name)).getroot().iter("testsuite"))
        self.assertGreater(sum(int(suite.get("tests", "0")) for suite in suites), 0)
        return sum(int(suite.get("failures", "0")) for suite in suites)

    def baseline_from_artefact(self) -> None:
        """What a maintainer does after the first run."""
        self.report("faults.json").rename(self.guest / "faults.json")


class GitHub(TemplateTest):
    """github-actions.yml."""

    def workflow(self, **changes: str) -> Done:
        """The job's steps in order: after a failed one only those with an `if`, as GitHub does."""
        data = text_of("github-actions.yml")
        self.assertEqual(data["defaults"]["run"]["shell"], "bash")
        self.variables = {**data["env"], **VARIABLES, **changes}
        summary = self.work / "summary.md"
        summary.unlink(missing_ok=True)
        done = Done({}, {})
        ok = True
        for step in data["jobs"]["boot"]["steps"]:
            if "run" not in step or step["name"] in REPLACED or not (ok or "if" in step):
                continue
            code, said = self.step(step["run"], GITHUB_STEP_SUMMARY=str(summary))
            done.codes[step["name"]], done.said[step["name"]] = code, said
            ok = ok and code == 0
        return done

    def test_a_good_kernel_is_green(self) -> None:
        """First without a baseline, which is then in the artefact; then held against it."""
        done = self.workflow()
        self.assertEqual(set(done.codes.values()), {0}, done.said)
        self.assertIn("::notice::no faults.json yet", "".join(done.said.values()))
        run = json.loads(self.report("run.json").read_text(encoding="utf-8"))
        self.assertEqual(run["exit_code"], 0)
        self.assertEqual(self.failures("run.xml"), 0)
        self.report("run.html")
        self.assertIn("SF:", self.report("coverage/merged.info").read_text(encoding="utf-8"))
        self.report("coverage/html/index.html")
        summary = (self.work / "summary.md").read_text(encoding="utf-8")
        for part in ("### run", "### faults", "### coverage", "all rules held"):
            self.assertIn(part, summary)
        self.baseline_from_artefact()
        data = text_of("github-actions.yml")["jobs"]["boot"]["steps"]
        gate = next(step for step in data if "baseline" in step.get("name", ""))
        self.assertEqual(self.step(gate["run"])[0], 0)

    def test_a_broken_kernel_is_red_and_all_of_it_is_told(self) -> None:
        """The exit code gets through `| tee`; steps behind the red one run; reports are there."""
        self.build(self.guest)
        first = self.step('mkdir -p report; rig faults --pack "$PACK" --elf "$ELF" '
                          '--write-baseline faults.json')  # fmt: skip
        self.assertEqual(first[0], 0, first[1])
        self.addCleanup(self.build, self.guest)
        done = self.workflow(BUILD="sh build.sh -DFOREIGN_STRAY_ABORT")
        self.assertEqual(done.codes["Prove the boot"], 1, done.said)
        self.assertEqual(done.codes["Exceptions not worse than the baseline"], 1, done.said)
        self.assertRegex(
            done.said["Exceptions not worse than the baseline"], r"new +1 x +DATA_ABORT"
        )
        self.assertEqual(done.codes["Coverage"], 0, done.said)
        self.assertEqual(done.codes["Summary"], 0)
        self.assertGreater(self.failures("run.xml"), 0)
        self.assertIn("a rule was broken", (self.work / "summary.md").read_text(encoding="utf-8"))


class GitLab(TemplateTest):
    """gitlab-ci.yml."""

    def job(self, name: str) -> tuple[int, str]:
        """A job's script behind what its before_script does besides packages."""
        data = text_of("gitlab-ci.yml")
        self.variables = {**data["variables"], **VARIABLES}
        before = [line for line in data[".rig"]["before_script"] if "apt-get" not in line]
        script = "\n".join([*before, *data[name]["script"]])
        return self.step(script, CI_PROJECT_DIR=str(self.guest))

    def test_jobs_of_a_good_kernel_are_green(self) -> None:
        """The jobs by name, each with the reports that it promises to GitLab."""
        (self.guest / ".rig").symlink_to(self.prefix)
        for name in ("kernel", "rig-run", "rig-faults", "rig-coverage"):
            code, said = self.job(name)
            self.assertEqual(code, 0, f"{name}: {said}")
            junit = text_of("gitlab-ci.yml")[name]
            junit = junit.get("artifacts", {}).get("reports", {}).get("junit")
            if junit:
                self.assertGreater(len(ET.parse(self.guest / junit).getroot()), 0)
            pattern = text_of("gitlab-ci.yml")[name].get("coverage")
            if pattern:
                self.assertRegex(said, pattern.strip("/"))
        self.baseline_from_artefact()
        code, said = self.job("rig-faults")
        self.assertEqual(code, 0, said)
        self.assertIn("ok   faults-baseline", said)


if __name__ == "__main__":
    main()
