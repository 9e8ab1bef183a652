#!/usr/bin/python3
"""Write the man pages and the completion scripts of the rig: what `cmake --install` puts beside it.

    rig/install_texts.py DIRECTORY

writes man1/rig.1, man1/rig-COMMAND.1, completions/rig (bash), completions/_rig (zsh) and
completions/rig.fish there. Both are made of the parsers of the command line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
# argparse wraps a usage line to the terminal's width.
os.environ["COLUMNS"] = "1000"

# pylint: disable=wrong-import-position # the path above comes first
from engine.cli import build_parser  # noqa: E402
from engine.completion import SHELLS, script  # noqa: E402
from engine.manual import pages  # noqa: E402

_NAMES = {"bash": "rig", "zsh": "_rig", "fish": "rig.fish"}


def main() -> int:
    """Command line."""
    if len(sys.argv) != 2:
        print("usage: rig/install_texts.py DIRECTORY", file=sys.stderr)
        return 2
    parser = build_parser()
    found = {f"man1/{name}": text for name, text in pages(parser).items()}
    found |= {f"completions/{_NAMES[shell]}": script(parser, shell) for shell in SHELLS}
    out = Path(sys.argv[1])
    for folder in ("man1", "completions"):
        (out / folder).mkdir(parents=True, exist_ok=True)
        for old in (out / folder).iterdir():
            if f"{folder}/{old.name}" not in found:
                old.unlink()  # of a command that is no more
    for name, text in found.items():
        (out / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
