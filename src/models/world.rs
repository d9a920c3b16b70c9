// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stopping the world (`engine/world`): who works and who stops see each other, whatever is reordered, and whoever rests
//! goes on in the end.

use loom::sync::Arc;
use loom::thread;

use crate::base::model::Defect::NoFence;
use crate::base::sync::cell::Cell;
use crate::engine::world::{self, Rest};
use crate::models::{fails_with, holds};

/// What strands touch while they run, and a collector while they do not.
struct Heap(Cell<u64>);

// SAFETY: that it is never touched by two at a time is what the model shows; loom sees every access.
unsafe impl Sync for Heap {}
// SAFETY: as above.
unsafe impl Send for Heap {}

/// A worker that runs two strands, one after the other, and a collector that stops the world once.
fn work_and_stop() {
    let heap = Arc::new(Heap(Cell::new(0)));
    let rest = Arc::new(Rest::new());
    let worker = {
        let (heap, rest) = (heap.clone(), rest.clone());
        thread::spawn(move || {
            for _ in 0..2 {
                rest.end();
                heap.0.set(heap.0.get() + 1);
                rest.begin();
            }
        })
    };
    assert!(world::seize(None), "nobody else has it");
    loop {
        let seen = world::changes();
        if rest.is_begun() {
            break;
        }
        world::wait_for_change(seen, i64::MAX);
    }
    let found = heap.0.get();
    heap.0.set(found);
    assert!(world::is_mine());
    world::release();
    worker.join().unwrap();
    assert_eq!(heap.0.get(), 2);
}

/// Two that stop it: one after the other.
fn stop_twice() {
    let heap = Arc::new(Heap(Cell::new(0)));
    let other = {
        let heap = heap.clone();
        thread::spawn(move || stop_once(&heap))
    };
    stop_once(&heap);
    other.join().unwrap();
    assert_eq!(heap.0.get(), 2);
}

fn stop_once(heap: &Heap) {
    while !world::seize(None) {
        world::wait_for_go();
    }
    heap.0.set(heap.0.get() + 1);
    world::release();
}

#[test]
fn nobody_works_in_a_stopped_world_and_everybody_goes_on() {
    holds(2, work_and_stop);
}

#[test]
fn one_at_a_time_stops_the_world() {
    holds(2, stop_twice);
}

#[test]
fn control_a_worker_that_does_not_look_again_works_in_a_stopped_world() {
    fails_with(NoFence, "engine/world.rs", "fence::light()", work_and_stop);
}
