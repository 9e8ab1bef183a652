#!/bin/bash
# Print the version of every tool whose version can change a result, one a line.
set -euo pipefail

first_line() { # COMMAND...: the first line with a digit of what it says about itself
    if command -v "$1" >/dev/null; then
        "$@" 2>&1 | sed -n '/[0-9]/{p;q}' || true
    else
        echo "$1: not installed"
    fi
}

system=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release)
echo "$system, Linux $(uname -r), $(nproc) CPUs"
for tool in qemu-system-aarch64 gdb-multiarch gcc aarch64-linux-gnu-gcc clang cmake ninja \
    /usr/bin/python3 lcov clang-format clang-tidy cppcheck shellcheck black pylint mypy; do
    printf '  %-22s %s\n' "$tool" "$(first_line "$tool" --version)"
done
if command -v dpkg-query >/dev/null; then
    printf '  %-22s %s\n' capstone \
        "$(dpkg-query -W -f '${Version}' libcapstone-dev 2>/dev/null || echo 'not installed')"
fi
