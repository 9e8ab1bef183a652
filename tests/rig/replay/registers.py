"""Run inside gdb: print every register of the selected frame, and a hash of the image's memory."""

import hashlib

import gdb

frame = gdb.selected_frame()
for register in frame.architecture().registers():
    print(f"@{register.name}={frame.read_register(register)}")
START, END = (
    int(gdb.parse_and_eval(f"(unsigned long)&{name}")) for name in ("__image_start", "__image_end")
)
memory = gdb.selected_inferior().read_memory(START, END - START)
print(f"@memory={hashlib.sha256(bytes(memory)).hexdigest()}")
