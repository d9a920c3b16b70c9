#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# build-static.sh: libstrand.a, one object in which only the names of strand.h are global.
#
# rustc's archive has some 500 global names (std, compiler builtins, crate internals), which collide with a second Rust archive and leak
# out of shared libraries that absorb it. So: link it to one object, keep what strand.h reaches, make all else local.
#   --force-group-allocation  dissolves COMDAT groups. A localised name inside a group is lost when the linker keeps the group of another
#                             Rust archive instead: the link fails, or the program crashes at its first panic.
#   .llvmbc, .llvmcmd         bitcode of std, of use to no one, and read by older LLVM plugins of GNU nm and ar as garbage
# DEBUG=1 keeps line tables (std's as well: 5 MB).
. "$(dirname "$0")/lib.sh"

mkdir -p "$SHIP"
raw=$TARGET/release/libstrand.a
log=$SHIP/cargo.log

# One crate type per invocation: beside an rlib, cargo drops -C lto without a word. A test reads the log.
# Lints are `make lint`'s affair: a newer compiler with a new one must not break a packager's build.
# The prefix maps keep the builder's folders out of panic messages.
build() {
    RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src= --remap-path-prefix=$ROOT=." \
        CARGO_TARGET_DIR=$TARGET CARGO_TERM_COLOR=never \
        cargo rustc --locked --release --lib --features "$FEATURES" --crate-type staticlib --verbose -- --cap-lints warn --print native-static-libs >"$log.new" 2>&1 ||
        { grep -v '^ *\(Running\|Fresh\|Compiling\)' "$log.new" >&2; die "cargo rustc failed"; }
}
compiled() { grep -q 'Running .*--crate-name strand ' "$1" 2>/dev/null; }

[ -f "$raw" ] || say "building libstrand with LTO: a minute or less"
build
if ! compiled "$log.new" && ! compiled "$log"; then    # built by somebody else: the log would say nothing about LTO
    CARGO_TARGET_DIR=$TARGET cargo clean --locked --release --package libstrand 2>/dev/null
    build
fi
if compiled "$log.new"; then mv "$log.new" "$log"; else rm "$log.new"; fi

# What a C program has to link besides, as rustc says. -lc and -lgcc_s are left out: every C compiler driver adds them itself, and
# naming -lgcc_s breaks -static.
sed -n 's/^note: native-static-libs: //p' "$log" | tail -n 1 | tr ' ' '\n' | grep -v -x -e '-lc' -e '-lgcc_s' | awk '!seen[$0]++' |
    tr '\n' ' ' | sed 's/ $//' >"$SHIP/native-static-libs"

tools/symbols.sh >"$SHIP/symbols.new"
if [ "$SHIP/libstrand.a" -nt "$raw" ] && [ "$SHIP/libstrand.a" -nt "$0" ] && cmp -s "$SHIP/symbols.new" "$SHIP/symbols" &&
    [ "$(cat "$SHIP/debug" 2>/dev/null)" = "${DEBUG:-0}" ]; then
    rm "$SHIP/symbols.new"
    exit 0
fi
mv "$SHIP/symbols.new" "$SHIP/symbols"

roots=()
while read -r name; do roots+=("--undefined=$name"); done <"$SHIP/symbols"
object=$SHIP/strand.o
"$LD" -r -o "$object" --gc-sections --force-group-allocation "${roots[@]}" --whole-archive "$raw" --no-whole-archive

strip=()
[ "${DEBUG:-0}" = 1 ] || strip=(--strip-debug)
"$OBJCOPY" --keep-global-symbols="$SHIP/symbols" --remove-section=.llvmbc --remove-section=.llvmcmd --remove-section=.debug_gdb_scripts \
    --remove-section=.comment "${strip[@]}" "$object"

missing=$(comm -23 "$SHIP/symbols" <(defined_symbols "$object"))
[ -z "$missing" ] || die "strand.h declares what the library does not define: $(tr '\n' ' ' <<<"$missing")"

rm -f "$SHIP/libstrand.a.new"
ar rcsD "$SHIP/libstrand.a.new" "$object"
mv "$SHIP/libstrand.a.new" "$SHIP/libstrand.a"
say "${DEBUG:-0}" >"$SHIP/debug"
say "built libstrand.a ($(($(stat -c %s "$SHIP/libstrand.a") / 1024)) kB, $(wc -l <"$SHIP/symbols") names)"
