// SPDX-License-Identifier: MIT OR Apache-2.0
//! Thin wrappers over the system calls that the library makes itself. None of them changes `errno`.

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Runs `call` and puts `errno` back to what it was, so that a wake inside a successful call leaves no trace.
#[inline]
pub fn keeping_errno<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: __errno_location returns the address of this thread's errno, valid for as long as the thread runs,
    // and `call` does not switch strands.
    unsafe {
        let location = libc::__errno_location();
        let saved = *location;
        let result = call();
        *location = saved;
        result
    }
}

/// Sleeps while `*word == expected`, until woken or until `deadline` (nanoseconds of CLOCK_MONOTONIC; `None`: for
/// ever). May return for no reason at all.
pub fn futex_wait(word: &AtomicU32, expected: u32, deadline: Option<i64>) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let timeout: *const libc::timespec = match deadline {
        None => core::ptr::null(),
        Some(at) => {
            let at = at.max(0);
            time.tv_sec = at / 1_000_000_000;
            time.tv_nsec = at % 1_000_000_000;
            &time
        }
    };
    keeping_errno(|| {
        // SAFETY: the word outlives the call (it is borrowed), the timeout is null or points to a live timespec.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
                expected,
                timeout,
                core::ptr::null::<u32>(),
                u32::MAX,
            );
        }
    });
}

/// Wakes up to `count` threads that sleep on `word`.
pub fn futex_wake(word: &AtomicU32, count: i32) {
    futex_wake_address(word.as_ptr(), count);
}

/// As [`futex_wake`], for a word that may be gone already: the kernel only looks the address up.
pub fn futex_wake_address(word: *mut u32, count: i32) {
    keeping_errno(|| {
        // SAFETY: FUTEX_WAKE does not access the memory behind the address; a stale one wakes nobody of ours, or
        // wakes somebody for no reason, which every waiter expects.
        unsafe {
            libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, count);
        }
    });
}

const MEMBARRIER_CMD_PRIVATE_EXPEDITED: i32 = 1 << 3;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

/// Registers the process for [`membarrier`]; false where the kernel does not have it.
pub fn membarrier_register() -> bool {
    keeping_errno(|| {
        // SAFETY: membarrier takes no pointers.
        unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 }
    })
}

/// A full fence on every running thread of the process.
pub fn membarrier() -> bool {
    keeping_errno(|| {
        // SAFETY: membarrier takes no pointers.
        unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0 }
    })
}

/// Names the calling process to [`advise_each`] without a descriptor (Linux 6.14).
const PIDFD_SELF_THREAD: i32 = -10_000;

/// A piece of address space: where it begins, and its bytes. As the kernel has it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Piece(pub usize, pub usize);

/// The kernel cannot, or is not allowed to.
static CANNOT_ADVISE_EACH: AtomicBool = AtomicBool::new(false);

/// madvise on many pieces of this process in one call, and with one interruption of the other processors: how many pieces
/// it was done for, from the front. 0 on kernels that cannot.
///
/// # Safety
/// As madvise on each of them.
pub unsafe fn advise_each(pieces: &[Piece], advice: i32) -> usize {
    if CANNOT_ADVISE_EACH.load(Ordering::Relaxed) {
        return 0;
    }
    let mut done = keeping_errno(|| {
        // SAFETY: a piece is laid out as an iovec; the rest is the caller's.
        unsafe { libc::syscall(libc::SYS_process_madvise, PIDFD_SELF_THREAD, pieces.as_ptr(), pieces.len(), advice, 0) }
    });
    if done < 0 {
        CANNOT_ADVISE_EACH.store(true, Ordering::Relaxed);
    }
    // It says how many bytes it came to; a piece that was done in part is done again.
    let bytes = |piece: &&Piece| {
        done -= piece.1 as i64;
        done >= 0
    };
    pieces.iter().take_while(bytes).count()
}

/// Nanoseconds of CLOCK_MONOTONIC.
#[inline]
pub fn monotonic() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live timespec; CLOCK_MONOTONIC always exists on Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Writes `text` to standard error with one `write(2)`: no lock, no allocation; for fatal messages only.
pub fn write_error(text: &[u8]) {
    keeping_errno(|| {
        // SAFETY: the buffer is live for the call.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    });
}

/// Ends the process for a broken invariant of the library itself.
#[cold]
pub fn fatal(text: &str) -> ! {
    write_error(text.as_bytes());
    // SAFETY: abort takes no arguments and does not return.
    unsafe { libc::abort() }
}

/// Number of threads of this process; 0 where it cannot be found out.
pub fn count_threads() -> usize {
    keeping_errno(|| std::fs::read_dir("/proc/self/task").map_or(0, |list| list.count()))
}

/// Waits until a child process has ended, without taking its status; false when it has not after so many seconds.
pub fn await_child(process: libc::pid_t, seconds: i32) -> bool {
    keeping_errno(|| {
        // SAFETY: pidfd_open takes no pointers; the descriptor is ours and is closed.
        unsafe {
            let descriptor = libc::syscall(libc::SYS_pidfd_open, process, 0) as i32;
            if descriptor < 0 {
                // A kernel before 5.3: wait without a limit.
                return true;
            }
            let mut wanted = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
            let deadline = monotonic() + i64::from(seconds) * 1_000_000_000;
            let ended = loop {
                let left = ((deadline - monotonic()) / 1_000_000).max(0) as i32;
                let found = libc::poll(&mut wanted, 1, left);
                if found >= 0 || *libc::__errno_location() != libc::EINTR {
                    break found != 0;
                }
            };
            libc::close(descriptor);
            ended
        }
    })
}

/// The name of a signal that ends processes.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        _ => "another one",
    }
}

/// Number of processors that this process may use: the affinity mask, lowered by a cgroup quota.
pub fn usable_processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(1024) as u32)
}

/// Bytes of memory of this machine.
pub fn memory_bytes() -> u64 {
    // SAFETY: sysconf takes any number.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    pages.max(0) as u64 * size.max(0) as u64
}

/// What an OS thread runs.
pub type ThreadMain = extern "C" fn(*mut c_void) -> *mut c_void;

/// Starts an OS thread with every asynchronous signal blocked; `None` when the system refuses.
pub fn start_thread(main: ThreadMain, argument: *mut c_void) -> Option<libc::pthread_t> {
    start_thread_with_stack(main, argument, 0)
}

/// As [`start_thread`], with so many bytes of stack; 0: as the system has it.
pub fn start_thread_with_stack(main: ThreadMain, argument: *mut c_void, stack: usize) -> Option<libc::pthread_t> {
    keeping_errno(|| {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
        let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
        let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
        let mut earlier = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the sets are initialised by sigfillset and pthread_sigmask, the attributes by pthread_attr_init; the new thread inherits the mask, which
        // leaves the faults that a thread raises itself unblocked.
        unsafe {
            libc::sigfillset(blocked.as_mut_ptr());
            for fault in
                [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGSYS]
            {
                libc::sigdelset(blocked.as_mut_ptr(), fault);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), earlier.as_mut_ptr());
            libc::pthread_attr_init(attributes.as_mut_ptr());
            if stack != 0 {
                libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack);
            }
            let created = libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), main, argument) == 0;
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, earlier.as_ptr(), core::ptr::null_mut());
            created.then(|| thread.assume_init())
        }
    })
}

/// Waits for the end of a thread that [`start_thread`] gave, once.
pub fn join_thread(thread: libc::pthread_t) {
    // SAFETY: by contract the thread was started and not joined.
    unsafe { libc::pthread_join(thread, core::ptr::null_mut()) };
}

/// Names the calling thread, for debuggers and `/proc`. At most 15 bytes count.
pub fn name_thread(name: &CStr) {
    // SAFETY: the name is terminated; the kernel reads at most 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// `errno` of the calling thread. Not inlined: a compiler may keep the address over a switch.
#[inline(never)]
pub fn errno() -> i32 {
    // SAFETY: the address of this thread's errno.
    unsafe { *libc::__errno_location() }
}

/// Sets `errno` of the calling thread. Not inlined, as [`errno`].
#[inline(never)]
pub fn set_errno(errno: i32) {
    // SAFETY: the address of this thread's errno.
    unsafe { *libc::__errno_location() = errno };
}

/// The address of a symbol of this process by its name, or null.
pub fn symbol(name: &core::ffi::CStr) -> *mut core::ffi::c_void {
    // SAFETY: the name is terminated; dlsym only looks it up.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}
