# SPDX-License-Identifier: MIT OR Apache-2.0
"""The rows of the table: what is run for each, and what it should reach."""

from dataclasses import dataclass, field

STREAM = "4096"     # bytes of a stream in the scans


@dataclass
class Subject:
    """One program: ours on a device, or a peer."""
    name: str
    command: list[str]
    workers: int = 0        # of ours; 0: one for each processor
    parity: str = ""        # subjects with the same word must find the same matches


@dataclass
class Row:
    title: str
    unit: str               # us: time of one operation; M/s, MTEPS, MB/s: operations in a time
    ours: dict[str, list[Subject]]              # by device
    peers: list[Subject] = field(default_factory=list)
    # device -> (relation, number, peer or "" for the number itself)
    targets: dict[str, tuple[str, float, str]] = field(default_factory=dict)


def on(workload: list[str], device: str, workers: int = 0, parity: str = "") -> Subject:
    program, *arguments = workload
    name = f"{device}, 1 worker" if workers == 1 else device
    return Subject(name, [program, *(word.replace("DEVICE", device) for word in arguments)], workers, parity)


def everywhere(workload: list[str], parity: str = "") -> dict[str, list[Subject]]:
    return {"software": [on(workload, "software", 0, parity)], "cpu": [on(workload, "cpu", 1, parity), on(workload, "cpu", 0, parity)],
            "hardware": [on(workload, "hardware", 0, parity)]}


def scan(title: str, patterns: str, targets: dict[str, tuple[str, float, str]], with_words: bool) -> Row:
    arguments = [patterns, "text", STREAM]
    peers = [Subject("vectorscan", ["vectorscan", *arguments], parity=patterns)]
    if with_words:
        peers.append(Subject("aho-corasick", ["aho_corasick", *arguments], parity=patterns))
    return Row(title, "MB/s", everywhere(["scan", "DEVICE", *arguments], patterns), peers, targets)


ROWS = [
    Row("await one dispatch of one item", "us", everywhere(["ours", "await", "DEVICE"]),
        [Subject("raw wgpu, software", ["raw_wgpu", "2000", "llvmpipe"]), Subject("raw wgpu, hardware", ["raw_wgpu", "2000", "NVIDIA"]),
         Subject("PoCL", ["opencl", "await"])],
        {"software": ("<=", 1.25, "raw wgpu, software"), "cpu": ("<=", 3.0, ""), "hardware": ("<=", 1.3, "raw wgpu, hardware")}),
    Row("trivial items, pushed, run, read back", "M/s", everywhere(["ours", "trivial", "DEVICE"]), [Subject("PoCL", ["opencl", "trivial"])],
        {"software": (">=", 100, ""), "cpu": (">=", 1.5, "PoCL"), "hardware": (">=", 2000, "")}),
    Row("requeue", "M/s", everywhere(["ours", "requeue", "DEVICE"]), [],
        {"software": (">=", 25, ""), "cpu, 1 worker": (">=", 120, ""), "hardware": (">=", 500, "")}),
    Row("10^7 items through 2^14", "M/s", everywhere(["ours", "spill", "DEVICE"]), [],
        {"software": (">=", 5, ""), "cpu": (">=", 50, ""), "hardware": (">=", 50, "")}),
    Row("breadth-first search, RMAT-18", "MTEPS", everywhere(["bfs", "DEVICE"]), [Subject("serial C", ["bfs", "serial"])],
        {"software": (">=", 100, ""), "cpu, 1 worker": (">=", 0.8, "serial C"), "hardware": (">=", 5000, "")}),
    scan("2,000 real literals", "literals", {"software": (">=", 450, ""), "cpu, 1 worker": (">=", 1.0, "vectorscan"), "hardware": (">=", 30000, "")},
         with_words=True),
    scan("2,282 real patterns", "mixed", {"software": (">=", 150, ""), "cpu, 1 worker": (">=", 0.7, "vectorscan"), "hardware": (">=", 10000, "")},
         with_words=False),
]
