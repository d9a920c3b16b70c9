// SPDX-License-Identifier: MIT OR Apache-2.0
// Literals in a text: `collect` looks at every position and notes those whose window passes the filter, `arrange` turns
// their number into the arguments of an indirect dispatch, `verify` compares the candidates of each.

struct Params {
    // Bytes of the text.
    length: u32,
    // Positions of this slice: from, and before.
    first: u32,
    end: u32,
    mask: u32,
    fold: u32,
    word_shift: u32,
    slot_shift: u32,
    bitmap: u32,
    slots: u32,
    candidates: u32,
    texts: u32,
    cases: u32,
    // Pairs that `found` has room for.
    room: u32,
}

struct Hits {
    count: atomic<u32>,
    ready: u32,
    at: array<u32>,
}

struct Found {
    count: atomic<u32>,
    pad: u32,
    // Text, and the position behind it.
    pairs: array<vec2<u32>>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> text: array<u32>;
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read_write> hits: Hits;
@group(0) @binding(4) var<storage, read_write> found: Found;
@group(1) @binding(0) var<storage, read_write> args: array<u32>;

const MULTIPLIER = 0x9E3779B1u;
const FOLLOW = 0x6F35u;
// Words of text that an invocation of `collect` looks at.
const WORDS = 8u;
const GROUP = 128u;
// Words of a candidate.
const CANDIDATE = 10u;

fn passes(load: u32, behind: u32) -> u32 {
    let hash = ((load & params.mask) | params.fold) * MULTIPLIER;
    let word = tables[params.bitmap + (hash >> params.word_shift)];
    let follow = (((behind & 0xFFFFu) | (params.fold & 0xFFFFu)) * FOLLOW >> 12u) & 15u;
    return (word >> ((hash >> (params.word_shift - 4u)) & 15u)) & (word >> (16u + follow)) & 1u;
}

@compute @workgroup_size(GROUP)
fn collect(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = params.first + id.x * WORDS * 4u;
    if first >= params.end {
        return;
    }
    let at = first / 4u;
    var here = text[at];
    var next = text[at + 1u];
    var mask = 0u;
    for (var k = 0u; k < WORDS; k++) {
        let later = text[at + k + 2u];
        let one = passes((here >> 8u) | (next << 24u), next >> 8u);
        let two = passes((here >> 16u) | (next << 16u), next >> 16u);
        let three = passes((here >> 24u) | (next << 8u), (next >> 24u) | (later << 8u));
        mask |= (passes(here, next) | (one << 1u) | (two << 2u) | (three << 3u)) << (4u * k);
        here = next;
        next = later;
    }
    if params.end - first < 32u {
        mask &= (1u << (params.end - first)) - 1u;
    }
    if mask == 0u {
        return;
    }
    var place = atomicAdd(&hits.count, countOneBits(mask));
    while mask != 0u {
        hits.at[place] = first + firstTrailingBit(mask);
        place++;
        mask &= mask - 1u;
    }
}

@compute @workgroup_size(1)
fn arrange() {
    let count = atomicExchange(&hits.count, 0u);
    hits.ready = count;
    args[0] = (count + GROUP - 1u) / GROUP;
    args[1] = 1u;
    args[2] = 1u;
}

// The four bytes at `at`; what is behind the text is not asked for.
fn four(at: u32) -> u32 {
    let shift = 8u * (at & 3u);
    let low = text[at / 4u] >> shift;
    return select(low | (text[at / 4u + 1u] << (32u - shift)), low, shift == 0u);
}

fn stands(number: u32, start: u32, length: u32) -> bool {
    var bytes = tables[params.texts + 2u * number];
    for (var done = 0u; done < length; done += 4u) {
        let keep = select(0xFFFFFFFFu, (1u << (8u * (length - done))) - 1u, length - done < 4u);
        if ((four(start + done) | tables[bytes + params.cases]) & keep) != tables[bytes] {
            return false;
        }
        bytes++;
    }
    return true;
}

@compute @workgroup_size(GROUP)
fn verify(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= hits.ready {
        return;
    }
    let at = hits.at[id.x];
    let key = (four(at) & params.mask) | params.fold;
    let first = tables[params.slots + ((key * MULTIPLIER) >> params.slot_shift)];
    var candidate = params.candidates + CANDIDATE * first;
    loop {
        let back = tables[candidate + 8u];
        let offset = tables[candidate + 7u];
        if at >= offset {
            let low = (four(at - back) | tables[candidate + 2u]) & tables[candidate + 4u];
            let high = (four(at - back + 4u) | tables[candidate + 3u]) & tables[candidate + 5u];
            if low == tables[candidate] && high == tables[candidate + 1u] {
                let number = tables[candidate + 6u];
                let length = tables[params.texts + 2u * number + 1u];
                let start = at - offset;
                if start + length <= params.length && (length <= 8u || stands(number, start, length)) {
                    let place = atomicAdd(&found.count, 1u);
                    if place < params.room {
                        found.pairs[place] = vec2<u32>(number, start + length);
                    }
                }
            }
        }
        if tables[candidate + 9u] == 0u {
            break;
        }
        candidate += CANDIDATE;
    }
}
