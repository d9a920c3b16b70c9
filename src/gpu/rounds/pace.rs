// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many rounds a submission has, and how many items a round: as many as the latency allows. Pure.

/// Rounds of the first submission: nothing is known of what an item takes.
const FIRST: u32 = 1;
/// Items of the first round at most: were each of them to use up the bound on loops, a device would be held for seconds.
const FIRST_ITEMS: u32 = 16_384;
/// How much more or less is tried in one step, at most.
const STEP: i64 = 16;
/// Rounds at most.
const MOST: u32 = 1024;
/// A submission may take as many times the latency before it is made smaller.
const SLACK: i64 = 10;

/// See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Rounds of the next submission.
    pub rounds: u32,
    /// Items of a round at most.
    pub slice: u32,
    slice_most: u32,
    slice_least: u32,
    latency: i64,
}

impl Pace {
    /// For submissions of about `latency` nanoseconds, and slices of `least` to `most` items.
    pub fn new(latency: i64, least: u32, most: u32) -> Pace {
        let most = most.max(1);
        Pace {
            rounds: FIRST,
            slice: most.min(FIRST_ITEMS),
            slice_most: most,
            slice_least: least.clamp(1, most),
            latency: latency.max(1),
        }
    }

    /// As [`Pace::new`], where a run before this one found slices of `slice` items right; 0: there was none.
    pub fn again(latency: i64, least: u32, most: u32, slice: u32) -> Pace {
        let new = Pace::new(latency, least, most);
        match slice {
            0 => new,
            _ => Pace { slice: slice.clamp(new.slice_least, new.slice_most), ..new },
        }
    }

    /// A submission took `taken` nanoseconds and left the frontier empty or `busy`.
    pub fn after(&mut self, taken: i64, busy: bool) {
        if taken > self.latency.saturating_mul(SLACK) {
            self.shrink((taken / self.latency / SLACK).clamp(2, STEP) as u32);
        } else if taken < self.latency && busy {
            self.grow(if taken < self.latency / STEP { 4 } else { 2 });
        }
    }

    fn shrink(&mut self, times: u32) {
        match self.rounds {
            1 => self.slice = (self.slice / times).max(self.slice_least),
            _ => self.rounds = (self.rounds / times).max(1),
        }
    }

    fn grow(&mut self, times: u32) {
        match self.slice < self.slice_most {
            true => self.slice = self.slice.saturating_mul(times).min(self.slice_most),
            false => self.rounds = (self.rounds * times).min(MOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device on which a round costs `fixed` and each of its items `each` nanoseconds.
    fn settle(fixed: i64, each: i64) -> (Pace, i64) {
        let mut pace = Pace::new(2_000_000, 64, 65_536);
        let mut taken = 0;
        for _ in 0..100 {
            taken = i64::from(pace.rounds) * (fixed + each * i64::from(pace.slice));
            pace.after(taken, true);
        }
        (pace, taken)
    }

    #[test]
    fn submissions_come_near_the_latency_whatever_rounds_cost() {
        for (fixed, each) in [(1_000, 0), (3_000, 1), (3_000, 10), (100, 1_000), (10_000, 20_000)] {
            let (_, taken) = settle(fixed, each);
            assert!((900_000..=20_000_000).contains(&taken), "{fixed} {each}: {taken}");
        }
        let (pace, _) = settle(10, 0);
        assert_eq!(pace.rounds, MOST, "what costs nothing has the most rounds");
    }

    #[test]
    fn the_next_run_begins_with_the_slices_of_the_last_and_with_one_round() {
        let (settled, _) = settle(100, 20_000);
        assert!(settled.slice < FIRST_ITEMS);
        let again = Pace::again(2_000_000, 64, 65_536, settled.slice);
        assert_eq!((again.slice, again.rounds), (settled.slice, FIRST));
        assert_eq!(Pace::again(2_000_000, 64, 1000, 65_536).slice, 1000, "a smaller worklist");
        assert_eq!(Pace::again(2_000_000, 64, 65_536, 0), Pace::new(2_000_000, 64, 65_536));
    }

    #[test]
    fn an_empty_frontier_does_not_ask_for_more_rounds() {
        let mut pace = Pace::new(2_000_000, 64, 1024);
        (0..10).for_each(|_| pace.after(10_000, false));
        assert_eq!(pace.rounds, FIRST);
    }

    #[test]
    fn what_takes_long_is_noticed_before_it_is_asked_for_at_large() {
        // Each item runs for as long as an item may on a slow device: 30 us.
        let mut pace = Pace::new(2_000_000, 64, 1 << 20);
        let mut taken = Vec::new();
        for _ in 0..8 {
            taken.push(i64::from(pace.rounds) * i64::from(pace.slice) * 30_000);
            pace.after(taken[taken.len() - 1], true);
        }
        assert!(taken[0] <= 500_000_000, "the first submission holds the device: {taken:?}");
        assert!(taken[3..].iter().all(|taken| *taken <= 20_000_000), "{taken:?}");
    }
}
