// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a worklist counts, and the two sums that must agree after every batch or submission: nothing is lost, nothing
//! doubled.
//!
//! ```text
//! batch     admitted = finished + requeued + yielded + paused + faulted
//! worklist  pushed + children = finished + faulted + withdrawn + queued + paused + on the device
//! ```
//! The right side of the second sum is measured: lengths of queues, and what the engine says lies on its device.

use core::fmt;

/// What became of the items of one batch or submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Times that the program ran for an item.
    pub visits: u64,
    /// Items that began.
    pub admitted: u64,
    /// Items that were done.
    pub finished: u64,
    /// Items that have more to do.
    pub requeued: u64,
    /// Items that gave way.
    pub yielded: u64,
    /// Items that wait for an epoch.
    pub paused: u64,
    /// Items that ended with a code.
    pub faulted: u64,
    /// New items that they pushed.
    pub pushed: u64,
    /// Records that they emitted.
    pub emitted: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Tally) {
        self.visits += other.visits;
        self.admitted += other.admitted;
        self.finished += other.finished;
        self.requeued += other.requeued;
        self.yielded += other.yielded;
        self.paused += other.paused;
        self.faulted += other.faulted;
        self.pushed += other.pushed;
        self.emitted += other.emitted;
    }

    /// Items that were to come out of it again.
    fn ended(&self) -> u64 {
        self.finished + self.requeued + self.yielded + self.paused + self.faulted
    }
}

/// The sums of all batches, and what else a worklist counts. Nothing is ever set back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// What became of items.
    pub work: Tally,
    /// Items that were pushed from outside.
    pub pushed: u64,
    /// Items that were taken back as tasks.
    pub withdrawn: u64,
    /// Items that lay on a device that was lost.
    pub lost: u64,
    /// Paused items that were resumed.
    pub resumed: u64,
    /// Emitted records that were taken.
    pub taken: u64,
    /// Faults that were taken.
    pub faults_taken: u64,
    /// Faults that were not kept: too many waited.
    pub faults_dropped: u64,
    /// Slices that were taken.
    pub slices: u64,
    /// Batches or rounds.
    pub rounds: u64,
    /// Submissions to a device; on the processor as many as rounds.
    pub submissions: u64,
    /// Runs that were begun.
    pub runs: u64,
    /// Items that went to host memory because the device was full.
    pub spilled: u64,
    /// Spilled items that came back.
    pub refilled: u64,
    /// Most items that were queued, on the host and on the device.
    pub depth_peak: u64,
    /// Most items on the device.
    pub device_peak: u64,
    /// Slices that a band got before a more urgent one, because its items had waited.
    pub guarded: u64,
    /// Pushes that had to wait for room.
    pub waited: u64,
    /// Nanoseconds in which items ran, summed over those who ran them.
    pub active_ns: u64,
}

/// A sum that does not agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// The items of a batch.
    Batch(Tally),
    /// The device holds another number of items than it was given.
    Device {
        /// What it should hold.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// The items of the worklist.
    Worklist {
        /// From outside, children, finished, faulted, taken back.
        sums: [u64; 5],
        /// Queued on the host.
        queued: u64,
        /// Paused.
        paused: u64,
        /// On the device.
        on_device: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Batch(t) => write!(
                out,
                "items were lost or doubled: {} admitted, but {} = {} finished + {} requeued + {} yielded + {} paused + \
                 {} faulted",
                t.admitted,
                t.ended(),
                t.finished,
                t.requeued,
                t.yielded,
                t.paused,
                t.faulted
            ),
            Violation::Device { expected, found } => {
                write!(out, "items were lost or doubled: {expected} should be on the device, which says {found}")
            }
            Violation::Worklist {
                sums: [pushed, children, finished, faulted, withdrawn],
                queued,
                paused,
                on_device,
            } => {
                write!(
                    out,
                    "items were lost or doubled: {pushed} pushed + {children} children, but {finished} finished + \
                     {faulted} faulted + {withdrawn} taken back + {queued} queued + {paused} paused + {on_device} on \
                     the device"
                )
            }
        }
    }
}

impl Tally {
    /// The first sum.
    pub fn check(&self) -> Result<(), Violation> {
        if self.admitted == self.ended() { Ok(()) } else { Err(Violation::Batch(*self)) }
    }
}

impl Counters {
    /// The second sum.
    pub fn check(&self, queued: u64, paused: u64, on_device: u64) -> Result<(), Violation> {
        let came = self.pushed + self.work.pushed;
        let went = self.work.finished + self.work.faulted + self.withdrawn + self.lost;
        if came == went + queued + paused + on_device {
            return Ok(());
        }
        let Tally { pushed: children, finished, faulted, .. } = self.work;
        let sums = [self.pushed, children, finished, faulted, self.withdrawn];
        Err(Violation::Worklist { sums, queued, paused, on_device })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_do_not_agree_say_their_numbers() {
        let good =
            Tally { admitted: 15, finished: 1, requeued: 2, yielded: 3, paused: 4, faulted: 5, ..Tally::default() };
        assert_eq!(good.check(), Ok(()));
        for bad in [Tally { admitted: 14, ..good }, Tally { finished: 2, ..good }, Tally { paused: 3, ..good }] {
            assert!(bad.check().is_err_and(|said| said.to_string().contains("finished + 2 requeued + 3 yielded")));
        }
        let counters = Counters {
            work: Tally { pushed: 7, finished: 5, faulted: 1, ..Tally::default() },
            pushed: 10,
            withdrawn: 2,
            ..Counters::default()
        };
        assert_eq!(counters.check(4, 3, 2), Ok(()));
        for (queued, paused, on_device) in [(5, 3, 2), (4, 2, 2), (4, 3, 1)] {
            let said = counters.check(queued, paused, on_device).map_err(|violation| violation.to_string());
            assert!(said.is_err_and(|said| said.contains("10 pushed + 7 children, but 5 finished + 1 faulted")));
        }
    }
}
