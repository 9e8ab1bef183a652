"""A mutant: one small change to a guest, made on the built ELF or at a store into a table, and what
the rig and a plain smoke test make of it.

Everything that makes, judges, keeps and reports mutants meets here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

# The classes of the table, in its order, with what is told of them.
KINDS = {
    "dropped": "an instruction that changes state becomes NOP",
    "zero-source": "the register that is written from becomes XZR",
    "swapped": "two neighbours change places",
    "barrier-weakened": "a barrier of a smaller domain or kind",
    "tlbi-narrowed": "a TLBI that removes less",
    "other-register": "MSR to a neighbouring register",
    "immediate": "one bit of an immediate operand (DAIFSet, DAIFClr, ...)",
    "constant": "one bit of a constant that a system register or a descriptor is made of",
    "other-half": "a branch whose target is moved to the other half",
    "eret-to-ret": "ERET becomes RET",
    "descriptor": "one bit of a descriptor, as it is stored",
}

KILLED, SURVIVED, EQUIVALENT, NOT_JUDGED = "killed", "survived", "equivalent", "not-judged"
VERDICTS = (KILLED, SURVIVED, EQUIVALENT, NOT_JUDGED)


@dataclass(frozen=True)
class Patch:
    """Bytes of the image that change: `old`, at a link address of the ELF, become `new`."""

    address: int
    old: bytes
    new: bytes

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"address": f"{self.address:#x}", "old": self.old.hex(), "new": self.new.hex()}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Patch":
        """The inverse of to_json."""
        return Patch(
            int(data["address"], 16), bytes.fromhex(data["old"]), bytes.fromhex(data["new"])
        )


@dataclass(frozen=True)
class Poke:
    """Whenever a store leaves `value` in the eight bytes at a physical address, bit `bit` of it is
    flipped there before anything else executes (librigpoke)."""

    pa: int
    value: int
    bit: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"pa": f"{self.pa:#x}", "value": f"{self.value:#x}", "bit": self.bit}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Poke":
        """The inverse of to_json."""
        return Poke(int(data["pa"], 16), int(data["value"], 16), int(data["bit"]))


@dataclass(frozen=True)
class Mutant:  # pylint: disable=too-many-instance-attributes # a record, written to files
    """One mutant of one variant. The id is unique in the variant and the same for the same ELF:
    `FUNCTION+0xOFFSET:KIND[:DETAIL]`, or `NAME:descriptor:BIT`."""

    id: str
    kind: str  # a key of KINDS
    function: str  # "" where there is none
    was: str  # the instruction, or the descriptor in words
    now: str  # what became of it, as a compiler's warning would say it after "survived: "
    file: str = ""
    line: int = 0
    patches: tuple[Patch, ...] = ()
    poke: Poke | None = None
    # Why it behaves as the guest does, proven when it was made: such a mutant is not run. "" else.
    equivalent: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        data = asdict(self)
        data["patches"] = [patch.to_json() for patch in self.patches]
        data["poke"] = self.poke.to_json() if self.poke else None
        return data

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Mutant":
        """The inverse of to_json."""
        patches = tuple(Patch.from_json(patch) for patch in data["patches"])
        poke = Poke.from_json(data["poke"]) if data["poke"] else None
        fields: dict[str, Any] = {**data, "patches": patches, "poke": poke}
        return Mutant(**fields)


@dataclass
class Generated:
    """The mutants of a variant, and what was not made of a site, with the reason: site: why."""

    mutants: list[Mutant]
    not_made: list[str] = field(default_factory=list)
    sites: int = 0  # state-changing instructions and descriptors that mutants were made of


@dataclass
class Outcome:  # pylint: disable=too-many-instance-attributes # a record, written to files
    """What became of a mutant: by the rig, and by a smoke test of the same run's console."""

    id: str
    verdict: str  # KILLED, SURVIVED or NOT_JUDGED; a review makes EQUIVALENT of SURVIVED
    rules: list[str] = field(default_factory=list)  # that broke, the first one first
    notes: list[str] = field(default_factory=list)  # rules with new notes, which are no errors
    phase: str = ""  # the phase that killed it: free-run, ordering, step or address-space
    says: str = ""  # the first broken rule's words
    smoke: str = ""  # why the smoke test fails; "" when it passes
    why: str = ""  # the reason of NOT_JUDGED or EQUIVALENT
    seconds: float = 0.0
    earlier: bool = False  # a kill by the rules of an earlier campaign (--survivors)

    @property
    def by_note(self) -> bool:
        """Was it killed by notes alone?"""
        return self.verdict == KILLED and not self.rules

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Outcome":
        """The inverse of to_json."""
        return Outcome(**data)
