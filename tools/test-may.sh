#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test-may.sh [WORD...]: the C tests on the may engine, with one worker and with two, against a library with the cargo feature `may`.
# That library is built in a folder of its own, $TARGET/may, and its lints are run: nothing else compiles the engine. It has no devices, which
# are another crate's code and take minutes to build.
. "$(dirname "$0")/lib.sh"

if ! cargo fetch --locked >/dev/null 2>&1; then
    skip "C tests on the may engine" "its crates cannot be fetched"
    summary may
    exit
fi
check "clippy with the may engine" cargo clippy --locked --quiet --lib --no-default-features --features may -- --deny warnings
check "what the may crate does by itself" cargo test --locked --quiet --lib --no-default-features --features may engine::may
export SHIP=$TARGET/may/ship
rm -f "$TARGET/may/results/engines.count"
(
    export CARGO_TARGET_DIR=$TARGET/may FEATURES=may GPU=0
    tools/build-static.sh && tools/build-shared.sh
    tools/run-c-tests.sh --engine may:1 --engine may:2 "$@"
) || true
if read -r passed failed skipped 2>/dev/null <"$TARGET/may/results/engines.count"; then :; else passed=0 failed=1 skipped=0; fi
PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
summary may
