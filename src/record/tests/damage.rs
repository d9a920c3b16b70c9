// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader survives any file: it says what is wrong, and takes no more time and memory than the file has bytes.

use proptest::prelude::*;

use super::forge::reseal;
use super::obey::obey;
use super::script::{Run, follow_open, record, run};
use crate::base::status::Status;
use crate::record::format::{BLOCK_HEAD, EVENT_MAX, HEADER};
use crate::record::reader::{Blocks, Next};
use crate::record::source::Source;
use crate::record::{Event, Failure, Replay};

/// Opens, prints and follows it, believing the CRCs and not.
fn survive(file: &[u8]) -> Result<(), Failure> {
    if let Ok(replay) = Replay::without_checks(file.to_vec()) {
        obey(replay);
    }
    let mut text = Vec::new();
    let printed = crate::record::print::print_memory(file.to_vec(), &mut text);
    let opened = Replay::in_memory(file.to_vec()).map(obey);
    assert_eq!(printed.is_ok(), opened.is_ok());
    if let Err(failure) = &opened {
        assert_eq!(failure.status, Status::REPLAY, "{failure}");
        assert!(failure.to_string().contains("byte "), "{failure}");
    }
    opened
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(survive(&bytes).is_err(), "that would be a miracle");
    }

    #[test]
    fn any_bytes_after_a_good_header(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = record(&[], 0)[..HEADER].to_vec();
        file.extend(bytes);
        reseal(&mut file);
        _ = survive(&file);
    }

    #[test]
    fn any_events_in_a_good_block(bytes in prop::collection::vec(any::<u8>(), 1..200), events in 1u32..20) {
        let mut file = record(&[], 0)[..HEADER].to_vec();
        let mut head = [0; BLOCK_HEAD];
        head[0] = b'B';
        head[16..20].copy_from_slice(&events.to_le_bytes());
        head[20..24].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        file.extend(head);
        file.extend(bytes);
        file.extend([0; 12]);
        reseal(&mut file);
        _ = survive(&file);
    }

    #[test]
    fn a_recording_with_any_damage(
        script in run(0..15),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        seals: bool,
    ) {
        let mut file = record(&script, 0);
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        if seals {
            reseal(&mut file);
        }
        _ = survive(&file);
        if let Ok(mut replay) = Replay::without_checks(file) {
            _ = follow_open(&mut replay, &script, 0, Run::Blind);
        }
    }
}

#[test]
fn a_block_that_claims_to_be_large_costs_nothing() {
    let mut file = record(&[], 0)[..HEADER].to_vec();
    let mut head = [0; BLOCK_HEAD];
    head[0] = b'B';
    head[16] = 1;
    head[20..24].copy_from_slice(&(EVENT_MAX as u32).to_le_bytes());
    file.extend(head);
    file.extend([0; 100]);
    reseal(&mut file);
    let mut blocks = Blocks::open_with(Source::Memory(file), b"large", false).unwrap();
    assert!(matches!(blocks.advance().unwrap(), Next::Truncated));
    assert!(blocks.memory() <= 64 << 10, "{}", blocks.memory());
}

#[test]
fn a_long_sparse_file_is_refused_at_its_first_hole() {
    let mut file = record(&[], 0)[..HEADER].to_vec();
    file.resize(64 << 20, 0);
    let failure = Replay::in_memory(file).err().unwrap();
    assert!(failure.to_string().ends_with("byte 100: expected a block or the end, found byte 0x00"), "{failure}");
}

#[test]
fn a_later_minor_version_may_say_more() {
    let script = [crate::record::tests::script::Act::Predicted, crate::record::tests::script::Act::Step(1)];
    let mut file = record(&script, 0);
    // Minor version 1, a header of eight more bytes, an optional flag, and an event that is not known here.
    file[10] = 1;
    file[12] += 8;
    file[18] |= 1;
    file.splice(HEADER - 4..HEADER - 4, [1, 2, 3, 4, 5, 6, 7, 8]);
    let block = HEADER + 8;
    let crc = crate::record::crc::extend(0, &file[..block - 4]);
    assert_eq!(file[block], b'B');
    file.splice(block + BLOCK_HEAD..block + BLOCK_HEAD, [0x91, 2, 0xAA, 0xBB]);
    file[block + 16] += 1;
    file[block + 20] += 4;
    let end = file.len() - 36;
    file[end + 16] += 1;
    let mut later = Replay::without_checks(file.clone()).unwrap();
    later.next_pick().unwrap();
    later.step(1).unwrap();
    later.finish(0).unwrap();
    _ = crc;
    file[10] = 0;
    let failure = Replay::without_checks(file.clone()).err().unwrap();
    assert!(failure.to_string().contains("a header of 108 bytes is not possible"), "{failure}");
    file[10] = 1;
    file[17] |= 1;
    let failure = Replay::without_checks(file.clone()).err().unwrap();
    assert!(failure.to_string().contains("are not known to this version"), "{failure}");
    file[8] = 2;
    let failure = Replay::without_checks(file).err().unwrap();
    assert!(failure.to_string().ends_with("expected major version 1, found 2"), "{failure}");
}

#[test]
fn an_event_of_no_known_kind_is_refused() {
    let mut recorder = crate::record::Recorder::in_memory(&super::script::identity()).unwrap();
    recorder.event(&Event::Signal { number: 3 });
    let mut file = recorder.finish_in_memory(0).unwrap();
    for tag in [0x00, 0x06, 0x7F, 0x80, 0xFF] {
        file[HEADER + BLOCK_HEAD] = tag;
        reseal(&mut file);
        let failure = Replay::in_memory(file.clone()).err().unwrap();
        assert!(failure.to_string().ends_with("byte 128: expected a tag of this version"), "{failure}");
    }
}
