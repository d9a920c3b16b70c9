// SPDX-License-Identifier: MIT OR Apache-2.0
//! A shorter schedule that fails too: choices other than 0 are taken out, many at first, then one by one.
//!
//! Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002), on the list of choices: where a
//! choice becomes 0, the program goes on undisturbed there. Trailing zeros need not be kept.

/// Shrinks `choices` with at most `runs` calls of `fails`, which runs a schedule and says whether it fails as the
/// first one did.
pub fn shrink(choices: Vec<u32>, runs: u32, mut fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut best = trimmed(choices);
    let mut left = runs;
    let mut piece = disturbances(&best).len().div_ceil(2).max(1);
    loop {
        let mut improved = false;
        let mut at = 0;
        while at < disturbances(&best).len() {
            if left == 0 {
                return best;
            }
            left -= 1;
            let mut candidate = best.clone();
            for place in disturbances(&best).into_iter().skip(at).take(piece) {
                candidate[place] = 0;
            }
            let candidate = trimmed(candidate);
            if fails(&candidate) {
                best = candidate;
                improved = true;
            } else {
                at += piece;
            }
        }
        if piece == 1 && !improved {
            return best;
        }
        piece = (piece / 2).max(1);
    }
}

fn disturbances(choices: &[u32]) -> Vec<usize> {
    (0..choices.len()).filter(|place| choices[*place] != 0).collect()
}

fn trimmed(mut choices: Vec<u32>) -> Vec<u32> {
    while choices.last() == Some(&0) {
        choices.pop();
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes_and_what_matters_stays() {
        let noisy: Vec<u32> = (0..200).map(|place| place % 3).collect();
        let mut runs = 0;
        let short = shrink(noisy.clone(), 1000, |choices| {
            runs += 1;
            choices.get(37) == Some(&1) && choices.get(152) == Some(&2)
        });
        assert_eq!(disturbances(&short), [37, 152]);
        assert_eq!(short.len(), 153);
        assert!(runs < 200, "{runs} runs");
    }

    #[test]
    fn the_number_of_runs_is_kept() {
        let mut runs = 0;
        shrink(vec![1; 500], 10, |_| {
            runs += 1;
            false
        });
        assert_eq!(runs, 10);
    }
}
