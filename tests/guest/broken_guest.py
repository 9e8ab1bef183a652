#!/usr/bin/python3
"""Break the guest as tests/guest/broken.yaml says and see that the rig turns the right rule red.

    broken_guest.py NAME --work DIR --tools DIR [--toolchain gcc|clang] [--build-type Debug|Release]

Copies the kernel's sources into DIR, applies the edits, builds, runs the rig up to the first broken
rule, and compares. The exit code is 0 when exactly what is listed happened, 1 when not, 2 when the
list or an edit is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("kernel", "arch", "bsp", "userland")
# A stopped boot is stepped in seconds; a guest that hangs is the test's failure.
BOUND_S = 300
# Kinds of checks whose findings are listed apart from `red`, by their rules.
FINDINGS = ("ordering", "address-space")


class ListError(Exception):
    """broken.yaml and the sources do not fit together."""


def load(name: str) -> dict[str, Any]:
    """The entry of broken.yaml, with its keys checked."""
    entries = yaml.safe_load((Path(__file__).parent / "broken.yaml").read_text(encoding="utf-8"))
    if name not in entries:
        raise ListError(f"broken.yaml has no entry {name}; it has {', '.join(entries)}")
    entry: dict[str, Any] = entries[name]
    known = {"why", "edits", "build", "first", "red", "says", "console"}
    known |= {"variants", "exit", "timeout", "stops_before", "pack", "image", "ordering"}
    known |= {"address_space"}
    unknown = set(entry) - known
    if unknown or not entry.get("edits") or not entry.get("why"):
        raise ListError(f"{name}: why and edits are needed; unknown keys: {sorted(unknown)}")
    judged = entry.get("build") != "red" and "exit" not in entry
    listed = [*entry.get("red", []), *entry.get("address_space", [])]
    if judged and entry.get("first") not in listed:
        raise ListError(f"{name}: names no rule that must turn red first, or lists it nowhere")
    return entry


def make_copy(entry: dict[str, Any], copy: Path) -> None:
    """A copy of the kernel's sources with the edits applied."""
    if copy.exists():
        shutil.rmtree(copy)
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room)
    for edit in entry["edits"]:
        path = copy / edit["file"]
        text = path.read_text(encoding="utf-8")
        count = text.count(edit["replace"])
        if count != 1:
            raise ListError(f"{edit['file']} holds {count} times, not once:\n{edit['replace']}")
        path.write_text(text.replace(edit["replace"], edit["with"]), encoding="utf-8")


def build(
    copy: Path, out: Path, image: str, args: argparse.Namespace
) -> subprocess.CompletedProcess[str]:
    """Configure the copied guest and build one image; the result of the step that ended it.

    All copies differ in one small edit, so with ccache each compiles what differs.
    """
    environment = dict(os.environ)
    configure = [
        *("cmake", "-S", str(copy / "bsp/qemu-virt"), "-B", str(out), "-G", "Ninja"),
        *("--toolchain", str(copy / f"arch/aarch64/toolchain-{args.toolchain}.cmake")),
        f"-DCMAKE_BUILD_TYPE={args.build_type}",
        "-DTYRNE_TEST_IMAGES=ON",
    ]
    if shutil.which("ccache"):
        configure += [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("C", "ASM")]
        # Names below the base are hashed relative to the build directory: equal in all copies.
        environment["CCACHE_DIR"] = str(args.work / "ccache")
        environment |= {"CCACHE_BASEDIR": str(copy.parent), "CCACHE_NOHASHDIR": "1"}
    done = subprocess.run(configure, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return done
    command = ["cmake", "--build", str(out), "--target", image.removesuffix(".elf")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def red_rules(entry: dict[str, Any], pack: Path) -> set[str]:
    """The rules that must be red, with the markers that a guest which stops does not show."""
    red = set(entry.get("red", []))
    if "stops_before" in entry:
        packs = [yaml.safe_load(pack.read_text(encoding="utf-8"))]
        for name in packs[0].get("use", []):
            used = ROOT / f"rig/rules/{name}.yaml"
            packs.insert(0, yaml.safe_load(used.read_text(encoding="utf-8")))
        markers = [marker["id"] for data in packs for marker in data.get("markers", [])]
        if entry["stops_before"] not in markers:
            raise ListError(f"{pack} has no marker {entry['stops_before']}")
        red |= set(markers[markers.index(entry["stops_before"]) :])
    return red


def judge_words(what: str, words: list[str], text: str) -> list[str]:
    """A complaint for each word that `text` does not hold."""
    return [f"{what} does not say '{word}'" for word in words if word not in text]


def judge_findings(kind: str, entry: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """The rules of `kind` that have findings, against the list. A guest that stops early gives some
    rules nothing to judge: such a check ends in the rule's own name, and is no finding."""
    found = {
        rule["id"]
        for rule in report["broken"]
        if rule["kind"] == kind and not rule["check"].endswith(f".{rule['id']}")
    }
    expected = set(entry.get(kind.replace("-", "_"), []))
    if found == expected:
        return []
    return [f"{kind}: {sorted(found)}, expected exactly {sorted(expected)}"]


def judge_report(entry: dict[str, Any], expected: set[str], report: dict[str, Any]) -> list[str]:
    """What of the rig's report differs from the list."""
    complaints = []
    first = report["first_failed"]["rule"] if report["first_failed"] else None
    if first != entry.get("first"):
        complaints.append(f"the first broken rule is {first}, expected {entry.get('first')}")
    red = {rule["id"] for rule in report["broken"] if rule["kind"] not in FINDINGS}
    if red != expected:
        complaints.append(f"red: {sorted(red)}, expected exactly {sorted(expected)}")
    for kind in FINDINGS:
        complaints += judge_findings(kind, entry, report)
    return complaints


def judge_run(entry: dict[str, Any], build_dir: Path, work: Path, tools: Path) -> list[str]:
    """Run the rig on the broken guest; what differs from the list."""
    elf = build_dir / entry.get("image", "tyrne.elf")
    pack = ROOT / entry.get("pack", "rig/rules/tyrne.yaml")
    expected = red_rules(entry, pack)
    run_dir = work / "run"
    if run_dir.exists():
        shutil.rmtree(run_dir)
    report_path = work / "report.json"
    report_path.unlink(missing_ok=True)
    command = [
        *(str(ROOT / "rig/rig"), "run", "--pack", str(pack)),
        *("--elf", str(elf), "--first", "--json", str(report_path), "--run-dir", str(run_dir)),
        *("--timeout", str(entry.get("timeout", 120))),
    ]
    for variant in entry.get("variants", ["el1"]):
        command += ["--variant", variant]
    environment = {**os.environ, "RIG_TOOLS": str(tools), "NO_COLOR": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=BOUND_S
    )
    output = done.stdout + done.stderr
    print(output)
    complaints = []
    code = entry.get("exit", 1)
    if done.returncode != code:
        complaints.append(f"the rig's exit code is {done.returncode}, not {code}")
    if not report_path.exists():
        return [*complaints, "the rig wrote no report"]
    complaints += judge_report(entry, expected, json.loads(report_path.read_text(encoding="utf-8")))
    consoles = [path.read_text(errors="replace") for path in run_dir.rglob("serial.txt")]
    if entry.get("console") and not consoles:
        complaints.append("the run kept no console")
    complaints += judge_words("the rig", entry.get("says", []), output)
    return complaints + judge_words("the console", entry.get("console", []), "\n".join(consoles))


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--toolchain", default="gcc", choices=["gcc", "clang"])
    parser.add_argument("--build-type", default="Debug", choices=["Debug", "Release"])
    args = parser.parse_args()
    work: Path = args.work / args.name
    try:
        entry = load(args.name)
        make_copy(entry, work / "source")
    except (OSError, ListError) as error:
        print(f"broken_guest: {error}", file=sys.stderr)
        return 2
    print(f"{args.name}: {entry['why']}")
    done = build(work / "source", work / "build", entry.get("image", "tyrne.elf"), args)
    if entry.get("build") == "red":
        output = done.stdout + done.stderr
        complaints = judge_words("the build", entry.get("says", []), output)
        if done.returncode == 0:
            complaints.append("the build did not fail")
    elif done.returncode:
        complaints = [f"the broken guest does not build:\n{done.stdout}{done.stderr}"]
    else:
        complaints = judge_run(entry, work / "build", work, args.tools)
    for complaint in complaints:
        print(f"broken_guest: {args.name}: {complaint}", file=sys.stderr)
    print(f"{args.name}: {'NOT as listed' if complaints else 'went red as listed'}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
