#!/usr/bin/python3
"""Mutants of the portable core's sources, judged by the host tests.

    kernel_mutants.py --build BUILD [--sample N --seed S] [--files GLOB] [--names REGEX] ...

Every mutant is one small mistake (a check dropped, a bound off by one, a rollback skipped). A
mutant that no host test fails at has survived; it is printed like a compiler's warning, unless the
compiler makes the same code of it or equivalent.yaml says why it changes nothing.

Exit codes: 0 no survivor; 1 survivors, or a mutant that is listed as equivalent and is killed;
2 wrong usage, or a wrong entry in the list; 3 nothing, or not everything, could be judged.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import random
import re
import signal
import sys
from collections import Counter
from pathlib import Path

from c_mutants import Mutant, mutants_of
from c_tree import CannotParse
from campaign import Plan, Results, run, state_of
from host_programs import Build, CannotJudge, read_build
from judge import KILLED, NOT_JUDGED, NOT_MADE, SAME_CODE, SURVIVED, Outcome
from review import BadReview, Review, read_review

HERE = Path(__file__).resolve().parent
ROOMS = ("kernel", "arch/aarch64")
HELD, BROKEN, USAGE, CANNOT_JUDGE = 0, 1, 2, 3


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mutants of kernel/, judged by the host tests.")
    parser.add_argument("--root", type=Path, default=HERE.parents[1], help="the source tree")
    parser.add_argument("--build", type=Path, required=True, help="of the preset host or debug")
    parser.add_argument("--dir", type=Path, help="of the results (BUILD/kernel-mutants)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--sample", type=int, help="judge only so many, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", default="*", help="only files that fit the pattern")
    parser.add_argument("--names", default="", help="only mutants whose name fits the expression")
    parser.add_argument("--review", type=Path, default=HERE / "equivalent.yaml")
    parser.add_argument("--no-build", action="store_true", help="the test programs are built")
    parser.add_argument("--keep-kills", action="store_true", help="also of other sources' results")
    parser.add_argument("--list", action="store_true", help="print the mutants, judge none")
    parser.add_argument("--json", type=Path, help="write counts and outcomes")
    parser.add_argument("--fresh", action="store_true", help="judge all anew")
    return parser.parse_args(arguments)


def _sources(build: Build, root: Path) -> list[Path]:
    """The files of the kernel, and those of the CPU's room that a host test holds."""
    tested = {Path(o.source) for p in build.programs for o in p.objects}
    kernel = [f for f in sorted((root / "kernel").rglob("*")) if f.suffix in (".c", ".h")]
    arch = root / "arch" / "aarch64"
    return kernel + sorted(f for f in tested if f.is_relative_to(arch) and f.suffix == ".c")


def _arguments(build: Build, root: Path, file: Path) -> list[str]:
    """How a file is to be read: with every definition that a test sets for it."""
    found: dict[str, None] = {}
    for made in build.objects_of(str(file)):
        found.update(dict.fromkeys(made.arguments()))
    return list(found) or [f"-I{root}/kernel/include", f"-I{root}/tests/fakes/include"]


def all_mutants(build: Build, root: Path) -> list[Mutant]:
    """Every mutant of every file."""
    mutants = []
    for file in _sources(build, root):
        mutants += mutants_of(file, str(file.relative_to(root)), _arguments(build, root, file))
    return mutants


def _chosen(options: argparse.Namespace, mutants: list[Mutant], review: Review) -> list[Mutant]:
    """The mutants that are asked for. A sample is taken of those that should be killed."""
    chosen = [m for m in mutants if fnmatch.fnmatch(m.path, options.files)]
    chosen = [m for m in chosen if re.search(options.names, m.name)]
    if options.sample is not None:
        judged = [m for m in chosen if review.reason(m) is None]
        count = min(options.sample, len(judged))
        chosen = random.Random(options.seed).sample(judged, count)
    return chosen


def _line(mutant: Mutant, what: str) -> str:
    operator = mutant.name.split(":")[2]
    return f"{mutant.path}:{mutant.line}: {what}: {operator}: {mutant.change} [{mutant.name}]"


def tell(mutants: list[Mutant], outcomes: dict[str, Outcome], review: Review) -> dict[str, int]:
    """Print what needs a person, then the counts, which are returned."""
    count: Counter[str] = Counter()
    for mutant in mutants:
        outcome = outcomes[mutant.name]
        verdict = outcome.verdict
        reason = review.reason(mutant)
        if reason is not None and verdict in (SURVIVED, SAME_CODE):
            verdict = "reviewed"
        elif reason is not None and verdict == KILLED:
            count["wrongly reviewed"] += 1
            print(_line(mutant, f"listed as equivalent, but killed by {outcome.by}"))
        count[verdict] += 1
        if verdict == SURVIVED:
            print(_line(mutant, "survived"))
        elif verdict == NOT_JUDGED:
            print(_line(mutant, f"not judged: {outcome.by}"))
    print(
        f"{len(mutants)} mutants: {count[KILLED]} killed, {count[SURVIVED]} survived, "
        f"{count[SAME_CODE]} of the same code, {count['reviewed']} proven equivalent, "
        f"{count[NOT_MADE]} that do not compile, {count[NOT_JUDGED]} not judged"
    )
    return dict(count)


def _exit_code(count: dict[str, int]) -> int:
    if count.get(SURVIVED) or count.get("wrongly reviewed"):
        return BROKEN
    judged = sum(count.get(v, 0) for v in (KILLED, SAME_CODE, "reviewed"))
    return CANNOT_JUDGE if count.get(NOT_JUDGED) or judged == 0 else HELD


def _run(options: argparse.Namespace) -> int:
    root = options.root.resolve()
    rooms = [root / room for room in ROOMS]
    build = read_build(options.build.resolve(), rooms, make=not options.no_build)
    mutants = all_mutants(build, root)
    review = read_review(options.review, mutants)
    chosen = _chosen(options, mutants, review)
    if options.list:
        for mutant in chosen:
            print(_line(mutant, "mutant"))
        return HELD
    directory = (options.dir or options.build / "kernel-mutants").resolve()
    if options.fresh:
        (directory / "results.jsonl").unlink(missing_ok=True)
    results = Results(directory / "results.jsonl", state_of(root), options.keep_kills)
    plan = Plan(build, root, ROOMS, directory, options.jobs)
    run(plan, chosen, results, lambda text: print(text, file=sys.stderr, flush=True))
    count = tell(chosen, results.outcomes, review)
    if options.json is not None:
        outcomes = [results.outcomes[m.name].to_json() for m in chosen]
        options.json.write_text(json.dumps({"counts": count, "mutants": outcomes}, indent=1) + "\n")
    return _exit_code(count)


def main(arguments: list[str]) -> int:
    """The command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(_options(arguments))
    except BadReview as error:
        print(error, file=sys.stderr)
        return USAGE
    except (CannotJudge, CannotParse) as error:
        print(f"cannot judge: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    except KeyboardInterrupt:
        print("ended; the same command goes on from here", file=sys.stderr)
        return CANNOT_JUDGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
