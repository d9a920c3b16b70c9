#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# lint.sh: formatting, clippy, and the shell scripts. The layering, licence and header checks are Rust tests.
. "$(dirname "$0")/lib.sh"

export CARGO_TARGET_DIR=$TARGET
if have rustfmt; then check "cargo fmt --check" cargo fmt --check; else skip "cargo fmt --check" "needs rustfmt"; fi
if cargo clippy --version >/dev/null 2>&1; then
    # With SPIR-V, which adds to what is compiled by default: a second look without it would compile wgpu once more.
    check "cargo clippy" cargo clippy --locked --quiet --lib --tests --features spirv -- --deny warnings
    check "cargo clippy without devices" cargo clippy --locked --quiet --lib --tests --no-default-features -- --deny warnings
else
    skip "cargo clippy" "needs clippy"
fi
check "rustdoc has no broken links" env RUSTDOCFLAGS="--deny warnings" cargo doc --locked --quiet --no-deps --document-private-items --features spirv
check "every crate in the library has a permissive licence and is named" tools/licences.sh
for script in tools/*.sh .ci/run; do check "bash -n $script" bash -n "$script"; done
if have shellcheck; then check "shellcheck" shellcheck --severity=info tools/*.sh .ci/run; fi
summary lint
