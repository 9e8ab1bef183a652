#!/usr/bin/python3
"""What cannot be replayed is refused in words, nothing is left running, recording can be off."""

from __future__ import annotations

import json
import os
import shutil
import select
import signal
import subprocess
from pathlib import Path

import pexpect
from replay_case import MSR_DAIFSET, RIG, ReplayCase, environment, judged, main, rig, without

# pylint: disable=missing-function-docstring  # a test's name says what it shows


def qemus(folder: Path) -> list[int]:
    """The QEMUs that replay what lies in a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"rr=replay" in words and str(folder).encode() in words:
            found.append(int(entry.name))
    return found


class Refusals(ReplayCase):
    """A kernel that leaves its interrupts as they came: red before it has left its entry."""

    run_dir: Path
    elf: Path
    said: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.elf = without(cls.ELF, cls.folder / "broken.elf", "_start", MSR_DAIFSET)
        cls.run_dir = cls.folder / "run"
        done = judged(cls.elf, cls.run_dir, "el1")
        cls.said = done.stdout + done.stderr

    def setUp(self) -> None:
        self.assertTrue((self.run_dir / "el1-replay" / "manifest.json").is_file(), self.said)

    def copy(self) -> Path:
        """A recording to damage."""
        run = self.folder / "copy"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(self.run_dir, run, ignore=shutil.ignore_patterns("*.sock"))
        return run

    def refused(self, code: int, run: Path, *words: str, **more: str) -> str:
        """The replay is refused with this exit code; the words."""
        done = rig("debug", "--replay", str(run), "--batch", *words, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr

    def test_a_changed_elf_is_told_by_its_hash(self) -> None:
        other = self.folder / "other.elf"
        other.write_bytes(self.elf.read_bytes() + b"\0")
        said = self.refused(2, self.run_dir, "--elf", str(other))
        self.says(said, "other.elf", "changed since", "the same build-id, other bytes", "--elf")
        said = self.refused(2, self.run_dir, "--elf", str(self.folder / "none.elf"))
        self.says(said, "none.elf", "--elf FILE")

    def test_a_manifest_of_a_newer_rig_is_told_with_its_version(self) -> None:
        run = self.copy()
        path = run / "el1-replay" / "manifest.json"
        data = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**data, "version": 99}), "utf-8")
        self.says(self.refused(2, run), "version 99", "this rig reads 1")
        path.write_text("{", "utf-8")
        self.says(self.refused(3, run), "damaged", "manifest.json")
        path.write_text(json.dumps({**data, "at": 1}), "utf-8")
        self.says(self.refused(3, run), "damaged")

    def test_a_damaged_log_is_no_evidence(self) -> None:
        run = self.copy()
        log = run / "el1-replay" / "replay.log"
        whole = log.read_bytes()
        log.write_bytes(whole[: len(whole) // 2])
        self.says(self.refused(3, run), "replay.log", "damaged", "sha256")
        log.unlink()
        self.says(self.refused(3, run), "replay.log", "missing")

    def test_a_log_that_leads_elsewhere_is_seen_though_its_hash_is_right(self) -> None:
        run = self.copy()
        path = run / "el1-replay" / "manifest.json"
        data = json.loads(path.read_text("utf-8"))
        data["at"]["pc"] += 4
        path.write_text(json.dumps(data), "utf-8")
        self.says(self.refused(3, run), "another run than the recorded one")

    def test_another_qemu_is_told_with_both_versions(self) -> None:
        other = self.folder / "qemu"
        other.write_text("#!/bin/sh\necho QEMU emulator version 99.0\n")
        other.chmod(0o755)
        said = self.refused(2, self.run_dir, RIG_QEMU=str(other))
        self.says(said, "this is QEMU emulator version 99.0", "RIG_QEMU")

    def test_places_and_runs_that_are_none_are_told(self) -> None:
        self.says(self.refused(2, self.run_dir, "--at", "nowhere"), "no checkpoint that fired")
        self.says(self.refused(2, self.run_dir, "--at-count", "9999999999"), "ends at instruction")
        self.says(self.refused(2, self.run_dir, "--variant", "el2"), "those recorded: el1")
        self.says(self.refused(2, self.folder / "nothing"), "no such run")
        self.says(self.refused(2, self.folder), "holds no recording", "--no-replay")

    def test_recording_can_be_turned_off_and_changes_no_verdict(self) -> None:
        run = self.folder / "off"
        words = ["step", "--first", "--elf", str(self.elf), "--variant", "el1"]
        words += ["--run-dir", str(run)]
        for done in (rig(*words, RIG_REPLAY="0"), rig(*words, "--no-replay")):
            self.assertEqual(done.returncode, 1)
            self.assertNotIn("recorded", done.stdout)
            self.assertFalse((run / "el1-replay").exists())

    def test_a_qemu_that_cannot_record_costs_one_line_and_no_verdict(self) -> None:
        real = shutil.which("qemu-system-aarch64")
        other = self.folder / "no-rr"
        other.write_text(
            '#!/bin/sh\ncase "$*" in *rr=record*) echo no record/replay here >&2; exit 1;; esac\n'
            f'exec {real} "$@"\n'
        )
        other.chmod(0o755)
        run = self.folder / "no-rr-run"
        done = rig(
            *("step", "--first", "--elf", str(self.elf), "--variant", "el1"),
            *("--run-dir", str(run)),
            RIG_QEMU=str(other),
        )
        self.assertEqual(done.returncode, 1)
        lines = [line for line in done.stdout.splitlines() if "not recorded" in line]
        self.assertEqual(len(lines), 1, done.stdout)
        self.says(lines[0], "not recorded for replay (el1)", "no record/replay here")
        self.assertFalse((run / "el1-replay").exists())

    def test_at_a_terminal_it_completes_answers_and_leaves_nothing_behind(self) -> None:
        child = pexpect.spawn(
            RIG,
            ["debug", "--replay", str(self.run_dir)],
            env={**environment(), "TERM": "dumb", "TMPDIR": str(self.folder)},
            encoding="utf-8",
            timeout=60,
        )
        try:
            child.expect(r"here broke ")
            child.expect(r"\(gdb\) ")
            child.sendline("rig go entry-el1")
            child.expect(r"instruction 0 of [\d,]+")
            child.expect(r"\(gdb\) ")
            child.send("rig who-wrote SCTLR_EL1.WX\t")
            child.expect("rig who-wrote SCTLR_EL1.WXN")
            child.sendline("")
            child.expect("was not changed before instruction 0")
            child.expect(r"\(gdb\) ")
            child.sendline("rig go broken")
            child.expect("here broke ")
            child.expect(r"\(gdb\) ")
            child.sendline("while 1\nrig go end\nrig go start\nend")
            child.expect(r"instruction 0 of")
            child.sendintr()
            child.expect(r"(?i)interrupted|quit", timeout=60)
            child.sendline("")
            child.sendline("rig when")
            child.expect(r"instruction [\d,]+ of [\d,]+ \(")
            self.assertEqual(len(qemus(self.folder)), 1)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            self.ends(qemus(self.folder))
        finally:
            child.close(force=True)
        self.assertEqual(qemus(self.folder), [])

    def test_ctrl_c_while_recording_leaves_no_qemu(self) -> None:
        told, other = self.folder / "told", self.folder / "tells"
        os.mkfifo(told)
        other.write_text(
            f'#!/bin/sh\ncase "$*" in *rr=record*) echo $$ >{told};; esac\n'
            f'exec {shutil.which("qemu-system-aarch64")} "$@"\n'
        )
        other.chmod(0o755)
        words = ["step", "--first", "--elf", str(self.elf), "--variant", "el1"]
        with subprocess.Popen(
            [RIG, *words, "--run-dir", str(self.folder / "interrupted")],
            env=environment(RIG_QEMU=str(other)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            qemu = int(told.read_text("ascii"))  # waits until it records
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=60)[1]
        self.assertEqual(running.returncode, 130, said)
        self.says(said, "ended by signal 2")
        self.ends([qemu])

    def ends(self, pids: list[int]) -> None:
        """The processes end, which pidfds tell without polling."""
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                self.assertTrue(poll.poll(20_000), f"QEMU {pid} is still there")
            finally:
                os.close(descriptor)


if __name__ == "__main__":
    main()
