#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The tour: builds every example against the library, runs it, shows what it prints and checks it.
# usage: demo.sh LIBDIR INCLUDEDIR OUTDIR    ('make demo' fills them in)
set -u
. "$(dirname "$0")/common.sh"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m') red=$(printf '\033[31m')
    yellow=$(printf '\033[33m') plain=$(printf '\033[0m')
else
    bold= dim= green= red= yellow= plain=
fi

began=$(date +%s)
number=0 failed= skipped= skips=0
output=$outdir/output.txt

# part FILE TITLE: opens the next part. Every part ends with proved, or earlier with failed or skip.
part() {
    number=$((number + 1)) name=$1
    printf '\n%s%2d  %s%s - %s\n' "$bold" $number "$1" "$plain" "$2"
}
proved() { printf '    %sok%s  %s\n' "$green" "$plain" "$1"; }
failed() {
    failed="$failed $name"
    printf '    %sFAILED%s  %s\n' "$red" "$plain" "$1"
}
skip() {
    skips=$((skips + 1)) skipped="${skipped:+$skipped, }$name: $1"
    printf '    %sSKIPPED%s  %s\n' "$yellow" "$plain" "$1"
}
# run COMMAND...: shows the command and what it prints; the output stays in $output, the status in $status.
# as TEXT COMMAND...: the same, but shows TEXT for the command.
run() { as "$*" "$@"; }
as() {
    printf '    %s$ %s%s\n' "$dim" "$1" "$plain"
    shift
    { timeout 600 "$@"; } >"$output" 2>&1
    status=$?
    # A shell that reports a signal says where in this script; only what it was is of interest.
    sed -e 's/^.*: line [0-9]*: *[0-9]* \(.*[^ ]\)  *timeout .*/\1/' -e 's/^/      /' "$output"
    return $status
}
build() { run "$CC" -O2 -I"$includedir" "$@"; }

printf '%slibstrand%s: a tour in %d parts\n' "$bold" "$plain" "$(grep -c '^part ' "$0")"

part hello.c 'two strands and a channel in 15 lines of C'
sed -e 1d -e 's/^/    | /' "$examples/hello.c"
if build "$examples/hello.c" "$archive" -o "$outdir/hello" && run "$outdir/hello" &&
    [ "$(cat "$output")" = 'hello from another strand' ]; then
    proved 'spawn, send, receive, run; one archive and no further flags'
else failed 'the greeting did not arrive'; fi

part hello.ll 'the same from LLVM IR, a smaller one before, a pipeline after'
# ir_program NAME [PRELUDE]: with a prelude, the declares of include/strand.ll come first.
ir_program() {
    source=$examples/$1.ll
    if [ $# -eq 2 ]; then
        source=$outdir/$1.ll
        printf '    %s$ cat %s %s > %s%s\n' "$dim" "$2" "$examples/$1.ll" "$source" "$plain"
        cat "$2" "$examples/$1.ll" >"$source"
    fi
    run $ir "$source" -o "$outdir/$1.o" && run "$CC" "$outdir/$1.o" "$archive" -o "$outdir/$1_ll" && run "$outdir/$1_ll"
}
if ! ir_compiler; then skip 'no clang or llc of LLVM 14 or newer'
elif sed -e '1,2d' -e 's/^/    | /' "$examples/first.ll" &&
    ir_program first "$includedir/strand.ll" && [ "$(cat "$output")" = "hello from LLVM's side" ] &&
    ir_program hello && [ "$(cat "$output")" = 'hello from another strand' ] &&
    ir_program pipeline "$includedir/strand.ll" && grep -q 'take 10753840 steps' "$output"; then
    proved 'a compiler declares a few symbols, emits calls and links one archive; the total is the known one'
else failed 'an IR program did not print what it should'; fi

part lisp/lispc.c 'from a code generator to running programs: a small Lisp with strands, channels and select'
if ! ir_compiler; then skip 'no clang or llc of LLVM 14 or newer'
else
    sed -e 1d -e 's/^/    | /' "$examples/lisp/squares.lisp"
    # The IR is long: shown is what the programs print.
    lisp_quietly() {
        "$outdir/lispc" "$examples/lisp/$1.lisp" >"$outdir/$1.body.ll" && cat "$includedir/strand.ll" "$outdir/$1.body.ll" >"$outdir/$1.ll" &&
            $ir "$outdir/$1.ll" -o "$outdir/$1.o" && "$CC" "$outdir/$1.o" "$archive" -o "$outdir/$1_lisp" && run "$outdir/$1_lisp"
    }
    if build "$examples/lisp/lispc.c" -o "$outdir/lispc" && lisp_quietly squares && grep -q 'are 333833500 together' "$output" &&
        lisp_quietly sieve && grep -q '^1229 primes' "$output" && lisp_quietly ticks &&
        as 'STRAND_ENGINE=stepped .../ticks' env STRAND_ENGINE=stepped "$outdir/ticks_lisp" &&
        grep -q '^20 fast ticks, 4 slow ones' "$output"; then
        proved 'six hundred lines of compiler, four rules; the totals are the known ones'
    else failed 'a compiled program did not print what it should'; fi
fi

part ping_pong.c 'what a round trip between two strands costs'
if build "$examples/ping_pong.c" "$archive" -o "$outdir/ping_pong" && run "$outdir/ping_pong" &&
    grep -q 'every answer right' "$output"; then
    proved 'two sends and two receives without a buffer, each checked, in the time above'
else failed 'a round trip went wrong'; fi

part wordcount.c 'readers, parsers and reducers over the text on this machine'
text=$outdir/text
if ! run "$examples/gather-text.sh" "$text"; then skip 'no documentation on this machine'
elif build "$examples/wordcount.c" "$archive" -o "$outdir/wordcount" &&
    as "$outdir/wordcount $outdir/words $text/*.txt" "$outdir/wordcount" "$outdir/words" "$text"/*.txt; then
    printf '    %s$ cat %s/*.txt | tr -cs A-Za-z "\\n" | tr A-Z a-z | sort | uniq -c%s\n' "$dim" "$text" "$plain"
    coreutils_count "$text"/*.txt >"$outdir/words.coreutils"
    if [ -s "$outdir/words" ] && cmp -s "$outdir/words" "$outdir/words.coreutils"; then
        proved "coreutils count the same: all $(($(wc -l <"$outdir/words"))) words, each with the same count"
    else failed "coreutils count otherwise: diff $outdir/words $outdir/words.coreutils"; fi
else failed 'wordcount did not finish'; fi

part rules.c 'hundreds of real rules in real text, all at once'
# grep_counts RULES FILE...: for each rule the lines that grep finds it in.
grep_counts() {
    list=$1
    shift
    while IFS= read -r line; do
        rule=${line#? }
        case $line in F*) how=-F ;; f*) how=-iF ;; P*) how=-P ;; *) how=-iP ;; esac
        count=$(LC_ALL=C grep -a -h $how -e "$rule" "$@" | wc -l)
        [ "$count" -eq 0 ] || printf '%s %s\n' "$count" "$rule"
    done <"$list"
}
if ! run "$examples/gather-rules.sh" "$outdir/rules.txt"; then skip 'no rules on this machine'
elif ! ls "$text"/*.txt >/dev/null 2>&1; then skip 'no documentation on this machine'
elif ! echo a | grep -qP a; then skip 'this grep knows no -P to compare with'
else
    mkdir -p "$outdir/rules_text"
    for file in "$text"/*.txt; do head -c 500000 "$file" >"$outdir/rules_text/${file##*/}"; done
    if build "$examples/rules.c" "$archive" -lm -o "$outdir/rules" &&
        as "$outdir/rules $outdir/rules.txt $outdir/rules_text/*.txt > counts" \
            sh -c '"$1" "$2" "$3"/*.txt >"$4"' sh "$outdir/rules" "$outdir/rules.txt" "$outdir/rules_text" "$outdir/rules.counts"; then
        grep_counts "$outdir/rules.txt" "$outdir"/rules_text/*.txt >"$outdir/rules.grep"
        if [ -s "$outdir/rules.grep" ] && cmp -s "$outdir/rules.counts" "$outdir/rules.grep"; then
            proved "grep, one rule after the other, finds the same $(wc -l <"$outdir/rules.grep") rules in as many lines each"
        else failed "grep finds otherwise: diff $outdir/rules.counts $outdir/rules.grep"; fi
    else failed 'the rules were not sought'; fi
fi

part timers.c 'sleep sort: eight strands sleep as long as their number says'
# Where the machine has so much else to do that sleeps end in another order: longer ones.
if build "$examples/timers.c" "$archive" -o "$outdir/timers" &&
    { run "$outdir/timers" || run "$outdir/timers" 800 200 1400 600 1200 400 1000 1600; } &&
    grep -q 'nobody sends any more: STRAND_ERR_TIMEOUT' "$output"; then
    proved 'sleeps end in order and on time, and a wait ends at its deadline with a status'
else failed 'the timers did not sort'; fi

part select.c 'one of several things: fan-in, time limits, a quit channel'
if build "$examples/select.c" "$archive" -o "$outdir/select" && run "$outdir/select" &&
    grep -q '100, 200 and 300 messages' "$output" && grep -q 'ended 5 strands, and 0 tickets were lost' "$output"; then
    proved 'exactly one case commits, the others leave no trace'
else failed 'something was lost or made up'; fi

part nursery.c 'a nursery: fetchers that a scope holds together, fail-fast and with a deadline'
if build "$examples/nursery.c" "$archive" -o "$outdir/nursery" && run "$outdir/nursery" &&
    as 'STRAND_ENGINE=stepped .../nursery' env STRAND_ENGINE=stepped "$outdir/nursery" &&
    grep -q 'good day: complete after 30 ms; fetched 3 .* connections open 0$' "$output" &&
    grep -q 'bad day: failed after 20 ms; fetched 1 .* given up 1, connections open 0$' "$output" &&
    grep -q 'slow day: too late after 50 ms; fetched 1 .* given up 2, connections open 0$' "$output"; then
    proved 'nobody is left when a page is there or given up, and every connection is closed'
else failed 'a fetcher outlived its scope'; fi

part generator.c 'generators: two trees walked side by side, values that go both ways'
if build "$examples/generator.c" "$archive" -o "$outdir/generator" && run "$outdir/generator" &&
    grep -q 'walks left open: 0$' "$output"; then
    proved 'a yield from any depth of a recursion; walks that nobody finishes clean up and are gone'
else failed 'a walk went wrong'; fi

part supervisor.c 'a supervisor: who fails is started again, by three strategies, until it is too often'
if build "$examples/supervisor.c" "$archive" -o "$outdir/supervisor" && run "$outdir/supervisor" &&
    grep -q 'once too often: giving up' "$output" && grep -q 'for reason 4711$' "$output"; then
    proved 'library code over monitors: every start, stop and failure in the order that it should be, in virtual time'
else failed 'a child was not where it should be'; fi

part ticker.c 'a ticker, a quit channel, and a listener that is busy for a while'
if build "$examples/ticker.c" "$archive" -o "$outdir/ticker" && run "$outdir/ticker" && grep -q 'quit after' "$output" &&
    as 'STRAND_ENGINE=stepped .../ticker' env STRAND_ENGINE=stepped "$outdir/ticker" &&
    [ "$(tail -n 1 "$output")" = ' 190 ms  quit after 8 ticks' ]; then
    proved 'a timer sends into a channel that a select hears; it does not drift, and what finds no room is counted'
else failed 'the ticker did not tick as it should'; fi

part threads.c 'an OS thread feeds a strand'
if build "$examples/threads.c" "$archive" -pthread -o "$outdir/threads" && run "$outdir/threads" && grep -q ': 10$' "$output"; then
    proved 'channels work from any thread; a hold says that somebody outside may still send'
else failed 'the sum is wrong'; fi

part joins.c 'one file, four mirrors: joins by four rules and by a function of your own; a promise'
if build "$examples/joins.c" "$archive" -pthread -o "$outdir/joins" && run "$outdir/joins" &&
    as 'STRAND_ENGINE=stepped .../joins' env STRAND_ENGINE=stepped "$outdir/joins" &&
    grep -q '^ANY  *STRAND_OK  *decided by kyoto' "$output" && grep -q '^ALL_SETTLED .*decided by nobody' "$output" &&
    grep -q 'delivered: 42$' "$output" && grep -q '^run: task .* the disk is full$' "$output"; then
    proved 'the first failure, finish or success decides, and the losers have ended before the call returns'
else failed 'a join decided otherwise'; fi

part errno.c 'errno follows the strand from thread to thread'
if build "$examples/errno.c" "$archive" -o "$outdir/errno" && run "$outdir/errno" && grep -q 'wrong 0 times$' "$output"; then
    proved 'C code that includes strand.h may use errno as ever; so do rounding modes follow'
else failed 'errno got lost'; fi

part raii.cpp 'C++: lambdas, channels of any movable type, exceptions'
if ! have "$CXX"; then skip "no C++ compiler ($CXX)"
elif run "$CXX" -std=c++17 -O2 -I"$includedir" "$examples/raii.cpp" "$archive" -o "$outdir/raii" && run "$outdir/raii"; then
    proved 'an exception ends one strand, its name and message reach main; nothing leaks in a channel'
else failed 'the C++ program says otherwise'; fi

part bfs.c 'a breadth-first search on the processor and, where there is one, on a device'
if build "$examples/bfs.c" "$archive" -pthread -lm -o "$outdir/bfs" && run "$outdir/bfs" 14 &&
    grep -q '^the same distances from all of them' "$output"; then
    proved 'a vertex of any number of neighbours is an item; the distances are those of a plain loop'
else failed 'a distance differs'; fi

part dlopen.c 'the shared library, opened while the program runs'
if build "$examples/dlopen.c" -ldl -o "$outdir/dlopen" && run "$outdir/dlopen" "$shared" &&
    [ "$(cat "$output")" = 'hello through dlopen' ]; then
    proved 'a plug-in or a just-in-time compiler needs nothing at link time'
else failed 'the shared library did not do'; fi

part cache.c 'fifty strands ask one cache, and each value is loaded once'
if build "$examples/cache.c" "$archive" -pthread -o "$outdir/cache" && run "$outdir/cache" &&
    grep -q '^1000 questions, 20 values, 20 loads, at most [123] at a time, sum 123500$' "$output"; then
    proved 'a read-write lock, a once-only call in each entry, a semaphore, a wait-group; nothing made, nothing released'
else failed 'the cache has loaded something twice, or too much at a time'; fi

part queens.c 'a worklist on the processor and on a device: the same items, pushed, run and counted'
if build "$examples/queens.c" "$archive" -pthread -lm -o "$outdir/queens" && run "$outdir/queens" 9 && grep -q '^9 queens: 352 ways' "$output"; then
    if grep -q 'the same on 2 devices$' "$output"; then proved 'a C function and a shader found the same 352 boards'
    else proved 'a C function found the 352 boards; with lavapipe (Debian: mesa-vulkan-drivers) a shader does it too'; fi
else failed 'the boards are not those that they should be'; fi

part worklist.ll 'a worklist whose kernel a compiler has emitted'
if ! ir_compiler; then skip 'no clang or llc of LLVM 14 or newer'
elif cat "$includedir/strand.ll" "$examples/worklist.ll" >"$outdir/worklist.ll" && run $ir "$outdir/worklist.ll" -o "$outdir/worklist.o" &&
    run "$CC" "$outdir/worklist.o" "$archive" -lm -o "$outdir/worklist_ll" && run "$outdir/worklist_ll" &&
    grep -q 'take 10753840 steps to 1, 100000 items$' "$output"; then
    proved 'batches of records, a loop, a requeue: ten million steps, and the total is the known one'
else failed 'the items did not come down as they should'; fi

part python_ctypes.py "Python's threads and native strands over the same channels"
if ! have "$PYTHON"; then skip "no $PYTHON"
elif ! "$PYTHON" -c 'import ctypes' 2>/dev/null; then skip "this $PYTHON has no ctypes"
elif build -shared -fPIC "$examples/entries.c" -L"$libdir" -lstrand "-Wl,-rpath,$(cd "$libdir" && pwd)" -o "$outdir/entries.so" &&
    run "$PYTHON" "$examples/python_ctypes.py" "$shared" "$outdir/entries.so" && grep -q 'sum 333833500$' "$output"; then
    proved 'any language that can call C can send and receive'
else failed 'Python did not get its squares'; fi

part collector.c 'a garbage collector under concurrent strands, which knows only the roots that it is told'
if build "$examples/collector.c" "$archive" -o "$outdir/collector" && run "$outdir/collector" &&
    grep -q 'nothing lost$' "$output" && grep -q '^100 objects are alive while a channel has a hundred, 0 when' "$output" &&
    ! "$outdir/collector" --hide 0 >"$output" 2>&1 && grep -q 'an object was lost' "$output"; then
    proved 'nothing is lost and nothing is kept too long; looking away from the stacks (--hide 0) does lose objects'
else failed 'the collector lost or kept something'; fi

part deadlock.c 'two strands wait for each other, and it is said so'
if build "$examples/deadlock.c" "$archive" -o "$outdir/deadlock" && { run "$outdir/deadlock"; [ $status -eq 3 ]; } &&
    grep -q STRAND_ERR_DEADLOCK "$output" && grep -q alice "$output" && grep -q bob "$output" &&
    "$outdir/deadlock" --resolve >"$output" 2>&1; then
    proved 'no hang: who waits on what, by name. With --resolve one message sets both free again'
else failed 'the deadlock was not reported'; fi

part lanes.c 'who runs next: lanes with weights, priorities, a strand that is held'
if build "$examples/lanes.c" "$archive" -o "$outdir/lanes" && run "$outdir/lanes" &&
    grep -q 'x is held: *byaybayabyaybaya$' "$output" && grep -q 'lane 0 to lane 1 after step 16, reason 7' "$output"; then
    proved 'every order is the one that the rules say; the move between lanes is on record'
else failed 'an order is not what the rules say'; fi

part overflow.c 'recursion without an end, on a 64 KiB stack'
if build "$examples/overflow.c" "$archive" -o "$outdir/overflow" && { run "$outdir/overflow"; [ $status -ge 128 ]; } &&
    grep -q list-adder "$output" && ! grep -q 'never reached' "$output"; then
    proved 'the guard stopped it before it touched a neighbour; the message names the strand and the remedy'
else failed 'the overflow was not named'; fi

# found PROGRAM DEPTH WORDS: runs it as it is, explores it, replays the token, explores the mended one; the token is left in
# $token, the number of the schedule that failed in $at.
found() {
    program=$outdir/$1 plan=pct:depth=$2
    run "$program" || run "$program" || run "$program" || return 1
    as "STRAND_EXPLORE=$plan $program" env STRAND_EXPLORE="$plan" "$program"
    [ $status -eq 1 ] && grep -q "$3" "$output" || return 1
    token=$(sed -n 's/^STRAND_REPLAY=//p' "$output")
    at=$(sed -n 's/^libstrand: schedule \([0-9]*\) of .*/\1/p' "$output")
    as "STRAND_REPLAY=$token $program" env STRAND_REPLAY="$token" "$program"
    [ $status -eq 1 ] && grep -q "$3" "$output" || return 1
    as "STRAND_EXPLORE=$plan $program --fixed" env STRAND_EXPLORE="$plan" "$program" --fixed &&
        grep -q 'explored 10000 schedules .* none failed' "$output"
}

part pool.c 'a pool closed while it is in use: one order of events in thousands is wrong'
if build "$examples/pool.c" "$archive" -o "$outdir/pool" && found pool 2 'every connection is closed' &&
    as "STRAND_EXPLORE=random $outdir/pool" env STRAND_EXPLORE=random "$outdir/pool" && grep -q 'none failed' "$output"; then
    proved "found in schedule $at of an unmodified program, back again by its token, gone once it is mended;"
    printf '        by chance it is not found in 10,000\n'
else failed 'the order that fails was not found, or not brought back'; fi

part journal.c 'a shutdown in two phases: the last record is lost, if two strands are interrupted just so'
if build "$examples/journal.c" "$archive" -o "$outdir/journal" && found journal 3 'every record that was accepted' &&
    as "STRAND_EXPLORE=pct:depth=2 $outdir/journal" env STRAND_EXPLORE=pct:depth=2 "$outdir/journal" && grep -q 'none failed' "$output"; then
    proved "found in schedule $at with depth=3; with depth=2, one interruption, there is nothing to find"
else failed 'the lost record was not found, or not brought back'; fi

part workqueue.c 'a worker goes to sleep beside its last job'
if build "$examples/workqueue.c" "$archive" -o "$outdir/workqueue" && found workqueue 2 'deadlock: 2 strands wait'; then
    proved 'a lost wake-up is a deadlock: the report says who waits on what, and how it came to that'
else failed 'the lost wake-up was not found, or not brought back'; fi

part pool.ll 'the pool once more, from LLVM IR'
if ! ir_compiler; then skip 'no clang or llc of LLVM 14 or newer'
elif cat "$includedir/strand.ll" "$examples/pool.ll" >"$outdir/pool.ll" && run $ir "$outdir/pool.ll" -o "$outdir/pool.o" &&
    run "$CC" "$outdir/pool.o" "$archive" -o "$outdir/pool_ll" && found pool_ll 2 'every connection is closed'; then
    proved 'exploring needs nothing of a program but that it calls the library, whatever language it is written in'
else failed 'the IR program was not explored'; fi

part million.c 'a million strands, alive at the same time, each with a guarded stack'
if build "$examples/million.c" "$archive" -o "$outdir/million" && run "$outdir/million" &&
    grep -q 'were woken exactly once' "$output"; then
    proved 'strands are cheap enough to have one for everything'
else failed 'not all of them came back'; fi

spent=$(($(date +%s) - began))
if [ -n "$failed" ]; then
    printf '\n%sfailed:%s%s\n' "$red" "$failed" "$plain"
    exit 1
fi
summary="all $((number - skips)) parts ok"
[ $skips -eq 0 ] || summary="$summary ($skips skipped: $skipped)"
printf '\nin %d seconds\n%s%s%s\n' "$spent" "$bold" "$summary" "$plain"
