// SPDX-License-Identifier: MIT OR Apache-2.0
//! How strands come to be.

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use super::config::{self, MIGRATE_FREE, MIGRATE_NEVER, MIGRATE_NEW_ONLY};
use super::strands::{enter, explain, find};
use super::{lifecycle, policies, tokens};
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::engine::parallel::{self, Parallel, worker};
use crate::engine::stepped::Stepped;
use crate::engine::{self, After, Commit, Worker, world};
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::head::{self, CLASS_SHIFT, FLAG_EXTRAS, FLAG_PINNED, FLAG_STAYS, FLAG_UNCOUNTED, Head, Phase};
use crate::strand::message::{self, fail};
use crate::strand::{identity, locals};
use crate::task::scope;
use crate::wait::cancel;
use crate::wait::tree::{self, Held};

/// The function of a strand.
pub type Entry = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// Not ready until started.
pub const SPAWN_DORMANT: u32 = 1;
/// Not waited for by run and wait-all.
pub const SPAWN_UNCOUNTED: u32 = 2;
/// Runs before the spawner goes on.
pub const SPAWN_RUN_FIRST: u32 = 4;
/// Stays on one worker.
pub const SPAWN_PINNED: u32 = 8;
/// May move although the configuration says otherwise.
pub const SPAWN_MIGRATABLE: u32 = 16;
/// Starts with the spawner's inheritable locals.
pub const SPAWN_INHERIT_LOCALS: u32 = 32;

/// Largest argument that is copied, in bytes.
const ARGUMENT_MAX: usize = 1 << 30;

/// Options of a spawn.
pub struct SpawnOptions<'a> {
    /// SPAWN_ bits.
    pub flags: u32,
    /// Name for messages.
    pub name: &'a [u8],
    /// Usable bytes of the stack; 0 for the default.
    pub stack_bytes: usize,
    /// Runs if the strand ends without having run.
    pub arg_drop: Option<unsafe extern "C" fn(*mut c_void)>,
    /// Bytes at the argument that are copied; 0 to pass the pointer.
    pub arg_bytes: usize,
    /// The pointer that language hooks get.
    pub local: *mut c_void,
    /// Lane; has an effect on the stepped engine.
    pub lane: u32,
    /// Priority; has an effect on the stepped engine.
    pub priority: i32,
    /// Handle of the cancel token that reaches the strand; 0 for none.
    pub cancel: u64,
    /// Handle of the scope whose child it is; 0 for the root.
    pub scope: u64,
    /// It runs a task.
    pub is_task: bool,
}

impl Default for SpawnOptions<'_> {
    fn default() -> Self {
        SpawnOptions {
            flags: 0,
            name: &[],
            stack_bytes: 0,
            arg_drop: None,
            arg_bytes: 0,
            local: core::ptr::null_mut(),
            lane: 0,
            priority: 0,
            cancel: 0,
            scope: 0,
            is_task: false,
        }
    }
}

/// The caller of a spawn.
struct Spawner {
    engine: &'static Parallel,
    worker: Option<&'static Worker>,
    body: Option<&'static Body>,
    /// Lane and priority of the new strand.
    place: (u32, i32),
    _call: Option<outside::Call>,
}

#[inline]
fn spawner() -> Outcome<Spawner> {
    match identity::current() {
        Some(body) => {
            let worker = worker::of(body);
            if cancel::is_all_cancelled() {
                return refuse_stopping();
            }
            Ok(Spawner { engine: worker.engine(), worker: Some(worker), body: Some(body), place: (0, 0), _call: None })
        }
        None => spawner_outside(),
    }
}

#[cold]
fn refuse_stopping<T>() -> Outcome<T> {
    Err(Status::CANCELLED)
}

#[cold]
fn spawner_outside() -> Outcome<Spawner> {
    let call = enter()?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    if let Err(status) = engine.ensure_worker() {
        return fail(status, format_args!("no thread could be started to run strands"));
    }
    Ok(Spawner { engine, worker: None, body: None, place: (0, 0), _call: Some(call) })
}

/// Flags of a head for a spawn.
fn head_flags(spawn: u32, class: u8) -> u8 {
    let migration = lifecycle::settings().migration;
    let mut flags = class << CLASS_SHIFT;
    if spawn & SPAWN_UNCOUNTED != 0 {
        flags |= FLAG_UNCOUNTED;
    }
    let moves = spawn & SPAWN_MIGRATABLE != 0 || migration == MIGRATE_FREE;
    if spawn & SPAWN_PINNED != 0 || migration == MIGRATE_NEVER && !moves {
        flags |= FLAG_PINNED;
    } else if migration == MIGRATE_NEW_ONLY && !moves {
        flags |= FLAG_STAYS;
    }
    flags
}

#[cold]
fn refuse_pinned() -> Outcome<()> {
    match lifecycle::settings().workers {
        1 => Ok(()),
        workers => fail(
            Status::UNSUPPORTED,
            format_args!("STRAND_SPAWN_PINNED: the may engine cannot keep a strand on one of {workers} workers"),
        ),
    }
}

/// Takes a head and writes what a strand starts with; phase free.
#[inline(always)]
fn prepare(spawner: &Spawner, entry: Entry, payload: u64, flags: u8, site: usize) -> Outcome<&'static Head> {
    let head = match spawner.engine.take_head(spawner.worker) {
        Ok(index) => head::at(index),
        Err(status) => return no_head(spawner, status),
    };
    if let Some(stepped) = spawner.engine.stepped() {
        admit(spawner, stepped, head)?;
    }
    head.entry.store(entry as usize, Ordering::Relaxed);
    head.payload.store(payload, Ordering::Relaxed);
    head.site.store(site, Ordering::Relaxed);
    head.flags.store(flags, Ordering::Relaxed);
    head.cancelled.store(0, Ordering::Relaxed);
    Ok(head)
}

/// The stepped engine keeps a place for every strand, so that making it ready cannot fail.
#[cold]
fn admit(spawner: &Spawner, stepped: &Stepped, head: &'static Head) -> Outcome<()> {
    let (lane, priority) = spawner.place;
    engine::touch(engine::touched::MAKING);
    let Err(status) = stepped.admit(head::index_of(head), lane, priority) else { return Ok(()) };
    spawner.engine.give_head(head::index_of(head));
    match status {
        Status::INVALID => fail(status, format_args!("there is no lane {lane}")),
        _ => fail(status, format_args!("no memory to schedule one more strand")),
    }
}

/// The parallel engine remembers lane and priority.
#[inline]
fn place(spawner: &Spawner, head: &'static Head) -> Outcome<&'static Head> {
    let (lane, priority) = spawner.place;
    if (lane, priority) == (0, 0) || spawner.engine.stepped().is_some() {
        return Ok(head);
    }
    match policies::spawned(head, lane, priority) {
        Ok(()) => Ok(head),
        Err(status) => {
            spawner.engine.give_head(head::index_of(head));
            Err(status)
        }
    }
}

#[cold]
fn no_head(spawner: &Spawner, status: Status) -> Outcome<&'static Head> {
    let most = spawner.engine.most_strands();
    match status {
        Status::LIMIT if spawner.engine.may().is_some() => fail(
            status,
            format_args!(
                "{most} strands are alive, which is the limit (max_strands, or that of the may engine; the parallel engine has room for more)"
            ),
        ),
        Status::LIMIT => fail(status, format_args!("{most} strands are alive, which is the limit (max_strands)")),
        _ => fail(status, format_args!("no memory for the control block of a strand")),
    }
}

#[inline]
fn count_in(spawner: &Spawner, flags: u8) {
    match spawner.worker {
        Some(worker) if flags & FLAG_UNCOUNTED == 0 => worker.counts.spawned.add(1),
        Some(worker) => worker.counts.uncounted_spawned.add(1),
        None => super::count::spawned_outside(flags & FLAG_UNCOUNTED == 0),
    }
}

/// Spawns a strand.
///
/// # Safety
/// The entry and its argument are what the program wants to run.
#[inline]
pub unsafe fn spawn(entry: Entry, arg: *mut c_void, site: usize) -> Outcome<u64> {
    let Some(body) = identity::current() else { return spawn_elsewhere(entry, arg, site) };
    if cancel::is_all_cancelled() {
        return refuse_stopping();
    }
    let worker = worker::of(body);
    let spawner =
        Spawner { engine: worker.engine(), worker: Some(worker), body: Some(body), place: (0, 0), _call: None };
    spawn_plainly(&spawner, entry, arg, site)
}

#[cold]
#[inline(never)]
fn spawn_elsewhere(entry: Entry, arg: *mut c_void, site: usize) -> Outcome<u64> {
    spawn_plainly(&spawner_outside()?, entry, arg, site)
}

/// Inlined, so that the spawner stays in registers.
#[inline(always)]
fn spawn_plainly(spawner: &Spawner, entry: Entry, arg: *mut c_void, site: usize) -> Outcome<u64> {
    let flags = lifecycle::plain_flags();
    let head = prepare(spawner, entry, arg as u64, flags, site)?;
    head.set_phase(Phase::Ready);
    let id = head::handle_of(head);
    count_in(spawner, flags);
    engine::spawn(head);
    Ok(id)
}

/// Spawns a strand with options.
///
/// # Safety
/// As [`spawn`]; `arg` points to `arg_bytes` readable bytes when that is not 0.
pub unsafe fn spawn_with(options: &SpawnOptions<'_>, entry: Entry, arg: *mut c_void, site: usize) -> Outcome<u64> {
    let mut spawner = spawner()?;
    // SAFETY: by contract.
    let head = unsafe { make(&mut spawner, options, entry, arg, site) }?;
    let id = head::handle_of(head);
    if options.flags & SPAWN_DORMANT != 0 {
        head.set_phase(Phase::Dormant);
        return Ok(id);
    }
    head.set_phase(Phase::Ready);
    count_in(&spawner, head.flags.load(Ordering::Relaxed));
    match (options.flags & SPAWN_RUN_FIRST != 0, spawner.worker, spawner.body) {
        // Who has stopped the world may not switch: its child is ready when the world goes on.
        (true, Some(_), Some(body)) if !world::is_of(body) && !worker::of(body).region.is_of(body) => {
            let mut record = RunFirst { commit: Commit { run: commit_run_first }, child: head };
            // SAFETY: the running strand's body; no lock is held; the commit expects this record.
            unsafe { engine::suspend(body, &mut record.commit) };
        }
        _ => engine::spawn(head),
    }
    Ok(id)
}

/// Makes a strand that is ready and counted, but lies in no queue: the caller hands it the turn, or to the engine.
///
/// # Safety
/// As [`spawn_with`].
pub unsafe fn spawn_held(
    options: &SpawnOptions<'_>,
    entry: Entry,
    arg: *mut c_void,
    site: usize,
) -> Outcome<&'static Head> {
    let mut spawner = spawner()?;
    // SAFETY: by contract.
    let head = unsafe { make(&mut spawner, options, entry, arg, site) }?;
    head.set_phase(Phase::Ready);
    count_in(&spawner, head.flags.load(Ordering::Relaxed));
    Ok(head)
}

/// Makes a strand; its phase is still that of a free one.
///
/// # Safety
/// As [`spawn_with`].
unsafe fn make(
    spawner: &mut Spawner,
    options: &SpawnOptions<'_>,
    entry: Entry,
    arg: *mut c_void,
    site: usize,
) -> Outcome<&'static Head> {
    spawner.place = (options.lane, options.priority);
    let class = config::class_for(options.stack_bytes, lifecycle::settings().stack_class)?;
    let flags = head_flags(options.flags, class);
    if flags & FLAG_PINNED != 0 && spawner.engine.may().is_some() {
        refuse_pinned()?;
    }
    if options.arg_bytes > ARGUMENT_MAX {
        return fail(
            Status::LIMIT,
            format_args!("an argument of {} bytes: the largest that is copied has {ARGUMENT_MAX}", options.arg_bytes),
        );
    }
    // SAFETY: by contract.
    let extras = unsafe { extras_for(options, arg, spawner) }?;
    let (payload, flags) = if extras.is_null() { (arg as u64, flags) } else { (extras as u64, flags | FLAG_EXTRAS) };
    let placed = reached_by(options).and_then(|token| {
        let head = prepare(spawner, entry, payload, flags, site).and_then(|head| place(spawner, head));
        let bound = head.and_then(|head| bind(spawner, head, token.as_ref(), extras, options));
        if bound.is_err() && options.scope != 0 {
            scope::refused(options.scope);
        }
        bound
    });
    if placed.is_err() {
        // SAFETY: made above, not handed over; the argument stays the caller's.
        unsafe { free_extras(extras) };
    }
    placed
}

/// What cancels a strand that is about to be made: its scope, which counts it from now on, or a token.
fn reached_by(options: &SpawnOptions<'_>) -> Outcome<Option<Held>> {
    match (options.scope, options.cancel) {
        (0, token) => tokens::find_or_none(token),
        (scope, 0) => scope::admit(scope).map(Some),
        _ => fail(
            Status::INVALID,
            format_args!(
                "a strand has a scope or a cancel token: a token that is to reach a scope goes into its options"
            ),
        ),
    }
}

/// Binds a strand that is not published yet to its cancel token: the last that can fail.
fn bind(
    spawner: &Spawner,
    head: &'static Head,
    token: Option<&Held>,
    extras: *const Extras,
    options: &SpawnOptions<'_>,
) -> Outcome<&'static Head> {
    let Some(token) = token else { return Ok(head) };
    // SAFETY: the extras are this strand's, which nobody else knows yet.
    unsafe {
        (*extras).member.counted.set(options.scope != 0);
        (*extras).member.is_task.set(options.is_task);
    }
    // SAFETY: the extras are this strand's from now on, and its end makes the token forget them.
    match unsafe { tree::bind(token.token(), extras, head) } {
        Ok(()) => Ok(head),
        Err(status) => {
            spawner.engine.give_head(head::index_of(head));
            Err(status)
        }
    }
}

/// The commit of a spawner whose child runs first.
#[repr(C)]
struct RunFirst {
    commit: Commit,
    child: &'static Head,
}

/// # Safety
/// `record` is the first field of a [`RunFirst`] on the stack of `spawner`, which is switched out and held.
unsafe fn commit_run_first(worker: &Worker, spawner: &'static Head, record: *mut Commit) -> After {
    // SAFETY: by contract.
    let child = unsafe { (*record.cast::<RunFirst>()).child };
    worker.spawned_first(child, spawner);
    After::Gone
}

/// # Safety
/// As [`spawn_with`].
unsafe fn extras_for(options: &SpawnOptions<'_>, arg: *mut c_void, spawner: &Spawner) -> Outcome<*mut Extras> {
    let inherits = options.flags & SPAWN_INHERIT_LOCALS != 0;
    let needed = !options.name.is_empty()
        || options.arg_drop.is_some()
        || options.arg_bytes > 0
        || !options.local.is_null()
        || options.cancel != 0
        || options.scope != 0
        || inherits;
    if !needed {
        return Ok(core::ptr::null_mut());
    }
    // SAFETY: by contract.
    let made = unsafe { Extras::new(arg, options.arg_bytes, options.name) };
    let extras = match made {
        Ok(extras) => extras,
        Err(status) => return fail(status, format_args!("no memory for the name or the argument of a strand")),
    };
    // SAFETY: just made, ours alone.
    unsafe {
        (*extras).arg_drop = options.arg_drop;
        (*extras).local = options.local;
    }
    if inherits && let Some(body) = spawner.body {
        match locals::inherit(body) {
            // SAFETY: as above.
            Ok(array) => unsafe { (*extras).locals = array },
            Err(status) => {
                // SAFETY: as above.
                unsafe { free_extras(extras) };
                return fail(status, format_args!("no memory for the locals of a strand"));
            }
        }
    }
    Ok(extras)
}

/// # Safety
/// The extras were made by [`extras_for`] and handed to nobody; null is nothing.
unsafe fn free_extras(extras: *mut Extras) {
    if extras.is_null() {
        return;
    }
    // SAFETY: by contract.
    unsafe {
        message::release((*extras).locals);
        Extras::free(extras);
    }
}

/// Makes a dormant strand ready.
pub fn start(id: u64) -> Outcome<()> {
    let spawner = spawner()?;
    engine::touch(id);
    let (head, generation) = find(spawner.engine, id)?;
    head.lock.lock();
    let found = head::compare(head, generation);
    let dormant = found.is_ok() && head.phase() == Phase::Dormant;
    if dormant {
        head.set_phase(Phase::Ready);
        count_in(&spawner, head.flags.load(Ordering::Relaxed));
    }
    head.lock.unlock();
    match found {
        Err(status) => explain(id, status),
        Ok(()) if dormant => {
            engine::spawn(head);
            Ok(())
        }
        Ok(()) => fail(Status::ALREADY, format_args!("strand {id:#x} was started before")),
    }
}
