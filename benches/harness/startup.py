# SPDX-License-Identifier: MIT OR Apache-2.0
"""W13: from asking for a process to the first strand and to its end, and what the library adds to a stripped program."""

import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from . import subjects
from .workloads import ADDED_KB, HELLO_PEAK_KB, START_MS

COLLECT = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")


def _once(command: list[str]) -> tuple[float, dict[str, float]]:
    reading, writing = os.pipe()
    asked = time.monotonic_ns()
    child = os.posix_spawn(command[0], [*command, str(asked)], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)])
    _, status = os.waitpid(child, 0)
    took = (time.monotonic_ns() - asked) / 1e6
    os.close(writing)
    with os.fdopen(reading) as pipe:
        output = pipe.read()
    if status != 0:
        raise RuntimeError(f"{command[0]} failed: {output}")
    values = {line.split()[1]: float(line.split()[2]) for line in output.splitlines() if line.startswith("R ")}
    return took, values


def _stripped_kb(program: Path) -> float:
    stripped = program.with_name(program.name + ".stripped")
    shutil.copy(program, stripped)
    subprocess.run(["strip", str(stripped)], check=True)
    return stripped.stat().st_size / 1000


def report(everybody: list[subjects.Subject], rounds: int) -> list[str]:
    empty = subjects.compile_c(subjects.OUT / "empty", ["empty"], library=False)
    commands = {"(empty C program)": [str(empty)], **{one.name: one.start for one in everybody if one.start}}
    took: dict[str, list[float]] = {name: [] for name in commands}
    first: dict[str, list[float]] = {name: [] for name in commands}
    peak = 0.0
    for _ in range(rounds):
        for name, command in commands.items():
            milliseconds, values = _once(command)
            took[name].append(milliseconds)
            first[name].append(values["first_us"] / 1000)
            if name == everybody[0].name:
                peak = max(peak, values["peak_kb"])
    lines = ["", f"W13 start, {rounds} interleaved runs, median (least) in ms", f"  {'':20}{'to first strand':>20}{'to the end':>20}"]
    for name in commands:
        figures = [f"{statistics.median(of[name]):.2f} ({min(of[name]):.2f})" for of in (first, took)]
        lines.append(f"  {name:20}{figures[0]:>20}{figures[1]:>20}")
    ours = statistics.median(first[everybody[0].name])
    lines.append(f"  target: start to first strand at most {START_MS} ms: {_met(ours, START_MS)}; hello world's peak memory {peak:.0f} kB, "
                 f"at most {HELLO_PEAK_KB}: {_met(peak, HELLO_PEAK_KB)}")
    lines += _sizes()
    return lines


def _sizes() -> list[str]:
    lines = ["", "W13 size of stripped programs, kB", f"  {'':20}{'without':>10}{'with':>10}{'added':>10}"]
    for title, flags in (("plain", ()), ("with --gc-sections", COLLECT)):
        without = subjects.compile_c(subjects.OUT / "empty", ["empty"], flags, library=False)
        using = subjects.compile_c(subjects.OUT / "start_size", ["start", "support"], flags)
        sizes = _stripped_kb(without), _stripped_kb(using)
        added = sizes[1] - sizes[0]
        lines.append(f"  {title:20}{sizes[0]:>10.0f}{sizes[1]:>10.0f}{added:>10.0f}   target: at most {ADDED_KB}: {_met(added, ADDED_KB)}")
    return lines


def _met(value: float, limit: float) -> str:
    return "met" if value <= limit else "NOT MET"
