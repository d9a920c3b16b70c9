// SPDX-License-Identifier: MIT OR Apache-2.0
//! Status codes: one table from which the numbers, the names and the messages come.

use core::ffi::CStr;

/// A status code of the C interface: 0 is success, negatives are errors whose numbers never change.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status(
    /// The number as C sees it.
    pub i32,
);

/// A result whose error is a status other than [`Status::OK`].
pub type Outcome<T> = Result<T, Status>;

macro_rules! statuses {
    ($($constant:ident = $number:literal, $name:literal, $message:literal;)*) => {
        impl Status {
            $(#[doc = concat!("`", stringify!($constant), "` of the C header.")]
            pub const $constant: Status = Status($number);)*

            /// The name of the constant in the C header, for example `STRAND_ERR_CLOSED`.
            pub const fn name(self) -> &'static CStr {
                match self.0 {
                    $($number => $name,)*
                    _ => c"STRAND_ERR_UNKNOWN",
                }
            }

            /// One sentence for people.
            pub const fn message(self) -> &'static CStr {
                match self.0 {
                    $($number => $message,)*
                    _ => c"unknown status number",
                }
            }
        }

        /// Every status.
        #[cfg(test)]
        pub const ALL: &[Status] = &[$(Status($number)),*];
    };
}

statuses! {
    OK = 0, c"STRAND_OK", c"success";
    INVALID = -1, c"STRAND_ERR_INVALID", c"an argument is not valid here";
    NO_MEMORY = -2, c"STRAND_ERR_NO_MEMORY", c"no memory could be had";
    LIMIT = -3, c"STRAND_ERR_LIMIT", c"a limit was reached";
    STALE = -4, c"STRAND_ERR_STALE", c"the handle names something that no longer exists";
    NOT_ON_STRAND = -5, c"STRAND_ERR_NOT_ON_STRAND", c"only a strand may make this call";
    WOULD_BLOCK = -6, c"STRAND_ERR_WOULD_BLOCK", c"the call would have to wait and was told not to";
    TIMEOUT = -7, c"STRAND_ERR_TIMEOUT", c"the deadline passed";
    CANCELLED = -8, c"STRAND_ERR_CANCELLED", c"the strand or the runtime was cancelled";
    CLOSED = -9, c"STRAND_ERR_CLOSED", c"what the call is about is closed";
    DEADLOCK = -10, c"STRAND_ERR_DEADLOCK", c"every counted strand waits and nothing can wake one";
    ALREADY = -11, c"STRAND_ERR_ALREADY", c"it was done before";
    TAKEN = -12, c"STRAND_ERR_TAKEN", c"the value was taken before";
    EMPTY = -13, c"STRAND_ERR_EMPTY", c"there is nothing to take or to choose from";
    BUSY = -14, c"STRAND_ERR_BUSY", c"another thread is doing this";
    FAILED = -15, c"STRAND_ERR_FAILED", c"a strand or task failed";
    UNSUPPORTED = -16, c"STRAND_ERR_UNSUPPORTED", c"this build or configuration cannot do it";
    REPLAY = -17, c"STRAND_ERR_REPLAY", c"the run does not match its recording";
    MAX_STEPS = -18, c"STRAND_ERR_MAX_STEPS", c"the configured number of steps is used up";
    FORKED = -19, c"STRAND_ERR_FORKED", c"the process was forked and the runtime stayed in the parent";
    IO = -20, c"STRAND_ERR_IO", c"the operating system reported an input or output error";
    DEVICE = -21, c"STRAND_ERR_DEVICE", c"the device failed or was lost";
    SHADER = -22, c"STRAND_ERR_SHADER", c"the device program is not valid";
    PANIC = -23, c"STRAND_ERR_PANIC", c"a Rust panic was caught at the boundary of the library";
    WOULD_SWITCH = -24, c"STRAND_ERR_WOULD_SWITCH", c"the call would switch strands where that is not allowed";
    NOT_INITIALISED = -25, c"STRAND_ERR_NOT_INITIALISED", c"the runtime is not initialised";
    PARITY = -26, c"STRAND_ERR_PARITY", c"two implementations that were compared do not agree";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_used_once_and_has_a_name_and_a_message() {
        for (position, status) in ALL.iter().enumerate() {
            assert_eq!(status.0, -(position as i32));
            assert!(status.name().to_bytes().starts_with(b"STRAND_"));
            assert!(status.message().to_bytes().len() > 5);
        }
        assert_eq!(Status(-99).name(), c"STRAND_ERR_UNKNOWN");
    }
}
