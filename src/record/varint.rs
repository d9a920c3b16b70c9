// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of one to ten bytes: seven bits a byte, lowest first, the top bit says that more follow (LEB128).
//!
//! Each number has one coding: a last byte of zero after others, or bits beyond the 64th, are refused.

/// Bytes of the longest number.
pub const MAX: usize = 10;

/// Writes `value` at `at`, where [`MAX`] bytes have room, and returns where it ends.
#[inline]
pub fn put(buffer: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        buffer[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    buffer[at] = value as u8;
    at + 1
}

/// Reads the number at `at` and says where it ends; nothing where there is none.
#[inline]
pub fn get(buffer: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (place, &byte) in buffer.get(at..)?.iter().take(MAX).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            let overlong = byte == 0 && place > 0;
            let too_large = place == MAX - 1 && byte > 1;
            return (!overlong && !too_large).then_some((value, at + place + 1));
        }
    }
    None
}

/// Signed numbers as unsigned ones, small where they are near zero.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The opposite of [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_has_one_coding() {
        assert_eq!(get(&[0x80, 0x00], 0), None, "overlong");
        assert_eq!(get(&[0xFF; 10], 0), None, "no end");
        assert_eq!(get(&[0x80; 3], 0), None, "cut short");
        assert_eq!(get(&[], 0), None);
        assert_eq!(get(&[1], 5), None, "beyond the buffer");
        let mut largest = [0xFF; 10];
        largest[9] = 1;
        assert_eq!(get(&largest, 0), Some((u64::MAX, 10)));
        largest[9] = 2;
        assert_eq!(get(&largest, 0), None, "65 bits");
    }

    proptest! {
        #[test]
        fn what_is_put_is_got(value: u64, shift in 0u32..64, signed: i64) {
            let value = value >> shift;
            let mut buffer = [0; MAX + 1];
            let end = put(&mut buffer, 1, value);
            prop_assert_eq!(get(&buffer, 1), Some((value, end)));
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }
    }
}
