// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version
//!
//! The macros say what the program was compiled with, the functions what it is linked with.

/// Incompatible changes.
pub const STRAND_VERSION_MAJOR: u32 = 0;
/// Additions; before 1.0.0 also incompatible changes.
pub const STRAND_VERSION_MINOR: u32 = 1;
/// Corrections.
pub const STRAND_VERSION_PATCH: u32 = 0;
/// The version as one number that can be compared: 1.2.3 is 1002003.
pub const STRAND_VERSION_NUMBER: u32 =
    STRAND_VERSION_MAJOR * 1000000 + STRAND_VERSION_MINOR * 1000 + STRAND_VERSION_PATCH;
/// Counts incompatible changes of this interface: the number in the name of the shared library's
/// interface. A program may use a library whose strand_abi_version() equals the value it was
/// compiled with.
pub const STRAND_ABI_VERSION: u32 = 1;

/// The version of the library that is linked, as STRAND_VERSION_NUMBER has it.
///
/// @return the version number
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_version() -> u32 {
    STRAND_VERSION_NUMBER
}

/// The interface of the library that is linked, as STRAND_ABI_VERSION has it. A program that
/// opens the library at run time compares the two before it calls anything else.
///
/// @return the interface's number
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_abi_version() -> u32 {
    STRAND_ABI_VERSION
}
