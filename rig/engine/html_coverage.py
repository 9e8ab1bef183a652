"""What the boot executed of the image: a short run under the counting plugin, and its summary."""

from __future__ import annotations

from pathlib import Path

from .cover_map import Mapping, map_all
from .cover_report import percent
from .cover_result import Coverage, counts_of
from .cover_run import Operands, run_suite
from .cover_suite import Run
from .errors import RigError
from .html_parts import plural
from .html_text import Html, Part, code, details, join, section, table, tag
from .lcov_info import FileRecord, merge
from .paths import need_compiled
from .plugin import choose
from .process import find_tool
from .results import GUEST_STOPPED, RunResult

_LEAST_S, _TIMES = 5.0, 10.0  # the bound of a run: so many times the free run's, at least
_LISTED = 300
_PLUGIN = "rigcover"


def why_not(run: RunResult) -> str:
    """Why no coverage is measured; "" when it can be."""
    if run.image is None:
        return "the guest has no ELF to map what ran to"
    if "qemu" not in run.tools:
        return "the run judged what was recorded before; no guest was started"
    stopped = [
        r.machine.variant for r in run.variants if any(p.reason == GUEST_STOPPED for p in r.phases)
    ]
    if stopped:
        return (
            "the pack's `end` stops the guest, which does not end by itself "
            f"({', '.join(stopped)}); rig cover --bound measures it"
        )
    late = [result.machine.variant for result in run.variants if _late(run, result.machine.variant)]
    if late:
        return f"the guest did not end by itself ({', '.join(late)})"
    return ""


def _late(run: RunResult, variant: str) -> bool:
    result = next(item for item in run.variants if item.machine.variant == variant)
    return any(phase.name == "free-run" and phase.error for phase in result.phases)


def measure(run: RunResult, room: Path) -> Coverage | str:
    """Run each variant once more, counting; why not, when that is impossible."""
    reason = why_not(run)
    if reason or run.image is None:
        return reason
    elf = run.image.elf
    try:
        runs = []
        for result in run.variants:
            free = max((p.seconds for p in result.phases if p.name == "free-run"), default=1.0)
            bound = max(_LEAST_S, _TIMES * free)
            runs.append(Run(result.machine.variant, elf, result.machine, bound, "either"))
        plugin = choose(find_tool("qemu-system-aarch64", "RIG_QEMU"), _PLUGIN, Path(elf.path))
        traced = run_suite(runs, room / "runs", Path(plugin), lambda _text: None)
        operands = Operands()
        for item in traced:
            operands.complete(item)
        tool = need_compiled("rig-trace", Path(elf.path))
        mapping = Mapping(tool, aliases=run.image.aliases)
        mapped = map_all(traced, mapping, room / "images", Path("/"), lambda _text: None)
        return Coverage(mapped.images, merge(mapped.records), None, operands.notes)
    except RigError as error:
        return str(error)


def _bar(hit: int, found: int) -> Html:
    share = percent(hit, found)
    return tag("span", tag("i", style=f"width:{share:.0f}%"), cls="bar", title=f"{share:.1f} %")


def _cell(record: FileRecord, kind: str) -> str:
    hit, found = counts_of(record, kind)
    return f"{hit}/{found}" if found else "–"


def _files(coverage: Coverage) -> Part:
    rows: list[list[Part]] = []
    for name, record in coverage.merged.items():
        hit, found = counts_of(record, "lines")
        rows.append(
            [code(name), _bar(hit, found), _cell(record, "lines"), _cell(record, "functions"),
             _cell(record, "branches")]
        )  # fmt: skip
    if not rows:
        return tag("p", "The image has no line information, so there are no lines to count.")
    head = ["file", "", "lines", "functions", "branches"]
    return details(plural(len(rows), "source file"), table(head, rows, numbers=(2, 3, 4)),
                   cls="fold")  # fmt: skip


def _missed(coverage: Coverage) -> Part:
    names: list[str] = []
    for image in coverage.images:
        for item in image.report["functions"]["missed"]:
            source = f"  {item['file']}:{item['line']}" if item.get("file") else ""
            names.append(f"{item['name']}{source}")
    if not names:
        return None
    if len(names) > _LISTED:
        names[_LISTED:] = [f"and {len(names) - _LISTED} more"]
    title = f"{plural(len(names), 'function')} not entered"
    return details(title, tag("pre", "\n".join(names), tabindex="0"), cls="fold")


def coverage_section(measured: Coverage | str) -> Html:
    """The section."""
    title, note = "Coverage", "what this boot executes of the image, all variants together"
    if isinstance(measured, str):
        return section("coverage", title, tag("p", f"Not measured: {measured}."), note=note)
    rows: list[list[Part]] = []
    counted = [image.instructions() for image in measured.images]
    hit, found = sum(c["hit"] for c in counted), sum(c["found"] for c in counted)
    numbers = [("instructions", hit, found)]
    numbers += [(kind, *measured.counts(kind)) for kind in ("functions", "lines", "branches")]
    for kind, hit, found in numbers:
        if found:
            share = f"{percent(hit, found):.1f} %"
            rows.append([kind, _bar(hit, found), share, f"{hit:,} of {found:,}"])
    modes = [
        f"{c['hit_mmu_off']:,} instructions ran with the MMU off, {c['hit_mmu_on']:,} with it on, "
        f"{c['hit_both']:,} with both."
        for c in counted
    ]
    notes = [tag("p", note, cls="small faint") for note in [*modes, *measured.notes]]
    whole = table(["", "", "share", "reached"], rows, numbers=(2, 3))
    return section("coverage", title, whole, join(notes), _files(measured), _missed(measured),
                   note=note)  # fmt: skip
