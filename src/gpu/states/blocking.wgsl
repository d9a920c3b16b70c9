// SPDX-License-Identifier: MIT OR Apache-2.0
// The baseline of automata on a device: one invocation reads a window byte by byte and keeps the set of active states as
// bits, with two levels of bits above them that say which words are not zero.
//
// One loop, in which every iteration does one small thing (an edge, a word, a start): drivers that bound the iterations of a
// subgroup count them however its invocations diverge, and here they are as many as the host has said. What an invocation
// is doing is kept in `saved` from one dispatch to the next.

struct Params {
    // Windows, and where the first one's record stands in `inputs`.
    windows: u32,
    first: u32,
    // Bytes of each window that other dispatches have read: not used here.
    done: u32,
    // Iterations.
    steps: u32,
    // Words that `found` has room for.
    room: u32,
    // The tag of the tables' records.
    tag: u32,
    // Words of a set, where its second and third level begin, words of the third.
    half: u32,
    second: u32,
    third: u32,
    thirds: u32,
    starting: u32,
    kinds: u32,
}

struct Found {
    count: atomic<u32>,
    finished: atomic<u32>,
    unfit: atomic<u32>,
    pad: u32,
    words: array<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> text: array<u32>;
@group(0) @binding(2) var<storage, read> inputs: array<u32>;
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(4) var<storage, read_write> cells: array<u32>;
@group(0) @binding(5) var<storage, read_write> saved: array<u32>;
@group(0) @binding(6) var<storage, read_write> found: Found;

const GROUP = 64u;
const SAVED = 16u;
const NONE = 0xFFFFFFFFu;
// What an invocation does next.
const FRESH = 0u;
const ENTER = 1u;
const LOOK = 2u;
const EDGES = 3u;
const STARTS = 4u;
const OVER = 5u;
// Instead of an index: a state that is active at the end of the window, and what was visited in it.
const LEAVES = 0xFFFFFFFFu;
const DONE = 0xFFFFFFFEu;

fn note(window: u32, index: u32, state: u32) {
    // Once there is no more room nothing is counted either: the number would come round to 0.
    if atomicLoad(&found.count) <= params.room {
        let place = atomicAdd(&found.count, 3u);
        if place + 3u <= params.room {
            found.words[place] = params.tag | window;
            found.words[place + 1u] = index;
            found.words[place + 2u] = state;
        }
    }
}

fn byte_at(at: u32) -> u32 {
    return (text[at / 4u] >> (8u * (at & 3u))) & 255u;
}

// Sets a state's bit; whether it was not set.
fn insert(base: u32, state: u32) -> bool {
    let at = base + (state >> 5u);
    let word = cells[at];
    let bit = 1u << (state & 31u);
    if (word & bit) != 0u {
        return false;
    }
    cells[at] = word | bit;
    if word == 0u {
        let above = base + params.second + (state >> 10u);
        let second = cells[above];
        cells[above] = second | (1u << ((state >> 5u) & 31u));
        if second == 0u {
            let top = base + params.third + (state >> 15u);
            cells[top] = cells[top] | (1u << ((state >> 10u) & 31u));
        }
    }
    return true;
}

@compute @workgroup_size(GROUP)
fn walk(@builtin(global_invocation_id) id: vec3<u32>) {
    let window = id.x;
    if window >= params.windows {
        return;
    }
    let save = window * SAVED;
    var doing = saved[save];
    if doing == OVER {
        return;
    }
    let input = params.first + 8u * window;
    let begin = inputs[input];
    let length = inputs[input + 1u];
    let sets = 2u * window * params.half;
    // Which of the two sets is read; the other one is filled.
    var here = saved[save + 1u];
    var at = saved[save + 2u];
    var last = saved[save + 3u];
    // What is left of a row of edges, starts or entering states.
    var row = saved[save + 4u];
    var row_end = saved[save + 5u];
    // Bits that are left of a word of each level, and the first that each stands for.
    var top = saved[save + 6u];
    var third = saved[save + 7u];
    var third_at = saved[save + 8u];
    var second = saved[save + 9u];
    var second_at = saved[save + 10u];
    var bits = saved[save + 11u];
    var bits_at = saved[save + 12u];
    var visits = saved[save + 13u];
    if doing == FRESH {
        doing = ENTER;
        last = inputs[input + 2u];
        row = inputs[input + 3u];
        row_end = inputs[input + 4u];
    }
    var byte = 0u;
    if at < length {
        byte = byte_at(begin + at);
    }
    for (var step = 0u; step < params.steps; step++) {
        if doing == OVER {
            break;
        }
        var target_state = NONE;
        if doing == EDGES {
            let next = tables[row];
            row++;
            if ((tables[tables[4u * next + 2u] + (byte >> 5u)] >> (byte & 31u)) & 1u) != 0u {
                target_state = next;
            }
            if row == row_end {
                doing = LOOK;
            }
        } else if doing == STARTS {
            if row < row_end {
                target_state = tables[row];
                row++;
            } else {
                last = (tables[params.kinds + (byte >> 2u)] >> (8u * (byte & 3u))) & 255u;
                at++;
                if at < length {
                    byte = byte_at(begin + at);
                }
                here = params.half - here;
                top = 0u;
                doing = LOOK;
            }
        } else if doing == ENTER {
            if row < row_end {
                insert(sets + here, inputs[row]);
                row++;
            } else {
                doing = LOOK;
            }
        } else if bits != 0u {
            let state = bits_at + firstTrailingBit(bits);
            bits &= bits - 1u;
            if at == length {
                note(window, LEAVES, state);
            } else {
                row = tables[4u * state];
                row_end = tables[4u * state + 1u];
                if row < row_end {
                    doing = EDGES;
                }
            }
        } else if second != 0u {
            let word = second_at + firstTrailingBit(second);
            second &= second - 1u;
            bits_at = 32u * word;
            bits = cells[sets + here + word];
            cells[sets + here + word] = 0u;
        } else if third != 0u {
            let word = third_at + firstTrailingBit(third);
            third &= third - 1u;
            second_at = 32u * word;
            second = cells[sets + here + params.second + word];
            cells[sets + here + params.second + word] = 0u;
        } else if top < params.thirds {
            third_at = 32u * top;
            third = cells[sets + here + params.third + top];
            cells[sets + here + params.third + top] = 0u;
            top++;
        } else if at == length {
            note(window, DONE, visits);
            atomicAdd(&found.finished, 1u);
            doing = OVER;
        } else {
            let starts = params.starting + 256u * last + byte;
            row = tables[starts];
            row_end = tables[starts + 1u];
            doing = STARTS;
        }
        if target_state != NONE && insert(sets + params.half - here, target_state) {
            // It stays at the most that it can say.
            visits += select(1u, 0u, visits == NONE);
            if tables[4u * target_state + 3u] != 0u {
                note(window, at + 1u, target_state);
            }
        }
    }
    saved[save] = doing;
    saved[save + 1u] = here;
    saved[save + 2u] = at;
    saved[save + 3u] = last;
    saved[save + 4u] = row;
    saved[save + 5u] = row_end;
    saved[save + 6u] = top;
    saved[save + 7u] = third;
    saved[save + 8u] = third_at;
    saved[save + 9u] = second;
    saved[save + 10u] = second_at;
    saved[save + 11u] = bits;
    saved[save + 12u] = bits_at;
    saved[save + 13u] = visits;
}
