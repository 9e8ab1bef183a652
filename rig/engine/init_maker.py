"""From a watched boot to the content of a pack: aliases, checkpoints, values, budgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import json
import re

import yaml

from .elf import Elf
from .errors import CannotJudge
from .image import Alias, Image
from .init_alias import aliases, outside
from .init_budget import budget_of
from .init_pack import Content
from .init_points import Plan, Planner, Point, find_landing
from .init_rules import Place, level_of, make_rules, mmu_on
from .init_trial import Trial, run_trial
from .init_watch import Boot, Seen
from .init_words import Words
from .pack import Pack
from .paths import need_compiled, version
from .process import find_tool, tool_version
from .qemu import Machine, guest_words, machine_for
from .registers import Table
from .stepping import make_job

_MARKERS = 5
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|(?<![\w.])\d{4,}(?!\w|\.\d)")


@dataclass
class Maker:  # pylint: disable=too-many-instance-attributes # one watched boot
    """Watches a guest and says what its pack holds."""

    elf: Elf
    table: Table
    words: Words
    name: str
    room: Path
    bound: float
    timeout: float
    say: Callable[[str], None] = lambda _text: None

    def content(self) -> Content:
        """Everything for the pack's first draft; raises CannotJudge."""
        machine = self._machine()
        boot = Boot(Image(self.elf, []), machine, self.room, self.bound, self.timeout, self.say)
        seen = boot.watch()
        executed = [
            (event.pc, event.opcode)
            for event in seen.events
            if event.kind == "insn" and event.el != 0
        ]
        found = aliases(self.elf, executed)
        plan = self._plan(machine, seen, found)
        trial = self._trial(machine, plan, found)
        return self._content(seen, found, plan, trial)

    def _machine(self) -> Machine:
        pack = Pack(Path(f"{self.name}.yaml"), self._base("boot"), [])
        return machine_for(pack, "boot", None, None)

    def _walker(self) -> str:
        return str(need_compiled("librigwalk.so", Path(self.elf.path)))

    def _base(self, variant: str) -> dict[str, Any]:
        machine: dict[str, Any] = {
            "board": self.words.board, "cpu": self.words.cpu, "memory": self.words.memory,
            "qemu": self.words.extra,
        }  # fmt: skip
        if self.words.options:
            machine["options"] = self.words.options
        return {"guest": self.name, "machine": machine, "variants": {variant: {}}}

    def _plan(self, machine: Machine, seen: Seen, found: list[Alias]) -> Plan:
        room = self.room / "landing"
        room.mkdir()
        qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
        command = guest_words(qemu, machine, self.elf.path)
        landing, after = find_landing(command, room, self.elf, found, seen.events, self.timeout)
        plan = Planner(self.elf, found, self.table, seen.events).plan(landing, after)
        if len(plan.points) == 1:
            line = next((line for line in seen.console if line.strip() and "*" not in line), None)
            if line is None:
                raise CannotJudge(
                    "the guest wrote no translation control and printed nothing: there is nothing "
                    "to put a checkpoint at; write a pack by hand (docs/guides/rule-packs.md)"
                )

            plan.points.append(Point("printed", f"marker: {json.dumps(line)}", "the console works"))
        return plan

    def _trial(self, machine: Machine, plan: Plan, found: list[Alias]) -> Trial:
        """Step to each point."""
        room = self.room / "step"
        room.mkdir()
        rules = [
            {"id": point.id, "group": "boot", "why": point.why, "expect": ["EL <= 3"]}
            | yaml.safe_load(point.trigger)
            for point in plan.points
        ]
        data = {**self._base("boot"), "checkpoints": rules, "steady-state": rules[-1]["id"]}
        image = Image(self.elf, found)
        pack = Pack(Path(f"{self.name}.yaml"), data, [])
        options = {"every_instruction": False, "first_only": False}
        job = make_job(pack, image, self.table, "boot", self._walker(), options)
        trial = run_trial(job, image, machine, room, self.timeout, self.say)
        if not trial.reached:
            raise CannotJudge(
                f"stepping came to no checkpoint: {trial.error or 'the guest ended'}; the first is "
                f"the ELF's entry point {self.elf.entry:#x}: does QEMU start there (--qemu)?"
            )
        return trial

    def _content(self, seen: Seen, found: list[Alias], plan: Plan, trial: Trial) -> Content:
        points = {point.id: point for point in plan.points}
        came = {reached.id for reached in trial.reached}
        rules = make_rules(points, trial, self.table, Place(self.elf, found, self._walker()))
        level = level_of(trial.reached[0].snapshot)
        ending = seen.ending
        kept = [points[reached.id] for reached in trial.reached]
        content = Content(
            guest=self.name,
            elf=Path(self.elf.path).name,
            variant=f"el{level}",
            level=level,
            words=self.words,
            aliases=found,
            end=ending.end,
            how=ending.how,
            instructions=ending.instructions,
            points=kept,
            rules=rules,
            markers=markers(seen.console),
            budget=budget_of(seen.faults, ending.end.by_guest, ending.reset),
            tools=f"rig {version()}, {tool_version(find_tool('qemu-system-aarch64', 'RIG_QEMU'))}",
        )
        # Without any write of a control there is nothing for an ordering rule to judge.
        content.ordering = None if all(not point.register for point in kept) else []
        missed = sorted(points.keys() - came)
        if missed:
            why = trial.error or "stepping came to its end before"
            content.notes.append(
                f"Not reached by stepping, and left out: {', '.join(missed)} ({why})"
            )
        if plan.left_out:
            content.notes.append(
                f"{len(plan.left_out)} later writes have no checkpoint, the first: "
                f"{plan.left_out[0]}"
            )
        content.outside = self._outside(seen, found)
        content.space_at = next(
            (
                points[r.id].id
                for r in reversed(trial.reached)
                if mmu_on(r.snapshot) and level_of(r.snapshot) in (1, 2)
            ),
            "",
        )
        return content

    def _outside(self, seen: Seen, found: list[Alias]) -> str:
        """Code at EL1 and up that is in no executable section of the ELF."""
        # What only EL1 and up can execute: a program's code is in no kernel's ELF.
        kernel = [e.pc for e in seen.events if e.name in ("msr", "tlbi", "eret") and e.el != 0]
        places = outside(self.elf, found, kernel)
        if not places:
            return ""
        first = ", ".join(f"{pc:#x}" for pc in places[:3])
        return f"{len(places)} instructions that change state, the first at {first}"


def markers(console: list[str]) -> list[str]:
    """The first lines of the console that can be markers, and its last one; long numbers, which the
    next build changes, as `*`."""
    lines = [
        _NUMBER.sub("*", line)
        for line in dict.fromkeys(console)
        if line.strip() and line.isascii() and line.isprintable() and "*" not in line
    ]
    lines = list(dict.fromkeys(lines))
    if len(lines) <= _MARKERS:
        return lines
    return [*lines[: _MARKERS - 1], lines[-1]]
