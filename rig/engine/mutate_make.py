"""Makes the mutants of a guest's boot out of its image and of one run that is followed.

Each mutant is one small mistake at an instruction that changes the machine's state, or at one whose
constant ends up in such an instruction. What cannot be made is told with the reason; what provably
changes nothing is made, and carries the proof (Mutant.equivalent).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import a64_encode as a64
from .image import Image
from .mutant import Generated, Mutant, Patch
from .mutate_constants import backwards
from .mutate_half import NoOtherHalf, other_half
from .mutate_path import Executed, record
from .mutate_sites import Code, Known, Site, read_trace, sites
from .mutate_swap import moved, proof
from .mutate_values import held, register_of
from .mutate_values import proof as proven_by
from .mutate_words import text
from .order_run import Recorder
from .process import find_tool
from .qemu import SERIAL, Machine, guest_words
from .registers import Table
from .run_end import end_of
from .session import Inputs
from .source_lines import source_lines

_READ_ONLY = (
    "ID_", "MIDR", "MPIDR", "REVIDR", "CTR_", "DCZID", "CURRENTEL", "AIDR", "CLIDR", "CCSIDR",
    "CNTVCT", "CNTPCT",
)  # fmt: skip


def generate(
    inputs: Inputs, machine: Machine, room: Path, timeout: float, say: Callable[[str], None]
) -> Generated:
    """Follow one run of the unmutated guest, and make its mutants; see mutant.Generated."""
    qemu = find_tool("qemu-system-aarch64", "RIG_QEMU")
    words = guest_words(qemu, machine, inputs.image.elf.path)
    end = end_of(inputs.pack.data)
    say("following the boot's path")
    (room / "path").mkdir(exist_ok=True)
    stop = end.words(qemu, SERIAL, inputs.elf)
    path = record([*words, *stop], room / "path", timeout, inputs.image, end)
    (room / "events").mkdir(exist_ok=True)
    recorder = Recorder(words, room / "events", timeout, inputs.image, end)
    recorder.say = say
    known = read_trace(recorder.record().trace, inputs.image, room / "events")
    say("making mutants")
    maker = Maker(inputs.image, inputs.table, Code(inputs.image), path, known)
    maker.make()
    say("asking what registers held")
    (room / "values").mkdir(exist_ok=True)
    maker.prove(held(words, room / "values", timeout, inputs.image, path, maker.questions()))
    return maker.generated(source_lines(inputs.image, sorted(maker.addresses())))


@dataclass
class _Draft:
    """A mutant before its source line is known."""

    address: int
    kind: str
    detail: str
    was: str
    now: str
    patches: tuple[Patch, ...]
    equivalent: str = ""

    @property
    def words(self) -> tuple[int, int]:
        """The first instruction that is replaced, and the one that replaces it."""
        first = self.patches[0]
        return int.from_bytes(first.old, "little"), int.from_bytes(first.new, "little")


@dataclass
class Maker:
    """The mutants of one image and one path."""

    image: Image
    table: Table
    code: Code
    path: Executed
    known: Known
    drafts: list[_Draft] = field(default_factory=list)
    not_made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sites = sites(self.path.executed, self.code, self.known)
        self._site_at = {site.address: site for site in self.sites}

    def make(self) -> None:
        """Every kind of every site, then the constants that feed them."""
        for site in self.sites:
            self._dropped(site)
            self._zero_source(site)
            self._swapped(site)
            self._weaker(site)
            self._other_register(site)
            self._immediate(site)
            self._other_half(site)
            if site.kind == "eret":
                self._word(site, "eret-to-ret", "", a64.RET, "ERET becomes RET")
        self._constants()
        if self.path.cut:
            self.not_made.append(
                f"the boot's path: all: cut after {len(self.path.pcs)} instructions"
            )

    def addresses(self) -> set[int]:
        """Where the mutants are."""
        return {draft.address for draft in self.drafts}

    def questions(self) -> dict[int, int]:
        """Instructions whose mutants may be equivalent, each with the register that would tell."""
        found = {}
        for draft in self.drafts:
            register = register_of(draft.kind, draft.words[0])
            if register is not None and not draft.equivalent:
                found[draft.address] = register
        return found

    def prove(self, values: Mapping[int, Sequence[int]]) -> None:
        """`values`: what those registers held, before every execution of the instruction."""
        for draft in self.drafts:
            if register_of(draft.kind, draft.words[0]) is not None and not draft.equivalent:
                held_here = values.get(draft.address, ())
                draft.equivalent = proven_by(draft.kind, *draft.words, held_here)

    def generated(self, lines: dict[int, tuple[str, int]]) -> Generated:
        """The result; `lines` has the source of the addresses."""
        mutants = []
        for draft in self.drafts:
            file, line = lines.get(draft.address, ("", 0))
            place = self.image.locate(draft.address) or f"{draft.address:#x}"
            mutants.append(
                Mutant(
                    id=f"{place}:{draft.kind}{f':{draft.detail}' if draft.detail else ''}",
                    kind=draft.kind,
                    function=place.partition("+")[0],
                    was=draft.was,
                    now=draft.now,
                    file=file,
                    line=line,
                    patches=draft.patches,
                    equivalent=draft.equivalent,
                )
            )
        return Generated(mutants, self.not_made, len(self.sites))

    def _words_of(self, word: int, address: int) -> str:
        return text(word, address, self.table)

    def _not(self, site: Site, kind: str, why: str) -> None:
        place = self.image.locate(site.address) or f"{site.address:#x}"
        self.not_made.append(f"{place} {self._words_of(site.word, site.address)}: {kind}: {why}")

    def _word(  # pylint: disable=too-many-arguments # what a mutant is
        self, site: Site, kind: str, detail: str, word: int, now: str, equivalent: str = ""
    ) -> None:
        """A mutant that replaces one word; told and not made when Capstone cannot read the new."""
        if not self._words_of(word, site.address):
            self._not(site, kind, f"{word:#010x} is no instruction")
            return
        was = self._words_of(site.word, site.address)
        patch = _patch(site.address, site.word, word)
        self.drafts.append(
            _Draft(site.address, kind, detail, was, now, (patch,), equivalent)
        )  # fmt: skip

    def _dropped(self, site: Site) -> None:
        if site.kind == "branch":
            return  # that would be another program, not another order or value
        name = self._words_of(site.word, site.address)
        self._word(site, "dropped", "", a64.NOP, f"{_short(name)} dropped")

    def _zero_source(self, site: Site) -> None:
        operand = a64.TLBIS.get(site.word | a64.XZR)
        source = site.word & 31
        takes = site.kind == "msr" or (site.kind == "operation" and operand and operand.operand)
        if site.kind == "store":
            takes = a64.store_source(site.word) is not None
        if not takes or source == a64.XZR:
            return
        name = _short(self._words_of(site.word, site.address))
        self._word(site, "zero-source", "", site.word | a64.XZR, f"{name} takes XZR")

    def _swapped(self, site: Site) -> None:
        """With the next instruction, where that was executed right behind it."""
        after = self.code.word(site.address + 4)
        if after is None or site.address not in self.path.followed:
            return
        first = self._words_of(site.word, site.address)
        shown = self._words_of(after, site.address + 4)
        if site.word == after:
            self._not(site, "swapped", "both are the same instruction")
            return
        earlier = moved(after, site.address + 4, site.address)
        if earlier is None or not shown or self._words_of(earlier, site.address) != shown:
            self._not(site, "swapped", f"`{shown}` cannot be said four bytes before")
            return
        patches = (
            _patch(site.address, site.word, earlier),
            _patch(site.address + 4, after, site.word),
        )
        now = f"`{first}` and `{shown}` swapped"
        why = proof(site, after, self.path)
        self.drafts.append(_Draft(site.address, "swapped", "", first, now, patches, why))

    def _weaker(self, site: Site) -> None:
        if site.kind == "barrier":
            was = self._words_of(site.word, site.address)
            for word in a64.weaker_barriers(site.word):
                now = self._words_of(word, site.address)
                wider = now.replace("osh", "ish") == was
                why = "the outer shareable domain holds the inner one" if wider else ""
                self._word(
                    site, "barrier-weakened", now.replace(" ", "-"), word,
                    f"{was.upper()} weakened to {now.upper()}", why,
                )  # fmt: skip
        if site.kind == "operation":
            was = self._words_of(site.word, site.address)
            for word in a64.narrower_tlbis(site.word):
                now = self._words_of(word, site.address)
                name = now.removeprefix("tlbi ").split(",")[0]
                self._word(
                    site, "tlbi-narrowed", name, word, f"{was.upper()} narrowed to {now.upper()}"
                )

    def _other_register(self, site: Site) -> None:
        register = a64.system_register(site.word)
        if site.kind != "msr" or register is None:
            return
        near = sorted(
            (_distance(encoding, register), encoding)
            for encoding in self.table.by_encoding
            if _near(encoding, register)
        )
        names = [(self.table.name_of(encoding), encoding) for _, encoding in near]
        names = [(name, code) for name, code in names if not name.startswith(_READ_ONLY)]
        if not names:
            self._not(site, "other-register", "the table has no register near it")
        for name, encoding in names[:2]:
            was = self.table.name_of(register)
            word = a64.msr(encoding, site.word & 31)
            self._word(site, "other-register", name.lower(), word, f"{name} written, not {was}")

    def _immediate(self, site: Site) -> None:
        if site.kind != "msr-immediate":
            return
        was = self._words_of(site.word, site.address)
        for bit in range(4):
            word = site.word ^ 1 << 8 + bit
            if _reserved_immediate(word):
                continue
            now = self._words_of(word, site.address)
            self._word(site, "immediate", f"bit-{bit}", word, f"`{was}` is `{now}`")

    def _other_half(self, site: Site) -> None:
        if site.kind != "branch":
            return
        try:
            words = other_half(site, self.image, self.code, self.path)
        except NoOtherHalf as why:
            self._not(site, "other-half", str(why))
            return
        patches = tuple(
            _patch(address, self.code.word(address) or 0, word) for address, word in words
        )
        was = self._words_of(site.word, site.address)
        now = f"`{was}` jumps to the other half"
        self.drafts.append(_Draft(site.address, "other-half", "", was, now, patches))

    def _constants(self) -> None:
        """Each bit of each constant that a site's register is made of."""
        feeds: dict[int, set[str]] = {}
        first, last = self._executions()
        literals: dict[int, set[str]] = {}
        for site in self.sites:
            for register in _sources(site):
                for index in sorted({first[site.address], last[site.address]}):
                    part = backwards(self.path.pcs, index, register, self.code)
                    what = self._what(site)
                    for address in part.constants:
                        feeds.setdefault(address, set()).add(what)
                    for address in part.literals:
                        literals.setdefault(address, set()).add(what)
                    if not part.whole:
                        self._not(site, "constant", f"of {what}: {part.why}")
        often = sum(self.path.executed[site.address] > 2 for site in self.sites if _sources(site))
        if often:
            self.not_made.append(
                f"{often} sites that executed more than twice: constant: only the first and the "
                "last execution are followed"
            )
        self.not_made = list(dict.fromkeys(self.not_made))
        for address in sorted(feeds):
            self._constant(address, feeds[address])
        for address in sorted(literals):
            self._literal(address, literals[address])

    def _executions(self) -> tuple[dict[int, int], dict[int, int]]:
        """Where in the path each site executed first and last."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for index, address in enumerate(self.path.pcs):
            if address in self._site_at:
                first.setdefault(address, index)
                last[address] = index
        return first, last

    def _what(self, site: Site) -> str:
        register = a64.system_register(site.word)
        if register is not None:
            return self.table.name_of(register)
        return {"store": "a descriptor", "stack": "SP", "branch": "a branch"}.get(site.kind, "TLBI")

    def _constant(self, address: int, feeds: set[str]) -> None:
        word = self.code.word(address)
        assert word is not None
        found = a64.immediate(word)
        assert found is not None
        site = Site(address, word, "constant")
        was = self._words_of(word, address)
        for name, changed in found.items():
            now = f"{name} of `{was}` flipped, for {_and(feeds)}"
            detail = name.replace(" ", "-")
            self._word(site, "constant", detail, changed, now)

    def _literal(self, address: int, feeds: set[str]) -> None:
        word = self.code.word(address)
        place = None if word is None else a64.literal_address(word, address)
        content = None if place is None else self.code.bytes_at(*place)
        if word is None or place is None or content is None:
            return
        was = self._words_of(word, address)
        for bit in range(8 * place[1]):
            changed = (int.from_bytes(content, "little") ^ 1 << bit).to_bytes(place[1], "little")
            self.drafts.append(
                _Draft(
                    address, "constant", f"literal-bit-{bit}", was,
                    f"bit {bit} of the literal of `{was}` flipped, for {_and(feeds)}",
                    (Patch(place[0], content, changed),),
                )
            )  # fmt: skip


def _patch(address: int, old: int, new: int) -> Patch:
    return Patch(address, old.to_bytes(4, "little"), new.to_bytes(4, "little"))


def _short(words: str) -> str:
    """A barrier or an operation by its name, in capitals; else the instruction as it is."""
    name = words.split()[0] if words else "?"
    return words.upper() if name in ("isb", "dsb", "dmb", "eret", "tlbi", "ic") else f"`{words}`"


def _and(names: set[str]) -> str:
    ordered = sorted(names)
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} and {ordered[-1]}"


def _sources(site: Site) -> list[int]:
    """The registers whose value becomes state."""
    if site.kind == "msr":
        numbers = [site.word & 31]
    elif site.kind == "store":
        source = a64.store_source(site.word)
        numbers = [] if source is None else [source]
    elif site.kind == "stack":
        extended = site.word >> 21 & 0x7FF == 0x459
        numbers = [site.word >> 16 & 31 if extended else site.word >> 5 & 31]
    elif site.kind == "branch":
        numbers = [site.word >> 5 & 31]
    elif site.kind == "operation" and a64.is_tlbi(site.word):
        numbers = [site.word & 31]
    else:
        numbers = []
    return [number for number in numbers if number != a64.XZR]


def _near(encoding: tuple[int, ...], register: tuple[int, ...]) -> bool:
    """Another register of the same level and kind (op0, op1)."""
    return encoding != register and encoding[:2] == register[:2] and encoding[0] == 3


def _distance(encoding: tuple[int, ...], register: tuple[int, ...]) -> int:
    def number(code: tuple[int, ...]) -> int:
        return code[2] << 7 | code[3] << 3 | code[4]

    return abs(number(encoding) - number(register))


def _reserved_immediate(word: int) -> bool:
    """MSR (immediate) of one bit (SPSel, PAN, ...) ignores the upper ones: those make no mutant."""
    op1, op2, value = word >> 16 & 7, word >> 5 & 7, word >> 8 & 15
    return (op1, op2) not in ((3, 6), (3, 7)) and value > 1
