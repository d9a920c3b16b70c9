// After a round of the newest items: what it appended lies above the hole that its slice has left; the newest of that move in.
@group(0) @binding(0) var<storage, read_write> queue: array<u32>;
@group(0) @binding(1) var<uniform> control: array<vec4<u32>, CONTROL_WORDS / 4u>;
@group(0) @binding(2) var<storage, read_write> counters: array<u32, COUNTER_WORDS>;

fn word(number: u32) -> u32 {
    return control[number / 4u][number % 4u];
}

// The word where the item of that place begins, counted from the band's oldest.
fn place(number: u32) -> u32 {
    return (word(SLICE_BASE) + (word(HEAD + word(SLICE_BAND)) + number) % word(PHYSICAL)) * STRIDE;
}

@compute @workgroup_size(GROUP_SIZE)
fn fill(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let number = (group.y * word(ROW) + group.x) * GROUP_SIZE + lane;
    let band = word(SLICE_BAND);
    let slice = word(SLICE);
    let appended = counters[APPENDED + band];
    if (number >= min(slice, appended)) { return; }
    let count = word(COUNT + band);
    let source = place(count + appended - min(slice, appended) + number);
    let hole = place(count - slice + number);
    for (var w = 0u; w < STRIDE; w++) {
        queue[hole + w] = queue[source + w];
    }
}
