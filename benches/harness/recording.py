# SPDX-License-Identifier: MIT OR Apache-2.0
"""W15: what recording costs a program that only sends and receives, and how large its recordings are."""

import subprocess

from . import subjects

COST_PERCENT, BYTES, EXPLICIT_BYTES = 3, 0.01, 2.5
WORKLOADS = ("ring", "rendezvous", "buffered", "random_ring")


def report(rounds: int, quick: bool) -> list[str]:
    program = str(subjects.compile_c(subjects.OUT / "record", ["record", "support"]))
    output = subprocess.run([program, str(min(rounds, 3) if quick else 2 * rounds + 1)], check=True, capture_output=True,
                            text=True, cwd=subjects.OUT).stdout
    found = {line.split()[1]: float(line.split()[2]) for line in output.splitlines() if line.startswith("R ")}
    lines = ["", "W15 recording, medians of interleaved runs",
             f"  {'':14}{'ns a step':>10}{'cost':>8}{'bytes':>9}{'explicit: cost':>17}{'bytes':>8}"]
    for name in WORKLOADS:
        lines.append(f"  {name:14}{found[f'{name}_ns_a_step']:>10.0f}{found[f'{name}_cost_percent']:>6.1f} %"
                     f"{found[f'{name}_bytes_a_step']:>9.4f}{found[f'{name}_explicit_cost_percent']:>15.1f} %"
                     f"{found[f'{name}_explicit_bytes_a_step']:>8.2f}")
    met = all(found[f"{name}_cost_percent"] <= COST_PERCENT and found[f"{name}_bytes_a_step"] <= BYTES
              and found[f"{name}_explicit_bytes_a_step"] <= EXPLICIT_BYTES for name in WORKLOADS)
    lines.append(f"  target: at most {COST_PERCENT} % and {BYTES} bytes a step, {EXPLICIT_BYTES} with every pick: "
                 f"{'met' if met else 'NOT MET'}")
    return lines
