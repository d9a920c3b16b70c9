// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that put much into a worklist and take much out of it: others wait for a part of it at most.

use core::mem::zeroed;

use super::{config::*, device::*, item::*, program::*, results::*, scheduler::*, status::*, time::*, worklist::*};
use crate::base::failing;
use crate::gpu::worklist::segments::held;
use core::ffi::c_void;

const BANDS: u32 = 3;
const TENANTS: u32 = 4;
/// Tasks at once, of which a third is paused.
const MANY: u32 = 60_000;
/// Records of 8 words in a segment of 4,096.
const PER_SEGMENT: u32 = 512;
/// Records that may be copied, and segments that may move, under one hold of the lock: a portion and a segment; less than
/// half a segment for each queue; the segments of all.
const BOUND: u64 = (1024 + PER_SEGMENT + BANDS * TENANTS * PER_SEGMENT / 2 + 2 * MANY / PER_SEGMENT) as u64;

unsafe extern "C-unwind" fn nothing(_: *mut strand_work, _: *const u32, _: u32, _: *mut c_void) {}

fn processor_list(test: fn(strand_worklist)) {
    // SAFETY: structs of numbers and pointers; everything that is asked for is complete.
    unsafe {
        let mut config: strand_config = zeroed();
        config.size = size_of::<strand_config>() as u32;
        assert_eq!(strand_scheduler_init(&config), STRAND_OK);
        let (mut device, mut program, mut list) = (0, 0, 0);
        let mut options: strand_device_options = zeroed();
        (options.size, options.kind) = (size_of::<strand_device_options>() as u32, STRAND_DEVICE_CPU);
        assert_eq!(strand_device_open(&options, &mut device), STRAND_OK);
        let mut options: strand_program_options = zeroed();
        options.size = size_of::<strand_program_options>() as u32;
        // Eight words.
        options.fields = STRAND_FIELD_TASK_ID
            | STRAND_FIELD_PARAM
            | STRAND_FIELD_INPUT_HANDLE
            | STRAND_FIELD_OUTPUT_HANDLE
            | STRAND_FIELD_CONTINUATION_PC
            | STRAND_FIELD_CONTINUATION_DATA
            | STRAND_FIELD_PARENT_TASK_ID
            | STRAND_FIELD_AGE_TICKS;
        options.kernel = Some(nothing);
        assert_eq!(strand_program_new(device, &options, &mut program), STRAND_OK);
        let mut options: strand_worklist_options = zeroed();
        options.size = size_of::<strand_worklist_options>() as u32;
        (options.bands, options.tenants) = (BANDS, TENANTS);
        assert_eq!(strand_worklist_new(program, &options, &mut list), STRAND_OK);
        test(list);
        assert_eq!(strand_worklist_release(list), STRAND_OK);
    }
    assert_eq!(strand_scheduler_shutdown(STRAND_FOREVER), STRAND_OK);
}

fn empty_task() -> strand_work_task {
    // SAFETY: sixteen numbers.
    unsafe { zeroed() }
}

/// Tasks of all bands and tenants, every third of them paused.
fn many_tasks() -> Vec<strand_work_task> {
    let task = |number: u32| {
        let mut task = empty_task();
        (task.task_id, task.priority, task.tenant_id) = (number, number % BANDS, number / BANDS % TENANTS);
        task.state = STRAND_WORK_READY;
        if number % 7 < 2 {
            (task.state, task.resume_epoch) = (STRAND_WORK_PAUSED, number % 11);
        }
        task
    };
    (0..MANY).map(task).collect()
}

fn push_tasks(list: strand_worklist, tasks: &[strand_work_task]) -> strand_status {
    // SAFETY: so many tasks are there.
    unsafe { strand_worklist_push_tasks(list, tasks.as_ptr(), tasks.len() as u32, STRAND_NO_WAIT) }
}

fn resume(list: strand_worklist, epoch: u32) -> (strand_status, u64) {
    let mut count = 0;
    // SAFETY: writable.
    (unsafe { strand_worklist_resume(list, epoch, &mut count) }, count)
}

fn take_tasks(list: strand_worklist, capacity: u32) -> Vec<strand_work_task> {
    let (mut out, mut count) = (vec![empty_task(); capacity as usize], 0);
    // SAFETY: so many are writable.
    let status = unsafe { strand_worklist_take_tasks(list, out.as_mut_ptr(), capacity, &mut count) };
    assert!(status == STRAND_OK || (status == STRAND_ERR_EMPTY && count == 0));
    out.truncate(count as usize);
    out
}

fn counts(list: strand_worklist) -> (u64, u64, u64, u64) {
    // SAFETY: numbers; filled.
    unsafe {
        let mut found: strand_worklist_statistics = zeroed();
        found.size = size_of::<strand_worklist_statistics>() as u32;
        assert_eq!(strand_worklist_stats(list, &mut found), STRAND_OK);
        assert_eq!(found.pushed, found.queued + found.paused + found.withdrawn);
        (found.queued, found.paused, found.resumed, found.withdrawn)
    }
}

#[test]
fn others_wait_for_a_portion_however_much_is_pushed_resumed_or_taken() {
    processor_list(|list| {
        let tasks = many_tasks();
        let paused = tasks.iter().filter(|task| task.state == STRAND_WORK_PAUSED).count() as u64;
        let due = |task: &&strand_work_task| task.state == STRAND_WORK_PAUSED && task.resume_epoch <= 6;
        let resumed = tasks.iter().filter(due).count() as u64;
        held::most();
        assert_eq!(push_tasks(list, &tasks), STRAND_OK);
        let held_by_push = held::most();
        assert_eq!(counts(list), (u64::from(MANY) - paused, paused, 0, 0));
        held::most();
        assert_eq!(resume(list, 6), (STRAND_OK, resumed));
        let held_by_resume = held::most();
        assert_eq!(counts(list), (u64::from(MANY) - paused + resumed, paused - resumed, resumed, 0));
        held::most();
        let taken = take_tasks(list, MANY + 1);
        let held_by_take = held::most();
        assert_eq!(counts(list), (0, 0, resumed, u64::from(MANY)));
        for (what, held) in [("push", held_by_push), ("resume", held_by_resume), ("take", held_by_take)] {
            assert!(
                held > 0 && held <= BOUND,
                "{what} has moved {held} under one hold of the lock, and {BOUND} are allowed"
            );
        }
        // Band by band, tenant by tenant: what was ready, then what was resumed, each in its order; then what is paused.
        let mut expected: Vec<u32> = Vec::new();
        for band in 0..BANDS {
            for tenant in 0..TENANTS {
                let here = |task: &&strand_work_task| (task.priority, task.tenant_id) == (band, tenant);
                let ready = tasks.iter().filter(here).filter(|task| task.state == STRAND_WORK_READY);
                expected.extend(ready.map(|task| task.task_id));
                expected.extend(tasks.iter().filter(here).filter(due).map(|task| task.task_id));
            }
        }
        let left = tasks.iter().filter(|task| task.state == STRAND_WORK_PAUSED && task.resume_epoch > 6);
        expected.extend(left.map(|task| task.task_id));
        assert!(taken.iter().map(|task| task.task_id).eq(expected), "the order is another one");
        // Control: all of it under one hold is noticed.
        held::begin();
        let mut records = crate::gpu::worklist::segments::Records::new(8);
        records.push_back(&mut crate::gpu::worklist::segments::Pool::new(), &vec![0; 8 * MANY as usize]).unwrap();
        held::end();
        assert!(held::most() > BOUND);
    });
}

#[test]
fn all_of_it_or_nothing_when_memory_fails_at_any_place() {
    processor_list(|list| {
        let tasks = many_tasks();
        let mut failures = 0;
        // The first allocation of a call, and those behind others, as far as the lists that others leave behind allow.
        for few in [1, 300, 5000, MANY as usize] {
            let before = counts(list);
            failing::next(true);
            match push_tasks(list, &tasks[..few]) {
                STRAND_OK => assert_eq!(counts(list).0 + counts(list).1, before.0 + before.1 + few as u64),
                status => {
                    failures += 1;
                    assert_eq!((status, counts(list)), (STRAND_ERR_NO_MEMORY, before));
                    assert_eq!(push_tasks(list, &tasks[..few]), STRAND_OK);
                }
            }
            failing::next(false);
        }
        for epoch in 0..11 {
            let before = counts(list);
            failing::next(true);
            if let (status @ ..0, _) = resume(list, epoch) {
                failures += 1;
                assert_eq!((status, counts(list)), (STRAND_ERR_NO_MEMORY, before));
                assert_eq!(resume(list, epoch).0, STRAND_OK);
            }
            failing::next(false);
        }
        assert!(failures > 10, "{failures}");
        assert_eq!(counts(list).1, 0, "all were resumed");
        let number = counts(list).0;
        assert_eq!(take_tasks(list, number as u32 + 1).len() as u64, number);
    });
}

/// Threads that resume and take at the same time, while another one pushes: each item comes out once.
#[test]
fn threads_that_resume_and_take_leave_each_item_once() {
    processor_list(|list| {
        let tasks = many_tasks();
        let mut found: Vec<u32> = std::thread::scope(|scope| {
            let pusher = scope.spawn(|| {
                for part in tasks.chunks(5000) {
                    assert_eq!(push_tasks(list, part), STRAND_OK);
                }
            });
            let resumer = scope.spawn(|| (0..40).map(|round| resume(list, round % 11).1).sum::<u64>());
            let takers = [3000, 700].map(|capacity| {
                scope.spawn(move || (0..30).flat_map(|_| take_tasks(list, capacity)).collect::<Vec<_>>())
            });
            pusher.join().unwrap();
            resumer.join().unwrap();
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).map(|task| task.task_id).collect()
        });
        found.extend(take_tasks(list, MANY).iter().map(|task| task.task_id));
        found.sort_unstable();
        assert!(found.into_iter().eq(0..MANY));
        assert_eq!(counts(list).3, u64::from(MANY));
    });
}
