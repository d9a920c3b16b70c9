#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# soak.sh [WORD...]: the C tests again and again for SOAK_MINUTES (60), in rounds on all processors, on one, beside busy neighbours,
# with low limits, on every engine and under 2,000 schedules each, then those of the soak tier. Ends at the first failure, with
# what it printed. Without a WORD the models come first, with more preemptions than in the gate and five minutes for each at most.
. "$(dirname "$0")/lib.sh"

minutes=${SOAK_MINUTES:-60}
end=$((SECONDS + minutes * 60))
log=$TARGET/soak.log
neighbours=()
trap 'kill "${neighbours[@]}" 2>/dev/null || true' EXIT

round() {    # KIND: one round, quiet unless it fails
    local kind=$1
    shift
    case $kind in
        plain) tools/run-c-tests.sh "$@" ;;
        one-processor) taskset -c 0 tools/run-c-tests.sh "$@" ;;
        neighbours)
            for _ in $(seq $((2 * JOBS))); do
                (while :; do :; done) &
                neighbours+=($!)
            done
            local status=0
            tools/run-c-tests.sh "$@" || status=$?
            kill "${neighbours[@]}" 2>/dev/null || true
            neighbours=()
            return "$status"
            ;;
        few-descriptors) (ulimit -n 64 && tools/run-c-tests.sh "$@") ;;
        engines) tools/run-c-tests.sh --engines all "$@" ;;
        schedules) tools/run-c-tests.sh --schedules 2000 "$@" ;;
        soak-tier) tools/run-c-tests.sh --tier soak "$@" ;;
    esac
}

if [ $# = 0 ]; then
    LOOM_MAX_PREEMPTIONS=${LOOM_MAX_PREEMPTIONS:-4} LOOM_MAX_DURATION=${LOOM_MAX_DURATION:-300} MODEL_TIMEOUT=1800 tools/test-models.sh ||
        die "a model failed"
fi

number=0
while [ "$SECONDS" -lt "$end" ]; do
    for kind in plain one-processor neighbours few-descriptors engines schedules soak-tier; do
        [ "$SECONDS" -lt "$end" ] || break
        number=$((number + 1))
        export LIBSTRAND_TEST_SEED=$((number * 1000003))    # other random programs in each round; a failure prints it
        if round "$kind" "$@" >"$log" 2>&1; then say "round $number ($kind): $(tail -n 1 "$log")"; else
            cat "$log"
            die "round $number ($kind) failed; it is in $log"
        fi
    done
done
say "$number rounds in $minutes minutes, none failed"
