"""Who wrote it last: the instruction behind a register's or a byte's value, found backwards."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import capstone

from decode import Decoder, Insn
from engine.evaluate import NotKnown, Word
from exceptions import VECTORS, vector_base
from prompt.physical import interrupt_waits
from prompt.session import Session
from prompt.sysreg import value_of
from replay_time import Interrupted, Timeline
from state import LiveState
from target import PC, Target

_MSR = (
    0xD5100000  # MSR (register), DDI 0487, C6.2; also its register-less cousins, told apart later
)
_MSR_MASK = 0xFFF00000
_IMMEDIATE, _IMMEDIATE_MASK = 0xD500401F, 0xFFF8F01F
_ERET, _ERET_MASK = 0xD69F03E0, 0xFFFFF3FF
# What taking an exception writes, besides MSR.
_BY_EXCEPTION = ("ESR_EL", "FAR_EL", "ELR_EL", "SPSR_EL", "HPFAR_EL")
PSTATE_FIELDS = {"PSTATE": 0xFFFFFFFF, "DAIF": 0x3C0, "SPSEL": 1, "PAN": 1 << 22}
_NEAR = (
    128  # instructions stepped through for a general register, before the image's code is searched
)


@dataclass
class Found:
    """A write: where the guest stood before it, and what it did."""

    count: int  # instructions executed before it
    insn: Insn
    old: int  # memory's bytes as a little-endian number
    new: int
    passed: int = 0  # later writes that left the field as it was
    by_exception: bool = False
    through: int = 0  # memory: the virtual address it was written by


class Writers:
    """Looks for writes in one session; every method leaves the guest before the write, or anywhere
    when there is none, and returns None then."""

    def __init__(self, session: Session, timeline: Timeline) -> None:
        self._session = session
        self._timeline = timeline
        self._decoder = Decoder(session.table)

    # --- system registers -------------------------------------------------------------------------

    def system(self, target: Target, name: str, stub: dict[str, str], mask: int) -> Found | None:
        """The last write of a system register; with a field's mask the last that changed it."""
        sites = self._sites(target, name)
        entries = self._entries(name)
        if not sites and not entries:
            return None
        passed = 0
        whole = mask == (1 << 64) - 1 and name not in PSTATE_FIELDS
        taken = target.core()[PC] in entries  # the guest stands right behind an exception's entry
        while taken or self._timeline.back_to(target, sites | entries):
            taken = False
            by_exception = target.core()[PC] in entries
            if by_exception:
                self._timeline.back_one(target)
            found = self._step_over(target, lambda: self._value(name, stub))
            found.by_exception, found.passed = by_exception, passed
            if whole or (found.old ^ found.new) & mask:
                return found
            passed += 1
            if found.count == 0:
                break
        return None

    def _step_over(self, target: Target, value: Callable[[], int]) -> Found:
        """What the instruction here changes; the guest stands before it again."""
        before = self._timeline.count()
        insn = self._here(target)
        old = value()
        # Not by a step: QEMU may leave behind the last one of a recording.
        self._timeline.go(target, before + 1)
        new = value()
        self._timeline.go(target, before)
        return Found(before, insn, old, new)

    def _value(self, name: str, stub: dict[str, str]) -> int:
        state = self._state()
        if name in PSTATE_FIELDS:
            return state.core("PSTATE") & PSTATE_FIELDS[name]
        return value_of(state, name, stub)

    def _state(self) -> LiveState:
        state = self._session.stepper.state
        state.forget()
        return state

    def _here(self, target: Target) -> Insn:
        pc = target.core()[PC]
        return self._decoder.decode(pc, target.read(pc, 4))

    def _sites(self, target: Target, name: str) -> set[int]:
        """Where the image's code writes the register, at each of its addresses."""
        image = self._session.image
        found: set[int] = set()
        for link, opcode in self._candidates(target):
            insn = self._decoder.decode(link, opcode.to_bytes(4, "little"))
            pstate = insn.writes_pstate
            if insn.writes == name or pstate == name or name == "PSTATE" and pstate:
                found |= set(image.variants(link))
            elif name in PSTATE_FIELDS and opcode & _ERET_MASK == _ERET:
                found |= set(image.variants(link))
        return found

    def _candidates(self, target: Target) -> Iterator[tuple[int, int]]:
        """(link address, opcode) of the image's instructions that write system registers."""
        for link, word in self._words(target):
            # MSR and its immediate kind begin with 0xD5, ERET with 0xD6.
            if word >> 24 not in (0xD5, 0xD6):
                continue
            if (
                word & _MSR_MASK == _MSR
                or word & _IMMEDIATE_MASK == _IMMEDIATE
                or word & _ERET_MASK == _ERET
            ):
                yield link, word

    def _words(self, target: Target) -> Iterator[tuple[int, int]]:
        """(link address, word) of the image's code, as memory holds it now."""
        image = self._session.image
        for section in image.elf.executable():
            physical = image.physical(section.start)
            if physical is None:
                continue
            data = target.read_physical(physical, (section.end - section.start) & ~3)
            for index, word in enumerate(array("I", data or b"")):
                yield section.start + 4 * index, word

    def _entries(self, name: str) -> set[int]:
        """The vector entries, for what taking an exception writes."""
        if name not in PSTATE_FIELDS and not name.startswith(_BY_EXCEPTION):
            return set()
        state, image = self._state(), self._session.image
        levels = [int(name[-1])] if name[-1].isdigit() else [1, 2, 3]
        found: set[int] = set()
        for level in levels:
            base = vector_base(state, level)
            for address in () if base is None else image.variants(image.link(base)):
                found |= {address + offset for offset in VECTORS}
        return found

    # --- memory -----------------------------------------------------------------------------------

    def addresses(self, address: int) -> list[int]:
        """The virtual addresses at which the byte may have been written: this one, its physical
        one (before the MMU was on, or mapped to itself), and the image's aliases of that."""
        image = self._session.image
        physical = self.physical(address)
        found = [address]
        if physical is not None:
            found += [physical, image.link(physical)]
        elif image.physical(address) is not None:
            found += image.variants(image.link(address))
        return list(dict.fromkeys(found))

    def physical(self, address: int) -> int | None:
        """Where the address leads at this stop, or by the image's alias."""
        try:
            translated = self._state().walks().translate(address)
            if not isinstance(translated, Word):
                return translated
        except NotKnown:
            pass
        return self._session.image.physical(address)

    def memory(self, target: Target, address: int, size: int) -> Found | None:
        """The last store that touched these bytes, through whatever address."""
        physical = self.physical(address)
        start = self._timeline.count()
        best, through = -1, 0
        for candidate in self.addresses(address):
            self._timeline.go(target, start)
            if self._timeline.back_to_write(target, candidate, size):
                if self._timeline.count() > best:
                    best, through = self._timeline.count(), candidate
        if best < 0:
            return None
        self._timeline.go(target, best)

        def value() -> int:
            at = address if physical is None else physical
            read = target.read if physical is None else target.read_physical
            return int.from_bytes(read(at, size) or b"", "little")

        found = self._step_over(target, value)
        found.through = through
        return found

    # --- general registers ------------------------------------------------------------------------

    def general(self, target: Target, number: int) -> Found | None:
        """The last instruction that wrote x0..x30 or (31) SP."""
        names = {"sp", "wsp"} if number == 31 else {f"x{number}", f"w{number}"}
        writes = _Writes(names)
        origin = self._timeline.count()
        value = target.core()[number]

        def now() -> int:
            return target.core()[number]

        at = self._near(target, number, writes)
        if at >= 0:
            self._timeline.go(target, at)
            return self._step_over(target, now)
        self._timeline.go(target, max(origin - _NEAR, 0))
        image = self._session.image
        places: set[int] = set()
        for link, word in self._words(target):
            if writes.of(word.to_bytes(4, "little")):
                places |= set(image.variants(link))
        found = None
        if self._timeline.back_to(target, places):
            found = self._step_over(target, now)
        if (found.new if found else 0) == value:
            return found
        # Code outside of the image has written it, or an instruction that Capstone does not know.
        low = found.count + 1 if found else 0
        return self._between(target, number, low, origin - _NEAR)

    def _near(self, target: Target, number: int, writes: "_Writes") -> int:
        """The count before the last write among the instructions just executed, -1: none wrote."""
        upper = self._timeline.count()
        at, found = max(upper - _NEAR, 0), -1
        self._timeline.go(target, at)
        regs = target.core()
        while at < upper:
            told = writes.of(target.read(regs[PC], 4) or b"")
            self._timeline.step(target)
            now = target.core()
            if told or now[number] != regs[number]:
                found = at
            # Taking an interrupt is no instruction: the steps alone do not tell the count.
            regs, at = now, self._timeline.count()
        return found

    def _between(self, target: Target, number: int, low: int, high: int) -> Found | None:
        """A change to the value that the register has at `high`, by halving."""

        def at(count: int) -> int:
            if interrupt_waits():
                raise Interrupted
            self._timeline.go(target, count)
            return target.core()[number]

        wanted = at(high)
        if at(low) == wanted:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if at(middle) == wanted else (middle, high)
        self._timeline.go(target, low)
        return self._step_over(target, lambda: target.core()[number])


class _Writes:
    """Whether an instruction names a register among what it writes. Capstone 4 does not know every
    instruction, so a value that changes has to tell, too."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._engine = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        self._engine.detail = True
        self._known: dict[bytes, bool] = {}

    def of(self, code: bytes) -> bool:
        """Of the four bytes of one."""
        if code not in self._known:
            self._known[code] = self._look(code)
        return self._known[code]

    def _look(self, code: bytes) -> bool:
        word = int.from_bytes(code, "little")
        if word >> 24 == 0xD5 and not word >> 21 & 1:
            return (
                False  # MSR and SYS read their register; Capstone 4 has it among the written ones
            )
        for insn in self._engine.disasm(code, 0):
            _read, written = insn.regs_access()
            return any(insn.reg_name(register) in self._names for register in written)
        return False
