// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that is known about the runtime at this moment, as one JSON document: what there is, not what is in it.
//! The header describes its members.

use core::fmt::Write;
use core::sync::atomic::Ordering;

use super::count;
use super::environment::POLICIES;
use super::policies::{self, About};
use crate::diagnose::json::Json;
use crate::diagnose::site::Site;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::Stepped;
use crate::engine::{clock, outside};
use crate::memory::stack_class::USABLE;
use crate::policy::Kind;
use crate::strand::extras;
use crate::strand::head::{self, FLAG_UNCOUNTED, Head, Phase};
use crate::strand::message::Text;
use crate::strand::waiter::Waiter;
use crate::sync::channel::{self, Description};
use crate::sync::holder::Holder;
use crate::task::outcome::Locked;
use crate::task::table;

/// Counts changes that a reader of older documents would misunderstand.
const SCHEMA: u32 = 1;

/// Writes the document; nothing when there is no runtime.
pub fn write(out: &mut dyn Write) {
    let Ok(_call) = count::enter_anywhere() else { return };
    let Some(engine) = parallel::engine() else { return };
    let mut json = Json::new(out);
    json.object(|json| {
        json.member("schema", |json| json.number(SCHEMA));
        json.member("version", |json| json.text(env!("CARGO_PKG_VERSION")));
        json.member("engine", |json| json.text(engine.name()));
        json.member("policy", |json| policy(engine, json));
        json.member("clock", |json| {
            json.object(|json| {
                json.member("virtual", |json| json.truth(clock::is_virtual()));
                json.member("now", |json| json.number(clock::now()));
            });
        });
        json.member("steps", |json| json.number(engine.stepped().map_or(0, Stepped::steps)));
        json.member("external_holds", |json| json.number(outside::holds()));
        json.member("counters", counters);
        json.member("lanes", |json| lanes(engine, json));
        json.member("next", |json| handle(next(engine), json));
        json.member("strands", |json| strands(engine, json));
        json.member("channels", channels);
        json.member("tasks", tasks);
        json.member("handoffs", handoffs);
    });
}

/// A handle or another word of 64 bits, which not every reader of numbers can hold; `null` for none.
fn handle(word: u64, json: &mut Json<'_>) {
    match word {
        0 => json.null(),
        word => json.text(format_args!("{word:#x}")),
    }
}

fn policy(engine: &Parallel, json: &mut Json<'_>) {
    let Ok(rules) = policies::rules(engine) else { return json.null() };
    let name = match rules.kind {
        Kind::Chosen => "chosen", // an exploration decides
        kind => POLICIES.get(kind as usize).copied().unwrap_or(""),
    };
    let numbers: [(&str, u64); 7] = [
        ("quantum", rules.quantum.into()),
        ("age_step", rules.age_step.into()),
        ("bypass_limit", rules.bypass_limit.into()),
        ("token_cap", rules.token_cap.into()),
        ("pct_depth", rules.depth.into()),
        ("pct_steps", rules.steps),
        ("handoffs", rules.handoffs.into()),
    ];
    json.object(|json| {
        json.member("name", |json| json.text(name));
        json.member("seed", |json| json.text(format_args!("{:#x}", rules.seed)));
        for (name, number) in numbers {
            json.member(name, |json| json.number(number));
        }
    });
}

fn counters(json: &mut Json<'_>) {
    let Ok(counted) = count::statistics() else { return json.null() };
    let numbers: [(&str, u64); 18] = [
        ("workers", counted.workers.into()),
        ("spawned", counted.spawned),
        ("finished", counted.finished),
        ("live", counted.live),
        ("live_peak", counted.live_peak),
        ("switches", counted.switches),
        ("yields", counted.yields),
        ("parks", counted.parks),
        ("wakes", counted.wakes),
        ("steals", counted.steals),
        ("stolen_strands", counted.stolen_strands),
        ("worker_sleeps", counted.worker_sleeps),
        ("worker_wakes", counted.worker_wakes),
        ("faults", counted.faults),
        ("stacks_mapped", counted.stacks_mapped),
        ("stacks_cached", counted.stacks_cached),
        ("stack_bytes_mapped", counted.stack_bytes_mapped),
        ("guard_pages_kind", counted.guard_pages_kind),
    ];
    json.object(|json| {
        for (name, number) in numbers {
            json.member(name, |json| json.number(number));
        }
    });
}

fn lanes(engine: &Parallel, json: &mut Json<'_>) {
    json.list(|json| {
        for number in 0.. {
            let Some(lane) = policies::lane(engine, number) else { break };
            json.object(|json| {
                json.member("lane", |json| json.number(number));
                json.member("name", |json| json.bytes(lane.name()));
                json.member("weight", |json| json.number(lane.weight));
                json.member("width", |json| json.number(lane.width));
                json.member("ready", |json| json.number(lane.ready as u64));
            });
        }
    });
}

fn next(engine: &Parallel) -> u64 {
    engine.stepped().and_then(Stepped::chosen).map_or(0, head::handle_of)
}

fn strands(engine: &Parallel, json: &mut Json<'_>) {
    json.list(|json| {
        for index in 0..engine.strands.fresh() {
            let strand = head::at(index);
            if strand.phase() != Phase::Free {
                let about = policies::about(engine, index, strand.generation());
                one_strand(strand, &about, json);
            }
        }
    });
}

fn one_strand(strand: &'static Head, about: &About, json: &mut Json<'_>) {
    strand.lock.lock();
    // On the parallel engine it may have ended meanwhile.
    if strand.phase() != Phase::Free {
        json.object(|json| locked_strand(strand, about, json));
    }
    strand.lock.unlock();
}

fn locked_strand(strand: &'static Head, about: &About, json: &mut Json<'_>) {
    let (phase, body) = (strand.phase(), strand.started_body());
    json.member("id", |json| handle(head::handle_of(strand), json));
    json.member("name", |json| json.bytes(extras::of(strand, body).map_or(&[][..], |extras| extras.name())));
    json.member("state", |json| json.text(phase.name()));
    json.member("lane", |json| json.number(about.lane));
    json.member("priority", |json| json.number(about.priority));
    json.member("tokens", |json| json.number(about.tokens));
    json.member("held", |json| json.truth(about.held));
    json.member("position", |json| match about.place {
        Some(place) => json.number(place),
        None => json.null(),
    });
    json.member("waits", |json| match (phase, body) {
        (Phase::Waiting, Some(body)) => wait(&body.waiter, json),
        _ => json.null(),
    });
    json.member("counted", |json| json.truth(!strand.has(FLAG_UNCOUNTED)));
    json.member("started", |json| json.truth(body.is_some()));
    json.member("stack_bytes", |json| json.number(USABLE[strand.class() as usize] as u64));
    json.member("spawned_at", |json| json.text(Site(strand.site.load(Ordering::Relaxed))));
}

fn wait(waiter: &Waiter, json: &mut Json<'_>) {
    json.object(|json| {
        json.member("for", |json| json.text(waiter.kind().word()));
        json.member("object", |json| handle(waiter.object.load(Ordering::Relaxed), json));
        json.member("deadline", |json| match waiter.deadline.get() {
            deadline if deadline > 0 => json.number(deadline),
            _ => json.null(),
        });
        let mut holder = Text::<160>::new();
        let _ = write!(holder, "{}", Holder(waiter));
        json.member("holder", |json| match holder.as_bytes() {
            [] => json.null(),
            holder => json.bytes(holder),
        });
    });
}

fn channels(json: &mut Json<'_>) {
    json.list(|json| channel::for_each(|id, channel| json.object(|json| one_channel(id, channel, json))));
}

fn one_channel(id: u64, channel: &Description, json: &mut Json<'_>) {
    json.member("id", |json| handle(id, json));
    json.member("name", |json| json.bytes(&channel.name[..channel.name_length]));
    json.member("length", |json| json.number(channel.length as u64));
    json.member("capacity", |json| match channel.capacity {
        usize::MAX => json.null(),
        capacity => json.number(capacity as u64),
    });
    json.member("receivers", |json| json.number(channel.receivers as u64));
    json.member("senders", |json| json.number(channel.senders as u64));
    json.member("closed", |json| json.truth(channel.closed));
}

fn tasks(json: &mut Json<'_>) {
    json.list(|json| table::for_each(|id, task| json.object(|json| one_task(id, task, json))));
}

fn one_task(id: u64, task: &Locked, json: &mut Json<'_>) {
    json.member("id", |json| handle(id, json));
    json.member("state", |json| json.text(task.state().word()));
    json.member("strand", |json| handle(task.strand(), json));
    json.member("scope", |json| handle(task.task().scope.get(), json));
    json.member("promise", |json| json.truth(task.is_promise()));
    json.member("handles", |json| json.number(task.references()));
    json.member("waiting", |json| json.number(task.waiting() as u64));
}

fn handoffs(json: &mut Json<'_>) {
    json.object(|json| {
        let mut dropped = 0;
        json.member("records", |json| {
            json.list(|json| {
                let shown = policies::handoffs(|_, handoff| {
                    json.object(|json| {
                        json.member("strand", |json| handle(handoff.mark.name, json));
                        json.member("from", |json| json.number(handoff.from));
                        json.member("to", |json| json.number(handoff.to));
                        json.member("step", |json| json.number(handoff.mark.step));
                        json.member("reason", |json| json.number(handoff.mark.reason));
                    });
                });
                dropped = shown.map_or(0, |(_, dropped)| dropped);
            });
        });
        json.member("dropped", |json| json.number(dropped));
    });
}
