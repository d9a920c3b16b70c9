#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test.sh [PART...]: the gate. Every part runs, also after one has failed; the last line counts the checks of all of them.
# "all" is the usual parts and the C tests under AddressSanitizer and memcheck.
# While the lints compile, the libraries are built: their link takes minutes, and one processor. BESIDE is a command more to run then.
. "$(dirname "$0")/lib.sh"

parts=(lint rust models package c_tests engines schedules may gpu examples seq installed instructions)
case $* in '') ;; all) parts+=(asan valgrind) ;; *) parts=("$@") ;; esac
rm -rf "$RESULTS"
mkdir -p "$RESULTS"

examples() {    # the script of the examples counts for itself, in its last line
    local log=$RESULTS/examples.log line
    { examples/test.sh "$SHIP" include "$TARGET/examples" 2>&1 || true; } | tee "$log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped' "$log" | tail -n 1)
    [ -n "$line" ] || return 1
    read -r PASSED _ FAILED _ <<<"$line"
    SKIPPED=0
    while IFS=: read -r name reason; do skip "$name" "${reason# }"; done < <(sed -n 's/^skip: //p' "$log")
    summary examples
}

# beside COMMAND: begins it in the background, in a group of its own, so that it ends with this script
groups=()
end_groups() { for group in "${groups[@]}"; do kill -- "-$group" 2>/dev/null || true; done; }
trap end_groups EXIT
beside() {
    local log=$RESULTS/beside-${#groups[@]}.log
    set -m
    bash -c "$1" >"$log" 2>&1 </dev/null &
    groups+=($!)
    set +m
}
# What failed there is made again by the part that needs it, and fails there.
wait_for_groups() {
    local number
    for number in "${!groups[@]}"; do
        wait "${groups[$number]}" || true
        cat "$RESULTS/beside-$number.log"
    done
    groups=()
}

began=$SECONDS
total_passed=0 total_failed=0 total_skipped=0 table=
case " ${parts[*]} " in *" lint "*" package "* | *" lint "*" c_tests "*) beside "tools/build-static.sh && tools/build-shared.sh" ;; esac
[ -z "${BESIDE:-}" ] || beside "$BESIDE"
for part in "${parts[@]}"; do
    [ "$part" = lint ] || wait_for_groups
    say "" && say "== $part"
    start=$SECONDS
    case $part in
        lint) (tools/lint.sh) || true ;;
        rust) (tools/run-rust-tests.sh) || true ;;
        models) (tools/test-models.sh) || true ;;
        package) (tools/build-static.sh && tools/build-shared.sh && tools/check-package.sh) || true ;;
        c_tests) (tools/run-c-tests.sh) || true ;;
        engines) (tools/run-c-tests.sh --engines gate) || true ;;
        schedules) (tools/run-c-tests.sh --schedules 100) || true ;;
        may) (tools/test-may.sh) || true ;;
        gpu) (tools/build-static.sh && tools/build-shared.sh && tools/test-gpu.sh) || true ;;
        examples) (examples) || true ;;
        seq) (tools/build-static.sh && tools/test-seq.sh) || true ;;
        installed) (tools/check-installed.sh) || true ;;
        asan) (tools/test-asan.sh) || true ;;
        valgrind) (tools/build-static.sh && tools/run-c-tests.sh --instrument valgrind) || true ;;
        instructions) (python3 benches/instructions) || true ;;
        *) die "no part is named '$part'" ;;
    esac
    if read -r passed failed skipped 2>/dev/null <"$RESULTS/$part.count"; then :; else passed=0 failed=1 skipped=0; say "FAIL $part did not come to its end"; fi
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed)) total_skipped=$((total_skipped + skipped))
    table+=$(printf '%-12s %5d passed %4d failed %4d skipped %6d s' "$part" "$passed" "$failed" "$skipped" $((SECONDS - start)))$'\n'
done
wait_for_groups
say "" && printf '%s' "$table"
say "in $((SECONDS - began)) s"
say "$total_passed passed, $total_failed failed, $total_skipped skipped" | tee "$RESULTS/total"
[ "$total_failed" = 0 ]
