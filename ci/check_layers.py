#!/usr/bin/python3
"""Check that every room of the house includes only what it may know.

    check_layers.py [ROOT]

The rooms and what they may include:

    kernel/          <tyrne/...>, its own headers, freestanding C headers; no assembly at all
                     (a <tyrne/hal/...> header may be filled in by the include root of arch or bsp)
    arch/aarch64/    those of the kernel's interface, its own, generated sysregs headers
    bsp/qemu-virt/   the interfaces of both, its own
    userland/        <tyrne/abi/...>, its own, freestanding C headers
    rig/             C library and system headers, its own, generated sysregs headers; Python: the
                     standard library, the rig's own modules and a few of Debian's; what rig/rules
                     knows of a guest is for the rules alone
    tests/           everything

A quoted include never reaches into another room's private files: only what lies under a room's
include root is its interface. `msr` and `mrs` are written in header inline functions of arch/ only.
Includes must not form a circle.

Prints file:line: what is wrong and what to do. Exit codes: 0 clean, 1 findings, 3 nothing to check.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator

from source_files import python_files, source_files

INCLUDE_ROOTS = {
    "kernel": "kernel/include",
    "arch": "arch/aarch64/include",
    "bsp": "bsp/qemu-virt/include",
    "userland": "userland/include",
}
FREESTANDING = frozenset(
    f"{name}.h" for name in "limits stdarg stdbool stddef stdint stdnoreturn stdalign float".split()
)
GENERATED = frozenset({"sysregs.h", "sysregs_names.h"})
ABI = "kernel/include/tyrne/abi/"
RIG_PACKAGES = frozenset({"yaml", "capstone", "elftools", "gdb"})
RULES_FOLDER = "rig/rules/"
WITH_INCLUDES = (".c", ".h", ".S", ".ld", ".lds")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)
ASM = re.compile(r"\b(?:asm|__asm|__asm__)\b")
MOVE_SYSREG = re.compile(r"\b(?:msr|mrs)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Include:
    """One #include line and where it leads."""

    file: str
    line: int
    name: str
    target: str | None  # path in the tree; None for a header of the toolchain or a generated one


@dataclass
class Tree:
    """What was read of the source tree, and what is wrong with it."""

    root: Path
    includes: list[Include] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    files: int = 0

    def report(self, file: str, line: int, message: str) -> None:
        """Note one finding."""
        self.findings.append(f"{file}:{line}: {message}")


def room_of(file: str) -> str:
    """The room is the first part of the path."""
    return file.split("/", 1)[0]


def is_interface(file: str, room: str) -> bool:
    """Whether the header is one that the room offers to others."""
    return file.startswith(INCLUDE_ROOTS[room] + "/")


def line_of(text: str, offset: int) -> int:
    """The line number of an offset, counted from 1."""
    return text.count("\n", 0, offset) + 1


def blank(text: str, strings: bool) -> str:
    """The text without comments (and string contents), each character still at its place."""

    def replace(match: re.Match[str]) -> str:
        found = match.group()
        if found[0] in "\"'" and not strings:
            return found
        return re.sub(r"[^\n]", " ", found)

    return COMMENT_OR_STRING.sub(replace, text)


def resolve(root: Path, file: str, name: str, quoted: bool) -> str | None:
    """The path in the tree that the compiler would open, None if it lies outside the tree."""
    places = [Path(file).parent] if quoted else []
    places += [Path(place) for place in INCLUDE_ROOTS.values()]
    for place in places:
        candidate = os.path.normpath(place / name)
        if not candidate.startswith("..") and (root / candidate).is_file():
            return candidate
    return None


def read_includes(root: Path, file: str, text: str) -> Iterator[Include]:
    """Every #include of a file, comments left out."""
    for match in INCLUDE.finditer(blank(text, strings=False)):
        quoted, name = match.group(1) == '"', match.group(2)
        target = resolve(root, file, name, quoted)
        yield Include(file, line_of(text, match.start(1)), name, target)


def may_kernel(inc: Include) -> bool:
    """The portable core: its own headers, the HAL and the freestanding ones."""
    if inc.target is None:
        return inc.name in FREESTANDING
    room = room_of(inc.target)
    hal = room in ("arch", "bsp") and inc.target == f"{INCLUDE_ROOTS[room]}/{inc.name}"
    return room == "kernel" or (hal and inc.name.startswith("tyrne/hal/"))


def may_lower(inc: Include, own: str, known: tuple[str, ...]) -> bool:
    """arch/ and bsp/: own files, the interfaces of the rooms above, generated headers."""
    if inc.target is None:
        return inc.name in FREESTANDING | GENERATED
    room = room_of(inc.target)
    return room == own or (room in known and is_interface(inc.target, room))


def may_arch(inc: Include) -> bool:
    """The CPU knows the kernel's interface."""
    return may_lower(inc, "arch", ("kernel",))


def may_bsp(inc: Include) -> bool:
    """The board knows the interfaces of kernel and CPU."""
    return may_lower(inc, "bsp", ("kernel", "arch"))


def may_userland(inc: Include) -> bool:
    """Programs know the syscall ABI."""
    if inc.target is None:
        return inc.name in FREESTANDING
    return room_of(inc.target) == "userland" or inc.target.startswith(ABI)


def may_rig(inc: Include) -> bool:
    """The rig judges any guest: it knows the architecture table and no kernel source."""
    if inc.target is None:
        return not inc.name.startswith(("tyrne/", "arch/", "board/"))
    return room_of(inc.target) == "rig"


RULES: dict[str, tuple[Callable[[Include], bool], str]] = {
    "kernel": (may_kernel, "<tyrne/...>, its own and freestanding headers"),
    "arch": (may_arch, "<tyrne/...>, <arch/...>, its own, sysregs and freestanding headers"),
    "bsp": (may_bsp, "<tyrne/...>, <arch/...>, <board/...>, sysregs and freestanding headers"),
    "userland": (may_userland, "<tyrne/abi/...>, its own and freestanding headers"),
    "rig": (may_rig, "its own, system and sysregs headers, never a guest's"),
}


def check_include(tree: Tree, inc: Include) -> None:
    """Report an include that crosses the house."""
    rule = RULES.get(room_of(inc.file))
    if rule is None or rule[0](inc):
        return
    where = f" ({inc.target})" if inc.target else ""
    tree.report(
        inc.file,
        inc.line,
        f"{room_of(inc.file)}/ may not include '{inc.name}'{where}; it may include {rule[1]}. "
        "Move what is needed behind an interface of a room above, or the code to the room below.",
    )


def asm_statement(text: str, code: str, start: int) -> str:
    """The source of an asm statement that starts at an offset, up to its closing bracket."""
    depth = 0
    for offset in range(start, len(code)):
        if code[offset] == "(":
            depth += 1
        elif code[offset] == ")":
            depth -= 1
            if depth == 0:
                return text[start:offset]
        elif code[offset] == ";" and depth == 0:
            break
    return ""


def check_assembly(tree: Tree, file: str, text: str) -> None:
    """No assembly in kernel/; msr and mrs only in arch's header inline functions."""
    room = room_of(file)
    if room == "kernel" and file.endswith(".S"):
        tree.report(file, 1, "kernel/ is pure C: move assembly to arch/")
    if not file.endswith((".c", ".h")) or room not in ("kernel", "arch", "bsp", "userland"):
        return
    code = blank(text, strings=True)
    for match in ASM.finditer(code):
        line = line_of(text, match.start())
        if room == "kernel":
            tree.report(file, line, "kernel/ is pure C: put this behind an interface in tyrne/hal/")
        elif MOVE_SYSREG.search(asm_statement(text, code, match.start())):
            if room != "arch" or file.endswith(".c"):
                tree.report(
                    file,
                    line,
                    "bare msr/mrs: call a named inline function of arch/aarch64/include "
                    "that owns the register's barriers",
                )


def check_circles(tree: Tree) -> None:
    """Report each circle of includes once, at the include that closes it."""
    edges: dict[str, list[Include]] = {}
    for inc in tree.includes:
        if inc.target:
            edges.setdefault(inc.file, []).append(inc)
    done: set[str] = set()

    def visit(file: str, path: list[str]) -> None:
        for inc in edges.get(file, []):
            assert inc.target is not None
            if inc.target in path:
                circle = path[path.index(inc.target) :] + [inc.target]
                tree.report(
                    inc.file,
                    inc.line,
                    f"circular include: {' -> '.join(circle)}; "
                    "move what both need to a third header",
                )
            elif inc.target not in done:
                visit(inc.target, path + [inc.target])
        done.add(file)

    for file in sorted(edges):
        if file not in done:
            visit(file, [file])


def imports(text: str, file: str) -> Iterator[tuple[int, str]]:
    """(line, first part of the module name) of every absolute import of a Python file."""
    for node in ast.walk(ast.parse(text, file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


def check_rig_python(tree: Tree) -> None:
    """The rig's Python: standard library, its own modules, Debian's few; and no guest's, outside of
    the rules."""
    files = [name for name in python_files(tree.root) if room_of(name) == "rig"]
    own = {Path(name).stem for name in files}
    own |= {part for name in files for part in Path(name).parent.parts}
    allowed = own | RIG_PACKAGES | sys.stdlib_module_names
    guests = {name.removeprefix(RULES_FOLDER).split("/", 1)[0].removesuffix(".py") for name in files
              if name.startswith(RULES_FOLDER)}  # fmt: skip
    for name in files:
        tree.files += 1
        try:
            found = list(imports((tree.root / name).read_text("utf-8", "replace"), name))
        except SyntaxError as error:
            tree.report(name, error.lineno or 1, f"not Python: {error.msg}")
            continue
        for line, module in found:
            if module in guests and not name.startswith(RULES_FOLDER):
                tree.report(
                    name,
                    line,
                    f"only what is in {RULES_FOLDER} may import '{module}': the rig itself knows "
                    "no guest; a pack names such a file by its key `gdb`",
                )
            elif module not in allowed:
                tree.report(
                    name,
                    line,
                    f"the rig may not import '{module}': only the standard library, its own "
                    f"modules and {', '.join(sorted(RIG_PACKAGES))}",
                )


def check(root: Path) -> Tree:
    """Read the tree and collect every finding."""
    tree = Tree(root)
    for name in source_files(root, WITH_INCLUDES):
        text = (root / name).read_text("utf-8", "replace")
        tree.files += 1
        check_assembly(tree, name, text)
        for inc in read_includes(root, name, text):
            tree.includes.append(inc)
            check_include(tree, inc)
    check_circles(tree)
    check_rig_python(tree)
    return tree


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Check that no include crosses the house.")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parent.parent)
    tree = check(parser.parse_args().root.resolve())
    if tree.files == 0:
        print(f"layers: no source file under {tree.root}: nothing was checked")
        return 3
    for finding in tree.findings:
        print(finding)
    print(
        f"layers: {len(tree.findings)} findings in {tree.files} files, "
        f"{len(tree.includes)} includes"
    )
    return 1 if tree.findings else 0


if __name__ == "__main__":
    sys.exit(main())
