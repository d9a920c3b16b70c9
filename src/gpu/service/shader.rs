// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the text of a device program to a checked module; errors with the line and column they stand at.

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, Span};

use super::failure::{Failure, causes};
use crate::base::status::Status;

/// Where in a text an error stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Bytes before it.
    pub offset: u32,
}

impl Place {
    /// The place of a byte of `text`; `None` when there is none.
    pub fn of(text: &str, offset: usize) -> Option<Place> {
        let before = text.get(..offset)?;
        let line = before.matches('\n').count() as u32 + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[start..].chars().count() as u32 + 1;
        Some(Place { line, column, offset: offset as u32 })
    }
}

/// What is wrong with a program, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where, in the whole text that was parsed.
    pub place: Option<Place>,
    /// What.
    pub text: String,
}

impl From<Complaint> for Failure {
    fn from(complaint: Complaint) -> Failure {
        let text = match complaint.place {
            Some(place) => format!("line {}, column {}: {}", place.line, place.column, complaint.text),
            None => complaint.text,
        };
        Failure::new(Status::SHADER, text)
    }
}

fn place_of(span: Span, source: &str) -> Option<Place> {
    span.to_range().and_then(|range| Place::of(source, range.start))
}

/// Parses WGSL. Needs some stack: a caller on a strand leaves it to the service thread.
pub fn read(source: &str) -> Result<Module, Complaint> {
    naga::front::wgsl::parse_str(source).map_err(|error| {
        let place = error.labels().next().and_then(|(span, _)| place_of(span, source));
        let mut text = error.message().to_owned();
        let label = error.labels().next().map(|(_, label)| label).filter(|label| !label.is_empty());
        for more in label.into_iter().chain(error.notes()) {
            text.push_str(": ");
            text.push_str(more);
        }
        Complaint { place, text }
    })
}

/// Checks a module by the rules of WGSL and of a device with these features. `source`: what it was parsed from, if any.
pub fn check(module: &Module, features: wgpu::Features, source: &str) -> Result<ModuleInfo, Complaint> {
    Validator::new(ValidationFlags::all(), capabilities(features)).validate(module).map_err(|error| {
        let place = error.spans().find_map(|(span, _)| place_of(*span, source));
        let text = causes(error.as_inner());
        Complaint { place, text: text.trim_start_matches([':', ' ']).to_owned() }
    })
}

/// [`read`], with the place in the message.
pub fn parse(source: &str) -> Result<Module, Failure> {
    read(source).map_err(Failure::from)
}

/// What a program for a device with these features may use.
fn capabilities(features: wgpu::Features) -> Capabilities {
    let pairs = [
        (wgpu::Features::IMMEDIATES, Capabilities::IMMEDIATES),
        (wgpu::Features::SHADER_F64, Capabilities::FLOAT64),
        (wgpu::Features::SHADER_F16, Capabilities::SHADER_FLOAT16),
        (wgpu::Features::SHADER_INT64, Capabilities::SHADER_INT64),
        (wgpu::Features::SUBGROUP, Capabilities::SUBGROUP),
        (wgpu::Features::SUBGROUP_BARRIER, Capabilities::SUBGROUP_BARRIER),
    ];
    let granted = pairs.into_iter().filter(|(feature, _)| features.contains(*feature));
    granted.fold(Capabilities::empty(), |all, (_, capability)| all | capability)
}
