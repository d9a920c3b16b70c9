// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a submission says of itself, and whether it can be true. Pure.

use super::frontier::Settled;
use super::layout::*;
use crate::gpu::worklist::ledger::Tally;

/// The words that come back: control block, then counters.
#[derive(Clone, Debug)]
pub struct Told {
    /// See [`CONTROL`].
    pub control: [u32; CONTROL_WORDS],
    /// See [`COUNTERS`].
    pub counters: [u32; COUNTER_WORDS],
}

/// Items in all bands.
pub fn depth(control: &[u32; CONTROL_WORDS]) -> u64 {
    control[COUNT..COUNT + BANDS].iter().map(|count| u64::from(*count)).sum()
}

impl Told {
    fn count(&self, word: usize) -> u64 {
        u64::from(self.counters[word])
    }

    /// The sums of the submission, `before` items having been on the device when it began; or what does not agree.
    pub fn settled(&self, before: u64, tagged: bool) -> Result<Settled, String> {
        let admitted = u64::from(self.control[ADMITTED]);
        let at_once = self.count(AT_ONCE);
        let [finished, requeued, yielded, paused, faulted] =
            [FINISHED, REQUEUED, YIELDED, PAUSED, FAULTED].map(|word| self.count(word));
        let ended = finished + requeued + yielded + paused + faulted;
        if admitted != ended {
            return Err(format!(
                "items were lost or doubled on the device: {admitted} admitted, but {ended} = {finished} finished + \
                 {requeued} requeued + {yielded} yielded + {paused} paused + {faulted} faulted"
            ));
        }
        let (pushed, after) = (self.count(PUSHED), depth(&self.control));
        let left = finished + yielded + paused + faulted;
        if before + pushed != after + left {
            return Err(format!(
                "items were lost or doubled on the device: {before} queued + {pushed} pushed, but {after} queued + {left} \
                 ended or reported"
            ));
        }
        let (reported, lost) = (self.count(REPORTED), self.count(LOST));
        if reported != yielded + paused + faulted || lost != 0 {
            return Err(format!(
                "items were lost on the device: {reported} reports of {yielded} yielded + {paused} paused + {faulted} \
                 faulted; {lost} results had no place"
            ));
        }
        let mut changes = [0; TENANTS];
        for (change, word) in changes.iter_mut().zip(&self.counters[CHANGE..]) {
            *change = *word as i32; // a signed number in an unsigned word
        }
        let sum: i64 = changes.iter().map(|change| i64::from(*change)).sum();
        if tagged && sum != after as i64 - before as i64 {
            return Err(format!("tenants were mixed up on the device: {sum} more items, but {before} became {after}"));
        }
        let tally = Tally {
            visits: admitted + at_once,
            // An item that was run again at once was admitted again, and requeued in between.
            admitted: admitted + at_once,
            finished,
            requeued: requeued + at_once,
            yielded,
            paused,
            faulted,
            pushed,
            emitted: self.count(EMITTED),
        };
        Ok(Settled {
            tally,
            changes: tagged.then_some(changes),
            depth: after,
            held: 0,
            peak: u64::from(self.control[PEAK]),
            rounds: u64::from(self.control[ROUNDS]),
            launched: u64::from(self.control[LAUNCHED]),
            guarded: u64::from(self.control[GUARDED]),
            active_ns: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 were there, 6 were admitted, 3 children pushed: 2 done, 1 requeued, 1 of each other kind.
    fn good() -> Told {
        let mut told = Told { control: [0; CONTROL_WORDS], counters: [0; COUNTER_WORDS] };
        told.control[ADMITTED] = 6;
        told.control[COUNT] = 5;
        told.control[COUNT + 4] = 3;
        for (word, count) in [
            (FINISHED, 2),
            (REQUEUED, 1),
            (YIELDED, 1),
            (PAUSED, 1),
            (FAULTED, 1),
            (PUSHED, 3),
            (REPORTED, 3),
            (AT_ONCE, 7),
        ] {
            told.counters[word] = count;
        }
        told.counters[CHANGE] = u32::MAX - 3;
        told.counters[CHANGE + 29] = 2;
        told
    }

    #[test]
    fn sums_that_agree_are_what_the_worklist_counts() {
        let settled = good().settled(10, true).unwrap();
        assert_eq!((settled.tally.visits, settled.tally.requeued, settled.depth), (13, 8, 8));
        assert_eq!(settled.changes.unwrap()[0], -4);
        assert!(settled.tally.check().is_ok());
    }

    #[test]
    fn every_word_that_is_wrong_is_noticed() {
        for word in [FINISHED, REQUEUED, YIELDED, PAUSED, FAULTED, PUSHED, REPORTED, LOST, CHANGE + 3] {
            let mut told = good();
            told.counters[word] += 1;
            assert!(told.settled(10, true).is_err_and(|text| text.contains("on the device")), "{word}");
        }
        for word in [ADMITTED, COUNT + 1] {
            let mut told = good();
            told.control[word] += 1;
            assert!(told.settled(10, true).is_err(), "{word}");
        }
        assert!(good().settled(11, true).is_err());
    }
}
