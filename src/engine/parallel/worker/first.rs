// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first run of a strand, and what is left of the last one.

use core::sync::atomic::compiler_fence;

use super::Worker;
use crate::base::handle::GENERATION_MAX;
use crate::base::sync::atomic::Ordering;
use crate::engine::parallel::Kind;
use crate::memory::stack_class::StackId;
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::head::{self, FLAG_EXTRAS, FLAG_STARTED, Head};
use crate::strand::{context, identity};

impl Worker {
    /// The first run: a stack, a context, a body. When none can be had the strand ends with a fault.
    #[inline]
    pub(in crate::engine) fn start(&self, strand: &'static Head) -> Option<&'static Body> {
        let engine = self.engine();
        let stack = match self.cache.take_stack(&engine.stacks, strand.class()) {
            Ok(stack) => stack,
            Err(status) => {
                (engine.upcalls.strand_stillborn)(self, strand, status);
                return None;
            }
        };
        let body = identity::body_on(stack);
        // The first touch of a fresh page must be a write: after a read the kernel maps its page of zeros, and the write
        // that follows costs a second fault and, with several workers, an interruption of all of them.
        body.worker.store(self as *const Worker as usize, Ordering::Relaxed);
        compiler_fence(core::sync::atomic::Ordering::SeqCst);
        if !body.is_alive() {
            // SAFETY: the stack is ours and its body has no context.
            unsafe { context::create(identity::layout(), stack, body, engine.upcalls.strand_main) };
        }
        body.prepare(strand);
        if strand.has(FLAG_EXTRAS) {
            let extras = strand.payload.load(Ordering::Relaxed) as *mut Extras;
            body.extras.set(extras);
            // SAFETY: the extras belong to the strand, which is ours.
            body.locals.set(unsafe { core::mem::replace(&mut (*extras).locals, core::ptr::null_mut()) });
        }
        strand.stack.store(stack.to_word(), Ordering::Relaxed);
        strand.entry.store(body as *const Body as usize, Ordering::Relaxed);
        strand.set(FLAG_STARTED);
        Some(body)
    }

    /// Keeps the stack of a strand that has ended. `dropped` says that its frames were given up with its context.
    #[inline]
    pub fn release_stack(&self, body: &'static Body, stack: StackId, dropped: bool) {
        let pool = &self.engine().stacks;
        if dropped {
            // SAFETY: the strand has ended and is held by this worker.
            unsafe { context::abandon(body) };
        }
        pool.trim(stack);
        self.cache.give_stack(pool, stack);
    }
}

/// The index of a strand's head, for the cache.
#[inline]
pub fn give_head(worker: &Worker, strand: &Head) {
    let engine = worker.engine();
    engine.count_out();
    let index = head::index_of(strand);
    match &engine.kind {
        Kind::Parallel => {}
        Kind::Stepped(stepped) => stepped.retire(index),
        Kind::May(may) => may.retire(worker, strand),
    }
    if strand.generation() > GENERATION_MAX {
        // Used up: the table retires it.
        return engine.strands.give(&[index]);
    }
    worker.cache.give_head(&engine.strands, index);
}
