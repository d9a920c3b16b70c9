#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds every example with all warnings as errors, runs it on small inputs and checks what it prints.
# A line for each: 'ok name', 'FAIL name' (details on standard error) or 'skip: name: reason'.
# usage: test.sh LIBDIR INCLUDEDIR OUTDIR
set -u
. "$(dirname "$0")/common.sh"

passed=0 failed=0 skipped=0
output=$outdir/output.txt log=$outdir/log.txt
warnings='-Wall -Wextra -Wpedantic -Werror'
rpath="-Wl,-rpath,$(cd "$libdir" && pwd)"

ok() { passed=$((passed + 1)); echo "ok $1"; }
fail() {
    failed=$((failed + 1))
    echo "FAIL $1"
    sed 's/^/    /' "$log" "$output" >&2
}
skip() { skipped=$((skipped + 1)); echo "skip: $1: $2"; }

# expect NAME FUNCTION...: the function decides; what it prints is kept for the case that it fails.
expect() {
    name=$1
    shift
    : >"$output"
    if "$@" >"$log" 2>&1; then ok "$name"; else fail "$name"; fi
}
compile() { "$CC" -std=gnu11 -O2 $warnings -I"$includedir" "$@"; }
static() { source=$1; shift; compile "$examples/$source.c" "$archive" "$@" -o "$outdir/$source"; }
# A hang is a failure too: 124.
run() {
    { timeout 300 "$@"; } >"$output" 2>&1
    status=$?
    echo "$* ended with $status"
    return $status
}
prints() { grep -q -e "$1" "$output" || { echo "it does not print: $1"; return 1; }; }
is() { [ "$(cat "$output")" = "$1" ] || { echo "it does not print: $1"; return 1; }; }

hello_static() { static hello && run "$outdir/hello" && is 'hello from another strand'; }
hello_shared() {
    compile "$examples/hello.c" -L"$libdir" -lstrand "$rpath" -o "$outdir/hello_shared" &&
        run "$outdir/hello_shared" && is 'hello from another strand'
}
ping_pong() { static ping_pong && run "$outdir/ping_pong" 20000 && prints 'every answer right'; }
print_recording() { static print_recording && run "$outdir/print_recording" && prints 'steps 0 to 7: predicted'; }
collector() {
    static collector || return 1
    for workers in 1 2 8; do
        run "$outdir/collector" $workers 16 100 && prints 'nothing lost$' && prints ' a hundred, 0 when it is gone$' || return 1
    done
    for kind in 0 1 2 3 5; do    # it looks away from one kind of root: objects are lost
        if run "$outdir/collector" --hide $kind; then echo "hiding $kind goes unnoticed"; return 1; fi
        prints 'an object was lost' || return 1
    done
}
select_from_several() {
    static select && run "$outdir/select" && prints '100, 200 and 300 messages' && prints 'ended 5 strands, and 0 tickets were lost'
}
# On a virtual clock as it must be. On a real one sleeps as short as these may end in another order, when the machine has other things
# to do: then longer ones.
timers() {
    static timers && run env STRAND_ENGINE=stepped "$outdir/timers" 30 10 50 20 40 && prints '  50   (0.0 ms after its time)' || return 1
    run "$outdir/timers" 30 10 50 20 40 || run "$outdir/timers" 300 100 500 200 400 || run "$outdir/timers" 3000 1000 5000 2000 4000 ||
        return 1
    prints 'nobody sends any more: STRAND_ERR_TIMEOUT'
}
generator() {
    static generator && run "$outdir/generator" && prints 'the same 4 words' && prints 'differ at word 4' && prints 'walks left open: 0$'
}
supervisor() {
    static supervisor && run "$outdir/supervisor" && prints 'once too often: giving up' && prints 'for reason 4711$' || return 1
    cp "$output" "$outdir/supervised.txt"
    run "$outdir/supervisor" && cmp "$output" "$outdir/supervised.txt"    # virtual time: every run is the same
}
ticker() {
    static ticker && run "$outdir/ticker" && prints 'quit after' && run env STRAND_ENGINE=stepped "$outdir/ticker" &&
        prints '^ 110 ms  tick 4$' && prints 'and 1 that found no room' && prints '^ 120 ms  tick 5$' &&
        prints '^ 190 ms  quit after 8 ticks$'
}
cache() { static cache -pthread && run "$outdir/cache" && prints '^1000 questions, 20 values, 20 loads, at most [123] at a time, sum 123500$'; }
joins() {
    static joins -pthread && run "$outdir/joins" && prints '^ALL  *STRAND_ERR_FAILED decided by lima ' && prints '^ANY  *STRAND_OK ' &&
        prints '^ALL_SETTLED .*decided by nobody .* cairo has it$' && prints 'delivered: 42$' && prints '^run: task .* the disk is full$' ||
        return 1
    # Who is the first is certain on a virtual clock alone.
    run env STRAND_ENGINE=stepped "$outdir/joins" && prints '^ALL  *STRAND_ERR_FAILED decided by lima .* kyoto cancelled' &&
        prints '^ANY  *STRAND_OK  *decided by kyoto' && prints '^ALL_SETTLED .*decided by nobody .* cairo has it$' &&
        prints '^two of them .*decided by cairo' && prints 'delivered: 42$' && prints '^run: task .* the disk is full$'
}
threads() { static threads -pthread && run "$outdir/threads" && prints ': 10$'; }
errno_follows() { static errno && run "$outdir/errno" && prints 'wrong 0 times$'; }
wordcount() {
    "$examples/gather-text.sh" "$outdir/text" 4000000 && static wordcount &&
        run "$outdir/wordcount" "$outdir/words" "$outdir/text"/*.txt || return 1
    coreutils_count "$outdir/text"/*.txt >"$outdir/words.coreutils"
    [ -s "$outdir/words" ] && cmp "$outdir/words" "$outdir/words.coreutils"
}
wordcount_no_words() {    # an empty file, one without letters, one long word
    : >"$outdir/none.txt"
    echo '0123456789 .,-' >"$outdir/digits.txt"
    head -c 300000 /dev/zero | tr '\0' x >"$outdir/long.txt"
    static wordcount && run "$outdir/wordcount" "$outdir/words" "$outdir/none.txt" "$outdir/digits.txt" "$outdir/long.txt" || return 1
    coreutils_count "$outdir/none.txt" "$outdir/digits.txt" "$outdir/long.txt" | cmp - "$outdir/words"
}
rules() {    # the lines that grep finds, rule by rule; words that stand across two chunks, and in two files
    printf '%s\n' 'F ena' 'f LIBSTRAND' 'P strand_[a-z]+_new' 'p (error|status) code' 'P ^## .*n$' >"$outdir/few.txt"
    for file in one two three; do cat "$examples"/../docs/*.md "$includedir/strand.h"; done >"$outdir/long.text"
    cp "$includedir/strand.h" "$outdir/short.text"
    static rules -lm && "$outdir/rules" "$outdir/few.txt" "$outdir/long.text" "$outdir/short.text" >"$outdir/few.counts" || return 1
    while IFS= read -r rule; do
        case $rule in F*) how=-F ;; f*) how=-iF ;; P*) how=-E ;; *) how=-iE ;; esac
        count=$(LC_ALL=C grep -h $how -e "${rule#? }" "$outdir/long.text" "$outdir/short.text" | wc -l)
        [ "$count" -eq 0 ] || printf '%s %s\n' "$count" "${rule#? }"
    done <"$outdir/few.txt" >"$outdir/few.grep"
    cat "$outdir/few.counts"
    [ -s "$outdir/few.grep" ] && cmp "$outdir/few.counts" "$outdir/few.grep"
}
million() { static million && run "$outdir/million" 30000 && prints 'all 30000 were woken exactly once'; }
deadlock() {
    static deadlock || return 1
    run "$outdir/deadlock"
    [ $status -eq 3 ] && prints STRAND_ERR_DEADLOCK && prints alice && prints bob && prints to-alice && prints to-bob
}
deadlock_resolved() { static deadlock && run "$outdir/deadlock" --resolve && prints 'both have ended'; }
lanes_orders() {
    static lanes && run "$outdir/lanes" && prints 'then three: *axyxbyxyaxyxbyxy$' && prints 'lane: *bxyabxyabxyabxya$' &&
        prints 'lead in it: *baaabaaabaaabaaa$' && prints 'held: *byaybayabyaybaya$' && prints 'goes on: *bxyabxyabxyabxya$'
}
lanes_snapshot() { static lanes && run "$outdir/lanes" --snapshot && prints '"name":"express","weight":3,"width":0,"ready":3}'; }
overflow() {
    static overflow || return 1
    run "$outdir/overflow"
    [ $status -ge 128 ] && prints list-adder && ! prints 'never reached'
}
raii() {
    "$CXX" -std=c++17 -O2 $warnings -I"$includedir" "$examples/raii.cpp" "$archive" -o "$outdir/raii" &&
        run "$outdir/raii" && prints clumsy
}
dlopen() { compile "$examples/dlopen.c" -ldl -o "$outdir/dlopen" && run "$outdir/dlopen" "$shared" && is 'hello through dlopen'; }
python_ctypes() {
    compile -shared -fPIC "$examples/entries.c" -L"$libdir" -lstrand "$rpath" -o "$outdir/entries.so" &&
        run "$PYTHON" "$examples/python_ctypes.py" "$shared" "$outdir/entries.so" && prints 'sum 333833500$'
}
ir_program() {    # NAME PRELUDE EXPECTED [LIBRARY]
    cat "$2" "$examples/$1.ll" >"$outdir/$1.ll" && $ir "$outdir/$1.ll" -o "$outdir/$1.o" &&
        "$CC" "$outdir/$1.o" "$archive" ${4:-} -o "$outdir/$1_ll" && run "$outdir/$1_ll" && prints "$3"
}
# The unmodified program is recorded, has the same run again, and another program is refused.
recorded_ir() {
    [ -x "$outdir/first_ll" ] && [ -x "$outdir/pipeline_ll" ] || return 1
    run env STRAND_RECORD="$outdir/pipeline.rec" "$outdir/pipeline_ll" && prints 'take 10753840 steps' &&
        run env STRAND_REPLAY="$outdir/pipeline.rec" STRAND_RECORD="$outdir/again.rec" "$outdir/pipeline_ll" && prints 'take 10753840 steps' &&
        cmp "$outdir/pipeline.rec" "$outdir/again.rec" || return 1
    ! run env STRAND_REPLAY="$outdir/pipeline.rec" "$outdir/first_ll" || { echo 'it follows the recording of another program'; return 1; }
}
passes() {    # PROGRAM: most of the time; the orders that it cannot do with are rare
    for attempt in 1 2 3 4 5 6 7 8 9 10; do run "$1" && return 0; done
    return 1
}
# explored PROGRAM DEPTH WORDS: with cores as it likes, the program passes; a search of that depth finds its defect, one
# less deep does not; the token brings the same report back, twice; the mended program passes 10,000 schedules.
explored() {
    program=$outdir/$1 plan=pct:depth=$2
    passes "$program" || return 1
    run env STRAND_EXPLORE="$plan" "$program"
    [ $status -eq 1 ] && prints "$3" || return 1
    token=$(sed -n 's/^STRAND_REPLAY=//p' "$output")
    sed -e '/^STRAND_REPLAY=/d' -e '1s/^libstrand: schedule .* of pct:[^ ]* failed: /libstrand: /' "$output" >"$outdir/found.txt"
    for again in first second; do
        run env STRAND_REPLAY="$token" "$program"
        [ $status -eq 1 ] && cmp "$output" "$outdir/found.txt" || { echo "the $again replay is another"; return 1; }
    done
    run env STRAND_EXPLORE="$plan" "$program" --fixed && prints 'explored 10000 schedules of .*: none failed$' &&
        run env STRAND_EXPLORE="pct:depth=$(($2 - 1))" "$program" && prints 'explored 10000 schedules of .*: none failed$'
}
# Every device that is here finds the same boards; the processor always is.
queens() { compile "$examples/queens.c" "$archive" -pthread -lm -o "$outdir/queens" && run "$outdir/queens" 9 && prints '^CPU: 352 boards' && prints '^9 queens: 352 ways, the same on [12] device'; }
bfs() { compile "$examples/bfs.c" "$archive" -pthread -lm -o "$outdir/bfs" && run "$outdir/bfs" 12 && prints '^the same distances from all of them'; }
queens_both() { run "$outdir/queens" 9 cpu software && prints 'the same on 2 devices$'; }
pool_explored() { static pool && explored pool 2 'every connection is closed'; }
# What the README shows of it is what it prints.
pool_in_readme() {
    static pool || return 1
    run env STRAND_EXPLORE=pct:depth=2 "$outdir/pool"
    sed -e 1d -e 's/^/    /' "$output" >"$outdir/shown"
    awk 'NR == FNR { shown = shown $0 "\n"; next } { page = page $0 "\n" } END { exit shown == "" || index(page, shown) == 0 }' \
        "$outdir/shown" "$examples/../README.md"
}
pool_defies_chance() { static pool && run env STRAND_EXPLORE=random "$outdir/pool" && prints 'explored 10000 schedules of random.*: none failed$'; }
journal_explored() { static journal && explored journal 3 'every record that was accepted is written'; }
workqueue_explored() { static workqueue && explored workqueue 2 'deadlock: 2 strands wait' && grep -q '"worker" is parked' "$outdir/found.txt"; }
pool_ll_explored() {
    cat "$includedir/strand.ll" "$examples/pool.ll" >"$outdir/pool.ll" && $ir "$outdir/pool.ll" -o "$outdir/pool.o" &&
        "$CC" "$outdir/pool.o" "$archive" -o "$outdir/pool_ll" && explored pool_ll 2 'every connection is closed'
}
lispc() { [ -x "$outdir/lispc" ] || compile "$examples/lisp/lispc.c" -o "$outdir/lispc"; }
lisp_file() {    # FILE: compiles a Lisp program into $outdir/lisp_program
    lispc && "$outdir/lispc" "$1" >"$outdir/body.ll" && cat "$includedir/strand.ll" "$outdir/body.ll" >"$outdir/lisp.ll" &&
        $ir "$outdir/lisp.ll" -o "$outdir/lisp.o" && "$CC" "$outdir/lisp.o" "$archive" -o "$outdir/lisp_program"
}
lisp() { lisp_file "$examples/lisp/$1.lisp" && run "$outdir/lisp_program" && prints "$2"; }
lisp_stepped() {    # on a virtual clock, the same seconds in no time
    lisp_file "$examples/lisp/ticks.lisp" && run env STRAND_ENGINE=stepped "$outdir/lisp_program" &&
        is '20 fast ticks, 4 slow ones; nothing happened for 200 ms 1 time(s)'
}
lisp_explored() { lisp_file "$examples/lisp/squares.lisp" && run env STRAND_EXPLORE=pct:runs=50 "$outdir/lisp_program" && prints 'explored 50 schedules .*: none failed$'; }
lisp_faults() {    # an error at run time ends its strand with a message, and the program with status 1
    printf '(define (main) (let ((c (channel 0))) (close c) (send c (/ 8 2))))' >"$outdir/closed.lisp"
    lisp_file "$outdir/closed.lisp" && { ! run "$outdir/lisp_program"; } && prints 'send: ' && prints STRAND_ERR_CLOSED || return 1
    printf '(define (main) (print (/ 1 (- 1 1))))' >"$outdir/zero.lisp"
    lisp_file "$outdir/zero.lisp" && { ! run "$outdir/lisp_program"; } && prints 'division by zero' || return 1
    printf '(define (main) (receive (channel 0)))' >"$outdir/stuck.lisp"
    lisp_file "$outdir/stuck.lisp" && { ! run "$outdir/lisp_program"; } && prints 'deadlock: 1 strand waits'
}
lisp_refuses() {    # what is wrong in a program is said with file and line
    lispc || return 1
    while IFS='|' read -r text words; do
        printf '\n%s\n' "$text" >"$outdir/wrong.lisp"
        ! run "$outdir/lispc" "$outdir/wrong.lisp" && prints "wrong.lisp:[0-9]*: .*$words" || return 1
    done <<'END'
(define (main) (print "a" x))|no variable x
(define (main) (f 1))|no function .* f
(define (f a) a) (define (main) (f))|f takes 1 arguments, not 0
(define (main) (if 1))|at least 2
(define (main) (print 1)|not closed
(define (main) 1))|closes nothing
(define (f) 1)|no (define (main)
(define (main) (select ((wait 1))))|a clause of select is
(define (main) 1) (define (main) 2)|defined twice
(print 1)|a program consists of
END
}
# The README shows these programs; what it shows is what is in the files.
in_readme() {
    sed -e 1d -e '/put in front/d' "$examples/$1" >"$outdir/shown"
    awk 'NR == FNR { shown = shown $0 "\n"; next } { page = page $0 "\n" } END { exit index(page, shown) == 0 }' \
        "$outdir/shown" "$examples/../README.md"
}
guide_names_files() {
    for named in $(sed -n 's/.*(\.\.\/examples\/\([^)]*\)).*/\1/p' "$examples/../docs/guide.md"); do
        [ -f "$examples/$named" ] || { echo "the guide names examples/$named"; return 1; }
    done
}
# Every test that the page of properties names is there: a name in backquotes with at least two underscores.
properties_name_tests() {
    for named in $(grep -o '`[a-z][a-z0-9]*_[a-z0-9]*_[a-z0-9_]*`' "$examples/../docs/properties.md" | grep -v strand_ | tr -d '`' | sort -u); do
        grep -rqw "$named" "$examples/../c_tests" "$examples/../src" "$examples/../tests" || { echo "no test is called $named"; return 1; }
    done
}

expect hello_static hello_static
expect hello_shared hello_shared
expect ping_pong ping_pong
expect timers timers
expect select_commits_one_of_several select_from_several
expect ticker_does_not_drift_and_counts_what_it_missed ticker
expect collector_loses_and_keeps_nothing collector
expect print_recording print_recording
expect generator generator
expect supervisor supervisor
expect threads threads
expect cache_loads_each_value_once cache
expect joins joins
expect errno_follows_the_strand errno_follows
expect wordcount_counts_as_coreutils_do wordcount
expect wordcount_of_odd_files wordcount_no_words
expect rules_as_grep_finds_them rules
expect million_scaled_to_30000 million
expect deadlock_is_reported_by_name deadlock
expect deadlock_report_ends_nobody deadlock_resolved
expect lanes_give_the_order_that_they_should lanes_orders
expect lanes_in_a_snapshot lanes_snapshot
expect overflow_names_the_strand overflow
expect dlopen dlopen
expect queens queens
expect bfs bfs
if ! run "$outdir/queens" 4 software || prints 'software: not here'; then skip queens_on_two_devices 'needs lavapipe'
else expect queens_on_two_devices queens_both; fi
expect pool_is_explored_replayed_and_mended pool_explored
expect pool_is_not_found_by_chance pool_defies_chance
expect journal_is_explored_replayed_and_mended journal_explored
expect workqueue_is_explored_replayed_and_mended workqueue_explored
if have "$CXX"; then expect raii raii; else skip raii "no $CXX here"; fi
if have "$PYTHON" && (cd / && "$PYTHON" -c 'import ctypes') 2>/dev/null; then expect python_ctypes python_ctypes
else skip python_ctypes "no $PYTHON with ctypes"; fi
if ir_compiler; then
    expect first_ll ir_program first "$includedir/strand.ll" "hello from LLVM's side"
    expect hello_ll ir_program hello /dev/null 'hello from another strand'
    expect pipeline_ll ir_program pipeline "$includedir/strand.ll" 'take 10753840 steps'
    expect pipeline_ll_is_recorded_and_replayed recorded_ir
    expect worklist_ll ir_program worklist "$includedir/strand.ll" 'take 10753840 steps to 1, 100000 items$' -lm
    expect pool_ll_is_explored_replayed_and_mended pool_ll_explored
    expect lisp_squares lisp squares 'are 333833500 together$'
    expect lisp_sieve lisp sieve '^1229 primes up to 10000, the last is 9973$'
    expect lisp_ticks_on_a_virtual_clock lisp_stepped
    expect lisp_squares_explored lisp_explored
    expect lisp_errors_at_run_time lisp_faults
else
    for name in first_ll hello_ll pipeline_ll worklist_ll pipeline_ll_is_recorded_and_replayed pool_ll_is_explored_replayed_and_mended lisp_squares lisp_sieve lisp_ticks_on_a_virtual_clock lisp_squares_explored lisp_errors_at_run_time; do skip $name "no clang or llc of LLVM 14 or newer"; done
fi
expect lispc_says_what_is_wrong lisp_refuses
expect readme_shows_hello_c in_readme hello.c
expect readme_shows_first_ll in_readme first.ll
expect readme_shows_the_report_of_pool pool_in_readme
expect guide_names_files_that_exist guide_names_files
expect properties_name_tests_that_exist properties_name_tests

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
