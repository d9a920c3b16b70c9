# SPDX-License-Identifier: MIT OR Apache-2.0
"""Counts executed instructions with callgrind. Each workload runs at two sizes; the difference, divided by the
difference of the sizes, is what one operation costs, without start, stop and warming up."""

import bisect
import os
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

# Small enough to take seconds under callgrind, large enough that one-off work weighs under a thousandth.
SIZES = {"w1a": (20_000, 60_000), "w1b": (40_000, 120_000), "w2": (4_000, 12_000), "w2j": (4_000, 12_000), "w4": (4_000, 12_000), "w4d": (4_000, 12_000), "w9": (2_000, 6_000),
         "w5a": (20_000, 60_000), "w5b": (20_000, 60_000), "w6": (40_000, 120_000), "w7": (1_000, 10_000)}
STRANDS = {"w7": 1.1111}     # operations for each unit of the size


class Failure(Exception):
    """The program did not run to its end under callgrind."""


def _profile(program: Path, workload: str, size: int, folder: str, *options: str) -> Path:
    output = Path(folder) / f"{workload}.{size}"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", *options, str(program), workload, "1", str(size)]
    environment = {**os.environ, "LD_BIND_NOW": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    if done.returncode != 0 or not output.exists():
        raise Failure(f"{workload} {size}: exit {done.returncode}: {done.stderr.strip()[-800:]}")
    return output


def _total(profile: Path) -> int:
    found = re.search(r"^(?:totals|summary): (\d+)", profile.read_text(errors="replace"), re.MULTILINE)
    if not found:
        raise Failure(f"{profile.name}: no total")
    return int(found.group(1))


def per_operation(program: Path, workload: str) -> float:
    small, large = SIZES[workload]
    with tempfile.TemporaryDirectory() as folder:
        counts = [_total(_profile(program, workload, size, folder)) for size in (small, large)]
    return (counts[1] - counts[0]) / (large - small) / STRANDS.get(workload, 1)


def _addresses(profile: Path) -> Counter:
    """Executions by (object, address)."""
    counts: Counter = Counter()
    thing, skip = "", False
    for line in profile.read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            thing = line[3:]
        elif line.startswith("calls="):
            skip = True                  # the next line is what the call cost
        elif line.startswith("0x"):
            if not skip:
                words = line.split()
                counts[thing, int(words[0], 16)] += int(words[2])
            skip = False
    return counts


class _Symbols:
    """Names the function of an address. callgrind's own answer is not used: it loses its way when strands switch stacks."""

    def __init__(self, thing: str):
        listing = subprocess.run(["nm", "--defined-only", "--demangle", thing], capture_output=True, text=True).stdout
        rows = [line.split(" ", 2) for line in listing.splitlines()]
        self.starts, self.names = [], []
        for start, name in sorted((int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in "tTwW"):
            self.starts.append(start)
            self.names.append(name)

    def name(self, address: int) -> str:
        at = bisect.bisect_right(self.starts, address) - 1
        return self.names[at] if at >= 0 else "?"


def _locked(thing: str) -> dict[int, str]:
    """Instructions of an object that lock a line or fence: lock prefixes, exchanges with memory, fences."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", thing], capture_output=True, text=True).stdout
    found = {}
    for line in listing.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+(.*)", line)
        if not match:
            continue
        text = re.sub(r"\s*[#<].*", "", match.group(2))
        if text.startswith(("lock ", "mfence", "syscall")) or (text.startswith("xchg") and "(" in text):
            found[int(match.group(1), 16)] = " ".join(text.split())
    return found


def locked_operations(program: Path, workload: str) -> tuple[list[str], list[str]]:
    """Lines that say which locked operations one operation executes, and in which functions its instructions are."""
    small, large = SIZES[workload]
    options = ("--dump-instr=yes", "--compress-pos=no", "--compress-strings=no")
    with tempfile.TemporaryDirectory() as folder:
        before = _addresses(_profile(program, workload, small, folder, *options))
        after = _addresses(_profile(program, workload, large, folder, *options))
    operations = (large - small) * STRANDS.get(workload, 1)
    locked, hot, total = [], Counter(), 0.0
    for thing in {key[0] for key in after if Path(key[0]).exists()}:
        known, symbols = _locked(thing), _Symbols(thing)
        for (where, address), executed in sorted(after.items()):
            each = (executed - before[where, address]) / operations
            if where != thing or each <= 0:
                continue
            hot[symbols.name(address)] += each
            if address in known and each > 0.005:
                locked.append(f"{each:8.3f}  {known[address]:40}  {symbols.name(address)}")
                total += 0 if known[address] == "syscall" else each
    return ([f"{total:8.3f}  in all", *locked],
            [f"{each:8.1f}  {name}" for name, each in hot.most_common(16) if each > 0.05])
