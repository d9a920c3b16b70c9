#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test-models.sh [WORD]: loom explores every interleaving of the lock-free parts (src/models, with a control for each ordering); it
# compiles the library's own source. LOOM_MAX_PREEMPTIONS bounds it (2 in the gate).
. "$(dirname "$0")/lib.sh"

export RUSTFLAGS="${RUSTFLAGS:-} --cfg loom" CARGO_TARGET_DIR=$TARGET LOOM_MAX_PREEMPTIONS=${LOOM_MAX_PREEMPTIONS:-2}
# Without LTO: it takes longer to link than the models take to run.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
log=$TARGET/models.log
status=0
timeout --signal=QUIT --kill-after=5 "${MODEL_TIMEOUT:-1200}" cargo test --locked --release --lib "${1:-model}" -- --test-threads="$JOBS" >"$log" 2>&1 || status=$?
while read -r name outcome; do
    case $outcome in ok) ok "$name" ;; ignored*) skip "$name" "marked as ignored" ;; *) fail "$name" ;; esac
done < <(sed -n 's/^test \(.*\) \.\.\. /\1 /p' "$log" | sed 's/ - should panic / /')
if [ "$status" != 0 ]; then
    [ "$FAILED" != 0 ] || fail "the models: cargo test ended with $status"
    tail -n 80 "$log" | sed 's/^/    /'
fi
[ $((PASSED + FAILED)) -gt 0 ] || fail "there is no model named like that"
summary models
