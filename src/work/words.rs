// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sixteen words of a task: one table. The C struct and its field bits (asserted against it in `src/ffi/item.rs`),
//! the compact records and the shader's struct are made of it.
//!
//! ```text
//! word   0      1          2          3         4             5              6      7
//!        state  op_handle  tenant_id  priority  input_handle  output_handle  param  continuation_pc
//! word   8                  9             10       11              12         13             14           15
//!        continuation_data  resume_epoch  task_id  parent_task_id  age_ticks  requeue_count  yield_count  flags
//! ```

/// Hands the table to a macro: documentation, name of the variant, number, name in C and in shaders, what it is in a
/// task that was made of a record that does not carry it.
macro_rules! work_words {
    ($callback:ident) => {
        $callback! {
            "STRAND_WORK_ state" State 0 state Queued;
            "What is to be done; the program's own numbering" OpHandle 1 op_handle Zero;
            "To whom the item belongs" TenantId 2 tenant_id Tenant;
            "STRAND_WORK_ priority: the band, 0 is the most urgent" Priority 3 priority Band;
            "The program's own: what it reads" InputHandle 4 input_handle Zero;
            "The program's own: what it writes" OutputHandle 5 output_handle Zero;
            "The program's own; the state of a state/index pair" Param 6 param Zero;
            "Where the item goes on; the index of a state/index pair" ContinuationPc 7 continuation_pc Zero;
            "What it goes on with" ContinuationData 8 continuation_data Zero;
            "The epoch that resumes it while it is paused" ResumeEpoch 9 resume_epoch Zero;
            "The program's own number of the item" TaskId 10 task_id Zero;
            "The number of the item that pushed it, 0: none" ParentTaskId 11 parent_task_id Zero;
            "By how many bands waiting had raised its band when it was taken, added up over all slices that it was in" AgeTicks 12 age_ticks Zero;
            "How often it was requeued" RequeueCount 13 requeue_count Zero;
            "How often it has yielded" YieldCount 14 yield_count Zero;
            "STRAND_WORK_FLAG_ bits" Flags 15 flags Zero;
        }
    };
}
pub(crate) use work_words;

/// Words of a task.
pub const WORDS: usize = 16;

/// Where a word comes from that a record does not carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fill {
    /// Nobody has kept it: 0.
    Zero,
    /// The queue in which the record is knows it: the state.
    Queued,
    /// So the tenant.
    Tenant,
    /// So the band.
    Band,
}

macro_rules! define {
    ($($doc:literal $variant:ident $number:literal $name:ident $fill:ident;)*) => {
        /// A word of a task.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Word {
            $(#[doc = $doc] $variant = $number,)*
        }

        impl Word {
            /// All of them, in their order.
            pub const ALL: [Word; WORDS] = [$(Word::$variant),*];

            /// Its name in C and in shaders.
            pub const fn name(self) -> &'static str {
                match self { $(Word::$variant => stringify!($name),)* }
            }

            /// What it says.
            pub const fn doc(self) -> &'static str {
                match self { $(Word::$variant => $doc,)* }
            }

            /// What it is where a record does not carry it.
            pub const fn fill(self) -> Fill {
                match self { $(Word::$variant => Fill::$fill,)* }
            }
        }
    };
}
work_words!(define);

impl Word {
    /// Its place in a task.
    pub const fn number(self) -> usize {
        self as usize
    }

    /// Its bit in a mask of fields.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_numbered_without_a_gap() {
        for (place, word) in Word::ALL.iter().enumerate() {
            assert_eq!(word.number(), place, "{}", word.name());
            assert_eq!(word.bit(), 1 << place);
            assert!(!word.doc().is_empty());
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = Word::ALL.iter().map(|word| word.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORDS);
    }
}
