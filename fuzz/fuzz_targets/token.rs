// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any text as a schedule token, as it is and with a check that agrees. What is accepted is written again the same.
#![no_main]
#![allow(dead_code, unused_imports, unused_macros, reason = "only part of the included sources is fuzzed")]

// The modules are private to the library, so they are compiled here once more.
#[path = "../../src/base/mod.rs"]
mod base;
#[path = "../../src/record/mod.rs"]
mod record;

use record::token;

libfuzzer_sys::fuzz_target!(|text: &str| {
    _ = token::parse(text);
    let sealed = token::seal(&format!("{}{text}", token::PREFIX));
    if let Ok(schedule) = token::parse(&sealed) {
        assert_eq!(token::format(&schedule), Ok(sealed.trim().to_owned()));
    }
});
