# SPDX-License-Identifier: MIT OR Apache-2.0
"""Builds what is measured, into one folder that can be carried to another machine: our programs with the shipped archive in them, the
peers that can be had, patterns and text."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import corpus  # noqa: E402
from harness import subjects  # noqa: E402

OURS = ("ours", "bfs", "scan")
FLAGS = ("-std=gnu11", "-O3", "-Wall", "-Wextra", "-Werror", "-s")


def compile_c(folder: Path, name: str, *flags: str) -> None:
    subjects.run(os.environ.get("CC", "cc"), *FLAGS, "-I", subjects.ROOT / "include", HERE / f"{name}.c", "-o", folder / name, *flags)


def ours(folder: Path) -> None:
    for name in OURS:
        compile_c(folder, name, *subjects.library_flags())


def opencl(folder: Path) -> None:
    compile_c(folder, "opencl", "-lOpenCL")


def vectorscan(folder: Path) -> None:
    if shutil.which("pkg-config") is None:
        raise subjects.Skip("no pkg-config")
    flags = subjects.run("pkg-config", "--cflags", "--libs", "libhs").split()
    compile_c(folder, "vectorscan", *flags, "-Wl,-rpath,$ORIGIN")
    # The library goes along: it is not everywhere.
    for line in subjects.run("ldd", folder / "vectorscan").splitlines():
        words = line.split()
        if words and words[0].startswith(("libhs", "libstdc++")) and len(words) > 2 and Path(words[2]).parent.resolve() != folder.resolve():
            shutil.copy(words[2], folder)


def rust(folder: Path, name: str) -> None:
    if shutil.which("cargo") is None:
        raise subjects.Skip("no cargo")
    subjects.run("cargo", "build", "--locked", "--release", "--example", name, cwd=subjects.ROOT,
                 env={"CARGO_TARGET_DIR": str(subjects.TARGET)})
    shutil.copy(subjects.TARGET / "release" / "examples" / name, folder / name)
    if shutil.which("strip"):
        subjects.run("strip", folder / name)    # the folder travels


def text(folder: Path) -> None:
    try:
        corpus.write(folder, lambda path, rules: taken_by_us(folder, path, rules))
    except (corpus.Missing, OSError) as missing:
        raise subjects.Skip(str(missing)) from missing


def taken_by_us(folder: Path, path: Path, rules: list[corpus.Rule]) -> list[corpus.Rule]:
    """The rules that our library compiles; which it refuses is printed by the program."""
    if not (folder / "scan").exists():
        return rules
    said = subjects.run(folder / "scan", "check", path)
    refused = {int(line.split()[1]) for line in said.splitlines() if line.startswith("refused ")}
    return [rule for number, rule in enumerate(rules) if number not in refused]


PEERS = {"raw wgpu": lambda folder: rust(folder, "raw_wgpu"), "PoCL": opencl, "vectorscan": vectorscan,
         "aho-corasick": lambda folder: rust(folder, "aho_corasick"), "patterns and text": text}


def build(folder: Path) -> None:
    """Builds everything; says loudly what cannot be had."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        ours(folder)
    except subjects.Skip as failure:
        sys.exit(f"benches/gpu: {failure}")
    for name, make in PEERS.items():
        try:
            make(folder)
        except (subjects.Skip, FileNotFoundError) as reason:
            print(f"\n*** NOT HAD: {name}: {reason}\n*** What needs it is not measured below.\n", flush=True)


def devices(folder: Path) -> dict[str, str]:
    """The kinds of device that open here, with their names."""
    found = {}
    for kind in ("software", "cpu", "hardware"):
        done = subprocess.run([folder / "ours", "await", kind], capture_output=True, text=True)
        for line in done.stdout.splitlines():
            if line.startswith("D ") and done.returncode == 0:
                found[kind] = line[2:]
    return found
