// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mutex: one word in the program's memory, and a queue in the lot.
//!
//! ```text
//! word    owner (58 bits) | RMW | QUEUED | AWAKE | KEPT
//!
//! RMW      somebody has waited: the owner gives it back with a locked operation. Without it, with a plain store
//! QUEUED   somebody is in the queue
//! AWAKE    one of those who waited was woken and has not tried again yet: no other is woken
//! KEPT     free, but only for that one: enough others have overtaken it
//! ```
//! **Plain.** Most mutexes never see a second strand at the same time. Their lock is one locked operation, their unlock a
//! store and a look at the lot; the look pairs with the heavy fence of whoever is the first to wait in that bucket:
//! either it sees the mutex free, or the unlock sees that somebody watches. After that store the mutex is not touched
//! unless somebody waits for it: whoever has it next may free its memory.
//!
//! **RMW.** Where somebody has waited somebody will wait again, and a heavy fence each time would cost more than the
//! locked operation. The bit is only ever set by one who takes the mutex, so an owner that has it knows. It goes when
//! many unlocks in a row found nobody.
//!
//! **Who is next.** While owners let go before they switch, an unlock frees the mutex and wakes the first who waits;
//! whoever is faster takes it, which keeps it on a processor that has it at hand, but only [`OVERTAKING_MAX`] times
//! between two of those who wait. Once an owner was seen switched out (it holds the mutex over a wait or a yield), to be
//! fast is of no use to anybody: the mutex is handed straight to the first, until the queue is empty.

use core::sync::atomic::Ordering;

use super::caller::{self, Caller};
use super::owner::{self, OWNER, Owner};
use super::patience::Patience;
use crate::base::fence;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::AtomicU64;
use crate::base::sync::cell::Cell;
use crate::engine;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::strand::{identity, poll};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::lot::{self, Fate, Node, Queues};

const RMW: u64 = 1 << 58;
const QUEUED: u64 = 1 << 59;
const AWAKE: u64 = 1 << 60;
const KEPT: u64 = 1 << 61;

/// How often others may take the mutex while somebody waits, before one of those who wait has it.
pub const OVERTAKING_MAX: u32 = 64;
/// Unlocks in a row that found nobody, before the next ones are plain again; twice as many each time.
const CALM: u16 = if cfg!(loom) { 1 } else { 256 };
const CALM_DOUBLINGS: u8 = 7;

/// See the module documentation. All-zero memory is a free one.
#[repr(C)]
pub struct Mutex {
    word: AtomicU64,
    // Of whoever holds it:
    overtaken: Cell<u32>,
    calm: Cell<u16>,
    doublings: Cell<u8>,
    /// 1: it is handed to the first who waits. Under the bucket's lock, while the queue is not empty.
    in_order: Cell<u8>,
}

const _: () = assert!(cfg!(loom) || size_of::<Mutex>() == 16);

// SAFETY: the cells belong to whoever holds the mutex, or the bucket's lock.
unsafe impl Sync for Mutex {}
// SAFETY: as above.
unsafe impl Send for Mutex {}

impl Mutex {
    /// A free one.
    #[cfg(loom)]
    pub fn new() -> Mutex {
        Mutex {
            word: AtomicU64::new(0),
            overtaken: Cell::new(0),
            calm: Cell::new(0),
            doublings: Cell::new(0),
            in_order: Cell::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn key(&self) -> usize {
        self as *const Mutex as usize
    }

    /// Who holds it, or 0.
    pub fn owner(&self) -> u64 {
        // Relaxed: one's own ownership is seen in any case; for others it is a snapshot.
        self.word.load(Ordering::Relaxed) & OWNER
    }

    /// What an unlock leaves that found nobody.
    fn calm_word(&self) -> u64 {
        let calm = self.calm.get() + 1;
        if calm < CALM << self.doublings.get() {
            self.calm.set(calm);
            return RMW;
        }
        self.calm.set(0);
        self.doublings.set((self.doublings.get() + 1).min(CALM_DOUBLINGS));
        0
    }

    fn kept(&self) -> u64 {
        if self.overtaken.get() >= OVERTAKING_MAX { KEPT } else { 0 }
    }

    /// The mutex was taken, the word being this before.
    fn note_taken(&self, before: u64, waited: bool) {
        if waited {
            self.overtaken.set(0);
            self.calm.set(0);
        } else if before & (QUEUED | AWAKE) != 0 {
            self.overtaken.set(self.overtaken.get() + 1);
        }
    }
}

/// Locks.
#[inline(always)]
pub fn lock(mutex: &Mutex, deadline: i64) -> Outcome<()> {
    if !poll::is_raised(poll::CANCEL | poll::EXPLORED)
        && let Some(body) = identity::current()
    {
        let who = owner::strand(body);
        let word = mutex.word.load(Ordering::Relaxed);
        // Acquire pairs with the Release of an unlock.
        if word & !RMW == 0
            && mutex.word.compare_exchange(word, word | who, Ordering::Acquire, Ordering::Relaxed).is_ok()
        {
            return Ok(());
        }
        return contend(mutex, who, deadline);
    }
    lock_slowly(mutex, deadline)
}

#[cold]
fn lock_slowly(mutex: &Mutex, deadline: i64) -> Outcome<()> {
    let caller = caller::waits(mutex.key(), deadline)?;
    contend(mutex, caller.who, deadline)
}

#[inline(never)]
fn contend(mutex: &Mutex, who: u64, deadline: i64) -> Outcome<()> {
    if try_take(mutex, who, false).is_ok() {
        return Ok(());
    }
    contend_waiting(mutex, who, deadline)
}

#[inline(never)]
fn contend_waiting(mutex: &Mutex, who: u64, deadline: i64) -> Outcome<()> {
    Waiting { mutex, node: Node::new(who, 0) }.acquire(deadline)
}

/// Takes the mutex if it is free for the caller; else what the word was. `woken`: the caller is the one that was woken.
#[inline]
fn try_take(mutex: &Mutex, who: u64, woken: bool) -> Result<(), u64> {
    let mut word = mutex.word.load(Ordering::Relaxed);
    loop {
        if word & OWNER != 0 || word & KEPT != 0 && !woken {
            return Err(word);
        }
        let mut taken = who | word & (RMW | QUEUED | AWAKE);
        if woken {
            taken = taken & !AWAKE | RMW;
        }
        // Acquire pairs with the Release of an unlock.
        match mutex.word.compare_exchange_weak(word, taken, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => break,
            Err(now) => word = now,
        }
    }
    mutex.note_taken(word, woken);
    Ok(())
}

/// Takes the mutex again after a wait on a condition, however long that takes.
pub(super) fn lock_again(mutex: &Mutex, who: u64, fate: Fate) -> Outcome<()> {
    let again = Waiting { mutex, node: Node::new(who, 0) };
    again.node.fate.set(fate);
    again.acquire(block::FOREVER)
}

struct Waiting<'a> {
    mutex: &'a Mutex,
    node: Node,
}

impl Waiting<'_> {
    fn acquire(&self, deadline: i64) -> Outcome<()> {
        let mut patience = Patience::new();
        loop {
            // Also after a wait: that is another stretch of an exploration.
            engine::touch_place(self.mutex.key());
            let Err(word) = try_take(self.mutex, self.node.who, self.node.fate.get() == Fate::Awake) else {
                return Ok(());
            };
            if deadline == NO_WAIT {
                return Err(Status::WOULD_BLOCK);
            }
            if word & OWNER == self.node.who {
                return recursion(self.mutex);
            }
            if word & KEPT == 0 && patience.spin(word & OWNER) {
                continue;
            }
            let status = block::wait(self, WaitKind::Mutex, self.mutex.key() as u64, deadline);
            match (self.node.fate.get(), status) {
                (Fate::Granted, _) => return Ok(()),
                (_, Status::OK) => {}
                (_, status) => {
                    self.give_up();
                    return Err(status);
                }
            }
        }
    }

    /// The one that was woken goes without the mutex: it was somebody else's turn to be woken.
    fn give_up(&self) {
        if self.node.fate.get() != Fate::Awake {
            return;
        }
        self.node.fate.set(Fate::Open);
        let mutex = self.mutex;
        let queues = lot::lock(mutex.key());
        let mut word = mutex.word.load(Ordering::Relaxed);
        loop {
            let next = match word & OWNER {
                // Taken on behalf of the next one who waits.
                0 if word & QUEUED != 0 => self.node.who | RMW | QUEUED,
                _ => word & !(AWAKE | KEPT),
            };
            match mutex.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if next & OWNER == self.node.who => return hand_on(mutex, queues),
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

#[cold]
fn recursion(mutex: &Mutex) -> Outcome<()> {
    fail(
        Status::DEADLOCK,
        format_args!(
            "mutex {:#x} is held by the caller, {}, which would wait for itself",
            mutex.key(),
            Owner(mutex.owner())
        ),
    )
}

/// What [`announce`] found.
struct Announced {
    /// The word before.
    word: u64,
    /// The bucket is watched for the node that is about to be queued.
    watches: bool,
}

/// Makes sure that whoever holds the mutex will look for those who wait, the node about to be queued among them; `None`
/// when the mutex was free instead and `taker`, if given, has it now. Under the bucket's lock.
///
/// `awake`: it is the one that was woken who is going to wait again.
fn announce(mutex: &Mutex, queues: &Queues, taker: Option<u64>, awake: bool) -> Option<Announced> {
    let key = mutex.key();
    let mut word = mutex.word.load(Ordering::Relaxed);
    let mut watches = false;
    loop {
        let free = word & OWNER == 0 && (word & KEPT == 0 || awake);
        let rest = if awake { word & !AWAKE } else { word };
        let next = match taker {
            Some(who) if free => who | RMW | rest & (QUEUED | AWAKE),
            _ => rest | QUEUED,
        };
        let takes = next & OWNER != word & OWNER;
        if !takes && word & OWNER != 0 && word & RMW == 0 && !watches {
            // Whoever has taken it plainly gives it back with a store, which may overwrite what is announced here: it
            // must see that this bucket is watched. Where somebody watches already, the fence was passed.
            watches = true;
            if queues.watch(key) {
                // Pairs with the light fence in `give_back_plainly`.
                fence::heavy();
                word = mutex.word.load(Ordering::Relaxed);
                continue;
            }
        }
        // Acquire pairs with the Release of an unlock, where the mutex is taken.
        match mutex.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) if takes => {
                mutex.note_taken(word, awake);
                if watches {
                    queues.settle(key);
                }
                return None;
            }
            Ok(_) => break,
            Err(now) => word = now,
        }
    }
    let holder = word & OWNER;
    // Still its owner after it was seen elsewhere: it has not suspended after having given the mutex back.
    if holder != 0 && !owner::is_running(holder) && mutex.owner() == holder {
        mutex.in_order.set(1);
    }
    Some(Announced { word, watches })
}

/// Queues a node for which [`announce`] has made sure that it will be found.
///
/// # Safety
/// As of [`Queues::push`].
unsafe fn enqueue(mutex: &Mutex, queues: &Queues, node: &Node, announced: &Announced, first: bool) {
    // SAFETY: by contract.
    unsafe {
        if first {
            queues.push_first(mutex.key(), node, announced.watches);
        } else {
            queues.push(mutex.key(), node, announced.watches);
        }
    }
    if announced.watches {
        // From here on it is the node that is counted.
        queues.settle(mutex.key());
    }
}

impl Source for Waiting<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let (mutex, node) = (self.mutex, &self.node);
        let awake = node.fate.get() == Fate::Awake;
        let queues = lot::lock(mutex.key());
        let Some(announced) = announce(mutex, &queues, Some(node.who), awake) else {
            node.fate.set(Fate::Granted);
            return Published::Done(Status::OK);
        };
        node.fate.set(Fate::Open);
        node.set_waiter(waiter);
        // SAFETY: in no queue; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { enqueue(mutex, &queues, node, &announced, awake) };
        if sole && !open_sole(waiter) {
            queues.remove(node);
            forget(mutex, &queues);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let (queues, left) = lot::take_out(&self.node);
        if left.is_some() {
            forget(self.mutex, &queues);
        }
    }
}

/// Somebody has left the queue without having been woken.
pub(super) fn forget(mutex: &Mutex, queues: &Queues) {
    if queues.is_empty(mutex.key()) {
        mutex.in_order.set(0);
        mutex.word.fetch_and(!QUEUED, Ordering::Relaxed);
    }
}

/// Queues somebody who has waited for something else, or wakes it to take the mutex. Its node is in no queue; the buckets
/// of both are locked. See `condition`.
pub(super) fn move_here(mutex: &Mutex, queues: &Queues, node: &Node, woken: &mut Woken) {
    let Some(announced) = announce(mutex, queues, None, false) else { return };
    if announced.word & (OWNER | AWAKE) != 0 {
        // SAFETY: in no queue; it lies in the frame of the one who waits.
        unsafe { enqueue(mutex, queues, node, &announced, false) };
        return;
    }
    // It is free, and nobody is on the way to it.
    if announced.watches {
        queues.settle(mutex.key());
    }
    let more = if queues.is_empty(mutex.key()) { 0 } else { QUEUED };
    let mut word = mutex.word.load(Ordering::Relaxed);
    while let Err(now) =
        mutex.word.compare_exchange_weak(word, word & !QUEUED | more | AWAKE, Ordering::Relaxed, Ordering::Relaxed)
    {
        word = now;
    }
    if !woken.win_with(node.waiter(), Status::OK, || node.fate.set(Fate::Awake)) {
        // Something else has ended the wait, and its owner takes the mutex like everybody.
        mutex.word.fetch_and(!(AWAKE | KEPT), Ordering::Relaxed);
    }
}

/// Unlocks.
#[inline(always)]
pub fn unlock(mutex: &Mutex) -> Outcome<()> {
    if !poll::is_raised(poll::EXPLORED)
        && let Some(body) = identity::current()
    {
        let who = owner::strand(body);
        // Relaxed: whether the caller holds it the caller has written itself.
        if mutex.word.load(Ordering::Relaxed) == who {
            give_back_plainly(mutex, who);
            return Ok(());
        }
        return unlock_by(mutex, who);
    }
    unlock_slowly(mutex)
}

#[inline(always)]
fn give_back_plainly(mutex: &Mutex, who: u64) {
    let key = mutex.key();
    // Release pairs with the Acquire of the next lock.
    mutex.word.store(0, Ordering::Release);
    // Pairs with the heavy fence in `announce`: it sees the mutex free, or we see that somebody watches.
    fence::light();
    if lot::is_watched(key) {
        look_after(mutex, who);
    }
}

#[cold]
fn unlock_slowly(mutex: &Mutex) -> Outcome<()> {
    let caller = caller::gives_back(mutex.key());
    match caller {
        Ok(Some(Caller { who, .. })) => unlock_by(mutex, who),
        Ok(None) => unlock_by(mutex, owner::caller()),
        // A thread may give back what it held when the runtime went away.
        Err(Status::NOT_INITIALISED) if mutex.owner() == owner::caller() => unlock_by(mutex, owner::caller()),
        Err(status) => Err(status),
    }
}

#[inline(never)]
fn unlock_by(mutex: &Mutex, who: u64) -> Outcome<()> {
    let word = mutex.word.load(Ordering::Relaxed);
    if word & OWNER != who {
        return not_owner(mutex, word & OWNER, who);
    }
    give_back(mutex, who);
    Ok(())
}

#[cold]
fn not_owner(mutex: &Mutex, holder: u64, who: u64) -> Outcome<()> {
    match holder {
        0 => fail(Status::INVALID, format_args!("mutex {:#x} is not held by anybody", mutex.key())),
        holder => fail(
            Status::INVALID,
            format_args!("mutex {:#x} is held by {}, not by the caller, {}", mutex.key(), Owner(holder), Owner(who)),
        ),
    }
}

/// Gives back a mutex that `who` holds.
pub(super) fn give_back(mutex: &Mutex, who: u64) {
    loop {
        let word = mutex.word.load(Ordering::Relaxed);
        if word == who {
            return give_back_plainly(mutex, who);
        }
        if word & (QUEUED | AWAKE) != QUEUED {
            // Nobody waits, or somebody is on the way to it already.
            let next = match word & AWAKE {
                0 => mutex.calm_word(),
                _ => word & !(OWNER | KEPT) | RMW | mutex.kept(),
            };
            // Release pairs with the Acquire of the next lock. From here on the mutex may be gone.
            if mutex.word.compare_exchange(word, next, Ordering::Release, Ordering::Relaxed).is_ok() {
                return;
            }
            continue;
        }
        let queues = lot::lock(mutex.key());
        // Under the bucket's lock nobody but its owner changes the word of a held mutex.
        if mutex.word.load(Ordering::Relaxed) & (QUEUED | AWAKE) == QUEUED {
            return hand_on(mutex, queues);
        }
    }
}

/// The mutex was given back plainly, and somebody watches its bucket. It is touched only if somebody waits for it: where
/// it lay there may be something else by now, for which others wait.
#[cold]
fn look_after(mutex: *const Mutex, who: u64) {
    let queues = lot::lock(mutex as usize);
    if queues.first(mutex as usize).is_none_or(|node| node.waiter().kind() != WaitKind::Mutex) {
        return;
    }
    // SAFETY: somebody waits for it, and cannot leave as long as the bucket is locked.
    let mutex = unsafe { &*mutex };
    let mut word = mutex.word.load(Ordering::Relaxed);
    loop {
        let takes = word & (OWNER | AWAKE) == 0;
        // Somebody has it, or is on the way to it, and hands it on in turn.
        let next = if takes { who | RMW | QUEUED } else { word | QUEUED };
        match mutex.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) if takes => return hand_on(mutex, queues),
            Ok(_) => return,
            Err(now) => word = now,
        }
    }
}

/// Hands a mutex on that the caller holds and somebody may wait for.
fn hand_on(mutex: &Mutex, queues: Queues) {
    let key = mutex.key();
    let mut woken = Woken::new();
    loop {
        // The word is written by the winner of a wait, before the one who waits can go on and free the mutex.
        let won = queues.win_first(key, &mut woken, |node| {
            let more = if queues.is_empty(key) { 0 } else { QUEUED };
            if mutex.in_order.get() != 0 {
                node.fate.set(Fate::Granted);
                mutex.note_taken(0, true);
                mutex.in_order.set(u8::from(more != 0));
                mutex.word.store(node.who | RMW | more, Ordering::Release);
            } else {
                node.fate.set(Fate::Awake);
                mutex.word.store(RMW | AWAKE | more | mutex.kept(), Ordering::Release);
            }
        });
        match won {
            Some(true) => break,
            Some(false) => {}
            None => {
                mutex.in_order.set(0);
                mutex.word.store(RMW, Ordering::Release);
                break;
            }
        }
    }
    drop(queues);
    woken.wake_all();
}

/// Who holds the mutex that this waiter waits for; 0 for nobody. `None` when it does not wait any more.
pub fn owner_while_waiting(key: usize, waiter: &Waiter) -> Option<u64> {
    // SAFETY: while the waiter waits, the mutex is there.
    lot::while_waiting(key, waiter, |_| unsafe { (*(key as *const Mutex)).owner() })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Whether the one who gave a mutex back takes what lies there by then, and somebody waits for, as the mutex.
    fn is_taken_for_the_mutex(kind: WaitKind) -> bool {
        // SAFETY: all-zero memory is a free mutex.
        let place: Mutex = unsafe { core::mem::zeroed() };
        let (waiter, node) = (Waiter::new(), Node::new(1, 1));
        waiter.describe(kind, place.key() as u64, block::FOREVER);
        waiter.claim.begin();
        node.set_waiter(&waiter);
        // SAFETY: in no queue; node and waiter outlive the queue's use of them, which ends below.
        unsafe { lot::lock(place.key()).push(place.key(), &node, false) };
        look_after(&place, 2);
        lot::lock(place.key()).remove(&node);
        assert_eq!(waiter.is_settled(), place.word.load(Ordering::Relaxed) != 0);
        waiter.is_settled()
    }

    #[test]
    fn whoever_gave_it_back_late_leaves_alone_what_lies_there_by_then() {
        assert!(is_taken_for_the_mutex(WaitKind::Mutex));
        for kind in [WaitKind::Semaphore, WaitKind::Condition, WaitKind::WriteLock, WaitKind::WaitGroup, WaitKind::Once]
        {
            assert!(!is_taken_for_the_mutex(kind), "{kind:?}");
        }
    }
}
