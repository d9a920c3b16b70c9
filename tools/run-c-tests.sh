#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# run-c-tests.sh [--list] [--instrument none|valgrind|asan] [--tier gate|soak] [WORD...]: builds and runs the programs of c_tests/
# (those whose name contains one of the words), as c_tests/README.md says. V=1 shows their output.
. "$(dirname "$0")/lib.sh"

tier=gate instrument=none list=0 words=()
while [ $# -gt 0 ]; do
    case $1 in
        --list) list=1 ;;
        --instrument) instrument=$2; shift ;;
        --tier) tier=$2; shift ;;
        -*) die "unknown option $1" ;;
        *) words+=("$1") ;;
    esac
    shift
done
part=c_tests
[ "$instrument" = none ] || part=$instrument
[ "$tier" = gate ] || part=$tier
SOURCES=${C_TESTS:-$ROOT/c_tests}
build=$TARGET/tests-$part
native=$(cat "$SHIP/native-static-libs" 2>/dev/null) || die "nothing is built: run make build first"
common=(-Wall -Wextra -Werror -Wno-infinite-recursion -D_GNU_SOURCE -pthread -fstack-clash-protection -fexceptions "-I$(dirname "$HEADER")" "-I$SOURCES")
mkdir -p "$build"
if [ "$instrument" = valgrind ] && ! have valgrind; then
    skip "C tests under memcheck" "needs valgrind"
    summary "$part"
    exit
fi

# --- directives ---------------------------------------------------------------------------------------------------

# directive KEY FILE DEFAULT: the values of a key, one a line
directive() {
    local found
    found=$(head -n 20 "$2" | grep -E '^[/; *]*test: ' | grep -oE "(^| )$1=(\"[^\"]*\"|[^ ]*)" | sed -E "s/^ ?$1=//; s/^\"(.*)\"\$/\1/" || true)
    printf '%s\n' "${found:-$3}"
}

# lacks LIST: the first thing of a needs= list that this machine lacks, or nothing
lacks() {
    local need
    for need in ${1//,/ }; do
        case $need in
            memory:*) [ "$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)" -ge "${need#*:}" ] || { say "$need"; return; } ;;
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
    for source in "$SOURCES"/*.c "$SOURCES"/*.cc "$SOURCES"/*.ll; do
        [ -f "$source" ] || continue
        name=$(basename "${source%.*}")
        wanted "$name" && [ "$(directive tier "$source" gate)" = "$tier" ] || continue
        opts=$(directive opt "$source" O0,O2) modes=$(directive modes "$source" static,shared)
        if [ "$instrument" != none ]; then
            case ",$(directive instruments "$source" valgrind,asan)," in *",$instrument,"*) ;; *) continue ;; esac
            opts=O1 modes=static
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

plan >"$build/plan"
if [ "$list" = 1 ]; then awk -F'|' '{ print $1, $3 "-" $4 "-" $5 }' "$build/plan"; exit 0; fi
[ -s "$build/plan" ] || { say "no C test is named like that"; summary "$part"; exit 0; }

# --- running ------------------------------------------------------------------------------------------------------

# run SOURCE PROGRAM LABEL ENVIRONMENT: runs a program once and judges it
run() {
    local source=$1 program=$2 label=$3 environment=$4 status=0 began=$SECONDS want limit pattern problem=
    local scratch=$program.run
    local -a command variables arguments
    want=$(directive expect-exit "$source" 0)
    limit=$(directive timeout "$source" 30)
    read -r -a variables <<<"$environment"
    read -r -a arguments <<<"$(directive args "$source" "")"
    command=("$program" "${arguments[@]}")
    case $instrument in
        valgrind) limit=$((limit * 10)); command=(valgrind --quiet --error-exitcode=99 --leak-check=full "--errors-for-leak-kinds=definite,possible"
            "--suppressions=$ROOT/tools/valgrind.supp" "${command[@]}") ;;
        asan) limit=$((limit * 5)) ;;
    esac
    rm -rf "$scratch" && mkdir -p "$scratch"
    { (    # braces: the shell's own "Aborted" is not of interest
        unset "${!STRAND_@}"
        export LIBSTRAND_UNDER_TEST=$SHIP/$SONAME LD_LIBRARY_PATH=$SHIP
        cd "$scratch"
        ulimit -c 0
        exec env "${variables[@]}" timeout --signal=QUIT --kill-after=3 "$limit" "${command[@]}"
    ) >"$program.out" 2>"$program.err" </dev/null; } 2>/dev/null || status=$?
    if [ "$status" = 77 ] && [ "$want" != 77 ]; then
        skip "$label" "$(head -n 1 "$program.out")"
        rm -rf "$scratch"
        return
    fi
    if [ "$status" = 124 ] || { [ "$status" = 137 ] && [ "$want" != 137 ]; }; then problem="no end after $limit s"; hung=$source
    elif [ "$status" != "$want" ]; then problem="exit $status, expected $want"; fi
    while read -r pattern; do
        [ -z "$pattern" ] || grep -qE -- "$pattern" "$program.err" || problem="${problem:+$problem; }stderr has no line like '$pattern'"
    done < <(directive expect-stderr "$source" "")
    while read -r pattern; do
        [ -z "$pattern" ] || grep -qE -- "$pattern" "$program.out" || problem="${problem:+$problem; }stdout has no line like '$pattern'"
    done < <(directive expect-stdout "$source" "")
    [ $((SECONDS - began)) -lt 5 ] || label+=" ($((SECONDS - began)) s)"
    if [ -z "$problem" ]; then ok "$label"; else fail "$label: $problem"; fi
    if [ -n "$problem" ] || [ "${V:-0}" = 1 ]; then
        [ -z "$problem" ] || say "    again: ${environment:+$environment }$program ${arguments[*]}"
        tail -n 40 "$program.out" "$program.err" | sed 's/^/    /'
    fi
    rm -rf "$scratch"
}

# All programs are compiled first, several at once; then they run one after the other, since some look at the use of the CPU.
[ "$instrument" != none ] || trampolines
ir_tool=$(llvm_compiler)
while IFS='|' read -r name source compiler opt mode; do
    program=$build/$name.$compiler-$opt-$mode
    rm -f "$program" "$program.skip"
    absent=$(lacks "$(directive needs "$source" "")")
    [ -n "$absent" ] || [ "$compiler" = cc ] || have "$compiler" || absent=$compiler
    [ -n "$absent" ] || [ "${source##*.}" != ll ] || [ -n "$ir_tool" ] || absent=llc
    if [ -n "$absent" ]; then say "$absent" >"$program.skip"; continue; fi
    while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n || true; done
    compile "$source" "$compiler" "$opt" "$mode" "$program" &
done <"$build/plan"
wait

no_clang=0 hung=
while IFS='|' read -r name source compiler opt mode; do
    program=$build/$name.$compiler-$opt-$mode label="$name $compiler-$opt-$mode"
    if [ -s "$program.skip" ]; then
        absent=$(cat "$program.skip")
        if [ "$absent" = clang ]; then no_clang=$((no_clang + 1)); else skip "$label" "needs $absent"; fi
    elif [ ! -x "$program" ]; then
        fail "$label: does not compile"
        sed 's/^/    /' "$program.log" | head -n 20
    elif [ "$source" = "$hung" ]; then    # its other builds would take as long
        fail "$label: not run, since it did not end before"
    else
        while read -r environment; do
            run "$source" "$program" "$label${environment:+ $environment}" "$environment"
        done < <(directive env "$source" "")
    fi
done <"$build/plan"
[ "$no_clang" = 0 ] || skip "all programs once more with clang" "needs clang"
summary "$part"
