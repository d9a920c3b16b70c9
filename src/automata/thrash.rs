// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether it pays to make an automaton deterministic while text is read. It does where states are met again and again. A text that
//! meets new ones all the time makes the automaton forget and begin anew; then the bytes between two such times are few, and
//! so many bytes are read by an engine without states that the time for the next attempt does not matter.

/// Bytes that a state must have been good for. Making one takes as long as reading so many in another way.
const BYTES_OF_A_STATE: u64 = 32;
/// After a failed attempt so many times the bytes that it should have been good for are read otherwise; after each further one
/// twice as many, up to so many.
const PAUSE: u64 = 4;
const PAUSE_MOST: u64 = 1 << 8;

/// The judgement on one automaton, across chunks and streams.
#[derive(Clone, Copy, Debug)]
pub struct Thrash {
    /// Bytes since everything was forgotten.
    since: u64,
    /// Bytes that are still read otherwise.
    pause: u64,
    factor: u64,
    /// Bytes that an automaton which is full must have been good for.
    due: u64,
}

impl Thrash {
    /// For an automaton with room for so many states.
    pub fn new(states_max: usize) -> Thrash {
        Thrash { since: 0, pause: 0, factor: PAUSE, due: (states_max as u64).saturating_mul(BYTES_OF_A_STATE) }
    }

    /// Whether the pause lasts: text is read without the automaton.
    pub fn is_on(&self) -> bool {
        self.pause > 0
    }

    /// So many bytes were read by the automaton.
    pub fn read(&mut self, bytes: usize) {
        self.since = self.since.saturating_add(bytes as u64);
        if self.since > self.due.saturating_mul(PAUSE) {
            self.factor = PAUSE;
        }
    }

    /// So many bytes were read otherwise.
    pub fn skipped(&mut self, bytes: usize) {
        self.pause = self.pause.saturating_sub(bytes as u64);
    }

    /// Everything was forgotten.
    pub fn forgotten(&mut self) {
        if core::mem::take(&mut self.since) < self.due {
            self.pause = self.due.saturating_mul(self.factor);
            self.factor = (self.factor * 2).min(PAUSE_MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_forgets_too_often_pauses_longer_each_time_and_who_does_not_never() {
        let mut thrash = Thrash::new(100);
        for _ in 0..50 {
            thrash.read(3200);
            thrash.forgotten();
            assert!(!thrash.is_on(), "it was good for as many bytes as it should");
        }
        let mut pauses = Vec::new();
        for _ in 0..9 {
            thrash.read(3199);
            thrash.forgotten();
            let mut pause = 0;
            while thrash.is_on() {
                thrash.skipped(3200);
                pause += 1;
            }
            pauses.push(pause);
        }
        assert_eq!(pauses, [4, 8, 16, 32, 64, 128, 256, 256, 256]);
        thrash.read(3200 * 5);
        thrash.forgotten();
        assert!(!thrash.is_on());
        thrash.forgotten();
        thrash.skipped(3200 * 4);
        assert!(!thrash.is_on(), "after a good time the pause is short again");
    }
}
