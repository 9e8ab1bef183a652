"""The starter pack as text for people: every value with where it was seen, what to keep and what to
sharpen in comments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from .image import Alias
from .init_budget import Budget
from .init_finding import Finding
from .init_points import Point
from .init_rules import Rules
from .init_words import Words
from .run_end import End

_WIDTH = 110


@dataclass
class Content:  # pylint: disable=too-many-instance-attributes # all that one pack says
    """What the pack says; the writer only lays it out."""

    guest: str
    elf: str
    variant: str
    level: int
    words: Words
    aliases: list[Alias]
    end: End
    how: str  # the run ended, for people
    instructions: int
    points: list[Point]
    rules: Rules
    markers: list[str]
    budget: Budget
    tools: str
    notes: list[str] = field(default_factory=list)
    outside: str = ""  # the guest executes code that is not in the ELF, there
    ordering: list[str] | None = None  # ids of rules with subjects; None: nothing to judge
    unjudged: dict[str, str] = field(default_factory=dict)  # rules that could not judge, and why
    space_at: str = ""  # checkpoint with the MMU on
    findings: list[Finding] | None = None  # of the first run; None: not run yet


def text_of(content: Content, command: str) -> str:
    """The whole file. `command`: how it was made."""
    blocks = [
        _head(content, command),
        _machine(content),
        _end(content),
        _checkpoints(content),
        _transitions(content),
        _waive(content),
        _exceptions(content),
        _markers(content),
        _faults(content),
        _ordering(content),
        _spaces(content),
        _findings(content),
    ]
    return "\n".join("\n".join(block) + "\n" for block in blocks if block)


def quoted(text: str) -> str:
    """A scalar of YAML, whatever it holds."""
    return json.dumps(text)


def paragraph(text: str) -> list[str]:
    """Comment lines for people, in one block."""
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def comment(text: str, indent: str = "") -> list[str]:
    """A comment that may go on in further lines, which are indented."""
    flat = " ".join(text.split())
    return textwrap.wrap(
        flat, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _head(content: Content, command: str) -> list[str]:
    lines = [
        *paragraph(
            f"A starter pack for {content.guest}, written by `rig init` from one watched boot. It "
            "says what the boot did, not what it should do: read it, keep what you meant, "
            "sharpen it, strike "
            "out the rest. Next:"
        ),
        f"#   rig run --pack THIS-FILE --elf {content.elf}     # every boot is held to this one",
        f"#   rig lint THIS-FILE --elf {content.elf}           # after each edit",
        "#   rig explain ID --pack THIS-FILE               # why a rule is there",
        *paragraph(
            "Rename checkpoints to your own words, replace numbers by symbols (`TTBR0_EL1.BADDR == "
            "pa(my_table)`), add what you know and the rig cannot (`map(.text) == rx`). "
            "docs/guides/your-own-kernel.md goes through it."
        ),
        "#",
        *comment(f"Made by: {command}"),
        *comment(f"With: {content.tools}"),
    ]
    lines += [line for note in content.notes for line in comment(note)]
    lines += [
        f"guest: {content.guest}",
        f"why: the boot of {content.guest} as it was seen once",
        "use: [arm64]   # what the architecture asks of any boot",
    ]
    return lines


def _machine(content: Content) -> list[str]:
    lines = ["image:", f"  elf: {quoted(content.elf)}"]
    for alias in content.aliases:
        lines += comment(
            f"Executed at [{alias.start:#x}, {alias.start + alias.size:#x}) is what is linked at"
            f" {(alias.start + alias.by) % (1 << 64):#x}.", "  ",
        )  # fmt: skip
    if content.aliases:
        parts = ", ".join(
            f"{{from: {a.start:#x}, size: {a.size:#x}, by: {a.by:#x}}}" for a in content.aliases
        )
        lines.append(f"  alias: [{parts}]")
    else:
        lines.append("  # No alias: it runs where it is linked.")
    words = content.words
    keys = [f"board: {quoted(words.board)}"]
    keys += [f"options: {quoted(words.options)}"] if words.options else []
    keys += [f"cpu: {quoted(words.cpu)}", f"memory: {quoted(words.memory)}"]
    lines += [line for note in words.notes for line in comment(f"--qemu {note}")]
    if words.extra:
        extra = ", ".join(quoted(word) for word in words.extra)
        lines.append(f"machine: {{{', '.join(keys)},")
        lines.append(f"  qemu: [{extra}]}}")
    else:
        lines.append(f"machine: {{{', '.join(keys)}}}")
    lines.append("variants:   # another way to boot it: `machine:` or `cpu:` of its own")
    lines.append(f"  {content.variant}: {{why: entered at EL{content.level}}}")
    return lines


def _end(content: Content) -> list[str]:
    count = f"{content.instructions:,} instructions"
    lines = comment(f"How a run ends. Seen: {content.how}, after about {count}.")
    if content.end.until:
        return [*lines, f"end: {{until: {quoted(content.end.until)}}}"]
    if content.end.instructions:
        return [*lines, f"end: {{instructions: {content.end.instructions}}}"]
    return [*lines, f"end: {{by: {'sleep' if content.end.sleeps else 'guest'}}}"]


def _checkpoints(content: Content) -> list[str]:
    lines = [
        *paragraph(
            "Checkpoints in the order in which they were reached. The expectations are the "
            "values of that boot; keep those that you would write down in a review."
        ),
        f"steady-state: {content.points[-1].id}   # stepping ends there",
        "checkpoints:",
    ]
    for point in content.points:
        for text in point.seen:
            lines += comment(text, "  ")
        lines += [f"  - id: {point.id}", "    group: boot", f"    {point.trigger}", "    expect:"]
        lines += [f"      - {quoted(text)}" for text in content.rules.expect[point.id]]
        lines.append(f"    why: {quoted(point.why)}")
    return lines


def _transitions(content: Content) -> list[str]:
    if not content.rules.transitions:
        return []
    lines = [
        *paragraph(
            "Between two checkpoints these control registers changed, and no other. Where one "
            "field is meant, say it: `changes: [SCTLR_EL1.M]`. Without a transition nothing at "
            "all may change on "
            "the way."
        ),
        "transitions:",
    ]
    for item in content.rules.transitions:
        keys = [f"id: {item.id}", f"from: {item.start}", f"to: {item.end}"]
        keys += [f"changes: [{', '.join(item.changes)}]"] if item.changes else []
        keys += [f"may: [{', '.join(item.may)}]"] if item.may else []
        lines.append(f"  - {{{', '.join(keys)},")
        lines.append("     why: seen in the watched boot}")
    return lines


def _waive(content: Content) -> list[str]:
    if not content.outside:
        return []
    return [
        *comment(
            "The guest executes code that is not in this ELF, so that PC in text cannot hold: "
            f"{content.outside}. Give the ELF that holds all code, or narrow the rule with "
            "`from` and `until`."
        ),
        "waive:",
        "  - {rule: pc-in-text, why: the guest executes code that is not in this ELF}",
    ]


def _exceptions(content: Content) -> list[str]:
    if not content.rules.exceptions:
        return []
    lines = [
        "# Exceptions taken while stepping. Bind them: `count`, `since`, `until`.",
        "exceptions:",
    ]
    for kind, level in content.rules.exceptions:
        name = f"{kind.lower().replace('_', '-')}-from-{level.lower()}"
        lines.append(
            f"  - {{id: step-{name}, class: {kind}, from: {level}, min: 1, "
            "why: seen in the watched boot}"
        )
    return lines


def _markers(content: Content) -> list[str]:
    if not content.markers:
        return ["# No markers: the console showed no line that could be one."]
    lines = [
        "# Lines of the console, in this order; `*` stands for anything (a version, an address).",
        "markers:",
    ]
    for number, text in enumerate(content.markers, 1):
        lines.append(
            f"  - {{id: console-{number}, text: {quoted(text)}, why: seen on the console}}"
        )
    return lines


def _faults(content: Content) -> list[str]:
    lines = [
        *paragraph(
            "Exceptions of the whole run, as many as were seen; the budget binds both ways. What "
            "may never come should have no line here. A wide max is a guess: tighten it."
        ),
        "faults:",
    ]
    if content.budget.allow:
        lines.append("  allow:")
    for allow in content.budget.allow:
        lines += [f"    # {allow.seen}", f"    - {{{allow.keys}, why: seen in the watched boot}}"]
    lines.append("  deny: all-others")
    if content.budget.messages:
        lines.append(
            "  messages:   # of QEMU's, about what the guest does with devices: look at each"
        )
    for message in content.budget.messages:
        lines.append(f"    - {{{message}, why: seen in the watched boot}}")
    return lines


def _ordering(content: Content) -> list[str]:
    if content.ordering is None:
        return paragraph(
            "No ordering rules: no rule found anything to judge in the watched boot (no "
            "translation control, table or TLB maintenance). When there is: `ordering: {use: "
            "[arm64/all]}`."
        )
    lines = ["# The order of what executes: barriers, TLB maintenance, break-before-make."]
    for rule, why in content.unjudged.items():
        lines += comment(f"Left out, since it could not judge this run: {rule}: {why}")
    use = "arm64/all"
    if content.unjudged:
        use = ", ".join(rule for rule in content.rules.ordering if rule not in content.unjudged)
    lines += ["ordering:", f"  use: [{use}]"]
    if content.ordering:
        lines += comment(
            "Each of these found something to judge; a run in which it does not is broken:", "  "
        )
        lines.append(f"  require: [{', '.join(content.ordering)}]")
    return lines


def _spaces(content: Content) -> list[str]:
    if not content.space_at:
        return paragraph(
            "No address space is audited: the MMU was on at no checkpoint, or in a regime that "
            "the rig does not read. When it is: `address_space: [{id: space, at: CHECKPOINT, "
            "why: …}]`."
        )
    return [
        "# The whole map, judged where the MMU was on last. See it: rig snapshot and rig map.",
        "address_space:",
        f"  - {{id: space-at-{content.space_at}, at: {content.space_at},",
        "     why: the map that the boot leaves behind is judged by the rules for any guest}",
    ]


def _findings(content: Content) -> list[str]:
    if content.findings is None:
        return []
    if not content.findings:
        return ["# First run with this pack: all rules held."]
    lines = paragraph(
        f"First run with this pack: {len(content.findings)} of the architecture's rules are "
        "broken, so `rig run` is red. Each is a finding about the guest: mend it, or accept it "
        "with a reason of "
        "yours, as suggested."
    )
    for finding in content.findings:
        lines.append("#")
        lines += comment(f"{finding.rule}: {finding.text}")
        for detail in finding.details:
            lines += [line.replace("# ", "#     ", 1) for line in comment(detail)]
        lines += [f"#   {line}" for line in _suggestion(finding)]
    return lines


def _suggestion(finding: Finding) -> Sequence[str]:
    return [f"{finding.where}:", f"  waive: [{finding.waiver}]"] if finding.waiver else []
