"""The result of a campaign for machines: JSON with everything, JUnit XML with a case a mutant."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from . import mutate_report_text
from .mutant import EQUIVALENT, NOT_JUDGED, SURVIVED
from .mutate_report import SCHEMA, Counts, Judged, Result, VariantMutants, classes_of, killers_of
from .report_json import write_whole
from .report_junit import clean
from .report_text import TextReport


def _variant(variant: VariantMutants) -> dict[str, Any]:
    listed = variant.listed
    return {
        "variant": listed.variant,
        "machine": listed.machine,
        "elf": listed.elf,
        "selection": listed.selection,
        "whole": variant.whole,
        "sites": listed.sites,
        "made": listed.made,
        "not_made": listed.not_made,
        "flips": listed.flips,
        "counts": variant.counts().to_json(),
        "classes": {name: c.to_json() for name, c in classes_of(variant.judged).items()},
        "killed_by": dict(killers_of(variant.judged).most_common()),
        "mutants": [item.to_json() for item in variant.judged],
    }


def to_json(result: Result) -> dict[str, Any]:
    """Plain data of the whole."""
    return {
        "schema": SCHEMA,
        "guest": result.guest,
        "rules": result.variants[0].listed.rules if result.variants else {},
        "tools": result.tools,
        "shard": result.shard,
        "counts": Counts.of(result.judged()).to_json(),
        "classes": {name: counts.to_json() for name, counts in result.classes().items()},
        "killed_by": dict(result.killers().most_common()),
        "review": result.review.to_json(),
        "exit_code": int(result.code()),
        "variants": [_variant(variant) for variant in result.variants],
    }


def write_json(result: Result, path: Path) -> None:
    """Write the report."""
    write_whole(path, json.dumps(to_json(result), indent=1, ensure_ascii=False) + "\n")


def _case(suite: ET.Element, variant: str, item: Judged) -> None:
    mutant, outcome = item.mutant, item.outcome
    case = ET.SubElement(
        suite, "testcase", classname=f"rig.mutate.{variant}.{mutant.kind}", name=clean(mutant.id),
        time=f"{outcome.seconds:.3f}",
    )  # fmt: skip
    if mutant.file:
        case.set("file", clean(mutant.file))
        case.set("line", str(mutant.line))
    if outcome.verdict == SURVIVED:
        node = ET.SubElement(case, "failure", message=clean(f"survived: {mutant.now}"))
        place = f"{mutant.file}:{mutant.line}: " if mutant.file else ""
        node.text = clean(f"{place}survived: {mutant.now} [{mutant.id}]\nwas: {mutant.was}")
    elif outcome.verdict in (EQUIVALENT, NOT_JUDGED):
        words = outcome.verdict.replace("-", " ")
        ET.SubElement(case, "skipped", message=clean(f"{words}: {outcome.why}"))


def _suite(root: ET.Element, variant: VariantMutants) -> None:
    counts = variant.counts()
    name = variant.listed.variant
    suite = ET.SubElement(
        root,
        "testsuite",
        name=f"rig.mutate.{name}",
        tests=str(counts.mutants),
        failures=str(counts.survived),
        errors="0",
        skipped=str(counts.equivalent + counts.not_judged),
        time=f"{sum(item.outcome.seconds for item in variant.judged):.3f}",
    )
    for item in variant.judged:
        _case(suite, name, item)


def write_junit(result: Result, path: Path) -> None:
    """Write the report; a stale entry of the review is a failed case of its own."""
    root = ET.Element("testsuites", name="rig.mutate")
    for variant in result.variants:
        _suite(root, variant)
    findings = result.review.findings()
    if findings:
        count = str(len(findings))
        suite = ET.SubElement(
            root, "testsuite", name="rig.mutate.review", tests=count, failures=count, errors="0",
            skipped="0", time="0",
        )  # fmt: skip
        for finding in findings:
            where, _, what = finding.partition(": matches")
            case = ET.SubElement(
                suite, "testcase", classname="rig.mutate.review", name=clean(where)
            )
            ET.SubElement(case, "failure", message=clean(f"matches{what}"))
    ET.indent(root)
    write_whole(
        path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"
    )


def write(result: Result, args: argparse.Namespace, report: TextReport) -> int:
    """Every report that is asked for; returns the exit code."""
    mutate_report_text.write(result, report)
    if args.json:
        write_json(result, Path(args.json))
    if args.junit:
        write_junit(result, Path(args.junit))
    if args.table:
        write_whole(Path(args.table), mutate_report_text.markdown(result))
    return result.code()
