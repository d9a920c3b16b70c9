# SPDX-License-Identifier: MIT OR Apache-2.0
"""The workloads and their targets. docs/performance.md says the same in words; a change belongs in both."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    go: float | None = None       # the must: at most this times Go
    peer: str | None = None       # the aim: at most `ratio` times this peer
    ratio: float | None = None
    limits: dict[str, float] = field(default_factory=dict)   # key -> most (for speedup: least)


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    targets: dict[int, Target]    # by number of workers; the keys are what is run
    unit: str = "ns"              # the key of the figure that counts
    quick: int | None = None      # the size of a quick run; None: the program's default
    new_only: bool = False        # also measured with migration=new_only
    across: bool = False          # needs migration=new_only to keep two strands apart


T = Target
WORKLOADS = [
    Workload("w1a", "yield, 2 strands", {1: T(0.15, "libdill", 1.0), 2: T(0.07, "Argobots", 0.6)}),
    Workload("w1b", "yield, 1,000 strands", {1: T(0.2, "Photon", 0.7), 2: T(0.06, "Argobots", 0.6)}),
    Workload("w2", "spawn n, wait for all", {1: T(0.06, "marl", 0.4), 2: T(0.3, "Java", 0.4)}, quick=200_000),
    Workload("w2j", "spawn and join", {1: T(0.15, "Argobots", 0.7), 2: T(0.25, "Go", 0.25)}),
    Workload("w3", "n strands parked", {1: T(0.9, limits={"bytes_each": 4400, "maps_live": 64})}, quick=100_000),
    Workload("w4", "channel round trip", {1: T(0.25, "libdill", 1.0), 2: T(0.35, "Go", 0.35)}, new_only=True),
    Workload("w4x", "the same across workers", {2: T(None, "Argobots", 0.4)}, quick=20_000, across=True),
    Workload("w4p", "the same, receiver asleep", {2: T(limits={"ns": 45_000})}, quick=500, across=True),
    Workload("w4d", "round trip with deadlines", {1: T(), 2: T()}),
    Workload("w5a", "buffered channel 1P1C", {1: T(0.25, "Boost", 0.7), 2: T(0.35, "Boost", 0.8)}, quick=1_000_000, new_only=True),
    Workload("w5b", "buffered channel 4P4C", {1: T(0.3, "Boost", 0.7), 2: T(0.6, "Go", 0.6)}, quick=1_000_000, new_only=True),
    Workload("w6", "ring of 10,000, per hop", {1: T(0.3, "Boost", 0.7), 2: T(0.35, "Boost", 0.5)}, quick=500_000, new_only=True),
    Workload("w7", "skynet, channels", {1: T(0.12, "tokio", 0.2), 2: T(0.1, "Go", 0.1)}, quick=100_000),
    Workload("w7j", "skynet, joins", {1: T(), 2: T()}, quick=100_000),
    Workload("w8", "select over 4 channels", {1: T(0.2, "libdill", 1.2), 2: T(0.4, "Go", 0.4)}, quick=200_000),
    Workload("w8r", "select of one ready case", {1: T(limits={"ratio": 1.5})}, quick=200_000),
    Workload("w9", "100k timers in 100 ms", {1: T(limits={"ms": 180, "late_p50_ms": 0.3, "late_p99_ms": 10}),
                                              2: T(limits={"ms": 130, "late_p50_ms": 0.3, "late_p99_ms": 10})}, unit="ms"),
    Workload("w10u", "mutex that nobody else wants", {1: T(limits={"to_floor": 1.5})}),
    Workload("w10a", "mutex, 1,000 strands", {1: T(0.56, "marl", 0.7), 2: T(0.5, "marl", 0.8)}),
    Workload("w10b", "mutex held over a yield", {1: T(0.5, "Boost", 0.7), 2: T(0.5, "Boost", 0.8)}, quick=100_000),
    Workload("w11a", "fib, serial below 12", {1: T(), 2: T()}, unit="ms", quick=27),
    Workload("w11f", "fib, a strand a call", {1: T(0.06, "Argobots", 0.75), 2: T(0.04, "Argobots", 0.75)}, unit="ms", quick=25),
    Workload("w11b", "uneven work, speed-up", {1: T(), 2: T(limits={"speedup": 1.95})}, unit="speedup"),
]

# Peers that are not in any package registry we build from: nanoseconds (W11: milliseconds) measured once, all peers and
# Go interleaved in one session, on two cores of the machine class that docs/performance.md names. A table scales them
# by how fast Go is in its own run against Go then (the median over the rows) and marks them with "~". (Joins are held
# against Go's channels.)
RECORDED = {
    ("w1a", 1): {"Go": 80.3, "libdill": 12.1, "Argobots": 30.1, "Photon": 31.6, "neco": 41.7},
    ("w1a", 2): {"Go": 131, "Argobots": 15.6},
    ("w1b", 1): {"Go": 88.8, "Photon": 23.8, "Argobots": 31.1, "neco": 47.8, "libdill": 74.3},
    ("w1b", 2): {"Go": 224, "Argobots": 20.8},
    ("w2", 1): {"Go": 1031, "libdill": 20.0, "neco": 60.2, "marl": 141, "Argobots": 3044},
    ("w2", 2): {"Go": 402, "Java": 324, "marl": 477, "Argobots": 4568},
    ("w2j", 1): {"Go": 296, "libdill": 34.4, "Argobots": 59.1, "Photon": 201, "marl": 275, "neco": 323},
    ("w2j", 2): {"Go": 299, "Argobots": 972, "marl": 1744},
    ("w4", 1): {"Go": 300, "libdill": 72.8, "neco": 152, "Argobots": 181, "Photon": 267, "marl": 279},
    ("w4", 2): {"Go": 289, "Java": 658, "Argobots": 1310, "marl": 1433},
    ("w4x", 2): {"Argobots": 1370},
    ("w5a", 1): {"Go": 48.4},
    ("w5b", 1): {"Go": 41.1},
    ("w6", 1): {"Go": 234, "Argobots": 110, "libdill": 160, "marl": 287, "Photon": 311},
    ("w6", 2): {"Go": 224, "Argobots": 802, "marl": 843},
    ("w7j", 1): {"Argobots": 38.7},
    ("w7j", 2): {"Argobots": 19.4},
    ("w8", 1): {"Go": 274, "libdill": 46.0, "neco": 144},
    ("w8", 2): {"Go": 287},
    ("w10a", 1): {"Go": 16.0, "marl": 13.5, "Argobots": 14.1},
    ("w10a", 2): {"Go": 109, "marl": 24.8},
    ("w10b", 1): {"Go": 335, "Argobots": 21790, "Photon": 3128},
    ("w11a", 1): {"Go": 10.3, "Argobots": 1.58, "marl": 22.8},
    ("w11a", 2): {"Go": 10.8, "Argobots": 0.838, "marl": 26.6},
    ("w11f", 1): {"Go": 1104, "Argobots": 88.8, "marl": 4937},
    ("w11f", 2): {"Go": 901, "Argobots": 45.9, "marl": 5228},
}
SINGLE_THREADED = {"libdill", "neco"}

# W13
START_MS = 1.2
HELLO_PEAK_KB = 5_000
ADDED_KB = 600

# W14
IN_PROCESS_PER_S = 1_000_000
FORKED_PER_S = 8_000
