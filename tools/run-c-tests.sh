#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# run-c-tests.sh [--list] [--instrument none|valgrind|asan] [--tier gate|soak] [--engines gate|all | --engine SPEC... | --device cpu|software]
#   [--schedules COUNT] [WORD...]: builds and runs the programs of c_tests/ (those whose name contains one of the words), as
# c_tests/README.md says. V=1 shows their output.
#   --engine SPEC      instead, each program once on that engine: parallel:WORKERS, stepped:POLICY, stepped:POLICY:SEED
#                      or stepped:POLICY:real-clock; repeatable
#   --engines gate     those of the gate: parallel with 1, 2 and 8 workers, stepped under each policy, two seeds where there is a lot
#   --engines all      with every environment of the program, and ten seeds
#   --device NAME      instead, each program once with STRAND_GPU=NAME
#   --schedules COUNT  instead, the programs with schedules=yes again and again, each runtime with a seed of its own, until each
#                      has tried so many schedules under random, and as many under pct
. "$(dirname "$0")/lib.sh"
. tools/jobs.sh

POLICIES=(cooperative round_robin priority_fixed priority_aging priority_token progress_aware)
tier=gate instrument=none list=0 words=() engines=() every_environment=0 schedules=0 device=
engine_set() {    # KIND: the engines of the gate, or all
    local seeds=(1 2) policy seed
    [ "$1" = gate ] || { seeds=(1 2 3 4 5 6 7 8 9 10); every_environment=1; }
    engines+=(parallel:1 parallel:2 parallel:8)
    for policy in "${POLICIES[@]}"; do engines+=("stepped:$policy"); done
    engines+=(stepped:cooperative:real-clock)
    for policy in random pct; do for seed in "${seeds[@]}"; do engines+=("stepped:$policy:$seed"); done; done
}
while [ $# -gt 0 ]; do
    case $1 in
        --list) list=1 ;;
        --instrument) instrument=$2; shift ;;
        --tier) tier=$2; shift ;;
        --engine) engines+=("$2"); shift ;;
        --engines) case $2 in gate | all) engine_set "$2" ;; *) die "--engines is gate or all, not '$2'" ;; esac; shift ;;
        --device) case $2 in cpu | software | hardware) device=$2 ;; *) die "--device is cpu, software or hardware, not '$2'" ;; esac; shift ;;
        --schedules) schedules=$2; shift ;;
        -*) die "unknown option $1" ;;
        *) words+=("$1") ;;
    esac
    shift
done
part=c_tests
[ "$instrument" = none ] || part=$instrument
[ "$tier" = gate ] || part=$tier
[ "${#engines[@]}" = 0 ] || part=engines
[ "$schedules" = 0 ] || part=schedules
[ -z "$device" ] || part=device-$device
for engine in "${engines[@]}"; do
    case $engine in parallel:[1-9]* | may:[1-9]* | stepped:[a-z]*) ;; *) die "'$engine' is no engine: parallel:WORKERS, may:WORKERS or stepped:POLICY[:SEED]" ;; esac
done
SOURCES=${C_TESTS:-$ROOT/c_tests}
case $part in engines | schedules) build=$TARGET/tests-c_tests ;; *) build=$TARGET/tests-$part ;; esac
native=$(cat "$SHIP/native-static-libs" 2>/dev/null) || die "nothing is built: run make build first"
common=(-Wall -Wextra -Werror -Wno-infinite-recursion -D_GNU_SOURCE -pthread -fstack-clash-protection -fexceptions "-I$(dirname "$HEADER")" "-I$SOURCES")
mkdir -p "$build"
if [ "$instrument" = valgrind ] && ! have valgrind; then
    skip "C tests under memcheck" "needs valgrind"
    summary "$part"
    exit
fi

# --- directives ---------------------------------------------------------------------------------------------------

# All of them are read at once: "FILE/KEY", and the values, one a line.
declare -A directives=()
sources=()
for source in "$SOURCES"/*.c "$SOURCES"/*.cc "$SOURCES"/*.ll; do [ ! -f "$source" ] || sources+=("$source"); done
while IFS='|' read -r place value; do
    directives[$place]+=${directives[$place]+$'\n'}$value
done < <(awk 'FNR <= 20 && match($0, /^[\/; *]*test: /) {
    rest = substr($0, RSTART + RLENGTH)
    while (match(rest, /[a-z-]+=("[^"]*"|[^ ]*)/)) {
        pair = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
        key = substr(pair, 1, index(pair, "=") - 1); value = substr(pair, index(pair, "=") + 1)
        gsub(/^"|"$/, "", value)
        print FILENAME "/" key "|" value
    }
}' "${sources[@]}" /dev/null)

# directive KEY FILE DEFAULT: the values of a key, one a line
directive() { printf '%s\n' "${directives[$2/$1]:-$3}"; }

# lacks LIST: the first thing of a needs= list that this machine lacks, or nothing
lacks() {
    local need
    for need in ${1//,/ }; do
        case $need in
            memory:*) [ "$(free_memory)" -ge "${need#*:}" ] || { say "$need"; return; } ;;
            cpus:*) [ "$(nproc)" -ge "${need#*:}" ] || { say "$need"; return; } ;;
            x86_64 | aarch64) [ "$(uname -m)" = "$need" ] || { say "$need"; return; } ;;
            *) have "$need" || { say "$need"; return; } ;;
        esac
    done
}

# --- building -----------------------------------------------------------------------------------------------------

# The dlopen mode links trampolines in place of the library.
trampolines() {
    [ -s "$build/dlopen.o" ] && [ "$build/dlopen.o" -nt "$SHIP/symbols" ] && [ "$build/dlopen.o" -nt tools/trampolines.sh ] && return
    tools/trampolines.sh >"$build/dlopen.c"
    "$CC" -O1 -fPIE -D_GNU_SOURCE -c -o "$build/dlopen.o" "$build/dlopen.c"
}

# llvm_compiler: a command that turns LLVM IR with opaque pointers into an object (clang 15, llc 15, or llc 14 with a switch)
llvm_compiler() {
    local version
    if have clang; then
        version=$(clang -dumpversion | cut -d. -f1)
        [ "$version" -lt 15 ] || { say "clang -Wno-override-module -c"; return; }
    fi
    for tool in llc llc-22 llc-21 llc-20 llc-19 llc-18 llc-17 llc-16 llc-15; do
        have "$tool" || continue
        version=$("$tool" --version | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p')
        [ "$version" -ge 15 ] && { say "$tool --relocation-model=pic --filetype=obj"; return; }
        [ "$version" = 14 ] && { say "$tool --opaque-pointers --relocation-model=pic --filetype=obj"; return; }
    done
}

# compile SOURCE COMPILER OPT MODE OUTPUT: one program. Exit 0, or 1 with the compiler's words in OUTPUT.log
compile() {
    local source=$1 compiler=$2 opt=$3 mode=$4 output=$5 flags libs ir
    local -a level extra standard
    case $opt in lto) level=(-O2 -flto) ;; *) level=("-$opt") ;; esac
    read -r -a extra <<<"$(directive cflags "$source" "")"
    flags=("${common[@]}" "${level[@]}" -g "-DSTRAND_TEST_MODE=\"$mode\"" "-DSTRAND_TEST_OPT=\"$opt\"" "-DSTRAND_TEST_INSTRUMENT=\"$instrument\"")
    [ "$instrument" != asan ] || flags+=("-fsanitize=address,undefined" -fno-omit-frame-pointer)
    case $mode in
        static) libs=("$SHIP/libstrand.a") ;;
        shared) libs=("-L$SHIP" -lstrand "-Wl,-rpath,$SHIP") ;;
        dlopen) libs=("$build/dlopen.o"); flags+=("-Dstrand_poll_word=(*strand_poll_word_address)") ;;
    esac
    case $source in
        *.c) standard=(-std=c11) ;;
        *.cc) standard=(-std=c++17); case $compiler in cc) compiler=$CXX ;; clang) compiler=clang++ ;; esac ;;
        *.ll)
            read -r -a ir <<<"$(llvm_compiler)"
            "${ir[@]}" "${level[0]}" "$source" -o "$output.o" >"$output.log" 2>&1 || return 1
            source=$output.o flags=(-pthread) standard=()
            [ "$instrument" != asan ] || flags+=("-fsanitize=address,undefined")
            ;;
    esac
    [ "$compiler" != cc ] || compiler=$CC
    # shellcheck disable=SC2086
    "$compiler" "${standard[@]}" "${flags[@]}" "${extra[@]}" -o "$output" "$source" "${libs[@]}" $native >"$output.log" 2>&1
}

# --- the plan: one line a program, "name|source|compiler|opt|mode" ------------------------------------------------

wanted() {
    [ "${#words[@]}" -gt 0 ] || return 0
    local word
    for word in "${words[@]}"; do case $1 in *"$word"*) return 0 ;; esac; done
    return 1
}

plan() {
    local source name compiler opt mode opts modes last
    for source in "${sources[@]}"; do
        name=$(basename "${source%.*}")
        wanted "$name" && [ "$(directive tier "$source" gate)" = "$tier" ] || continue
        opts=$(directive opt "$source" O0,O2) modes=$(directive modes "$source" static,shared)
        if [ "$instrument" != none ]; then
            case ",$(directive instruments "$source" valgrind,asan)," in *",$instrument,"*) ;; *) continue ;; esac
            opts=O1 modes=static
        fi
        if [ "$part" = engines ] || [ "$part" = schedules ] || [ -n "$device" ]; then    # one build of each: the last level, static where it may be
            [ "$part" != schedules ] || [ "$(directive schedules "$source" no)" = yes ] || continue
            opts=${opts##*,}
            case ",$modes," in *,static,*) modes=static ;; *) modes=${modes%%,*} ;; esac
            say "$name|$source|cc|$opts|$modes"
            continue
        fi
        last=${opts##*,}
        [ "$last" != lto ] || last=O2
        for compiler in $(directive compilers "$source" cc,clang | tr ',' ' '); do
            case $compiler in
                cc) for opt in ${opts//,/ }; do for mode in ${modes//,/ }; do say "$name|$source|cc|$opt|$mode"; done; done ;;
                clang) [ "$instrument" != none ] || [ "${source##*.}" = ll ] || say "$name|$source|clang|$last|static" ;;
                *) die "$source: unknown compiler '$compiler'" ;;
            esac
        done
    done
}

plan >"$build/plan-$part"
if [ "$list" = 1 ]; then awk -F'|' '{ print $1, $3 "-" $4 "-" $5 }' "$build/plan-$part"; exit 0; fi
[ -s "$build/plan-$part" ] || { say "no C test is named like that"; summary "$part"; exit 0; }

# --- running ------------------------------------------------------------------------------------------------------

# run SOURCE PROGRAM LABEL ENVIRONMENT: runs a program once and judges it
run() {
    local source=$1 program=$2 label=$3 environment=$4 status=0 began=$SECONDS want limit pattern problem=
    local scratch=$program.run
    local -a command variables arguments
    want=$(directive expect-exit "$source" 0)
    limit=$(directive timeout "$source" 30)
    read -r -a variables <<<"$environment"
    inapplicable=0
    read -r -a arguments <<<"$(directive args "$source" "")"
    command=("$program" "${arguments[@]}")
    case $instrument in
        valgrind) limit=$((limit * 10)); command=(valgrind --quiet --error-exitcode=99 --leak-check=full "--errors-for-leak-kinds=definite,possible"
            "--suppressions=$ROOT/tools/valgrind.supp" "${command[@]}") ;;
        asan) limit=$((limit * 5)) ;;
    esac
    rm -rf "$scratch" && mkdir -p "$scratch"
    execute() {
        unset "${!STRAND_@}"
        export LIBSTRAND_UNDER_TEST=$SHIP/$SONAME LD_LIBRARY_PATH=$SHIP
        cd "$scratch"
        ulimit -c 0
        exec env "${variables[@]}" timeout --signal=QUIT --kill-after=3 "$limit" "${command[@]}" >"$program.out" 2>"$program.err" </dev/null
    }
    command_here execute 2>/dev/null || status=$?    # the shell's own "Aborted" is not of interest
    if [ "$status" = 77 ] && [ "$want" != 77 ]; then
        skip "$label" "$(head -n 1 "$program.out")"
        rm -rf "$scratch"
        return
    fi
    if [ "$status" = 124 ] || { [ "$status" = 137 ] && [ "$want" != 137 ]; }; then problem="no end after $limit s" && : >"$build/hung-$(basename "$source")"
    elif [ "$status" != "$want" ]; then problem="exit $status, expected $want"; fi
    while read -r pattern; do
        [ -z "$pattern" ] || grep -qE -- "$pattern" "$program.err" || problem="${problem:+$problem; }stderr has no line like '$pattern'"
    done < <(directive expect-stderr "$source" "")
    while read -r pattern; do
        [ -z "$pattern" ] || grep -qE -- "$pattern" "$program.out" || problem="${problem:+$problem; }stdout has no line like '$pattern'"
    done < <(directive expect-stdout "$source" "")
    inapplicable=$(grep -c '^not applicable: ' "$program.out" || true)
    if [ "$inapplicable" -gt 0 ] && [ "$part" != engines ] && [ "$part" != schedules ] && [ -z "$device" ]; then
        problem="${problem:+$problem; }a claim does not apply where the program was written for"
    fi
    [ "$inapplicable" = 0 ] || label+=" ($inapplicable not applicable)"
    [ $((SECONDS - began)) -lt 5 ] || label+=" ($((SECONDS - began)) s)"
    if [ -n "$problem" ]; then fail "$label: $problem"
    elif [ "$inapplicable" -gt 0 ] && ! grep -q '^ok ' "$program.out"; then say "not applicable: $label"    # no claim is: no success
    else ok "$label"; fi
    if [ -n "$problem" ] || [ "${V:-0}" = 1 ]; then
        [ -z "$problem" ] || say "    again: ${environment:+$environment }$program ${arguments[*]}"
        tail -n 40 "$program.out" "$program.err" | sed 's/^/    /'
    fi
    rm -rf "$scratch"
}

# All programs are compiled first, then they run; both several at once.
[ "$instrument" != none ] || trampolines
ir_tool=$(llvm_compiler)
newest_header=$(find "$SOURCES" -maxdepth 1 -name '*.h' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
while IFS='|' read -r name source compiler opt mode; do
    program=$build/$name.$compiler-$opt-$mode
    if { [ "$part" = engines ] || [ "$part" = schedules ]; } && [ "$program" -nt "$source" ] && [ "$program" -nt "$newest_header" ] &&
        [ "$program" -nt "$SHIP/libstrand.a" ] && [ "$program" -nt "$HEADER" ]; then continue; fi    # c_tests has just built it
    rm -f "$program" "$program.skip"
    absent=$(lacks "$(directive needs "$source" "")")
    [ -n "$absent" ] || [ "$compiler" = cc ] || have "$compiler" || absent=$compiler
    [ -n "$absent" ] || [ "${source##*.}" != ll ] || [ -n "$ir_tool" ] || absent=llc
    if [ -n "$absent" ]; then say "$absent" >"$program.skip"; continue; fi
    while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n || true; done
    compile "$source" "$compiler" "$opt" "$mode" "$program" &
done <"$build/plan-$part"
wait

# --- engines and schedules: the same programs elsewhere -------------------------------------------------------------------

# engine_environment SPEC: what chooses that engine
engine_environment() {
    local kind policy seed
    IFS=: read -r kind policy seed <<<"$1"
    case $kind in
        parallel) say "LIBSTRAND_TEST_WORKERS=$policy" ;;
        may) say "STRAND_ENGINE=may STRAND_WORKERS=$policy LIBSTRAND_TEST_WORKERS=$policy" ;;
        stepped)    # in the gate long loops are run under one policy only
            [ "$every_environment" = 1 ] || [ "$policy" = cooperative ] || policy+=" LIBSTRAND_TEST_SHORT=1"
            if [ "$seed" = real-clock ]; then seed= policy+=" LIBSTRAND_TEST_CLOCK=real"; fi
            say "STRAND_ENGINE=stepped STRAND_POLICY=$policy${seed:+ STRAND_SEED=$seed}"
            ;;
    esac
}

# on_engine NAME SOURCE PROGRAM SPEC: runs a program on an engine, in each of its environments if asked; notes claims that do not apply
on_engine() {
    local name=$1 source=$2 program=$3.${4//:/-} engine=$4 environment label kinds
    kinds=$(directive engines "$source" parallel,stepped,may)
    case ",$kinds," in
        *",${engine%%:*},"*)
            ln -f "$3" "$program"
            while read -r environment; do
                label="$name $engine${environment:+ $environment}"
                run "$source" "$program" "$label" "$(engine_environment "$engine")${environment:+ $environment}"
                NOTED=$((NOTED + inapplicable))
            done < <(directive env "$source" "" | if [ "$every_environment" = 1 ]; then cat; else head -n 1; fi)
            ;;
        *)
            say "not applicable: $name $engine: $(directive engines-why "$source" "")"
            [ -n "$(directive engines-why "$source" "")" ] || fail "$name: engines= without engines-why="
            NOTED=1
            ;;
    esac
    [ "$FAILED" -gt 0 ] || rm -f "$program"
}

# many_schedules NAME SOURCE PROGRAM POLICY: until so many schedules were tried; each seed is printed with a failure
many_schedules() {
    local name=$1 source=$2 program=$3.$4 policy=$4 seed=1 tried=0 more
    ln -f "$3" "$program"
    while [ "$tried" -lt "$schedules" ] && [ "$FAILED" = 0 ]; do
        run "$source" "$program" "$name $policy from seed $seed" "STRAND_ENGINE=stepped STRAND_POLICY=$policy STRAND_SEED=$seed LIBSTRAND_TEST_VARY=1 LIBSTRAND_TEST_SHORT=1" >"$program.said"
        [ "$FAILED" = 0 ] || { cat "$program.said"; break; }
        more=$(sed -n 's/^schedules: //p' "$program.out")
        [ "${more:-0}" -gt 0 ] || { fail "$name $policy: it tried no schedule"; break; }
        tried=$((tried + more)) seed=$((seed + more))
    done
    PASSED=0
    [ "$FAILED" = 1 ] || ok "$name under $policy: $tried schedules"
    NOTED=$tried
    [ "$FAILED" -gt 0 ] || rm -f "$program"
}

# as_written NAME SOURCE PROGRAM LABEL: runs a program in each of its environments, on a device in the first of them
as_written() {
    local source=$2 label=$4 environment
    if [ -f "$build/hung-$(basename "$source")" ]; then    # its other builds would take as long
        fail "$label: not run, since it did not end before"
        return
    fi
    while read -r environment; do
        environment+=${device:+${environment:+ }STRAND_GPU=$device}
        run "$source" "$3" "$label${environment:+ $environment}" "$environment"
    done < <(directive env "$source" "" | if [ -z "$device" ]; then cat; else head -n 1; fi)
}
does_not_compile() {    # LABEL PROGRAM
    fail "$1: does not compile"
    sed 's/^/    /' "$2.log" | head -n 20
}

no_clang=0
rm -f "$build"/hung-*
while IFS='|' read -r name source compiler opt mode; do
    program=$build/$name.$compiler-$opt-$mode label="$name $compiler-$opt-$mode" specs=() beside=plain
    [ "$(directive waits "$source" no)" = no ] || beside=waits
    [ "$(directive alone "$source" no)" = no ] || beside=alone
    case $part in engines) specs=("${engines[@]}") label=$name ;; schedules) specs=(random pct) label=$name ;; esac
    if [ -s "$program.skip" ]; then
        absent=$(cat "$program.skip")
        if [ "$absent" = clang ]; then no_clang=$((no_clang + 1)); else job plain skip "$label" "needs $absent"; fi
    elif [ ! -x "$program" ]; then
        job plain does_not_compile "$label" "$program"
    elif [ "$part" = schedules ]; then
        for spec in "${specs[@]}"; do job plain many_schedules "$name" "$source" "$program" "$spec"; done
    elif [ "$part" = engines ]; then
        for spec in "${specs[@]}"; do    # what is sensitive to neighbours in real time is not so on a virtual clock
            case $spec in stepped:*) kind=plain ;; *) kind=$beside ;; esac
            job "$kind" on_engine "$name" "$source" "$program" "$spec"
        done
    else
        job "$beside" as_written "$name" "$source" "$program" "$label"
    fi
done <"$build/plan-$part"
run_jobs "$build/jobs-$part"
case $part in engines) say "engines: $NOTED claims or programs not applicable" ;; schedules) say "schedules: $NOTED tried" ;; esac
[ "$no_clang" = 0 ] || skip "all programs once more with clang" "needs clang"
summary "$part"
