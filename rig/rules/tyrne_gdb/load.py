"""gdb sources this file: the commands `tyrne ...` and the pretty-printers of Tyrne's types.

The pack names it (`gdb: tyrne_gdb/load.py`), and so does the script that gdb loads with an image.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
_RULES = Path(__file__).resolve().parent.parent
for _path in (_RULES, _RULES.parent / "gdb", _RULES.parent):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))

# pylint: disable=wrong-import-position # the paths above come first
from tyrne_gdb import commands, printers  # noqa: E402

commands.register()
printers.register()
