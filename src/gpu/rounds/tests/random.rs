// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random programs, each made twice of the same plan: as text for the device, and as a function that a plain loop calls.

use super::*;
use crate::base::random::Random;
use crate::work::codes;
use crate::work::fields::Onward;

pub const WORDS: [Word; 5] =
    [Word::Param, Word::ContinuationPc, Word::ContinuationData, Word::RequeueCount, Word::YieldCount];

/// What a random program does: everything follows from the words of the item and these numbers.
#[derive(Clone, Debug)]
struct Program {
    salt: u32,
    /// Of a hundred items that may: how many push more than declared, go on by requeue, yield and pause, fault.
    weights: [u32; 5],
    fan_out: u32,
    emits: u32,
    bands: u32,
}

impl Program {
    fn random(random: &mut Random) -> Program {
        let weights = [(); 5].map(|()| random.below(25) as u32);
        let [fan_out, emits, bands] = [4, 3, 5].map(|most| random.below(most) as u32);
        Program { salt: random.bits() as u32, weights, fan_out, emits, bands: bands.max(1) }
    }

    fn text(&self) -> String {
        let Program { salt, weights: [over, requeue, yields, pause, fault], fan_out, emits, bands } = self;
        format!(
            "fn mix(a: u32, b: u32) -> u32 {{
    var h = a * 0x9e3779b1u ^ b * 0x85ebca77u ^ {salt}u;
    h ^= h >> 15u; h *= 0x2c1b3c6du; h ^= h >> 12u; h *= 0x297a2d39u;
    return h ^ (h >> 15u);
}}
fn run(item: Item) {{
    let h = mix(item.param, item.continuation_pc);
    let fuel = item.continuation_data;
    let g = mix(h, 1u);
    for (var e = 0u; e < g % ({emits}u + 1u); e++) {{
        emit(Record(item.param, item.continuation_pc + e, item.requeue_count * 256u + item.yield_count));
    }}
    if (fuel == 0u) {{ return; }}
    var children = (g >> 8u) % ({fan_out}u + 1u);
    if ((g >> 16u) % 100u < {over}u) {{ children += 1u; }}
    for (var c = 0u; c < children; c++) {{
        push(Item(mix(h, c + 2u), 0u, fuel - 1u, 0u, 0u), mix(h, c + 50u) % {bands}u);
    }}
    var kind = mix(h, 99u) % 100u;
    if (kind < {requeue}u) {{ requeue(h, fuel - 1u, mix(h, 100u) % {bands}u); return; }}
    kind -= {requeue}u;
    if (kind < {yields}u) {{ yield_now(h, fuel - 1u); return; }}
    kind -= {yields}u;
    if (kind < {pause}u) {{ pause(h, fuel - 1u, 3u); return; }}
    kind -= {pause}u;
    if (kind < {fault}u) {{ fault(h >> 1u); }}
}}
"
        )
    }

    fn mix(&self, a: u32, b: u32) -> u32 {
        let mut h = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77) ^ self.salt;
        h = (h ^ h >> 15).wrapping_mul(0x2c1b_3c6d);
        h = (h ^ h >> 12).wrapping_mul(0x297a_2d39);
        h ^ h >> 15
    }

    /// What the items that begin as these come to.
    fn reference(&self, fields: &Fields, items: &[[u32; 5]]) -> Reference {
        let mut queue: Vec<[u32; 5]> = items.to_vec();
        let mut found = Reference::default();
        while let Some(mut item) = queue.pop() {
            found.tally.visits += 1;
            found.tally.admitted += 1;
            let [param, pc, fuel, requeues, yields] = item;
            let h = self.mix(param, pc);
            let g = self.mix(h, 1);
            let emits = g % (self.emits + 1);
            let mut children = 0;
            let mut ended = Ended::Done;
            if fuel > 0 {
                children = (g >> 8) % (self.fan_out + 1) + u32::from((g >> 16) % 100 < self.weights[0]);
                ended = self.ended(h);
            }
            if children > self.fan_out {
                ended = Ended::Fault(codes::FAN_OUT);
            }
            if let Ended::Fault(code) = ended {
                found.tally.faulted += 1;
                found.faults.push((code, item.to_vec()));
                continue;
            }
            for e in 0..emits {
                found.records.push(vec![param, pc.wrapping_add(e), requeues * 256 + yields]);
            }
            found.tally.emitted += u64::from(emits);
            for c in 0..children {
                queue.push([self.mix(h, c + 2), 0, fuel - 1, 0, 0]);
            }
            found.tally.pushed += u64::from(children);
            let onward = match ended {
                Ended::Requeue => (Onward::Requeue, &mut found.tally.requeued),
                Ended::Yield => (Onward::Yield, &mut found.tally.yielded),
                Ended::Pause => (Onward::Pause(3), &mut found.tally.paused),
                _ => {
                    found.tally.finished += 1;
                    continue;
                }
            };
            *onward.1 += 1;
            fields.go_on(&mut item, onward.0, h, fuel - 1).unwrap();
            queue.push(item);
        }
        found.records.sort();
        found.faults.sort();
        found
    }

    fn ended(&self, h: u32) -> Ended {
        let mut kind = self.mix(h, 99) % 100;
        for (weight, ended) in
            self.weights[1..].iter().zip([Ended::Requeue, Ended::Yield, Ended::Pause, Ended::Fault(h >> 1)])
        {
            if kind < *weight {
                return ended;
            }
            kind -= weight;
        }
        Ended::Done
    }
}

#[derive(Clone, Copy)]
enum Ended {
    Done,
    Requeue,
    Yield,
    Pause,
    Fault(u32),
}

#[derive(Default, Debug, PartialEq, Eq)]
pub struct Reference {
    pub records: Vec<Vec<u32>>,
    pub faults: Vec<(u32, Vec<u32>)>,
    pub tally: Tally,
}

/// A random program, a random way to run it, and what came of it on the device and in the loop.
fn compare(service: &Service, seed: u64, spoil: impl Fn(String) -> String) -> (Reference, Reference) {
    compare_as(service, seed, spoil, |trial| trial)
}

/// Likewise, with the trial as `finish` makes it.
pub fn compare_as(
    service: &Service,
    seed: u64,
    spoil: impl Fn(String) -> String,
    finish: impl Fn(Trial) -> Trial,
) -> (Reference, Reference) {
    let mut random = Random::new(seed);
    let program = Program::random(&mut random);
    let mut pick = |choices: &[u32]| choices[random.below(choices.len() as u64) as usize];
    let base = Trial::new(&spoil(program.text()), &WORDS);
    let trial = Trial {
        fan_out_max: program.fan_out,
        emit_max: program.emits,
        emit_words: 3,
        group_size: pick(&[1, 16, 64, 128]),
        groups_max: pick(&[3, 65_535]),
        capacity: pick(&[1, 7, 64, 1000, 20_000]),
        newest_first: pick(&[0, 1]) == 1,
        bands: program.bands,
        tenants: pick(&[1, 3]),
        reserve: Some(RESERVES[pick(&[0, 1, 2]) as usize]),
        inner: pick(&[1, 2, 100]),
        ..base
    };
    let trial = finish(trial);
    let most = if trial.capacity < 10 { 20 } else { 300 };
    let items: Vec<[u32; 5]> = (0..most).map(|number| [number, 0, pick(&[0, 3, 6]), 0, 0]).collect();
    let mut shelf = trial.shelf();
    shelf.resumes = true;
    for (number, item) in items.iter().enumerate() {
        let (band, tenant) = (number as u32 % trial.bands, number as u32 % trial.tenants);
        shelf.queue(band, tenant).extend(item);
    }
    let shelf = trial.run(service, shelf).ok();
    let mut faults: Vec<_> = shelf.faults.iter().map(|kept| (kept.1, kept.4.clone())).collect();
    faults.sort();
    let device = Reference { records: shelf.records(3), faults, tally: shelf.tally };
    (device, program.reference(&trial.fields, &items))
}

#[test]
fn random_programs_do_on_the_device_what_they_do_in_a_loop() {
    let Some(service) = software() else { return };
    let seeds = std::env::var("STRAND_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60);
    let mut visits = 0;
    for seed in 0..seeds {
        let (device, reference) = compare(&service, seed, |text| text);
        assert_eq!(device, reference, "seed {seed}");
        visits += reference.tally.visits;
    }
    assert!(visits > 1000 * seeds, "the programs do something: {visits}");
}

#[test]
fn what_is_called_back_in_the_middle_of_a_run_is_neither_lost_nor_doubled() {
    let Some(service) = software() else { return };
    for seed in 0..24 {
        // In parts too: two items, or one.
        let returned_max = if seed % 3 == 0 { 12 } else { u32::MAX };
        let recalled = |trial| Trial { recall: 1 + seed % 4, returned_max, ..trial };
        let (device, reference) = compare_as(&service, seed, |text| text, recalled);
        assert_eq!(device, reference, "seed {seed}");
    }
}

#[test]
fn control_a_program_that_is_a_little_wrong_is_noticed() {
    let Some(service) = software() else { return };
    let wrong = |text: String| text.replace("mix(h, c + 2u)", "mix(h, c + 3u)");
    let noticed = (0..12).filter(|seed| {
        let (device, reference) = compare(&service, *seed, wrong);
        device != reference
    });
    assert!(noticed.count() >= 4);
}
