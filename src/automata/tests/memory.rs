// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiling and scanning where the allocation with some number fails, for every number: the allocator itself says no, so that
//! whatever does not ask first ends this process.

use super::random;
use super::referee::by_reference;
use crate::automata::engine::{Engine, Failure, Mode, Plan, Reading};
use crate::automata::pattern::{CASELESS, LITERAL, MULTI_LINE, Pattern};
use crate::automata::prefilter::{Literals, Scratch};
use crate::automata::scanner::Compiled;
use crate::automata::set::{Options, Set};
use crate::base::random::Random;
use crate::base::status::Status;
use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};

std::thread_local! {
    /// Allocations until the one that fails; 0: none does.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

struct Failing;

#[global_allocator]
static ALLOCATOR: Failing = Failing;

fn fails() -> bool {
    let left = LEFT.try_with(Cell::get).unwrap_or(0);
    if left == 0 {
        return false;
    }
    LEFT.set(left - 1);
    left == 1
}

// SAFETY: what the system gives, or nothing.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by contract.
        if fails() { core::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by contract.
        if fails() { core::ptr::null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by contract.
        if fails() { core::ptr::null_mut() } else { unsafe { System.realloc(block, layout, size) } }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by contract.
        unsafe { System.dealloc(block, layout) };
    }
}

/// Code of others ends the process where it finds no memory: its allocations are not among those that fail.
pub fn of_others<T>(act: impl FnOnce() -> T) -> T {
    let left = LEFT.replace(0);
    let result = act();
    LEFT.set(left);
    result
}

/// Whether an allocation has failed while this ran.
fn failing_at<T>(number: u64, act: impl FnOnce() -> T) -> (T, bool) {
    LEFT.set(number);
    let result = act();
    (result, LEFT.replace(0) == 0)
}

const PATTERNS: &[(&str, u32)] = &[
    ("needle", LITERAL),
    ("Needle", LITERAL | CASELESS),
    ("ab", LITERAL),
    (r"\bb(?:a|b_|c+)*a$", MULTI_LINE),
    (r"<[a-c]{1,9}[^>]{1,20}abab.{0,30}b", 0),
    (r"(?:abab|bba)[^c]*a", 0),
    (r"a.{0,40}b", 0),
    (r"(?i)^a?b{2,3}c?", 0),
    (r"(a*)*b", 0),
];

#[test]
fn each_allocation_of_a_compilation_fails_once() {
    let patterns: Vec<Pattern<'_>> =
        PATTERNS.iter().map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags }).collect();
    let (mut number, mut failures) = (1, 0);
    loop {
        let (made, failed) = failing_at(number, || {
            let set = Set::compile(&patterns, &Options::default()).map_err(|error| error.status)?;
            Compiled::new(set).map_err(|_| Status::NO_MEMORY)
        });
        match made {
            Ok(compiled) => {
                assert_eq!(compiled.set.patterns as usize, PATTERNS.len());
                assert!(!failed, "allocation {number} failed and nobody said so");
                break;
            }
            Err(status) => assert_eq!(status, Status::NO_MEMORY),
        }
        failures += 1;
        number += 1;
    }
    assert!(failures > 1000, "{failures} allocations");
}

#[test]
fn each_allocation_of_a_copy_for_a_device_fails_once() {
    let patterns = [("needle", LITERAL), ("ab", LITERAL | CASELESS), (r"<[a-c]{1,9}>{1,20}abab", 0)];
    let patterns = patterns.map(|(text, flags)| Pattern { text: text.as_bytes(), flags });
    let compiled = Compiled::new(Set::compile(&patterns, &Options::default()).unwrap()).ok().unwrap();
    let literals = compiled.literals().unwrap();
    let mut number = 1;
    while let (made, true) = failing_at(number, || literals.copy()) {
        assert!(made.is_err(), "allocation {number} failed and nobody said so");
        number += 1;
    }
    assert!(number > 8, "{number} allocations");
    let found = |literals: &Literals| {
        let mut found = Vec::new();
        literals.scan(&mut Scratch::new().unwrap(), b"a needle <ab>>abab", |id, end| found.push((id, end)));
        found
    };
    assert_eq!(found(&literals.copy().unwrap()), found(literals));
    assert!(!found(literals).is_empty());
}

#[test]
fn each_allocation_of_a_scan_fails_once_and_nothing_is_lost() {
    let patterns: Vec<Pattern<'_>> =
        PATTERNS.iter().map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags }).collect();
    let compiled = Compiled::new(Set::compile(&patterns, &Options::default()).unwrap()).ok().unwrap();
    let mut random = Random::new(0x3e3);
    let mut text = random::text(&mut random, 300);
    text[20..26].copy_from_slice(b"needle");
    text[80..96].copy_from_slice(b"<ab__aaabab__b\nx");
    let expected = by_reference(&compiled.set, 0, &[&text]);
    assert!(expected.len() > 100);
    for (mode, differential) in
        [(Mode::Auto, false), (Mode::Blocking, false), (Mode::NonBlocking, false), (Mode::Auto, true)]
    {
        let (mut number, mut failures) = (1, 0);
        loop {
            // Everything is new each time, so that allocations have the same numbers.
            let plan = Plan { mode, differential };
            let (mut reading, mut found) = (Reading::default(), Vec::new());
            let (all, failed) = failing_at(number, || -> Result<u32, Failure> {
                let mut refused = 0;
                let mut engine = Engine::new(&compiled, plan)?;
                for chunk in text.chunks(50) {
                    let known = found.len();
                    while let Err(failure) = engine.read(&compiled, &mut reading, 0, chunk, None, &mut found) {
                        assert_eq!((failure, found.len()), (Failure::NoMemory, known));
                        refused += 1;
                    }
                }
                while engine.finish(&compiled, &mut reading, 0, &mut found).is_err() {
                    refused += 1;
                }
                Ok(refused)
            });
            number += 1;
            failures += u32::from(failed);
            match all {
                Err(failure) => assert!(failed && failure == Failure::NoMemory),
                Ok(refused) => {
                    assert_eq!(refused, u32::from(failed), "allocation {number} failed");
                    found.sort_unstable();
                    assert_eq!(found, expected, "{mode:?}, allocation {number}");
                }
            }
            if !failed {
                break;
            }
        }
        assert!(failures > 20, "{failures} allocations, {mode:?}");
    }
}
