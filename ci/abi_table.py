#!/usr/bin/python3
"""Make docs/architecture/syscalls.md from the ABI's header, or check that it fits.

    abi_table.py [--check] [HEADER] [OUT]

The header (kernel/include/tyrne/abi/syscall.h) is the one place where numbers stand; the page is
for people. Exit codes: 0 written or fits, 1 the table is old, 2 the header cannot be read.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "kernel/include/tyrne/abi/syscall.h"
OUT = ROOT / "docs/architecture/syscalls.md"
DEFINE = re.compile(r"#define (?P<name>\w+) +(?P<value>\w+)(?: +/\* (?P<comment>.*) \*/)?$")
GROUPS = {
    "SYSCALL": "Syscalls",
    "OUTCOME": "Outcomes",
    "STATUS": "Status, in x0",
    "START": "What a program starts with",
}
INTRODUCTION = """# The syscall ABI

Made from `kernel/include/tyrne/abi/syscall.h` by `ci/abi_table.py`; do not edit.

`SVC #0` with the number in x8 and arguments in x0 to x5. Returns the status in x0 and results in x1
to x7, all zero on an error. x9 to x18 may be clobbered; x19 to x30 and SP are kept.
"""


def group_of(name: str) -> str:
    """Which table a constant belongs to; "" for none."""
    if name.startswith(("SYSCALL_SEND_", "SYSCALL_RECV_")):
        return "OUTCOME"
    if name.startswith("SYSCALL_") and name != "SYSCALL_SVC_IMMEDIATE":
        return "SYSCALL"
    if name.startswith(("ABI_HANDLE_", "ABI_IMAGE_", "ABI_NULL_")):
        return "START"
    return "STATUS" if name.startswith("ABI_") else ""


def table_of(text: str) -> str:
    """The page for a header's text."""
    rows: dict[str, list[str]] = {group: [] for group in GROUPS}
    for line in text.splitlines():
        found = DEFINE.match(line)
        if line.startswith("#define") and found is None and not line.endswith("_H"):
            raise ValueError(f"a constant that does not stand on one line: {line}")
        if found is None or not (group := group_of(found["name"])):
            continue
        what = (found["comment"] or "").replace("|", "\\|")
        rows[group].append(f"| `{found['value']}` | `{found['name']}` | {what} |")
    if not all(rows.values()):
        raise ValueError(f"no constants for {[g for g, found in rows.items() if not found]}")
    page = INTRODUCTION
    for group, title in GROUPS.items():
        page += (
            f"\n## {title}\n\n| value | name | |\n|---|---|---|\n" + "\n".join(rows[group]) + "\n"
        )
    return page


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("header", type=Path, nargs="?", default=HEADER)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    try:
        page = table_of(args.header.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"abi_table: {args.header}: {error}", file=sys.stderr)
        return 2
    if not args.check:
        args.out.write_text(page, encoding="utf-8")
        return 0
    if not args.out.is_file() or args.out.read_text(encoding="utf-8") != page:
        print(
            f"abi_table: {args.out} does not fit {args.header}: run ci/abi_table.py",
            file=sys.stderr,
        )
        return 1
    print(f"abi_table: {args.out.name} fits {args.header.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
