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
        var count = control[COUNT + b];
        if (b == control[SLICE_BAND]) {
            count -= slice;
            if (control[NEWEST_FIRST] == 0u) {
                control[HEAD + b] = (control[HEAD + b] + slice) % control[PHYSICAL];
                control[LEFT + b] -= min(control[LEFT + b], slice);
            } else {
                control[LEFT + b] = min(control[LEFT + b], count - min(count, control[BELOW + b]));
            }
        }
        count += counters[APPENDED + b];
        counters[APPENDED + b] = 0u;
        control[COUNT + b] = count;
        total += count;
    }
    control[SLICE] = 0u;
    control[PEAK] = max(control[PEAK], total);
    return total;
}

// How urgent a band is: one more for every AGE_AFTER rounds that its oldest items have waited. They have waited since the band
// was marked, as long as one of those that were queued then is still there; after that it is marked again.
fn rank(band: u32) -> u32 {
    if (control[LEFT + band] == 0u) {
        control[MARKED + band] = control[NOW];
        control[LEFT + band] = control[COUNT + band];
        control[BELOW + band] = 0u;
    }
    if (control[AGE_AFTER] == 0u) { return band; }
    return band - min(band, (control[NOW] - control[MARKED + band]) / control[AGE_AFTER]);
}

struct Choice { band: u32, raised: u32 }

// The band of the next slice: the one that was passed over most, if that is too often; else the most urgent, among equals the
// one that was passed over most, then the more urgent by itself. The host's drain does the same (work/drain.rs).
fn pick() -> Choice {
    if (control[BAND_COUNT] == 1u) { return Choice(0u, 0u); }
    var best = NO_BAND;
    var best_rank = 0u;
    var best_passed = 0u;
    var best_starved = false;
    for (var b = 0u; b < control[BAND_COUNT]; b++) {
        if (control[COUNT + b] == 0u) { continue; }
        let urgent = rank(b);
        let passed = control[PASSED + b];
        let starved = passed >= control[STARVED_AFTER];
        var better = starved || urgent < best_rank || (urgent == best_rank && passed > best_passed);
        if (best_starved) { better = starved && passed > best_passed; }
        if (better || best == NO_BAND) {
            best = b;
            best_rank = urgent;
            best_passed = passed;
            best_starved = starved;
        }
    }
    return Choice(best, best - best_rank);
}

fn passed_over(band: u32) {
    if (control[BAND_COUNT] == 1u) { return; }
    var overtakes = 0u;
    for (var b = 0u; b < control[BAND_COUNT]; b++) {
        if (b == band || control[COUNT + b] == 0u) {
            control[PASSED + b] = 0u;
        } else {
            control[PASSED + b] += 1u;
            if (b < band) { overtakes = 1u; }
        }
    }
    control[GUARDED] += overtakes;
    control[NOW] += 1u;
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
    let choice = pick();
    let band = choice.band;
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
    control[SLICE_RAISED] = choice.raised;
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
