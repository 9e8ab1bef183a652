"""How the run was made: versions, files, command lines, phases, and how to open it again."""

from __future__ import annotations

import shlex
from pathlib import Path

from .html_parts import plural
from .html_text import Html, Part, code, details, join, pairs, section, table, tag
from .replay_manifest import SUFFIX
from .results import RunResult, VariantResult


def replay_words(run: RunResult, variant: str) -> str:
    """The command that steps a recorded run backwards; "" when the variant was not recorded."""
    if not run.kept or not (Path(run.kept) / f"{variant}{SUFFIX}").is_dir():
        return ""
    words = [shlex.split(run.reopen or "rig")[0], "debug", "--replay", run.kept]
    return shlex.join([*words, *(["--variant", variant] if len(run.variants) > 1 else [])])


def _files(run: RunResult) -> Html:
    rows: list[list[Part]] = [[code(name), code(digest)] for name, digest in run.rules.items()]
    return table(["rules", "sha256"], rows)


def _phases(run: RunResult) -> Html:
    rows: list[list[Part]] = []
    for result in run.variants:
        for phase in result.phases:
            ended: Part = phase.reason or "failed"
            if phase.error:
                ended = tag("span", f"{ended}: {phase.error}", cls="open")
            rows.append([result.machine.variant, phase.name, f"{phase.seconds:.1f}", ended])
    return table(["variant", "phase", "seconds", "ended"], rows, numbers=(2,))


def _command(result: VariantResult) -> Html:
    title = tag("h4", f"QEMU of {result.machine.variant}")
    if not result.command:
        return join([title, tag("p", "QEMU was not started by this run.", cls="faint")])
    return join([title, tag("pre", shlex.join(result.command), cls="wrap")])


def environment_section(run: RunResult, date: str) -> Html:
    """The section."""
    elf = run.elf.get("path", "")
    facts: list[tuple[Part, Part]] = [
        ("date", date),
        ("image", code(elf) if elf else "none"),
        ("build-id", code(run.elf["build_id"]) if run.elf.get("build_id") else None),
        ("pack", code(str(run.pack["files"][-1])) if run.pack.get("files") else None),
        *((name, words) for name, words in run.tools.items()),
    ]
    parts: list[Part] = [pairs(facts), _phases(run)]
    parts += [_command(result) for result in run.variants]
    if run.reopen:
        parts += [tag("h4", "Open the guest in gdb"), tag("pre", run.reopen, cls="wrap")]
    if run.kept:
        parts += [tag("h4", "Run directory"), tag("p", code(run.kept))]
        words = [replay_words(run, result.machine.variant) for result in run.variants]
        parts += [tag("pre", line, cls="wrap") for line in words if line]
    parts += [tag("h4", "Rule packs and register table"), _files(run)]
    return section("environment", "Environment", *parts)


def console_section(run: RunResult) -> Html:
    """The section of what the guest printed, control characters made visible."""
    parts: list[Part] = []
    for result in run.variants:
        for phase in result.phases:
            if not phase.console:
                continue
            title = f"{result.machine.variant}, {phase.name}: {plural(len(phase.console), 'line')}"
            lines = [line.replace("\t", "    ") for line in phase.console[:_LINES]]
            if len(phase.console) > _LINES:
                lines.append(f"… {len(phase.console) - _LINES} more lines")
            body = tag("pre", "\n".join(line[:_WIDTH] for line in lines), tabindex="0")
            parts.append(details(title, body, cls="fold", open_=phase.name == "free-run"))
    if not parts:
        parts.append(tag("p", "The guest printed nothing, or was not run freely.", cls="faint"))
    return section("console", "Console", *parts)


_LINES, _WIDTH = 2000, 1000
