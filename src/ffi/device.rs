// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices
//!
//! What runs the items of a worklist: an adapter, which is a graphics processor or a program that
//! behaves like one, or the processor itself, whose strands call native kernels. The processor is
//! always there. Adapters are reached through Vulkan, and are there where this machine has a driver
//! for them and this library was built with them (cargo feature "gpu"); everything else is the same
//! without them.
//!
//! What is made on a device (buffers, programs, worklists) is released for itself, in any order. It
//! outlives the handle of the device, but when the device is closed it can only be released, and
//! everything else answers STRAND_ERR_CLOSED.
//!
//! Adapters take tens of milliseconds to be found and opened; for a strand a thread of the offload
//! pool does that (see strand_offload()). While schedules are explored (strand_explore(),
//! STRAND_EXPLORE) there is only the processor, because what an adapter does cannot be repeated. When
//! memory is short, a driver may end the process.
//!
//! Each open adapter has a thread of the library ("strand-device") and those of its driver, all with
//! asynchronous signals blocked; they end when it is closed. An adapter that is lost, because its
//! driver failed, answers STRAND_ERR_DEVICE with a message to everybody who waits for it and to
//! everything that is asked for later: it is closed, and another one can be opened. Where the graphics
//! library within this one has failed by a panic, the answer is STRAND_ERR_PANIC. No adapter goes
//! through a fork: the child's calls answer STRAND_ERR_FORKED, as all others. A library that has
//! opened one stays mapped after dlclose(). Nothing is printed, and no logger is installed.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::gpu::device::{self, Info, LABEL, Label, Options, Wish};
use crate::strand::message::fail;
use core::ffi::{CStr, c_char};

/// Names a device; below 2^62 and never used again. 0 is no device.
pub type strand_device = u64;

/// Kind: an adapter that is a machine, or, where there is none, the processor.
pub const STRAND_DEVICE_AUTO: u32 = 0;
/// Kind: an adapter that is a machine.
pub const STRAND_DEVICE_HARDWARE: u32 = 1;
/// Kind: an adapter that is a program, such as Mesa's llvmpipe.
pub const STRAND_DEVICE_SOFTWARE: u32 = 2;
/// Kind: the processor.
pub const STRAND_DEVICE_CPU: u32 = 3;

const _: () = assert!(
    STRAND_DEVICE_AUTO == device::AUTO
        && STRAND_DEVICE_HARDWARE == device::HARDWARE
        && STRAND_DEVICE_SOFTWARE == device::SOFTWARE
        && STRAND_DEVICE_CPU == device::CPU
);

/// What is known of a device.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_device_info {
    /// sizeof(strand_device_info)
    pub size: u32,
    /// STRAND_DEVICE_HARDWARE, STRAND_DEVICE_SOFTWARE or STRAND_DEVICE_CPU.
    pub kind: u32,
    /// Its memory; of the processor that of the machine.
    pub memory_bytes: u64,
    /// Largest buffer.
    pub buffer_bytes_max: u64,
    /// Largest buffer that a program can use.
    pub binding_bytes_max: u64,
    /// Most invocations of a shader in a group.
    pub group_invocations_max: u32,
    /// Fewest invocations in a subgroup; 0: no subgroup operations.
    pub subgroup_min: u32,
    /// Most invocations in a subgroup.
    pub subgroup_max: u32,
    /// 0
    pub flags: u32,
    /// Iterations of all loops of an invocation after which the driver cuts it off, as measured when the
    /// device is opened; 0: none known.
    pub loop_limit: u32,
    /// 0
    pub reserved: u32,
    /// Its name, with a zero byte at its end; "CPU" for the processor.
    pub name: [c_char; 128],
    /// What drives it, and the version of that.
    pub driver: [c_char; 128],
}

/// How a device is opened: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_device_options {
    /// sizeof(strand_device_options)
    pub size: u32,
    /// One of STRAND_DEVICE_.
    pub kind: u32,
    /// Part of the name of an adapter, in upper or lower case, with a zero byte at its end.
    pub name: *const c_char,
    /// 0
    pub flags: u32,
    /// Submissions to an adapter that are under way at once. Default: 2. At most 16.
    pub in_flight: u32,
    /// What one submission should take, in nanoseconds: the shorter, the sooner a cancellation is seen;
    /// the longer, the more is done. Default: 2 milliseconds. 50 microseconds to 1 second.
    pub latency: i64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is a value of every field.
unsafe impl Sized32 for strand_device_info {
    const NAME: &'static str = "strand_device_info";
}

// SAFETY: as above; zero is null for the name.
unsafe impl Sized32 for strand_device_options {
    const NAME: &'static str = "strand_device_options";
}

/// Most submissions under way.
const IN_FLIGHT_MAX: u32 = 16;
/// Shortest and longest time of a submission, in nanoseconds.
const LATENCIES: core::ops::RangeInclusive<i64> = 50_000..=1_000_000_000;

/// The number of devices that strand_device_describe() knows: adapters as they are found now, and
/// then the processor, which is the last. Where adapters cannot be looked for, there is only that.
///
/// @param count  their number, 1 or more
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: count is NULL;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no thread could be had to look for them;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_device_count(count: *mut u32) -> strand_status {
    guard(|| {
        check::pointer(count, "strand_device_count", "count")?;
        let found = device::count()?;
        // SAFETY: writable, by the caller's promise.
        unsafe { count.write(found) };
        Ok(())
    })
}

/// Describes a device that is not open: one of those that the last strand_device_count() has found.
///
/// @param index  which, from 0
/// @param info   filled; its size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: info is NULL or its size is wrong, or there are no so many devices;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED, STRAND_ERR_WOULD_SWITCH,
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED: as strand_device_count()
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_device_describe(index: u32, info: *mut strand_device_info) -> strand_status {
    guard(|| {
        // SAFETY: a struct as its size says, by the caller's promise.
        unsafe { sized::check(info, "strand_device_describe") }?;
        let found = device::describe(index)?;
        // SAFETY: as above.
        unsafe { sized::write(info, &told(&found), "strand_device_describe") }
    })
}

/// Opens a device. With NULL, or kind STRAND_DEVICE_AUTO and no name, it is what the configuration
/// says (strand_config, field gpu; STRAND_GPU), and where that says nothing an adapter that is a
/// machine, or else the processor. Whatever is asked for by its kind or name is that, or an error. One
/// device may be opened several times.
///
/// @param options  NULL: all defaults. Copied.
/// @param out      the device
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, an option has no such value, or a name for the processor;
///         STRAND_ERR_DEVICE: there is no such adapter, or it cannot be opened; the message names those
///         that there are;
///         STRAND_ERR_UNSUPPORTED: an adapter was asked for, and this library was built without them, or
///         schedules are explored;
///         STRAND_ERR_LIMIT: too many are open, or no thread could be had;
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
pub unsafe extern "C" fn strand_device_open(
    options: *const strand_device_options,
    out: *mut strand_device,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_device_open", "out")?;
        // SAFETY: NULL or a struct as its size says, by the caller's promise.
        let options = unsafe { convert(options) }?;
        let opened = device::open(&options)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(opened) };
        Ok(())
    })
}

/// Describes an open device. loop_limit is measured by then.
///
/// @param device  the device
/// @param info    filled; its size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was closed;
///         STRAND_ERR_INVALID: info is NULL or its size is wrong, or device names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_device_info_of(device: strand_device, info: *mut strand_device_info) -> strand_status {
    guard(|| {
        // SAFETY: a struct as its size says, by the caller's promise.
        unsafe { sized::check(info, "strand_device_info_of") }?;
        let found = device::info_of(device)?;
        // SAFETY: as above.
        unsafe { sized::write(info, &told(&found), "strand_device_info_of") }
    })
}

/// Closes a device. Its runs end with STRAND_ERR_CLOSED as soon as they can stop, and their items stay
/// on the host; what is being read from its buffers is still read. An adapter is waited for.
///
/// @param device  the device
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was closed before;
///         STRAND_ERR_INVALID: device names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which closes all;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_device_close(device: strand_device) -> strand_status {
    guard(|| device::close(device))
}

/// # Safety
/// `options` is null or a struct as its size says, with a terminated name.
unsafe fn convert(options: *const strand_device_options) -> Outcome<Options> {
    let function = "strand_device_open";
    if options.is_null() {
        return Ok(Options { wish: Wish::ANY, in_flight: 0, latency: 0 });
    }
    // SAFETY: by contract.
    let options = unsafe { sized::read(options, function) }?;
    check::flags(options.flags, 0, function)?;
    let (kind, in_flight, latency) = (options.kind, options.in_flight, options.latency);
    if kind > STRAND_DEVICE_CPU {
        return fail(Status::INVALID, format_args!("{function}: kind is {kind}: known values are 0 to 3"));
    }
    if in_flight > IN_FLIGHT_MAX {
        return fail(
            Status::INVALID,
            format_args!("{function}: in_flight is {in_flight}: it can be at most {IN_FLIGHT_MAX}"),
        );
    }
    if latency != 0 && !LATENCIES.contains(&latency) {
        return fail(
            Status::INVALID,
            format_args!("{function}: latency is {latency}: it can be 50,000 to 1,000,000,000 nanoseconds"),
        );
    }
    // SAFETY: by contract.
    let name = unsafe { name_of(options.name) }?;
    Ok(Options { wish: Wish { kind, name }, in_flight, latency })
}

/// # Safety
/// `name` is null or terminated.
unsafe fn name_of(name: *const c_char) -> Outcome<Label> {
    if name.is_null() {
        return Ok(Label::NONE);
    }
    // SAFETY: by contract.
    match unsafe { CStr::from_ptr(name) }.to_str() {
        Ok(text) if (1..LABEL).contains(&text.len()) => Ok(Label::new(text)),
        _ => fail(
            Status::INVALID,
            format_args!("strand_device_open: the name must be a text in UTF-8 of 1 to {} bytes", LABEL - 1),
        ),
    }
}

fn told(info: &Info) -> strand_device_info {
    let text = |label: &Label| label.0.map(|byte| byte as c_char);
    strand_device_info {
        size: 0,
        kind: info.kind,
        memory_bytes: info.memory_bytes,
        buffer_bytes_max: info.buffer_bytes_max,
        binding_bytes_max: info.binding_bytes_max,
        group_invocations_max: info.group_invocations_max,
        subgroup_min: info.subgroup_min,
        subgroup_max: info.subgroup_max,
        flags: 0,
        loop_limit: info.loop_limit,
        reserved: 0,
        name: text(&info.name),
        driver: text(&info.driver),
    }
}
