// SPDX-License-Identifier: MIT OR Apache-2.0
//! Channels (`sync`) over the waiting of `wait::block`: each message is received once or lies in the channel, a failed
//! send or receive moved nothing, and a close leaves nobody asleep.

use loom::thread;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::Torn;
use crate::base::status::Status;
use crate::engine;
use crate::sync::channel::{self, ChannelOptions};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::{cancel, threads};

type Outcome<T> = Result<T, Status>;

/// A setting with a channel.
struct Talk {
    chan: u64,
    setting: Setting,
}

impl Talk {
    fn new(workers: u32, capacity: usize) -> Talk {
        let setting = Setting::new(workers);
        channel::start().unwrap();
        let chan = channel::create(&ChannelOptions {
            element_size: 8,
            capacity,
            name: &[],
            transfer: None,
            drop: None,
            data: std::ptr::null_mut(),
        });
        Talk { chan: chan.unwrap(), setting }
    }

    fn length(&self) -> usize {
        channel::length(self.chan).unwrap()
    }

    /// The timers of the workers that are due at `now` fire.
    fn pass_time(&self, now: i64) {
        for worker in self.setting.engine.workers() {
            if let Some(strand) = self.setting.engine.fire(worker.index, now) {
                engine::ready_last(strand);
            }
        }
    }

    fn cancel(&self) {
        cancel::begin_all();
        threads::cancel_all();
        cancel::wake_all(&self.setting.engine.strands, |_| unreachable!());
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the threads of the execution have ended.
            unsafe { channel::stop() };
        }
    }
}

fn send(chan: u64, message: u64, deadline: i64) -> Outcome<()> {
    // SAFETY: the message is readable for the channel's eight bytes.
    unsafe { channel::send(chan, (&raw const message).cast(), deadline) }
}

fn receive(chan: u64, deadline: i64) -> Outcome<u64> {
    let mut message = 0u64;
    // SAFETY: the place is writable for the channel's eight bytes.
    unsafe { channel::receive(chan, (&raw mut message).cast(), deadline) }.map(|()| message)
}

/// `senders` strands send a message each, one strand receives them all.
fn hand_over(capacity: usize, senders: u32) {
    let talk = Talk::new(senders + 1, capacity);
    let chan = talk.chan;
    let sending: Vec<_> = (0..senders)
        .map(|sender| talk.setting.strand(sender).run(move |_| send(chan, u64::from(sender) + 1, FOREVER)))
        .collect();
    talk.setting.strand(senders).begin();
    let mut received: Vec<u64> = (0..senders).map(|_| receive(chan, FOREVER).unwrap()).collect();
    assert!(sending.into_iter().all(|sender| sender.join().unwrap().is_ok()));
    received.sort_unstable();
    assert_eq!(received, (1..=u64::from(senders)).collect::<Vec<u64>>());
    assert_eq!(talk.length(), 0);
}

/// What was sent was received or lies in the channel.
fn assert_nothing_lost(talk: &Talk, sent: Outcome<()>, received: Outcome<u64>) {
    let lies = talk.length();
    assert_eq!(usize::from(sent.is_ok()), usize::from(received.is_ok()) + lies, "{sent:?} {received:?} {lies}");
    assert!(matches!(received, Ok(7) | Err(_)));
}

/// A strand receives with a time limit that passes, while another sends if there is room.
fn receive_or_time_out() {
    let talk = Talk::new(1, 1);
    let chan = talk.chan;
    let receiver = talk.setting.strand(0).run(move |_| receive(chan, 10));
    let sender = thread::spawn(move || send(chan, 7, NO_WAIT));
    talk.pass_time(10);
    let sent = sender.join().unwrap();
    assert_nothing_lost(&talk, sent, receiver.join().unwrap());
}

/// A strand sends with a time limit that passes, while another receives what is there.
fn send_or_time_out() {
    let talk = Talk::new(1, 0);
    let chan = talk.chan;
    let sender = talk.setting.strand(0).run(move |_| send(chan, 7, 10));
    let receiver = thread::spawn(move || receive(chan, NO_WAIT));
    talk.pass_time(10);
    let received = receiver.join().unwrap();
    // The timer may have been armed too late to fire.
    channel::close(chan).unwrap();
    assert_nothing_lost(&talk, sender.join().unwrap(), received);
}

/// As above, while everything is cancelled.
fn receive_or_cancel(deadline: i64) {
    let talk = Talk::new(1, 1);
    let chan = talk.chan;
    let receiver = talk.setting.strand(0).run(move |_| receive(chan, deadline));
    let sender = thread::spawn(move || send(chan, 7, NO_WAIT));
    talk.cancel();
    let sent = sender.join().unwrap();
    assert_nothing_lost(&talk, sent, receiver.join().unwrap());
}

/// A thread of the system receives, with a time limit or without one, while it is cancelled or a message comes.
fn receive_on_thread(deadline: i64) {
    let talk = Talk::new(1, 1);
    let chan = talk.chan;
    let receiver = thread::spawn(move || receive(chan, deadline));
    let sent = if deadline == FOREVER {
        let sender = thread::spawn(move || send(chan, 7, NO_WAIT));
        talk.cancel();
        sender.join().unwrap()
    } else {
        send(chan, 7, NO_WAIT)
    };
    assert_nothing_lost(&talk, sent, receiver.join().unwrap());
}

/// A strand receives while the channel is closed, or released, which ends it.
fn receive_or_close(release: bool) {
    let talk = Talk::new(1, 1);
    let chan = talk.chan;
    let receiver = talk.setting.strand(0).run(move |_| receive(chan, FOREVER));
    if release { channel::release(chan) } else { channel::close(chan) }.unwrap();
    let ends: &[Status] = if release { &[Status::CLOSED, Status::STALE] } else { &[Status::CLOSED] };
    assert!(ends.contains(&receiver.join().unwrap().unwrap_err()));
}

#[test]
fn a_message_is_handed_over() {
    holds(3, || hand_over(0, 1));
}

#[test]
fn a_message_is_received_through_the_ring() {
    holds(3, || hand_over(1, 1));
}

#[test]
fn two_messages_are_received() {
    holds(2, || hand_over(1, 2));
}

#[test]
fn a_receive_that_times_out_took_no_message() {
    holds(2, receive_or_time_out);
}

#[test]
fn a_send_that_times_out_left_no_message() {
    holds(2, send_or_time_out);
}

#[test]
fn a_receive_that_is_cancelled_took_no_message() {
    holds(2, || receive_or_cancel(FOREVER));
}

#[test]
fn a_receive_with_a_time_limit_that_is_cancelled_took_no_message() {
    holds(2, || receive_or_cancel(10));
}

#[test]
fn a_thread_that_times_out_took_no_message() {
    holds(3, || receive_on_thread(10));
}

#[test]
fn a_thread_that_is_cancelled_took_no_message() {
    holds(2, || receive_on_thread(FOREVER));
}

#[test]
fn a_close_ends_a_receive() {
    holds(3, || receive_or_close(false));
}

#[test]
fn the_last_release_ends_a_receive() {
    holds(3, || receive_or_close(true));
}

#[test]
fn control_a_lock_that_two_hold_loses_a_message() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", || hand_over(1, 2));
}

#[test]
fn control_a_claim_in_two_steps_takes_a_message_and_times_out() {
    fails_with(Torn, "base/claim.rs", "match self.0.compare_exchange(OPEN, CLAIMED", receive_or_time_out);
}

#[test]
fn messages_are_received_through_a_channel_that_grows() {
    holds(2, || hand_over(usize::MAX, 2));
}
