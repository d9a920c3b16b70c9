// SPDX-License-Identifier: MIT OR Apache-2.0
// Literals in a text: `collect` looks at every position and notes those whose window passes the filter, `arrange` turns
// their number into the arguments of an indirect dispatch, `verify` compares the candidates of each. Where the host
// verifies, `pass_on` does what `collect` does, and what it notes is what is found.

struct Params {
    // Bytes of the text.
    length: u32,
    // Positions of this slice: begin, and before.
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
    // Of the filter.
    number: u32,
}

struct Hits {
    count: atomic<u32>,
    ready: u32,
    at: array<u32>,
}

struct Found {
    count: atomic<u32>,
    pad: u32,
    // Text, and the position behind it; of `pass_on`: filter, and the position.
    pairs: array<vec2<u32>>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> text: array<u32>;
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read_write> hits: Hits;
@group(0) @binding(4) var<storage, read_write> found: Found;
@group(0) @binding(5) var<uniform> bitmap: array<vec4<u32>, 2048>;
@group(1) @binding(0) var<storage, read_write> args: array<u32>;

const MULTIPLIER = 0x9E3779B1u;
const FOLLOW = 0x6F35u;
const GROUP = 128u;
// Words of a candidate.
const CANDIDATE = 10u;

// A word of the bitmap. Software devices load begin where it is uniform in one instruction for all lanes; in hardware that
// memory serves one address at a time.
fn bits(word: u32) -> u32 {
    //STORAGE return tables[params.bitmap + word];
    return bitmap[word >> 2u][word & 3u]; //UNIFORM
}

// How `collect` asks the filter, taken once.
struct Asked {
    mask: u32,
    fold: u32,
    shift: u32,
    bit_shift: u32,
}

fn passes(asked: Asked, load: u32, behind: u32) -> u32 {
    let hash = ((load & asked.mask) | asked.fold) * MULTIPLIER;
    let word = bits(hash >> asked.shift);
    let follow = ((behind | asked.fold) & 0xFFFFu) * FOLLOW;
    return (word >> ((hash >> asked.bit_shift) & 15u)) & (word >> (16u + ((follow >> 12u) & 15u)));
}

// The positions of the four windows that begin in a word, as bits.
fn passing(asked: Asked, here: u32, next: u32, later: u32) -> u32 {
    let one = passes(asked, (here >> 8u) | (next << 24u), next >> 8u) & 1u;
    let two = passes(asked, (here >> 16u) | (next << 16u), next >> 16u) & 1u;
    let three = passes(asked, (here >> 24u) | (next << 8u), (next >> 24u) | (later << 8u)) & 1u;
    return (passes(asked, here, next) & 1u) | (one << 1u) | (two << 2u) | (three << 3u);
}

// The positions from `first` on, 32 at most, whose windows pass, as bits.
fn places(first: u32) -> u32 {
    if first >= params.end {
        return 0u;
    }
    let asked = Asked(params.mask, params.fold, params.word_shift, params.word_shift - 4u);
    let at = first / 4u;
    // Eight words and two behind them, each loaded once.
    let a = text[at];
    let b = text[at + 1u];
    let c = text[at + 2u];
    let d = text[at + 3u];
    let e = text[at + 4u];
    let f = text[at + 5u];
    let g = text[at + 6u];
    let h = text[at + 7u];
    let i = text[at + 8u];
    let j = text[at + 9u];
    let low = passing(asked, a, b, c) | (passing(asked, b, c, d) << 4u) | (passing(asked, c, d, e) << 8u)
        | (passing(asked, d, e, f) << 12u);
    let high = passing(asked, e, f, g) | (passing(asked, f, g, h) << 4u) | (passing(asked, g, h, i) << 8u)
        | (passing(asked, h, i, j) << 12u);
    let mask = low | (high << 16u);
    let left = params.end - first;
    return select(mask, mask & ((1u << left) - 1u), left < 32u);
}

@compute @workgroup_size(GROUP)
fn collect(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = params.first + id.x * 32u;
    var mask = places(first);
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

@compute @workgroup_size(GROUP)
fn pass_on(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = params.first + id.x * 32u;
    var mask = places(first);
    if mask == 0u {
        return;
    }
    // Each position is counted once for each filter: the number cannot come round to 0.
    var place = atomicAdd(&found.count, countOneBits(mask));
    while mask != 0u {
        if place < params.room {
            found.pairs[place] = vec2<u32>(params.number, first + firstTrailingBit(mask));
        }
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
        let begin = at - tables[candidate + 8u];
        if begin <= at && ((four(begin) | tables[candidate + 2u]) & tables[candidate + 4u]) == tables[candidate] {
            if ((four(begin + 4u) | tables[candidate + 3u]) & tables[candidate + 5u]) == tables[candidate + 1u] {
                let number = tables[candidate + 6u];
                let offset = tables[candidate + 7u];
                let length = tables[params.texts + 2u * number + 1u];
                let start = at - offset;
                let inside = offset <= at && start + length <= params.length;
                // Once there is no more room nothing is counted either: the number would come round to 0.
                if inside && (length <= 8u || stands(number, start, length)) && atomicLoad(&found.count) <= params.room {
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
