// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs in SPIR-V through the functions of the header: they do what a native kernel does. (That a library without the feature refuses
//! them is a claim of `c_tests/gpu_device.c`.)

use core::mem::{size_of, zeroed};
use std::sync::Mutex;

use super::{device::*, program::*, results::*, scheduler::*, status::*, time::*};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What a run needs: where there is no software adapter, the test says so.
fn with_software(test: impl FnOnce(u64)) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: NULL is the default.
    assert_eq!(unsafe { strand_scheduler_init(core::ptr::null()) }, STRAND_OK);
    match open(STRAND_DEVICE_SOFTWARE) {
        Ok(device) => {
            test(device);
            assert_eq!(strand_device_close(device), STRAND_OK);
        }
        Err(_) => println!("skip: programs in SPIR-V: needs a software adapter"),
    }
    assert_eq!(strand_scheduler_shutdown(STRAND_FOREVER), STRAND_OK);
}

fn open(kind: u32) -> Result<u64, strand_status> {
    // SAFETY: a struct of numbers and pointers.
    let mut options: strand_device_options = unsafe { zeroed() };
    (options.size, options.kind) = (size_of::<strand_device_options>() as u32, kind);
    let mut device = 0;
    // SAFETY: complete options, a place for the answer.
    match unsafe { strand_device_open(&options, &mut device) } {
        STRAND_OK => Ok(device),
        other => Err(other),
    }
}

fn options(words: &[u32]) -> strand_program_options {
    // SAFETY: a struct of numbers and pointers; None for the kernel.
    let mut options: strand_program_options = unsafe { zeroed() };
    options.size = size_of::<strand_program_options>() as u32;
    options.fields = 1 << 6 | 1 << 7;
    (options.spirv, options.spirv_words) = (words.as_ptr(), words.len());
    options
}

fn refused(device: u64, options: &strand_program_options) -> (strand_status, String) {
    let mut program = 0;
    // SAFETY: complete options, a place for the answer.
    let status = unsafe { strand_program_new(device, options, &mut program) };
    let mut buffer = [0_u8; 256];
    // SAFETY: as long as it is said to be.
    let length = unsafe { strand_last_error(buffer.as_mut_ptr().cast(), buffer.len()) };
    (status, String::from_utf8_lossy(&buffer[..length.min(255)]).into_owned())
}

mod with {
    use core::ffi::c_void;
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::super::{buffer::*, ticket::*, work::*, worklist::*};
    use super::*;
    use crate::gpu::rounds::spirv::tests::made;

    #[test]
    fn spirv_that_is_wrong_is_refused() {
        with_software(|device| {
            let (status, text) = refused(device, &options(&[0x0723_0203, 0, 0, 0, 0]));
            assert_eq!(status, STRAND_ERR_SHADER, "{text}");
            let (status, text) = refused(device, &options(&[1, 2, 3, 4, 5, 6]));
            assert!(status == STRAND_ERR_SHADER && text.contains("0x07230203"), "{text}");
            let words = [1, 2];
            let beside = words.as_ptr().cast::<u8>().wrapping_add(2).cast();
            let odd = strand_program_options { spirv: beside, ..options(&[1]) };
            assert_eq!(refused(device, &odd).0, STRAND_ERR_INVALID, "not aligned");
        });
    }

    /// A tree: an item of a level above 0 has two children, one of level 0 is a leaf. Every item counts itself in a buffer.
    const TREE: &str = "
struct Mailbox { words: array<u32> }
@group(0) @binding(0) var<storage, read_write> mailbox: Mailbox;
@group(1) @binding(0) var<storage, read_write> counts: array<atomic<u32>>;
@compute @workgroup_size(1) fn anything() {
    let level = mailbox.words[8];
    let path = mailbox.words[9];
    atomicAdd(&counts[level], 1u);
    if (level == 0u) { mailbox.words[5] = 1u; mailbox.words[16] = path; return; }
    mailbox.words[4] = 2u;
    for (var side = 0u; side < 2u; side++) {
        mailbox.words[10u + 3u * side] = 0xffffffffu;
        mailbox.words[11u + 3u * side] = level - 1u;
        mailbox.words[12u + 3u * side] = 2u * path + side;
    }
}";

    unsafe extern "C-unwind" fn tree(work: *mut strand_work, items: *const u32, count: u32, _: *mut c_void) {
        for index in 0..count {
            // SAFETY: records of two words each; a buffer of a word for each level; the work of this kernel.
            unsafe {
                let [level, path] = items.cast::<[u32; 2]>().add(index as usize).read();
                let counts = strand_work_buffer(work, 0, core::ptr::null_mut()).cast::<AtomicU32>();
                // Relaxed: a count, read when the run has ended.
                (*counts.add(level as usize)).fetch_add(1, Ordering::Relaxed);
                match level {
                    0 => assert_eq!(strand_work_emit(work, index, &path), STRAND_OK),
                    _ => (0..2).for_each(|side| {
                        let child = [level - 1, 2 * path + side];
                        assert_eq!(strand_work_push(work, index, child.as_ptr(), u32::MAX), STRAND_OK);
                    }),
                }
            }
        }
    }

    /// Leaves, sorted, and how many items of each level there were.
    fn grown(device: u64, options: &strand_program_options, levels: u32) -> (Vec<u32>, Vec<u32>) {
        let (mut program, mut buffer, mut list, mut ticket, mut taken) = (0, 0, 0, 0, 0);
        let mut leaves = vec![0; 1 << levels];
        let mut counts = vec![0_u32; levels as usize + 1];
        // SAFETY: complete options; places for the answers that live as long as the calls and the tickets.
        unsafe {
            assert_eq!(strand_program_new(device, options, &mut program), STRAND_OK, "{}", refused(device, options).1);
            assert_eq!(strand_buffer_new(device, 4 * counts.len() as u64, 0, &mut buffer), STRAND_OK);
            let mut shape: strand_worklist_options = zeroed();
            shape.size = size_of::<strand_worklist_options>() as u32;
            (shape.buffers, shape.buffer_count) = (&buffer, 1);
            assert_eq!(strand_worklist_new(program, &shape, &mut list), STRAND_OK);
            assert_eq!(strand_worklist_push(list, [levels, 0].as_ptr(), 1, 0, 0, STRAND_FOREVER), STRAND_OK);
            assert_eq!(strand_worklist_dispatch(list, core::ptr::null(), &mut ticket), STRAND_OK);
            assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_OK);
            assert_eq!(strand_ticket_release(ticket), STRAND_OK);
            assert_eq!(strand_worklist_take(list, leaves.as_mut_ptr(), 1 << levels, &mut taken), STRAND_OK);
            let bytes = 4 * counts.len() as u64;
            assert_eq!(strand_buffer_read(buffer, 0, counts.as_mut_ptr().cast(), bytes, &mut ticket), STRAND_OK);
            assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_OK);
            assert_eq!(strand_ticket_release(ticket), STRAND_OK);
        }
        assert_eq!(strand_worklist_release(list), STRAND_OK);
        assert_eq!(strand_program_release(program), STRAND_OK);
        assert_eq!(strand_buffer_release(buffer), STRAND_OK);
        leaves.truncate(taken as usize);
        leaves.sort_unstable();
        (leaves, counts)
    }

    #[test]
    fn spirv_and_a_kernel_come_to_the_same() {
        with_software(|adapter| {
            let processor = open(STRAND_DEVICE_CPU).unwrap();
            let words = made(TREE);
            let both = strand_program_options {
                kernel: Some(tree),
                fan_out_max: 2,
                emit_max: 1,
                buffer_count: 1,
                ..options(&words)
            };
            let found = grown(adapter, &both, 10);
            assert_eq!(found, grown(processor, &both, 10));
            assert_eq!((found.0.len(), found.1[3]), (1024, 128));
            // Control: a program that goes another way is noticed.
            let other = made(&TREE.replace("2u * path + side", "2u * path + 1u - side / 2u"));
            let (spirv, spirv_words) = (other.as_ptr(), other.len());
            assert_ne!(grown(adapter, &strand_program_options { spirv, spirv_words, ..both }, 10), found);
            assert_eq!(strand_device_close(processor), STRAND_OK);
        });
    }
}
