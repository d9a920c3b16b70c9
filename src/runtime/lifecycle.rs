// SPDX-License-Identifier: MIT OR Apache-2.0
//! From init to shutdown, and again.

use core::cell::UnsafeCell;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::config::{self, Config, MIGRATE_FREE, MIGRATE_NEVER, Settings};
use super::recording::Request;
use super::{count, entry, environment, exploring, policies, recording, stepping, tasks};
use crate::base::fence;
use crate::base::handle::INDEX_MAX;
use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::may::{self, May};
use crate::engine::outside::{self, State};
use crate::engine::parallel::spare::SPARES;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::Stepped;
use crate::engine::{Upcalls, clock, world};
use crate::explore::Plan;
use crate::gpu::{self, device, ticket};
use crate::io::pool as offload_pool;
use crate::memory::stack_pool::{GuardKind, MPROTECT_GUARDS_MAX, StackPool};
use crate::memory::table::Table;
use crate::policy::{Kind, Rules};
use crate::record::token;
use crate::strand::head::{self, CLASS_SHIFT, FLAG_PINNED, FLAG_STAYS, Head, Phase};
use crate::strand::message::{Text, fail, try_box};
use crate::strand::{exceptions, fault, hooks, identity, locals, log, overflow};
use crate::sync::{channel, timer};
use crate::task::{generator, monitor, scope, table};
use crate::wait::{block, cancel, end, fire, lot, reason, threads, tree};

/// Held by whoever changes the runtime's life.
static LIFE: Mutex<()> = Mutex::new(());
static FORK_HANDLER: AtomicBool = AtomicBool::new(false);
static PLAIN_FLAGS: AtomicU8 = AtomicU8::new(0);

struct Current(UnsafeCell<Settings>);

// SAFETY: written only while no strand and no worker exists, under LIFE.
unsafe impl Sync for Current {}

static SETTINGS: Current = Current(UnsafeCell::new(Settings {
    engine: config::ENGINE_PARALLEL,
    rules: Rules::of(Kind::Cooperative),
    virtual_clock: false,
    max_steps: 0,
    workers: 1,
    migration: MIGRATE_FREE,
    fault_policy: config::FAULT_ISOLATE,
    stack_class: crate::memory::stack_class::DEFAULT_CLASS,
    max_strands: None,
    offload_threads: offload_pool::THREADS_DEFAULT,
    gpu: device::Wish::ANY,
    hooks: hooks::NONE,
    log: None,
    identity_by_thread: false,
    mprotect_guards: false,
}));

/// The settings of the runtime that is up.
#[inline]
pub fn settings() -> &'static Settings {
    // SAFETY: not written while a runtime is up.
    unsafe { &*SETTINGS.0.get() }
}

/// Flags of a strand that is spawned without options.
#[inline]
pub fn plain_flags() -> u8 {
    PLAIN_FLAGS.load(Ordering::Relaxed)
}

fn life() -> Outcome<MutexGuard<'static, ()>> {
    match LIFE.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::Poisoned(poisoned)) => Ok(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => {
            fail(Status::BUSY, format_args!("another thread is starting the runtime or shutting it down"))
        }
    }
}

/// Initialises the runtime. Again with nothing or the same: OK. Different: ALREADY.
pub fn initialise(config: Option<&Config>) -> Outcome<()> {
    if identity::current().is_some() {
        // A strand proves that the runtime is up, and must not wait for a lock that a shutdown may hold.
        return agree(config);
    }
    if outside::state() == State::Forked {
        return fail(
            Status::FORKED,
            format_args!("this is a forked child of a process that had initialised the runtime"),
        );
    }
    if outside::state() == State::Stopping {
        return fail(Status::BUSY, format_args!("the runtime is shutting down"));
    }
    // A second initialiser waits for the first, so that both find a runtime.
    let life = LIFE.lock().unwrap_or_else(PoisonError::into_inner);
    match outside::state() {
        State::Up => agree(config),
        State::Stopping => fail(Status::BUSY, format_args!("the runtime is shutting down")),
        State::Forked => Err(Status::FORKED),
        State::Down => {
            let (settings, schedules) = settle_all(config, false)?;
            bring_up(&settings, schedules)?;
            drop(life);
            warn_of_dear_guards(&settings);
            Ok(())
        }
    }
}

fn warn_of_dear_guards(settings: &Settings) {
    let dear = parallel::engine().is_some_and(|engine| engine.stacks.guard_kind() == GuardKind::Mprotect);
    if dear && !settings.mprotect_guards {
        log::write(
            log::WARNING,
            format_args!(
                "the kernel has no guard markers (Linux 6.13) or memory is locked: at most {MPROTECT_GUARDS_MAX} strands have stacks at once"
            ),
        );
    }
}

fn settle(config: Option<&Config>) -> Outcome<Settings> {
    settle_all(config, true).map(|(settings, _)| settings)
}

/// What `config` and the environment ask for. With `is_up` it is compared with the runtime that is there.
fn settle_all(config: Option<&Config>, is_up: bool) -> Outcome<(Settings, Schedules)> {
    let mut filled = config.copied().unwrap_or_default();
    let extra = environment::fill(&mut filled)?;
    let schedules = Schedules::of(&mut filled, is_up)?;
    if !matches!(schedules, Schedules::Policy) {
        // Whatever engine the program asks for: only this one can be told what to do.
        filled.engine = config::ENGINE_STEPPED;
    }
    let settings = config::settle(&filled, extra.identity_by_thread, extra.mprotect_guards)?;
    Ok((settings, schedules))
}

/// Which schedules the program is run under.
enum Schedules {
    /// The one that its policy gives.
    Policy,
    /// Many, until one fails.
    Search(Plan),
    /// That of a token.
    Token(String),
    /// The one that its policy gives, written down; or the one that was written down.
    Recorded(Box<Request>),
}

impl Schedules {
    fn of(config: &mut Config, is_up: bool) -> Outcome<Schedules> {
        // SAFETY: the texts stay while init runs.
        let (explore, replay, record) = unsafe { (config.explore.get(), config.replay.get(), config.record.get()) };
        let token = replay.and_then(|text| text.to_str().ok()).filter(|text| token::is_token(text));
        match (explore, replay, record) {
            (None, None, None) => Ok(Schedules::Policy),
            (Some(_), Some(_), _) => {
                fail(Status::INVALID, format_args!("explore and replay are both set (STRAND_EXPLORE, STRAND_REPLAY)"))
            }
            (Some(_), _, Some(_)) => {
                fail(Status::INVALID, format_args!("explore and record are both set (STRAND_EXPLORE, STRAND_RECORD)"))
            }
            (Some(text), None, None) => match text.to_str().map(Plan::parse) {
                Ok(Ok(plan)) => Ok(Schedules::Search(plan)),
                Ok(Err(wrong)) => fail(Status::INVALID, format_args!("explore (STRAND_EXPLORE) has {wrong}")),
                Err(_) => fail(Status::INVALID, format_args!("explore (STRAND_EXPLORE) is not text")),
            },
            (None, Some(_), None) if token.is_some() => Ok(Schedules::Token(token.unwrap_or("").to_owned())),
            (None, Some(_), Some(_)) if token.is_some() => fail(
                Status::UNSUPPORTED,
                format_args!(
                    "the schedule of a token is not recorded: set record (STRAND_RECORD) or replay (STRAND_REPLAY)"
                ),
            ),
            (None, _, _) => Ok(Schedules::Recorded(Box::new(Request::of(config, record, replay, is_up)?))),
        }
    }

    /// Sets the engine up for them. In a search this comes back once in every child.
    fn begin(self, engine: &'static Parallel, settings: &Settings) -> Outcome<()> {
        match (self, engine.stepped()) {
            (Schedules::Search(plan), Some(stepped)) => exploring::forked::search(stepped, &plan),
            (Schedules::Token(text), Some(stepped)) => exploring::replayed::begin(stepped, &text),
            (Schedules::Recorded(request), Some(_)) => recording::begin(engine, settings, *request),
            _ => Ok(()),
        }
    }

    fn explores(&self) -> bool {
        matches!(self, Schedules::Search(_) | Schedules::Token(_))
    }
}

fn agree(config: Option<&Config>) -> Outcome<()> {
    if config.is_none() || settle(config)?.agrees_with(settings()) {
        return Ok(());
    }
    fail(Status::ALREADY, format_args!("the runtime is initialised with another configuration"))
}

/// Makes the tables of everything that has handles.
fn start_tables() -> Outcome<()> {
    type Start = fn() -> Outcome<()>;
    let starts: [(Start, &str); 7] = [
        (channel::start, "channels"),
        (tree::start, "cancel tokens"),
        (table::start, "tasks"),
        (scope::start, "scopes"),
        (|| timer::begin(INDEX_MAX), "timers"),
        (generator::start, "generators"),
        (monitor::start, "monitors"),
    ];
    for (start, what) in starts.into_iter().chain(gpu::STARTS) {
        start().or_else(|status| fail(status, format_args!("no memory for the table of {what}")))?;
    }
    end::tell_tasks(tasks::strand_ended);
    Ok(())
}

/// Frees those that were started, with everything in them.
///
/// # Safety
/// No strand runs, no call is inside.
unsafe fn stop_tables() {
    // SAFETY: by contract.
    unsafe {
        gpu::stop();
        generator::stop();
        timer::end();
        scope::stop();
        table::stop();
        tree::stop();
        channel::stop();
        // Letters of theirs may stand in channels.
        monitor::stop();
    }
}

fn bring_up(settings: &Settings, schedules: Schedules) -> Outcome<()> {
    refuse_second_copy()?;
    // Workers keep free heads at hand, which must not count as strands.
    let heads =
        settings.max_strands.map_or(INDEX_MAX, |most| most.saturating_add((settings.workers + SPARES) * 256 + 64));
    let strands = match Table::<Head>::new(heads, &head::HISTORY) {
        Ok(table) => table,
        Err(status) => return fail(status, format_args!("no address space for the table of strands")),
    };
    let stacks = match StackPool::new(settings.mprotect_guards) {
        Ok(pool) => pool,
        Err(status) => return fail(status, format_args!("no address space for stacks: is it limited (ulimit -v)?")),
    };
    let layout = stacks.layout();
    if let Err(failure) = start_tables() {
        // SAFETY: started just now; nobody knows anything in them yet.
        unsafe { stop_tables() };
        return Err(failure);
    }
    let upcalls = Upcalls {
        strand_main: entry::strand_main,
        strand_stillborn: entry::strand_stillborn,
        timer_expired: block::timer_expired,
        timers_fired: fire::fire_due,
        tick_matters: timer::somebody_waits,
        quiet: count::quiet,
        inject: exploring::inject::inject,
        world_lost: super::world::lost,
    };
    fence::choose(settings.workers);
    let most = most_strands(settings, &stacks);
    let made = kind_for(settings, schedules.explores())
        .and_then(|kind| Parallel::new(settings.workers, most, kind, strands, stacks, upcalls));
    let engine = match made {
        Ok(engine) => engine,
        Err(status) => {
            // SAFETY: started just now; nobody knows anything in them yet.
            unsafe { stop_tables() };
            if status != Status::NO_MEMORY {
                return Err(status);
            }
            return fail(status, format_args!("no memory for {} workers", settings.workers));
        }
    };
    // SAFETY: LIFE is held, the state is Down: no strand, no worker, nobody reads the settings or the hooks.
    unsafe {
        *SETTINGS.0.get() = *settings;
        hooks::install(settings.hooks, exceptions::look_for_runtime() || settings.identity_by_thread);
        log::install(settings.log);
    }
    PLAIN_FLAGS.store(flags_for(settings), Ordering::Relaxed);
    count::reset();
    cancel::reset();
    fault::reset();
    locals::reset();
    policies::reset();
    offload_pool::start(settings.offload_threads);
    device::configure(settings.gpu);
    head::publish_base(Some(&engine.strands));
    identity::publish(Some(layout), settings.identity_by_thread);
    let engine = Parallel::publish(engine);
    overflow::install();
    // Before the forks of an exploration, which are none of those it watches for: the state is still Down.
    watch_forks();
    if let Err(status) = begin_may(engine).and_then(|()| schedules.begin(engine, settings)) {
        take_down(engine, false);
        return Err(status);
    }
    outside::set_state(State::Up);
    Ok(())
}

fn kind_for(settings: &Settings, explores: bool) -> Outcome<parallel::Kind> {
    match settings.engine {
        config::ENGINE_STEPPED => {
            let mut setup = settings.setup();
            setup.explores |= explores;
            try_box(Stepped::new(&setup)?).map(parallel::Kind::Stepped).ok_or(Status::NO_MEMORY)
        }
        config::ENGINE_MAY => May::new(settings.workers).map(parallel::Kind::May),
        _ => Ok(parallel::Kind::Parallel),
    }
}

/// Strands that may be alive at once, if there is a limit.
fn most_strands(settings: &Settings, stacks: &StackPool) -> Option<u32> {
    if settings.engine != config::ENGINE_MAY {
        return settings.max_strands;
    }
    let fit = may::most_strands(stacks.guard_kind() == GuardKind::Mprotect);
    Some(settings.max_strands.map_or(fit, |asked| asked.min(fit)))
}

/// The engine is published: what runs strands under the may engine begins.
fn begin_may(engine: &'static Parallel) -> Outcome<()> {
    match engine.may().map(|may| may.begin(engine)) {
        Some(Err(status)) => fail(status, format_args!("no thread could be started to run strands")),
        _ => Ok(()),
    }
}

/// Two copies of the library in one process would each believe that it is the only one: signal handlers, identity and
/// handles would be confused. The other copy is found through an exported function whose address nobody takes (that of a
/// datum, or of a function whose address the program takes, may lie in the program itself).
fn refuse_second_copy() -> Outcome<()> {
    let found = sys::symbol(c"strand_abi_version");
    if found.is_null() || module_of(found) == module_of(refuse_second_copy as *const () as *const _) {
        return Ok(());
    }
    fail(
        Status::UNSUPPORTED,
        format_args!("another copy of libstrand is loaded in this process; link one of them only"),
    )
}

/// Where the module that holds an address begins.
fn module_of(address: *const core::ffi::c_void) -> usize {
    // SAFETY: all-zero is a valid Dl_info; dladdr takes any address.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        if libc::dladdr(address, &mut info) == 0 { 0 } else { info.dli_fbase as usize }
    }
}

fn flags_for(settings: &Settings) -> u8 {
    let moves = match settings.migration {
        MIGRATE_FREE => 0,
        MIGRATE_NEVER => FLAG_PINNED,
        _ => FLAG_STAYS,
    };
    settings.stack_class << CLASS_SHIFT | moves
}

/// In a forked child the runtime's threads do not exist: every call answers FORKED.
fn watch_forks() {
    extern "C" fn child() {
        if outside::state() != State::Down {
            outside::set_state(State::Forked);
            identity::publish(None, false);
            outside::forget_all();
            threads::forget_all();
            parallel::forget_all();
            world::forget();
        }
    }
    if !FORK_HANDLER.swap(true, Ordering::SeqCst) {
        // SAFETY: the handler is async-signal-safe but for two try-locks, and stays mapped (the library is not unloaded
        // while a runtime is up).
        unsafe { libc::pthread_atfork(None, None, Some(child)) };
    }
}

/// Shuts the runtime down.
pub fn shutdown(deadline: i64) -> Outcome<()> {
    if identity::current().is_some() {
        return fail(Status::INVALID, format_args!("strand_scheduler_shutdown is for OS threads; this is a strand"));
    }
    outside::refuse_on_worker()?;
    match outside::state() {
        State::Forked => return Err(Status::FORKED),
        State::Down => return fail(Status::NOT_INITIALISED, format_args!("there is no runtime to shut down")),
        State::Up | State::Stopping => {}
    }
    let _life = life()?;
    let Some(engine) = parallel::engine() else {
        return fail(Status::NOT_INITIALISED, format_args!("there is no runtime to shut down"));
    };
    if !wait_for_world(deadline) {
        return fail(Status::TIMEOUT, format_args!("the world is stopped: strand_world_resume comes first"));
    }
    let turn = engine.stepped().map(|stepped| stepped.turn());
    let recorded = engine.stepped().map_or(Ok(()), recording::finish);
    outside::set_state(State::Stopping);
    // Nobody stops the world while it is made to end.
    let counted = outside::enter_on_behalf();
    cancel::begin_all();
    // They would keep a virtual clock going.
    timer::stop_all();
    // Threads first: the end of the strands they wait for must not look like success.
    threads::cancel_all();
    policies::resume_all(engine);
    cancel::wake_all(&engine.strands, end::finish_dormant);
    fire::fire_all(reason::SHUTDOWN);
    ticket::cancel_all();
    drop(counted);
    let ended = match engine.stepped() {
        Some(stepped) => stepping::drive_to_the_end(engine, stepped, deadline, &|| is_empty(engine)),
        None => wait_until(deadline, || is_empty(engine)),
    };
    drop(turn);
    if !ended {
        return give_up(engine);
    }
    // Before the log is taken down.
    let told = recorded.or_else(|failure| recording::tell(&failure));
    take_down(engine, false);
    told
}

/// A collector that has stopped the world comes first. False when the deadline has passed.
fn wait_for_world(deadline: i64) -> bool {
    const PAUSE: i64 = 1_000_000;
    // A virtual clock stands still: the time that was left counts.
    let patience = if deadline == block::FOREVER { i64::MAX } else { deadline.saturating_sub(clock::shown()).max(0) };
    let began = sys::monotonic();
    while world::is_stopping() {
        if sys::monotonic() - began >= patience {
            return false;
        }
        world::wait_for_go_until(sys::monotonic() + PAUSE);
    }
    true
}

/// Nobody is alive and no OS thread is inside a call.
fn is_empty(engine: &Parallel) -> bool {
    // OS threads that were on their way into a wait are cancelled as they arrive.
    threads::cancel_all();
    count::live(engine).0 == 0 && outside::inside() == 0 && outside::away() == 0
}

fn wait_until(deadline: i64, done: impl Fn() -> bool) -> bool {
    let mut pause = 2_000;
    loop {
        if done() {
            return true;
        }
        if deadline != block::FOREVER && sys::monotonic() >= deadline {
            return false;
        }
        std::thread::sleep(core::time::Duration::from_nanos(pause));
        pause = (pause * 2).min(1_000_000);
    }
}

/// The deadline has passed: says who is left. When all of them are asleep, the runtime goes without them.
fn give_up(engine: &'static Parallel) -> Outcome<()> {
    let mut text = Text::<2048>::new();
    let mut parked = 0u32;
    let mut others = 0u32;
    for index in 0..engine.strands.fresh() {
        let strand = head::at(index);
        strand.lock.lock();
        let phase = strand.phase();
        if phase != Phase::Free {
            let waits = phase == Phase::Waiting;
            if parked + others < 16 {
                let _ = write!(text, "; {} is {}", entry::named(strand, strand.started_body()), phase.name());
            }
            if waits { parked += 1 } else { others += 1 }
        }
        strand.lock.unlock();
    }
    let inside = outside::inside();
    let away = outside::away();
    if others == 0 && inside == 0 && away == 0 && engine.is_quiescent() {
        take_down(engine, parked > 0);
        return fail(
            Status::TIMEOUT,
            format_args!("{parked} strands did not end and were abandoned where they wait{}", text_of(&text)),
        );
    }
    fail(
        Status::TIMEOUT,
        format_args!(
            "{} strands have not ended, {inside} OS threads are inside calls and {away} offloaded calls have not returned; call again to go on waiting{}",
            parked + others,
            text_of(&text)
        ),
    )
}

fn text_of<const N: usize>(text: &Text<N>) -> &str {
    core::str::from_utf8(text.as_bytes()).unwrap_or("")
}

/// A spawn that was on its way when the shutdown began may have left a dormant strand. Nothing runs any more.
fn end_late_dormants(engine: &Parallel) {
    for index in 0..engine.strands.fresh() {
        let strand = head::at(index);
        if strand.phase() == Phase::Dormant {
            strand.set_phase(Phase::Ready);
            end::finish_dormant(strand);
        }
    }
}

/// Stops the threads and frees everything. With `abandon` the stacks stay mapped for ever.
fn take_down(engine: &'static Parallel, abandon: bool) {
    outside::close();
    device::close_all();
    engine.stop();
    // After the workers, which may still be starting a thread for a call that was made by another meanwhile.
    offload_pool::stop();
    end_late_dormants(engine);
    // SAFETY: no strand runs, no call is inside.
    unsafe {
        stop_tables();
        lot::stop();
    }
    overflow::remove();
    identity::publish(None, false);
    head::remember_parks(&engine.strands);
    // SAFETY: every thread was joined; `engine` is not used below.
    let engine = unsafe { Parallel::take() };
    head::publish_base(None);
    if let Some(engine) = engine {
        engine.dismantle(abandon);
    }
    policies::reset();
    cancel::reset();
    // SAFETY: no strand and no worker exists.
    unsafe {
        hooks::install(hooks::NONE, false);
        log::install(None);
    }
    outside::set_state(State::Down);
    outside::open();
}
