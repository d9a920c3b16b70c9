// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refuses targets that libstrand has no context switch, guard pages or wake protocol for. Nothing is generated here:
//! `include/strand.h` is checked in and compared by a test.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let fact = |name: &str| env::var(name).unwrap_or_default();
    let (os, arch) = (fact("CARGO_CFG_TARGET_OS"), fact("CARGO_CFG_TARGET_ARCH"));
    let known = os == "linux" && matches!(arch.as_str(), "x86_64" | "aarch64");
    if !known {
        println!(
            "cargo::error=libstrand runs on Linux on x86-64 and aarch64; the target {arch}-{os} is not supported: \
             stack guards, the context switch and the wake protocol are written for those two"
        );
    }
}
