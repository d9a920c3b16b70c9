// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bound on the loops of a device program: one total for each invocation, over all its loops.
//!
//! A driver may cut an invocation off after so many iterations and say nothing: what was computed so far then looks like
//! the answer. So every loop is rewritten to count itself before the driver does, in a private variable of the program:
//!
//! ```text
//! loop {                              loop {
//!     body                                let next = strand_loops + 1;
//! }                                       if strand_loops >= limit { strand_loops = limit + 1; break; }
//!                                         strand_loops = next;
//!                                         body
//!                                     }
//! ```
//! Exactly `limit` iterations pass; the attempt to make one more leaves [`COUNTER`] above the limit, and from then on
//! every loop of the invocation leaves at once, in whatever function it is. The prelude declares the variable, sets it to
//! zero where an item begins and looks at it where the item ends. Recursion does not exist on a device, so that every
//! invocation ends.

use naga::{
    AddressSpace, BinaryOperator, Block, Expression, Function, GlobalVariable, Handle, Literal, Module, Range, Scalar,
    Span, Statement, Type, TypeInner,
};

/// The private variable that counts: iterations so far; one more than the limit once that was exceeded.
pub const COUNTER: &str = "strand_loops";

/// Rewrites every loop of every function of `module` to leave when the invocation has made `limit` iterations in all.
/// Functions and entry points named in `exempt` keep theirs: those of the prelude, which are bounded by what they are.
pub fn bound(mut module: Module, limit: u32, exempt: &[&str]) -> Module {
    let counter = counter(&mut module);
    let kept = |name: &Option<String>| name.as_deref().is_some_and(|name| exempt.contains(&name));
    for (_, function) in module.functions.iter_mut() {
        if !kept(&function.name) {
            rewrite(function, counter, limit);
        }
    }
    for entry in &mut module.entry_points {
        if !exempt.contains(&entry.name.as_str()) {
            rewrite(&mut entry.function, counter, limit);
        }
    }
    module
}

/// The variable that the prelude declared, or one that is added.
fn counter(module: &mut Module) -> Handle<GlobalVariable> {
    let declared = |(_, variable): &(_, &GlobalVariable)| {
        variable.name.as_deref() == Some(COUNTER) && variable.space == AddressSpace::Private
    };
    if let Some((handle, _)) = module.global_variables.iter().find(declared) {
        return handle;
    }
    let ty = module.types.insert(Type { name: None, inner: TypeInner::Scalar(Scalar::U32) }, Span::UNDEFINED);
    let variable = GlobalVariable {
        name: Some(COUNTER.to_owned()),
        space: AddressSpace::Private,
        binding: None,
        ty,
        init: None,
        memory_decorations: naga::MemoryDecorations::empty(),
    };
    module.global_variables.append(variable, Span::UNDEFINED)
}

/// What the loops of one function share. None of it is evaluated by a statement.
#[derive(Clone, Copy)]
struct Shared {
    pointer: Handle<Expression>,
    one: Handle<Expression>,
    limit: Handle<Expression>,
    exceeded: Handle<Expression>,
}

fn rewrite(function: &mut Function, counter: Handle<GlobalVariable>, limit: u32) {
    if !has_loop(&function.body) {
        return;
    }
    let mut add = |expression| function.expressions.append(expression, Span::UNDEFINED);
    let shared = Shared {
        pointer: add(Expression::GlobalVariable(counter)),
        one: add(Expression::Literal(Literal::U32(1))),
        limit: add(Expression::Literal(Literal::U32(limit))),
        exceeded: add(Expression::Literal(Literal::U32(limit.saturating_add(1)))),
    };
    let mut body = core::mem::take(&mut function.body);
    count_in(&mut body, function, shared);
    function.body = body;
}

fn has_loop(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::Loop { .. } => true,
        _ => inner(statement).into_iter().any(has_loop),
    })
}

/// The blocks directly inside a statement.
fn inner(statement: &Statement) -> Vec<&Block> {
    match statement {
        Statement::Block(block) => vec![block],
        Statement::If { accept, reject, .. } => vec![accept, reject],
        Statement::Switch { cases, .. } => cases.iter().map(|case| &case.body).collect(),
        Statement::Loop { body, continuing, .. } => vec![body, continuing],
        _ => Vec::new(),
    }
}

fn count_in(block: &mut Block, function: &mut Function, shared: Shared) {
    for statement in block.iter_mut() {
        match statement {
            Statement::Block(block) => count_in(block, function, shared),
            Statement::If { accept, reject, .. } => {
                count_in(accept, function, shared);
                count_in(reject, function, shared);
            }
            Statement::Switch { cases, .. } => {
                for case in cases {
                    count_in(&mut case.body, function, shared);
                }
            }
            Statement::Loop { body, continuing, .. } => {
                count_in(body, function, shared);
                count_in(continuing, function, shared);
                let counted = head(function, shared);
                body.splice(0..0, counted);
            }
            _ => {}
        }
    }
}

/// What stands at the top of a loop's body.
fn head(function: &mut Function, shared: Shared) -> Block {
    let Shared { pointer, one, limit, exceeded } = shared;
    let mut add = |expression| function.expressions.append(expression, Span::UNDEFINED);
    let load = add(Expression::Load { pointer });
    let next = add(Expression::Binary { op: BinaryOperator::Add, left: load, right: one });
    let full = add(Expression::Binary { op: BinaryOperator::GreaterEqual, left: load, right: limit });
    let leave = Block::from_vec(vec![Statement::Store { pointer, value: exceeded }, Statement::Break]);
    Block::from_vec(vec![
        Statement::Emit(Range::new_from_bounds(load, full)),
        Statement::If { condition: full, accept: leave, reject: Block::new() },
        Statement::Store { pointer, value: next },
    ])
}

#[cfg(test)]
#[path = "loops_tests.rs"]
mod tests;
