# SPDX-License-Identifier: MIT OR Apache-2.0
# Sourced by every script here: where things are, and how a test reports what it found.
# shellcheck shell=bash

set -euo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
case $TARGET in /*) ;; *) TARGET=$ROOT/$TARGET ;; esac
SHIP=${SHIP:-$TARGET/ship}        # the libraries as they are installed
RESULTS=$TARGET/results           # one PART.count per part of the gate: passed, failed, skipped
CC=${CC:-cc}
CXX=${CXX:-c++}
OBJCOPY=${OBJCOPY:-objcopy}
LD=${LD:-$(command -v ld.bfd || echo ld)}    # GNU ld: others lack --force-group-allocation
HEADER=${HEADER:-$ROOT/include/strand.h}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
FEATURES=${FEATURES:-}            # cargo features of the library, separated by commas
GPU=${GPU:-1}                     # 0: a library without the feature gpu, in which devices are the processor alone
feature_flags=(--features "$FEATURES")
case $GPU in 1) ;; 0) feature_flags+=(--no-default-features) ;; *) echo "GPU is 0 or 1, not '$GPU'" >&2; exit 1 ;; esac

# What of strand.h is about devices: the part of the static library that a program gets only if it names one of these.
DEVICE_NAMES='^strand_(device|buffer|program|worklist|work|ticket|automaton|graph)_'

VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOVERSION=0                       # raised with every change of the ABI that old programs notice
SONAME=libstrand.so.$SOVERSION
SOFILE=libstrand.so.$VERSION

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# free_memory: GiB that a program may have; where a limit is set for its group of processes, no more than is left of that
free_memory() {
    local here=/sys/fs/cgroup free limit used cached left
    free=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    limit=$(cat "$here/memory.max" 2>/dev/null || true)
    used=$(cat "$here/memory.current" 2>/dev/null || true)
    cached=$(awk '$1 == "inactive_file" { print $2 }' "$here/memory.stat" 2>/dev/null || true)
    case $limit in
        '' | *[!0-9]*) ;;
        *)
            left=$(((limit - ${used:-0} + ${cached:-0}) >> 30))
            [ "$left" -ge "$free" ] || free=$left
            ;;
    esac
    say "$free"
}

# GNU nm and ar hand every file to an LLVM plugin where one is installed, and an older plugin chokes on newer bitcode.
# readelf has no plugins, so symbols are read with it.
# defined_symbols FILE: names of the global symbols that FILE (object, archive, shared library) defines, sorted
defined_symbols() {
    local table=--symbols
    case $1 in *.so | *.so.*) table=--dyn-syms ;; esac
    readelf --wide "$table" "$1" |
        awk '$5 ~ /^(GLOBAL|WEAK|UNIQUE)$/ && $7 != "UND" && $7 != "ABS" { sub(/@.*/, "", $8); print $8 }' | sort -u
}

# code_of_devices FILE: how many functions of the device and shader crates are in FILE
code_of_devices() { readelf --wide --symbols "$1" | awk '$4 == "FUNC" && $8 ~ /4wgpu|wgpu_core|wgpu_hal|4naga/ { n++ } END { print n + 0 }'; }

# sections FILE: section names, one a line
sections() { readelf --wide --sections "$1" | sed -n 's/^ *\[ *[0-9]*\] \([^ ]*\) .*/\1/p' | grep -v '^NULL$' | sort -u; }

# Reports of a part of the gate. A skip whose reason names a tool that CI installs (CI_PROVIDES) is a failure.
PASSED=0 FAILED=0 SKIPPED=0
ok() { PASSED=$((PASSED + 1)); say "ok $*"; }
fail() { FAILED=$((FAILED + 1)); say "FAIL $*"; }
skip() {    # NAME REASON
    local tool words=" ${2//[^a-zA-Z0-9_.+-]/ } "
    for tool in ${CI_PROVIDES:-}; do
        case $words in *" $tool "*) fail "$1: $2, and CI is meant to install $tool"; return ;; esac
    done
    SKIPPED=$((SKIPPED + 1))
    say "skip: $1: $2"
}
# check NAME COMMAND...: passes when the command does; its output is shown when it does not
check() {
    local name=$1 out status=0
    shift
    out=$("$@" 2>&1) || status=$?
    if [ "$status" = 0 ]; then ok "$name"; else fail "$name (exit $status)"; printf '%s\n' "$out" | sed 's/^/    /' | tail -n 40; fi
}
# summary PART: prints the counts, leaves them for the whole gate, and is the exit status of the part
summary() {
    mkdir -p "$RESULTS"
    say "$PASSED $FAILED $SKIPPED" >"$RESULTS/$1.count"
    say "$1: $PASSED passed, $FAILED failed, $SKIPPED skipped"
    [ "$FAILED" = 0 ]
}
