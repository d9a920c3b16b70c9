// SPDX-License-Identifier: MIT OR Apache-2.0
//! Iterations that a group of invocations has made in step: how a cut by the driver is seen.
//!
//! A driver that bounds loops counts iterations of a whole subgroup: those of some invocations, and then those of others, add
//! up for all. So an invocation may be cut off although it has counted few of its own ([`crate::gpu::service::loops`]).
//! Nothing in the loop can tell: no way out of it is taken. But in each iteration that is made one invocation is the first of
//! those that take part, and counts it:
//!
//! ```text
//! loop { if subgroupBroadcastFirst(strand_lane) == strand_lane { strand_led += 1; } ... }
//! ```
//! The sum of [`LED`] over a subgroup is what the driver has counted.

use naga::{
    BinaryOperator, Block, Expression, Function, GatherMode, GlobalVariable, Handle, Literal, Module, Range, Scalar,
    Span, Statement, Type, TypeInner,
};

/// The private variable of the prelude: iterations that this invocation has counted for its subgroup.
pub const LED: &str = "strand_led";
/// Another: the number of this invocation.
pub const LANE: &str = "strand_lane";

/// Has the iterations of every loop of every function counted, but for functions named in `exempt`. Nothing where the prelude
/// does not declare the variables.
pub fn count(mut module: Module, exempt: &[&str]) -> Module {
    let named = |name: &str| {
        let is = |(_, variable): &(_, &GlobalVariable)| variable.name.as_deref() == Some(name);
        module.global_variables.iter().find(is).map(|(handle, _)| handle)
    };
    let (Some(led), Some(lane)) = (named(LED), named(LANE)) else { return module };
    let word = Type { name: None, inner: TypeInner::Scalar(Scalar::U32) };
    let word = module.types.insert(word, Span::UNDEFINED);
    for (_, function) in module.functions.iter_mut() {
        if !function.name.as_deref().is_some_and(|name| exempt.contains(&name)) {
            let mut body = core::mem::take(&mut function.body);
            each_loop(&mut body, &mut |inside| {
                let head = head(function, led, lane, word);
                inside.splice(0..0, head);
            });
            function.body = body;
        }
    }
    module
}

/// Calls `act` with the body of every loop.
fn each_loop(block: &mut Block, act: &mut dyn FnMut(&mut Block)) {
    for statement in block.iter_mut() {
        match statement {
            Statement::Block(block) => each_loop(block, act),
            Statement::If { accept, reject, .. } => {
                each_loop(accept, act);
                each_loop(reject, act);
            }
            Statement::Switch { cases, .. } => cases.iter_mut().for_each(|case| each_loop(&mut case.body, act)),
            Statement::Loop { body, continuing, .. } => {
                each_loop(body, act);
                each_loop(continuing, act);
                act(body);
            }
            _ => {}
        }
    }
}

/// What stands at the top of a loop's body.
fn head(
    function: &mut Function,
    led: Handle<GlobalVariable>,
    lane: Handle<GlobalVariable>,
    word: Handle<Type>,
) -> Block {
    let mut add = |expression| function.expressions.append(expression, Span::UNDEFINED);
    let [led, lane] = [led, lane].map(|variable| add(Expression::GlobalVariable(variable)));
    let [accept, reject] = [1, 0].map(|number| add(Expression::Literal(Literal::U32(number))));
    let own = add(Expression::Load { pointer: lane });
    let first = add(Expression::SubgroupOperationResult { ty: word });
    let condition = add(Expression::Binary { op: BinaryOperator::Equal, left: first, right: own });
    let more = add(Expression::Select { condition, accept, reject });
    let before = add(Expression::Load { pointer: led });
    let after = add(Expression::Binary { op: BinaryOperator::Add, left: before, right: more });
    Block::from_vec(vec![
        Statement::Emit(Range::new_from_bounds(own, own)),
        Statement::SubgroupGather { mode: GatherMode::BroadcastFirst, argument: own, result: first },
        Statement::Emit(Range::new_from_bounds(condition, after)),
        Statement::Store { pointer: led, value: after },
    ])
}
