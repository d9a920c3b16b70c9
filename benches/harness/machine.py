# SPDX-License-Identifier: MIT OR Apache-2.0
"""What kind of machine this is, in one line."""

import os


def _first(path: str, field: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(field):
                return line.split(":", 1)[1].strip()
    return "unknown"


def describe() -> str:
    system = os.uname()
    memory = int(_first("/proc/meminfo", "MemTotal").split()[0]) / 1_048_576
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {_first('/proc/cpuinfo', 'model name')}, {memory:.0f} GiB, {system.sysname} {system.release} {system.machine}"
