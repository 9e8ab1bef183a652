"""What the tests of the HTML report share: made-up runs, and a reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser

from support import TEXT

# pylint: disable=wrong-import-order # support sets the path
from engine.boot_log import BootLog, Change, ExceptionTaken, FieldChange
from engine.checks import Check, Where
from engine.qemu import Machine
from engine.results import Phase, RunResult, VariantResult

SECTIONS = [
    "top", "findings", "timeline", "registers", "exceptions", "maps", "faults", "coverage",
    "console", "waived", "checks", "environment",
]  # fmt: skip
_VOID = ("meta", "br", "wbr")


class Page(HTMLParser):
    """A page's ids, links, texts and whether its elements nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style",):
            self.words.append(data)

    def text(self) -> str:
        """Everything that a reader sees."""
        return "".join(self.words)


def make_check(status: str, name: str = "mmu-on", kind: str = "reached", **more: object) -> Check:
    """A check of a checkpoint."""
    fields: dict[str, object] = {
        "id": name if kind == "reached" else f"{name}.1", "rule": name, "kind": kind, "group": "g",
        "status": status, "text": "reached in order" if kind == "reached" else "SCTLR_EL1.M == 1",
        "why": "because", "spec": "DDI 0487", "variant": "el1", "count": 7,
        "where": Where(TEXT, "start", "a/start.S", 3, "isb"),
    }  # fmt: skip
    if status not in ("pass", "waived"):
        fields |= {"expected": "1", "actual": "0", "history": ["6 nop", "7 isb"]}
    return Check(**(fields | more))  # type: ignore[arg-type]


def make_boot() -> BootLog:
    """Two changes and an exception."""
    where = Where(TEXT, "start+0x8", "a/start.S", 3, "msr sctlr_el1, x9")
    fields = (FieldChange("M", "0", "1"),)
    return BootLog(
        changes=[
            Change("SCTLR_EL1", "control", 0x30D00800, 0x30D00801, fields, 5, where),
            Change("TPIDR_EL1", "thread", None, 0x10, (), 6, where),
        ],
        exceptions=[
            ExceptionTaken("SVC", 0, 1, TEXT, 0x56000000, "SVC", None, True, 7, where),
        ],
    )


def make_run(checks: list[Check], phases: list[Phase] | None = None) -> RunResult:
    """A run with one variant; stepping told of changes."""
    step = Phase("step", "steady-state", 1.5, 40, 7)
    free = Phase("free-run", "guest ended", 0.2, console=["hello"])
    variant = VariantResult(
        Machine("el1", "virt", "cortex-a72", "128M", 1, ()),
        command=["qemu-system-aarch64", "-M", "virt", "-append", "a b"],
        phases=phases if phases is not None else [free, step],
        checks=checks,
        boot=make_boot(),
    )
    return RunResult(
        "run",
        {"guest": "t", "files": ["arm64.yaml", "t.yaml"]},
        {"path": "/nowhere/t.elf", "build_id": "ab12"},
        {"qemu": "QEMU emulator version 7.2"},
        [variant],
        rules={"t.yaml": "0123abcd"},
        reopen="rig debug --pack t",
    )
