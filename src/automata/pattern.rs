// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patterns as they are given, matches as they are found, and why a pattern was refused.

use crate::base::room::NoMemory;
use crate::base::status::Status;
use regex_syntax::{ast, hir};

/// Flag: upper and lower case of ASCII letters are the same.
pub const CASELESS: u32 = 1;
/// Flag: `^` and `$` also match at line ends.
pub const MULTI_LINE: u32 = 2;
/// Flag: `.` also matches a line feed.
pub const DOT_ALL: u32 = 4;
/// Flag: the text is no regular expression but the bytes to be found.
pub const LITERAL: u32 = 8;
/// Every flag.
pub const FLAGS: u32 = CASELESS | MULTI_LINE | DOT_ALL | LITERAL;

/// Most patterns of a set.
pub const PATTERNS_MAX: usize = 1 << 20;
/// Longest text of a pattern, in bytes.
pub const TEXT_MAX: usize = 1 << 16;
/// Most states of a pattern, unless the options say less.
pub const PATTERN_STATES: usize = 1 << 14;
/// Most edges of a pattern.
pub const PATTERN_EDGES: usize = 1 << 20;
/// Most ways past parts of a pattern that may read nothing.
pub const PATTERN_PASSES: usize = 1 << 22;
/// Most parts of a pattern, repetitions written out.
pub const PATTERN_PARTS: usize = 1 << 18;
/// Most states of a set: the tables name a state in 22 bits.
pub const SET_STATES: usize = 1 << 22;

/// A pattern: a regular expression of bytes, or a literal.
#[derive(Clone, Copy, Debug)]
pub struct Pattern<'a> {
    /// Its text.
    pub text: &'a [u8],
    /// What [`CASELESS`] and the others say.
    pub flags: u32,
}

/// A match: text that ends at `end` is matched by the pattern. Where it begins is not said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(C)]
pub struct Match {
    /// Number of the pattern in its set.
    pub pattern: u32,
    /// Number of the stream.
    pub stream: u32,
    /// How many bytes of the stream come before the end of the match.
    pub end: u64,
}

/// Why a set cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompileError {
    /// INVALID: the pattern is none; UNSUPPORTED: it is one that cannot be compiled; LIMIT: it is too large; NO_MEMORY.
    pub status: Status,
    /// Number of the pattern; `None` when it is about the whole set.
    pub pattern: Option<usize>,
    /// Byte of the pattern's text at which it went wrong, as far as that is known.
    pub offset: Option<usize>,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a pattern or a set; in words when it is shown, so that nothing is needed to keep it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// These words say it.
    Words(&'static str),
    /// More than so many of something.
    MoreThan(usize, &'static str),
    /// Flags that do not exist.
    Flags(u32),
    /// The parser's own.
    Syntax(ast::ErrorKind),
    /// The parser's own, about what only Unicode has.
    Unicode(hir::ErrorKind),
}

impl core::fmt::Display for What {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            What::Words(words) => out.write_str(words),
            What::MoreThan(count, what) => write!(out, "it has more than {count} {what}"),
            What::Flags(flags) => write!(out, "flags {flags:#x} are not among those of patterns"),
            What::Syntax(kind) => kind.fmt(out),
            What::Unicode(kind) => write!(out, "Unicode is not supported: {kind}"),
        }
    }
}

impl From<&'static str> for What {
    fn from(words: &'static str) -> What {
        What::Words(words)
    }
}

impl From<NoMemory> for CompileError {
    fn from(_: NoMemory) -> CompileError {
        CompileError::of_set(Status::NO_MEMORY, "no memory for the set")
    }
}

impl CompileError {
    /// An error of the whole set.
    pub fn of_set(status: Status, what: impl Into<What>) -> CompileError {
        CompileError { status, pattern: None, offset: None, what: what.into() }
    }

    /// An error of some pattern, whose number is filled in later.
    pub fn at(status: Status, offset: Option<usize>, what: impl Into<What>) -> CompileError {
        CompileError { status, pattern: None, offset, what: what.into() }
    }
}

impl core::fmt::Display for CompileError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.pattern, self.offset) {
            (Some(pattern), Some(offset)) => write!(out, "pattern {pattern}, byte {offset}: {}", self.what),
            (Some(pattern), None) => write!(out, "pattern {pattern}: {}", self.what),
            (None, _) => write!(out, "{}", self.what),
        }
    }
}
