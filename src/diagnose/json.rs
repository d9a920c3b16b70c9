// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON as it is written, one value after the other: nothing is kept, so no memory is needed.

use core::fmt::{self, Display, Write};

/// Writes one document. What `out` says to it is not looked at.
pub struct Json<'a> {
    out: &'a mut dyn Write,
    /// Something stands before the next value in the same list or object.
    follows: bool,
}

impl<'a> Json<'a> {
    /// A document that is still empty.
    pub fn new(out: &'a mut dyn Write) -> Json<'a> {
        Json { out, follows: false }
    }

    fn put(&mut self, text: &str) {
        let _ = self.out.write_str(text);
    }

    fn separate(&mut self) {
        if core::mem::replace(&mut self.follows, true) {
            self.put(",");
        }
    }

    fn within(&mut self, ends: [&str; 2], content: impl FnOnce(&mut Self)) {
        self.separate();
        self.put(ends[0]);
        self.follows = false;
        content(self);
        self.put(ends[1]);
        self.follows = true;
    }

    /// An object.
    pub fn object(&mut self, content: impl FnOnce(&mut Self)) {
        self.within(["{", "}"], content);
    }

    /// A list.
    pub fn list(&mut self, content: impl FnOnce(&mut Self)) {
        self.within(["[", "]"], content);
    }

    /// A member of an object; `value` writes exactly one value.
    pub fn member(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.text(name);
        self.put(":");
        self.follows = false;
        value(self);
    }

    /// A whole number.
    pub fn number(&mut self, number: impl Into<i128>) {
        self.separate();
        let _ = write!(self.out, "{}", number.into());
    }

    /// True or false.
    pub fn truth(&mut self, truth: bool) {
        self.separate();
        self.put(if truth { "true" } else { "false" });
    }

    /// Nothing.
    pub fn null(&mut self) {
        self.separate();
        self.put("null");
    }

    /// A text.
    pub fn text(&mut self, text: impl Display) {
        self.separate();
        self.put("\"");
        let _ = write!(Escaped(self.out), "{text}");
        self.put("\"");
    }

    /// A text of any bytes: what is not UTF-8 is replaced.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.text(Replaced(bytes));
    }
}

struct Replaced<'a>(&'a [u8]);

impl Display for Replaced<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            out.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                out.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Passes on the inside of a string.
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(place) = rest.find(must_be_escaped) {
            let (plain, special) = rest.split_at(place);
            self.0.write_str(plain)?;
            rest = special.get(1..).unwrap_or(""); // all that must be escaped is one byte long
            match special.as_bytes().first() {
                Some(b'"') => self.0.write_str("\\\"")?,
                Some(b'\\') => self.0.write_str("\\\\")?,
                Some(control) => write!(self.0, "\\u{control:04x}")?,
                None => {}
            }
        }
        self.0.write_str(rest)
    }
}

fn must_be_escaped(letter: char) -> bool {
    matches!(letter, '"' | '\\') || letter < ' '
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn values_are_separated_where_they_must_be() {
        let mut out = String::new();
        Json::new(&mut out).object(|json| {
            json.member("empty", |json| json.object(|_| {}));
            json.member("list", |json| {
                json.list(|json| {
                    json.number(-1);
                    json.list(|_| {});
                    json.null();
                    json.object(|json| json.member("a", |json| json.truth(true)));
                    json.text("b");
                });
            });
            json.member("most", |json| json.number(u64::MAX));
        });
        assert_eq!(out, r#"{"empty":{},"list":[-1,[],null,{"a":true},"b"],"most":18446744073709551615}"#);
    }

    fn string_of(bytes: &[u8]) -> Value {
        let mut out = String::new();
        Json::new(&mut out).bytes(bytes);
        serde_json::from_str(&out).unwrap_or_else(|wrong| panic!("{out}: {wrong}"))
    }

    #[test]
    fn every_control_character_quote_and_backslash_comes_back() {
        for byte in 0..=0x7f_u8 {
            assert_eq!(string_of(&[b'a', byte, b'b']), json!(format!("a{}b", byte as char)));
        }
        assert_eq!(string_of(b"\xff\xfe ok \xc3"), json!("\u{fffd}\u{fffd} ok \u{fffd}"));
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_string_that_reads_as_they_do(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(string_of(&bytes), json!(String::from_utf8_lossy(&bytes)));
        }
    }
}
