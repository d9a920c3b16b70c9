// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes that a test seeds into the rules, each of which the comparison with the reference must notice. Outside
//! tests none is ever seeded, and asking costs nothing.

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Defect {
    /// A strand that was held comes back at the end of its queue.
    PauseLosesPlace,
    /// A held strand can be picked.
    HeldIsPicked,
    /// A turn is one checkpoint too long.
    QuantumOff,
    /// Cooperative strands go on at checkpoints.
    CooperativeKeepsTurn,
    /// Among equal ranks the last comes first.
    EqualsReversed,
    /// Waiting does not raise a priority.
    NoAgeing,
    /// A changed priority or token count is used from the next turn on only.
    StaleRank,
    /// One more strand may pass than the limit allows.
    BypassOff,
    /// A delivered message mints no token.
    NoMint,
    /// A pick uses up no token.
    TokenKept,
    /// A pick uses up a token of a right of way.
    RightOfWaySpent,
    /// Every lane has weight 1.
    WeightIgnored,
    /// Lanes are tried from lane 0 each time.
    LaneRestarts,
    /// The first of the pool is never picked while there is another.
    RandomSkewed,
    /// Nobody drops at a change point.
    NoChangePoints,
    /// A strand that spins is not demoted.
    NoSpinDemotion,
    /// The chooser counts from the other end.
    ChoiceReversed,
    /// A strand that is ready already is queued again.
    ReadyTwice,
}

#[cfg(test)]
thread_local! {
    static SEEDED: core::cell::Cell<Option<Defect>> = const { core::cell::Cell::new(None) };
}

/// Whether `defect` is seeded on this thread.
#[cfg(test)]
pub(super) fn seeded(defect: Defect) -> bool {
    SEEDED.get() == Some(defect)
}

/// Never.
#[cfg(not(test))]
#[inline(always)]
pub(super) const fn seeded(_: Defect) -> bool {
    false
}

/// Runs `body` with `defect` seeded.
#[cfg(test)]
pub(super) fn with<R>(defect: Defect, body: impl FnOnce() -> R) -> R {
    SEEDED.set(Some(defect));
    let result = body();
    SEEDED.set(None);
    result
}
