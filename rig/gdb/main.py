"""Entry of the engine inside gdb: `gdb-multiarch -nx -x rig/gdb/main.py`, job in $RIG_JOB.

Runs the job and leaves; with `interactive` the person gets gdb's prompt at the stop instead.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position # the paths above come first
import replay  # noqa: E402
from engine.qmp import QmpError  # noqa: E402
from prompt.physical import quoted_name  # noqa: E402
from prompt.register import register, source  # noqa: E402
from prompt.session import Session  # noqa: E402
from stepper import Stepper  # noqa: E402
from target import GuestEnded, Target, TargetError, gdb  # noqa: E402


def _load_symbols(job: dict[str, object]) -> None:
    """The ELF at its link addresses, and once more at each alias."""
    elf = job["elf"]
    assert isinstance(elf, dict)
    gdb.execute("set confirm off")
    gdb.execute("set auto-load off")  # an image's own script is for a gdb without this engine
    gdb.execute(f"file {quoted_name(elf['path'])}", to_string=True)
    if job.get("interactive"):
        for directory in reversed(job["sources"]):  # type: ignore[call-overload]
            gdb.execute(f"directory {quoted_name(directory)}", to_string=True)
        aliases = job["aliases"]
        assert isinstance(aliases, list)
        for _start, _size, by in aliases:
            offset = (1 << 64) - by
            gdb.execute(
                f"add-symbol-file {quoted_name(elf['path'])} -o {offset:#x}", to_string=True
            )


def _load_guest_commands(job: dict[str, object]) -> None:
    """What the pack's `gdb` file defines; when it fails the session goes on without it."""
    if job.get("gdb"):
        try:
            source(str(job["gdb"]))
        except Exception as error:  # pylint: disable=broad-exception-caught # somebody else's code
            print(f"rig: {job['gdb']}: {type(error).__name__}: {error}", file=sys.stderr)


def _run() -> int:
    with open(os.environ["RIG_JOB"], encoding="utf-8") as file:
        job = json.load(file)
    _load_symbols(job)
    target = Target(job["socket"])
    if job.get("interactive"):
        _open(job, target)
    else:
        Stepper(job, target).run()
    return 0


def _open(job: dict[str, Any], target: Target) -> None:
    """A person's session: the commands, and the place that was asked for."""
    if os.environ.get("NO_COLOR"):
        gdb.execute("set style enabled off")
    session = Session(lambda: job)
    session.adopt(target)
    register(session)
    if job.get("replay"):
        replay.register(session)
    _load_guest_commands(job)
    if job.get("note"):
        print(f"rig: {job['note']}")
    target.hand_over()
    if job.get("stop_at") or job.get("stop_count"):
        session.judging.quiet = True  # only what is broken: the person asked for the place
        try:
            print(f"rig: {session.start()}: {session.judging.counts()}")
        except gdb.GdbError as error:  # the guest ended, or QEMU: the prompt is a person's still
            print(error)
        session.judging.quiet = False


def main() -> None:
    """Run; whatever goes wrong becomes a non-zero exit status with words on stderr."""
    try:
        status = _run()
    except (GuestEnded, TargetError, QmpError, gdb.error) as error:
        print(f"rig: {error}", file=sys.stderr)
        status = 3
    except Exception:  # pylint: disable=broad-exception-caught # gdb would only print it and go on
        traceback.print_exc()
        status = 70
    sys.stderr.flush()
    if status or not os.environ.get("RIG_INTERACTIVE"):  # without guest or commands: no prompt
        # pylint: disable-next=protected-access # the documented way
        os._exit(status)  # without gdb's own farewell to a guest that may be gone


main()
