// SPDX-License-Identifier: MIT OR Apache-2.0
//! `strand_snapshot`: a document that any reader of JSON understands, and that says what the other calls say.

// A test that cannot go on fails; that is what these are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::undocumented_unsafe_blocks)]

use core::ffi::{c_char, c_void};
use core::mem::{size_of, zeroed};
use core::ptr::{null, null_mut};
use proptest::prelude::*;
use serde_json::{Value, json};
use strand::ffi::{channel::*, config::*, info::*, park::*, policy::*, scheduler::*, spawn::*, status::*};
use strand::ffi::{step::*, strand::*, time::*};

fn config(engine: u32, policy: u32) -> strand_config {
    let mut config: strand_config = unsafe { zeroed() };
    config.size = size_of::<strand_config>() as u32;
    (config.engine, config.policy, config.workers) = (engine, policy, 2);
    config
}

fn start(config: &strand_config) {
    // What an earlier case that failed has left behind.
    strand_scheduler_shutdown(STRAND_FOREVER);
    assert_eq!(unsafe { strand_scheduler_init(config) }, STRAND_OK);
}

fn stop() {
    assert_eq!(strand_scheduler_shutdown(STRAND_FOREVER), STRAND_OK);
}

fn text_of(read: unsafe extern "C" fn(*mut c_char, usize) -> usize) -> Vec<u8> {
    let length = unsafe { read(null_mut(), 0) };
    let mut buffer = vec![0xEE_u8; length + 4096];
    // Numbers may have grown by a digit meanwhile, on the parallel engine.
    let again = unsafe { read(buffer.as_mut_ptr().cast(), buffer.len()) };
    assert!(again < buffer.len());
    assert_eq!(buffer[again], 0);
    buffer.truncate(again);
    buffer
}

fn snapshot() -> Value {
    let text = String::from_utf8(text_of(strand_snapshot)).expect("UTF-8");
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|wrong| panic!("{wrong}: {text}"));
    let again: Value = serde_json::from_str(&document.to_string()).unwrap();
    assert_eq!(document, again);
    document
}

fn word(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).unwrap_or_else(|| panic!("{value}"));
    u64::from_str_radix(digits, 16).unwrap()
}

fn list<'a>(document: &'a Value, name: &str) -> &'a Vec<Value> {
    document[name].as_array().unwrap()
}

fn member(value: &Value, names: &[&str]) {
    let found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = names.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// Reads one number of a strand, as the call for it says.
fn ask<T: Default + Copy>(read: unsafe extern "C" fn(u64, *mut T) -> strand_status, id: u64) -> T {
    let mut out = T::default();
    assert_eq!(unsafe { read(id, &mut out) }, STRAND_OK);
    out
}

/// Everything in a document of the stepped engine equals what the other calls say.
fn compare(document: &Value, channels: &[strand_chan]) {
    member(
        document,
        &[
            "schema",
            "version",
            "engine",
            "policy",
            "clock",
            "steps",
            "external_holds",
            "counters",
            "lanes",
            "next",
            "strands",
            "channels",
            "tasks",
            "handoffs",
        ],
    );
    assert_eq!(document["schema"], 1);
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["clock"], json!({ "virtual": true, "now": strand_now() }));
    compare_counters(&document["counters"]);
    let strands = list(document, "strands");
    let dump = String::from_utf8(text_of(strand_dump)).unwrap();
    assert_eq!(dump.lines().count(), strands.len());
    assert_eq!(document["counters"]["live"], strands.iter().filter(|one| one["state"] != "dormant").count());
    for strand in strands {
        compare_strand(strand, &dump);
    }
    let mut known: Vec<u64> = list(document, "channels").iter().map(|channel| word(&channel["id"])).collect();
    known.sort_unstable();
    let mut expected = channels.to_vec();
    expected.sort_unstable();
    assert_eq!(known, expected);
    for channel in list(document, "channels") {
        let id = word(&channel["id"]);
        let waits = |what: &str| strands.iter().filter(|one| is_waiting(one, what, id)).count();
        let mut length = 0;
        assert_eq!(unsafe { strand_chan_length(id, &mut length) }, STRAND_OK);
        assert_eq!(channel["length"], length);
        assert_eq!(channel["receivers"], waits("receive"));
        assert_eq!(channel["senders"], waits("send"));
    }
    for lane in list(document, "lanes") {
        let stands = |one: &&Value| {
            one["state"] == "ready"
                && one["held"] == false
                && one["lane"] == lane["lane"]
                && one["id"] != document["next"]
        };
        assert_eq!(lane["ready"], strands.iter().filter(stands).count(), "{document:#}");
    }
    compare_handoffs(&document["handoffs"]);
}

fn is_waiting(strand: &Value, what: &str, object: u64) -> bool {
    strand["waits"]["for"] == what && strand["waits"]["object"] == format!("{object:#x}")
}

fn compare_counters(counters: &Value) {
    let mut read: strand_statistics = unsafe { zeroed() };
    read.size = size_of::<strand_statistics>() as u32;
    assert_eq!(unsafe { strand_statistics_read(&mut read) }, STRAND_OK);
    let expected = json!({
        "workers": read.workers, "spawned": read.spawned, "finished": read.finished, "live": read.live,
        "live_peak": read.live_peak, "switches": read.switches, "yields": read.yields, "parks": read.parks,
        "wakes": read.wakes, "steals": read.steals, "stolen_strands": read.stolen_strands,
        "worker_sleeps": read.worker_sleeps, "worker_wakes": read.worker_wakes, "faults": read.faults,
        "stacks_mapped": read.stacks_mapped, "stacks_cached": read.stacks_cached,
        "stack_bytes_mapped": read.stack_bytes_mapped, "guard_pages_kind": read.guard_pages_kind,
    });
    assert_eq!(counters, &expected);
}

fn compare_strand(strand: &Value, dump: &str) {
    member(
        strand,
        &[
            "id",
            "name",
            "state",
            "lane",
            "priority",
            "tokens",
            "held",
            "position",
            "waits",
            "counted",
            "started",
            "stack_bytes",
            "spawned_at",
        ],
    );
    let id = word(&strand["id"]);
    assert_eq!(strand["lane"], ask(strand_lane, id));
    assert_eq!(strand["priority"], ask(strand_priority, id));
    assert_eq!(strand["tokens"], ask(strand_tokens, id));
    assert_eq!(strand_join(id, STRAND_NO_WAIT), STRAND_ERR_WOULD_BLOCK);
    let handle = format!("{id:#x}");
    let begins = |line: &&str| line.split_whitespace().nth(1) == Some(handle.as_str());
    let line = dump.lines().find(begins).unwrap_or_else(|| panic!("{handle} is not in {dump}"));
    let words = match strand["state"].as_str().unwrap() {
        "waiting" => match strand["waits"]["for"].as_str().unwrap() {
            "receive" => "waits to receive from",
            "send" => "waits to send to",
            "sleep" => "sleeps",
            "park" => "is parked on",
            "join" => "waits for the end of strand",
            "all" => "waits for the end of all strands",
            "mutex" => "waits for mutex",
            other => panic!("{other}"),
        },
        "ready" => "is ready",
        other => other,
    };
    assert!(line.contains(words), "{line}: {strand}");
    assert_eq!(strand["waits"].is_null(), strand["state"] != "waiting");
    if let Some(object) = strand["waits"]["object"].as_str() {
        assert!(line.contains(object), "{line}: {strand}");
    }
    assert_eq!(strand["waits"]["deadline"].is_number(), line.contains("deadline in"), "{line}: {strand}");
    assert!(line.contains(strand["spawned_at"].as_str().unwrap()), "{line}: {strand}");
    assert!(line.contains(&format!("stack {} bytes", strand["stack_bytes"])), "{line}: {strand}");
}

fn compare_handoffs(handoffs: &Value) {
    let (mut count, mut dropped) = (0, 0);
    assert_eq!(unsafe { strand_handoffs_read(null_mut(), 0, &mut count, &mut dropped) }, STRAND_OK);
    let mut records: Vec<strand_handoff> = vec![unsafe { zeroed() }; count];
    assert_eq!(unsafe { strand_handoffs_read(records.as_mut_ptr(), count, &mut count, null_mut()) }, STRAND_OK);
    let expected: Vec<Value> = records
        .iter()
        .map(|one| {
            json!({ "strand": format!("{:#x}", one.strand), "from": one.from, "to": one.to, "step": one.step, "reason": one.reason })
        })
        .collect();
    assert_eq!(handoffs, &json!({ "dropped": dropped, "records": expected }));
}

/// What a strand does, one number after the other; the number also says with whom.
struct Script {
    acts: Vec<u8>,
    channels: [strand_chan; 2],
    strands: Vec<u64>,
}

unsafe extern "C-unwind" fn play(arg: *mut c_void) -> *mut c_void {
    let script = unsafe { &*arg.cast::<Script>() };
    for act in &script.acts {
        let other = script.strands.get(usize::from(*act) / 12 % script.strands.len().max(1)).copied().unwrap_or(0);
        let channel = script.channels[usize::from(*act / 12) % 2];
        let number = u32::from(*act / 12);
        let mut element = u64::from(*act);
        // Whatever comes of it: others are held, closed or gone by then.
        unsafe {
            match act % 12 {
                0 => strand_yield(),
                1 => strand_chan_send(channel, (&raw const element).cast(), STRAND_FOREVER),
                2 => strand_chan_recv(channel, (&raw mut element).cast(), STRAND_FOREVER),
                3 => strand_chan_recv(channel, (&raw mut element).cast(), strand_after(i64::from(*act))),
                4 => strand_sleep(i64::from(*act)),
                5 => strand_join(other, strand_after(50)),
                6 => strand_set_priority(other, i32::from(*act) - 128),
                7 => strand_set_lane(other, number % 3, number),
                8 => strand_tokens_grant(other, number),
                9 => strand_pause(other),
                10 => strand_resume(other),
                _ => park_for_ever(),
            }
        };
    }
    null_mut()
}

unsafe fn park_for_ever() -> strand_status {
    let mut token = 0;
    unsafe {
        strand_park_begin(&mut token);
        strand_park(token, STRAND_FOREVER, null_mut())
    }
}

fn name_options(name: &[u8]) -> strand_spawn_options {
    let mut options: strand_spawn_options = unsafe { zeroed() };
    options.size = size_of::<strand_spawn_options>() as u32;
    (options.name, options.name_length) = (name.as_ptr().cast(), name.len());
    options
}

type Strand = (Vec<u8>, Vec<u8>, u32, i32, bool);

/// A random program on the stepped engine, looked at after every few steps.
fn run(policy: u32, seed: u64, programs: &[Strand], strides: &[u64]) {
    let mut settings = config(STRAND_ENGINE_STEPPED, policy);
    (settings.seed, settings.handoffs) = (seed, 3);
    start(&settings);
    let mut channels = [0, 0];
    let mut options: strand_chan_options = unsafe { zeroed() };
    options.size = size_of::<strand_chan_options>() as u32;
    options.element_size = 8;
    options.capacity = 2;
    (options.name, options.name_length) = (b"q\"\\\xff\t".as_ptr().cast(), 5);
    assert_eq!(unsafe { strand_chan_new_with(&options, &mut channels[0]) }, STRAND_OK);
    assert_eq!(unsafe { strand_chan_new(8, STRAND_UNBOUNDED, &mut channels[1]) }, STRAND_OK);
    let mut lane: strand_lane_options = unsafe { zeroed() };
    lane.size = size_of::<strand_lane_options>() as u32;
    (lane.weight, lane.width, lane.name, lane.name_length) = (3, 1, b"fast\x07".as_ptr().cast(), 5);
    let mut number = 0;
    assert_eq!(unsafe { strand_lane_new(&lane, &mut number) }, STRAND_OK);
    assert_eq!(unsafe { strand_lane_new(null(), &mut number) }, STRAND_OK);
    let scripts = programs.iter().map(|one| Script { acts: one.1.clone(), channels, strands: Vec::new() }).collect();
    // Strands of a case that failed still look at it while they end.
    let scripts: &'static mut Vec<Script> = Box::leak(Box::new(scripts));
    let mut ids = Vec::new();
    for ((name, _, lane, priority, dormant), script) in programs.iter().zip(&mut *scripts) {
        let mut options = name_options(name);
        (options.lane, options.priority) = (*lane, *priority);
        options.flags = if *dormant { STRAND_SPAWN_DORMANT } else { 0 };
        let mut id = 0;
        let arg: *mut Script = script;
        assert_eq!(unsafe { strand_spawn_with(&options, Some(play), arg.cast(), &mut id) }, STRAND_OK);
        ids.push(id);
    }
    for script in &mut *scripts {
        script.strands.clone_from(&ids);
    }
    let first = snapshot();
    compare(&first, &channels);
    for ((name, _, lane, priority, dormant), id) in programs.iter().zip(&ids) {
        let strand = list(&first, "strands").iter().find(|strand| word(&strand["id"]) == *id).unwrap();
        assert_eq!(strand["name"], String::from_utf8_lossy(name).as_ref());
        assert_eq!(strand["state"], if *dormant { "dormant" } else { "ready" });
        assert_eq!((&strand["lane"], &strand["priority"]), (&json!(lane), &json!(priority)));
        let ordered = !*dormant && policy < STRAND_POLICY_RANDOM;
        assert_eq!(strand["position"].is_number(), ordered, "{strand}");
    }
    assert_eq!(first["engine"], "stepped");
    assert_eq!(first["lanes"][1]["name"], "fast\u{7}");
    assert_eq!((&first["lanes"][1]["weight"], &first["lanes"][1]["width"]), (&json!(3), &json!(1)));
    assert_eq!(list(&first, "lanes").len(), 3);
    let bounded = list(&first, "channels").iter().find(|channel| word(&channel["id"]) == channels[0]).unwrap();
    assert_eq!((&bounded["name"], &bounded["capacity"]), (&json!("q\"\\\u{fffd}\t"), &json!(2)));
    for stride in strides {
        let mut result: strand_step_result = unsafe { zeroed() };
        result.size = size_of::<strand_step_result>() as u32;
        assert_eq!(unsafe { strand_scheduler_step(*stride, &mut result) }, STRAND_OK);
        let document = snapshot();
        assert_eq!(document["steps"], result.total_steps);
        compare(&document, &channels);
    }
    stop();
    assert_eq!(unsafe { strand_snapshot(null_mut(), 0) }, 0);
}

fn program() -> impl Strategy<Value = Strand> {
    (
        prop::collection::vec(any::<u8>().prop_filter("a line of the dump", |byte| *byte != b'\n'), 0..12),
        prop::collection::vec(any::<u8>(), 0..24),
        0..3_u32,
        -2..3_i32,
        prop::bool::weighted(0.1),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_says_what_the_other_calls_say_at_any_moment_of_any_run(
        policy in 0..8_u32,
        seed in any::<u64>(),
        programs in prop::collection::vec(program(), 1..8),
        strides in prop::collection::vec(1..9_u64, 1..16),
    ) {
        run(policy, seed, &programs, &strides);
    }
}

#[test]
fn policies_and_their_parameters_are_named_with_defaults_filled_in() {
    let names = [
        "cooperative",
        "round_robin",
        "priority_fixed",
        "priority_aging",
        "priority_token",
        "progress_aware",
        "random",
        "pct",
    ];
    for (policy, name) in names.iter().enumerate() {
        let mut settings = config(STRAND_ENGINE_STEPPED, policy as u32);
        settings.seed = u64::MAX;
        settings.token_cap = 77;
        start(&settings);
        let age_step = if policy == STRAND_POLICY_PRIORITY_AGING as usize { 8 } else { 0 };
        let expected = json!({
            "name": name, "seed": "0xffffffffffffffff", "quantum": 16, "age_step": age_step, "bypass_limit": 64,
            "token_cap": 77, "pct_depth": 3, "pct_steps": 1000, "handoffs": 256,
        });
        assert_eq!(snapshot()["policy"], expected);
        stop();
    }
}

/// In one lane and first in first out, positions are the order of the turns to come.
#[test]
fn positions_are_the_order_in_which_strands_became_ready() {
    start(&config(STRAND_ENGINE_STEPPED, STRAND_POLICY_COOPERATIVE));
    let script = Script { acts: vec![0; 50], channels: [0, 0], strands: Vec::new() };
    let arg: *const Script = &script;
    for _ in 0..5 {
        assert_eq!(unsafe { strand_spawn(Some(play), arg.cast_mut().cast(), null_mut()) }, STRAND_OK);
    }
    for _ in 0..17 {
        let document = snapshot();
        let first = list(&document, "strands").iter().min_by_key(|strand| strand["position"].as_u64().unwrap());
        let mut result: strand_step_result = unsafe { zeroed() };
        result.size = size_of::<strand_step_result>() as u32;
        assert_eq!(unsafe { strand_scheduler_step(1, &mut result) }, STRAND_OK);
        assert_eq!(word(&first.unwrap()["id"]), result.strand);
    }
    stop();
}

#[test]
fn the_parallel_engine_tells_what_it_remembers() {
    start(&config(STRAND_ENGINE_PARALLEL, 0));
    let empty = snapshot();
    assert_eq!((&empty["engine"], &empty["steps"], &empty["next"]), (&json!("parallel"), &json!(0), &Value::Null));
    assert_eq!(empty["lanes"], json!([{ "lane": 0, "name": "", "weight": 1, "width": 0, "ready": 0 }]));
    assert_eq!(empty["clock"]["virtual"], false);
    let mut lane = 0;
    assert_eq!(unsafe { strand_lane_new(null(), &mut lane) }, STRAND_OK);
    let script = Script { acts: vec![11], channels: [0, 0], strands: Vec::new() };
    let mut options = name_options(b"parked \xf0\x9f\x98\x80 \xf0\x9f");
    (options.lane, options.priority) = (1, -7);
    let (mut id, arg): (_, *const Script) = (0, &script);
    assert_eq!(unsafe { strand_spawn_with(&options, Some(play), arg.cast_mut().cast(), &mut id) }, STRAND_OK);
    assert_eq!(unsafe { strand_tokens_grant(id, 4) }, STRAND_OK);
    let parked = loop {
        let document = snapshot();
        let strand = list(&document, "strands")[0].clone();
        if strand["state"] == "waiting" {
            break strand;
        }
        std::thread::yield_now();
    };
    assert_eq!(word(&parked["id"]), id);
    assert_eq!(parked["name"], "parked \u{1f600} \u{fffd}");
    assert_eq!((&parked["lane"], &parked["priority"], &parked["tokens"]), (&json!(1), &json!(-7), &json!(4)));
    assert_eq!((&parked["held"], &parked["position"]), (&json!(false), &Value::Null));
    assert_eq!((&parked["waits"]["for"], &parked["waits"]["deadline"]), (&json!("park"), &Value::Null));
    stop();
}

#[test]
fn a_short_buffer_gets_the_beginning() {
    start(&config(STRAND_ENGINE_STEPPED, 0));
    let whole = text_of(strand_snapshot);
    for capacity in [0, 1, 2, 50, whole.len(), whole.len() + 1] {
        let mut buffer = vec![0xEE_u8; whole.len() + 8];
        assert_eq!(unsafe { strand_snapshot(buffer.as_mut_ptr().cast(), capacity) }, whole.len());
        let kept = capacity.saturating_sub(1).min(whole.len());
        assert_eq!(buffer[..kept], whole[..kept]);
        if capacity > 0 {
            assert_eq!(buffer[kept], 0);
        }
        assert!(buffer[capacity.max(kept)..].iter().all(|byte| *byte == 0xEE));
    }
    stop();
}

/// The negative control: a document in which one number is wrong does not pass for a true one.
#[test]
fn control_a_wrong_number_is_noticed() {
    start(&config(STRAND_ENGINE_STEPPED, STRAND_POLICY_PRIORITY_FIXED));
    let script = Script { acts: vec![0; 4], channels: [0, 0], strands: Vec::new() };
    let arg: *const Script = &script;
    assert_eq!(unsafe { strand_spawn(Some(play), arg.cast_mut().cast(), null_mut()) }, STRAND_OK);
    let document = snapshot();
    compare(&document, &[]);
    let wrong: [(&str, Value); 7] = [
        ("/clock/now", json!(7)),
        ("/counters/live", json!(9)),
        ("/strands/0/priority", json!(1)),
        ("/strands/0/held", json!(true)),
        ("/strands/0/state", json!("running")),
        ("/lanes/0/ready", json!(0)),
        ("/handoffs/dropped", json!(1)),
    ];
    for (place, value) in wrong {
        let mut changed = document.clone();
        *changed.pointer_mut(place).unwrap() = value;
        assert!(std::panic::catch_unwind(|| compare(&changed, &[])).is_err(), "{place}");
    }
    stop();
}
