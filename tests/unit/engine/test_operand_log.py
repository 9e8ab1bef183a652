#!/usr/bin/python3
"""Operands out of QEMU's log of registers, with a made-up QEMU."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
import support  # noqa: F401 # pylint: disable=unused-import # finds the engine
from engine.errors import CannotJudge
from engine.operand_log import Spare, Wanted, operands
from engine.operands import Hit, Site

STOPPED = "Stopped execution of TB chain before 0x7f00 [ffff0010] __set_fixmap\n"


def record(pc: int, x2: int, level: int = 1, cpu: int = 0) -> str:
    """One block as QEMU 7.2 logs it."""
    return (
        f"Trace {cpu}: 0x7f0da4091340 [0000000000007001/{pc:016x}/00000021/ff020201] __set_fixmap\n"
        f" PC={pc:016x} X00=00000fffbfffda34 X01=00000fffbfffda35\n"
        f"X02={x2:016x} X03=000fffffbfffda33 X04=0000000000000033\n"
        f"X29=ffff800009803c90 X30=ffff80000803aba4  SP=ffff800009803c90\n"
        f"PSTATE={0x800001C1 | level << 2:08x} N--- EL{level}h\n"
    )


class Log(unittest.TestCase):
    """Each test has a QEMU that logs what the test says."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with # entered here
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def hits(self, log: str, wanted: Wanted, then: str = "", bound: float = 20.0) -> list[Hit]:
        """What is read of a log; `then` is what QEMU does behind it."""
        qemu = self.path / "qemu"
        text = f"""\
#!/usr/bin/python3
import sys, time
assert sys.argv[1] == "-M" and "-singlestep" in sys.argv
assert sys.argv[sys.argv.index("-d") + 1] == "exec,cpu"
assert sys.argv[sys.argv.index("-dfilter") + 1] == "0x40+4,0xffff0010+4,0x80+4"
with open(sys.argv[-1], "w") as out:
    for at in range(0, len({log!r}), 100):
        out.write({log!r}[at:at + 100])
        out.flush()
    {then}
"""
        qemu.write_text(text, encoding="utf-8")
        qemu.chmod(0o755)
        sites = [Site(0x40, 2), Site(0xFFFF0010, 1), Site(0x80, 31)]
        return operands([str(qemu), "-M", "virt"], self.path, sites, wanted, bound)

    def test_values_and_levels(self) -> None:
        """In their order; what lies beside the sites does not count."""
        log = record(0x40, 7) + record(0x44, 1) + record(0xFFFF0010, 9, 2) + record(0x80, 5, 0)
        self.assertEqual(
            self.hits(log, Wanted(99)),
            [Hit(0x40, 7, 1), Hit(0xFFFF0010, 0xFFFBFFFDA35, 2), Hit(0x80, 0, 0)],
        )

    def test_not_run(self) -> None:
        """A block that was logged and then did not begin is logged again."""
        log = record(0x40, 7) + STOPPED + record(0x40, 7) + record(0x40, 8)
        self.assertEqual([hit.value for hit in self.hits(log, Wanted(99))], [7, 8])

    def test_free_sites(self) -> None:
        """They do not count; one that comes too often is left out whole."""
        log = record(0x80, 0) + record(0x40, 1) + record(0x80, 0) + record(0x40, 2)
        wanted = Wanted(2, free={0x80: 2})
        self.assertEqual([hit.pc for hit in self.hits(log, wanted)], [0x80, 0x40, 0x80, 0x40])
        self.assertEqual(wanted.dropped, set())
        wanted = Wanted(2, free={0x80: 1})
        self.assertEqual([hit.value for hit in self.hits(log, wanted)], [1, 2])
        self.assertEqual(wanted.dropped, {0x80})

    def test_enough(self) -> None:
        """A guest that runs on is ended behind the last arrival and those that are spared."""
        log = "".join(record(0x40, value) for value in range(5)) + "Trace "
        started = time.monotonic()
        self.assertEqual(len(self.hits(log, Wanted(5), "time.sleep(60)")), 5)
        wanted = Wanted(4, spare=Spare(hits=1, seconds=30.0))
        self.assertEqual(len(self.hits(log, wanted, "time.sleep(60)")), 5)
        self.assertLess(time.monotonic() - started, 20)

    def test_guest_at_rest(self) -> None:
        """The last record counts though none follows; half of one does not."""
        started = time.monotonic()
        log = record(0x40, 1) + record(0x40, 2)
        self.assertEqual(len(self.hits(log, Wanted(2), "time.sleep(60)")), 2)
        half = record(0x40, 3).partition("PSTATE")[0]
        wanted = Wanted(2, spare=Spare(hits=9, seconds=1.0))
        self.assertEqual(len(self.hits(log + half, wanted, "time.sleep(60)")), 2)
        self.assertLess(time.monotonic() - started, 15)

    def test_bound(self) -> None:
        """Fewer arrivals when time is over, and no process is left."""
        log = record(0x40, 1) + record(0x40, 2) + "Trace "
        self.assertEqual(len(self.hits(log, Wanted(9), "time.sleep(60)", bound=2.0)), 2)
        left = subprocess.run(
            ["pgrep", "-f", re.escape(str(self.path / "qemu"))], capture_output=True, check=False
        )
        self.assertEqual(left.stdout, b"")

    def test_unreadable(self) -> None:
        """A site without its register or its level is no answer."""
        for log in (
            record(0x40, 1).replace("X02", "R02"),
            record(0x40, 1).replace("PSTATE", "PSR"),
        ):
            with self.assertRaisesRegex(CannotJudge, "cannot be read"):
                self.hits(log, Wanted(9))

    def test_given_twice(self) -> None:
        """Two registers at one address cannot be told apart."""
        with self.assertRaisesRegex(CannotJudge, "twice"):
            operands(["qemu"], self.path, [Site(0, 1), Site(0, 2)], Wanted(1), 1.0)


if __name__ == "__main__":
    unittest.main()
