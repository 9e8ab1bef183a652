"""Completion scripts for bash, zsh and fish, from the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from .completion_words import ANYTHING, DIRECTORIES, FILES, Command, Word

_MADE = "made by `rig completion {}`; the names of packs and reports are asked of rig itself"
_TOP = ("--help", "--version")


def _quoted(text: str) -> str:
    """In single quotes, for any of the shells."""
    return "'" + text.replace("'", "'\\''") + "'"


def _kind(word: Word) -> str:
    """How the scripts' own functions are asked for a value."""
    return f"words {' '.join(word.choices)}" if word.choices else word.kind


# --- bash -----------------------------------------------------------------------------------------

_BASH = """\
# bash completion of rig, {made}.
_rig_values() # KIND [WORD...]
{{
    case $1 in
    files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur")) ;;
    directories) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$cur")) ;;
    anything) ;;
    words) COMPREPLY+=($(compgen -W "${{*:2}}" -- "$cur")) ;;
    *)
        # Names come out of files: no word of theirs may be expanded, as compgen -W would.
        local name
        while IFS= read -r name; do
            [[ -z $name || $name != "$cur"* ]] || COMPREPLY+=("$name")
        done < <("${{COMP_WORDS[0]/#\\~/$HOME}}" completion --names "$1" --line="${{before[*]}}" 2>/dev/null)
        # A pack may be a file as well.
        if [[ $1 == packs ]]; then
            compopt -o filenames 2>/dev/null
            COMPREPLY+=($(compgen -f -- "$cur"))
        fi
        ;;
    esac
}}

_rig()
{{
    local IFS=$' \\t\\n' cur=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command= options= value= argument= before=("${{COMP_WORDS[@]:1:COMP_CWORD-1}}") word
    COMPREPLY=()
    # bash parts --option=value at the sign.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $previous == = ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for word in "${{before[@]}}"; do
        if [[ $word != -* ]]; then
            command=$word
            break
        fi
    done
    case $command in
    '')
        COMPREPLY=($(compgen -W "{commands} {top}" -- "$cur"))
        return
        ;;
{cases}
    *) return ;;
    esac
    local IFS=$'\\n'
    if [[ -n $value ]]; then
        _rig_values ${{value// /$'\\n'}}
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "${{options// /$'\\n'}}" -- "$cur"))
    else
        _rig_values ${{argument// /$'\\n'}}
    fi
}}
complete -F _rig rig
"""


def _bash_case(command: Command) -> str:
    options = [option for word in command.options for option in word.options]
    values = [
        f"        {'|'.join(word.options)}) value={_quoted(_kind(word))} ;;"
        for word in command.options
        if word.takes_value
    ]
    lines = [f"    {command.name})", f"        options={_quoted(' '.join(options))}"]
    lines.append(f"        argument={_quoted(_arguments_kind(command))}")
    if values:
        lines += ["        case $previous in", *values, "        esac"]
    return "\n".join([*lines, "        ;;"])


def _arguments_kind(command: Command) -> str:
    """One kind for all arguments: the first that can be completed."""
    kinds = [_kind(word) for word in command.arguments]
    return next((kind for kind in kinds if kind != ANYTHING), ANYTHING)


def bash(commands: Sequence[Command]) -> str:
    """The script for bash 4 and later; needs no bash-completion."""
    return _BASH.format(
        made=_MADE.format("bash"),
        commands=" ".join(command.name for command in commands),
        top=" ".join(_TOP),
        cases="\n".join(_bash_case(command) for command in commands),
    )


# --- zsh ------------------------------------------------------------------------------------------

_ZSH = """\
#compdef rig
# zsh completion of rig, {made}.
_rig_names() # KIND
{{
    local -a names
    names=(${{(f)"$(${{~_rig_program}} completion --names $1 "--line=${{(F)words[1,CURRENT-1]}}" 2>/dev/null)"}})
    compadd -a names
    [[ $1 == packs ]] && _files
}}

_rig()
{{
    local _rig_program=$words[1] state line
    local -a commands=(
{commands}
    )
    _arguments -C '(- *)--help[show the help and leave]' '(- *)--version[say the version and leave]' \\
        '1:command:->command' '*::argument:->argument'
    case $state in
    command) _describe command commands ;;
    argument)
        case $words[1] in
{cases}
        esac
        ;;
    esac
}}
_rig "$@"
"""


def _zsh_text(text: str) -> str:
    """In a specification of _arguments."""
    for sign in "\\[]:":
        text = text.replace(sign, "\\" + sign)
    return text


def _zsh_value(word: Word) -> str:
    if word.choices:
        return f"({' '.join(word.choices)})"
    return {ANYTHING: "", FILES: "_files", DIRECTORIES: "_files -/"}.get(
        word.kind, f" _rig_names {word.kind}"  # the blank: no options of compadd before the kind
    )


def _zsh_words(word: Word) -> list[str]:
    """The specifications of one option or argument."""
    value = f":{_zsh_text(word.name)}:{_zsh_value(word)}" if word.takes_value else ""
    if not word.options:
        return [_quoted(f"*{value}" if word.many else value)]
    others = f"({' '.join(word.options)})"
    prefix = "*" if word.many else others
    return [_quoted(f"{prefix}{option}[{_zsh_text(word.help)}]{value}") for option in word.options]


def _zsh_case(command: Command) -> str:
    words = [text for word in (*command.options, *command.arguments) for text in _zsh_words(word)]
    return f"        {command.name}) _arguments " + " \\\n            ".join(words) + " ;;"


def zsh(commands: Sequence[Command]) -> str:
    """The script for zsh 5: a file _rig in a directory of fpath."""
    return _ZSH.format(
        made=_MADE.format("zsh"),
        commands="\n".join(
            f"        {_quoted(f'{command.name}:{_zsh_text(command.help)}')}"
            for command in commands
        ),
        cases="\n".join(_zsh_case(command) for command in commands),
    )


# --- fish -----------------------------------------------------------------------------------------

_FISH = """\
# fish completion of rig, {made}.
function __rig_names
    set -l words (commandline -opc)
    set -l line (string join \\n -- $words[2..] | string collect)
    $words[1] completion --names $argv[1] --line=$line 2>/dev/null
end
complete -c rig -f
complete -c rig -n __fish_use_subcommand -l help -d 'show the help and leave'
complete -c rig -n __fish_use_subcommand -l version -d 'say the version and leave'
{lines}
"""


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_value(word: Word) -> str:
    if word.choices:
        return f" -a {_fish_quoted(' '.join(word.choices))}"
    if word.kind in (FILES, ANYTHING):
        return " -F" if word.kind == FILES else ""
    if word.kind == DIRECTORIES:
        return " -a '(__fish_complete_directories)'"
    return f" -a '(__rig_names {word.kind})'" + " -F" * (word.kind == "packs")


def _fish_lines(command: Command) -> list[str]:
    lines = [
        f"complete -c rig -n __fish_use_subcommand -a {command.name} "
        f"-d {_fish_quoted(command.help)}"
    ]
    seen = f"complete -c rig -n '__fish_seen_subcommand_from {command.name}'"
    for word in command.options:
        names = " ".join(
            f"-{'l' if o.startswith('--') else 's'} {o.lstrip('-')}" for o in word.options
        )
        value = f" -x{_fish_value(word)}".replace(" -x -F", " -r -F") if word.takes_value else ""
        if word.takes_value and word.kind == "packs":
            value = value.replace(" -x", " -r")
        lines.append(f"{seen} {names}{value} -d {_fish_quoted(word.help)}")
    for word in command.arguments:
        if word.choices or word.kind != ANYTHING:
            lines.append(f"{seen}{_fish_value(word)}")
    return lines


def fish(commands: Sequence[Command]) -> str:
    """The script for fish 3."""
    lines = [line for command in commands for line in _fish_lines(command)]
    return _FISH.format(made=_MADE.format("fish"), lines="\n".join(lines))
