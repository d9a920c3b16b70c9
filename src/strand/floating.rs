// SPDX-License-Identifier: MIT OR Apache-2.0
//! Floating-point modes of a strand: rounding, masks, flush-to-zero. Exception flags are not part of the promise.

/// The control words of the processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Modes {
    #[cfg(target_arch = "x86_64")]
    mxcsr: u32,
    #[cfg(target_arch = "x86_64")]
    x87: u32,
    #[cfg(target_arch = "aarch64")]
    fpcr: u64,
}

#[cfg(target_arch = "x86_64")]
impl Modes {
    /// What a new strand starts with.
    pub const DEFAULT: Modes = Modes { mxcsr: 0x1F80, x87: 0x037F };

    /// The modes of this thread.
    #[inline(always)]
    pub fn read() -> Modes {
        let mut mxcsr = 0u32;
        let mut x87 = 0u16;
        // SAFETY: both instructions store a control word into a live local.
        unsafe {
            core::arch::asm!(
                "stmxcsr [{mxcsr}]", "fnstcw [{x87}]",
                mxcsr = in(reg) &mut mxcsr, x87 = in(reg) &mut x87,
                options(nostack, preserves_flags)
            );
        }
        // The low six bits are exception flags.
        Modes { mxcsr: mxcsr & !0x3F, x87: u32::from(x87) }
    }

    /// Makes this thread use these modes.
    #[inline(always)]
    pub fn load(self) {
        let x87 = self.x87 as u16;
        // SAFETY: both words were read from the hardware or are the defaults, so no reserved bit is set.
        unsafe {
            core::arch::asm!(
                "ldmxcsr [{mxcsr}]", "fldcw [{x87}]",
                mxcsr = in(reg) &self.mxcsr, x87 = in(reg) &x87,
                options(nostack, readonly, preserves_flags)
            );
        }
    }
}

#[cfg(target_arch = "aarch64")]
impl Modes {
    /// What a new strand starts with.
    pub const DEFAULT: Modes = Modes { fpcr: 0 };

    /// The modes of this thread.
    #[inline(always)]
    pub fn read() -> Modes {
        let fpcr: u64;
        // SAFETY: reads a control register.
        unsafe { core::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags)) };
        Modes { fpcr }
    }

    /// Makes this thread use these modes.
    #[inline(always)]
    pub fn load(self) {
        // SAFETY: the value was read from the register or is the default.
        unsafe { core::arch::asm!("msr fpcr, {}", in(reg) self.fpcr, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_what_is_read() {
        let before = Modes::read();
        Modes::DEFAULT.load();
        assert_eq!(Modes::read(), Modes::DEFAULT);
        before.load();
    }
}
