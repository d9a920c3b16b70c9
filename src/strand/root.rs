// SPDX-License-Identifier: MIT OR Apache-2.0
//! Roots: places where the library keeps what a program gave it, as a collector sees them.
//!
//! Each layer shows its own while the world is stopped: nobody else runs, so nothing is locked.

/// What is kept in a place. The numbers are those of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// The argument of a strand that has not started.
    Argument = 1,
    /// The copy of a strand's argument.
    ArgumentCopy = 2,
    /// An element that lies in a channel.
    Element = 3,
    /// An element that somebody waits to send.
    Sending = 4,
    /// A strand local.
    Local = 5,
    /// The pointer of a strand for the language's hooks.
    Language = 6,
    /// The value of an unpark that was not taken yet.
    ParkValue = 7,
    /// What an on-exit function will get.
    ExitData = 8,
    /// The argument of an offloaded call that has not begun, or its copy.
    CallArgument = 9,
    /// The same of one that has: the function is using it.
    CallRunning = 10,
    /// The result of an offloaded call that its strand has not taken yet.
    CallResult = 11,
    /// The value of a task or promise that nobody has taken.
    Outcome = 12,
    /// A value on its way into a generator or out of it.
    Generator = 13,
    /// What a timer sends.
    Timer = 14,
    /// What a function that the library calls later will get.
    Callback = 15,
}

/// One place.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    /// What is kept there.
    pub kind: Kind,
    /// Where.
    pub address: *mut u8,
    /// Bytes.
    pub bytes: usize,
    /// The handle of what it belongs to; 0 for none.
    pub owner: u64,
}

impl Root {
    /// A word.
    pub fn word<T>(kind: Kind, address: *const T, owner: u64) -> Root {
        Root { kind, address: address.cast_mut().cast(), bytes: size_of::<u64>(), owner }
    }
}

/// Who looks.
pub type Visit<'a> = &'a mut dyn FnMut(Root);
