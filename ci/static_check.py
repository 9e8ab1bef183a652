#!/usr/bin/python3
"""Run one static check over the tree, as ctest does.

    static_check.py CHECK [--root DIR] [--build DIR]

CHECK is clang-format, clang-tidy, clang-tidy-deep, cppcheck, shellcheck, black, pylint or mypy. The
tool's findings (file:line: what) come first, then one line that says what to do.

Exit codes: 0 clean; 1 findings; 3 the check could not be made (a tool is missing, there is nothing
to look at); 77 skipped on purpose: a formatter of another version than the one that decides.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable

from source_files import ROOMS, python_files, shell_files, source_files

CLEAN, FINDINGS, NOT_MADE, SKIPPED = 0, 1, 3, 77
C_FILES = (".c", ".h")
# Formatters change their mind between versions: those of Debian 12 decide.
FORMATTER_MAJOR = {"clang-format": 14, "black": 23}
# The cppcheck of Debian 12, which parses every file of the tree.
CPPCHECK = "2.10"
# States that clang's analyzer explores in a function before it goes on to the next: a third of its
# default takes half the time.
ANALYZER_STATES, ANALYZER_STATES_DEEP = 75_000, 225_000
# Options of gcc that clang refuses; they do not change what clang-tidy sees.
ONLY_GCC = re.compile(
    r"-fno-(tree-|ipa-|reorder-|aggressive-|gcse|printf-)\S*"
    r"|-fconserve-stack|-fsanitize=bounds-strict"
)


class CannotCheck(Exception):
    """The check cannot be made; the text says why and what to do."""


class Skip(Exception):
    """The check is left out on purpose; the text says why."""


@dataclass(frozen=True)
class Place:
    """What is checked: the source tree and, where needed, its build directory."""

    root: Path
    build: Path | None

    def compile_databases(self) -> list[Path]:
        """The guest's compile commands first (they are the real ones), then the host's."""
        if self.build is None:
            raise CannotCheck("clang-tidy needs --build DIR, a configured build directory")
        found = [self.build / "guest-gcc", self.build]
        return [p for p in (d / "compile_commands.json" for d in found) if p.is_file()]


def tool(name: str) -> str:
    """The path of a tool, Debian's before any other; each comes in the package of its name."""
    path = shutil.which(name, path=f"/usr/bin{os.pathsep}{os.environ.get('PATH', '')}")
    if path is None:
        raise CannotCheck(f"{name} is missing: install the Debian package {name} (./tyrne setup)")
    return path


def some(files: list[str], what: str) -> list[str]:
    """The files, of which there must be at least one."""
    if not files:
        raise CannotCheck(f"there is no {what} to look at")
    return files


def run(command: list[str], root: Path, advice: str, text: IO[bytes] | None = None) -> int:
    """Run a tool in the root; any exit code but 0 is a finding."""
    result = subprocess.run(command, cwd=root, stdin=text or subprocess.DEVNULL, check=False)
    if result.returncode == 0:
        return CLEAN
    print(advice, flush=True)
    return FINDINGS


def version(name: str) -> tuple[str, str]:
    """(major.minor, the whole line) of what a tool says about its version."""
    text = subprocess.run([tool(name), "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"\d+\.\d+", text.stdout)
    if match is None:
        raise CannotCheck(f"{name} --version names no version: {text.stdout!r}")
    return match.group(), text.stdout.splitlines()[0]


def skip_other_version(name: str) -> None:
    """Skip when the formatter is not of the version that decides."""
    number, line = version(name)
    if int(number.split(".", maxsplit=1)[0]) != FORMATTER_MAJOR[name]:
        raise Skip(
            f"{name} {FORMATTER_MAJOR[name]} (Debian 12) decides the layout; this one is "
            f"{line}, which lays some lines out differently"
        )


def clang_format(place: Place) -> int:
    """The layout of the C files."""
    files = some(source_files(place.root, C_FILES), "C file")
    skip_other_version("clang-format")
    command = [tool("clang-format"), "--dry-run", "-Werror", *files]
    done = subprocess.run(command, cwd=place.root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return CLEAN
    lines = re.findall(r"^(\S+:\d+):\d+: error:", done.stderr, re.MULTILINE)
    for line in dict.fromkeys(lines):
        print(f"{line}: not laid out as .clang-format says")
    print("to lay them out: /usr/bin/clang-format -i FILE..." if lines else done.stderr)
    return FINDINGS


def black(place: Place) -> int:
    """The layout of the Python files."""
    files = some(python_files(place.root), "Python file")
    skip_other_version("black")
    command = [tool("black"), "--check", "--diff", "-q", *files]
    return run(command, place.root, "to lay them out: /usr/bin/black FILE...")


def translation_units(place: Place) -> dict[str, dict[str, Any]]:
    """One compile command for each C file of the house, made digestible for clang."""
    units: dict[str, dict[str, Any]] = {}
    for database in place.compile_databases():
        for entry in json.loads(database.read_text("utf-8")):
            file = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
            inside = os.path.relpath(file, place.root)
            if inside.endswith(".c") and inside.split("/", 1)[0] in ROOMS:
                words = [w for w in shlex.split(entry["command"]) if not ONLY_GCC.fullmatch(w)]
                words = [file if w == entry["file"] else w for w in words]
                unit = {"directory": entry["directory"], "file": file, "arguments": words}
                units.setdefault(inside, unit)
    return units


def clang_tidy_deep(place: Place) -> int:
    """The same as far as the analyzer goes by itself."""
    return clang_tidy(place, ANALYZER_STATES_DEEP)


def clang_tidy(place: Place, states: int = ANALYZER_STATES) -> int:
    """Bug patterns in every C file that the build compiles, guest and host."""
    name = tool("clang-tidy")
    units = translation_units(place)
    some(list(units), "compiled C file (configure and build first)")
    with tempfile.TemporaryDirectory(prefix="tyrne-tidy-") as folder:
        database = Path(folder) / "compile_commands.json"
        database.write_text(json.dumps(list(units.values())), "utf-8")
        rooms = "|".join(ROOMS)
        command = [name, "-p", folder, "--quiet", f"--config-file={place.root}/.clang-tidy"]
        command.append(f"--header-filter={re.escape(str(place.root))}/({rooms})/.*")
        for word in ("-analyzer-config", f"max-nodes={states}"):
            command += ["--extra-arg=-Xclang", f"--extra-arg={word}"]

        def tidy(file: str) -> tuple[int, str]:
            done = subprocess.run(
                [*command, str(place.root / file)], capture_output=True, text=True, check=False
            )
            return done.returncode, done.stdout + (done.stderr if done.returncode else "")

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(tidy, sorted(units)))
    lines: dict[str, None] = {}
    for code, output in results:
        if code:
            lines.update((line, None) for line in output.splitlines())
    print("\n".join(line.replace(f"{place.root}/", "") for line in lines))
    print(
        f"clang-tidy: {sum(1 for code, _ in results if code)} of {len(units)} files with findings"
    )
    return FINDINGS if any(code for code, _ in results) else CLEAN


def cppcheck(place: Place) -> int:
    """What cppcheck proves wrong in any configuration of the C files."""
    files = some(source_files(place.root, (".c",)), "C file")
    roots = ["kernel", "arch/aarch64", "bsp/qemu-virt", "userland"]
    command = [
        tool("cppcheck"),
        *("--std=c11", "--platform=unix64", "--quiet", "--inline-suppr", "--error-exitcode=1"),
        *("--enable=warning,performance,portability", "--suppress=missingIncludeSystem"),
        "--suppress=normalCheckLevelMaxBranches",
        *(f"-I{folder}/include" for folder in roots),
        f"-j{os.cpu_count()}",
        "--template={file}:{line}: {severity}: {message} [{id}]",
    ]
    if version("cppcheck")[0] != CPPCHECK:
        # 2.17 for one refuses `register T x __asm__("x0") = v`. Both compilers judge the syntax.
        print(f"cppcheck: not {CPPCHECK}: files it cannot parse are left out", flush=True)
        command.append("--suppress=syntaxError")
    advice = "cppcheck: mend each, or // cppcheck-suppress ID with the reason beside it"
    return run(command + files, place.root, advice)


def shellcheck(place: Place) -> int:
    """Shell scripts."""
    files = some(shell_files(place.root), "shell script")
    advice = "shellcheck: each SCnnnn is explained at https://www.shellcheck.net/wiki/SCnnnn"
    return run([tool("shellcheck"), "--format=gcc", *files], place.root, advice)


def pylint(place: Place) -> int:
    """Python style and mistakes; scripts without suffix through stdin, for pylint takes the name
    of such a file (rig/rig) for that of a package."""
    files = some(python_files(place.root), "Python file")
    command = [tool("pylint"), "--score=n", "--rcfile=pyproject.toml"]
    advice = "pylint: mend each, or disable it on its line with the reason"
    modules = [f for f in files if f.endswith(".py")]
    codes = [CLEAN]
    if modules:
        codes.append(run([*command, f"-j{os.cpu_count()}", *modules], place.root, advice))
    for script in sorted(set(files) - set(modules)):
        with open(place.root / script, "rb") as text:
            codes.append(run([*command, "--from-stdin", script], place.root, advice, text))
    return max(codes)


def mypy(place: Place) -> int:
    """Python types; scripts without suffix one by one, for each of them is a __main__. As in a
    run, a file finds the modules beside it by their plain names unless it is in a package."""
    files = some(python_files(place.root), "Python file")
    folders = sorted({(place.root / f).parent for f in files})
    bases = [str(folder) for folder in folders if not (folder / "__init__.py").exists()]
    groups = [[f for f in files if f.endswith(".py")]]
    groups += [["--follow-imports=silent", f] for f in files if not f.endswith(".py")]
    cache = place.build / "mypy-cache" if place.build else "/dev/null"
    command = ["/usr/bin/env", f"MYPYPATH={os.pathsep.join(bases)}", tool("mypy")]
    command += ["--no-error-summary", f"--cache-dir={cache}"]
    advice = "mypy: give each the type it has (pyproject.toml has the settings)"
    return max(run([*command, *group], place.root, advice) for group in groups if group)


CHECKS: dict[str, Callable[[Place], int]] = {
    "clang-format": clang_format,
    "clang-tidy": clang_tidy,
    "clang-tidy-deep": clang_tidy_deep,
    "cppcheck": cppcheck,
    "shellcheck": shellcheck,
    "black": black,
    "pylint": pylint,
    "mypy": mypy,
}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Run one static check over the tree.")
    parser.add_argument("check", choices=list(CHECKS))
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--build", type=Path)
    options = parser.parse_args()
    build = options.build.resolve() if options.build else None
    try:
        return CHECKS[options.check](Place(options.root.resolve(), build))
    except CannotCheck as error:
        print(f"{options.check}: {error}")
        return NOT_MADE
    except Skip as reason:
        print(f"{options.check}: skipped: {reason}")
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
