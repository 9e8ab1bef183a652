"""One run of `rig mutate`: variants made ready, their mutants judged, and what came of it told."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import mutate_campaign, mutate_collect, mutate_descriptors, mutate_judge, mutate_make
from . import mutate_report_text, mutate_results, mutate_review
from .errors import CannotJudge, Exit, Interrupted
from .mutant import KINDS, NOT_JUDGED, Generated, Mutant, Outcome
from .mutate_report import Judged, Listed, Result, VariantMutants, joined
from .mutate_report_files import write
from .mutate_select import Selection
from .qemu import Machine, machine_for
from .report_text import TextReport
from .session import Inputs, RunDir, check_cpu, run_result

_DESCRIPTOR = "descriptor"


@dataclass
class _Variant:
    """A variant that is ready to be run."""

    machine: Machine
    baseline: mutate_judge.Baseline
    listed: Listed
    part: list[Mutant]  # what this shard judges


class Campaign:
    """One run of the command."""

    def __init__(
        self,
        args: argparse.Namespace,
        inputs: Inputs,
        review: mutate_review.Review,
        report: TextReport,
    ) -> None:
        self._args, self._inputs, self._review, self._report = args, inputs, review, report
        self._selection = Selection.of(args)
        names = args.variant or list(inputs.pack.variants())
        self._machines = [
            machine_for(inputs.pack, name, args.cpu, args.memory) for name in dict.fromkeys(names)
        ]
        check_cpu(args.cpu)
        self._tools = run_result("run", inputs.pack, inputs.image, inputs.rules).tools
        wanted = args.run_dir and str(Path(args.run_dir) / self._selection.folder())
        self._run_dir = RunDir(wanted)

    def run(self) -> int:
        """Every variant is made ready first: a red baseline, or no mutants at all, shows before any
        time is spent."""
        keep = False
        try:
            variants = [self._ready(machine) for machine in self._machines]
            self._report.end_progress()
            self._not_empty(variants)
            if self._args.list:
                self._list(variants)
                return Exit.HELD
            keep = True  # results that were paid for, until it is known that all is well
            code = self._judge(variants)
            keep = code != Exit.HELD
            return code
        finally:
            kept = self._run_dir.finish(keep)
            if kept and keep and not self._args.run_dir:
                self._report.line(f"run directory kept: {kept}")

    def _ready(self, machine: Machine) -> _Variant:
        name = machine.variant
        self._say(f"{name}: the guest as it is")
        room = self._run_dir.phase(name, "baseline")
        baseline = mutate_judge.baseline(self._inputs, machine, room, self._args.timeout, self._say)
        made, flips = self._made(machine, baseline)
        # Bits of descriptors that the pack excuses if no audit reports them: most phases are saved.
        baseline.excused.update(m.id for m in made.mutants if self._review.harmless(name, m))
        chosen = self._selection.chosen(made.mutants)
        listed = Listed(
            variant=name,
            machine=machine.describe(),
            elf={"path": str(self._inputs.elf), "build_id": self._inputs.image.elf.build_id},
            rules=self._inputs.rules,
            selection=self._selection.to_json(),
            mutants=chosen,
            made=len(made.mutants),
            sites=made.sites,
            not_made=made.not_made,
            flips=flips,
        )
        return _Variant(machine, baseline, listed, self._selection.part(chosen))

    def _made(
        self, machine: Machine, baseline: mutate_judge.Baseline
    ) -> tuple[Generated, dict[str, Any]]:
        """All mutants of the kinds that are asked for; what flips of every descriptor come to."""
        name, wants = machine.variant, self._selection.wants
        made = Generated([])
        flips: dict[str, Any] = {}
        if any(wants(kind) for kind in KINDS if kind != _DESCRIPTOR):
            self._say(f"{name}: looking for what the boot executes")
            room = self._run_dir.phase(name, "making")
            made = mutate_make.generate(self._inputs, machine, room, self._args.timeout, self._say)
        if wants(_DESCRIPTOR) and baseline.snapshots:
            self._say(f"{name}: looking for what the tables hold")
            room = self._run_dir.phase(name, "descriptors")
            more = mutate_descriptors.descriptors(self._inputs, machine, baseline.snapshots, room)
            made = Generated(
                [*made.mutants, *more.mutants],
                [*made.not_made, *more.not_made],
                made.sites + more.sites,
            )
            flips = self._flips(machine, baseline)
        ids = [mutant.id for mutant in made.mutants]
        if len(set(ids)) != len(ids):
            twice = next(name for name in ids if ids.count(name) > 1)
            raise CannotJudge(f"a defect of rig mutate: two mutants have the id {twice}")
        return made, flips

    def _flips(self, machine: Machine, baseline: mutate_judge.Baseline) -> dict[str, Any]:
        """What the audit makes of every descriptor's bits: minutes, so only in whole campaigns, in
        the first shard, and kept beside the results."""
        args, name = self._args, machine.variant
        part = args.kind or args.functions or args.ids or args.sample
        if args.list or part or (args.shard is not None and args.shard[0] != 1):
            return {}
        known = mutate_collect.load_again(self._run_dir.path, name)
        same = (
            known is not None
            and not args.fresh
            and (
                (known.elf["build_id"], known.rules, known.machine)
                == (self._inputs.image.elf.build_id, self._inputs.rules, machine.describe())
            )
        )
        if known is not None and same and known.flips:
            return known.flips
        self._say(f"{name}: every bit of every descriptor, in the snapshots")
        room = self._run_dir.phase(name, "flips")
        return mutate_descriptors.flips(self._inputs, machine, baseline.snapshots, room).to_json()

    def _not_empty(self, variants: list[_Variant]) -> None:
        """Zero mutants prove nothing."""
        if any(variant.part for variant in variants):
            return
        made = sum(variant.listed.made for variant in variants)
        chosen = sum(len(variant.listed.mutants) for variant in variants)
        if not made:
            why = [line for variant in variants for line in variant.listed.not_made]
            raise CannotJudge(
                "zero mutants: nothing on the boot's path was found to change"
                + (f"; {why[0]} (--list shows all)" if why else "")
            )
        if not chosen:
            raise CannotJudge(f"zero mutants: none of {made} is what --kind, --in and --id ask for")
        raise CannotJudge(
            f"zero mutants: shard {self._selection.shard_words()} has none of {chosen}; use fewer "
            "shards"
        )

    def _list(self, variants: list[_Variant]) -> None:
        for variant in variants:
            listed, part = variant.listed, variant.part
            unknown = [Judged(mutant, Outcome(mutant.id, NOT_JUDGED)) for mutant in part]
            for line in mutate_report_text.listing(unknown):
                self._report.line(line)
            for line in listed.not_made:
                self._report.detail(f"not made: {line}")
            self._report.line(
                f"{listed.variant}: {len(part)} of {listed.made} mutants, of {listed.sites} sites"
            )

    def _judge(self, variants: list[_Variant]) -> int:
        results: list[VariantMutants] = []
        try:
            for variant in variants:
                mutate_collect.save(variant.listed, self._run_dir.path)
            for variant in variants:
                results.append(self._variant(variant))
        except Interrupted:
            self._report.line(f"what was judged is kept; to go on: {self._again()}")
            raise
        self._report.end_progress()
        shard_words = self._selection.shard_words()
        guest = self._inputs.pack.guest
        result = Result(guest, self._review, results, self._tools, shard_words)
        return write(result, self._args, self._report)

    def _variant(self, variant: _Variant) -> VariantMutants:
        args = self._args
        outcomes = mutate_campaign.run(
            self._inputs,
            variant.machine,
            variant.baseline,
            [mutant for mutant in variant.part if not mutant.equivalent],
            self._run_dir.path,
            mutate_campaign.Settings(
                timeout=args.timeout,
                jobs=args.jobs,
                thorough=args.thorough,
                fresh=args.fresh or (args.renew and self._stale(variant.machine)),
                survivors=args.survivors,
                keep=args.keep,
            ),
            self._report,
        )
        ids = {mutant.id for mutant in variant.part} if self._selection.shard else None
        return joined(variant.listed, outcomes, self._review, ids)

    def _stale(self, machine: Machine) -> bool:
        """Are the results that are there of something else?"""
        path = self._run_dir.path / f"{machine.variant}{mutate_collect.RESULTS}"
        head = mutate_results.header(self._inputs, machine, self._args.thorough)
        return path.exists() and not _begins_with(path, head)

    def _again(self) -> str:
        words = [word for word in sys.argv if word != "--fresh"]
        if not self._args.run_dir:
            words += ["--run-dir", str(self._run_dir.path)]
        return shlex.join(words)

    def _say(self, text: str) -> None:
        self._report.progress(text)


def _begins_with(path: Path, head: dict[str, Any]) -> bool:
    """Is this the header of the results in a file?"""
    with path.open("rb") as file:
        line = file.readline()
    try:
        return bool(json.loads(line) == json.loads(json.dumps(head)))
    except ValueError:
        return False
