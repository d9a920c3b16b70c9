#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test-seq.sh [WORD...]: programs that the published seq-compiler has compiled, on libstrand: what they print, with 1, 2 and 8 workers, is
# what is written beside them (NAME.out) and what they print on their own runtime; which scheduler ran; memory; and the first version's API.
# A program says in a comment how it is run:   # test: args="100000" exit=2 original=no
. "$(dirname "$0")/lib.sh"

tools/build-seq.sh
work=$TARGET/tests-seq
mkdir -p "$work"
words=("$@")
chosen() {
    local word
    [ "${#words[@]}" != 0 ] || return 0
    for word in "${words[@]}"; do [[ $1 != *"$word"* ]] || return 0; done
    return 1
}
native=$(cat "$SHIP/native-static-libs")

# --- the first version's API -----------------------------------------------------------------------------------------

if chosen seq0; then
    # shellcheck disable=SC2086
    check "seq0 compiles without a warning" "$CC" -std=c11 -O2 -Wall -Wextra -Werror "-I$(dirname "$HEADER")" compat/seq/tests/seq0.c \
        "$SHIP/libstrand_seq0.a" "$SHIP/libstrand.a" -pthread $native -o "$work/seq0"
    for workers in 1 2 8; do check "seq0 with $workers workers" env STRAND_WORKERS=$workers timeout 300 "$work/seq0"; done
    check "seq0 on the stepped engine" env STRAND_ENGINE=stepped timeout 300 "$work/seq0"
    for seed in 1 2 3; do check "seq0 under pct, seed $seed" env STRAND_ENGINE=stepped STRAND_POLICY=pct STRAND_SEED=$seed timeout 300 "$work/seq0"; done
fi

# --- compiled programs -------------------------------------------------------------------------------------------------

export LIBSTRAND_DIR=$SHIP
[ ! -x "$TARGET/seqc/bin/seqc" ] || export SEQC=${SEQC:-$TARGET/seqc/bin/seqc}
if ! reason=$(compat/seq/strand-seqc --check 2>&1); then
    skip "compiled Seq programs" "seqc or its tools: $(tr '\n' ' ' <<<"$reason")"
    summary seq
    exit
fi

directive() { sed -n "s/^# test:.*\b$1=\"\([^\"]*\)\".*/\1/p; s/^# test:.*\b$1=\([^\" ]*\).*/\1/p" "$2" | head -n 1; }
"$CC" -O2 -Wall -Wextra -Werror -D_GNU_SOURCE tools/peak-memory.c -o "$work/peak-memory"
# run PROGRAM ARGS...: leaves what it printed in $work/out and $work/err, its exit status in $status, its peak memory in kB in $memory
run() {
    status=0
    timeout 300 "$work/peak-memory" "$work/peak" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    memory=$(cat "$work/peak" 2>/dev/null || echo 0)
}
# judge NAME EXPECTED-STATUS EXPECTED-OUTPUT
judge() {
    if [ "$status" = "$2" ] && cmp -s "$work/out" "$3"; then ok "$1"; else
        fail "$1: exit $status, expected $2"
        diff "$3" "$work/out" | head -n 20 | sed 's/^/    /' || true
        head -n 20 "$work/err" | sed 's/^/    /'
    fi
}
compile() { compat/seq/strand-seqc "$@" >"$work/compile.log" 2>&1 || { fail "$* compiles"; sed 's/^/    /' "$work/compile.log"; return 1; }; }

for source in compat/seq/programs/*.seq; do
    name=$(basename "$source" .seq)
    chosen "$name" || continue
    [ "$name" != http-actors ] || continue
    read -r -a arguments <<<"$(directive args "$source")"
    expected=$(directive exit "$source")
    compile "$source" -o "$work/$name" || continue
    for workers in 1 2 8; do
        export STRAND_WORKERS=$workers LIBSTRAND_SEQ_COUNTERS=1
        run "$work/$name" "${arguments[@]}"
        unset STRAND_WORKERS LIBSTRAND_SEQ_COUNTERS
        judge "$name with $workers workers" "${expected:-0}" "${source%.seq}.out"
    done
    # Our counters show that it was our scheduler which ran. A program that fails has no report of them.
    if [ "${expected:-0}" = 0 ]; then
        check "$name: its strands were ours" grep -E 'libstrand_seq: [1-9][0-9]* strands, [1-9][0-9]* switches' "$work/err"
    fi
    if [ "$(directive original "$source")" != no ]; then
        compile --original "$source" -o "$work/$name.original" || continue
        run "$work/$name.original" "${arguments[@]}"
        judge "$name on its own runtime" "${expected:-0}" "${source%.seq}.out"
    fi
done

# --- the script itself -------------------------------------------------------------------------------------------------

if chosen strand-seqc; then
    check "strand-seqc compares both ways" compat/seq/strand-seqc --verify compat/seq/programs/close.seq
    cp compat/seq/programs/deadlock.seq "$work/stuck.seq"
    check "strand-seqc tells where they differ" sh -c "! SEQ_VERIFY_SECONDS=10 compat/seq/strand-seqc --verify '$work/stuck.seq' >'$work/out' 2>&1 && grep -q 'exit 124 with the original runtime, 2 with libstrand' '$work/out'"
    mkdir -p "$work/few"
    for tool in bash dirname cut cat env sed mktemp rm; do ln -sf "$(command -v "$tool")" "$work/few/$tool"; done
    check "strand-seqc says what is missing" sh -c "! env -u SEQC HOME=/ PATH='$work/few' LIBSTRAND_DIR='$work/few' compat/seq/strand-seqc x.seq >'$work/out' 2>&1 &&
        grep -q 'apt-get install clang-19' '$work/out' && grep -q 'apt-get install llvm-19' '$work/out' && grep -q 'cargo install seq-compiler' '$work/out'"
    check "strand-seqc says that there is no such file" sh -c "! compat/seq/strand-seqc '$work/none.seq' 2>'$work/out' && grep -q 'there is no file' '$work/out'"
fi

# --- what values become of ------------------------------------------------------------------------------------------------

if chosen values; then
    for name in close closures weave; do
        if ! have valgrind; then skip "values of $name" "needs valgrind"; continue; fi
        compile "compat/seq/programs/$name.seq" -o "$work/$name" || continue
        check "values: $name drops each once, and loses none" env STRAND_WORKERS=1 timeout 1200 valgrind -q --suppressions=compat/seq/tests/memcheck.supp --leak-check=full --errors-for-leak-kinds=definite \
            --show-leak-kinds=definite --error-exitcode=9 "$work/$name"
    done
fi

# --- which threads there are --------------------------------------------------------------------------------------------

if chosen threads && compile compat/seq/programs/sleep.seq -o "$work/sleep"; then
    # Looked at all the time that it runs, once it has become the program; and again, if it was over before it was looked at.
    for _ in $(seq 20); do
        "$work/sleep" >/dev/null &
        process=$!
        while [ -n "$(jobs -rp)" ]; do
            ! grep -q -x sleep "/proc/$process/comm" 2>/dev/null || cat "/proc/$process/task"/*/comm 2>/dev/null || true
        done >"$work/threads.seen"
        wait "$process" || true
        sort -u "$work/threads.seen" >"$work/threads"
        [ ! -s "$work/threads" ] || break
    done
    ours() { [ -s "$work/threads" ] && ! grep -v -x -e sleep -e 'strand.*' "$work/threads"; }
    check "threads: none but ours and main's" ours
fi

# --- how much memory ------------------------------------------------------------------------------------------------------

below() {    # below NAME KILOBYTES PROGRAM ARGS...
    local name=$1 limit=$2
    shift 2
    run "$@"
    if [ "$status" = 0 ] && [ "$memory" -gt 0 ] && [ "$memory" -lt "$limit" ]; then ok "$name: $memory kB"; else
        fail "$name: exit $status, $memory kB, at most $limit"
        head -n 5 "$work/err" | sed 's/^/    /'
    fi
}
if chosen memory && compile compat/seq/programs/sleep.seq -o "$work/sleep" && compile compat/seq/programs/churn.seq -o "$work/churn" &&
    compile compat/seq/programs/park.seq -o "$work/park"; then
    below "memory: a small program" 8200 "$work/sleep"
    below "memory: a million strands that come and go" 51200 "$work/churn" 1000000
    below "memory: 100,000 strands that wait at once, with the system as it is" 1500000 "$work/park" 100000
    if [ "$(free_memory)" -ge 12 ]; then
        below "memory: 1,000,000 strands that wait at once, with the system as it is" 9500000 "$work/park" 1000000
    else skip "1,000,000 Seq strands that wait at once" "needs 12 GiB of free memory"; fi
fi

# --- a server with real clients -------------------------------------------------------------------------------------------

if chosen http-actors; then
    for kind in ours original; do
        flag=() program=$work/http-actors.$kind
        [ "$kind" = ours ] || flag=(--original)
        compile "${flag[@]}" compat/seq/programs/http-actors.seq -o "$program" || continue
        check "http-actors: 8 clients, 400 requests, 150 silent connections, on $kind" timeout 300 python3 compat/seq/tests/http_clients.py "$program"
    done
fi
summary seq
