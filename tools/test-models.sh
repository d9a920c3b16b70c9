#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test-models.sh [WORD]: loom explores the interleavings of the lock-free parts (src/models, with negative controls); it compiles the
# library's own source. Each model in a process of its own, as many at once as there are processors.
#
# LOOM_MAX_PREEMPTIONS: deeper than the 2 or 3 preemptions that each model asks for (they are for the gate); the soak takes 4.
# LOOM_MAX_DURATION: seconds after which a model that holds so far is left alone. MODEL_TIMEOUT (seconds, 1800).
. "$(dirname "$0")/lib.sh"

export RUSTFLAGS="${RUSTFLAGS:-} --cfg loom" CARGO_TARGET_DIR=$TARGET CARGO_MANIFEST_DIR=$ROOT
# Without devices, of which nothing is modelled. Without LTO: it takes longer to link than the models take to run.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
# Of other crates those that run while a model does are optimised; the rest, which are for other tests, are only compiled.
crates=(--config 'profile.release.package."*".opt-level=0')
for crate in loom generator scoped-tls tracing tracing-core; do crates+=(--config "profile.release.package.$crate.opt-level=3"); done
limit=${MODEL_TIMEOUT:-1800}
work=$TARGET/models
rm -rf "$work"
mkdir -p "$work"

binary=$(cargo test "${crates[@]}" --locked --release --lib --no-default-features --no-run --message-format=json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p') || true
[ -n "$binary" ] || { fail "build of the models"; summary models; exit 1; }
"$binary" --list --format terse 2>/dev/null | sed -n 's/: test$//p' | grep model | grep -F -- "${1:-}" >"$work/list" || true

run_model() {    # TEST: leaves TEST.out and TEST.status
    local status=0
    timeout --signal=QUIT --kill-after=5 "$limit" "$binary" --exact "$1" --nocapture --test-threads=1 >"$work/$1.out" 2>&1 </dev/null || status=$?
    echo "$status" >"$work/$1.status"
}
export -f run_model
export binary work limit
xargs --no-run-if-empty -P "$JOBS" -I{} bash -c 'run_model {}' <"$work/list"

while read -r name; do
    status=$(cat "$work/$name.status" 2>/dev/null || echo "no status")
    case $status in
        0) ok "$name$(sed -n 's/.*[. ]\([0-9]\+ executions.*\)/: \1/p' "$work/$name.out" | head -n 1)" ;;
        124 | 137) fail "$name: no end after $limit s" ;;
        *) fail "$name (exit $status)"; tail -n 40 "$work/$name.out" | sed 's/^/    /' ;;
    esac
done <"$work/list"
[ $((PASSED + FAILED)) -gt 0 ] || fail "there is no model named like that"
summary models
