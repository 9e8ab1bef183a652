"""The architecture table for Python: names, encodings and fields of system registers.

Read from arch/aarch64/sysregs.yaml, the one place where a bit position is written. `decode` turns a
value into fields in words, `differing` names the fields in which two values differ.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from dataclasses import field as member
from pathlib import Path
from typing import Any

MASK64 = (1 << 64) - 1


@dataclass(frozen=True)
class Field:
    """One field of a register; `address` fields keep their place in the value."""

    name: str
    high: int
    low: int
    address: bool
    values: dict[str, int]
    texts: dict[int, str] = member(default_factory=dict)  # numbers in words

    @property
    def mask(self) -> int:
        """The field's bits in place."""
        return ((1 << (self.high - self.low + 1)) - 1) << self.low

    def extract(self, value: int) -> int:
        """The field's number; an address field stays in place."""
        part = value & self.mask
        return part if self.address else part >> self.low

    def text(self, value: int) -> str:
        """The field's number, with its name where the table has one."""
        number = self.extract(value)
        shown = f"{number:#x}" if number > 9 else str(number)
        name = next((n for n, v in self.values.items() if v == number), None)
        return f"{shown} ({name})" if name else shown


@dataclass(frozen=True)
class Register:
    """One system register of the table."""

    name: str
    kind: str
    encoding: tuple[int, ...]
    aliases: tuple[str, ...]
    fields: dict[str, Field]
    spec: str = ""

    def rest_mask(self) -> int:
        """The bits that no field of the table names."""
        covered = 0
        for field in self.fields.values():
            covered |= field.mask
        return MASK64 & ~covered

    def differing(self, old: int, new: int) -> list[str]:
        """Names of the smallest fields that differ; bits without a field as `NAME[n]`."""
        changed = old ^ new
        names = [f.name for f in self.leaf_fields() if changed & f.mask]
        rest = changed & self.rest_mask()
        names += [f"[{bit}]" for bit in range(64) if rest >> bit & 1]
        return names

    def leaf_fields(self) -> list[Field]:
        """Fields without those that only group others (DAIF over D, A, I, F)."""
        fields = list(self.fields.values())
        return [
            f
            for f in fields
            if not any(
                g is not f and g.mask != f.mask and g.mask & f.mask == g.mask for g in fields
            )
        ]

    def decode(self, value: int, other: int | None = None) -> str:
        """The value in fields; with `other`, fields that differ from it are marked with `*`."""
        parts = []
        for field in self.leaf_fields():
            mark = "*" if other is not None and (value ^ other) & field.mask else ""
            if value & field.mask or mark or len(self.fields) <= 4:
                parts.append(f"{mark}{field.name}={field.text(value)}")
        rest = value & self.rest_mask()
        if other is not None and (value ^ other) & self.rest_mask():
            parts.append(f"*other bits={rest:#x}")
        elif rest and self.fields:
            parts.append(f"other bits={rest:#x}")
        body = " ".join(parts)
        return f"{value:#018x}" + (f" {{{body}}}" if body else "")


class Table:
    """The registers of sysregs.yaml, by name, debugger name and encoding."""

    def __init__(self, registers: dict[str, Register]) -> None:
        self.registers = registers
        self.by_encoding = {r.encoding: r for r in registers.values() if r.encoding}

    def __contains__(self, name: str) -> bool:
        return name in self.registers

    def __getitem__(self, name: str) -> Register:
        return self.registers[name]

    def name_of(self, encoding: tuple[int, ...]) -> str:
        """The register with this encoding (op0, op1, CRn, CRm, op2), as an assembler reads it."""
        known = self.by_encoding.get(encoding)
        op0, op1, crn, crm, op2 = encoding
        return known.name if known is not None else f"S{op0}_{op1}_C{crn}_C{crm}_{op2}"

    def control(self) -> list[str]:
        """Registers whose change a checkpoint has to explain."""
        return [r.name for r in self.registers.values() if r.kind == "control"]

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data for the job file."""
        return [asdict(r) for r in self.registers.values()]

    @staticmethod
    def from_json(data: list[dict[str, Any]]) -> "Table":
        """The inverse of to_json."""
        registers = {}
        for item in data:
            fields = {k: _field_from_json(v) for k, v in item["fields"].items()}
            registers[item["name"]] = Register(
                item["name"],
                item["kind"],
                tuple(item["encoding"]),
                tuple(item["aliases"]),
                fields,
                item.get("spec", ""),
            )
        return Table(registers)


def _field_from_json(data: dict[str, Any]) -> Field:
    texts = {int(number): words for number, words in (data.get("texts") or {}).items()}
    parts: dict[str, Any] = {**data, "texts": texts}
    return Field(**parts)


def _bits(text: str) -> tuple[int, int]:
    high, _, low = str(text).partition(":")
    return int(high), int(low or high)


def load(path: Path) -> Table:
    """Read sysregs.yaml."""
    return Table(_read(path, "registers"))


def load_formats(path: Path) -> dict[str, Register]:
    """What sysregs.yaml says of things that are no registers (descriptors, syndromes), by name."""
    return _read(path, "formats")


def _read(path: Path, part: str) -> dict[str, Register]:
    # pylint: disable=import-outside-toplevel # not needed inside gdb
    import yaml

    from .schema import YamlLoader

    data = yaml.load(path.read_text(encoding="utf-8"), YamlLoader)
    registers = {}
    for name, item in data[part].items():
        fields = {}
        for field_name, field in (item.get("fields") or {}).items():
            high, low = _bits(field["bits"])
            fields[str(field_name)] = Field(
                str(field_name),
                high,
                low,
                bool(field.get("address", False)),
                {str(k): int(v) for k, v in (field.get("values") or {}).items()},
                {int(k): str(v) for k, v in (field.get("texts") or {}).items()},
            )
        registers[name] = Register(
            name,
            item.get("kind", "format"),
            tuple(item.get("encoding") or ()),
            (name, *item.get("gdb", ())),
            fields,
            item.get("spec", ""),
        )
    return registers
