// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service on the software device. Without one each test says so and passes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::adapters::{self, Choice};
use super::thread::{Options, Service};
use super::*;
use crate::base::status::Status;

const WAIT: Duration = Duration::from_secs(60);

/// The software device, or `None` with the line that the runner of the tests reports.
pub fn software() -> Option<Service> {
    open(&Options::default())
}

fn open(options: &Options) -> Option<Service> {
    match Service::open(&Choice { software: Some(true), name: None }, options) {
        Ok(service) => Some(service),
        Err(failure) => {
            println!("skip: no software device: {failure}");
            None
        }
    }
}

/// Waits for the result of `ask`.
pub fn ask<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T, Failure> {
    let (sender, receiver) = mpsc::channel();
    ask(Reply::new(move |outcome| drop(sender.send(outcome))));
    receiver.recv_timeout(WAIT).expect("an answer")
}

const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

fn new_buffer(service: &Service, bytes: u64) -> Result<Arc<Held<wgpu::Buffer>>, Failure> {
    ask(|reply| {
        service.make(move |gpu| Ok(Arc::new(gpu.hold(gpu.buffer(bytes, STORAGE)?))), reply);
    })
}

fn read(service: &Service, buffer: &Arc<Held<wgpu::Buffer>>, offset: u64, bytes: u64) -> Result<Vec<u8>, Failure> {
    let (sender, receiver) = mpsc::channel();
    let sink = readback::Sink::new(move |read| drop(sender.send(read.map(<[u8]>::to_vec).map_err(Failure::clone))));
    service.read(buffer.clone(), offset, bytes, sink);
    receiver.recv_timeout(WAIT).expect("an answer")
}

fn write(service: &Service, buffer: &Arc<Held<wgpu::Buffer>>, offset: u64, data: &[u8]) -> Result<(), Failure> {
    ask(|reply| service.write(buffer.clone(), offset, data.to_vec(), reply))
}

/// Runs the entry point `main` of `source`, rewritten to make `limit` iterations at most, in one group; the words of its
/// buffer, which begins as `words`.
pub fn run(service: &Service, source: &str, limit: Option<u32>, exempt: &[&str], words: &[u32]) -> Vec<u32> {
    let module = shader::parse(source).expect("a valid program");
    let module = match limit {
        Some(limit) => loops::bound(module, limit, exempt),
        None => module,
    };
    run_module(service, module, source, words)
}

/// As [`run`], of a module that is as it is to be run.
pub fn run_module(service: &Service, module: naga::Module, source: &str, words: &[u32]) -> Vec<u32> {
    let buffer = new_buffer(service, words.len() as u64 * 4).expect("a buffer");
    let start: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    write(service, &buffer, 0, &start).expect("a write");
    let (target, text) = (buffer.clone(), source.to_owned());
    let done = ask(|reply: Reply<()>| {
        service.call(move |turn| {
            let turn = turn.expect("a turn");
            let outcome = turn.gpu.module(module, &text).and_then(|module| {
                let pipeline = turn.gpu.pipeline(None, &module, "main")?;
                turn.gpu.guarded(|device| {
                    let entries = [wgpu::BindGroupEntry { binding: 0, resource: target.as_entire_binding() }];
                    let layout = pipeline.get_bind_group_layout(0);
                    let group = wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries };
                    (device.create_bind_group(&group), pipeline)
                })
            });
            match outcome {
                Ok((group, pipeline)) => {
                    let mut pass = turn.encoder().begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    pass.set_pipeline(&pipeline);
                    pass.set_bind_group(0, &group, &[]);
                    pass.dispatch_workgroups(1, 1, 1);
                    drop(pass);
                    turn.when_done(reply);
                }
                Err(failure) => reply.send(Err(failure)),
            }
        });
    });
    done.expect("a run");
    let bytes = read(service, &buffer, 0, words.len() as u64 * 4).expect("a reading");
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
}

#[test]
fn service_finds_what_is_there_and_refuses_what_is_not() {
    let all = adapters::list();
    if all.is_empty() {
        println!("skip: no adapter: Vulkan finds none");
    }
    for facts in &all {
        assert!(!facts.name.is_empty());
        assert!(facts.buffer_bytes_max >= 1 << 28 && facts.binding_bytes_max >= 1 << 27, "{facts:?}");
        assert!(facts.memory_bytes > 0 && facts.group_invocations_max >= 256);
    }
    let absent = Choice { software: None, name: Some("an adapter of this name".to_owned()) };
    let refused = Service::open(&absent, &Options::default()).err().expect("a refusal");
    assert_eq!(refused.status, Status::DEVICE);
    assert!(refused.text.contains("an adapter of this name"), "{refused}");
}

#[test]
fn service_measures_where_the_driver_cuts_off() {
    let Some(service) = software() else { return };
    let facts = service.facts();
    assert!(facts.software);
    if facts.name.contains("llvmpipe") {
        assert!(facts.loop_limit == 0 || facts.loop_limit > 32_768, "{facts:?}");
    }
    println!("{facts:?}");
}

#[test]
fn service_keeps_the_order_of_writes_and_readings() {
    let Some(service) = software() else { return };
    let buffer = new_buffer(&service, 1 << 16).expect("a buffer");
    assert_eq!(read(&service, &buffer, 0, 64).expect("zeros"), vec![0; 64]);
    let (sender, receiver) = mpsc::channel();
    for round in 0..200_u32 {
        // All sent before any is answered: many share a submission.
        service.write(buffer.clone(), 4096, round.to_le_bytes().to_vec(), Reply::new(|outcome| outcome.expect("OK")));
        let sender = sender.clone();
        let sink = readback::Sink::new(move |read| drop(sender.send(read.map(<[u8]>::to_vec).map_err(Failure::clone))));
        service.read(buffer.clone(), 4096, 4, sink);
    }
    for round in 0..200_u32 {
        let read = receiver.recv_timeout(WAIT).expect("an answer").expect("bytes");
        assert_eq!(read, round.to_le_bytes());
    }
    let pattern: Vec<u8> = (0..4096_u32).map(|byte| byte as u8).collect();
    write(&service, &buffer, 0, &pattern).expect("a write");
    for (offset, bytes) in [(1, 1), (3, 5), (7, 4089), (0, 4096), (4095, 1), (12, 0)] {
        let expected = &pattern[offset..offset + bytes];
        assert_eq!(read(&service, &buffer, offset as u64, bytes as u64).expect("bytes"), expected, "{offset} {bytes}");
    }
}

#[test]
fn service_refuses_what_does_not_fit() {
    let Some(service) = software() else { return };
    let refused = new_buffer(&service, u64::MAX / 8 * 4).err().expect("a refusal");
    assert_eq!(refused.status, Status::LIMIT, "{refused}");
    let buffer = new_buffer(&service, 64).expect("a buffer");
    assert_eq!(read(&service, &buffer, 60, 8).expect_err("beyond").status, Status::INVALID);
    assert_eq!(read(&service, &buffer, u64::MAX, 8).expect_err("beyond").status, Status::INVALID);
    assert_eq!(write(&service, &buffer, 64, &[0; 4]).expect_err("beyond").status, Status::INVALID);
    assert_eq!(write(&service, &buffer, 2, &[0; 4]).expect_err("between words").status, Status::INVALID);
    // And goes on.
    write(&service, &buffer, 0, &[7; 64]).expect("a write");
    assert_eq!(read(&service, &buffer, 0, 64).expect("bytes"), vec![7; 64]);
}

#[test]
fn service_reports_where_a_program_is_wrong() {
    let unknown = "fn one() -> u32 { return 1u; }\n\nfn two() -> u32 { return öne(); }\n";
    let failure = shader::parse(unknown).expect_err("an error");
    assert_eq!(failure.status, Status::SHADER);
    assert!(failure.text.starts_with("line 3, column 26: "), "{failure}");
    assert!(failure.text.contains("öne"), "{failure}");
    let syntax = shader::parse("fn one( {").expect_err("an error");
    assert!(syntax.text.starts_with("line 1, column 9: "), "{syntax}");
    // Parsed, but not valid.
    let invalid = "@group(0) @binding(0) var<storage, read> words: array<u32>;\n\
                   @compute @workgroup_size(1) fn main() { words[0] = 1u; }\n";
    let module = shader::parse(invalid).expect("it parses");
    let failure = Failure::from(shader::check(&module, wgpu::Features::empty(), invalid).expect_err("not valid"));
    assert_eq!(failure.status, Status::SHADER);
    assert!(failure.text.starts_with("line 2, column "), "{failure}");
}

#[test]
fn service_reports_errors_of_wgpu_and_goes_on() {
    let Some(service) = software() else { return };
    let outcome = ask(|reply: Reply<()>| {
        service.make(|gpu| gpu.buffer(64, wgpu::BufferUsages::MAP_READ | STORAGE).map(drop), reply);
    });
    let failure = outcome.expect_err("usages that do not go together");
    assert_eq!(failure.status, Status::INVALID, "{failure}");
    // An error outside every scope fails its own submission and nothing else.
    let buffer = new_buffer(&service, 64).expect("a buffer");
    let target = buffer.clone();
    let outcome = ask(|reply: Reply<()>| {
        service.call(move |turn| {
            let turn = turn.expect("a turn");
            turn.encoder().copy_buffer_to_buffer(&target, 0, &target, 0, 128);
            turn.when_done(reply);
        });
    });
    assert_eq!(outcome.expect_err("a copy beyond the end").status, Status::INVALID);
    write(&service, &buffer, 0, &[1; 4]).expect("the next submission");
}

/// Counts in a buffer on the device: `left` submissions of one copy each.
struct Counting {
    left: u32,
    buffer: Arc<Held<wgpu::Buffer>>,
    seen: Arc<Seen>,
    flying: usize,
    depth: usize,
}

#[derive(Default)]
struct Seen {
    encoded: AtomicU32,
    submitted: AtomicU32,
    completed: AtomicU32,
    dropped: AtomicU32,
    lost: AtomicU32,
    status: AtomicU32,
    together: AtomicU32,
}

impl Job for Counting {
    fn encode(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Step {
        if self.left == 0 || gpu.is_closing() {
            return if self.flying == 0 { Step::Done } else { Step::Idle(i64::MAX) };
        }
        self.left -= 1;
        self.flying += 1;
        self.seen.together.fetch_max(self.flying as u32, Ordering::SeqCst);
        self.seen.encoded.fetch_add(1, Ordering::SeqCst);
        encoder.clear_buffer(&self.buffer, 0, Some(4));
        Step::Submit
    }

    fn submitted(&mut self, _: &Gpu) {
        self.seen.submitted.fetch_add(1, Ordering::SeqCst);
    }

    fn completed(&mut self, _: &Gpu) {
        self.flying -= 1;
        self.seen.completed.fetch_add(1, Ordering::SeqCst);
    }

    fn lost(self: Box<Self>, failure: &Failure) {
        self.seen.status.store(failure.status.0.unsigned_abs(), Ordering::SeqCst);
        self.seen.lost.fetch_add(1, Ordering::SeqCst);
    }

    fn depth(&self) -> usize {
        self.depth
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.seen.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn until(what: impl Fn() -> bool) {
    let end = std::time::Instant::now() + WAIT;
    while !what() {
        assert!(std::time::Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn service_drives_jobs_side_by_side() {
    let options = Options { in_flight: 2, ..Options::default() };
    let Some(service) = open(&options) else { return };
    let all: Vec<Arc<Seen>> = (0..5).map(|_| Arc::new(Seen::default())).collect();
    for (number, seen) in all.iter().enumerate() {
        let buffer = new_buffer(&service, 64).expect("a buffer");
        let depth = 1 + number % 2;
        service.start(Box::new(Counting { left: 40, buffer, seen: seen.clone(), flying: 0, depth }));
    }
    for seen in &all {
        until(|| seen.dropped.load(Ordering::SeqCst) == 1);
        assert_eq!(seen.encoded.load(Ordering::SeqCst), 40);
        assert_eq!(seen.submitted.load(Ordering::SeqCst), 40);
        assert_eq!(seen.completed.load(Ordering::SeqCst), 40);
        assert_eq!(seen.lost.load(Ordering::SeqCst), 0);
    }
    for (number, seen) in all.iter().enumerate() {
        assert!(seen.together.load(Ordering::SeqCst) as usize <= 1 + number % 2, "more at once than it allows");
    }
}

#[test]
fn service_tells_everybody_when_the_device_is_lost_and_opens_another() {
    let Some(service) = open(&Options { lost_after: 30, ..Options::default() }) else { return };
    let buffer = new_buffer(&service, 64).expect("a buffer");
    let seen = Arc::new(Seen::default());
    let job = Counting { left: u32::MAX, buffer: buffer.clone(), seen: seen.clone(), flying: 0, depth: 1 };
    service.start(Box::new(job));
    until(|| seen.dropped.load(Ordering::SeqCst) == 1); // it is told, and then it is dropped
    assert_eq!(seen.lost.load(Ordering::SeqCst), 1);
    assert_eq!(seen.status.load(Ordering::SeqCst), Status::DEVICE.0.unsigned_abs());
    let refused = read(&service, &buffer, 0, 4).expect_err("there is no device");
    assert_eq!(refused.status, Status::DEVICE, "{refused}");
    assert!(refused.text.contains("lost"), "{refused}");
    let seen = Arc::new(Seen::default());
    service.start(Box::new(Counting { left: 1, buffer, seen: seen.clone(), flying: 0, depth: 1 }));
    assert_eq!(seen.lost.load(Ordering::SeqCst), 1, "a job that comes too late is told at once");
    service.close();
    let again = software().expect("another");
    let buffer = new_buffer(&again, 64).expect("a buffer");
    assert_eq!(read(&again, &buffer, 0, 4).expect("zeros"), vec![0; 4]);
}

#[test]
fn service_fails_readings_that_a_lost_device_owes() {
    let Some(service) = software() else { return };
    let buffer = new_buffer(&service, 64).expect("a buffer");
    let (sender, receiver) = mpsc::channel();
    for _ in 0..20 {
        for _ in 0..5 {
            let sender = sender.clone();
            let sink =
                readback::Sink::new(move |read| drop(sender.send(read.map(<[u8]>::to_vec).map_err(Failure::clone))));
            service.read(buffer.clone(), 0, 4, sink);
        }
        service.destroy();
    }
    let outcomes: Vec<_> = (0..100).map(|_| receiver.recv_timeout(WAIT).expect("an answer for each")).collect();
    assert!(outcomes.iter().flatten().all(|read| *read == vec![0; 4]));
    let failed =
        outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(|failure| failure.status == Status::DEVICE));
    assert!(failed.count() >= 90, "{outcomes:?}");
}

#[test]
fn service_close_ends_jobs_and_answers_what_was_sent() {
    let Some(service) = software() else { return };
    let buffer = new_buffer(&service, 64).expect("a buffer");
    let (ends, stays) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
    service.start(Box::new(Counting {
        left: u32::MAX,
        buffer: buffer.clone(),
        seen: ends.clone(),
        flying: 0,
        depth: 1,
    }));
    struct Waiting(Arc<Seen>);
    impl Job for Waiting {
        fn encode(&mut self, _: &Gpu, _: &mut wgpu::CommandEncoder) -> Step {
            Step::Idle(i64::MAX)
        }
        fn submitted(&mut self, _: &Gpu) {}
        fn completed(&mut self, _: &Gpu) {}
        fn lost(self: Box<Self>, failure: &Failure) {
            self.0.lost.fetch_add(1, Ordering::SeqCst);
            self.0.status.store(failure.status.0.unsigned_abs(), Ordering::SeqCst);
        }
    }
    service.start(Box::new(Waiting(stays.clone())));
    until(|| ends.completed.load(Ordering::SeqCst) > 3);
    write(&service, &buffer, 0, &[9; 4]).expect("a write");
    service.close();
    assert_eq!(ends.dropped.load(Ordering::SeqCst), 1);
    assert_eq!(ends.lost.load(Ordering::SeqCst), 0, "it ended by itself");
    assert_eq!(stays.lost.load(Ordering::SeqCst), 1);
    assert_eq!(stays.status.load(Ordering::SeqCst), Status::CLOSED.0.unsigned_abs());
    assert_eq!(read(&service, &buffer, 0, 4).expect_err("closed").status, Status::CLOSED);
}

#[test]
fn service_survives_a_panic_as_a_lost_device() {
    let Some(service) = software() else { return };
    let buffer = new_buffer(&service, 64).expect("a buffer");
    let seen = Arc::new(Seen::default());
    service.start(Box::new(Counting {
        left: u32::MAX,
        buffer: buffer.clone(),
        seen: seen.clone(),
        flying: 0,
        depth: 1,
    }));
    until(|| seen.completed.load(Ordering::SeqCst) > 0);
    let outcome = ask(|reply: Reply<()>| service.make(|_| panic!("a defect of the graphics library"), reply));
    assert_eq!(outcome.expect_err("no answer").status, Status::PANIC);
    until(|| seen.lost.load(Ordering::SeqCst) == 1);
    let refused = read(&service, &buffer, 0, 4).expect_err("there is no device");
    assert_eq!(refused.status, Status::PANIC);
    assert!(refused.text.contains("a defect of the graphics library"), "{refused}");
    service.close();
    assert!(software().is_some());
}

#[test]
fn service_leaves_no_threads_and_no_descriptors_behind() {
    let Some(first) = software() else { return };
    first.close();
    drop(first);
    let count = |folder: &str| std::fs::read_dir(folder).map_or(0, |list| list.count());
    let before = (count("/proc/self/task"), count("/proc/self/fd"));
    for round in 0..30 {
        let service = software().expect("a device");
        let buffer = new_buffer(&service, 4096).expect("a buffer");
        write(&service, &buffer, 0, &[round as u8; 4096]).expect("a write");
        assert_eq!(read(&service, &buffer, 4000, 4).expect("bytes"), vec![round as u8; 4]);
        let names = thread_names();
        assert!(names.iter().any(|name| name == "strand-device"), "{names:?}");
    }
    // Threads of the driver end a moment after they were told to, those of the first device perhaps only now.
    until(|| count("/proc/self/task") <= before.0 && count("/proc/self/fd") <= before.1);
    adapters::forget();
}

fn thread_names() -> Vec<String> {
    let list = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    list.filter_map(|entry| std::fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}
