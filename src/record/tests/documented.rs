// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example in the documentation of the format is a recording, byte for byte.

use super::script::{Act, Run, follow, record};
use crate::record::event::SHAPES;
use crate::record::token;

const PAGE: &str = include_str!("../../../docs/recording-format.md");

fn script() -> Vec<Act> {
    let event = |tag, fields, bytes: &[u8]| Act::Event { tag, fields, bytes: bytes.to_vec() };
    vec![
        event(0x13, [1, 0, 0, 0], b"hi"),
        Act::Predicted,
        event(0x08, [1_000, 0, 0, 0], b""),
        Act::Step(1),
        Act::Pick(4),
        event(0x04, [2, 5, 3, 0], b""),
        Act::Step(2),
    ]
}

/// The bytes of lines such as `    128  13 01 02 68 69   bytes of the program`, whose offsets must be right.
fn bytes_of_example() -> Vec<u8> {
    let mut bytes = Vec::new();
    let example = PAGE.split("## An example").nth(1).unwrap().split("\n## ").next().unwrap();
    for line in example.lines().filter_map(|line| line.strip_prefix("    ")) {
        let (offset, rest) = line.trim_start().split_once(' ').unwrap();
        let Ok(offset) = offset.parse::<usize>() else { continue };
        assert_eq!(offset, bytes.len(), "{line}");
        let is_byte = |word: &&str| word.len() == 2 && u8::from_str_radix(word, 16).is_ok();
        let words = rest.trim_start().split(' ').take_while(is_byte);
        bytes.extend(words.map(|word| u8::from_str_radix(word, 16).unwrap()));
    }
    bytes
}

#[test]
fn the_example_is_a_recording() {
    let recording = record(&script(), 0);
    let dump: Vec<String> = recording.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(bytes_of_example(), recording, "{}", dump.join(" "));
    follow(bytes_of_example(), &script(), 0, Run::Strict).unwrap();
}

#[test]
fn every_event_is_documented() {
    for shape in SHAPES {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{:02X}` | {} |", shape.tag, shape.name)));
        let row = row.unwrap_or_else(|| panic!("no row for {:02X} {}", shape.tag, shape.name));
        for field in shape.fields {
            let marked = if field.input { format!("*{}*", field.name) } else { field.name.to_owned() };
            assert!(row.contains(&marked), "{marked} in {row}");
        }
    }
}

#[test]
fn the_tokens_are_tokens() {
    let tokens: Vec<&str> = PAGE.lines().map(str::trim).filter(|line| line.starts_with("strand1:")).collect();
    assert_eq!(tokens.len(), 3);
    for text in tokens {
        assert_eq!(token::format(&token::parse(text).unwrap()).unwrap(), text);
    }
}
