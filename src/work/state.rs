// SPDX-License-Identifier: MIT OR Apache-2.0
//! The states of a task, its flags and priorities, and which state may follow which.
//!
//! ```text
//!            start           finish
//!   READY ─────────> RUNNING ──────> DONE
//!     ^               │ │ │
//!     │ resume        │ │ └─ yield ───> YIELDED ──┐
//!     │               │ └─── requeue ─> REQUEUED ─┤ start: RUNNING again
//!   PAUSED <── pause ─┘
//!                       any of them ──> FAULTED
//! ```
//! EMPTY, DONE and FAULTED end a task: nothing follows them.

/// The state of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// No task is here.
    Empty = 0,
    /// It may run.
    Ready = 1,
    /// It runs.
    Running = 2,
    /// It has ended.
    Done = 3,
    /// It waits for an epoch.
    Paused = 4,
    /// It gave way and may run.
    Yielded = 5,
    /// It has more to do and may run.
    Requeued = 6,
    /// It has ended, with a code.
    Faulted = 7,
}

impl State {
    /// All of them, in their order.
    pub const ALL: [State; 8] = [
        State::Empty,
        State::Ready,
        State::Running,
        State::Done,
        State::Paused,
        State::Yielded,
        State::Requeued,
        State::Faulted,
    ];

    /// The state of a word, or none where no state has this number.
    pub const fn of(word: u32) -> Option<State> {
        if word < 8 { Some(State::ALL[word as usize]) } else { None }
    }

    /// Its number.
    pub const fn word(self) -> u32 {
        self as u32
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        ["empty", "ready", "running", "done", "paused", "yielded", "requeued", "faulted"][self as usize]
    }

    /// It may be started.
    pub const fn is_schedulable(self) -> bool {
        matches!(self, State::Ready | State::Yielded | State::Requeued)
    }

    /// Nothing follows it.
    pub const fn is_terminal(self) -> bool {
        matches!(self, State::Empty | State::Done | State::Faulted)
    }

    /// The table of edges: may `to` follow?
    pub const fn may_become(self, to: State) -> bool {
        match self {
            State::Ready | State::Yielded | State::Requeued => matches!(to, State::Running | State::Faulted),
            State::Running => {
                matches!(to, State::Done | State::Paused | State::Yielded | State::Requeued | State::Faulted)
            }
            State::Paused => matches!(to, State::Ready | State::Faulted),
            State::Empty | State::Done | State::Faulted => false,
        }
    }
}

/// The flags of a task.
pub mod flag {
    /// It is paused.
    pub const PAUSED: u32 = 1;
    /// It has yielded.
    pub const YIELDED: u32 = 2;
    /// It was requeued, or is one of a chain that goes on.
    pub const REQUEUE_REQUESTED: u32 = 4;
    /// It was paused and has been resumed.
    pub const RESUME_READY: u32 = 8;
    /// Every bit that means something.
    pub const ALL: u32 = 15;

    /// The flags of a task that has just come to this state.
    pub const fn of(state: super::State) -> u32 {
        match state {
            super::State::Paused => PAUSED,
            super::State::Yielded => YIELDED,
            super::State::Requeued => REQUEUE_REQUESTED,
            _ => 0,
        }
    }
}

/// Priorities: bands, the most urgent first.
pub mod priority {
    /// Before everything else.
    pub const CRITICAL: u32 = 0;
    /// Urgent.
    pub const HIGH: u32 = 1;
    /// What a task has unless something is said.
    pub const NORMAL: u32 = 2;
    /// May wait.
    pub const LOW: u32 = 3;
    /// When nothing else is to be done.
    pub const IDLE: u32 = 4;
    /// How many there are.
    pub const COUNT: u32 = 5;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_state_or_none() {
        for state in State::ALL {
            assert_eq!(State::of(state.word()), Some(state));
        }
        assert!([8, 9, u32::MAX].into_iter().all(|word| State::of(word).is_none()));
    }

    #[test]
    fn nothing_follows_a_terminal_state_and_every_other_can_end() {
        for from in State::ALL {
            let followers = State::ALL.into_iter().filter(|to| from.may_become(*to)).count();
            assert_eq!(from.is_terminal(), followers == 0, "{}", from.name());
            assert_eq!(from.may_become(State::Faulted), !from.is_terminal());
            assert!(!from.may_become(State::Empty));
        }
    }

    #[test]
    fn only_paused_becomes_ready_and_only_schedulable_states_start() {
        for from in State::ALL {
            assert_eq!(from.may_become(State::Ready), from == State::Paused);
            assert_eq!(from.may_become(State::Running), from.is_schedulable());
        }
    }
}
