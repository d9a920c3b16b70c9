// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which program made a recording, with which policy, seed and arguments.

use core::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{ErrorKind, Read};

use super::check::Check;
use super::mismatch::{Code, Fact, Mismatch};
use crate::base::sys;

/// The clock was virtual.
pub const VIRTUAL_CLOCK: u32 = 1 << 0;
/// Every pick is in the recording, also those that the policy predicts.
pub const EXPLICIT_PICKS: u32 = 1 << 1;

/// What a recording must have in common with the run that follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// Build id of the program, or a digest of its file.
    pub build_id: [u8; 16],
    /// Number of the policy.
    pub policy: u32,
    /// Its seed.
    pub seed: u64,
    /// Its quantum.
    pub quantum: u64,
    /// What else the policy was given, in the order of the engine (depth and length of PCT, ageing step, bypass
    /// limit); 0 where not used.
    pub parameters: [u64; 3],
    /// [`VIRTUAL_CLOCK`], [`EXPLICIT_PICKS`].
    pub flags: u32,
    /// Version of the rules by which the engine runs: two engines of one version make the same run.
    pub engine_version: u32,
    /// Digest of the arguments of the program, its own name left out.
    pub arguments_digest: u64,
}

impl Identity {
    /// The build id and the arguments of this program; the rest is for the caller to fill. Never fails: where the
    /// system does not tell, there are zeros. Reads the whole file of a program without a build id.
    pub fn of_this_program() -> Identity {
        let build_id = note().or_else(digest_of_executable).unwrap_or([0; 16]);
        Identity { build_id, arguments_digest: digest_of_arguments(), ..Identity::default() }
    }

    /// Whether a run with this identity can follow a recording with the identity `recorded`: the first difference,
    /// in the order engine version, flags, policy, arguments, build id. So a caller that accepts another build of
    /// the program passes over `BUILD_ID` and has missed nothing.
    pub fn check(&self, recorded: &Identity) -> Result<(), Mismatch> {
        let numbers = |identity: &Identity| {
            [
                (Code::Header, "engine version", u64::from(identity.engine_version), 64),
                (Code::Header, "flags", u64::from(identity.flags), 16),
                (Code::Policy, "policy", u64::from(identity.policy), 20),
                (Code::Policy, "seed", identity.seed, 24),
                (Code::Policy, "quantum", identity.quantum, 32),
                (Code::Policy, "first parameter", identity.parameters[0], 40),
                (Code::Policy, "second parameter", identity.parameters[1], 48),
                (Code::Policy, "third parameter", identity.parameters[2], 56),
                (Code::Header, "digest of the arguments", identity.arguments_digest, 72),
            ]
        };
        let mismatch = |code, offset, expected, actual| Mismatch { code, step: 0, offset, strand: 0, expected, actual };
        for ((code, name, expected, offset), (_, _, actual, _)) in numbers(recorded).into_iter().zip(numbers(self)) {
            if expected != actual {
                return Err(mismatch(code, offset, Fact::Number(name, expected), Fact::Number(name, actual)));
            }
        }
        if self.build_id != recorded.build_id {
            return Err(mismatch(Code::BuildId, 80, Fact::Id(recorded.build_id), Fact::Id(self.build_id)));
        }
        Ok(())
    }
}

/// The build id in the program headers of the main executable.
fn note() -> Option<[u8; 16]> {
    let mut found: Option<[u8; 16]> = None;
    // SAFETY: the callback gets a live description of a loaded object, and the pointer to `found`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(first_object), (&raw mut found).cast()) };
    found
}

/// The first object that is listed is the main executable; the walk ends there.
extern "C" fn first_object(info: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
    // SAFETY: the loader gives a live description (contract of dl_iterate_phdr) whose headers are `dlpi_phnum` long.
    let (base, headers) = unsafe {
        let info = &*info;
        if info.dlpi_phdr.is_null() {
            return 1;
        }
        (info.dlpi_addr, core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize))
    };
    let loaded = |start: u64, length: u64| {
        headers.iter().any(|header| {
            header.p_type == libc::PT_LOAD
                && header.p_flags & libc::PF_R != 0
                && start >= header.p_vaddr
                && start.checked_add(length).is_some_and(|end| end <= header.p_vaddr.saturating_add(header.p_filesz))
        })
    };
    for header in headers.iter().filter(|header| header.p_type == libc::PT_NOTE) {
        if !loaded(header.p_vaddr, header.p_memsz) {
            continue;
        }
        let address = base.wrapping_add(header.p_vaddr) as *const u8;
        // SAFETY: the range lies in a readable segment of the executable, which stays loaded.
        let notes = unsafe { core::slice::from_raw_parts(address, header.p_memsz as usize) };
        if let Some(id) = build_id_in(notes) {
            // SAFETY: the pointer that `note` passed.
            unsafe { *found.cast::<Option<[u8; 16]>>() = Some(id) };
            break;
        }
    }
    1
}

/// Kind of the note that holds the build id.
const NT_GNU_BUILD_ID: u32 = 3;

/// The first 16 bytes of the build id among notes; a shorter one is filled with zeros.
fn build_id_in(mut notes: &[u8]) -> Option<[u8; 16]> {
    loop {
        let (head, rest) = notes.split_first_chunk::<12>()?;
        let number = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (name_length, length, kind) = (number(0) as usize, number(4) as usize, number(8));
        let name = rest.get(..name_length)?;
        let description = rest.get(name_length.next_multiple_of(4)..)?;
        let bytes = description.get(..length)?;
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" && !bytes.is_empty() {
            let mut id = [0; 16];
            let taken = bytes.len().min(id.len());
            id[..taken].copy_from_slice(&bytes[..taken]);
            return Some(id);
        }
        notes = description.get(length.next_multiple_of(4)..)?;
    }
}

/// A digest of the file of this program.
fn digest_of_executable() -> Option<[u8; 16]> {
    let mut halves = [Check::new(0), Check::new(1)];
    read_whole("/proc/self/exe", |bytes| halves.iter_mut().for_each(|half| half.add_bytes(bytes)))?;
    let mut id = [0; 16];
    id[..8].copy_from_slice(&halves[0].value().to_le_bytes());
    id[8..].copy_from_slice(&halves[1].value().to_le_bytes());
    Some(id)
}

/// A digest of the arguments without the first, by which the program was called; 0 where the system does not tell.
fn digest_of_arguments() -> u64 {
    let mut check = Check::new(0);
    let mut in_name = true;
    let all = read_whole("/proc/self/cmdline", |bytes| {
        for &byte in bytes {
            if !in_name {
                check.add(u64::from(byte));
            }
            in_name &= byte != 0;
        }
    });
    all.map_or(0, |()| check.value())
}

/// Reads a file part by part. The parts are of equal length but for the last, so that a digest of them is one of the
/// file.
fn read_whole(path: &str, mut each: impl FnMut(&[u8])) -> Option<()> {
    sys::keeping_errno(|| {
        let mut file = File::open(path).ok()?;
        let mut buffer = [0; 16 << 10];
        let mut filled = 0;
        loop {
            match file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return None,
            }
            if filled == buffer.len() {
                each(&buffer);
                filled = 0;
            }
        }
        each(&buffer[..filled]);
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note_of(name: &[u8], kind: u32, bytes: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [name.len() as u32, bytes.len() as u32, kind] {
            note.extend(number.to_ne_bytes());
        }
        for part in [name, bytes] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    #[test]
    fn the_build_id_is_found_among_other_notes() {
        let id: Vec<u8> = (1..=20).collect();
        let notes = [note_of(b"GNU\0", 1, b"abi"), note_of(b"Other\0", 3, b"xyz"), note_of(b"GNU\0", 3, &id)].concat();
        assert_eq!(build_id_in(&notes).unwrap(), id[..16]);
        assert_eq!(build_id_in(&note_of(b"GNU\0", 3, b"\x07\x08")).unwrap()[..3], [7, 8, 0]);
        for cut in 0..notes.len() - 20 {
            assert_eq!(build_id_in(&notes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(build_id_in(&[0xFF; 64]), None);
    }

    #[test]
    fn the_same_program_has_the_same_identity() {
        let mine = Identity::of_this_program();
        assert_eq!(mine, Identity::of_this_program());
        assert_ne!(mine.build_id, [0; 16]);
        assert_ne!(mine.arguments_digest, 0);
        let digest = digest_of_executable().unwrap();
        assert_eq!(digest, digest_of_executable().unwrap());
        assert_ne!(digest, [0; 16]);
        assert_eq!(read_whole("/nonexistent", |_| ()), None);
    }

    #[test]
    fn the_first_difference_is_named() {
        let mine = Identity::of_this_program();
        mine.check(&mine).unwrap();
        let cases: [(Identity, Code, &str); 6] = [
            (Identity { engine_version: 9, ..mine }, Code::Header, "engine version 9"),
            (Identity { flags: 2, build_id: [0; 16], ..mine }, Code::Header, "flags 2"),
            (Identity { seed: 5, ..mine }, Code::Policy, "seed 5"),
            (Identity { parameters: [0, 0, 8], ..mine }, Code::Policy, "third parameter 8"),
            (Identity { arguments_digest: 1, ..mine }, Code::Header, "digest of the arguments 1"),
            (Identity { build_id: [0xAB; 16], ..mine }, Code::BuildId, "abababab"),
        ];
        for (recorded, code, says) in cases {
            let mismatch = mine.check(&recorded).unwrap_err();
            assert_eq!(mismatch.code, code);
            assert!(mismatch.to_string().contains(says), "{mismatch}");
        }
    }
}
