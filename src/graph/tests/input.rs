// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is no graph is said to be none, and where.

use crate::graph::csr::{Fault, MOST, check_offsets, check_targets};

fn refusal(offsets: &[u64], targets: &[u32]) -> String {
    match check_offsets(offsets) {
        Err(fault) => fault.to_string(),
        Ok(edges) => {
            assert_eq!(edges, targets.len() as u64);
            check_targets(offsets.len() as u64 - 1, targets).unwrap_err().to_string()
        }
    }
}

#[test]
fn bad_rows_are_named_with_their_place() {
    assert_eq!(refusal(&[1, 2], &[0, 0]), "offsets[0] is 1, not 0");
    assert_eq!(refusal(&[0, 3, 2], &[0, 0]), "offsets[2] is 2, less than offsets[1], which is 3");
    assert_eq!(refusal(&[0, 1, 2], &[1, 2]), "targets[1] is 2, and there are 2 vertices");
    assert_eq!(refusal(&[0, u64::MAX], &[]), format!("there are {} edges, and at most {MOST} fit", u64::MAX));
    assert_eq!(refusal(&[0, 1], &[u32::MAX]), "targets[0] is 4294967295, and there are 1 vertices");
    assert!(Fault::Vertices(MOST + 1).to_string().contains("vertices"));
}

#[test]
fn good_rows_are_none_of_that() {
    for (offsets, targets) in [(&[][..], &[][..]), (&[0], &[]), (&[0, 0], &[]), (&[0, 2, 3], &[0, 1, 1])] {
        assert_eq!(check_offsets(offsets), Ok(targets.len() as u64));
        assert_eq!(check_targets((offsets.len() as u64).saturating_sub(1), targets), Ok(()));
    }
}
