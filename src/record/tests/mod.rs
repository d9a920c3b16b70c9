// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of recordings as wholes.

mod codes;
mod damage;
mod documented;
mod files;
mod forge;
mod mutation;
mod obey;
mod round_trip;
mod script;
mod size;
