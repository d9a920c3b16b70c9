// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wait with several sources (`wait::several`, over the cases of channels, ends and tokens): exactly one case commits,
//! the others move nothing, and nobody stays asleep for whom something is there.

use loom::thread;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::Torn;
use crate::base::status::Status;
use crate::engine;
use crate::runtime::select::{self, FIRST_LISTED, RawCase};
use crate::sync::channel::{self, ChannelOptions};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::{cancel, park, threads};

type Outcome<T> = Result<T, Status>;

/// A setting with two channels.
struct Talk {
    chans: [u64; 2],
    setting: Setting,
}

impl Talk {
    fn new(workers: u32, capacity: usize) -> Talk {
        let setting = Setting::new(workers);
        channel::start().unwrap();
        let make = || {
            let options = ChannelOptions {
                element_size: 8,
                capacity,
                name: &[],
                transfer: None,
                drop: None,
                data: std::ptr::null_mut(),
            };
            channel::create(&options).unwrap()
        };
        Talk { chans: [make(), make()], setting }
    }

    fn lies(&self) -> usize {
        self.chans.iter().map(|chan| channel::length(*chan).unwrap()).sum()
    }

    /// The timers of the workers that are due at `now` fire.
    fn pass_time(&self, now: i64) {
        for worker in self.setting.engine.workers() {
            if let Some(strand) = self.setting.engine.fire(worker.index, now) {
                engine::ready_last(strand);
            }
        }
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

const RECV: u32 = 1;
const SEND: u32 = 2;
const PARK: u32 = 7;

fn case(kind: u32, handle: u64, element: &mut u64) -> RawCase {
    let element = (&raw mut *element).cast();
    RawCase { size: size_of::<RawCase>() as u32, kind, handle, element, deadline: 0, status: 1, events: 0 }
}

/// Which case has committed, how, and what it has received.
type Selected = Outcome<(usize, Status, u64)>;

/// A select of two cases; what it sends is 7 and 8.
fn select(kinds: [u32; 2], handles: [u64; 2], deadline: i64) -> Selected {
    let mut elements = [7, 8];
    let [one, other] = &mut elements;
    let mut cases = [case(kinds[0], handles[0], one), case(kinds[1], handles[1], other)];
    // SAFETY: two cases, whose elements stay.
    let index = unsafe { select::select(cases.as_mut_ptr(), 2, deadline, FIRST_LISTED) }?;
    assert_eq!(cases[1 - index].status, 1, "a case that has not committed was written to");
    Ok((index, Status(cases[index].status), elements[index]))
}

/// A strand that selects between receiving from both channels.
fn receiver(talk: &Talk, deadline: i64) -> thread::JoinHandle<Selected> {
    let chans = talk.chans;
    talk.setting.strand(0).run(move |_| select([RECV, RECV], chans, deadline))
}

fn received(selected: &Selected) -> usize {
    usize::from(matches!(selected, Ok((_, Status::OK, _))))
}

/// Two threads send, a strand receives one of the messages: the other one lies in its channel.
fn two_senders() {
    let talk = Talk::new(1, 1);
    let selecting = receiver(&talk, FOREVER);
    let chans = talk.chans;
    let sending = [1, 2].map(|message| thread::spawn(move || send(chans[message as usize - 1], message, NO_WAIT)));
    for sender in sending {
        assert_eq!(sender.join().unwrap(), Ok(()));
    }
    let (index, status, message) = selecting.join().unwrap().unwrap();
    assert_eq!((status, message), (Status::OK, index as u64 + 1));
    assert_eq!(talk.lies(), 1);
    assert_eq!(channel::length(chans[1 - index]), Ok(1));
}

/// Two strands each send on one channel and receive from the other: they meet on exactly one of them.
fn two_selects() {
    let talk = Talk::new(2, 0);
    let [a, b] = talk.chans;
    let first = talk.setting.strand(0).run(move |_| select([SEND, RECV], [a, b], FOREVER));
    let second = talk.setting.strand(1).run(move |_| select([RECV, SEND], [a, b], FOREVER));
    let (first, second) = (first.join().unwrap().unwrap(), second.join().unwrap().unwrap());
    assert_eq!((first.0, first.1, second.1), (second.0, Status::OK, Status::OK), "one sends what the other receives");
    let message = [first, second].map(|one| one.2);
    assert_eq!(message[0], message[1]);
}

/// A strand that selects on both sides of one channel meets a thread, and not itself.
fn both_sides() {
    let talk = Talk::new(1, 0);
    let a = talk.chans[0];
    let selecting = talk.setting.strand(0).run(move |_| select([SEND, RECV], [a, a], FOREVER));
    let sent = send(a, 1, NO_WAIT);
    channel::close(a).unwrap();
    let selected = selecting.join().unwrap();
    match sent {
        Ok(()) => assert_eq!(selected, Ok((1, Status::OK, 1))),
        Err(_) => assert!(matches!(selected, Ok((_, Status::CLOSED, _)))),
    }
}

/// A message comes while the other channel is closed.
fn send_or_close() {
    let talk = Talk::new(1, 1);
    let selecting = receiver(&talk, FOREVER);
    let [a, b] = talk.chans;
    let closer = thread::spawn(move || channel::close(a));
    let sent = send(b, 2, NO_WAIT);
    closer.join().unwrap().unwrap();
    assert_eq!(sent, Ok(()));
    let selected = selecting.join().unwrap();
    assert!(matches!(selected, Ok((0, Status::CLOSED, _)) | Ok((1, Status::OK, 2))), "{selected:?}");
    assert_eq!(talk.lies() + received(&selected), 1);
}

/// A message comes while the deadline passes.
fn send_or_time_out() {
    let talk = Talk::new(1, 1);
    let selecting = receiver(&talk, 10);
    let b = talk.chans[1];
    let sender = thread::spawn(move || send(b, 2, NO_WAIT));
    talk.pass_time(10);
    assert_eq!(sender.join().unwrap(), Ok(()));
    let selected = selecting.join().unwrap();
    assert!(matches!(selected, Err(Status::TIMEOUT) | Ok((1, Status::OK, 2))), "{selected:?}");
    assert_eq!(talk.lies() + received(&selected), 1);
}

/// A message comes while everything is cancelled.
fn send_or_cancel() {
    let talk = Talk::new(1, 1);
    let selecting = receiver(&talk, FOREVER);
    let b = talk.chans[1];
    let sender = thread::spawn(move || send(b, 2, NO_WAIT));
    cancel::begin_all();
    threads::cancel_all();
    cancel::wake_all(&talk.setting.engine.strands, |_| unreachable!());
    let sent = sender.join().unwrap();
    let selected = selecting.join().unwrap();
    assert!(matches!(selected, Err(Status::CANCELLED) | Ok((1, Status::OK, 2))), "{selected:?}");
    assert_eq!(talk.lies() + received(&selected), usize::from(sent.is_ok()));
}

/// A message comes while a token of the strand is unparked: if the message wins, the unpark is kept.
fn send_or_unpark() {
    let talk = Talk::new(1, 1);
    let a = talk.chans[0];
    let strand = talk.setting.strand(0);
    let token = park::begin(strand.0).unwrap();
    let selecting = strand.run(move |body| {
        let selected = select([RECV, PARK], [a, token], FOREVER);
        // Unparked it will be, sooner or later, unless it was this.
        let kept = if received(&selected) == 1 && selected.as_ref().is_ok_and(|done| done.0 == 0) {
            Some(park::park(body, token, FOREVER))
        } else {
            None
        };
        (selected, kept)
    });
    let sender = thread::spawn(move || send(a, 1, NO_WAIT));
    let unparked = park::unpark(&talk.setting.engine.strands, token, 9);
    assert_eq!(unparked, Ok(()));
    assert_eq!(sender.join().unwrap(), Ok(()));
    let (selected, kept) = selecting.join().unwrap();
    match selected {
        Ok((0, Status::OK, 1)) => assert_eq!(kept, Some(Ok(9))),
        Ok((1, Status::OK, 9)) => assert_eq!(talk.lies(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_of_two_messages_is_received_and_the_other_stays() {
    holds(2, two_senders);
}

#[test]
fn two_selects_meet_on_one_channel() {
    holds(2, two_selects);
}

#[test]
fn both_sides_of_one_call_never_meet() {
    holds(2, both_sides);
}

#[test]
fn a_message_and_a_close_of_another_channel_do_not_both_commit() {
    holds(2, send_or_close);
}

#[test]
fn a_select_that_times_out_took_no_message() {
    holds(2, send_or_time_out);
}

#[test]
fn a_select_that_is_cancelled_took_no_message() {
    holds(2, send_or_cancel);
}

#[test]
fn an_unpark_that_comes_beside_a_message_is_kept() {
    holds(2, send_or_unpark);
}

#[test]
fn control_an_early_claim_in_two_steps_commits_twice() {
    fails_with(Torn, "base/claim.rs", "match self.0.compare_exchange(OPENING, CLAIMED_EARLY", two_senders);
}

#[test]
fn control_a_claim_in_two_steps_takes_two_messages() {
    fails_with(Torn, "base/claim.rs", "match self.0.compare_exchange(OPEN, CLAIMED", two_senders);
}

#[test]
fn control_a_publication_in_two_steps_overwrites_an_early_winner() {
    fails_with(Torn, "base/claim.rs", "self.0.compare_exchange(OPENING, OPEN", two_selects);
}

#[test]
fn control_a_token_withdrawn_in_two_steps_loses_its_unpark() {
    fails_with(Torn, "wait/park.rs", "compare_exchange(offered, armed", send_or_unpark);
}
