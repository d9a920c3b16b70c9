// SPDX-License-Identifier: MIT OR Apache-2.0
//! Over how many picks a search spreads its change points and injections: as many as the longest schedule had.
//!
//! The first schedule may be the shortest of all, and what lies behind its end would then never be interrupted. So the
//! number grows, but only before schedules 2, 3, 5, 9, 17, ...: it depends on nothing but the schedules before, also
//! where several run at once, since those are waited for there.

/// See the module documentation.
pub struct Spread {
    steps: u64,
    most: u64,
    fixed: bool,
}

impl Spread {
    /// `steps` as the plan says; 0: as the schedules say.
    pub fn new(steps: u64) -> Spread {
        Spread { steps, most: 0, fixed: steps != 0 }
    }

    /// Picks to spread over; 0 before anything is known.
    #[inline]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A schedule has ended after so many picks.
    #[inline]
    pub fn heard(&mut self, picks: u32) {
        self.most = self.most.max(u64::from(picks)).max(1);
    }

    /// Whether the number may change before the schedule `index`, counted from 0: all before it must have been heard.
    #[inline]
    pub fn changes_at(index: u64) -> bool {
        index.is_power_of_two()
    }

    /// Takes in what was heard.
    #[inline]
    pub fn settle(&mut self) {
        if !self.fixed {
            self.steps = self.most;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_the_longest_and_never_shrinks() {
        let mut spread = Spread::new(0);
        let mut seen = Vec::new();
        for (index, picks) in [6, 50, 7, 80, 8].into_iter().enumerate() {
            if Spread::changes_at(index as u64) {
                spread.settle();
            }
            seen.push(spread.steps());
            spread.heard(picks);
        }
        assert_eq!(seen, [0, 6, 50, 50, 80]);
    }

    #[test]
    fn what_the_plan_says_stays() {
        let mut spread = Spread::new(30);
        spread.heard(90);
        spread.settle();
        assert_eq!(spread.steps(), 30);
    }
}
