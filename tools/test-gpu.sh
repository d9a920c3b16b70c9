#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# test-gpu.sh [WORD...]: what is about devices. The C tests gpu_* and worklist* with STRAND_GPU=cpu and, where lavapipe is found,
# STRAND_GPU=software; those of the processor once more with a library that has no devices (GPU=0, built in $TARGET/cpu), which exports the
# same names; and the Rust tests of worklists without devices. Those with devices, also of programs in SPIR-V, are among those of the part "rust".
# STRAND_TEST_GPU=hardware: also on the hardware that is there.
. "$(dirname "$0")/lib.sh"

work=$TARGET/gpu
rm -rf "$work"
mkdir -p "$work"
words=("$@")
patterns=(gpu_ worklist)
# counted PART FOLDER COMMAND...: runs a part that counts for itself, and adds what it counted
counted() {
    local count=$2/$1.count passed failed skipped
    shift 2
    rm -f "$count"
    "$@" || true
    if read -r passed failed skipped 2>/dev/null <"$count"; then :; else passed=0 failed=1 skipped=0; say "FAIL $* did not come to its end"; fi
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
}
selected=("${words[@]:-${patterns[@]}}")

# --- the library without devices ----------------------------------------------------------------------------------
without=$TARGET/cpu
without_devices() { CARGO_TARGET_DIR=$without SHIP=$without/ship RESULTS=$without/results GPU=0 "$@"; }
check "a library without devices builds" without_devices tools/build-static.sh
check "a shared library without devices builds" without_devices tools/build-shared.sh
for file in libstrand.a "$SOFILE"; do
    defined_symbols "$SHIP/$file" >"$work/with"
    defined_symbols "$without/ship/$file" >"$work/without"
    check "$file exports the same names with and without devices" diff "$work/with" "$work/without"
done
sed 1d "$work/without" >"$work/fewer"
differs() { ! diff "$@" >/dev/null; }
check "control: a name less is noticed" differs "$work/with" "$work/fewer"

check "there is no code of devices in the library without" test "$(code_of_devices "$without/ship/libstrand.a")" = 0

# --- C programs ---------------------------------------------------------------------------------------------------
# Which devices there are is asked of the library itself.
cat >"$work/devices.c" <<'C'
#include <stdio.h>
#include "strand.h"
int main(void) {
  uint32_t count = 0;
  if (strand_scheduler_init(NULL) != STRAND_OK) return 1;
  if (strand_device_count(&count) != STRAND_OK) return 1;
  for (uint32_t index = 0; index < count; index++) {
    strand_device_info info = {.size = sizeof info};
    if (strand_device_describe(index, &info) != STRAND_OK) return 1;
    const char *kinds[] = {"?", "hardware", "software", "cpu"};
    printf("%s %s, %s\n", kinds[info.kind & 3], info.name, info.driver);
  }
  return strand_scheduler_shutdown(STRAND_FOREVER) != STRAND_OK;
}
C
read -r -a native <"$SHIP/native-static-libs" || true
: >"$work/devices"
if grep -q strand_device_count "$SHIP/symbols"; then
    check "a program that names devices links" "$CC" -O2 "-I$(dirname "$HEADER")" "$work/devices.c" "$SHIP/libstrand.a" -pthread "${native[@]}" -o "$work/list-devices"
    lists() { "$work/list-devices" >"$work/devices" 2>"$work/noise"; }
    check "the devices are listed" lists
    check "nothing is printed about it" test ! -s "$work/noise"
    check "the processor is the last of them" grep -q '^cpu ' <(tail -n 1 "$work/devices")
    sed 's/^/    /' "$work/devices"
    no_loader() { env VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent "$work/list-devices"; }
    check "without a driver there is the processor alone" test "$(no_loader 2>&1 | cut -d' ' -f1)" = cpu
fi

counted device-cpu "$RESULTS" tools/run-c-tests.sh --device cpu "${selected[@]}"
if grep -q '^software ' "$work/devices"; then
    counted device-software "$RESULTS" tools/run-c-tests.sh --device software "${selected[@]}"
else
    skip "C tests on a software device" "needs lavapipe (Debian: mesa-vulkan-drivers libvulkan1)"
fi
if [ "${STRAND_TEST_GPU:-}" = hardware ]; then
    counted device-hardware "$RESULTS" tools/run-c-tests.sh --device hardware "${selected[@]}"
fi
if [ -f "$without/ship/libstrand.a" ]; then
    counted device-cpu "$without/results" without_devices tools/run-c-tests.sh --device cpu "${selected[@]}"
fi

# --- Rust tests ---------------------------------------------------------------------------------------------------
# With the engine may, where its crates can be had, since the part "may" has them compiled that way.
features=may
cargo fetch --locked >/dev/null 2>&1 || features=
counted rust-without "$RESULTS" env GPU=0 FEATURES=$features PART=rust-without tools/run-rust-tests.sh strand::{work,gpu,automata,graph}::
summary gpu
