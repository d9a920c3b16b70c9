// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a strand was spawned, for people: the function, or the module and an offset for addr2line.

use core::ffi::CStr;
use core::fmt;

/// A code address.
pub struct Site(pub usize);

impl fmt::Display for Site {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return out.write_str("an unknown place");
        }
        // SAFETY: all-zero is a valid Dl_info.
        let mut info: libc::Dl_info = unsafe { core::mem::zeroed() };
        // A return address lies behind the call; one less names the line of the call.
        let address = self.0 - 1;
        // SAFETY: dladdr takes any address and fills the struct, whose strings belong to the loader.
        if unsafe { libc::dladdr(address as *const _, &mut info) } == 0 {
            return write!(out, "{:#x}", self.0);
        }
        let module = text(info.dli_fname);
        let module = module.rsplit('/').next().unwrap_or(module);
        let offset = address - info.dli_fbase as usize;
        match text(info.dli_sname) {
            "" => write!(out, "{module}+{offset:#x}"),
            name => write!(out, "{name}+{:#x} ({module}+{offset:#x})", address - info.dli_saddr as usize),
        }
    }
}

fn text(pointer: *const libc::c_char) -> &'static str {
    if pointer.is_null() {
        return "";
    }
    // SAFETY: strings of the loader live as long as the module.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap_or("")
}
