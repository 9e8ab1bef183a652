"""The audit of the privileged instructions: reading docs/audits/privileged-instructions.yaml.

A list with one entry for each source function that holds such instructions:

    function, file   the function's name and its source file; a symbol for an assembler function
    instructions     a list: just this sequence, in the order of addresses; an item
                     {repeat: N, of: [...]} stands for N copies in a row. Or, for a C function whose
                     branches compilers lay out or fold as they like, a mapping of instruction to
                     count, N or "N-M", in any order
    copies           optional, for a list and a C function: how often in a row a compiler may lay
                     the whole sequence down, where it unrolls a loop; 1 without. (Copies of a path
                     at other places need no mention: their statements are known by their lines.)
    purpose          what the function is for
    relies_on        a list: the invariants that make it right (EL, MMU, masks, who calls it)
    why              why these instructions and barriers, which observer, which section
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, TypeAlias

import yaml

from a64_system import CUT_SHORT, normalise
from privileged_image import Key

KEYS = ("function", "file", "instructions", "copies", "purpose", "relies_on", "why")
PLACEHOLDER = re.compile(r"\b(?:todo|tbd|fixme|xxx|placeholder|n/a|unknown reason)\b|\.\.\.$", re.I)
MIN_TEXT, MIN_WORDS = 24, 4  # of purpose and why
MIN_INVARIANT = 8
COUNT = re.compile(r"(\d+)-(\d+)")

# What an instance of the function holds: the exact sequence, or bounds for each instruction.
Sequence: TypeAlias = list[str]
Bounds: TypeAlias = dict[str, tuple[int, int]]


class BadAudit(Exception):
    """The file is no audit at all; the text says where and what to do."""


@dataclass
class Entry:
    """One function of the audit. An entry with findings of its own is still compared."""

    key: Key
    where: str  # file:line of the entry
    instructions: Sequence | Bounds
    copies: int = 1
    findings: list[str] = field(default_factory=list)


def once(node: yaml.Node, name: str) -> None:
    """Refuse a key that is given twice: the first one would be lost silently."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            once(item, name)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise BadAudit(f"{name}:{line}: '{key.value}' is given twice: merge the two")
            seen.add(key.value)
            once(value, name)


def read_audit(path: Path, name: str) -> list[Entry]:
    """The entries of an audit; messages call the file `name`."""
    try:
        loader = yaml.SafeLoader(path.read_text("utf-8"))
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadAudit(f"{name}:{line}: broken YAML: {error.problem or error.context}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadAudit(f"{name}: cannot be read: {error}") from error
    if not isinstance(root, yaml.SequenceNode):
        raise BadAudit(f"{name}:1: an audit is a list of entries that start with '- function:'")
    once(root, name)
    entries: list[Entry] = []
    first: dict[Key, str] = {}
    for node in root.value:
        where = f"{name}:{node.start_mark.line + 1}"
        entry = read_entry(loader.construct_document(node), where)
        if entry.key in first:
            raise BadAudit(
                f"{where}: {entry.key.function} of {entry.key.file} is audited at "
                f"{first[entry.key]} already: merge the two"
            )
        first[entry.key] = where
        entries.append(entry)
    return entries


def read_entry(data: Any, where: str) -> Entry:
    """One entry, with what is wrong with its words."""
    if not isinstance(data, dict):
        raise BadAudit(f"{where}: an entry is a mapping of {', '.join(KEYS)}")
    for name in ("function", "file"):
        if not isinstance(data.get(name), str) or not data[name]:
            raise BadAudit(f"{where}: an entry needs its {name}")
    key = Key(data["function"], data["file"])
    findings = [
        f"unknown key '{name}': an entry has {', '.join(KEYS)}" for name in data if name not in KEYS
    ]
    findings += [fault for name in ("purpose", "why") for fault in judge_text(name, data.get(name))]
    findings += judge_invariants(data.get("relies_on"))
    instructions = read_instructions(data.get("instructions"), f"{where}: {key.function}")
    for text in instructions:
        if CUT_SHORT.fullmatch(text):
            findings.append(f"`{text}` is cut short: YAML takes ' #' for a comment, so quote it")
    copies = data.get("copies", 1)
    if not isinstance(copies, int) or copies < 1:
        raise BadAudit(f"{where}: {key.function}: 'copies' must be a number, 1 or more")
    findings = [f"{where}: {key.function}: {finding}" for finding in findings]
    return Entry(key, where, instructions, copies, findings)


def judge_text(name: str, text: Any) -> Iterator[str]:
    """What is wrong with a text that must explain something."""
    if not isinstance(text, str) or not text.strip():
        yield f"'{name}' is missing: write it"
    elif PLACEHOLDER.search(text.strip()):
        yield f"'{name}' is a placeholder ('{text.strip()[:40]}'): write it"
    elif len(text.strip()) < MIN_TEXT or len(text.split()) < MIN_WORDS:
        yield f"'{name}' is too short to say anything ('{text.strip()}'): say more"


def judge_invariants(items: Any) -> Iterator[str]:
    """What is wrong with the list of invariants."""
    if not items:
        yield "'relies_on' is missing: list the invariants (EL, MMU, masks, callers)"
    elif not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        yield "'relies_on' must be a list of texts, one an invariant"
    else:
        for item in items:
            if len(item.strip()) < MIN_INVARIANT or PLACEHOLDER.search(item.strip()):
                yield f"'relies_on' holds '{item.strip()}', which is no invariant: say more"


def read_instructions(data: Any, where: str) -> Sequence | Bounds:
    """What the entry says the function holds."""
    if isinstance(data, list):
        return list(read_sequence(data, where))
    if not isinstance(data, dict):
        raise BadAudit(f"{where}: 'instructions' must be a list, or a mapping to counts")
    bounds: Bounds = {}
    for text, count in data.items():
        match = COUNT.fullmatch(str(count))
        low, high = match.groups() if match else (count, count)
        if isinstance(count, bool) or not str(low).isdecimal() or not 0 < int(high) >= int(low):
            raise BadAudit(f"{where}: `{text}` has the count '{count}': write 2, or \"0-2\"")
        bounds[normalise(str(text))] = (int(low), int(high))
    return bounds


def read_sequence(data: list[Any], where: str) -> Iterator[str]:
    """The instructions of a list, its repetitions written out."""
    for item in data:
        if isinstance(item, str):
            yield normalise(item)
        elif isinstance(item, dict) and set(item) == {"repeat", "of"}:
            times, block = item["repeat"], item["of"]
            if not isinstance(times, int) or not isinstance(block, list) or times < 1:
                raise BadAudit(f"{where}: a repetition is {{repeat: N, of: [...]}}")
            yield from list(read_sequence(block, where)) * times
        else:
            raise BadAudit(f"{where}: '{item}' is no instruction and no {{repeat: N, of: [...]}}")
