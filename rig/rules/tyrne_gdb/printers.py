"""Pretty-printers of Tyrne's types: `print kernel_core.sched.tasks[1]` in words.

They read nothing but the value they are given, so they work on any copy of it. `print/r` shows a
value without them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from . import tables
from .kernel import ref_of, stopped_cpu
from .memory import (
    Memory,
    Unfit,
    enumerators,
    find_symbol,
    find_type,
    gdb,
    load_elf,
    member,
    number,
)
from .names import LEVELS, NO_SLOT, NONE, STATUS_CLASSES, kind_words, rights_words

printing: Any = importlib.import_module("gdb.printing")

_EL_NAMES = {0x0: "EL0t", 0x4: "EL1t", 0x5: "EL1h", 0x8: "EL2t", 0x9: "EL2h"}
_MODE_MASK, _DAIF_SHIFT = 0xF, 6
_INDEX_BITS = 16  # CAP_HANDLE_INDEX_BITS


class _Words:
    """A value of which one line says everything."""

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """gdb's way in."""
        return self._text


class _Members(_Words):
    """A summary, and the members behind it; some are bytes that hold a value of an enum."""

    def __init__(self, text: str, value: Any, **enums: str) -> None:
        super().__init__(text)
        self._value = value
        self._enums = enums

    def children(self) -> Iterator[tuple[str, Any]]:
        """gdb's way in."""
        for field in self._value.type.strip_typedefs().fields():
            member_value = self._value[field]
            if field.name in self._enums:
                member_value = member_value.cast(find_type(f"enum {self._enums[field.name]}"))
            yield str(field.name), member_value


def _named(enum: str, value: int, prefix: str) -> str:
    try:
        name = enumerators(enum).get(value)
    except Unfit:
        name = None
    return name.removeprefix(prefix).lower().replace("_", " ") if name else f"unknown ({value})"


def _pa(value: Any) -> Any:
    return _Words(f"{number(value, 'value'):#x}")


def _range(value: Any) -> Any:
    start, end = number(value, "start_pa.value"), number(value, "end_pa.value")
    return _Words(f"{start:#x}..{end - 1:#x}" if start < end else f"{start:#x}..{end:#x} (empty)")


def _handle(value: Any) -> Any:
    raw = number(value, "raw")
    if raw == (1 << 64) - 1:
        return _Words("no capability")
    slot, generation = raw & (1 << _INDEX_BITS) - 1, raw >> _INDEX_BITS
    return _Words(f"{raw:#x} (slot {slot}, generation {generation})")


def _cap_ref(value: Any) -> Any:
    at = number(value, "value")
    return _Words("none" if at == NO_SLOT else f"slots[{at}]")


def _object_ref(value: Any) -> Any:
    ref = ref_of(value)
    return _Words(f"{ref.index} (generation {ref.generation})" if ref.index != NONE else "none")


def _capability(value: Any) -> Any:
    kind, ref = number(value, "kind"), ref_of(member(value, "object"))
    name = kind_words(_named("cap_kind", kind, "CAP_KIND_"))
    if kind == 0:
        return _Words("empty")
    rights = rights_words(number(value, "rights"))
    return _Words(f"{name} {ref.index} (generation {ref.generation}), rights: {rights}")


def _task(value: Any) -> Any:
    words = _named("task_state", number(value, "state"), "TASK_")
    waits_on, space = number(value, "waits_on"), number(value, "space.index")
    if waits_on != NONE:
        words += f" on endpoint {waits_on}"
    words += f", in space {space}" if space != NONE else ", in the kernel only"
    return _Members(words, value, state="task_state")


def _endpoint(value: Any) -> Any:
    words = _named("endpoint_state", number(value, "state"), "ENDPOINT_")
    receiver = number(value, "receiver")
    words += f", receiver task {receiver}" if receiver != NONE else ""
    return _Members(words, value, state="endpoint_state")


def _trap_frame(value: Any) -> Any:
    elr, spsr, sp = (number(value, name) for name in ("elr", "spsr", "sp_el0"))
    level = _EL_NAMES.get(spsr & _MODE_MASK, f"mode {spsr & _MODE_MASK:#x}")
    daif = "".join(c for bit, c in enumerate("FIAD") if spsr >> _DAIF_SHIFT >> bit & 1)[::-1]
    masked = f"{daif} masked" if daif else "nothing masked"
    return _Members(f"from {level} at {elr:#x}, SP_EL0 {sp:#x}, {masked}", value)


def _leaf(value: Any) -> Any:
    fields = tables.fields("DESC_LEAF")
    raw = sum(
        number(value, name) << fields[field].low
        for name, field in (
            ("attr_index", "ATTRINDX"),
            ("ap", "AP"),
            ("sh", "SH"),
            ("af", "AF"),
            ("ng", "NG"),
            ("contiguous", "CONTIGUOUS"),
            ("pxn", "PXN"),
            ("uxn", "UXN"),
        )
    )
    page = sum(tables.fields("DESC")[name].mask for name in ("VALID", "TYPE"))
    raw |= number(value, "output_pa") | page
    return _Words(tables.words(raw, LEVELS - 1).replace("page at", "leaf at", 1))


def _mmu_entry(value: Any) -> Any:
    kind, pa = number(value, "kind"), number(value, "pa.value")
    name = _named("mmu_entry_kind", kind, "MMU_ENTRY_")
    if name == "table":
        return _Words(f"table at {pa:#x}, {number(value, 'live')} entries in use")
    if name == "page":
        rights = _named("user_rights", number(value, "rights"), "USER_")
        return _Words(f"page at {pa:#x}, {rights}")
    return _Words("empty" if name == "empty" else "block, or what no user page is")


def _status(value: Any) -> Any:
    code = int(value)
    name = next((f.name for f in value.type.strip_typedefs().fields() if f.enumval == code), None)
    if name is None:
        return _Words(f"no status ({code:#x})")
    if code == 0:
        return _Words(str(name))
    return _Words(f"{name} ({code:#x}, {STATUS_CLASSES.get(code >> 8, 'of no class')})")


class _Subprinter:
    """One line of `info pretty-printer`."""

    def __init__(self, name: str, make: Callable[[Any], Any]) -> None:
        self.name = name
        self.enabled = True
        self.make = make


class Printers(printing.PrettyPrinter):
    """The printers of one image; gdb asks them for each value of its types."""

    def __init__(self, path: str) -> None:
        self._path = path
        made: dict[str, Callable[[Any], Any]] = {
            "paddr_t": _pa,
            "vaddr_t": self._va,
            "user_va_t": _pa,
            "pa_range": _range,
            "cap_handle_t": _handle,
            "cap_ref_t": _cap_ref,
            "object_ref": _object_ref,
            "capability": _capability,
            "task": _task,
            "endpoint": _endpoint,
            "hal_context": self._context,
            "trap_frame": _trap_frame,
            "leaf_descriptor": _leaf,
            "mmu_entry": _mmu_entry,
            "status_t": _status,
        }
        self._by_type = {name: _Subprinter(name, make) for name, make in made.items()}
        super().__init__("tyrne", list(self._by_type.values()))

    def __call__(self, value: Any) -> Any:
        """gdb's way in: the printer of a value's type, by its name or its typedef's."""
        kind = value.type.unqualified()
        while kind.name not in self._by_type and kind.code == gdb.TYPE_CODE_TYPEDEF:
            kind = kind.target().unqualified()
        printer = self._by_type.get(str(kind.name))
        if printer is None or not printer.enabled:
            return None
        try:
            return printer.make(value)
        except Unfit:
            return None  # another build's type: gdb's own way shows it

    def _place(self, address: int) -> str:
        """Symbol, or section, of a link address."""
        elf = load_elf(self._path)
        symbol = elf.locate(address)
        if symbol:
            return f" <{symbol}>"
        inside = (s.name for s in elf.sections.values() if s.start <= address < s.end)
        return "".join(f" in {name}" for name in inside)

    def _va(self, value: Any) -> Any:
        address = number(value, "value")
        return _Words(f"{address:#x}{self._place(address)}")

    def _context(self, value: Any) -> Any:
        pc, sp = int(member(value, "x19_x30")[11]), number(value, "sp")
        return _Words(f"goes on at {pc:#x}{self._place(pc)}, SP {sp:#x}{self._place(sp)}")


class Global(gdb.Function):
    """$tyrne_global("kernel_core"): a global variable of the kernel, read from physical memory.
    Where `print kernel_core` cannot read it, as at EL0 or before the jump, this does."""

    def __init__(self) -> None:
        super().__init__("tyrne_global")

    def invoke(self, name: Any) -> Any:
        """gdb's way in."""
        stopped_cpu()
        symbol = find_symbol(name.string())
        return Memory(load_elf(symbol.symtab.objfile.filename)).load(name.string())


class Rights(gdb.Function):
    """$tyrne_rights(BITS): the rights of a capability, in words."""

    def __init__(self) -> None:
        super().__init__("tyrne_rights")

    def invoke(self, bits: Any) -> str:
        """gdb's way in."""
        return rights_words(int(bits))


class Descriptor(gdb.Function):
    """$tyrne_descriptor(RAW, LEVEL): a translation table descriptor at level 0 to 3, in words."""

    def __init__(self) -> None:
        super().__init__("tyrne_descriptor")

    def invoke(self, raw: Any, level: Any) -> str:
        """gdb's way in."""
        if not 0 <= int(level) < LEVELS:
            raise gdb.GdbError(f"tyrne: there is no level {int(level)}, levels are 0 to 3")
        return tables.words(int(raw) & (1 << 64) - 1, int(level))


def register() -> None:
    """Make the printers known for each ELF that is a Tyrne kernel, and the functions."""
    for objfile in gdb.objfiles():
        if objfile.filename and objfile.lookup_global_symbol("kernel_core") is not None:
            printers = Printers(objfile.filename)
            printing.register_pretty_printer(objfile, printers, replace=True)
    for function in (Global, Rights, Descriptor):
        function()
