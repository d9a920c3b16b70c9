// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models of the lock-free parts, explored by loom: every interleaving within a bound on preemptions, with the weak
//! memory of the language and not only that of this processor.
//!
//! They compile the very source of the library; what is exchanged is the facade below it (`base::sync`). Each model
//! has negative controls: a defect seeded into that source which the model must notice. Run them with
//! `make test-models`; `LOOM_MAX_PREEMPTIONS` (2 in the gate, 3 and more in the soak) bounds the search.

pub mod setting;

mod bias_lock;
mod byte_lock;
mod cancel;
mod channel;
mod claim;
mod join;
mod locks;
mod owner_lock;
mod park;
mod scope;
mod select;
mod task;
mod ticket;
mod token;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::base::model::{Defect, mend, seed};

/// One model at a time: the statics of the library are shared.
static ONE: Mutex<()> = Mutex::new(());

/// Preemptions explored: LOOM_MAX_PREEMPTIONS, or what the model asks for if that is more.
fn bound(asked: usize) -> usize {
    let wanted = std::env::var("LOOM_MAX_PREEMPTIONS").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(0).max(asked)
}

/// Explores a model; says how many executions that took.
fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) -> u64 {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    let count = Arc::new(AtomicU64::new(0));
    let executions = count.clone();
    let counted = move || {
        executions.fetch_add(1, Ordering::Relaxed);
        model();
    };
    // loom installs its logger only itself: LOOM_LOG=trace shows every step.
    if std::env::var_os("LOOM_LOG").is_some() {
        loom::model(counted)
    } else {
        builder.check(counted)
    }
    count.load(Ordering::Relaxed)
}

/// The model holds in every execution with up to so many preemptions.
pub fn holds(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (preemptions, began) = (bound(preemptions), Instant::now());
    let executions = explore(preemptions, model);
    println!("{executions} executions with up to {preemptions} preemptions in {:.1} s", began.elapsed().as_secs_f32());
}

/// Negative control: with the defect at the lines of `file` that contain `piece`, some execution with up to three
/// preemptions fails. Without it the model holds, at least without preemptions: one that fails of something else, such as
/// the size of its stack, notices nothing.
pub fn fails_with(defect: Defect, file: &'static str, piece: &str, model: impl Fn() + Sync + Send + 'static) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let model = Arc::new(model);
    let same = model.clone();
    explore(0, move || same());
    seed(defect, file, piece);
    let outcome = catch_unwind(AssertUnwindSafe(|| explore(bound(3), move || model())));
    mend();
    if let Ok(executions) = outcome {
        panic!("{defect:?} at {piece:?} in {file} went unnoticed in {executions} executions");
    }
}
