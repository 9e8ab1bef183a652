"""What each command's help says beyond its options: more words, examples, exit status.

`--help` and the man pages are made of the same parsers, so there is one source for both. A command
that brings an epilog of its own keeps it.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence

_WIDTH = 79  # of a terminal's line
# Exit codes, for each kind of command.
JUDGES = """\
exit status:
  0    all rules held
  1    a rule was broken
  2    wrong usage, or a bad rule pack
  3    could not judge: QEMU or gdb died, a log is damaged, no check ran
  124  the guest or the rig ran out of its time bound
  128 + n  ended by signal n (130: Ctrl-C)
"""
SHOWS = """\
exit status:
  0    done
  2    wrong usage, or an input that is not what it has to be
  3    could not: a tool is missing or died, a file is damaged
  128 + n  ended by signal n (130: Ctrl-C)
"""
_MUTATES = """\
exit status:
  0    no mutant survived that is not known to be equivalent
  1    a mutant survived, or an entry of the review matches nothing any more
  2    wrong usage, a bad rule pack or a bad review
  3    could not judge: the guest itself is red, there are no mutants, or of some
       it is not known what becomes of them
  128 + n  ended by signal n (130: Ctrl-C); what was judged is kept
"""
ENVIRONMENT = """\
environment:
  NO_COLOR   not empty: no colours
  RIG_TOOLS  directory of rig-trace, librigwalk.so and the plugins, instead of those found
  RIG_QEMU   the QEMU to run, instead of qemu-system-aarch64
  RIG_GDB    the gdb to run, instead of gdb-multiarch
  TMPDIR     where run directories are made
"""
TOP = f"""\
examples:
  rig run --pack kernel.yaml --elf kernel.elf
      all checks of one kernel
  rig init --elf kernel.elf
      a rule pack to begin with
  rig COMMAND --help
      the options of a command, with examples; so does man rig-COMMAND

{JUDGES}
{ENVIRONMENT}"""
_COMPARES = SHOWS.replace(
    "0    done", "0    done, or no difference\n  1    the maps differ (--diff)"
)
_RUNS_GDB = SHOWS.replace("0    done", "0    gdb ended; its own exit status otherwise")
_EXITS: Mapping[str, str] = {
    "map": _COMPARES, "walk": SHOWS, "annotate": SHOWS, "lint": SHOWS, "explain": SHOWS,
    "snapshot": SHOWS, "completion": SHOWS, "debug": _RUNS_GDB, "mutate": _MUTATES,
}  # fmt: skip

DETAILS: Mapping[str, str] = {
    "run": """\
Each variant of the pack is run up to three times: freely, for its console, its end and its
exceptions; stepped in gdb from the first instruction to the pack's steady state; and traced, for
the order of barriers and maintenance. Address spaces are judged from snapshots taken on the way.
What a pack does not ask for is not run.""",
    "step": """\
Loops whose body was stepped once are run over to their exit; the report counts both. A broken
rule shows expected and actual by field, the last 20 instructions, and how to reopen gdb there.""",
    "faults": """\
What comes and may come is in the pack's `faults` section. Without one, or besides it, a run can be
held against an earlier one: what is new, or comes more often, breaks the rule faults-baseline; what
is gone or rarer is told. Exceptions are told apart by class, levels, syndrome and function, so a
rebuilt kernel compares. Interrupts are compared by whether they come, not how often.""",
    "order": """\
A finding has two ends: the write, and the access that depended on it before what the manual asks
for had executed. A trace of an earlier run is judged without QEMU.""",
    "audit": """\
Without a pack, snapshots are judged by the rules that hold for any guest. With one, by what it
says of the place where each was taken.""",
    "map": """\
Neighbours that mean the same are one line: addresses, size, rights of EL1 and EL0, memory type,
shareability, and with --pack what lies there.""",
    "walk": """\
For each address the entry of each level, what it says, and the rights that follow from all of
them, in a sentence.""",
    "cover": """\
The guest is not changed: a plugin in QEMU counts. Give a suite of runs, or one guest by --elf with
a pack or a machine. --out holds lcov tracefiles (total.info, …) and pages.""",
    "mutate": """\
A mutant is the guest with one small mistake, made on its ELF: an instruction of the boot that
changes state is dropped, weakened, swapped or writes elsewhere, one bit of a constant or of a
descriptor is wrong. Each is judged as rig run judges the guest, and by a plain smoke test beside
it. A survivor is a hole in the rules, unless it behaves as the guest does: the pack's reviewed list
says which ones, and why.

The guest itself has to pass first. A campaign is resumed from its --run-dir, and can be parted
over machines with --shard and --collect.""",
    "annotate": """\
Either of runs made now or of traces that `rig cover --out` kept.""",
    "verdict": """\
Nothing runs: so each group of a recorded run can be a test of its own.""",
    "lint": """\
Unknown registers and fields, symbols that are not there or have no size, rules that can never
match. Every finding is one line: file, line, key.""",
    "explain": "",
    "snapshot": """\
A few kilobytes, and no guest is needed any more: rig map, rig walk and rig audit read it. Where a
gdb stands, `rig snapshot` in it writes the same.""",
    "debug": """\
Symbols are there on both sides of the jump to high addresses. In gdb, `help rig` lists the
commands. QEMU ends with gdb.""",
    "completion": """\
Printed for a shell to read: commands, options, and the names that packs and reports hold.""",
}

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "run": [
        ("rig run --pack kernel.yaml --elf kernel.elf", "all checks, every variant of the pack"),
        (
            "rig run --pack kernel.yaml --elf kernel.elf --variant el2 --cpu max --memory 1G",
            "one variant, on another machine",
        ),
        (
            "rig run --pack kernel.yaml --elf kernel.elf --quiet --json run.json --junit run.xml",
            "for CI: only what is not green, and reports for machines",
        ),
    ],
    "step": [
        ("rig step --pack kernel.yaml --elf kernel.elf --first", "up to the first broken rule")
    ],
    "faults": [
        ("rig faults --pack kernel.yaml --elf kernel.elf", "run, and judge by the pack"),
        (
            "rig faults --pack kernel.yaml --elf kernel.elf --write-baseline faults.json",
            "keep today's exceptions",
        ),
        (
            "rig faults --pack kernel.yaml --elf kernel.elf --baseline faults.json",
            "not worse than then",
        ),
        (
            "rig faults qemu.log --pack kernel.yaml --elf kernel.elf --variant el1",
            "a log that is there already",
        ),
    ],
    "order": [("rig order --pack kernel.yaml --elf kernel.elf", "run, trace and judge")],
    "audit": [
        ("rig audit --pack kernel.yaml --elf kernel.elf", "every place that the pack names"),
        ("rig audit boot.snapshot", "a snapshot, by the rules for any guest"),
    ],
    "map": [
        ("rig map boot.snapshot --pack kernel.yaml --elf kernel.elf", "with names"),
        ("rig map boot.snapshot --filter wx", "what is writable and executable"),
        ("rig map --diff before.snapshot after.snapshot", "what changed between them"),
    ],
    "walk": [("rig walk boot.snapshot 0x40080000", "why this address is what it is")],
    "cover": [
        (
            "rig cover --elf kernel.elf --machine virt --bound 10 --out coverage",
            "one guest, without a pack, stopped after 10 seconds",
        ),
        (
            "rig cover --elf kernel.elf --pack kernel.yaml --fail-under lines=80,branches=60",
            "and fail below",
        ),
    ],
    "mutate": [
        ("rig mutate --pack kernel.yaml --elf kernel.elf --list", "what would be changed"),
        (
            "rig mutate --pack kernel.yaml --elf kernel.elf --sample 50",
            "50 of each variant, the same each time",
        ),
        (
            "rig mutate --pack kernel.yaml --elf kernel.elf --run-dir mutants --json mutants.json",
            "all; stopped, it goes on with the same line",
        ),
        (
            "rig mutate --pack kernel.yaml --elf kernel.elf --run-dir mutants --shard 2/4",
            "a quarter of them, on one of four machines",
        ),
        ("rig mutate --pack kernel.yaml --collect mutants", "what the shards came to, as one"),
        (
            "rig mutate --pack kernel.yaml --elf kernel.elf --id 'boot_mmu_on+0x1c:*' --thorough",
            "every rule that notices a mistake at one place",
        ),
    ],
    "annotate": [
        (
            "rig annotate --asm --elf kernel.elf --pack kernel.yaml --function boot_mmu_on",
            "one function",
        )
    ],
    "verdict": [("rig verdict run.json --group mmu", "the checks of one group")],
    "lint": [
        ("rig lint kernel.yaml --elf kernel.elf", "does the pack fit the image?"),
        ("rig lint kernel.yaml --elf kernel.elf --groups", "list its groups"),
    ],
    "explain": [
        ("rig explain tlbi-completes --pack arm64", "a rule of the architecture"),
        ("rig explain mmu-on --pack kernel.yaml", "one of the pack's own"),
    ],
    "snapshot": [
        (
            "rig snapshot --pack kernel.yaml --elf kernel.elf --at mmu-on -o mmu.snapshot",
            "at a checkpoint",
        ),
        (
            "rig snapshot --pack kernel.yaml --elf kernel.elf --at start_kernel",
            "where a symbol is first reached",
        ),
    ],
    "debug": [
        ("rig debug --pack kernel.yaml --elf kernel.elf", "at the first instruction"),
        ("rig debug --pack kernel.yaml --elf kernel.elf --at mmu-on", "at a checkpoint"),
        (
            "rig debug --pack kernel.yaml --elf kernel.elf --at mmu-on --batch --eval 'rig map'",
            "one answer, no prompt",
        ),
        ("rig debug --replay RUN", "where a failed run broke; from there also backwards"),
        ("rig debug --replay RUN --batch --eval 'rig who-wrote TTBR0_EL1'", "one question to it"),
    ],
    "completion": [
        ("source <(rig completion bash)", "in this bash; in .bashrc for each"),
        ("rig completion zsh > ~/.zfunc/_rig", "a directory of zsh's fpath"),
        ("rig completion fish > ~/.config/fish/completions/rig.fish", "for fish"),
    ],
}


def epilog(name: str) -> str:
    """What follows the options in a command's help."""
    examples = EXAMPLES.get(name, ())
    words = "".join(f"  {line}\n      {meaning}\n" for line, meaning in examples)
    head = "example:\n" if len(examples) == 1 else "examples:\n"
    return (head + words + "\n" if words else "") + _EXITS.get(name, JUDGES)


def complete(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give every command its words."""
    for name, parser in commands.choices.items():
        if parser.epilog is None:
            parser.epilog = epilog(name)
        if DETAILS.get(name) and parser.description:
            first = parser.description[:1].upper() + parser.description[1:] + "."
            parts = (first, *DETAILS[name].split("\n\n"))
            parser.description = "\n\n".join(textwrap.fill(part, _WIDTH) for part in parts)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
