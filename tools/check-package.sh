#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# check-package.sh: what a packager expects of the built libraries. Each check that could pass by accident has a control that must fail.
. "$(dirname "$0")/lib.sh"

archive=$SHIP/libstrand.a shared=$SHIP/$SOFILE
[ -f "$archive" ] && [ -f "$shared" ] || die "nothing is built: run make build first"
work=$TARGET/package
rm -rf "$work"
mkdir -p "$work"
read -r -a native <"$SHIP/native-static-libs" || true
raw=$TARGET/release/libstrand.a

# same NAME LIST1 LIST2: passes when the two files hold the same lines
same() {
    if diff -u "$2" "$3" >"$work/diff"; then ok "$1"; else fail "$1"; sed -n '3,$s/^/    /p' "$work/diff" | grep -E '^ +[-+]' || true; fi
}
refuse() { local status=0; "$@" || status=$?; [ "$status" = 1 ]; }    # 2 would be an error of grep itself

# --- symbols ------------------------------------------------------------------------------------------------------
tools/symbols.sh >"$work/header"
grep -v '^#' c_tests/symbols.txt >"$work/snapshot"
defined_symbols "$archive" >"$work/archive"
defined_symbols "$shared" >"$work/shared"
same "symbols.txt lists what strand.h declares" "$work/snapshot" "$work/header"
same "libstrand.a defines what strand.h declares and nothing else" "$work/header" "$work/archive"
same "libstrand.so exports what strand.h declares and nothing else" "$work/header" "$work/shared"
check "every exported name begins with strand_" refuse grep -v '^strand_' "$work/archive"
defined_symbols "$raw" >"$work/raw"
check "control: rustc's own archive has other names" grep -qv '^strand_' "$work/raw"

# --- sections and groups ------------------------------------------------------------------------------------------
sections "$archive" >"$work/sections"
check "no bitcode in libstrand.a" refuse grep -E 'llvm(bc|cmd)' "$work/sections"
check "no COMDAT group in libstrand.a" refuse grep -q 'COMDAT' <(readelf --wide --section-groups "$archive")
check "control: rustc's own archive has groups" grep -q 'COMDAT' <(readelf --wide --section-groups "$raw" 2>/dev/null)
check "the sections of functions that a program does not use can be dropped" grep -q '^\.text\.strand_' "$work/sections"
check "no folder of the builder in libstrand.a" refuse grep -qaE "$(printf '%s|%s' "${CARGO_HOME:-$HOME/.cargo}" "$ROOT")" "$archive"
plugins() { ar t "$archive" && nm "$archive"; }
check "ar and nm read libstrand.a without a complaint" refuse grep -iE 'plugin|invalid' <(plugins 2>&1 >/dev/null)

# --- the shared library -------------------------------------------------------------------------------------------
readelf --wide --dynamic "$shared" >"$work/dynamic"
readelf --wide --segments "$shared" >"$work/segments"
check "soname is $SONAME" grep -q "SONAME.*\[$SONAME\]" "$work/dynamic"
check "libstrand.so -> $SONAME -> $SOFILE" test "$(readlink "$SHIP/libstrand.so") $(readlink "$SHIP/$SONAME")" = "$SONAME $SOFILE"
check "dlclose does not unmap it (nodelete)" grep -q 'FLAGS_1.*NODELETE' "$work/dynamic"
check "no executable stack" grep -qE 'GNU_STACK.* RW ' "$work/segments"
check "relocations are read-only after start (relro, now)" grep -q 'FLAGS_1.*NOW' "$work/dynamic"
check "no relocations in code" refuse grep -q TEXTREL "$work/dynamic"
sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic" | grep -vE '^(libgcc_s\.so\.1|libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux-.*)$' >"$work/needed" || true
check "it needs nothing beyond the C library and libgcc_s" test ! -s "$work/needed"
check "names carry the version STRAND_$SOVERSION" grep -q "@@STRAND_$SOVERSION" <(readelf --wide --dyn-syms "$shared")
check "it reads strand_poll_word where the program may have copied it" grep -q 'GLOB_DAT.*strand_poll_word' <(readelf --wide --relocs "$shared")

# --- LTO ----------------------------------------------------------------------------------------------------------
# The line of the build log that compiled the library itself.
compiled=$(grep 'Running .*--crate-name strand ' "$SHIP/cargo.log" | tail -n 1)
with_lto() { grep -qE -- '-C lto( |=)' <<<"$1" && grep -q -- '--crate-type staticlib ' <<<"$1"; }
check "the build log shows that cargo asked for LTO" with_lto "$compiled"
check "control: a line without -C lto is noticed" refuse with_lto "${compiled//-C lto/-C opt}"

# --- targets ------------------------------------------------------------------------------------------------------
check "the build script compiles" rustc --edition 2024 -o "$work/build-script" build.rs
says_of() { CARGO_CFG_TARGET_OS=$1 CARGO_CFG_TARGET_ARCH=$2 "$work/build-script"; }
check "other targets are refused with a sentence" eval 'for target in "windows x86_64" "linux riscv64" "macos aarch64"; do
    read -r os arch <<<"$target"; grep -q "^cargo::error=libstrand runs on Linux" <(says_of "$os" "$arch"); done'
check "control: Linux on x86-64 and aarch64 is not" eval 'refuse grep -q error <(says_of linux x86_64) && refuse grep -q error <(says_of linux aarch64)'

# --- programs -----------------------------------------------------------------------------------------------------
cat >"$work/small.c" <<'C'
#include <stdio.h>
#include "strand.h"
int main(void) { return strand_version() == STRAND_VERSION_NUMBER && strand_poll_word == 0 ? 0 : 1; }
C
build() { "$CC" -O2 -Wall -Wextra -Werror "-I$(dirname "$HEADER")" "$@" "${native[@]}"; }
check "a program links without any other library named" "$CC" -O2 "-I$(dirname "$HEADER")" "$work/small.c" "$archive" -pthread -o "$work/plain"
check "it runs" "$work/plain"
check "a program compiled with -flto runs" eval 'build -flto "$work/small.c" "$archive" -o "$work/lto" && "$work/lto"'
check "a program that is not position-independent runs" eval 'build -fno-pie -no-pie "$work/small.c" "-L$SHIP" -lstrand "-Wl,-rpath,$SHIP" -o "$work/fixed" && "$work/fixed"'
# What has nothing to do with devices is not paid for: not in size, and not with a library of mathematical functions.
if grep -qE "$DEVICE_NAMES" "$SHIP/symbols" && [ "$GPU" = 1 ]; then
    check "a program that names no device has no code of devices in it" test "$(code_of_devices "$work/plain")" = 0
    {
        say '#include "strand.h"' && say 'int main(int argc, char **argv) { (void)argv; const void *names[] = {'
        grep -E "$DEVICE_NAMES" "$SHIP/symbols" | sed 's/.*/    (const void *)&,/'
        say '  }; return names[argc % (sizeof names / sizeof *names)] == 0; }'
    } >"$work/devices.c"
    check "a program that names every function of devices links and runs" eval 'build -Wno-pedantic "$work/devices.c" "$archive" -pthread -o "$work/devices" && "$work/devices"'
    check "it has their code" test "$(code_of_devices "$work/devices" 2>/dev/null || say 0)" -gt 100
    check "with all members of the archive a program links and runs" eval 'build "$work/devices.c" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -pthread -o "$work/whole-archive" && "$work/whole-archive"'
    optional() { readelf --wide --symbols "$1" | awk '$5 == "WEAK" && $7 == "UND" { print $8 }' | sort -u; }
    check "its part wants of other libraries what the whole wants" test -z "$(comm -23 <(optional "$SHIP/strand-core.o") <(optional "$SHIP/strand.o"))"
    "$OBJCOPY" --weaken "$SHIP/strand-core.o" "$work/weakened.o"
    check "control: with everything weak it would not" test -n "$(comm -23 <(optional "$work/weakened.o") <(optional "$SHIP/strand.o"))"
    cp "$work/plain" "$work/plain.stripped" && strip "$work/plain.stripped"
    size=$(($(stat -c %s "$work/plain.stripped") / 1024))
    check "a stripped program without devices is smaller than 1,500 kB: $size" test "$size" -lt 1500
fi
if [ -f "$("$CC" -print-file-name=libc.a)" ]; then
    check "a fully static program runs" eval 'build -static "$work/small.c" "$archive" -o "$work/static" 2>"$work/warnings" && "$work/static"'
else
    skip "a fully static program runs" "needs libc.a"
fi
check "a shared library that absorbs libstrand.a exports nothing of Rust" eval '
    build -shared -fPIC "$work/small.c" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -o "$work/absorbed.so" &&
    refuse grep -qvE "^(strand_|main$)" <(defined_symbols "$work/absorbed.so")'

# dlopen: opened, used, closed and opened again, it is the same library at the same place, since it stays.
cat >"$work/dlopen.c" <<'C'
#include <dlfcn.h>
#include <stdint.h>
int main(int argc, char **argv) {
  void *first = 0;
  for (int round = 0; round < 3; round++) {
    void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
    if (!library) return 1;
    void *address = dlsym(library, "strand_version");
    if (!address || ((uint32_t (*)(void))address)() == 0 || (first && first != address)) return 2;
    first = address;
    if (dlsym(library, "rust_eh_personality") || dlsym(library, "rust_panic")) return 3;
    if (dlclose(library)) return 4;
  }
  return 0;
}
C
check "dlopen, call, dlclose, three times" eval '"$CC" -O2 -o "$work/dlopen" "$work/dlopen.c" -ldl && "$work/dlopen" "$shared"'

# --- a second Rust archive ----------------------------------------------------------------------------------------
# Two Rust archives in one program, in both orders, and both panic. libstrand's panic comes from a function of its copy of core, which is
# made callable in a copy of the archive; all candidates take one pointer, the place to blame.
check "the second archive builds" rustc --edition 2024 --crate-name second --crate-type staticlib -O -o "$work/libsecond.a" c_tests/second_archive/second.rs
inner=$(readelf --wide --symbols "$SHIP/strand.o" | awk '$4 == "FUNC" && $7 != "UND" { print $8 }' |
    grep -E '4core(9panicking11panic_const[0-9]+panic_const_|6option13unwrap_failed$|6option13unwrap_failed17h)' | sort | sed -n 1p || true)
if [ -n "$inner" ]; then
    ok "libstrand has a panic of its own to reach"
    "$OBJCOPY" --redefine-sym "$inner=first_panics" --globalize-symbol=first_panics "$SHIP/strand.o" "$work/strand.o"
else
    fail "libstrand has a panic of its own to reach: no function of core was found in it"
    cp "$SHIP/strand.o" "$work/strand.o"
fi
ar rcsD "$work/libfirst.a" "$work/strand.o"
both() {    # OUTPUT ARCHIVES...
    local output=$1
    shift
    build -fexceptions -DFIRST_PANICS c_tests/second_archive/main.c "$@" -o "$output" && "$output"
}
check "with a second Rust archive behind it, both panic and recover" both "$work/first-second" "$work/libfirst.a" "$work/libsecond.a"
check "with a second Rust archive before it, both panic and recover" both "$work/second-first" "$work/libsecond.a" "$work/libfirst.a"
check "whole archives, both panic and recover" both "$work/whole" -Wl,--whole-archive "$work/libfirst.a" "$work/libsecond.a" -Wl,--no-whole-archive

# The control is linked with its groups left as they are: in one order at least, it must not link or die at the first panic.
roots=()
while read -r name; do roots+=("--undefined=$name"); done <"$work/header"
"$LD" -r -o "$work/grouped.o" --gc-sections "${roots[@]}" --whole-archive "$raw" --no-whole-archive
"$OBJCOPY" --redefine-sym "${inner:-none}=first_panics" --globalize-symbol=first_panics --remove-section=.llvmbc --remove-section=.llvmcmd "$work/grouped.o"
say first_panics >>"$work/header"
"$OBJCOPY" --keep-global-symbols="$work/header" "$work/grouped.o"
ar rcsD "$work/libgrouped.a" "$work/grouped.o"
check "control: with its groups the library alone still links" build "$work/small.c" "$work/libgrouped.a" -o "$work/grouped"
broken() { ! { both "$work/broken" "$work/libgrouped.a" "$work/libsecond.a" && both "$work/broken" "$work/libsecond.a" "$work/libgrouped.a"; }; }
check "control: with its groups it breaks beside a second archive" broken

summary package
