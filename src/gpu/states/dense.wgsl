// SPDX-License-Identifier: MIT OR Apache-2.0
// Bit-parallel automata on a device: a group reads a window, each invocation has some words of the states' bits.
//
//   next = (active << 1) & follows | active & loops | rows of active exceptional states | starts[kind of the byte before]
//   next &= takes[class of the byte]
//
// A dispatch reads some bytes of each window; the sets are kept in `cells` between them. Before it is compiled the text is
// worked over: of SUBGROUP and SHARED one is kept, by which invocations see each other's words (a subgroup that is the whole
// group, or memory and a barrier for each byte); what stands between EACH and END is there for each word J of an invocation,
// what stands between ALL and END for each word K.

struct Params {
    // Windows, and where the first one's record stands in `inputs`.
    windows: u32,
    first: u32,
    // Bytes of each window that the dispatches before have read, and how many this one reads.
    done: u32,
    steps: u32,
    // Words that `found` has room for.
    room: u32,
    // The tag of the tables' records.
    tag: u32,
    bytes: u32,
    takes: u32,
    starts: u32,
    // Words that have exceptional states, their numbers, and for each word the number of its first exceptional state.
    listed: u32,
    list: u32,
    ranks: u32,
    rows: u32,
    state_of: u32,
    bit_of: u32,
    // What a byte counts as visits.
    visits: u32,
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
@group(0) @binding(6) var<storage, read_write> found: Found;

const GROUP = $GROUPu;
const WIDTH = $WIDTHu;
// Rows at the beginning of the tables.
const LOOPS = WIDTH;
const EXCEPTIONAL = 2u * WIDTH;
const ACCEPTING = 3u * WIDTH;
// Instead of an index: a state that is active at the end of the window, and what was visited in it.
const LEAVES = 0xFFFFFFFFu;
const DONE = 0xFFFFFFFEu;

//SHARED
var<workgroup> words: array<u32, 2u * WIDTH>;
//END

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

// Every state of a word's bits.
fn note_all(window: u32, index: u32, word: u32, bits: u32) {
    var left = bits;
    while left != 0u {
        note(window, index, tables[params.state_of + 32u * word + firstTrailingBit(left)]);
        left &= left - 1u;
    }
}

// The class of a byte, and its kind 8 bits further.
fn known_of(at: u32) -> u32 {
    let byte = (text[at / 4u] >> (8u * (at & 3u))) & 255u;
    return (tables[params.bytes + byte / 2u] >> (16u * (byte & 1u))) & 0xFFFFu;
}

// Where in `tables` the other successors of an exceptional state stand.
fn row_of(word: u32, bit: u32) -> u32 {
    let rank = tables[params.ranks + word] + countOneBits(tables[EXCEPTIONAL + word] & ((1u << bit) - 1u));
    return params.rows + rank * WIDTH;
}

@compute @workgroup_size(GROUP)
fn walk(
    @builtin(workgroup_id) group: vec3<u32>,
    //SHARED
    @builtin(local_invocation_index) lane: u32,
    //END
    //SUBGROUP
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    //END
) {
    //SUBGROUP
    if subgroup != GROUP || subgroups != 1u {
        atomicAdd(&found.unfit, 1u);
        return;
    }
    let before_lane = (lane + GROUP - 1u) % GROUP;
    //END
    let window = group.x;
    let input = params.first + 8u * window;
    let begin = inputs[input];
    let length = inputs[input + 1u];
    let base = window * WIDTH + lane;
    if params.done > 0u && params.done >= length {
        return;
    }
    //EACH
    let follows_J = tables[J * GROUP + lane];
    let loops_J = tables[LOOPS + J * GROUP + lane];
    let exceptional_J = tables[EXCEPTIONAL + J * GROUP + lane];
    let accepting_J = tables[ACCEPTING + J * GROUP + lane];
    var on_J = 0u;
    //END
    var last = inputs[input + 2u];
    if params.done == 0u {
        let stop = inputs[input + 4u];
        for (var entering = inputs[input + 3u]; entering < stop; entering++) {
            let bit = tables[params.bit_of + inputs[entering]];
            //EACH
            if (bit >> 5u) == J * GROUP + lane {
                on_J |= 1u << (bit & 31u);
            }
            //END
        }
    } else {
        last = known_of(begin + params.done - 1u) >> 8u;
        //EACH
        on_J = cells[base + J * GROUP];
        //END
    }
    let end = min(length, params.done + params.steps);
    for (var index = params.done; index < end; index++) {
        let known = known_of(begin + index);
        let starts = params.starts + last * WIDTH + lane;
        let takes = params.takes + (known & 255u) * WIDTH + lane;
        last = known >> 8u;
        //EACH
        var next_J = (on_J & loops_J) | tables[starts + J * GROUP];
        //END
        //SUBGROUP
        // The bit carried into the first invocation's word is that of the last one's word before.
        var carried = 0u;
        //EACH
        {
            let before = subgroupShuffle(on_J >> 31u, before_lane);
            next_J |= ((on_J << 1u) | select(before, carried, lane == 0u)) & follows_J;
            carried = before;
        }
        //END
        //EACH
        {
            let own = on_J & exceptional_J;
            var lanes = subgroupBallot(own != 0u).x;
            while lanes != 0u {
                let other = firstTrailingBit(lanes);
                lanes &= lanes - 1u;
                var left = subgroupShuffle(own, other);
                while left != 0u {
                    let row = row_of(J * GROUP + other, firstTrailingBit(left)) + lane;
                    left &= left - 1u;
                    //ALL
                    next_K |= tables[row + K * GROUP];
                    //END
                }
            }
        }
        //END
        //END
        //SHARED
        // Two halves in turn: who is a byte ahead writes to the other one.
        let half = (index & 1u) * WIDTH;
        //EACH
        words[half + J * GROUP + lane] = on_J;
        //END
        workgroupBarrier();
        //EACH
        {
            let word = J * GROUP + lane;
            var carried = 0u;
            if word > 0u {
                carried = words[half + word - 1u] >> 31u;
            }
            next_J |= ((on_J << 1u) | carried) & follows_J;
        }
        //END
        for (var number = 0u; number < params.listed; number++) {
            let word = tables[params.list + number];
            var left = words[half + word] & tables[EXCEPTIONAL + word];
            while left != 0u {
                let row = row_of(word, firstTrailingBit(left)) + lane;
                left &= left - 1u;
                //ALL
                next_K |= tables[row + K * GROUP];
                //END
            }
        }
        //END
        //EACH
        on_J = next_J & tables[takes + J * GROUP];
        if (on_J & accepting_J) != 0u {
            note_all(window, index + 1u, J * GROUP + lane, on_J & accepting_J);
        }
        //END
    }
    if end < length {
        //EACH
        cells[base + J * GROUP] = on_J;
        //END
        return;
    }
    //EACH
    note_all(window, LEAVES, J * GROUP + lane, on_J);
    //END
    if lane == 0u {
        note(window, DONE, length * params.visits);
        atomicAdd(&found.finished, 1u);
    }
}
