"""What a command line of the rig is made of, as a shell's completion needs it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FILES, DIRECTORIES, ANYTHING = "files", "directories", "anything"
# What the value of an option or an argument is; "COMMAND --option" where commands differ. A kind of
# completion_names, FILES, DIRECTORIES or ANYTHING (which cannot be completed).
_KINDS = {
    "--pack": "packs",
    "lint pack": "packs",
    "--variant": "variants",
    "--group": "groups",
    "verdict --group": "report-groups",
    "--at": "checkpoints",
    "audit --at": "spaces",
    "snapshot --at": "places",
    "explain id": "rules",
    "--suite": "suites",
    "--cpu": "cpus",
    "--function": "functions",
    "mutate --in": "functions",
    "--run-dir": DIRECTORIES,
    "--collect": DIRECTORIES,
    "--replay": DIRECTORIES,
    "--out": DIRECTORIES,
    "--build": DIRECTORIES,
    "--source-prefix": DIRECTORIES,
    "walk addresses": ANYTHING,
    "cover qemu": ANYTHING,
    "annotate qemu": ANYTHING,
}
_FILES = ("FILE", "DIR", "SNAPSHOT", "RUN")
_NAMED = ("elf", "json", "junit", "html", "svg", "log", "run", "snapshot", "trace", "audit")


@dataclass(frozen=True)
class Word:
    """An option, or an argument by its place (`options` empty)."""

    options: tuple[str, ...]
    name: str  # the value's name in the help, "" of a switch
    help: str
    kind: str = ANYTHING
    choices: tuple[str, ...] = ()
    many: bool = False  # may be given more than once

    @property
    def takes_value(self) -> bool:
        """Is there a value behind the option?"""
        return self.name != ""


@dataclass(frozen=True)
class Command:
    """A command with its options and its arguments."""

    name: str
    help: str
    options: tuple[Word, ...]
    arguments: tuple[Word, ...]

    @staticmethod
    def all_of(parser: argparse.ArgumentParser) -> "Sequence[Command]":
        """Every command of the command line."""
        summaries = summaries_of(parser)
        return [
            Command(name, summaries.get(name, ""), *_words(name, command))
            for name, command in commands_of(parser).choices.items()
        ]


def _words(name: str, parser: argparse.ArgumentParser) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """A command's options and its arguments."""
    words = [_word(name, action) for action in actions_of(parser)]
    options = tuple(word for word in words if word.options)
    return options, tuple(word for word in words if not word.options)


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """A parser's options and arguments, without those that no help shows."""
    # argparse offers no other way to them.
    actions = parser._actions  # pylint: disable=protected-access
    return [action for action in actions if action.help != argparse.SUPPRESS]


def commands_of(parser: argparse.ArgumentParser) -> "argparse._SubParsersAction[Any]":
    """The action that holds the commands."""
    # argparse offers no other way to them.
    kind = argparse._SubParsersAction  # pylint: disable=protected-access
    return next(action for action in actions_of(parser) if isinstance(action, kind))


def summaries_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Each command's one line in the list of commands."""
    listed = commands_of(parser)._get_subactions()  # pylint: disable=protected-access
    return {action.dest: action.help or "" for action in listed}


def help_of(action: argparse.Action) -> str:
    """An option's help with its default filled in."""
    return (action.help or "") % {**vars(action), "prog": "rig"}


def value_name(action: argparse.Action) -> str:
    """What the help calls the value, "" of a switch."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return action.dest.upper() if action.option_strings else action.dest


def _word(command: str, action: argparse.Action) -> Word:
    name = value_name(action)
    keys = [f"{command} {key}" for key in (action.dest, *action.option_strings)]
    kinds = [_KINDS[key] for key in (*keys, *action.option_strings) if key in _KINDS]
    kind = ANYTHING if not name else kinds[0] if kinds else _guess(action, name)
    return Word(
        options=tuple(action.option_strings),
        name=name,
        help=help_of(action),
        kind=kind,
        choices=tuple(map(str, action.choices or ())),
        many=type(action).__name__ == "_AppendAction" or action.nargs in ("*", "+"),
    )


def _guess(action: argparse.Action, name: str) -> str:
    """Most values that no table names are files, and are called so."""
    if action.type is not None or "=" in name or ":" in name:
        return ANYTHING
    called = name.upper() in _FILES or action.dest.rstrip("s") in _NAMED
    return FILES if called or name.endswith("FILE") else ANYTHING
