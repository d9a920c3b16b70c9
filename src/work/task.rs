// SPDX-License-Identifier: MIT OR Apache-2.0
//! A task: sixteen words, and the changes that it may undergo. A refused change leaves every word as it was.

use core::fmt;
use core::ops::{Index, IndexMut};

use super::state::{State, flag, priority};
use super::words::{WORDS, Word};

/// A task: 64 bytes, the layout of `strand_work_task`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct Task([u32; WORDS]);

const _: () = assert!(size_of::<Task>() == 64 && align_of::<Task>() == 4);

impl Index<Word> for Task {
    type Output = u32;
    fn index(&self, word: Word) -> &u32 {
        &self.0[word.number()]
    }
}

impl IndexMut<Word> for Task {
    fn index_mut(&mut self, word: Word) -> &mut u32 {
        &mut self.0[word.number()]
    }
}

/// Why a change was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No state has this number.
    UnknownState(u32),
    /// The state is one that nothing follows.
    Terminal(State),
    /// The second state does not follow the first.
    Order(State, State),
    /// The counter is at its end.
    Counter(Word),
    /// The epoch has not come: now, and the one that it waits for.
    Epoch(u32, u32),
    /// No such band: the band, and how many there are.
    Band(u32, u32),
    /// No such tenant: the tenant, and how many there are.
    Tenant(u32, u32),
    /// Flags that mean nothing.
    Flags(u32),
    /// A word that is set, and that the records do not carry.
    NotCarried(Word),
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::UnknownState(word) => write!(out, "no state has the number {word}"),
            Refusal::Terminal(state) => write!(out, "its state is {}, which nothing follows", state.name()),
            Refusal::Order(from, to) => write!(out, "{} does not follow {}", to.name(), from.name()),
            Refusal::Counter(word) => write!(out, "its {} is at its end", word.name()),
            Refusal::Epoch(now, then) => write!(out, "it waits for epoch {then}, and this is {now}"),
            Refusal::Band(band, bands) => write!(out, "its priority is {band}, and there are {bands} bands"),
            Refusal::Tenant(tenant, tenants) => write!(out, "its tenant is {tenant}, and there are {tenants}"),
            Refusal::Flags(flags) => write!(out, "unknown bits {:#x} in its flags", flags & !flag::ALL),
            Refusal::NotCarried(word) => {
                write!(out, "its {} is not 0, and the program's records do not carry it", word.name())
            }
        }
    }
}

impl Task {
    /// A task of these words, whatever they say.
    pub const fn from_words(words: [u32; WORDS]) -> Task {
        Task(words)
    }

    /// Its words, in their order.
    pub const fn words(&self) -> &[u32; WORDS] {
        &self.0
    }

    /// A ready task of tenant 0 and normal priority.
    pub fn ready() -> Task {
        let mut task = Task::default();
        task[Word::State] = State::Ready.word();
        task[Word::Priority] = priority::NORMAL;
        task
    }

    /// Its state, unless the word is none.
    pub fn state(&self) -> Result<State, Refusal> {
        let word = self[Word::State];
        State::of(word).ok_or(Refusal::UnknownState(word))
    }

    /// It runs now.
    pub fn start(&mut self) -> Result<(), Refusal> {
        self.check(State::Running)?;
        self.enter(State::Running);
        Ok(())
    }

    /// It is done.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        self.check(State::Done)?;
        self.enter(State::Done);
        Ok(())
    }

    /// It ends with a code, which stays in `continuation_data`.
    pub fn fault(&mut self, code: u32) -> Result<(), Refusal> {
        self.check(State::Faulted)?;
        self.enter(State::Faulted);
        self[Word::ContinuationData] = code;
        Ok(())
    }

    /// It gives way and goes on at `pc` with `data`.
    pub fn yield_now(&mut self, pc: u32, data: u32) -> Result<(), Refusal> {
        self.check(State::Yielded)?;
        self.count(Word::YieldCount)?;
        self.enter(State::Yielded);
        self.go_on(pc, data);
        Ok(())
    }

    /// It has more to do and goes on at `pc` with `data`.
    pub fn requeue(&mut self, pc: u32, data: u32) -> Result<(), Refusal> {
        self.check(State::Requeued)?;
        self.count(Word::RequeueCount)?;
        self.enter(State::Requeued);
        self.go_on(pc, data);
        Ok(())
    }

    /// It waits for `epoch` and then goes on at `pc` with `data`.
    pub fn pause(&mut self, pc: u32, data: u32, epoch: u32) -> Result<(), Refusal> {
        self.check(State::Paused)?;
        self.enter(State::Paused);
        self.go_on(pc, data);
        self[Word::ResumeEpoch] = epoch;
        Ok(())
    }

    /// The epoch is `now`: a task that waited for it, or for an earlier one, is ready.
    pub fn resume(&mut self, now: u32) -> Result<(), Refusal> {
        self.check(State::Ready)?;
        let then = self[Word::ResumeEpoch];
        if then > now {
            return Err(Refusal::Epoch(now, then));
        }
        self.enter(State::Ready);
        self[Word::Flags] = flag::RESUME_READY;
        Ok(())
    }

    /// Whether a worklist of so many bands and tenants can take it from a program: a state that can go on, and numbers
    /// that mean something.
    pub fn admissible(&self, bands: u32, tenants: u32) -> Result<State, Refusal> {
        let state = self.state()?;
        let (band, tenant, flags) = (self[Word::Priority], self[Word::TenantId], self[Word::Flags]);
        if state.is_terminal() {
            return Err(Refusal::Terminal(state));
        }
        if state == State::Running {
            return Err(Refusal::Order(State::Running, State::Ready));
        }
        if band >= bands {
            return Err(Refusal::Band(band, bands));
        }
        if tenant >= tenants {
            return Err(Refusal::Tenant(tenant, tenants));
        }
        if flags & !flag::ALL != 0 {
            return Err(Refusal::Flags(flags));
        }
        Ok(state)
    }

    fn check(&self, to: State) -> Result<(), Refusal> {
        let from = self.state()?;
        match from.may_become(to) {
            true => Ok(()),
            false if from.is_terminal() => Err(Refusal::Terminal(from)),
            false => Err(Refusal::Order(from, to)),
        }
    }

    fn count(&mut self, word: Word) -> Result<(), Refusal> {
        self[word] = self[word].checked_add(1).ok_or(Refusal::Counter(word))?;
        Ok(())
    }

    fn enter(&mut self, state: State) {
        self[Word::State] = state.word();
        self[Word::Flags] = flag::of(state);
    }

    fn go_on(&mut self, pc: u32, data: u32) {
        self[Word::ContinuationPc] = pc;
        self[Word::ContinuationData] = data;
    }
}
