#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# build-seq.sh: libstrand_seq.a and libstrand_seq0.a beside libstrand.a, from the C sources of compat/seq and strand.h alone.
. "$(dirname "$0")/lib.sh"

[ -f "$SHIP/libstrand.a" ] || die "nothing is built: run make build first"
# Without stack probes: the value stack of a strand lies in its first frame, 32 KiB of which most is never used, and a probe would
# touch each page of it. No frame here is larger than the guard below a stack.
flags=(-std=c11 -O2 -fPIE -ffunction-sections -fno-stack-clash-protection -Wall -Wextra -Werror -D_GNU_SOURCE "-I$(dirname "$HEADER")")
objects=$TARGET/seq
mkdir -p "$objects"

archive() {    # archive NAME SOURCE...
    local name=$1 source made=()
    shift
    for source; do
        "$CC" "${flags[@]}" -c "compat/seq/$source.c" -o "$objects/$source.o"
        made+=("$objects/$source.o")
    done
    rm -f "$SHIP/$name"
    ar rcsD "$SHIP/$name" "${made[@]}"
}
archive libstrand_seq.a seq weave offload
archive libstrand_seq0.a seq0
say "built libstrand_seq.a ($(($(stat -c %s "$SHIP/libstrand_seq.a") / 1024)) kB) and libstrand_seq0.a ($(($(stat -c %s "$SHIP/libstrand_seq0.a") / 1024)) kB)"
