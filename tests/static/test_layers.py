#!/usr/bin/python3
"""The layer check: each rule is seen to fail on a tree that breaks just that rule."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A house that keeps every rule; each test adds or replaces one file.
CLEAN = {
    "kernel/include/tyrne/types.h": "#include <stdint.h>\n",
    "kernel/include/tyrne/hal/console.h": "#include <tyrne/types.h>\n",
    "kernel/include/tyrne/abi/calls.h": "#include <stdint.h>\n",
    "kernel/core/queue.h": "#include <stddef.h>\n",
    "kernel/core/queue.c": '#include "queue.h"\n#include <tyrne/hal/console.h>\n'
    "#include <tyrne/hal/offset.h>\n/* asm is for others */\n",
    "arch/aarch64/include/tyrne/hal/offset.h": "#include <arch/cpu.h>\n",
    "arch/aarch64/include/arch/cpu.h": "#include <tyrne/types.h>\n#include <sysregs.h>\n"
    "static inline void cpu_sync(void)\n{\n"
    '    __asm__ volatile("msr vbar_el1, %0" : : "r"(0UL) : "memory");\n}\n',
    "arch/aarch64/mmu/walk.h": "#include <stdbool.h>\n",
    "arch/aarch64/mmu/walk.c": '#include "walk.h"\n#include <arch/cpu.h>\n'
    'void f(void)\n{\n    __asm__ volatile("isb");\n}\n',
    "arch/aarch64/boot/start.S": "#include <arch/cpu.h>\n",
    "bsp/qemu-virt/include/board/memory.h": "#include <arch/cpu.h>\n",
    "bsp/qemu-virt/uart.c": "#include <board/memory.h>\n#include <tyrne/hal/console.h>\n",
    "userland/include/user/io.h": "#include <tyrne/abi/calls.h>\n",
    "userland/init/main.c": "#include <user/io.h>\n",
    "rig/trace/gate/log.h": "#include <stdio.h>\n",
    "rig/trace/gate/log.c": '#include "log.h"\n#include <yaml.h>\n#include "sysregs_names.h"\n'
    'static const char *rule = "msr ttbr1_el1";\n',
    "rig/rig": "#!/usr/bin/python3\nimport sys\nfrom engine import run\n",
    "rig/engine/run.py": "import yaml\nfrom . import pack\n",
    "rig/engine/pack.py": "import re\n",
    "rig/rules/guest_gdb/load.py": "from guest_gdb import tasks\n",
    "rig/rules/guest_gdb/tasks.py": "from engine import pack\n",
    "tests/unit/kernel/test_queue.c": '#include "../../../kernel/core/queue.h"\n'
    "#include <arch/cpu.h>\n",
}


def check(files: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of the layer check on a tree made of these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        command = [sys.executable, "-B", str(ROOT / "ci/check_layers.py"), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class Layers(unittest.TestCase):
    """One broken rule at a time."""

    def broken(self, name: str, text: str, line: int, *words: str) -> None:
        """The tree with this file has exactly one finding, at this line, with these words."""
        code, output = check({**CLEAN, name: text})
        self.assertEqual(code, 1, output)
        findings = output.splitlines()[:-1]
        self.assertEqual(len(findings), 1, output)
        self.assertTrue(findings[0].startswith(f"{name}:{line}: "), output)
        for word in words:
            self.assertIn(word, findings[0])

    def kept(self, name: str, text: str) -> None:
        """The tree with this file is clean."""
        code, output = check({**CLEAN, name: text})
        self.assertEqual(code, 0, output)

    def test_clean_house_passes(self) -> None:
        """The house that every other test breaks is clean."""
        code, output = check(CLEAN)
        self.assertEqual(code, 0, output)
        self.assertIn(f"0 findings in {len(CLEAN)} files", output)

    def test_nothing_checked_is_no_pass(self) -> None:
        """An empty tree is not a clean one."""
        self.assertEqual(check({"README.md": "#include <x.h>\n"})[0], 3)

    def test_kernel_includes_arch(self) -> None:
        """kernel -> arch"""
        self.broken("kernel/a.c", "\n#include <arch/cpu.h>\n", 2, "kernel/ may not", "arch/cpu.h")

    def test_kernel_includes_board(self) -> None:
        """kernel -> bsp"""
        self.broken("kernel/a.c", "#include <board/memory.h>\n", 1, "board/memory.h")

    def test_kernel_includes_registers(self) -> None:
        """kernel -> the generated register table"""
        self.broken("kernel/a.c", "#include <sysregs.h>\n", 1, "sysregs.h")

    def test_kernel_includes_hosted_library(self) -> None:
        """kernel -> libc"""
        self.broken("kernel/a.c", "#include <stdio.h>\n", 1, "stdio.h")

    def test_kernel_reaches_out_by_path(self) -> None:
        """kernel -> arch by a relative path"""
        text = '#include "../arch/aarch64/mmu/walk.h"\n'
        self.broken("kernel/a.c", text, 1, "arch/aarch64/mmu/walk.h")

    def test_kernel_header_of_private_arch(self) -> None:
        """A file of arch named like a HAL header, but not under its include root, is no HAL."""
        self.broken("kernel/a.c", "#include <tyrne/hal/none.h>\n", 1, "tyrne/hal/none.h")

    def test_arch_includes_board(self) -> None:
        """arch -> bsp"""
        self.broken("arch/aarch64/a.S", "# include <board/memory.h>\n", 1, "arch/ may not")

    def test_arch_includes_private_kernel_header(self) -> None:
        """arch -> a header that is not the kernel's interface"""
        text = '#include "../../kernel/core/queue.h"\n'
        self.broken("arch/aarch64/a.c", text, 1, "kernel/core/queue.h")

    def test_board_includes_private_arch_header(self) -> None:
        """bsp -> a header that is not arch's interface"""
        text = '#include "../../arch/aarch64/mmu/walk.h"\n'
        self.broken("bsp/qemu-virt/a.c", text, 1, "bsp/ may not")

    def test_linker_script_is_looked_at(self) -> None:
        """An include in a linker script counts too."""
        text = "#include <user/io.h>\n"
        self.broken("bsp/qemu-virt/kernel.ld.S", text, 1, "userland/include/user/io.h")

    def test_userland_includes_kernel(self) -> None:
        """userland -> kernel headers other than the ABI"""
        self.broken("userland/a.c", "#include <tyrne/types.h>\n", 1, "<tyrne/abi/...>")

    def test_rig_includes_kernel(self) -> None:
        """rig -> kernel, also the ABI"""
        self.broken("rig/trace/a.c", "#include <tyrne/abi/calls.h>\n", 1, "never a guest's")

    def test_rig_includes_kernel_header_to_come(self) -> None:
        """rig -> a guest header that is not there (yet)"""
        self.broken("rig/trace/a.c", "#include <board/uart.h>\n", 1, "board/uart.h")

    def test_rig_imports_outside(self) -> None:
        """rig -> another room's or an unknown Python module, also inside a function"""
        text = "def f() -> None:\n    import gen_sysregs\n"
        self.broken("rig/engine/a.py", text, 2, "may not import 'gen_sysregs'")

    def test_rig_imports_what_knows_a_guest(self) -> None:
        """rig -> what a rule pack brings for its guest; the rules themselves may"""
        text = "import re\nfrom guest_gdb.tasks import lines\n"
        self.broken("rig/gdb/a.py", text, 2, "only what is in rig/rules/ may import 'guest_gdb'")
        self.kept("rig/rules/other.py", text)

    def test_rig_script_without_suffix(self) -> None:
        """The rig's command has no suffix and is looked at all the same."""
        self.broken("rig/rig", "#!/usr/bin/python3\nimport requests\n", 2, "'requests'")

    def test_kernel_assembly_statement(self) -> None:
        """asm in kernel/"""
        text = 'void f(void)\n{\n    __asm__ volatile("wfi");\n}\n'
        self.broken("kernel/a.c", text, 3, "pure C")

    def test_kernel_assembly_in_header(self) -> None:
        """asm in a kernel header"""
        self.broken("kernel/include/tyrne/a.h", 'asm("nop");\n', 1, "pure C")

    def test_kernel_assembly_file(self) -> None:
        """A .S file in kernel/"""
        self.broken("kernel/a.S", "    nop\n", 1, "pure C")

    def test_bare_msr_in_c_file(self) -> None:
        """msr in a .c file of arch, in the second string of the statement"""
        text = 'void f(void)\n{\n    asm volatile("isb\\n"\n        "msr daifset, #2");\n}\n'
        self.broken("arch/aarch64/a.c", text, 3, "bare msr/mrs")

    def test_bare_mrs_in_board_header(self) -> None:
        """mrs outside arch, also in a header"""
        text = 'static inline void f(void)\n{\n    asm("MRS x0, currentel");\n}\n'
        self.broken("bsp/qemu-virt/a.h", text, 3, "bare msr/mrs")

    def test_msr_in_a_comment_or_message(self) -> None:
        """Words are no code."""
        text = '/* asm("msr x") */\nconst char *s = "asm(msr)";\n// #include <board/x.h>\n'
        self.kept("arch/aarch64/a.c", text)

    def test_include_in_a_comment(self) -> None:
        """A commented include is none."""
        self.kept("kernel/a.c", "/*\n#include <arch/cpu.h>\n*/\n")

    def test_circle(self) -> None:
        """Two headers include each other."""
        files = {
            **CLEAN,
            "kernel/include/tyrne/a.h": "#include <tyrne/b.h>\n",
            "kernel/include/tyrne/b.h": "#include <stdint.h>\n#include <tyrne/a.h>\n",
        }
        code, output = check(files)
        self.assertEqual(code, 1, output)
        self.assertIn("kernel/include/tyrne/b.h:2: circular include: ", output)
        self.assertIn("1 findings", output)

    def test_header_including_itself(self) -> None:
        """The smallest circle."""
        self.broken("kernel/core/a.h", '#include "a.h"\n', 1, "circular include")


if __name__ == "__main__":
    unittest.main()
