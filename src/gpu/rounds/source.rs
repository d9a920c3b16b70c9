// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program for adapters is written in.

use super::assemble::{self, Assembled, Change};
use super::shape::{Declared, Variant};
use crate::gpu::service::Failure;

/// The source of a program.
#[derive(Clone, Debug)]
pub enum Source {
    /// Text, with a function `run`.
    Wgsl(String),
    /// Words of a binary module, with an entry point and a mailbox.
    #[cfg_attr(not(feature = "spirv"), allow(dead_code, reason = "such a library refuses it"))]
    Spirv(Vec<u32>),
}

impl Source {
    /// The module of its step: see [`assemble::assemble`].
    pub fn assemble(
        &self,
        declared: &Declared,
        variant: Variant,
        features: wgpu::Features,
        driver_loops: u32,
        change: Change<'_>,
    ) -> Result<Assembled, Failure> {
        match self {
            Source::Wgsl(text) => assemble::assemble(text, declared, variant, features, driver_loops, change),
            #[cfg(feature = "spirv")]
            Source::Spirv(words) => super::spirv::assemble(words, declared, variant, features, driver_loops, change),
            #[cfg(not(feature = "spirv"))]
            Source::Spirv(_) => Err(Failure::new(
                crate::base::status::Status::UNSUPPORTED,
                "the shader is in SPIR-V, and this library was built without the cargo feature spirv",
            )),
        }
    }
}
