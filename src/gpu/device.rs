// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices: what there is, opening one, and what everything that is made on it keeps.
//!
//! ```text
//! wish (options, else configuration)   CPU ──────────────────────────────► the processor
//!                                      AUTO ── hardware, if there is ────► an adapter, else the processor
//!                                      HARDWARE, SOFTWARE, a name ───────► an adapter, or DEVICE
//! ```
//! Adapters are looked for and opened by `remote`, on a thread that may block: that takes tens of milliseconds. A search
//! of schedules has no adapters: what they do cannot be repeated.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::apart;
use super::named::{Named, enter};
use super::remote::{self, Remote};
use super::shared::Shared;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::{outside, parallel};
use crate::strand::message::fail;

/// Hardware, if there is, else the processor.
pub const AUTO: u32 = 0;
/// An adapter that is a machine.
pub const HARDWARE: u32 = 1;
/// An adapter that is a program.
pub const SOFTWARE: u32 = 2;
/// The processor: strands that call native kernels.
pub const CPU: u32 = 3;

/// Bytes of a name, with its terminator.
pub const LABEL: usize = 128;

/// A terminated text; what is too long is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(pub [u8; LABEL]);

impl Label {
    /// Nothing.
    pub const NONE: Label = Label([0; LABEL]);

    /// The text, as far as it fits.
    pub fn new(text: &str) -> Label {
        let mut length = text.len().min(LABEL - 1);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let mut label = Label::NONE;
        label.0[..length].copy_from_slice(&text.as_bytes()[..length]);
        label
    }

    /// The text.
    pub fn text(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(LABEL);
        core::str::from_utf8(&self.0[..length]).unwrap_or("")
    }
}

/// What is known of a device.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// HARDWARE, SOFTWARE or CPU.
    pub kind: u32,
    /// Its memory.
    pub memory_bytes: u64,
    /// Largest buffer.
    pub buffer_bytes_max: u64,
    /// Largest buffer that a program can use.
    pub binding_bytes_max: u64,
    /// Invocations in a group.
    pub group_invocations_max: u32,
    /// Fewest invocations in a subgroup; 0: it has none.
    pub subgroup_min: u32,
    /// Most invocations in a subgroup.
    pub subgroup_max: u32,
    /// Iterations after which its driver cuts an invocation off; 0: none known.
    pub loop_limit: u32,
    /// Its name.
    pub name: Label,
    /// What drives it.
    pub driver: Label,
}

impl Info {
    fn of_processor() -> Info {
        let memory = sys::memory_bytes();
        Info {
            kind: CPU,
            memory_bytes: memory,
            buffer_bytes_max: memory,
            binding_bytes_max: memory,
            group_invocations_max: 1,
            subgroup_min: 1,
            subgroup_max: 1,
            loop_limit: 0,
            name: Label::new("CPU"),
            driver: Label::new(concat!("libstrand ", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// Which device is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// AUTO, HARDWARE, SOFTWARE or CPU.
    pub kind: u32,
    /// Part of an adapter's name, in any case; empty: any.
    pub name: Label,
}

impl Wish {
    /// Whatever there is.
    pub const ANY: Wish = Wish { kind: AUTO, name: Label::NONE };

    /// What STRAND_GPU says: a kind, or part of a name.
    pub fn of_text(text: &str) -> Wish {
        let kind = ["auto", "hardware", "software", "cpu"].iter().position(|kind| *kind == text);
        match kind {
            Some(kind) => Wish { kind: kind as u32, name: Label::NONE },
            None => Wish { kind: AUTO, name: Label::new(text) },
        }
    }
}

/// How a device is opened.
#[derive(Clone, Copy)]
pub struct Options {
    /// Which; [`Wish::ANY`] is what the configuration says.
    pub wish: Wish,
    /// Submissions under way at once; 0: the default.
    pub in_flight: u32,
    /// What a submission should take, in nanoseconds; 0: the default.
    pub latency: i64,
}

/// What does the work of a device.
pub enum Engine {
    /// Strands.
    Cpu,
    /// An adapter, through its service thread.
    Remote(Remote),
}

/// An open device, kept by its handle and by all that was made on it.
pub struct Device {
    /// What is known of it.
    pub info: Info,
    /// What does its work.
    pub engine: Engine,
    /// What a submission should take, in nanoseconds; 0: the default.
    pub latency: i64,
    handle: AtomicU64,
    closed: AtomicBool,
}

impl Device {
    /// Its handle.
    pub fn handle(&self) -> u64 {
        self.handle.load(Ordering::Relaxed)
    }

    /// It was closed: what was made on it can only be released.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Nothing begins on it any more, and what runs ends with CLOSED.
    fn end(&self) {
        // Release pairs with the Acquire of those who look between two batches.
        self.closed.store(true, Ordering::Release);
    }

    /// CLOSED when it was.
    pub fn look(&self) -> Outcome<()> {
        if self.is_closed() { Err(Status::CLOSED) } else { Ok(()) }
    }

    /// Its adapter; `None` for the processor.
    pub fn remote(&self) -> Option<&Remote> {
        match &self.engine {
            Engine::Cpu => None,
            Engine::Remote(remote) => Some(remote),
        }
    }
}

static DEVICES: Named<Device> = Named::new(Kind::Device, "device");

/// What the configuration says.
static CONFIGURED: Mutex<Wish> = Mutex::new(Wish::ANY);
/// The adapters as they were found last.
static FOUND: Mutex<Option<Vec<Info>>> = Mutex::new(None);

fn taken<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the table of a runtime that is being initialised.
pub fn start(capacity: u32) -> Outcome<()> {
    DEVICES.start(capacity)
}

/// What the configuration of a new runtime says.
pub fn configure(wish: Wish) {
    *taken(&CONFIGURED) = wish;
}

/// Closes what is open. No strand runs any more, and nobody is let in: what adapters still have to say is for nobody.
pub fn close_all() {
    DEVICES.remove_each(|device| {
        device.end();
        device.remote().inspect(|remote| remote.close());
    });
    *taken(&FOUND) = None;
    apart::at_last();
}

/// Frees the table.
///
/// # Safety
/// As [`Named::stop`].
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { DEVICES.stop() };
}

/// Whether the schedules of the program are being searched.
fn is_explored() -> bool {
    let stepped = parallel::engine().and_then(|engine| engine.stepped());
    stepped.is_some_and(|stepped| stepped.ask_director(|director| director.searches()) == Some(true))
}

/// The adapters, looked for anew.
fn look_for_adapters() -> Outcome<usize> {
    let found = if is_explored() { Vec::new() } else { remote::list()? };
    let count = found.len();
    *taken(&FOUND) = Some(found);
    Ok(count)
}

/// The number of devices: the adapters, and the processor as the last.
pub fn count() -> Outcome<u32> {
    outside::refuse_on_worker()?;
    let _call = enter()?;
    Ok(look_for_adapters()? as u32 + 1)
}

/// What is known of one of them.
pub fn describe(index: u32) -> Outcome<Info> {
    outside::refuse_on_worker()?;
    let _call = enter()?;
    let known = taken(&FOUND).is_some();
    if !known {
        look_for_adapters()?;
    }
    let found = taken(&FOUND);
    let adapters = found.as_deref().unwrap_or(&[]);
    let (adapter, count) = (adapters.get(index as usize).copied(), adapters.len() as u32);
    drop(found);
    match adapter {
        Some(info) => Ok(info),
        None if index == count => Ok(Info::of_processor()),
        None => fail(Status::INVALID, format_args!("there is no device {index}: they are numbered 0 to {count}")),
    }
}

/// Opens a device: its handle.
pub fn open(options: &Options) -> Outcome<u64> {
    outside::refuse_on_worker()?;
    let _call = enter()?;
    let wish = if options.wish == Wish::ANY { *taken(&CONFIGURED) } else { options.wish };
    let (info, engine) = open_engine(wish, options)?;
    let device =
        Device { info, engine, latency: options.latency, handle: AtomicU64::new(0), closed: AtomicBool::new(false) };
    let device = Shared::new(device).or_else(|status| fail(status, format_args!("no memory for a device")))?;
    DEVICES.add(device, |device, handle| device.handle.store(handle, Ordering::Relaxed))
}

fn open_engine(wish: Wish, options: &Options) -> Outcome<(Info, Engine)> {
    let processor = || Ok((Info::of_processor(), Engine::Cpu));
    let by_name = wish.name != Label::NONE;
    match wish.kind {
        CPU if by_name => {
            fail(Status::INVALID, format_args!("the name {:?} is for adapters, and the kind is CPU", wish.name.text()))
        }
        CPU => processor(),
        AUTO if !by_name && is_explored() => processor(),
        _ if is_explored() => {
            fail(Status::UNSUPPORTED, format_args!("what an adapter does cannot be explored; the processor can"))
        }
        AUTO if !by_name => match remote::open(Wish { kind: HARDWARE, ..wish }, options.in_flight) {
            Ok((info, remote)) => Ok((info, Engine::Remote(remote))),
            Err(Status::CANCELLED) => Err(Status::CANCELLED),
            Err(_) => processor(),
        },
        _ => remote::open(wish, options.in_flight).map(|(info, remote)| (info, Engine::Remote(remote))),
    }
}

/// The device that a handle names.
pub fn get(handle: u64) -> Outcome<Shared<Device>> {
    DEVICES.get(handle)
}

/// What is known of an open device.
pub fn info_of(handle: u64) -> Outcome<Info> {
    let _call = enter()?;
    Ok(get(handle)?.info)
}

/// Closes a device, and waits until its adapter has ended what it was doing.
pub fn close(handle: u64) -> Outcome<()> {
    outside::refuse_on_worker()?;
    let device = {
        let _call = enter()?;
        let device = DEVICES.remove(handle)?;
        device.end();
        super::worklist::list::device_closed();
        super::automaton::object::device_closed();
        device
    };
    // A thread is not inside meanwhile: what the adapter still has to say must come in.
    device.remote().inspect(|remote| remote.close());
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn words_are_kinds_and_everything_else_is_part_of_a_name() {
        for (text, kind) in [("auto", AUTO), ("hardware", HARDWARE), ("software", SOFTWARE), ("cpu", CPU)] {
            assert_eq!(Wish::of_text(text), Wish { kind, name: Label::NONE });
        }
        let named = Wish::of_text("llvmpipe");
        assert_eq!((named.kind, named.name.text()), (AUTO, "llvmpipe"));
    }

    #[test]
    fn a_long_name_is_cut_between_two_letters() {
        let text = "ä".repeat(100);
        assert_eq!(Label::new(&text).text(), "ä".repeat(63));
        assert_eq!(Label::new("").text(), "");
        assert_eq!(Label::new(&"x".repeat(127)).text().len(), 127);
        assert_eq!(Label::new(&"x".repeat(128)).text().len(), 127);
    }
}
