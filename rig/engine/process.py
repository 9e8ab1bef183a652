"""Child processes that cannot outlive the rig, and signals that end it cleanly.

Every child runs in a session of its own under `setpriv --pdeathsig KILL`, so it dies with the rig
even when the rig itself is killed; `Children` ends them on every normal way out. SIGINT, SIGTERM
and SIGHUP become an `Interrupted` exception in the main thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

from .errors import CannotJudge, Interrupted

PACKAGES = {
    "qemu-system-aarch64": "qemu-system-arm",
    "gdb-multiarch": "gdb-multiarch",
    "setpriv": "util-linux",
    "taskset": "util-linux",
}
_GRACE_S = 2.0


def find_tool(name: str, override: str = "") -> str:
    """The tool's path; raises CannotJudge naming the Debian package when it is missing."""
    wanted = os.environ.get(override, "") if override else ""
    found = shutil.which(wanted or name)
    if found is None:
        package = PACKAGES.get(name, name)
        raise CannotJudge(
            f"{wanted or name} is not installed (not in PATH); install it: "
            f"apt-get install {package}"
        )
    return found


def tool_version(path: str) -> str:
    """The first line of `tool --version`."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotJudge(f"{path} --version failed: {error}") from None
    return (done.stdout or done.stderr).splitlines()[0] if (done.stdout or done.stderr) else "?"


def known_cpus(path: str) -> set[str]:
    """The names that QEMU's -cpu takes; empty when QEMU does not say."""
    try:
        done = subprocess.run(
            [path, "-cpu", "help"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return {line.strip() for line in done.stdout.splitlines() if line.startswith(" ")}


def pick_cpu() -> int:
    """The one CPU that a run's QEMU and gdb share; parallel runs spread over the allowed ones."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[os.getpid() % len(allowed)]


def tail(path: Path, limit: int = 2000) -> str:
    """The end of a text file, "" when there is none."""
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    return data[-limit:].decode("utf-8", "replace").strip()


class Child:
    """One running tool; its stdout and stderr are files in the run directory."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.name = name
        self.out = out
        self.err = err
        self._process = process

    @property
    def pid(self) -> int:
        """The process id (also its session's)."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float) -> int | None:
        """Wait up to timeout seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """End it for sure: TERM, then KILL, for the whole session."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if self.poll() is not None:
                break
            try:
                os.killpg(self._process.pid, signum)
            except ProcessLookupError:
                break
            self.wait(_GRACE_S)

    def kill(self) -> None:
        """End it at once (an idle guest under `sleep=off` ignores SIGTERM)."""
        if self.poll() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.wait(_GRACE_S)

    def stderr(self) -> str:
        """What it said on stderr, shortened."""
        return tail(self.err)


class Children:
    """The run's child processes; leaving the `with` block ends each of them."""

    def __init__(self, cpu: int | None = None) -> None:
        self._children: list[Child] = []
        self._cpu = cpu

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.kill()

    def start(
        self,
        name: str,
        command: list[str],
        cwd: Path,
        env: dict[str, str] | None = None,
        pass_fds: Iterable[int] = (),
    ) -> Child:
        """Start a tool pinned to the run's CPU, stdin closed."""
        prefix = [find_tool("setpriv"), "--pdeathsig", "KILL"]
        if self._cpu is not None:
            prefix += [find_tool("taskset"), "-c", str(self._cpu)]
        out, err = cwd / f"{name}.out", cwd / f"{name}.err"
        with _create(out) as out_file, _create(err) as err_file:
            try:
                process = subprocess.Popen(  # pylint: disable=consider-using-with # ended by us
                    [*prefix, *command],
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=out_file,
                    stderr=err_file,
                    start_new_session=True,
                    pass_fds=tuple(pass_fds),
                )
            except OSError as error:
                raise CannotJudge(f"cannot start {name}: {error}") from None
        child = Child(name, process, out, err)
        self._children.append(child)
        return child


def _create(path: Path) -> IO[bytes]:
    return path.open("wb")


class Signals:
    """While active, INT, TERM and HUP raise Interrupted once; later ones are ignored."""

    _WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __enter__(self) -> "Signals":
        for signum in self._WATCHED:
            signal.signal(signum, self._raise)
        return self

    def _raise(self, signum: int, _frame: FrameType | None) -> None:
        for other in self._WATCHED:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(signum)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum in self._WATCHED:
            signal.signal(signum, signal.SIG_DFL)
