// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a program in SPIR-V to the module of its step.
//!
//! ```text
//! words ── read ──> module with one entry point and a mailbox ─┐
//! `run` around it, the library's text ── parse ──> module ─────┴─ graft ──> checked, its loops bounded
//! ```
//! The mailbox is a buffer to the program, and a private variable of each invocation in what becomes of it: so there is
//! nothing that two items share, and nothing to be copied.

use naga::front::spv;
use naga::{
    AddressSpace, ArraySize, Block, Function, GlobalVariable, Handle, Module, Scalar, ShaderStage, Statement, TypeInner,
};

use super::assemble::{Assembled, Change, bindings};
use super::graft::graft;
use super::shape::{Declared, Variant, loop_bounds};
use super::{led, mailbox, private, text};
use crate::base::quiet::Quiet;
use crate::base::status::Status;
use crate::gpu::service::{Failure, loops, shader};

/// The first word of a module in the byte order of the machine.
const MAGIC: u32 = 0x0723_0203;
/// Words before the first instruction.
const HEADER: usize = 5;
/// Instructions of a module that open a selection or a loop, at most, and how deep blocks stand in each other, at most.
/// Whatever reads a module calls itself for a block in a block.
const OPENED_MAX: usize = 1 << 14;
const DEPTH_MAX: usize = 127;
/// The stack of the thread that reads a module: room for blocks of every opened one in each other.
const STACK: usize = 128 << 20;

const OP_LOOP_MERGE: u32 = 246;
const OP_SELECTION_MERGE: u32 = 247;

fn wrong<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(Status::SHADER, text))
}

/// As [`super::assemble::assemble`].
pub fn assemble(
    words: &[u32],
    declared: &Declared,
    variant: Variant,
    features: wgpu::Features,
    driver_loops: u32,
    change: Change<'_>,
) -> Result<Assembled, Failure> {
    if let Some(text) = mailbox::refusal(declared) {
        return Err(Failure::new(Status::LIMIT, text));
    }
    let mut module = read(words)?;
    let mailbox = mailbox_of(&mut module)?;
    let bindings = bindings(&module, None, declared.buffer_count).map_err(Failure::from)?;
    let entry = entry(&mut module, mailbox)?;
    let bounds = loop_bounds(declared.loop_limit, driver_loops, variant.reserve);
    let around = mailbox::text(declared, bounds.0);
    let whole = text::step(&around, mailbox::does(declared), declared, variant, bounds, driver_loops);
    let own = shader::parse(&change(whole))?;
    let module = graft(module, mailbox, entry, &own)?;
    shader::check(&module, features, "").map_err(Failure::from)?;
    let module = loops::bound(led::count(module, text::OWN), bounds.0, text::OWN);
    Ok(Assembled { module, bindings, does: mailbox::does(declared) })
}

/// Reads a module, on a thread with room for it: the front end may also panic at words that are no module.
fn read(words: &[u32]) -> Result<Module, Failure> {
    outline(words)?;
    let parse = || {
        let _quiet = Quiet::begin();
        let options = spv::Options { adjust_coordinate_space: false, strict_capabilities: true, ..Default::default() };
        match spv::Frontend::new(words.iter().copied(), &options).parse() {
            Ok(module) => look_through(&module).map(|()| module),
            Err(error) => wrong(format!("the module in SPIR-V cannot be read: {error}")),
        }
    };
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("strand-spirv".to_owned()).stack_size(STACK);
        match builder.spawn_scoped(scope, parse) {
            Ok(thread) => {
                thread.join().unwrap_or_else(|_| wrong("the module in SPIR-V cannot be read: it is no valid module"))
            }
            Err(error) => Err(Failure::new(Status::NO_MEMORY, format!("no thread to read a module: {error}"))),
        }
    })
}

/// Whether the words are instructions, and not too many blocks.
fn outline(words: &[u32]) -> Result<(), Failure> {
    match words.first() {
        _ if words.len() < HEADER => return wrong(format!("a module in SPIR-V has {HEADER} words at least")),
        Some(first) if *first != MAGIC => {
            return wrong(format!("a module in SPIR-V begins with {MAGIC:#010x}, this one with {first:#010x}"));
        }
        _ => {}
    }
    let (mut at, mut opened) = (HEADER, 0);
    while at < words.len() {
        let (length, operation) = ((words[at] >> 16) as usize, words[at] & 0xffff);
        if length == 0 || length > words.len() - at {
            return wrong(format!("word {at}: an instruction of {length} words, {} are left", words.len() - at));
        }
        opened += usize::from(matches!(operation, OP_LOOP_MERGE | OP_SELECTION_MERGE));
        at += length;
    }
    match opened > OPENED_MAX {
        true => wrong(format!("{opened} selections and loops: a module has {OPENED_MAX} at most")),
        false => Ok(()),
    }
}

/// What is neither too deep nor waits for other items.
fn look_through(module: &Module) -> Result<(), Failure> {
    let functions = module.functions.iter().map(|(_, function)| function);
    let bodies = functions.chain(module.entry_points.iter().map(|point| &point.function)).map(|one| &one.body);
    let mut waiting: Vec<(&Block, usize)> = bodies.map(|body| (body, 1)).collect();
    while let Some((block, depth)) = waiting.pop() {
        if depth > DEPTH_MAX {
            return wrong(format!("blocks more than {DEPTH_MAX} deep in each other"));
        }
        let mut go = |block| waiting.push((block, depth + 1));
        for statement in block.iter() {
            match statement {
                Statement::Block(block) => go(block),
                Statement::If { accept, reject, .. } => [accept, reject].into_iter().for_each(&mut go),
                Statement::Switch { cases, .. } => cases.iter().for_each(|case| go(&case.body)),
                Statement::Loop { body, continuing, .. } => [body, continuing].into_iter().for_each(&mut go),
                Statement::ControlBarrier(_) => return wrong("a barrier: items do not wait for each other"),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The mailbox, no longer bound. What else the module has of its own must be private, or a buffer.
fn mailbox_of(module: &mut Module) -> Result<Handle<GlobalVariable>, Failure> {
    if !module.overrides.is_empty() {
        return wrong("specialization constants: give them their values first");
    }
    let mut found = Vec::new();
    for (handle, variable) in module.global_variables.iter_mut() {
        // The library finds its own by name.
        variable.name = None;
        if variable.binding.is_some_and(|binding| (binding.group, binding.binding) == (0, 0)) {
            found.push(handle);
        }
        match variable.space {
            AddressSpace::Private => {}
            _ if variable.binding.is_some() => {}
            other => return wrong(format!("a variable in {other:?}: a program has buffers, and what is its own")),
        }
    }
    let [mailbox] = found[..] else {
        return wrong(format!("{} variables at descriptor set 0, binding 0: the mailbox stands there", found.len()));
    };
    let variable = &module.global_variables[mailbox];
    if !matches!(variable.space, AddressSpace::Storage { .. }) || !is_words(module, &module.types[variable.ty].inner) {
        return wrong(
            "descriptor set 0, binding 0: a storage buffer whose one member is an array of 32-bit unsigned integers",
        );
    }
    let variable = &mut module.global_variables[mailbox];
    variable.binding = None;
    variable.space = AddressSpace::Private;
    Ok(mailbox)
}

/// `struct { array<u32> }`, or with so many.
fn is_words(module: &Module, inner: &TypeInner) -> bool {
    let TypeInner::Struct { members, .. } = inner else { return false };
    let [member] = &members[..] else { return false };
    let TypeInner::Array { base, size, stride: 4 } = module.types[member.ty].inner else { return false };
    member.offset == 0
        && !matches!(size, ArraySize::Pending(_))
        && module.types[base].inner == TypeInner::Scalar(Scalar::U32)
}

/// The function of the one entry point, which begins each time with its private variables as they are declared: an invocation
/// runs it for more than one item.
fn entry(module: &mut Module, mailbox: Handle<GlobalVariable>) -> Result<Function, Failure> {
    for (_, function) in module.functions.iter_mut() {
        function.name = None;
    }
    let count = module.entry_points.len();
    let (Some(point), 1) = (module.entry_points.pop(), count) else {
        return wrong(format!("{count} entry points: a program has one"));
    };
    if point.stage != ShaderStage::Compute {
        return wrong(format!("the entry point {} is no compute shader (GLCompute)", point.name));
    }
    let mut function = Function { name: None, ..point.function };
    if !function.arguments.is_empty() || function.result.is_some() {
        return wrong(format!("the entry point {} has inputs: all that it gets is its mailbox", point.name));
    }
    private::renew(module, &mut function, |handle, _| handle != mailbox);
    Ok(function)
}

#[cfg(test)]
#[path = "spirv_tests.rs"]
pub mod tests;
