// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells valgrind where stacks are, so that it does not take a switch for a huge frame. Nothing happens elsewhere.

/// Registers a stack. Under valgrind the instruction sequence is a request; on a processor it does nothing.
#[cfg(target_arch = "x86_64")]
pub fn register_stack(start: usize, end: usize) {
    const STACK_REGISTER: u64 = 0x1501;
    let request: [u64; 6] = [STACK_REGISTER, start as u64, end as u64, 0, 0, 0];
    // SAFETY: the four rotations add up to 128 bits and leave rdi as it was; the exchange does nothing. Valgrind reads
    // the request through rax and answers in rdx.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            inout("rdx") 0u64 => _,
            in("rax") request.as_ptr(),
            in("rdi") 0u64,
            options(nostack)
        );
    }
}
