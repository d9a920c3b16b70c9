// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small seeded generator for decisions that must be reproducible: the same seed gives the same numbers on every
//! machine and in every version.
//!
//! xoshiro256** 1.0, whose state is filled by splitmix64 (Blackman, Vigna, "Scrambled linear pseudorandom number
//! generators", 2021). For schedules, never for secrets.

/// The next number of splitmix64, by which one word becomes many that look unrelated.
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The generator. Cloning it forks the sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The sequence of `seed`; every seed is as good as another, 0 included.
    pub fn new(seed: u64) -> Self {
        let mut word = seed;
        Random { state: core::array::from_fn(|_| splitmix64(&mut word)) }
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        let state = &mut self.state;
        let result = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// A number below `bound`, 0 for a bound of 0. Each is equally likely up to bound / 2^64, which no run can notice
    /// and which costs no second draw: one call is always one step of the sequence.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_the_published_numbers() {
        let mut state = 1_234_567;
        let numbers: Vec<u64> = (0..5).map(|_| splitmix64(&mut state)).collect();
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn xoshiro_gives_the_published_numbers() {
        let mut random = Random { state: [1, 2, 3, 4] };
        let numbers: Vec<u64> = (0..6).map(|_| random.bits()).collect();
        assert_eq!(
            numbers,
            [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600]
        );
    }

    #[test]
    fn below_stays_below_and_reaches_everything() {
        let mut random = Random::new(7);
        for bound in 1..50 {
            let seen: std::collections::BTreeSet<u64> = (0..50 * bound).map(|_| random.below(bound)).collect();
            assert_eq!(seen.len() as u64, bound);
            assert!(seen.iter().all(|number| *number < bound));
        }
        assert_eq!(random.below(0), 0);
        assert_ne!(Random::new(1), Random::new(2));
    }
}
