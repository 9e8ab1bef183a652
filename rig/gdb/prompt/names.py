"""What the rule pack calls things at this stop: the names for maps, walks and addresses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from engine import pack as pack_file
from engine.errors import RigError
from engine.pack import Pack
from engine.paths import RULES
from engine.snapshot_file import Snapshot
from engine.space_spec import Resolver, build
from prompt.session import Session

_PARTS = ("regions", "devices", "guards")


class Names:
    """The pack's layout and the ELF's sections, resolved to numbers at a snapshot."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loaded: tuple[str, Pack] | None = None

    def pack(self) -> Pack:
        """The session's pack; `arm64`, which has no guest's names, when none is known."""
        path = str(self._session.job.get("pack") or RULES / "arm64.yaml")
        if self._loaded is None or self._loaded[0] != path:
            self._loaded = (path, pack_file.load(Path(path), RULES))
        return self._loaded[1]

    def audit_rules(self) -> list[str]:
        """The ids of the rules that judge address spaces."""
        return [rule["id"] for rule in self.pack().items("address-space-rules")]

    def entry_here(self) -> dict[str, Any] | None:
        """The pack's entry under `address_space` for a checkpoint that fired at this stop."""
        session = self._session
        with session.stopped():
            session.state()
            here = {item.id for item in session.stepper.fired_here()}
        entries = self.pack().address_spaces(session.job["variant"])
        return next((entry for entry in entries if entry["at"] in here), None)

    def written(self, snapshot: Snapshot, folder: Path, entry: dict[str, Any] | None) -> list[str]:
        """The words that tell rig-trace the names, which are written into a file in the folder."""
        spec = self.spec(snapshot, entry)
        path = folder / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return ["--spec", str(path)]

    def spec(self, snapshot: Snapshot, entry: dict[str, Any] | None = None) -> dict[str, Any]:
        """The names as rig-trace takes them. What has no value at this snapshot is left out."""
        job = self._session.job
        image = self._session.image
        pack = copy.copy(self.pack())
        given = image if job["elf"]["path"] else None
        resolver = Resolver(pack, given, self._session.table, snapshot, job["walker"])
        if entry is not None:
            return build(pack, entry, resolver, job["variant"])
        layout = dict(pack.data.get("layout") or {})
        for part in _PARTS:
            layout[part] = [item for item in layout.get(part) or [] if _has_value(resolver, item)]
        pack.data = {**pack.data, "layout": layout}
        spec = build(pack, None, resolver)
        return spec

    def guards(self, snapshot: Snapshot) -> list[tuple[int, int, str]]:
        """(first, last, name) of the pages that the pack says are guards."""
        pack, job = self.pack(), self._session.job
        given = self._session.image if job["elf"]["path"] else None
        resolver = Resolver(pack, given, self._session.table, snapshot, job["walker"])
        found = []
        for item in (pack.data.get("layout") or {}).get("guards") or []:
            if _has_value(resolver, item):
                found += [(*ends, str(item["name"])) for ends in resolver.ranges(item)]
        return found


def _has_value(resolver: Resolver, item: dict[str, Any]) -> bool:
    try:
        resolver.ranges(item)
    except (RigError, KeyError):
        return False
    return True
