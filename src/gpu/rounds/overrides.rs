// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program computes with an `override`. Nobody gives one another value, so all of it is known when the pipeline is
//! made: too late for a place in the program's text, which is found here.

use naga::back::pipeline_constants::process_overrides;
use naga::proc::ExpressionKindTracker;
use naga::valid::ModuleInfo;
use naga::{AddressSpace, Block, Expression, Function, Module, Span};

use super::assemble::stands_in;
use super::text::ENTRY;
use crate::gpu::service::failure::causes;
use crate::gpu::service::shader::{Complaint, Place};

/// Private variables begin anew with each item, which takes a value that a function can name: a constant, or an `override`.
pub fn refuse_computed(module: &Module, source: &str) -> Result<(), Complaint> {
    if module.overrides.is_empty() {
        return Ok(());
    }
    let kinds = ExpressionKindTracker::from_arena(&module.global_expressions);
    for (handle, variable) in module.global_variables.iter() {
        let own = stands_in(module.global_variables.get_span(handle), source);
        let (AddressSpace::Private, true, Some(init)) = (variable.space, own, variable.init) else { continue };
        if kinds.is_const(init) || matches!(module.global_expressions[init], Expression::Override(_)) {
            continue;
        }
        let name = variable.name.as_deref().unwrap_or_default();
        let text = format!(
            "`{name}` begins anew with each item, in a program that requeues: what is computed from an `override` needs an `override` of its own"
        );
        return Err(Complaint { place: place(module.global_expressions.get_span(init), source), text });
    }
    Ok(())
}

/// Refuses a module, checked already, in which something of this kind has no value.
pub fn refuse_without_value(module: &Module, info: &ModuleInfo, source: &str) -> Result<(), Complaint> {
    if module.overrides.is_empty() {
        return Ok(());
    }
    let Some(text) = trouble(module, info) else { return Ok(()) };
    let place = culprit(module, info, &text).and_then(|span| place(span, source));
    Err(Complaint { place, text })
}

/// Why a module has no pipeline, if it has none for its overrides.
fn trouble(module: &Module, info: &ModuleInfo) -> Option<String> {
    let entry = module.entry_points.first()?;
    let step = Some((entry.stage, entry.name.as_str()));
    let error = process_overrides(module, info, step, &Default::default()).err()?;
    Some(causes(&error).trim_start_matches([':', ' ']).to_owned())
}

/// What makes this trouble: an `override`, a variable's beginning, or an expression in a function.
fn culprit(module: &Module, info: &ModuleInfo, text: &str) -> Option<Span> {
    let makes_it = |function| trouble(&only(module, function), info).as_deref() == Some(text);
    let of = |expression| alone(Function::default(), &[(expression, Span::UNDEFINED)]);
    for (handle, known) in module.overrides.iter() {
        if makes_it(of(Expression::Override(handle))) {
            let init = known.init.map(|init| module.global_expressions.get_span(init));
            return Some(init.unwrap_or(module.overrides.get_span(handle)));
        }
    }
    for (handle, variable) in module.global_variables.iter() {
        if let Some(init) = variable.init
            && makes_it(of(Expression::GlobalVariable(handle)))
        {
            return Some(module.global_expressions.get_span(init));
        }
    }
    module.functions.iter().find_map(|(_, function)| {
        let all: Vec<(Expression, Span)> = function
            .expressions
            .iter()
            .map(|(handle, expression)| (expression.clone(), function.expressions.get_span(handle)))
            .collect();
        let first = |count| makes_it(alone(function.clone(), &all[..count]));
        if !first(all.len()) {
            return None;
        }
        let (mut without, mut with) = (0, all.len());
        while with - without > 1 {
            let middle = without.midpoint(with);
            if first(middle) { with = middle } else { without = middle }
        }
        Some(all[without].1)
    })
}

/// A function that does nothing, and has these expressions all the same.
fn alone(of: Function, expressions: &[(Expression, Span)]) -> Function {
    let mut function = gutted(of);
    for (expression, span) in expressions {
        let handle = function.expressions.append(expression.clone(), *span);
        function.named_expressions.insert(handle, String::new());
    }
    function
}

/// A function without what it does.
fn gutted(mut function: Function) -> Function {
    function.expressions.clear();
    function.named_expressions.clear();
    function.body = Block::new();
    function.local_variables.iter_mut().for_each(|(_, local)| local.init = None);
    function
}

/// A module that uses nothing but what this function names.
fn only(module: &Module, function: Function) -> Module {
    let mut only = module.clone();
    for (_, other) in only.functions.iter_mut() {
        *other = gutted(core::mem::take(other));
    }
    only.entry_points.retain(|entry| entry.name == ENTRY);
    only.entry_points.iter_mut().for_each(|entry| entry.function = function.clone());
    only
}

fn place(span: Span, source: &str) -> Option<Place> {
    let start = span.to_range()?.start;
    Place::of(source, start).filter(|_| start < source.len())
}
