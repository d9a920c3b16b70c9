// SPDX-License-Identifier: MIT OR Apache-2.0
//! Queues of segments against deques.

use super::*;
use proptest::prelude::*;

fn run(stride: usize, steps: &[(u8, usize)]) {
    let mut pool = Pool::new();
    let mut queue = Records::new(stride);
    let mut model: VecDeque<u32> = VecDeque::new();
    let mut next = 0;
    for &(kind, count) in steps {
        let mut fresh = || -> Vec<u32> {
            (0..count * stride)
                .map(|_| {
                    next += 1;
                    next
                })
                .collect()
        };
        match kind {
            0 => {
                let words = fresh();
                queue.push_back(&mut pool, &words).unwrap();
                model.extend(&words);
            }
            1 => {
                let words = fresh();
                queue.push_front(&mut pool, &words).unwrap();
                words.iter().rev().for_each(|word| model.push_front(*word));
            }
            2 => {
                let mut out = Vec::with_capacity(count * stride + 1);
                let taken = queue.pop_front(&mut pool, count, &mut out);
                let expected: Vec<u32> = model.drain(..taken * stride).collect();
                assert_eq!((out, taken), (expected, count.min(taken + model.len() / stride)));
            }
            3 => {
                let mut out = Vec::with_capacity(count * stride + 1);
                let taken = queue.pop_back(&mut pool, count, &mut out);
                let expected: Vec<u32> = model.split_off(model.len() - taken * stride).into();
                assert_eq!((out, taken), (expected, count.min(taken + model.len() / stride)));
            }
            4 => {
                let mut out = vec![0; count * stride + stride / 2];
                let taken = queue.read_front(&mut pool, &mut out);
                let expected: Vec<u32> = model.drain(..taken * stride).collect();
                assert_eq!(out[..taken * stride], expected);
                assert_eq!(taken, count.min(taken + model.len() / stride));
            }
            5 => {
                let mut other = Records::new(stride);
                let words = fresh();
                other.push_back(&mut Pool::new(), &words).unwrap();
                if count.is_multiple_of(2) {
                    queue.splice_back(&mut pool, &mut other, 0).unwrap();
                    assert!(other.is_empty());
                } else {
                    queue.append(&mut pool, &mut other).unwrap();
                }
                model.extend(&words);
            }
            _ => {
                // What is appended meanwhile stays.
                let mut pass = Pass::over(queue.length());
                let left: Vec<u32> = model.drain(..).collect();
                model.extend(left.chunks(stride).filter(|record| !record[0].is_multiple_of(3)).flatten());
                while pass.left > 0 {
                    queue.sweep(&mut pool, &mut pass, 700, |record| !record[0].is_multiple_of(3));
                    let words = vec![1; stride * (count % 3)];
                    queue.push_back(&mut pool, &words).unwrap();
                    model.extend(words);
                }
            }
        }
        assert_eq!(queue.length() as usize * stride, model.len());
    }
    let left: Vec<u32> = queue.pieces(0).flatten().copied().collect();
    assert_eq!(left, Vec::from(model));
}

proptest! {
    #[test]
    fn a_queue_of_segments_is_a_queue(
        stride in 1usize..20,
        steps in prop::collection::vec((0u8..7, prop_oneof![0usize..40, 0usize..3000]), 0..60),
    ) {
        run(stride, &steps);
    }
}

#[test]
fn what_was_reserved_is_there_when_memory_is_gone() {
    let mut pool = Pool::new();
    let mut queue = Records::new(3);
    let need = queue.segments_for(5000);
    pool.reserve(need).unwrap();
    queue.reserve(need).unwrap();
    failing::next(true);
    queue.push_back(&mut pool, &vec![7; 15000]).unwrap();
    assert!(failing::now(), "no allocation was made");
    failing::next(true);
    assert_eq!(pool.reserve(1000), Err(Status::NO_MEMORY));
    failing::next(true);
    assert_eq!(queue.reserve(100_000), Err(Status::NO_MEMORY));
    assert_eq!(queue.length(), 5000);
}

#[test]
fn emptied_segments_are_used_again() {
    let mut pool = Pool::new();
    let mut queue = Records::new(2);
    for _ in 0..100 {
        queue.push_back(&mut pool, &[1; 8192]).unwrap();
        queue.clear(&mut pool);
    }
    assert_eq!(pool.free.len(), 2);
}

#[test]
fn a_pool_keeps_what_was_used_lately() {
    let mut pool = Pool::new();
    let mut queue = Records::new(1);
    let mut runs = |many: usize, pool: &mut Pool| {
        queue.push_back(pool, &vec![1; many * SEGMENT_WORDS]).unwrap();
        pool.begin(0);
        queue.clear(pool);
        pool.free.len()
    };
    assert_eq!(runs(1000, &mut pool), 1000);
    assert_eq!(runs(10, &mut pool), 1000, "what was needed before the last run");
    assert_eq!(runs(10, &mut pool), KEPT, "and no longer");
    assert_eq!(runs(KEPT_MOST + 100, &mut pool), KEPT_MOST);
    // Lent is what is not promised, and what there is room for.
    let mut other = Pool::with_room(8).unwrap();
    pool.lend(&mut other, 2, KEPT_MOST - 1);
    assert_eq!((other.free.len(), pool.free.len()), (1, KEPT_MOST - 1));
    pool.lend(&mut other, 100, 0);
    assert_eq!((other.free.len(), pool.free.len()), (8, KEPT_MOST - 8));
    failing::next(true);
    pool.lend(&mut other, 100, 0);
    assert!(failing::now(), "nothing was allocated");
}
