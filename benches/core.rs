// SPDX-License-Identifier: MIT OR Apache-2.0
//! W1, W2, W4 and W5 under criterion, through the C functions that the library exports. The figures of record are those
//! of `benches/run`, over the header and beside the peers; these are for comparing one change with the next.
//!
//! Every measurement runs on a strand, which times itself: the thread that criterion runs on only waits for it.

#![allow(missing_docs, reason = "criterion's macros make a public function without one")]

use core::ffi::c_void;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use strand as _; // links the library whose C functions are declared below

type Status = i32;
type Entry = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

const FOREVER: i64 = -1;

unsafe extern "C" {
    fn strand_scheduler_init(config: *const Config) -> Status;
    fn strand_scheduler_run() -> Status;
    fn strand_scheduler_shutdown(deadline: i64) -> Status;
    fn strand_wait_all(deadline: i64) -> Status;
    fn strand_spawn(entry: Entry, arg: *mut c_void, out: *mut u64) -> Status;
    fn strand_join(id: u64, deadline: i64) -> Status;
    fn strand_yield() -> Status;
    fn strand_chan_new(element_size: usize, capacity: usize, out: *mut u64) -> Status;
    fn strand_chan_send(chan: u64, element: *const c_void, deadline: i64) -> Status;
    fn strand_chan_recv(chan: u64, element: *mut c_void, deadline: i64) -> Status;
    fn strand_chan_release(chan: u64) -> Status;
}

/// The head of `strand_config`: a smaller size is an older program's, and all that is left out is the default.
#[repr(C)]
struct Config {
    size: u32,
    engine: u32,
    workers: u32,
    policy: u32,
}

#[track_caller]
fn check(status: Status) {
    assert_eq!(status, 0, "a call failed");
}

static OPERATIONS: AtomicU64 = AtomicU64::new(0);
static CHANNELS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static ELAPSED_NS: AtomicU64 = AtomicU64::new(0);

fn operations() -> u64 {
    OPERATIONS.load(Relaxed)
}

fn spawn(entry: Entry) -> u64 {
    let mut id = 0;
    // SAFETY: the entries below take no argument, and `id` outlives the call.
    check(unsafe { strand_spawn(entry, core::ptr::null_mut(), &raw mut id) });
    id
}

fn wait_all() {
    // SAFETY: no argument is a pointer.
    check(unsafe { strand_wait_all(FOREVER) });
}

fn open(index: usize, capacity: usize) {
    let mut chan = 0;
    // SAFETY: `chan` outlives the call.
    check(unsafe { strand_chan_new(size_of::<u64>(), capacity, &raw mut chan) });
    CHANNELS[index].store(chan, Relaxed);
}

fn close(index: usize) {
    // SAFETY: no argument is a pointer.
    check(unsafe { strand_chan_release(CHANNELS[index].load(Relaxed)) });
}

fn send(chan: u64, value: u64) {
    // SAFETY: the element is a u64, as the channel was made for, and outlives the call.
    check(unsafe { strand_chan_send(chan, (&raw const value).cast(), FOREVER) });
}

fn receive(chan: u64) -> u64 {
    let mut value = 0_u64;
    // SAFETY: as in `send`.
    check(unsafe { strand_chan_recv(chan, (&raw mut value).cast(), FOREVER) });
    value
}

/// Times `body` on the strand that runs it.
fn timed(body: impl FnOnce()) -> *mut c_void {
    let began = Instant::now();
    body();
    ELAPSED_NS.store(began.elapsed().as_nanos() as u64, Relaxed);
    core::ptr::null_mut()
}

unsafe extern "C-unwind" fn yielder(_: *mut c_void) -> *mut c_void {
    for _ in 0..operations() {
        // SAFETY: no argument.
        check(unsafe { strand_yield() });
    }
    core::ptr::null_mut()
}

unsafe extern "C-unwind" fn nothing(_: *mut c_void) -> *mut c_void {
    core::ptr::null_mut()
}

unsafe extern "C-unwind" fn echo(_: *mut c_void) -> *mut c_void {
    let [there, back] = [0, 1].map(|index| CHANNELS[index].load(Relaxed));
    for _ in 0..operations() {
        send(back, receive(there));
    }
    core::ptr::null_mut()
}

unsafe extern "C-unwind" fn producer(_: *mut c_void) -> *mut c_void {
    let between = CHANNELS[0].load(Relaxed);
    for value in 0..operations() {
        send(between, value);
    }
    core::ptr::null_mut()
}

unsafe extern "C-unwind" fn consumer(_: *mut c_void) -> *mut c_void {
    let between = CHANNELS[0].load(Relaxed);
    let sum: u64 = (0..operations()).map(|_| receive(between)).sum();
    core::hint::black_box(sum);
    core::ptr::null_mut()
}

/// W1a and W1b: as many strands as the workload says, `OPERATIONS` yields each.
fn yield_among(strands: u64) -> *mut c_void {
    timed(|| {
        for _ in 0..strands {
            spawn(yielder);
        }
        wait_all();
    })
}

unsafe extern "C-unwind" fn yield_two(_: *mut c_void) -> *mut c_void {
    yield_among(2)
}

unsafe extern "C-unwind" fn yield_many(_: *mut c_void) -> *mut c_void {
    yield_among(1000)
}

unsafe extern "C-unwind" fn spawn_all(_: *mut c_void) -> *mut c_void {
    timed(|| {
        for _ in 0..operations() {
            spawn(nothing);
        }
        wait_all();
    })
}

unsafe extern "C-unwind" fn spawn_join(_: *mut c_void) -> *mut c_void {
    timed(|| {
        for _ in 0..operations() {
            // SAFETY: no argument is a pointer.
            check(unsafe { strand_join(spawn(nothing), FOREVER) });
        }
    })
}

unsafe extern "C-unwind" fn roundtrip(_: *mut c_void) -> *mut c_void {
    open(0, 0);
    open(1, 0);
    timed(|| {
        spawn(echo);
        let [there, back] = [0, 1].map(|index| CHANNELS[index].load(Relaxed));
        for value in 0..operations() {
            send(there, value);
            assert_eq!(receive(back), value);
        }
    });
    wait_all();
    close(0);
    close(1);
    core::ptr::null_mut()
}

fn buffered(pairs: u64) -> *mut c_void {
    open(0, 128);
    timed(|| {
        for _ in 0..pairs {
            spawn(producer);
            spawn(consumer);
        }
        wait_all();
    });
    close(0);
    core::ptr::null_mut()
}

unsafe extern "C-unwind" fn buffered_pair(_: *mut c_void) -> *mut c_void {
    buffered(1)
}

unsafe extern "C-unwind" fn buffered_four(_: *mut c_void) -> *mut c_void {
    buffered(4)
}

/// Runs one workload once: `parts` strands (or pairs) share the iterations, and the time is for exactly so many.
fn run(entry: Entry, iterations: u64, parts: u64) -> Duration {
    let each = iterations.div_ceil(parts);
    OPERATIONS.store(each, Relaxed);
    spawn(entry);
    // SAFETY: no argument.
    check(unsafe { strand_scheduler_run() });
    let elapsed = Duration::from_nanos(ELAPSED_NS.load(Relaxed));
    elapsed.mul_f64(iterations as f64 / (each * parts) as f64)
}

const WORKLOADS: [(&str, Entry, u64); 7] = [
    ("w1a yield, 2 strands", yield_two, 2),
    ("w1b yield, 1,000 strands", yield_many, 1000),
    ("w2 spawn, wait for all", spawn_all, 1),
    ("w2j spawn and join", spawn_join, 1),
    ("w4 round trip", roundtrip, 1),
    ("w5a buffered 1P1C", buffered_pair, 1),
    ("w5b buffered 4P4C", buffered_four, 4),
];

fn core_operations(criterion: &mut Criterion) {
    for workers in [1, 2] {
        let config = Config { size: size_of::<Config>() as u32, engine: 0, workers, policy: 0 };
        // SAFETY: `config` is the head of the C structure and says so in its size.
        check(unsafe { strand_scheduler_init(&raw const config) });
        for (name, entry, parts) in WORKLOADS {
            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(1));
            let id = BenchmarkId::from_parameter(format!("{workers}w"));
            group.bench_function(id, |bencher| bencher.iter_custom(|iterations| run(entry, iterations, parts)));
            group.finish();
        }
        // SAFETY: no argument is a pointer.
        check(unsafe { strand_scheduler_shutdown(FOREVER) });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = core_operations
}
criterion_main!(benches);
