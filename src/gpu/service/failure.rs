// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why something could not be done on a device: a status and a sentence.

use crate::base::room::NoMemory;
use crate::base::status::Status;

/// A status other than OK, with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status that C sees.
    pub status: Status,
    /// What happened, for people.
    pub text: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(status: Status, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into() }
    }

    /// What wgpu reported.
    pub fn of(error: &wgpu::Error) -> Failure {
        match error {
            wgpu::Error::OutOfMemory { source } => {
                Failure::new(Status::NO_MEMORY, format!("the device has no memory left{}", causes(source.as_ref())))
            }
            wgpu::Error::Validation { description, .. } => Failure::new(Status::INVALID, flat(description)),
            wgpu::Error::Internal { description, .. } => Failure::new(Status::DEVICE, flat(description)),
        }
    }

    /// What a panic carried, as far as it is text.
    pub fn of_panic(carried: &(dyn core::any::Any + Send)) -> Failure {
        let text = match (carried.downcast_ref::<&str>(), carried.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (_, Some(text)) => text.as_str(),
            _ => "without a message",
        };
        Failure::new(Status::PANIC, format!("the device service panicked: {text}"))
    }
}

impl From<NoMemory> for Failure {
    fn from(NoMemory: NoMemory) -> Failure {
        Failure::new(Status::NO_MEMORY, "no memory for what goes to a device or comes from it")
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What an error says of itself and its causes.
pub fn causes(error: &dyn core::error::Error) -> String {
    let mut text = format!(": {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    flat(&text)
}

/// One line of it all.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
