#!/usr/bin/python3
"""Generate the C and assembler views of the architecture table (sysregs.yaml).

    gen_sysregs.py sysregs.yaml --constants sysregs.h --names sysregs_names.h

For a field NAME of register REG the constants header defines
    REG_NAME_SHIFT, REG_NAME_MASK     (mask in place)
    REG_NAME_BIT                      one-bit fields only
    REG_NAME_VALUE                    each named value, shifted into place
The names header holds, for each field with `texts`, a constant array of fixed-size strings: no
pointers, so it can be read at any address the image runs at (before the kernel's jump as well).

Exit codes: 0 written, 2 the table is wrong (the message says where).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Iterator

import yaml

BANNER = "/* Generated from arch/aarch64/sysregs.yaml by gen_sysregs.py: do not edit. */\n"
TEXT_SIZE = 48


class TableError(Exception):
    """The architecture table contradicts itself."""


def bit_range(owner: str, field: str, spec: Any) -> tuple[int, int]:
    """Return (high, low) of a field; the bits key is "n" or "high:low"."""
    text = str(spec.get("bits", ""))
    parts = text.split(":")
    try:
        high = int(parts[0])
        low = int(parts[-1])
    except ValueError:
        raise TableError(f"{owner}.{field}: bits must be 'n' or 'high:low', not '{text}'") from None
    if len(parts) > 2 or not 0 <= low <= high <= 63:
        raise TableError(f"{owner}.{field}: bits {text} are not within 63:0")
    return high, low


def fields_of(table: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (owner, field, spec) of every field of registers and formats."""
    for section in ("registers", "formats"):
        for owner, entry in table[section].items():
            for field, spec in entry["fields"].items():
                yield owner, field, spec


def check(table: dict[str, Any]) -> None:
    """Refuse doubled encodings and values or texts that do not fit their field."""
    seen: dict[tuple[int, ...], str] = {}
    for name, entry in table["registers"].items():
        if "encoding" not in entry:
            continue
        encoding = tuple(entry["encoding"])
        if encoding in seen:
            raise TableError(f"{name} and {seen[encoding]} share the encoding {encoding}")
        seen[encoding] = name
    for owner, field, spec in fields_of(table):
        high, low = bit_range(owner, field, spec)
        limit = 1 << (high - low + 1)
        for value in list(spec.get("values", {}).values()) + list(spec.get("texts", {})):
            if not 0 <= value < limit:
                raise TableError(f"{owner}.{field}: {value:#x} does not fit bits {high}:{low}")
        for value, text in spec.get("texts", {}).items():
            if len(text) >= TEXT_SIZE - 1:
                raise TableError(f"{owner}.{field}: text of {value:#x} exceeds {TEXT_SIZE - 2}")


def constants(table: dict[str, Any]) -> str:
    """The header of bit positions, for C and for the assembler."""
    out = [BANNER, "#ifndef TYRNE_SYSREGS_H\n#define TYRNE_SYSREGS_H\n"]
    out.append(
        "#ifdef __ASSEMBLER__\n#define SYSREG_U64(x) x\n#else\n#define SYSREG_U64(x) x##ULL\n#endif"
    )
    for owner, field, spec in fields_of(table):
        high, low = bit_range(owner, field, spec)
        ones = (1 << (high - low + 1)) - 1
        prefix = f"{owner}_{field}"
        out.append(f"#define {prefix}_SHIFT {low}")
        out.append(f"#define {prefix}_MASK SYSREG_U64({ones << low:#x})")
        if high == low:
            out.append(f"#define {prefix}_BIT SYSREG_U64({1 << low:#x})")
        for name, value in spec.get("values", {}).items():
            out.append(f"#define {prefix}_{name} SYSREG_U64({value << low:#x})")
    out.append("\n#endif")
    return "\n".join(out) + "\n"


def names(table: dict[str, Any]) -> str:
    """The header of value texts, as pointer-free arrays sorted by value."""
    out = [BANNER, "#ifndef TYRNE_SYSREGS_NAMES_H\n#define TYRNE_SYSREGS_NAMES_H\n"]
    out.append("#include <stdint.h>\n")
    out.append(
        "struct sysreg_value_name {\n    uint8_t value;\n" f"    char text[{TEXT_SIZE - 1}];\n}};\n"
    )
    for owner, field, spec in fields_of(table):
        if "texts" not in spec:
            continue
        lower = f"{owner}_{field}".lower()
        out.append(
            f"static const struct sysreg_value_name {lower}_names[] __attribute__((unused)) = {{"
        )
        for value, text in sorted(spec["texts"].items()):
            out.append(f'    {{{value:#04x}, "{text}"}},')
        out.append("};\n")
    out.append("#endif")
    return "\n".join(out) + "\n"


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--constants", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    args = parser.parse_args()
    try:
        table = yaml.safe_load(args.table.read_text(encoding="utf-8"))
        check(table)
    except (OSError, yaml.YAMLError, TableError, KeyError) as error:
        print(f"gen_sysregs: {args.table}: {error}", file=sys.stderr)
        return 2
    args.constants.write_text(constants(table), encoding="utf-8")
    args.names.write_text(names(table), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
