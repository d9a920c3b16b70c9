// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side. `model.rs`: against a model of deques; `results.rs`: what comes back; `turns.rs`: what is taken next.

mod model;
mod results;
mod turns;

use super::host::{Host, Promise};
use super::ledger::{Tally, Violation};
use super::shape::{Order, Shape, Spill};
use super::staged::Staged;
use crate::base::failing;
use crate::base::status::Status;
use crate::work::fields::Fields;
use crate::work::task::Task;
use crate::work::words::Word;

fn shape(order: Order, bands: u32, tenants: u32) -> Shape {
    Shape {
        fields: Fields::new(Word::Param.bit() | Word::TaskId.bit()).unwrap(),
        fan_out_max: 2,
        emit_max: 1,
        emit_words: 1,
        bands,
        tenants,
        order,
        spill: Spill::Host,
        capacity: 1 << 16,
        host_items_max: u64::MAX,
        spill_items_max: u64::MAX,
        emitted_max: u64::MAX,
        faults_max: u64::MAX,
    }
}

fn words(items: &[u32]) -> Vec<u32> {
    items.iter().flat_map(|item| [!item, *item]).collect()
}

fn items(words: &[u32]) -> Vec<u32> {
    words.chunks(2).inspect(|pair| assert_eq!(pair[0], !pair[1])).map(|pair| pair[1]).collect()
}

fn small() -> Host {
    Host::new(shape(Order::Fifo, 2, 2)).unwrap()
}
