"""Why an access is refused: the bits of tables and controls that take the right away.

DDI 0487, D8.4.1 "Stage 1 permissions". Effective rights are the walker's; here is said which bit
it was, so the two are compared in a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .registers import Register
from .walk import EL2, Status, WalkResult

READ, WRITE, EXECUTE = "read", "write", "execute"
_LETTER = {READ: "r", WRITE: "w", EXECUTE: "x"}
_WXN = 1 << 19  # SCTLR_ELx.WXN
_SIZES = {1 << 12: "4 KiB page", 1 << 14: "16 KiB page", 1 << 16: "64 KiB page"}


@dataclass(frozen=True)
class Access:
    """What was tried."""

    kind: str  # READ, WRITE, EXECUTE
    level: int  # exception level that tried


def leaf_words(size: int) -> str:
    """4 KiB page, 2 MiB block."""
    if size in _SIZES:
        return _SIZES[size]
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name} block"
    return f"{size} bytes"


def explain(
    access: Access,
    walk: WalkResult,
    registers: Mapping[str, int],
    formats: Mapping[str, Register],
    regime: str,
) -> str:
    """What the tables say of the access, in a sentence, with the bits that refuse it."""
    who = f"EL{access.level}"
    if walk.status is not Status.OK or walk.attributes is None:
        return walk.description.partition(" does not translate: ")[2] or walk.description
    attributes = walk.attributes
    if attributes.flat:
        return f"the MMU is off: {who} may {access.kind} anywhere"
    rights = attributes.el0 if access.level == 0 else attributes.el1
    reasons = _reasons(access, walk, registers, formats, regime)
    what = f"the {leaf_words(walk.size)}"
    if _LETTER[access.kind] not in rights or reasons:
        because = "; ".join(reasons) or "no bit that the rig knows takes it away"
        return f"{what} is {rights} at {who}: it may not {access.kind} because {because}"
    if not attributes.access_flag:
        return f"{what} has its Access flag clear (AF = 0), and hardware does not set it"
    return (
        f"{what} is {rights} at {who}, so the tables let it {access.kind} now: they were changed "
        "since, or a stale entry of the TLB answered (is a TLBI or a barrier missing?)"
    )


def _reasons(
    access: Access,
    walk: WalkResult,
    registers: Mapping[str, int],
    formats: Mapping[str, Register],
    regime: str,
) -> list[str]:
    leaf = walk.steps[-1].descriptor or 0
    tables = [step for step in walk.steps[:-1] if step.descriptor is not None]
    fields, table_fields = formats["DESC_LEAF"].fields, formats["DESC_TABLE"].fields
    permission = fields["AP"].extract(leaf)
    user, read_only = permission & 1, permission >> 1
    control = registers.get("SCTLR_EL2" if regime == EL2 else "SCTLR_EL1", 0)
    found: list[str] = []

    def in_tables(name: str, mask: int, text: str) -> None:
        for step in tables:
            if table_fields[name].extract(step.descriptor or 0) & mask:
                found.append(f"{text} in the level {step.level} table descriptor")

    if access.kind == WRITE and read_only:
        found.append("AP[2] = 1 (read-only)")
    if access.kind == WRITE:
        in_tables("APTABLE", 2, "APTable[1] = 1 (read-only)")
    if access.level == 0 and access.kind != EXECUTE:
        if not user:
            found.append("AP[1] = 0 (nothing for EL0)")
        in_tables("APTABLE", 1, "APTable[0] = 1 (nothing for EL0)")
    if access.level == 1 and access.kind != EXECUTE and user and walk.attributes is not None:
        if walk.attributes.pan_blocks_el1:
            found.append("PSTATE.PAN = 1 and EL0 has access (AP[1] = 1)")
    if access.kind == EXECUTE:
        never = "UXN" if access.level == 0 or regime == EL2 else "PXN"
        if fields[never].extract(leaf):
            found.append(f"{'XN' if regime == EL2 else never} = 1")
        in_tables(f"{never}TABLE", 1, f"{'XN' if regime == EL2 else never}Table = 1")
        if access.level == 1 and user and not read_only:
            found.append("EL0 may write it (AP[2:1] = 0b01), which EL1 never executes")
        writable = not read_only and (access.level != 0 or user)
        if control & _WXN and writable:
            found.append("SCTLR.WXN = 1 and it is writable")
    return found
