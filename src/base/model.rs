// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the facade is while loom explores a model: loom's atomics and cells, a futex and a clock that loom can see, and
//! defects that a negative control seeds.
//!
//! A defect is seeded at a place of the source, named by its file and a piece of its line, so the protocols themselves
//! carry no switches: a fence there is left out, an ordering weakened, a read-modify-write torn in two. A control that
//! no longer finds its place fails.

use core::cell::{Cell, RefCell};
use core::panic::Location;
use std::rc::Rc;

use loom::sync::atomic::Ordering;

pub use loom::cell;

/// What goes wrong at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// The fence is not there.
    NoFence,
    /// The operation orders nothing.
    Relaxed,
    /// The read-modify-write is a load and a store.
    Torn,
}

/// Lines of one file at which a defect strikes.
struct Seeded {
    defect: Defect,
    file: &'static str,
    lines: Vec<u32>,
}

std::thread_local! {
    // loom runs all threads of a model on one thread of the system, one model after the other.
    static SEEDED: RefCell<Option<Seeded>> = const { RefCell::new(None) };
}

/// Seeds a defect at every line of `file` (below `src/`) that contains `piece`, until [`mend`].
pub fn seed(defect: Defect, file: &'static str, piece: &str) {
    let source = std::fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let lines: Vec<u32> =
        (1..).zip(source.lines()).filter(|(_, line)| line.contains(piece)).map(|(number, _)| number).collect();
    assert!(!lines.is_empty(), "{file} has no line with {piece:?}: the control must name another place");
    SEEDED.set(Some(Seeded { defect, file, lines }));
}

/// Takes the defect back.
pub fn mend() {
    SEEDED.set(None);
}

fn is_seeded(defect: Defect, place: &Location<'_>) -> bool {
    SEEDED.with_borrow(|seeded| {
        seeded
            .as_ref()
            .is_some_and(|s| s.defect == defect && place.file().ends_with(s.file) && s.lines.contains(&place.line()))
    })
}

/// A full fence, unless it is left out at the caller's place.
#[track_caller]
pub fn fence() {
    if !is_seeded(Defect::NoFence, Location::caller()) {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

#[track_caller]
fn ordering(wanted: Ordering) -> Ordering {
    if is_seeded(Defect::Relaxed, Location::caller()) { Ordering::Relaxed } else { wanted }
}

#[track_caller]
fn is_torn() -> bool {
    is_seeded(Defect::Torn, Location::caller())
}

/// loom's atomics, with places for defects, and with two gaps of loom's search closed.
pub mod atomic {
    use super::{Lot, Rc, is_torn, ordering};
    use core::cell::{Cell, OnceCell, RefCell};
    use loom::sync::Condvar;
    pub use loom::sync::atomic::Ordering;
    use loom::thread::{ThreadId, current};

    /// Who has loaded since the last store.
    ///
    /// loom goes back to a load that a store overtakes only if no other load came between, so it never explores
    /// "one thread loads" after "another loads and then stores". Therefore a load also touches a mark of its thread, and
    /// a store touches the marks of the loads that loom has forgotten. A mark is something that all touches of conflict
    /// in, and that orders nothing: a condition variable without waiters.
    #[derive(Default)]
    struct Readers {
        marks: RefCell<Vec<(ThreadId, Rc<Condvar>)>>,
        /// Those of the marks that count, oldest first, as positions.
        since: RefCell<Vec<usize>>,
    }

    impl Readers {
        fn load(&self) {
            let thread = current().id();
            let known = self.marks.borrow().iter().position(|(id, _)| *id == thread);
            let position = known.unwrap_or_else(|| {
                let mut marks = self.marks.borrow_mut();
                marks.push((thread, Rc::new(Condvar::new())));
                marks.len() - 1
            });
            let mark = self.marks.borrow()[position].1.clone();
            mark.notify_one();
            let mut since = self.since.borrow_mut();
            since.retain(|other| *other != position);
            since.push(position);
        }

        fn store(&self) {
            let since = self.since.take();
            // The last load is the one that loom remembers.
            let Some((_, forgotten)) = since.split_last() else { return };
            if forgotten.is_empty() {
                return;
            }
            let thread = current().id();
            for position in forgotten {
                let (id, mark) = self.marks.borrow()[*position].clone();
                if id != thread {
                    mark.notify_one();
                }
            }
        }
    }

    macro_rules! atomic {
        ($name:ident $(<$parameter:ident>)?, $value:ty) => {
            /// loom's, with places for defects.
            pub struct $name $(<$parameter>)? {
                value: loom::sync::atomic::$name $(<$parameter>)?,
                readers: Readers,
                modified: Cell<bool>,
                lot: OnceCell<Rc<Lot>>,
            }

            // SAFETY: loom runs all threads of a model on one thread of the system.
            unsafe impl $(<$parameter>)? Sync for $name $(<$parameter>)? {}
            // SAFETY: as above.
            unsafe impl $(<$parameter>)? Send for $name $(<$parameter>)? {}

            impl $(<$parameter>)? $name $(<$parameter>)? {
                #[track_caller]
                pub fn new(value: $value) -> Self {
                    Self {
                        value: loom::sync::atomic::$name::new(value),
                        readers: Readers::default(),
                        modified: Cell::new(false),
                        lot: OnceCell::new(),
                    }
                }

                /// Where those sleep who wait for a change.
                pub(in crate::base) fn lot(&self) -> Rc<Lot> {
                    self.lot.get_or_init(Rc::default).clone()
                }

                #[track_caller]
                pub fn load(&self, order: Ordering) -> $value {
                    self.readers.load();
                    self.value.load(ordering(order))
                }

                /// loom forgets that a read-modify-write follows at once upon the store it has read: a later store of
                /// another thread may come out older. As an exchange it cannot.
                #[track_caller]
                pub fn store(&self, value: $value, order: Ordering) {
                    self.readers.store();
                    if self.modified.get() {
                        self.value.swap(value, ordering(order));
                    } else {
                        self.value.store(value, ordering(order));
                    }
                }

                #[track_caller]
                pub fn swap(&self, value: $value, order: Ordering) -> $value {
                    if is_torn() {
                        let old = self.load(Ordering::Acquire);
                        self.store(value, Ordering::Release);
                        return old;
                    }
                    self.readers.store();
                    self.modified.set(true);
                    self.value.swap(value, ordering(order))
                }

                #[track_caller]
                pub fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    if is_torn() {
                        let old = self.load(Ordering::Acquire);
                        if old != current {
                            return Err(old);
                        }
                        self.store(new, Ordering::Release);
                        return Ok(old);
                    }
                    self.readers.store();
                    self.modified.set(true);
                    self.value.compare_exchange(current, new, ordering(success), ordering(failure))
                }

                #[track_caller]
                pub fn compare_exchange_weak(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.compare_exchange(current, new, success, failure)
                }
            }
        };
    }

    macro_rules! arithmetic {
        ($name:ident, $value:ty, $($method:ident as $plain:expr),*) => {
            impl $name {
                $(
                    #[track_caller]
                    pub fn $method(&self, operand: $value, order: Ordering) -> $value {
                        if is_torn() {
                            let old = self.load(Ordering::Acquire);
                            let plain: fn($value, $value) -> $value = $plain;
                            self.store(plain(old, operand), Ordering::Release);
                            return old;
                        }
                        self.readers.store();
                        self.modified.set(true);
                        self.value.$method(operand, ordering(order))
                    }
                )*
            }
        };
    }

    macro_rules! integer {
        ($name:ident, $value:ty) => {
            atomic!($name, $value);
            impl $name {
                #[track_caller]
                pub fn fetch_update(
                    &self,
                    success: Ordering,
                    failure: Ordering,
                    mut change: impl FnMut($value) -> Option<$value>,
                ) -> Result<$value, $value> {
                    let mut now = self.load(failure);
                    while let Some(next) = change(now) {
                        match self.compare_exchange(now, next, success, failure) {
                            Ok(old) => return Ok(old),
                            Err(other) => now = other,
                        }
                    }
                    Err(now)
                }
            }
            arithmetic!($name, $value,
                fetch_add as <$value>::wrapping_add,
                fetch_sub as <$value>::wrapping_sub,
                fetch_and as |a, b| a & b,
                fetch_or as |a, b| a | b,
                fetch_max as |a, b| a.max(b)
            );
        };
    }

    atomic!(AtomicBool, bool);
    atomic!(AtomicPtr<T>, *mut T);
    integer!(AtomicU8, u8);
    integer!(AtomicU16, u16);
    integer!(AtomicU32, u32);
    integer!(AtomicU64, u64);
    integer!(AtomicUsize, usize);
    integer!(AtomicI32, i32);
    integer!(AtomicI64, i64);
}

/// What the kernel keeps for a futex word. Nobody is woken who is not asleep, so a lost wake-up is a deadlock, which
/// loom reports.
pub(in crate::base) struct Lot {
    lock: loom::sync::Mutex<()>,
    changed: loom::sync::Condvar,
    timed: Cell<bool>,
}

impl Default for Lot {
    fn default() -> Self {
        Lot { lock: loom::sync::Mutex::new(()), changed: loom::sync::Condvar::new(), timed: Cell::new(false) }
    }
}

impl Lot {
    fn wake(&self) {
        // As the kernel: the sleeper looks at the word and goes to sleep under the lock that the waker takes.
        drop(self.lock.lock().unwrap());
        self.changed.notify_all();
    }
}

/// Sleeps while `*word == expected`, until woken; a time limit passes at once.
pub fn futex_wait(word: &atomic::AtomicU32, expected: u32, deadline: Option<i64>) {
    let lot = word.lot();
    let Some(at) = deadline else {
        let guard = lot.lock.lock().unwrap();
        if word.load(Ordering::Relaxed) == expected {
            drop(lot.changed.wait(guard).unwrap());
        }
        return;
    };
    // Whoever sleeps for a time again and again lets the others go on meanwhile; else the model would not end.
    if lot.timed.replace(true) {
        loom::thread::yield_now();
    }
    if word.load(Ordering::Relaxed) == expected {
        CLOCK.fetch_max(at, Ordering::Relaxed);
    }
}

/// Wakes those who sleep on `word`.
pub fn futex_wake(word: &atomic::AtomicU32, _: i32) {
    word.lot().wake();
}

/// Stores the value that somebody sleeps for, and wakes it. The word may be gone as soon as it has its value.
pub fn store_and_wake(word: &atomic::AtomicU32, value: u32) {
    let lot = word.lot();
    word.store(value, Ordering::Release);
    lot.wake();
}

loom::lazy_static! {
    static ref CLOCK: loom::sync::atomic::AtomicI64 = loom::sync::atomic::AtomicI64::new(0);
}

/// Time passes, up to `now`.
pub fn pass_time(now: i64) {
    CLOCK.fetch_max(now, Ordering::Relaxed);
}

/// The time: it passes while somebody sleeps for a time, and where the model says so.
pub fn monotonic() -> i64 {
    CLOCK.load(Ordering::Relaxed)
}
