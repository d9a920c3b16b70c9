// SPDX-License-Identifier: MIT OR Apache-2.0
//! The workloads of benches/c on may, with its default stacks. Its channels have no bound, so W5 is without
//! back-pressure and W4 is a send into an empty queue; W4x and W4p are left out, since nothing places a coroutine.

use may::sync::{Semphore, mpmc, mpsc};
use may::{coroutine, go};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::time::Instant;
use strandpeers::*;

struct Countdown {
    left: AtomicUsize,
    ended: Semphore,
}

impl Countdown {
    fn from(n: usize) -> Arc<Countdown> {
        Arc::new(Countdown {
            left: AtomicUsize::new(n),
            ended: Semphore::new(0),
        })
    }

    fn done(&self) {
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.ended.post();
        }
    }
}

fn yield_among(strands: usize, total: usize) {
    let (each, all) = (total / strands, Countdown::from(strands));
    let began = Instant::now();
    for _ in 0..strands {
        let all = all.clone();
        go!(move || {
            for _ in 0..each {
                coroutine::yield_now();
            }
            all.done();
        });
    }
    all.ended.wait();
    ns_per(began, each * strands);
}

fn spawn_all(n: usize) {
    let all = Countdown::from(n);
    let began = Instant::now();
    for _ in 0..n {
        let all = all.clone();
        go!(move || all.done());
    }
    all.ended.wait();
    ns_per(began, n);
}

fn spawn_join(n: usize) {
    let began = Instant::now();
    for _ in 0..n {
        go!(|| ()).join().unwrap();
    }
    ns_per(began, n);
}

fn parked(n: usize) {
    let (to, gate) = mpmc::channel::<usize>();
    let (all, started, all_started) = (
        Countdown::from(n),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(Semphore::new(0)),
    );
    let before = Before::read();
    let began = Instant::now();
    for _ in 0..n {
        let (gate, all, started, all_started) = (
            gate.clone(),
            all.clone(),
            started.clone(),
            all_started.clone(),
        );
        go!(move || {
            if started.fetch_add(1, Relaxed) + 1 == n {
                all_started.post();
            }
            gate.recv().unwrap();
            all.done();
        });
    }
    all_started.wait();
    let created = began.elapsed();
    before.report(n);
    let began = Instant::now();
    for i in 0..n {
        to.send(i).unwrap();
    }
    all.ended.wait();
    report_parked(created, began.elapsed(), n);
}

fn roundtrip(n: usize) {
    let (there, there_end) = mpsc::channel::<usize>();
    let (back, back_end) = mpsc::channel::<usize>();
    let began = Instant::now();
    go!(move || {
        for _ in 0..n {
            back.send(there_end.recv().unwrap()).unwrap();
        }
    });
    let calling = go!(move || {
        for i in 0..n {
            there.send(i).unwrap();
            assert_eq!(back_end.recv().unwrap(), i);
        }
    });
    calling.join().unwrap();
    ns_per(began, n);
}

fn buffered(pairs: usize, total: usize) {
    let each = total / pairs;
    let (to, from) = mpmc::channel::<u64>();
    let (all, sum) = (Countdown::from(2 * pairs), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    for _ in 0..pairs {
        let (to, sent) = (to.clone(), all.clone());
        go!(move || {
            for i in 0..each {
                to.send(i as u64).unwrap();
            }
            sent.done();
        });
        let (from, received, sum) = (from.clone(), all.clone(), sum.clone());
        go!(move || {
            let mine = (0..each).map(|_| from.recv().unwrap()).sum();
            sum.fetch_add(mine, Relaxed);
            received.done();
        });
    }
    all.ended.wait();
    ns_per(began, each * pairs);
    assert_eq!(sum.load(Relaxed), (pairs * (each * (each - 1) / 2)) as u64);
}

fn lock_among_all(total: usize, yields: bool) {
    const STRANDS: usize = 1000;
    let (counter, all) = (Arc::new(may::sync::Mutex::new(0)), Countdown::from(STRANDS));
    let each = total / STRANDS;
    let began = Instant::now();
    for _ in 0..STRANDS {
        let (counter, all) = (counter.clone(), all.clone());
        go!(move || {
            for _ in 0..each {
                let mut counted = counter.lock().unwrap();
                *counted += 1;
                if yields {
                    coroutine::yield_now();
                }
            }
            all.done();
        });
    }
    all.ended.wait();
    ns_per(began, each * STRANDS);
    assert_eq!(*counter.lock().unwrap(), each * STRANDS);
}

fn ring(hops: usize) {
    const MEMBERS: usize = 10_000;
    let laps = (hops / MEMBERS).max(1);
    let (first, mut last) = mpsc::channel::<usize>();
    for _ in 1..MEMBERS {
        let (to, next) = mpsc::channel();
        let from = std::mem::replace(&mut last, next);
        go!(move || {
            for _ in 0..laps {
                to.send(from.recv().unwrap() + 1).unwrap();
            }
        });
    }
    let mut value = 0;
    let began = Instant::now();
    for _ in 0..laps {
        first.send(value).unwrap();
        value = last.recv().unwrap();
    }
    ns_per(began, laps * MEMBERS);
    assert_eq!(value, laps * (MEMBERS - 1));
}

fn speak(parent: mpsc::Sender<u64>, first: u64, leaves: u64) {
    let mut sum = first;
    if leaves > 1 {
        let (replies, heard) = mpsc::channel();
        for i in 0..10 {
            let replies = replies.clone();
            go!(move || speak(replies, first + i * (leaves / 10), leaves / 10));
        }
        sum = (0..10).map(|_| heard.recv().unwrap()).sum();
    }
    parent.send(sum).unwrap();
}

fn skynet_channels(n: usize) {
    let (leaves, strands) = whole_tree(n);
    let (parent, heard) = mpsc::channel();
    let began = Instant::now();
    go!(move || speak(parent, 0, leaves));
    let sum = heard.recv().unwrap();
    ns_per(began, strands);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
}

fn add_up(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let children: Vec<_> = (0..10)
        .map(|i| go!(move || add_up(first + i * (leaves / 10), leaves / 10)))
        .collect();
    children
        .into_iter()
        .map(|child| child.join().unwrap())
        .sum()
}

fn skynet_join(n: usize) {
    let (leaves, strands) = whole_tree(n);
    let began = Instant::now();
    let sum = go!(move || add_up(0, leaves)).join().unwrap();
    ns_per(began, strands);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
}

fn fib(n: usize, serial_below: usize) -> u64 {
    if n < serial_below {
        return fib_serial(n);
    }
    let half = go!(move || fib(n - 1, serial_below));
    let other = fib(n - 2, serial_below);
    other + half.join().unwrap()
}

fn fib_down_to(n: usize, serial_below: usize, repeats: usize) {
    let began = Instant::now();
    for _ in 0..repeats {
        assert_eq!(fib(n, serial_below), fib_value(n));
    }
    result(
        "ms",
        began.elapsed().as_nanos() as f64 / 1e6 / repeats as f64,
    );
}

fn uneven(n: usize) {
    let began = Instant::now();
    black_box(burn((0..n).map(rounds_of).sum()));
    let serial = began.elapsed();
    let all = Countdown::from(n);
    let began = Instant::now();
    for i in 0..n {
        let all = all.clone();
        go!(move || {
            black_box(burn(rounds_of(i)));
            all.done();
        });
    }
    all.ended.wait();
    report_uneven(serial, began.elapsed());
}

fn work(workload: &str, n: usize) {
    match workload {
        "w1a" => yield_among(2, n),
        "w1b" => yield_among(1000, n),
        "w2" => spawn_all(n),
        "w2j" => spawn_join(n),
        "w3" => parked(n),
        "w4" => roundtrip(n),
        "w5a" => buffered(1, n),
        "w5b" => buffered(4, n),
        "w10a" => lock_among_all(n, false),
        "w10b" => lock_among_all(n, true),
        "w6" => ring(n),
        "w7" => skynet_channels(n),
        "w7j" => skynet_join(n),
        "w11a" => fib_down_to(n, 12, 20),
        "w11f" => fib_down_to(n, 2, 1),
        _ => uneven(n),
    }
}

fn main() {
    let known = [
        ("w1a", 2_000_000),
        ("w1b", 2_000_000),
        ("w2", 1_000_000),
        ("w2j", 500_000),
        ("w3", 1_000_000),
        ("w4", 500_000),
        ("w5a", 4_000_000),
        ("w5b", 4_000_000),
        ("w10a", 1_000_000),
        ("w10b", 200_000),
        ("w6", 1_000_000),
        ("w7", 1_000_000),
        ("w7j", 1_000_000),
        ("w11a", 30),
        ("w11f", 30),
        ("w11b", 4_096),
    ];
    let Some((workload, workers, n)) = arguments(&known) else {
        return println!("NA");
    };
    may::config().set_workers(workers);
    go!(move || work(workload, n)).join().unwrap();
    report_memory();
}
