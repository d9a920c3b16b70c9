// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the text of a pattern to a tree of positions: repetitions are written out, each byte that a match can read is one
//! position of its own.

use super::bytes::ByteSet;
use super::condition::Condition;
use super::pattern::{CASELESS, CompileError, DOT_ALL, LITERAL, MULTI_LINE, PATTERN_STATES, Pattern, TEXT_MAX};
use crate::base::status::Status;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use regex_syntax::{Parser, ParserBuilder, ast};

/// A node of a pattern.
#[derive(Clone, Debug)]
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
        return Err(CompileError::at(Status::LIMIT, None, format!("its text is longer than {TEXT_MAX} bytes")));
    }
    let mut writer = Writer { positions: Vec::new(), limit: states_max.min(PATTERN_STATES), counts: false };
    let root = if pattern.flags & LITERAL != 0 {
        writer.literal(pattern.text, pattern.flags & CASELESS != 0)?
    } else {
        let root = writer.node(&syntax(pattern)?, true)?;
        simplify(root)
    };
    Ok(Parsed { root, positions: writer.positions, counts: writer.counts })
}

fn syntax(pattern: &Pattern<'_>) -> Result<Hir, CompileError> {
    let text = core::str::from_utf8(pattern.text).map_err(|error| {
        let advice = "its text is not UTF-8; other bytes are written \\xNN, or the pattern is a literal";
        CompileError::at(Status::INVALID, Some(error.valid_up_to()), advice)
    })?;
    parser(pattern.flags).parse(text).map_err(refused)
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
            CompileError::at(status, Some(error.span().start.offset), error.kind().to_string())
        }
        regex_syntax::Error::Translate(error) => {
            let at = Some(error.span().start.offset);
            CompileError::at(Status::UNSUPPORTED, at, format!("Unicode is not supported: {}", error.kind()))
        }
        other => CompileError::at(Status::INVALID, None, other.to_string()),
    }
}

struct Writer {
    positions: Vec<ByteSet>,
    limit: usize,
    counts: bool,
}

impl Writer {
    fn position(&mut self, bytes: ByteSet) -> Result<Node, CompileError> {
        if self.positions.len() >= self.limit {
            let message = format!("it has more than {} states", self.limit);
            return Err(CompileError::at(Status::LIMIT, None, message));
        }
        self.positions.try_reserve(1).map_err(|_| memory())?;
        self.positions.push(bytes);
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
            nodes.push(self.position(bytes)?);
        }
        Ok(Node::Concat(nodes))
    }

    /// The node of a part. `leading`: nothing of a match comes before it, and where a match begins is nobody's business. So of
    /// a repetition in front only the last rounds matter: `a+b` ends where `ab` does, `a*b` where `b` does.
    fn node(&mut self, hir: &Hir, leading: bool) -> Result<Node, CompileError> {
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
                let nodes: Result<Vec<Node>, CompileError> =
                    parts.iter().map(|part| self.node(part, leading)).collect();
                Ok(Node::Alternatives(nodes?))
            }
        }
    }

    fn concat(&mut self, parts: &[Hir], leading: bool) -> Result<Node, CompileError> {
        let mut nodes = Vec::new();
        let mut leading = leading;
        for (index, part) in parts.iter().enumerate() {
            let optional = part.properties().minimum_len() == Some(0);
            let rest_reads = parts[index + 1..].iter().any(|part| part.properties().minimum_len() != Some(0));
            if leading && optional && rest_reads && can_be_left_out(part) {
                continue;
            }
            nodes.push(self.node(part, leading)?);
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
            nodes.push(self.node(sub, leading && round == 0)?);
        }
        match (least, most) {
            // More rounds than the least end where the least do.
            (_, _) if leading && least > 0 => {}
            (0, Some(0)) => {}
            (0, _) if leading => nodes.push(Node::Optional(Box::new(self.node(sub, true)?))),
            (_, None) => nodes.push(Node::Star(Box::new(self.node(sub, false)?))),
            (_, Some(most)) => {
                let more: Result<Vec<Node>, CompileError> = (least..most).map(|_| self.node(sub, false)).collect();
                nodes.push(Node::Upto(more?));
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

fn memory() -> CompileError {
    CompileError::at(Status::NO_MEMORY, None, "no memory")
}

/// Flattens what is nested without need, so that runs of bytes are seen as such.
fn simplify(node: Node) -> Node {
    match node {
        Node::Concat(parts) => {
            let mut flat = Vec::new();
            for part in parts {
                match simplify(part) {
                    Node::Concat(inner) => flat.extend(inner),
                    Node::Empty(condition) if condition == Condition::ALWAYS => {}
                    other => flat.push(other),
                }
            }
            Node::Concat(flat)
        }
        Node::Alternatives(parts) => Node::Alternatives(parts.into_iter().map(simplify).collect()),
        Node::Star(sub) => Node::Star(Box::new(simplify(*sub))),
        Node::Optional(sub) => Node::Optional(Box::new(simplify(*sub))),
        Node::Upto(parts) => Node::Upto(parts.into_iter().map(simplify).collect()),
        Node::Empty(_) | Node::Byte(_) => node,
    }
}
