// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which OS thread does something with the engine, and when: the order of their calls among the steps.
//!
//! While one thread does everything there is nothing to say. A *turn* is written where another one acts: its number (in
//! the order of first arrival; the thread that made init is 0), how many calls and how many steps or timer batches there
//! were since the last turn, and for a new thread its name. By these a replay finds the same place again. A thread is
//! known by its arrival and its name; threads of one name that first call at about the same time may change roles,
//! which a replay notices only where they do different things. A thread of the library's own that makes calls for strands
//! is a new one with each call, named after it.

use core::cell::Cell;
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::engine::outside;
use crate::record::{Event, varint};
use crate::strand::message::Text;

/// Kind of the external completions that are turns of threads.
pub const TURN: u8 = 1;
/// Bytes of a thread's name.
const NAME: usize = 16;
/// Bytes of the payload of a turn.
const PAYLOAD: usize = 2 * varint::MAX + NAME;

static SESSION: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Session, number of this thread in it, and the errand on which it has that number.
    static MINE: Cell<(u32, u32, u64)> = const { Cell::new((0, 0, 0)) };
}

/// A new recording or replay, in which the calling thread is number 0.
pub fn begin_session() -> u32 {
    let session = SESSION.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    MINE.set((session, 0, outside::errand()));
    session
}

/// The name of the calling thread.
struct Name([u8; NAME]);

impl Name {
    fn of_this_thread() -> Name {
        let mut name = [0; NAME];
        let errand = outside::errand();
        if errand != 0 {
            // Any thread of the pool may make the call: it is known by its number.
            let mut text = Text::<NAME>::new();
            let _ = write!(text, "call {errand:x}");
            name[..text.as_bytes().len()].copy_from_slice(text.as_bytes());
            return Name(name);
        }
        // SAFETY: writes at most 16 bytes with a terminator into the buffer, which has them.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        Name(name)
    }

    fn bytes(&self) -> &[u8] {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(NAME);
        &self.0[..length]
    }
}

/// The payload of a turn.
pub struct Payload {
    bytes: [u8; PAYLOAD],
    length: usize,
}

impl Payload {
    fn of(calls: u64, acts: u64, name: Option<&Name>) -> Payload {
        let mut bytes = [0; PAYLOAD];
        let mut length = varint::put(&mut bytes, 0, calls);
        length = varint::put(&mut bytes, length, acts);
        if let Some(name) = name {
            let name = name.bytes();
            bytes[length..length + name.len()].copy_from_slice(name);
            length += name.len();
        }
        Payload { bytes, length }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The turn of a thread as an event.
pub fn event(thread: u32, payload: &Payload) -> Event<'_> {
    Event::External { object: thread.into(), kind: TURN, outcome: 0, payload: payload.as_bytes() }
}

/// Which threads there are, and what happened since the last turn.
pub struct Threads {
    session: u32,
    known: u32,
    current: u32,
    calls: u64,
    acts: u64,
}

impl Threads {
    /// One thread, which has done nothing.
    pub fn new(session: u32) -> Threads {
        Threads { session, known: 1, current: 0, calls: 0, acts: 0 }
    }

    fn number(&self) -> Option<u32> {
        let (session, number, errand) = MINE.get();
        (session == self.session && errand == outside::errand()).then_some(number)
    }

    /// The calling thread is the one that acts.
    pub fn is_current(&self) -> bool {
        self.number() == Some(self.current)
    }

    /// The number of the calling thread, and the payload of its turn, which begins.
    pub fn begin_turn(&mut self) -> (u32, Payload) {
        let number = self.number().unwrap_or(self.known);
        let name = (number >= self.known).then(Name::of_this_thread);
        self.known = self.known.max(number + 1);
        MINE.set((self.session, number, outside::errand()));
        let payload = Payload::of(self.calls, self.acts, name.as_ref());
        (self.current, self.calls, self.acts) = (number, 0, 0);
        (number, payload)
    }

    /// Whether the turn of a thread that is recorded with this payload comes now.
    pub fn is_place(&self, payload: &[u8]) -> bool {
        let Some((calls, at)) = varint::get(payload, 0) else { return false };
        let Some((acts, _)) = varint::get(payload, at) else { return false };
        calls == self.calls && acts == self.acts
    }

    /// Whether the calling thread is, or may be, the one with this number whose turn has this payload.
    pub fn is_mine(&self, object: u64, payload: &[u8]) -> bool {
        match self.number() {
            Some(number) => u64::from(number) == object,
            None if object == u64::from(self.known) => {
                let name = varint::get(payload, 0).and_then(|(_, at)| varint::get(payload, at));
                name.is_some_and(|(_, at)| payload[at..] == *Name::of_this_thread().bytes())
            }
            None => false,
        }
    }

    /// The thread whose turn it is makes a call.
    pub fn call(&mut self) {
        self.calls += 1;
    }

    /// A step, or a batch of timers.
    pub fn act(&mut self) {
        self.acts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(event: &Event<'_>) -> (u64, Vec<u8>) {
        match event {
            Event::External { object, payload, .. } => (*object, payload.to_vec()),
            _ => (u64::MAX, Vec::new()),
        }
    }

    #[test]
    fn a_turn_comes_at_its_place_to_its_thread() {
        let session = begin_session();
        let mut writes = Threads::new(session);
        assert!(writes.is_current());
        writes.call();
        writes.act();
        writes.act();
        let (object, payload) = std::thread::Builder::new()
            .name("feeder".to_owned())
            .spawn(move || {
                assert!(!writes.is_current());
                let (number, payload) = writes.begin_turn();
                assert!(writes.is_current());
                parts(&event(number, &payload))
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(object, 1);
        assert_eq!(payload, [&[1, 2][..], b"feeder"].concat());

        let mut reads = Threads::new(session);
        assert!(!reads.is_place(&payload));
        reads.call();
        reads.act();
        assert!(!reads.is_place(&payload));
        reads.act();
        assert!(reads.is_place(&payload));
        assert!(!reads.is_mine(object, &payload), "this thread is number 0");
        for (name, is_it) in [("feeder", true), ("other", false)] {
            let (reads, payload) = (&reads, &payload);
            std::thread::scope(|scope| {
                let look = move || assert_eq!(reads.is_mine(1, payload), is_it);
                std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, look).unwrap();
            });
        }
    }
}
