// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the two Rust peers share: output lines, the process's memory, and the work of W11.

use std::time::{Duration, Instant};

pub fn result(key: &str, value: f64) {
    println!("R {key} {value:.4}");
}

pub fn ns_per(began: Instant, operations: usize) {
    result("ns", began.elapsed().as_nanos() as f64 / operations as f64);
}

pub fn status_kb(field: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(-1.0)
}

pub fn maps() -> f64 {
    let text = std::fs::read("/proc/self/maps").unwrap_or_default();
    text.iter().filter(|byte| **byte == b'\n').count() as f64
}

/// Processor time of the process.
pub fn cpu_ms() -> f64 {
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
    }
    let mut used = [0_i64; 2];
    // SAFETY: on 64-bit Linux a timespec is two 64-bit words, and clock 2 is the processor time of the process.
    unsafe { clock_gettime(2, &mut used) };
    used[0] as f64 * 1e3 + used[1] as f64 / 1e6
}

pub fn report_lateness(mut late: Vec<i64>) {
    late.sort_unstable();
    result("late_p50_ms", late[late.len() / 2] as f64 / 1e6);
    result("late_p99_ms", late[late.len() * 99 / 100] as f64 / 1e6);
    result("late_most_ms", late[late.len() - 1] as f64 / 1e6);
}

pub fn report_memory() {
    result("peak_kb", status_kb("VmHWM:"));
    result("pte_kb", status_kb("VmPTE:"));
    result("maps", maps());
}

/// What W3 reads while all strands are alive, against what was there before the first.
pub struct Before {
    resident: f64,
    tables: f64,
}

impl Before {
    pub fn read() -> Before {
        Before {
            resident: status_kb("VmRSS:"),
            tables: status_kb("VmPTE:"),
        }
    }

    pub fn report(&self, n: usize) {
        result(
            "bytes_each",
            (status_kb("VmRSS:") - self.resident) * 1024.0 / n as f64,
        );
        result(
            "table_bytes_each",
            (status_kb("VmPTE:") - self.tables) * 1024.0 / n as f64,
        );
        result("maps_live", maps());
    }
}

pub fn report_parked(created: Duration, released: Duration, n: usize) {
    result("create_ns", created.as_nanos() as f64 / n as f64);
    result("release_ns", released.as_nanos() as f64 / n as f64);
    result("ns", (created + released).as_nanos() as f64 / n as f64);
}

pub fn report_uneven(serial: Duration, spread: Duration) {
    result("ms", spread.as_nanos() as f64 / 1e6);
    result("speedup", serial.as_secs_f64() / spread.as_secs_f64());
}

/// Leaves and all nodes of the largest whole tree of ten children a node with at most `n` leaves.
pub fn whole_tree(n: usize) -> (u64, usize) {
    let (mut leaves, mut nodes) = (1, 1);
    while leaves * 10 <= n {
        leaves *= 10;
        nodes += leaves;
    }
    (leaves as u64, nodes)
}

pub fn fib_serial(n: usize) -> u64 {
    if n < 2 {
        n as u64
    } else {
        fib_serial(n - 1) + fib_serial(n - 2)
    }
}

pub fn fib_value(n: usize) -> u64 {
    (1..n)
        .fold((0, 1), |(before, value), _| (value, before + value))
        .1
}

#[inline(never)]
pub fn burn(rounds: u64) -> u64 {
    let mut x = rounds | 1;
    for _ in 0..rounds {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    std::hint::black_box(x)
}

pub fn rounds_of(i: usize) -> u64 {
    if i % 16 == 0 { 160_000 } else { 10_000 }
}

/// `<workload> <workers> [n]`, with the default `n` where none is given; `None`: this peer has no such workload.
pub fn arguments(defaults: &[(&'static str, usize)]) -> Option<(&'static str, usize, usize)> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.len() < 2 {
        eprintln!("usage: <workload> <workers> [n]");
        std::process::exit(2);
    }
    let (name, default) = defaults.iter().find(|(name, _)| *name == words[0])?;
    let workers = words[1].parse().expect("a number of workers");
    Some((
        name,
        workers,
        words
            .get(2)
            .map_or(*default, |n| n.parse().expect("a size")),
    ))
}

/// For W13: prints the time from argument 1, on the monotonic clock in nanoseconds, to now.
pub fn report_start() {
    // `Instant` is that clock on Linux but does not show its value: the difference to /proc/uptime would be too coarse.
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
    }
    let mut now = [0_i64; 2];
    // SAFETY: on 64-bit Linux a timespec is two 64-bit words, and clock 1 is the monotonic one.
    unsafe { clock_gettime(1, &mut now) };
    if let Some(asked) = std::env::args()
        .nth(1)
        .and_then(|text| text.parse::<i64>().ok())
    {
        println!(
            "R first_us {:.1}",
            (now[0] * 1_000_000_000 + now[1] - asked) as f64 / 1000.0
        );
    }
}
