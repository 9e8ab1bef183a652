#!/usr/bin/python3
"""The HTML report: text stays text, every verdict has its page, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from html_case import SECTIONS, Page, make_check, make_run

# pylint: disable=wrong-import-order # html_case sets the path
from engine import report_html, report_json
from engine.checks import Where
from engine.errors import UsageError
from engine.html_axis import Axis
from engine.html_coverage import why_not
from engine.html_style import PAIRS, PALETTE
from engine.html_text import anchor, code, shown, tag, text
from engine.map_svg import STYLE
from engine.results import Phase, RunResult

HOSTILE = "</pre><script>alert('1')</script>&amp;\"' onload=x \x1b[31mred\x00\x9b\u202eabc\ud800"


def page_of(run: RunResult) -> Page:
    """The page of a run without coverage."""
    return Page(report_html.render(run, "no guest was started", "2026-01-01"))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear: list[float] = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


class Escaping(unittest.TestCase):
    """Somebody's text never becomes markup, and nothing in it is invisible."""

    def test_text_becomes_harmless_on_its_way_in(self) -> None:
        """In content, in attributes, and once only."""
        self.assertEqual(text("<b>&"), "&lt;b&gt;&amp;")
        self.assertEqual(tag("p", text("a<b")), "<p>a&lt;b</p>")
        self.assertEqual(tag("p", "x", title='"><i>'), '<p title="&quot;&gt;&lt;i&gt;">x</p>')

    def test_control_characters_are_visible(self) -> None:
        """Escape sequences, NUL, C1, turned direction and lone surrogates; newlines stay."""
        self.assertEqual(shown("\x1b[0m\x00\x7f\r"), "␛[0m␀␡␍")
        self.assertEqual(shown("\x9b\u202e\ud800"), "\\x9b\\u202e\\ud800")
        self.assertEqual(shown("a\n\tü"), "a\n\tü")

    def test_long_names_may_wrap_without_a_changed_text(self) -> None:
        """Only line-break opportunities are added."""
        name = "arch/aarch64/boot/a_very_long_symbol_name+0x1c"
        self.assertIn("<wbr>", code(name))
        self.assertEqual(Page(code(name)).text(), name)

    def test_hostile_strings_everywhere(self) -> None:
        """Names, values, console, paths, notes: the page has the elements of a harmless one."""

        def everywhere(words: str) -> RunResult:
            where = Where(1, words, words, 7, words)
            bad = make_check(
                "fail", where=where, text=words, why=words, spec=words, expected=words,
                actual=words, details=[words], history=[words],
            )  # fmt: skip
            bad.id = bad.rule = words or "mmu-on"
            run = make_run([bad], [Phase("free-run", words, 0.1, console=[words], notes=[words])])
            run.waived = [{"rule": words, "why": words}]
            run.tools, run.reopen = {"qemu": words}, f"rig {words}"
            run.variants[0].command = [words]
            return run

        tame, wild = page_of(everywhere("word/" * 9)), page_of(everywhere(HOSTILE))
        self.assertEqual(wild.elements, tame.elements)
        self.assertEqual(wild.attributes, tame.attributes)
        self.assertEqual(wild.crossed, [])
        self.assertIn("</pre><script>alert('1')</script>&amp;\"' onload=x ␛[31mred␀", wild.text())


class Verdicts(unittest.TestCase):
    """Each way a run can end has a page that says so first."""

    def check_page(self, run: RunResult, verdict: str) -> Page:
        """What holds for every page."""
        page = page_of(run)
        self.assertEqual(page.crossed + page.open, [])
        self.assertEqual(sorted(set(page.ids)), sorted(page.ids))
        for link in page.links:
            self.assertTrue(link.startswith("#") and link[1:] in page.ids, link)
        self.assertLessEqual(set(SECTIONS), set(page.ids))
        self.assertNotIn("script", page.elements)
        self.assertNotIn("link", page.elements)
        self.assertIn(verdict, page.text())
        return page

    def test_green(self) -> None:
        """No finding; the timeline has the checkpoint, the changes and the exception."""
        page = self.check_page(
            make_run([make_check("pass"), make_check("pass", kind="expect")]), "All rules held"
        )
        self.assertNotIn("first", page.ids)
        self.assertIn("at.el1.mmu-on", page.ids)
        for words in ("None: every check held.", "SCTLR_EL1", "0x30d00801", "announced", "hello",
                      "0123abcd", "'a b'"):  # fmt: skip
            self.assertIn(words, page.text())

    def test_red(self) -> None:
        """The first broken rule is on top, once, with how to get there."""
        checks = [make_check("pass"), make_check("fail", kind="expect"),
                  make_check("fail", name="later")]  # fmt: skip
        page = self.check_page(make_run(checks), "A rule was broken")
        self.assertIn("first", page.ids)
        self.assertEqual(page.ids.count("el1.mmu-on.1"), 1)
        self.assertLess(page.ids.index("el1.mmu-on.1"), page.ids.index("findings"))
        self.assertGreater(page.ids.index("el1.later"), page.ids.index("findings"))
        self.assertIn("rig debug --pack t --variant el1 --at-count 7", page.text())
        self.assertIn("1 other", page.text())

    def test_replay_when_there_is_a_recording(self) -> None:
        """Only a run that was kept with one is offered to be stepped backwards."""
        with tempfile.TemporaryDirectory() as name:
            run = make_run([make_check("fail")])
            run.kept = name
            self.assertNotIn("--replay", page_of(run).text())
            (Path(name) / "el1-replay").mkdir()
            self.assertIn(f"rig debug --replay {name}", page_of(run).text())

    def test_could_not_judge(self) -> None:
        """The error of the phase is told with the open checks."""
        phase = Phase("step", "failed", error="gdb died (signal 9)", code=3)
        page = self.check_page(
            make_run([make_check("not-judged", text="checkpoint never reached")], [phase]),
            "Could not judge",
        )
        self.assertIn("gdb died (signal 9)", page.text())
        self.assertIn("Not reached: 1", page.text())

    def test_time_bound(self) -> None:
        """As the verdict, with where the guest was."""
        late = Phase("free-run", "time bound", error="the guest is at 0x1234", code=124)
        run = make_run([make_check("pass")], [late])
        page = self.check_page(run, "Out of the time bound")
        self.assertIn("the guest is at 0x1234", page.text())
        self.assertIn("recorded before", why_not_with_image(run, tools={}))
        self.assertIn("did not end", why_not_with_image(run, tools={"qemu": "7"}))

    def test_nothing_at_all(self) -> None:
        """Zero checks is no pass; a guest without ELF has no coverage."""
        run = make_run([], [])
        run.elf, run.rules, run.tools, run.reopen = {"path": "", "build_id": ""}, {}, {}, ""
        run.variants[0].command = []
        page = self.check_page(run, "Could not judge")
        self.assertIn("Nothing was checked.", page.text())
        self.assertIn("no ELF", why_not(run))

    def test_waived(self) -> None:
        """With the reason."""
        run = make_run([make_check("pass"), make_check("waived", name="w")])
        run.waived = [{"rule": "w", "at": "boot", "why": "nobody looks"}]
        page = self.check_page(run, "All rules held")
        self.assertIn("nobody looks", page.text())


def why_not_with_image(run: RunResult, tools: dict[str, str]) -> str:
    """The reason for a run that has an ELF."""
    with mock.patch.object(run, "image", object()), mock.patch.object(run, "tools", tools):
        return why_not(run)


class Ordering(unittest.TestCase):
    """Findings of the ordering rules show both ends."""

    def test_both_ends_with_source(self) -> None:
        """A bare file name is found where only one file has it."""
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "a").mkdir()
            (Path(name) / "a" / "start.S").write_text("one\ntwo <msr>\nthree\n", "utf-8")
            end = {"pc": "0x10", "symbol": "f", "source": "start.S:2", "text": "msr vbar_el1, x0"}
            run = make_run([make_check("fail", name="r", kind="ordering", id="ordering.r.1")])
            run.elf["path"] = f"{name}/t.elf"
            run.variants[0].order = {
                "findings": [
                    {"rule": "r", "level": "note", "write": end, "consumer": end},
                    {"rule": "r", "level": "error", "write": end, "consumer": {**end, "cpu": 1},
                     "detail": "VA 0x10", "disassembly": {"write": ["=> 0x10 msr"]}},
                ]
            }  # fmt: skip
            run.variants[0].boot.changes[0].where.file = "a/start.S"
            shown_page = page_of(run).text()
        for words in ("The write", "What depends on it", "=> 0x10 msr", "two <msr>", "CPU 1"):
            self.assertIn(words, shown_page)


class Looks(unittest.TestCase):
    """Readable in light and in dark."""

    def test_contrast(self) -> None:
        """4.5 and more for each text on each ground (WCAG 2.1, 1.4.3)."""
        for index in (0, 1):
            for front, ground in PAIRS:
                ratio = contrast(PALETTE[front][index], PALETTE[ground][index])
                with self.subTest((index, front, ground)):
                    self.assertGreaterEqual(ratio, 4.5)

    def test_contrast_in_maps(self) -> None:
        """The same of the pictures: both texts on each class of range."""
        light, _, dark = STYLE.partition("@media")
        for style in (light, dark):
            fills = dict(re.findall(r"\.map \.(\w+)\{fill:(#\w+)\}", style))
            for front in ("text", "faint"):
                for ground in ("page", "wx", "x", "w", "r", "device", "user", "none"):
                    with self.subTest((front, ground)):
                        self.assertGreaterEqual(contrast(fills[front], fills[ground]), 4.5)


class Files(unittest.TestCase):
    """What is written."""

    def test_same_run_same_bytes(self) -> None:
        """With SOURCE_DATE_EPOCH, which is the report's date."""
        run = make_run([make_check("pass")])
        with tempfile.TemporaryDirectory() as name:
            one, two = Path(name) / "one.html", Path(name) / "two.html"
            with mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": "86400"}):
                report_html.write(run, one)
                report_html.write(run, two)
            self.assertEqual(one.read_bytes(), two.read_bytes())
            self.assertIn("1970-01-02 00:00:00 UTC", one.read_text("utf-8"))
            self.assertEqual(sorted(os.listdir(name)), ["one.html", "two.html"])

    def test_unwritable(self) -> None:
        """A directory that is gone meanwhile is a usage error, with its name."""
        with self.assertRaisesRegex(UsageError, "/nowhere/x.html"):
            report_html.write(make_run([make_check("pass")]), Path("/nowhere/x.html"))

    def test_size_is_bounded(self) -> None:
        """Thousands of findings with long histories are no page of many megabytes."""
        checks = [
            make_check("fail", name=f"rule-{n}", history=["x" * 80] * 20) for n in range(5000)
        ]
        page = report_html.render(make_run(checks), "none", "2026-01-01")
        self.assertLess(len(page), 3_000_000)
        self.assertTrue("4,799 more" in page, "what is cut is told")
        links, ids = set(Page(page).links), {f"#{name}" for name in Page(page).ids}
        self.assertEqual(len(links - ids), 0)

    def test_json_has_the_changes(self) -> None:
        """Additive: 64-bit values as texts, fields by name."""
        variant = report_json.to_json(make_run([make_check("pass")]))["variants"][0]
        data = json.loads(json.dumps(variant))
        self.assertEqual(data["changes"][0]["fields"], {"M": ["0", "1"]})
        self.assertEqual(data["changes"][0]["new"], "0x30d00801")
        self.assertIsNone(data["changes"][1]["old"])
        self.assertEqual(data["exceptions_stepped"][0]["class"], "SVC")
        self.assertIsNone(data["exceptions"], "those of the free run are another table")
        self.assertNotIn("changes_cut", data)


class Parts(unittest.TestCase):
    """Anchors and the axis."""

    def test_anchors_are_stable_words(self) -> None:
        """CI links to them."""
        self.assertEqual(anchor("el1", "ordering.r@f.1"), "el1.ordering.r-f.1")
        self.assertEqual(anchor("el1", "a b/c"), "el1.a-b-c")
        self.assertEqual(anchor("el1", "@"), "el1.-")

    def test_axis_keeps_the_order(self) -> None:
        """Also for checkpoints at the same instruction, and counts beyond the end."""
        axis = Axis([0, 5, 5, 300_000], 300_010)
        places = [axis.x(count) for count in (0, 3, 5, 6, 299_999, 300_000, 300_010)]
        self.assertEqual(places, sorted(places))
        self.assertEqual(len({places[0], places[2], places[5], places[6]}), 4)
        self.assertEqual(axis.x(400_000), axis.x(300_010))
        self.assertEqual(Axis([], 0).x(0), Axis([0], 0).x(0))


if __name__ == "__main__":
    unittest.main()
