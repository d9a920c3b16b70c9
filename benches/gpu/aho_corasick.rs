// SPDX-License-Identifier: MIT OR Apache-2.0
//! aho_corasick PATTERNS TEXT STREAM: the same literals over the same streams by the aho-corasick crate, on one thread. Prints what
//! measure.h and corpus.h print.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, patterns, text, stream] = arguments.as_slice() else {
        return eprintln!("usage: aho_corasick PATTERNS TEXT STREAM");
    };
    let (Ok(patterns), Ok(text), Ok(stream)) = (std::fs::read_to_string(patterns), std::fs::read(text), stream.parse())
    else {
        return eprintln!("a file cannot be read");
    };
    let literals: Vec<Vec<u8>> = patterns.lines().filter_map(literal).collect();
    let mut builder = AhoCorasick::builder();
    builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::DFA));
    let Ok(engine) = builder.build(&literals) else { return eprintln!("the patterns cannot be compiled") };
    let mut times = Vec::new();
    let mut found: Vec<(u32, usize, u32)> = Vec::new();
    let began = Instant::now();
    while times.len() < 6 || began.elapsed().as_secs_f64() < 1.5 {
        let start = Instant::now();
        found.clear();
        for (number, bytes) in text.chunks(stream).enumerate() {
            let matches = engine.find_overlapping_iter(bytes);
            found.extend(matches.map(|one| (number as u32, one.end(), one.pattern().as_u32())));
        }
        times.push(start.elapsed().as_nanos());
    }
    println!("R cold_ns {}", times.remove(0));
    times.sort_unstable();
    println!("R median_ns {}", times[times.len() / 2]);
    println!("R p99_ns {}", times[times.len() * 99 / 100]);
    println!("R n {}", times.len());
    println!("R operations {}", text.len());
    found.sort_unstable();
    found.dedup();
    println!("R matches {}", found.len());
    println!("R sum {}", sum(&found) >> 40);
}

/// The bytes of a line "l HEX".
fn literal(line: &str) -> Option<Vec<u8>> {
    let hex = line.strip_prefix("l ")?;
    (0..hex.len() / 2).map(|index| u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()).collect()
}

/// The sum of corpus.h.
fn sum(found: &[(u32, usize, u32)]) -> u64 {
    found.iter().fold(1_469_598_103_934_665_603, |sum, (stream, end, pattern)| {
        let words = [u64::from(*pattern), u64::from(*stream), *end as u64];
        words.iter().fold(sum, |sum: u64, word| (sum ^ word).wrapping_mul(1_099_511_628_211))
    })
}
