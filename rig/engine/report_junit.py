"""The report as JUnit XML: a suite for each variant, a test case for each check."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from .checks import ERROR, FAIL, PASS, WAIVED, Check
from .report_json import write_whole
from .results import RunResult, VariantResult


def clean(text: str) -> str:
    """XML 1.0 knows no control characters; a guest's console may hold any."""
    return "".join(c if c in "\t\n" or 0x20 <= ord(c) < 0xFFFE else "?" for c in text)


def _case(suite: ET.Element, check: Check) -> None:
    name = f"{check.id}: {check.text}" if check.kind == "expect" else check.id
    case = ET.SubElement(
        suite, "testcase", classname=f"rig.{check.variant}.{check.group}", name=clean(name)
    )
    if check.status == PASS:
        return
    if check.status == WAIVED:
        ET.SubElement(case, "skipped", message=clean(check.why))
        return
    tag = "failure" if check.status == FAIL else "error"
    message = (
        check.actual if not check.expected else f"expected {check.expected}, got {check.actual}"
    )
    node = ET.SubElement(case, tag, message=clean(message), type=check.kind)
    lines = [check.text, f"expected: {check.expected}", f"actual: {check.actual}", *check.details]
    if check.where:
        lines.append(f"at {check.where.text()}")
    lines += [f"why: {check.why}", f"spec: {check.spec}", *check.history]
    node.text = clean("\n".join(lines))


def _suite(root: ET.Element, variant: VariantResult) -> None:
    checks = variant.checks
    errors = [phase for phase in variant.phases if phase.error]
    suite = ET.SubElement(
        root,
        "testsuite",
        name=f"rig.{variant.machine.variant}",
        tests=str(len(checks) + len(errors)),
        failures=str(sum(c.status == FAIL for c in checks)),
        errors=str(sum(c.status not in (PASS, FAIL, WAIVED) for c in checks) + len(errors)),
        skipped=str(sum(c.status == WAIVED for c in checks)),
        time=f"{sum(phase.seconds for phase in variant.phases):.3f}",
    )
    for check in checks:
        _case(suite, check)
    for phase in errors:
        case = ET.SubElement(
            suite, "testcase", classname=f"rig.{variant.machine.variant}", name=phase.name
        )
        ET.SubElement(case, "error", message=clean(phase.error), type=ERROR)


def write(run: RunResult, path: Path) -> None:
    """Write the report."""
    root = ET.Element("testsuites", name="rig")
    for variant in run.variants:
        _suite(root, variant)
    ET.indent(root)
    write_whole(
        path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"
    )
