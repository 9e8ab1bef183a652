"""`rig faults --baseline`: a run's exceptions against those of an earlier one.

For kernels that want "not worse than yesterday", also before their pack has a `faults` section:
what is new, or comes more often than it did, breaks the rule; what is gone or rarer is told. A
baseline holds functions, not addresses, so it fits a rebuilt kernel.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .checks import FAIL, NOT_JUDGED, PASS, Check
from .errors import CannotJudge, Exit, UsageError
from .exception_log import Row, merged
from .report_json import SCHEMA as RUN_SCHEMA
from .report_json import write_whole
from .results import RunResult, VariantResult

SCHEMA = "rig-faults-baseline/1"
RULE = "faults-baseline"
_SHOWN = 40
_KINDS = ("new", "more", "fewer", "gone")
_WHY = "an exception that did not come before is a change of the guest, wanted or not"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `rig faults` for it."""
    parser.add_argument(
        "--baseline", metavar="FILE",
        help="an earlier run's exceptions, from --write-baseline or --json: what is new or comes "
        "more often is a broken rule; the pack needs no faults section then",
    )  # fmt: skip
    parser.add_argument(
        "--write-baseline", metavar="FILE",
        help="write this run's exceptions for later runs to be held against; with --baseline only "
        "when nothing got worse",
    )  # fmt: skip
    parser.add_argument(
        "--slack", type=_percent, default=0.0, metavar="PERCENT",
        help="how much more often than in the baseline an exception may come, percent (0); "
        "interrupts are never counted, only that they come",
    )  # fmt: skip


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: must be a percentage from 0 on")
    return value


@dataclass
class Baseline:
    """What an earlier run's exceptions were."""

    path: str
    guest: str
    build_id: str
    variants: dict[str, list[Row]]


def _damaged(path: str, why: object) -> CannotJudge:
    return CannotJudge(
        f"{path}: damaged baseline: {why}; make it anew with rig faults --write-baseline"
    )


def load(path: str) -> Baseline:
    """Read a baseline or an earlier report. What is no baseline at all is a UsageError, what is a
    damaged one a CannotJudge."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UsageError(f"--baseline {path}: cannot read it: {why}") from None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _damaged(path, f"no JSON ({error})") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema not in (SCHEMA, RUN_SCHEMA):
        raise UsageError(
            f"--baseline {path}: no baseline: its schema is {schema!r}, expected {SCHEMA!r} "
            f"(rig faults --write-baseline) or {RUN_SCHEMA!r} (--json)"
        )
    try:
        guest = data["guest"] if schema == SCHEMA else data["pack"]["guest"]
        variants = {str(part["variant"]): _rows(path, part) for part in data["variants"]}
        return Baseline(path, str(guest), str(data["elf"]["build_id"]), variants)
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from None
    except ValueError as error:
        raise _damaged(path, error) from None


def _rows(path: str, part: dict[str, Any]) -> list[Row]:
    """The exceptions of one variant; a report may be of a run that is no measure."""
    name = part["variant"]
    if part.get("exit_code") in (Exit.NO_JUDGEMENT, Exit.TIME_BOUND):
        raise UsageError(
            f"--baseline {path}: is of a run of variant {name} that did not end (exit code "
            f"{part['exit_code']}): what it had not done yet would look new"
        )
    if part.get("exceptions") is None:
        raise UsageError(
            f"--baseline {path}: holds no exceptions of variant {name}: they are in reports of "
            "rig run and rig faults, of guests that ended"
        )
    return merged(Row.from_json(row) for row in part["exceptions"])


@dataclass
class Change:
    """One line of the table."""

    what: str  # new, more, fewer, gone
    before: int
    row: Row

    def text(self) -> str:
        """The line."""
        counts = f"{self.before} -> {self.row.count}" if self.what in ("more", "fewer") else ""
        if self.what in ("new", "gone"):
            counts = f"{self.row.count or self.before} x"
        return f"{self.what:<5} {counts:<10} {self.row.text()}"


@dataclass
class Comparison:
    """What changed, the worse first."""

    worse: list[Change] = field(default_factory=list)
    better: list[Change] = field(default_factory=list)


def compare(before: Sequence[Row], now: Sequence[Row], same: bool, slack: float) -> Comparison:
    """Row by row. `same`: both are of one image, so that addresses mean the same in both; of two
    images, what lies in code without symbols is compared as one place."""
    if not same:
        before, now = (
            merged(Row(row.key.anywhere(), row.count, row.source) for row in rows)
            for rows in (before, now)
        )
    old = {row.key: row for row in before}
    found = Comparison()
    for row in now:
        known = old.pop(row.key, None)
        if known is None:
            found.worse.append(Change("new", 0, row))
        elif row.key.interrupt or row.count == known.count:
            continue
        elif row.count > known.count * (1 + slack / 100):
            found.worse.append(Change("more", known.count, row))
        elif row.count < known.count:
            found.better.append(Change("fewer", known.count, row))
    found.better += [Change("gone", row.count, row) for row in old.values()]
    return found


class Gate:
    """The options of one command, checked before anything is started."""

    def __init__(self, args: argparse.Namespace, guest: str, variants: Sequence[str]) -> None:
        self.slack: float = getattr(args, "slack", 0.0)
        self.out: str | None = getattr(args, "write_baseline", None)
        name: str | None = getattr(args, "baseline", None)
        self.baseline = None if name is None else load(name)
        if self.out is not None and not Path(self.out).absolute().parent.is_dir():
            raise UsageError(f"--write-baseline {self.out}: no such directory")
        if self.out and not os.access(Path(self.out).absolute().parent, os.W_OK | os.X_OK):
            raise UsageError(f"--write-baseline {self.out}: the directory is not writable")
        if self.out == "" or (self.out is not None and Path(self.out).is_dir()):
            raise UsageError(f"--write-baseline {self.out!r}: give a file name")
        if self.out and Path(self.out).exists():
            load(self.out)  # only an older baseline is overwritten
        if self.baseline is not None:
            self._fits(self.baseline, guest, variants)

    @property
    def asked(self) -> bool:
        """Is there anything to do?"""
        return self.baseline is not None or self.out is not None

    @staticmethod
    def _fits(baseline: Baseline, guest: str, variants: Sequence[str]) -> None:
        if baseline.guest != guest:
            raise UsageError(
                f"--baseline {baseline.path}: is of guest {baseline.guest}, this is {guest}"
            )
        for name in variants:
            if name not in baseline.variants:
                raise UsageError(
                    f"--baseline {baseline.path}: holds no variant {name}, it has: "
                    f"{', '.join(baseline.variants)}; write it anew, or choose by --variant"
                )

    def judge(self, result: VariantResult, build_id: str) -> Check | None:
        """The check of one variant, None when none was asked for."""
        if not self.asked:
            return None
        check = Check(
            id=f"fault.{RULE}", rule=RULE, kind="fault", group="faults", status=PASS,
            text="no exception is new, and none comes more often than in the baseline",
            why=_WHY, variant=result.machine.variant,
        )  # fmt: skip
        stopped = next((phase.error for phase in result.phases if phase.error), "")
        if result.exceptions is None:
            check.status, check.actual = NOT_JUDGED, stopped or "the exceptions are not known"
        elif self.baseline is None:
            total = sum(row.count for row in result.exceptions)
            rows = len(result.exceptions)
            check.text = f"{_count(total, 'exception')} recorded in {_count(rows, 'row')}"
        else:
            self._compare(check, self.baseline, result, build_id)
        if check.status == PASS and stopped:
            check.status, check.actual = NOT_JUDGED, stopped
        return check

    def _compare(
        self, check: Check, baseline: Baseline, result: VariantResult, build_id: str
    ) -> None:
        assert result.exceptions is not None
        before = baseline.variants[result.machine.variant]
        same = build_id != "" and build_id == baseline.build_id
        found = compare(before, result.exceptions, same, self.slack)
        better = found.better if not any(phase.error for phase in result.phases) else []
        lines = [change.text() for change in [*found.worse, *better]]
        check.details = lines[:_SHOWN]
        if len(lines) > _SHOWN:
            check.details.append(f"and {len(lines) - _SHOWN} more")
        if found.worse:
            image = "the same image" if same else f"image {baseline.build_id or '?'}"
            check.status = FAIL
            check.expected = (
                f"at most the {_count(sum(row.count for row in before), 'exception')} of "
                f"{baseline.path}, of {image}"
            )
            check.actual = _counts([*found.worse, *better])
        elif better:
            check.text += f"; {_counts(better)}: the baseline can be written anew"

    def write(self, run: RunResult) -> str:
        """Write the new baseline, when that was asked for; says what was done."""
        if self.out is None:
            return ""
        judged = [check for check in run.checks() if check.rule == RULE]
        if any(check.status != PASS for check in judged) or not judged:
            return f"{self.out}: not written: see {RULE} above"
        data = {
            "schema": SCHEMA,
            "guest": run.pack["guest"],
            "elf": run.elf,
            "tools": run.tools,
            "variants": [_variant_json(variant) for variant in run.variants],
        }
        write_whole(Path(self.out), json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        rows = sum(len(variant.exceptions or []) for variant in run.variants)
        return f"{self.out}: baseline of {_count(rows, 'row')} written"


def _count(number: int, what: str) -> str:
    """ "1 row", "2 rows"."""
    return f"{number} {what}" + "s" * (number != 1)


def _counts(changes: Sequence[Change]) -> str:
    """How many of each kind, "2 new, 1 gone"."""
    found = {what: sum(change.what == what for change in changes) for what in _KINDS}
    return ", ".join(f"{number} {what}" for what, number in found.items() if number)


def _variant_json(variant: VariantResult) -> dict[str, Any]:
    return {
        "variant": variant.machine.variant,
        "machine": variant.machine.describe(),
        "exceptions": [row.to_json() for row in variant.exceptions or []],
    }
