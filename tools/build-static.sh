#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# build-static.sh: libstrand.a, objects in which only the names of strand.h are global.
#
# rustc's archive has some 500 global names (std, compiler builtins, crate internals), which collide with a second Rust archive and leak
# out of shared libraries that absorb it. So: link it to one object, keep what strand.h reaches, make all else local.
#   --force-group-allocation  dissolves COMDAT groups. A localised name inside a group is lost when the linker keeps the group of another
#                             Rust archive instead: the link fails, or the program crashes at its first panic.
#   .llvmbc, .llvmcmd         bitcode of std, of use to no one, and read by older LLVM plugins of GNU nm and ar as garbage
# DEBUG=1 keeps line tables (std's as well: 5 MB).
#
# The archive has two members. strand-core.o is what remains of the library when nobody names a device: its names are weak. strand.o is the
# whole library. A program without devices gets the first alone, a fifth of the size, and needs no mathematical functions (the shader compiler
# wants libm). One that names a device gets the second too, whose names come before weak ones: it alone is run, and --gc-sections drops
# the first. With GPU=0 the two would be alike, and there is one.
. "$(dirname "$0")/lib.sh"

mkdir -p "$SHIP"
raw=$TARGET/release/libstrand.a
log=$SHIP/cargo.log

# One crate type per invocation: beside an rlib, cargo drops -C lto without a word. A test reads the log.
# Lints are `make lint`'s affair: a newer compiler with a new one must not break a packager's build.
# strand_own_std: the copy of std in these libraries is their own, so the hook of panics is too (src/base/quiet.rs).
# The prefix maps keep the builder's folders out of panic messages.
build() {
    RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src= --remap-path-prefix=$ROOT=." \
        CARGO_TARGET_DIR=$TARGET CARGO_TERM_COLOR=never \
        cargo rustc --locked --release --lib "${feature_flags[@]}" --crate-type staticlib --verbose -- --cfg strand_own_std --cap-lints warn --print native-static-libs >"$log.new" 2>&1 ||
        { grep -v '^ *\(Running\|Fresh\|Compiling\)' "$log.new" >&2; die "cargo rustc failed"; }
}
compiled() { grep -q 'Running .*--crate-name strand ' "$1" 2>/dev/null; }

[ -f "$raw" ] || say "building libstrand with LTO: a minute or two"
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

built_with="DEBUG=${DEBUG:-0} GPU=$GPU FEATURES=$FEATURES"
tools/symbols.sh >"$SHIP/symbols.new"
if [ "$SHIP/libstrand.a" -nt "$raw" ] && [ "$SHIP/libstrand.a" -nt "$0" ] && cmp -s "$SHIP/symbols.new" "$SHIP/symbols" &&
    [ "$(cat "$SHIP/built-with" 2>/dev/null)" = "$built_with" ]; then
    rm "$SHIP/symbols.new"
    exit 0
fi
mv "$SHIP/symbols.new" "$SHIP/symbols"

strip=()
[ "${DEBUG:-0}" = 1 ] || strip=(--strip-debug)
# object FILE PATTERN OBJCOPY-OPTION...: what the names of strand.h reach that the pattern does not exclude, as one object
object() {
    local file=$1 excluded=$2 name roots=()
    shift 2
    while read -r name; do roots+=("--undefined=$name"); done < <(grep -vE "$excluded" "$SHIP/symbols")
    "$LD" -r -o "$file" --gc-sections --force-group-allocation "${roots[@]}" --whole-archive "$raw" --no-whole-archive
    "$OBJCOPY" --keep-global-symbols="$SHIP/symbols" --remove-section=.llvmbc --remove-section=.llvmcmd --remove-section=.debug_gdb_scripts \
        --remove-section=.comment "${strip[@]}" "$@" "$file"
}
members=("$SHIP/strand.o")
object "$SHIP/strand.o" '^$'
if [ "$GPU" = 1 ] && grep -qE "$DEVICE_NAMES" "$SHIP/symbols"; then
    object "$SHIP/strand-core.o" "$DEVICE_NAMES" --weaken-symbols="$SHIP/symbols"    # not --weaken: what it wants of others stays wanted
    members=("$SHIP/strand-core.o" "${members[@]}")
fi

missing=$(comm -23 "$SHIP/symbols" <(defined_symbols "$SHIP/strand.o"))
[ -z "$missing" ] || die "strand.h declares what the library does not define: $(tr '\n' ' ' <<<"$missing")"

rm -f "$SHIP/libstrand.a.new"
ar rcsD "$SHIP/libstrand.a.new" "${members[@]}"
mv "$SHIP/libstrand.a.new" "$SHIP/libstrand.a"
say "$built_with" >"$SHIP/built-with"
say "built libstrand.a ($(($(stat -c %s "$SHIP/libstrand.a") / 1024)) kB, $(wc -l <"$SHIP/symbols") names)"
