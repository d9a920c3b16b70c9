// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fault codes that the library itself gives an item. A program's own codes are below [`FIRST`].

/// The first code of the library: the highest bit.
pub const FIRST: u32 = 0x8000_0000;

macro_rules! codes {
    ($($name:ident = $number:literal, $shader:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: u32 = $number;)*

        /// What a code means, for people; none where it is a program's own.
        pub const fn text(code: u32) -> Option<&'static str> {
            match code { $($name => Some($text),)* _ => None }
        }

        /// Number and name of each, for constants of shaders.
        pub const ALL: &[(u32, &str)] = &[$(($number, $shader)),*];
    };
}

codes! {
    FAN_OUT = 0x8000_0001, "FAULT_FAN_OUT", "more items pushed than fan_out_max";
    EMITS = 0x8000_0002, "FAULT_EMITS", "more records emitted than emit_max";
    LOOP_LIMIT = 0x8000_0003, "FAULT_LOOP_LIMIT", "more loop iterations than loop_limit";
    NOT_CARRIED = 0x8000_0004, "FAULT_NOT_CARRIED", "a word was set that the program's records do not carry";
    BAND = 0x8000_0005, "FAULT_BAND", "a band that the worklist does not have";
    COUNTER = 0x8000_0006, "FAULT_COUNTER", "requeue_count or yield_count is at its end";
    STATE = 0x8000_0007, "FAULT_STATE", "the state of the item does not allow it";
    ENDED_TWICE = 0x8000_0008, "FAULT_ENDED_TWICE", "the item said twice how it ends";
    KERNEL = 0x8000_0009, "FAULT_KERNEL", "the kernel ended its strand while it ran the batch of the item";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_the_librarys_own_and_has_a_text() {
        for (place, (code, name)) in ALL.iter().enumerate() {
            assert_eq!(*code, FIRST + 1 + place as u32);
            assert!(name.starts_with("FAULT_"));
            assert!(text(*code).is_some());
        }
        assert!([0, 1, FIRST - 1, FIRST, u32::MAX].into_iter().all(|code| text(code).is_none()));
    }
}
