// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the text of a pattern to a tree of positions: repetitions are written out, each byte that a match can read is one
//! position of its own.

use super::bytes::ByteSet;
use super::condition::Condition;
use super::pattern::{
    CASELESS, CompileError, DOT_ALL, LITERAL, MULTI_LINE, PATTERN_PARTS, PATTERN_STATES, Pattern, TEXT_MAX, What,
};
use crate::base::room::{Grow, Room, boxed};
use crate::base::status::Status;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use regex_syntax::{Parser, ParserBuilder, ast};

/// A node of a pattern.
#[derive(Debug)]
pub enum Node {
    /// Matches the empty text, where the condition holds.
    Empty(Condition),
    /// Reads one byte: number of the position.
    Byte(u32),
    /// One after the other.
    Concat(Vec<Node>),
    /// One of them; none for what never matches.
    Alternatives(Vec<Node>),
    /// Any number of times.
    Star(Box<Node>),
    /// Once or not at all.
    Optional(Box<Node>),
    /// The first so many of them, one after the other, or none: `x{0,3}`.
    Upto(Vec<Node>),
}

/// A parsed pattern.
#[derive(Debug)]
pub struct Parsed {
    /// Its tree.
    pub root: Node,
    /// The bytes that each position takes.
    pub positions: Vec<ByteSet>,
    /// Whether it counts bytes of nearly any value, as in `.{0,50}`: then sets of active states are many.
    pub counts: bool,
}

/// So many rounds of a part with a byte of so many values count.
const COUNTED_ROUNDS: u32 = 12;
const COUNTED_VALUES: u32 = 128;

/// Parses a pattern.
pub fn parse(pattern: &Pattern<'_>, states_max: usize) -> Result<Parsed, CompileError> {
    if pattern.text.is_empty() {
        return Err(CompileError::at(Status::INVALID, None, "an empty pattern"));
    }
    if pattern.text.len() > TEXT_MAX {
        return Err(CompileError::at(Status::LIMIT, None, What::MoreThan(TEXT_MAX, "bytes of text")));
    }
    let limit = states_max.min(PATTERN_STATES);
    let mut writer = Writer { positions: Vec::new(), limit, parts: 0, counts: false };
    let root = if pattern.flags & LITERAL != 0 {
        writer.literal(pattern.text, pattern.flags & CASELESS != 0)?
    } else {
        let syntax = Syntax(Some(syntax(pattern)?));
        match &syntax.0 {
            Some(hir) => writer.node(hir, true)?,
            None => Node::Empty(Condition::ALWAYS),
        }
    };
    Ok(Parsed { root, positions: writer.positions, counts: writer.counts })
}

/// What the parser has made. It needs memory even to go.
struct Syntax(Option<Hir>);

impl Drop for Syntax {
    fn drop(&mut self) {
        of_others(|| drop(self.0.take()));
    }
}

/// Calls code of others, which ends the process where it finds no memory. Tests that make allocations fail leave it alone.
#[cfg(not(test))]
fn of_others<T>(act: impl FnOnce() -> T) -> T {
    act()
}
#[cfg(test)]
use super::tests::memory::of_others;

/// What the parser takes for a byte of text, roughly, and for anything.
const PARSER_BYTE: usize = 512;
const PARSER_LEAST: usize = 1 << 16;

fn syntax(pattern: &Pattern<'_>) -> Result<Hir, CompileError> {
    let text = core::str::from_utf8(pattern.text).map_err(|error| {
        let advice = "its text is not UTF-8; other bytes are written \\xNN, or the pattern is a literal";
        CompileError::at(Status::INVALID, Some(error.valid_up_to()), advice)
    })?;
    // The parser ends the process where it finds no memory: what it is likely to need is looked for first.
    let mut likely: Vec<u8> = Vec::new();
    likely.room(PARSER_LEAST + PARSER_BYTE * text.len())?;
    drop(likely);
    of_others(|| parser(pattern.flags).parse(text).map_err(refused))
}

fn parser(flags: u32) -> Parser {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(100)
        .case_insensitive(flags & CASELESS != 0)
        .multi_line(flags & MULTI_LINE != 0)
        .dot_matches_new_line(flags & DOT_ALL != 0)
        .build()
}

/// The status and the words for what the parser refuses: what exists in other dialects is not supported, the rest is wrong.
fn refused(error: regex_syntax::Error) -> CompileError {
    match error {
        regex_syntax::Error::Parse(error) => {
            let status = match error.kind() {
                ast::ErrorKind::UnsupportedLookAround | ast::ErrorKind::UnsupportedBackreference => Status::UNSUPPORTED,
                ast::ErrorKind::NestLimitExceeded(_) | ast::ErrorKind::CaptureLimitExceeded => Status::LIMIT,
                _ => Status::INVALID,
            };
            CompileError::at(status, Some(error.span().start.offset), What::Syntax(error.kind().clone()))
        }
        regex_syntax::Error::Translate(error) => {
            let at = Some(error.span().start.offset);
            CompileError::at(Status::UNSUPPORTED, at, What::Unicode(error.kind().clone()))
        }
        _ => CompileError::at(Status::INVALID, None, "the parser does not take it"),
    }
}

struct Writer {
    positions: Vec<ByteSet>,
    limit: usize,
    /// Nodes so far.
    parts: usize,
    counts: bool,
}

impl Writer {
    fn position(&mut self, bytes: ByteSet) -> Result<Node, CompileError> {
        if self.positions.len() >= self.limit {
            return Err(CompileError::at(Status::LIMIT, None, What::MoreThan(self.limit, "states")));
        }
        self.positions.add(bytes)?;
        Ok(Node::Byte((self.positions.len() - 1) as u32))
    }

    fn literal(&mut self, text: &[u8], caseless: bool) -> Result<Node, CompileError> {
        let mut nodes = Vec::new();
        for byte in text {
            let mut bytes = ByteSet::of(*byte);
            if caseless {
                bytes.insert(byte.to_ascii_lowercase());
                bytes.insert(byte.to_ascii_uppercase());
            }
            nodes.add(self.position(bytes)?)?;
        }
        Ok(Node::Concat(nodes))
    }

    /// Work is bounded also where nothing is read: rounds of a part without positions are many as well.
    fn count_part(&mut self) -> Result<(), CompileError> {
        self.parts += 1;
        if self.parts > PATTERN_PARTS {
            return Err(CompileError::at(Status::LIMIT, None, What::MoreThan(PATTERN_PARTS, "parts")));
        }
        Ok(())
    }

    /// The node of a part. `leading`: nothing of a match comes before it, and where a match begins is nobody's business. So of
    /// a repetition in front only the last rounds matter: `a+b` ends where `ab` does, `a*b` where `b` does.
    fn node(&mut self, hir: &Hir, leading: bool) -> Result<Node, CompileError> {
        self.count_part()?;
        match hir.kind() {
            HirKind::Empty => Ok(Node::Empty(Condition::ALWAYS)),
            HirKind::Literal(literal) => self.literal(&literal.0, false),
            HirKind::Class(class) => self.class(class),
            HirKind::Look(look) => match Condition::of(*look) {
                Some(condition) => Ok(Node::Empty(condition)),
                None => Err(CompileError::at(Status::UNSUPPORTED, None, "a Unicode word boundary is not supported")),
            },
            HirKind::Repetition(repetition) => self.repetition(repetition, leading),
            HirKind::Capture(capture) => self.node(&capture.sub, leading),
            HirKind::Concat(parts) => self.concat(parts, leading),
            HirKind::Alternation(parts) => {
                let mut nodes = Vec::new();
                nodes.room(parts.len())?;
                for part in parts {
                    nodes.add(self.node(part, leading)?)?;
                }
                Ok(Node::Alternatives(nodes))
            }
        }
    }

    fn concat(&mut self, parts: &[Hir], leading: bool) -> Result<Node, CompileError> {
        let mut nodes = Vec::new();
        let mut leading = leading;
        let reads = |part: &Hir| part.properties().minimum_len() != Some(0);
        let last = parts.iter().rposition(reads).unwrap_or(0);
        for (index, part) in parts.iter().enumerate() {
            if leading && index < last && !reads(part) && can_be_left_out(part) {
                continue;
            }
            join(&mut nodes, self.node(part, leading)?)?;
            leading = false;
        }
        Ok(Node::Concat(nodes))
    }

    fn class(&mut self, class: &Class) -> Result<Node, CompileError> {
        let mut bytes = ByteSet::default();
        match class {
            Class::Bytes(class) => {
                class
                    .ranges()
                    .iter()
                    .for_each(|range| (range.start()..=range.end()).for_each(|byte| bytes.insert(byte)));
            }
            Class::Unicode(class) => match class.to_byte_class() {
                Some(class) => {
                    let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
                    all.for_each(|byte| bytes.insert(byte));
                }
                None => {
                    let message = "a Unicode character class is not supported: classes are of bytes";
                    return Err(CompileError::at(Status::UNSUPPORTED, None, message));
                }
            },
        }
        if bytes.is_empty() { Ok(Node::Alternatives(Vec::new())) } else { self.position(bytes) }
    }

    fn repetition(&mut self, repetition: &Repetition, leading: bool) -> Result<Node, CompileError> {
        let (least, most) = (repetition.min, repetition.max);
        let sub = &*repetition.sub;
        let mut nodes = Vec::new();
        let begin = self.positions.len();
        for round in 0..least {
            join(&mut nodes, self.node(sub, leading && round == 0)?)?;
        }
        match (least, most) {
            // More rounds than the least end where the least do.
            (_, _) if leading && least > 0 => {}
            (0, Some(0)) => {}
            (0, _) if leading => nodes.add(Node::Optional(boxed(self.node(sub, true)?)?))?,
            (_, None) => nodes.add(Node::Star(boxed(self.node(sub, false)?)?))?,
            (_, Some(most)) => {
                let mut more = Vec::new();
                for _ in least..most {
                    more.add(self.node(sub, false)?)?;
                }
                nodes.add(Node::Upto(more))?;
            }
        }
        if most.unwrap_or(least) >= COUNTED_ROUNDS {
            self.counts |= self.positions[begin..].iter().any(|bytes| bytes.len() >= COUNTED_VALUES);
        }
        Ok(if nodes.is_empty() { Node::Empty(Condition::ALWAYS) } else { Node::Concat(nodes) })
    }
}

/// Whether a part in front can be dropped: it matches the empty text anywhere.
fn can_be_left_out(part: &Hir) -> bool {
    match part.kind() {
        HirKind::Empty => true,
        HirKind::Repetition(repetition) => repetition.min == 0 || can_be_left_out(&repetition.sub),
        HirKind::Capture(capture) => can_be_left_out(&capture.sub),
        HirKind::Concat(parts) => parts.iter().all(can_be_left_out),
        HirKind::Alternation(parts) => parts.iter().any(can_be_left_out),
        HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// Adds what comes next to a sequence: sequences in it without need are dissolved, so that runs of bytes are seen as such.
fn join(nodes: &mut Vec<Node>, next: Node) -> Room<()> {
    match next {
        Node::Concat(inner) => nodes.add_each(inner.into_iter()),
        Node::Empty(condition) if condition == Condition::ALWAYS => Ok(()),
        other => nodes.add(other),
    }
}
