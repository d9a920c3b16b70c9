// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings in files, and what the system may refuse.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::script::{Act, Run, follow_open, identity, tell};
use crate::base::status::Status;
use crate::record::{Code, Event, Recorder, Replay, print, verify};

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("strand-record-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> CString {
        CString::new(self.0.join(name).as_os_str().as_bytes()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn path(file: &CStr) -> &str {
    file.to_str().unwrap()
}

fn script() -> Vec<Act> {
    let event = |tag, fields, bytes: &[u8]| Act::Event { tag, fields, bytes: bytes.to_vec() };
    vec![
        event(0x13, [1, 0, 0, 0], b"argv"),
        Act::Predicted,
        event(0x08, [1_000, 0, 0, 0], b""),
        Act::Step(11),
        Act::Pick(4),
        event(0x04, [2, 5, 3, 0], b""),
        Act::Step(12),
        event(0x05, [7, 1, (-8i64) as u64, 0], b"a payload of more than thirty-two bytes"),
        Act::Predicted,
        Act::Step(13),
    ]
}

#[test]
fn a_recording_in_a_file_is_verified_printed_and_followed() {
    let folder = Folder::new("whole");
    let file = folder.file("run.rec");
    fs::write(path(&file), "an older file, which is longer than nothing").unwrap();
    let mut recorder = Recorder::create(&file, &identity()).unwrap();
    tell(&mut recorder, &script());
    recorder.flush().unwrap();
    assert_eq!(verify(&file).unwrap().end, None, "valid already, without an end");
    recorder.finish(0).unwrap();

    let summary = verify(&file).unwrap();
    assert_eq!((summary.predicted, summary.explicit, summary.end.unwrap().steps), (2, 1, 3));
    assert_eq!(summary.identity, identity());
    let mut text = Vec::new();
    print(&file, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for part in [
        "policy 6, seed 7",
        "step 1: strand 4",
        "choice (kind 2, of 5, chosen 3)",
        "clock (value 1000)",
        "external completion (object 7, kind 1, outcome -8, 39 bytes) \"a payload of more than thirty-tw\"...",
        "end: status 0, 3 steps",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let mut replay = Replay::open(&file).unwrap();
    follow_open(&mut replay, &script(), 0, Run::Strict).unwrap();
}

#[test]
fn a_file_that_cannot_be_is_refused_with_the_words_of_the_system() {
    let folder = Folder::new("refused");
    let missing = folder.file("missing/run.rec");
    let failure = Recorder::create(&missing, &identity()).err().unwrap();
    assert_eq!(failure.status, Status::IO);
    assert_eq!(
        failure.to_string(),
        format!("recording '{}': cannot create it: No such file or directory", path(&missing))
    );
    for opened in [Replay::open(&missing).err(), verify(&missing).err(), print(&missing, &mut Vec::new()).err()] {
        let failure = opened.unwrap();
        assert_eq!(failure.status, Status::IO);
        assert_eq!(
            failure.to_string(),
            format!("recording '{}': cannot open it: No such file or directory", path(&missing))
        );
    }
    let itself = folder.file("");
    assert!(Replay::open(&itself).err().unwrap().to_string().ends_with("it is not a regular file"));
    let pipe = folder.file("pipe");
    // SAFETY: the path is terminated.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    assert!(Replay::open(&pipe).err().unwrap().to_string().ends_with("it is not a regular file"), "and no waiting");
}

#[test]
fn other_files_are_no_recordings() {
    let folder = Folder::new("others");
    let file = folder.file("other");
    for (content, says) in [
        (&b""[..], "byte 0: expected a header of 100 bytes; the file ends"),
        (&[b'#'; 200], "byte 0: expected a recording; this is another kind of file"),
    ] {
        fs::write(path(&file), content).unwrap();
        let failure = Replay::open(&file).err().unwrap();
        assert_eq!(failure.status, Status::REPLAY);
        assert!(failure.to_string().ends_with(says), "{failure}");
    }
}

#[test]
fn a_full_disk_is_told_by_flush_and_finish_and_changes_no_errno() {
    let errno = || std::io::Error::last_os_error().raw_os_error();
    let Ok(mut recorder) = Recorder::create(c"/dev/full", &identity()) else {
        // The header is written at once: told at once.
        let failure = Recorder::create(c"/dev/full", &identity()).err().unwrap();
        assert_eq!(failure.to_string(), "recording '/dev/full': cannot write to it: No space left on device");
        return a_disk_that_fills_up(errno);
    };
    recorder.predicted();
    recorder.step(1);
    assert!(recorder.finish(0).is_err());
}

/// A limit on the size of files stands for a disk that fills up.
fn a_disk_that_fills_up(errno: impl Fn() -> Option<i32>) {
    let folder = Folder::new("full");
    let file = folder.file("run.rec");
    let mut recorder = Recorder::create(&file, &identity()).unwrap();
    let limit = libc::rlimit { rlim_cur: 200_000, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit is a live structure; the signal for files that are too long is ignored in this test process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
        *libc::__errno_location() = 77;
    }
    for step in 0..10_000u64 {
        recorder.event(&Event::User { kind: 0, bytes: &step.to_le_bytes().repeat(8) });
        recorder.predicted();
        recorder.step(step);
    }
    assert_eq!(errno(), Some(77), "a failed write leaves no trace in the program");
    let failure = recorder.flush().unwrap_err();
    assert_eq!(failure.to_string(), format!("recording '{}': cannot write to it: File too large", path(&file)));
    assert_eq!(recorder.finish(0).unwrap_err(), failure);
    let summary = verify(&file).unwrap();
    assert!(summary.end.is_none() && summary.events > 1000, "what was written is good: {summary:?}");
}

#[test]
fn a_file_that_is_changed_while_it_is_followed_is_noticed() {
    let folder = Folder::new("changed");
    let file = folder.file("run.rec");
    let mut recorder = Recorder::create(&file, &identity()).unwrap();
    tell(&mut recorder, &script());
    recorder.finish(0).unwrap();
    let mut replay = Replay::open(&file).unwrap();
    fs::write(path(&file), "gone").unwrap();
    let mismatch = follow_open(&mut replay, &script(), 0, Run::Strict).unwrap_err();
    assert_eq!(mismatch.code, Code::Unreadable);
}
