// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program on a device: checked when it is made, its pipelines made for each kind of worklist that uses it.

use std::sync::{Arc, Mutex, PoisonError};

use super::pipelines::{self, Pipelines};
use super::shape::{Declared, Variant};
use super::source::Source;
use crate::gpu::service::{Failure, Gpu, Held};

/// See the module documentation. Kept by whoever has the program.
pub struct Prepared {
    /// What it declares.
    pub declared: Declared,
    source: Source,
    made: Mutex<Vec<Arc<Held<Pipelines>>>>,
}

impl Prepared {
    /// Checks a program and makes its pipelines for a worklist of one band and one tenant: some milliseconds, on the service
    /// thread. SHADER, with line and column of a text; LIMIT where the device cannot do what is declared.
    pub fn new(gpu: &Gpu, source: Source, declared: Declared) -> Result<Prepared, Failure> {
        let prepared = Prepared { declared, source, made: Mutex::new(Vec::new()) };
        prepared.pipelines(gpu, 1, false)?;
        Ok(prepared)
    }

    /// The pipelines for worklists of so many bands, whose items are tagged with their tenants or not.
    pub fn pipelines(&self, gpu: &Gpu, bands: u32, tagged: bool) -> Result<Arc<Held<Pipelines>>, Failure> {
        let variant = Variant { bands, tagged, reserve: pipelines::reserve(gpu.features) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = made.iter().find(|pipelines| pipelines.variant == variant) {
            return Ok(found.clone());
        }
        let pipelines = Arc::new(gpu.hold(Pipelines::new(gpu, &self.source, &self.declared, variant)?));
        made.push(pipelines.clone());
        Ok(pipelines)
    }
}
