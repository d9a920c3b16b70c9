// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service thread of an open device, and the handle by which others reach it.
//!
//! ```text
//! loop:  lost?  ─────────────────────────────────────> everything fails, end
//!        room for a submission?   take messages; commands record, then every job that may; submit
//!        something under way?     poll: at most 200 us while more could be submitted; complete what has ended
//!        else                     closing and nothing left? end; sleep until a message or a job's time
//! ```
//! A panic inside a call of wgpu's is caught, and prints nothing; the device counts as lost then.

use core::ffi::c_void;
use core::time::Duration;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::adapters::{Choice, Facts};
use super::device::Gpu;
use super::failure::{Failure, causes};
use super::job::{Job, Step};
use super::queue::{Message, Queue};
use super::readback::{Pool, Readback, Sink};
use super::reply::Reply;
use super::turn::{Round, Turn};
use crate::base::quiet::Quiet;
use crate::base::status::Status;
use crate::base::sys;

/// Stack of the service thread: parsers and compilers of device programs run on it.
const STACK: usize = 8 << 20;
/// Longest wait while more could be submitted: a message that comes in the meantime waits as long.
const SLICE: Duration = Duration::from_micros(200);
/// Slices are this much longer for what has been under way for [`PATIENT`] of them already.
const LONGER: u32 = 10;
/// See [`LONGER`].
const PATIENT: u32 = 50;
/// Longest wait while nothing can.
const LONG_SLICE: Duration = Duration::from_millis(100);
/// Submissions that jobs may still make once the device is being closed.
const LAST_ROUNDS: u32 = 256;

/// How a device is to be opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Submissions under way at once; 0: 2, and 1 for a device whose submissions block anyway.
    pub in_flight: u32,
    /// Destroys the device after so many submissions, for tests of what happens then; 0: never.
    pub lost_after: u64,
    /// It is not destroyed then, but the service panics, as a graphics library might.
    pub panics: bool,
}

/// An open device: what any thread may ask of it. None of it waits but [`Service::open`] and [`Service::close`].
pub struct Service {
    queue: Arc<Queue>,
    facts: Facts,
    thread: Mutex<Option<libc::pthread_t>>,
}

/// What the thread is started with.
struct Start {
    choice: Choice,
    options: Options,
    queue: Arc<Queue>,
    opened: mpsc::Sender<Result<Facts, Failure>>,
}

impl Service {
    /// Opens a device and starts its thread. Takes tens of milliseconds: no strand calls it.
    pub fn open(choice: &Choice, options: &Options) -> Result<Service, Failure> {
        let queue = Arc::new(Queue::new());
        let (opened, answer) = mpsc::channel();
        let start = Start { choice: choice.clone(), options: options.clone(), queue: queue.clone(), opened };
        let argument = Box::into_raw(Box::new(start));
        let Some(thread) = sys::start_thread_with_stack(main, argument.cast(), STACK) else {
            // SAFETY: no thread was started, so it is still this one's.
            drop(unsafe { Box::from_raw(argument) });
            return Err(Failure::new(Status::NO_MEMORY, "no thread can be had for a device"));
        };
        let lost = || Err(Failure::new(Status::PANIC, "opening a device panicked"));
        match answer.recv().unwrap_or_else(|_| lost()) {
            Ok(facts) => Ok(Service { queue, facts, thread: Mutex::new(Some(thread)) }),
            Err(failure) => {
                sys::join_thread(thread);
                Err(failure)
            }
        }
    }

    /// What is known of the device.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Has a job driven until it is done.
    pub fn start(&self, job: Box<dyn Job>) {
        self.queue.send(Message::Job(job));
    }

    /// Has every idle job asked again.
    pub fn nudge(&self) {
        self.queue.nudge();
    }

    /// Has `command` called once: in its turn, or, on whatever thread, with the reason why there is none.
    pub fn call(&self, command: impl FnOnce(Result<&mut Turn<'_>, &Failure>) + Send + 'static) {
        self.queue.send(Message::Command(Box::new(command)));
    }

    /// Has something made on the service thread.
    pub fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce(&Gpu) -> Result<T, Failure> + Send + 'static,
        reply: Reply<T>,
    ) {
        self.call(|turn| match turn {
            Ok(turn) => reply.send(make(turn.gpu)),
            Err(failure) => reply.send(Err(failure.clone())),
        });
    }

    /// Writes to a buffer. `done`: when the device has it.
    pub fn write(&self, buffer: Arc<super::Held<wgpu::Buffer>>, offset: u64, data: Vec<u8>, done: Reply<()>) {
        self.call(move |turn| match turn {
            Ok(turn) => match turn.write(&buffer, offset, &data) {
                Ok(()) => turn.when_done(done),
                Err(failure) => done.send(Err(failure)),
            },
            Err(failure) => done.send(Err(failure.clone())),
        });
    }

    /// Reads from a buffer.
    pub fn read(&self, buffer: Arc<super::Held<wgpu::Buffer>>, offset: u64, bytes: u64, sink: Sink) {
        self.call(move |turn| match turn {
            Ok(turn) => turn.read(&buffer, offset, bytes, sink),
            Err(failure) => sink.send(Err(failure)),
        });
    }

    /// Destroys the device under everybody's hands, as a driver might: for tests.
    pub fn destroy(&self) {
        self.queue.send(Message::Destroy);
    }

    /// Why nothing is accepted any more, once that is so.
    pub fn ended(&self) -> Option<Failure> {
        self.queue.ended()
    }

    /// Begins to close: commands that were sent are done, jobs end; what comes later is refused with CLOSED.
    pub fn begin_close(&self) {
        self.queue.close();
    }

    /// Closes, and waits for the end of the thread: for what is under way on the device. Not on a strand.
    pub fn close(&self) {
        self.begin_close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            sys::join_thread(thread);
        }
    }
}

impl Drop for Service {
    /// Also on a strand, or on the service thread itself: somebody else waits for the end.
    fn drop(&mut self) {
        self.begin_close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        left.extend(thread);
    }
}

/// Threads of services that were dropped without being closed.
static LEFT: Mutex<Vec<libc::pthread_t>> = Mutex::new(Vec::new());

/// Waits for the threads of services that were dropped.
pub fn join_left() {
    let left = core::mem::take(&mut *LEFT.lock().unwrap_or_else(PoisonError::into_inner));
    left.into_iter().for_each(sys::join_thread);
}

extern "C" fn main(argument: *mut c_void) -> *mut c_void {
    sys::name_thread(c"strand-device");
    let _quiet = Quiet::begin();
    // SAFETY: made by `Service::open` for this thread.
    let start = unsafe { Box::from_raw(argument.cast::<Start>()) };
    let Start { choice, options, queue, opened } = *start;
    let made = catch_unwind(AssertUnwindSafe(|| Gpu::open(&choice, queue.clone())));
    let gpu = match made.unwrap_or_else(|carried| Err(Failure::of_panic(&*carried))) {
        Ok(gpu) => gpu,
        Err(failure) => {
            let _ = opened.send(Err(failure));
            return core::ptr::null_mut();
        }
    };
    let _ = opened.send(Ok(gpu.facts.clone()));
    let mut driver = Driver::new(gpu, queue, &options);
    let ended = catch_unwind(AssertUnwindSafe(|| driver.run()));
    let failure = ended.unwrap_or_else(|carried| Failure::of_panic(&*carried));
    // What is left of wgpu after a panic may panic again.
    let _ = catch_unwind(AssertUnwindSafe(move || driver.end(failure)));
    core::ptr::null_mut()
}

/// A job that is being driven.
struct Active {
    job: Box<dyn Job>,
    number: u64,
    /// Its submissions under way.
    flying: usize,
    /// It has nothing to do before this time, unless nudged.
    idle_until: i64,
}

/// A submission under way.
struct Submission {
    index: wgpu::SubmissionIndex,
    jobs: Vec<u64>,
    readbacks: Vec<Readback>,
    replies: Vec<Reply<()>>,
}

struct Driver {
    gpu: Gpu,
    queue: Arc<Queue>,
    pool: Pool,
    /// Messages that were taken and not handled.
    inbox: VecDeque<Message>,
    jobs: Vec<Active>,
    /// Oldest first.
    flying: VecDeque<Submission>,
    most: usize,
    next: u64,
    /// Slices that were waited for the oldest.
    slices: u32,
    rounds_left: u32,
    submissions: u64,
    lost_after: u64,
    panics: bool,
}

impl Driver {
    fn new(gpu: Gpu, queue: Arc<Queue>, options: &Options) -> Driver {
        let most = match options.in_flight {
            0 if gpu.facts.software => 1,
            0 => 2,
            some => some.min(8) as usize,
        };
        Driver {
            gpu,
            queue,
            pool: Pool::default(),
            inbox: VecDeque::new(),
            jobs: Vec::new(),
            flying: VecDeque::new(),
            most,
            next: 1,
            slices: 0,
            rounds_left: LAST_ROUNDS,
            submissions: 0,
            lost_after: options.lost_after,
            panics: options.panics,
        }
    }

    /// Drives everything until the device is closed or lost; why it ended.
    fn run(&mut self) -> Failure {
        loop {
            if let Some(loss) = self.gpu.loss() {
                return loss;
            }
            let submitted = self.flying.len() < self.most && self.take_turn();
            if self.flying.is_empty() {
                if !submitted && !self.rest() {
                    return Failure::new(Status::CLOSED, "the device was closed");
                }
            } else if !submitted || self.flying.len() == self.most {
                let slice = if self.flying.len() == self.most { LONG_SLICE } else { self.slice() };
                if let Err(failure) = self.poll(slice) {
                    return failure;
                }
            }
        }
    }

    /// How long to wait while more could be submitted.
    fn slice(&self) -> Duration {
        if self.slices < PATIENT { SLICE } else { SLICE * LONGER }
    }

    /// Nothing is under way: sleeps until there is something to do. False: the device is closing and nothing is left.
    fn rest(&mut self) -> bool {
        let closing = self.gpu.closing;
        if closing && self.jobs.is_empty() && self.inbox.is_empty() && !self.queue.has_news(closing) {
            return false;
        }
        let until = self.jobs.iter().map(|active| active.idle_until).min().unwrap_or(i64::MAX);
        self.queue.sleep(closing, until);
        true
    }

    /// Handles what was sent, has the jobs encode, submits. False: nothing was to be submitted.
    fn take_turn(&mut self) -> bool {
        let found = self.queue.take();
        let nudged = found.nudged || found.closing != self.gpu.closing;
        self.gpu.closing = found.closing;
        self.inbox.extend(found.messages);
        let mut round = Round::default();
        while let Some(message) = self.inbox.pop_front() {
            match message {
                Message::Command(command) => {
                    let mut turn = Turn { gpu: &self.gpu, pool: &mut self.pool, round: &mut round };
                    command(Ok(&mut turn));
                }
                Message::Job(job) => {
                    self.jobs.push(Active { job, number: self.next, flying: 0, idle_until: 0 });
                    self.next += 1;
                }
                Message::Drop(value) => drop(value),
                Message::Destroy => self.gpu.destroy(),
            }
        }
        self.encode(&mut round, nudged);
        if !round.wanted || self.gpu.loss().is_some() {
            self.refuse(round);
            return false;
        }
        self.submit(round);
        true
    }

    /// A round that is not submitted: empty, or the device is lost.
    fn refuse(&mut self, round: Round) {
        if let Some(loss) = self.gpu.loss() {
            self.fail(round.jobs, round.readbacks, round.replies, &loss);
        }
    }

    fn encode(&mut self, round: &mut Round, nudged: bool) {
        let closing = self.gpu.closing;
        let now = if self.jobs.is_empty() { 0 } else { sys::monotonic() };
        self.gpu.shared = self.jobs.len() > 1;
        let mut at = 0;
        while let Some(active) = self.jobs.get_mut(at) {
            if active.flying >= active.job.depth().max(1) || (active.idle_until > now && !nudged) {
                at += 1;
                continue;
            }
            match active.job.encode(&self.gpu, round.encoder(&self.gpu)) {
                Step::Submit => {
                    active.flying += 1;
                    active.idle_until = 0;
                    round.jobs.push(active.number);
                    round.wanted = true;
                    at += 1;
                }
                Step::Idle(until) => {
                    active.idle_until = until;
                    at += 1;
                    if closing && active.flying == 0 {
                        at -= 1;
                        let failure = Failure::new(Status::CLOSED, "the device was closed");
                        self.jobs.swap_remove(at).job.lost(&failure);
                    }
                }
                Step::Done => drop(self.jobs.swap_remove(at)),
            }
        }
    }

    fn submit(&mut self, round: Round) {
        let Round { encoder, readbacks, replies, jobs, .. } = round;
        let index = self.gpu.queue.submit(encoder.map(wgpu::CommandEncoder::finish));
        self.submissions += 1;
        if self.submissions == self.lost_after {
            self.lose();
        }
        if let Some(failure) = self.gpu.loss().or_else(|| self.gpu.error()) {
            return self.fail(jobs, readbacks, replies, &failure);
        }
        for active in self.jobs.iter_mut().filter(|active| jobs.contains(&active.number)) {
            active.job.submitted(&self.gpu);
        }
        readbacks.iter().for_each(Readback::submitted);
        self.flying.push_back(Submission { index, jobs, readbacks, replies });
        if self.gpu.closing {
            self.rounds_left = self.rounds_left.saturating_sub(1);
            if self.rounds_left == 0 {
                let failure = Failure::new(Status::CLOSED, "the device was closed and a run did not end");
                self.jobs.drain(..).for_each(|active| active.job.lost(&failure));
            }
        }
    }

    /// A test has asked for it.
    #[cold]
    #[expect(clippy::panic, reason = "what a panic of a graphics library does is tried out")]
    fn lose(&self) {
        if self.panics {
            panic_any("a test has asked for it");
        }
        self.gpu.destroy();
    }

    /// What belongs to a submission that did not come to be.
    fn fail(&mut self, jobs: Vec<u64>, readbacks: Vec<Readback>, replies: Vec<Reply<()>>, failure: &Failure) {
        for number in jobs {
            if let Some(at) = self.jobs.iter().position(|active| active.number == number) {
                self.jobs.swap_remove(at).job.lost(failure);
            }
        }
        readbacks.into_iter().for_each(|readback| readback.sink.send(Err(failure)));
        replies.into_iter().for_each(|reply| reply.send(Err(failure.clone())));
    }

    /// Waits for the oldest submission, `slice` at most, and completes it when it has ended.
    fn poll(&mut self, slice: Duration) -> Result<(), Failure> {
        let Some(oldest) = self.flying.front() else { return Ok(()) };
        let wait = wgpu::PollType::Wait { submission_index: Some(oldest.index.clone()), timeout: Some(slice) };
        match self.gpu.device.poll(wait) {
            Ok(_) => {}
            Err(wgpu::PollError::Timeout) => {
                self.slices = self.slices.saturating_add(1);
                return Ok(());
            }
            Err(error) => {
                return Err(Failure::new(Status::DEVICE, format!("the device cannot be waited for{}", causes(&error))));
            }
        }
        self.slices = 0;
        if let Some(loss) = self.gpu.loss() {
            return Err(loss);
        }
        let Some(Submission { jobs, readbacks, replies, .. }) = self.flying.pop_front() else { return Ok(()) };
        for number in jobs {
            if let Some(active) = self.jobs.iter_mut().find(|active| active.number == number) {
                active.flying -= 1;
                active.idle_until = 0;
                active.job.completed(&self.gpu);
            }
        }
        self.jobs.retain(|active| !active.job.is_over());
        readbacks.into_iter().for_each(|readback| readback.finish(&mut self.pool));
        replies.into_iter().for_each(|reply| reply.send(Ok(())));
        Ok(())
    }

    /// Tells everybody who still waits, and lets go of the device.
    fn end(mut self, failure: Failure) {
        let unread = self.queue.end(failure.clone());
        self.jobs.drain(..).for_each(|active| active.job.lost(&failure));
        for Submission { readbacks, replies, .. } in core::mem::take(&mut self.flying) {
            readbacks.into_iter().for_each(|readback| readback.sink.send(Err(&failure)));
            replies.into_iter().for_each(|reply| reply.send(Err(failure.clone())));
        }
        self.inbox.drain(..).chain(unread).for_each(|message| message.refuse(&failure));
    }
}
