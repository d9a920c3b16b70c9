// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stack overflow: a handler on stacks of its own that names the strand and then lets the process die as it would.
//!
//! The handler takes no lock and allocates nothing: arithmetic finds the stack that the faulting address guards, the
//! control block says who lives there, `write(2)` says so. Then the handler that was there before gets the signal,
//! or the default action does. Faults that are not ours go to the earlier handler untouched.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::fmt::Write;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

use super::extras;
use super::fault::Named;
use super::head;
use super::identity;
use super::message::Text;
use crate::base::status::{Outcome, Status};
use crate::base::sys::{self, keeping_errno};
use crate::memory::stack_class::{StackId, USABLE};
use crate::memory::stack_pool::was_used;

/// Bytes of an alternate stack; a guard page lies below.
const ALTERNATE: usize = 64 << 10;
const PAGE: usize = 4096;
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

struct Earlier(UnsafeCell<[MaybeUninit<libc::sigaction>; 2]>);

// SAFETY: written by `install` and `remove`, of which the runtime's lifecycle lock lets one run at a time; the
// handler reads it only while INSTALLED.
unsafe impl Sync for Earlier {}

static EARLIER: Earlier = Earlier(UnsafeCell::new([MaybeUninit::uninit(); 2]));
/// The thread that is passing a signal on, so that a handler that passes it back is noticed.
static CHAINING: AtomicI32 = AtomicI32::new(0);
static INSTALLED: AtomicBool = AtomicBool::new(false);
/// What runs before a fault that nobody expects ends the process; null for nothing.
static BEFORE_DEATH: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// From now on `save` runs in the handler of a fault that happens inside of a strand. It takes no lock and allocates
/// nothing.
pub fn before_death(save: Option<fn()>) {
    BEFORE_DEATH.store(save.map_or(core::ptr::null_mut(), |save| save as *mut c_void), Ordering::SeqCst);
}

/// Installs the handler, remembering those that were there.
pub fn install() {
    for (position, signal) in SIGNALS.iter().enumerate() {
        // SAFETY: the action is fully initialised (zeroed, then filled); the place for the old one is ours.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(*signal, &action, (*EARLIER.0.get())[position].as_mut_ptr());
        }
    }
    INSTALLED.store(true, Ordering::Release);
}

/// Restores the earlier handlers where ours are still in place.
pub fn remove() {
    if !INSTALLED.swap(false, Ordering::AcqRel) {
        return;
    }
    for (position, signal) in SIGNALS.iter().enumerate() {
        // SAFETY: reads the present action into a local; the earlier one was stored by `install`.
        unsafe {
            let mut present: libc::sigaction = core::mem::zeroed();
            libc::sigaction(*signal, core::ptr::null(), &mut present);
            if present.sa_sigaction == handle as *const () as usize {
                libc::sigaction(*signal, (*EARLIER.0.get())[position].as_ptr(), core::ptr::null_mut());
            }
        }
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler.
    let address = unsafe { (*info).si_addr() } as usize;
    // SAFETY: gettid takes no arguments.
    let thread = unsafe { libc::gettid() };
    if CHAINING.swap(thread, Ordering::AcqRel) == thread {
        // The earlier handler has passed the signal back to us: let it do what it would without either.
        return restore_default(signal);
    }
    let save = BEFORE_DEATH.load(Ordering::SeqCst);
    if !save.is_null() && identity::stack_at(stack_pointer(context)).is_some() {
        // SAFETY: stored by `before_death` from a function of this type.
        unsafe { core::mem::transmute::<*mut c_void, fn()>(save)() };
    }
    if let Some(stack) = identity::stack_at(address)
        && was_used(stack)
        && address < identity::layout().limit(stack)
    {
        report(stack);
    }
    chain(signal, info, context);
    CHAINING.store(0, Ordering::Release);
}

/// Where the stack of the interrupted code ended.
fn stack_pointer(context: *mut c_void) -> usize {
    let context: *const libc::ucontext_t = context.cast();
    // SAFETY: the kernel passes a valid context to an SA_SIGINFO handler.
    #[cfg(target_arch = "x86_64")]
    let pointer = unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] as usize };
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    let pointer = unsafe { (*context).uc_mcontext.sp as usize };
    pointer
}

/// Lets the faulting instruction end the process when it runs again.
fn restore_default(signal: c_int) {
    // SAFETY: installs the default action of a fault signal.
    unsafe {
        let mut default: libc::sigaction = core::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &default, core::ptr::null_mut());
    }
}

fn report(stack: StackId) {
    let body = identity::body_on(stack);
    let mut text = Text::<512>::new();
    let usable = USABLE[stack.class() as usize];
    if body.head.get().is_null() {
        let _ = writeln!(text, "libstrand: an access fell into the guard below a stack that no strand uses");
    } else {
        let head = body.head();
        let name = extras::of(head, Some(body)).map_or(&[][..], |extras| extras.name());
        let strand = Named { id: head::handle_of(head), name };
        let _ = writeln!(text, "libstrand: stack overflow in {strand}: its stack has {usable} bytes");
        let _ = writeln!(
            text,
            "libstrand: give it a larger one (stack_bytes of its spawn options, or STRAND_STACK_BYTES for all), or bound its recursion"
        );
    }
    sys::write_error(text.as_bytes());
}

/// Passes the signal on: to the earlier handler, or to the default action by letting the fault happen again.
fn chain(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(position) = SIGNALS.iter().position(|own| *own == signal) else { return };
    // SAFETY: stored by `install` before this handler could run; a plain copy.
    let earlier = unsafe { (*EARLIER.0.get())[position].assume_init() };
    match earlier.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => restore_default(signal),
        function if earlier.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the earlier handler was installed with SA_SIGINFO, so it has this signature.
            unsafe {
                let function: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = core::mem::transmute(function);
                function(signal, info, context);
            }
        }
        function => {
            // SAFETY: the earlier handler was installed without SA_SIGINFO, so it takes the signal only.
            unsafe {
                let function: extern "C" fn(c_int) = core::mem::transmute(function);
                function(signal);
            }
        }
    }
}

/// The alternate stack of one thread.
pub struct AlternateStack {
    _memory: AlternateMemory, // unmapped after the thread has its earlier stack back
    earlier: libc::stack_t,
}

/// The memory of an alternate stack; a guard page lies below.
pub struct AlternateMemory {
    base: usize,
}

impl AlternateMemory {
    /// Memory for one. NO_MEMORY.
    pub fn new() -> Outcome<AlternateMemory> {
        keeping_errno(|| {
            // SAFETY: a fresh mapping of our own; its first page becomes the guard.
            unsafe {
                let base = libc::mmap(
                    core::ptr::null_mut(),
                    ALTERNATE + PAGE,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                    -1,
                    0,
                );
                if base == libc::MAP_FAILED {
                    return Err(Status::NO_MEMORY);
                }
                libc::mprotect(base, PAGE, libc::PROT_NONE);
                Ok(AlternateMemory { base: base as usize })
            }
        })
    }

    /// Makes it the calling thread's alternate stack; what that was before.
    fn use_here(&self) -> libc::stack_t {
        let stack = libc::stack_t { ss_sp: (self.base + PAGE) as *mut c_void, ss_flags: 0, ss_size: ALTERNATE };
        keeping_errno(|| {
            // SAFETY: all-zero is a valid stack_t; the memory lives for as long as the thread uses it.
            unsafe {
                let mut earlier: libc::stack_t = core::mem::zeroed();
                libc::sigaltstack(&stack, &mut earlier);
                earlier
            }
        })
    }

    /// Lends it to the calling thread until the loan is dropped.
    pub fn lend(&self) -> Lent<'_> {
        Lent { earlier: self.use_here(), _memory: self }
    }
}

impl Drop for AlternateMemory {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; no thread uses it any more.
        keeping_errno(|| unsafe { libc::munmap(self.base as *mut c_void, ALTERNATE + PAGE) });
    }
}

/// An alternate stack that the calling thread uses for a while.
pub struct Lent<'a> {
    earlier: libc::stack_t,
    _memory: &'a AlternateMemory,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        give_back(&self.earlier);
    }
}

/// Gives the calling thread its earlier alternate stack back.
fn give_back(earlier: &libc::stack_t) {
    // SAFETY: the thread's own earlier stack.
    keeping_errno(|| unsafe { libc::sigaltstack(earlier, core::ptr::null_mut()) });
}

impl AlternateStack {
    /// Gives the calling thread an alternate stack.
    pub fn install() -> Outcome<AlternateStack> {
        let memory = AlternateMemory::new()?;
        Ok(AlternateStack { earlier: memory.use_here(), _memory: memory })
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        give_back(&self.earlier);
    }
}
