// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer of the device service: the same round trips on wgpu itself, submitted and awaited by one thread.
//!
//! `raw_wgpu [ROUNDS] [NAME]` takes the first adapter with NAME in its name (any) and prints a line for each kind of round:
//! the median, the 99th percentile and the least, in microseconds. Validation of indirect calls is off, as in the library.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Adds one to each of sixteen words.
const SOURCE: &str = "
@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@compute @workgroup_size(16) fn main(@builtin(global_invocation_id) id: vec3<u32>) { words[id.x] += 1u; }";

/// Bytes that are read back.
const BYTES: u64 = 64;

struct Raw {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    words: wgpu::Buffer,
    staging: wgpu::Buffer,
}

fn ready<T>(future: impl Future<Output = T>) -> Outcome<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("a future of wgpu's is not ready at once".into()),
    }
}

impl Raw {
    fn open(name: &str) -> Outcome<Raw> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::VULKAN,
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let adapters = ready(instance.enumerate_adapters(wgpu::Backends::VULKAN))?;
        let wanted = |adapter: &wgpu::Adapter| adapter.get_info().name.contains(name);
        let adapter = adapters.into_iter().find(wanted).ok_or("no such adapter")?;
        println!("adapter {}", adapter.get_info().name);
        let (device, queue) = ready(adapter.request_device(&wgpu::DeviceDescriptor::default()))??;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(SOURCE.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: None, size: BYTES, usage, mapped_at_creation: false })
        };
        let words = buffer(wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
        let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: words.as_entire_binding() }],
        });
        Ok(Raw { device, queue, pipeline, group, words, staging })
    }

    fn dispatch(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }

    /// One round: an encoder, what `record` puts into it, submit, wait; `read`: what came back.
    fn round(&self, dispatch: bool, read: bool) -> Outcome<u32> {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        if dispatch {
            self.dispatch(&mut encoder);
        }
        if read {
            encoder.copy_buffer_to_buffer(&self.words, 0, &self.staging, 0, BYTES);
        }
        let index = self.queue.submit([encoder.finish()]);
        if read {
            self.staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        }
        self.device.poll(wgpu::PollType::Wait { submission_index: Some(index), timeout: None })?;
        if !read {
            return Ok(0);
        }
        let word = self.staging.slice(..4).get_mapped_range().map(|view| [view[0], view[1], view[2], view[3]]);
        self.staging.unmap();
        Ok(u32::from_le_bytes(word.map_err(|error| error.to_string())?))
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    let raw = Raw::open(&arguments.next().unwrap_or_default())?;
    let kinds = [
        ("empty submission and wait", false, false),
        ("dispatch of one group and wait", true, false),
        ("copy of 64 bytes read back", false, true),
        ("dispatch of one group, 64 bytes read back", true, true),
    ];
    for (name, dispatch, read) in kinds {
        for _ in 0..rounds / 10 {
            raw.round(dispatch, read)?;
        }
        let mut times = Vec::with_capacity(rounds);
        let mut before = raw.round(dispatch, read)?;
        for _ in 0..rounds {
            let start = Instant::now();
            let word = raw.round(dispatch, read)?;
            times.push(start.elapsed().as_nanos() as f64 / 1000.0);
            if dispatch && read && word != before + 1 {
                return Err(format!("{word} was read after {before}").into());
            }
            before = word;
        }
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        println!("raw_wgpu: {name}: median {:.1} us, p99 {:.1} us, least {:.1} us", at(0.5), at(0.99), at(0.0));
    }
    Ok(())
}
