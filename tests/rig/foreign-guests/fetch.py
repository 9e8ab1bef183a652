#!/usr/bin/python3
"""Fetch guests that others wrote, out of Debian's archive, into a directory of the build.

    fetch.py --dir DIR [--suite bookworm] [u-boot] [linux]

apt checks the archive's signature as on any Debian machine, but keeps its lists, its cache and its
sources under DIR, and nothing is installed. What is there is not fetched again. Exit codes: 0 all
is there; 77 the archive cannot be reached; 3 something else went wrong.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import kallsyms
import wrap

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ARCHIVE = "http://deb.debian.org/debian"
SUITE = "bookworm"
BOUND_S = 600
_UNREACHABLE = re.compile(
    "Could not resolve|Temporary failure resolving|Could not connect|Cannot initiate the connection"
    "|Unable to connect|Connection timed out|Network is unreachable|Connection failed|Proxy"
)
# CONFIG_ENV_ADDR and CONFIG_ENV_SIZE of U-Boot's qemu_arm64_defconfig: virt's second flash.
ENVIRONMENT, ENVIRONMENT_SIZE = 0x4000000, 0x40000
_BOOTS = b"bootcmd=run distro_bootcmd"


class Unreachable(Exception):
    """No network, or no archive there."""


class Failed(Exception):
    """The archive was reached and something else is wrong."""


@dataclass(frozen=True)
class Guest:
    """What was fetched: the package's version, and an ELF file around its image."""

    name: str
    version: str
    elf: Path


class Apt:
    """apt with a configuration of its own; settings of the machine (a proxy) still count."""

    def __init__(self, home: Path, suite: str) -> None:
        self.home = home
        for part in ("lists/partial", "cache/archives/partial"):
            (home / part).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        (home / "sources.list").write_text(
            f"deb [arch=arm64 signed-by={KEYRING}] {ARCHIVE} {suite} main\n", encoding="utf-8"
        )
        settings = {
            "Dir::State": home,
            "Dir::State::status": home / "status",
            "Dir::State::lists": home / "lists",
            "Dir::Cache": home / "cache",
            "Dir::Etc::sourcelist": home / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "APT::Architecture": "arm64",
            "APT::Update::Error-Mode": "any",
        }
        lines = [f'{name} "{value}";' for name, value in settings.items()]
        # Foreign architectures of this machine have no packages in a list of arm64's.
        lines.append('APT::Architectures { "arm64"; };')
        (home / "apt.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """One command of apt's; its output."""
        environment = {
            **os.environ, "APT_CONFIG": str(self.home / "apt.conf"), "LC_ALL": "C.UTF-8"
        }  # fmt: skip
        try:
            done = subprocess.run(
                words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=BOUND_S,
                check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise Failed(f"{words[0]} is not installed: this needs a Debian machine") from None
        except subprocess.TimeoutExpired:
            raise Unreachable(f"{' '.join(words)}: no end within {BOUND_S} s") from None
        if done.returncode != 0:
            text = done.stderr.strip()
            kind = Unreachable if _UNREACHABLE.search(text) else Failed
            raise kind(f"{' '.join(words)}: {text}")
        return done.stdout

    def package(self, name: str, into: Path) -> str:
        """Unpack a package; its version."""
        archives = self.home / "debs"
        archives.mkdir(exist_ok=True)
        self.run("apt-get", "-q", "download", name, cwd=archives)
        newest = max(archives.glob(f"{name}_*.deb"), key=lambda file: file.stat().st_mtime)
        self.run("dpkg-deb", "-x", str(newest), str(into))
        return self.run("dpkg-deb", "-f", str(newest), "Version").strip()


def only(folder: Path, pattern: str) -> Path:
    """The one file of that name."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise Failed(f"{folder}: {len(found)} files {pattern}, expected one")
    return found[0]


def flash_environment(image: bytes) -> bytes:
    """U-Boot's environment as its flash holds it: the default one, but at the end of `bootcmd` the
    machine is switched off, where else the prompt waits for ever."""
    start = image.find(_BOOTS)
    end = image.find(b"\0\0", start)
    if start < 0 or end < 0:
        raise Failed("U-Boot's default environment is not where it was: no " + _BOOTS.decode())
    # The first variable of the default environment, and those behind it.
    text = image[start:end].replace(_BOOTS, _BOOTS + b"; poweroff", 1)
    # Two seconds in which nobody strikes a key are two thousand million instructions.
    text = re.sub(rb"(?<=\0bootdelay=)\d+", b"0", text) + b"\0\0"
    data = text.ljust(ENVIRONMENT_SIZE - 4, b"\0")
    return zlib.crc32(data).to_bytes(4, "little") + data


def _u_boot(apt: Apt, home: Path) -> tuple[str, bytes]:
    version = apt.package("u-boot-qemu", home)
    image = (home / "usr/lib/u-boot/qemu_arm64/u-boot.bin").read_bytes()
    return version, wrap.u_boot(image, flash_environment(image), ENVIRONMENT)


def _linux(apt: Apt, home: Path) -> tuple[str, bytes]:
    facts = apt.run("apt-cache", "show", "linux-image-cloud-arm64")
    depends = re.search(r"^Depends: (linux-image-\S+)", facts, re.MULTILINE)
    if depends is None:
        raise Failed("linux-image-cloud-arm64 names no kernel")
    version = apt.package(depends[1], home)
    packed = only(home / "boot", "vmlinuz-*").read_bytes()
    image = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    if image[56:60] != b"ARM\x64":
        raise Failed("the kernel has no arm64 Image header")
    try:
        return version, wrap.linux(image, kallsyms.symbols(image))
    except kallsyms.NoSymbols as error:
        raise Failed(f"{depends[1]}: {error}") from None


_MAKERS = {"u-boot": _u_boot, "linux": _linux}
NAMES = tuple(_MAKERS)


def fetched(folder: Path, name: str, suite: str = SUITE) -> Guest | None:
    """A guest that is there already."""
    home = folder / suite / name
    if not (home / "version").exists():
        return None
    return Guest(name, (home / "version").read_text(encoding="utf-8"), home / f"{name}.elf")


def fetch(folder: Path, name: str, suite: str = SUITE) -> Guest:
    """A guest, out of the archive when it is not there; raises Unreachable or Failed."""
    there = fetched(folder, name, suite)
    if there is not None:
        return there
    if not KEYRING.exists():
        raise Failed(f"no {KEYRING}; install it: apt-get install debian-archive-keyring")
    # apt and dpkg-deb run elsewhere.
    home = (folder / suite / name).resolve()
    home.mkdir(parents=True, exist_ok=True)
    apt = Apt((folder / suite / "apt").resolve(), suite)
    apt.run("apt-get", "-q", "update")
    version, elf = _MAKERS[name](apt, home)
    (home / f"{name}.elf").write_bytes(elf)
    (home / "version").write_text(version, encoding="utf-8")
    return Guest(name, version, home / f"{name}.elf")


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--suite", default=SUITE)
    parser.add_argument("names", nargs="*", metavar="GUEST", help="u-boot, linux; both if none")
    args = parser.parse_args()
    for name in args.names or NAMES:
        if name not in NAMES:
            parser.error(f"no guest {name!r}; there are: {', '.join(NAMES)}")
        try:
            guest = fetch(args.dir, name, args.suite)
        except Unreachable as error:
            print(f"{name}: skipped, Debian's archive cannot be reached: {error}")
            return 77
        except Failed as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 3
        print(f"{name} {guest.version}: {guest.elf}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
