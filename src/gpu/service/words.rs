// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words as a device has them: its order of bytes is that of every machine that there is a build for.

/// The same memory as bytes.
pub fn as_bytes(words: &[u32]) -> &[u8] {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: borrowed as long; every byte of a word is initialised, and bytes need no alignment.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// As [`as_bytes`], to be written.
pub fn as_bytes_mut(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: as above, and whatever is written is a word.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}
