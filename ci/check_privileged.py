#!/usr/bin/python3
"""Hold the privileged instructions of the kernel's images against their audit.

    check_privileged.py [--audit YAML] [--root DIR] IMAGE...
    check_privileged.py --list [--output FILE] IMAGE...
    check_privileged.py --suggest IMAGE...

Each MSR, MRS, TLBI, IC, DC, AT, barrier, ERET, HVC, SMC, WFI, WFE (a64_system.py has the whole
list) must stand in docs/audits/privileged-instructions.yaml, under the source function that holds
it, with purpose, invariants and reason; privileged_audit.py describes the file. Keys are source
functions, so the audit is the same for every compiler and build type. A new, vanished, moved or
repeated instruction is a finding, and so is an entry that no image needs.

--list prints every instruction of every image; --suggest prints entries for the functions that
have none, with the words left to be written.

Exit codes: 0 clean, 1 findings, 2 wrong usage or a broken audit, 3 nothing could be checked.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import Counter
from pathlib import Path
from typing import Iterator

from a64_system import Namer
from privileged_audit import BadAudit, Bounds, Entry, Sequence, read_audit
from privileged_image import CannotCheck, Instruction, Key, read_image

ROOT = Path(__file__).resolve().parent.parent
AUDIT = "docs/audits/privileged-instructions.yaml"
PLACES = 3  # named in one message

Instance = list[Instruction]


def instances_of(images: list[list[Instruction]]) -> dict[Key, list[Instance]]:
    """For each source function its instances in all images, each in order of address."""
    found: dict[tuple[Key, int, int], Instance] = {}
    for number, image in enumerate(images):
        for one in image:
            found.setdefault((one.key, number, one.instance), []).append(one)
    result: dict[Key, list[Instance]] = {}
    for (key, _, _), instance in found.items():
        result.setdefault(key, []).append(statements_once(instance))
    return result


def statements_once(instance: Instance) -> Instance:
    """A C instance with each asm statement once. A compiler that gives two paths a copy each of the
    same statement repeats its line at another place; a statement that was written twice has two
    lines, and instructions repeated within one statement follow each other."""
    if instance[0].assembler:
        return instance
    groups: list[Instance] = []
    for one in instance:
        last = groups[-1][-1] if groups else None
        if last and last.source == one.source and last.address + 4 == one.address:
            groups[-1].append(one)
        else:
            groups.append([one])
    first = {(group[0].source, texts(group)): group for group in reversed(groups)}
    return [
        one for group in groups if first[group[0].source, texts(group)] is group for one in group
    ]


def texts(instance: Instance) -> tuple[str, ...]:
    """The instructions of an instance."""
    return tuple(one.text for one in instance)


def places(instances: list[Instance], at: int = 0) -> str:
    """Where instances are, the first few of them."""
    named = [instance[min(at, len(instance) - 1)].place for instance in instances[:PLACES]]
    more = len(instances) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def compare_sequence(entry: Entry, expected: Sequence, instances: list[Instance]) -> Iterator[str]:
    """Each way in which instances differ from the audited sequence, once for all alike."""
    alike: dict[tuple[str, ...], list[Instance]] = {}
    for instance in instances:
        alike.setdefault(texts(instance), []).append(instance)
    function = entry.key.function
    for found, group in alike.items():
        if any(list(found) == expected * copies for copies in range(1, entry.copies + 1)):
            continue
        matcher = difflib.SequenceMatcher(None, expected, found, autojunk=False)
        for what, i, j, k, m in matcher.get_opcodes():
            if what in ("delete", "replace"):
                near = group[0][min(k, len(found) - 1)]
                after = f", after `{expected[i - 1]}`" if i else ", first of all"
                yield (
                    f"{near.source}: {function}: {quoted(expected[i:j])} is gone: item {i + 1} of "
                    f"{len(expected)} of the audit ({entry.where}){after}, is not there in "
                    f"{places(group, k)}. Put it back, or, if that is meant, mend the entry and "
                    "its reasons."
                )
            if what in ("insert", "replace"):
                yield (
                    f"{group[0][k].source}: {function}: {quoted(found[k:m])} is not in the audit: "
                    f"{places(group, k)}. Remove it, or list it as item {i + 1} at {entry.where} "
                    "and say why it is there."
                )
        if len(found) > len(expected) and set(found) == set(expected) and not group[0][0].assembler:
            yield (
                f"{entry.where}: {function}: if a compiler only duplicated a path of {function}, "
                "say so by 'copies' (list) or a range of counts (mapping)."
            )


def quoted(items: Sequence | tuple[str, ...]) -> str:
    """Instructions for a message."""
    return ", ".join(f"`{item}`" for item in items)


def compare_counts(entry: Entry, bounds: Bounds, instances: list[Instance]) -> Iterator[str]:
    """Each instruction that is in some instance too seldom, too often or not in the audit."""
    function, seen = entry.key.function, {one.text for instance in instances for one in instance}
    for text in sorted(seen - set(bounds)):
        group = [i for instance in instances if (i := [o for o in instance if o.text == text])]
        yield (
            f"{group[0][0].source}: {function}: `{text}` is not in the audit: {places(group)}. "
            f"Remove it, or list it at {entry.where} and say why it is there."
        )
    for text, (low, high) in bounds.items():
        if text not in seen:
            yield (
                f"{instances[0][0].source}: {function}: `{text}` is gone: {entry.where} lists it, "
                f"no image has it there ({places(instances)}). Put it back, or mend the entry."
            )
            continue
        wrong = [i for i in instances if not low <= texts(i).count(text) <= high]
        if wrong:
            count = texts(wrong[0]).count(text)
            wanted = f"{low}" if low == high else f"{low} to {high}"
            yield (
                f"{wrong[0][0].source}: {function}: `{text}` is there {count} times, audited "
                f"({entry.where}): {wanted}: {places(wrong)}. Mend the code, or the count and the "
                "reasons."
            )


def judge(
    entries: list[Entry], found: dict[Key, list[Instance]], audit: str, labels: list[str]
) -> Iterator[str]:
    """Every finding."""
    unaudited = {key: found[key] for key in found.keys() - {entry.key for entry in entries}}
    for entry in entries:
        yield from entry.findings
        if entry.key in found:
            yield from compare(entry, found[entry.key])
            continue
        # The same function from another file is no news twice.
        elsewhere = [key for key in sorted(unaudited) if key.function == entry.key.function]
        if elsewhere:
            instances = unaudited.pop(elsewhere[0])
            yield (
                f"{entry.where}: {entry.key.function}: the audit says {entry.key.file}, the source "
                f"is {elsewhere[0].file}: {places(instances)}. Correct the entry's file."
            )
        else:
            yield (
                f"{entry.where}: {entry.key.function}: no privileged instruction of it "
                f"({entry.key.file}) is in {', '.join(labels)}. Remove the entry if the function "
                "went on purpose."
            )
    for key, instances in sorted(unaudited.items(), key=lambda item: item[0][::-1]):
        yield from report_unaudited(key, instances, audit)


def compare(entry: Entry, instances: list[Instance]) -> Iterator[str]:
    """Each difference between an entry and the images."""
    counted = isinstance(entry.instructions, dict)
    if instances[0][0].assembler and (counted or entry.copies > 1):
        yield (
            f"{entry.where}: {entry.key.function}: counts and copies are for C functions; the "
            "sequence of an assembler function is fixed: list its instructions in order."
        )
    elif isinstance(entry.instructions, list):
        yield from compare_sequence(entry, entry.instructions, instances)
    else:
        yield from compare_counts(entry, entry.instructions, instances)


def report_unaudited(key: Key, instances: list[Instance], audit: str) -> Iterator[str]:
    """A function that has no entry, or the instructions that no function has."""
    if key.function and key.file == "?":
        yield (
            f"{key.function}: no debug information covers its `{instances[0][0].text}`: "
            f"{places(instances)}. Build it with -g; assembly belongs in a .S file or a function."
        )
        return
    if key.function:
        held = quoted(tuple(dict.fromkeys(one.text for i in instances for one in i)))
        yield (
            f"{instances[0][0].source}: {key.function}: not in the audit, but holds {held}: "
            f"{places(instances)}. Add an entry for it ({key.file}) to {audit}; --suggest prints "
            "one to fill in."
        )
        return
    for one in (one for instance in instances for one in instance):
        yield (
            f"{one.source}: `{one.text}` at {one.image} {one.address:#x} is outside every sized "
            "symbol: give its function a type and a size (FUNCTION, END_FUNCTION)."
        )


def spell(entries: list[Entry], images: list[list[Instruction]]) -> None:
    """Give the audit's instructions the spelling of the images, where a register has several."""
    names = {s: one.text for image in images for one in image for s in one.spellings}
    for entry in entries:
        if isinstance(entry.instructions, list):
            entry.instructions = [names.get(text, text) for text in entry.instructions]
        else:
            entry.instructions = {names.get(t, t): c for t, c in entry.instructions.items()}


def listing(images: list[list[Instruction]]) -> str:
    """The table of every instruction."""
    head = ("IMAGE", "ADDRESS", "FUNCTION", "SOURCE", "INSTRUCTION")
    rows = [
        (one.image, f"{one.address:#018x}", one.key.function or "?", one.source, one.text)
        for image in images
        for one in image
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    lines = ("  ".join([*map(str.ljust, row, widths), row[4]]) for row in [head, *rows])
    return "\n".join(lines) + "\n"


def folded(items: tuple[str, ...]) -> Iterator[str]:
    """Lines of a YAML list, with blocks that repeat three times or more written once."""
    at = 0
    while at < len(items):
        best, times = 1, 1
        for size in range(1, (len(items) - at) // 3 + 1):
            block, count = items[at : at + size], 1
            while items[at + count * size : at + (count + 1) * size] == block:
                count += 1
            if count >= 3 and count * size > best * times:
                best, times = size, count
        block = items[at : at + best]
        if times > 1:
            yield f"    - {{repeat: {times}, of: [{', '.join(map(scalar, block))}]}}"
        else:
            yield f"    - {scalar(block[0])}"
        at += best * times


def scalar(text: str) -> str:
    """An instruction as YAML text."""
    return f'"{text}"' if "#" in text or "," in text else text


def skeleton(key: Key, instances: list[Instance]) -> Iterator[str]:
    """An entry for a function, its words left out."""
    yield f"- function: {key.function}"
    yield f"  file: {key.file}"
    yield "  instructions:"
    shortest = min((texts(instance) for instance in instances), key=len)
    copies = max(len(instance) for instance in instances) // len(shortest)
    multiples = {shortest * times for times in range(1, copies + 1)}
    if {texts(instance) for instance in instances} <= multiples:
        yield from folded(shortest)
        if copies > 1:
            yield f"  copies: {copies}"
    else:
        counts = [Counter(texts(instance)) for instance in instances]
        for text in dict.fromkeys(text for instance in instances for text in texts(instance)):
            low, high = min(c[text] for c in counts), max(c[text] for c in counts)
            yield f"    {scalar(text)}: " + (f"{low}" if low == high else f'"{low}-{high}"')
    yield from ("  purpose:", "  relies_on:", "  why:", "")


def read_images(paths: list[Path], root: Path) -> list[list[Instruction]]:
    """The instructions of each image; images of one name are told apart by their whole path."""
    names = Counter(path.name for path in paths)
    namer = Namer(ROOT / "arch/aarch64/sysregs.yaml")
    labels = [path.name if names[path.name] == 1 else str(path) for path in paths]
    return [read_image(path, label, root, namer) for path, label in zip(paths, labels)]


def arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--root", type=Path, default=ROOT, help="the source tree")
    parser.add_argument("--audit", type=Path, help=f"default: {AUDIT} of the source tree")
    parser.add_argument("--output", type=Path, help="write the list there")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--list", action="store_true", help="print every instruction")
    mode.add_argument("--suggest", action="store_true", help="print entries for what has none")
    options = parser.parse_args()
    if options.output and not options.list:
        parser.error("--output is for --list")
    return options


def main() -> int:
    """Command line entry."""
    options = arguments()
    root: Path = options.root.resolve()
    audit = str(options.audit or AUDIT)
    try:
        images = read_images(options.images, root)
        if options.list:
            if options.output:
                options.output.write_text(listing(images), "utf-8")
            else:
                print(listing(images), end="")
            return 0
        entries = read_audit(options.audit or root / AUDIT, audit)
    except CannotCheck as error:
        print(f"privileged: {error}", file=sys.stderr)
        return 3
    except (BadAudit, OSError) as error:
        print(f"privileged: {error}", file=sys.stderr)
        return 2
    found = instances_of(images)
    if options.suggest:
        audited = {entry.key for entry in entries}
        for key in sorted(found, key=lambda key: (key.file, key.function)):
            if key in audited or not key.function:
                continue
            print("\n".join(skeleton(key, found[key])))
        return 0
    spell(entries, images)
    findings = list(judge(entries, found, audit, sorted({i[0].image for i in images})))
    for finding in findings:
        print(finding)
    total = sum(len(image) for image in images)
    print(
        f"privileged: {len(findings)} findings, {total} instructions of {len(found)} functions in "
        f"{len(images)} images, {len(entries)} entries in the audit"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
