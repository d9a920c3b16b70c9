#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# doctor.sh: what this machine has, and what the absence of the rest means. Fails only where nothing can be built.
. "$(dirname "$0")/lib.sh"

missing=0
required() {
    if have "$1"; then say "ok       $1: $("$1" --version 2>&1 | head -n 1)"; else say "MISSING  $1: $2"; missing=1; fi
}
optional() {
    if have "$1"; then say "ok       $1: $("$1" --version 2>&1 | sed -n '/[0-9]\.[0-9]/{s/^ *//;p;q}')"; else say "without  $1: $2"; fi
}

say "libstrand $VERSION on $(uname -sm), Linux $(uname -r), $(nproc) usable processors, $(awk '/MemAvailable/ { printf "%.1f", $2 / 1048576 }' /proc/meminfo) GiB free"
required cargo "Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer, from rustup or the distribution"
required "$CC" "a C compiler (Debian: gcc)"
required make "Debian: make"
required readelf "binutils"
required "$OBJCOPY" "binutils"
if grep -q force-group-allocation <("$LD" --help 2>/dev/null); then say "ok       $LD: knows --force-group-allocation"; else
    say "MISSING  $LD: GNU ld 2.29 or newer is needed to link the static library"
    missing=1
fi
optional "$CXX" "C++ tests and the C++ example are skipped (Debian: g++)"
optional clang "C programs are tested with one compiler only (Debian: clang)"
optional llc "LLVM IR programs are skipped, unless clang is 15 or newer (Debian: llvm)"
optional valgrind "make test-valgrind is skipped"
optional pkg-config "installed programs are not tested through pkg-config"
optional cmake "installed programs are not tested through CMake"
optional python3 "the ctypes example is skipped"
if [ -x "$TARGET/seqc/bin/seqc" ] || have seqc; then say "ok       seqc"; else say "without  seqc: Seq programs are not tested (tools/install-seqc.sh, with Debian: clang-19 llvm-19)"; fi
# What a device needs at run time. The library opens the loader when a program asks for a device, and not before.
loader=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | sed -n 's/.*libvulkan\.so\.1 .*=> //p' | sed -n 1p || true)
drivers=$(find /usr/share/vulkan/icd.d /etc/vulkan/icd.d -name '*.json' 2>/dev/null | sed 's|.*/||; s|_icd\..*||; s|\.json||' | sort -u | tr '\n' ' ' || true)
if [ -z "$loader" ]; then say "without  libvulkan.so.1: worklists run on the processor alone (Debian: libvulkan1 mesa-vulkan-drivers)"
elif [ -z "$drivers" ]; then say "without  a Vulkan driver: worklists run on the processor alone (Debian: mesa-vulkan-drivers for lavapipe)"
else say "ok       $loader, drivers: ${drivers% }"; fi
case " $drivers" in *" lvp "*) ;; *) say "without  lavapipe: tests on a software device are skipped (Debian: mesa-vulkan-drivers)" ;; esac
optional rustfmt "formatting is not checked (rustup component add rustfmt)"
if cargo clippy --version >/dev/null 2>&1; then say "ok       clippy: $(cargo clippy --version)"; else say "without  clippy: lints are not checked (rustup component add clippy)"; fi
say "kernel   $(uname -r): $([ "$(printf '6.13\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.13 ] && say 'guards without mappings (MADV_GUARD_INSTALL)' ||
    say 'guards by mprotect, so the number of live strands is limited by vm.max_map_count')"
say "limits   vm.max_map_count $(cat /proc/sys/vm/max_map_count 2>/dev/null || say '?'), address space $(ulimit -v), processes $(ulimit -u)"
exit "$missing"
