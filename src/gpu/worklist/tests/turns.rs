// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose turn it is: bands, tenants, masks and quotas.

use super::*;

/// Whoever has more in flight than it may is to give it back before anything else begins.
#[test]
fn more_than_a_quota_in_flight_is_seen_whoever_has_brought_it_there() {
    let mut host = small();
    host.set_tenant(1, true, 3);
    host.push(0, 0, &words(&[1])).unwrap();
    host.push(0, 1, &words(&[2, 3, 4, 5])).unwrap();
    let mut taken = Vec::with_capacity(100);
    while host.take_slice(10, &mut taken).is_some() {}
    assert_eq!((host.in_flight(), host.is_over()), (4, false));
    // Each of its three has pushed one, and one of the three is done.
    let tally = Tally { visits: 3, admitted: 3, finished: 1, requeued: 2, pushed: 3, ..Tally::default() };
    host.count_device(&tally, &[0, 2]);
    assert!(host.is_over() && host.tenant_is_over(1) && !host.tenant_is_over(0));
    host.give_back(0, 1, &words(&[2, 3])).unwrap();
    assert!(!host.is_over(), "three are left: that is the quota");
    host.set_tenant(1, true, 2);
    assert!(host.is_over(), "it was lowered");
    host.set_tenant(1, true, 0);
    assert!(!host.is_over());
    host.set_tenant(0, false, 0);
    assert!(host.is_over(), "one is off, and has an item there");
    host.give_back(0, 0, &words(&[1])).unwrap();
    assert!(!host.is_over());
}

#[test]
fn no_band_is_passed_over_for_ever_and_no_tenant() {
    let mut host = Host::new(shape(Order::Fifo, 5, 3)).unwrap();
    let mut waited = [0_u32; 15];
    for band in 0..5 {
        for tenant in 0..3 {
            host.push(band, tenant, &words(&vec![1; 4000])).unwrap();
        }
    }
    let mut taken = Vec::with_capacity(2000);
    for _ in 0..2000 {
        taken.clear();
        let slice = host.take_slice(1, &mut taken).unwrap();
        host.give_back(slice.band, slice.tenant, &taken).unwrap();
        let number = (slice.band * 3 + slice.tenant) as usize;
        waited.iter_mut().for_each(|waited| *waited += 1);
        waited[number] = 0;
        // 19 slices of other bands for each of the slices of this one, of which 4 may be of others.
        assert!(waited.iter().all(|waited| *waited <= 20 * 5), "{waited:?}");
    }
    assert!(host.counters.guarded > 100, "{}", host.counters.guarded);
}

#[test]
fn a_masked_tenant_and_one_over_its_quota_wait() {
    let mut host = small();
    host.push(0, 0, &words(&[1, 2, 3])).unwrap();
    host.push(0, 1, &words(&[4, 5])).unwrap();
    host.set_tenant(0, false, 0);
    let mut taken = Vec::with_capacity(100);
    assert_eq!(host.take_slice(10, &mut taken).map(|slice| (slice.tenant, slice.count)), Some((1, 2)));
    assert_eq!(host.take_slice(10, &mut taken), None);
    assert!(!host.has_ready() && !host.has_work() && host.queued() == 3);
    host.set_tenant(0, true, 2);
    assert_eq!(host.take_slice(10, &mut taken).map(|slice| slice.count), Some(2));
    assert_eq!(host.take_slice(10, &mut taken), None);
    assert!(!host.has_ready() && host.has_work());
    host.give_back(0, 0, &words(&[1])).unwrap();
    assert_eq!(host.take_slice(10, &mut taken).map(|slice| slice.count), Some(1));
}

#[test]
fn what_was_taken_out_has_waited_for_nobody_who_comes_later() {
    for order in [Order::Fifo, Order::Lifo] {
        let mut host = Host::new(shape(order, 2, 1)).unwrap();
        let packed = words(&(0..1000).collect::<Vec<u32>>());
        let bands = |host: &mut Host, slices: u32| -> Vec<u32> {
            (0..2).for_each(|band| host.push(band, 0, &packed).unwrap());
            let mut taken = Vec::with_capacity(2 * slices as usize);
            (0..slices).map(|_| host.take_slice(1, &mut taken).map(|slice| slice.band).unwrap()).collect()
        };
        let first = bands(&mut host, 40);
        assert!(first[..16].iter().all(|band| *band == 0) && first[32..].contains(&1), "{first:?}");
        while host.take_task().is_some() {}
        assert_eq!(bands(&mut host, 8), [0; 8], "{order:?}");
    }
}
