// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program declares, what a worklist adds to it, and the bounds on both.

use super::tokens::names;
use crate::gpu::program::Limits;
use crate::work::fields::Fields;

/// Words that an invocation may hold back until its item ends: 8 KiB. A pipeline that wants too much private memory may
/// cost the whole device, so that more is refused when the program is made.
pub const STAGED_WORDS_MAX: u32 = 2048;

/// Iterations of the library's own loops in one invocation, beside those of the program, at most: its appends, and a visit each.
const OWN_LOOPS: u32 = 4 * STAGED_WORDS_MAX;

/// What a program declares.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The words of its records.
    pub fields: Fields,
    /// Items that an item pushes at most.
    pub fan_out_max: u32,
    /// Records that an item emits at most.
    pub emit_max: u32,
    /// Words of such a record.
    pub emit_words: u32,
    /// Iterations of all loops of a visit at most.
    pub loop_limit: u32,
    /// Invocations of a workgroup.
    pub group_size: u32,
    /// Buffers of the program.
    pub buffer_count: u32,
}

impl Declared {
    /// Of the limits of a program what its shader is held to.
    pub fn of(limits: &Limits) -> Declared {
        let Limits { fields, fan_out_max, emit_max, emit_words, loop_limit, group_size, buffer_count, .. } = *limits;
        Declared { fields, fan_out_max, emit_max, emit_words, loop_limit, group_size, buffer_count }
    }

    /// Words that an invocation holds back. A child brings the band that it goes to.
    pub fn staged_words(&self) -> u64 {
        let children = u64::from(self.fan_out_max) * (self.fields.length() as u64 + 1);
        children.saturating_add(u64::from(self.emit_max) * u64::from(self.emit_words))
    }

    /// What the device cannot do, as a sentence.
    pub fn refusal(&self, group_max: u32) -> Option<String> {
        let staged = self.staged_words();
        if staged > u64::from(STAGED_WORDS_MAX) {
            return Some(format!(
                "an item of this program may push and emit {staged} words, and {STAGED_WORDS_MAX} can be kept until it ends"
            ));
        }
        (self.group_size > group_max)
            .then(|| format!("groups of {} invocations: the device has {group_max} at most", self.group_size))
    }
}

/// How what a group appends is given its places.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reserve {
    /// One atomic operation for each subgroup.
    Subgroup,
    /// One for each workgroup.
    Workgroup,
    /// One for each invocation.
    Lane,
}

/// What a worklist adds to a program: a pipeline is made for each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Variant {
    /// Bands, 1 to 5.
    pub bands: u32,
    /// Whether items have a word beside their record that goes with them and their children: the tenant.
    pub tagged: bool,
    /// How places are given.
    pub reserve: Reserve,
}

impl Variant {
    /// Words of an item in the queue.
    pub fn stride(&self, fields: &Fields) -> u32 {
        fields.length() as u32 + u32::from(self.tagged)
    }
}

/// What the shader of a program may do, as far as its text tells: what it never names it does not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Does {
    /// It pushes.
    pub push: bool,
    /// It emits.
    pub emit: bool,
    /// It requeues.
    pub requeue: bool,
    /// It yields.
    pub yields: bool,
    /// It pauses.
    pub pauses: bool,
    /// It has loops, so that an item may run for long.
    pub loops: bool,
    /// It yields, pauses or may fault: it makes reports.
    pub report: bool,
    /// It writes something down for those who debug it.
    pub debug: bool,
}

/// What stands before the name of something that a module declares; the last are of `var<private>` and its like.
const DECLARING: &[&str] = &[
    "fn",
    "const",
    "override",
    "struct",
    "alias",
    "private",
    "workgroup",
    "uniform",
    "storage",
    "read",
    "read_write",
    "write",
];

impl Does {
    /// What a text names.
    pub fn of(source: &str) -> Does {
        let mut does = Does {
            push: false,
            emit: false,
            requeue: false,
            yields: false,
            pauses: false,
            loops: false,
            report: false,
            debug: false,
        };
        let (mut before, mut own_debug) = ("", false);
        for (_, name) in names(source) {
            own_debug |= name == "debug" && DECLARING.contains(&before);
            before = name;
            let what = match name {
                "push" => &mut does.push,
                "emit" => &mut does.emit,
                "requeue" => &mut does.requeue,
                "yield_now" => &mut does.yields,
                "pause" => &mut does.pauses,
                "for" | "loop" | "while" => &mut does.loops,
                "fault" => &mut does.report,
                "debug" => &mut does.debug,
                _ => continue,
            };
            *what = true;
        }
        does.debug &= !own_debug;
        does.report |= does.push || does.emit || does.requeue || does.yields || does.pauses || does.loops;
        does
    }
}

/// The bound on the loops of one visit, and how many iterations a subgroup may have behind it when one of its invocations
/// begins another visit, on a device that cuts a subgroup off after `driver` iterations (0: it does not). Where subgroups
/// cannot be asked, each invocation gets its share.
pub fn loop_bounds(wanted: u32, driver: u32, reserve: Reserve) -> (u32, u32) {
    let all = if driver == 0 { 1 << 24 } else { driver.saturating_sub(OWN_LOOPS).max(1) };
    match (driver, reserve) {
        (0, _) | (_, Reserve::Subgroup) => {
            let limit = wanted.clamp(1, all);
            (limit, (all - limit).min(all / 4))
        }
        _ => (wanted.clamp(1, (all / SHARE).max(1)), 0),
    }
}

/// Iterations of a subgroup from which on it counts as cut off.
pub fn cut_from(driver: u32) -> u32 {
    driver.saturating_sub(OWN_LOOPS).max(1)
}

/// Invocations that may be counted together, where nobody can tell.
const SHARE: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_never_begins_where_the_driver_could_cut_it_off() {
        for driver in [65_535, 20_000, 100] {
            for wanted in [1, 1000, 32_768, 65_000, u32::MAX] {
                let (limit, behind) = loop_bounds(wanted, driver, Reserve::Subgroup);
                assert!(limit >= 1 && (limit + behind <= driver.saturating_sub(OWN_LOOPS).max(1)), "{driver} {wanted}");
            }
        }
        assert_eq!(loop_bounds(32_768, 65_535, Reserve::Subgroup).0, 32_768, "the default is what a visit gets");
        assert_eq!(loop_bounds(60_000, 0, Reserve::Lane).0, 60_000);
        assert!(8 * loop_bounds(60_000, 65_535, Reserve::Lane).0 < 65_535 - OWN_LOOPS);
    }

    #[test]
    fn what_a_text_never_names_is_not_done() {
        let nothing = Does::of("fn run(item: Item) { results[item.param] = 1u; } // push, for, fault\n/* requeue */");
        assert!(!nothing.report && !nothing.loops && !nothing.push && !nothing.requeue);
        let named = |source: &str| {
            let Does { push, emit, requeue, yields, pauses, loops, report, .. } = Does::of(source);
            assert!(report, "{source}: whatever may be refused is reported");
            [push, emit, requeue, yields, pauses, loops].iter().position(|done| *done)
        };
        for (number, source) in ["push(x)", "emit (x)", "requeue(", "yield_now(", "pause(", "loop{}"].iter().enumerate()
        {
            assert_eq!(named(source), Some(number), "{source}");
        }
        assert_eq!((named("for(;;)"), named("while(true)"), named("fault(1u)")), (Some(5), Some(5), None));
        assert!(!Does::of("pushes + format + my_loop + forward").report, "a name in another");
    }

    #[test]
    fn notes_are_made_unless_the_module_has_something_of_that_name() {
        let run = "fn run(item: Item) { debug(1u, 2u, 3u, 4u); }";
        assert!(Does::of(run).debug);
        assert!(Does::of("fn run(item: Item) { var debug = 1u; }").debug, "what is local hides the function");
        for own in ["fn debug() {}", "const debug = 1;", "struct debug { a: u32 }", "var<private> debug: u32;"] {
            assert!(!Does::of(&format!("{own} {run}")).debug, "{own}");
        }
        let buffer = "@group(1) @binding(0) var<storage, read_write> debug: array<u32>;";
        assert!(!Does::of(&format!("{buffer} fn run(item: Item) {{ debug[0] = 1u; }}")).debug);
    }

    #[test]
    fn what_a_program_holds_back_is_bounded() {
        let fields = Fields::WHOLE;
        let mut declared = Declared {
            fields,
            fan_out_max: 33,
            emit_max: 4,
            emit_words: 4,
            loop_limit: 1,
            group_size: 64,
            buffer_count: 0,
        };
        assert_eq!(declared.refusal(256), None);
        declared.fan_out_max = 1000;
        assert!(declared.refusal(256).is_some_and(|text| text.contains("17016 words")));
        declared.fan_out_max = u32::MAX;
        declared.emit_max = u32::MAX;
        declared.emit_words = u32::MAX;
        assert!(declared.refusal(256).is_some(), "no product overflows");
        declared = Declared { fan_out_max: 0, emit_max: 0, group_size: 257, ..declared };
        assert!(declared.refusal(256).is_some());
    }
}
