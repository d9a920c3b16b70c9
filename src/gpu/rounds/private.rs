// SPDX-License-Identifier: MIT OR Apache-2.0
//! Private variables of a program begin as they are declared with each item: an invocation visits more than one, and for a
//! shader they are those of the invocation.

use naga::{AddressSpace, Block, Constant, Expression, Function, GlobalVariable, Handle, Module, Span, Statement};

/// Has `function` begin with the private variables of `module` as they are declared: those for which `own` holds.
pub fn renew(module: &mut Module, function: &mut Function, own: impl Fn(Handle<GlobalVariable>, Span) -> bool) {
    let variables = &module.global_variables;
    let private: Vec<_> = variables
        .iter()
        .filter(|(handle, variable)| {
            variable.space == AddressSpace::Private && own(*handle, variables.get_span(*handle))
        })
        .map(|(handle, variable)| (handle, variable.ty, variable.init))
        .collect();
    let mut stores = Vec::new();
    for (variable, ty, init) in private {
        let value = match init {
            None => Expression::ZeroValue(ty),
            // What a pipeline may say otherwise is no constant.
            Some(init) => match module.global_expressions[init] {
                Expression::Override(number) => Expression::Override(number),
                _ => Expression::Constant(module.constants.append(Constant { name: None, ty, init }, Span::UNDEFINED)),
            },
        };
        let mut add = |expression| function.expressions.append(expression, Span::UNDEFINED);
        let (pointer, value) = (add(Expression::GlobalVariable(variable)), add(value));
        stores.push(Statement::Store { pointer, value });
    }
    function.body.splice(0..0, Block::from_vec(stores));
}
