// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts about the build and the runtime that is up, by name.

use core::fmt::{self, Write};

use crate::base::fence;
use crate::base::status::{Outcome, Status};
use crate::engine::outside::{self, State};
use crate::engine::{may, parallel};
use crate::memory::stack_class::USABLE;
use crate::memory::stack_pool::{GuardKind, probe_guard_kind};
use crate::strand::identity;
use crate::strand::message::fail;

/// Writes the fact that `key` names.
pub fn info(key: &str, out: &mut dyn Write) -> Outcome<()> {
    let engine = if outside::state() == State::Up { parallel::engine() } else { None };
    let written = match key {
        "version" => out.write_str(env!("CARGO_PKG_VERSION")),
        "abi" => out.write_str("1"),
        "engine" => out.write_str(engine.map_or("parallel", |engine| engine.name())),
        "features" => out.write_str(if may::IS_BUILT { "parallel stepped may" } else { "parallel stepped" }),
        "identity" => out.write_str(if identity::is_by_thread() { "thread-local" } else { "stack-pointer" }),
        "context" => out.write_str(crate::strand::context::KIND),
        "fence" => out.write_str(if fence::is_asymmetric() { "asymmetric" } else { "symmetric" }),
        "guard" => {
            let kind = engine.map_or_else(probe_guard_kind, |engine| Ok(engine.stacks.guard_kind()))?;
            out.write_str(if kind == GuardKind::Mprotect { "mprotect" } else { "madvise" })
        }
        "stack_classes" => stack_classes(out),
        "workers" => match engine {
            Some(engine) => write!(out, "{}", engine.ordinary_workers()),
            None => return before_init(key),
        },
        _ => return fail(Status::INVALID, format_args!("no fact is called \"{key}\"")),
    };
    written.map_err(|_| Status::NO_MEMORY)
}

fn before_init<T>(key: &str) -> Outcome<T> {
    fail(Status::NOT_INITIALISED, format_args!("\"{key}\" is known after init"))
}

fn stack_classes(out: &mut dyn Write) -> fmt::Result {
    for (class, usable) in USABLE.iter().enumerate() {
        write!(out, "{}{usable}", if class == 0 { "" } else { " " })?;
    }
    Ok(())
}
