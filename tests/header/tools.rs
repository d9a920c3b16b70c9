// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of the repository and programs of the machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A file of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A file that the test may write, under cargo's directory for such.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header");
    fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

/// Compares a checked-in file with what it is generated from, or writes it when asked to.
pub(crate) fn compare(relative: &str, generated: &str) {
    let path = path(relative);
    if env::var_os("STRAND_BLESS").is_some() {
        // In one step, because the tests beside this one compile it.
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let fresh = path.with_extension("new");
        fs::write(&fresh, generated).unwrap();
        fs::rename(fresh, &path).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    let differs = checked_in.lines().zip(generated.lines()).position(|(old, new)| old != new);
    assert!(
        checked_in == generated,
        "{relative} is not what src/ffi generates (first difference at line {}); \
         to write it anew: STRAND_BLESS=1 cargo test --test header",
        differs.unwrap_or(checked_in.lines().count().min(generated.lines().count())) + 1,
    );
}

/// The first of these programs that the machine has, or a line that says what is not tested.
pub(crate) fn find(names: &[&str], what: &str) -> Option<String> {
    let found = names.iter().find(|name| has(name)).map(|name| (*name).to_owned());
    if found.is_none() {
        println!("skip: {what}: none of {} is installed", names.join(", "));
    }
    found
}

/// Those of these programs that the machine has.
pub(crate) fn installed(names: &[&str]) -> Vec<String> {
    names.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect()
}

fn has(name: &str) -> bool {
    let directories = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&directories).any(|directory| directory.join(name).is_file())
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let (ok, output) = try_run(program, arguments);
    assert!(ok, "{program} {}\n{output}", arguments.join(" "));
}

/// Runs a program; whether it succeeded, and what it wrote.
pub(crate) fn try_run(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}
