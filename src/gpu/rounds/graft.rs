// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two modules become one: the library's step, and the program's in the place of a function that the step calls.
//!
//! Everything of the program stays where it is, for a function must come after those that it calls. What is the library's
//! comes behind, with new handles.

use naga::{Block, Constant, Expression, Function, GlobalVariable, Handle, Module, Span, Statement, Type, TypeInner};

use super::mailbox;
use crate::base::status::Status;
use crate::gpu::service::Failure;

/// The new handles of the library's things, by the index of the old.
#[derive(Default)]
struct Moved {
    types: Vec<Handle<Type>>,
    expressions: Vec<Handle<Expression>>,
    constants: Vec<Handle<Constant>>,
    variables: Vec<Handle<GlobalVariable>>,
    functions: Vec<Handle<Function>>,
}

/// The step of `own` with `entry` as the function [`mailbox::PROGRAM`], and its mailbox as the variable `mailbox`.
pub fn graft(
    mut program: Module,
    mailbox: Handle<GlobalVariable>,
    entry: Function,
    own: &Module,
) -> Result<Module, Failure> {
    let mut moved = Moved::default();
    for (_, ty) in own.types.iter() {
        let mut ty = ty.clone();
        moved.in_type(&mut ty.inner);
        moved.types.push(program.types.insert(ty, Span::UNDEFINED));
    }
    for (_, expression) in own.global_expressions.iter() {
        let handle = match moved.constant(expression, own)? {
            Ok(known) => known,
            Err(expression) => program.global_expressions.append(expression, Span::UNDEFINED),
        };
        moved.expressions.push(handle);
    }
    for (_, constant) in own.constants.iter() {
        let (ty, init) = (moved.types[constant.ty.index()], moved.expressions[constant.init.index()]);
        let constant = Constant { name: None, ty, init };
        moved.constants.push(program.constants.append(constant, Span::UNDEFINED));
    }
    for (_, variable) in own.global_variables.iter() {
        let mut variable = variable.clone();
        variable.ty = moved.types[variable.ty.index()];
        variable.init = variable.init.map(|init| moved.expressions[init.index()]);
        let handle = match variable.name.as_deref() {
            Some(mailbox::VARIABLE) => {
                program.global_variables[mailbox] = GlobalVariable { name: None, ..variable };
                mailbox
            }
            _ => program.global_variables.append(variable, Span::UNDEFINED),
        };
        moved.variables.push(handle);
    }
    let mut entry = Some(entry);
    for (_, function) in own.functions.iter() {
        let function = match entry.take_if(|_| function.name.as_deref() == Some(mailbox::PROGRAM)) {
            Some(entry) => entry,
            None => moved.function(function.clone()),
        };
        moved.functions.push(program.functions.append(function, Span::UNDEFINED));
    }
    program.entry_points = own.entry_points.clone();
    for point in &mut program.entry_points {
        point.function = moved.function(core::mem::take(&mut point.function));
    }
    Ok(program)
}

impl Moved {
    fn in_type(&self, inner: &mut TypeInner) {
        match inner {
            TypeInner::Pointer { base, .. } | TypeInner::Array { base, .. } => *base = self.types[base.index()],
            TypeInner::Struct { members, .. } => {
                members.iter_mut().for_each(|member| member.ty = self.types[member.ty.index()]);
            }
            _ => {}
        }
    }

    /// An expression outside functions: one that there is, or one to be added.
    fn constant(
        &self,
        expression: &Expression,
        own: &Module,
    ) -> Result<Result<Handle<Expression>, Expression>, Failure> {
        Ok(match expression {
            Expression::Constant(constant) => Ok(self.expressions[own.constants[*constant].init.index()]),
            Expression::Literal(literal) => Err(Expression::Literal(*literal)),
            Expression::ZeroValue(ty) => Err(Expression::ZeroValue(self.types[ty.index()])),
            Expression::Compose { ty, components } => Err(Expression::Compose {
                ty: self.types[ty.index()],
                components: components.iter().map(|component| self.expressions[component.index()]).collect(),
            }),
            Expression::Splat { size, value } => {
                Err(Expression::Splat { size: *size, value: self.expressions[value.index()] })
            }
            other => {
                return Err(Failure::new(
                    Status::SHADER,
                    format!("the library's own shader has {other:?} as a constant"),
                ));
            }
        })
    }

    /// A function's own expressions keep their handles.
    fn function(&self, mut function: Function) -> Function {
        for argument in &mut function.arguments {
            argument.ty = self.types[argument.ty.index()];
        }
        if let Some(result) = &mut function.result {
            result.ty = self.types[result.ty.index()];
        }
        for (_, local) in function.local_variables.iter_mut() {
            local.ty = self.types[local.ty.index()];
        }
        for (_, expression) in function.expressions.iter_mut() {
            match expression {
                Expression::Constant(constant) => *constant = self.constants[constant.index()],
                Expression::GlobalVariable(variable) => *variable = self.variables[variable.index()],
                Expression::CallResult(called) => *called = self.functions[called.index()],
                Expression::ZeroValue(ty)
                | Expression::Compose { ty, .. }
                | Expression::AtomicResult { ty, .. }
                | Expression::WorkGroupUniformLoadResult { ty }
                | Expression::SubgroupOperationResult { ty } => *ty = self.types[ty.index()],
                _ => {}
            }
        }
        self.in_block(&mut function.body);
        function
    }

    fn in_block(&self, block: &mut Block) {
        for statement in block.iter_mut() {
            match statement {
                Statement::Call { function, .. } => *function = self.functions[function.index()],
                Statement::Block(block) => self.in_block(block),
                Statement::If { accept, reject, .. } => {
                    self.in_block(accept);
                    self.in_block(reject);
                }
                Statement::Switch { cases, .. } => cases.iter_mut().for_each(|case| self.in_block(&mut case.body)),
                Statement::Loop { body, continuing, .. } => {
                    self.in_block(body);
                    self.in_block(continuing);
                }
                _ => {}
            }
        }
    }
}
