// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work items
//!
//! What a worklist holds. A whole item is a task of sixteen words; a program says with STRAND_FIELD_
//! bits which of them its records carry, in this order, and pays for those only: a record of
//! STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC is 8 bytes. What a record does not carry is what
//! the queue knows (state, tenant, priority) or 0.
//!
//! A READY, YIELDED or REQUEUED item is started: RUNNING. A RUNNING one becomes DONE, YIELDED,
//! REQUEUED, PAUSED or FAULTED; a PAUSED one becomes READY when its epoch has come. Nothing follows
//! EMPTY, DONE and FAULTED.

use crate::work::state::{State, flag, priority};
use crate::work::task::Task;
use crate::work::words::work_words;
use crate::work::{codes, words};
use core::mem::{align_of, offset_of, size_of};

/// State: no task is here.
pub const STRAND_WORK_EMPTY: u32 = 0;
/// State: the item may run.
pub const STRAND_WORK_READY: u32 = 1;
/// State: it runs.
pub const STRAND_WORK_RUNNING: u32 = 2;
/// State: it has ended.
pub const STRAND_WORK_DONE: u32 = 3;
/// State: it waits for an epoch.
pub const STRAND_WORK_PAUSED: u32 = 4;
/// State: it gave way and may run.
pub const STRAND_WORK_YIELDED: u32 = 5;
/// State: it has more to do and may run.
pub const STRAND_WORK_REQUEUED: u32 = 6;
/// State: it has ended with a code; see strand_worklist_faults().
pub const STRAND_WORK_FAULTED: u32 = 7;

/// Flag: the item is paused.
pub const STRAND_WORK_FLAG_PAUSED: u32 = 1;
/// Flag: it has yielded.
pub const STRAND_WORK_FLAG_YIELDED: u32 = 2;
/// Flag: it was requeued, or is one of a chain that goes on.
pub const STRAND_WORK_FLAG_REQUEUE_REQUESTED: u32 = 4;
/// Flag: it was paused and has been resumed.
pub const STRAND_WORK_FLAG_RESUME_READY: u32 = 8;

/// Priority: before everything else.
pub const STRAND_WORK_CRITICAL: u32 = 0;
/// Priority: urgent.
pub const STRAND_WORK_HIGH: u32 = 1;
/// Priority: the middle one.
pub const STRAND_WORK_NORMAL: u32 = 2;
/// Priority: may wait.
pub const STRAND_WORK_LOW: u32 = 3;
/// Priority: when nothing else is to be done.
pub const STRAND_WORK_IDLE: u32 = 4;

/// Fault: the item pushed more than fan_out_max items.
pub const STRAND_WORK_FAULT_FAN_OUT: u32 = 0x8000_0001;
/// Fault: it emitted more than emit_max records.
pub const STRAND_WORK_FAULT_EMITS: u32 = 0x8000_0002;
/// Fault: its shader went round more than loop_limit times.
pub const STRAND_WORK_FAULT_LOOP_LIMIT: u32 = 0x8000_0003;
/// Fault: it set a word that the program's records do not carry.
pub const STRAND_WORK_FAULT_NOT_CARRIED: u32 = 0x8000_0004;
/// Fault: it named a band that the worklist does not have.
pub const STRAND_WORK_FAULT_BAND: u32 = 0x8000_0005;
/// Fault: requeue_count or yield_count is at its end.
pub const STRAND_WORK_FAULT_COUNTER: u32 = 0x8000_0006;
/// Fault: its state does not allow it.
pub const STRAND_WORK_FAULT_STATE: u32 = 0x8000_0007;
/// Fault: it said twice how it ends.
pub const STRAND_WORK_FAULT_ENDED_TWICE: u32 = 0x8000_0008;
/// Fault: the kernel ended its strand while it ran the batch of the item.
pub const STRAND_WORK_FAULT_KERNEL: u32 = 0x8000_0009;

/// Records carry state.
pub const STRAND_FIELD_STATE: u32 = 0x1;
/// Records carry op_handle.
pub const STRAND_FIELD_OP_HANDLE: u32 = 0x2;
/// Records carry tenant_id.
pub const STRAND_FIELD_TENANT_ID: u32 = 0x4;
/// Records carry priority.
pub const STRAND_FIELD_PRIORITY: u32 = 0x8;
/// Records carry input_handle.
pub const STRAND_FIELD_INPUT_HANDLE: u32 = 0x10;
/// Records carry output_handle.
pub const STRAND_FIELD_OUTPUT_HANDLE: u32 = 0x20;
/// Records carry param.
pub const STRAND_FIELD_PARAM: u32 = 0x40;
/// Records carry continuation_pc.
pub const STRAND_FIELD_CONTINUATION_PC: u32 = 0x80;
/// Records carry continuation_data.
pub const STRAND_FIELD_CONTINUATION_DATA: u32 = 0x100;
/// Records carry resume_epoch.
pub const STRAND_FIELD_RESUME_EPOCH: u32 = 0x200;
/// Records carry task_id.
pub const STRAND_FIELD_TASK_ID: u32 = 0x400;
/// Records carry parent_task_id.
pub const STRAND_FIELD_PARENT_TASK_ID: u32 = 0x800;
/// Records carry age_ticks.
pub const STRAND_FIELD_AGE_TICKS: u32 = 0x1000;
/// Records carry requeue_count.
pub const STRAND_FIELD_REQUEUE_COUNT: u32 = 0x2000;
/// Records carry yield_count.
pub const STRAND_FIELD_YIELD_COUNT: u32 = 0x4000;
/// Records carry flags.
pub const STRAND_FIELD_FLAGS: u32 = 0x8000;

/// A whole item: 16 words, 64 bytes. Its layout never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_work_task {
    /// STRAND_WORK_ state.
    pub state: u32,
    /// What is to be done; the program's own numbering.
    pub op_handle: u32,
    /// To whom the item belongs.
    pub tenant_id: u32,
    /// STRAND_WORK_ priority: the band, 0 is the most urgent.
    pub priority: u32,
    /// The program's own: what it reads.
    pub input_handle: u32,
    /// The program's own: what it writes.
    pub output_handle: u32,
    /// The program's own; the state of a state/index pair.
    pub param: u32,
    /// Where the item goes on; the index of a state/index pair.
    pub continuation_pc: u32,
    /// What it goes on with.
    pub continuation_data: u32,
    /// The epoch that resumes it while it is paused.
    pub resume_epoch: u32,
    /// The program's own number of the item.
    pub task_id: u32,
    /// The number of the item that pushed it, 0: none.
    pub parent_task_id: u32,
    /// By how many bands waiting had raised its band when it was taken, added up over all slices that it was in.
    pub age_ticks: u32,
    /// How often it was requeued.
    pub requeue_count: u32,
    /// How often it has yielded.
    pub yield_count: u32,
    /// STRAND_WORK_FLAG_ bits.
    pub flags: u32,
}

// What this file says in C terms is the table of the core.
const _: () = assert!(size_of::<strand_work_task>() == size_of::<Task>());
const _: () = assert!(align_of::<strand_work_task>() == align_of::<Task>());

macro_rules! assert_layout {
    ($($doc:literal $variant:ident $number:literal $name:ident $fill:ident;)*) => {
        $(const _: () = assert!(offset_of!(strand_work_task, $name) == 4 * $number);)*
    };
}
work_words!(assert_layout);

macro_rules! assert_numbers {
    ($($constant:ident = $value:expr;)*) => { $(const _: () = assert!($constant == $value);)* };
}
assert_numbers! {
    STRAND_WORK_EMPTY = State::Empty.word();
    STRAND_WORK_READY = State::Ready.word();
    STRAND_WORK_RUNNING = State::Running.word();
    STRAND_WORK_DONE = State::Done.word();
    STRAND_WORK_PAUSED = State::Paused.word();
    STRAND_WORK_YIELDED = State::Yielded.word();
    STRAND_WORK_REQUEUED = State::Requeued.word();
    STRAND_WORK_FAULTED = State::Faulted.word();
    STRAND_WORK_FLAG_PAUSED = flag::PAUSED;
    STRAND_WORK_FLAG_YIELDED = flag::YIELDED;
    STRAND_WORK_FLAG_REQUEUE_REQUESTED = flag::REQUEUE_REQUESTED;
    STRAND_WORK_FLAG_RESUME_READY = flag::RESUME_READY;
    STRAND_WORK_CRITICAL = priority::CRITICAL;
    STRAND_WORK_HIGH = priority::HIGH;
    STRAND_WORK_NORMAL = priority::NORMAL;
    STRAND_WORK_LOW = priority::LOW;
    STRAND_WORK_IDLE = priority::IDLE;
    STRAND_WORK_FAULT_FAN_OUT = codes::FAN_OUT;
    STRAND_WORK_FAULT_EMITS = codes::EMITS;
    STRAND_WORK_FAULT_LOOP_LIMIT = codes::LOOP_LIMIT;
    STRAND_WORK_FAULT_NOT_CARRIED = codes::NOT_CARRIED;
    STRAND_WORK_FAULT_BAND = codes::BAND;
    STRAND_WORK_FAULT_COUNTER = codes::COUNTER;
    STRAND_WORK_FAULT_STATE = codes::STATE;
    STRAND_WORK_FAULT_ENDED_TWICE = codes::ENDED_TWICE;
    STRAND_WORK_FAULT_KERNEL = codes::KERNEL;
    STRAND_FIELD_STATE = words::Word::State.bit();
    STRAND_FIELD_OP_HANDLE = words::Word::OpHandle.bit();
    STRAND_FIELD_TENANT_ID = words::Word::TenantId.bit();
    STRAND_FIELD_PRIORITY = words::Word::Priority.bit();
    STRAND_FIELD_INPUT_HANDLE = words::Word::InputHandle.bit();
    STRAND_FIELD_OUTPUT_HANDLE = words::Word::OutputHandle.bit();
    STRAND_FIELD_PARAM = words::Word::Param.bit();
    STRAND_FIELD_CONTINUATION_PC = words::Word::ContinuationPc.bit();
    STRAND_FIELD_CONTINUATION_DATA = words::Word::ContinuationData.bit();
    STRAND_FIELD_RESUME_EPOCH = words::Word::ResumeEpoch.bit();
    STRAND_FIELD_TASK_ID = words::Word::TaskId.bit();
    STRAND_FIELD_PARENT_TASK_ID = words::Word::ParentTaskId.bit();
    STRAND_FIELD_AGE_TICKS = words::Word::AgeTicks.bit();
    STRAND_FIELD_REQUEUE_COUNT = words::Word::RequeueCount.bit();
    STRAND_FIELD_YIELD_COUNT = words::Word::YieldCount.bit();
    STRAND_FIELD_FLAGS = words::Word::Flags.bit();
}

#[cfg(test)]
mod tests {
    use super::*;
    use words::Word;

    /// The struct's members and their comments are the table's, word for word.
    #[test]
    fn struct_and_field_bits_say_what_the_table_says() {
        let source = include_str!("item.rs");
        for word in Word::ALL {
            let member = format!("    /// {}.\n    pub {}: u32,\n", word.doc(), word.name());
            assert!(source.contains(&member), "{member}");
            let name = word.name();
            let bit = format!(
                "/// Records carry {name}.\npub const STRAND_FIELD_{}: u32 = {:#x};\n",
                name.to_uppercase(),
                word.bit()
            );
            assert!(source.contains(&bit), "{bit}");
        }
    }

    #[test]
    fn a_task_is_the_same_bytes_in_c_and_in_the_core() {
        let words: [u32; words::WORDS] = core::array::from_fn(|place| 0x0101_0101 * place as u32);
        let task = Task::from_words(words);
        // SAFETY: both are sixteen words without padding, as is asserted above.
        let c: strand_work_task = unsafe { core::mem::transmute(task) };
        assert_eq!((c.state, c.param, c.continuation_pc, c.flags), (0, 0x0606_0606, 0x0707_0707, 0x0F0F_0F0F));
        assert_eq!(task[Word::YieldCount], c.yield_count);
    }
}
