// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the driver cuts invocations off that loop for long: measured once for each driver, because it says nothing.

use super::words::as_bytes;
use std::sync::{Mutex, PoisonError};

use super::device::Gpu;
use super::failure::Failure;

/// As many iterations are tried: three times what a driver that does so has been seen to allow.
const TRIED: u32 = 200_000;

/// What was measured: name, driver, limit.
static MEASURED: Mutex<Vec<(String, String, u32)>> = Mutex::new(Vec::new());

/// What was measured before; 0: nothing, or no limit.
pub fn known(name: &str, driver: &str) -> u32 {
    let measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    measured.iter().find(|(one, other, _)| one == name && other == driver).map_or(0, |(.., limit)| *limit)
}

/// A loop that no compiler can foresee: a linear congruence, and a count of what was really done.
const SOURCE: &str = "
@group(0) @binding(0) var<storage, read_write> words: array<u32, 4>;
@compute @workgroup_size(1) fn probe() {
    var state = words[1];
    var done = 0u;
    for (var i = 0u; i < words[0]; i++) {
        state = state * 1664525u + 1013904223u;
        if state != words[2] { done += 1u; }
    }
    words[3] = done;
    words[1] = state;
}";

/// How many iterations one invocation may make; 0 when all that were tried were made.
pub fn loop_limit(gpu: &Gpu, name: &str, driver: &str) -> Result<u32, Failure> {
    {
        let measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., limit)) = measured.iter().find(|(one, other, _)| one == name && other == driver) {
            return Ok(*limit);
        }
    }
    let done = measure(gpu)?;
    let limit = if done >= TRIED { 0 } else { done };
    MEASURED.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), driver.to_owned(), limit));
    Ok(limit)
}

fn measure(gpu: &Gpu) -> Result<u32, Failure> {
    let module = super::shader::parse(SOURCE).and_then(|module| gpu.module(module, SOURCE))?;
    let pipeline = gpu.pipeline(None, &module, "probe")?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let words = gpu.buffer(16, usage)?;
    let staging = gpu.buffer(16, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
    // The third word is no state that the congruence comes to from 1 in so few steps.
    gpu.queue.write_buffer(&words, 0, as_bytes(&[TRIED, 1, 0x8000_0001, 0]));
    let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: words.as_entire_binding() }],
    });
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&words, 0, &staging, 0, 16);
    let read = gpu.read_now(encoder, &staging)?;
    Ok(read.get(12..16).map_or(0, |word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])))
}
