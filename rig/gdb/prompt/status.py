"""`rig status`: where the guest is, and by what it is translated."""

from __future__ import annotations

from engine.evaluate import NotKnown
from prompt.base import RigCommand
from prompt.screen import lines
from prompt.session import Session
from state import LiveState
from target import PSTATE, SP, source_line

_LOW_END, _HIGH_START = 1 << 48, 0xFFFF << 48
_DAIF = ((1 << 9, "D"), (1 << 8, "A"), (1 << 7, "I"), (1 << 6, "F"))
_MMU = 1  # SCTLR_ELx.M
_EPD = {0: 1 << 7, 1: 1 << 23}  # TCR_EL1


def half(address: int) -> str:
    """The half of the address space."""
    if address < _LOW_END:
        return "low"
    return "high" if address >= _HIGH_START else "neither half"


def place(session: Session, pc: int) -> str:
    """symbol+0x4 file:line, through any alias."""
    image = session.image
    link = image.link(pc)
    file, line = source_line(link)
    words = [image.locate(pc) or "no symbol"]
    section = image.section_of(pc)
    if section is not None:
        words.append(f"in {section.name}")
    if file:
        words.append(f"{file}:{line}")
    return "  ".join(words)


class Status(RigCommand):
    """Show where the guest is: level, interrupts, MMU, tables, and the way through the boot.
    Usage: rig status

    Example: (gdb) rig status
    "low" and "high" are the halves of the address space that TTBR0 and TTBR1 translate."""

    word = "status"

    def run(self, words: list[str]) -> None:
        """See RigCommand."""
        self.no_more(words, 0)
        with self.session.stopped():
            state = self.session.state()
            text = [*_cpu(self.session, state), *_translation(state)]
            text += self.session.way() if self.session.way else _way(self.session)
        lines(text)


def _cpu(session: Session, state: LiveState) -> list[str]:
    pstate = state.regs[PSTATE]
    level = pstate >> 2 & 3
    open_ones = [name for bit, name in _DAIF if not pstate & bit]
    masked = "all masked" if not open_ones else f"{', '.join(open_ones)} open"
    stack = f"SP_EL{level}" if pstate & 1 else "SP_EL0"
    return [
        f"EL{level}, SPSel {pstate & 1} ({stack}), " f"DAIF = {pstate >> 6 & 0xF:#x} ({masked})",
        f"PC   {state.pc:#018x} {half(state.pc):<5} {place(session, state.pc)}",
        f"SP   {state.regs[SP]:#018x} {half(state.regs[SP])}",
    ]


def _translation(state: LiveState) -> list[str]:
    level = max(state.regs[PSTATE] >> 2 & 3, 1)
    text = []
    try:
        base = state.register(f"VBAR_EL{level}")
        text.append(f"VBAR {base:#018x} {half(base)}")
        on = state.register(f"SCTLR_EL{level}") & _MMU
    except NotKnown as error:
        return [*text, f"translation: not known: {error}"]
    text.append(
        f"MMU  {'on' if on else 'off: each address is the physical one'} (SCTLR_EL{level}.M)"
    )
    if level == 1:
        control = state.register("TCR_EL1")
        for number, name in ((0, "low"), (1, "high")):
            value = state.register(f"TTBR{number}_EL1")
            off = control & _EPD[number]
            text.append(
                f"TTBR{number} {value:#018x} {name:<5} EPD{number} = {int(bool(off))}: "
                f"{'no walks' if off else 'walks' if on else 'would be walked'}"
            )
    elif level == 2:
        text.append(f"TTBR0_EL2 {state.register('TTBR0_EL2'):#018x}")
    return text


def _way(session: Session) -> list[str]:
    items = session.checkpoints()
    if not items:
        return ["checkpoints: the pack has none"]
    fired = [item for item in items if item.fired]
    text = f"last {fired[-1].id}" if fired else "none reached yet"
    following = next((item for item in items if not (item.fired or item.unseen or item.lost)), None)
    if following is not None:
        text += f", next {following.id}"
    elif len(fired) < len(items):
        text += "; which came since the guest was moved by hand is not known"
    return [f"checkpoints: {len(fired)} of {len(items)} reached: {text}"]
