"""Man pages of the rig and its commands, made of the same parsers as --help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable

from .command_help import ENVIRONMENT
from .completion_words import actions_of, commands_of, help_of, summaries_of, value_name
from .paths import version

# A part of an epilog, at the start of a line.
_PART = re.compile(
    r"^(examples?|exit status|environment|files|notes|see also):[ \t]*", re.MULTILINE
)
_FILES = """\
PREFIX/lib/rig/rules
    the rule packs that the rig brings
PREFIX/share/doc/rig
    guides: rule packs, ordering rules, address-space rules, coverage, CI
PREFIX/share/rig/templates
    workflows for GitHub Actions and GitLab CI
"""


def _roff(text: str) -> str:
    """Text that roff takes as it is written."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-").replace("`", "\\(ga")
    text = (
        text.replace('"', "\\(dq").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    )
    text = "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def _prose(text: str) -> list[str]:
    """Paragraphs, filled by roff."""
    parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    lines: list[str] = []
    for part in parts:
        lines += ([".PP"] if lines else []) + [_roff(part)]
    return lines


def _list(text: str) -> list[str]:
    """Each example: the command in bold, and below it what it does."""
    lines: list[str] = []
    width = min((len(li) - len(li.lstrip()) for li in text.split("\n") if li.strip()), default=0)
    for line in text.split("\n"):
        if not line.strip():
            continue
        if len(line) - len(line.lstrip()) == width:
            lines += [".TP", f".B {_roff(line.strip())}"]
        else:
            lines.append(_roff(line.strip()))
    return lines


def _terms(text: str) -> list[str]:
    """Lines of a term and its meaning, two or more spaces apart; deeper lines go on."""
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        term, _, meaning = line.strip().partition("  ")
        if meaning:
            lines += [".TP", f".B {_roff(term)}", _roff(meaning.strip())]
        else:
            lines.append(_roff(term))
    return lines


def _heading(name: str, title: str) -> list[str]:
    name = _roff(name.upper())
    return [
        '.\\" Made by rig/install_texts.py of the command line parsers: change those.',
        f'.TH {name} 1 "" "rig {version()}" "rig manual"',
        ".ad l",
        ".nh",
        ".SH NAME",
        title,
    ]


def _option(action: argparse.Action) -> list[str]:
    value = value_name(action)
    if action.option_strings:
        words = [f"\\fB{_roff(option)}\\fR" for option in action.option_strings]
        head = ", ".join(words) + (f" \\fI{_roff(value)}\\fR" if value else "")
    else:
        head = f"\\fI{_roff(value)}\\fR"
    text = help_of(action)
    if action.choices:
        text += f" (one of {', '.join(map(str, action.choices))})"
    return [".TP", head, _roff(text)]


def _options(actions: Iterable[argparse.Action]) -> list[str]:
    return [line for action in actions for line in _option(action)]


def _synopsis(parser: argparse.ArgumentParser) -> list[str]:
    words = " ".join(parser.format_usage().removeprefix("usage:").split())
    usage = words.removeprefix(parser.prog).strip()
    return [".SH SYNOPSIS", f".B {_roff(parser.prog)}", _roff(usage)]


def _parts(epilog: str) -> list[tuple[str, str]]:
    """An epilog's parts: (heading, text); what stands before the first has no heading."""
    marks = list(_PART.finditer(epilog))
    starts = [mark.start() for mark in marks] + [len(epilog)]
    before = epilog[: starts[0]]
    found = [("", before)] if before.strip() else []
    return found + [
        (mark[1], epilog[mark.end() : end]) for mark, end in zip(marks, starts[1:])
    ]  # fmt: skip


def _epilog(epilog: str) -> list[str]:
    lines: list[str] = []
    for heading, text in _parts(epilog):
        lines.append(f".SH {_roff((heading or 'notes').upper())}")
        if heading.startswith("example"):
            lines += _list(text)
        elif heading and text.startswith("\n"):
            lines += _terms(text)
        else:
            lines += _prose(text)
    return lines


def command_page(name: str, parser: argparse.ArgumentParser, summary: str) -> str:
    """The page of one command."""
    lines = _heading(f"rig-{name}", f"rig\\-{_roff(name)} \\- {_roff(summary)}")
    lines += _synopsis(parser)
    lines += [".SH DESCRIPTION", *_prose(parser.description or summary)]
    lines += [".SH OPTIONS", *_options(actions_of(parser))]
    epilog = parser.epilog or ""
    lines += _epilog(epilog)
    if "\nenvironment:" not in epilog:
        lines += _epilog(ENVIRONMENT)
    lines += [".SH SEE ALSO", ".BR rig (1)"]
    return "\n".join(lines) + "\n"


def pages(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Every page by its file's name."""
    commands, helps = commands_of(parser), summaries_of(parser)
    lines = _heading("rig", "rig \\- prove the boot of an AArch64 guest under QEMU")
    lines += _synopsis(parser)
    lines += [".SH DESCRIPTION", *_prose(parser.description or "")]
    lines += [".SH COMMANDS"]
    for name in commands.choices:
        lines += [".TP", f".BR rig\\-{_roff(name)} (1)", _roff(helps.get(name, ""))]
    own = [action for action in actions_of(parser) if action is not commands]
    lines += [".SH OPTIONS", *_options(own), *_epilog(parser.epilog or "")]
    lines += [".SH FILES", *_list(_FILES)]
    names = [f"rig-{name}" for name in commands.choices]
    lines += [".SH SEE ALSO"]
    lines += [
        f".BR {_roff(name)} (1)" + ("," if name != names[-1] else "") for name in names
    ]  # fmt: skip
    found = {"rig.1": "\n".join(lines) + "\n"}
    for name, command in commands.choices.items():
        found[f"rig-{name}.1"] = command_page(name, command, helps.get(name, ""))
    return found
