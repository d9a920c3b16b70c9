# SPDX-License-Identifier: MIT OR Apache-2.0
"""W14: schedules explored in a second, inside the process and with a fork each."""

import os
import re
import statistics
import subprocess
import time

from . import subjects
from .workloads import FORKED_PER_S, IN_PROCESS_PER_S

STRATEGIES = ("random", "pct")


def _in_process(program: str, plan: str) -> dict[str, float]:
    output = subprocess.run([program, "in_process", plan], check=True, capture_output=True, text=True).stdout
    return {line.split()[1]: float(line.split()[2]) for line in output.splitlines() if line.startswith("R ")}


def _forked(program: str, plan: str) -> float:
    """Schedules a second of the whole process, its start included."""
    began = time.monotonic()
    done = subprocess.run([program, "program"], env={**os.environ, "STRAND_EXPLORE": plan}, capture_output=True, text=True)
    took = time.monotonic() - began
    explored = re.search(r"explored (\d+) schedules", done.stderr)
    if done.returncode != 0 or not explored:
        raise RuntimeError(f"{program} under STRAND_EXPLORE={plan} failed: {done.stderr}")
    return int(explored.group(1)) / took


def report(rounds: int, quick: bool) -> list[str]:
    program = str(subjects.compile_c(subjects.OUT / "explore", ["explore", "support"]))
    runs, forks = (50_000, 1_000) if quick else (300_000, 10_000)
    inside: dict[str, list[dict[str, float]]] = {name: [] for name in STRATEGIES}
    beside: dict[tuple[str, int], list[float]] = {(name, jobs): [] for name in STRATEGIES for jobs in (1, 2)}
    for _ in range(rounds):
        for name in STRATEGIES:
            inside[name].append(_in_process(program, f"{name}:runs={runs}"))
        for name, jobs in beside:
            beside[name, jobs].append(_forked(program, f"{name}:runs={forks},jobs={jobs}"))
    lines = ["", f"W14 exploration, 3 strands and 2 channels, {rounds} interleaved runs, median (most)",
             f"  {'':24}{'schedules a second':>26}{'decisions each':>16}{'ns a decision':>15}"]
    best = 0.0
    for name, samples in inside.items():
        rates = [sample["per_second"] for sample in samples]
        best = max(best, statistics.median(rates))
        lines.append(f"  {name + ', in process':24}{f'{statistics.median(rates):,.0f} ({max(rates):,.0f})':>26}"
                     f"{statistics.median(sample['decisions'] for sample in samples):>16.1f}"
                     f"{statistics.median(sample['ns_decision'] for sample in samples):>15.0f}")
    most = 0.0
    for (name, jobs), rates in beside.items():
        most = max(most, statistics.median(rates))
        lines.append(f"  {f'{name}, a fork each, {jobs} at once':32}{f'{statistics.median(rates):,.0f} ({max(rates):,.0f})':>18}")
    lines.append(f"  target: in process at least {IN_PROCESS_PER_S:,}: {_met(best, IN_PROCESS_PER_S)}; "
                 f"with a fork each at least {FORKED_PER_S:,}: {_met(most, FORKED_PER_S)}")
    return lines


def _met(value: float, limit: float) -> str:
    return "met" if value >= limit else "NOT MET"
