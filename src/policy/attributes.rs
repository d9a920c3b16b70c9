// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be changed about a strand while it exists: its priority, its tokens, and whether it is held.

use super::rules::StrandIndex;
use super::schedule::Schedule;
use super::strands::{Place, entry, entry_mut};
use crate::base::status::{Outcome, Status};

impl Schedule {
    /// Its priority from now on. One that is ready keeps the time it has waited.
    pub fn set_priority(&mut self, strand: StrandIndex, priority: i32) {
        if let Some(known) = entry_mut(&mut self.strands, strand) {
            known.priority = priority;
            self.rerank(strand);
        }
    }

    /// Its priority.
    pub fn priority(&self, strand: StrandIndex) -> i32 {
        entry(&self.strands, strand).map_or(0, |known| known.priority)
    }

    /// Holds it: it keeps its place, also one that it gets later, and is never picked.
    pub fn pause(&mut self, strand: StrandIndex) {
        let Some(known) = entry_mut(&mut self.strands, strand) else { return };
        if core::mem::replace(&mut known.held, true) || known.place != Place::Ready {
            return;
        }
        let lane = known.lane;
        self.held += 1;
        self.unlink(lane, strand);
    }

    /// Lets it go, to the place it has kept.
    pub fn resume(&mut self, strand: StrandIndex) {
        let Some(known) = entry_mut(&mut self.strands, strand) else { return };
        if !core::mem::replace(&mut known.held, false) || known.place != Place::Ready {
            return;
        }
        let lane = known.lane;
        self.held -= 1;
        self.link(lane, strand);
    }

    /// Lets everybody go.
    pub fn resume_all(&mut self) {
        for strand in 0..self.strands.len() {
            self.resume(strand as StrandIndex);
        }
    }

    /// Whether it is held.
    pub fn is_held(&self, strand: StrandIndex) -> bool {
        entry(&self.strands, strand).is_some_and(|known| known.held)
    }

    /// Gives it progress tokens; what is above the cap is lost.
    pub fn grant(&mut self, strand: StrandIndex, tokens: u32) {
        if let Some(known) = entry_mut(&mut self.strands, strand) {
            known.tokens = known.tokens.saturating_add(tokens).min(self.rules.token_cap);
            self.rerank(strand);
        }
    }

    /// Moves tokens from one strand to another. INVALID when one of them does not exist or `from` has fewer; LIMIT when
    /// `to` would have more than the cap. Then nothing is moved.
    pub fn move_tokens(&mut self, from: StrandIndex, to: StrandIndex, tokens: u32) -> Outcome<()> {
        let giver = entry(&self.strands, from).ok_or(Status::INVALID)?;
        let taker = entry(&self.strands, to).ok_or(Status::INVALID)?;
        if giver.tokens < tokens {
            return Err(Status::INVALID);
        }
        if from == to {
            return Ok(());
        }
        if tokens > self.rules.token_cap - taker.tokens {
            return Err(Status::LIMIT);
        }
        self.strands[from as usize].tokens -= tokens;
        self.strands[to as usize].tokens += tokens;
        self.rerank(from);
        self.rerank(to);
        Ok(())
    }

    /// Its tokens.
    pub fn tokens(&self, strand: StrandIndex) -> u32 {
        entry(&self.strands, strand).map_or(0, |known| known.tokens)
    }

    fn rerank(&mut self, strand: StrandIndex) {
        let known = &self.strands[strand as usize];
        if known.place == Place::Ready {
            self.order.rerank(strand, known);
        }
    }
}
