#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test-asan.sh [WORD...]: the C tests with AddressSanitizer in the library and in the programs (and UBSan in the programs).
# The library is built with the ordinary std and with the switch of corosensei, which tells the sanitizer about each change of stacks.
. "$(dirname "$0")/lib.sh"

mkdir -p "$TARGET"
printf 'int main(void) { return 0; }' >"$TARGET/asan.c"
if ! "$CC" -fsanitize=address,undefined "$TARGET/asan.c" -o "$TARGET/asan" 2>/dev/null; then
    skip "C tests under AddressSanitizer" "$CC has no sanitizer runtime"
    summary asan
    exit
fi
host=$(rustc --print host-tuple)
export SHIP=$TARGET/ship-asan
mkdir -p "$SHIP"
log=$SHIP/cargo.log
# -Z flags on a stable compiler are for tests alone. A target is named so that build scripts are built without the sanitizer.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="${RUSTFLAGS:-} -Zsanitizer=address -Cforce-frame-pointers=yes" CARGO_TARGET_DIR=$TARGET CARGO_PROFILE_RELEASE_LTO=off \
    cargo rustc --locked --release --lib --crate-type staticlib --target "$host" "${feature_flags[@]}" --features corosensei,corosensei/sanitizer -- --cfg strand_own_std --print native-static-libs >"$log" 2>&1 ||
    { cat "$log" >&2; die "cargo rustc failed"; }
cp "$TARGET/$host/release/libstrand.a" "$SHIP/"
sed -n 's/^note: native-static-libs: //p' "$log" | tail -n 1 >"$SHIP/native-static-libs"
grep -q '__asan_' <(readelf --wide --symbols "$SHIP/libstrand.a" 2>/dev/null) || die "the library was built without the sanitizer"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0:detect_leaks=1:abort_on_error=0:exitcode=99}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$ROOT/tools/lsan.supp:print_suppressions=0}
exec tools/run-c-tests.sh --instrument asan "$@"
