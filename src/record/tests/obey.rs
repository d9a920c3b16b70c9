// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run that does whatever its recording says. The fuzz target includes this file.

use crate::record::raw::Raw;
use crate::record::{Pick, Replay};

/// Does whatever the recording says, as long as it says something.
pub fn obey(mut replay: Replay) {
    let most = replay.summary().bytes * 1024 + 1024;
    for step in 0..most {
        loop {
            let recorded = match replay.due() {
                Ok(Some(event)) => Raw::of(&event),
                Ok(None) => break,
                Err(_) => return,
            };
            let bytes = recorded.bytes.to_vec();
            let Some(event) = (Raw { bytes: &bytes, ..recorded }).event() else { return };
            if replay.expect(&event).is_err() {
                return;
            }
        }
        match replay.next_pick() {
            Ok(Pick::Predicted | Pick::Strand(_)) => {}
            Ok(Pick::End) | Err(_) => break,
        }
        if replay.step(step).is_err() {
            break;
        }
    }
    _ = replay.finish(0).map_err(|mismatch| mismatch.to_string());
}
