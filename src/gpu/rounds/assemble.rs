// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a program's text to the module of its step: parsed together with what the library adds, checked, its loops bounded.

use naga::{AddressSpace, Function, Module, Span, Statement, StorageAccess};

use super::shape::{Declared, Does, Variant, loop_bounds};
use super::text;
use super::tokens::names;
use super::{led, overrides, private};
use crate::base::status::Status;
use crate::gpu::service::Failure;
use crate::gpu::service::loops;
use crate::gpu::service::shader::{self, Complaint, Place};

/// How a program uses one of its buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Its number in group 1.
    pub number: u32,
    /// How it is bound.
    pub kind: wgpu::BufferBindingType,
    /// Bytes that it must have: of its type, with one element where that ends in an array of any length.
    pub bytes: u64,
}

/// The module of a step, and the buffers that the program names.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// To be given to the device.
    pub module: Module,
    /// In the order of the text.
    pub bindings: Vec<Binding>,
    /// What the program does.
    pub does: Does,
}

/// The function of a program.
const RUN: &str = "run";
/// What names of the library's own begin with.
const OWN_PREFIX: &str = "strand_";

/// What tests do to the texts of the library.
pub type Change<'a> = &'a dyn Fn(String) -> String;

/// Assembles the step of a program. `driver_loops`: iterations after which the driver cuts an invocation off, 0: none.
/// Needs some stack, as parsers do. A failure names line and column of `source`.
pub fn assemble(
    source: &str,
    declared: &Declared,
    variant: Variant,
    features: wgpu::Features,
    driver_loops: u32,
    change: Change<'_>,
) -> Result<Assembled, Failure> {
    refuse_own_names(source).map_err(Failure::from)?;
    let bounds = loop_bounds(declared.loop_limit, driver_loops, variant.reserve);
    let does = Does::of(source);
    let whole = change(text::step(source, does, declared, variant, bounds, driver_loops));
    let mut module = parse(&whole, source).map_err(Failure::from)?;
    refuse_stand_ins(&module, source).map_err(Failure::from)?;
    refuse_barriers(&module, source).map_err(Failure::from)?;
    let bindings = bindings(&module, Some(source), declared.buffer_count).map_err(Failure::from)?;
    let info = shader::check(&module, features, &whole).map_err(|complaint| in_source(complaint, source))?;
    overrides::refuse_without_value(&module, &info, source).map_err(Failure::from)?;
    if does.requeue {
        overrides::refuse_computed(&module, source).map_err(Failure::from)?;
        begin_anew(&mut module, source);
    }
    let module = loops::bound(led::count(module, text::OWN), bounds.0, text::OWN);
    Ok(Assembled { module, bindings, does })
}

/// Every visit begins with the program's private variables as they are declared.
fn begin_anew(module: &mut Module, source: &str) {
    let named = |(_, function): &(_, &Function)| function.name.as_deref() == Some(RUN);
    let Some((run, _)) = module.functions.iter().find(named) else { return };
    let mut function = core::mem::take(&mut module.functions[run]);
    private::renew(module, &mut function, |_, span| stands_in(span, source));
    module.functions[run] = function;
}

fn parse(whole: &str, source: &str) -> Result<Module, Complaint> {
    naga::front::wgsl::parse_str(whole).map_err(|error| {
        let labels = || error.labels().filter_map(|(span, label)| Some((span.to_range()?.start, label)));
        let own = labels().find(|(start, _)| *start <= source.len());
        let place = own.and_then(|(start, _)| Place::of(source, start));
        let mut text = error.message().to_owned();
        let label = own.map(|(_, label)| label).filter(|label| !label.is_empty());
        for more in label.into_iter().chain(error.notes()) {
            text.push_str(": ");
            text.push_str(more);
        }
        let complaint = Complaint { place, text };
        unfinished(source).filter(|_| complaint.place.is_none()).unwrap_or_else(|| explained(complaint))
    })
}

/// What is wrong with a text that ends in the middle of something.
fn unfinished(source: &str) -> Option<Complaint> {
    let error = naga::front::wgsl::parse_str(source).err()?;
    let start = error.labels().next()?.0.to_range()?.start;
    let place = Place::of(source, start).filter(|_| source[start..].trim().is_empty())?;
    Some(Complaint { place: Some(place), text: error.message().to_owned() })
}

/// A complaint about the whole text as one about the program's.
fn in_source(complaint: Complaint, source: &str) -> Complaint {
    let place = complaint.place.filter(|place| place.offset as usize <= source.len());
    explained(Complaint { place, ..complaint })
}

/// What stands nowhere in the program's text is about what the library expects of it.
fn explained(complaint: Complaint) -> Complaint {
    if complaint.place.is_some() {
        return complaint;
    }
    Complaint { text: format!("the program needs a function `fn run(item: Item)`: {}", complaint.text), ..complaint }
}

/// Names that begin so are the library's: a program could change what it counts by.
fn refuse_own_names(source: &str) -> Result<(), Complaint> {
    match names(source).find(|(_, name)| name.starts_with(OWN_PREFIX)) {
        Some((at, name)) => {
            let text = format!("`{name}`: names that begin with `{OWN_PREFIX}` are the library's");
            Err(Complaint { place: Place::of(source, at), text })
        }
        None => Ok(()),
    }
}

/// Some invocations of a group have no item, and each is in another visit: a barrier in a program would be reached by some.
fn refuse_barriers(module: &Module, source: &str) -> Result<(), Complaint> {
    for (_, function) in module.functions.iter() {
        let mut blocks = vec![&function.body];
        while let Some(block) = blocks.pop() {
            for (statement, span) in block.span_iter() {
                match statement {
                    Statement::Block(block) => blocks.push(block),
                    Statement::If { accept, reject, .. } => blocks.extend([accept, reject]),
                    Statement::Switch { cases, .. } => blocks.extend(cases.iter().map(|case| &case.body)),
                    Statement::Loop { body, continuing, .. } => blocks.extend([body, continuing]),
                    Statement::ControlBarrier(_) | Statement::WorkGroupUniformLoad { .. }
                        if stands_in(*span, source) =>
                    {
                        let place = span.to_range().and_then(|range| Place::of(source, range.start));
                        let text = "a barrier: items do not wait for each other".to_owned();
                        return Err(Complaint { place, text });
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// What WGSL itself provides and the library's part of the text calls.
const CALLED: &[&str] = &[
    "select",
    "atomicAdd",
    "atomicExchange",
    "atomicLoad",
    "workgroupBarrier",
    "subgroupAdd",
    "subgroupAny",
    "subgroupExclusiveAdd",
    "subgroupBroadcastFirst",
];

/// A function of the program's may have the name of one that WGSL provides; the library's part would then call that.
fn refuse_stand_ins(module: &Module, source: &str) -> Result<(), Complaint> {
    for (handle, function) in module.functions.iter() {
        let Some(name) = function.name.as_deref().filter(|name| CALLED.contains(name)) else { continue };
        let place = module.functions.get_span(handle).to_range().and_then(|range| Place::of(source, range.start));
        let text = format!("a function `{name}` would take the place of the one that the library calls");
        return Err(Complaint { place, text });
    }
    Ok(())
}

/// The buffers of a program: group 1, numbers below `count`. `source`: where the program's own stand in a text with the
/// library's; `None`: all are the program's.
pub fn bindings(module: &Module, source: Option<&str>, count: u32) -> Result<Vec<Binding>, Complaint> {
    let mut found = Vec::new();
    for (handle, variable) in module.global_variables.iter() {
        let Some(binding) = &variable.binding else { continue };
        let span = module.global_variables.get_span(handle);
        if source.is_some_and(|source| !stands_in(span, source)) {
            continue; // the library's own
        }
        let refuse = |text: String| {
            let place = source.and_then(|source| Place::of(source, span.to_range()?.start));
            Err(Complaint { place, text })
        };
        let (group, number) = (binding.group, binding.binding);
        if group != 1 {
            return refuse(format!("buffers of a program are in group 1, this one is in group {group}"));
        }
        if number >= count {
            return refuse(format!("binding {number}, and the program declares buffer_count {count}"));
        }
        let kind = match variable.space {
            AddressSpace::Uniform => wgpu::BufferBindingType::Uniform,
            AddressSpace::Storage { access } => {
                wgpu::BufferBindingType::Storage { read_only: !access.contains(StorageAccess::STORE) }
            }
            _ => return refuse("only storage and uniform buffers can be bound".to_owned()),
        };
        let bytes = u64::from(match module.types[variable.ty].inner {
            naga::TypeInner::Array { size: naga::ArraySize::Dynamic, stride, .. } => stride,
            ref other => other.size(module.to_ctx()),
        });
        match found.iter_mut().find(|other: &&mut Binding| other.number == number) {
            Some(other) if other.kind != kind => {
                return refuse(format!("binding {number} is declared twice, in two ways"));
            }
            Some(other) => other.bytes = other.bytes.max(bytes),
            None => found.push(Binding { number, kind, bytes }),
        }
    }
    Ok(found)
}

/// Whether it is the program's own.
pub fn stands_in(span: Span, source: &str) -> bool {
    span.to_range().is_some_and(|range| range.start < source.len())
}

/// A refusal of [`Declared::refusal`] as a failure.
pub fn refused(declared: &Declared, group_max: u32) -> Result<(), Failure> {
    match declared.refusal(group_max) {
        Some(text) => Err(Failure::new(Status::LIMIT, text)),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
