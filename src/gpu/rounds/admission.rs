// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernels between rounds do, done by the host: for a submission of one round of a worklist of one band. All that they
//! look at is known here, and each of them would be a dispatch of its own with all that the device does around one. Pure.

use super::layout::*;

/// The round that the kernel `prep` would prepare, no round having been made before it: the workgroups of the step. `None`: the
/// kernel is to decide, because nothing can be admitted or there are several bands.
pub fn admit(control: &mut [u32; CONTROL_WORDS]) -> Option<[u32; 2]> {
    let (total, fan_out) = (control[COUNT], control[FAN_OUT]);
    if control[BAND_COUNT] != 1 || total == 0 || control[STOPPED] != 0 {
        return None;
    }
    let mut wanted = total.min(control[SLICE_MAX]);
    let least = wanted.min(control[SLICE_MIN]);
    if let Some(mut room) = control[CAPACITY].saturating_sub(total).checked_div(fan_out) {
        if total <= (control[CAPACITY] / 2).max(1) {
            room = room.max(1);
        } else if room < least {
            return None;
        }
        wanted = wanted.min(room);
    }
    wanted = wanted.min((control[PHYSICAL] - total) / (fan_out + 1));
    if let Some(room) = control[EMIT_SPACE].checked_div(control[EMIT_MAX]) {
        wanted = wanted.min(room);
    }
    if control[REPORT_MAX] != 0 {
        wanted = wanted.min(control[REPORT_SPACE]);
    }
    let slice = wanted.min(control[BUDGET]);
    if slice == 0 {
        return None;
    }
    let newest = control[NEWEST_FIRST] != 0;
    let behind = if newest { total - slice } else { 0 };
    let groups = slice.div_ceil(control[GROUP]);
    let row = groups.min(control[ROW_MAX]);
    let rows = groups.div_ceil(row);
    control[PEAK] = control[PEAK].max(total);
    control[SLICE] = slice;
    control[SLICE_BAND] = 0;
    control[SLICE_FIRST] = (control[HEAD] + behind) % control[PHYSICAL];
    control[SLICE_BASE] = 0;
    control[SLICE_INNER] = (control[BUDGET] / slice).clamp(1, control[INNER]);
    control[ROW] = row;
    control[ROUNDS] = 1;
    control[ADMITTED] = slice;
    control[LAUNCHED] = row * rows * control[GROUP];
    Some([row, rows])
}

/// What the kernel `finish` does after that round, which has appended so many items.
pub fn fold(control: &mut [u32; CONTROL_WORDS], appended: u32) {
    let slice = core::mem::take(&mut control[SLICE]);
    control[COUNT] = (control[COUNT] - slice).wrapping_add(appended);
    if control[NEWEST_FIRST] == 0 {
        control[HEAD] = (control[HEAD] + slice) % control[PHYSICAL];
    }
    control[PEAK] = control[PEAK].max(control[COUNT]);
}
