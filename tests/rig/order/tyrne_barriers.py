#!/usr/bin/python3
"""Take barriers out of the kernel's image and judge the run by the ordering rules.

    tyrne_barriers.py NAME --images DIR --work DIR

NAME is an entry of tyrne_barriers.yaml. The image as it is must be clean, and without a barrier
give the findings that are listed for it and no others. Exit code 0 when all is so, 1 when not, 2
for a wrong list. $RIG_TOOLS is the directory of rig-trace and the plugins.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "rig"))
# pylint: disable=wrong-import-position # the path above comes first
from engine.errors import RigError
from engine.order_check import order
from order_case import record
from order_guests import ENTRIES, ListError

NOP = 0xD503201F
BARRIERS = {4: "dsb", 5: "dmb", 6: "isb"}  # by op2: DDI 0487, C4.1.94 "Barriers"
TLBI_CRN, CACHE_CRN = (8, 9), 7
IC_CRM, DC_CRM = (1, 5), (6, 10, 11, 12, 14)  # DC ZVA (4) is a store
LINK_OFFSET = (1 << 64) - (1 << 32)
USER_END = 1 << 30  # programs live below the image's load address


def kind_of(opcode: int) -> str | None:
    """isb, dsb, dmb, tlbi, ic, dc; None for anything else."""
    if opcode & 0xFFFFF01F == 0xD503301F:
        return BARRIERS.get(opcode >> 5 & 7)
    if opcode & 0xFFF80000 != 0xD5080000:
        return None
    crn, crm = opcode >> 12 & 15, opcode >> 8 & 15
    if crn in TLBI_CRN:
        return "tlbi"
    if crn != CACHE_CRN:
        return None
    return "ic" if crm in IC_CRM else "dc" if crm in DC_CRM else None


class Kernel:
    """An image: where its barriers are in the file, and whose code an address is."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            text, table = elf.get_section_by_name(".text"), elf.get_section_by_name(".symtab")
            self._functions = sorted(
                (each["st_value"], each["st_value"] + each["st_size"], each.name)
                for each in table.iter_symbols()
                if each["st_info"]["type"] == "STT_FUNC"
            )
            base, start, size = text["sh_addr"], text["sh_offset"], text["sh_size"]
        self.barriers: dict[str, int] = {}
        count: dict[tuple[str, str], int] = {}
        for index in range(0, size, 4):
            kind = kind_of(struct.unpack_from("<I", self.content, start + index)[0])
            if kind is not None:
                key = self.function(base + index), kind
                count[key] = count.get(key, 0) + 1
                self.barriers[f"{key[0]}/{kind}-{count[key]}"] = start + index

    def function(self, pc: int) -> str:
        """The function at an address, of either alias; EL0 for a program's."""
        if pc < USER_END:
            return "EL0"
        link = pc | LINK_OFFSET
        return next((n for start, end, n in self._functions if start <= link < end), hex(pc))

    def without(self, names: Sequence[str], path: Path) -> Path:
        """The image with these barriers taken out."""
        content = bytearray(self.content)
        for name in names:
            if name not in self.barriers:
                raise ListError(f"the image has no {name}")
            struct.pack_into("<I", content, self.barriers[name], NOP)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def says(self, finding: dict[str, Any]) -> str:
        """A finding in the list's words."""
        ends = [self.function(int(finding[end]["pc"], 16)) for end in ("write", "consumer")]
        return f"{finding['level']} {finding['rule']}: {' -> '.join(ends)}"


def check_list(entry: dict[str, Any], kernel: Kernel) -> None:
    """The list must know each barrier of the image, and say of each what follows."""
    for case in entry["cases"]:
        if set(case) not in ({"drop", "finds"}, {"drop", "keeps"}):
            raise ListError(f"a case has drop, and finds or keeps: {case}")
    if not entry.get("all"):
        return
    listed = [case["drop"][0] for case in entry["cases"] if len(case["drop"]) == 1]
    missing, twice = set(kernel.barriers) - set(listed), len(listed) - len(set(listed))
    if missing or twice:
        raise ListError(f"barriers not listed: {sorted(missing)}; listed twice: {twice}")


def judge(kernel: Kernel, entry: dict[str, Any], names: Sequence[str], work: Path) -> list[str]:
    """What the rules say about the image without these barriers."""
    elf = kernel.without(names, work / "kernel.elf")
    recorded = record(entry.get("entry", ENTRIES[0]), 1, elf, work)
    report = order(recorded, None)
    unjudged = [f"not judged: {rule['id']}" for rule in report["rules"] if not rule["judged"]]
    return sorted({kernel.says(finding) for finding in report["findings"]}) + unjudged


def run(entry: dict[str, Any], kernel: Kernel, work: Path) -> int:
    """How many cases are not as listed."""
    bad = 0
    for case in [{"drop": [], "keeps": "the image as it is"}, *entry["cases"]]:
        name = " ".join(case["drop"]) or "nothing"
        try:
            found = judge(kernel, entry, case["drop"], work / name.replace("/", "-")[:200])
        except RigError as error:
            found = [str(error)]
        expected = sorted(case.get("finds", []))
        bad += found != expected
        verdict = "; ".join(expected) or f"clean: {case['keeps']}"
        print(f"without {name}: {verdict if found == expected else 'NOT as listed'}", flush=True)
        for line in sorted(set(found) - set(expected)):
            print(f"    not listed: {line}")
        for line in sorted(set(expected) - set(found)):
            print(f"    not found: {line}")
    return bad


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    listed = yaml.safe_load((HERE / "tyrne_barriers.yaml").read_text("utf-8"))
    try:
        if args.name not in listed:
            raise ListError(f"no entry {args.name}; there are {', '.join(listed)}")
        entry = listed[args.name]
        kernel = Kernel(args.images / entry["image"])
        check_list(entry, kernel)
        bad = run(entry, kernel, args.work.resolve() / args.name)
    except (ListError, OSError) as error:
        print(f"tyrne_barriers: {args.name}: {error}", file=sys.stderr)
        return 2
    print(f"{len(entry['cases']) + 1} images, {bad} not as listed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
