"""`rig completion`: completion of commands, options and names for a shell.

The scripts are made of the parsers, so they cannot fall behind. What a value may be is told by the
option's name; names that packs and reports hold are asked for when they are needed, by
`rig completion --names`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from .completion_names import KINDS as NAMES
from .completion_names import names
from .completion_shells import bash, fish, zsh
from .completion_words import Command
from .errors import Exit, UsageError
from .report_text import TextReport

SHELLS: dict[str, Callable[[Sequence[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def add_options(commands: Any, whole: argparse.ArgumentParser) -> None:
    """The command's options; `whole` is the parser that has all commands."""
    text = "print a script for a shell, to complete commands, options and names"
    parser = commands.add_parser("completion", help=text, description=text)
    parser.add_argument("shell", nargs="?", choices=tuple(SHELLS), help="the shell to print it for")
    parser.add_argument(
        "--names", choices=tuple(NAMES), metavar="KIND",
        help="instead print the names that could stand next on a line; what the scripts ask "
        f"({', '.join(NAMES)})",
    )  # fmt: skip
    parser.add_argument(
        "--line", default="", metavar="WORDS",
        help="for --names: the words of the command line so far, from the command on, a line each",
    )  # fmt: skip
    parser.set_defaults(whole=whole)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell, from the parser of the whole command line."""
    return SHELLS[shell](Command.all_of(parser))


def command(args: argparse.Namespace, report: TextReport) -> int:
    """The command; returns the exit code."""
    if args.names:
        for name in names(args.names, args.line.splitlines()):
            report.line(name)
        return Exit.HELD
    if args.shell is None:
        raise UsageError(f"say for which shell: rig completion {'|'.join(SHELLS)}")
    report.line(script(args.whole, args.shell).rstrip("\n"))
    return Exit.HELD
