# SPDX-License-Identifier: MIT OR Apache-2.0
# What demo.sh and test.sh share: where things are, which tools there are, how a program is built and run.
# Sourced with the arguments of either: LIBDIR INCLUDEDIR OUTDIR.

[ $# -eq 3 ] || { echo "usage: $0 LIBDIR INCLUDEDIR OUTDIR" >&2; exit 2; }
libdir=${1#"$PWD"/} includedir=${2#"$PWD"/} outdir=${3#"$PWD"/}    # short, where they are below this folder
examples=$(dirname "$0")
CC=${CC:-cc} CXX=${CXX:-c++} PYTHON=${PYTHON:-python3}
archive=$libdir/libstrand.a shared=$libdir/libstrand.so
ulimit -c 0
mkdir -p "$outdir"
for file in "$archive" "$shared" "$includedir/strand.h" "$includedir/strand.ll"; do
    [ -f "$file" ] || { echo "$0: there is no $file; 'make build' makes it" >&2; exit 2; }
done

have() { command -v "$1" >/dev/null 2>&1; }

# ir_compiler: finds something that turns LLVM IR with opaque pointers into an object: clang or llc, the newest first,
# version 14 with a flag. What it finds is tried on a function before it is believed. Sets $ir ('' if there is none).
ir_compiler() {
    ir=
    probe=$outdir/probe.ll
    echo 'define ptr @probe(ptr %p) { ret ptr %p }' >"$probe"
    sysroot=$(rustc --print sysroot 2>/dev/null || true)
    for tool in ${LLC:-} clang clang-25 clang-24 clang-23 clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 \
        clang-15 "$sysroot"/lib/rustlib/*/bin/llc llc llc-25 llc-24 llc-23 llc-22 llc-21 llc-20 llc-19 llc-18 llc-17 \
        llc-16 llc-15 clang-14 llc-14; do
        have "$tool" || continue
        case $tool in
        *clang*) set -- "$tool -O2 -fPIC -Wno-override-module -c" "$tool -O2 -fPIC -Wno-override-module -Xclang -opaque-pointers -c" ;;
        *) set -- "$tool -O2 -relocation-model=pic -filetype=obj" "$tool --opaque-pointers -O2 -relocation-model=pic -filetype=obj" ;;
        esac
        for ir; do
            $ir "$probe" -o "$outdir/probe.o" >/dev/null 2>&1 && return 0
        done
    done
    ir=
    return 1
}

# coreutils_count TEXT...: what wordcount writes, counted by coreutils.
coreutils_count() {
    cat "$@" | LC_ALL=C tr -cs 'A-Za-z' '\n' | LC_ALL=C tr 'A-Z' 'a-z' | LC_ALL=C sort | LC_ALL=C uniq -c |
        sed -e 's/^ *//' -e '/ $/d'
}
