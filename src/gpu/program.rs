// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs: what is done with an item, as a native kernel, as a shader, or both; and what it may do at most.

use core::ffi::c_void;

use super::device::{self, Device};
use super::named::{Named, enter};
use super::remote::Compiled;
use super::shared::Shared;
use crate::base::failing;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::strand::message::fail;
use crate::work::fields::Fields;

/// Items that an item may push each time it runs, at most.
pub const FAN_OUT_MAX: u32 = 1024;
/// Records that it may emit each time, at most.
pub const EMIT_MAX: u32 = 1024;
/// Words of an emitted record, at most.
pub const EMIT_WORDS_MAX: u32 = 64;
/// Steps of an item before it is queued again, at most.
pub const INNER_STEPS_MAX: u32 = 1 << 20;
/// Invocations of a group, at most, whatever the device.
pub const GROUP_SIZE_MAX: u32 = 1024;
/// Buffers of a program, at most.
pub const BUFFERS_MAX: u32 = 8;
/// Bytes of a shader's text, and of a binary one, at most.
pub const SOURCE_BYTES_MAX: usize = 16 << 20;
/// Iterations of all loops of an invocation, unless the program says otherwise.
pub const LOOP_LIMIT: u32 = 32768;
/// Invocations of a group, unless the program says otherwise.
pub const GROUP_SIZE: u32 = 64;

/// A native kernel: gets a batch of records, one after the other. What it says of them, it says to the work.
pub type Kernel = unsafe extern "C-unwind" fn(work: *mut c_void, items: *const u32, count: u32, data: *mut c_void);

/// What a program may do, checked and with its defaults.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The words of a record.
    pub fields: Fields,
    /// Items that an item may push each time it runs.
    pub fan_out_max: u32,
    /// Records that it may emit each time.
    pub emit_max: u32,
    /// Words of an emitted record; not 0.
    pub emit_words: u32,
    /// Steps of an item before it is queued again; not 0.
    pub inner_steps: u32,
    /// Iterations of all loops of an invocation; not 0.
    pub loop_limit: u32,
    /// Invocations of a group; not 0.
    pub group_size: u32,
    /// Buffers that a worklist of it has.
    pub buffer_count: u32,
}

/// What a program is made of.
pub struct Source<'a> {
    /// For the processor.
    pub kernel: Option<Kernel>,
    /// Handed to the kernel.
    pub kernel_data: *mut c_void,
    /// For adapters; empty: none.
    pub wgsl: &'a [u8],
    /// For adapters; empty: none.
    pub spirv: &'a [u32],
}

/// A program, kept by its handle and by the worklists that use it.
pub struct Program {
    /// Where it runs.
    pub device: Shared<Device>,
    /// What it may do.
    pub limits: Limits,
    /// For the processor.
    pub kernel: Option<Kernel>,
    /// Handed to the kernel.
    pub kernel_data: *mut c_void,
    /// The text of the shader, as the program wrote it; empty: none.
    pub wgsl: String,
    /// The words of a binary shader; empty: none.
    pub spirv: Vec<u32>,
    /// What the adapter of the device runs; `None` on the processor.
    pub compiled: Option<Compiled>,
}

// SAFETY: the kernel's data is the program's own, and is only handed to its kernel.
unsafe impl Send for Program {}
// SAFETY: as above; nothing changes.
unsafe impl Sync for Program {}

static PROGRAMS: Named<Program> = Named::new(Kind::Program, "program");

/// Makes the table of a runtime that is being initialised.
pub fn start(capacity: u32) -> Outcome<()> {
    PROGRAMS.start(capacity)
}

/// Frees the table.
///
/// # Safety
/// As [`Named::stop`].
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { PROGRAMS.stop() };
}

/// The program that a handle names.
pub fn get(handle: u64) -> Outcome<Shared<Program>> {
    PROGRAMS.get(handle)
}

/// Makes a program: its handle.
pub fn create(device: u64, limits: Limits, source: &Source<'_>) -> Outcome<u64> {
    outside::refuse_on_worker()?;
    let _call = enter()?;
    let device = device::get(device)?;
    refuse_what_cannot_run(&device, &limits, source)?;
    let mut program = Program {
        device,
        limits,
        kernel: source.kernel,
        kernel_data: source.kernel_data,
        wgsl: text(source.wgsl)?,
        spirv: copied(source.spirv)?,
        compiled: None,
    };
    if let Some(remote) = program.device.remote() {
        program.compiled = Some(remote.compile(&program)?);
    }
    let program = Shared::new(program).or_else(|status| fail(status, format_args!("no memory for a program")))?;
    PROGRAMS.add(program, |_, _| {})
}

/// What the device has no use for.
fn refuse_what_cannot_run(device: &Device, limits: &Limits, source: &Source<'_>) -> Outcome<()> {
    if device.remote().is_none() {
        if source.kernel.is_some() {
            return Ok(());
        }
        return fail(Status::UNSUPPORTED, format_args!("the processor runs native kernels, and this program has none"));
    }
    if source.wgsl.is_empty() && source.spirv.is_empty() {
        return fail(Status::UNSUPPORTED, format_args!("an adapter runs shaders, and this program has none"));
    }
    let most = device.info.group_invocations_max;
    if limits.group_size > most {
        return fail(
            Status::LIMIT,
            format_args!("group_size is {}: this device has at most {most}", limits.group_size),
        );
    }
    let (asked, most) = (limits.loop_limit, device.info.loop_limit);
    if most != 0 && asked > most {
        return fail(
            Status::LIMIT,
            format_args!("loop_limit is {asked}: this device's driver cuts an invocation off after {most}"),
        );
    }
    Ok(())
}

fn copied<T: Copy>(items: &[T]) -> Outcome<Vec<T>> {
    let mut copy = Vec::new();
    if !items.is_empty() && (failing::now() || copy.try_reserve_exact(items.len()).is_err()) {
        return fail(Status::NO_MEMORY, format_args!("no memory for the source of a program"));
    }
    copy.extend_from_slice(items);
    Ok(copy)
}

fn text(bytes: &[u8]) -> Outcome<String> {
    String::from_utf8(copied(bytes)?).or_else(|wrong| {
        let place = wrong.utf8_error().valid_up_to();
        fail(Status::SHADER, format_args!("the shader is not text in UTF-8: byte {place}"))
    })
}

/// Gives the handle up. Worklists that use the program keep it.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    PROGRAMS.remove(handle).map(drop)
}
