// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody starves: bounds on the wait of bands and tenants under everything that an adversary may queue, and for each
//! rule a mistake that breaks the bound.

use proptest::prelude::*;

use crate::work::drain::{AGE, BANDS, Defect, Drain, FAIR_WITHIN, Grant, Order, Queued, band_bound, tenant_bound};

/// Queues as numbers, and a drain over them.
struct Model {
    drain: Drain,
    tenants: u32,
    bands: u32,
    length: Vec<u64>,
    masked: Vec<bool>,
    quota: Vec<u64>,
    in_flight: Vec<u64>,
}

impl Model {
    fn new(bands: u32, tenants: u32, quantum: u64, defect: Option<Defect>) -> Model {
        let mut drain = Drain::new(bands, tenants, Order::Fifo, quantum).unwrap();
        drain.defect = defect;
        let each = tenants as usize;
        Model {
            drain,
            tenants,
            bands,
            length: vec![0; (bands * tenants) as usize],
            masked: vec![false; each],
            quota: vec![u64::MAX; each],
            in_flight: vec![0; each],
        }
    }

    fn at(&mut self, band: u32, tenant: u32) -> &mut u64 {
        &mut self.length[(band * self.tenants + tenant) as usize]
    }

    fn queued(&self, band: u32, tenant: u32) -> Queued {
        let length = self.length[(band * self.tenants + tenant) as usize];
        let tenant = tenant as usize;
        let room = self.quota[tenant].saturating_sub(self.in_flight[tenant]);
        Queued { length, takeable: if self.masked[tenant] { 0 } else { length.min(room) } }
    }

    fn next(&mut self, limit: u64) -> Option<Grant> {
        let mut drain = core::mem::replace(&mut self.drain, Drain::new(1, 1, Order::Fifo, 1).unwrap());
        let grant = drain.next(limit, |band, tenant| self.queued(band, tenant));
        self.drain = drain;
        if let Some(grant) = grant {
            *self.at(grant.band, grant.tenant) -= grant.count;
            self.in_flight[grant.tenant as usize] += grant.count;
        }
        grant
    }

    fn is_ready(&self, band: u32) -> bool {
        (0..self.tenants).any(|tenant| self.queued(band, tenant).takeable > 0)
    }
}

/// What may happen before a slice.
#[derive(Clone, Debug)]
enum Event {
    Push(u32, u32, u64),
    Mask(u32, bool),
    Quota(u32, u64),
    Return(u32),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..5u32, 0..6u32, 1..300u64).prop_map(|(band, tenant, count)| Event::Push(band, tenant, count)),
        1 => (0..6u32, any::<bool>()).prop_map(|(tenant, masked)| Event::Mask(tenant, masked)),
        1 => (0..6u32, 0..500u64).prop_map(|(tenant, quota)| Event::Quota(tenant, quota)),
        2 => (0..6u32).prop_map(Event::Return),
    ]
}

/// Runs events and slices; the first broken promise, if any.
fn first_broken(bands: u32, tenants: u32, defect: Option<Defect>, steps: &[(Event, u64)]) -> Option<String> {
    let mut model = Model::new(bands, tenants, 64, defect);
    let mut passed = vec![0u32; bands as usize];
    let mut skipped = vec![0u32; (bands * tenants) as usize];
    for (event, limit) in steps {
        match *event {
            Event::Push(band, tenant, count) => *model.at(band % bands, tenant % tenants) += count,
            Event::Mask(tenant, masked) => model.masked[(tenant % tenants) as usize] = masked,
            Event::Quota(tenant, quota) => model.quota[(tenant % tenants) as usize] = quota,
            Event::Return(tenant) => model.in_flight[(tenant % tenants) as usize] = 0,
        }
        let ready: Vec<bool> = (0..bands).map(|band| model.is_ready(band)).collect();
        let takeable: Vec<u64> =
            (0..bands * tenants).map(|queue| model.queued(queue / tenants, queue % tenants).takeable).collect();
        let Some(grant) = model.next(*limit) else {
            if ready.contains(&true) && *limit > 0 {
                return Some("something may be taken and is not".to_owned());
            }
            continue;
        };
        let queue = (grant.band * tenants + grant.tenant) as usize;
        if grant.count == 0 || grant.count > *limit || grant.count > takeable[queue] {
            return Some(format!("{grant:?} of {} that may be taken, limit {limit}", takeable[queue]));
        }
        for band in 0..bands {
            let passed = &mut passed[band as usize];
            *passed = if band == grant.band || !ready[band as usize] { 0 } else { *passed + 1 };
            if *passed > band_bound(bands) {
                return Some(format!("band {band} was passed over {passed} times"));
            }
        }
        for tenant in 0..tenants {
            let other = (grant.band * tenants + tenant) as usize;
            skipped[other] = if other == queue || takeable[other] == 0 { 0 } else { skipped[other] + 1 };
            if skipped[other] > tenant_bound(tenants) {
                return Some(format!("tenant {tenant} has waited for {} slices of its band", skipped[other]));
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_band_and_no_tenant_waits_longer_than_the_bounds(
        bands in 1..=5u32,
        tenants in 1..=6u32,
        steps in prop::collection::vec((any_event(), 0..200u64), 1..400),
    ) {
        prop_assert_eq!(first_broken(bands, tenants, None, &steps), None);
    }
}

/// Every band always has work of every tenant: the worst that can be queued.
fn flood(bands: u32, tenants: u32, limit: u64) -> Vec<(Event, u64)> {
    let fill = (0..bands * tenants).map(|queue| (Event::Push(queue / tenants, queue % tenants, 1_000_000), 0));
    fill.chain((0..3_000).map(|_| (Event::Return(0), limit))).collect()
}

#[test]
fn the_bounds_hold_under_a_flood_and_stay_below_the_promised_numbers() {
    for (bands, tenants, limit) in [(1, 1, 1), (2, 1, 64), (5, 1, 64), (5, 30, 1), (5, 30, 64), (3, 7, 10)] {
        assert_eq!(first_broken(bands, tenants, None, &flood(bands, tenants, limit)), None);
    }
    assert!(band_bound(BANDS) == 19 && tenant_bound(30) <= FAIR_WITHIN);
}

#[test]
fn a_mistake_in_the_guard_in_turns_or_in_quotas_breaks_a_bound() {
    let says = |defect, bands, tenants| {
        first_broken(bands, tenants, Some(defect), &flood(bands, tenants, 64)).unwrap_or_default()
    };
    assert!(says(Defect::TurnsOff, 1, 3).contains("has waited"));
    // Ageing alone would serve a starved band in time, so that the guard is seen with one slice of ageing to come.
    assert!(says(Defect::Guardless, 5, 1).contains("was passed over"));
    let steps = [(Event::Quota(0, 10), 0), (Event::Push(0, 0, 100), 50)];
    assert!(first_broken(1, 1, Some(Defect::QuotaIgnored), &steps).is_some());
    assert_eq!(first_broken(1, 1, None, &steps), None);
}

/// Slices of band 1 out of `slices`, where fresh work for band 0 never ends and band 1 has a backlog.
fn served(defect: Option<Defect>, slices: u64) -> u64 {
    let mut model = Model::new(2, 1, 64, defect);
    *model.at(1, 0) = 1_000_000;
    let mut served = 0;
    for _ in 0..slices {
        *model.at(0, 0) = 64;
        served += u64::from(model.next(64).unwrap().band);
    }
    served
}

#[test]
fn waiting_raises_a_band_and_the_guard_alone_does_not() {
    assert!(served(Some(Defect::Ageless), 1_000) <= 1_000 / 16, "one slice in seventeen");
    assert!(served(None, 1_000) >= (1_000 - AGE) / 2 - 1, "every other slice once it has waited");
    assert_eq!(served(None, AGE / 4), 0, "and none before");
}

#[test]
fn an_urgent_band_is_served_first_while_nobody_has_waited_long() {
    let mut model = Model::new(5, 1, 64, None);
    for band in 0..5 {
        *model.at(band, 0) = 64;
    }
    let order: Vec<u32> = (0..5).map(|_| model.next(64).unwrap().band).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
    assert_eq!(model.next(64), None);
}

/// Items of each of two tenants with endless work after many slices of changing size.
fn shares(defect: Option<Defect>) -> [u64; 2] {
    let mut model = Model::new(1, 2, 1_000, defect);
    let mut shares = [0; 2];
    let mut slice = 0u64;
    for _ in 0..2_000 {
        (*model.at(0, 0), *model.at(0, 1)) = (1 << 30, 1 << 30);
        // The slices of tenant 1 are always cut, those of tenant 0 never.
        let limit = if model.drain_turn() == 1 { 600 } else { 1_000 };
        slice += 1;
        let grant = model.next(limit).unwrap();
        shares[grant.tenant as usize] += grant.count;
    }
    assert_eq!(slice, model.drain.slices());
    shares
}

impl Model {
    /// Whose turn is next in band 0, found out on a copy.
    fn drain_turn(&self) -> u32 {
        let mut copy = self.drain.copy();
        copy.next(u64::MAX, |band, tenant| self.queued(band, tenant)).map_or(0, |grant| grant.tenant)
    }
}

#[test]
fn tenants_get_equal_shares_although_their_slices_differ() {
    let [one, other] = shares(None);
    assert!(one.abs_diff(other) <= 2_000, "{one} and {other}");
    let [one, other] = shares(Some(Defect::CreditLost));
    assert!(one.abs_diff(other) <= 400_000 && one.abs_diff(other) > 2_000, "the control: {one} and {other}");
}

#[test]
fn a_tenant_at_its_quota_waits_and_the_others_go_on() {
    let mut model = Model::new(1, 2, 64, None);
    (*model.at(0, 0), *model.at(0, 1)) = (1_000, 1_000);
    model.quota[0] = 100;
    let mut taken = [0; 2];
    while let Some(grant) = model.next(64) {
        taken[grant.tenant as usize] += grant.count;
        assert!(model.in_flight[0] <= 100);
    }
    assert_eq!(taken, [100, 1_000]);
    model.in_flight[0] = 0;
    assert_eq!(model.next(64), Some(Grant { band: 0, tenant: 0, count: 64, raised: 0 }));
}

#[test]
fn a_masked_tenant_waits_and_is_served_when_it_comes_back() {
    let mut model = Model::new(1, 2, 64, None);
    (*model.at(0, 0), *model.at(0, 1)) = (128, 64);
    model.masked[0] = true;
    assert_eq!(model.next(1_000), Some(Grant { band: 0, tenant: 1, count: 64, raised: 0 }));
    assert_eq!(model.next(1_000), None);
    model.masked[0] = false;
    assert_eq!(model.next(1_000), Some(Grant { band: 0, tenant: 0, count: 128, raised: 0 }), "alone it is not cut");
}

#[test]
fn nothing_is_taken_where_there_is_no_room() {
    let mut model = Model::new(2, 2, 64, None);
    *model.at(1, 1) = 5;
    assert_eq!(model.next(0), None);
    assert_eq!(model.drain.slices(), 0);
    assert_eq!(model.next(3), Some(Grant { band: 1, tenant: 1, count: 3, raised: 0 }));
}

/// What a queue of band 1 gives, slice by slice, beside endless work of band 0: how far waiting had raised each. `back`:
/// as many items as were taken are put where the order has new ones.
fn raises(order: Order, back: bool, slices: u64) -> Vec<u32> {
    let mut drain = Drain::new(2, 1, order, 64).unwrap();
    let mut length = 64;
    let mut raised = Vec::new();
    for _ in 0..slices {
        let there = |band: u32| if band == 0 { 64 } else { length };
        let grant = drain.next(64, |band, _| Queued { length: there(band), takeable: there(band) }).unwrap();
        if grant.band == 1 {
            raised.push(grant.raised);
            length = if back { 64 } else { length - grant.count };
        }
    }
    raised
}

#[test]
fn what_is_taken_and_put_again_has_not_waited() {
    for order in [Order::Fifo, Order::Lifo] {
        let raised = raises(order, true, 1_000);
        assert!(raised.len() >= 50 && raised.iter().all(|raised| *raised == 0), "{order:?}: {raised:?}");
        // Items that nobody takes do wait.
        let mut drain = Drain::new(2, 1, order, 64).unwrap();
        let there = |band: u32| Queued { length: if band == 0 { 64 } else { 1 << 20 }, takeable: 64 };
        let last =
            (0..100).filter_map(|_| drain.next(64, |band, _| there(band))).filter(|grant| grant.band == 1).last();
        assert_eq!(last.map(|grant| grant.raised), Some(1), "{order:?}");
    }
}

#[test]
fn what_comes_back_makes_nobody_younger() {
    let mut drain = Drain::new(2, 1, Order::Fifo, 64).unwrap();
    let there = |band: u32| if band == 0 { 64 } else { 1_000 };
    for slice in 0..1_000 {
        let grant = drain.next(64, |band, _| Queued { length: there(band), takeable: there(band) }).unwrap();
        if grant.band == 1 {
            // Each slice comes back at once: those behind it go on waiting.
            drain.returned(1, 0, grant.count);
            assert_eq!(u64::from(grant.raised), u64::from(slice >= AGE), "slice {slice}");
        }
    }
}
