#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# run-rust-tests.sh [WORD...]: every Rust test whose name contains one of the words, each in a process of its own with a time limit: the library has
# one scheduler per process, and a hang must not take the other results with it.
#
# The profile is dev, which checks the invariants that are debug assertions; the optimised library is what the C tests run. The features
# are the default ones and spirv, which only adds tests (FEATURES= for none).
# GPU=0: without devices, and then only the tests in the library: the others look at files.
# TEST_TIMEOUT (seconds, 600: it is for hangs alone), JOBS (processes at once).
[ "${GPU:-1}" = 0 ] || FEATURES=${FEATURES-spirv}
. "$(dirname "$0")/lib.sh"
. tools/jobs.sh

words=("$@")
targets=(--lib --tests)
[ "$GPU" = 1 ] || targets=(--lib)
limit=${TEST_TIMEOUT:-600}
part=${PART:-rust}
work=$TARGET/tests-$part
rm -rf "$work"
mkdir -p "$work"

wanted() {
    local word
    [ "${#words[@]}" != 0 ] || return 0
    for word in "${words[@]}"; do [[ $1 != *"$word"* ]] || return 0; done
    return 1
}
# name of the crate under test, path of its test binary
binaries() {
    CARGO_TARGET_DIR=$TARGET cargo test --locked "${targets[@]}" "${feature_flags[@]}" --no-run --message-format=json-render-diagnostics |
        sed -n 's/.*"target":{[^}]*"name":"\([^"]*\)".*"executable":"\([^"]*\)".*/\1 \2/p'
}
binaries >"$work/binaries" || { fail "build of the tests"; summary "$part"; exit 1; }

export CARGO_MANIFEST_DIR=$ROOT RUST_BACKTRACE=${RUST_BACKTRACE:-1}
# one_test CRATE BINARY TEST
one_test() {
    local name=$1::$3 out="$work/$1::$3" status=0 what reason
    execute() { exec timeout --signal=QUIT --kill-after=5 "$limit" "$1" --exact "$2" --nocapture --test-threads=1 >"$out" 2>&1 </dev/null; }
    command_here execute "$2" "$3" 2>/dev/null || status=$?
    if [ "$status" = 0 ]; then
        ok "$name"
        # What a test could not look at here: "skip: what: reason".
        while IFS=: read -r what reason; do skip "$name:$what" "${reason# }"; done < <(sed -n 's/^skip://p' "$out")
        rm -f "$out"
    else
        [ "$status" = 124 ] || [ "$status" = 137 ] && status="no end after $limit s" || status="exit $status"
        fail "$name: $status"
        sed 's/^/    /' "$out" | tail -n 60
    fi
}
while read -r crate binary; do
    "$binary" --list --format terse >"$work/list" 2>/dev/null || { fail "$crate: cannot list its tests"; continue; }
    ignored=$("$binary" --list --format terse --ignored 2>/dev/null || true)
    while read -r test; do
        wanted "$crate::$test" || continue
        if grep -qxF "$test: test" <<<"$ignored"; then job plain skip "$crate::$test" "marked as ignored"; continue; fi
        job plain one_test "$crate" "$binary" "$test"
    done < <(sed -n 's/: test$//p' "$work/list")
done <"$work/binaries"
run_jobs "$work/jobs"
[ $((PASSED + FAILED + SKIPPED)) -gt 0 ] || fail "no test has '${words[*]}' in its name"
summary "$part"
