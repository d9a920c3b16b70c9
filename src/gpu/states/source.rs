// SPDX-License-Identifier: MIT OR Apache-2.0
//! The texts of the kernels, as they are compiled.

/// The baseline.
pub const BLOCKING: &str = include_str!("blocking.wgsl");
const DENSE: &str = include_str!("dense.wgsl");

/// How the invocations of a bit-parallel group see each other's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The group is one subgroup.
    Subgroup,
    /// Through memory of the group.
    Shared,
}

/// The bit-parallel kernel for groups of `group` invocations with `each` words.
pub fn dense(way: Way, group: u32, each: u32) -> String {
    let lines: Vec<&str> = DENSE.lines().collect();
    let mut text = String::new();
    expand(&lines, way, each, &mut text);
    text.replace("$GROUP", &group.to_string()).replace("$WIDTH", &(group * each).to_string())
}

/// Works over some lines.
fn expand(lines: &[&str], way: Way, each: u32, out: &mut String) {
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let word = line.trim_start();
        if !is_begin(word) {
            out.push_str(line);
            out.push('\n');
            at += 1;
            continue;
        }
        let inner = &lines[at + 1..][..length(&lines[at + 1..])];
        at += inner.len() + 2;
        match word {
            "//EACH" | "//ALL" => {
                let (own, letter) = if word == "//EACH" { ("J", 'J') } else { ("K", 'K') };
                for number in 0..each {
                    let mut once = String::new();
                    expand(inner, way, each, &mut once);
                    out.push_str(&numbered(&once, own, letter, number));
                }
            }
            "//SUBGROUP" if way == Way::Subgroup => expand(inner, way, each, out),
            "//SHARED" if way == Way::Shared => expand(inner, way, each, out),
            _ => {}
        }
    }
}

fn is_begin(word: &str) -> bool {
    matches!(word, "//EACH" | "//ALL" | "//SUBGROUP" | "//SHARED")
}

/// Lines before the END that belongs to what has begun.
fn length(lines: &[&str]) -> usize {
    let mut open = 1;
    let closes = |line: &&str| {
        let word = line.trim_start();
        open += i32::from(is_begin(word)) - i32::from(word == "//END");
        open == 0
    };
    lines.iter().position(closes).unwrap_or(lines.len())
}

/// `J` and names that end with `_J`, with a number instead.
fn numbered(text: &str, own: &str, letter: char, number: u32) -> String {
    let named = text.replace(&format!("_{letter}"), &format!("_{number}"));
    named.replace(&format!("{own} *"), &format!("{number}u *"))
}
