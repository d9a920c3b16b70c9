// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of modules that are wrong, and that all variants of right ones are valid. No device is needed.

use super::super::shape::Reserve;
use super::*;
use crate::base::random::Random;
use crate::work::fields::Fields;
use crate::work::words::Word;

/// A module in SPIR-V, made of one in WGSL by naga's back end, which wgpu's Vulkan brings along.
pub fn made(source: &str) -> Vec<u32> {
    use naga::back::spv;
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{}", error.emit_to_string(source)));
    let flags = naga::valid::ValidationFlags::all();
    let info = naga::valid::Validator::new(flags, naga::valid::Capabilities::all()).validate(&module).unwrap();
    let zeros = spv::ZeroInitializeWorkgroupMemoryMode::None;
    let options =
        spv::Options { force_loop_bounding: false, zero_initialize_workgroup_memory: zeros, ..Default::default() };
    spv::write_vec(&module, &info, &options, None).unwrap()
}

/// A mailbox, and nothing else.
pub const MAILBOX: &str = "struct Mailbox { words: array<u32> }
@group(0) @binding(0) var<storage, read_write> mailbox: Mailbox;
";

fn declared(fields: Fields) -> Declared {
    Declared { fields, fan_out_max: 2, emit_max: 2, emit_words: 3, loop_limit: 1000, group_size: 64, buffer_count: 2 }
}

fn pair() -> Fields {
    crate::work::pair::FIELDS
}

const PLAIN: Variant = Variant { bands: 1, tagged: false, reserve: Reserve::Lane };

fn try_words(words: &[u32]) -> Result<Assembled, Failure> {
    assemble(words, &declared(pair()), PLAIN, wgpu::Features::empty(), 65_535, &|text| text)
}

fn refusal(words: &[u32]) -> String {
    let Err(failure) = try_words(words) else { return "nothing is wrong".to_owned() };
    assert_eq!(failure.status, Status::SHADER, "{}", failure.text);
    failure.text
}

fn main(body: &str) -> String {
    format!("@compute @workgroup_size(1) fn main() {{ {body} }}")
}

/// Does most of what a program can.
fn busy() -> Vec<u32> {
    made(&format!(
        "{MAILBOX}
@group(1) @binding(1) var<storage, read_write> sums: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> scale: vec4<f32>;
struct Pair {{ a: u32, b: vec2<f32> }}
const TABLE = array<u32, 4>(1u, 2u, 3u, 4u);
var<private> calls: u32 = 3u;
var<private> last: Pair;
fn f(n: u32) -> Pair {{ calls += 1u; var all = 0u; for (var i = 0u; i < n; i++) {{ all += i; }} return Pair(all, vec2(1.5, f32(n))); }}
fn g(n: u32) -> u32 {{ last = f(n); switch n {{ case 1u: {{ return 7u; }} case 2u, 3u: {{ return last.a; }} default: {{}} }} return calls; }}
{}",
        main(
            "let n = mailbox.words[8]; var t = TABLE; let old = atomicAdd(&sums[n % 4u], g(n));
             let swap = atomicCompareExchangeWeak(&sums[0], 1u, 2u);
             mailbox.words[4] = 1u; mailbox.words[10] = 0u; mailbox.words[11] = t[n % 4u] + old + u32(scale.x) + swap.old_value;
             mailbox.words[5] = 1u; mailbox.words[16] = u32(length(last.b)) + u32(floor(scale.y));"
        )
    ))
}

#[test]
fn what_is_no_module_is_told_so() {
    let good = made(&format!("{MAILBOX}{}", main("mailbox.words[0] = 0u;")));
    assert!(try_words(&good).is_ok(), "{:?}", try_words(&good).map(|_| ()));
    assert!(refusal(&good[..4]).contains("5 words at least"));
    assert!(refusal(&[1, 2, 3, 4, 5, 6]).contains("begins with 0x07230203, this one with 0x00000001"));
    let swapped: Vec<u32> = good.iter().map(|word| word.swap_bytes()).collect();
    assert!(refusal(&swapped).contains("this one with 0x03022307"));
    let cut = &good[..good.len() - 1];
    assert!(refusal(cut).contains("cannot be read: incomplete data"), "{}", refusal(cut));
    let short = [&good[..], &[4 << 16 | 61, 1]].concat();
    assert!(refusal(&short).contains("an instruction of 4 words, 2 are left"), "{}", refusal(&short));
    assert!(refusal(&good[..5]).contains("0 variables"), "{}", refusal(&good[..5]));
    let mut none = good.clone();
    none[5] = 0;
    assert!(refusal(&none).contains("word 5: an instruction of 0 words"));
    let mut kernel = good.clone();
    assert_eq!(kernel[5] & 0xffff, 17, "OpCapability");
    kernel[6] = 6; // Kernel
    assert!(refusal(&kernel).to_lowercase().contains("capability"), "{}", refusal(&kernel));
    let mut many = good[..5].to_vec();
    many.extend([3 << 16 | OP_SELECTION_MERGE, 1, 0].repeat(OPENED_MAX + 1));
    assert!(refusal(&many).contains("16385 selections and loops"));
}

#[test]
fn what_a_program_must_have_and_must_not() {
    let words = |variable: &str| format!("{variable} {}", main("mailbox.words[0] = 0u;"));
    let more = |variable: &str, body: &str| format!("{MAILBOX}{variable} {}", main(body));
    let cases = [
        (MAILBOX.to_owned(), "unsupported capability Linkage"),
        (format!("{MAILBOX}{} @compute @workgroup_size(1) fn other() {{}}", main("")), "2 entry points"),
        (format!("{MAILBOX}@fragment fn main() {{ mailbox.words[0] = 0u; }}"), "is no compute shader"),
        (main(""), "0 variables at descriptor set 0, binding 0"),
        (words(&MAILBOX.replace("@binding(0)", "@binding(1)")), "0 variables at descriptor set 0, binding 0"),
        (words(&MAILBOX.replace("@group(0)", "@group(1)")), "0 variables at descriptor set 0, binding 0"),
        (words(&MAILBOX.replace("array<u32>", "array<i32>").replace("0u", "0")).replace("0u", "0i"), "32-bit unsigned"),
        (words(&MAILBOX.replace("words:", "first: u32, words:")), "32-bit unsigned"),
        (
            format!("@group(0) @binding(0) var<uniform> mailbox: vec4<u32>; {}", main("let x = mailbox;")),
            "descriptor set 0, binding 0: a storage buffer",
        ),
        (
            more("@group(0) @binding(3) var<storage, read_write> x: array<u32>;", "x[0] = mailbox.words[8];"),
            "in group 1, this one is in group 0",
        ),
        (
            more("@group(2) @binding(0) var<storage, read_write> x: array<u32>;", "x[0] = mailbox.words[8];"),
            "group 1, this one is in group 2",
        ),
        (
            more("@group(1) @binding(2) var<storage, read_write> x: array<u32>;", "x[0] = mailbox.words[8];"),
            "declares buffer_count 2",
        ),
        (
            more("@group(1) @binding(0) var x: texture_2d<f32>;", "mailbox.words[9] = textureDimensions(x).x;"),
            "only storage and uniform",
        ),
        (
            format!(
                "{MAILBOX}@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{ mailbox.words[0] = id.x; }}"
            ),
            "has inputs",
        ),
        (more("", "mailbox.words[9] = u32(f64(mailbox.words[8]));"), "FLOAT64"),
        (more("", "mailbox.words[9] = arrayLength(&mailbox.words);"), "invalid"),
        (more("var<workgroup> x: u32;", "x = 1u;"), "WorkGroup"),
        (more("", "if (mailbox.words[8] == 1u) { workgroupBarrier(); }"), "a barrier"),
    ];
    for (source, says) in cases {
        let text = refusal(&made(&source));
        assert!(text.contains(says) && !text.contains("fn run"), "{source}: {text}");
    }
}

#[test]
fn buffers_are_found_with_how_they_are_used() {
    let assembled = try_words(&busy()).unwrap_or_else(|failure| panic!("{}", failure.text));
    let mut kinds: Vec<_> = assembled.bindings.iter().map(|binding| (binding.number, binding.kind)).collect();
    kinds.sort_by_key(|(number, _)| *number);
    let writable = wgpu::BufferBindingType::Storage { read_only: false };
    assert_eq!(kinds, [(0, wgpu::BufferBindingType::Uniform), (1, writable)]);
}

#[test]
fn what_a_mailbox_has_no_room_for_is_refused() {
    let declared = Declared { fan_out_max: 400, ..declared(pair()) };
    let words = busy();
    let failure = assemble(&words, &declared, PLAIN, wgpu::Features::empty(), 0, &|text| text).map(|_| ()).unwrap_err();
    assert_eq!(failure.status, Status::LIMIT);
    assert!(failure.text.contains("1206 words, and in SPIR-V 1024"), "{}", failure.text);
}

#[test]
fn every_variant_is_valid() {
    let words = [made(&format!("{MAILBOX}{}", main("mailbox.words[0] = 0u;"))), busy()];
    for fields in [pair(), Fields::WHOLE, Fields::new(Word::Param.bit()).unwrap()] {
        for (fan_out_max, emit_max) in [(0, 0), (3, 0), (0, 2), (5, 5)] {
            for (bands, tagged) in [(1, false), (1, true), (5, true)] {
                for reserve in [Reserve::Subgroup, Reserve::Workgroup, Reserve::Lane] {
                    let variant = Variant { bands, tagged, reserve };
                    let features = match reserve {
                        Reserve::Subgroup => wgpu::Features::SUBGROUP,
                        _ => wgpu::Features::empty(),
                    };
                    let declared = Declared { fan_out_max, emit_max, ..declared(fields) };
                    for (number, words) in words.iter().enumerate() {
                        let outcome = assemble(words, &declared, variant, features, 65_535, &|text| text);
                        // The busy one writes where only large mailboxes have words.
                        let small = number == 1
                            && 8 + fields.length() as u32 + fan_out_max * (fields.length() as u32 + 1) + 3 * emit_max
                                < 17;
                        assert_eq!(outcome.is_ok(), !small, "{declared:?} {variant:?}: {:?}", outcome.map(|_| ()));
                    }
                }
            }
        }
    }
}

/// A module whose mailbox has so many words.
fn sized(source: &str, length: u32) -> Vec<u32> {
    let words = made(source);
    let (mut at, mut out) = (HEADER, words[..HEADER].to_vec());
    while at < words.len() {
        let next = at + (words[at] >> 16) as usize;
        match words[at] & 0xffff {
            // OpTypeRuntimeArray: OpConstant and OpTypeArray
            29 => {
                let (result, element, constant) = (words[at + 1], words[at + 2], out[3]);
                out.extend([4 << 16 | 43, element, constant, length, 4 << 16 | 28, result, element, constant]);
                out[3] += 1;
            }
            _ => out.extend(&words[at..next]),
        }
        at = next;
    }
    out
}

/// The mailbox has as many words as the program's items need, whatever the module says.
#[test]
fn a_mailbox_with_a_length_is_one() {
    let source = |word: u32| format!("{MAILBOX}{}", main(&format!("mailbox.words[{word}] = 0u;")));
    for length in [1, 16, 22, 99] {
        let outcome = try_words(&sized(&source(0), length));
        assert!(outcome.is_ok(), "{length}: {:?}", outcome.map(|_| ()));
    }
    assert_eq!(refusal(&sized(&source(21), 99)), "nothing is wrong");
    assert!(refusal(&sized(&source(98), 99)).contains("invalid"), "{}", refusal(&sized(&source(98), 99)));
}

/// Words of a module changed by chance: refused or not, but answered.
#[test]
fn modules_with_wrong_words_are_answered() {
    let mut random = Random::new(7);
    let good = busy();
    let rounds = std::env::var("STRAND_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(400);
    let (mut refused, mut whole) = (0, 0);
    for _ in 0..rounds {
        let mut words = good.clone();
        for _ in 0..1 + random.below(3) {
            let at = HEADER + random.below((words.len() - HEADER) as u64) as usize;
            words[at] = match random.below(3) {
                0 => random.bits() as u32,
                1 => words[at] ^ 1 << random.below(32),
                _ => words[HEADER + random.below((words.len() - HEADER) as u64) as usize],
            };
        }
        match try_words(&words) {
            Ok(_) => whole += 1,
            Err(failure) => {
                assert_eq!(failure.status, Status::SHADER, "{}", failure.text);
                refused += 1;
            }
        }
    }
    assert!(refused > rounds / 2, "{refused} of {rounds} refused, {whole} not");
}

#[test]
fn blocks_too_deep_in_each_other_are_refused() {
    let nested = |depth: usize| {
        let (open, close) = ("if (mailbox.words[8] == 1u) { ".repeat(depth), "}".repeat(depth));
        made(&format!("{MAILBOX}{}", main(&format!("{open} mailbox.words[0] = 4u; {close}"))))
    };
    assert!(try_words(&nested(20)).is_ok());
    // The text's front end takes no more than 127: these words are made by hand.
    let text = refusal(&deep(4000));
    assert!(text.contains("127 deep"), "{text}");
}

/// A module whose entry point has `depth` selections in each other.
fn deep(depth: u32) -> Vec<u32> {
    let shallow = made(&format!("{MAILBOX}{}", main("if (mailbox.words[8] == 1u) { mailbox.words[0] = 4u; }")));
    let mut at = HEADER;
    while shallow[at] & 0xffff != OP_SELECTION_MERGE {
        at += (shallow[at] >> 16) as usize;
    }
    // OpSelectionMerge merge none; OpBranchConditional condition accept merge; OpLabel accept
    let condition = shallow[at + 4];
    assert_eq!((shallow[at + 3], shallow[at + 7]), (4 << 16 | 250, 2 << 16 | 248));
    let mut words = shallow[..at].to_vec();
    let first = words[3];
    words[3] += 2 * depth;
    for level in 0..depth {
        let (inside, after) = (first + 2 * level, first + 2 * level + 1);
        words.extend([
            3 << 16 | OP_SELECTION_MERGE,
            after,
            0,
            4 << 16 | 250,
            condition,
            inside,
            after,
            2 << 16 | 248,
            inside,
        ]);
    }
    words.extend([2 << 16 | 249, first + 2 * depth - 1]);
    for level in (0..depth).rev() {
        words.extend([2 << 16 | 248, first + 2 * level + 1]);
        if level > 0 {
            words.extend([2 << 16 | 249, first + 2 * level - 1]);
        }
    }
    words.extend(&shallow[at..]);
    words
}
