# SPDX-License-Identifier: MIT OR Apache-2.0
"""Turns the samples into the table: one row for each workload and number of workers."""

import statistics

from .measure import Cell
from . import subjects
from .workloads import RECORDED, SINGLE_THREADED, WORKLOADS, Target, Workload

Cells = dict[tuple[str, int, str], Cell]     # workload, workers, subject


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cell(cells: Cells, key: tuple[str, int, str], unit: str) -> str:
    cell = cells.get(key)
    if cell is None or not cell.samples or cell.failed == "absent":
        return "-"
    if cell.failed:
        return cell.failed
    return figure(cell.value(unit)) + ("*" if cell.doubtful else "")


def _value(cells: Cells, workload: Workload, workers: int, name: str) -> float | None:
    cell = cells.get((workload.name, workers, name))
    return cell.value(workload.unit) if cell else None


def machine_factor(cells: Cells) -> float | None:
    """How long Go takes here against what it took when the recorded peers were measured; 2: half as fast."""
    factors = []
    for (workload, workers), recorded in RECORDED.items():
        cell = cells.get((workload, workers, "Go"))
        now = cell.value("ns") if cell else None     # W11's milliseconds depend on the size
        if now and "Go" in recorded and workers == 1:
            factors.append(now / recorded["Go"])
    return statistics.median(factors) if len(factors) >= 3 else None     # one row alone may be about its collector


def _peer_values(cells: Cells, workload: Workload, workers: int, names: list[str]) -> dict[str, float]:
    """Measured peers, and recorded ones scaled to this machine, marked."""
    found = {name: _value(cells, workload, workers, name) for name in names if name not in subjects.OURS_TOO}
    known = {name: value for name, value in found.items() if value is not None}
    factor = machine_factor(cells)
    resized = any(cell.resized for key, cell in cells.items() if key[0] == workload.name)
    if factor and not (workload.unit == "ms" and resized):
        for name, value in RECORDED.get((workload.name, workers), {}).items():
            if name != "Go":
                known["~" + name] = value * factor
    return known


def _verdict(ratio: float | None, limit: float | None) -> str:
    if limit is None:
        return "."
    if ratio is None:
        return f"<={limit:g} ?"
    return f"<={limit:g} {'met' if ratio <= limit else 'MISS'}"


def _limits(cells: Cells, key: tuple[str, int, str], target: Target) -> list[str]:
    words = []
    for name, limit in target.limits.items():
        value = cells[key].value(name) if key in cells else None
        if value is None:
            words.append(f"{name} ?")
            continue
        good = value >= limit if name == "speedup" else value <= limit
        words.append(f"{name} {figure(value)} {'>=' if name == 'speedup' else '<='}{limit:g} {'met' if good else 'MISS'}")
    return words


def _row(cells: Cells, workload: Workload, workers: int, names: list[str]) -> list[str]:
    target, us = workload.targets[workers], names[0]
    mine = _value(cells, workload, workers, us)
    known = _peer_values(cells, workload, workers, names[1:])
    to_go = mine / known["Go"] if mine and "Go" in known else None
    aimed = known.get(target.peer or "", known.get("~" + (target.peer or "")))
    to_aim = mine / aimed if mine and aimed else None
    higher = workload.unit == "speedup"
    best = (max if higher else min)(known, key=known.__getitem__, default=None)
    if best and best.strip("~") in SINGLE_THREADED:      # the best peer that can use several workers belongs beside it
        several = [name for name in known if name.strip("~") not in SINGLE_THREADED]
        best_several = (max if higher else min)(several, key=known.__getitem__, default=None)
    else:
        best_several = None
    notes = [f"{mine / known[one]:.2f} of {one}" for one in (best, best_several) if one and mine]
    row = [f"{workload.name} {workload.title}", f"{workers}w", workload.unit]
    row += [_cell(cells, (workload.name, workers, name), workload.unit) for name in [us, us + " new_only", *names[1:]]]
    row += [figure(to_go), _verdict(to_go, target.go), figure(to_aim)]
    row += [_verdict(to_aim, target.ratio) + (f" {target.peer}" if target.peer else "")]
    row += ["; ".join([*_limits(cells, (workload.name, workers, us), target), *notes])]
    return row


def times(cells: Cells, names: list[str]) -> list[str]:
    head = ["workload", "", "", names[0], "new_only", *names[1:], "/Go", "must", "/aim", "aim", "limits; ratio to the best"]
    rows = [_row(cells, workload, workers, names) for workload in WORKLOADS for workers in workload.targets
            if any(key[:2] == (workload.name, workers) for key in cells)]
    texts = (0, 1, 2, len(head) - 4, len(head) - 2, len(head) - 1)
    return _align([head, *rows], left=texts)


def memory(cells: Cells, names: list[str]) -> list[str]:
    """Peak resident memory and maps of the same runs."""
    head = ["peak kB / maps", "", *names]
    rows = []
    for workload in WORKLOADS:
        for workers in workload.targets:
            row = [workload.name, f"{workers}w"]
            for name in names:
                cell = cells.get((workload.name, workers, name))
                peak, maps = (cell.value("peak_kb"), cell.value("maps")) if cell else (None, None)
                row.append(f"{peak:,.0f} / {maps:.0f}" if peak is not None and maps is not None else "-")
            if any(word != "-" for word in row[2:]):
                rows.append(row)
    return _align([head, *rows], left=(0, 1))


def parked(cells: Cells, names: list[str]) -> list[str]:
    """W3 in full: what one parked strand costs."""
    head = ["w3, each strand", "", "create ns", "release ns", "bytes", "page-table bytes", "maps"]
    keys = ["create_ns", "release_ns", "bytes_each", "table_bytes_each", "maps_live"]
    rows = []
    for (workload, workers, name), cell in cells.items():
        if workload == "w3" and name in names and cell.samples:
            rows.append([name, cell.failed or f"{workers}w", *[figure(cell.value(key)) for key in keys]])
    return _align([head, *rows], left=(0, 1)) if rows else []


def _align(rows: list[list[str]], left: tuple[int, ...]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        words = [word.ljust(width) if i in left else word.rjust(width) for i, (word, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(words).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return lines
