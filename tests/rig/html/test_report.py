#!/usr/bin/python3
"""The HTML report in a browser: Tyrne's own, a broken guest's, and one with hostile texts.

    test_report.py GREEN.html ELF PACK

GREEN.html is the report of a run that held. The broken guest is ELF without one barrier and one
register write. Each page is looked at in two widths, light and dark.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from browser import Browser, skip_without_browser

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "rig"), str(ROOT / "tests" / "unit" / "engine")]

# pylint: disable=wrong-import-position # the paths above come first
from elftools.elf.elffile import ELFFile  # noqa: E402
from engine import report_html  # noqa: E402
from html_case import (  # noqa: E402 # pylint: disable=import-error # another room's
    SECTIONS,
    make_check,
    make_run,
)

LOOK = (Path(__file__).parent / "look.js").read_text("utf-8")
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
BOUND_S = 240
SCROLL_WIDTH = "return document.documentElement.scrollWidth"
LARGEST = 2_000_000  # bytes of Tyrne's report, both variants
NOP, ISB, MSR_MDSCR = 0xD503201F, 0xD5033FDF, 0xD5100240
HOSTILE = (
    "</pre><script>document.title='taken'</script><img src=http://192.0.2.1/x>\x1b[31m" + "w" * 999
)


def without(content: bytearray, elf: ELFFile, function: str, opcode: int) -> None:
    """Make a function's last instruction with this opcode, whatever its register, a NOP."""
    symbol = elf.get_section_by_name(".symtab").get_symbol_by_name(function)[0]
    part = next(p for p in elf.iter_segments() if p["p_vaddr"] <= symbol["st_value"] < p["p_vaddr"]
                + p["p_memsz"])  # fmt: skip
    start = part["p_offset"] + symbol["st_value"] - part["p_vaddr"]
    places = [
        at
        for at in range(start, start + symbol["st_size"], 4)
        if (int.from_bytes(content[at : at + 4], "little") ^ opcode) & ~31 == 0
    ]
    content[places[-1] : places[-1] + 4] = NOP.to_bytes(4, "little")


class Pages(unittest.TestCase):
    """The pages, made once, and one browser."""

    green: Path
    elf: Path
    pack: str
    browser: Browser
    red: Path
    wild: Path

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with # left with the class
        room = tempfile.TemporaryDirectory(prefix="rig-html-test-")
        cls.addClassCleanup(room.cleanup)
        cls.red, cls.wild = Path(room.name) / "red.html", Path(room.name) / "wild.html"
        cls.make_red(Path(room.name))
        run = make_run(
            [make_check("fail", text=HOSTILE, actual=HOSTILE), make_check("pass", name=HOSTILE)]
        )
        run.variants[0].phases[0].console = [HOSTILE]
        cls.wild.write_text(report_html.render(run, HOSTILE, "2026-01-01"), encoding="utf-8")
        profile = Path(room.name) / "profile"
        profile.mkdir()
        cls.browser = Browser(profile)
        cls.addClassCleanup(cls.browser.close)

    @classmethod
    def make_red(cls, room: Path) -> None:
        """The report of a guest broken on purpose."""
        content = bytearray(cls.elf.read_bytes())
        with cls.elf.open("rb") as stream:
            elf = ELFFile(stream)
            without(content, elf, "boot_enable_identity_map", ISB)
            without(content, elf, "boot_el1", MSR_MDSCR)
        broken = room / "broken.elf"
        broken.write_bytes(content)
        done = subprocess.run(
            [ROOT / "rig" / "rig", "run", "--first", "--pack", cls.pack, "--elf", broken,
             "--variant", "el1", "--html", cls.red, "--run-dir", room / "run", "--quiet"],
            capture_output=True, text=True, timeout=BOUND_S, check=False,
            env={**os.environ, "RIG_REPLAY": "0"}, cwd=ROOT,
        )  # fmt: skip
        if done.returncode != 1:
            raise AssertionError(f"exit status {done.returncode}:\n{done.stdout}{done.stderr}")

    def pages(self) -> dict[str, Path]:
        """By name."""
        return {"green": self.green, "red": self.red, "wild": self.wild}

    def test_each_page_in_each_way(self) -> None:
        """No complaint, no request, no overflow, readable; the same with everything unfolded."""
        ask = self.browser.ask
        for name, page in self.pages().items():
            for width in WIDTHS:
                with self.subTest(page=name, width=width):
                    self.browser.show(page, width)
                    self.assertEqual(self.browser.complaints(), [])
                    self.assertEqual(
                        ask("return performance.getEntriesByType('resource').length"), 0
                    )
                    self.assertEqual(ask("return document.scripts.length"), 0)
                    self.assertLessEqual(ask(SCROLL_WIDTH), width)
                    ask("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
                    self.assertLessEqual(ask(SCROLL_WIDTH), width)
                for scheme in SCHEMES:
                    with self.subTest(page=name, width=width, scheme=scheme):
                        self.browser.prefer(scheme)
                        seen = ask(LOOK)
                        self.assertGreater(seen["looked"], 100)
                        self.assertEqual(seen["poor"], [])

    def test_light_and_dark_differ(self) -> None:
        """The page follows the reader's preference."""
        grounds = []
        self.browser.show(self.wild, 1280)
        for scheme in SCHEMES:
            self.browser.prefer(scheme)
            script = "return getComputedStyle(document.documentElement).backgroundColor"
            grounds.append(self.browser.ask(script))
        self.assertNotEqual(grounds[0], grounds[1])

    def test_sections_and_links(self) -> None:
        """Every section is there and shown, every link leads to a part of the page."""
        for name, page in self.pages().items():
            with self.subTest(name):
                self.browser.show(page, 1280)
                names = SECTIONS + ["first"] * (name != "green")
                hidden = "return arguments.filter((n) => !document.getElementById(n)?.offsetHeight)"
                script = f"const arguments = {names!r}; {hidden}"
                self.assertEqual(self.browser.ask(f"return (() => {{ {script} }})()"), [])
                lost = self.browser.ask(
                    "return [...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))"
                    ".filter((h) => !h.startsWith('#') || !document.getElementById(h.slice(1)))"
                )
                self.assertEqual(lost, [])
                twice = self.browser.ask(
                    "const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);"
                    "return ids.filter((id, at) => ids.indexOf(id) !== at)"
                )
                self.assertEqual(twice, [])

    def text(self, page: Path) -> str:
        """The page's whole text."""
        self.browser.show(page, 1280)
        return str(self.browser.ask("return document.body.textContent"))

    def test_green(self) -> None:
        """Both variants: the boot's story, its maps, its coverage; not too large."""
        text = self.text(self.green)
        for words in ("All rules held", "None: every check held.", "el1 at mmu-on",
                      "el2 at mmu-on", "TTBR1_EL1", "SVC", "power-off-hvc", "source files",
                      "tyrne: hello", "-icount shift=0,sleep=off"):  # fmt: skip
            self.assertIn(words, text)
        strips = self.browser.ask("return document.querySelectorAll('svg.strip circle').length")
        self.assertGreater(strips, 80)
        maps = self.browser.ask("return document.querySelectorAll('svg.map').length")
        self.assertEqual(maps, 10)
        self.assertLess(self.green.stat().st_size, LARGEST)

    def test_red(self) -> None:
        """The write that is missing is first, with source; the missing barrier has both ends."""
        text = self.text(self.red)
        for words in (
            "A rule was broken",
            "MDSCR_EL1: no instruction wrote it",
            "The write",
            "What depends on it",
            "msr sctlr_el1, x22",
            "put an ISB behind the MSR to SCTLR_EL1",
            "--at-count 28",
            "source files",
        ):
            self.assertIn(words, text)
        first = self.browser.ask("return document.querySelector('#first article').id")
        self.assertEqual(first, "el1.t-el0-locked-out")
        lines = self.browser.ask("return document.querySelector('#first pre .here').textContent")
        self.assertIn("load_here", lines)

    def test_wild(self) -> None:
        """Somebody's markup is text, and nothing of it ran."""
        self.assertIn("<script>document.title='taken'</script>", self.text(self.wild))
        self.assertNotEqual(self.browser.ask("return document.title"), "taken")
        self.assertEqual(self.browser.ask("return document.images.length"), 0)
        self.assertIn("␛[31m", self.text(self.wild))

    def test_print(self) -> None:
        """On paper there is no navigation, and no box that scrolls."""
        self.browser.show(self.green, 800)
        self.browser.prefer("light", media="print")
        self.addCleanup(self.browser.prefer, "light")
        self.assertEqual(
            self.browser.ask("return getComputedStyle(document.querySelector('nav')).display"),
            "none",
        )
        self.assertEqual(
            self.browser.ask(
                "return getComputedStyle(document.querySelector('.scroll')).overflowX"
            ),
            "visible",
        )


if __name__ == "__main__":
    skip_without_browser()
    Pages.pack = sys.argv.pop()
    Pages.elf = Path(sys.argv.pop()).resolve()
    Pages.green = Path(sys.argv.pop()).resolve()
    unittest.main()
