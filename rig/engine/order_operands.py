"""The operand file of an event trace, for QEMUs whose plugins cannot read registers.

`rig-trace operands` tells which instructions of a first run have an operand and how often each was
executed. A second run logs the values (operand_log.py); the third reads them from the file. A site
is asked about at each of its arrivals or not at all: what is left out is told, and has no value.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import elf as elf_file
from .errors import CannotJudge
from .image import Image
from .operand_log import Spare, Wanted, operands
from .operands import Hit, Site

# One arrival costs 20 us and 800 bytes of log, which is read as it is written. DC ZVA over 128 MiB
# arrives 2 million times, and tells only which lines became zero.
ZVA_MOST = 4096
SITE_MOST = 500_000
TOTAL_MOST = 1_000_000
# What goes first when there are too many in all: a lost value of a TLBI or of a translation control
# costs a judgement, one of maintenance by address makes a finding a note.
_FIRST_TO_GO = ("dc", "ic", "at", "tlbi")
# A guest that is ended at its console's text executes some more until it is.
_SPARE = Spare(hits=4096, seconds=1.0)
_TOOL_S = 300.0
# DC ZVA, GVA, GZVA with any Xt: 0xd50b7420, ..60, ..80 + Xt, little-endian.
_ZVA = re.compile(rb"[\x20-\x3f\x60-\x9f]\x74\x0b\xd5", re.DOTALL)


@dataclass(frozen=True)
class Counted:
    """An instruction with an operand, and how often the first run executed it."""

    pc: int
    register: int
    count: int
    kind: str

    @property
    def counts(self) -> bool:
        """Was each execution counted? DC ZVA is in the trace where it matters to a window only."""
        return self.kind != "zva"

    def text(self) -> str:
        """For the report."""
        times = f" ({self.count} arrivals)" if self.counts else ""
        return f"{self.kind} at {self.pc:#x}{times}"


@dataclass
class Chosen:
    """The sites that are asked about, and what is left out."""

    sites: list[Counted] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def total(self) -> int:
        """Arrivals in all that count."""
        return sum(site.count for site in self.sites if site.counts)


def sites_of(tool: Path, trace: Path) -> list[Counted]:
    """What `rig-trace operands` says of a trace."""
    try:
        done = subprocess.run(
            [str(tool), "operands", str(trace)],
            capture_output=True,
            text=True,
            timeout=_TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotJudge(f"rig-trace operands failed: {error}") from None
    if done.returncode != 0:
        raise CannotJudge(
            f"rig-trace operands failed (exit status {done.returncode}): {done.stderr.strip()}"
        )
    return parse_sites(done.stdout)


def parse_sites(text: str) -> list[Counted]:
    """`PC REG COUNT CLASS` on each line."""
    found = []
    for line in text.splitlines():
        words = line.split()
        try:
            pc, register, count, kind = words[:4]
            found.append(Counted(int(pc, 16), int(register), int(count), kind.lower()))
        except ValueError:
            raise CannotJudge(f"rig-trace operands: not a site: {line!r}") from None
    return found


def with_zva(counted: Sequence[Counted], image: Image | None) -> list[Counted]:
    """With each DC ZVA (GVA, GZVA) of the image, at each address where it may run: outside of
    windows no trace has them, but the values tell who cleared a table."""
    found = list(counted)
    if image is None:
        return found
    known = {site.pc for site in counted}
    for start, _paddr, content in elf_file.loaded(Path(image.elf.path)):
        for match in _ZVA.finditer(content):
            if match.start() % 4 or not image.in_text(start + match.start()):
                continue
            for pc in image.variants(start + match.start()):
                if pc not in known:
                    found.append(Counted(pc, match[0][0] & 31, 0, "zva"))
    return found


def choose_sites(counted: Sequence[Counted]) -> Chosen:
    """Those that the bounds allow, whole."""
    chosen = Chosen()
    seen = Counter(site.pc for site in counted)
    for site in counted:
        if seen[site.pc] > 1:
            chosen.left_out.append(f"{site.text()}: other code stood at the same address")
        elif site.count > (SITE_MOST if site.counts else ZVA_MOST):
            chosen.left_out.append(f"{site.text()}: too often")
        else:
            chosen.sites.append(site)
    while chosen.total() > TOTAL_MOST:
        site = max(filter(lambda site: site.counts, chosen.sites), key=_how_dispensable)
        chosen.sites.remove(site)
        chosen.left_out.append(f"{site.text()}: more than {TOTAL_MOST} arrivals in all")
    return chosen


def _how_dispensable(site: Counted) -> tuple[int, int]:
    rank = _FIRST_TO_GO.index(site.kind) if site.kind in _FIRST_TO_GO else len(_FIRST_TO_GO)
    return -rank, site.count


def ask(
    words: Sequence[str], folder: Path, chosen: Chosen, bound: float, open_end: bool
) -> list[Hit]:
    """The second run: each arrival of the first one; raises CannotJudge when it went elsewhere.

    A guest that ends by itself is followed to its end, one that is ended from outside (`open_end`)
    a little beyond where the first run was.
    """
    if not chosen.sites:
        return []
    expected = Counter({site.pc: site.count for site in chosen.sites if site.counts})
    total = expected.total()
    wanted = Wanted(
        most=total if open_end else sys.maxsize,
        free={site.pc: ZVA_MOST for site in chosen.sites if not site.counts},
        spare=_SPARE if open_end else Spare(),
    )
    started = time.monotonic()
    sites = [Site(site.pc, site.register) for site in chosen.sites]
    hits = operands(words, folder, sites, wanted, bound)
    for site in _shared(chosen, hits):
        chosen.sites.remove(site)
        chosen.left_out.append(f"{site.text()}: another program has other code at the same address")
        total -= expected.pop(site.pc)
    hits = [hit for hit in hits if hit.pc in expected or hit.pc in wanted.free]
    arrived = [hit.pc for hit in hits if hit.pc in expected]
    if time.monotonic() - started >= bound and not (open_end and len(arrived) >= total):
        raise CannotJudge(
            f"the run that asks for operands came to {len(arrived)} of {total} arrivals within "
            f"{bound:g} s and to no end; give it more time (--timeout)"
        )
    found = Counter(arrived[:total] if open_end else arrived)
    if found != expected:
        raise CannotJudge(
            f"the run that asks for operands went another way than the first: "
            f"{_first_difference(expected, found)}"
        )
    for site in [site for site in chosen.sites if site.pc in wanted.dropped]:
        chosen.sites.remove(site)
        chosen.left_out.append(f"{site.text()}: more than {ZVA_MOST} arrivals")
    return hits


def _shared(chosen: Chosen, hits: Sequence[Hit]) -> list[Counted]:
    """Sites of EL0 that the second run came to more often: its log tells addresses only, and each
    address space has its own code there."""
    found = Counter(hit.pc for hit in hits)
    at_el0 = {hit.pc for hit in hits if hit.el == 0}
    return [
        site
        for site in chosen.sites
        if site.counts and site.pc in at_el0 and found[site.pc] > site.count
    ]


def _first_difference(wanted: Counter[int], found: Counter[int]) -> str:
    pc = next(pc for pc in wanted if wanted[pc] != found[pc])
    return f"the instruction at {pc:#x} was executed {found[pc]} times, not {wanted[pc]}"


def write_file(path: Path, chosen: Chosen, hits: Sequence[Hit]) -> None:
    """The plugin's file: `site PC` for each site, `-`, then `PC VALUE EL` for each arrival."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"site {site.pc:x}\n" for site in chosen.sites)
        file.write("-\n")
        file.writelines(f"{hit.pc:x} {hit.value:x} {hit.el}\n" for hit in hits)
