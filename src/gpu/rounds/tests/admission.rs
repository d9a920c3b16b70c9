// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the host admits by itself is what the kernel would admit.

use super::*;
use crate::base::random::Random;
use crate::gpu::rounds::admission::{admit, fold};
use crate::gpu::rounds::layout::*;
use crate::gpu::service::Sink;
use crate::gpu::service::words::as_bytes;

type Control = [u32; CONTROL_WORDS];

/// What the kernels make of a control block: after `prep`, and after `finish` when so many items were appended.
fn on_device(service: &Service, resident: &Arc<Resident>, control: &Control, appended: u32) -> [Control; 2] {
    let (sender, receiver) = mpsc::channel();
    let (resident, control) = (resident.clone(), *control);
    service.call(move |turn| {
        let turn = turn.expect("a turn");
        let Resident { pipelines, store } = &*resident;
        let mut counters = [0; COUNTER_WORDS];
        for kernel in [&pipelines.prep, &pipelines.finish] {
            if counters[APPENDED] == 0 {
                turn.write(&store.control, 0, as_bytes(&control)).expect("a write");
            }
            turn.write(&store.counters, 0, as_bytes(&counters)).expect("a write");
            let mut pass = turn.encoder().begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(kernel);
            pass.set_bind_group(0, &store.between, &[]);
            pass.dispatch_workgroups(1, 1, 1);
            drop(pass);
            let sender = sender.clone();
            let sink = Sink::new(move |read| drop(sender.send(read.expect("bytes").to_vec())));
            turn.read(&store.control, 0, 4 * CONTROL_WORDS as u64, sink);
            counters[APPENDED] = appended;
        }
    });
    [(); 2].map(|()| {
        let bytes = receiver.recv_timeout(WAIT).expect("a control block");
        let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        words.collect::<Vec<u32>>().try_into().expect("its words")
    })
}

#[test]
fn the_host_admits_what_the_kernel_would() {
    let Some(service) = software() else { return };
    let trial = Trial::new("fn run(item: Item) {}", &[Word::Param]);
    let (sender, receiver) = mpsc::channel();
    let made = trial.resident();
    service.call(move |turn| {
        let made = made(turn.expect("a turn").gpu);
        let _ = sender.send(made.map(Arc::new));
    });
    let resident = receiver.recv_timeout(WAIT).expect("an answer").expect("a worklist");
    let mut random = Random::new(22);
    let (mut admitted, mut refused) = (0, 0);
    for _ in 0..300 {
        let mut control = [0; CONTROL_WORDS];
        let capacity = 1 + random.below(200) as u32;
        let fan_out = random.below(4) as u32;
        let physical = 2 * capacity + fan_out + 1;
        for (word, value) in [
            (CAPACITY, capacity),
            (PHYSICAL, physical),
            (BAND_COUNT, 1),
            (NEWEST_FIRST, random.below(2) as u32),
            (FAN_OUT, fan_out),
            (EMIT_MAX, random.below(3) as u32),
            (EMIT_SPACE, random.below(300) as u32),
            (REPORT_MAX, random.below(2) as u32),
            (REPORT_SPACE, 1 + random.below(200) as u32),
            (SLICE_MAX, 1 + random.below(100) as u32),
            (SLICE_MIN, (capacity / 64).max(1)),
            (INNER, 1 + random.below(9) as u32),
            (BUDGET, random.below(500) as u32),
            (STARVED_AFTER, 16),
            (GROUP, 8),
            (ROW_MAX, 1 + random.below(6) as u32),
            (HEAD, random.below(u64::from(physical)) as u32),
            (COUNT, random.below(u64::from(physical)) as u32),
        ] {
            control[word] = value;
        }
        let appended = 1 + random.below(3) as u32;
        let [prepared, finished] = on_device(&service, &resident, &control, appended);
        let mut own = control;
        match admit(&mut own) {
            Some([row, rows]) => {
                admitted += 1;
                assert_eq!(own, prepared, "{control:?}");
                assert_eq!((own[ROW], rows * row * own[GROUP]), (row, own[LAUNCHED]));
                // Control: of another block it is not.
                let mut other = control;
                other[HEAD] = (other[HEAD] + 1) % physical;
                assert!(admit(&mut other).is_some() && other != prepared);
                fold(&mut own, appended);
                assert_eq!(own, finished, "{control:?}");
            }
            None => {
                refused += 1;
                assert_eq!((own, prepared[SLICE], prepared[ADMITTED]), (control, 0, 0), "{control:?}");
            }
        }
    }
    assert!(admitted > 100 && refused > 20, "{admitted} {refused}");
}

#[test]
fn one_round_needs_no_kernel_but_its_own() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) { emit(Record(item.param + 1u)); }";
    let spoil = Some(("control[SLICE] = slice;", "control[SLICE] = 0u;"));
    let trial = Trial { emit_max: 1, spoil, ..Trial::new(source, &[Word::Param]) };
    for newest_first in [false, true] {
        let trial = Trial { newest_first, ..trial.clone() };
        assert_eq!(trial.run_items(&service, &[5, 7]).ok().records(1), [[6], [8]]);
    }
    // Control: with two bands the kernel decides, and is wrong.
    let shelf = Trial { bands: 2, ..trial }.run_items(&service, &[5, 7]);
    let (status, text, _) = shelf.status.clone().expect("an end");
    assert!(status == Status::DEVICE && text.contains("lost or doubled"), "{text}");
}
