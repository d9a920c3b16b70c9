# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs one program once and says whether the machine was ours meanwhile; keeps the samples of a table."""

import os
import re
import resource
import signal
import statistics
import subprocess
import time
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")
CLEAN = 0.15      # other processes may have used this share of a CPU
SLACK_S = 0.02    # the kernel counts in hundredths of a second
ENOUGH = 3        # clean runs; with fewer, all runs count and the figure is marked


@dataclass
class Sample:
    status: str             # "ok", "absent" or what went wrong
    wall: float
    own: float              # processor time of the program itself
    clean: bool
    values: dict[str, float]


def _busy() -> float:
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:]]
    return (sum(ticks[:3]) + sum(ticks[5:8])) / TICKS


def _own() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _wait_for_quiet(limit: float = 0.3) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        busy, began = _busy(), time.monotonic()
        time.sleep(0.04)
        if (_busy() - busy) / (time.monotonic() - began) < 0.3:
            return


def run(command: list[str], timeout: float) -> Sample:
    _wait_for_quiet()
    busy, own, began = _busy(), _own(), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
        status = "ok" if process.returncode == 0 else _failure(process.returncode)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = f"over {timeout:.0f} s"
    wall = time.monotonic() - began
    own = _own() - own
    foreign = _busy() - busy - own
    values = {key: float(value) for key, value in re.findall(r"^R (\w+) (-?[\d.]+)", output, re.MULTILINE)}
    if status == "ok" and not values:
        status = "absent" if output.strip() == "NA" else "printed nothing"
    return Sample(status, wall, own, foreign < CLEAN * wall + SLACK_S, values)


def _failure(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"


class Cell:
    """The samples of one program on one workload with one number of workers."""

    def __init__(self, command: list[str], resized: bool = False, one_worker: bool = False):
        self.command = command
        self.resized = resized          # not the size that recorded figures are for
        self.one_worker = one_worker
        self.samples: list[Sample] = []

    @property
    def failed(self) -> str | None:
        bad = [sample.status for sample in self.samples if sample.status != "ok"]
        return bad[0] if bad else None

    def clean(self) -> int:
        return sum(sample.clean for sample in self.samples)

    def value(self, key: str) -> float | None:
        if self.failed or not self.samples:
            return None
        chosen = [sample for sample in self.samples if sample.clean]
        if len(chosen) < min(ENOUGH, len(self.samples)):
            chosen = self.samples
        found = [sample.values[key] * self._share(sample, key) for sample in chosen if key in sample.values]
        return statistics.median(found) if found else None

    def _share(self, sample: Sample, key: str) -> float:
        """A disturbed run on one worker waited for a processor: its time counts by the share it got."""
        if sample.clean or not self.one_worker or not key.endswith(("ns", "ms")) or sample.wall < 0.05:
            return 1.0
        return min(1.0, sample.own / sample.wall)

    @property
    def doubtful(self) -> bool:
        return not self.failed and self.clean() < min(ENOUGH, len(self.samples))
