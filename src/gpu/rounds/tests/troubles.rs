// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes wrong: full queues, budgets, lost devices, kernels of the library's own that are spoilt on purpose.

use super::*;
use crate::gpu::rounds::traffic;
use crate::gpu::service::tests::ask;

const WORDS: [Word; 3] = [Word::Param, Word::ContinuationPc, Word::ContinuationData];

/// A node of a binary tree: `param` levels below it.
const TREE: &str = "fn run(item: Item) {
    if (item.param == 0u) { emit(Record(1u)); return; }
    push(Item(item.param - 1u), BAND_SAME);
    push(Item(item.param - 1u), BAND_SAME);
}";

#[test]
fn a_tree_that_is_larger_than_the_queue_loses_no_leaf() {
    let Some(service) = software() else { return };
    for (newest_first, capacity, levels) in
        [(true, 1, 6), (true, 100, 13), (false, 100, 13), (true, 1000, 16), (false, 1000, 16)]
    {
        let base = Trial::new(TREE, &[Word::Param]);
        let trial = Trial { fan_out_max: 2, emit_max: 1, newest_first, capacity, ..base };
        let shelf = trial.run_items(&service, &[levels]).ok();
        assert_eq!(shelf.emitted.len(), 1 << levels, "{newest_first} {capacity}");
        assert_eq!(shelf.tally.finished, (2 << levels) - 1);
        assert!(shelf.peak <= u64::from(capacity.max(2)), "{} items in a queue of {capacity}", shelf.peak);
        assert!(shelf.spilled > 0 || newest_first, "the oldest first is a whole level at once");
        assert_eq!(shelf.overtaking, 0, "what comes back goes before what was not there yet");
    }
}

/// Leaves below the nodes that are queued, and leaves that were.
fn leaves(shelf: &Shelf) -> u64 {
    let below: u64 = shelf.queues.iter().flatten().map(|level| 1 << level).sum();
    below + shelf.emitted.len() as u64
}

#[test]
fn memory_that_runs_out_costs_no_item() {
    let Some(service) = software() else { return };
    for (newest_first, tenants, capacity, short_after) in
        [(true, 1, 1000, 2), (false, 1, 1000, 3), (true, 3, 5000, 5), (false, 3, 5000, 1), (false, 1, 1000, 0)]
    {
        let base = Trial::new(TREE, &[Word::Param]);
        let trial = Trial { fan_out_max: 2, emit_max: 1, newest_first, capacity, tenants, ..base };
        let mut shelf = trial.shelf();
        shelf.short_after = Some(short_after);
        for tenant in 0..tenants {
            shelf.queue(0, tenant).extend([18, 17]);
        }
        let shelf = trial.run(&service, shelf);
        let (status, text, lost) = shelf.status.clone().unwrap();
        assert_eq!((status, lost), (Status::NO_MEMORY, false), "{text}");
        assert_eq!(leaves(&shelf), u64::from(tenants) * (3 << 17), "{newest_first} {tenants} {capacity}");
        assert_eq!(shelf.submissions, short_after, "it had run so long");
    }
}

#[test]
fn little_memory_makes_small_slices_and_ends_nothing() {
    let Some(service) = software() else { return };
    let base = Trial::new(TREE, &[Word::Param]);
    let trial = Trial { fan_out_max: 2, emit_max: 1, newest_first: true, ..base };
    let mut shelf = trial.shelf();
    shelf.memory = Some(5000);
    shelf.queues[0].extend([12]);
    let shelf = trial.run(&service, shelf).ok();
    assert_eq!((shelf.emitted.len(), leaves(&shelf)), (1 << 12, 1 << 12));
}

#[test]
fn a_budget_stops_what_never_ends_and_leaves_it_whole() {
    let Some(service) = software() else { return };
    let forever = "fn run(item: Item) { requeue(item.continuation_pc + 1u, 0u, BAND_SAME); }";
    for inner in [1, 64] {
        let trial = Trial { visits: 100_000, inner, ..Trial::new(forever, &WORDS) };
        let items: Vec<u32> = (0..1000).flat_map(|param| [param, 0, 0]).collect();
        let shelf = trial.run_items(&service, &items);
        assert_eq!(shelf.status.as_ref().map(|status| status.0), Some(Status::LIMIT));
        assert!(shelf.tally.visits <= 100_000 && shelf.tally.visits > 90_000, "{}", shelf.tally.visits);
        let mut left: Vec<u32> = shelf.queues[0].iter().copied().step_by(3).collect();
        left.sort_unstable();
        assert_eq!(left, (0..1000).collect::<Vec<u32>>(), "all are back");
        let done: u64 = shelf.queues[0].iter().skip(1).step_by(3).map(|pc| u64::from(*pc)).sum();
        assert_eq!(done, shelf.tally.visits, "each has as much behind it as was counted");
    }
    let trial = Trial { rounds: 10, ..Trial::new(forever, &WORDS) };
    let shelf = trial.run_items(&service, &[0, 0, 0]);
    assert_eq!((shelf.rounds, shelf.queued()), (10, 1));
}

#[test]
fn what_is_left_comes_back_in_its_order() {
    let Some(service) = software() else { return };
    for newest_first in [false, true] {
        let source = "fn run(item: Item) { emit(Record(item.param)); }";
        let base = Trial::new(source, &[Word::Param]);
        let trial = Trial { emit_max: 1, visits: 1000, newest_first, capacity: 3000, ..base };
        let items: Vec<u32> = (0..10_000).collect();
        let shelf = trial.run_items(&service, &items);
        let left: Vec<u32> = shelf.queues[0].iter().copied().collect();
        let expected = if newest_first { &items[..9000] } else { &items[1000..] };
        assert!(left == expected, "{newest_first}: {} are left, first {:?}", left.len(), left.first());
    }
}

/// As above, in a ring where they go round the end.
#[test]
fn what_goes_round_the_end_of_the_ring_comes_back_in_its_order() {
    let Some(service) = software() else { return };
    for (newest_first, returned_max) in [(false, u32::MAX), (true, u32::MAX), (false, 7), (true, 7), (true, 0)] {
        let base = Trial::new("fn run(item: Item) {}", &[Word::Param]);
        let trial = Trial { visits: 40 * 64 + 10, newest_first, capacity: 64, returned_max, ..base };
        let items: Vec<u32> = (0..5000).collect();
        let shelf = trial.run_items(&service, &items);
        let left: Vec<u32> = shelf.queues[0].iter().copied().collect();
        let expected = if newest_first { &items[..2430] } else { &items[2570..] };
        let wrong = left.iter().zip(expected).position(|(one, other)| one != other);
        assert!(left == expected, "{newest_first}: {} are left, wrong from {wrong:?} on", left.len());
    }
}

#[test]
fn what_was_emitted_is_here_before_more_is_asked_for() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) { emit(Record(item.param)); }";
    let trial = Trial { emit_max: 1, ..Trial::new(source, &[Word::Param]) };
    let mut shelf = trial.shelf();
    shelf.emit_words = 1;
    shelf.queues[0].extend(0..200_000);
    assert_eq!(trial.run(&service, shelf).ok().emitted.len(), 200_000);
}

#[test]
fn what_cannot_be_given_back_counts_as_lost() {
    let Some(service) = software() else { return };
    let trial = Trial { visits: 10, capacity: 100, ..Trial::new("fn run(item: Item) {}", &[Word::Param]) };
    for refuses in [true, false] {
        let mut shelf = trial.shelf();
        shelf.refuses = refuses;
        shelf.queues[0].extend(0..1000);
        let shelf = trial.run(&service, shelf);
        let (status, text, lost) = shelf.status.clone().unwrap();
        let expected = if refuses { Status::NO_MEMORY } else { Status::LIMIT };
        assert_eq!((status, lost), (expected, refuses), "{text}");
        assert_eq!(shelf.queued(), if refuses { 800 } else { 990 }, "{text}");
    }
}

/// Submissions that have ended when a run is disturbed.
const SOME: usize = 10;

/// Begins a run of 5,000 items that never ends, and waits until 1,000 of them are on the device and some submissions have
/// ended; who is told of its end.
fn run_for_ever(service: &Service) -> mpsc::Receiver<Shelf> {
    let forever = "fn run(item: Item) { requeue(0u, 0u, BAND_SAME); }";
    let trial = Trial { capacity: 1000, ..Trial::new(forever, &WORDS) };
    let (sender, receiver) = mpsc::channel();
    let mut shelf = trial.shelf();
    shelf.queues[0].extend((0..5000).flat_map(|param| [param, 0, 0]));
    shelf.end = Some(sender);
    let (begun, ended) = mpsc::sync_channel(SOME);
    shelf.begun = Some(begun);
    (shelf.visits_left, shelf.rounds_left, shelf.inner) = (u64::MAX, u64::MAX, 1);
    service.start(Box::new(trial.drive(shelf)));
    (0..SOME).for_each(|_| ended.recv_timeout(WAIT).expect("the end of a submission"));
    receiver
}

#[test]
fn a_device_that_is_lost_takes_only_what_lies_on_it() {
    let Some(service) = software() else { return };
    let receiver = run_for_ever(&service);
    service.destroy();
    let shelf = receiver.recv_timeout(WAIT).expect("the end of the run");
    let (status, text, lost) = shelf.status.clone().unwrap();
    assert_eq!((status, lost), (Status::DEVICE, true));
    assert!(text.contains("lost"), "{text}");
    assert_eq!(shelf.queued(), 4000, "what was not on the device is here");
    assert!(shelf.tally.visits > 0);
}

#[test]
fn a_device_that_is_closed_gives_everything_back() {
    let Some(service) = software() else { return };
    let receiver = run_for_ever(&service);
    service.close();
    let shelf = receiver.recv_timeout(WAIT).expect("the end of the run");
    let (status, _, lost) = shelf.status.clone().unwrap();
    assert_eq!((status, lost, shelf.queued()), (Status::CLOSED, false, 5000));
}

#[test]
fn a_shader_that_is_wrong_ends_the_run_and_nothing_else() {
    let Some(service) = software() else { return };
    let trial = Trial::new("fn run(item: Item) {\n  nothing();\n}", &[Word::Param]);
    let shelf = trial.run_items(&service, &[1, 2, 3]);
    let (status, text, lost) = shelf.status.clone().unwrap();
    assert_eq!((status, lost, shelf.queued()), (Status::SHADER, false, 3));
    assert!(text.contains("line 2, column 3"), "{text}");
    let trial = Trial::new("fn run(item: Item) {}", &[Word::Param]);
    assert_eq!(trial.run_items(&service, &[1, 2, 3]).ok().tally.finished, 3);
}

/// Kernels of the library's own that are wrong: each is noticed by the sums of the submission.
#[test]
fn control_a_wrong_kernel_of_the_library_is_a_device_error_with_numbers() {
    let Some(service) = software() else { return };
    let spoilt = [
        // Items that end uncounted; an item that is taken and not run; children that are counted twice, reserved twice,
        // that have no place; the hole of a slice that is filled with what is not there.
        ("strand_count(5u,", "strand_count(9u,", "reports"),
        (
            "strand_item = strand_load(base);",
            "if (number == 3u) { return; } strand_item = strand_load(base);",
            "admitted",
        ),
        ("strand_count(10u, strand_children", "strand_count(10u, strand_children * 2u", "pushed"),
        ("strand_reserve(0u, strand_children", "strand_reserve(0u, 2u * strand_children", "queued"),
        ("if (place >= strand_control[0].y)", "if (place >= 40u)", "had no place"),
        ("count -= slice;", "count -= slice - slice / 8u;", "queued"),
    ];
    for (from, to, says) in spoilt {
        let base = Trial::new(TREE, &[Word::Param]);
        // Of one band, the host prepares and adds up submissions of one round.
        let bands = if from.starts_with("count") { 2 } else { 1 };
        let (reserve, spoil) = (Some(Reserve::Lane), Some((from, to)));
        let trial = Trial { fan_out_max: 2, emit_max: 1, bands, reserve, spoil, ..base };
        let shelf = trial.run_items(&service, &[8]);
        let (status, text, _) = shelf.status.clone().unwrap();
        assert!(status == Status::DEVICE && text.contains(says), "{from}: {text}");
        assert!(text.chars().any(|letter| letter.is_ascii_digit()), "{text}");
        let sound = Trial { spoil: None, ..trial };
        assert_eq!(sound.run_items(&service, &[8]).ok().emitted.len(), 256);
    }
}

#[test]
fn a_queue_of_which_nothing_is_taken_is_no_endless_run() {
    let Some(service) = software() else { return };
    let base = Trial::new(TREE, &[Word::Param]);
    // Of one band, the host prepares the first round.
    let spoil = Some(("if (slice == 0u)", "if (slice != 0u)"));
    let trial = Trial { fan_out_max: 2, emit_max: 1, bands: 2, spoil, ..base };
    let shelf = trial.run_items(&service, &[8, 9, 10]);
    let (status, text, lost) = shelf.status.clone().unwrap();
    assert!(status == Status::DEVICE && text.contains("no progress: 3 items"), "{text}");
    assert_eq!((lost, shelf.queued()), (false, 3), "they are all back");
}

/// What wgpu finds out when a program is dispatched would take the items of everybody along who shares that submission.
#[test]
fn buffers_that_do_not_fit_a_program_cost_nobody_an_item() {
    let Some(service) = software() else { return };
    let forever = "fn run(item: Item) { requeue(0u, 0u, BAND_SAME); }";
    let other = Trial { visits: 1 << 22, ..Trial::new(forever, &WORDS) };
    let (sender, receiver) = mpsc::channel();
    let mut shelf = other.shelf();
    shelf.queues[0].extend((0..1000).flat_map(|param| [param, 0, 0]));
    shelf.end = Some(sender);
    (shelf.visits_left, shelf.rounds_left, shelf.inner) = (other.visits, u64::MAX, 1);
    service.start(Box::new(other.drive(shelf)));
    let declared = |a: &str, b: &str| {
        format!(
            "{a} one: array<u32, 100>;\n{b} two: array<vec4<u32>, 25>;
            fn run(item: Item) {{ let x = one[item.param] + two[0].x; if (x == 77u) {{ fault(1u); }} }}"
        )
    };
    let (written, read) = ("@group(1) @binding(0) var<storage, read_write>", "@group(1) @binding(0) var<storage>");
    let uniform = "@group(1) @binding(1) var<uniform>";
    let second = written.replace("(0)", "(1)");
    let (written, read, second) = (written.to_owned(), read.to_owned(), second.as_str());
    for (source, buffers, says) in [
        (declared(&written, second), vec![4, 400], Some("buffer 0 has 4 bytes")),
        (declared(&read, uniform), vec![400, 16], Some("buffer 1 has 16 bytes")),
        (declared(&written, uniform), vec![400, 0], Some("buffers 0 and 1 are one")),
        (declared(&read, second), vec![400, 0], Some("buffers 0 and 1 are one")),
        (declared(&written, second), vec![400, 0], None),
        (declared(&read, uniform), vec![400, 0], None),
        (declared(&read, second), vec![400, 400], None),
    ] {
        let trial = Trial { buffers, ..Trial::new(&source, &[Word::Param]) };
        let shelf = trial.run_items(&service, &[1, 2, 3]);
        let (status, text, lost) = shelf.status.clone().unwrap();
        match says {
            Some(says) => {
                assert_eq!((status, lost, shelf.queued()), (Status::INVALID, false, 3), "{text}");
                assert!(text.contains(says), "{text}");
            }
            None => assert_eq!(shelf.ok().tally.finished, 3),
        }
    }
    let shelf = receiver.recv_timeout(WAIT).expect("the end of the other run");
    let (status, text, lost) = shelf.status.clone().unwrap();
    assert_eq!((status, lost, shelf.queued()), (Status::LIMIT, false, 1000), "{text}");
}

#[test]
fn a_buffer_that_cannot_be_read_is_not_left_mapped() {
    let Some(service) = software() else { return };
    let made: Result<(), Failure> = ask(|reply| {
        service.make(
            |gpu| {
                let description = wgpu::BufferDescriptor {
                    label: None,
                    size: 64,
                    usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: true,
                };
                for short in [true, false] {
                    let buffer = gpu.device.create_buffer(&description);
                    assert!(buffer.slice(..).get_mapped_range().is_ok());
                    failing::next(short);
                    let mut words = Vec::new();
                    let read = traffic::read(&buffer, 16, &mut words);
                    let expected = if short { Err(Status::NO_MEMORY) } else { Ok(()) };
                    assert_eq!(
                        (read.map_err(|failure| failure.status), words.len()),
                        (expected, if short { 0 } else { 16 })
                    );
                    assert!(buffer.slice(..).get_mapped_range().is_err(), "it is still mapped");
                }
                Ok(())
            },
            reply,
        );
    });
    assert_eq!(made, Ok(()));
}

#[test]
fn items_that_cannot_be_taken_are_no_endless_run() {
    let Some(service) = software() else { return };
    let trial = Trial::new("fn run(item: Item) {}", &[Word::Param]);
    let mut shelf = trial.shelf();
    shelf.withholds = true;
    shelf.queues[0].extend([1, 2, 3]);
    let shelf = trial.run(&service, shelf);
    let (status, text, lost) = shelf.status.clone().unwrap();
    assert!(status == Status::DEVICE && text.contains("none can be taken"), "{text}");
    assert_eq!((lost, shelf.queued()), (false, 3));
    assert_eq!(trial.run_items(&service, &[1, 2, 3]).ok().tally.finished, 3);
}
