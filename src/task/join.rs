// SPDX-License-Identifier: MIT OR Apache-2.0
//! Joins: waiting for several tasks at once, with a rule that says when they are decided.
//!
//! ```text
//! link        a member in the list of each task; those that have ended are completed at once, in the order they ended
//! wait        until enough are complete to go on ◄──────────────────────────┐
//! judge       each completed member gets its rank; perhaps one decides      │
//! cancel      the others, once it is decided ───────────────────────────────┘ until all have ended
//! unlink      those that have not ended, when the joiner leaves before
//! ```
//! A task that ends puts its member into the join's queue, under the task's lock and then the join's. The join's lock lies
//! in the slot of its first task: memory that stays, so that whoever gives it back last may be late.

use core::alloc::Layout;
use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr;

use super::calls::{before_waiting, cancel_unheld, remember_cause};
use super::outcome::{Ended, Name, State, Task};
use super::table::{self, explain, find};
use super::watch::Watch;
use crate::base::failing;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::strand::body::Undo;
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, Published, Source, Woken, open_sole};
use crate::wait::reason;

/// The rank of a task that has not ended.
pub const NO_RANK: u32 = u32::MAX;
/// The index of nobody.
pub const NOBODY: usize = usize::MAX;
/// Members that need no memory from elsewhere.
const FEW: usize = 8;

/// What a custom rule says of a completed member, given its place and its outcome.
pub type Judge<'a> = &'a mut dyn FnMut(usize, &Ended, u32) -> Verdict;

/// Whether a join goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It waits for more.
    Continue,
    /// It is decided: the rest is cancelled.
    CancelRest,
}

/// When a join is decided.
pub enum Rule<'a> {
    /// All succeed; the first that does not decides.
    All,
    /// The first that ends decides.
    Race,
    /// The first that succeeds decides.
    Any,
    /// Nobody decides.
    AllSettled,
    /// A function of the program decides.
    Custom(Judge<'a>),
}

/// What a completed member does to the rule, as far as whoever completes it can say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    /// Every end.
    Every,
    /// Every success.
    Successes,
    /// Every end that is no success.
    Failures,
    /// The last end.
    Last,
}

impl Rule<'_> {
    fn wants(&self) -> Wants {
        match self {
            Rule::All => Wants::Failures,
            Rule::Race | Rule::Custom(_) => Wants::Every,
            Rule::Any => Wants::Successes,
            Rule::AllSettled => Wants::Last,
        }
    }

    /// Whether this member decides. No lock is held.
    fn judge(&mut self, index: usize, ended: &Ended, rank: u32) -> Verdict {
        let succeeded = ended.state == State::Succeeded;
        let decides = match self {
            Rule::All => !succeeded,
            Rule::Race => true,
            Rule::Any => succeeded,
            Rule::AllSettled => false,
            Rule::Custom(judge) => return judge(index, ended, rank),
        };
        if decides { Verdict::CancelRest } else { Verdict::Continue }
    }
}

/// One task of a join.
#[repr(C)]
struct Member {
    watch: Watch,
    join: *const Join,
    name: Name,
    /// Written by whoever completes it, before it is in the queue.
    ended: Cell<Ended>,
    next: Cell<*const Member>,
    index: usize,
    rank: Cell<u32>,
    complete: Cell<bool>,
}

/// What the tasks and the joiner share, under the lock.
struct Join {
    /// Its `join_lock` is the lock.
    first_task: &'static Task,
    queue: Cell<(*const Member, *const Member)>,
    waiter: Cell<*const Waiter>,
    /// Members that are not complete.
    left: Cell<usize>,
    wants: Cell<Wants>,
    /// Something in the queue was wanted.
    due: Cell<bool>,
}

/// # Safety
/// The watch is that of a [`Member`].
unsafe fn complete(watch: &Watch, ended: &Ended, woken: &mut Woken) -> bool {
    // SAFETY: by contract; a linked member is in place, and with it its join, until this lock was given back.
    let member = unsafe { &*(watch as *const Watch).cast::<Member>() };
    // SAFETY: as above.
    let join = unsafe { &*member.join };
    let lock = &join.first_task.join_lock;
    lock.lock();
    join.push(member, ended);
    let waiter = join.waiter.get();
    if join.due.get() && !waiter.is_null() {
        join.waiter.set(ptr::null());
        // SAFETY: the joiner takes its waiter back under this lock before it leaves.
        woken.win(unsafe { &*waiter }, Status::OK);
    }
    // From here on the join may be gone; its lock stays.
    lock.unlock();
    // The joiner says so when it hands the outcomes over.
    false
}

impl Join {
    /// Puts a completed member into the queue. Under the lock.
    fn push(&self, member: &Member, ended: &Ended) {
        member.ended.set(*ended);
        member.next.set(ptr::null());
        let (first, last) = self.queue.get();
        if last.is_null() {
            self.queue.set((member, member));
        } else {
            // SAFETY: members of the queue are in place.
            unsafe { (*last).next.set(member) };
            self.queue.set((first, member));
        }
        let left = self.left.get() - 1;
        self.left.set(left);
        let succeeded = ended.state == State::Succeeded;
        let wanted = match self.wants.get() {
            Wants::Every => true,
            Wants::Successes => succeeded,
            Wants::Failures => !succeeded,
            Wants::Last => false,
        };
        if wanted || left == 0 {
            self.due.set(true);
        }
    }

    /// Takes the queue.
    fn take(&self) -> *const Member {
        let lock = &self.first_task.join_lock;
        lock.lock();
        let (first, _) = self.queue.replace((ptr::null(), ptr::null()));
        self.due.set(false);
        lock.unlock();
        first
    }
}

impl Source for Join {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let lock = &self.first_task.join_lock;
        lock.lock();
        let published = if self.due.get() {
            Published::Done(Status::OK)
        } else {
            self.waiter.set(waiter);
            if sole && !open_sole(waiter) {
                self.waiter.set(ptr::null());
                Published::Done(Status::CANCELLED)
            } else {
                Published::Waiting
            }
        };
        lock.unlock();
        published
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let lock = &self.first_task.join_lock;
        lock.lock();
        self.waiter.set(ptr::null());
        lock.unlock();
    }
}

/// Room for members, and for the handles in order: a few on the stack, more in one allocation.
struct Room {
    few: [MaybeUninit<Member>; FEW],
    many: *mut u8,
    count: usize,
}

impl Room {
    fn layout(count: usize) -> Option<Layout> {
        let members = Layout::array::<Member>(count).ok()?;
        members.extend(Layout::array::<u64>(count).ok()?).ok().map(|(layout, _)| layout)
    }

    fn new(count: usize) -> Outcome<Room> {
        let mut room = Room { few: [const { MaybeUninit::uninit() }; FEW], many: ptr::null_mut(), count };
        if count > FEW {
            let layout = Self::layout(count).filter(|_| !failing::now()).ok_or(Status::NO_MEMORY)?;
            // SAFETY: the size is not 0.
            room.many = unsafe { std::alloc::alloc(layout) };
            if room.many.is_null() {
                return Err(Status::NO_MEMORY);
            }
        }
        Ok(room)
    }

    fn members(&mut self) -> *mut Member {
        if self.many.is_null() { self.few.as_mut_ptr().cast() } else { self.many.cast() }
    }

    /// Room for the handles; only where there are many.
    fn handles(&mut self) -> *mut u64 {
        // SAFETY: they lie behind the members in the same allocation.
        unsafe { self.many.cast::<Member>().add(self.count).cast() }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.many.is_null()
            && let Some(layout) = Self::layout(self.count)
        {
            // SAFETY: allocated with this layout. Members have nothing to drop.
            unsafe { std::alloc::dealloc(self.many, layout) };
        }
    }
}

/// What came of a join.
pub struct Joined {
    /// The status.
    pub status: Status,
    /// Who decided; [`NOBODY`] where no single task did.
    pub decided: usize,
}

/// Joins tasks. `show` is given each member's outcome and rank when the join has something to say of them: with OK, FAILED,
/// TIMEOUT, and WOULD_BLOCK after a decision. Every other end is an error.
///
/// # Safety
/// `tasks` points to `count` readable handles.
pub unsafe fn join(
    mut rule: Rule<'_>,
    tasks: *const u64,
    count: usize,
    deadline: i64,
    mut show: impl FnMut(usize, &Ended, u32),
) -> Outcome<Joined> {
    let own = before_waiting(deadline)?;
    if count == 0 {
        let _call = super::calls::enter()?;
        return match rule {
            Rule::Race | Rule::Any => fail(Status::EMPTY, format_args!("a join of no task has nothing to choose from")),
            _ => Ok(Joined { status: Status::OK, decided: NOBODY }),
        };
    }
    // SAFETY: by contract.
    let handles = unsafe { core::slice::from_raw_parts(tasks, count) };
    let first = find(Kind::Task, handles[0])?; // and the count of the calling thread, to the end
    let mut room = match Room::new(count) {
        Ok(room) => room,
        Err(status) => return fail(status, format_args!("no memory to join {count} tasks")),
    };
    let place = &raw mut room;
    // SAFETY: the room of this frame; every use of it is by this pointer.
    let room = unsafe { &mut *place };
    refuse_twice(handles, room)?;
    let join = Join {
        first_task: first.name.task,
        queue: Cell::new((ptr::null(), ptr::null())),
        waiter: Cell::new(ptr::null()),
        left: Cell::new(count),
        wants: Cell::new(rule.wants()),
        due: Cell::new(false),
    };
    let members = link(&join, handles, room, own)?;
    let body = identity::current().filter(|_| matches!(rule, Rule::Custom(_)));
    let left = Left { members, room: place };
    let outer = body.map_or(ptr::null(), |body| body.undo.get());
    let undo = Undo { act: undo_join, data: (&raw const left).cast(), outer };
    if let Some(body) = body {
        body.undo.set(&undo);
    }
    let mut run = Run { join: &join, members, rule: &mut rule, deadline, ranks: 0, decided: NOBODY };
    let result = run.finish();
    let decided = run.decided;
    if let Some(body) = body {
        body.undo.set(outer);
    }
    let status = match result {
        Ok(()) => rule.status(members, decided),
        Err(status) => status,
    };
    // Members that have ended leave nothing behind; of the others nobody may keep the address.
    unlink(members);
    let told = matches!(status, Status::OK | Status::FAILED | Status::TIMEOUT)
        || status == Status::WOULD_BLOCK && decided != NOBODY;
    if !told {
        return Err(status);
    }
    for member in members {
        hand_over(member, &mut show);
    }
    if status == Status::FAILED
        && decided != NOBODY
        && let Some(own) = own
    {
        remember_cause(own, members[decided].name);
    }
    Ok(Joined { status, decided })
}

/// What a join whose strand fails inside a function of the program leaves behind.
struct Left {
    members: *const [Member],
    room: *mut Room,
}

/// # Safety
/// `data` is the [`Left`] of a join that will not go on.
unsafe fn undo_join(data: *const ()) {
    // SAFETY: by contract; the join's frame is still there.
    unsafe {
        let left = &*data.cast::<Left>();
        unlink(&*left.members);
        ptr::drop_in_place(left.room);
    }
}

impl Rule<'_> {
    /// The status when every member has ended.
    fn status(&self, members: &[Member], decided: usize) -> Status {
        let failed = match self {
            Rule::All => decided != NOBODY,
            Rule::Race => members[decided].ended.get().state != State::Succeeded,
            Rule::Any => decided == NOBODY,
            Rule::AllSettled | Rule::Custom(_) => false,
        };
        if failed { Status::FAILED } else { Status::OK }
    }
}

/// A task that is there twice would be its own rival.
fn refuse_twice(handles: &[u64], room: &mut Room) -> Outcome<()> {
    let twice = if handles.len() <= FEW {
        handles.iter().enumerate().find(|(at, handle)| handles[..*at].contains(handle)).map(|(_, handle)| *handle)
    } else {
        // SAFETY: there is room for as many, and nobody else uses it.
        let sorted = unsafe {
            ptr::copy_nonoverlapping(handles.as_ptr(), room.handles(), handles.len());
            core::slice::from_raw_parts_mut(room.handles(), handles.len())
        };
        sorted.sort_unstable();
        sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    };
    match twice {
        Some(task) => fail(Status::INVALID, format_args!("task {task:#x} is in the list twice")),
        None => Ok(()),
    }
}

/// Links a member into each task. When a handle is no good everything is as before.
fn link<'a>(join: &Join, handles: &[u64], room: &'a mut Room, own: Option<&'static Task>) -> Outcome<&'a [Member]> {
    let members = room.members();
    for (index, handle) in handles.iter().enumerate() {
        let linked = table::name(Kind::Task, *handle).and_then(|name| {
            if own.is_some_and(|own| ptr::eq(own, name.task)) {
                return fail(Status::INVALID, format_args!("task {handle:#x} cannot wait for its own end"));
            }
            // SAFETY: inside the room, not written yet.
            unsafe {
                members.add(index).write(Member {
                    watch: Watch::new(complete),
                    join,
                    name,
                    ended: Cell::new(Ended::plain(State::Pending)),
                    next: Cell::new(ptr::null()),
                    index,
                    rank: Cell::new(NO_RANK),
                    complete: Cell::new(false),
                });
                link_one(join, &*members.add(index), *handle)
            }
        });
        if let Err(status) = linked {
            // SAFETY: those before were written.
            unlink(unsafe { core::slice::from_raw_parts(members, index) });
            return Err(status);
        }
    }
    // SAFETY: all were written.
    Ok(unsafe { core::slice::from_raw_parts(members, handles.len()) })
}

fn link_one(join: &Join, member: &Member, handle: u64) -> Outcome<()> {
    crate::engine::touch(handle);
    let locked = member.name.lock().or_else(|status| explain(Kind::Task, handle, status))?;
    if !locked.state().is_terminal() {
        // SAFETY: the member stays in place until it is unlinked.
        unsafe { locked.watch(&member.watch) };
        return Ok(());
    }
    let lock = &join.first_task.join_lock;
    lock.lock();
    join.push(member, &locked.look());
    lock.unlock();
    Ok(())
}

/// Takes the members out that are still in the list of their task.
fn unlink(members: &[Member]) {
    for member in members {
        // One that is complete is in no list, and nobody touches it any more.
        if !member.complete.get() {
            member.name.task.lock().unwatch(&member.watch);
        }
    }
}

/// Tells the outcome of a member, which is thereby seen.
fn hand_over(member: &Member, show: &mut impl FnMut(usize, &Ended, u32)) {
    let mut ended = member.ended.get();
    if !member.complete.get() {
        // Its task has not ended, or just now; this join has not noticed.
        ended = match member.name.task.lock() {
            locked if member.name.is_of(&locked) && !locked.state().is_terminal() => locked.look(),
            _ => Ended::plain(State::Running),
        };
    } else if ended.state == State::Failed {
        see(member);
    }
    show(member.index, &ended, member.rank.get());
}

#[cold]
fn see(member: &Member) {
    if let Ok(locked) = member.name.lock() {
        locked.mark_seen();
    }
}

/// A join that is under way.
struct Run<'a, 'r> {
    join: &'a Join,
    members: &'a [Member],
    rule: &'a mut Rule<'r>,
    deadline: i64,
    ranks: u32,
    decided: usize,
}

impl Run<'_, '_> {
    /// Waits until every member has ended; the status with which something else ended the wait.
    fn finish(&mut self) -> Outcome<()> {
        let mut batch = sort(self.join.take(), self.members.len());
        loop {
            self.judge(batch);
            if self.ranks as usize == self.members.len() {
                return Ok(());
            }
            match block::wait(self.join, WaitKind::TaskJoin, self.members[0].name.handle(), self.deadline) {
                Status::OK => batch = self.join.take(),
                status => return self.last_look(status),
            }
        }
    }

    /// The wait is over. Without a wait or with a deadline that has passed, what has completed meanwhile still counts.
    fn last_look(&mut self, status: Status) -> Outcome<()> {
        if matches!(status, Status::TIMEOUT | Status::WOULD_BLOCK) {
            let batch = self.join.take();
            self.judge(batch);
            if self.ranks as usize == self.members.len() {
                return Ok(());
            }
        }
        Err(status)
    }

    fn judge(&mut self, mut batch: *const Member) {
        // SAFETY: members of the queue are in place; nobody else has this part of it any more.
        while let Some(member) = unsafe { batch.as_ref() } {
            batch = member.next.get();
            let rank = self.ranks;
            self.ranks += 1;
            member.rank.set(rank);
            member.complete.set(true);
            if self.decided == NOBODY && self.rule.judge(member.index, &member.ended.get(), rank) == Verdict::CancelRest
            {
                self.decided = member.index;
                self.cancel_rest();
            }
        }
    }

    /// The others are asked to end, and waited for.
    fn cancel_rest(&self) {
        let lock = &self.join.first_task.join_lock;
        lock.lock();
        self.join.wants.set(Wants::Last);
        lock.unlock();
        for member in self.members {
            if !member.complete.get() {
                // Also one without a handle. It may have ended meanwhile, or have been asked before.
                cancel_unheld(member.name, reason::JOIN_DECIDED);
            }
        }
    }
}

/// The members that had ended before the call, in the order in which they ended: a merge sort of the list.
fn sort(mut list: *const Member, count: usize) -> *const Member {
    let mut width = 1;
    while width < count {
        let (mut rest, mut sorted, mut last) = (list, ptr::null(), ptr::null::<Member>());
        while !rest.is_null() {
            let (left, after_left) = split(rest, width);
            let (right, after_right) = split(after_left, width);
            rest = after_right;
            let (first, end) = merge(left, right);
            if last.is_null() {
                sorted = first;
            } else {
                // SAFETY: in the queue that was taken, thus in place.
                unsafe { (*last).next.set(first) };
            }
            last = end;
        }
        list = sorted;
        width *= 2;
    }
    list
}

/// Cuts the first `width` members off a list: those, and the rest.
fn split(list: *const Member, width: usize) -> (*const Member, *const Member) {
    let mut last = list;
    for _ in 1..width {
        // SAFETY: in the queue that was taken, thus in place.
        match unsafe { last.as_ref() } {
            Some(member) => last = member.next.get(),
            None => break,
        }
    }
    // SAFETY: as above.
    match unsafe { last.as_ref() } {
        Some(member) => (list, member.next.replace(ptr::null())),
        None => (list, ptr::null()),
    }
}

/// Makes one list of two: its first and its last.
fn merge(mut left: *const Member, mut right: *const Member) -> (*const Member, *const Member) {
    let (mut first, mut last) = (ptr::null(), ptr::null::<Member>());
    loop {
        // SAFETY: in the queue that was taken, thus in place.
        let taken = unsafe {
            match (left.as_ref(), right.as_ref()) {
                (Some(a), Some(b)) if b.ended.get().stamp < a.ended.get().stamp => &mut right,
                (Some(_), _) => &mut left,
                (None, Some(_)) => &mut right,
                (None, None) => return (first, last),
            }
        };
        let member = *taken;
        // SAFETY: as above.
        *taken = unsafe { (*member).next.get() };
        if last.is_null() {
            first = member;
        } else {
            // SAFETY: as above.
            unsafe { (*last).next.set(member) };
        }
        last = member;
    }
}
