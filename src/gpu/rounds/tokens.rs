// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names that stand in a program's text: what is no comment, no number and no sign. Pure.

/// Names with the bytes before them, in their order. A keyword is a name here.
pub fn names(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        while let Some(letter) = source[at..].chars().next() {
            let rest = &source[at..];
            let begin = at;
            if rest.starts_with("//") {
                at += line(rest);
            } else if rest.starts_with("/*") {
                at += comment(rest);
            } else if is_in_name(letter) {
                at += rest.find(|letter| !is_in_name(letter)).unwrap_or(rest.len());
                if !letter.is_ascii_digit() {
                    return Some((begin, &source[begin..at]));
                }
            } else {
                at += letter.len_utf8();
            }
        }
        None
    })
}

fn is_in_name(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// Bytes of a comment up to the end of its line: WGSL knows seven ends.
fn line(text: &str) -> usize {
    text.find(['\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}']).unwrap_or(text.len())
}

/// Bytes of a comment that may have others in it.
fn comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        match (rest.starts_with(b"/*"), rest.starts_with(b"*/")) {
            (true, _) => (at, depth) = (at + 2, depth + 1),
            (_, true) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_numbers_and_signs_are_no_names() {
        for (source, expected) in [
            ("fn run(item: Item) { push(item, 0xffu); }", &["fn", "run", "item", "Item", "push", "item"][..]),
            ("a // b c\nd /* e /* f */ g */ h/**/i /*", &["a", "d", "h", "i"]),
            ("a//\u{2028}b /*\u{e4}*/ c1_ 1e5f 2u _d \u{e4}\u{f6}", &["a", "b", "c1_", "_d", "\u{e4}\u{f6}"]),
            ("a/b*/c", &["a", "b", "c"]),
            ("", &[]),
        ] {
            assert_eq!(names(source).map(|(_, name)| name).collect::<Vec<_>>(), expected, "{source}");
            assert!(names(source).all(|(at, name)| source[at..].starts_with(name)));
        }
    }
}
