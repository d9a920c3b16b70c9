// One invocation before each round: adds up what the last round appended, chooses a band by the drain policy, admits as many
// of its items as everything that they may produce has room for, and writes the size of the dispatch.
@group(0) @binding(0) var<storage, read_write> control: array<u32, CONTROL_WORDS>;
@group(0) @binding(1) var<storage, read_write> counters: array<u32, COUNTER_WORDS>;
@group(0) @binding(2) var<storage, read_write> args: array<u32, 4>;

const NO_BAND = 0xffffffffu;

// What the last round did to the depths; the depth of all bands together.
fn fold() -> u32 {
    let slice = control[SLICE];
    var total = 0u;
    for (var b = 0u; b < control[BAND_COUNT]; b++) {
        var count = control[COUNT + b] + counters[APPENDED + b];
        counters[APPENDED + b] = 0u;
        if (b == control[SLICE_BAND]) {
            count -= slice;
            if (control[NEWEST_FIRST] == 0u) {
                control[HEAD + b] = (control[HEAD + b] + slice) % control[PHYSICAL];
            }
        }
        control[COUNT + b] = count;
        total += count;
    }
    control[SLICE] = 0u;
    control[PEAK] = max(control[PEAK], total);
    return total;
}

// The band of the next slice: the most urgent that is not empty, or one that was passed over too often.
fn pick() -> u32 {
    var urgent = NO_BAND;
    var chosen = NO_BAND;
    var longest = control[STARVED_AFTER];
    for (var b = 0u; b < control[BAND_COUNT]; b++) {
        if (control[COUNT + b] == 0u) { continue; }
        if (urgent == NO_BAND) { urgent = b; }
        if (control[PASSED + b] >= longest && longest != 0u) {
            longest = control[PASSED + b] + 1u;
            chosen = b;
        }
    }
    return select(chosen, urgent, chosen == NO_BAND);
}

fn passed_over(band: u32) {
    for (var b = 0u; b < control[BAND_COUNT]; b++) {
        if (b == band || control[COUNT + b] == 0u) {
            control[PASSED + b] = 0u;
        } else {
            control[PASSED + b] += 1u;
        }
    }
}

// The free places of the fullest ring: a child may go to any band.
fn free() -> u32 {
    var fullest = 0u;
    for (var b = 0u; b < control[BAND_COUNT]; b++) {
        fullest = max(fullest, control[COUNT + b]);
    }
    return control[PHYSICAL] - fullest;
}

@compute @workgroup_size(1)
fn prep() {
    let total = fold();
    args[0] = 0u;
    args[1] = 1u;
    args[2] = 1u;
    if (total == 0u || control[STOPPED] != 0u) { return; }
    let band = pick();
    var wanted = min(control[COUNT + band], control[SLICE_MAX]);
    let least = min(wanted, control[SLICE_MIN]);
    let fan_out = control[FAN_OUT];
    var stopped = 0u;
    if (fan_out != 0u) {
        var room = 0u;
        if (control[CAPACITY] > total) { room = (control[CAPACITY] - total) / fan_out; }
        if (total <= max(control[CAPACITY] / 2u, 1u)) {
            room = max(room, 1u);
        } else if (room < least) {
            stopped |= STOP_QUEUE;
        }
        wanted = min(wanted, room);
    }
    wanted = min(wanted, free() / (fan_out + 1u));
    if (control[EMIT_MAX] != 0u) {
        let room = (control[EMIT_SPACE] - counters[EMITTED]) / control[EMIT_MAX];
        if (room < least && counters[EMITTED] != 0u) { stopped |= STOP_EMITS; }
        wanted = min(wanted, room);
    }
    if (control[REPORT_MAX] != 0u) {
        let room = control[REPORT_SPACE] - counters[REPORTED];
        if (room < least && counters[REPORTED] != 0u) { stopped |= STOP_REPORTS; }
        wanted = min(wanted, room);
    }
    let left = control[BUDGET] - control[ADMITTED] - counters[AT_ONCE];
    if (left == 0u) { stopped |= STOP_BUDGET; }
    let slice = min(wanted, left);
    if (stopped != 0u) {
        control[STOPPED] = stopped;
        return;
    }
    if (slice == 0u) { return; }
    passed_over(band);
    let count = control[COUNT + band];
    var first = control[HEAD + band];
    if (control[NEWEST_FIRST] != 0u) { first = (first + count - slice) % control[PHYSICAL]; }
    let groups = (slice + control[GROUP] - 1u) / control[GROUP];
    let row = min(groups, control[ROW_MAX]);
    let rows = (groups + row - 1u) / row;
    control[SLICE] = slice;
    control[SLICE_BAND] = band;
    control[SLICE_FIRST] = first;
    control[SLICE_BASE] = band * control[PHYSICAL];
    control[SLICE_INNER] = clamp(left / slice, 1u, control[INNER]);
    control[ROW] = row;
    control[ROUNDS] += 1u;
    control[ADMITTED] += slice;
    control[LAUNCHED] += row * rows * control[GROUP];
    args[0] = row;
    args[1] = rows;
}

// After the last round: the depths are right again.
@compute @workgroup_size(1)
fn finish() {
    _ = fold();
}
