// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worklists on a software adapter through the functions of the header: what is counted, and what a device that has lost
//! items leaves behind.

use core::mem::{size_of, zeroed};

use super::automaton_tests::with_device;
use super::{device::*, program::*, results::*, status::*, ticket::*, time::*, worklist::*};
use crate::gpu::rounds::attach::tests::run_that_loses;
use crate::gpu::worklist::list;

const PARAM: u32 = 1 << 6;

/// A worklist of a program whose items are one word and push `fan_out_max` others at most.
fn list_of(device: u64, wgsl: &str, fan_out_max: u32) -> u64 {
    let (mut program, mut list) = (0, 0);
    // SAFETY: structs of numbers and pointers; everything that is asked for is complete.
    unsafe {
        let mut options: strand_program_options = zeroed();
        options.size = size_of::<strand_program_options>() as u32;
        (options.fields, options.fan_out_max) = (PARAM, fan_out_max);
        (options.wgsl, options.wgsl_length) = (wgsl.as_ptr().cast(), wgsl.len());
        assert_eq!(strand_program_new(device, &options, &mut program), STRAND_OK);
        let mut options: strand_worklist_options = zeroed();
        options.size = size_of::<strand_worklist_options>() as u32;
        assert_eq!(strand_worklist_new(program, &options, &mut list), STRAND_OK);
    }
    assert_eq!(strand_program_release(program), STRAND_OK);
    list
}

fn push(list: u64, items: &[u32]) {
    // SAFETY: so many records of one word.
    let status = unsafe { strand_worklist_push(list, items.as_ptr(), items.len() as u32, 0, 0, STRAND_FOREVER) };
    assert_eq!(status, STRAND_OK);
}

fn run(list: u64) -> strand_status {
    let mut ticket = 0;
    // SAFETY: NULL is the default; a place for the answer.
    assert_eq!(unsafe { strand_worklist_dispatch(list, core::ptr::null(), &mut ticket) }, STRAND_OK);
    let status = strand_ticket_await(ticket, STRAND_FOREVER);
    assert_eq!(strand_ticket_release(ticket), STRAND_OK);
    status
}

fn statistics(list: u64) -> strand_worklist_statistics {
    // SAFETY: a struct of numbers, whose size is said.
    unsafe {
        let mut statistics: strand_worklist_statistics = zeroed();
        statistics.size = size_of::<strand_worklist_statistics>() as u32;
        assert_eq!(strand_worklist_stats(list, &mut statistics), STRAND_OK);
        statistics
    }
}

#[test]
fn the_most_items_on_an_adapter_are_told_with_those_that_items_push() {
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        let tree = "fn run(item: Item) {
            for (var side = 0u; side < 2u && item.param != 0u; side++) { push(Item(item.param - 1u), BAND_SAME); }
        }";
        let list = list_of(device, tree, 2);
        push(list, &[10]);
        assert_eq!(run(list), STRAND_OK);
        let told = statistics(list);
        // The oldest go first: when half of a level are done, as many are left of it as there are of the next, or more.
        assert_eq!(told.finished, 2047);
        assert!((512..2047).contains(&told.device_peak), "{}", told.device_peak);
        assert!(told.depth_peak >= told.device_peak);
        assert_eq!(strand_worklist_release(list), STRAND_OK);
    });
}

#[test]
fn what_a_device_has_lost_is_counted_and_the_next_run_goes_on_with_the_rest() {
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        let list = list_of(device, "fn run(item: Item) {}", 0);
        push(list, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let ticket = run_that_loses(&list::get(list).unwrap(), 4, 3);
        assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_ERR_DEVICE);
        assert_eq!(strand_ticket_release(ticket), STRAND_OK);
        let told = statistics(list);
        assert_eq!((told.queued, told.in_flight, told.lost), (7, 0, 3));
        assert_eq!(run(list), STRAND_OK);
        let told = statistics(list);
        assert_eq!((told.finished, told.queued, told.in_flight, told.lost), (7, 0, 0, 3));
        assert_eq!(strand_worklist_release(list), STRAND_OK);
    });
}
