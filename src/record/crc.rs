// SPDX-License-Identifier: MIT OR Apache-2.0
//! CRC-32C (Castagnoli), with the instruction of the processor where there is one.

/// The CRC of `bytes` after bytes whose CRC is `before`; 0 for none.
pub fn extend(before: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has the instruction.
        return unsafe { extend_x86(before, bytes) };
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("crc") {
        // SAFETY: the processor has the instruction.
        return unsafe { extend_arm(before, bytes) };
    }
    extend_by_table(before, bytes)
}

fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn extend_x86(before: u32, bytes: &[u8]) -> u32 {
    use core::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(u64::from(!before), |crc, eight| _mm_crc32_u64(crc, word(eight)));
    !rest.iter().fold(crc as u32, |crc, &byte| _mm_crc32_u8(crc, byte))
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "crc")]
fn extend_arm(before: u32, bytes: &[u8]) -> u32 {
    use core::arch::aarch64::{__crc32cb, __crc32cd};
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(!before, |crc, eight| __crc32cd(crc, word(eight)));
    !rest.iter().fold(crc, |crc, &byte| __crc32cb(crc, byte))
}

/// The polynomial, lowest bit first.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// Tables for eight bytes at a time: `TABLES[k][b]` is the CRC of byte `b` with `k` zero bytes after it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut k = 1;
    while k < 8 {
        let mut byte = 0;
        while byte < 256 {
            let shorter = tables[k - 1][byte];
            tables[k][byte] = (shorter >> 8) ^ tables[0][(shorter & 0xFF) as usize];
            byte += 1;
        }
        k += 1;
    }
    tables
}

/// As [`extend`], on any processor.
fn extend_by_table(before: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(!before, |crc, eight| {
        let mixed = (word(eight) ^ u64::from(crc)).to_le_bytes();
        (0..8).fold(0, |sum, k| sum ^ TABLES[7 - k][mixed[k] as usize])
    });
    !rest.iter().fold(crc, |crc, &byte| (crc >> 8) ^ TABLES[0][((crc ^ u32::from(byte)) & 0xFF) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 3720, appendix B.4.
    #[test]
    fn the_published_examples_come_out() {
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        let examples: [(&[u8], u32); 5] = [
            (&[0; 32], 0x8A91_36AA),
            (&[0xFF; 32], 0x62A8_AB43),
            (&rising, 0x46DD_794E),
            (&falling, 0x113F_DB5C),
            (b"123456789", 0xE306_9283),
        ];
        for (bytes, crc) in examples {
            assert_eq!(extend(0, bytes), crc);
            assert_eq!(extend_by_table(0, bytes), crc);
        }
    }

    proptest! {
        #[test]
        fn instruction_and_table_agree_and_parts_may_be_joined(bytes: Vec<u8>, before: u32, at: prop::sample::Index) {
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            let whole = extend(before, &bytes);
            prop_assert_eq!(whole, extend_by_table(before, &bytes));
            prop_assert_eq!(whole, extend(extend(before, first), second));
        }
    }
}
