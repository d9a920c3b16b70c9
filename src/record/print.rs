// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording as text, a line for each thing in it.

use core::ffi::CStr;
use std::io::{self, Write};

use super::failure::Failure;
use super::identity::{EXPLICIT_PICKS, Identity, VIRTUAL_CLOCK};
use super::mismatch::Fact;
use super::reader::Blocks;
use super::source::{Source, errno_of};
use super::walk::{Summary, Visit, walk};

/// Bytes of a payload that are printed.
const SHOWN: usize = 32;

/// Prints the recording at `path`, as far as it makes sense.
pub fn print(path: &CStr, out: &mut dyn Write) -> Result<(), Failure> {
    let path = path.to_bytes();
    print_blocks(Blocks::open(Source::open(path)?, path)?, path, out)
}

/// Prints a recording in memory.
#[allow(dead_code)] // for tests and fuzz targets
pub fn print_memory(bytes: Vec<u8>, out: &mut dyn Write) -> Result<(), Failure> {
    print_blocks(Blocks::open(Source::Memory(bytes), b"in memory")?, b"in memory", out)
}

fn print_blocks(mut blocks: Blocks, path: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
    let refused = |error: io::Error| Failure::io(path, "cannot print it", errno_of(&error));
    print_identity(blocks.identity(), blocks.minor(), out).map_err(refused)?;
    let summary = walk(&mut blocks, &mut |offset, visit| print_visit(offset, &visit, out).map_err(refused))?;
    print_summary(&summary, out).map_err(refused)
}

fn print_identity(identity: &Identity, minor: u16, out: &mut dyn Write) -> io::Result<()> {
    let Identity { policy, seed, quantum, parameters: [a, b, c], flags, engine_version, arguments_digest, .. } =
        identity;
    writeln!(out, "recording, version {}.{minor}", super::format::MAJOR)?;
    writeln!(out, "program {}, arguments {arguments_digest:#x}", Fact::Id(identity.build_id))?;
    writeln!(
        out,
        "policy {policy}, seed {seed}, quantum {quantum}, parameters {a} {b} {c}, engine version {engine_version}"
    )?;
    let clock = if flags & VIRTUAL_CLOCK != 0 { "virtual" } else { "real" };
    let picks = if flags & EXPLICIT_PICKS != 0 { "explicit" } else { "predicted" };
    writeln!(out, "{clock} clock, {picks} picks")
}

fn print_visit(offset: u64, visit: &Visit<'_>, out: &mut dyn Write) -> io::Result<()> {
    match *visit {
        Visit::Block(head) => {
            let (length, events) = (head.length, head.events);
            writeln!(out, "{offset:>10}  block {}: {events} events in {length} bytes", head.sequence)
        }
        Visit::Predicted { first, count: 1 } => writeln!(out, "{offset:>10}    step {first}: predicted"),
        Visit::Predicted { first, count } => {
            writeln!(out, "{offset:>10}    steps {first} to {}: predicted", first + count - 1)
        }
        Visit::Pick { number, strand } => writeln!(out, "{offset:>10}    step {number}: strand {strand}"),
        Visit::Check(half) => writeln!(out, "{offset:>10}    check {half:#010x}"),
        Visit::Unknown(tag) => writeln!(out, "{offset:>10}    event {tag:#04x} of a later version"),
        Visit::Event(raw) => {
            write!(out, "{offset:>10}    {}", Fact::event(raw))?;
            if !raw.bytes.is_empty() {
                let shown = &raw.bytes[..raw.bytes.len().min(SHOWN)];
                write!(out, " \"{}\"{}", shown.escape_ascii(), if raw.bytes.len() > SHOWN { "..." } else { "" })?;
            }
            writeln!(out)
        }
    }
}

fn print_summary(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    match &summary.end {
        Some(end) => writeln!(out, "end: status {}, {} steps, check {:#x}", end.status, end.steps, end.check)?,
        None => writeln!(
            out,
            "truncated: {} bytes without an end; complete up to byte {}",
            summary.bytes, summary.complete
        )?,
    }
    let Summary { blocks, events, predicted, explicit, checks, .. } = summary;
    writeln!(
        out,
        "{blocks} blocks, {events} events, {predicted} predicted and {explicit} explicit picks, {checks} checks"
    )
}
