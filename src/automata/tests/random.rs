// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random patterns and texts over few letters, so that matches are common.

use crate::base::random::Random;

/// A pattern: every construct that is supported, small.
pub fn pattern(random: &mut Random, depth: u32) -> String {
    let choice = if depth == 0 { random.below(6) } else { random.below(14) };
    match choice {
        0..=2 => letter(random),
        3 => ["[ab]", "[^a]", ".", r"\w", r"\W", r"[b\n]", r"\s", "[A-C]"][random.below(8) as usize].to_string(),
        4 => [r"\b", r"\B", "^", "$", "(?m:^)", "(?m:$)", r"\b{start}", r"\b{end}", "(?mR:^)", "(?mR:$)"]
            [random.below(10) as usize]
            .to_string(),
        5 => ["abab", "ab ", "bba", "aab"][random.below(4) as usize].to_string(),
        6..=9 => (0..2 + random.below(3)).map(|_| pattern(random, depth - 1)).collect(),
        10 | 11 => {
            let parts: Vec<String> = (0..2 + random.below(2)).map(|_| pattern(random, depth - 1)).collect();
            format!("(?:{})", parts.join("|"))
        }
        _ => {
            let count = ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"][random.below(7) as usize];
            format!("(?:{}){count}", pattern(random, depth - 1))
        }
    }
}

fn letter(random: &mut Random) -> String {
    ["a", "b", "c", " ", r"\n", "_", r"\r"][random.below(7) as usize].to_string()
}

/// A text over the letters that the patterns have.
pub fn text(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| b"aaabbbc \n_\rA"[random.below(12) as usize]).collect()
}
