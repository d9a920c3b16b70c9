// SPDX-License-Identifier: MIT OR Apache-2.0
//! The adapters of this machine, found when somebody asks for them.
//!
//! The Vulkan instance is made here and not by wgpu, for one reason: wgpu asks for the extensions of every window system,
//! and with the one of Wayland a layer of Mesa tries to reach a compositor and prints to standard error when there is
//! none. Nothing is drawn here, so they are left out; no environment variable has to be set for that.

use core::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::hal;
use wgpu::hal::Instance as _;

use super::failure::{Failure, causes};
use super::probe;
use crate::base::status::Status;

/// Nothing of wgpu's own checks that costs time: counts of groups are bounded by the library's own kernels.
pub const FLAGS: wgpu::InstanceFlags = wgpu::InstanceFlags::empty();

/// Extensions that only programs with windows need.
const WINDOWS: [&CStr; 3] = [c"VK_KHR_wayland_surface", c"VK_KHR_xcb_surface", c"VK_KHR_xlib_surface"];

/// What is known of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// The driver and its version.
    pub driver: String,
    /// A program on the processor does its work.
    pub software: bool,
    /// Memory of its own, or that it shares.
    pub memory_bytes: u64,
    /// Largest buffer.
    pub buffer_bytes_max: u64,
    /// Largest buffer that a program can use.
    pub binding_bytes_max: u64,
    /// Invocations in a group.
    pub group_invocations_max: u32,
    /// Groups in one dimension of a dispatch.
    pub groups_max: u32,
    /// Fewest invocations in a subgroup; 0: no subgroup operations.
    pub subgroup_min: u32,
    /// Most invocations in a subgroup.
    pub subgroup_max: u32,
    /// Iterations after which the driver cuts an invocation off, as measured; 0: none known.
    pub loop_limit: u32,
}

/// Which adapter is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only software (true) or only hardware (false).
    pub software: Option<bool>,
    /// Part of its name, in any case.
    pub name: Option<String>,
}

impl Choice {
    fn admits(&self, facts: &Facts) -> bool {
        self.software.is_none_or(|software| software == facts.software)
            && self.name.as_ref().is_none_or(|name| facts.name.to_lowercase().contains(&name.to_lowercase()))
    }

    fn wish(&self) -> String {
        let kind = match self.software {
            None => "",
            Some(true) => " software",
            Some(false) => " hardware",
        };
        match &self.name {
            None => format!("no{kind} adapter"),
            Some(name) => format!("no{kind} adapter with '{name}' in its name"),
        }
    }
}

/// The instance of Vulkan, and an empty one of wgpu's whose flags the devices get.
struct Instance {
    vulkan: hal::vulkan::Instance,
    wgpu: wgpu::Instance,
}

/// Kept from the first use until [`forget`]: making one takes tens of milliseconds.
static INSTANCE: Mutex<Option<Arc<Instance>>> = Mutex::new(None);

fn instance() -> Result<Arc<Instance>, Failure> {
    let mut kept = INSTANCE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(instance) = &*kept {
        return Ok(instance.clone());
    }
    let instance = Arc::new(make()?);
    *kept = Some(instance.clone());
    Ok(instance)
}

/// Lets go of the instance: when nothing of it is open any more, the loader unloads the drivers.
pub fn forget() {
    let instance = INSTANCE.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(instance);
}

fn make() -> Result<Instance, Failure> {
    let description = hal::InstanceDescriptor {
        name: "strand",
        flags: FLAGS,
        memory_budget_thresholds: wgpu::MemoryBudgetThresholds::default(),
        backend_options: wgpu::BackendOptions::default(),
        telemetry: None,
        display: None,
    };
    let without_windows: Box<hal::vulkan::CreateInstanceCallback<'_>> =
        Box::new(|arguments| arguments.extensions.retain(|name| !WINDOWS.contains(name)));
    // SAFETY: the extensions that are taken away are read again only by the functions that make surfaces for those
    // window systems, which look for them first; none is called.
    let vulkan = unsafe { hal::vulkan::Instance::init_with_callback(&description, Some(without_windows)) }
        .map_err(|error| Failure::new(Status::DEVICE, format!("Vulkan cannot be used{}", causes(&error))))?;
    let empty = wgpu::InstanceDescriptor {
        backends: wgpu::Backends::empty(),
        flags: FLAGS,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    Ok(Instance { vulkan, wgpu: wgpu::Instance::new(empty) })
}

type Exposed = hal::ExposedAdapter<hal::api::Vulkan>;

/// All adapters, real ones first and the fastest kind before the others.
fn exposed(instance: &Instance) -> Vec<(Facts, Exposed)> {
    // SAFETY: no surface is named; the instance is kept for as long as anything that comes from it.
    let mut found = unsafe { instance.vulkan.enumerate_adapters(None) };
    found.sort_by_key(|adapter| match adapter.info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    found.into_iter().map(|adapter| (facts(&adapter), adapter)).collect()
}

fn facts(adapter: &Exposed) -> Facts {
    let (info, limits) = (&adapter.info, &adapter.capabilities.limits);
    let subgroups = adapter.features.contains(wgpu::Features::SUBGROUP);
    let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
    Facts {
        loop_limit: probe::known(&info.name, &driver),
        name: info.name.clone(),
        driver,
        software: info.device_type == wgpu::DeviceType::Cpu,
        memory_bytes: memory_bytes(adapter),
        buffer_bytes_max: limits.max_buffer_size,
        binding_bytes_max: limits.max_storage_buffer_binding_size,
        group_invocations_max: limits.max_compute_invocations_per_workgroup,
        groups_max: limits.max_compute_workgroups_per_dimension,
        subgroup_min: if subgroups { info.subgroup_min_size } else { 0 },
        subgroup_max: if subgroups { info.subgroup_max_size } else { 0 },
    }
}

/// The largest heap that is the device's own; else the largest.
fn memory_bytes(adapter: &Exposed) -> u64 {
    /// VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.
    const LOCAL: u32 = 1;
    let instance = adapter.adapter.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to the instance, which the adapter keeps.
    let memory = unsafe { instance.get_physical_device_memory_properties(adapter.adapter.raw_physical_device()) };
    let heaps = || memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    let local = heaps().filter(|heap| heap.flags.as_raw() & LOCAL != 0).map(|heap| heap.size).max();
    local.or_else(|| heaps().map(|heap| heap.size).max()).unwrap_or(0)
}

/// What there is. No Vulkan on this machine: an empty list.
pub fn list() -> Vec<Facts> {
    match instance() {
        Ok(instance) => exposed(&instance).into_iter().map(|(facts, _)| facts).collect(),
        Err(_) => Vec::new(),
    }
}

/// The first adapter that `choice` admits. The wgpu instance that it belongs to comes with it.
pub(super) fn find(choice: &Choice) -> Result<(Facts, wgpu::Adapter), Failure> {
    let instance =
        instance().map_err(|failure| Failure::new(failure.status, format!("{}: {}", choice.wish(), failure.text)))?;
    let all = exposed(&instance);
    let names = all.iter().map(|(facts, _)| facts.name.clone()).collect::<Vec<_>>().join(", ");
    let Some((facts, adapter)) = all.into_iter().find(|(facts, _)| choice.admits(facts)) else {
        let there = if names.is_empty() { "Vulkan finds none".to_owned() } else { format!("there is {names}") };
        return Err(Failure::new(Status::DEVICE, format!("{}: {there}", choice.wish())));
    };
    // SAFETY: nothing but the adapter uses its handle. It keeps the Vulkan instance it came from, and gets nothing else
    // from this one than the flags.
    Ok((facts, unsafe { instance.wgpu.create_adapter_from_hal(adapter) }))
}
