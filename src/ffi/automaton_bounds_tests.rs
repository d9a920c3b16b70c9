// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scans in batches where something has come to its bound: windows, items that a worklist holds, strands.

use core::mem::{size_of, zeroed};
use core::sync::atomic::Ordering;

use super::automaton_tests::{compile, expected, message, scan, take, with_config, with_device};
use super::{automaton::*, config::*, device::*, status::*, ticket::*, time::*};
use crate::automata::pattern::{MULTI_LINE, Match, Pattern};
use crate::automata::set::{Options, Set};
use crate::base::random::Random;
use crate::gpu::automaton::items::seeded::{VOID, WAITING};

const PATTERNS: [Pattern<'_>; 2] = [Pattern { text: b"needle", flags: 0 }, Pattern { text: b"x[yz]", flags: 0 }];

/// The adapter that is a program, in a mode, and the processor where it does the same items.
fn devices(test: impl Fn(u64, u32, u32)) {
    let modes = [(STRAND_AUTOMATON_NON_BLOCKING, 0), (STRAND_AUTOMATON_BLOCKING, 0)];
    with_device(STRAND_DEVICE_SOFTWARE, |device| modes.iter().for_each(|(mode, flags)| test(device, *mode, *flags)));
    with_device(STRAND_DEVICE_CPU, |device| {
        test(device, STRAND_AUTOMATON_NON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL);
    });
}

/// More streams than a batch has windows. Those of each batch are over with it, or have nothing to begin with.
#[test]
fn streams_that_find_no_window_have_one_later() {
    const STREAMS: u32 = 10_000;
    devices(|device, mode, flags| {
        for empty in [0, 9_000] {
            let automaton = compile(device, &PATTERNS, mode, flags);
            let text = |stream: u32| if stream < empty { &b""[..] } else { &b"needle xy"[..] };
            let parts: Vec<(u32, &[u8], bool)> = (0..STREAMS).map(|stream| (stream, text(stream), true)).collect();
            assert_eq!(scan(automaton, &parts), STRAND_OK, "{}", message());
            let found = take(automaton);
            assert_eq!(found.len() as u32, 2 * (STREAMS - empty), "mode {mode}, {empty} are empty");
            let both = |stream| [(0, 6), (1, 9)].map(|(pattern, end)| Match { pattern, stream, end });
            let mut wanted: Vec<Match> = (empty..STREAMS).flat_map(both).collect();
            wanted.sort_unstable();
            assert!(found == wanted);
            assert_eq!(strand_automaton_release(automaton), STRAND_OK);
        }
    });
}

/// A batch has more items, or finds more, than its worklist holds: it is made smaller.
#[test]
fn what_a_worklist_does_not_hold_is_read_in_smaller_parts() {
    let set = Set::compile(&PATTERNS, &Options::default()).expect("valid");
    let streams = vec![b"needle xyxz ".repeat(5000), b"xyneedle".repeat(100)];
    let wanted = expected(&set, &streams);
    let parts: Vec<(u32, &[u8], bool)> = (0..).zip(&streams).map(|(stream, text)| (stream, &text[..], true)).collect();
    let different = STRAND_AUTOMATON_DIFFERENTIAL;
    for (kind, flags) in
        [(STRAND_DEVICE_CPU, different), (STRAND_DEVICE_SOFTWARE, different), (STRAND_DEVICE_SOFTWARE, 0)]
    {
        with_device(kind, |device| {
            WAITING.store(700, Ordering::Relaxed);
            let automaton = compile(device, &PATTERNS, STRAND_AUTOMATON_NON_BLOCKING, flags);
            VOID.iter().for_each(|count| count.store(0, Ordering::Relaxed));
            assert_eq!(scan(automaton, &parts), STRAND_OK, "{kind} {flags}: {}", message());
            WAITING.store(0, Ordering::Relaxed);
            assert!(VOID[0].load(Ordering::Relaxed) > 0, "{kind} {flags}");
            assert!(take(automaton) == wanted, "{kind} {flags}");
            assert_eq!(strand_automaton_release(automaton), STRAND_OK);
        });
    }
}

/// The strand of a scan is the last one that there can be: nobody runs its batches.
#[test]
fn a_scan_ends_whose_batches_no_strand_can_run() {
    let told = |max_strands: usize, kind: u32| {
        // SAFETY: a struct of numbers and pointers.
        let mut config: strand_config = unsafe { zeroed() };
        (config.size, config.max_strands) = (size_of::<strand_config>() as u32, max_strands);
        let mut told = None;
        with_config(&config, kind, |device| {
            let automaton = compile(device, &PATTERNS, STRAND_AUTOMATON_NON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL);
            // SAFETY: a struct of numbers and pointers.
            let mut chunk: strand_chunk = unsafe { zeroed() };
            (chunk.size, chunk.data, chunk.length) = (size_of::<strand_chunk>() as u32, b"xyz".as_ptr().cast(), 3);
            let mut ticket = 0;
            // SAFETY: the chunk stays until the ticket has its result.
            let begun = unsafe { strand_automaton_scan(automaton, &mut chunk, 1, core::ptr::null(), &mut ticket) };
            assert_eq!(begun, STRAND_OK, "{}", message());
            let status = strand_ticket_await(ticket, strand_after(20_000_000_000));
            told = Some((status, message()));
            if status == STRAND_ERR_TIMEOUT {
                assert_eq!(strand_ticket_cancel(ticket), STRAND_OK);
                strand_ticket_await(ticket, STRAND_FOREVER);
            }
            assert_eq!(strand_ticket_release(ticket), STRAND_OK);
            assert_eq!(take(automaton).len(), usize::from(status == STRAND_OK));
            assert_eq!(strand_automaton_release(automaton), STRAND_OK);
        });
        told
    };
    for (kind, enough) in [(STRAND_DEVICE_CPU, 2), (STRAND_DEVICE_SOFTWARE, 3)] {
        let Some((status, text)) = told(1, kind) else { continue };
        assert!(status == STRAND_ERR_LIMIT && text.contains("no strand could be made"), "{kind}: {status} {text:?}");
        for strands in 2..=enough {
            // Where the strand that compares finds none for the processor's run, the batch is made without.
            assert_eq!(told(strands, kind).map(|told| told.0), Some(STRAND_OK), "{kind}, {strands} strands");
        }
    }
}

/// Scans that end early, some at a limit and some because matches wait, and go on where their chunks were left.
#[test]
fn scans_that_are_cut_again_and_again_find_each_match_once() {
    let patterns = [
        Pattern { text: b"x(?:a|aa|b){1,9}c\\b", flags: 0 },
        Pattern { text: b"a.*b$", flags: MULTI_LINE },
        Pattern { text: b"bcab", flags: 0 },
    ];
    let set = Set::compile(&patterns, &Options::default()).expect("valid");
    let mut random = Random::new(0xc07);
    let mut text = |length: u64| (0..length).map(|_| b"xcaab\n -bcab"[random.below(12) as usize]).collect();
    let mut texts: Vec<Vec<u8>> = (0..40).map(|number| text(200 * number)).collect();
    texts.push(text(60_000));
    let wanted = expected(&set, &texts);
    assert!(wanted.len() > 1000, "{} matches", wanted.len());
    devices(|device, mode, flags| {
        let automaton = compile(device, &patterns, mode, flags);
        let of = |(stream, text): (u32, &Vec<u8>)| {
            // SAFETY: a struct of numbers and pointers.
            let mut chunk: strand_chunk = unsafe { zeroed() };
            (chunk.size, chunk.stream) = (size_of::<strand_chunk>() as u32, stream);
            (chunk.flags, chunk.data, chunk.length) = (STRAND_CHUNK_LAST, text.as_ptr().cast(), text.len() as u64);
            chunk
        };
        let mut chunks: Vec<strand_chunk> = (0..).zip(&texts).map(of).collect();
        let (mut all, mut cut) = (Vec::new(), 0);
        loop {
            // SAFETY: a struct of numbers.
            let mut options: strand_scan_options = unsafe { zeroed() };
            (options.size, options.visits_max) = (size_of::<strand_scan_options>() as u32, 1 + cut);
            let mut ticket = 0;
            // SAFETY: the chunks and their bytes stay until the ticket has its result.
            let begun =
                unsafe { strand_automaton_scan(automaton, chunks.as_mut_ptr(), chunks.len(), &options, &mut ticket) };
            assert_eq!(begun, STRAND_OK, "{}", message());
            let status = strand_ticket_await(ticket, STRAND_FOREVER);
            assert_eq!(strand_ticket_release(ticket), STRAND_OK);
            all.extend(take(automaton));
            if status == STRAND_OK {
                break;
            }
            assert_eq!(status, STRAND_ERR_LIMIT, "{}", message());
            cut += 1;
            for chunk in &mut chunks {
                chunk.data = chunk.data.wrapping_byte_add(chunk.scanned as usize);
                chunk.length -= chunk.scanned;
            }
        }
        all.sort_unstable();
        assert!(all == wanted && cut > 0, "mode {mode}: {} matches of {}, cut {cut} times", all.len(), wanted.len());
        assert_eq!(strand_automaton_release(automaton), STRAND_OK);
    });
}

/// A device that is lost in the middle of a scan, wherever that is: what was found is what the read parts have.
#[test]
fn a_device_that_is_lost_leaves_streams_where_they_stand() {
    let patterns = [
        Pattern { text: b"x(?:a|aa|b){1,9}c", flags: 0 },
        Pattern { text: b"a.*b", flags: 0 },
        Pattern { text: b"bcab", flags: 0 },
    ];
    let set = Set::compile(&patterns, &Options::default()).expect("valid");
    let mut random = Random::new(0x105e);
    let mut text = |length: u64| (0..length).map(|_| b"xcaab\n -bcab"[random.below(12) as usize]).collect();
    let texts: Vec<Vec<u8>> = vec![text(30_000), text(9_000), text(100)];
    let wanted = expected(&set, &texts);
    let mut ends = [0; 2];
    for (mode, flags) in [
        (STRAND_AUTOMATON_NON_BLOCKING, 0),
        (STRAND_AUTOMATON_NON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL),
        (STRAND_AUTOMATON_BLOCKING, 0),
    ] {
        for submissions in 1..36 {
            // SAFETY: tests have a process each, and no other thread looks at the environment now.
            unsafe { std::env::set_var("STRAND_TEST_DEVICE_LOST", submissions.to_string()) };
            with_device(STRAND_DEVICE_SOFTWARE, |device| {
                // SAFETY: a struct of numbers and pointers.
                let mut options: strand_automaton_options = unsafe { zeroed() };
                (options.size, options.mode, options.flags) =
                    (size_of::<strand_automaton_options>() as u32, mode, flags);
                let of = |pattern: &Pattern<'_>| strand_pattern {
                    size: size_of::<strand_pattern>() as u32,
                    flags: 0,
                    text: pattern.text.as_ptr().cast(),
                    length: pattern.text.len(),
                };
                let given = patterns.each_ref().map(of);
                let mut automaton = 0;
                // SAFETY: complete patterns and options; a place for the answer.
                let made = unsafe { strand_automaton_compile(device, given.as_ptr(), 3, &options, &mut automaton) };
                if made != STRAND_OK {
                    assert_eq!(made, STRAND_ERR_DEVICE, "{}", message());
                    return;
                }
                let of = |(stream, text): (u32, &Vec<u8>)| {
                    // SAFETY: a struct of numbers and pointers.
                    let mut chunk: strand_chunk = unsafe { zeroed() };
                    (chunk.size, chunk.stream) = (size_of::<strand_chunk>() as u32, stream);
                    (chunk.data, chunk.length) = (text.as_ptr().cast(), text.len() as u64);
                    chunk
                };
                let mut chunks: Vec<strand_chunk> = (0..).zip(&texts).map(of).collect();
                // SAFETY: a struct of numbers.
                let mut options: strand_scan_options = unsafe { zeroed() };
                (options.size, options.visits_max) = (size_of::<strand_scan_options>() as u32, 1);
                let mut all = vec![0; 3];
                let mut status = STRAND_ERR_LIMIT;
                while status == STRAND_ERR_LIMIT {
                    let mut ticket = 0;
                    // SAFETY: the chunks and their bytes stay until the ticket has its result.
                    status = unsafe { strand_automaton_scan(automaton, chunks.as_mut_ptr(), 3, &options, &mut ticket) };
                    if status == STRAND_OK {
                        status = strand_ticket_await(ticket, strand_after(20_000_000_000));
                        assert_eq!(strand_ticket_release(ticket), STRAND_OK);
                        for (chunk, all) in chunks.iter_mut().zip(&mut all) {
                            chunk.data = chunk.data.wrapping_byte_add(chunk.scanned as usize);
                            chunk.length -= chunk.scanned;
                            *all += chunk.scanned;
                        }
                    }
                }
                assert!(status == STRAND_OK || status == STRAND_ERR_DEVICE, "{submissions}: {status} {}", message());
                ends[usize::from(status == STRAND_OK)] += 1;
                let own: Vec<Match> =
                    wanted.iter().filter(|found| found.end <= all[found.stream as usize]).copied().collect();
                assert!(take(automaton) == own, "mode {mode} {flags}, {submissions} submissions: {all:?}");
                assert_eq!(strand_automaton_release(automaton), STRAND_OK);
            });
        }
    }
    // Neither where there is no such device.
    assert!(ends == [0, 0] || ends.iter().all(|count| *count > 10), "{ends:?}");
}
