// SPDX-License-Identifier: MIT OR Apache-2.0
//! Collecting positions with the vectors of x86-64: each lane holds the window of one position, and its bit is fetched
//! by a gathered load. A vector of windows is one unaligned load: lane i of the load at `at + k` is the window at
//! `at + k + 4 i`.

use core::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi32_si128, _mm256_and_si256, _mm256_castsi256_ps, _mm256_i32gather_epi32,
    _mm256_loadu_si256, _mm256_movemask_ps, _mm256_mullo_epi16, _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi32,
    _mm256_sllv_epi32, _mm256_srl_epi32, _mm256_srli_epi32, _mm256_sub_epi32, _mm512_add_epi32, _mm512_and_si512,
    _mm512_i32gather_epi32, _mm512_loadu_si512, _mm512_mask_cmplt_epi32_mask, _mm512_maskz_compress_epi32,
    _mm512_maskz_loadu_epi8, _mm512_mullo_epi16, _mm512_mullo_epi32, _mm512_or_si512, _mm512_set1_epi32,
    _mm512_setr_epi32, _mm512_sllv_epi32, _mm512_srli_epi32, _mm512_srlv_epi32, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_testn_epi32_mask,
};

use super::filter::{FOLLOW, Filter, MULTIPLIER};
use super::scan::{Hits, scalar_from};

/// (a & b) | c, as the truth table that `vpternlogd` takes.
const AND_OR: i32 = 0xEA;
/// (a | b) & !c, likewise.
const OR_NOT: i32 = 0x54;

/// As `scan::scalar`, 64 positions at a time; loads at the end of the text are masked.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn avx512(filter: &Filter, text: &[u8], from: usize, to: usize, hits: &mut Hits) -> usize {
    let lanes = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    let wide = Wide::new(filter);
    let mut at = from;
    let mut count = 0;
    while at < to {
        let whole = at + 64 <= to && at + 71 <= text.len();
        for k in 0..4 {
            let place = at + k;
            let (windows, behind) = if whole {
                // SAFETY: a whole block has 64 bytes from `at + 7` on.
                unsafe { (load_whole(text, place), load_whole(text, place + 4)) }
            } else {
                (load_part(text, place), load_part(text, place + 4))
            };
            let positions = _mm512_add_epi32(lanes, _mm512_set1_epi32((place - from) as i32));
            let passing = wide.passing(windows, behind);
            let passing = if whole {
                passing
            } else {
                _mm512_mask_cmplt_epi32_mask(passing, positions, _mm512_set1_epi32((to - from) as i32))
            };
            // `count` is at most the positions before this vector, and the slack holds one vector.
            let room = &mut hits[count..count + 16];
            // SAFETY: sixteen words are there.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(passing, positions)) };
            count += passing.count_ones() as usize;
        }
        at += 64;
    }
    count
}

/// # Safety
/// 64 bytes of `text` are at `place`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_whole(text: &[u8], place: usize) -> __m512i {
    // SAFETY: the caller's.
    unsafe { _mm512_loadu_si512(text.as_ptr().add(place).cast()) }
}

/// What there is of the 64 bytes at `place`, then zeros.
#[target_feature(enable = "avx512f,avx512bw")]
fn load_part(text: &[u8], place: usize) -> __m512i {
    let rest = text.get(place..).unwrap_or(&[]);
    let mask = if rest.len() >= 64 { u64::MAX } else { (1 << rest.len()) - 1 };
    // SAFETY: bytes that the mask leaves out are not touched.
    unsafe { _mm512_maskz_loadu_epi8(mask, rest.as_ptr().cast()) }
}

struct Wide<'a> {
    filter: &'a Filter,
    mask: __m512i,
    fold: __m512i,
    multiplier: __m512i,
    follow: __m512i,
    word_shift: __m512i,
    bit_shift: __m512i,
}

impl Wide<'_> {
    #[target_feature(enable = "avx512f")]
    fn new(filter: &Filter) -> Wide<'_> {
        Wide {
            filter,
            mask: _mm512_set1_epi32(filter.shape.mask as i32),
            fold: _mm512_set1_epi32(filter.shape.fold as i32),
            multiplier: _mm512_set1_epi32(MULTIPLIER as i32),
            follow: _mm512_set1_epi32(i32::from(FOLLOW)),
            word_shift: _mm512_set1_epi32(filter.word_shift as i32),
            bit_shift: _mm512_set1_epi32(filter.word_shift as i32 - 4),
        }
    }

    /// The lanes whose window passes the filter. The wanted bits are made one and compared with the word.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn passing(&self, windows: __m512i, behind: __m512i) -> u16 {
        let key = _mm512_ternarylogic_epi32::<AND_OR>(windows, self.mask, self.fold);
        let hash = _mm512_mullo_epi32(key, self.multiplier);
        let word = _mm512_srlv_epi32(hash, self.word_shift);
        // SAFETY: a hash shifted by `word_shift` is the number of a word of the bitmap.
        let words = unsafe { _mm512_i32gather_epi32::<4>(word, self.filter.bitmap.as_ptr().cast()) };
        let bit = _mm512_and_si512(_mm512_srlv_epi32(hash, self.bit_shift), _mm512_set1_epi32(15));
        let low = _mm512_sllv_epi32(_mm512_set1_epi32(1), bit);
        // The high half of `follow` is zero: what is multiplied there is masked away.
        let bit = _mm512_srli_epi32::<12>(_mm512_mullo_epi16(_mm512_or_si512(behind, self.fold), self.follow));
        let high = _mm512_sllv_epi32(_mm512_set1_epi32(0x1_0000), bit);
        let missing = _mm512_ternarylogic_epi32::<OR_NOT>(low, high, words);
        _mm512_testn_epi32_mask(missing, missing)
    }
}

/// As `scan::scalar`, 32 positions at a time, the rest one by one.
#[target_feature(enable = "avx2")]
pub(super) fn avx2(filter: &Filter, text: &[u8], from: usize, to: usize, hits: &mut Hits) -> usize {
    let mask = _mm256_set1_epi32(filter.shape.mask as i32);
    let fold = _mm256_set1_epi32(filter.shape.fold as i32);
    let shift = _mm_cvtsi32_si128(filter.word_shift as i32);
    let bit_shift = _mm_cvtsi32_si128(filter.word_shift as i32 - 4);
    let mut at = from;
    let mut count = 0;
    while at + 32 <= to && at + 39 <= text.len() {
        for k in 0..4 {
            // SAFETY: 32 bytes are at `at + 7`.
            let (windows, behind): (__m256i, __m256i) = unsafe {
                let place = text.as_ptr().add(at + k);
                (_mm256_loadu_si256(place.cast()), _mm256_loadu_si256(place.add(4).cast()))
            };
            let key = _mm256_or_si256(_mm256_and_si256(windows, mask), fold);
            let follow = _mm256_or_si256(behind, fold);
            let hash = _mm256_mullo_epi32(key, _mm256_set1_epi32(MULTIPLIER as i32));
            // SAFETY: a hash shifted by `word_shift` is the number of a word of the bitmap.
            let words =
                unsafe { _mm256_i32gather_epi32::<4>(filter.bitmap.as_ptr().cast(), _mm256_srl_epi32(hash, shift)) };
            // The bits go to the sign: left by 31 - bit and by 15 - bit.
            let bit = _mm256_and_si256(_mm256_srl_epi32(hash, bit_shift), _mm256_set1_epi32(15));
            let low = _mm256_sllv_epi32(words, _mm256_sub_epi32(_mm256_set1_epi32(31), bit));
            let bit = _mm256_srli_epi32::<12>(_mm256_mullo_epi16(follow, _mm256_set1_epi32(i32::from(FOLLOW))));
            let high = _mm256_sllv_epi32(words, _mm256_sub_epi32(_mm256_set1_epi32(15), bit));
            let mut passing = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_and_si256(low, high))) as u32;
            while passing != 0 {
                hits[count] = (at + k - from) as u32 + 4 * passing.trailing_zeros();
                count += 1;
                passing &= passing - 1;
            }
        }
        at += 32;
    }
    scalar_from(filter, text, from, at, to, hits, count)
}
