// SPDX-License-Identifier: MIT OR Apache-2.0
//! What comes back of items, and that their sums agree.

use super::*;

/// What a device may bring back has its place when memory is gone, whatever is pushed meanwhile.
#[test]
fn what_comes_back_from_a_device_has_its_place() {
    for order in [Order::Fifo, Order::Lifo] {
        let mut host = Host::new(shape(order, 3, 2)).unwrap();
        let packed = words(&(0..9000).collect::<Vec<u32>>());
        host.push(1, 1, &packed).unwrap();
        let mut promise = Promise::NONE;
        host.reserve_back(&mut promise, 20_000, 3000, 5000).unwrap();
        let mut taken = Vec::with_capacity(packed.len());
        assert_eq!(host.take_slice(9000, &mut taken).map(|slice| slice.count), Some(9000));
        host.push(0, 0, &packed).unwrap();
        host.push(2, 1, &packed).unwrap();
        let mut staged = Staged::new(host.shape()).unwrap();
        for number in 0..9000 {
            let mut task = Task::ready();
            task[Word::Priority] = number % 3;
            staged.task(&task).unwrap();
        }
        host.push_staged(&mut staged).unwrap();
        failing::next(true);
        for (number, part) in packed.chunks(2 * 50).enumerate() {
            host.put_back(number as u32 % 3, number as u32 % 2, part).unwrap();
            host.put(number as u32 % 3, 1, part).unwrap();
        }
        for (number, record) in packed.chunks(2).take(3000).enumerate() {
            match number % 2 {
                0 => host.pause(1, 2, 1, record).unwrap(),
                _ => host.fault(1, 2, 1, record).unwrap(),
            }
        }
        host.emit(&packed[..5000]).unwrap();
        assert!(failing::now(), "an allocation was made");
        assert_eq!((host.queued(), host.paused(), host.faults(), host.emitted()), (45_000, 1500, 1500, 5000));
        host.forget_back(promise);
        // Control: without a promise there is none.
        let mut host = Host::new(shape(order, 3, 2)).unwrap();
        failing::next(true);
        assert_eq!(host.put_back(0, 0, &packed[..2]), Err(Status::NO_MEMORY));
        // Without memory the promise before stays.
        let mut host = Host::new(shape(order, 3, 2)).unwrap();
        let mut promise = Promise::NONE;
        host.reserve_back(&mut promise, 100, 0, 0).unwrap();
        failing::next(true);
        assert_eq!(host.reserve_back(&mut promise, 1 << 20, 0, 0), Err(Status::NO_MEMORY));
        failing::next(true);
        host.put_back(2, 1, &packed[..200]).unwrap();
        assert!(failing::now(), "an allocation was made");
        host.forget_back(promise);
    }
}

#[test]
fn a_slice_that_loses_an_item_is_found() {
    let mut host = small();
    host.push(0, 0, &words(&[1, 2, 3])).unwrap();
    let mut taken = Vec::with_capacity(100);
    host.take_slice(10, &mut taken).unwrap();
    let _promise = host.reserve(0, 3).unwrap();
    // One of the three is said to be requeued, and is not put anywhere.
    let tally = Tally { admitted: 3, finished: 2, requeued: 1, ..Tally::default() };
    let found = host.settle(0, &tally, 0);
    assert!(matches!(found, Err(Violation::Worklist { .. })), "{found:?}");
}

#[test]
fn a_slice_that_doubles_an_item_is_found() {
    let mut host = small();
    host.push(0, 0, &words(&[1, 2, 3])).unwrap();
    let mut taken = Vec::with_capacity(100);
    host.take_slice(10, &mut taken).unwrap();
    let _promise = host.reserve(0, 3).unwrap();
    host.put(0, 0, &words(&[1])).unwrap();
    let tally = Tally { admitted: 3, finished: 3, ..Tally::default() };
    assert!(matches!(host.settle(0, &tally, 0), Err(Violation::Worklist { .. })));
}

#[test]
fn a_device_that_holds_too_few_is_found() {
    let mut host = small();
    host.push(0, 0, &words(&[1, 2, 3])).unwrap();
    host.take_slice(10, &mut Vec::with_capacity(100)).unwrap();
    let _promise = host.reserve(0, 3).unwrap();
    let tally = Tally { admitted: 2, finished: 1, requeued: 1, ..Tally::default() };
    assert_eq!(host.settle(0, &tally, 1), Ok(()));
    assert_eq!(host.check_device(2), Ok(()));
    let said = host.check_device(1).unwrap_err().to_string();
    assert!(said.contains("2 should be on the device, which says 1"), "{said}");
}

/// Results of a device come piece by piece: the sums agree after each piece, if it is counted as it comes.
#[test]
fn sums_agree_after_each_result_that_a_device_brings() {
    for counts in [true, false] {
        let mut host = small();
        host.push(0, 1, &words(&[1, 2])).unwrap();
        host.take_slice(10, &mut Vec::with_capacity(100)).unwrap();
        // More are reported than were taken: children that ended in the same submission. One stays.
        let tally = Tally {
            visits: 7,
            admitted: 7,
            finished: 2,
            yielded: 1,
            paused: 1,
            faulted: 3,
            pushed: 6,
            ..Tally::default()
        };
        host.count_device(&tally, &[0, -1]);
        assert_eq!((host.check_sums(), host.in_flight()), (Ok(()), 6));
        assert_eq!(host.tenant(1).in_flight, 1);
        let one = Tally { visits: 1, admitted: 1, ..Tally::default() };
        let ends = [Tally { yielded: 1, ..one }, Tally { paused: 1, ..one }, Tally { faulted: 1, ..one }];
        for (number, end) in [0, 1, 2, 2, 2].iter().enumerate() {
            match end {
                0 => host.put(0, 1, &words(&[1])).unwrap(),
                1 => host.pause(7, 0, 1, &words(&[2])).unwrap(),
                _ => host.fault(7, 0, 1, &words(&[3])).unwrap(),
            }
            if counts {
                host.arrived(&ends[*end]);
            }
            assert_eq!(
                host.check_sums().is_ok(),
                counts,
                "result {number}; the control: what is not counted is doubled"
            );
            if !counts {
                return;
            }
        }
        assert_eq!((host.counters.work, host.in_flight()), (tally, 1));
    }
}
