// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the rules: against a reference that sorts lists, of the bounds that the documentation gives, and of the
//! memory that they use. Every one has a control, in which a mistake is seeded that it must notice.

mod agreement;
mod bounds;
mod choices;
mod history;
mod hygiene;
mod interface;
mod memory;
mod model;
mod pct;
mod random;
