// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs
//!
//! What is done with an item of a worklist: a native kernel for the processor, a shader for adapters,
//! or both, of which each device runs what it can. And what that may do at most: how many items it pushes
//! and how many records it emits each time. By these numbers the queue knows how much room must be free
//! before an item is started, so none is ever lost. An item that does more ends with a fault of its own. What is
//! for other devices is not looked at: a shader that is wrong is found where an adapter gets it.
//!
//! A shader in WGSL (field wgsl) has a function `run` with a parameter of type Item, a structure of the words that
//! records carry, by the names and in the order of strand_work_task. It says what strand_work_push() and its
//! neighbours say in C:
//!
//!     push(child: Item, band: u32)       requeue(pc: u32, data: u32, band: u32)    fault(code: u32)
//!     emit(record: Record)               yield_now(pc: u32, data: u32)
//!     BAND_SAME                          pause(pc: u32, data: u32, epoch: u32)     debug(a: u32, b: u32, c: u32, d: u32)
//!
//! A Record is array<u32, emit_words>; the buffers of the worklist are @group(1) @binding(0) and so on. Private
//! variables begin anew with each item, also where one invocation visits many. STRAND_ERR_SHADER with line and
//! column is, beside what WGSL does not allow, a name that begins with strand_ (such are the library's) and a
//! barrier, since items do not wait for each other.
//!
//! A shader in SPIR-V (field spirv) knows no functions of the library, so an item speaks through a mailbox: a
//! variable in the storage class StorageBuffer (SPIR-V 1.3) at descriptor set 0, binding 0, a block whose
//! one member is an array of 32-bit unsigned integers, in GLSL
//! `layout(set = 0, binding = 0) buffer Mailbox { uint words[]; };`. Each item has one for itself, and the
//! module is run once for each. With r the words of a record (bits of fields):
//!
//!     word 0      out   how the item ends: 0 done, 1 requeue, 2 yield, 3 pause, 4 fault
//!     words 1, 2  out   pc and data with which it goes on, as strand_work_requeue() has them
//!     word 3      out   1: the band, or STRAND_BAND_SAME; 3: the epoch; 4: the code of the fault
//!     words 4, 5  out   how many items it pushes, how many records it emits
//!     words 6, 7        nothing
//!     words 8...  in    the record of the item: r words
//!     behind      out   room for fan_out_max items: the band, or STRAND_BAND_SAME, then the record: 1 + r words
//!     behind      out   room for emit_max records of emit_words words
//!
//! Words 0 to 7 are 0 when the module begins, so one that writes nothing has done its item; those behind the
//! record may be anything. More items or records than declared, a band that the worklist does not have and a
//! word that records do not carry are faults as with strand_work_push() and its neighbours, an end above 4 is
//! STRAND_WORK_FAULT_STATE; the first of them counts, in the order pushes, records, end.
//!
//! The module has one entry point, of any name: a compute shader without inputs such as
//! gl_GlobalInvocationID, whose own group size is not looked at. The buffers of the worklist are in
//! descriptor set 1. Its private variables begin anew with each item. Its loops are counted as those of
//! WGSL are, see loop_limit. What an item may push and emit is 1,024 words in all (2,048 in WGSL); more is
//! STRAND_ERR_LIMIT. STRAND_ERR_SHADER with a message is what is no module, has not one entry point and one
//! mailbox, uses a capability that the device or the library does not have, specialization constants,
//! barriers or memory that a group shares, has blocks more than 127 deep in each other, or uses the mailbox
//! otherwise than word by word.

use super::device::strand_device;
use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::gpu::program::{self, Limits, Source};
use crate::strand::message::fail;
use crate::work::fields::Fields;
use core::ffi::{CStr, c_char, c_void};

/// Names a program; below 2^62 and never used again. 0 is no program.
pub type strand_program = u64;

/// What a kernel says of its items goes to this; see strand_work_push(). Good until the kernel returns,
/// on its own thread.
pub struct strand_work {
    _opaque: [u8; 0],
}

/// A native kernel. It gets a batch of records, one after the other, each of as many words as the fields
/// of its program have bits, and does what there is to be done with each; an item of which it says nothing
/// to work is done. Runs on a strand of the library, several at once on different items, and calls nothing
/// that switches: such a call answers STRAND_ERR_WOULD_SWITCH. It throws nothing.
pub type strand_kernel =
    Option<unsafe extern "C-unwind" fn(work: *mut strand_work, items: *const u32, count: u32, data: *mut c_void)>;

/// What a program is made with: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_program_options {
    /// sizeof(strand_program_options)
    pub size: u32,
    /// 0
    pub flags: u32,
    /// STRAND_FIELD_ bits, at least one: which words of a task a record has, in the order of the words.
    pub fields: u32,
    /// Items that one item may push each time it runs. At most 1,024.
    pub fan_out_max: u32,
    /// Records that it may emit each time. At most 1,024.
    pub emit_max: u32,
    /// Words of an emitted record. Default: 1. At most 64.
    pub emit_words: u32,
    /// On an adapter, and where items are requeued: how many steps of an item are done before it is
    /// queued again. Default: 1. At most 1,048,576.
    pub inner_steps: u32,
    /// Iterations of all loops of a shader for one step of an item: the next one ends the item with the
    /// fault STRAND_WORK_FAULT_LOOP_LIMIT. Default: 32,768. Not more than the device's loop_limit, where it has
    /// one.
    pub loop_limit: u32,
    /// Invocations of a shader in a group. Default: 64. At most 1,024, and what the device has.
    pub group_size: u32,
    /// Buffers that a worklist of this program is made with. At most 8.
    pub buffer_count: u32,
    /// For the processor; NULL: none.
    pub kernel: strand_kernel,
    /// Handed to kernel as its last argument.
    pub kernel_data: *mut c_void,
    /// For adapters: a shader in WGSL; NULL: none. Copied.
    pub wgsl: *const c_char,
    /// Bytes at wgsl; 0: up to its zero byte.
    pub wgsl_length: usize,
    /// For adapters, in place of wgsl, in a library that was built with the cargo feature "spirv": a shader
    /// in SPIR-V; NULL: none. Copied. It says what becomes of an item in a mailbox: see above.
    pub spirv: *const u32,
    /// Words at spirv.
    pub spirv_words: usize,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every field.
unsafe impl Sized32 for strand_program_options {
    const NAME: &'static str = "strand_program_options";
}

/// Makes a program for a device, which compiles its shader: on an adapter that takes some milliseconds,
/// for a strand on a thread of the offload pool.
///
/// @param device   the device
/// @param options  copied, with the text of the shader
/// @param out      the program
/// @return STRAND_OK;
///         STRAND_ERR_SHADER: the shader is wrong; the message has line and column of its text, where it is
///         one in WGSL;
///         STRAND_ERR_UNSUPPORTED: there is nothing in it that the device could run, or the shader is in SPIR-V
///         and the library was built without the cargo feature "spirv";
///         STRAND_ERR_INVALID: options or out is NULL, an option has no such value, or device names none and
///         never did;
///         STRAND_ERR_LIMIT: an option is beyond what it may be, or too many programs are in use;
///         STRAND_ERR_STALE: the device was closed;
///         STRAND_ERR_DEVICE: the device is lost;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_program_new(
    device: strand_device,
    options: *const strand_program_options,
    out: *mut strand_program,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_program_new", "out")?;
        // SAFETY: a struct as its size says, by the caller's promise.
        let options = unsafe { sized::read(options, "strand_program_new") }?;
        let limits = limits_of(&options)?;
        // SAFETY: as long as they say, by the caller's promise.
        let source = unsafe { source_of(&options) }?;
        let made = program::create(device, limits, &source)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Gives a program up. Worklists that use it keep it.
///
/// @param program  the program
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: program names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_program_release(program: strand_program) -> strand_status {
    guard(|| program::release(program))
}

/// The value of an option, `default` for 0; LIMIT beyond the most.
fn bounded(value: u32, default: u32, most: u32, field: &str) -> Outcome<u32> {
    match value {
        0 => Ok(default),
        _ if value <= most => Ok(value),
        _ => fail(Status::LIMIT, format_args!("strand_program_new: {field} is {value}: it can be at most {most}")),
    }
}

fn limits_of(options: &strand_program_options) -> Outcome<Limits> {
    check::flags(options.flags, 0, "strand_program_new")?;
    let Some(fields) = Fields::new(options.fields) else {
        return fail(
            Status::INVALID,
            format_args!(
                "strand_program_new: fields is {:#x}: it must have at least one STRAND_FIELD_ bit, and no other",
                options.fields
            ),
        );
    };
    Ok(Limits {
        fields,
        fan_out_max: bounded(options.fan_out_max, 0, program::FAN_OUT_MAX, "fan_out_max")?,
        emit_max: bounded(options.emit_max, 0, program::EMIT_MAX, "emit_max")?,
        emit_words: bounded(options.emit_words, 1, program::EMIT_WORDS_MAX, "emit_words")?,
        inner_steps: bounded(options.inner_steps, 1, program::INNER_STEPS_MAX, "inner_steps")?,
        loop_limit: bounded(options.loop_limit, program::LOOP_LIMIT, u32::MAX, "loop_limit")?,
        group_size: bounded(options.group_size, program::GROUP_SIZE, program::GROUP_SIZE_MAX, "group_size")?,
        buffer_count: bounded(options.buffer_count, 0, program::BUFFERS_MAX, "buffer_count")?,
    })
}

/// # Safety
/// The texts are as long as the options say.
unsafe fn source_of(options: &strand_program_options) -> Outcome<Source<'_>> {
    let refused = |what: &str| fail(Status::INVALID, format_args!("strand_program_new: {what}"));
    if options.wgsl.is_null() && options.wgsl_length > 0 {
        return refused("wgsl is NULL, and wgsl_length is not 0");
    }
    if options.spirv.is_null() != (options.spirv_words == 0) || !options.spirv.is_aligned() {
        return refused("spirv and spirv_words do not agree, or spirv is not aligned");
    }
    if !options.wgsl.is_null() && !options.spirv.is_null() {
        return refused("there is a shader in WGSL and one in SPIR-V: one of them is enough");
    }
    let wgsl: &[u8] = match (options.wgsl.is_null(), options.wgsl_length) {
        (true, _) => &[],
        // SAFETY: terminated, by contract.
        (_, 0) => unsafe { CStr::from_ptr(options.wgsl) }.to_bytes(),
        (_, length) if length > program::SOURCE_BYTES_MAX => return too_long(length),
        // SAFETY: as long, by contract.
        (_, length) => unsafe { core::slice::from_raw_parts(options.wgsl.cast(), length) },
    };
    let spirv: &[u32] = match options.spirv_words {
        0 => &[],
        words if words > program::SOURCE_BYTES_MAX / 4 => return too_long(words),
        // SAFETY: as long, by contract.
        words => unsafe { core::slice::from_raw_parts(options.spirv, words) },
    };
    if wgsl.len() > program::SOURCE_BYTES_MAX {
        return too_long(wgsl.len());
    }
    // SAFETY: the two types differ in the type that the first argument points to, which the core does not look at.
    let kernel = unsafe { core::mem::transmute::<strand_kernel, Option<program::Kernel>>(options.kernel) };
    Ok(Source { kernel, kernel_data: options.kernel_data, wgsl, spirv })
}

#[cold]
fn too_long<T>(length: usize) -> Outcome<T> {
    fail(
        Status::LIMIT,
        format_args!(
            "strand_program_new: a shader of {length} bytes or words: it can have at most {} bytes",
            program::SOURCE_BYTES_MAX
        ),
    )
}
