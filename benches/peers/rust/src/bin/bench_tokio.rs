// SPDX-License-Identifier: MIT OR Apache-2.0
//! The workloads of benches/c on tokio's multi-thread runtime; all of a workload runs inside tasks.
//! W5b: tokio's channel has one consumer, so four share it behind tokio's mutex, as a user would have to.
//! W4x, W4p: two current-thread runtimes on two threads.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};
use strandpeers::*;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::task::{JoinSet, yield_now};

async fn yield_among(strands: usize, total: usize) {
    let each = total / strands;
    let mut all = JoinSet::new();
    let began = Instant::now();
    for _ in 0..strands {
        all.spawn(async move {
            for _ in 0..each {
                yield_now().await;
            }
        });
    }
    all.join_all().await;
    ns_per(began, each * strands);
}

/// The cheapest way to wait for many tasks that are not joined: a counter and one wake.
struct Countdown {
    left: AtomicUsize,
    ended: Semaphore,
}

impl Countdown {
    fn from(n: usize) -> Arc<Countdown> {
        Arc::new(Countdown {
            left: AtomicUsize::new(n),
            ended: Semaphore::new(0),
        })
    }

    fn done(&self) {
        if self.left.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.ended.add_permits(1);
        }
    }

    async fn wait(&self) {
        self.ended.acquire().await.unwrap().forget();
    }
}

async fn spawn_all(n: usize) {
    let all = Countdown::from(n);
    let began = Instant::now();
    for _ in 0..n {
        let all = all.clone();
        tokio::spawn(async move { all.done() });
    }
    all.wait().await;
    ns_per(began, n);
}

async fn spawn_join(n: usize) {
    let began = Instant::now();
    for _ in 0..n {
        tokio::spawn(async {}).await.unwrap();
    }
    ns_per(began, n);
}

async fn parked(n: usize) {
    let gate = Arc::new(Semaphore::new(0));
    let (all, started, all_started) = (
        Countdown::from(n),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(Semaphore::new(0)),
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
        tokio::spawn(async move {
            if started.fetch_add(1, Relaxed) + 1 == n {
                all_started.add_permits(1);
            }
            gate.acquire().await.unwrap().forget();
            all.done();
        });
    }
    all_started.acquire().await.unwrap().forget();
    let created = began.elapsed();
    before.report(n);
    let began = Instant::now();
    for _ in 0..n {
        gate.add_permits(1);
    }
    all.wait().await;
    report_parked(created, began.elapsed(), n);
}

async fn echo(n: usize, mut from: mpsc::Receiver<usize>, to: mpsc::Sender<usize>) {
    for _ in 0..n {
        let value = from.recv().await.unwrap();
        to.send(value).await.unwrap();
    }
}

async fn call(n: usize, to: mpsc::Sender<usize>, mut from: mpsc::Receiver<usize>) {
    for i in 0..n {
        to.send(i).await.unwrap();
        assert_eq!(from.recv().await.unwrap(), i);
    }
}

/// tokio has no rendezvous channel: room for one is its smallest.
async fn roundtrip(n: usize) {
    let (there, there_end) = mpsc::channel(1);
    let (back, back_end) = mpsc::channel(1);
    let began = Instant::now();
    let echoing = tokio::spawn(echo(n, there_end, back));
    tokio::spawn(call(n, there, back_end)).await.unwrap();
    ns_per(began, n);
    echoing.await.unwrap();
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Option<T>>) -> T {
    tokio::time::timeout(limit, answer).await.unwrap().unwrap()
}

async fn roundtrip_timed(n: usize) {
    const LIMIT: Duration = Duration::from_secs(1);
    let (there, mut there_end) = mpsc::channel(1);
    let (back, mut back_end) = mpsc::channel(1);
    let began = Instant::now();
    let echoing = tokio::spawn(async move {
        for _ in 0..n {
            let value = within(LIMIT, there_end.recv()).await;
            back.send(value).await.unwrap();
        }
    });
    let calling = tokio::spawn(async move {
        for i in 0..n {
            there.send(i).await.unwrap();
            assert_eq!(within(LIMIT, back_end.recv()).await, i);
        }
    });
    calling.await.unwrap();
    ns_per(began, n);
    echoing.await.unwrap();
}

async fn sleep_all(n: usize) {
    let late: Arc<Vec<AtomicI64>> = Arc::new((0..n).map(|_| AtomicI64::new(0)).collect());
    let all = Countdown::from(n);
    let mut random = 88172645463325252_u64;
    let (cpu, began) = (cpu_ms(), Instant::now());
    for i in 0..n {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let length = Duration::from_micros(random % 100_000);
        let (all, late) = (all.clone(), late.clone());
        tokio::spawn(async move {
            let slept = Instant::now();
            tokio::time::sleep(length).await;
            late[i].store(
                slept.elapsed().as_nanos() as i64 - length.as_nanos() as i64,
                Relaxed,
            );
            all.done();
        });
    }
    all.wait().await;
    result("ms", began.elapsed().as_nanos() as f64 / 1e6);
    result("cpu_ms", cpu_ms() - cpu);
    report_lateness(late.iter().map(|late| late.load(Relaxed)).collect());
}

fn on_own_thread(task: impl Future<Output = ()> + Send + 'static) -> std::thread::JoinHandle<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    std::thread::spawn(move || runtime.block_on(task))
}

async fn roundtrip_across(n: usize) {
    let (there, there_end) = mpsc::channel(1);
    let (back, back_end) = mpsc::channel(1);
    let began = Instant::now();
    let sides = [
        on_own_thread(echo(n, there_end, back)),
        on_own_thread(call(n, there, back_end)),
    ];
    for side in sides {
        side.join().unwrap();
    }
    ns_per(began, n);
}

async fn send_late(to: &mpsc::Sender<Instant>) {
    let mut sent = Instant::now();
    let due = sent + Duration::from_micros(200);
    while sent < due {
        sent = Instant::now();
    }
    to.send(sent).await.unwrap();
}

async fn receive_late(from: &mut mpsc::Receiver<Instant>, latency: &AtomicU64) {
    let sent = from.recv().await.unwrap();
    latency.fetch_add(sent.elapsed().as_nanos() as u64, Relaxed);
}

async fn wake_across(n: usize) {
    static LATENCY: AtomicU64 = AtomicU64::new(0);
    let (there, mut there_end) = mpsc::channel(1);
    let (back, mut back_end) = mpsc::channel(1);
    let echoing = on_own_thread(async move {
        for _ in 0..n {
            receive_late(&mut there_end, &LATENCY).await;
            send_late(&back).await;
        }
    });
    let calling = on_own_thread(async move {
        for _ in 0..n {
            send_late(&there).await;
            receive_late(&mut back_end, &LATENCY).await;
        }
    });
    for side in [echoing, calling] {
        side.join().unwrap();
    }
    result("ns", LATENCY.load(Relaxed) as f64 / n as f64);
}

async fn produce(each: usize, to: mpsc::Sender<u64>) {
    for i in 0..each {
        to.send(i as u64).await.unwrap();
    }
}

async fn buffered_pair(n: usize) {
    let (to, mut from) = mpsc::channel(128);
    let began = Instant::now();
    let producing = tokio::spawn(produce(n, to));
    let consuming = tokio::spawn(async move {
        let mut sum = 0;
        for _ in 0..n {
            sum += from.recv().await.unwrap();
        }
        sum
    });
    producing.await.unwrap();
    assert_eq!(consuming.await.unwrap(), (n * (n - 1) / 2) as u64);
    ns_per(began, n);
}

async fn buffered_four(total: usize) {
    let each = total / 4;
    let (to, from) = mpsc::channel(128);
    let from = Arc::new(Mutex::new(from));
    let (mut producing, mut consuming) = (JoinSet::new(), JoinSet::new());
    let began = Instant::now();
    for _ in 0..4 {
        producing.spawn(produce(each, to.clone()));
        let from = from.clone();
        consuming.spawn(async move {
            let mut sum = 0;
            for _ in 0..each {
                sum += from.lock().await.recv().await.unwrap();
            }
            sum
        });
    }
    producing.join_all().await;
    let sum: u64 = consuming.join_all().await.iter().sum();
    ns_per(began, each * 4);
    assert_eq!(sum, (4 * (each * (each - 1) / 2)) as u64);
}

async fn lock_among_all(total: usize, yields: bool) {
    const STRANDS: usize = 1000;
    let (counter, all) = (Arc::new(Mutex::new(0)), Countdown::from(STRANDS));
    let each = total / STRANDS;
    let began = Instant::now();
    for _ in 0..STRANDS {
        let (counter, all) = (counter.clone(), all.clone());
        tokio::spawn(async move {
            for _ in 0..each {
                let mut counted = counter.lock().await;
                *counted += 1;
                if yields {
                    tokio::task::yield_now().await;
                }
            }
            all.done();
        });
    }
    all.wait().await;
    ns_per(began, each * STRANDS);
    assert_eq!(*counter.lock().await, each * STRANDS);
}

async fn ring(hops: usize) {
    const MEMBERS: usize = 10_000;
    let laps = (hops / MEMBERS).max(1);
    let (first, mut last) = mpsc::channel(1);
    for _ in 1..MEMBERS {
        let (to, next) = mpsc::channel(1);
        let mut from = std::mem::replace(&mut last, next);
        tokio::spawn(async move {
            for _ in 0..laps {
                let value: usize = from.recv().await.unwrap();
                to.send(value + 1).await.unwrap();
            }
        });
    }
    let mut value = 0;
    let began = Instant::now();
    for _ in 0..laps {
        first.send(value).await.unwrap();
        value = last.recv().await.unwrap();
    }
    ns_per(began, laps * MEMBERS);
    assert_eq!(value, laps * (MEMBERS - 1));
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn speak(parent: mpsc::Sender<u64>, first: u64, leaves: u64) -> Boxed<()> {
    Box::pin(async move {
        let mut sum = first;
        if leaves > 1 {
            let (replies, mut heard) = mpsc::channel(1);
            for i in 0..10 {
                tokio::spawn(speak(
                    replies.clone(),
                    first + i * (leaves / 10),
                    leaves / 10,
                ));
            }
            sum = 0;
            for _ in 0..10 {
                sum += heard.recv().await.unwrap();
            }
        }
        parent.send(sum).await.unwrap();
    })
}

async fn skynet_channels(n: usize) {
    let (leaves, strands) = whole_tree(n);
    let (parent, mut heard) = mpsc::channel(1);
    let began = Instant::now();
    tokio::spawn(speak(parent, 0, leaves));
    let sum = heard.recv().await.unwrap();
    ns_per(began, strands);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
}

fn add_up(first: u64, leaves: u64) -> Boxed<u64> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let children: Vec<_> = (0..10)
            .map(|i| tokio::spawn(add_up(first + i * (leaves / 10), leaves / 10)))
            .collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

async fn skynet_join(n: usize) {
    let (leaves, strands) = whole_tree(n);
    let began = Instant::now();
    let sum = tokio::spawn(add_up(0, leaves)).await.unwrap();
    ns_per(began, strands);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
}

fn fib(n: usize, serial_below: usize) -> Boxed<u64> {
    Box::pin(async move {
        if n < serial_below {
            return fib_serial(n);
        }
        let half = tokio::spawn(fib(n - 1, serial_below));
        let other = fib(n - 2, serial_below).await;
        other + half.await.unwrap()
    })
}

async fn fib_down_to(n: usize, serial_below: usize, repeats: usize) {
    let began = Instant::now();
    for _ in 0..repeats {
        assert_eq!(fib(n, serial_below).await, fib_value(n));
    }
    result(
        "ms",
        began.elapsed().as_nanos() as f64 / 1e6 / repeats as f64,
    );
}

async fn uneven(n: usize) {
    let began = Instant::now();
    black_box(burn((0..n).map(rounds_of).sum()));
    let serial = began.elapsed();
    let all = Countdown::from(n);
    let began = Instant::now();
    for i in 0..n {
        let all = all.clone();
        tokio::spawn(async move {
            black_box(burn(rounds_of(i)));
            all.done();
        });
    }
    all.wait().await;
    report_uneven(serial, began.elapsed());
}

/// What `tokio::select!` comes to: each channel is polled, from another one on each time.
async fn receive_one(ends: &mut [mpsc::Receiver<u64>; 4], first: usize) -> (usize, u64) {
    poll_fn(|context| {
        for place in (first..first + 4).map(|place| place % 4) {
            if let Poll::Ready(Some(value)) = ends[place].poll_recv(context) {
                return Poll::Ready((place, value));
            }
        }
        Poll::Pending
    })
    .await
}

async fn select_four(n: usize) {
    let each = n / 4;
    let began = Instant::now();
    let mut ends = [(); 4].map(|()| {
        let (to, from) = mpsc::channel(1);
        tokio::spawn(produce(each, to));
        from
    });
    let receiving = tokio::spawn(async move {
        let mut next = [0; 4];
        for i in 0..4 * each {
            let (which, value) = receive_one(&mut ends, i).await;
            assert_eq!(value, next[which]);
            next[which] += 1;
        }
    });
    receiving.await.unwrap();
    ns_per(began, 4 * each);
}

async fn work(workload: &'static str, n: usize) {
    match workload {
        "w1a" => yield_among(2, n).await,
        "w1b" => yield_among(1000, n).await,
        "w2" => spawn_all(n).await,
        "w2j" => spawn_join(n).await,
        "w3" => parked(n).await,
        "w4" => roundtrip(n).await,
        "w4x" => roundtrip_across(n).await,
        "w4p" => wake_across(n).await,
        "w4d" => roundtrip_timed(n).await,
        "w9" => sleep_all(n).await,
        "w5a" => buffered_pair(n).await,
        "w5b" => buffered_four(n).await,
        "w10a" => lock_among_all(n, false).await,
        "w10b" => lock_among_all(n, true).await,
        "w6" => ring(n).await,
        "w7" => skynet_channels(n).await,
        "w7j" => skynet_join(n).await,
        "w8" => select_four(n).await,
        "w11a" => fib_down_to(n, 12, 20).await,
        "w11f" => fib_down_to(n, 2, 1).await,
        _ => uneven(n).await,
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
        ("w4x", 50_000),
        ("w4p", 2_000),
        ("w4d", 500_000),
        ("w9", 100_000),
        ("w5a", 4_000_000),
        ("w5b", 4_000_000),
        ("w10a", 1_000_000),
        ("w10b", 200_000),
        ("w6", 1_000_000),
        ("w7", 1_000_000),
        ("w7j", 1_000_000),
        ("w8", 1_000_000),
        ("w11a", 30),
        ("w11f", 30),
        ("w11b", 4_096),
    ];
    let Some((workload, workers, n)) = arguments(&known) else {
        return println!("NA");
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers);
    if matches!(workload, "w4d" | "w9") {
        builder.enable_time();
    }
    let runtime = builder.build().unwrap();
    let (ended, end) = oneshot::channel();
    runtime.spawn(async move {
        work(workload, n).await;
        ended.send(()).unwrap();
    });
    runtime.block_on(end).unwrap();
    report_memory();
}
