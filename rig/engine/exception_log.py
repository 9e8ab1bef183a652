"""The exceptions of a guest's log as a table that outlives a rebuild of the guest.

The fault gate tells sites apart by address and whole ESR. Here a row is what an engineer would call
the same exception tomorrow: its class, the levels, what the syndrome says without register numbers,
and the function it was taken in. Interrupts come anywhere, so they have no place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import CannotJudge
from .image import Image
from .pack import Pack
from .rig_trace import call

INTERRUPTS = ("IRQ", "FIQ", "VIRQ", "VFIQ", "NMI", "VIRQ_NMI", "VFIQ_NMI")
MESSAGE = "message"
UNNAMED = "code without symbols"
BEYOND = "places beyond those told apart"
LOG_RULES = "log-rules.json"
_GENERAL = re.compile(r"\b[xw](?:[0-9]+|zr)\b")
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True)
class Key:
    """What makes two exceptions the same; of a message, its text is all there is."""

    kind: str  # a class of the fault gate, or MESSAGE
    levels: str = ""  # "EL0 -> EL1"
    what: str = ""  # the syndrome in words, or the message
    place: str = ""  # a function, an address in code without symbols, "" of interrupts and calls

    @property
    def interrupt(self) -> bool:
        """Does the host's clock decide how often it comes?"""
        return self.kind in INTERRUPTS

    def anywhere(self) -> "Key":
        """The same key, an address of code without symbols made just that."""
        return replace(self, place=UNNAMED) if _ADDRESS.fullmatch(self.place) else self

    def text(self) -> str:
        """In a line of a table."""
        words = [self.kind, self.levels, self.what]
        return "  ".join(word for word in words if word) + (f"  at {self.place}" * bool(self.place))


@dataclass
class Row:
    """How often something came, and where to look."""

    key: Key
    count: int
    source: str = ""  # file:line of one of them

    def text(self) -> str:
        """In a line of a table."""
        return self.key.text() + f"  {self.source}" * bool(self.source)

    def to_json(self) -> dict[str, Any]:
        """Plain data; empty parts are left out."""
        key = self.key
        data = {"kind": key.kind, "levels": key.levels, "what": key.what, "place": key.place}
        return {k: v for k, v in {**data, "count": self.count, "source": self.source}.items() if v}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Row":
        """The inverse of to_json; raises ValueError for what it did not write."""
        texts = {name: data.get(name, "") for name in ("kind", "levels", "what", "place", "source")}
        count = data.get("count")
        if not all(isinstance(text, str) for text in texts.values()) or not texts["kind"]:
            raise ValueError("an exception without a class")
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{texts['kind']}: count is {count!r}, expected a number from 1 on")
        source = texts.pop("source")
        return Row(Key(**texts), count, source)


def merged(rows: Iterable[Row]) -> list[Row]:
    """One row a key; the first one's source stays."""
    found: dict[Key, Row] = {}
    for row in rows:
        if row.key in found:
            found[row.key].count += row.count
        else:
            found[row.key] = replace(row)
    return sorted(found.values(), key=lambda row: (row.key.kind, row.key.place, row.key.what))


def _site(site: Mapping[str, Any]) -> Row:
    levels = f"{site['from']} -> {site['to']}"
    if site["class"] in INTERRUPTS:
        return Row(Key(site["class"], levels), site["count"])  # the log's ESR and ELR say nothing
    what = _GENERAL.sub("xN", site.get("esr_text") or "")
    if site.get("psci"):
        what = f"{what}, answered by QEMU as PSCI" if what else "answered by QEMU as PSCI"
    symbol = (site.get("elr_symbol") or "").partition("+")[0]
    key = Key(site["class"], levels, what, symbol or site.get("elr") or "")
    return Row(key, site["count"], site.get("elr_source") or "")


def rows_of(report: Mapping[str, Any]) -> list[Row]:
    """The table of a JSON report of rig-trace gate; raises CannotJudge when the log was damaged."""
    damage = report["damaged"]["total"]
    if damage:
        raise CannotJudge(
            f"{report['log']}: {damage} damaged lines: what came is not known; see rig-trace gate "
            "on the log"
        )
    rows = [_site(site) for site in report["sites"]]
    for bucket in report["overflow"]["buckets"]:
        levels = f"{bucket['from']} -> {bucket['to']}"
        rows.append(Row(Key(bucket["class"], levels, place=BEYOND), bucket["count"]))
    for message in report["messages"]:
        rows.append(Row(Key(MESSAGE, what=message["text"]), message["count"]))
    if report["overflow"]["messages"]:
        rows.append(Row(Key(MESSAGE, place=BEYOND), report["overflow"]["messages"]))
    return merged(rows)


def read_log(log: Path, pack: Pack, image: Image, room: Path) -> list[Row]:
    """The exceptions of a log, whatever the pack says of them: it may say nothing."""
    rules = room / LOG_RULES
    aliases = [{"from": a.start, "size": a.size, "by": a.by} for a in pack.aliases()]
    data = {"guest": pack.guest, "image": {"alias": aliases}, "faults": {"deny": "all-others"}}
    rules.write_text(json.dumps(data), encoding="utf-8")
    out = room / "exceptions.json"
    words = ["gate", str(log), "--rules", str(rules), "--elf", image.elf.path, "--json", str(out)]
    elf = Path(image.elf.path)
    out.unlink(missing_ok=True)
    _code, said = call(words, elf, room / "exceptions.out", (0, 1, 3))
    if not out.is_file():
        raise CannotJudge(f"rig-trace gate failed: {' '.join(said.split()) or 'no report'}")
    return rows_of(json.loads(out.read_text(encoding="utf-8")))
